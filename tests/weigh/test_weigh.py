"""A network of your own: every step works on seven kinds of model, or says why not, and the model stays as it was."""

import copy
import json
import re
import subprocess
from types import SimpleNamespace

import _forked
import pytest
import torch
from torch import nn

import weigh
from course_utils import checkpoints, legacy_int8, models
from tools import weigh as task
from weigh import shipped, ways
from weigh.forms import Built
from weigh.result import choose

# Said by torch where an int8 layer is copied or saved; a learner sees it as a warning.
pytestmark = pytest.mark.filterwarnings("ignore:TypedStorage is deprecated")


@pytest.fixture(scope="module")
def forked():
    with _forked.runner() as run:
        yield run


@pytest.fixture(autouse=True)
def smoke(monkeypatch, forked):
    monkeypatch.setenv("COURSE_QUICK", "1")
    monkeypatch.setattr(shipped, "subprocess", SimpleNamespace(run=forked))


class Texts(nn.Module):
    def __init__(self):
        super().__init__()
        self.table, self.lstm, self.head = nn.Embedding(50, 32), nn.LSTM(32, 64, batch_first=True), nn.Linear(64, 5)

    def forward(self, x):
        return self.head(self.lstm(self.table(x))[0][:, -1])


class Deciding(nn.Module):
    """Which way it goes depends on its data, so that it cannot be exported."""

    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(16, 64), nn.Linear(64, 4)

    def forward(self, x):
        x = self.a(x)
        return self.b(x.relu() if x.mean().item() > 0 else x.tanh())


def mlp():
    return nn.Sequential(nn.Linear(16, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 4))


def already():
    with legacy_int8.quiet():
        return legacy_int8.tq.quantize_dynamic(mlp().eval(), {nn.Linear})


def floats(*shape):
    return [torch.randn(shape) for _ in range(4)]


KINDS = {
    "mlp": lambda: (mlp(), floats(8, 16)),
    "lstm": lambda: (Texts(), [torch.randint(50, (8, 12)) for _ in range(4)]),
    "encoder": lambda: (models.Encoder(1, 32, 2, 50, 16, 5), [torch.randint(50, (8, 12)) for _ in range(4)]),
    "resnet": lambda: (checkpoints.load("small_resnet"), floats(8, 1, 28, 28)),
    "deciding": lambda: (Deciding(), floats(8, 16)),
    "already": lambda: (already(), floats(8, 16)),
}


def sheet_of(kind, **more):
    torch.manual_seed(0)
    sheet = weigh.look(*KINDS[kind](), **more)
    sheet.step = 600  # a busy machine is no fault
    return sheet


def without_onnx(sheet):
    return [way for way in weigh.routes(sheet) if not way.name.startswith("ONNX")]


@pytest.fixture(scope="module")
def rows():
    """Function from a kind of model to its rows by name, made once."""
    made = {}

    def of(kind):
        if kind not in made:
            sheet = sheet_of(kind)
            weigh.layers_of(sheet)
            weigh.run(sheet, ways=without_onnx(sheet), clock=False, say=str)
            weigh.cut(sheet, clock=False, say=str)
            made[kind] = {row.name: row for row in sheet.rows}
        return made[kind]

    return of


@pytest.mark.parametrize("kind", KINDS)
def test_each_way_gives_a_row_or_a_sentence(rows, kind):
    for row in rows(kind).values():
        assert row.built or row.remark.endswith("."), row
        assert not row.built or (row.file_bytes > 1000 and 0 <= row.agreement <= 1), row
    assert rows(kind)[ways.FLOAT].agreement == 1


def test_what_int8_touches_is_told_by_what_ran(rows):
    assert rows("mlp")[ways.DYNAMIC].in_int8 == "100% of the MACs"
    assert rows("lstm")[ways.DYNAMIC].in_int8.endswith("% of the MACs")
    assert rows("lstm")[ways.DYNAMIC].file_bytes < 0.5 * rows("lstm")[ways.FLOAT].file_bytes
    assert rows("resnet")[ways.DYNAMIC].in_int8 == "below 1% of the MACs"
    assert rows("resnet")[ways.STATIC].in_int8 == ways.NOT_INT8_YET
    assert rows("encoder")[ways.TORCHAO].in_int8.endswith("% of the MACs")


