"""What goes in and out of a quantized model, as hooks on it: its `forward` stays the method that its class has.

A hook runs when the model is called, `model(x)`, and not with `model.forward(x)`. TorchScript compiles hooks too, when
they name a type for each input; there is such a pair for models with one input. A model with several runs in Python.
"""

import copy
import inspect
from collections.abc import Callable, Sequence

import torch
from lightning.pytorch import LightningModule
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from course_utils.legacy_int8 import nnq

WANTED = "Use tensors, or tuples, lists, dicts, dataclasses or other objects of them that copy.deepcopy copies"
POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


def count_inputs(model: LightningModule) -> int | None:
    """How many inputs forward takes by position; None when it takes any number (*args).

    Raises:
        ValueError: the model has no forward of its own, or one that takes no input by position.
    """
    kind = type(model).__name__
    if type(model).forward is LightningModule.forward:
        raise ValueError(f"{kind} has no forward of its own: write forward(self, x), and call self(x) in training_step")
    parameters = inspect.signature(type(model).forward).parameters.values()
    if any(parameter.kind is inspect.Parameter.VAR_POSITIONAL for parameter in parameters):
        return None
    count = sum(parameter.kind in POSITIONAL for parameter in parameters) - 1  # without self
    if count < 1:
        raise ValueError(
            f"forward of {kind} takes no input by position: there is nothing that could be quantized on the way in"
        )
    return count


class _Exchange(TorchFunctionMode):
    """While `copy.deepcopy` runs: of a tensor it takes what a function makes of it."""

    def __init__(self, function: Callable[[Tensor], Tensor]):
        super().__init__()
        self.function = function

    def __torch_function__(self, func: Callable, types: object, args: tuple = (), kwargs: dict | None = None) -> object:
        return self.function(args[0]) if func is Tensor.__deepcopy__ else func(*args, **(kwargs or {}))


def exchange(model: nn.Module, held: object, function: Callable[[Tensor], Tensor]) -> object:
    """A copy of any structure, else TypeError, with `function` of each tensor in its place; no part of the model's."""
    if isinstance(held, Tensor):
        return function(held)
    try:
        with _Exchange(function):
            return copy.deepcopy(held, {id(module): module for module in model.modules()})
    except Exception as error:  # whatever the objects in it raise
        what = f"{type(model).__name__} takes or returns a {type(held).__name__} that cannot be copied ({error})"
        raise TypeError(f"{what}, so that its tensors are not found. {WANTED}") from error


def quantize_inputs(model: nn.Module, inputs: Sequence) -> tuple:
    """The inputs of one call, floating-point tensors in any structure quantized (or fake-quantized) by `model.quant`.

    Before conversion all of them are observed at once: they share one range. One after the other, a moving average
    would settle between their ranges and clip the wider one.

    Raises:
        TypeError: no input by position, so that none would be quantized, or one that cannot be copied.
    """
    if not inputs:
        raise TypeError(
            f"{type(model).__name__} was called without an input by position, and only those are quantized: "
            "call model(x), not model(x=x)"
        )
    found = {}
    for given in inputs:
        exchange(model, given, lambda x: found.setdefault(id(x), x))
    found = {key: x for key, x in found.items() if x.is_floating_point()}
    if isinstance(model.quant, nnq.Quantize) or len(found) == 1:
        quantized = {key: model.quant(x) for key, x in found.items()}
    elif found:
        flat = model.quant(torch.cat([x.flatten() for x in found.values()]))
        parts = flat.split([x.numel() for x in found.values()])
        quantized = {key: part.view(found[key].shape) for key, part in zip(found, parts, strict=True)}
    else:
        return tuple(inputs)
    return tuple(exchange(model, given, lambda x: quantized.get(id(x), x)) for given in inputs)


def dequantize_outputs(model: nn.Module, inputs: tuple, output: object) -> object:
    """The output, or every tensor in it, in float."""
    return exchange(model, output, lambda x: model.dequant(x) if x.is_quantized else x)


def finish(model: nn.Module, n_inputs: int | None, *, input_compatible: bool) -> None:
    """Give a converted model its lasting hooks: float out; and float in, when it is to be input-compatible."""
    one = n_inputs == 1
    if input_compatible:
        model.register_forward_pre_hook(_into_one if one else quantize_inputs)
    model.register_forward_hook(_out_of_one if one else dequantize_outputs)


# In a compiled hook the other branch does not exist. `tuple[...]` must stand there in full: it is read as source.


def _into_one(self, inputs: tuple[Tensor]) -> tuple[Tensor]:
    if torch.jit.is_scripting():
        return (self.quant(inputs[0]) if inputs[0].is_floating_point() else inputs[0],)
    else:
        return quantize_inputs(self, inputs)


def _out_of_one(self, inputs: tuple[Tensor], output: Tensor) -> Tensor:
    if torch.jit.is_scripting():
        return self.dequant(output)
    else:
        return dequantize_outputs(self, inputs, output)
