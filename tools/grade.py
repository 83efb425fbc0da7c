"""Grade submissions: every answer in a process of its own, its verdict made outside of it."""

import argparse
import os
import sys
import threading
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path
from queue import Empty, SimpleQueue

from tqdm import tqdm

from course_utils import runtime
from course_utils.exercises import search
from course_utils.files import write_whole
from tools.grading import grade_page, gradebook, judge, slice
from tools.publishing import lessons as _lessons
from tools.sandbox import contained as _contained
from tools.sandbox import values

REQUIRES = ("grading",)
SUFFIXES = (".ipynb", ".py")
ARCHIVES = (".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".7z", ".rar")
TRUSTED = _contained.Limits(call=70.0, seconds=110.0)
FILE_SECONDS = 900  # for all exercises of a file; each has limits of its own
_houses = {}


def main(argv):
    """Grade what is named; returns 0, whatever the verdicts are, and 1 where a file could not be read or judged."""
    parser = argparse.ArgumentParser(prog="course.py grade", description=__doc__)
    parser.add_argument("files", nargs="+", metavar="FILE", help="notebooks, .py files, or folders of them")
    parser.add_argument("--lesson", metavar="NAME", help="all files are of this lesson, whatever they say")
    parser.add_argument("--csv", metavar="FILE", help="write a table: submission, lesson, exercise, verdict, points")
    parser.add_argument("--html", metavar="FILE", help="write a page with every answer, its verdict, and statistics")
    parser.add_argument(
        "--points", action="append", default=[], metavar="N", help="points an exercise, 1 if not given; 2,quantize=3"
    )
    parser.add_argument("--trust", action="store_true", help="verdicts given on trust bring points, too")
    parser.add_argument(
        "--contained", action="store_true", help="stop where this system cannot contain answers; else it is said"
    )
    parser.add_argument("--workers", type=_count, metavar="N", help="how many at once (default: cores, at most 8)")
    args = parser.parse_args(argv)
    lessons = _lessons.select([args.lesson] if args.lesson else [])
    for file in (args.csv, args.html):
        if file and not Path(file).absolute().parent.is_dir():
            raise SystemExit(f"{file} cannot be written: there is no folder {Path(file).absolute().parent}.")
    way = contained_way() if args.contained else None
    there = found(args.files)
    jobs = [(name, path, [lesson.name for lesson in lessons]) for name, path in there.files]
    known = sorted({name for lesson in lessons for name in judge.exercises(lesson)})
    points = gradebook.points(args.points, known, args.trust)
    rows, contained = run(jobs, args.workers or min(8, max(1, runtime.physical_cores())), way)
    rows += [judge.Row(name, "", 0, "", judge.UNREADABLE, said) for name, said in there.refused]
    print(gradebook.table(rows, points), contained, sep="\n\n")
    for line in (
        *(f"{row.submission}: {row.message}" for row in rows if row.status == judge.UNREADABLE),
        *there.left_out,
    ):
        print(line)
    if any(row.trust for row in rows):
        print(grade_page.TRUST, "They bring points." if args.trust else "They bring no points without --trust.")
    one = gradebook.statistics(rows, (search.BY_HAND,))
    if args.csv:
        write_whole(Path(args.csv), gradebook.to_csv(rows, points))
    if args.html:
        write_whole(Path(args.html), grade_page.page(rows, points, contained, one))
    return 1 if any(row.status in (judge.UNREADABLE, judge.BROKEN) for row in rows) else 0


def contained_way():
    """The way in which answers are contained here.

    Raises:
        SystemExit: there is none.
    """
    with _contained.House() as house:
        if house.way == "once":
            raise SystemExit(house.contained)
        return house.way


def _count(text):
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"expected 1 or more, got {text}")
    return number


@dataclass
class Found:
    """What there is to grade.

    Attributes:
        files: (what to call it, path) of each.
        refused: (what to call it, sentence that says why) of each thing that may be a submission and is not read.
        left_out: sentences on other things in the folders.
    """

    files: list[tuple[str, str]] = field(default_factory=list)
    refused: list[tuple[str, str]] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)


