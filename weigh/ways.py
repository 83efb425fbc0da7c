"""The ways to make a model smaller or faster, each on a copy, each measured or answered with a sentence."""

from __future__ import annotations

import contextlib
import logging
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from statistics import median

import torch
from IPython.utils.capture import capture_output
from torch import Tensor, nn
from torch.nn.utils import prune

from course_utils import language, legacy_int8, timing
from course_utils.audit import audit, is_int8
from course_utils.int8_routes.torch_compiled import EXPECTED_WARNINGS, ON_ARM, compiled, without_unread
from course_utils.runtime import physical_cores, quick, threads
from course_utils.sizes import size_report
from weigh.forms import Built, Row, Way, cast
from weigh.sheet import LARGE, OutOfTime, Refused, Sheet, TensorModel, agreement, n_inputs, sentence, shown, within

FLOAT, HALF = "float, as it is", "16 bits (bfloat16)"
DYNAMIC, TORCHAO, TORCHAO_WEIGHTS = "int8 dynamic", "int8 dynamic (torchao)", "int8 weights (torchao)"
STATIC, STATIC_COMPILED, COMPILED = "int8 static (PT2E)", "int8 static (PT2E), compiled", "float, compiled"
ORT, ORT_INT8, OPENVINO_INT8 = "ONNX Runtime, float", "ONNX Runtime, int8", "OpenVINO, int8"
MASKED, CUT, TRAINED = "half of the weights zero, gzip", "half of the channels", "float, the same training"
NOT_INT8_YET = "computes in float until it is compiled"
SCATTER, ONCE = "scatter, perhaps because other programs were at work", "are of a single call, some of them"
NOTHING = "bit for bit the same outputs"
UNTRAINED = "not trained after the cut"
SAMPLE_S = 0.06  # OpenMP's threads, PyTorch's workers, spin for 6 ms after a call: a small part of the next sample
WIDE = 0.2  # of the median: where the quartiles of half of the forms are further apart, something disturbed them
MAX_COMPILED = 200  # forms in a process
DYNAMIC_LINES = """torch.backends.quantized.engine = "{engine}"
torch.backends.mha.set_fastpath_enabled(False)  # it would read float weights, which are gone
torch.ao.quantization.quantize_dynamic(model, {{{which}}}, inplace=True)"""
TORCHAO_LINES = """from torchao.quantization import {config}, quantize_

torch.backends.mha.set_fastpath_enabled(False)  # it would read float weights, which are gone
config = {config}({given})
quantize_(model, config, filter_fn=lambda layer, name: type(layer) is torch.nn.Linear{but})"""
LOST = 0.02  # a route that answers this share differently has lost answers
RECURRENT = (nn.LSTM, nn.GRU, nn.LSTMCell, nn.GRUCell, nn.RNNCell)
ACTIVATIONS = ("ReLU", "ReLU6", "Hardtanh", "GELU", "SiLU", "Hardswish")
PRODUCTS = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)
OPENVINO_PRODUCTS = ("Convolution", "GroupConvolution", "FullyConnected", "MatMul")  # as its CPU plugin calls them
_FOLDER = tempfile.TemporaryDirectory(prefix="yours-", ignore_cleanup_errors=True)  # goes when this process ends


@contextlib.contextmanager
def quietly() -> Iterator[None]:
    """Hold back what these packages print about their own progress; errors still raise."""
    level = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with legacy_int8.quiet(), capture_output():
            for message in (*EXPECTED_WARNINGS, ".*treespec", "# 'axis'", ".*weights_only", ".*default_engine"):
                warnings.filterwarnings("ignore", message)
            yield
    finally:
        logging.disable(level)


@contextlib.contextmanager
def as_int8_needs() -> Iterator[None]:
    """The best engine, and no fused attention, which would read float weights where there are none any more."""
    before = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    engines = legacy_int8.available()
    try:
        with legacy_int8.use(engines[0]) if engines else contextlib.nullcontext():
            yield
    finally:
        torch.backends.mha.set_fastpath_enabled(before)


