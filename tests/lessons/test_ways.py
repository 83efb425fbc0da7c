"""Ways of a CNN to int8 with conversions around each layer, the graph that ONNX Runtime runs, and their drawings."""

import pytest
import torch

from course_utils import legacy_int8
from course_utils.int8_routes import networks, torch_eager
from course_utils.int8_routes.compare import cosine
from lessons.choosing import onnx_graph, ways

LAYERS = 11  # of the tiny MobileNet-v2: ten convolutions and a linear layer


@pytest.fixture(scope="module")
def network():
    with legacy_int8.use(legacy_int8.best()), torch.no_grad():
        yield networks.mobilenet_v2(tiny=True)


def test_round_trips_convert_around_each_layer(network):
    model = ways.round_trips(network)
    assert ways.way(model, network.example) == ["quantize", "layer", "dequantize"] * LAYERS
    assert cosine(model(network.example), network.model(network.example)) > 0.9
    assert not torch.is_grad_enabled() or ways.way(model, network.example), "and may be called where gradients are on"


def test_int8_throughout_converts_twice(network):
    steps = ways.way(torch_eager.int8_model(network), network.example)
    assert steps == ["quantize", *["layer"] * LAYERS, "dequantize"]


def test_the_graph_as_run_loses_int8_at_sums_only(network, tmp_path):
    pytest.importorskip("onnxruntime")
    onnx = pytest.importorskip("onnx")
    from onnx import TensorProto, helper

    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 4])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 4])
    nodes = [
        helper.make_node("Relu", ["x"], ["a"]),
        helper.make_node("Neg", ["a"], ["b"]),
        helper.make_node("Add", ["a", "b"], ["c"]),
        helper.make_node("Abs", ["c"], ["y"]),
    ]
    graph = helper.make_graph(nodes, "g", [x], [y])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.save(model, tmp_path / "full.onnx")
    onnx_graph.without_sums(tmp_path / "full.onnx", tmp_path / "cut.onnx")
    given = torch.tensor([[1.0, -2.0, 3.0, 0.0]])
    assert onnx_graph.session(tmp_path / "full.onnx")(given).abs().max() == 0
    assert torch.equal(onnx_graph.session(tmp_path / "cut.onnx")(given), given.relu()), (
        "what read the sum reads the branch"
    )
    assert onnx_graph.as_run(tmp_path / "full.onnx")["sums in float"] == 1
    assert onnx_graph.as_run(tmp_path / "cut.onnx")["sums in float"] == 0
