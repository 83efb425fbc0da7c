"""Where the time of an int8 network lies: groups of operators, the profiles of three runtimes, sums in convolutions."""

import json
from dataclasses import asdict
from datetime import timedelta
from types import SimpleNamespace

import pytest
from torch import nn

from course_utils import legacy_int8
from course_utils.int8_routes import compare, networks, other_runtimes, spent, torch_eager
from course_utils.int8_routes import record as int8_record
from course_utils.int8_routes.record import Row, Spent


@pytest.fixture(scope="module")
def mobile():
    return networks.mobilenet_v2(tiny=True)


@pytest.mark.parametrize(
    ("runtime", "name", "detail", "group"),
    [
        ("torch", "quantized::conv2d_relu", "", "int8"),
        ("torch", "quantized::linear_dynamic", "", "int8"),
        ("torch", "onednn::qconv2d_pointwise", "", "int8"),
        ("torch", "aten::quantized_max_pool2d", "", "int8"),
        ("torch", "aten::quantize_per_tensor", "", "convert"),
        ("torch", "aten::dequantize", "", "convert"),
        ("torch", "aten::copy_", "", "convert"),
        ("torch", "aten::native_layer_norm", "", "float"),
        ("torch", "aten::empty", "", None),
        ("torch", "forward", "", None),
        ("torch", "graph_0_cpp_fused_quantize_per_tensor_0", "", "convert"),
        ("torch", "graph_0_cpp_fused_gelu_quantize_per_tensor_3", "", "float"),
        ("ONNX Runtime", "QLinearConv", "", "int8"),
        ("ONNX Runtime", "MatMulIntegerToFloat", "", "int8"),
        ("ONNX Runtime", "DynamicQuantizeLinear", "", "convert"),
        ("ONNX Runtime", "Transpose", "", "convert"),
        ("ONNX Runtime", "LayerNormalization", "", "float"),
        ("OpenVINO", "Convolution", "brgconv_avx512_1x1_I8", "int8"),
        ("OpenVINO", "GroupConvolution", "brgconv_avx512_dw_f32", "float"),
        ("OpenVINO", "Reorder", "jit_uni_I8", "convert"),
    ],
)
def test_each_operator_belongs_to_a_group(runtime, name, detail, group):
    assert spent.kind(runtime, name, detail) == group


def test_the_shortest_profile_counts_and_its_parts_add_up():
    calls = iter([(9.0, []), (0.020, OPERATORS), (0.010, OPERATORS), (0.015, OPERATORS)])
    row = Row("net", "torch", "int8")
    found = spent.measure(row, lambda: None, lambda n: next(calls), calls=1, rounds=3)
    assert (found.total_ms, found.int8_ms, found.float_ms, found.convert_ms) == pytest.approx((10, 4, 2, 1))
    assert found.between_ms == pytest.approx(3) and found.n_kernels == 6
    assert found.longest[0] == ["quantized::conv2d", pytest.approx(4)]
    assert Spent(**json.loads(json.dumps(asdict(found)))) == found
    assert "between" in repr(int8_record.spent_table([found]))


OPERATORS = [
    ("quantized::conv2d", "", 3.0, 0.004),
    ("aten::native_layer_norm", "", 2.0, 0.002),
    ("aten::copy_", "", 1.0, 0.001),
    ("aten::empty", "", 9.0, 0.001),  # bookkeeping lies between the operators
]


@pytest.mark.slow
def test_torchs_fastest_int8_is_profiled(mobile):
    found = []
    rows = compare.measure(mobile, torch_eager.routes(mobile, live=True), rounds=1, spent=found, profiles=1)
    (one,) = found
    assert one.variant == int8_record.best(rows, mobile.name, "torch").variant
    assert one.int8_ms > 0 and one.total_ms >= one.int8_ms and one.plain_ms > 0
    assert any(name.startswith("quantized::conv2d") for name, _ in one.longest)


@pytest.mark.slow
def test_in_graph_mode_every_sum_is_inside_a_convolution(tmp_path):
    """The route exists for this: no operator of its own is left for the sum of a residual block."""
    if torch_eager.FUSING not in legacy_int8.available():
        pytest.skip("this PyTorch has no engine that fuses sums")
    for make, fused in ((networks.mobilenet_v2, "ConvAdd2d"), (networks.resnet50, "ConvAddReLU2d")):
        network = make(tiny=True)
        with legacy_int8.use(torch_eager.FUSING):
            model = torch_eager.int8_fused_model(network)
            kinds = [type(module).__name__ for module in model.modules()]
        assert fused in kinds and not any(
            "add" in str(node.target) for node in model.graph.nodes if node.op != "call_module"
        )
        run = torch_eager.int8_fused(network, tmp_path).run
        assert compare.cosine(run(), network.model(network.example)) > 0.99
        events = spent.torch_operators(run, 1)[1]
        assert any(name.startswith("quantized::conv2d_add") for name, *_ in events)
        assert not any(name.startswith("quantized::add") for name, *_ in events)


@pytest.mark.slow
def test_the_other_runtimes_profile_themselves(tmp_path):
    pytest.importorskip("onnxruntime"), pytest.importorskip("onnxscript")
    network = networks.mobilenet_v2(tiny=True)
    (tmp_path / "0").mkdir()
    candidate = other_runtimes.ort_fp32(network, tmp_path / "0")
    seconds, operators = candidate.operators(2)
    assert seconds > 0 and {"Conv"} <= {name for name, *_ in operators}
    assert sum(count for name, _, count, _ in operators if name == "Conv") == pytest.approx(n_convolutions(network))
    assert 0 < sum(took for *_, took in operators) <= seconds


def test_openvinos_means_are_turned_into_sums_of_the_calls_asked_for(mobile, monkeypatch, tmp_path):
    """Its counters are means over every call so far, the slow first one included."""
    took = iter([9.0, 1.0, 1.0, 2.0, 2.0])  # seconds a call: the first prepares

    class Request:
        def __init__(self):
            self.calls = []

        def infer(self, inputs):
            self.calls.append(next(took))

        def get_profiling_info(self):
            mean = timedelta(seconds=sum(self.calls) / len(self.calls))
            never = SimpleNamespace(node_name="b", node_type="Result", exec_type="", real_time=timedelta(0))
            node = SimpleNamespace(node_name="a", node_type="Convolution", exec_type="x_I8", real_time=mean)
            return [node, never]

    monkeypatch.setattr(other_runtimes, "_openvino_request", lambda path, profiled: Request())
    operators = other_runtimes.OpenVinoProfile(tmp_path, mobile)
    assert operators(2)[1] == [("Convolution", "x_I8", 1.0, pytest.approx(1.0, abs=1e-5))]
    assert operators(2)[1] == [("Convolution", "x_I8", 1.0, pytest.approx(2.0, abs=1e-5))]


def n_convolutions(network):
    return sum(isinstance(module, nn.Conv2d) for module in network.model.modules())
