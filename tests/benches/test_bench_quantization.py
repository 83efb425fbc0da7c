"""The bench of quantization: rows for what can be built, one sentence for what cannot, and claims that can fail."""

import json
import sys
from dataclasses import replace
from unittest import mock

import pytest
import torch
from torch import nn

from course_utils import legacy_int8
from course_utils.int8_routes import compare, networks, other_runtimes, profile, spent, torch_compiled, torch_eager
from course_utils.int8_routes import record as int8_record
from course_utils.int8_routes.compare import Candidate, Route
from course_utils.int8_routes.networks import Network
from course_utils.int8_routes.record import EAGER, Row
from course_utils.measure import timing
from course_utils.scorecard import claims
from tools import bench
from tools.benches import quantization as task


@pytest.fixture(scope="module")
def mobile():
    return networks.mobilenet_v2(tiny=True)


@pytest.fixture(scope="module")
def live_rows(mobile):
    return compare.measure(mobile, torch_eager.routes(mobile, live=True), rounds=1)


def eager_route():
    return Route("torch", EAGER, torch_eager.fp32_eager)


def fails(error):
    def build(network, folder):
        raise error

    return build


def by_variant(rows):
    return {row.variant: row for row in rows}


# ---- networks and rows ---------------------------------------------------------------------------------


@pytest.mark.slow
def test_every_live_route_of_a_cnn_is_measured(live_rows):
    engine = legacy_int8.best()
    assert [row.variant for row in live_rows] == [
        EAGER,
        "fp32, traced",
        f"int8 static, {engine}",
        "int8 static, traced and frozen",
    ]
    for row in live_rows:
        assert row.why is None and row.median_ms > 0 and row.iqr_ms >= 0 and row.cosine > 0.99
        assert row.best_fp32 in (EAGER, "fp32, traced") and row.speedup_over_best_fp32 > 0
    eager, int8 = live_rows[0], live_rows[2]
    assert eager.speedup_over_eager == 1.0 and eager.cosine == pytest.approx(1.0, abs=1e-6)
    assert 3 < eager.file_bytes / int8.file_bytes < 4
    assert int8.cosine < 0.999999, "int8 that equals fp32 is not int8"


@pytest.mark.slow
def test_the_best_fp32_has_the_ratio_one(live_rows):
    best = by_variant(live_rows)[live_rows[0].best_fp32]
    assert best.speedup_over_best_fp32 == pytest.approx(1.0)


@pytest.mark.slow
def test_bert_is_dynamic_and_the_cnns_static(mobile):
    bert = networks.bert(tiny=True)
    assert any(route.variant.startswith("int8 dynamic") for route in torch_eager.routes(bert))
    assert not any("dynamic" in route.variant for route in torch_eager.routes(mobile))
    rows = compare.measure(bert, torch_eager.routes(bert, live=True), rounds=1)
    assert all(row.why is None and row.cosine > 0.99 for row in rows)


def test_every_engine_of_this_torch_has_a_route(mobile):
    variants = {route.variant for route in torch_eager.routes(mobile)}
    engines = set(torch.backends.quantized.supported_engines) - {"none"}
    assert {f"int8 static, {name}" for name in engines} <= variants


@pytest.mark.slow
def test_two_inputs_disagree_more_than_int8_does(mobile, live_rows):
    """A cosine near 1 must mean something: the control must lie below every row."""
    assert compare.control_cosine(mobile) < min(row.cosine for row in live_rows)


def test_a_network_is_the_same_each_time():
    first, second = (networks.mobilenet_v2(tiny=True) for _ in range(2))
    assert torch.equal(first.example, second.example)
    assert torch.equal(first.model(first.example), second.model(second.example))


# ---- what cannot be built --------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize(
    ("error", "part"),
    [
        (ModuleNotFoundError("No module named 'nncf'", name="nncf"), "The package nncf is not installed"),
        (ModuleNotFoundError("No module named 'nncf.x'", name="nncf.x"), 'extra "deploy"'),
        (RuntimeError("InvalidCxxCompiler: No working C++ compiler found in config.cpp.cxx"), "no C++ compiler"),
        (AttributeError("'X' has no attribute 'y'"), "AttributeError: 'X' has no attribute 'y'."),
        (LookupError("engine 'avx' is not in this PyTorch; it has x86."), "engine 'avx' is not"),
    ],
)
def test_a_route_that_fails_becomes_a_row_that_says_why(mobile, error, part):
    rows = compare.measure(mobile, [eager_route(), Route("other", "int8", fails(error))], rounds=1)
    assert part in rows[1].why and rows[1].median_ms is None and rows[1].cosine is None
    assert rows[0].why is None
    assert "–" in repr(int8_record.table(rows))


