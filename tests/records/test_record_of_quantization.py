"""The headline table of the lesson `choosing`: rows for what can be built, a sentence for what cannot; its records."""

import sys
from dataclasses import replace

import pytest
import torch
from torch import nn

from course_utils import legacy_int8
from course_utils.int8_routes import compare, networks, torch_compiled, torch_eager
from course_utils.int8_routes import record as int8_record
from course_utils.int8_routes.compare import Candidate, Route
from course_utils.int8_routes.record import EAGER, Row
from course_utils.measure import timing
from records.quantization import measure, other_runtimes


@pytest.fixture(scope="module")
def mobile():
    return networks.mobilenet_v2(tiny=True)


def eager_route():
    return Route("torch", EAGER, torch_eager.fp32_eager)


def fails(error):
    def build(network, folder):
        raise error

    return build


# ---- routes ----------------------------------------------------------------------------------------------------


def test_every_route_that_needs_no_compiler_is_measured_and_agrees_with_fp32(mobile):
    rows = compare.measure(mobile, torch_eager.routes(mobile, live=True), rounds=1)
    engine = legacy_int8.best()
    names = [EAGER, "fp32, traced", f"int8 static, {engine}", "int8 static, traced and frozen"]
    assert [row.variant for row in rows] == names
    for row in rows:
        assert row.why is None and row.median_ms > 0 and row.cosine > 0.99
        assert row.best_fp32 in names[:2] and row.speedup_over_best_fp32 > 0
    eager, int8 = rows[0], rows[2]
    assert eager.speedup_over_eager == 1.0 and eager.cosine == pytest.approx(1.0, abs=1e-6)
    assert 3 < eager.file_bytes / int8.file_bytes < 4 and int8.cosine < 0.999999, "int8 that equals fp32 is not int8"
    best = next(row for row in rows if row.variant == eager.best_fp32)
    assert best.speedup_over_best_fp32 == pytest.approx(1.0)
    assert compare.control_cosine(mobile) < min(row.cosine for row in rows), "a cosine near 1 must mean something"


def test_berts_int8_is_dynamic_and_every_engine_has_a_route(mobile):
    bert = networks.bert(tiny=True)
    assert any(route.variant.startswith("int8 dynamic") for route in torch_eager.routes(bert))
    engines = set(torch.backends.quantized.supported_engines) - {"none"}
    assert {f"int8 static, {name}" for name in engines} <= {route.variant for route in torch_eager.routes(mobile)}
    again = networks.mobilenet_v2(tiny=True)
    assert torch.equal(again.model(again.example), mobile.model(mobile.example)), "a network is the same each time"


@pytest.mark.parametrize(
    ("error", "part"),
    [
        (
            ModuleNotFoundError("No module named 'nncf'", name="nncf"),
            'nncf is not installed; it belongs to the extra "dep',
        ),
        (RuntimeError("InvalidCxxCompiler: No working C++ compiler found in config.cpp.cxx"), "no C++ compiler"),
        (LookupError("engine 'avx' is not in this PyTorch; it has x86."), "engine 'avx' is not"),
        (AttributeError("'X' has no attribute 'y'"), "AttributeError: 'X' has no attribute 'y'."),
    ],
)
def test_a_route_that_fails_becomes_a_row_that_says_why(mobile, error, part):
    rows = compare.measure(mobile, [eager_route(), Route("other", "int8", fails(error))], rounds=1)
    assert part in rows[1].why and rows[1].median_ms is None and rows[0].why is None
    assert "–" in repr(int8_record.table(rows))


def test_the_baseline_itself_must_be_there(mobile):
    with pytest.raises(ValueError, match="first route must be"):
        compare.measure(mobile, [Route("torch", "fp32, traced", torch_eager.fp32_traced)])
    with pytest.raises(RuntimeError, match="broken"):
        compare.measure(mobile, [Route("torch", EAGER, fails(RuntimeError("broken")))])


def test_a_wrong_output_shows_in_the_cosine(mobile):
    def wrong(network, folder):
        return Candidate(lambda: network.model(network.calibration[:1]), 1)

    assert compare.measure(mobile, [eager_route(), Route("torch", "int8, wrong", wrong)], rounds=1)[1].cosine < 0.99


SWINGS = [0.5, 0.9, 0.9, 0.5]


def planted_times(monkeypatch, samples):
    """Let every comparison end in these samples (seconds) of the routes "fp32, eager", "int8, a" and "int8, b"."""

    def compare_times(runs, **_):
        comparison = timing.Comparison(dict(zip(runs, samples, strict=True)), 1, "cpu")
        raise timing.Unsteady(comparison, [name for name in runs if comparison.samples[name] is SWINGS])

    monkeypatch.setattr(timing, "compare", compare_times)
    return [eager_route(), *(Route("torch", f"int8, {name}", torch_eager.fp32_eager) for name in "ab")]


def test_a_noisy_route_that_is_not_the_fastest_becomes_a_row_that_says_why(mobile, monkeypatch):
    rows = compare.measure(mobile, planted_times(monkeypatch, [[1.0] * 4, SWINGS, [0.4] * 4]))
    assert rows[1].why == "Its times were too far apart to judge: the fastest 500 ms, the median 700 ms."
    assert (rows[0].why, rows[2].why, rows[2].speedup_over_eager) == (None, None, 2.5)


