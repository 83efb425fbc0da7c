"""Put fake quantization into a model and switch it; nothing here knows of a trainer."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn.utils import prune

from course_utils.callbacks import _masks
from course_utils.legacy_int8 import nnq, tq

STUBS = {"quant": tq.QuantStub, "dequant": tq.DeQuantStub}
FLOAT_HELPERS = (nnq.FloatFunctional, nnq.FXFloatFunctional)  # they stand in float models, under a quantized path


def engine_qconfig(engine: str, observer_type: str) -> tq.QConfig:
    """QAT settings for an engine: torch's numbers of bits and kinds of scales, and other observers.

    torch's moving averages remember some hundred batches. A short fit from new weights then clips what grows, and what
    is clipped gets no gradient. So: three batches for activations, and for weights what they are now. For weights torch
    takes a fused module whose scale is not the one of `convert` (by 0.4 %), so that int8 is not what was trained; here
    stands the plain one. And torch's settings with a histogram only observe; here it is in a module that rounds.
    """
    default = tq.get_default_qat_qconfig(engine)
    activation, weight = default.activation(), default.weight()
    averages = type(weight.activation_post_process)
    rounds = {
        "average": partial(
            tq.FusedMovingAvgObsFakeQuantize.with_args, observer=tq.MovingAverageMinMaxObserver, averaging_constant=0.3
        ),
        "histogram": partial(tq.FakeQuantize.with_args, observer=tq.HistogramObserver),
    }[observer_type]
    return tq.QConfig(
        activation=rounds(**_grid(activation)),
        weight=tq.FakeQuantize.with_args(observer=averages, averaging_constant=1.0, **_grid(weight)),
    )


def _grid(fake: tq.FakeQuantizeBase) -> dict[str, object]:
    return {name: getattr(fake, name) for name in ("dtype", "qscheme", "quant_min", "quant_max")}


def fakes(model: nn.Module) -> list[tq.FakeQuantizeBase]:
    """All fake-quantize modules, of activations and of weights."""
    return [module for module in model.modules() if isinstance(module, tq.FakeQuantizeBase)]


def is_converted(model: nn.Module) -> bool:
    """Does a part of the model compute or store quantized values, by torch.ao or by torchao?"""
    own = (type(module).__module__ for module in model.modules() if not isinstance(module, FLOAT_HELPERS))
    return any(path.startswith("torch.ao.nn") and ".quantized" in path for path in own) or any(
        type(parameter).__module__.startswith("torchao") for parameter in model.parameters()
    )


def has_seen(fake: tq.FakeQuantizeBase) -> bool:
    """Did its observer see a tensor? True for one that needs to see none, because its range is fixed."""
    low = getattr(getattr(fake, "activation_post_process", None), "min_val", None)
    return low is None or (low.numel() > 0 and bool(low.isfinite().all()))


def calibrated(model: nn.Module) -> bool:
    """Did any observer see a tensor?"""
    return any(has_seen(fake) for fake in fakes(model))


def switch(model: nn.Module, *, observe: bool, fake: bool) -> None:
    """Switch all observers, and all rounding."""
    for module in fakes(model):
        module.enable_observer(observe)
        module.enable_fake_quant(fake)


def prepare(model: nn.Module, qconfig: tq.QConfig, groups: Iterable[Sequence[str]]) -> None:
    """Fuse, add `quant` and `dequant`, and put fake-quantized modules in place of float ones; masks of pruning stay.

    Parameters remain the same objects. Nothing rounds or observes yet. When it fails, the model is as it was.

    Raises:
        ValueError: a name in `groups` that the model does not have, or modules that cannot be fused.
    """
    with _undone_on_error(model):
        modes = {name: module.training for name, module in model.named_modules()}
        masks = _lift_masks(model)
        model.train()  # torch fuses batch norm for training only so
        _fuse(model, groups)
        for name, stub in STUBS.items():
            setattr(model, name, stub())
        model.qconfig = qconfig
        tq.prepare_qat(model, inplace=True)
        for name, module in model.named_modules():
            module.training = modes.get(name, True)
        _put_back_masks(model, masks)
        switch(model, observe=False, fake=False)


def unprepared(model: nn.Module) -> list[str]:
    """Names of layers that could be fake-quantized and were not there when the model was prepared."""
    kinds = set(tq.get_default_qat_module_mappings())
    return [name for name, module in model.named_modules() if type(module) in kinds and not hasattr(module, "qconfig")]


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
    tq.convert(model, inplace=True)


def invent_ranges(model: nn.Module) -> list[str]:
    """Give activations that were never observed the range 0 to 1, so that torch can convert; names of their modules."""
    blind = {
        name: module.activation_post_process
        for name, module in model.named_modules()
        if isinstance(getattr(module, "activation_post_process", None), tq.FakeQuantizeBase)
        and not has_seen(module.activation_post_process)
    }
    for fake in blind.values():
        fake.enable_observer()
        fake(torch.tensor([0.0, 1.0]))
    return list(blind)


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


@contextmanager
def _undone_on_error(model: nn.Module) -> Iterator[None]:
    """When the block raises, every module has its parts, hooks, mode and parameters again."""
    before = [
        (module, {key: value.copy() if isinstance(value, dict | set) else value for key, value in vars(module).items()})
        for module in model.modules()
    ]
    values = [(parameter, parameter.data) for parameter in model.parameters()]  # prune.remove puts another tensor there
    try:
        yield
    except BaseException:
        for module, state in before:
            vars(module).clear()
            vars(module).update(state)
        for parameter, data in values:
            parameter.data = data
        raise


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
