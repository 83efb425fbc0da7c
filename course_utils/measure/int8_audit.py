"""The audit of a quantized model: which modules run in int8, which stayed float, and why.

It reads what a module is. With an example input it also runs the model and reads which kernels each module
called, which is the better evidence. Where neither tells, it says "unknown".
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from course_utils.show.tables import Table

INT8, UNKNOWN = "int8", "unknown"
# Operators that compute with 8-bit integers, by the beginning of their name.
INT8_KERNELS = (
    "quantized.linear",
    "quantized.conv",
    "quantized.add",
    "quantized.mul",
    "quantized.cat",
    "quantized.quantized_lstm",
    "aten.quantized_lstm",
    "aten.quantized_gru",
    "aten._int_mm",
    "onednn.qlinear",
    "onednn.qconv",
    "torchao.int_scaled_matmul",
    "torchao.da8w8",
)
FLOAT_KERNELS = (
    "aten.addmm",
    "aten.mm",
    "aten.bmm",
    "aten.convolution",
    "aten.linear",
    "aten.lstm",
    "aten._weight_int8pack_mm",
    "aten.mkldnn_rnn_layer",
    "aten._native_multi_head_attention",
)


@dataclass(frozen=True)
class Row:
    """One module, or one operator of a graph.

    Attributes:
        name: where it is in the model.
        kind: its class, or the operator.
        runs_in: "int8", the float type it computes in ("float32", "bfloat16", …), or "unknown".
        weight_bits: bits a stored weight takes, or None without weights or where it cannot be told.
        engine: the int8 backend, or "".
        round_trip: True when it takes and gives float, so that values are converted on the way; None = unknown.
        why: one sentence.
    """

    name: str
    kind: str
    runs_in: str
    weight_bits: int | None
    engine: str
    round_trip: bool | None
    why: str


@dataclass(frozen=True)
class Audit:
    """The rows of a model; shows itself as a table."""

    rows: list[Row]

    def count(self, runs_in: str = INT8, kind: str = "") -> int:
        """How many rows run in `runs_in` and have `kind` in their kind."""
        return sum(row.runs_in == runs_in and kind in row.kind for row in self.rows)

    def table(self) -> Table:
        """One line a row, and a caption that counts."""
        kinds = {row.runs_in: self.count(row.runs_in) for row in self.rows}
        caption = ", ".join(f"{n} {name}" for name, n in kinds.items()) or "nothing to audit: no module has weights"
        return Table(
            ["module", "kind", "runs in", "weight bits", "engine", "why"],
            [
                [r.name, r.kind, r.runs_in, "–" if r.weight_bits is None else r.weight_bits, r.engine or "–", r.why]
                for r in self.rows
            ],
            caption=caption,
        )

    def __repr__(self) -> str:
        return repr(self.table())

    def _repr_html_(self) -> str:
        return self.table()._repr_html_()


def audit(model: nn.Module, *example: torch.Tensor) -> Audit:
    """Say for each module of a model whether it runs in int8.

    Works on eager models quantized by `torch.ao.quantization` (dynamic, static, QAT), on models whose weights
    torchao replaced, on graphs from PT2E, and on scripted or traced models.

    Args:
        model: any module; it is not changed.
        example: inputs for one forward pass without gradients, of the shapes that the model takes; its kernels then
            decide. Without any, the model is only read.
    Raises:
        TypeError: not a module. What the forward pass raises, when `example` does not fit.
    """
    if not isinstance(model, nn.Module):
        raise TypeError(f"audit needs a model (nn.Module), got {type(model).__name__}")
    if isinstance(model, torch.jit.ScriptModule):
        return Audit(list(_script_rows(model)))
    if isinstance(model, torch.fx.GraphModule):
        return Audit(list(_graph_rows(model)))
    rows = list(_module_rows(model))
    if example:
        kernels = _kernels(model, example)
        rows = [_with_evidence(row, kernels.get(row.name, [])) for row in rows]
    return Audit(rows)


def _module_rows(model: nn.Module) -> Iterator[Row]:
    modules = dict(model.named_modules())
    inside = {
        family: tuple(f"{name}." for name, module in modules.items() if _family(module) == family)
        for family in ("dynamic", "static", "fake")
    }
    quantized = inside["dynamic"] + inside["static"] + inside["fake"]
    observed = tuple(f"{name}." for name, module in modules.items() if hasattr(module, "activation_post_process"))
    stubs = any(type(module).__name__ == "Quantize" for module in modules.values())
    for name, module in modules.items():
        if name.startswith(quantized):
            continue  # the parts of a quantized module stand in its own row
        row = _classify(name or "(the model)", module)
        if row and row.runs_in == INT8 and _family(module) == "static" and not stubs:
            row = replace(row, why="no Quantize stands before it: on a float input it fails. Add a QuantStub")
        elif row and _family(module) == "" and f"{name}.".startswith(observed):
            row = replace(row, why="observed, not converted yet")
        if row:
            yield row


def _family(module: nn.Module) -> str:
    """Which package of torch.ao a module is from: "dynamic", "static", "fake", or "" for none."""
    path = type(module).__module__
    if not path.startswith("torch.ao.nn"):
        return ""
    if ".quantized.dynamic" in path:
        return "dynamic"
    if ".quantized" in path:
        return "static"
    return "fake" if ".qat" in path else ""


def _classify(name: str, module: nn.Module) -> Row | None:
    kind, family = type(module).__name__, _family(module)
    engine = torch.backends.quantized.engine
    if kind in ("Quantize", "DeQuantize"):
        return Row(name, kind, "float32", None, "", True, "converts between float and int8")
    if family == "dynamic":
        types = (getattr(module, name, None) for name in ("dtype", "weight_dtype"))  # a layer's, a cell's
        half = torch.float16 in types or "dtype=torch.float16" in repr(module)
        if half:
            return Row(name, kind, "float32", 16, "", True, "weights packed as float16 in memory, computed in float32")
        return Row(name, kind, INT8, 8, engine, True, "dynamic: inputs quantized at each call, results float")
    if family == "static" and kind in ("Embedding", "EmbeddingBag"):
        return Row(name, kind, "float32", 8, "", False, "its table is stored in 8 bits; what it looks up is float32")
    if family == "static":
        never = getattr(module, "scale", None) == 1.0 and getattr(module, "zero_point", None) == 0
        return Row(
            name,
            kind,
            INT8,
            8 if hasattr(module, "weight") else None,
            engine,
            False,
            "its scale is the initial 1: it saw no data" if never else "static: takes and gives int8",
        )
    weight = next(iter(module.parameters(recurse=False)), None)
    if family == "fake" or type(getattr(module, "weight_fake_quant", None)).__name__.endswith("FakeQuantize"):
        return Row(name, kind, "float32", 32, "", True, "fake-quantized: float arithmetic until it is converted")
    if weight is None:
        return None
    if type(weight).__module__.startswith("torchao"):
        return _torchao_row(name, kind, weight)
    return Row(name, kind, _name(weight.dtype), 8 * weight.element_size(), "", None, _why_float(module))


def _torchao_row(name: str, kind: str, weight: torch.Tensor) -> Row:
    stored = getattr(weight, "qdata", None)
    bits = 8 * stored.element_size() if isinstance(stored, torch.Tensor) else None
    if type(weight).__name__ != "Int8Tensor":
        return Row(
            name,
            kind,
            UNKNOWN,
            bits,
            "torchao",
            None,
            f"weights are a {type(weight).__name__}; pass an example to see its kernels",
        )
    if weight.act_quant_kwargs is None:
        return Row(name, kind, _name(weight.dtype), 8, "torchao", None, "weight-only: they become float at each call")
    return Row(name, kind, INT8, 8, "torchao", True, "dynamic: inputs quantized at each call, results float")


def _why_float(module: nn.Module) -> str:
    if isinstance(module, nn.MultiheadAttention):
        return "its projections are parameters of its own, which no replacement sees"
    if isinstance(module, nn.modules.conv._ConvNd):
        return "not converted: without a qconfig, and the list of quantize_dynamic has no convolution"
    if isinstance(module, nn.Linear | nn.RNNBase):
        return "not replaced: outside the set of types, without a qconfig, or itself the model"
    return "no int8 version was asked for"


def _kernels(model: nn.Module, example: tuple[torch.Tensor, ...]) -> dict[str, list[str]]:
    """Run the model once; the operators that each module called itself, by the module's name."""
    stack, called = [""], {}

    class Record(TorchDispatchMode):
        def __torch_dispatch__(self, func, types, args=(), kwargs=None):
            called.setdefault(stack[-1] or "(the model)", []).append(str(func))
            return func(*args, **(kwargs or {}))

    def leave(*_: object) -> None:  # a hook that returned something would replace the module's output
        stack.pop()

    hooks = []
    for name, module in model.named_modules():
        hooks += [
            module.register_forward_pre_hook(lambda *_, name=name: stack.append(name)),
            module.register_forward_hook(leave, always_call=True),
        ]
    try:
        with torch.no_grad(), Record():
            model(*example)
    finally:
        for hook in hooks:
            hook.remove()
    return called


