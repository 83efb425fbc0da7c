"""The challenge: judge a folder that labels images, the smallest above the bar wins; keep and show the board."""

import argparse
import sys
from pathlib import Path

from course import command, say
from course_utils import data, runtime
from tools import grade
from tools.contest import baseline, board, jury
from tools.contest import exam as _exam


def main(argv):
    """Judge submissions, show the board, or write a baseline; gives 0, or 1 where one is not above the bar."""
    parser = argparse.ArgumentParser(prog="course.py challenge", description=f"{__doc__} Rules: docs/challenge.md.")
    parser.add_argument("folders", nargs="*", metavar="FOLDER", help="a submission: a folder with predict.py, or a zip")
    parser.add_argument("--task", choices=_exam.TASKS, default="mnist", help="the data set; mnist if not given")
    parser.add_argument("--name", metavar="NAME", help="what to call it on the board; the folder's name if not given")
    parser.add_argument("--board", action="store_true", help="show the board of the task")
    parser.add_argument("--baseline", metavar="DIR", help="train a small network in a minute, and write a submission")
    parser.add_argument(
        "--contained", action="store_true", help="stop where this system cannot contain submissions; else it is said"
    )
    args = parser.parse_args(argv)
    if not (args.folders or args.board or args.baseline):
        parser.error("name a folder, or --board, or --baseline DIR")
    if args.name and len(args.folders) > 1:
        parser.error("--name is for one folder")
    if runtime.quick() and (args.folders or args.baseline):
        say("Nothing was done: COURSE_QUICK is set, and then there are few images. Unset it.")
        return 2
    status, way = 0, grade.contained_way() if args.contained else None
    try:
        if args.baseline:
            status = write_baseline(Path(args.baseline), args.task)
        if args.folders:
            status = judge(args.folders, args.task, args.name, way) or status
    except (data.DataError, OSError) as error:  # a damaged data set; a process that does not start
        say(str(error))
        return 1
    if args.board:
        say(board.table(args.task))
    return status


def write_baseline(folder, task):
    """Train and write the baseline; gives 0, or 1 where the folder has something in it."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        say(f"{folder} is there and not empty. Nothing was written; name another folder.")
        return 1
    say("Training a small network.")
    try:
        baseline.write(folder, task)
    except OSError as error:
        say(f"{folder} cannot be written: {error.strerror}. Name another folder.")
        return 1
    words = [str(folder), *(["--task", task] if task != "mnist" else [])]
    say(f"A whole submission is in {folder}. Judge it:\n  {command('challenge', *words)}")
    return 0


def judge(folders, task, name=None, way=None):
    """Judge submissions one after the other, say what became of each, and put them on the board."""
    verdicts, lost = [], ""
    exam = _exam.make(_exam.TASKS[task])
    with jury.house(way) as house:
        for folder in folders:
            verdict = jury.judge(house, name or Path(folder).resolve().name.removesuffix(".zip"), Path(folder), exam)
            verdicts.append(verdict)
            say("\n".join(lines(verdict)) + "\n")
            try:
                if verdict.status != jury.REFUSED:
                    board.keep(verdict)
            except OSError as error:
                lost = f"{board.file()} cannot be written: {error.strerror}. What was judged is not on the board."
        say(jury.FREE if house.way == "once" else jury.LONE)
    if lost:
        say(lost)
    return 0 if all(verdict.status == jury.ABOVE for verdict in verdicts) else 1


def lines(verdict):
    """What is said of a verdict, line by line."""
    yield f"{verdict.name}, {_exam.TASKS[verdict.task].title}: {verdict.status}"
    if verdict.message:
        yield f"  {verdict.message}"
        yield f"  What to do: {verdict.hint}"
    if verdict.accuracy is not None:
        took = f"{verdict.seconds:.1f} of {jury.SECONDS} seconds"
        yield f"  {100 * verdict.accuracy:.2f} % of the test images right, in {took}."
    if verdict.sizes:
        files = ", ".join(f"{name} {size:,}" for name, size in verdict.sizes)
        yield f"  {verdict.bytes:,} bytes: {files}. (xz would make {verdict.packed:,} of them; it does not count.)"
    yield from (f"  {fact}" for fact in verdict.facts if fact != verdict.message)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
