"""Models and files as people bring them to the worksheet: taken as they are meant, or refused by a sentence."""

import threading

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations, prune

import weigh
from tools import weigh as task

BATCHES = [torch.randn(2, 8, generator=torch.Generator().manual_seed(n)) for n in range(4)]


@pytest.fixture(autouse=True)
def smoke(monkeypatch):
    monkeypatch.setenv("COURSE_QUICK", "1")


def masked(layer):
    prune.l1_unstructured(layer, "weight", 0.5)
    return layer


NORMS = {
    "masked": masked,
    "weight_norm": parametrizations.weight_norm,
    "spectral_norm": parametrizations.spectral_norm,
    "old weight_norm": nn.utils.weight_norm,
    "old spectral_norm": nn.utils.spectral_norm,
}


@pytest.mark.filterwarnings("ignore:.*weight_norm.* is deprecated")
@pytest.mark.parametrize("kind", NORMS)
def test_what_computes_a_weight_is_worked_into_the_copy_and_stays_in_the_model(kind):
    model = nn.Sequential(NORMS[kind](nn.Linear(8, 16)), nn.ReLU(), nn.Linear(16, 3))
    model(BATCHES[0]).sum().backward()
    names = [name for name, _ in model.named_parameters()]
    sheet = weigh.look(model, BATCHES)
    assert type(sheet.one.model[0]) is nn.Linear and not any(way.why_not for way in weigh.routes(sheet)[:5])
    model.eval()
    torch.testing.assert_close(sheet.one(BATCHES[0]), model(BATCHES[0]))
    assert [name for name, _ in model.named_parameters()] == names and model(BATCHES[0]).requires_grad


def test_a_model_that_writes_into_its_input_gets_copies():
    class Normalizes(nn.Linear):
        def forward(self, x):
            return super().forward(x.mul_(0.5))

    before = [batch.clone() for batch in BATCHES]
    sheet = weigh.look(nn.Sequential(Normalizes(8, 3)), BATCHES)
    (row,) = weigh.run(sheet, ways=weigh.routes(sheet)[:1], clock=False, say=lambda *_: None)
    assert sheet.facts["twice the same"] == "yes" and row.agreement == 1
    assert all(map(torch.equal, BATCHES, before))


def test_a_model_in_64_bits_is_weighed_in_32():
    sheet = weigh.look(nn.Sequential(nn.Linear(8, 3)).double(), [batch.double() for batch in BATCHES])
    rows = weigh.run(sheet, ways=weigh.routes(sheet)[:4], clock=False, say=lambda *_: None)
    assert not any(row.remark for row in rows) and "float64" in sheet.facts["model"]


def test_what_cannot_be_weighed_is_named():
    class Own(nn.Linear):
        pass

    sheet = weigh.look(nn.Sequential(Own(8, 3)), BATCHES)
    assert any("layers are Own" in way.why_not for way in weigh.routes(sheet))
    holds = nn.Sequential(nn.Linear(8, 3))
    holds[0].guard = threading.Lock()
    with pytest.raises(TypeError, match=r"a lock in '0\.guard'"):
        weigh.look(holds, BATCHES)


@pytest.mark.parametrize("name", ["model.pt", "model.onnx", "weights.safetensors"])
def test_weigh_does_not_run_a_file_that_holds_a_model(name, tmp_path, capsys):
    (tmp_path / name).write_text("raise SystemExit('run')")
    assert task.main([str(tmp_path / name)]) == 1
    said = capsys.readouterr().out
    assert "a Python file was expected that loads it" in said and "load_state_dict" in said


def test_weigh_says_what_failed_in_the_readers_function(tmp_path, capsys):
    (tmp_path / "mine.py").write_text("def yours():\n    return open('nowhere')\n")
    assert task.main([str(tmp_path / "mine.py")]) == 1
    assert "yours() in" in (said := capsys.readouterr().out) and "FileNotFoundError" in said
