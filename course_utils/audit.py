"""The audit of a quantized model: which modules run in int8, which stayed float, and why.

It reads what a module is. With an example input it also runs the model and reads which kernels each module
called, which is the better evidence. Where neither tells, it says "unknown".
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import torch
from torch import nn
from torch.nn.modules.module import register_module_forward_hook, register_module_forward_pre_hook
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from course_utils.tables import Table, Tabled
from course_utils.tensors import as_it_was, is_half_packed, need_values, own

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


UNKNOWN = "unknown"
SCRIPTED = "scripted"
HALF = "weights packed as float16 in memory, computed in float32"
# A matrix product or a convolution in the name of a graph's function; not "bilinear" or "convert".
PRODUCT = re.compile(r"(?<![a-z])(q?linear|q?conv(?!ert)|(b?add)?b?m[mv]\b|matmul|einsum|lstm|gru|scaled_dot_product)")


@dataclass(frozen=True)
class Row:
    """One module, or one operator of a graph.

    Attributes:
        name: where it is in the model.
        kind: its class, or the operator.
        runs_in: "int8", the float type it computes in ("float32", "bfloat16", …), or "unknown".
        weight_bits: bits a stored weight takes, or None without weights or where it cannot be told.
        engine: the int8 backend, or "".
        why: one sentence.
    """

    name: str
    kind: str
    runs_in: str
    weight_bits: int | None
    engine: str
    why: str


@dataclass(frozen=True, repr=False)
class Audit(Tabled):
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


def audit(model: nn.Module, *example: torch.Tensor, **named: torch.Tensor) -> Audit:
    """Say for each module of a model whether it runs in int8.

    Works on eager models quantized by `torch.ao.quantization` (dynamic, static, QAT), on models whose weights
    torchao replaced, on graphs (FX, PT2E), and on any of these inside another module.

    Args:
        model: any module; it is not changed (see `as_it_was`).
        example: inputs for one forward pass in evaluation mode, without gradients, of the shapes that the model takes;
            its kernels then decide. Compiled parts run as before they were compiled. Without any, the model is only
            read. A scripted or traced model needs one, and has a row for each product that it called.
        named: inputs that the model takes by name; an exported graph takes all of them in its order.
    Raises:
        TypeError: not a module. What the forward pass raises, when `example` does not fit.
        ValueError: a lazy parameter, which a run would initialise, or one on the meta device with an example that is
            not; the message names it.
    """
    if not isinstance(model, nn.Module):
        raise TypeError(f"audit needs a model (nn.Module), got {type(model).__name__}")
    given = (*example, *named.values())
    need_values(model, meta=any(isinstance(x, torch.Tensor) and not x.is_meta for x in given))
    reading = _Reading(model)
    if not given:
        return Audit([reading.without_evidence(row) for row in reading.rows])
    with as_it_was(model), watch(model) as seen:
        if isinstance(model, torch.fx.GraphModule):
            ByNode(model, seen).run(*own(given))
        else:
            model(*own(example), **own(named))
    return Audit(list(reading.with_evidence(seen.called)))


@dataclass
class _Reading:
    """What a model is, read off its modules and graphs; a run may then say more.

    Attributes:
        rows: in the order of the modules.
        closed: quantized modules, by name: what their parts call is their own.
        scripts: scripted modules, by name.
        nodes: of rows that stand for a node of a graph, by the name of the row.
    """

    model: nn.Module
    rows: list[Row] = field(default_factory=list)
    closed: list[str] = field(default_factory=list)
    scripts: list[str] = field(default_factory=list)
    nodes: dict[str, torch.fx.Node] = field(default_factory=dict)
    stubs: bool = False
    seen: set[nn.Module] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._read("", self.model, observed=False, compiled=False)

    def _read(self, name: str, module: nn.Module, observed: bool, compiled: bool) -> None:
        if module in self.seen:
            return
        self.seen.add(module)
        prefix = f"{name}." if name else ""
        if isinstance(module, torch.jit.ScriptModule):
            self.scripts.append(name)
            why = "scripted: pass an example to see its kernels"
            self.rows.append(Row(name or "(the model)", SCRIPTED, UNKNOWN, None, "", why))
        elif isinstance(module, torch.fx.GraphModule):
            called = {n.target: module.get_submodule(n.target) for n in module.graph.nodes if n.op == "call_module"}
            observed |= any(hasattr(part, "calculate_qparams") for part in called.values())
            for row, node in _graph_rows(prefix, module, compiled):
                self.rows.append(row)
                self.nodes[row.name] = node
            self.stubs |= any("quantize_per_tensor" in str(node.target) for node in module.graph.nodes)
            for target, part in called.items():
                self._read(f"{prefix}{target}", part, observed, compiled)
        elif not hasattr(module, "calculate_qparams"):  # an observer has no row
            self.stubs |= type(module).__name__ == "Quantize"
            observed |= hasattr(module, "activation_post_process")
            row = _classify(name or "(the model)", module)
            if row and observed and _family(module) == "":
                row = replace(row, why="observed, not converted yet")
            self.rows += [row] if row else []
            if _family(module):
                self.closed.append(name)
                return  # the parts of a quantized module stand in its own row
            for child, part in module.named_children():
                if child != "parametrizations":
                    self._read(f"{prefix}{child}", part, observed, compiled or hasattr(module, "_orig_mod"))

    def without_evidence(self, row: Row) -> Row:
        name = "" if row.name == "(the model)" else row.name
        if row.runs_in == INT8 and name in self.closed and not self.stubs:
            if _family(self.model.get_submodule(name)) == "static":
                return replace(row, why="no Quantize stands before it: on a float input it fails. Add a QuantStub")
        return row

    def with_evidence(self, called: dict[object, Calls]) -> Iterator[Row]:
        merged = {}
        for at, calls in called.items():
            owner = at
            if isinstance(at, str):
                owner = next((name for name in self.closed if f"{at}.".startswith(f"{name}." if name else "")), at)
            into = merged.setdefault(owner, Calls())
            into.products.extend(calls.products)
            into.gives_int8 |= calls.gives_int8 and at == owner
        scripts = tuple(self.scripts)
        for row in self.rows:
            if row.kind == SCRIPTED:
                continue
            name = "" if row.name == "(the model)" else row.name
            yield _with_evidence(row, merged.get(self.nodes.get(row.name, name), Calls()))
        for name in scripts:
            for i, (operator, runs_in) in enumerate(merged.get(name, Calls()).products):
                bits, engine = (8, torch.backends.quantized.engine) if runs_in == INT8 else (None, "")
                at = f"{name}.call {i}" if name else f"call {i}"
                yield Row(at, f"{SCRIPTED} {operator}", runs_in, bits, engine, "it ran")


def _family(module: nn.Module) -> str:
    """Which package of torch.ao a module is from: "dynamic", "static", "fake", or "" for none."""
    path = type(module).__module__
    if not path.startswith("torch.ao.nn"):
        return ""
    if ".quantized.reference" in path:
        return "fake"
    if ".quantized.dynamic" in path:
        return "dynamic"
    if ".quantized" in path:
        return "static"
    return "fake" if ".qat" in path else ""


def _classify(name: str, module: nn.Module) -> Row | None:
    kind, family = type(module).__name__, _family(module)
    engine = torch.backends.quantized.engine
    if kind in ("Quantize", "DeQuantize"):
        return Row(name, kind, "float32", None, "", "converts between float and int8")
    if family == "dynamic":
        types = (getattr(module, name, None) for name in ("dtype", "weight_dtype"))  # a layer's, a cell's
        half = torch.float16 in types or "dtype=torch.float16" in repr(module)
        if half:
            return Row(name, kind, "float32", 16, "", HALF)
        return Row(name, kind, INT8, 8, engine, "dynamic: inputs quantized at each call, results float")
    if family == "static" and kind in ("Embedding", "EmbeddingBag"):
        return Row(name, kind, "float32", 8, "", "its table is stored in 8 bits; what it looks up is float32")
    if family == "static":
        never = getattr(module, "scale", None) == 1.0 and getattr(module, "zero_point", None) == 0
        return Row(
            name,
            kind,
            INT8,
            8 if hasattr(module, "weight") else None,
            engine,
            "its scale is the initial 1: it saw no data" if never else "static: takes and gives int8",
        )
    computed = [p for held in getattr(module, "parametrizations", {}).values() for p in held.parameters(recurse=False)]
    weight = next(iter((*computed, *module.parameters(recurse=False))), None)
    if family == "fake" or type(getattr(module, "weight_fake_quant", None)).__name__.endswith("FakeQuantize"):
        dtype = torch.float32 if weight is None else weight.dtype
        why = "fake-quantized: float arithmetic until it is converted"
        return Row(name, kind, _name(dtype), 8 * dtype.itemsize, "", why)
    if weight is None:
        return None
    if type(weight).__module__.startswith("torchao"):
        return _torchao_row(name, kind, weight)
    return Row(name, kind, _name(weight.dtype), 8 * weight.element_size(), "", _why_float(module))


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
            f"weights are a {type(weight).__name__}; pass an example to see its kernels",
        )
    if weight.act_quant_kwargs is None:
        return Row(name, kind, _name(weight.dtype), 8, "torchao", "weight-only: they become float at each call")
    return Row(name, kind, INT8, 8, "torchao", "dynamic: inputs quantized at each call, results float")


def _why_float(module: nn.Module) -> str:
    if isinstance(module, nn.MultiheadAttention):
        return "its projections are parameters of its own, which no replacement sees"
    if isinstance(module, nn.modules.conv._ConvNd):
        return "not converted: without a qconfig, and the list of quantize_dynamic has no convolution"
    if isinstance(module, nn.Linear | nn.RNNBase):
        return "not replaced: outside the set of types, without a qconfig, or itself the model"
    return "no int8 version was asked for"


def _with_evidence(row: Row, calls: Calls) -> Row:
    int8 = [operator for operator, runs_in in calls.products if runs_in == INT8]
    floats = [(operator, runs_in) for operator, runs_in in calls.products if runs_in != INT8]
    if int8:
        return replace(row, runs_in=INT8, why=f"{row.why} (ran {int8[0]})")
    if floats:
        operator, runs_in = floats[0]
        why = f"it ran {operator}, a float kernel" if row.runs_in in (INT8, UNKNOWN) else row.why
        return replace(row, runs_in=runs_in, why=why)
    if row.runs_in == INT8 and not calls.gives_int8 and not row.kind.startswith("QFunctional"):
        return replace(row, runs_in=UNKNOWN, why=f"{row.why}, but no int8 kernel of it was seen in this run")
    return row


def _graph_rows(prefix: str, model: torch.fx.GraphModule, compiled: bool) -> Iterator[tuple[Row, torch.fx.Node]]:
    """Matrix products and convolutions among the functions of a graph, by what stands before and in them."""
    for node in model.graph.nodes:
        if node.op not in ("call_function", "call_method"):
            continue
        target = node.target if isinstance(node.target, str) else str(node.target).removeprefix("torch.ops.")
        target = f"torch.{node.target.__name__}" if target.startswith("<") else target
        if not PRODUCT.search(target):
            continue
        name, dtype = f"{prefix}{node.name}", _dtype(node, model)
        if is_int8(target):
            row = Row(name, target, INT8, 8, "graph", "an int8 operator")
        elif any("dequantize" in str(parent.target) for parent in node.all_input_nodes):
            why = "between dequantize and quantize: int8 only after the graph is compiled (lowered)"
            if compiled:
                dtype, why = UNKNOWN, "compiled: which kernel the compiler chose cannot be read from the graph"
            row = Row(name, target, dtype, 8, "", why)
        else:
            row = Row(name, target, dtype, None, "", "the quantizer left it alone")
        yield row, node


def _dtype(node: torch.fx.Node, model: torch.fx.GraphModule) -> str:
    """The float type of a node: of what it was seen to give when the graph was made, or of a weight it reads."""
    if isinstance(value := node.meta.get("val"), torch.Tensor):
        return _name(value.dtype)
    for parent in node.all_input_nodes:
        if parent.op == "get_attr":
            owner, _, leaf = parent.target.rpartition(".")
            return _name(getattr(model.get_submodule(owner), leaf).dtype)
    return UNKNOWN


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")