@pytest.mark.parametrize(("overflow", "weights", "activations"), [(False, 127, 255), (True, 64, 127)])
def test_integers_are_smaller_where_sums_of_products_overflow(overflow, weights, activations, monkeypatch):
    monkeypatch.setattr(ways, "ON_ARM", False)
    monkeypatch.setattr(ways, "_sums_overflow", lambda: overflow)
    dynamic = ways._torchao(sheet_of("mlp"), frozenset()).module
    assert next(m for m in dynamic.modules() if type(m) is nn.Linear).weight.qdata.abs().max() == weights
    nodes = ways._converted(sheet_of("resnet"), frozenset()).graph.nodes
    assert next(n for n in nodes if "quantize_per_tensor" in str(n.target)).args[-2] == activations


@pytest.mark.parametrize(("overflow", "weights"), [(False, 127), (True, 64)])
def test_so_are_those_of_onnx_runtime(overflow, weights, monkeypatch, tmp_path):
    onnx = pytest.importorskip("onnx")
    monkeypatch.setattr(ways, "_sums_overflow", lambda: overflow)
    sheet, path = sheet_of("resnet"), tmp_path / "float.onnx"
    torch.onnx.export(sheet.one, sheet.example, dynamo=True, verbose=False, input_names=["x0"]).save(path)
    ways._onnx_int8(path, made := tmp_path / "int8.onnx", sheet)
    held = onnx.load(made).graph.initializer
    arrays = [onnx.numpy_helper.to_array(one).astype(int) for one in held if one.data_type == onnx.TensorProto.INT8]
    assert max(abs(array).max() for array in arrays) == weights


def test_what_a_resnet_gains_and_what_cannot_be_exported_says_so(rows):
    static, dense = rows("resnet")[ways.STATIC], rows("resnet")[ways.FLOAT]
    assert static.file_bytes < 0.6 * dense.file_bytes and static.agreement > 0.9
    assert rows("resnet")[ways.CUT].file_bytes < 0.5 * dense.file_bytes
    assert rows("resnet")[ways.CUT].remark == ways.UNTRAINED
    assert rows("deciding")[ways.STATIC].built is None and rows("deciding")[ways.STATIC].remark
    assert rows("deciding")[ways.DYNAMIC].built


def test_nothing_is_rounded_that_computes_in_int8_already(rows):
    assert {row.name for row in rows("already").values() if row.built} == {ways.FLOAT}
    assert sheet_of("already").int8_already and "already" in rows("already")[ways.STATIC].remark


def test_the_model_is_left_as_it_was():
    model, batches = KINDS["resnet"]()
    model.train()
    before = copy.deepcopy(model.state_dict())
    sheet = weigh.look(model, batches)
    weigh.run(sheet, ways=without_onnx(sheet)[:3], clock=False, say=str)
    weigh.cut(sheet, clock=False, say=str)
    assert model.training and all(torch.equal(was, model.state_dict()[name]) for name, was in before.items())


def test_the_guilty_layer_is_named_and_stays_float():
    torch.manual_seed(0)
    model = mlp()
    with torch.no_grad():  # one input of 8 bits cannot hold: a feature a thousand times as large, which means nothing
        model[2].weight[:, 0] = 0
        model[0].weight[0], model[0].bias[0] = 0, 1e4
    sheet = weigh.look(model, [torch.randn(64, 16) for _ in range(4)])
    weigh.run(sheet, ways=[way for way in weigh.routes(sheet) if way.name in (ways.FLOAT, ways.DYNAMIC)], say=str)
    made = weigh.blame(sheet)
    assert [row.name for row in made] == [f"{ways.DYNAMIC}, 2 in float"]
    assert made[0].agreement > sheet.rows[1].agreement


def test_both_cuts_and_the_dense_network_get_the_same_training():
    called = []
    sheet = sheet_of("mlp", train=lambda model: called.append((model.training, next(model.parameters()).requires_grad)))
    names = [row.name for row in weigh.cut(sheet, clock=False, say=str) if row.built]
    assert names == [ways.TRAINED, ways.MASKED, ways.CUT] and called == [(True, True)] * 3