def found(names):
    """What there is to grade; a folder is searched, without what is hidden in it, Jupyter's own copies among that.

    Raises:
        SystemExit: there is no such file, or nothing to grade in a folder.
    """
    files, refused, result = {}, [], Found()  # files: real path -> (called so, or so where that is not enough, path)
    for name in names:
        path = Path(name)
        if path.is_dir():
            inner = _look_into(path)
            if not inner["files"] and not inner["refused"]:
                said = " ".join(inner["left out"])
                raise SystemExit(f"There is no notebook and no .py file in {path}. {said}".rstrip())
            files |= {file.resolve(): (file.relative_to(path), file) for file in inner["files"]}
            refused += [((file.relative_to(path), file), said) for file, said in inner["refused"]]
            result.left_out += inner["left out"]
        elif path.suffix.lower() not in SUFFIXES:
            raise SystemExit(f"{name}: expected a notebook (.ipynb), a .py file, or a folder of them.")
        elif not path.is_file():
            raise SystemExit(f"There is no file {name}.")
        else:
            files[path.resolve()] = (path, path)
    called = _called([*files.values(), *(file for file, _ in refused)])
    result.files = list(zip(called, map(str, files), strict=False))
    result.refused = list(zip(called[len(files) :], (said for _, said in refused), strict=True))
    return result


def _look_into(folder):
    """What a folder holds: {"files": paths, "refused": (path, why), "left out": sentences}."""
    files, refused, hidden, others = [], [], 0, Counter()

    def closed(error):
        refused.append((Path(error.filename), f"It cannot be opened ({error.strerror})."))

    for at, folders, names in os.walk(folder, onerror=closed):
        hidden += sum(name.startswith(".") for name in (*folders, *names))
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        links = [name for name in folders if Path(at, name).resolve() != Path(at).resolve() / name]
        folders[:] = [name for name in folders if name not in links]
        for path in (Path(at, name) for name in sorted([*links, *names]) if not name.startswith(".")):
            if path.name in links or (path.is_symlink() and path.suffix.lower() in (*SUFFIXES, *ARCHIVES)):
                refused.append((path, "It is a link, which may lead to the work of another. Put a copy in its place."))
            elif path.suffix.lower() in SUFFIXES and path.is_file():
                files.append(path)
            elif path.suffix.lower() in ARCHIVES:
                refused.append((path, "It is an archive. Unpack it beside itself and grade the folder again."))
            else:
                others[path.suffix or path.name] += 1
    said = []
    if hidden:
        said.append(f"{hidden} hidden (a name that begins with a dot, as Jupyter's own copies)")
    if others:
        kinds = ", ".join(f"{kind} ({count})" for kind, count in others.most_common(8))
        said.append(f"{sum(others.values())} neither a notebook nor a .py file: {kinds}")
    left_out = [gradebook.one_line(values.plain_text(f"Left out of {folder}: {'; '.join(said)}."))] if said else []
    return {"files": sorted(files), "refused": sorted(refused), "left out": left_out}


def _called(pairs):
    """What to call each of some files: no two alike, however they are written down.

    Args:
        pairs: (path within the folder that was named, path) of each.
    """
    whole = [path.absolute() for _, path in pairs]
    try:
        above = os.path.commonpath([path.parent for path in whole]) if pairs else ""
        whole = [path.relative_to(above) for path in whole]
    except ValueError:  # on two drives
        pass
    # A name may be in another encoding than the system's; what is shown and written of it must be text.
    short = [gradebook.one_line(values.plain_text(path.as_posix())) for path, _ in pairs]
    names = [gradebook.one_line(values.plain_text(path.as_posix())) for path in whole]
    often = Counter(short)
    names = [one if often[one] == 1 else other for one, other in zip(short, names, strict=True)]
    often, seen, result = Counter(names), Counter(), []
    for name in names:
        seen[name] += 1
        result.append(name if often[name] == 1 else f"{name} (number {seen[name]})")
    return result


