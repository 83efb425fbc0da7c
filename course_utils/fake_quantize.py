"""Int8 in plain tensors: ranges and scales, rounding that lets gradients pass, layers that count in integers.

Affine quantization: number = (integer - zero point) * scale (B. Jacob et al., "Quantization and Training of Neural
Networks for Efficient Integer-Arithmetic-Only Inference", CVPR 2018, arXiv 1712.05877, equation 1).

- What goes into a layer is stored as integers from 0 to 255, with one scale and one zero point.
- Weights are stored as integers from -63 to 63 with one scale for each output, and no zero point. Seven bits, because
  processors without instructions for int8 add two products in 16 bits: 2 * 255 * 63 = 32,130 fits, 2 * 255 * 127 does
  not.
- A bias counts in units of both scales, in 32 bits.

A model goes through three states: `prepare` turns its layers into fake-quantized ones, which keep their names and their
parameters; `calibrate`, or a training, finds the ranges; `convert` puts layers with integers in their place.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils import prune
from torch.nn.utils.fusion import fuse_conv_bn_eval

INPUT_TOP, WEIGHT_TOP = 255, 63
EXACT_IN_FLOAT32 = 2**24  # a float32 holds every integer up to here


def straight_through(x: torch.Tensor) -> torch.Tensor:
    """`x` rounded, whose gradient is that of `x` (Y. Bengio et al., 2013, arXiv 1308.3432)."""
    return x + (torch.round(x) - x).detach()


class Quantize(nn.Module):
    """Watches the range of what passes, and rounds it to 256 levels; takes and gives floats of any shape.

    Args:
        averaging: None: the range holds all that was seen. A share from 0 to 1: it moves by that share of the way
            towards the range of each new batch.
    Attributes:
        low, high: the range, float32 buffers without dimensions; low <= 0 <= high, so that 0 is one of the levels.
        batches: how many batches were seen, an int64 buffer.
        observing, rounding: what a call does; the range moves first, and without a range nothing is rounded.
    """

    def __init__(self, averaging: float | None = None):
        super().__init__()
        self.averaging, self.observing, self.rounding = averaging, True, False
        self.register_buffer("low", torch.zeros(()))
        self.register_buffer("high", torch.zeros(()))
        self.register_buffer("batches", torch.zeros((), dtype=torch.int64))

    @property
    def rounds(self) -> bool:
        """Whether a call rounds now."""
        return self.rounding and bool(self.batches > 0)

    @property
    def scale(self) -> torch.Tensor:
        """What one level is worth; 1 as long as nothing but zeros was seen."""
        return torch.where(self.high > self.low, (self.high - self.low) / INPUT_TOP, 1.0)

    @property
    def zero_point(self) -> torch.Tensor:
        """The integer that stands for 0, as a float."""
        return torch.round(-self.low / self.scale)

    @torch.no_grad()
    def observe(self, x: torch.Tensor) -> None:
        """Move the range."""
        low, high = x.min().float().clamp(max=0), x.max().float().clamp(min=0)
        if self.batches == 0:
            self.low.copy_(low), self.high.copy_(high)
        elif self.averaging is None:
            self.low.copy_(torch.minimum(self.low, low)), self.high.copy_(torch.maximum(self.high, high))
        else:
            self.low.lerp_(low, self.averaging), self.high.lerp_(high, self.averaging)
        self.batches += 1

    def integers(self, x: torch.Tensor) -> torch.Tensor:
        """The integers from 0 to 255 that stand for `x`, as floats; the gradient passes where nothing was clipped."""
        return (straight_through(x.float() / self.scale) + self.zero_point).clamp(0, INPUT_TOP)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.observing:
            self.observe(x)
        return (self.integers(x) - self.zero_point) * self.scale if self.rounds else x

    def extra_repr(self) -> str:
        return f"scale={self.scale.item():.4g}, zero_point={self.zero_point.item():.0f}"


def weight_scale(weight: torch.Tensor) -> torch.Tensor:
    """One scale for each output of a layer, (out, 1, ...), float32: the largest magnitude becomes 63."""
    largest = weight.detach().flatten(1).abs().amax(1).float()
    scale = torch.where(largest > 0, largest / WEIGHT_TOP, 1.0)
    return scale.view(-1, *[1] * (weight.dim() - 1))


def fake_quantized(weight: torch.Tensor) -> torch.Tensor:
    """A weight, rounded to its integers and back: float32, of the same shape."""
    scale = weight_scale(weight)
    return straight_through(weight / scale).clamp(-WEIGHT_TOP, WEIGHT_TOP) * scale


class FakeQuantLinear(nn.Linear):
    """A linear layer in float that rounds its input and its weight as the int8 one will."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.input(x)
        return F.linear(x, fake_quantized(self.weight) if self.input.rounds else self.weight, self.bias)


