"""The task that runs lessons in the terminal: which file it runs, what it says, where the results go, and Ctrl-C."""

import nbformat
import pytest

from course_utils import syllabus
from course_utils.doctor import START
from course_utils.exercises.core import Verdict
from tools import run
from tools.publishing import lessons

COURSE = """
[[part]]
name = "first"
title = "First"
[part.lessons]
size = "Size"
speed = "Speed"
"""
TOML = "lessons/course.toml"
RESULT = "build/run/1_first/1_size.ipynb"
OWN = "workspace/1_first/1_size.ipynb"


def notebook(*sources, tags=()):
    cells = [nbformat.v4.new_code_cell(source, metadata={"tags": list(tags)}) for source in sources]
    return nbformat.v4.new_notebook(cells=cells)


@pytest.fixture
def root(tmp_path, monkeypatch):
    """A course of two lessons in a folder of its own, and the task at work there."""
    (tmp_path / TOML).parent.mkdir()
    (tmp_path / TOML).write_text(COURSE, encoding="utf-8")
    for lesson in syllabus.lessons(tmp_path).values():
        lessons.write(notebook("'published'"), lesson.notebook)
    monkeypatch.setattr(lessons, "ROOT", tmp_path)
    monkeypatch.setattr(run, "WORKSPACE", tmp_path / "workspace")
    monkeypatch.setattr(run, "RESULTS", tmp_path / "build" / "run")
    select = lessons.select
    monkeypatch.setattr(lessons, "select", lambda names: select(names, root=tmp_path))
    return tmp_path


@pytest.fixture
def without_kernel(monkeypatch):
    """Runs nothing, in the same way; gives what would have been run: (source of the first cell, folder)."""
    ran = []

    def execute(nb, *, folder, on_cell, **options):
        ran.append((nb.cells[0].source, folder))
        for cell in nb.cells:
            cell.outputs = [nbformat.v4.new_output("stream", text=cell.source)]
            on_cell(None)
        return nb

    monkeypatch.setattr(lessons, "execute", execute)
    return ran


def test_the_learners_own_copy_is_run_where_there_is_one_and_named(root, without_kernel, capsys):
    lessons.write(notebook("'my own'"), root / OWN)
    before = (root / OWN).read_bytes()
    assert run.main([]) == 0
    assert without_kernel[0] == ("'my own'", (root / OWN).parent)
    assert without_kernel[1][0] == "'published'"
    said = capsys.readouterr()
    assert f"Run: {OWN}\n" in said.out and "Run: notebooks/1_first/2_speed.ipynb\n" in said.out
    assert f"Result: {RESULT}\n" in said.out and said.err == ""
    assert (root / OWN).read_bytes() == before
    assert lessons.read_published(root / RESULT).cells[0].outputs[0].text == "'my own'"
    assert run.main(["--fresh", "size"]) == 0 and without_kernel[2][0] == "'published'"


@pytest.mark.parametrize("content", [b"", b'{"cells": 3}'])
def test_a_copy_that_is_no_notebook_is_named_with_the_way_out_and_the_others_are_run(
    root, without_kernel, capsys, content
):
    (root / OWN).parent.mkdir(parents=True)
    (root / OWN).write_bytes(content)
    assert run.main([]) == 1
    said = capsys.readouterr().out
    assert f"{OWN} cannot be read as a notebook" in said and f"{START} run --fresh size" in said
    assert len(without_kernel) == 1


def test_the_summary_counts_verdicts_and_shows_the_scorecard():
    result = {"output_type": "execute_result", "execution_count": 1, "metadata": {}}
    nb = notebook("a", "b", "c", tags=["check"])
    for cell, status in zip(nb.cells, ["passed", "not done yet", "not yet"], strict=True):
        text = repr(Verdict("Exercise 1", status, "Not yet: passed:"))
        cell.outputs = [nbformat.from_dict({**result, "data": {"text/plain": text, "text/html": "<p>"}})]
    card = nbformat.v4.new_code_cell("card", metadata={"tags": ["scorecard"]})
    card.outputs = [nbformat.from_dict({**result, "data": {"text/plain": "claim  holds"}})]
    nb.cells.append(card)
    assert run.summary(nb).splitlines() == [
        "claim  holds",
        "Exercises in this file: 1 passed, 1 not done yet, 1 not yet",
    ]


@pytest.mark.slow
def test_it_goes_on_after_a_failure_and_says_so(root, capsys):
    lessons.write(notebook("1 / 0"), root / OWN)
    assert run.main([]) == 1
    said = capsys.readouterr().out
    assert "Stopped at cell 1, line 1: ZeroDivisionError" in said and "1.2 · Speed" in said
    assert lessons.read_published(root / "build/run/1_first/2_speed.ipynb").cells[0].execution_count == 1