@pytest.mark.slow
def test_weigh_does_all_and_a_fresh_process_opens_the_file(tmp_path, monkeypatch):
    monkeypatch.setattr(shipped, "subprocess", subprocess)  # no fork: Python begins anew
    torch.manual_seed(0)
    model, inputs = mlp(), floats(8, 16)
    labels = torch.cat([model(x).argmax(-1) for x in inputs])
    sheet, report = weigh.weigh(model, inputs, labels=labels, limits={"mb": 0.02}, folder=tmp_path, say=str)
    assert json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))["file"] == report["file"]
    assert (tmp_path / report["file"]).stat().st_size == report["file_bytes"]
    assert "A fresh process ran these lines" in report["opened_elsewhere"], report["opened_elsewhere"]
    assert sheet.rows[0].accuracy == 1 and any(row.front for row in sheet.rows)
    weigh.figure(sheet)


def weighed(*rows, sheet=None, train=None):
    """A sheet with rows (name, megabytes, ms, agreement), as if these had been measured."""
    sheet = sheet or sheet_of("mlp", train=train)
    sheet.doubt = ""
    found = {way.name: way for way in weigh.routes(sheet)}
    found[ways.CUT] = weigh.Way(ways.CUT, ways._channels, trained=train is not None, lessons=("structured",))
    sheet.rows = [
        weigh.Row(
            found[name], int(1e6 * megabytes), ms, ms, agreement=kept, built=Built(sheet.one, int(1e6 * megabytes))
        )
        for name, megabytes, ms, kept in rows
    ]
    return sheet


def test_one_sentence_says_what_to_ship_or_what_comes_closest():
    sheet = weighed((ways.FLOAT, 16, 40, 1.0), (ways.STATIC, 4, 60, 1.0), (ways.CUT, 4, 10, 0.5), train=print)
    assert "as it is: nothing" in weigh.recommend(sheet), "what is slower is for whoever asked for bytes"
    assert "4 times smaller than the model as it is, taking 1.5 times as long" in weigh.recommend(sheet, {"mb": 5})
    assert choose(sheet, {"agreement": 0.4})[0].name == ways.CUT
    assert choose(sheet, {"ms": 50})[0].name == ways.FLOAT
    assert "the closest is “int8 static (PT2E)”, which misses by 1 MB" in weigh.recommend(sheet, {"mb": 3})
    assert "which needs labels" in weigh.recommend(sheet, {"accuracy": 0.9})
    sheet.rows = sheet.rows[:1]
    assert "as it is" in weigh.recommend(sheet)
    with pytest.raises(ValueError, match="not one of these"):
        weigh.recommend(sheet, {"kb": 3})


def test_nobody_ships_what_was_not_trained_after_the_cut_while_something_else_fits():
    sheet = weighed((ways.FLOAT, 16, 40, 1.0), (ways.STATIC, 4, 60, 1.0), (ways.CUT, 4, 10, 1.0))
    assert choose(sheet)[0].name == ways.FLOAT
    assert choose(sheet, {"ms": 20})[0].name == ways.CUT


def test_what_chose_a_form_does_not_report_on_it():
    """A form that is right wherever it was judged, and wrong on what was kept back, is not praised."""
    sheet = weigh.look(mlp(), floats(8, 16) * 2, labels=[torch.zeros(8).long()] * 8)
    assert [len(sheet.calibrating), len(sheet.judging), len(sheet.kept_back.batches)] == [2, 2, 2]
    weighed((ways.FLOAT, 16, 40, 1.0), (ways.STATIC, 4, 20, 1.0), sheet=sheet)
    sheet.rows[1].built.call = lambda xs: -sheet.one(*xs)
    said = weigh.recommend(sheet)
    assert "of its answers change on the 16 inputs kept back until now" in said and "points of accuracy" in said
    assert said.startswith("Not yet to ship") and "98% were asked for" in said


def test_the_fastest_is_shipped_and_of_those_that_are_as_fast_the_smallest():
    rows = [(ways.FLOAT, 16, 40, 1.0), (ways.ORT, 16, 10, 1.0), (ways.ORT_INT8, 4, 20, 1.0)]
    assert choose(weighed(*rows))[0].name == ways.ORT
    said = weigh.recommend(weighed(*rows))
    assert (
        "Smaller: “ONNX Runtime, int8”, 4.00 MB in place of 16.0 MB, 20 ms in place of 10; it keeps all answers."
        in said
    )
    assert choose(weighed(*rows, (ways.COMPILED, 12, 10.3, 1.0)))[0].name == ways.COMPILED
    assert choose(weighed(*rows), {"mb": 5})[0].name == ways.ORT_INT8


IMAGES = [3 * torch.randn(1, 3, 16, 16, generator=torch.Generator().manual_seed(i)) for i in range(4)]


