"""Put fake quantization into a model and switch it; nothing here knows of a trainer."""

from __future__ import annotations

import traceback
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn.utils import prune

from course_utils.legacy_int8 import nnq, nnqat, tq
from course_utils.lightning import _masks

OTHER_FLOATS = (torch.float16, torch.bfloat16, torch.float64, torch.complex64, torch.complex128)
STUBS = {"quant": tq.QuantStub, "dequant": tq.DeQuantStub}
FLOAT_HELPERS = (nnq.FloatFunctional, nnq.FXFloatFunctional)  # they stand in float models, under a quantized path
RANGE = "quant.activation_post_process."  # in the state_dict of a fake-quantized model
STUBBED = (
    "In an int8 model, what is left out needs a QuantStub behind it, and a DeQuantStub before it where int8 reaches it "
    "(torch.ao.quantization); or take quantize_on_fit_end=False"
)
ROUND_IT = "to round it too, model.get_submodule({!r}).qconfig = callback.qconfig before the fit"
# torch rounds the weights of Conv1d too, when it is asked to.
TRAINED = tq.get_default_qat_module_mappings() | {nn.Conv1d: nnqat.Conv1d}
INT8 = tq.get_default_static_quant_module_mappings() | {nnqat.Conv1d: nnq.Conv1d}


def engine_qconfig(engine: str, observer_type: str) -> tq.QConfig:
    """QAT settings for an engine: torch's numbers of bits and kinds of scales, and other observers.

    torch's moving averages remember some hundred batches. A short fit from new weights then clips what grows, and what
    is clipped gets no gradient. So: three batches for activations, and for weights what they are now. torch takes fused
    modules. They read float32 only, so not in mixed precision, and their scale of weights is not the one of `convert`
    (by 0.4 %), so that int8 is not what was trained; here stands the plain one. And torch's settings with a histogram
    only observe; here it is in a module that rounds.
    """
    default = tq.get_default_qat_qconfig(engine)
    activation, weight = default.activation(), default.weight()
    averages = type(weight.activation_post_process)
    observer = {
        "average": {"observer": tq.MovingAverageMinMaxObserver, "averaging_constant": 0.3},
        "histogram": {"observer": tq.HistogramObserver},
    }[observer_type]
    return tq.QConfig(
        activation=tq.FakeQuantize.with_args(**observer, **_grid(activation)),
        weight=tq.FakeQuantize.with_args(observer=averages, averaging_constant=1.0, **_grid(weight)),
    )


def _grid(fake: tq.FakeQuantizeBase) -> dict[str, object]:
    return {name: getattr(fake, name) for name in ("dtype", "qscheme", "quant_min", "quant_max")}


def fakes(model: nn.Module) -> list[tq.FakeQuantizeBase]:
    """All fake-quantize modules, of activations and of weights."""
    return [module for module in model.modules() if isinstance(module, tq.FakeQuantizeBase)]