def _eager(one: TensorModel, *, int8: bool = False, rebuild: str | None = "") -> Built:
    def call(xs: tuple[Tensor, ...]) -> Tensor:
        with as_int8_needs() if int8 else contextlib.nullcontext():
            return one(*xs)

    return Built(call, size_report(one.model).file_bytes, one, rebuild=rebuild)


def _float(sheet: Sheet, keep: frozenset[str]) -> Built:
    return _eager(sheet.one)


def _half(sheet: Sheet, keep: frozenset[str]) -> Built:
    one = sheet.copy().bfloat16()
    built = _eager(one, rebuild="model.bfloat16()  # and its inputs: x.bfloat16()")
    built.call = lambda xs: one(*cast(xs, torch.bfloat16)).float()
    return built


def _dynamic(sheet: Sheet, keep: frozenset[str]) -> Built:
    tq, one = legacy_int8.tq, sheet.copy()
    kinds = (nn.Linear, *RECURRENT)
    called = _called(one, sheet, kinds)  # a layer whose weight is read without a call must stay as it is
    names = [name for name, m in one.named_modules() if type(m) in kinds and name not in keep and m in called]
    found = {type(one.get_submodule(name)) for name in names}
    of_all = all(name in names for name, module in one.named_modules() if type(module) in found)
    which = [f"torch.nn.{kind.__name__}" for kind in found] if of_all else [repr(shown(name)) for name in names]
    with quietly(), as_int8_needs():
        tq.quantize_dynamic(one, dict.fromkeys(names, tq.default_dynamic_qconfig), inplace=True)
        engine = torch.backends.quantized.engine
        return _eager(one, int8=True, rebuild=DYNAMIC_LINES.format(engine=engine, which=", ".join(sorted(which))))


def _sums_overflow() -> bool:
    """Whether sums of two int8 products may be clipped here: on an x86 processor without VNNI."""
    from torchao.utils import should_reduce_range

    return not ON_ARM and should_reduce_range(torch.device("cpu"))


def _torchao(sheet: Sheet, keep: frozenset[str], *, weights_only: bool = False) -> Built:
    with quietly():
        from torchao.quantization import Int8DynamicActivationInt8WeightConfig, Int8WeightOnlyConfig, quantize_

        one = sheet.copy()
        if weights_only:
            config = Int8WeightOnlyConfig()
        else:
            config = Int8DynamicActivationInt8WeightConfig(reduce_range=_sums_overflow())
        quantize_(one, config, filter_fn=lambda module, name: type(module) is nn.Linear and name not in keep)
        but = f" and name not in {sorted(map(shown, keep))}" * bool(keep)
        given = "" if weights_only else f"reduce_range={_sums_overflow()}"
        lines = TORCHAO_LINES.format(config=type(config).__name__, given=given, but=but)
        return _eager(one, int8=True, rebuild=lines)


def _static(sheet: Sheet, keep: frozenset[str], *, compile: bool = False) -> Built:
    with quietly(), torch.no_grad():
        graph = _converted(sheet, keep)
        program = torch.export.export(graph, sheet.example)
        program.example_inputs = None  # else the file holds the input too
        path = Path(tempfile.mkdtemp(dir=_FOLDER.name), "static.pt2")
        torch.export.save(program, path)
        loaded = torch.export.load(path).module()
    if compile:
        built = _compile(loaded, sheet)
        built.file_bytes, built.path = path.stat().st_size, path
        built.in_int8 = "{} of {} products".format(*products(built.call, sheet.example))
        return built
    return Built(lambda xs: loaded(*xs), path.stat().st_size, None, None, path, NOT_INT8_YET)