@pytest.mark.parametrize("samples", [[[1.0] * 4, SWINGS, [0.6] * 4], [SWINGS, [0.4] * 4, [0.4] * 4]])
def test_a_noisy_route_that_a_comparison_rests_on_is_taken_again_and_then_refused(mobile, monkeypatch, capsys, samples):
    with pytest.raises(timing.Unsteady, match="quartiles"):
        measure.measured(mobile, planted_times(monkeypatch, samples))
    assert capsys.readouterr().err.count("measured again") == measure.ATTEMPTS - 1


@pytest.mark.parametrize(("package", "runtime"), [("onnxruntime", "ONNX Runtime"), ("openvino", "OpenVINO")])
def test_a_missing_package_is_named(mobile, monkeypatch, package, runtime):
    for name in [name for name in sys.modules if name.split(".")[0] == package]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, package, None)
    monkeypatch.setattr(other_runtimes, "export", lambda network, folder: folder / "fp32.onnx")
    route = next(route for route in other_runtimes.routes(mobile) if route.runtime == runtime)
    assert f"The package {package} is not installed" in compare.measure(mobile, [eager_route(), route], rounds=1)[1].why


@pytest.mark.slow
def test_the_other_runtimes_agree_and_shrink_the_file(mobile):
    pytest.importorskip("onnxscript")
    rows = compare.measure(mobile, [eager_route(), *other_runtimes.routes(mobile)], rounds=1)
    assert [row.why for row in rows] == [None] * len(rows) and all(row.cosine > 0.99 for row in rows)
    files = {(row.runtime, row.variant): row.file_bytes for row in rows}
    assert files["ONNX Runtime", "fp32"] / files["ONNX Runtime", "int8 static, U8S8"] > 3
    assert files["OpenVINO", "fp32"] / files["OpenVINO", "int8"] > 3


@pytest.mark.slow
@pytest.mark.parametrize("ahead", [False, True])
def test_the_graph_route_computes_in_int8(mobile, tmp_path, ahead):
    """A compiler that finds no pattern leaves the products in float, and the output still agrees."""
    with torch.no_grad():
        try:
            candidate = torch_compiled.pt2e(mobile, tmp_path, ahead=ahead)
        except Exception as error:
            if "C++ compiler" in compare.explain(error):
                pytest.skip("no C++ compiler here")
            raise
        assert compare.cosine(candidate.run(), mobile.model(mobile.example)) > 0.99
        with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as trace:
            candidate.run()
    names = {event.key for event in trace.key_averages()}
    assert not any("slow_conv2d" in name for name in names)
    assert ahead or any("qconv" in name for name in names), names


@pytest.mark.slow
def test_what_was_compiled_for_one_model_is_not_reused_for_another():
    """Frozen weights are constants of the code: two models of one shape must not share it."""
    x = torch.ones(2, 8)
    models = [nn.Sequential(nn.Linear(8, 4), nn.Tanh()).eval().requires_grad_(False) for _ in range(2)]
    try:
        fast = [torch_compiled.compiled(model, x) for model in models]
    except Exception as error:
        if "C++ compiler" in compare.explain(error):
            pytest.skip("no C++ compiler here")
        raise
    for model, run in zip(models, fast, strict=True):
        assert torch.allclose(run(x), model(x), atol=1e-5)


# ---- records -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", int8_record.records())
def test_each_record_of_the_course_has_both_sides_of_every_network(name):
    one = int8_record.records()[name]
    assert one.processor == name and one.path == int8_record.own_path(one.head)
    assert list(one.gaps()) == list(networks.NETWORKS) == list(one.head["control_cosine"])
    assert (
        one.head["cpu"] in one.at
        and one.head["date"] in one.at
        and one.best("ResNet-50", "torch").speedup_over_eager > 1
    )
    assert len(int8_record.gap_table({name: one}).rows) == 3


@pytest.mark.parametrize(
    ("cpu", "flags", "file"),
    [
        ("AMD EPYC", ["avx2", "avx512_f", "avx512_vnni", "avx512_bf16"], "amd-epyc-avx-512-vnni.json"),
        ("Intel Xeon", ["avx512_vnni", "amx_int8", "amx_bf16"], "intel-xeon-amx.json"),
        ("CPU", [], "cpu-no-int8-instructions.json"),
    ],
)
def test_a_record_is_named_after_its_processor(cpu, flags, file):
    assert int8_record.own_path({"cpu": cpu, "flags": flags}).name == file


def test_torch_is_put_beside_the_best_peer():
    rows = [
        Row("ResNet-50", "torch", EAGER, 100.0, 1.0, 1.0, 0.5, "fp32, traced", 4000, 1.0),
        Row("ResNet-50", "torch", "int8 static, x86", 20.0, 1.0, 5.0, 2.5, "fp32, traced", 1000, 0.995),
        Row("ResNet-50", "OpenVINO", "int8", 10.0, 1.0, 10.0, None, None, 1000, 0.999),
    ]
    gap = int8_record.gaps(rows)["ResNet-50"]
    assert (gap.torch.variant, gap.peer.runtime, gap.ratio) == ("int8 static, x86", "OpenVINO", 2.0)
    rows[1] = replace(rows[1], behind=1.9)
    assert int8_record.gaps(rows)["ResNet-50"].ratio == 1.9, "the median over rounds comes first"
    assert not int8_record.gaps(rows[:-1]), "without a peer there is no gap"
