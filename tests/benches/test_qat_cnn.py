"""The record of the lesson qat_cnn: what a run of the command writes, and what the lesson reads."""

import json
from itertools import product

from course_utils.lottery import executors
from lessons.qat_cnn import show
from tools.benches import qat_cnn


def test_each_arm_has_each_rate_once(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_QUICK", "1")
    monkeypatch.setattr(qat_cnn, "CLOTHES", {**qat_cnn.CLOTHES, "n": 64, "rates": (1e-3,)})
    monkeypatch.setattr(qat_cnn, "DIGITS", {**qat_cnn.DIGITS, "n": 64, "epochs": 2, "rates": (3e-3,)})
    monkeypatch.setattr(qat_cnn, "SCALES", ("tensor, dead set to 0",))
    monkeypatch.setattr(
        qat_cnn, "FROM_RANDOM", {arm: qat_cnn.FROM_RANDOM[arm] for arm in ("float", "statistics first")}
    )
    monkeypatch.setattr(executors, "processes", lambda n: executors.InProcess())  # where the patches are
    assert qat_cnn.main(["--seeds", "1", "--to", str(tmp_path / "arms.json")]) == 0
    content = json.loads((tmp_path / "arms.json").read_text(encoding="utf-8"))
    found = [(run["task"], run["arm"], run["rate"], run.get("moved")) for run in content["runs"]]
    clothes = [("static", None), ("statistics moved", None), ("trained on", 1e-3), ("QAT", 1e-3)]
    digits = [("float", False), ("statistics first", False), ("statistics first", True)]
    expected = [("clothes", arm, rate, None) for arm, rate in clothes]
    expected += [("digits", arm, 3e-3, moved) for arm, moved in digits]
    assert sorted(map(str, found)) == sorted(map(str, expected))
    assert content["command"].startswith("python course.py bench qat_cnn --seeds 1") and content["versions"]["torch"]


def test_the_record_of_the_course_is_whole():
    """Three of everything that has chance in it."""
    recorded = show.Recorded()
    for arm, rate in product(qat_cnn.FROM_RANDOM, qat_cnn.DIGITS["rates"]):
        for moved in (False,) if arm == "float" else (False, True):
            assert len(recorded.test(task="digits", arm=arm, rate=rate, moved=moved)) == 3
    for scales in qat_cnn.SCALES:
        for arm, rate in product(("trained on", "QAT"), qat_cnn.CLOTHES["rates"]):
            assert len(recorded.test(task="clothes", scales=scales, arm=arm, rate=rate)) == 3
        for arm in ("static", "statistics moved"):
            assert len(recorded.test(task="clothes", scales=scales, arm=arm)) == 1
