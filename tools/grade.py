"""Grade submissions: every answer in a sandbox, with the check of its lesson."""

import argparse
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import psutil
from tqdm import tqdm

from course_utils.files import ROOT
from tools.environment import curriculum
from tools.grading import report, sandbox, submission
from tools.grading.report import NOT_DONE, NOT_GRADED, NOT_YET, PASSED, STOPPED, Row

FOLDER = ROOT / "build" / "grades"
MEMORY = 4 << 30  # bytes for an answer; more, where there are more
MOST = (PASSED, NOT_YET, STOPPED, NOT_GRADED, NOT_DONE)  # which verdict of several counts
WRITTEN = ("students.csv", "answers.csv", "report.html")
TICKED = "The student's own notebook shows it as passed."
CONTAINED = "Each answer ran in {}: without a network, with the course to read and an empty folder to write to."
TRUSTED = "The answers ran without a sandbox (--trust)."


def points(text):
    """Points by exercise, from "quantize=3,attend=2"."""
    return {name: float(number) for name, number in (word.split("=") for word in text.split(","))}


def main(argv):
    """Grade what is named; returns 1 where something was not graded, else 0."""
    parser = argparse.ArgumentParser(prog="course.py grade", description=__doc__)
    parser.add_argument("files", nargs="+", metavar="FILE", help="notebooks, or folders of them")
    parser.add_argument(
        "--lesson", action="append", default=[], metavar="NAME", help="the lesson of notebooks that don't say it"
    )
    parser.add_argument(
        "--points", type=points, default={}, metavar="EXERCISE=N", help="points, 1 if not given: quantize=3,attend=2"
    )
    parser.add_argument("--to", metavar="FOLDER", type=Path, default=FOLDER, help="default: build/grades")
    parser.add_argument("--trust", action="store_true", help="without a sandbox: an answer can do here what you can")
    args = parser.parse_args(argv)
    asked, files = curriculum.select(args.lesson) if args.lesson else [], found(args.files, args.to.resolve())
    tool = "" if args.trust else sandbox.find()
    known, rows, jobs = curriculum.lessons(), [], []
    for path, parts in files:
        row = Row("/".join(parts), *report.student(path, parts, known))
        try:
            read = submission.read(path, asked, known)
            jobs += [(one, exercise, row) for one in read for exercise in one.published.exercises]
        except submission.Unreadable as error:
            rows.append(replace(row, feedback=str(error), look_at=str(error)))
    names = {name for _, (name, *_), _ in jobs}
    if jobs and not names.issuperset(args.points):
        raise SystemExit(f"--points: the exercises of these files are {', '.join(sorted(names))}.")
    try:
        args.to.mkdir(parents=True, exist_ok=True)
        for name in WRITTEN:
            (args.to / name).open("ab").close()
    except OSError as error:
        raise SystemExit(f"{error.filename} can't be written: {error.strerror}. Is it open in a spreadsheet?") from None
    if jobs:
        sandbox.prepare(tool)
    rows = sorted(rows + graded(jobs, args.points, tool), key=lambda row: row.file)
    write(rows, CONTAINED.format(tool) if tool else TRUSTED, args.to)
    return int(any(row.status == NOT_GRADED for row in rows))


def found(names, written):
    """The files to grade, without what is hidden or lies in the folder `written`; each with its parts below all."""
    paths = []
    for path in map(Path, names):
        inside = [p for p in path.rglob("*") if not any(part[0] == "." for part in p.relative_to(path).parts)]
        files = [p.absolute() for p in [path, *inside] if p.is_file() and not p.resolve().is_relative_to(written)]
        if not files:
            raise SystemExit(f"{path}: there is no such file, or nothing in the folder.")
        paths += files
    above = os.path.commonpath([path.parent for path in paths])
    return [(path, path.relative_to(above).parts) for path in sorted(set(paths))]


def graded(jobs, points, tool):
    """The rows of all answers, several at once; a job is a `Submission`, one of its exercises, and a `Row` to fill."""
    free = psutil.virtual_memory().available
    at_once = max(1, min(8, psutil.cpu_count(logical=False) or 1, free // MEMORY))
    with ThreadPoolExecutor(at_once) as pool:
        turns = pool.map(lambda job: judged(*job, points, tool, max(MEMORY, free // at_once)), jobs)
        return list(tqdm(turns, total=len(jobs), unit="answer"))


def judged(handed_in, exercise, row, points, tool, memory):
    """The row of one answer: the attempt that passes, else the last one that says most."""
    name, verdicts = exercise[0], []
    attempts = handed_in.attempts(*exercise)
    for call, statements in attempts:
        cells = {}
        for one in statements:
            cells.setdefault(one.cell, []).append(one.nth)
        told = [(cell.label, submission.python(cell.source), numbers) for cell, numbers in cells.items()]
        job = {"lesson": handed_in.lesson.name, "name": name, "call": call, "cells": told}
        verdicts.append(sandbox.run(job, tool, memory))
        if verdicts[-1][0] not in (NOT_YET, NOT_DONE):
            break
    status, said = min(reversed(verdicts), key=lambda verdict: MOST.index(verdict[0]))
    if status in (NOT_YET, NOT_DONE) and (broken := handed_in.no_python(attempts[0][0])):
        status, said = NOT_YET, broken
    look = [handed_in.leads_to_checks(), said if status in (STOPPED, NOT_GRADED) else ""]
    look += [TICKED] if status != PASSED and handed_in.ticked(name) else []
    most = points.get(name, 1.0)
    return replace(
        row,
        lesson=handed_in.lesson.name,
        exercise=name,
        status=status,
        points=most if status == PASSED else "" if status == NOT_GRADED else 0.0,
        out_of=most,
        feedback=said,
        look_at="; ".join(filter(None, look)),
        code="\n\n".join(dict.fromkeys(one.cell.source for one in attempts[0][1] if one in handed_in.own)),
    )


def write(rows, said, folder):
    """Write the two tables and the page into a folder, and print the table of students."""
    table = report.students(rows)
    texts = report.to_csv(table), report.to_csv(report.answers(rows)), report.page(rows, said)
    for name, text in zip(WRITTEN, texts, strict=True):
        (folder / name).write_bytes(text)
    for name, number, total, most, *_, look, _ in (map(report.shown, line) for line in table[1:]):
        print(f"{name:<30} {number:<10} {total:>5} of {most:<5} {look}")
    print(f"\n{said}\nWritten to {folder}: {', '.join(WRITTEN)}")