class FakeQuantConv2d(nn.Conv2d):
    """A convolution in float that rounds its input and its weight as the int8 one will."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.input(x)
        return self._conv_forward(x, fake_quantized(self.weight) if self.input.rounds else self.weight, self.bias)


class _Int8(nn.Module):
    """What both int8 layers have; buffers alone, which `state_dict` saves and `weights_only=True` loads.

    Attributes:
        weight: int8, of the float layer's shape; weight_scale: float32 (out,).
        bias: int32 (out,), in units of both scales.
        input_scale: float32, input_zero_point: uint8, without dimensions.
    """

    def __init__(self, layer: FakeQuantLinear | FakeQuantConv2d):
        super().__init__()
        scale, into = weight_scale(layer.weight), layer.input
        bias = torch.zeros(len(scale)) if layer.bias is None else layer.bias.detach().float()
        # An output without weights has no scale of its own: one by which its bias is a large integer.
        empty = ~layer.weight.detach().flatten(1).any(1)
        scale.flatten()[empty] = bias.abs().clamp(min=1e-8)[empty] / (2**20 * into.scale)
        units = (into.scale * scale.flatten()).double()
        limit = 2**31 - 1
        self.register_buffer("weight", torch.round(layer.weight.detach() / scale).clamp(-63, 63).to(torch.int8))
        self.register_buffer("weight_scale", scale.flatten())
        self.register_buffer("bias", torch.round(bias / units).clamp(-limit, limit).to(torch.int32))
        self.register_buffer("input_scale", into.scale.detach().clone())
        self.register_buffer("input_zero_point", into.zero_point.to(torch.uint8))

    def sums(self, x: torch.Tensor) -> torch.Tensor:
        """The integer sums of `x` (float), as floats that hold them exactly."""
        zero_point = self.input_zero_point.float()
        integers = (torch.round(x.float() / self.input_scale) + zero_point).clamp(0, INPUT_TOP) - zero_point
        largest = INPUT_TOP * self.weight.abs().long().flatten(1).sum(1) + self.bias.abs()
        kind = torch.float32 if largest.max() <= EXACT_IN_FLOAT32 else torch.float64
        return self.multiply(integers.to(kind), self.weight.to(kind), self.bias.to(kind))

    def extra_repr(self) -> str:
        shape = " x ".join(map(str, self.weight.shape))
        return f"{shape}, input_scale={self.input_scale:.4g}, input_zero_point={self.input_zero_point}"


class Int8Linear(_Int8):
    """A linear layer that multiplies and adds integers; float (..., in) to float32 (..., out)."""

    multiply = staticmethod(F.linear)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return (self.sums(x) * (self.input_scale * self.weight_scale)).float()


class Int8Conv2d(_Int8):
    """A convolution that multiplies and adds integers; float (N, in, H, W) to float32 (N, out, H', W')."""

    def __init__(self, layer: FakeQuantConv2d):
        super().__init__(layer)
        self.steps = (layer.stride, layer.padding, layer.dilation, layer.groups)

    def multiply(self, x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
        return F.conv2d(x, weight, bias, *self.steps)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return (self.sums(x) * (self.input_scale * self.weight_scale).view(-1, 1, 1)).float()


FAKE = {nn.Linear: FakeQuantLinear, nn.Conv2d: FakeQuantConv2d}
INT8 = {FakeQuantLinear: Int8Linear, FakeQuantConv2d: Int8Conv2d}


def can_be_rounded(layer: nn.Module) -> bool:
    """Whether it is a linear layer or a convolution as `prepare` takes it: no subclass, padded with zeros."""
    return type(layer) is nn.Linear or (type(layer) is nn.Conv2d and layer.padding_mode == "zeros")


def fake_layers(model: nn.Module) -> dict[str, FakeQuantLinear | FakeQuantConv2d]:
    """The fake-quantized layers of a model, by name."""
    return {name: layer for name, layer in model.named_modules() if type(layer) in INT8}


def prepare(model: nn.Module, layers: Collection[str] | None = None, *, averaging: float | None = None) -> nn.Module:
    """Turn linear layers and convolutions into fake-quantized ones, in place; they watch, and round nothing yet.

    Names, parameters, hooks and masks stay: an optimizer goes on, and a layer that is shared stays one layer.

    Args:
        model: in float32.
        layers: names; None = every layer that can be rounded.
        averaging: of each `Quantize`.
    Returns:
        The model.
    Raises:
        ValueError: there is no layer to round, a name that is none, or a weight without values or not in float32. The
            model is then as it was.
    """
    known = {name: layer for name, layer in model.named_modules() if can_be_rounded(layer)}
    if unknown := [name for name in layers or () if name not in known]:
        raise ValueError(
            f"layers: no nn.Linear and no nn.Conv2d is called {unknown[0]!r}; there are {', '.join(known)}"
        )
    chosen = {name: known[name] for name in (known if layers is None else layers)}
    if not chosen:
        raise ValueError(f"this {type(model).__name__} has no nn.Linear and no nn.Conv2d in float, so nothing to round")
    for name, layer in chosen.items():
        weight = layer.weight
        if isinstance(weight, nn.UninitializedParameter) or weight.is_meta:
            raise ValueError(f"{name}.weight has no values yet: run the model once, or load weights, before")
        if weight.dtype != torch.float32:
            raise ValueError(f"{name}.weight is {weight.dtype}, and float32 is needed: call model.float() before")
    for layer in chosen.values():
        layer.__class__ = FAKE[type(layer)]  # the same object: parameters, hooks and whoever else holds it stay
        layer.input = Quantize(averaging).to(layer.weight.device)
    return model


def set_mode(model: nn.Module, *, observing: bool, rounding: bool) -> None:
    """Say what every `Quantize` of a model does from now on."""
    for module in model.modules():
        if isinstance(module, Quantize):
            module.observing, module.rounding = observing, rounding


@torch.no_grad()
def calibrate(model: nn.Module, batches: Iterable[torch.Tensor]) -> nn.Module:
    """Run a prepared model in float on some batches of inputs to find its ranges; then it rounds. Gives it back."""
    set_mode(model.eval(), observing=True, rounding=False)
    for batch in batches:
        model(batch)
    set_mode(model, observing=False, rounding=True)
    return model


def convert(model: nn.Module, *, without_ranges: bool = False) -> nn.Module:
    """Put int8 layers in place of the fake-quantized ones, in place, in evaluation mode. Masks become permanent.

    Args:
        model: prepared, with ranges.
        without_ranges: to load a state_dict of integers afterwards.
    Returns:
        The model; where it is itself a layer, the int8 layer.
    Raises:
        ValueError: it is not prepared, or a layer has seen no input; the message names it.
    """
    layers = fake_layers(model)
    if not layers:
        raise ValueError(f"this {type(model).__name__} is not fake-quantized: prepare it first")
    if not without_ranges and (blind := [name for name, layer in layers.items() if layer.input.batches == 0]):
        raise ValueError(f"{', '.join(blind) or 'the layer'}: no input was seen, so no range is known: calibrate first")
    model.eval()
    made = {}
    for name, layer in list(model.named_modules(remove_duplicate=False)):
        if type(layer) not in INT8:
            continue
        if layer not in made:
            for leaf in [
                h._tensor_name for h in layer._forward_pre_hooks.values() if isinstance(h, prune.BasePruningMethod)
            ]:
                prune.remove(layer, leaf)
            made[layer] = INT8[type(layer)](layer)
        if not name:
            return made[layer]
        path, _, leaf = name.rpartition(".")
        setattr(model.get_submodule(path), leaf, made[layer])
    return model


def match(model: nn.Module, state: Mapping[str, torch.Tensor]) -> nn.Module:
    """Make a float model what a file holds, fake-quantized or int8, in place: then the file fits. Gives it back."""
    layers = [name for name, layer in model.named_modules() if can_be_rounded(layer)]
    int8 = [name for name in layers if f"{name}.weight_scale" in state]
    if fake := [name for name in layers if f"{name}.input.low" in state]:
        set_mode(prepare(model, fake), observing=False, rounding=True)
    if int8:
        convert(prepare(model, int8), without_ranges=True)
    return model


@torch.no_grad()
def fold_batch_norm(model: nn.Module, example: object) -> nn.Module:
    """Put each batch norm that follows a convolution into that convolution's weights, in place; the answers stay.

    W = gamma / sigma * w and b = beta + gamma / sigma * (b - mu) for each channel (Jacob et al., equation 14).

    Args:
        model: is put into evaluation mode.
        example: an input, or a tuple of inputs: the model is called once with it, to see what follows what.
    Returns:
        The model, with nn.Identity in place of the batch norms.
    Raises:
        ValueError: the folded model answers otherwise (a convolution's output is used elsewhere too); the model is then
            as it was.
    """
    inputs, came_from, pairs = example if isinstance(example, tuple) else (example,), {}, []

    def after(module: nn.Module, given: tuple, output: object) -> None:
        if isinstance(module, nn.Conv2d):
            came_from[id(output)] = module, output  # the output is kept, so that no other tensor gets its id
        elif isinstance(module, nn.BatchNorm2d) and id(given[0]) in came_from:
            pairs.append((came_from[id(given[0])][0], module))

    hooks = [module.register_forward_hook(after) for module in model.eval().modules()]
    try:
        expected = model(*inputs)
    finally:
        for hook in hooks:
            hook.remove()
    before = [(conv, conv.weight, conv.bias) for conv, _ in pairs]
    places = [
        (parent, name, child)
        for parent in model.modules()
        for name, child in parent.named_children()
        if any(child is norm for _, norm in pairs)
    ]
    for conv, norm in pairs:
        fused = fuse_conv_bn_eval(conv, norm)
        conv.weight, conv.bias = fused.weight, fused.bias
    for parent, name, _ in places:
        setattr(parent, name, nn.Identity())
    if not torch.allclose(model(*inputs), expected, rtol=1e-3, atol=1e-4 * float(expected.abs().max())):
        for conv, weight, bias in before:
            conv.weight, conv.bias = weight, bias
        for parent, name, norm in places:
            setattr(parent, name, norm)
        raise ValueError("with its batch norms folded the model answers otherwise, so it was left as it was")
    return model