def _converted(sheet: Sheet, keep: frozenset[str]) -> torch.fx.GraphModule:
    """Exported, calibrated on the first part of the batches and converted; `keep` names layers that stay float."""
    from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e, prepare_pt2e

    if ON_ARM:
        from torchao.quantization.pt2e.quantizer import arm_inductor_quantizer as here

        quantizer = here.ArmInductorQuantizer()
        quantizer.set_global(here.get_default_arm_inductor_quantization_config())
    else:
        from torchao.quantization.pt2e.quantizer import x86_inductor_quantizer as here

        quantizer = here.X86InductorQuantizer()
        quantizer.set_global(here.get_default_x86_inductor_quantization_config(reduce_range=_sums_overflow()))
    for name in keep:
        quantizer.set_module_name_qconfig(name, None)
    graph = torch.export.export(sheet.one, sheet.example).module()
    for node in graph.graph.nodes:  # an activation called twice would count as one, which the quantizer refuses
        kind = str([("", ""), *node.meta.get("nn_module_stack", {}).values()][-1][1]).rpartition(".")[2]
        if node.op == "call_function" and kind in ACTIVATIONS:
            node.meta["source_fn_stack"] = [(node.name, getattr(nn, kind))]
    graph = prepare_pt2e(graph, quantizer)
    for xs in sheet.calibrating:
        graph(*xs)
    return without_unread(convert_pt2e(graph))


class _Together(nn.Module):
    """A module that takes its tensors as one tuple."""

    def __init__(self, inside: nn.Module):
        super().__init__()
        self.inside = inside

    def forward(self, xs: tuple[Tensor, ...]) -> Tensor:
        return self.inside(*xs)


def _compile(module: nn.Module, sheet: Sheet) -> Built:
    start = time.perf_counter()
    # All forms share one forward; from the ninth in a process on, torch would leave them in Python without an error.
    with threads(1), torch._dynamo.config.patch(recompile_limit=MAX_COMPILED):
        fast = compiled(_Together(module), sheet.example)

    def call(xs: tuple[Tensor, ...]) -> Tensor:
        with threads(1):  # else torch would compile it once more, in float
            return fast(xs)

    return Built(call, 0, one_thread=True, compile_s=time.perf_counter() - start)


def _compiled(sheet: Sheet, keep: frozenset[str]) -> Built:
    one = sheet.copy()
    with quietly():
        built = _compile(one, sheet)
    built.file_bytes, built.module, built.rebuild = size_report(one.model).file_bytes, one, ""
    return built


def products(call: Callable, xs: tuple[Tensor, ...]) -> tuple[int, int]:
    """How many products a call makes by int8 kernels, and how many in all, as PyTorch's profiler sees them."""
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as trace, torch.no_grad():
        call(xs)
    return counted(event.name for event in trace.events())


def counted(events: Iterable[str]) -> tuple[int, int]:
    """Products in int8, and all, among the operators that a profiler saw."""
    names = [name.replace("::", ".") for name in events]
    int8 = sum(map(is_int8, names))
    floats = sum(
        name.startswith(("mkldnn._linear", "mkldnn._conv", "aten.addmm", "aten.bmm", "aten.mm")) for name in names
    )
    return int8, int8 + floats


def _onnx_file(sheet: Sheet, int8: bool) -> Path:
    """The model as an ONNX file, in float or in int8; each is made once."""
    if sheet.onnx is None:
        import onnxscript  # noqa: F401  torch's exporter needs it, and this says so before the export begins

        path = Path(tempfile.mkdtemp(dir=_FOLDER.name), "float.onnx")
        names = [f"x{i}" for i in range(len(sheet.example))]
        program = torch.onnx.export(sheet.one, sheet.example, dynamo=True, verbose=False, input_names=names)
        program.save(str(path), external_data=False)
        sheet.onnx = path
    made = sheet.onnx.with_name("int8.onnx")
    if int8 and not made.exists():
        _onnx_int8(sheet.onnx, made, sheet)
    return made if int8 else sheet.onnx


def _onnx(sheet: Sheet, keep: frozenset[str], *, int8: bool = False) -> Built:
    import onnxruntime

    with quietly():
        path = _onnx_file(sheet, int8)
    names = [given.name for given in onnxruntime.InferenceSession(str(path), _options(1)).get_inputs()]

    def session(n_threads: int, kept: Path | None = None) -> Callable[[tuple[Tensor, ...]], Tensor]:
        made = onnxruntime.InferenceSession(str(path), _options(n_threads, kept), providers=["CPUExecutionProvider"])
        return lambda xs: torch.from_numpy(made.run(None, {n: x.numpy() for n, x in zip(names, xs, strict=True)})[0])

    kept = path.with_name(f"ran_{path.name}") if int8 else None
    built = Built(session(1, kept), path.stat().st_size, None, session(physical_cores()), path)
    if int8:
        built.in_int8 = _onnx_kernels(kept)
    return built