SWINGS = [0.5, 0.9, 0.9, 0.5]
STEADY = [0.4] * 4


def planted_times(monkeypatch, samples):
    """Let every comparison end in these samples (seconds) of the routes "fp32, eager", "int8, a" and "int8, b"."""

    def compare_times(runs, **_):
        comparison = timing.Comparison(dict(zip(runs, samples, strict=True)), 1, "cpu")
        raise timing.Unsteady(comparison, [name for name in runs if comparison.samples[name] is SWINGS])

    monkeypatch.setattr(timing, "compare", compare_times)
    return [eager_route(), *(Route("torch", f"int8, {name}", torch_eager.fp32_eager) for name in "ab")]


def test_a_noisy_route_that_is_not_the_fastest_becomes_a_row_that_says_why(mobile, monkeypatch):
    rows = compare.measure(mobile, planted_times(monkeypatch, [[1.0] * 4, SWINGS, STEADY]))
    assert rows[1].why == "Its times were too far apart to judge: the fastest 500 ms, the median 700 ms."
    assert (rows[0].why, rows[2].why, rows[2].speedup_over_eager) == (None, None, 2.5)


@pytest.mark.parametrize("samples", [[[1.0] * 4, SWINGS, [0.6] * 4], [SWINGS, STEADY, STEADY]])
def test_a_noisy_route_that_a_comparison_rests_on_is_refused(mobile, monkeypatch, samples):
    with pytest.raises(timing.Unsteady, match="quartiles"):
        compare.measure(mobile, planted_times(monkeypatch, samples))


@pytest.mark.slow
def test_an_unknown_engine_names_those_there_are(mobile):
    def build(network, folder):
        return torch_eager.int8_eager(network, folder, name="avx")

    before = torch.backends.quantized.engine
    row = compare.measure(mobile, [eager_route(), Route("torch", "int8 static, avx", build)], rounds=1)[1]
    assert "'avx'" in row.why and legacy_int8.best() in row.why
    assert torch.backends.quantized.engine == before


def test_the_engine_before_comes_back():
    before = torch.backends.quantized.engine
    other = [name for name in torch.backends.quantized.supported_engines if name not in ("none", before)]
    for name in other[:1]:
        with pytest.raises(ZeroDivisionError), legacy_int8.use(name):
            assert torch.backends.quantized.engine == name
            raise ZeroDivisionError
    assert torch.backends.quantized.engine == before


@pytest.mark.parametrize(
    ("package", "runtime"), [("onnxruntime", "ONNX Runtime"), ("openvino", "OpenVINO"), ("onnxscript", "ONNX Runtime")]
)
def test_a_missing_package_is_named(mobile, monkeypatch, package, runtime):
    for name in [name for name in sys.modules if name.split(".")[0] == package]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, package, None)
    if package != "onnxscript":  # the export itself is not what is tried here
        monkeypatch.setattr(other_runtimes, "export", lambda network, folder: folder / "fp32.onnx")
    route = next(route for route in other_runtimes.routes(mobile) if route.runtime == runtime)
    row = compare.measure(mobile, [eager_route(), route], rounds=1)[1]
    assert row.why == (
        f'The package {package} is not installed; it belongs to the extra "deploy" (pip install -e ".[deploy]").'
    )


def test_the_baseline_itself_must_be_there(mobile):
    with pytest.raises(ValueError, match="first route must be"):
        compare.measure(mobile, [Route("torch", "fp32, traced", torch_eager.fp32_traced)])
    with pytest.raises(RuntimeError, match="broken"):
        compare.measure(mobile, [Route("torch", EAGER, fails(RuntimeError("broken")))])


def test_a_wrong_output_shows_in_the_cosine(mobile):
    wrong = Route(
        "torch",
        "int8 static, wrong",
        lambda network, folder: Candidate(lambda: network.model(network.calibration[:1]), 1),
    )
    row = compare.measure(mobile, [eager_route(), wrong], rounds=1)[1]
    assert row.cosine < 0.99


# ---- the routes that take long -----------------------------------------------------------------------------


@pytest.mark.slow
def test_what_was_compiled_for_one_model_is_not_reused_for_another():
    """Frozen weights are constants of the code: two models of one shape must not share it."""
    torch.manual_seed(0)
    x = torch.ones(2, 8)
    first, second = (nn.Sequential(nn.Linear(8, 4), nn.Tanh()).eval().requires_grad_(False) for _ in range(2))
    network = Network("two", first, x, x)
    row = compare.measure(
        network,
        [
            eager_route(),
            Route("torch", "fp32, compiled", lambda network, folder: Candidate(compiled_pair(first, second, x), 1)),
        ],
        rounds=1,
    )[1]
    if row.why:
        assert "no C++ compiler" in row.why
    else:
        assert row.cosine > 0.9999


