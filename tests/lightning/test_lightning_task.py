"""The task of the lessons on Lightning: rows, batches in a fixed order, and a Trainer that leaves nothing behind."""

import torch
from _quantized_fits import Regression

from course_utils.lightning import ignore_advice
from lessons.lightning_qat import task


def test_a_fit_trains_prints_nothing_and_writes_nothing(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    ignore_advice()
    model = task.fit(Regression(), task.batches(torch.rand(8, 8), torch.rand(8, 1)), epochs=2)
    assert not torch.equal(model.layer_1.weight, Regression().layer_1.weight)
    assert not model.training and not model.layer_1.weight.requires_grad
    assert list(tmp_path.iterdir()) == [] and "Epoch" not in capsys.readouterr().out
