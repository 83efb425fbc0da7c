"""A network of your own: every step works on seven kinds of model, or says why not, and the model stays as it was."""

import contextlib
import copy
import functools
import json
import time

import pytest
import torch
from torch import nn

from course_utils import legacy_int8, models, yours
from course_utils.data import checkpoints
from course_utils.exercises import calls, isolation
from course_utils.yours import ways
from course_utils.yours.result import choose
from course_utils.yours.sheet import OutOfTime, within
from tools import weigh
from tools.publishing import worksheets

# Said by torch where an int8 layer is copied or saved; a learner sees it as a warning.
pytestmark = pytest.mark.filterwarnings("ignore:TypedStorage is deprecated")


@pytest.fixture(autouse=True)
def smoke(monkeypatch):
    monkeypatch.setenv("COURSE_QUICK", "1")


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


class Reading(nn.Module):
    """Uses the weight of a layer without calling it, as the attention of a Swin Transformer does."""

    def __init__(self):
        super().__init__()
        self.first, self.read = nn.Linear(16, 64), nn.Linear(64, 10)

    def forward(self, x):
        return nn.functional.linear(self.first(x).relu(), self.read.weight, self.read.bias)


KINDS = {
    "reading": lambda: (Reading(), floats(8, 16)),
    "mlp": lambda: (mlp(), floats(8, 16)),
    "lstm": lambda: (Texts(), [torch.randint(50, (8, 12)) for _ in range(4)]),
    "encoder": lambda: (models.Encoder(1, 32, 2, 50, 16, 5), [torch.randint(50, (8, 12)) for _ in range(4)]),
    "resnet": lambda: (checkpoints.load("small_resnet"), floats(8, 1, 28, 28)),
    "deciding": lambda: (Deciding(), floats(8, 16)),
    "already": lambda: (already(), floats(8, 16)),
}


def sheet_of(kind, **more):
    torch.manual_seed(0)
    return yours.look(*KINDS[kind](), **more)


def without_onnx(sheet):
    return [way for way in yours.routes(sheet) if not way.name.startswith("ONNX")]


@pytest.fixture(scope="module")
def rows():
    """Function from a kind of model to its rows by name, made once."""
    made = {}

    def of(kind):
        if kind not in made:
            sheet = sheet_of(kind)
            yours.layers_of(sheet)
            yours.run(sheet, ways=without_onnx(sheet), clock=False, say=str)
            yours.cut(sheet, clock=False, say=str)
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


def test_a_layer_whose_weight_is_read_stays_float(rows):
    assert rows("reading")[ways.DYNAMIC].in_int8 == "62% of the MACs"


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
    held = onnx.load(ways._onnx_int8(path, sheet)).graph.initializer
    arrays = [onnx.numpy_helper.to_array(one).astype(int) for one in held if one.data_type == onnx.TensorProto.INT8]
    assert max(abs(array).max() for array in arrays) == weights


def test_a_resnet_goes_through_pt2e_though_it_uses_an_activation_twice(rows):
    static, dense = rows("resnet")[ways.STATIC], rows("resnet")[ways.FLOAT]
    assert static.file_bytes < 0.6 * dense.file_bytes and static.agreement > 0.9
    assert rows("resnet")[ways.CUT].file_bytes < 0.5 * dense.file_bytes
    assert rows("resnet")[ways.CUT].remark == ways.UNTRAINED


def test_what_cannot_be_exported_says_so_and_the_rest_goes_on(rows):
    assert rows("deciding")[ways.STATIC].built is None and rows("deciding")[ways.STATIC].remark
    assert rows("deciding")[ways.DYNAMIC].built


def test_nothing_is_rounded_that_computes_in_int8_already(rows):
    assert {row.name for row in rows("already").values() if row.built} == {ways.FLOAT}
    assert sheet_of("already").int8_already and "already" in rows("already")[ways.STATIC].remark