def _options(n_threads: int, kept: Path | None = None) -> object:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = n_threads, 1
    options.log_severity_level = 3  # errors
    # Its idle threads would spin for a fifth of a second, on the core of whatever is timed next.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    if kept:
        options.optimized_model_filepath = str(kept)
    return options


def _onnx_int8(path: Path, made: Path, sheet: Sheet) -> None:
    """Write a file in int8: static where there are convolutions, else the matrix products alone, dynamically."""
    import onnx
    from onnxruntime.quantization import CalibrationDataReader, QuantType, quantize_dynamic, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    class Reader(CalibrationDataReader):
        def __init__(self):
            self.inputs = iter([{f"x{i}": x.numpy() for i, x in enumerate(xs)} for xs in sheet.calibrating])

        def get_next(self) -> dict | None:
            return next(self.inputs, None)

    folded = path.with_name("folded.onnx")
    try:
        quant_pre_process(str(path), str(folded), skip_symbolic_shape=True)
    except Exception:  # it tidies up, and no more
        folded = path
    graph = onnx.load(folded)
    del graph.graph.value_info[:]  # shapes between the nodes, which the exporter sometimes writes wrongly
    onnx.save(graph, folded)
    options = {"per_channel": True, "weight_type": QuantType.QInt8, "reduce_range": _sums_overflow()}
    if any(isinstance(m, PRODUCTS[1:]) for m in sheet.one.modules()):
        quantize_static(str(folded), str(made), Reader(), activation_type=QuantType.QUInt8, **options)
    else:
        quantize_dynamic(str(folded), str(made), op_types_to_quantize=["MatMul", "Gemm", "LSTM"], **options)


def _onnx_kernels(path: Path) -> str:
    """How many products of the graph that ONNX Runtime made of a file are in int8."""
    import onnx

    ops = Counter(node.op_type for node in onnx.load(str(path), load_external_data=False).graph.node)
    int8 = sum(n for op, n in ops.items() if op.startswith(("QLinear", "QGemm", "MatMulInteger", "ConvInteger",
        "DynamicQuantize")) and any(word in op for word in ("Conv", "MatMul", "Gemm", "LSTM")))  # fmt: skip
    floats = sum(ops[op] for op in ("Conv", "FusedConv", "MatMul", "FusedMatMul", "Gemm", "FusedGemm", "LSTM", "GRU"))
    return f"{int8} of {int8 + floats} products"


def _openvino_int8(sheet: Sheet, keep: frozenset[str]) -> Built:
    """The int8 file of ONNX Runtime, run by OpenVINO."""
    import onnx
    import openvino

    with quietly():
        path = _onnx_file(sheet, int8=True)

    def session(n_threads: int) -> tuple[Callable[[tuple[Tensor, ...]], Tensor], object]:
        options = {"INFERENCE_NUM_THREADS": n_threads, "INFERENCE_PRECISION_HINT": "f32"}  # else bfloat16, where it can
        made = openvino.Core().compile_model(str(path), "CPU", options)
        return lambda xs: torch.from_numpy(made([x.numpy() for x in xs])[0].copy()), made

    call, made = session(1)
    ran = [node.get_rt_info() for node in made.get_runtime_model().get_ops()]
    ran = [info["runtimePrecision"].value for info in ran if info["layerType"].value in OPENVINO_PRODUCTS]
    in_all = sum(node.op_type in ("Conv", "Gemm", "MatMul") for node in onnx.load(path).graph.node)
    hidden = f", {in_all - len(ran)} fused, unknown" * (in_all > len(ran))  # into a kernel that names no product
    in_int8 = f"{sum(precision in ('i8', 'u8') for precision in ran)} of {in_all} products{hidden}"
    return Built(call, path.stat().st_size, None, session(physical_cores())[0], path, in_int8)


