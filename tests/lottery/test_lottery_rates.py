"""The record of each arm at several learning rates: what a run of the command writes, and what came with the course."""

import json
from itertools import product

import pytest

from course_utils import runtime
from course_utils.lottery import engine
from tools import lottery as tool


@pytest.fixture
def smoke_run(monkeypatch):
    """Few images in this test alone: the engine keeps what it has read, and a later test would find these few."""
    monkeypatch.setenv("COURSE_QUICK", "1")
    engine._rows.cache_clear()
    yield
    engine._rows.cache_clear()


@pytest.mark.usefixtures("smoke_run")
def test_each_arm_is_trained_at_each_rate_under_the_masks_of_each_search(tmp_path, monkeypatch):
    monkeypatch.setattr(tool, "KEPT", tmp_path)
    monkeypatch.setattr(tool, "BUDGETS", (10,))
    monkeypatch.setattr(tool, "RATES", (0.001, 0.01))
    assert tool.rates("mnist", 1, "a command") == 0
    content = json.loads((tmp_path / "rates-mnist.json").read_text(encoding="utf-8"))
    found = [(run["rate"], run["arm"], run["left"], run["found_at"]) for run in content["runs"]]
    under = set(product((0.001, 0.01), ("ticket", "reinit", "random"), (0.07, 0.036), tool.FOUND_AT))
    assert set(found) == under | {(rate, "dense", 1, None) for rate in (0.001, 0.01)}
    assert len(found) == len(set(found))
    assert content["command"] == "a command" and content["versions"]["torch"]


def test_the_record_of_the_course_is_whole():
    """Three seeds everywhere, and the dense network is as good as in a short run."""
    file = runtime.ROOT / "records" / "lottery" / "rates-mnist.json"
    runs = json.loads(file.read_text(encoding="utf-8"))["runs"]
    seeds = {}
    for run in runs:
        key = run["iterations"], run["arm"], run["left"], run["found_at"], run["rate"]
        seeds.setdefault(key, []).append(run["seed"])
    sparse = product(tool.BUDGETS, ("ticket", "reinit", "random"), (0.07, 0.036), tool.FOUND_AT, tool.RATES)
    assert set(seeds) == {*sparse, *product(tool.BUDGETS, ("dense",), (1,), (None,), tool.RATES)}
    assert all(sorted(own) == [0, 1, 2] for own in seeds.values())
    dense = [run for run in runs if run["arm"] == "dense" and run["iterations"] == 200 and run["rate"] == 0.0012]
    assert all(92 < run["test"] < 94 for run in dense)