def small_cnn():
    """A network whose answers depend on its inputs, with what each route rounds."""
    torch.manual_seed(0)
    layers = [nn.Conv2d(3, 16, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, 64), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(64, 10))


def one_form(name):
    """A sheet of `small_cnn` with one row, so that this is chosen."""
    sheet = weigh.look(small_cnn(), IMAGES)
    sheet.doubt, sheet.step = "", 600
    weigh.run(sheet, ways=[way for way in weigh.routes(sheet) if way.name == name], clock=False, say=str)
    assert sheet.rows[0].built, sheet.rows[0].remark
    sheet.rows[0].ms = sheet.rows[0].ms_all = 1e3
    return sheet


class Recurrent(nn.Module):
    def __init__(self):
        super().__init__()
        self.inside, self.head = nn.GRU(16, 10, batch_first=True), nn.Linear(10, 4)

    def forward(self, x):
        return self.head(self.inside(x)[0][:, -1])


@pytest.mark.parametrize(
    "name", [ways.HALF, ways.DYNAMIC, ways.TORCHAO, ways.TORCHAO_WEIGHTS, ways.MASKED, ways.CUT, "GRU"]
)
def test_weights_alone_come_with_the_lines_that_rebuild_the_form(name, tmp_path, monkeypatch):
    def network(seed):
        torch.manual_seed(seed)
        layers = nn.TransformerEncoderLayer(16, 2, 32, batch_first=True), nn.Linear(16, 10)
        if name == "GRU":
            return Recurrent()
        return nn.Sequential(*layers) if name != ways.CUT else small_cnn()

    monkeypatch.setattr(shipped, "_forms", lambda row: [])
    sheet = weigh.look(network(0), IMAGES if name == ways.CUT else floats(2, 5, 16))
    sheet.doubt, sheet.step = "", 600
    form = ways.DYNAMIC if name == "GRU" else name
    weigh.run(sheet, ways=[way for way in weigh.routes(sheet) if way.name == form], clock=False, say=str)
    weigh.cut(sheet, clock=False, say=str)
    sheet.rows = [row for row in sheet.rows if row.name == form]
    sheet.rows[0].ms = sheet.rows[0].ms_all = 1.0
    before = torch.backends.mha.get_fastpath_enabled(), torch.backends.quantized.engine
    report = weigh.ship(sheet, {"agreement": 0}, tmp_path)
    assert before == (torch.backends.mha.get_fastpath_enabled(), torch.backends.quantized.engine)
    if name == ways.CUT:
        assert "other shapes than yours" in report["opened_elsewhere"] and not lines_of(report)
        return
    monkeypatch.chdir(tmp_path)
    x, here = sheet.example[0], {"model": network(1)}
    with ways.as_int8_needs(), legacy_int8.quiet(), torch.no_grad():
        exec(lines_of(report), here)
        out = here["model"](x.bfloat16() if name == ways.HALF else x).float()
        held = sheet.rows[0].built.call((x,))
        # 1e-7 in the attention can move a value by a level. Each is within its rounding of the float model.
        allowed = 1e-4 if name == ways.MASKED else 2 * (held - sheet.one(x)).abs().max().item()
        torch.testing.assert_close(out, held, rtol=0, atol=allowed)


def test_a_dict_of_several_tensors_is_refused_and_of_one_is_told():
    class Two(torch.nn.Linear):
        def forward(self, x):
            return {"hidden": x, "scores": super().forward(x)}

    class Named(torch.nn.Linear):
        def forward(self, x):
            return {"hidden": x, "logits": super().forward(x)}

    with pytest.raises(TypeError, match="'hidden', 'scores', and which of them matters isn't said"):
        weigh.look(Two(16, 3), floats(4, 16))
    assert (
        "`logits` of a dict; a file that is shipped returns this tensor alone"
        in weigh.look(Named(16, 3), floats(4, 16)).facts["a call"]
    )