def routes(sheet: Sheet) -> list[Way]:
    """The ways that there are: each fits, or says why not.

    Args:
        sheet: of `look`.
    Returns:
        The model as it is first; in the order in which `run` tries them.
    """
    kinds = {type(module) for module in sheet.one.modules()}
    linear, some = "The model has no linear layer.", "The model has no linear and no recurrent layer."
    if own := sorted({kind.__name__ for kind in kinds if issubclass(kind, nn.Linear) and kind is not nn.Linear}):
        linear = some = f"Its linear layers are {', '.join(own)}, and nn.Linear itself alone is converted."
    linear = "" if nn.Linear in kinds else linear
    some = "" if kinds & {nn.Linear, *RECURRENT} else some
    done = "The model computes in int8 already." if sheet.int8_already else ""
    unrounded = "" if kinds & set(PRODUCTS[1:]) else "The model has no convolution; OpenVINO would compute it in float."
    compiler, static = _no_compiler(), {"int8": True, "lessons": ("pt2e", "static")}
    return [
        Way(f"float32, given in {sheet.given[0]}" if sheet.given[0] else FLOAT, _float, lossy=False),
        Way(HALF, _half, done, dtype=torch.bfloat16, lessons=("formats",)),
        Way(DYNAMIC, _dynamic, done or some, int8=True, suspects=(nn.Linear,), lessons=("dynamic",)),
        Way(TORCHAO_WEIGHTS, partial(_torchao, weights_only=True), done or linear, int8=True, lessons=("torchao",)),
        Way(TORCHAO, _torchao, done or linear, int8=True, suspects=(nn.Linear,), lessons=("torchao",)),
        Way(STATIC, _static, done, suspects=PRODUCTS, **static),
        Way(ORT, _onnx, lossy=False),
        Way(ORT_INT8, partial(_onnx, int8=True), done, int8=True, twin=ORT),
        Way(OPENVINO_INT8, _openvino_int8, done or unrounded, int8=True, twin=ORT, engine="openvino"),
        Way(STATIC_COMPILED, partial(_static, compile=True), done or compiler, compiled=True, twin=COMPILED, **static),
        Way(COMPILED, _compiled, compiler, lossy=False, compiled=True),
    ]


def _no_compiler() -> str:
    if quick():
        return "Left out in a smoke run."
    try:
        from torch._inductor.cpp_builder import get_cpp_compiler

        get_cpp_compiler()
    except Exception as error:
        return sentence(error)
    return ""


def run(sheet: Sheet, *, ways: list[Way] | None = None, clock: bool = True, say: Callable = print) -> list[Row]:
    """Make every way that fits, and measure it; the rows are added to the sheet.

    Args:
        sheet: of `look`.
        ways: of `routes`; None = all of them.
        clock: time them too, in turn.
        say: is told the name of each way that begins.
    Returns:
        One row a way, in their order.
    """
    rows = []
    for way in routes(sheet) if ways is None else ways:
        if not way.why_not:
            say(f"… {way.name}")
        rows.append(Row(way, remark=way.why_not) if way.why_not else measured(sheet, way))
    sheet.rows += rows
    if clock:
        clocked(sheet, rows)
    return rows


def measured(sheet: Sheet, way: Way) -> Row:
    """The row of one way; where it cannot be made, its remark says why."""
    row = Row(way)
    try:
        with within(sheet.step if way.make is _float else sheet.seconds), threads(1), torch.no_grad():
            _judge(sheet, row, way.make(sheet, frozenset()))
    except (Exception, OutOfTime) as error:  # packages raise what they like; the other rows must still be measured
        row.remark = sentence(error)
    return row


