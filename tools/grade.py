"""Grade submissions: every answer in a process of its own, its verdict made outside of it."""

import argparse
import sys
import threading
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
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
    jobs = [(name, str(path), [lesson.name for lesson in lessons]) for name, path in found(args.files)]
    known = sorted({name for lesson in lessons for name in judge.exercises(lesson)})
    points = gradebook.points(args.points, known, args.trust)
    rows, contained = run(jobs, args.workers or min(8, max(1, runtime.physical_cores())), way)
    print(gradebook.table(rows, points), contained, sep="\n\n")
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


def found(names):
    """The files that are meant, as (what to call it, path); a folder is searched, without Jupyter's own copies.

    Raises:
        SystemExit: there is no such file, or nothing to grade in a folder.
    """
    files = {}
    for name in names:
        path = Path(name)
        if path.is_dir():
            inner = [file for file in sorted(path.rglob("*")) if file.suffix in (".ipynb", ".py")]
            inner = [file for file in inner if file.is_file() and not file.is_symlink()]  # a link: the work of another
            inner = [file for file in inner if not any(part.startswith(".") for part in file.relative_to(path).parts)]
            if not inner:
                raise SystemExit(f"There is no notebook and no .py file in {path}.")
            files |= {file.resolve(): file.relative_to(path).as_posix() for file in inner}
        elif path.suffix not in (".ipynb", ".py"):
            raise SystemExit(f"{name}: expected a notebook (.ipynb), a .py file, or a folder of them.")
        elif not path.is_file():
            raise SystemExit(f"There is no file {name}.")
        else:
            files[path.resolve()] = path.as_posix()
    # A name may be in another encoding than the system's; what is shown and written of it must be text.
    return [(values.plain_text(label), path) for path, label in files.items()]


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
        said = "It does not say of which lesson it is, and defines no function of an exercise. --lesson says it."
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
