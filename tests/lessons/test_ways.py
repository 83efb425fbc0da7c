"""Ways of a CNN to int8 with conversions around each layer, the graph that ONNX Runtime runs, and their drawings."""

import matplotlib as mpl
import pytest
import torch
from torch import nn

from course_utils import legacy_int8
from course_utils.int8_routes import networks, torch_eager
from course_utils.int8_routes.compare import cosine
from lessons.choosing import drawings, onnx_graph, ways

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


def test_dynamic_convolutions_replace_all_and_leave_the_network_alone(network):
    before = {name: type(module) for name, module in network.model.named_modules()}
    model = ways.dynamic_convolutions(network)
    kinds = [type(m) for m in model.modules() if type(m).__module__.startswith("torch.ao.nn.quantized.dynamic")]
    assert len(kinds) == LAYERS
    assert {name: type(module) for name, module in network.model.named_modules()} == before


def test_the_dynamic_convolution_rounds_to_the_grid_of_its_input():
    torch.manual_seed(0)
    conv, x = nn.Conv2d(4, 4, 1, bias=False), torch.rand(16, 4, 1, 1)
    with legacy_int8.use(legacy_int8.best()), torch.no_grad():
        conv.weight.mul_(50)
        y = ways.dynamic(nn.Sequential(conv))(x)
        assert conv(x).min() < -5 and conv(x).max() > 5
    assert y.min() == 0 and y.max() < 2.1, "no longer so? then the lesson `choosing` is to be changed"


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


def test_drawings_can_be_read():
    leaves = {"float": [], "dynamic": ["LSTM", "BERT shape"], "static": ["SmallCNN"], "QAT": ["DepthwiseCNN,\na scale"]}
    steps = {"a": ["quantize", "layer", "dequantize"] * 53, "b": ["quantize", *["layer"] * 53, "dequantize"]}
    stations = {
        "PyTorch\nfp32": ("fp32", "90.42 % right", "360 kB"),
        "there\nint8": ("int8", "90.37 % right", "105 kB"),
    }
    for figure in (
        drawings.decision(leaves),
        drawings.decision(dict.fromkeys(leaves, ())),
        drawings.paths(steps),
        drawings.line(stations, ["export\n8e-06 apart"]),
    ):
        assert isinstance(figure, mpl.figure.Figure)
