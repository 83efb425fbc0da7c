"""Runs each lesson in an order that nobody plans for: without its solutions, then with them, then backwards.

It takes ten minutes, so `course.py release backwards` asks for this file, and pytest finds it by no other way.
"""

import copy
import os

import _course
import nbformat
import pytest
import rules
from _course import expect_none

from tools.publishing import lessons

CELL_SECONDS = 1800  # against hanging
OFFLINE = lessons.ROOT / "tests" / "offline"


def environment(folder):
    """Changes to a kernel's environment: quick mode, one thread, network off; whatever it writes, it writes there."""
    temporary = folder / "temporary"
    temporary.mkdir()
    return {
        "COURSE_QUICK": "1",
        "COURSE_STRICT": None,
        "COURSE_JUDGE_SPEED": None,
        "COURSE_THREADS": "1",
        "OMP_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
        "OMP_WAIT_POLICY": "PASSIVE",  # as in tools/test.py
        "COURSE_WORKSPACE": str(folder / "workspace"),
        **dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(temporary)),
        "MPLBACKEND": None,
        "PYTHONPATH": os.pathsep.join([str(lessons.ROOT), str(OFFLINE)]),  # the lessons of this very folder
    }


@pytest.mark.slow
@pytest.mark.parametrize("lesson", _course.LESSONS, ids=_course.IDS)
def test_cells_run_in_any_order_that_a_learner_may_choose(lesson, tmp_path):
    """A cell that needs a solution fails, one that used up its input, one whose input another has replaced.

    At the end the untouched stubs must be "not done yet", and nothing may have been written to stderr.
    """
    nb = _course.text(lesson)
    code = rules.numbered(nb, kind="code")
    solutions = [pair for pair in code if "solution" in rules.tags(pair[1])]
    checks = [pair for pair in code if "check" in rules.tags(pair[1])]
    order = [*(pair for pair in code if pair not in solutions), *solutions, *reversed(code), *checks]
    trial = nbformat.v4.new_notebook(metadata=copy.deepcopy(nb.metadata))
    trial.cells = [nbformat.v4.new_code_cell(cell.source) for _, cell in order]
    try:
        done = lessons.execute(trial, folder=tmp_path, env=environment(tmp_path), timeout=CELL_SECONDS)
    except lessons.CellFailed as failed:
        again = "again, " * (failed.number > len(code))
        pytest.fail(f"cell {order[failed.number - 1][0]}, run {again}as number {failed.number}: {failed.traceback}")
    ran = list(zip(order, done.cells, strict=True))
    faults = [
        f"cell {n}: writes to stderr: {output.text.strip()[:200]}"
        for (n, cell), made in ran
        for output in made.outputs
        if output.get("name") == "stderr" and output.text.strip() and "legacy" not in rules.tags(cell)
        if not rules.PROGRESS_BAR.search(output.text)
    ]
    for (n, _), made in ran[len(ran) - len(checks) :]:
        said = " ".join(rules.output_text(output) for output in made.outputs)
        if "not done yet" not in said.lower():
            faults.append(f"cell {n}, its check at the end: expected 'Not done yet', got {said[:200]!r}")
    expect_none(faults)