def _judge(sheet: Sheet, row: Row, built: Built) -> None:
    """Fill a row: bytes, answers, int8."""
    outs = [built.call(xs) for xs in sheet.judging]
    answers = [sheet.answer(out) for out in outs]
    row.file_bytes = built.file_bytes
    row.agreement = agreement(answers, sheet.expected)
    row.accuracy = agreement(answers, sheet.labels) if sheet.labels else None
    if sheet.one.next_token(outs[0]) and outs[0].shape[:-1].numel() * len(outs) > 1:
        theirs, ours = torch.cat([sheet.one(*xs) for xs in sheet.judging]), torch.cat(outs)
        row.divergence = max(0.0, language.change(theirs, ours, theirs.argmax(-1)).kl.value)  # rounding may go below 0
    if row.way.lossy and all(torch.equal(out, sheet.one(*xs)) for out, xs in zip(outs, sheet.judging, strict=True)):
        row.remark = NOTHING
    elif not row.way.trained:
        row.remark = UNTRAINED
    row.in_int8 = built.in_int8
    if row.way.int8 and built.module is not None:
        row.in_int8 = _share(sheet, built.module)
    row.built = built


def tried_last(sheet: Sheet, row: Row) -> tuple[float, float | None, float | None, int]:
    """How the recommended form does on the batches that had no say in the choice.

    Args:
        sheet: where none are kept back, what judged has to do.
        row: one that runs.
    Returns:
        Agreement; the share of right answers, and that of the model as it is (None without labels); how many inputs.
    """
    kept = sheet.kept_back
    if kept is None:
        base = agreement(sheet.expected, sheet.labels) if sheet.labels else None
        return row.agreement, row.accuracy, base, n_inputs(sheet.judging)
    with threads(1), torch.no_grad():
        answers = [sheet.answer(row.built.call(xs)) for xs in kept.batches]
    right = [agreement(ours, kept.labels) if kept.labels else None for ours in (answers, kept.expected)]
    return agreement(answers, kept.expected), *right, n_inputs(kept.batches)


def _share(sheet: Sheet, module: nn.Module) -> str:
    """Which part of the MACs a module computed in int8, by the kernels that it called; of its layers, without MACs."""
    with as_int8_needs():
        found = audit(module, *sheet.example).rows
    names = {row.name for row in found if row.runs_in == "int8"}
    macs = {name: n for name, (_, n) in sheet.layers.items()}
    if total := macs.get("", 0):
        part = sum(n for name, n in macs.items() if name in names) / total
        return f"{part:.0%} of the MACs" if not 0 < part < 0.01 else "below 1% of the MACs"
    return f"{len(names)} of {len(found)} layers"


def clocked(sheet: Sheet, rows: list[Row]) -> None:
    """Time rows in turn, with the model as it is; fills milliseconds a call on one thread, and on all cores."""
    base = next((row for row in sheet.rows if row.built is not None), None)
    running = {row.name: row for row in ([base] if base else []) + rows if row.built is not None}
    xs = sheet.example
    for n_threads, slot in ((1, "ms"), (physical_cores(), "ms_all")):
        calls = {
            name: partial(row.built.call if slot == "ms" else row.built.call_all or row.built.call, xs)
            for name, row in running.items()
            if slot == "ms" or n_threads == 1 or not row.built.one_thread
        }
        budget = 0.75 * sheet.step if slot == "ms" else 0.4 * sheet.step
        try:
            with within(2 * budget), torch.no_grad(), quietly():
                once = _once(calls, n_threads)
                for name, seconds in once.items():
                    setattr(running[name], slot, 1e3 * seconds)
                    sheet.unsure[name, slot] = ONCE
                rounds = min(7, int(budget / sum(once.values())) - 2)  # two calls of each warm up
                if rounds > 0:
                    options = {"rounds": rounds, "sample_seconds": SAMPLE_S, "n_threads": n_threads, "device": "cpu"}
                    took = timing.compare(calls, **options)
                    wide = median(took.iqr_ms(name) / took.median_ms(name) for name in calls) > WIDE
                    for name in calls:
                        setattr(running[name], slot, took.median_ms(name))
                        sheet.unsure[name, slot] = SCATTER if wide else ONCE if rounds < 2 else ""
        except (Exception, OutOfTime) as error:
            sheet.facts[f"time with {n_threads} threads"] = f"one call each: {sentence(error)}"


