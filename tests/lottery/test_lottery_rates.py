"""The record of each arm at several learning rates: what a run of the command writes, and what the lesson reads."""

import json
from itertools import product

import pytest

from course_utils.lottery import engine
from lessons.ticket import show
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
    """Three seeds everywhere, and the dense network is as good as in the lesson."""
    recorded = show.Recorded()
    for iterations, arm, left, found, rate in product(
        tool.BUDGETS, ("ticket", "reinit", "random", "dense"), (0.07, 0.036), tool.FOUND_AT, tool.RATES
    ):
        runs = recorded.of(iterations, arm, left, found, rate)
        assert [run["seed"] for run in runs] == [0, 1, 2]
    assert all(92 < run["test"] < 94 for run in recorded.of(200, "dense", 1, None, 0.0012))
