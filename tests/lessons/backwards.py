"""Runs each lesson in ways that nobody plans for: without solutions, every cell again, backwards, after a kill.

It takes ten minutes, so `course.py release backwards` asks for this file, and pytest finds it by no other way.
"""

import copy
import os
import re

import _course
import nbformat
import pytest
import rules
from _course import expect_none

from tools.publishing import lessons

CELL_SECONDS = 120
OFFLINE = lessons.ROOT / "tests" / "offline"
KILL = "import os\nos.kill(os.getpid(), 9)"  # on Windows, too, this ends the process at once
# Not found again by a fresh kernel, or the business of the package that keeps it there: ONNX Runtime, Hypothesis.
PACKAGES_OWN = re.compile("/temporary/(tmp[a-z0-9_]{8}|[.]ses|course-hypothesis)(/|$)")
LEFT = "import pathlib\nprint('\\n'.join(map(str, filter(pathlib.Path.is_file, pathlib.Path({!r}).rglob('*')))))"


@pytest.mark.slow
@pytest.mark.parametrize("lesson", _course.LESSONS, ids=_course.IDS)
def test_runs_in_ways_that_nobody_plans_for(lesson, tmp_path):
    expect_none(in_unplanned_ways(_course.text(lesson), tmp_path, title=lesson.name))


def environment(folder):
    """Changes to a kernel's environment: quick mode, one thread, network off; whatever it writes, it writes there."""
    temporary = folder / "temporary"
    temporary.mkdir(exist_ok=True)
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


def run(nb, cells, folder, *, title):
    """Run (what it is, source) one after the other in one fresh kernel; gives the outputs of each.

    Raises:
        AssertionError: a cell failed; says which, in whose words, and why.
    """
    made = [nbformat.v4.new_code_cell(source) for _, source in cells]
    trial = nbformat.v4.new_notebook(cells=made, metadata=copy.deepcopy(nb.metadata))
    try:
        done = lessons.execute(trial, folder=folder, env=environment(folder), timeout=CELL_SECONDS, lesson=title)
    except lessons.CellFailed as failed:
        what = cells[failed.number - 1][0]
        raise AssertionError(f"{title}, {what}: {failed.error}\n{failed.traceback}") from None
    return [cell.outputs for cell in done.cells]


def in_unplanned_ways(nb, folder, *, title):
    """List what goes wrong in an order that a learner may choose.

    In one kernel all cells but the solutions run, then the solutions, every cell again from the last to the first, and
    the checks: a cell that needs a solution fails, one that used up its own input, and one whose input another cell has
    replaced. At the end the untouched stubs must be "not done yet", and nothing may write to stderr. Where the lesson
    leaves files, its cells run forwards once more, in a fresh kernel after one that was killed half-way.
    """
    first, second = folder / "first", folder / "second"
    first.mkdir()
    faults, left = _forwards_and_backwards(nb, first, title)
    if left:
        second.mkdir()
        code = [(f"cell {n}", cell.source) for n, cell in rules.numbered(nb, kind="code")]
        _run_and_kill(nb, code[: len(code) // 2], second, title=title)
        faults += _forwards_and_backwards(nb, second, title, back=False)[0]
    return faults


def _forwards_and_backwards(nb, folder, title, *, back=True):
    """Run every cell in both orders in one kernel; give the faults, and what lay in the folder half-way and later.

    Without `back`, forwards alone: what a killed kernel left is met by the first cell that looks for it.
    """
    code = [(f"cell {n}", cell.source, "solution" in rules.tags(cell)) for n, cell in rules.numbered(nb, kind="code")]
    checks = [(f"cell {n}", cell.source) for n, cell in rules.numbered(nb, kind="code", tag="check")]
    cells = [
        (f"{what}, run once", source)
        for solutions in (False, True)
        for what, source, is_solution in code
        if is_solution is solutions
    ]
    look = ("what is left", LEFT.format(str(folder)))
    cells = [*cells[: len(code) // 2], look, *cells[len(code) // 2 :], look]
    cells += [(f"{what}, run again", source) for what, source, _ in reversed(code)] if back else []
    cells += [(f"{what}, the check at the end", source) for what, source in checks]
    results = list(zip(cells, run(nb, cells, folder, title=title), strict=True))
    noisy = {source for _, source, _ in code} - {c.source for _, c in rules.numbered(nb, kind="code", tag="legacy")}
    faults = [
        f"{what}: writes to stderr: {output.text.strip()[:200]}"
        for (what, source), outputs in results
        for output in outputs
        if output.get("name") == "stderr"
        and source in noisy
        and output.text.strip()  # the line end of a bar can come as an output of its own
        and not rules.PROGRESS_BAR.search(output.text)
    ]
    for (what, _), outputs in results[len(cells) - len(checks) :]:
        said = " ".join(rules.output_text(output) for output in outputs)
        if "not done yet" not in said.lower() or "passed" in said.lower():
            faults.append(f"{what}: expected 'Not done yet', got {said[:200]!r}")
    left = {line for cell, outputs in results if cell == look for o in outputs for line in o.text.splitlines()}
    return faults, [line for line in left if line and not PACKAGES_OWN.search(line.replace(os.sep, "/"))]


def _run_and_kill(nb, cells, folder, *, title):
    """Run cells, then kill their kernel in the middle of the next one."""
    try:
        run(nb, [*cells, ("the kill", KILL)], folder, title=title)
    except AssertionError as ended:
        if "the kill" not in str(ended):
            raise
    else:
        raise AssertionError(f"{title}: the kernel was not killed, so nothing was tried")