def _once(calls: dict[str, Callable[[], Tensor]], n_threads: int) -> dict[str, float]:
    """Seconds of one call each, which is all that there is of a model whose calls are long."""
    found = {}
    with threads(n_threads):
        for name, call in calls.items():
            start = time.perf_counter()
            call()
            found[name] = time.perf_counter() - start
    return found


def blame(sheet: Sheet, *, clock: bool = True) -> list[Row]:
    """Where int8 lost answers: name the layer that is to blame, and try the route again with that layer in float.

    The layers are tried in a simulation, one at a time: its weights and inputs alone are rounded to 8 bits.

    Returns:
        The new row, or none: where no route lost answers, or no layer can be told.
    """
    lost = [row for row in sheet.rows if row.way.suspects and _has_lost(sheet, row)]
    if not lost:
        return []
    row = max(lost, key=lambda row: len(row.way.suspects))
    try:
        with within(sheet.seconds), torch.no_grad():
            guilty = _guilty(sheet, row.way.suspects)
    except (Exception, OutOfTime) as error:
        row.remark = f"Which layer is to blame is not known: {sentence(error)}"
        return []
    if not guilty:
        return []

    def spared(sheet: Sheet, keep: frozenset[str]) -> Built:
        return row.way.make(sheet, keep | {guilty})

    made = measured(sheet, replace(row.way, name=f"{row.name}, {shown(guilty)} in float", make=spared, suspects=()))
    row.remark = f"loses answers; alone, {shown(guilty)} loses most"
    made.remark = made.remark or "the layer that lost most stays float"
    sheet.rows.append(made)
    if clock:
        clocked(sheet, [made])
    return [made]


def _has_lost(sheet: Sheet, row: Row) -> bool:
    count = sum(answers.numel() for answers in sheet.expected)
    lost = row.built is not None and row.agreement < 1 - LOST
    return lost and row.way.int8 and (1 - row.agreement) * count >= 2


def _guilty(sheet: Sheet, kinds: tuple[type[nn.Module], ...]) -> str:
    """The layer of some kinds that moves the outputs most when it alone is rounded; "" where there is none."""
    one = sheet.copy()
    layers = {name: module for name, module in one.named_modules() if isinstance(module, kinds)}
    errors, xs = {}, sheet.judging[: 1 if len(layers) > 60 else 2 if len(layers) > 30 else 4]
    right = [sheet.one(*x) for x in xs]
    for name, layer in layers.items():
        weight = layer.weight.clone()
        layer.weight.copy_(_rounded(weight, per_row=True))
        hook = layer.register_forward_pre_hook(lambda _, given: (_rounded(given[0]), *given[1:]))
        errors[name] = sum(((one(*x) - r).norm() / r.norm()).item() for x, r in zip(xs, right, strict=True))
        layer.weight.copy_(weight)
        hook.remove()
    return max(errors, key=errors.get, default="")


def _rounded(x: Tensor, *, per_row: bool = False) -> Tensor:
    """Numbers on a grid of 8 bits from the lowest to the highest; weights with a symmetric grid a row."""
    if per_row:
        step = x.abs().flatten(1).amax(1).clamp_min(1e-12).view(-1, *[1] * (x.dim() - 1)) / 127.5
        return (x / step).round().clamp(-128, 127) * step
    low, high = x.amin().clamp_max(0), x.amax().clamp_min(0)
    step = ((high - low) / 255).clamp_min(1e-12)
    return ((x - low) / step).round() * step + low


def cut(sheet: Sheet, *, clock: bool = True, say: Callable = print) -> list[Row]:
    """Half of the weights set to zero (which helps a packed file alone), and half of the channels cut out.

    With `train`, both cuts and the dense network get the same training; without it the rows are marked.

    Returns:
        The rows, also added to the sheet.
    """
    done = "The model computes in int8 already." if sheet.int8_already else ""
    trained = sheet.train is not None
    ways = [
        Way(MASKED, _masked, done, packed=True, trained=trained, lessons=("prune_module",)),
        Way(CUT, _channels, done, trained=trained, lessons=("structured",)),
    ]
    if trained and not done:
        ways.insert(0, Way(TRAINED, _trained, lossy=False))
    return run(sheet, ways=ways, clock=clock, say=say)


