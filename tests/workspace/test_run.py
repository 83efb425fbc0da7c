"""The task that runs lessons in the terminal: which file it runs, what it says, where the results go, and Ctrl-C."""

import os
import signal
import subprocess
import sys
import time

import nbformat
import psutil
import pytest
from _course import make_root

from course_utils.check import Verdict
from tools import run
from tools.environment.doctor import START
from tools.publishing import lessons

RESULT = "build/run/1_first/1_size.ipynb"
OWN = "workspace/1_first/1_size.ipynb"


def notebook(*sources, tags=()):
    cells = [nbformat.v4.new_code_cell(source, metadata={"tags": list(tags)}) for source in sources]
    return nbformat.v4.new_notebook(cells=cells)


@pytest.fixture
def root(tmp_path, monkeypatch):
    """A course of two lessons in a folder of its own, and the task at work there."""
    for lesson in make_root(tmp_path, size="", speed=""):
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
        text = repr(Verdict(status, "Not yet: passed:"))
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
    lessons.write(notebook("def f():\n    pass\n    1 / 0", "x = 1\nf()"), root / OWN)
    assert run.main([]) == 1
    said = capsys.readouterr().out
    assert "Stopped at cell 2, line 2: ZeroDivisionError" in said and "1.2 · The lesson speed" in said
    assert lessons.read_published(root / "build/run/1_first/2_speed.ipynb").cells[0].execution_count == 1


STARTED = """
import sys
from pathlib import Path
sys.path.insert(0, {door!r})
from tools import run
from tools.publishing import lessons as _lessons
root, select = Path({root!r}), _lessons.select
run.WORKSPACE, run.RESULTS = root / "workspace", root / "build" / "run"
_lessons.select = lambda names: select(names, root=root)
try:
    run.main(["size"])
except KeyboardInterrupt:  # as course.py does
    print("Stopped.")
    sys.exit(130)
"""


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="Windows sends Ctrl-C to a console, not to a process")
def test_ctrl_c_ends_a_run_with_one_line_and_leaves_no_kernel(root):
    cell = (
        f"import os, pathlib, time\npathlib.Path({str(root / 'pid')!r}).write_text(str(os.getpid()))\nwhile True: pass"
    )
    lessons.write(notebook(cell), root / OWN)
    code = STARTED.format(door=str(run._lessons.NOTEBOOKS.parent), root=str(root))
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=root
    )
    while not (root / "pid").exists() or not (root / "pid").read_text():
        assert process.poll() is None, process.communicate()
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=300)
    assert process.returncode == 130 and err == ""
    assert [line for line in out.splitlines() if line.strip() and " cells |" not in line] == ["Stopped."]
    assert not psutil.pid_exists(int((root / "pid").read_text()))