def test_random_weights_are_told():
    torch.manual_seed(0)
    assert "agreement then says little" in yours.look(models.SmallResNet(), floats(4, 1, 28, 28)).facts["answers"]


def test_a_way_that_finds_nothing_says_that_the_outputs_are_the_same():
    sheet = sheet_of("mlp")
    same = ways.Way("int8 of nothing", lambda sheet, keep: ways._eager(sheet.copy()))
    assert yours.run(sheet, ways=[same], clock=False, say=str)[0].remark == ways.NOTHING


def test_the_model_is_left_as_it_was():
    model, batches = KINDS["resnet"]()
    model.train()
    before = copy.deepcopy(model.state_dict())
    sheet = yours.look(model, batches)
    yours.run(sheet, ways=without_onnx(sheet)[:3], clock=False, say=str)
    yours.cut(sheet, clock=False, say=str)
    assert model.training and all(torch.equal(was, model.state_dict()[name]) for name, was in before.items())


def test_the_guilty_layer_is_named_and_stays_float():
    torch.manual_seed(0)
    model = mlp()
    with torch.no_grad():  # one input of 8 bits cannot hold: a feature a thousand times as large, which means nothing
        model[2].weight[:, 0] = 0
        model[0].weight[0], model[0].bias[0] = 0, 1e4
    sheet = yours.look(model, [torch.randn(64, 16) for _ in range(4)])
    yours.run(sheet, ways=[way for way in yours.routes(sheet) if way.name in (ways.FLOAT, ways.DYNAMIC)], say=str)
    made = yours.blame(sheet)
    assert [row.name for row in made] == [f"{ways.DYNAMIC}, 2 in float"]
    assert made[0].agreement > sheet.rows[1].agreement


def test_nobody_is_to_blame_where_no_answer_is_lost():
    sheet = sheet_of("mlp")
    yours.run(sheet, ways=[way for way in yours.routes(sheet) if way.name == ways.DYNAMIC], clock=False, say=str)
    sheet.rows[0].agreement = 1.0
    assert sheet.rows[0].built and yours.blame(sheet) == []


def test_both_cuts_and_the_dense_network_get_the_same_training():
    called = []
    sheet = sheet_of("mlp", train=lambda model: called.append((model.training, next(model.parameters()).requires_grad)))
    names = [row.name for row in yours.cut(sheet, clock=False, say=str) if row.built]
    assert names == [ways.TRAINED, ways.MASKED, ways.CUT] and called == [(True, True)] * 3


def test_weigh_does_all_and_a_fresh_process_opens_the_file(tmp_path):
    torch.manual_seed(0)
    model, inputs = mlp(), floats(8, 16)
    labels = torch.cat([model(x).argmax(-1) for x in inputs])
    sheet, report = yours.weigh(model, inputs, labels=labels, limits={"mb": 0.02}, folder=tmp_path, say=str)
    assert json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))["file"] == report["file"]
    assert (tmp_path / report["file"]).stat().st_size == report["file_bytes"]
    assert "fresh process opened it" in report["opened_elsewhere"], report["opened_elsewhere"]
    assert sheet.rows[0].accuracy == 1 and any(row.front for row in sheet.rows)
    yours.figure(sheet)