def _trained(sheet: Sheet, keep: frozenset[str]) -> Built:
    return _eager(_after_training(sheet.copy(), sheet))


def _after_training(one: TensorModel, sheet: Sheet) -> TensorModel:
    """The model after the reader's training, with gradients inside it; nothing happens without one."""
    if sheet.train:
        with torch.enable_grad():
            one.requires_grad_(True).train()
            sheet.train(one.model)
    return one.requires_grad_(False).eval().cpu()


def _masked(sheet: Sheet, keep: frozenset[str]) -> Built:
    one = sheet.copy()
    weights = [(m, "weight") for m in one.modules() if isinstance(m, PRODUCTS)]
    if not weights:
        raise Refused("The model has no linear layer and no convolution to prune.")
    if sum(p.numel() * p.element_size() for p in one.parameters()) > LARGE:
        raise Refused("Zeros save bytes in a packed file alone, and to pack one of this size takes minutes.")
    prune.global_unstructured(weights, prune.L1Unstructured, amount=0.5)
    _after_training(one, sheet)
    for module, name in weights:
        prune.remove(module, name)
    built = _eager(one)
    built.file_bytes = size_report(one.model, compressed=True).compressed_bytes
    return built


def _channels(sheet: Sheet, keep: frozenset[str]) -> Built:
    """Half of the channels of every layer but the last, with all that depends on them, by torch-pruning."""
    import torch_pruning as tp

    one, before = sheet.copy(), sum(p.numel() for p in sheet.one.parameters())
    with quietly(), torch.enable_grad():
        one.requires_grad_(True)
        last = _last_product(one, sheet)
        importance = tp.importance.GroupMagnitudeImportance(p=2)
        options = {"pruning_ratio": 0.5, "ignored_layers": [last] if last is not None else []}
        try:
            tp.pruner.BasePruner(one, sheet.example, importance, **options).step()
            one.requires_grad_(False).eval()(*sheet.example)
        except Exception as error:
            raise Refused(f"torch-pruning cannot follow this network ({type(error).__name__}).") from error
    if sum(p.numel() for p in one.parameters()) == before:
        raise Refused("torch-pruning found no channels that can be cut.")
    if one(*sheet.example).shape != sheet.one(*sheet.example).shape:
        raise Refused("After the cut the output would have another shape.")
    return _eager(_after_training(one, sheet), rebuild=None)


def _last_product(one: TensorModel, sheet: Sheet) -> nn.Module | None:
    """The layer that gives the outputs, which must keep its channels: the last one that is called."""
    called = _called(one, sheet, PRODUCTS)
    return called[-1] if called else None


def _called(one: TensorModel, sheet: Sheet, kinds: tuple[type, ...]) -> list[nn.Module]:
    """The modules of some kinds that a call of the model calls, in that order."""
    called: list[nn.Module] = []
    hooks = [m.register_forward_hook(lambda m, *_: called.append(m)) for m in one.modules() if isinstance(m, kinds)]
    with torch.no_grad():
        one(*sheet.example)
    for hook in hooks:
        hook.remove()
    return called


def cut_then_int8(sheet: Sheet, *, clock: bool = True) -> list[Row]:
    """The cut network with fewer channels, in the int8 that did best; none where one of the two is not there."""
    small = next((row for row in sheet.rows if row.name == CUT and row.built), None)
    good = [row for row in sheet.rows if row.built and row.ms and row.way.int8 and row.remark != NOTHING]
    good = [row for row in good if not _has_lost(sheet, row)]
    if small is None or not good:
        return []
    way = min(good, key=lambda row: row.ms).way
    twin = replace(sheet, one=small.built.module, layers={}, onnx=None)
    made = measured(twin, replace(way, name=f"{CUT}, then {way.name}", trained=small.way.trained, twin=""))
    if made.built:
        made.built.rebuild = None  # the lines would begin with the whole network
    sheet.rows.append(made)
    if clock:
        clocked(sheet, [made])
    return [made]
