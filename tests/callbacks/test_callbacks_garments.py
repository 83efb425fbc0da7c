"""The task of the lessons on Lightning: rows, batches in a fixed order, and a Trainer that leaves nothing behind."""

import torch
from _quantized_fits import Regression

from course_utils.callbacks import garments, ignore_advice


def test_rows_are_means_and_shares_and_layers_take_them():
    x, y = garments.load("test", 5)
    assert x.shape == (5, 16) and y.shape == (5, 1)
    assert ((x >= 0) & (x <= 1)).all() and ((y > 0) & (y < 1)).all()
    first, again, other = garments.Layers(width=5), garments.Layers(width=5), garments.Layers(width=5, seed=1)
    assert first(x).shape == (5, 1) and first.layer_2.weight.shape == (5, 5)
    assert torch.equal(first(x), again(x)) and not torch.equal(first(x), other(x))


def test_mape_is_of_the_expected_value():
    assert garments.mape(torch.tensor([1.0, 3.0]), torch.tensor([2.0, 2.0])) == 50


def test_batches_have_one_order_and_every_row_once():
    x, y = torch.arange(10.0)[:, None], torch.arange(10.0)[:, None]
    plain, mixed = garments.batches(x, y, size=4), garments.batches(x, y, size=4, order=1)
    seen = [torch.cat([rows for rows, _ in mixed]).flatten().tolist() for _ in range(2)]
    assert torch.equal(torch.cat([rows for rows, _ in plain]), x)
    assert seen[0] == seen[1] != x.flatten().tolist() and sorted(seen[0]) == x.flatten().tolist()
    assert all(torch.equal(rows, truth) for rows, truth in mixed)


def test_a_fit_trains_prints_nothing_and_writes_nothing(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    ignore_advice()
    model = garments.fit(Regression(), garments.batches(torch.rand(8, 8), torch.rand(8, 1)), epochs=2)
    assert not torch.equal(model.layer_1.weight, Regression().layer_1.weight)
    assert not model.training and not model.layer_1.weight.requires_grad
    assert list(tmp_path.iterdir()) == [] and "Epoch" not in capsys.readouterr().out
