"""Submissions for the tests of grading, made of a lesson as students make them."""

import json

import nbformat

from tools import assignment
from tools.publishing import lessons


def submission(path, name, answer=None, *, change=None, with_checks=False):
    """Write what a student hands in: the assignment, with an answer in place of each stub, and what `change` does.

    Args:
        path: to write.
        name: of the lesson.
        answer: a function of (stub, solution), both text, that gives the answer; None leaves the stubs.
        change: a function that changes the notebook.
    """
    [lesson] = lessons.select([name])
    told = {tag: cells(lessons.read_published(lesson.notebook), tag) for tag in ("exercise", "solution")}
    nb = assignment.handed_out(lesson, with_checks)
    for stub, solution in zip(told["exercise"], told["solution"], strict=True):
        if answer:
            next(cell for cell in nb.cells if cell.id == stub.id).source = answer(stub.source, solution.source)
    if change:
        change(nb)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(nbformat.writes(nb), encoding="utf-8")


def cells(nb, tag):
    return [cell for cell in nb.cells if tag in cell.metadata.get("tags", [])]


def right(stub, solution):
    return solution.replace("_solution(", "(")


def body(text):
    """An answer: the stub with another body."""
    return lambda stub, solution: f"{stub.splitlines()[0]}\n    {text}"


def notebook(path, *sources, **course):
    """Write a notebook of code cells; a source may come with its lesson, as (source, lesson)."""
    made = [source if isinstance(source, tuple) else (source, None) for source in sources]
    made = [
        {"cell_type": "code", "source": text, "metadata": {"course": {"lesson": lesson}} if lesson else {}}
        for text, lesson in made
    ]
    path.write_text(json.dumps({"cells": made, "metadata": {"course": course}}), encoding="utf-8")
    return path
