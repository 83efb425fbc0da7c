"""The routes of the headline table outside PyTorch: ONNX Runtime and OpenVINO (the extra "deploy")."""

from __future__ import annotations

import contextlib
import logging
import warnings
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import torch
from IPython.utils.capture import capture_output
from torch import Tensor

from course_utils.int8_routes.networks import Network
from records.quantization.compare import Candidate, Route

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


def ort_candidate(path: Path, network: Network) -> Candidate:
    """A file in ONNX Runtime on one thread."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3  # errors
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    x = network.example.numpy()
    return Candidate(lambda: torch.from_numpy(session.run(None, {"x": x})[0]), path.stat().st_size)


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

        model = ov.Core().read_model(str(export(network, folder)))
        if int8:
            model = nncf_int8(model, network.calibration.split(1), transformer=network.quantizable is None)
    run, size = openvino_call(model, folder / "model.xml")
    return Candidate(lambda: run(network.example), size)


def openvino_call(model: object, path: Path) -> tuple[Callable[..., Tensor], int]:
    """Write a model, read it again, and compile it for one thread: tensors -> first output, and bytes of both files."""
    with _quietly():
        import openvino as ov

        core = ov.Core()
        ov.save_model(model, str(path), compress_to_fp16=False)
        options = {"INFERENCE_NUM_THREADS": 1, "PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32"}
        request = core.compile_model(core.read_model(str(path)), "CPU", options).create_infer_request()

    def run(*xs: Tensor) -> Tensor:
        found = request.infer({i: x.numpy() for i, x in enumerate(xs)})
        return torch.from_numpy(next(iter(found.values())).copy())

    return run, path.stat().st_size + path.with_suffix(".bin").stat().st_size


def nncf_int8(model: object, inputs: Sequence[Tensor], *, transformer: bool = False) -> object:
    """An OpenVINO model in int8, calibrated on inputs, each one call."""
    with _quietly():
        import nncf

        data = nncf.Dataset([x.numpy() for x in inputs])
        kind = nncf.ModelType.TRANSFORMER if transformer else None
        return nncf.quantize(model, data, subset_size=len(inputs), model_type=kind)


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