@pytest.fixture
def wide():
    """A sheet with two rows whose files have about 1.1 and 0.6 MB; by the table the first fits anywhere, and wins."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(16, 512), nn.ReLU(), nn.Linear(512, 512), nn.ReLU(), nn.Linear(512, 4))
    sheet = weigh.look(model, floats(8, 16))
    sheet.doubt, sheet.step = "", 600
    ways.run(sheet, ways=[w for w in ways.routes(sheet) if w.name in (ways.FLOAT, ways.HALF)], clock=False, say=str)
    for row, ms in zip(sheet.rows, (1.0, 5.0), strict=True):
        row.ms, row.ms_all, row.agreement = ms, 50 * ms, 1.0
    sheet.rows[0].file_bytes = 1000
    return sheet


def test_a_limit_of_megabytes_is_held_against_the_file_that_is_written(wide, tmp_path):
    asked = {"mb": 0.8, "agreement": 0}
    assert choose(wide, asked)[0].name == ways.FLOAT
    assert "the file that `ship` writes may have more" in weigh.recommend(wide, asked)
    report = weigh.ship(wide, asked, tmp_path)
    said = report["recommendation"]
    assert report["keeps_limits"] and report["file_bytes"] == (tmp_path / report["file"]).stat().st_size <= 0.8e6
    assert choose(wide, asked)[0].name == ways.HALF and f"Ship “{ways.HALF}”" in said
    assert f"“{ways.FLOAT}” keeps your limits in the table, and as a file of 1." in said, said
    assert "than the saved weights of the model as it is" in report["opened_elsewhere"]
    assert "perhaps because other programs were at work" in report["clock"] and report["clock"] in said
    del wide.rows[0]
    report = weigh.ship(wide, {"mb": 0.1}, tmp_path / "smaller")
    assert report["keeps_limits"] is False and report["file"].startswith("closest_model.")
    assert f"misses by {report['misses']}" in report["recommendation"]


@pytest.mark.parametrize(("keeps", "status"), [(True, 0), (False, 3)])
def test_the_exit_status_says_that_nothing_fits(keeps, status, tmp_path, monkeypatch):
    (tmp_path / "mine.py").write_text("def yours():\n    return 1, [2]\n")
    monkeypatch.setattr(weigh, "weigh", lambda *_, **__: (None, {"file": None, "keeps_limits": keeps}))
    assert task.main([str(tmp_path / "mine.py")]) == status
    assert "exit status" in task.__doc__


@pytest.mark.parametrize(
    ("samples", "once", "words"),
    [
        ([0.02] * 5, 0.02, ""),
        ([0.02, 0.02, 0.02, 0.04, 0.05], 0.02, "The times scatter, perhaps because other programs were at work"),
        ([0.02] * 5, 1e3, "are of a single call, some of them"),
    ],
)
def test_times_that_cannot_be_trusted_say_so(samples, once, words, monkeypatch):
    sheet = weighed((ways.FLOAT, 16, 40, 1.0), (ways.STATIC, 4, 20, 1.0))
    monkeypatch.setattr(ways, "_once", lambda calls, _: dict.fromkeys(calls, once))
    compared = ways.timing.Comparison({row.name: samples for row in sheet.rows}, 1, "cpu")
    monkeypatch.setattr(ways.timing, "compare", lambda *_, **__: compared)
    said = weigh.table(sheet).caption + weigh.recommend(sheet)
    assert said.count("don't trust the milliseconds") == 2 * bool(words) and said.count(words) >= 2
    sheet.rows[1].ms_all = 20 * sheet.rows[1].ms  # two threads twenty times as slow as one
    assert "perhaps because other programs were at work" in weigh.recommend(sheet)


def lines_of(report):
    """The lines that a reader is to type."""
    return report["opened_elsewhere"].partition("\n\n")[2]


@pytest.mark.parametrize(
    "name",
    [ways.FLOAT, ways.DYNAMIC, ways.TORCHAO, ways.ORT_INT8, ways.OPENVINO_INT8]
    + [pytest.param(name, marks=pytest.mark.slow) for name in (ways.STATIC, ways.STATIC_COMPILED)],  # a C++ compiler's
)
def test_a_fresh_process_runs_the_lines_that_open_each_form(name, tmp_path, monkeypatch):
    if name in (ways.ORT_INT8, ways.OPENVINO_INT8):
        for package in ("onnxruntime", "onnxscript", "openvino"):
            pytest.importorskip(package)
    if name == ways.STATIC_COMPILED:
        monkeypatch.delenv("COURSE_QUICK")
        if why := ways._no_compiler():
            pytest.skip(why)
    sheet = one_form(name)
    report = weigh.ship(sheet, {"agreement": 0, "ms": 1e6}, tmp_path)
    said = report["opened_elsewhere"]
    assert report["file"] in lines_of(report), said
    assert "100% of its answers are the same" in said and "your limit" not in said
    layers = {ways.DYNAMIC: ["2"], ways.TORCHAO: ["2"], ways.STATIC_COMPILED: ["3"]}
    assert re.findall(r"(\d+) products are in int8", said) == layers.get(name, [])
    if name in (ways.ORT_INT8, ways.OPENVINO_INT8):
        assert sheet.rows[0].in_int8 in ("3 of 3 products", "1 of 3 products, 2 fused, unknown")


def test_inputs_by_name_pairs_of_a_loader_and_odd_batches():
    class Named(nn.Module):
        def __init__(self):
            super().__init__()
            self.inside = mlp()

        def forward(self, x, scale=None):
            return {"logits": self.inside(x * scale)}

    sheet = weigh.look(Named(), [{"x": torch.ones(2, 16), "scale": torch.tensor(2.0)}] * 2)
    assert sheet.expected[0].shape == (2,)
    pairs = [(x, torch.zeros(8, dtype=torch.long)) for x in floats(8, 16)] + [(torch.ones(3, 16), torch.ones(3))]
    sheet = weigh.look(mlp(), pairs)
    assert len(sheet.labels) == len(sheet.judging) == 2 and "1 of another shape" in sheet.facts["batches"]
    weigh.run(sheet, ways=weigh.routes(sheet)[:1], say=str)
    assert "1 batch was of another shape" in weigh.recommend(sheet) and "pad texts" in weigh.recommend(sheet)
    half = weigh.look(mlp().half(), [x.half() for x in floats(8, 16)])
    assert next(half.one.parameters()).dtype == torch.float32
    with pytest.raises(ValueError, match="same shape was expected"):
        weigh.look(mlp(), floats(8, 16), labels=[torch.zeros(3)] * 4)


def on_meta():
    with torch.device("meta"):
        return mlp()


@pytest.mark.parametrize(
    ("model", "batches", "said"),
    [
        (lambda: "model.pt", floats(8, 16), "the name of a file"),
        (lambda: mlp().state_dict(), floats(8, 16), "load_state_dict"),
        (lambda: torch.export.export(mlp(), (torch.ones(8, 16),)), floats(8, 16), "model.module()"),
        (lambda: nn.Sequential(nn.LazyLinear(4)), floats(8, 16), "run the model once"),
        (on_meta, floats(8, 16), "meta device"),
        (lambda: nn.Linear(8, 3, dtype=torch.complex64), [x.cfloat() for x in floats(2, 8)], "complex numbers"),
        (mlp, torch.randn(4, 16), "batches.split(1)"),
        (mlp, {"x": torch.randn(4, 16)}, "a list was expected"),
        (small_cnn, floats(3, 16, 16), "[x[None] for x in batches]"),
        (mlp, floats(8, 17), "mat1 and mat2"),
    ],
)
def test_what_cannot_be_weighed_says_so_and_which_line_mends_it(model, batches, said):
    with pytest.raises((TypeError, ValueError), match=re.escape(said)):
        weigh.look(model(), batches)


@pytest.mark.parametrize(
    ("text", "words", "said"),
    [
        (None, [], "There is no file"),
        ("1 / 0", [], "failed while it was run: ZeroDivisionError"),
        (
            "import torch\ndef yours():\n    return torch.nn.Linear(3, 2), [torch.ones(1, 4)]",
            [],
            "fails on the first batch",
        ),
        ("def yours():\n    return 3", [], "returned int, and (model, batches) was expected"),
        ("def yours():\n    return 3, [1]", ["--limits", "mb"], "expected NAME=NUMBER"),
        ("1 / 0", ["--limits", "agreement=95"], "95 % are agreement=0.95"),  # said before the file runs
        (
            "import torch\ndef yours():\n    return torch.nn.Linear(3, 2), [torch.ones(1, 3)]",
            ["--limits", "accuracy=0.9"],
            "the limit accuracy needs labels",  # before anything is measured
        ),
        ("def yours(model):\n    return model, [1]", [], "has no function yours without arguments"),
    ],
)
def test_weigh_says_what_was_wrong_what_was_expected_and_what_to_do(tmp_path, capsys, text, words, said):
    path = tmp_path / "my_model.py"
    if text is not None:
        path.write_text(text, encoding="utf-8")
    assert task.main([str(path), *words, "--to", str(tmp_path)]) == 1
    assert said in capsys.readouterr().out
