"""The routes of the headline table outside PyTorch: ONNX Runtime and OpenVINO (the extra "deploy")."""

from __future__ import annotations

import contextlib
import json
import logging
import tempfile
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import torch
from IPython.utils.capture import capture_output

from course_utils.int8_routes import spent
from course_utils.int8_routes.compare import Candidate, Route
from course_utils.int8_routes.networks import Network

EXPECTED_WARNINGS = (
    ".*isinstance.treespec, LeafSpec.",
    ".*torch.jit",
    "Converting a tensor to a Python",
    "# 'axis'",
    'install "ipywidgets"',
)


@contextlib.contextmanager
def _quietly() -> Iterator[None]:
    """Hold back what these packages print about their own progress; errors still raise."""
    level = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(), capture_output(stderr=False):  # progress bars are shown as displays
            for message in EXPECTED_WARNINGS:
                warnings.filterwarnings("ignore", message)
            yield
    finally:
        logging.disable(level)


def export(network: Network, folder: Path) -> Path:
    """Write the fp32 network as an ONNX file with one input "x" and one output "y"; one file, weights inside.

    All routes of a network share the file: it lies beside their folders and is written once.
    """
    path = folder.parent / "fp32.onnx"
    if path.exists():
        return path
    with _quietly():
        import onnxscript  # noqa: F401  torch's exporter needs it, and this says so before the export begins

        torch.onnx.export(
            network.model,
            (network.example,),
            str(path),
            dynamo=True,
            external_data=False,
            verbose=False,
            input_names=["x"],
            output_names=["y"],
        )
    return path


def _ort(path: Path, *, profile_to: Path | None = None) -> object:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3  # errors
    if profile_to:
        options.enable_profiling, options.profile_file_prefix = True, str(profile_to)
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def ort_session(path: Path, network: Network) -> Callable[[], torch.Tensor]:
    """Load an ONNX file into ONNX Runtime on one thread."""
    session, x = _ort(path), network.example.numpy()
    return lambda: torch.from_numpy(session.run(None, {"x": x})[0])


