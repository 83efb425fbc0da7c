"""The tensors inside an entry of a state_dict: plain, sparse, quantized, packed, or of torchao."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from itertools import chain

import torch
from torch import nn
from torch.utils._pytree import tree_map_only


def refuse_scripted(model: nn.Module) -> None:
    """Refuse a model with scripted parts: their packed weights are in no state_dict.

    Raises:
        ValueError: there is one; the message names it.
    """
    for name, module in model.named_modules():
        if isinstance(module, torch.jit.ScriptModule):
            raise ValueError(
                f"{name or 'the model'!r} is scripted, and holds weights that are no parameters: measure the model "
                "before torch.jit.script or trace, or weigh the file itself, torch.jit.save(model, path)"
            )


def tensors(name: str, state: dict) -> Iterator[torch.Tensor]:
    """The tensors in one entry of a state_dict, each in the type that the model holds it in."""
    value = state[name]
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, torch.ScriptObject):
        # The weights of a packed layer and their names; those packed in 16 bits are handed out in 32.
        half = is_half_packed(value)
        packed = [t for t in _leaves(value) if isinstance(t, torch.Tensor)]
        packed = {t.data_ptr(): t for t in packed}.values()  # a bias may stand there twice
        yield from (t.half() if half and t.dim() > 1 else t for t in packed)
    elif isinstance(value, tuple) and all(isinstance(t, torch.Tensor | None) for t in value):
        half = state.get(name.removesuffix("_packed_params") + "dtype") == torch.float16  # of a packed linear layer
        yield from (t.half() if half and t.dim() > 1 else t for t in value if t is not None)
    elif not isinstance(value, torch.dtype):  # the type of a packed weight has no bytes of its own
        raise ValueError(
            f"state_dict entry {name!r} is a {type(value).__name__}, not a tensor: its bytes cannot be counted"
        )


def _leaves(value: object) -> Iterator[object]:
    if isinstance(value, torch.ScriptObject):
        value = value.__getstate__()
    if isinstance(value, tuple | list):
        for part in value:
            yield from _leaves(part)
    else:
        yield value


def is_half_packed(value: object) -> bool:
    """Whether it is packed weights of `torch.ao` in 16-bit floats: those in int8 are quantized tensors inside."""
    if not isinstance(value, torch.ScriptObject):
        return False
    matrices = [t for t in _leaves(value) if isinstance(t, torch.Tensor) and t.dim() > 1]
    return bool(matrices) and not any(t.is_quantized for t in matrices)


def parts(tensor: torch.Tensor) -> list[torch.Tensor]:
    """The plain tensors that a tensor is stored in: itself, or those of torchao and of a sparse one.

    Raises:
        ValueError: a sparse layout other than CSR.
    """
    if hasattr(tensor, "__tensor_flatten__"):  # torchao: the type that it shows is not the one it stores
        return [part for name in tensor.__tensor_flatten__()[0] for part in parts(getattr(tensor, name))]
    if tensor.layout == torch.sparse_csr:
        return [tensor.crow_indices(), tensor.col_indices(), tensor.values()]
    if tensor.layout != torch.strided:
        raise ValueError(f"the bytes of a {tensor.layout} tensor are not counted here: convert it to sparse_csr first")
    return [tensor]


def place(tensor: torch.Tensor) -> tuple:
    """Where in memory its numbers lie: equal for tensors that share all of them, also a matrix and its transpose."""
    return tuple(
        (
            part.untyped_storage().data_ptr(),
            part.storage_offset() * part.element_size(),
            part.element_size(),
            *sorted((by, n) for by, n in zip(part.stride(), part.shape, strict=True) if n > 1),
        )
        for part in parts(tensor)
    )


def weigh(given: Iterable[torch.Tensor]) -> tuple[int, int]:
    """Elements and bytes of tensors together; what several of them share counts once.

    Of quantized tensors of `torch.ao` the numbers count, not the scales.
    """
    distinct = {place(tensor): tensor for tensor in given}.values()
    elements, held, room = 0, {}, {}
    for tensor in distinct:
        inside = parts(tensor)
        if inside[0] is not tensor:
            elements += tensor.numel()
        for part in inside:
            storage = part.untyped_storage()
            room[storage.data_ptr()] = storage.nbytes()
            at = held.setdefault(storage.data_ptr(), [0, 0])
            at[0] += part.numel() if part is tensor else 0
            at[1] += part.numel() * part.element_size()
    for at, (numbers, taken) in held.items():
        share = min(1.0, room[at] / taken) if taken else 1.0  # views of the same memory, or one expanded
        elements, held[at] = elements + round(numbers * share), min(taken, room[at])
    return elements, sum(held.values())


def plain(tensor: torch.Tensor) -> torch.Tensor:
    """The values of a quantized or sparse tensor as an ordinary one."""
    if tensor.layout != torch.strided:
        return tensor.to_dense()
    if not (tensor.is_quantized or hasattr(tensor, "__tensor_flatten__")):
        return tensor
    try:
        return tensor.dequantize()
    except NotImplementedError:  # torchao's weights packed for one kernel can only be multiplied
        units = torch.eye(tensor.shape[1], dtype=tensor.dtype, device=tensor.device)
        return torch.nn.functional.linear(units, tensor).T


def need_values(model: nn.Module, *, lazy: bool = True, meta: bool = True) -> None:
    """Refuse a model with a tensor that has no values yet.

    Args:
        model: any module.
        lazy: refuse what a first run initialises (`nn.LazyLinear`).
        meta: refuse what is on the meta device.
    Raises:
        ValueError: there is one; the message names it, and what to do.
    """
    for name, tensor in chain(model.named_parameters(), model.named_buffers()):
        if lazy and nn.parameter.is_lazy(tensor):
            raise ValueError(f"{name!r} has no values yet: run the model once on an input, model(x), and come back")
        if meta and tensor.is_meta:
            raise ValueError(
                f"{name!r} is on the meta device, where tensors have no values: give it some, "
                "model.load_state_dict(state, assign=True)"
            )


def own(given: object, device: torch.device | str | None = None) -> object:
    """What a model is called with, its tensors copied: some models write into their input, and it is the reader's.

    Args:
        given: a tensor, or a nest of tuples, lists and dicts with tensors in it.
        device: where the copies go; None = where the tensors are.
    """
    return tree_map_only(torch.Tensor, lambda x: x.to(device or x.device, copy=True), given)


@contextmanager
def as_it_was(model: nn.Module, *, training: bool | None = False) -> Iterator[None]:
    """A block without gradients that may run the model, after which the model is as it was before.

    Args:
        model: any module, scripted ones too.
        training: the mode inside; None = each module stays in its own.
    Raises:
        ValueError: a lazy parameter, which a run would initialise; the message names it.
    Restores: also after an exception: the mode of each module; its buffers (statistics of batch norm, ranges of
        observers); the rows of an embedding that `max_norm` shortens when they are looked up; the random state of
        torch (CPU and CUDA) and of Python.
    """
    need_values(model, meta=False)
    modules = list(model.modules())
    modes = [getattr(module, "training", False) for module in modules]  # a frozen ScriptModule has none
    kept = [
        (module, name, tensor, tensor.detach().clone())
        for module in modules
        for name, tensor in chain(
            module.named_buffers(recurse=False),
            module.named_parameters(recurse=False) if getattr(module, "max_norm", None) else (),
        )
        if tensor.layout == torch.strided and not tensor.is_meta and not hasattr(tensor, "__tensor_flatten__")
    ]
    on = {tensor.device for tensor in chain(model.parameters(), model.buffers())}
    drawn = random.getstate()
    try:
        with torch.no_grad(), torch.random.fork_rng([device for device in on if device.type == "cuda"]):
            if training is not None:
                _set_modes(modules, [training] * len(modules))
            yield
    finally:
        random.setstate(drawn)
        _set_modes(modules, modes)
        with torch.no_grad():
            for module, name, tensor, value in kept:
                _put_back(module, name, tensor, value)


def _set_modes(modules: list[nn.Module], modes: list[bool]) -> None:
    """By `train`, which some modules extend (adapters merge their weights in it); what it reached too far, by hand."""
    for module, mode in zip(modules, modes, strict=True):
        if getattr(module, "training", mode) != mode:
            with suppress(NotImplementedError):  # an exported graph refuses it
                module.train(mode)
    for module, mode in zip(modules, modes, strict=True):
        if getattr(module, "training", mode) != mode:
            module.training = mode


def _put_back(module: nn.Module, name: str, tensor: torch.Tensor, value: torch.Tensor) -> None:
    """Write a value back only where it changed: a tensor that was written to cannot be differentiated through."""
    if tensor.shape != value.shape:  # observers resize what they have
        tensor.data = value
    elif not torch.equal(tensor, value):
        tensor.copy_(value)
    if getattr(module, name, None) is not tensor and name in module._buffers:
        if not isinstance(module, torch.jit.ScriptModule):  # its tensors are handed out as new objects each time
            module._buffers[name] = tensor