def taken(model: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """Name and module of all that is to be quantized: not what ``qconfig = None`` leaves out, or what is frozen."""
    out = [name for name, module in model.named_modules() if getattr(module, "qconfig", name) is None]
    out = tuple(f"{name}." for name in [*out, *_frozen(model)])
    return ((name, module) for name, module in model.named_modules() if not f"{name}.".startswith(out))


def _undecided(model: nn.Module) -> dict[str, nn.Module]:
    """Name to module of the parts for which no `qconfig` has been set: by the user, or by `prepare`."""
    given = tuple(f"{name}." for name, module in model.named_modules() if hasattr(module, "qconfig"))
    return {name: module for name, module in _names(model).items() if name and not f"{name}.".startswith(given)}


def _frozen(model: nn.Module) -> list[str]:
    trained = _masks.learning(model, model.parameters())
    return _outermost(_undecided(model), lambda _, module: trained.isdisjoint(module.parameters()))


def _outermost(modules: Mapping[str, nn.Module], out: Callable[[str, nn.Module], bool]) -> list[str]:
    """Names of modules that have parameters and for which `out` holds, without those inside of another one."""
    found = []
    for name, module in modules.items():  # a part stands behind the whole
        if not name.startswith(tuple(f"{whole}." for whole in found)) and [*module.parameters()] and out(name, module):
            found.append(name)
    return found


def release(model: nn.Module, floats: Mapping[str, nn.Module], out: Callable[[str, nn.Module], bool]) -> list[str]:
    """Give the outermost parts for which `out` holds back as they were before `prepare`, whose result is `floats`."""
    names = _outermost({name: module for name, module in _names(model).items() if name in floats}, out)
    masks = _lift_masks(model) if names else {}
    for name in names:
        for path in (path for path in floats if f"{path}.".startswith(f"{name}.")):
            parent, _, leaf = path.rpartition(".")
            model.get_submodule(parent)._modules[leaf] = floats[path]
        part = tq.convert(model.get_submodule(name), mapping={}, inplace=True)  # takes observers and their hooks away
        for module in part.modules():
            module.qconfig = None
    _put_back_masks(model, masks)
    return names


def leave_out(name: str) -> str:
    """The remedy for a module that cannot be quantized, and what it costs."""
    return (
        f"model.get_submodule({name!r}).qconfig = None before the fit leaves it in float, 4 bytes a weight. {STUBBED}"
    )


def refuse_layers(model: nn.Module) -> None:
    """Refuse, by name, what torch could not train with rounding; what has ``qconfig = None`` may be there.

    Raises:
        ValueError: scripted or quantized parts, attention and recurrent layers other than LSTM.
        NotImplementedError: a weight in another dtype than float32.
    """
    _masks.refuse_scripted(model)
    for name, module in taken(model):
        place = f"{name or 'the model'} ({type(module).__name__})"
        tensors = [*module._parameters.items()]
        package = type(module).__module__
        int8 = package.startswith("torch.ao.nn") and ".quantized" in package and not isinstance(module, FLOAT_HELPERS)
        if int8 or any(type(tensor).__module__.startswith("torchao") for _, tensor in tensors):
            raise ValueError(f"{place} is quantized already, and int8 cannot be trained: start from a float model")
        for key, tensor in tensors:
            if tensor is not None and tensor.dtype in OTHER_FLOATS:
                raise NotImplementedError(
                    f"{place}: {key} is in {tensor.dtype}, and fake quantization needs weights in float32: "
                    "model.float() before the fit"
                )
        attention = isinstance(module, nn.MultiheadAttention) and getattr(module.out_proj, "qconfig", 0) is not None
        recurrent = isinstance(module, nn.RNNBase | nn.RNNCellBase) and not isinstance(module, nn.LSTM)
        if attention or recurrent:
            own = f"{name}.out_proj"  # then torch takes an attention of its own, whose weights training does not round
            raise ValueError(
                f"{place}: torch.ao cannot train it with rounding. {leave_out(name)}"
                + f". For int8 attention, rounded at the end only: model.get_submodule({own!r}).qconfig = None"
                * attention
            )


def at_work(model: nn.Module, error: BaseException) -> tuple[str, nn.Module] | None:
    """Name and module that torch was replacing when an error came; None when it was at something else."""
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__) if frame.f_code.co_name == "swap_module"]
    names = {module: name for name, module in model.named_modules()}
    held = [frame.f_locals["mod"] for frame in frames if frame.f_locals["mod"] in names]
    return (names[held[-1]], held[-1]) if held else None


def has_seen(fake: tq.FakeQuantizeBase) -> bool:
    """Did its observer see a tensor? True for one that needs to see none, because its range is fixed."""
    low = getattr(getattr(fake, "activation_post_process", None), "min_val", None)
    return low is None or (low.numel() > 0 and bool(low.isfinite().all()))


def unseen(model: nn.Module) -> dict[str, tq.FakeQuantizeBase]:
    """Observers of activations that saw nothing, by the name of their module: `quant` if every input is an integer."""
    seen = {name: getattr(module, "activation_post_process", None) for name, module in model.named_modules()}
    return {name: fake for name, fake in seen.items() if isinstance(fake, tq.FakeQuantizeBase) and not has_seen(fake)}


def unrounded(model: nn.Module) -> list[str]:
    """Names of weights, not vectors, that training will not round: torch has no fake-quantized layer of the kind."""
    return [
        f"{name}.{key}"
        for name, module in taken(model)
        if not hasattr(module, "weight_fake_quant")
        for key, parameter in module._parameters.items()
        if key.startswith("weight") and parameter is not None and parameter.dim() > 1
    ]


def calibrated(model: nn.Module) -> bool:
    """Did any observer see a tensor?"""
    return any(has_seen(fake) for fake in fakes(model))


def switch(model: nn.Module, *, observe: bool, fake: bool) -> None:
    """Switch all observers, and all rounding; what has seen nothing has no scale to round with."""
    for module in fakes(model):
        module.enable_observer(observe)
        module.enable_fake_quant(fake and (observe or has_seen(module)))


def prepare(model: nn.Module, qconfig: tq.QConfig, groups: Iterable[Sequence[str]]) -> dict[str, nn.Module]:
    """Fuse, add `quant` and `dequant`, and put fake-quantized modules in place of float ones; masks of pruning stay.

    Parameters remain the same objects. Nothing rounds or observes yet. When it fails, the model is as it was. What is
    frozen, and has no `qconfig` of its own, is left alone.

    Returns:
        Name to float module, for `release`; not where the user has set a `qconfig`.
    Raises:
        ValueError: a name in `groups` that the model does not have, modules that cannot be fused, or a layer that torch
            cannot prepare.
    """
    undo = remember(model)
    try:
        modes = {name: module.training for name, module in model.named_modules()}
        masks = _lift_masks(model)
        model.train()  # torch fuses batch norm for training only so
        _fuse(model, groups)
        for name, stub in STUBS.items():
            setattr(model, name, stub())
        before, floats = _names(model), _undecided(model)
        for name in _frozen(model):
            floats[name].qconfig = None
        model.qconfig = qconfig
        try:
            tq.prepare_qat(model, mapping=TRAINED, inplace=True)
        except Exception as error:
            if not (found := at_work(model, error)):
                raise
            place = f"{found[0]} ({type(found[1]).__name__})"
            raise ValueError(f"{place} cannot be trained with rounding: {error}; {leave_out(found[0])}") from error
        _join(model, before)
        for name, module in model.named_modules():
            module.training = modes.get(name, True)
        _put_back_masks(model, masks)
        switch(model, observe=False, fake=False)
    except BaseException:
        undo()
        raise
    return floats