def test_one_sentence_says_what_to_ship_or_who_comes_nearest():
    def row(name, megabytes, ms, agreement):
        return yours.Row(name, int(1e6 * megabytes), ms, ms, agreement=agreement, built=True)

    rows = [row(ways.FLOAT, 16, 40, 1.0), row(ways.STATIC, 4, 60, 1.0), row(ways.CUT, 4, 10, 0.5)]
    assert "as it is: nothing" in yours.recommend(rows), "what is slower is for whoever asked for bytes"
    assert "4 times smaller than the model as it is, taking 1.5 times as long" in yours.recommend(rows, {"mb": 5})
    assert choose(rows, {"agreement": 0.4})[0].name == ways.CUT
    assert choose(rows, {"ms": 50})[0].name == ways.FLOAT
    rows[2].remark, rows[2].agreement = ways.UNTRAINED, 1.0
    assert choose(rows)[0].name == ways.FLOAT, "nobody ships what was not trained after the cut"
    assert choose(rows, {"ms": 20})[0].name == ways.CUT
    assert "misses by 1 MB" in yours.recommend(rows, {"mb": 3})
    assert "which needs labels" in yours.recommend(rows, {"accuracy": 0.9})
    assert "as it is" in yours.recommend(rows[:1])
    with pytest.raises(ValueError, match="not one of these"):
        yours.recommend(rows, {"kb": 3})


def test_inputs_by_name_pairs_of_a_loader_and_odd_batches():
    class Named(nn.Module):
        def __init__(self):
            super().__init__()
            self.inside = mlp()

        def forward(self, x, scale=None):
            return {"logits": self.inside(x * scale)}

    sheet = yours.look(Named(), [{"x": torch.ones(2, 16), "scale": torch.tensor(2.0)}] * 2)
    assert sheet.expected[0].shape == (2,)
    pairs = [(x, torch.zeros(8, dtype=torch.long)) for x in floats(8, 16)] + [(torch.ones(3, 16), torch.ones(3))]
    sheet = yours.look(mlp(), pairs)
    assert len(sheet.labels) == len(sheet.judging) == 2 and "1 are not used" in sheet.facts["batches"]
    half = yours.look(mlp().half(), [x.half() for x in floats(8, 16)])
    assert next(half.one.parameters()).dtype == torch.float32
    with pytest.raises(ValueError, match="same shape was expected"):
        yours.look(mlp(), floats(8, 16), labels=[torch.zeros(3)] * 4)
    with pytest.raises(TypeError, match="was expected"):
        yours.look(len, floats(8, 16))


def test_a_step_that_takes_too_long_is_ended():
    with pytest.raises(OutOfTime, match="was left out"), within(0.05):
        while True:
            pass


@pytest.mark.parametrize("seconds", [60.0, 0.02])
def test_after_a_step_a_check_still_hears_variables(seconds, monkeypatch):
    def double(n):
        twice = 2 * n
        return twice

    with contextlib.suppress(OutOfTime), within(seconds):
        time.sleep(0.02)
    monkeypatch.setattr(isolation, "CALL_SECONDS", 5.0)  # an exception that waits for no thread would stop Python here
    heard = {}
    error = isolation.run_apart(
        lambda: heard.update(calls.heard(functools.partial(lambda answer, *own: answer(*own), double), (2,)))
    )
    assert error is None and heard == {"twice": 4}


@pytest.mark.parametrize(
    ("text", "words", "said"),
    [
        (None, [], "There is no file"),
        ("x = 1", [], "has no function yours"),
        ("1 / 0", [], "failed while it was run: ZeroDivisionError"),
        ("def yours():\n    return 3", [], "returned int, and (model, batches) was expected"),
        ("def yours():\n    return 3, [1]", [], "cannot be weighed: the model is a int"),
        ("def yours():\n    return 3, [1]", ["--limits", "mb"], "expected NAME=NUMBER"),
        ("def yours(model):\n    return model, [1]", [], "has no function yours without arguments"),
    ],
)
def test_weigh_says_what_was_wrong_what_was_expected_and_what_to_do(tmp_path, capsys, text, words, said):
    path = tmp_path / "my_model.py"
    if text is not None:
        path.write_text(text, encoding="utf-8")
    assert weigh.main([str(path), *words, "--to", str(tmp_path)]) == 1
    assert said in capsys.readouterr().out


def test_the_worksheet_has_its_cells_and_is_in_step():
    assert len(worksheets.read(worksheets.YOURS).cells) == 15
    assert worksheets.faults(worksheets.YOURS) == []