def run(jobs, workers, way=None):
    """Grade files in several worker processes; a worker that dies costs the file that it was at.

    Args:
        jobs: (what to call it, path, names of lessons) of each file.
        workers: how many at once.
        way: in which to contain the answers, as for `contained.House`.
    Returns:
        (list of `judge.Row` in the order of the jobs, sentence on what the answers could do).
    """
    waiting, results, told = SimpleQueue(), {}, []
    for number, job in enumerate(jobs):
        waiting.put((number, job))
    with tqdm(total=len(jobs), unit="file", file=sys.stderr) as bar:
        threads = [
            threading.Thread(target=_work, args=(waiting, results, told, way, bar.update))
            for _ in range(min(workers, len(jobs)))
        ]
        for thread in threads:
            thread.start()
        try:
            for thread in threads:
                thread.join()
        except KeyboardInterrupt:  # no further file; the workers had it, too
            with suppress(Empty):
                while True:
                    waiting.get_nowait()
            raise
    return [row for number in range(len(jobs)) for row in results[number]], (told or [""])[0]


def _work(waiting, results, told, way, done):
    """Feed one worker process until no job is left."""
    pool = None
    try:
        while True:
            try:
                number, job = waiting.get_nowait()
            except Empty:
                return
            try:
                pool = pool or ProcessPoolExecutor(1, mp_context=get_context("spawn"))
                results[number], contained, busy = pool.submit(graded, *job, way).result(FILE_SECONDS)
                told += [contained] if contained else []
                if busy:
                    pool = _killed(pool)
            except TimeoutError:
                pool = _killed(pool)
                said = f"Judging this file took more than {FILE_SECONDS} seconds."
                results[number] = [judge.Row(job[0], "", 0, "", judge.TIMED_OUT, said)]
            except BrokenProcessPool:
                pool = None
                said = "The process that judged it was killed while it was at this file."
                results[number] = [judge.Row(job[0], "", 0, "", judge.CRASHED, said)]
            except Exception as error:
                said = f"{type(error).__name__}: {error}"
                results[number] = [judge.Row(job[0], "", 0, "", judge.BROKEN, said)]
            done()
    finally:
        if pool:
            with suppress(BrokenProcessPool):
                pool.submit(_close).result()
            pool.shutdown()


def _killed(pool):
    for process in list(pool._processes.values()):
        process.kill()


def graded(label, path, names, way=None):
    """Grade one file in a worker process, which keeps its house.

    Returns:
        (rows, what its answers could do, whether the judging of one could not be stopped and goes on here).
    """
    lessons = _lessons.select(names)
    path = Path(path)
    try:
        submission = slice.read(path)
    except slice.Unreadable as error:
        return [judge.Row(label, "", 0, "", judge.UNREADABLE, f"{path.name}: {error}.")], "", False
    lesson = lessons[0] if len(lessons) == 1 else judge.lesson_of(submission, path, lessons)
    if lesson is None:
        said = "Neither its metadata nor its name nor its functions say of which one lesson it is. --lesson says it."
        return [judge.Row(label, "", 0, "", judge.UNREADABLE, said)], "", False
    rows = []
    for number, name in enumerate(judge.exercises(lesson), start=1):
        try:
            house = _house(bool(judge.check_of(lesson, name).needs.trust), way)
            rows.append(judge.judge(house, lesson, name, slice.needed(submission, name), submission=label))
        except Exception as error:  # a fault of the grader costs one exercise, and is said
            said = f"{type(error).__name__}: {error}"
            rows.append(judge.Row(label, lesson.name, number, name, judge.BROKEN, said))
    busy = any(getattr(thread, "job", None) for thread in threading.enumerate())  # of `isolation.run_apart`
    return rows, _house(False, way).contained, busy


def _house(trust, way):
    if trust not in _houses:
        import torch

        torch.set_num_threads(1)
        _houses[trust] = _contained.House(TRUSTED if trust else None, trust=trust, way=way).__enter__()
    return _houses[trust]


def _close():
    for house in _houses.values():
        house.__exit__()
    _houses.clear()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
