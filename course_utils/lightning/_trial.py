"""Two dry runs early in a fit: what is not rounded, or cannot compute in int8, is named while no time is lost."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from lightning.fabric.utilities import move_data_to_device
from lightning_utilities.core.apply_func import apply_to_collection
from torch import nn
from torch.nn.modules.module import register_module_forward_hook, register_module_forward_pre_hook
from torch.overrides import TorchFunctionMode

from course_utils.legacy_int8 import nnq
from course_utils.lightning import _fake_quantize, _quantized_forward


def run(model: nn.Module, quantize: Callable[[nn.Module], object], args: tuple, kwargs: dict) -> None:
    """Convert the model, call it once, and put it back as it was.

    Args:
        model: fake-quantized; where a range is not known yet, 0 to 1 stands in for it.
        quantize: converts it in place.
        args, kwargs: of one call of the model, on any device; tensors of any shape.
    Raises:
        RuntimeError: it cannot be converted, or int8 has no kernel for a part of it, which the message names.
    """
    args, kwargs = move_data_to_device((args, kwargs), torch.device("cpu"))
    undo, running, taken = _fake_quantize.remember(model), [], {name for name, _ in _fake_quantize.taken(model)}
    try:
        _fake_quantize.invent_ranges(model.cpu())
        quantize(model)
        with torch.no_grad(), torch.random.fork_rng(devices=[]), _followed(running):
            model(*args, **kwargs)
    except Exception as error:  # whatever torch, or the model's own forward, raises for what is quantized
        said = str(error).partition("\n")[0].partition(". ")[0].rstrip(".")
        place, remedy = _place_and_remedy(model, running, error, taken)
        raise RuntimeError(
            f"{type(model).__name__} cannot compute in int8. A trial on its first batch failed in {place}: "
            f"{type(error).__name__}: {said}. {remedy}. With quantize_on_fit_end=False the model stays fake-quantized, "
            "as it is now, and `quantize` converts it later, without a trial"
        ) from error
    finally:
        undo()


def read_around(model: nn.Module, args: tuple, kwargs: dict) -> list[str]:
    """Call the model once more, and put it back as it was.

    Returns:
        Names of layers that training rounds, and whose weight the model reads while they do not run.
    """
    undo, running = _fake_quantize.remember(model), []
    _fake_quantize.switch(model, observe=False, fake=False)  # a layer may have no range yet
    reads = _Reads(model, running)
    try:
        with (
            torch.no_grad(),
            torch.random.fork_rng(),
            torch.compiler.set_stance("force_eager"),
            _followed(running),
            reads,
        ):
            model(*args, **kwargs)
    finally:
        undo()
    return list(reads.found)


class _Reads(TorchFunctionMode):
    """Notes every function of torch that is handed a parameter of a layer which is not among those that run."""

    def __init__(self, model: nn.Module, running: list[nn.Module]):
        super().__init__()
        self.running, self.found = running, {}
        self.rounded = [
            (name, module) for name, module in model.named_modules() if hasattr(module, "weight_fake_quant")
        ]

    def __torch_function__(self, func: Callable, types: object, args: tuple = (), kwargs: dict | None = None) -> object:
        out = func(*args, **(kwargs or {}))
        if any(isinstance(part, torch.Tensor) for part in (out if isinstance(out, tuple | list) else [out])):
            apply_to_collection([args, kwargs], torch.Tensor, self._note)  # else a shape or a dtype was looked up
        return out

    def _note(self, given: torch.Tensor) -> torch.Tensor:
        owners = [(name, module) for name, module in self.rounded if any(given is own for own in _own(module))]
        if owners and not any(module in self.running for _, module in owners):
            self.found[owners[0][0]] = None
        return given


def _own(module: nn.Module) -> list[torch.Tensor]:
    """What a forward reads of a layer: its parameters, and in place of a masked one what its mask has left of it."""
    return [p for name, p in module._parameters.items() if not name.endswith("_orig")] + [vars(module).get("weight")]


@contextmanager
def _followed(running: list[nn.Module]) -> Iterator[None]:
    """Keep in `running` the modules whose forward runs, the innermost last; after an exception: where it came from."""

    def enter(module: nn.Module, _: tuple) -> None:
        running.append(module)

    def leave(module: nn.Module, *_: object) -> None:
        while running.pop() is not module:  # above it: what raised, and the module caught it
            pass

    handles = [register_module_forward_pre_hook(enter), register_module_forward_hook(leave)]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _place_and_remedy(model: nn.Module, running: list[nn.Module], error: Exception, taken: set[str]) -> tuple[str, str]:
    known = {module: name for name, module in model.named_modules()}
    if _quantized_forward.WANTED in str(error):
        return "what it returns", _quantized_forward.WANTED
    if not running:
        name, module = _fake_quantize.at_work(model, error) or ("", model)
        place = f"the conversion of {name} ({type(module).__name__})" if name else "the conversion"
    else:
        module = running[-1]
        name = known.get(module, "a module outside of it")
        place = f"{name} ({type(module).__name__})" if module is not model else "its own forward"
    if isinstance(module, nnq.Quantize):
        return place, (
            "It quantizes what is quantized already, since the callback quantizes the model's inputs itself: put "
            "nn.Identity() in its place, and in that of its DeQuantStub"
        )
    if "'quantized::" in str(error):
        return place, (
            "It computes in int8 and was given floats: put a QuantStub (torch.ao.quantization) before it, for example "
            "behind an embedding"
        )
    general = "Add with nn.quantized.FloatFunctional, fuse batch norm (modules_to_fuse), take other operations out"
    if not known.get(module):
        return place, general
    if name not in taken:
        return place, f"{_fake_quantize.STUBBED}; if it is only frozen, {_fake_quantize.ROUND_IT.format(name)}"
    left_out = _fake_quantize.leave_out(name)
    return place, f"{general}; {left_out}" if running else left_out
