"""Run lessons that are out of step, and write their notebooks with outputs, and the pages about all lessons."""

import argparse
import tempfile
import time

import psutil
from tqdm import tqdm

from course import command
from tools.decks import deck_text
from tools.publishing import compact, inputs, openmp, pages, worksheets
from tools.publishing import lessons as _lessons
from tools.publishing.staleness import faults, is_published, refresh

__all__ = ["build", "environment", "faults", "is_published", "main", "refresh"]

REQUIRES = ("dev",)
OPTION_REQUIRES = {"--publish": ("deploy",)}  # the worksheet weighs with ONNX Runtime, too
BUSY_PERCENT = 25  # of one core; a desktop at rest stays below it
BAR_WITHOUT_RATE = "{l_bar}{bar}| {n_fmt}/{total_fmt}{postfix}"


def main(argv):
    """Build the lessons that need it, in the order of the course; returns 1 when one failed."""
    parser = argparse.ArgumentParser(prog="course.py build", description=__doc__)
    parser.add_argument("lessons", nargs="*", metavar="NAME", help="lessons to run even when they are in step")
    parser.add_argument("--all", action="store_true", help="run every lesson")
    parser.add_argument(
        "--publish",
        action="store_true",
        help="for what is committed: alone on the machine, claims of speed judged, steady timings only",
    )
    args = parser.parse_args(argv)
    named = [name for name in args.lessons if name not in worksheets.ALL]
    lessons = [] if args.lessons and not named else _lessons.select(named)
    sheets = _sheets(args, lessons)
    for name in pages.refresh(lessons[0].root) if lessons else []:
        print(f"{name} brought up to date")
    if not (args.all or args.lessons):
        lessons = [lesson for lesson in lessons if not refresh(lesson) or (args.publish and not is_published(lesson))]
    if not lessons and not sheets:
        print("Every notebook is in step with its lesson; nothing to run.")
        return 0
    if args.publish and psutil.cpu_percent(interval=2.0) * psutil.cpu_count() > BUSY_PERCENT:
        print("Not begun: another program is busy on this machine, and timings taken now would not hold.")
        return 1
    failed = [sheet for sheet in sheets if not _try_sheet(sheet, args.publish)]
    failed += _build_all(lessons, args.publish) if lessons else []
    made = [one.name for one in (*sheets, *lessons) if one not in failed]
    if made and not args.publish:
        again = command("build", "--publish", *made)
        print(f"Not published yet: {', '.join(made)}. Before you commit, alone on the machine: {again}")
    return 1 if failed else 0


def _sheets(args, lessons):
    """The worksheets to run: those that are named, all of them, or where nothing is named what is out of step."""
    if args.lessons:
        return [worksheets.ALL[name] for name in args.lessons if name in worksheets.ALL]
    ours = [sheet for sheet in worksheets.ALL.values() if lessons and sheet.root == lessons[0].root]
    return [sheet for sheet in ours if args.all or worksheets.faults(sheet)]


def _try_sheet(sheet, publish):
    """Build one worksheet for `main`, and say what came of it; True = it went well."""
    start = time.perf_counter()
    try:
        worksheets.build(sheet, env=environment(), publish=publish)
    except _lessons.CellFailed as failed:
        print(f"worksheets/{sheet.name}.py, cell {failed.number}: {failed.error}")
        return False
    except ValueError as wrong:
        print(wrong)
        return False
    print(f"{sheet.name}: {time.perf_counter() - start:.0f} s")
    return True


def _build_all(lessons, publish):
    """Build one after the other, tell each result; gives those that failed. What a run shows moves the clock."""
    cells = sum(cell.cell_type == "code" for lesson in lessons for cell in _lessons.read(lesson).cells)
    with tqdm(total=cells, unit="cell") as bar:
        failed = [lesson for lesson in lessons if not _try(lesson, bar, publish)]
    for lesson in lessons:
        refresh(lesson)
    pages.refresh(lessons[0].root)
    return failed


def build(lesson, *, on_cell=None, publish=False):
    """Run one lesson and publish it; on failure the published notebook is left as it was.

    Args:
        lesson: a `curriculum.Lesson`; the notebook goes to the folder `notebooks` of its root.
        on_cell: called with its number after each code cell.
        publish: judge claims of speed too, and accept steady timings only.
    Raises:
        CellFailed: a cell failed.
        ValueError: a value of the front matter cannot be worked out, or the run loaded the library of another folder.
    """
    nb = _lessons.read(lesson)
    values = nb.metadata["course"].get("values", {})
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        nb = _lessons.execute(
            nb,
            folder=folder,
            env=environment(publish),
            on_cell=on_cell,
            lesson=lesson.name,
            before=inputs.WATCH,
            ask={"used": inputs.ASK} | {name: f"str({of})" for name, of in values.items()},
        )
        answers = nb.metadata.pop("answers")
        nb.metadata[inputs.KEY] = {
            "published": publish,
            "torch": inputs.torch_version(),
            "files": inputs.used(answers.pop("used"), lesson),
            "values": {name: {"of": values[name], "is": text} for name, text in answers.items()},
        }
        nb = compact.compact(nb, root=lesson.root, folder=folder)
    _lessons.write(nb, lesson.notebook)


def environment(publish=False):
    """Give the changes to the environment for a run that is kept; None = not set."""
    return {
        "COURSE_STRICT": "1",
        "COURSE_THREADS": "1",
        "OMP_NUM_THREADS": "1",
        "COURSE_PROGRESS": "0",
        "COURSE_QUICK": None,
        "COURSE_MODELS": "fetch",  # a page shows the real models, never a stand-in
        "COURSE_JUDGE_SPEED": "1" if publish else None,
        "MPLBACKEND": None,
        "TQDM_BAR_FORMAT": BAR_WITHOUT_RATE,
        **openmp.environment(),  # as a learner's kernel has it
    }


def _try(lesson, bar, publish):
    """Build one lesson for `main`, and say what came of it; True = it went well."""

    start = time.perf_counter()

    def on_cell(number):
        bar.set_postfix_str(f"{lesson.name} cell {number}", refresh=False)
        bar.update()

    try:
        build(lesson, on_cell=on_cell, publish=publish)
        stated = _lessons.read(lesson).metadata["course"].get("seconds", "not stated")
        said, good = f"{lesson.name}: {time.perf_counter() - start:.0f} s (front matter: {stated})", True
        if lesson.source.with_name("deck.md").exists():
            deck_text.of_lesson(lesson)
    except _lessons.CellFailed as failed:
        said, good = _blame(lesson, failed), False
    except ValueError as wrong:
        said, good = str(wrong), False
    tqdm.write(said)
    return good


def _blame(lesson, failed):
    """Say which cell failed, and at which line of it."""
    line = failed.source.splitlines()[failed.line - 1]
    return (
        f"lessons/{lesson.name}/lesson.py, cell {failed.number}: {failed.error}\n> {line}\n"
        f"notebooks/{lesson.place} was left as it was."
    )
