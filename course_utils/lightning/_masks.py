"""Masks of `torch.nn.utils.prune` by the names of parameters: chosen, counted, matched to a file, taken back in time.

A masked parameter goes by its name before pruning, "conv1.weight", never by "conv1.weight_orig". Nothing here changes
the order of a model's parameters: optimizers number them, and torch's own pruning moves them to the end.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import torch
from torch import nn
from torch.nn.modules.conv import _ConvTransposeNd
from torch.nn.utils import prune

NORMS = (nn.modules.batchnorm._NormBase, nn.GroupNorm, nn.LayerNorm, nn.RMSNorm)
CONTAINERS = (nn.Sequential, nn.ModuleList, nn.ModuleDict)
DTYPES = (torch.float16, torch.bfloat16, torch.float32, torch.float64)
Tensors = dict[str, torch.Tensor]


def hooks(module: nn.Module) -> dict[str, prune.BasePruningMethod]:
    """The module's pruned parameters: name to the hook that masks it."""
    found = module._forward_pre_hooks.values()
    return {hook._tensor_name: hook for hook in found if isinstance(hook, prune.BasePruningMethod)}


def parameters(model: nn.Module) -> Iterator[tuple[str, nn.Module, str, nn.Parameter]]:
    """(path of the module, module, name before pruning, tensor that is trained); a shared module once."""
    for path, module in model.named_modules():
        masked = hooks(module)
        for key, parameter in module._parameters.items():
            if parameter is not None:
                yield path, module, _bare(key, masked), parameter


def name_of(path: str, leaf: str) -> str:
    return f"{path}.{leaf}" if path else leaf


def refuse_scripted(model: nn.Module) -> None:
    """Refuse a model with scripted parts, whose parameters cannot be exchanged; the ValueError names the first."""
    for path, module in model.named_modules():
        if isinstance(module, torch.jit.ScriptModule):
            raise ValueError(f"{path} is scripted and cannot be changed in a fit: train first, then torch.jit.script")


def learning(model: nn.Module, held: Iterable[nn.Parameter]) -> set[nn.Parameter]:
    """Those of a model's parameters that take a gradient and are held by an optimizer; where none does, all."""
    able = {p for p in model.parameters() if p.requires_grad}
    return able.intersection(held) or able or set(model.parameters())


def select(model: nn.Module, targets: Sequence[str] | None, trained: set[nn.Parameter]) -> dict[str, tuple[str, str]]:
    """The parameters to prune: name to (path of the module, name in it); without targets, of those that are trained.

    Raises:
        ValueError: a name that the model does not have, nothing to prune, a parameter that cannot be masked, a part
            that is scripted.
    """
    refuse_scripted(model)
    every = {name_of(path, leaf): (path, module, leaf, p) for path, module, leaf, p in parameters(model)}
    for name in targets or ():
        if name not in every:
            raise ValueError(f"targets: the model has no parameter {name!r}; it has {', '.join(every) or 'none'}")
    chosen = {
        name: (path, leaf)
        for name, (path, module, leaf, p) in every.items()
        if (name in targets if targets is not None else leaf == "weight" and p in trained and _is_weight(module, p))
    }
    if not chosen:
        raise ValueError(
            "no weights to prune: biases, norm layers, vectors, what is not called 'weight' and what the fit does not "
            f"train stay unless targets names them; the model has {', '.join(every) or 'no parameters'}"
        )
    for name in chosen:
        _refuse(name, *every[name][2:], {n: p for n, (*_, p) in every.items()})
    return chosen


def _is_weight(module: nn.Module, parameter: nn.Parameter) -> bool:
    if isinstance(module, NORMS):
        return False
    return isinstance(parameter, nn.parameter.UninitializedParameter) or parameter.dim() > 1


def left_out(model: nn.Module, chosen: Mapping[str, object]) -> list[str]:
    """What has two or more dimensions, stands outside of norm layers, and is not chosen."""
    every = ((name_of(path, leaf), module, p) for path, module, leaf, p in parameters(model))
    return [name for name, module, p in every if name not in chosen and _is_weight(module, p)]