def _with_evidence(row: Row, kernels: list[str]) -> Row:
    int8 = [k for k in kernels if k.startswith(INT8_KERNELS)]
    floats = [k for k in kernels if k.startswith(FLOAT_KERNELS)]
    if int8:
        return replace(row, runs_in=INT8, why=f"{row.why} (ran {int8[0]})")
    if row.runs_in in (INT8, UNKNOWN) and floats:
        return replace(row, runs_in="float32", why=f"it ran {floats[0]}, a float kernel")
    if row.runs_in == INT8 and not row.kind.startswith("QFunctional"):
        return replace(row, runs_in=UNKNOWN, why=f"{row.why}, but no int8 kernel of it was seen in this run")
    return row


def _graph_rows(model: torch.fx.GraphModule) -> Iterator[Row]:
    """Matrix products and convolutions of a graph, by what stands before and in them."""
    for node in model.graph.nodes:
        target = str(node.target).removeprefix("torch.ops.")
        if node.op != "call_function" or not any(word in target for word in ("linear", "conv", "addmm", "mm.")):
            continue
        if target.startswith(INT8_KERNELS):
            yield Row(node.name, target, INT8, 8, "graph", None, "an int8 operator")
        elif any("dequantize" in str(parent.target) for parent in node.all_input_nodes):
            yield Row(
                node.name,
                target,
                "float32",
                8,
                "",
                True,
                "between dequantize and quantize: int8 only after the graph is compiled (lowered)",
            )
        else:
            yield Row(node.name, target, "float32", None, "", None, "the quantizer left it alone")


def _script_rows(model: torch.jit.ScriptModule) -> Iterator[Row]:
    for i, node in enumerate(model.inlined_graph.nodes()):
        kind = node.kind()
        name = kind.replace("::", ".")
        if name.startswith(INT8_KERNELS):
            yield Row(f"node {i}", kind, INT8, 8, torch.backends.quantized.engine, None, "an int8 operator")
        elif name.removesuffix("_").startswith((*FLOAT_KERNELS, "aten._convolution", "aten.conv", "aten.matmul")):
            yield Row(f"node {i}", kind, UNKNOWN, None, "", None, "a float operator; its type is set when it runs")


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")