def compiled_pair(first, second, x):
    fast = [torch_compiled.compiled(model, x) for model in (first, second)]
    assert torch.allclose(fast[1](x), second(x), atol=1e-5)
    return lambda: fast[0](x)


@pytest.mark.slow
@pytest.mark.parametrize("how", [{}, {"ahead": True}, {"static": True}])
def test_the_graph_route_computes_in_int8(mobile, tmp_path, how):
    """A compiler that finds no pattern leaves the products in float, and the output still agrees."""
    network = networks.bert(tiny=True) if how.get("static") else mobile
    pytest.importorskip("torchao")
    with torch.no_grad():
        try:
            candidate = torch_compiled.pt2e(network, tmp_path, **how)
        except Exception as error:
            if "C++ compiler" in compare.explain(error):
                pytest.skip("no C++ compiler here")
            raise
        assert compare.cosine(candidate.run(), network.model(network.example)) > 0.99
        assert candidate.file_bytes == sum(file.stat().st_size for file in tmp_path.glob("*.pt2"))
        names = {name for name, *_ in spent.torch_operators(candidate.run, 1)[1]}
    if how.get("ahead"):
        assert not any("slow_conv2d" in name for name in names)
    else:
        assert any(spent.kind("torch", name) == "int8" for name in names), names


@pytest.mark.slow
def test_the_other_runtimes_agree_and_shrink_the_file(mobile):
    rows = compare.measure(mobile, [eager_route(), *other_runtimes.routes(mobile)], rounds=1)
    assert [row.why for row in rows] == [None] * len(rows)
    assert all(row.cosine > 0.99 for row in rows)
    files = {(row.runtime, row.variant): row.file_bytes for row in rows}
    assert files["ONNX Runtime", "fp32"] / files["ONNX Runtime", "int8 static, U8S8"] > 3
    assert files["OpenVINO", "fp32"] / files["OpenVINO", "int8"] > 3
    assert by_variant(rows)["int8 static, U8S8"].best_fp32 == "fp32"


def test_the_profile_counts_what_ran(mobile):
    found = profile.profile_int8(mobile, calls=1, rounds=1)
    assert set(found.total_ms) == set(found.kernel_ms) == {"eager", "traced"}
    assert all(ms > 0 for ms in found.kernel_ms.values()) and found.modules > 10
    assert profile.Profile(**json.loads(json.dumps(found.as_dict()))) == found
    assert "eager" in repr(found.table())


# ---- the claims of speed -----------------------------------------------------------------------------------


def rows_of(name="ResNet-50", **changes):
    """A network's rows as a good machine gives them; `changes` by variant."""
    rows = [
        Row(name, "torch", EAGER, 100.0, 1.0, 1.0, 0.5, "fp32, traced", 4000, 1.0),
        Row(name, "torch", "fp32, traced", 50.0, 1.0, 2.0, 1.0, "fp32, traced", 4000, 1.0),
        Row(name, "torch", "int8 static, x86", 20.0, 1.0, 5.0, 2.5, "fp32, traced", 1000, 0.995),
        Row(name, "OpenVINO", "int8", 10.0, 1.0, 10.0, None, None, 1000, 0.999),
    ]
    return [replace(row, **changes.get(row.variant, {})) for row in rows]


def test_a_good_machine_passes():
    sentences, good = task.judge(rows_of(), fast_int8=True)
    assert good and not any(s.startswith("does not hold") for s in sentences)
    assert any("flatters int8 by 2.0" in s for s in sentences), "a slow eager fp32 must be said"
    assert any(s.startswith("not reached: the aim over eager fp32, ≥ 6.5×") for s in sentences)


@pytest.mark.parametrize(
    ("fault", "part"),
    [
        ({"speedup_over_eager": 1.9}, "over eager fp32, ≥ 2×: 1.9"),
        ({"speedup_over_best_fp32": 1.2}, "over torch's best fp32 (fp32, traced), ≥ 1.3×: 1.2"),
        ({"file_bytes": 1200}, "smaller, ≥ 3.5×: 3.333"),
        ({"cosine": 0.98}, "least cosine, ≥ 0.99: 0.98"),
    ],
)
def test_each_claim_can_fail(fault, part):
    sentences, good = task.judge(rows_of(**{"int8 static, x86": fault}), fast_int8=True)
    assert not good
    assert [part in s for s in sentences if s.startswith("does not hold")] == [True]


