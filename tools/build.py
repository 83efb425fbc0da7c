"""Run lessons whose text has changed and write them as notebooks with outputs."""

import argparse
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import nbformat
from tqdm import tqdm

from tools import _compact, _lessons

REQUIRES = ("dev",)
SLOW_CELL_S = 45
BAR_WITHOUT_RATE = "{l_bar}{bar}| {n_fmt}/{total_fmt}{postfix}"


@dataclass(frozen=True)
class Built:
    """One notebook that was written: its path, seconds in all, the kernel's peak memory in bytes, and
    (cell number, seconds) of every cell over 45 s."""

    path: Path
    seconds: float
    peak_bytes: int
    slow_cells: tuple


def main(argv):
    """Build the lessons that need it; returns 1 when one failed."""
    parser = argparse.ArgumentParser(prog="course.py build", description=__doc__)
    parser.add_argument("lessons", nargs="*", metavar="NN",
                        help="lessons to run even when unchanged (default: those whose text has changed)")
    parser.add_argument("--all", action="store_true", help="run every lesson")
    parser.add_argument("-j", type=int, default=1, metavar="N", help="run N lessons at a time (default 1)")
    args = parser.parse_args(argv)
    lessons = _lessons.select(args.lessons)
    if not (args.all or args.lessons):
        lessons = [lesson for lesson in lessons if not refresh(lesson)]
    if not lessons:
        print("Every notebook is in step with its lesson; nothing to run.")
        return 0
    cells = sum(cell.cell_type == "code" for lesson in lessons for cell in _lessons.read(lesson).cells)
    with tqdm(total=cells, unit="cell") as bar, ThreadPoolExecutor(max(1, args.j)) as pool:
        reports = list(pool.map(lambda lesson: _try(lesson, bar), lessons))
    print("\n".join(text for text, _ in reports))
    return 0 if all(good for _, good in reports) else 1


def faults(lesson):
    """Say how a published notebook differs from what its lesson would give.

    Args:
        lesson: path of the source; the notebook is looked for in the folder `notebooks` beside it.
    Returns:
        list of str, empty when the two are in step: the same cells and front matter, every code cell
        run, from the first to the last in order, and none with an error.
    """
    path = _lessons.published(lesson)
    if not path.exists():
        return [f"notebooks/{path.name} is missing"]
    nb, wanted = _lessons.read_published(path), _lessons.read(lesson)
    found = _not_run(nb)
    if _lessons.sources(nb) != _lessons.sources(wanted):
        found.append(_first_difference(_lessons.sources(nb), _lessons.sources(wanted)))
    elif nbformat.writes(_lessons.strip(nb)) != nbformat.writes(wanted):
        found.append("tags, slide types, ids or front matter differ from the lesson")
    return found


def _not_run(nb):
    code = [(number, cell) for number, cell in enumerate(nb.cells, start=1) if cell.cell_type == "code"]
    found = [f"cell {number} is not number {nth} in the order of execution" for nth, (number, cell)
             in enumerate(code, start=1) if cell.execution_count != nth]
    return found[:1] + [f"cell {number} ended with an error" for number, cell in code
                        if any(output.output_type == "error" for output in cell.outputs)]


def _first_difference(old, new):
    for number, (was, now) in enumerate(zip(old, new, strict=False), start=1):
        if was != now:
            return f"cell {number} differs from the lesson"
    return f"the notebook has {len(old)} cells, the lesson {len(new)}"


def refresh(lesson):
    """Bring a notebook into step without running it, when its sources are the same; True = in step now."""
    path = _lessons.published(lesson)
    found = faults(lesson)
    if not found:
        return True
    if not path.exists() or _not_run(nb := _lessons.read_published(path)):
        return False
    wanted = _lessons.read(lesson)
    if _lessons.sources(nb) != _lessons.sources(wanted):
        return False
    for cell, old in zip(wanted.cells, nb.cells, strict=True):
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = old.outputs, old.execution_count
    _lessons.write(wanted, path)
    print(f"{lesson.stem}: tags or front matter brought up to date; not run again")
    return True


def build(lesson, *, on_cell=None):
    """Run one lesson and publish it; on failure the published notebook is left as it was.

    Args:
        lesson: path of the source. Notebook and ledger go to the folders `notebooks` and
            `records/ledger` beside its folder.
        on_cell: called with a `CellRun` after each code cell.
    Returns:
        Built.
    Raises:
        CellFailed: a cell failed.
    """
    lesson = Path(lesson).resolve()
    root, runs, start = lesson.parent.parent, [], time.perf_counter()

    def done(run):
        runs.append(run)
        if on_cell:
            on_cell(run)

    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        nb = _lessons.execute(_lessons.read(lesson), folder=folder, env=environment(root), on_cell=done,
                              lesson=lesson.stem)
        nb = _compact.compact(nb, root=root, folder=folder)
    path = _lessons.published(lesson)
    _lessons.write(nb, path)
    slow = tuple((run.number, run.seconds) for run in runs if run.seconds > SLOW_CELL_S)
    return Built(path, time.perf_counter() - start, max((run.peak_bytes for run in runs), default=0), slow)


def environment(root):
    """Give the changes to the environment for a run that is published; None = not set."""
    return {"COURSE_STRICT": "1", "COURSE_THREADS": "1", "COURSE_LEDGER": str(root / "records" / "ledger"),
            "COURSE_QUICK": None, "COURSE_JUDGE_SPEED": None, "MPLBACKEND": None,
            "TQDM_BAR_FORMAT": BAR_WITHOUT_RATE}


def _try(lesson, bar):
    """Build one lesson for `main`; returns (what to print, whether it went well)."""
    def on_cell(run):
        bar.set_postfix_str(f"{lesson.stem} cell {run.number}", refresh=False)
        bar.update()

    try:
        return _describe(lesson, build(lesson, on_cell=on_cell)), True
    except _lessons.CellFailed as failed:
        return _blame(lesson, failed), False


def _describe(lesson, built):
    stated = _lessons.read(lesson).metadata["course"].get("seconds", "not stated")
    size = built.path.stat().st_size
    lines = [f"{lesson.stem}: {built.seconds:.0f} s (front matter: {stated}), kernel's peak memory "
             f"{built.peak_bytes / 1e9:.2f} GB, notebook {size / 1e3:.0f} kB"]
    lines += [f"  cell {number} took {seconds:.0f} s; {SLOW_CELL_S} s is the most" for number, seconds
              in built.slow_cells]
    return "\n".join(lines)


def _blame(lesson, failed):
    """Say where in the lesson's text a cell failed, with the lines around it."""
    line = _lessons.cell_lines(lesson)[failed.number - 1] + failed.line - 1
    text = lesson.read_text(encoding="utf-8").splitlines()
    around = [f"{'>' if n == line else ' '} {n:4} | {text[n - 1]}"
              for n in range(max(1, line - 2), min(len(text), line + 2) + 1)]
    return "\n".join([f"lessons/{lesson.name}:{line}: cell {failed.number} failed: {failed.error}", *around,
                      f"notebooks/{lesson.stem}.ipynb was left as it was."])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