def ort_operators(path: Path, network: Network, calls: int) -> tuple[float, list[tuple[str, str, float, float]]]:
    """One profile by ONNX Runtime, of a session of its own; gives what `spent.torch_operators` gives."""
    x = {"x": network.example.numpy()}
    with tempfile.TemporaryDirectory() as folder:
        session = _ort(path, profile_to=Path(folder) / "profile")
        session.run(None, x)  # the first call prepares; it is left out below
        seconds = spent.clocked(lambda: session.run(None, x), calls)
        events = json.loads(Path(session.end_profiling()).read_text(encoding="utf-8"))
    nodes = [e for e in events if e.get("cat") == "Node" and e["name"].endswith("_kernel_time")]
    nodes = nodes[len(nodes) // (calls + 1) :]
    return seconds, [(e["args"]["op_name"], "", 1 / calls, 1e-6 * e["dur"] / calls) for e in nodes]


def ort_candidate(path: Path, network: Network) -> Candidate:
    """A file in ONNX Runtime, with its profile."""
    return Candidate(ort_session(path, network), path.stat().st_size, partial(ort_operators, path, network))


def ort_fp32(network: Network, folder: Path) -> Candidate:
    """The exported network as it is."""
    return ort_candidate(export(network, folder), network)


def ort_int8(network: Network, folder: Path, *, signed: bool = False) -> Candidate:
    """Int8 by ONNX Runtime's own tools: dynamic for BERT's matrix products, else static, weights per channel.

    Args:
        signed: activations as int8 in place of uint8. Kernels on x86 want unsigned times signed.
    """
    with _quietly():
        from onnxruntime.quantization import QuantType, quantize_dynamic, quantize_static
        from onnxruntime.quantization.shape_inference import quant_pre_process

        path, folded = folder / "int8.onnx", folder / "folded.onnx"
        quant_pre_process(str(export(network, folder)), str(folded))
        if network.quantizable is None:
            quantize_dynamic(
                str(folded),
                str(path),
                op_types_to_quantize=["MatMul", "Gemm"],
                per_channel=True,
                weight_type=QuantType.QInt8,
            )
        else:
            quantize_static(
                str(folded),
                str(path),
                _reader(network),
                per_channel=True,
                weight_type=QuantType.QInt8,
                activation_type=QuantType.QInt8 if signed else QuantType.QUInt8,
            )
    return ort_candidate(path, network)


def _reader(network: Network) -> object:
    from onnxruntime.quantization import CalibrationDataReader

    class Reader(CalibrationDataReader):
        def __init__(self):
            self.inputs = iter([{"x": x.numpy()} for x in network.calibration.split(1)])

        def get_next(self) -> dict[str, np.ndarray] | None:
            return next(self.inputs, None)

    return Reader()


def openvino(network: Network, folder: Path, *, int8: bool = False) -> Candidate:
    """The exported network in OpenVINO on one thread; with `int8`, quantized by nncf.

    The file is a pair: the graph (.xml) and the weights (.bin). "f32" is asked for by name, as OpenVINO takes
    bf16 by itself where the processor has it.
    """
    with _quietly():
        import openvino as ov

        core = ov.Core()
        model = core.read_model(str(export(network, folder)))
        model = _nncf(model, network) if int8 else model
        path = folder / "model.xml"
        ov.save_model(model, str(path), compress_to_fp16=False)
        request = _openvino_request(path)
    x = network.example.numpy()
    size = path.stat().st_size + path.with_suffix(".bin").stat().st_size
    return Candidate(
        lambda: torch.from_numpy(next(iter(request.infer({0: x}).values())).copy()),
        size,
        OpenVinoProfile(path, network),
    )


def _openvino_request(path: Path, *, profiled: bool = False) -> object:
    import openvino as ov

    core = ov.Core()
    options = {"INFERENCE_NUM_THREADS": 1, "PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32"}
    options |= {"PERF_COUNT": True} if profiled else {}
    return core.compile_model(core.read_model(str(path)), "CPU", options).create_infer_request()


class OpenVinoProfile:
    """Profiles calls of a model file in OpenVINO, in a request of its own; called, gives what `torch_operators` gives.

    OpenVINO's counters are means over every call since the request was made, the slow first one included. So the sums
    before and after are compared.
    """

    def __init__(self, path: Path, network: Network):
        self._path, self._x, self._request, self._n, self._before = path, network.example.numpy(), None, 0, {}

    def __call__(self, calls: int) -> tuple[float, list[tuple[str, str, float, float]]]:
        if self._request is None:
            self._request = _openvino_request(self._path, profiled=True)
            self._call(), self._read()
        seconds = spent.clocked(self._call, calls)
        before, after = self._before, self._read()
        return seconds, [
            (*node[1:], 1.0, max(0.0, took - before.get(node, 0.0)) / calls) for node, took in after.items() if took
        ]

    def _call(self) -> None:
        self._request.infer({0: self._x})
        self._n += 1

    def _read(self) -> dict[tuple[str, str, str], float]:
        """Seconds of all calls so far, by (name, type, kernel) of a node."""
        nodes = self._request.get_profiling_info()
        self._before = {(n.node_name, n.node_type, n.exec_type): self._n * n.real_time.total_seconds() for n in nodes}
        return self._before


def _nncf(model: object, network: Network) -> object:
    import nncf

    inputs = nncf.Dataset([x.numpy() for x in network.calibration.split(1)])
    kind = nncf.ModelType.TRANSFORMER if network.quantizable is None else None
    return nncf.quantize(model, inputs, subset_size=len(network.calibration), model_type=kind)


def routes(network: Network) -> list[Route]:
    """The routes in ONNX Runtime and OpenVINO."""
    if network.quantizable is None:
        ort = [("int8 dynamic", ort_int8)]
    else:
        ort = [("int8 static, U8S8", ort_int8), ("int8 static, S8S8", partial(ort_int8, signed=True))]
    return [
        Route("ONNX Runtime", "fp32", ort_fp32),
        *(Route("ONNX Runtime", name, build) for name, build in ort),
        Route("OpenVINO", "fp32", openvino),
        Route("OpenVINO", "int8", partial(openvino, int8=True)),
    ]