def test_the_bounds_are_those_of_the_lesson(monkeypatch):
    """No figure stands twice: a bound that the lesson raises is raised here."""
    assert task.judge(rows_of(), fast_int8=True)[1]
    known = claims.read("choosing")
    for name in ("resnet-over-eager", "least-over-best", "recorded-cnn-files", "recorded-cosine"):
        raised = known | {name: replace(known[name], holds={"min": 100.0})}
        monkeypatch.setattr(claims, "read", lambda lesson, raised=raised: raised)
        sentences, good = task.judge(rows_of(), fast_int8=True)
        assert not good and [s for s in sentences if s.startswith("does not hold") and "≥ 100" in s], name


def test_slow_int8_is_a_finding_not_a_failure_on_a_machine_without_fast_int8():
    slow = {"int8 static, x86": {"speedup_over_eager": 0.5, "speedup_over_best_fp32": 0.3}}
    sentences, good = task.judge(rows_of(**slow), fast_int8=False)
    assert good and "no fast int8" in sentences[0]
    wrong = {"int8 static, x86": {"cosine": 0.5}}
    assert not task.judge(rows_of(**wrong), fast_int8=False)[1], "what is not speed is judged everywhere"


def test_no_int8_at_all_fails():
    rows = [row for row in rows_of() if not row.variant.startswith("int8 static")]
    sentences, good = task.judge(rows, fast_int8=True)
    assert not good and any("by no route" in s for s in sentences)


# ---- the task -----------------------------------------------------------------------------------------------


def quick(tmp_path, *more):
    return ["quantization", "--quick", "--network", "MobileNet-v2", "--rounds", "1", *more]


@pytest.mark.slow
def test_the_task_prints_the_table_and_writes_a_record(tmp_path, capsys, monkeypatch):
    for name in ("COURSE_JUDGE_SPEED", "OMP_NUM_THREADS", "COURSE_THREADS"):
        monkeypatch.setenv(name, "1")
    path = tmp_path / "new" / "rows.json"
    assert bench.main(quick(tmp_path, "--json", str(path))) == 0
    assert "fp32, traced" in capsys.readouterr().out
    record, rows = int8_record.recorded(path)
    assert {"date", "command", "cpu", "flags", "versions", "rounds", "control_cosine", "profile"} <= set(record)
    assert record["tiny"] and {row.model for row in rows} == {"MobileNet-v2"}
    assert record["versions"]["torch"].partition("+")[0] == torch.__version__.partition("+")[0]
    assert [path.name for path in path.parent.iterdir()] == ["rows.json"], "a temporary file was left"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("missing", "asked", "part"),
    [([], False, "--peers measures them"), (["onnx", "nncf"], True, "Not installed: onnx, nncf")],
)
def test_one_line_says_that_the_other_runtimes_are_missing(tmp_path, capsys, monkeypatch, missing, asked, part):
    for name in ("COURSE_JUDGE_SPEED", "OMP_NUM_THREADS", "COURSE_THREADS"):
        monkeypatch.setenv(name, "1")
    monkeypatch.setattr(task, "find_spec", lambda name: None if name in missing else name)
    assert bench.main(quick(tmp_path, *["--peers"] * asked)) == 0
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("Not measured")]
    assert len(lines) == 1 and "ONNX Runtime and OpenVINO" in lines[0] and part in lines[0]


def test_with_the_packages_the_other_runtimes_are_routes(monkeypatch, tmp_path):
    tried = []
    monkeypatch.setattr(compare, "measure", lambda network, routes, **_: tried.extend(routes) or [])
    monkeypatch.setattr(task, "profile_int8", lambda network, calls: mock.Mock(as_dict=dict))
    monkeypatch.setattr(task, "KEPT", tmp_path / "kept.json")
    tiny = {"MobileNet-v2": lambda tiny: networks.mobilenet_v2(tiny=True)}
    monkeypatch.setattr(networks, "NETWORKS", tiny)
    task.measure(list(tiny), 1, peers=True)
    assert {"torch", "ONNX Runtime", "OpenVINO"} == {route.runtime for route in tried}


# ---- a run that is stopped, and one beside other programs -----------------------------------------------------


