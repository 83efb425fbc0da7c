"""Which operators each module of a model calls in one run, and what each product computes in."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch
from torch import nn
from torch.nn.modules.module import register_module_forward_hook, register_module_forward_pre_hook
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from course_utils.measure._tensors import is_half_packed

INT8 = "int8"
# Operators that compute with 8-bit integers, by the beginning of their name; those on packed weights if these are int8.
INT8_KERNELS = (
    "quantized.linear",
    "quantized.conv",
    "quantized.batch_norm",
    "quantized.add",
    "quantized.mul",
    "quantized.cat",
    "quantized.quantized_lstm",
    "quantized.quantized_gru",
    "quantized.quantized_rnn",
    "aten.quantized_lstm",
    "aten.quantized_gru",
    "aten.quantized_rnn",
    "aten._int_mm",
    "onednn.qlinear",
    "onednn.qconv",
    "torchao.int_scaled_matmul",
    "torchao.da8w8",
)
# "fp16": the weights are packed as 16-bit floats; "fp32": they become float before the product.
NOT_INT8 = re.compile("fp16|fp32")
NO_PRODUCT = re.compile("prepack|unpack")
FLOAT_KERNELS = (
    "aten.addmm",
    "aten.addmv",
    "aten.mm",
    "aten.mv",
    "aten.bmm",
    "aten.baddbmm",
    "aten.dot",
    "aten.matmul",
    "aten.linear",
    "aten.conv1d",
    "aten.conv2d",
    "aten.conv3d",
    "aten.conv_",
    "aten.convolution",
    "aten._convolution",
    "aten._slow_conv",
    "aten.cudnn_convolution",
    "aten.lstm",
    "aten.gru",
    "aten.rnn_",
    "aten._trilinear",
    "aten._cudnn_rnn",
    "aten._weight_int8pack_mm",
    "aten.mkldnn_rnn_layer",
    "aten._native_multi_head_attention",
    "aten._transformer_encoder_layer_fwd",
    "aten._scaled_dot_product",
    "aten.scaled_dot_product_attention",
    "mkldnn._linear",
    "mkldnn._conv",
)


def is_int8(kernel: str) -> bool:
    """Whether a name is that of an operator that computes with 8-bit integers."""
    return kernel.startswith(INT8_KERNELS) and not NOT_INT8.search(kernel) and not NO_PRODUCT.search(kernel)


@dataclass
class Calls:
    """What was seen of one module: its products, in order, and whether it gave a quantized tensor.

    Attributes:
        products: (operator, "int8" or the float type that it computes in).
        gives_int8: it returned quantized numbers of `torch.ao`.
    """

    products: list[tuple[torch._ops.OpOverload, str]] = field(default_factory=list)
    gives_int8: bool = False


class _Record(TorchDispatchMode):
    def __init__(self, names: dict[nn.Module, str]):
        super().__init__()
        self.names = names
        self.inside: list[Hashable] = [""]
        self.called: dict[Hashable, Calls] = defaultdict(Calls)

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        if kind := _computes_in(func, args):
            self.called[self.inside[-1]].products.append((func, kind))
        return func(*args, **(kwargs or {}))

    def enter(self, module: nn.Module, _inputs: object) -> None:  # what a hook returned would replace something
        self.inside.append(self.names.get(module, self.inside[-1]))

    def leave(self, _module: nn.Module, _inputs: object, output: object) -> None:
        self.called[self.inside.pop()].gives_int8 |= any(
            isinstance(part, torch.Tensor) and part.is_quantized for part in tree_leaves(output)
        )


def _computes_in(func: torch._ops.OpOverload, args: tuple) -> str:
    name, parts = str(func), tree_leaves(args)
    if is_int8(name) and not any(is_half_packed(part) for part in parts):
        return INT8
    if name.startswith((*FLOAT_KERNELS, *INT8_KERNELS)) and not NO_PRODUCT.search(name):
        floats = [part.dtype for part in parts if isinstance(part, torch.Tensor) and part.is_floating_point()]
        return str(floats[0]).removeprefix("torch.") if floats else ""
    return ""


@contextmanager
def watch(model: nn.Module) -> Iterator[_Record]:
    """A block in which `model` is run: what each of its modules calls itself, by name; "" is the model.

    Compiled parts run as they were before they were compiled.
    """
    record = _Record({module: name for name, module in model.named_modules()})
    hooks = (  # of all modules: scripted ones take none of their own
        register_module_forward_pre_hook(record.enter),
        register_module_forward_hook(record.leave, always_call=True),
    )
    try:
        with torch.compiler.set_stance("force_eager"), record:
            yield record
    finally:
        for hook in hooks:
            hook.remove()


class ByNode(torch.fx.Interpreter):
    """Runs a graph inside `watch`; what a node calls that is no module stands under the node itself."""

    def __init__(self, graph: torch.fx.GraphModule, record: _Record):
        super().__init__(graph)
        self.record = record

    def run_node(self, n: torch.fx.Node) -> object:
        if n.op == "call_module":
            return super().run_node(n)
        self.record.inside.append(n)
        try:
            return super().run_node(n)
        finally:
            self.record.inside.pop()