def _refuse(name: str, leaf: str, parameter: nn.Parameter, every: Tensors) -> None:
    if isinstance(parameter, nn.parameter.UninitializedParameter) or parameter.is_meta:
        raise ValueError(f"{name} has no values yet: run the model once on an input, or load weights, before the fit")
    if not _plain(parameter) or parameter.dtype not in DTYPES:
        what = f"{type(parameter.data).__name__} ({parameter.dtype}, {parameter.layout})"
        raise ValueError(
            f"{name} cannot be masked: it is a {what}, and a mask needs a plain dense tensor of floats; give targets "
            "without it, or prune before you convert it"
        )
    twins = [other for other, tensor in every.items() if other != name and _at(tensor) == parameter.data_ptr()]
    if twins:
        raise ValueError(
            f"{name} and {twins[0]} are one shared tensor, and a mask on one of them would not hold for "
            "the other; give targets without them"
        )


def _plain(parameter: nn.Parameter) -> bool:
    return type(parameter.data) is torch.Tensor and parameter.layout == torch.strided


def _at(parameter: nn.Parameter) -> int | None:
    """Where a parameter's memory begins, since two objects can share it; None = it has none of its own."""
    return parameter.data_ptr() or None if _plain(parameter) and not parameter.is_meta else None


@torch.no_grad()
def contiguous(module: nn.Module, leaf: str) -> None:
    """Let torch flatten a weight in another memory format, channels_last: under a mask of ones it is a copy."""
    if not getattr(module, leaf).is_contiguous() and leaf not in hooks(module):
        prune.identity(module, leaf)
    if leaf in hooks(module):
        for name in (leaf, f"{leaf}_mask"):
            setattr(module, name, getattr(module, name).contiguous())


def left(model: nn.Module, where: Iterable[tuple[str, str]]) -> tuple[int, int]:
    """(weights that are not masked, all weights) of some parameters."""
    kept = total = 0
    for module, leaf in pairs(model, where):
        mask = getattr(module, f"{leaf}_mask", None)
        total += getattr(module, leaf).numel()
        kept += getattr(module, leaf).numel() if mask is None else int((mask != 0).sum())
    return kept, total


def stored(module: nn.Module, dim: int | None) -> int | None:
    """Where the weight of a layer has its outputs (0) or inputs (1): a transposed convolution stores inputs first."""
    transposed = isinstance(module, _ConvTransposeNd) and dim is not None
    return {0: 1, 1: 0}.get(dim % module.weight.dim(), dim) if transposed else dim


def count_remaining(module: nn.Module, name: str, dim: int | None) -> int:
    """How many weights, or slices along dim (None = single weights), are not masked yet.

    A ValueError refuses a dimension that the parameter does not have, and weights that are NaN or infinite.
    """
    tensor = getattr(module, name)
    called = f"{name} of {type(module).__name__} ({' × '.join(map(str, tensor.shape))})"
    if not tensor.isfinite().all():
        raise ValueError(
            f"{called} holds NaN or infinity, which would rank as the largest: find out where it comes from before you "
            "prune"
        )
    mask = getattr(module, f"{name}_mask", None)
    kept = torch.ones_like(tensor, dtype=torch.bool) if mask is None else mask != 0
    if dim is None:
        return int(kept.sum())  # of bools, for a sum of 16-bit floats is rounded, or infinite
    if tensor.dim() < 2 or not -tensor.dim() <= dim < tensor.dim():
        raise ValueError(
            f"{called} has no slices along dim={dim}; "
            + (f"dim goes from 0 to {tensor.dim() - 1}" if tensor.dim() > 1 else "a vector has none")
        )
    return int(kept.movedim(stored(module, dim), 0).flatten(1).any(1).sum())


def pairs(model: nn.Module, where: Iterable[tuple[str, str]]) -> list[tuple[nn.Module, str]]:
    """(module, name) as torch takes them, looked up now: a module may have been swapped since."""
    return [(model.get_submodule(path), leaf) for path, leaf in where]


@contextmanager
def order_kept(model: nn.Module) -> Iterator[None]:
    """Put masks on or take them off inside; afterwards the parameters stand in the order they had."""
    before = [
        (module, [_bare(key, hooks(module)) for key in module._parameters]) for _, module in model.named_modules()
    ]
    try:
        yield
    finally:
        for module, names in before:
            _reorder(module, names)


def _bare(key: str, masked: Mapping[str, object]) -> str:
    return key.removesuffix("_orig") if key.removesuffix("_orig") in masked else key


def _reorder(module: nn.Module, names: Iterable[str]) -> None:
    masked, held = hooks(module), module._parameters
    keys = {_bare(key, masked): key for key in held}
    for name in names:
        if name in keys:
            held[keys[name]] = held.pop(keys[name])


