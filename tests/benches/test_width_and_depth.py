"""The record of the lesson zero_worth: what is cut, what stays, and what a run of the command writes."""

import json
from itertools import product

import torch

from tools.benches import width_and_depth as bench


def test_a_shape_takes_as_many_weights_as_the_budget_allows():
    for budget, shape in product(bench.BUDGETS, bench.SHAPES.values()):
        widths = bench.fitting(shape, budget)
        assert 0.98 * budget < bench.weights(widths) <= budget
    assert bench.weights(bench.WIDTHS) == 784 * 200 + 3 * 200 * 200 + 200 * 10


def test_a_unit_that_stays_takes_its_weights_along():
    """With units that hear nothing removed, four layers answer as before."""
    torch.manual_seed(0)
    whole = bench.network((6, 5, 4, 3))
    with torch.no_grad():
        for layer, silent in ((whole[1], [0, 2]), (whole[3], [4]), (whole[5], [1]), (whole[7], [0])):
            layer.weight[silent] = 0
            layer.bias[silent] = 0
    small = bench.cut(whole, (4, 4, 3, 2))
    digits = torch.rand(7, 1, 28, 28)
    torch.testing.assert_close(small(digits), whole(digits))
    assert not torch.equal(bench.cut(whole, (3, 3, 3, 2), by_chance=True)(digits), small(digits))


def test_fewer_layers_keep_the_first_ones_and_the_last():
    whole = bench.network((6, 6, 6))
    small = bench.cut(whole, (6,))
    assert torch.equal(small[1].weight, whole[1].weight) and torch.equal(small[3].weight, whole[7].weight)


def test_each_arm_has_each_rate_once(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_QUICK", "1")
    monkeypatch.setattr(bench, "BUDGETS", (90_000,))
    monkeypatch.setattr(bench, "RATES", (1e-3,))
    path = tmp_path / "width_and_depth.json"
    assert bench.main(["--seeds", "1", "--to", str(path)]) == 0
    content = json.loads(path.read_text(encoding="utf-8"))
    found = [(run["arm"], run["origin"], run["steps"], run["rate"]) for run in content["runs"]]
    cut = [(arm, origin) for arm in bench.SHAPES for origin in bench.ORIGINS]
    assert sorted(found, key=str) == sorted(
        [("whole", None, 0, None)] + [(*one, *how) for one in cut for how in ((0, None), (300, 1e-3), (1_200, 1e-3))],
        key=str,
    )
    assert content["command"].startswith("python course.py bench width_and_depth --seeds 1")