def unprepared(model: nn.Module) -> list[str]:
    """Names of layers that could be fake-quantized and were not there when the model was prepared."""
    return [
        name for name, module in model.named_modules() if type(module) in TRAINED and not hasattr(module, "qconfig")
    ]


def convert(model: nn.Module) -> None:
    """Turn a fake-quantized model into int8, in place, on the CPU and in evaluation mode; masks become permanent."""
    model.cpu().eval()
    _lift_masks(model)
    if blind := invent_ranges(model):
        warnings.warn(
            f"no batch that observers saw ran through {', '.join(blind)}: the range there is unknown, and "
            "int8 results of it would be wrong",
            stacklevel=3,
        )
    for fake in fakes(model):
        fake.enable_observer(not has_seen(fake))  # a layer that never ran takes the range of its weights
    before = _names(model)
    tq.convert(model, mapping=INT8, inplace=True)
    _join(model, before)


def invent_ranges(model: nn.Module) -> list[str]:
    """Give activations that were never observed the range 0 to 1, so that torch can convert.

    Returns:
        Names of their modules, without the model's `quant`.
    """
    blind = unseen(model)
    for fake in blind.values():
        fake.enable_observer()
        fake(torch.tensor([0.0, 1.0]))
    return [name for name in blind if name != "quant"]


def _fuse(model: nn.Module, groups: Iterable[Sequence[str]]) -> None:
    known = dict(model.named_modules())
    for group in groups:
        for name in group:
            if name not in known:
                raise ValueError(
                    f"modules_to_fuse: the model has no module {name!r}; it has {', '.join(filter(None, known))}"
                )
        try:
            tq.fuse_modules_qat(model, list(group), inplace=True)
        except Exception as error:  # torch raises four kinds, one of them plain Exception
            kinds = ", ".join(type(known[name]).__name__ for name in group)
            raise ValueError(f"modules_to_fuse: {', '.join(group)} ({kinds}) cannot be fused: {error}") from error


def remember(model: nn.Module) -> Callable[[], None]:
    """Look at a model before it is changed.

    Returns:
        A function that undoes what was done to it since: every module has its parts, hooks and mode again, parameters
        and gradients have their values and their device, buffers their values: ranges, switches, statistics.
    """
    modules = []
    for module in model.modules():
        copies = {key: held.copy() for key, held in vars(module).items() if isinstance(held, dict | set)}
        modules.append((module, dict(vars(module)), copies))
    tensors = [*model.parameters(), *(p.grad for p in model.parameters() if p.grad is not None)]
    values = [(tensor, tensor.data) for tensor in tensors]  # prune.remove and cpu() put another tensor there
    written = [(buffer, buffer.clone()) for buffer in model.buffers()]

    def undo() -> None:
        for module, state, copies in modules:
            for key, copied in copies.items():  # the objects stay: handles of hooks point at them
                state[key].clear()
                state[key].update(copied)
            vars(module).clear()
            vars(module).update(state)
        for tensor, data in values:
            tensor.data = data
        for buffer, copied in written:
            buffer.resize_(copied.shape).copy_(copied)

    return undo


def _names(model: nn.Module) -> dict[str, nn.Module]:
    """Every name to its module; one that is shared stands under each of its names."""
    return dict(model.named_modules(remove_duplicate=False))


def _join(model: nn.Module, before: Mapping[str, nn.Module]) -> None:
    """After torch has swapped modules: what was one module under several names (`before`, by `_names`) is one again.

    torch swaps it once in each parent, and in one parent under its first name only.
    """
    now, swapped = _names(model), {}
    for name, module in before.items():
        if name and name in now:  # "": the model; not there: a part of a module that is fused now
            path, _, leaf = name.rpartition(".")
            now[path]._modules[leaf] = swapped.setdefault(module, now[name])


def _lift_masks(model: nn.Module) -> dict[nn.Parameter, tuple[Tensor, Tensor]]:
    """Make masks permanent, since torch can neither prepare nor convert a masked layer.

    Returns:
        Parameter to (mask, values without the mask).
    """
    masks = {}
    with _masks.order_kept(model):
        for module in model.modules():
            for name in _masks.hooks(module):
                parameter = getattr(module, f"{name}_orig")
                masks[parameter] = getattr(module, f"{name}_mask"), parameter.data
                prune.remove(module, name)
    return masks


def _put_back_masks(model: nn.Module, masks: dict[nn.Parameter, tuple[Tensor, Tensor]]) -> None:
    with _masks.order_kept(model):
        for module in list(model.modules()):
            for name, parameter in list(module.named_parameters(recurse=False)):
                if parameter in masks:
                    mask, values = masks[parameter]
                    prune.custom_from_mask(module, name, mask)
                    parameter.data = values
    _masks.refresh(model)
