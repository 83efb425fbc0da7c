"""Runs a lesson in ways that nobody plans for: killed half-way, without solutions, every cell again, backwards."""

import copy
import os

import nbformat
import rules

from tools import _lessons

CELL_SECONDS = 120
OFFLINE = _lessons.ROOT / "tests" / "offline"
KILL = "import os\nos.kill(os.getpid(), 9)"  # on Windows, too, this ends the process at once


def environment(folder):
    """Changes to a kernel's environment: quick mode, one thread, network off, a ledger of its own."""
    return {
        "COURSE_QUICK": "1",
        "COURSE_STRICT": None,
        "COURSE_JUDGE_SPEED": None,
        "COURSE_THREADS": "1",
        "OMP_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
        "COURSE_LEDGER": str(folder / "ledger"),
        "MPLBACKEND": None,
        "PYTHONPATH": os.pathsep.join([str(_lessons.ROOT), str(OFFLINE)]),  # the lessons of this very folder
    }


def run(nb, cells, folder, *, title):
    """Run (what it is, source) one after the other in one fresh kernel; gives the outputs of each.

    Raises:
        AssertionError: a cell failed; says which, in whose words, and why.
    """
    made = [nbformat.v4.new_code_cell(source) for _, source in cells]
    trial = nbformat.v4.new_notebook(cells=made, metadata=copy.deepcopy(nb.metadata))
    try:
        done = _lessons.execute(trial, folder=folder, env=environment(folder), timeout=CELL_SECONDS, lesson=title)
    except _lessons.CellFailed as failed:
        what = cells[failed.number - 1][0]
        raise AssertionError(f"{title}, {what}: {failed.error}\n{failed.traceback}") from None
    return [cell.outputs for cell in done.cells]


def in_unplanned_ways(nb, folder, *, title):
    """Kill a kernel after half of the cells; then, in a fresh one, run all but the solutions, the solutions, and every
    cell again from the last to the first; then the checks. List the faults.

    No cell may need a solution or what a killed kernel left. Backwards, a cell runs again before anything above it has
    been made anew, and after all below it that may have changed what it needs: a cell that used up its own input fails,
    and so does one whose input another cell has replaced. At the end the untouched stubs must still be "not done yet",
    and nothing may write to stderr.
    """
    code = [(f"cell {n}", cell.source, "solution" in rules.tags(cell)) for n, cell in rules.numbered(nb, kind="code")]
    checks = [(f"cell {n}", cell.source) for n, cell in rules.numbered(nb, kind="code", tag="check")]
    half = [(what, source) for what, source, _ in code[: len(code) // 2]]
    _run_and_kill(nb, half, folder, title=title)
    cells = [
        (f"{what}, run once", source)
        for solutions in (False, True)
        for what, source, is_solution in code
        if is_solution is solutions
    ]
    cells += [(f"{what}, run again", source) for what, source, _ in reversed(code)]
    cells += [(f"{what}, the check at the end", source) for what, source in checks]
    results = run(nb, cells, folder, title=title)
    noisy = {source for _, source, _ in code} - {c.source for _, c in rules.numbered(nb, kind="code", tag="legacy")}
    faults = [
        f"{what}: writes to stderr: {output.text.strip()[:200]}"
        for (what, source), outputs in zip(cells, results, strict=True)
        for output in outputs
        if output.get("name") == "stderr"
        and source in noisy
        and output.text.strip()  # the line end of a bar can come as an output of its own
        and not rules.PROGRESS_BAR.search(output.text)
    ]
    for (what, _), outputs in list(zip(cells, results, strict=True))[len(cells) - len(checks) :]:
        said = " ".join(rules.output_text(output) for output in outputs)
        if "not done yet" not in said.lower() or "passed" in said.lower():
            faults.append(f"{what}: expected 'Not done yet', got {said[:200]!r}")
    return faults


def _run_and_kill(nb, cells, folder, *, title):
    """Run cells, then kill their kernel in the middle of the next one."""
    try:
        run(nb, [*cells, ("the kill", KILL)], folder, title=title)
    except AssertionError as ended:
        if "the kill" not in str(ended):
            raise
    else:
        raise AssertionError(f"{title}: the kernel was not killed, so nothing was tried")