def match(model: nn.Module, state_dict: Mapping[str, object]) -> None:
    """Give the model the masked parameters that a file has, and no others, in the file's order.

    Afterwards ``load_state_dict`` fits. A mask that the file does not have is made permanent.
    """
    for path, module in model.named_modules():
        prefix = f"{path}." if path else ""
        for leaf in [_bare(key, hooks(module)) for key, p in module._parameters.items() if p is not None]:
            in_file = f"{prefix}{leaf}_mask" in state_dict and f"{prefix}{leaf}_orig" in state_dict
            if in_file and leaf not in hooks(module):
                prune.identity(module, leaf)
            elif not in_file and leaf in hooks(module):
                prune.remove(module, leaf)
        own = [key[len(prefix) :] for key in state_dict if key.startswith(prefix) and "." not in key[len(prefix) :]]
        _reorder(module, [_bare(key, hooks(module)) for key in own])


def load_masked(model: nn.Module, state_dict: Mapping[str, torch.Tensor]) -> nn.Module:
    """``load_state_dict`` for a file that was written between a pruning and the end of the fit.

    Args:
        model: as it was built for the fit; changed in place.
        state_dict: with "…_orig" and "…_mask" where a parameter is masked, as in ``checkpoint["state_dict"]``.
    Returns:
        The model, masked as the file says; ``torch.nn.utils.prune.remove`` makes that permanent.
    Raises:
        RuntimeError: keys or shapes that do not fit, as ``load_state_dict`` does.
    """
    match(model, state_dict)
    model.load_state_dict(state_dict)
    refresh(model)
    return model


def holders(model: nn.Module, where: Mapping[str, tuple[str, str]]) -> list[nn.Module]:
    """The modules whose forward may read the weight of a layer inside of them, without a call of the layer."""
    found = {}
    for path, _ in where.values():
        path = path.rpartition(".")[0]
        while path and isinstance(model.get_submodule(path), CONTAINERS):
            path = path.rpartition(".")[0]
        found[path] = model.get_submodule(path)
    return list(found.values())


def before_call(holder: nn.Module, inputs: object) -> None:
    """A forward pre-hook of a holder: compute the masked weights of its layers anew, for torch's hook runs only where
    the layer is called. It keeps nothing, so that a copy of the model has it for its own layers.
    """
    for layer in holder.children():
        for hook in hooks(layer).values():
            hook(layer, None)
        if isinstance(layer, CONTAINERS):
            before_call(layer, None)


def apply(model: nn.Module) -> None:
    """Compute all masked weights anew."""
    for _, module in model.named_modules():
        for hook in hooks(module).values():
            hook(module, None)


@torch.no_grad()
def refresh(model: nn.Module) -> None:
    """Compute the masked weights anew, without a graph: right for readers, and `copy.deepcopy` works."""
    apply(model)


def masks(model: nn.Module) -> Tensors:
    """The masks there are, by name, as bool tensors on the CPU."""
    return {
        name_of(path, leaf): getattr(module, f"{leaf}_mask").bool().cpu()
        for path, module in model.named_modules()
        for leaf in hooks(module)
    }


def put_on(model: nn.Module, masks: Tensors) -> None:
    """Mask the parameters named, in addition to the masks there are."""
    with order_kept(model):
        for name, mask in masks.items():
            path, _, leaf = name.rpartition(".")
            module = model.get_submodule(path)
            prune.custom_from_mask(module, leaf, mask.to(getattr(module, leaf).device))
    refresh(model)


def snapshot(model: nn.Module) -> Tensors:
    """Copies, on the CPU, of all parameters and of what norm layers have counted; shares no storage with the model."""
    return {name: tensor.detach().to("cpu", copy=True) for name, tensor in _state(model)}


@torch.no_grad()
def rewind(model: nn.Module, values: Tensors) -> None:
    """Copy a snapshot back into the model's own tensors; masks stay."""
    for name, tensor in _state(model):
        tensor.copy_(values[name])
    refresh(model)


def _state(model: nn.Module) -> Iterator[tuple[str, torch.Tensor]]:
    for path, _, leaf, parameter in parameters(model):
        yield name_of(path, leaf), parameter
    for path, module in model.named_modules():
        if isinstance(module, NORMS):
            yield from (
                (name_of(path, key), counted)
                for key, counted in module._buffers.items()
                if counted is not None and not key.endswith("_mask")
            )
