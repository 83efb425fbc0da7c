"""Grade submissions: every answer in a contained process of its own, with the check that judges it."""

import argparse
import os
from concurrent.futures import ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import psutil
from tqdm import tqdm

from course import set_up
from course_utils.files import write_whole
from tools.environment import env
from tools.environment.curriculum import select
from tools.grading import grade_page, gradebook, judge, slice
from tools.sandbox import contained, walls

CHECKS_REQUIRE = ("llm",)  # a check builds a language model; they come when nothing else is in the way of grading
SUFFIXES = (".ipynb", ".py")
ARCHIVES = (".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".7z", ".rar")
FILE_SECONDS = 900  # for all exercises of a file; each has limits of its own
FILE_BYTES = 3 << 30  # of memory, that judging one file may take


def main(argv):
    """Grade what is named; returns 0, whatever the verdicts are, and 1 where a file could not be read or judged."""
    parser = argparse.ArgumentParser(prog="course.py grade", description=__doc__)
    parser.add_argument("files", nargs="+", metavar="FILE", help="notebooks, .py files, or folders of them")
    parser.add_argument("--lesson", metavar="NAME", help="all files are of this lesson, whatever they say")
    parser.add_argument("--csv", metavar="FILE", help="write a table: submission, lesson, exercise, verdict, points")
    parser.add_argument("--html", metavar="FILE", help="write a page with every answer and its verdict")
    parser.add_argument(
        "--points", action="append", default=[], metavar="N", help="points an exercise, 1 if not given; 2,quantize=3"
    )
    parser.add_argument(
        "--without-walls",
        action="store_true",
        help="grade in the open where there are no walls: each answer can then do with this machine what you can",
    )
    args = parser.parse_args(argv)
    lessons = select([args.lesson] if args.lesson else [])
    for file in (args.csv, args.html):
        if file and not Path(file).absolute().parent.is_dir():
            raise SystemExit(f"{file} cannot be written: there is no folder {Path(file).absolute().parent}.")
    known = sorted({name for lesson in lessons for name in judge.exercises(lesson)})
    points = gradebook.points(args.points, known)
    files, rows, left_out = found(args.files)
    around = walls.best()
    if not (around or args.without_walls):
        raise SystemExit(walls.refused())
    if env.inside_venv() and set_up(CHECKS_REQUIRE):  # another environment (--here) is left as it is
        return 1
    rows = run([(label, path, [one.name for one in lessons], around) for label, path in files]) + rows
    print(gradebook.table(rows, points), walls.said(around), sep="\n\n")
    for row in rows:
        if row.status == judge.UNREADABLE:
            print(f"{row.submission}: {row.message}")
    if left_out:
        print(f"Left out: {left_out} that are neither a notebook nor a .py file.")
    if args.csv:
        write_whole(Path(args.csv), gradebook.to_csv(rows, points))
    if args.html:
        write_whole(Path(args.html), grade_page.page(rows, points, walls.said(around)))
    return 1 if any(row.status in (judge.UNREADABLE, judge.BROKEN) for row in rows) else 0


def found(names):
    """What there is to grade; a folder is searched, without what is hidden in it, Jupyter's own copies among that.

    Returns:
        ((what to call it, path) of each file; a `judge.Row` for each thing that may be a submission and is not read;
        how many other files were left out).
    Raises:
        SystemExit: there is no such file, or nothing to grade in a folder.
    """
    files, refused, left_out = {}, {}, 0
    for path in map(Path, names):
        known = len(files) + len(refused)
        for one in sorted(path.rglob("*")) if path.is_dir() else [path]:
            kind, below = one.suffix.lower(), one.relative_to(path).parts
            if any(part.startswith(".") for part in below):
                continue
            if below and one.is_symlink():
                refused[one] = "It is a link, which may lead to the work of another. Put a copy in its place."
            elif one.is_file() and kind in SUFFIXES:
                files.setdefault(one.resolve(), one)
            elif one.is_file() and kind in ARCHIVES and below:
                refused[one] = "It is an archive. Unpack it beside itself and grade the folder again."
            else:
                left_out += one.is_file()
        if known == len(files) + len(refused) and path.resolve() not in files:
            raise SystemExit(f"{path}: there is no notebook (.ipynb) and no .py file.")
    above = os.path.commonpath(
        [path.absolute() if path.is_dir() else path.absolute().parent for path in map(Path, names)]
    )
    rows = [judge.Row(_called(path, above), "", 0, "", judge.UNREADABLE, said) for path, said in refused.items()]
    return [(_called(path, above), path) for path in files.values()], rows, left_out


def _called(path, above):
    """What to call a file: its path below what was named; a letter that is no text is told by its number."""
    short = path.absolute().relative_to(above).as_posix()
    return gradebook.one_line(short.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace"))


def run(jobs):
    """Grade files, several at once, each in a process of its own.

    Args:
        jobs: the arguments of `graded` for each file.
    Returns:
        list of `judge.Row` in the order of the jobs.
    """
    at_once = min(8, psutil.cpu_count(logical=False) or 1, psutil.virtual_memory().available // FILE_BYTES)
    with ThreadPoolExecutor(max(1, at_once)) as pool:
        return [row for rows in tqdm(pool.map(_apart, jobs), total=len(jobs), unit="file") for row in rows]


def _apart(job):
    """Grade one file in a process of its own; one that dies or hangs costs this file."""
    context = get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_tell, args=(theirs, job))
    process.start()
    theirs.close()
    try:
        if ours.poll(FILE_SECONDS):
            return ours.recv()
        return [judge.Row(job[0], "", 0, "", judge.TIMED_OUT, f"Judging this file took more than {FILE_SECONDS} s.")]
    except EOFError:
        return [judge.Row(job[0], "", 0, "", judge.CRASHED, "The process that judged it died at this file.")]
    finally:
        for child in contained.descendants(process.pid):
            child.kill()
        process.kill()
        process.join()


def _tell(pipe, job):
    pipe.send(graded(*job))


def graded(label, path, names, around=""):
    """Grade one file.

    Args:
        label: what to call it.
        path: its path.
        names: of the lessons that it may be of.
        around: walls, as `walls.best` names them.
    Returns:
        list of `judge.Row`.
    """
    lessons = select(names)
    try:
        submission = slice.read(path)
    except slice.Unreadable as error:
        return [judge.Row(label, "", 0, "", judge.UNREADABLE, f"{path.name}: {error}.")]
    lesson = lessons[0] if len(lessons) == 1 else judge.lesson_of(submission, lessons)
    if lesson is None:
        said = f"{slice.no_python(submission)} Neither its metadata nor its functions say of which lesson it is. "
        said = f"{said.lstrip()}--lesson says it."
        return [judge.Row(label, "", 0, "", judge.UNREADABLE, said)]
    rows = []
    for number, name in enumerate(judge.exercises(lesson), start=1):
        try:
            rows.append(judge.judge(lesson, name, slice.needed(submission, name), submission=label, walls=around))
        except Exception as error:  # a fault of the grader costs one exercise, and is said
            rows.append(judge.Row(label, lesson.name, number, name, judge.BROKEN, f"{type(error).__name__}: {error}"))
    return rows
