"""Where the time of one call lies, operator by operator: torch's profiler, and what other runtimes say of themselves.

Every runtime names its operators its own way. `kind` puts each of them into one of three groups; what no operator took
lies between them.
"""

from __future__ import annotations

import re
import time
from collections import defaultdict
from collections.abc import Callable, Iterable

from torch.profiler import ProfilerActivity, profile

from course_utils.int8_routes.record import Row, Spent

INT8, FLOAT, CONVERT = "int8", "float", "convert"
N_LONGEST = 4

# Operators of torch that neither compute nor move data: they look up, view, or make an empty tensor.
_BOOKKEEPING = {
    "aten::" + name
    for name in (
        "empty empty_like empty_strided new_empty _empty_affine_quantized _empty_per_channel_affine_quantized q_scale "
        "q_zero_point q_per_channel_scales qscheme view _unsafe_view reshape as_strided expand permute transpose t "
        "unsqueeze squeeze slice select unbind split flatten detach alias resolve_conj resolve_neg dropout linear "
        "conv2d"
    ).split()
}
_TORCH_CONVERTS = ("quantize", "dequantize", "copy_", "clone", "contiguous", "to", "_to_copy", "reorder", "cat")
_COMPILED = re.compile(r"(?:graph_\d+_)?cpp_fused_(.*)")
_COMPILED_CONVERTS = {"quantize", "dequantize", "per", "tensor", "channel", "clone", "view", "permute", "reshape"}
_ORT_CONVERTS = {"QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear", "ReorderInput", "ReorderOutput"}
_ORT_MOVES = {"Transpose", "Cast", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Concat", "Slice", "Split", "Identity"}
_ORT_INT8 = re.compile("QLinear|QGemm|QAttention|Integer|DynamicQuantizeMatMul|MatMulNBits|NhwcMaxPool")
_OV_MOVES = {"Reorder", "Convert", "Transpose", "Reshape", "FakeQuantize", "Concatenation", "Split", "StridedSlice"}


def kind(runtime: str, name: str, detail: str = "") -> str | None:
    """The group of an operator: "int8", "float" or "convert"; None where it is bookkeeping, and counts as between.

    Args:
        runtime: "torch", "ONNX Runtime" or "OpenVINO".
        name: torch's event, ONNX Runtime's operator, or OpenVINO's type of a node.
        detail: OpenVINO's kernel, such as "brgconv_avx512_I8"; nothing of the others.
    """
    if runtime == "ONNX Runtime":
        if name in _ORT_CONVERTS | _ORT_MOVES:
            return CONVERT
        return INT8 if _ORT_INT8.search(name) else FLOAT
    if runtime == "OpenVINO":
        if name in _OV_MOVES:
            return CONVERT
        return INT8 if re.search(r"_[iu]8$", detail.lower()) else FLOAT
    return _torch_kind(name)


def _torch_kind(name: str) -> str | None:
    if name in _BOOKKEEPING:
        return None
    if fused := _COMPILED.fullmatch(name):
        words = set(re.split(r"_+|\d+", fused[1])) - {""}
        return CONVERT if words <= _COMPILED_CONVERTS else FLOAT
    space, _, own = name.rpartition("::")
    if own.startswith(("qconv", "qlinear", "qbatch", "quantized_")) or (space == "quantized" and "quantize" not in own):
        return INT8
    if name.startswith("aoti_torch_") and ("qconv" in name or "qlinear" in name):
        return INT8  # how AOTInductor calls the same operators
    if not space:
        return None  # a mark of the compiler or of the profiler, whose own time is what no operator took
    return CONVERT if own.startswith(_TORCH_CONVERTS) else FLOAT


def torch_operators(run: Callable[[], object], calls: int) -> tuple[float, list[tuple[str, str, float, float]]]:
    """One profile of a route in torch.

    Returns:
        (seconds a call by the clock, [(operator, "", times a call, seconds a call)]): each operator's own time, without
        that of the operators that it calls.
    """
    with profile(activities=[ProfilerActivity.CPU]) as trace:
        seconds = clocked(run, calls)
    events = trace.key_averages()
    return seconds, [(e.key, "", e.count / calls, 1e-6 * e.self_cpu_time_total / calls) for e in events]


def clocked(run: Callable[[], object], calls: int) -> float:
    """Seconds a call, by the clock."""
    start = time.perf_counter()
    for _ in range(calls):
        run()
    return (time.perf_counter() - start) / calls


def measure(row: Row, run: Callable[[], object], operators: Callable | None, *, calls: int, rounds: int) -> Spent:
    """Profile one route several times, and keep the shortest profile: what disturbs a call only adds to it.

    Args:
        row: which route it is.
        run: one call.
        operators: takes a number of calls and gives what `torch_operators` gives; None = `torch_operators` of `run`.
        calls: calls a profile.
        rounds: profiles.
    """
    operators = operators or (lambda calls: torch_operators(run, calls))
    operators(calls)  # the first profile of a process takes longer
    seen, plain = [], []
    for _ in range(rounds):
        plain.append(clocked(run, calls))
        seen.append(_grouped(row.runtime, *operators(calls)))
    one = min(seen, key=lambda one: one["total"])
    longest = sorted(one["names"].items(), key=lambda pair: -pair[1])[:N_LONGEST]
    return Spent(
        row.model,
        row.runtime,
        row.variant,
        1e3 * one["total"],
        *(1e3 * one[group] for group in (INT8, FLOAT, CONVERT, None)),
        round(one["count"]),
        1e3 * min(plain),
        [[name, 1e3 * seconds] for name, seconds in longest],
    )


def _grouped(runtime: str, total: float, operators: Iterable[tuple[str, str, float, float]]) -> dict:
    """One profile's seconds by group (None = between), by name, and how many operators ran."""
    one = {"total": total, INT8: 0.0, FLOAT: 0.0, CONVERT: 0.0, "count": 0.0, "names": defaultdict(float)}
    for name, detail, count, seconds in operators:
        if (group := kind(runtime, name, detail)) is None:
            continue
        one[group] += seconds
        one["count"] += count
        one["names"][f"{name} ({detail})" if detail else name] += seconds
    one[None] = max(0.0, total - one[INT8] - one[FLOAT] - one[CONVERT])
    return one
