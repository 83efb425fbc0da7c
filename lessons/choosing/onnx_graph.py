"""What ONNX Runtime made of a file: the audit of another runtime's graph. The package is in the extra "deploy"."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

KINDS = {  # what an operator of the optimized graph counts as
    "QLinearConv": "convolutions in int8",
    "Conv": "convolutions in float",
    "FusedConv": "convolutions in float",
    "QLinearAdd": "sums in int8",
    "Add": "sums in float",
    "QuantizeLinear": "conversions",
    "DequantizeLinear": "conversions",
}


def session(path: Path) -> Callable[[Tensor], Tensor]:
    """Load an ONNX file into ONNX Runtime on one thread; `as_run` reads the graph that it leaves beside the file.

    Returns:
        a function from the input "x", float32 on the CPU, to the first output.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3  # errors
    options.optimized_model_filepath = str(_beside(path))
    loaded = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return lambda x: torch.from_numpy(loaded.run(None, {"x": x.numpy()})[0])


def as_run(path: Path) -> Counter:
    """Operators by `KINDS` in the graph that the last `session` of a file runs, for this processor.

    "unsigned" is how many of the convolutions in int8 take inputs without a sign.
    """
    import onnx

    graph = onnx.load(_beside(path)).graph
    stored = {tensor.name: tensor.data_type for tensor in graph.initializer}
    found = Counter(KINDS[node.op_type] for node in graph.node if node.op_type in KINDS)
    zero_points = [stored[node.input[2]] for node in graph.node if node.op_type == "QLinearConv"]
    found["unsigned"] = zero_points.count(onnx.TensorProto.UINT8)
    return found


def without_sums(source: Path, path: Path) -> None:
    """Write a network without its shortcuts: what read a sum reads the sum's second input, the branch."""
    import onnx

    model = onnx.load(source)
    for node in [node for node in model.graph.node if node.op_type == "Add"]:
        for reader in model.graph.node:
            for place, name in enumerate(reader.input):
                if name == node.output[0]:
                    reader.input[place] = node.input[1]
        model.graph.node.remove(node)
    onnx.save(model, path)


def _beside(path: Path) -> Path:
    return path.with_name(path.name + ".as_run")
