"""The record of the lesson qat, each arm at its best: what a run of the command writes, and what the lesson reads."""

import json
from itertools import product

from lessons.qat import show
from tools.benches import qat_steps


def test_each_arm_has_each_step_and_rate_once(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_QUICK", "1")
    monkeypatch.setattr(qat_steps, "RATES", (1e-3,))
    monkeypatch.setattr(qat_steps, "STEPS", {2: ("max", 1.6), 3: (0.7,)})
    assert qat_steps.main(["--seeds", "1", "--to", str(tmp_path / "steps.json")]) == 0
    content = json.loads((tmp_path / "steps.json").read_text(encoding="utf-8"))
    found = [(run["start"], run["arm"], run["bits"], run["step"], run["rate"]) for run in content["runs"]]
    grids = [(2, "max"), (2, 1.6), (3, 0.7)]
    each = [("float", 32, None, None), ("trained on", 32, None, 1e-3), *(("plain", *grid, None) for grid in grids)]
    each += [(arm, *grid, 1e-3) for arm in ("trained on", "QAT") for grid in grids]
    assert sorted(map(str, found)) == sorted(str((start, *run)) for start in qat_steps.START for run in each)
    assert content["command"].startswith("python course.py bench qat_steps --seeds 1") and content["versions"]["torch"]


def test_the_record_of_the_course_is_whole():
    """Five networks everywhere; the long training is the better one, and no arm chose on the test images."""
    recorded = show.Recorded()
    for start, arm, bits in product(qat_steps.START, ("plain", "trained on", "QAT"), qat_steps.STEPS):
        for step in qat_steps.STEPS[bits]:
            own = [
                (run["seed"], run["rate"])
                for run in recorded.runs
                if (run["start"], run["arm"], run["bits"], run["step"]) == (start, arm, bits, step)
            ]
            rates = (None,) if arm == "plain" else qat_steps.RATES
            assert sorted(own, key=str) == sorted(product(range(5), rates), key=str)
    short, long = (recorded.of(start, ["float"], 32) for start in ("short", "long"))
    assert max(short) < 97.5 < min(long)
