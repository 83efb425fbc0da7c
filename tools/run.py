"""Run lessons in the terminal, without a browser, and print their scorecards."""

import argparse
from dataclasses import dataclass
from pathlib import Path

from nbformat import NotebookNode
from tqdm import tqdm

from tools.environment.curriculum import Lesson
from tools.environment.doctor import START
from tools.publishing import execute, openmp
from tools.publishing import lessons as _lessons
from tools.workspace import progress, workspace

WORKSPACE = workspace.WORKSPACE
RESULTS = workspace.RESULTS / "run"
VERDICTS = {"✓": "passed", "○": "not done yet", "✗": "not yet"}  # by the mark with which a verdict begins


@dataclass(frozen=True)
class Job:
    """A notebook to run: its lesson, the file it was read from, and its text without outputs."""

    lesson: Lesson
    file: Path
    nb: NotebookNode

    @property
    def cells(self):
        """How many cells there are to run."""
        return sum(cell.cell_type == "code" for cell in self.nb.cells)


def main(argv):
    """Run the notebooks asked for; returns 1 when one failed. The others are run all the same."""
    parser = argparse.ArgumentParser(
        prog="course.py run",
        description=__doc__ + " Your own copy in workspace/ is run where there is one; the file itself stays as it is, "
        "the result is a file in build/run.",
    )
    parser.add_argument("lessons", nargs="*", metavar="NAME", help="lessons, for example energy or 1.2 (default: all)")
    parser.add_argument("--quick", action="store_true", help="a smoke run: little data, few steps, no progress kept")
    parser.add_argument("--fresh", action="store_true", help="the published lessons, whatever is in workspace/")
    args = parser.parse_args(argv)
    lessons = _lessons.select(args.lessons)
    try:
        RESULTS.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        print(f"The results cannot be written to {RESULTS}: {error.strerror}.\n{workspace.ELSEWHERE}")
        return 1
    jobs = [job for lesson in lessons if (job := _job(lesson, fresh=args.fresh))]
    env = openmp.environment() | ({"COURSE_QUICK": "1", "COURSE_PROGRESS": "0"} if args.quick else {})
    with execute.bar(sum(job.cells for job in jobs)) as bar:
        good = [_run(job, env, bar) for job in jobs]
    return 0 if all(good) and len(jobs) == len(lessons) else 1


def _job(lesson, *, fresh):
    """What to run for a lesson; None, said in a line, where there is nothing that can be run."""
    own = WORKSPACE / lesson.place
    file = own if own.exists() and not fresh else lesson.notebook
    if not file.exists():
        print(f"notebooks/{lesson.place} is not there. Make it with: {START} build {lesson.name}")
        return None
    try:
        return Job(lesson, file, _lessons.strip(_lessons.read_published(file)))
    except Exception as error:  # a learner's file may be anything
        print(
            f"{_shown(file)} cannot be read as a notebook ({type(error).__name__}). To run the lesson as it was "
            f"published: {START} run --fresh {lesson.name}"
        )
        return None


def _run(job, env, bar):
    """Run one notebook, print what it found and keep the result in build/run; True = no cell failed."""
    lesson, before = job.lesson, bar.n
    bar.set_description(lesson.name)
    result = RESULTS / lesson.place
    result.parent.mkdir(parents=True, exist_ok=True)
    try:
        done = _lessons.execute(
            job.nb,
            folder=job.file.parent if job.file.is_relative_to(WORKSPACE) else result.parent,
            env=env,
            on_cell=lambda _: bar.update(),
            lesson=lesson.name,
        )
        report, good = "\n".join([summary(done), *_counted(lesson)]), True
    except _lessons.CellFailed as failed:
        done, good = failed.notebook, False
        report = f"Stopped at cell {failed.number}, line {failed.line}: {failed.error}"
        bar.update(job.cells - (bar.n - before))
    kept = f"Result: {_shown(result)}"
    try:
        _lessons.write(done, result)
    except OSError as error:  # on Windows, a program that holds the last result
        kept, good = f"The result was not kept: {_shown(result)}: {error.strerror}. Close what holds it.", False
    tqdm.write(f"\n{lesson.number} · {lesson.title}\nRun: {_shown(job.file)}\n{report}\n{kept}")
    return good


def _shown(path):
    """A path as it is written in a message: from the folder of the course."""
    return path.relative_to(_lessons.ROOT).as_posix() if path.is_relative_to(_lessons.ROOT) else str(path)


def summary(nb):
    """Tell what a notebook that was run found: its scorecard as text, and how its checks ended.

    Args:
        nb: an executed notebook; cells tagged `scorecard` and `check` are read.
    Returns:
        str of one or more lines.
    """
    cards = [text for cell in nb.cells if "scorecard" in cell.metadata.get("tags", []) for text in _texts(cell)]
    counts = dict.fromkeys(VERDICTS.values(), 0)
    for cell in nb.cells:
        for text in _texts(cell) if "check" in cell.metadata.get("tags", []) else []:
            if text[:1] in VERDICTS:
                counts[VERDICTS[text[0]]] += 1
    return "\n".join([*cards, "Exercises in this file: " + ", ".join(f"{n} {name}" for name, n in counts.items())])


def _counted(lesson):
    """What `progress` says of a lesson: an exercise that has passed once stays passed, whatever is in the file now."""
    count = progress.count(lesson, WORKSPACE)
    return [f"Passed so far: {count} ({START} progress {lesson.number})"] if count else []


def _texts(cell):
    """List the outputs of a cell as plain text; stderr does not count."""
    return [
        out.text.strip() if out.output_type == "stream" else out.data.get("text/plain", "")
        for out in cell.get("outputs", [])
        if out.get("name") != "stderr" and out.output_type != "error"
    ]