@pytest.fixture
def busy(monkeypatch, tmp_path):
    """The bench with three networks that are not measured but looked up in `busy.found`, which tests change."""
    names = ("BERT-base shape", "ResNet-50", "MobileNet-v2")
    found, asked = {name: [replace(row, model=name) for row in rows_of()] for name in names}, []

    def measure(network, routes, **_):
        asked.append(network.name)
        if isinstance(found[network.name], BaseException):
            raise found[network.name]
        return found[network.name]

    monkeypatch.setattr(networks, "NETWORKS", {name: lambda tiny, name=name: mock_network(name) for name in names})
    monkeypatch.setattr(compare, "measure", measure)
    monkeypatch.setattr(compare, "control_cosine", lambda network: 0.5)
    monkeypatch.setattr(torch_eager, "routes", lambda network, live: [])
    monkeypatch.setattr(task, "profile_int8", lambda network, calls: mock.Mock(as_dict=dict))
    monkeypatch.setattr(task, "KEPT", tmp_path / "kept" / "quantization.json")
    return mock.Mock(found=found, asked=asked, path=tmp_path / "record.json", kept=task.KEPT)


def mock_network(name):
    network = mock.Mock()
    network.name = name
    return network


def too_noisy(*names):
    comparison = timing.Comparison({name: SWINGS for name in names}, 1, "cpu")
    return timing.Unsteady(comparison, list(names))


def test_beside_other_programs_it_says_what_is_unsteady_and_keeps_the_rest(busy, capsys):
    good = busy.found["ResNet-50"]
    busy.found["ResNet-50"] = too_noisy("torch: int8 static, x86", "OpenVINO: int8")
    words = ["--json", str(busy.path)]
    assert task.main(words) == 1
    printed = capsys.readouterr().out
    assert (
        "ResNet-50 was not measured: the times of torch: int8 static, x86, and of OpenVINO: int8 were too far apart"
        in printed
    )
    assert "Kept: BERT-base shape, MobileNet-v2. To go on: " in printed and "--resume" in printed
    assert "Traceback" not in printed and not busy.path.exists(), "no record of a part"
    again = [name for name in networks.NETWORKS for _ in range(3 if name == "ResNet-50" else 1)]
    assert busy.asked == again, "what is unsteady is tried twice more, and the next network is measured all the same"

    busy.found["ResNet-50"], busy.asked[:] = good, []
    task.main([*words, "--resume"])
    assert busy.asked == ["ResNet-50"] and not busy.kept.exists()
    record, rows = int8_record.recorded(busy.path)
    assert [row.model for row in rows[::4]] == list(networks.NETWORKS) == list(record["dates"])
    assert list(record["control_cosine"]) == list(networks.NETWORKS) and "unsteady" not in record


def test_a_run_that_is_stopped_goes_on(busy, capsys):
    good = busy.found["ResNet-50"]
    busy.found["ResNet-50"] = KeyboardInterrupt()
    assert task.main(["--json", str(busy.path)]) == 130
    assert "Kept: BERT-base shape. To go on: " in capsys.readouterr().err and not busy.path.exists()
    busy.found["ResNet-50"] = good
    task.main(["--json", str(busy.path), "--resume"])
    assert busy.asked == ["BERT-base shape", "ResNet-50", "ResNet-50", "MobileNet-v2"] and busy.path.exists()


def test_what_cannot_be_gone_on_with_is_said(busy):
    with pytest.raises(SystemExit, match="no run was stopped"):
        task.main(["--resume"])
    busy.found["MobileNet-v2"] = too_noisy("torch: int8")
    task.main(["--rounds", "3"])
    with pytest.raises(SystemExit, match="other rounds"):
        task.main(["--rounds", "5", "--resume"])
    busy.kept.write_text("{", encoding="utf-8")
    with pytest.raises(SystemExit, match="cannot be read"):
        task.main(["--rounds", "3", "--resume"])


def test_a_bench_whose_times_are_unsteady_says_so_in_a_sentence(monkeypatch, capsys):
    for name in ("COURSE_JUDGE_SPEED", "OMP_NUM_THREADS", "COURSE_THREADS"):
        monkeypatch.setenv(name, "1")
    monkeypatch.setattr(task, "main", mock.Mock(side_effect=too_noisy("the loop")))
    assert bench.main(["quantization"]) == 1
    assert "Not measured: 'the loop': the quartiles" in capsys.readouterr().out


def test_a_name_that_is_no_bench_is_a_lesson(capsys, monkeypatch):
    for name in ("COURSE_JUDGE_SPEED", "OMP_NUM_THREADS", "COURSE_THREADS"):
        monkeypatch.setenv(name, "1")
    with pytest.raises(SystemExit):
        bench.main(["quantisation"])
    with pytest.raises(SystemExit):
        bench.main(["quantization", "--network", "AlexNet"])


def test_a_record_that_is_not_there_says_how_to_make_one(tmp_path):
    with pytest.raises(FileNotFoundError, match="bench quantization"):
        int8_record.recorded(tmp_path / "headline.json")
