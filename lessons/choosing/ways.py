"""Two more ways to int8 for a CNN, with conversions around each layer, and what happens on the way through one."""

from __future__ import annotations

import warnings

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from course_utils import legacy_int8
from course_utils.int8_routes.networks import Network

STEPS = {  # an operator's name begins with -> what it does
    "aten.quantize_per_tensor": "quantize",
    "aten.dequantize": "dequantize",
    "quantized.conv2d": "layer",
    "quantized.linear": "layer",
}


def round_trips(network: Network) -> nn.Module:
    """Static int8 in which every convolution and linear layer takes and gives float; sums are float, too.

    The int8 kernels and weights are those of `torch_eager.int8_model`, on the current engine.
    """
    tq = legacy_int8.tq

    def wrap(module: nn.Module) -> None:
        for name, child in module.named_children():
            if type(child).__name__ in ("Conv2d", "ConvReLU2d", "Linear"):
                wrapped = tq.QuantWrapper(child)
                wrapped.qconfig = tq.get_default_qconfig(torch.backends.quantized.engine)
                setattr(module, name, wrapped)
            else:
                wrap(child)

    with legacy_int8.quiet(), torch.no_grad():
        model = network.quantizable()
        model.fuse_model()
        wrap(model)
        tq.prepare(model, inplace=True)(network.calibration)
        return tq.convert(model, inplace=True)


def dynamic(model: nn.Module) -> nn.Module:
    """A copy with dynamic linear layers and dynamic convolutions; the latter are off PyTorch's default list."""
    nnqd = legacy_int8.nnq.dynamic

    kinds = {nn.Linear: nnqd.Linear, nn.Conv2d: nnqd.Conv2d}
    with legacy_int8.quiet():
        warnings.filterwarnings("ignore", ".*poor numerical accuracy")  # the lesson shows how poor, and why
        return legacy_int8.tq.quantize_dynamic(model, set(kinds), mapping=kinds)


def dynamic_convolutions(network: Network) -> nn.Module:
    """`dynamic` of a CNN whose batch norms are folded; ReLU stands alone, as the dynamic convolution has none in it."""

    def unfuse(module: nn.Module) -> None:
        for name, child in module.named_children():
            if type(child).__name__ == "ConvReLU2d":
                setattr(module, name, nn.Sequential(child[0], child[1]))
            else:
                unfuse(child)

    with legacy_int8.quiet():
        model = network.quantizable()
        model.fuse_model()
    unfuse(model)
    return dynamic(model)


def way(model: nn.Module, x: Tensor) -> list[str]:
    """Run the model once; the steps of its way in order: "quantize", "layer" (in int8), "dequantize"."""
    called = []

    class Note(TorchDispatchMode):
        def __torch_dispatch__(self, func, types, args=(), kwargs=None):
            called.extend(step for name, step in STEPS.items() if str(func).startswith(name))
            return func(*args, **(kwargs or {}))

    with torch.no_grad(), Note():
        model(x)
    return called
