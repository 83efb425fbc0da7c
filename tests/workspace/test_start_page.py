"""The learner's start page and `course.py reset`: made anew at each start, and nothing of the learner's is lost."""

import datetime
import re

import nbformat
import pytest
from test_workspace import Course

from course_utils import progress
from tools import reset as task
from tools.publishing import lessons, worksheets
from tools.workspace import progress as _progress
from tools.workspace import start
from tools.workspace import workspace as _workspace

NOW = datetime.datetime(2026, 3, 1, 14, 5)


@pytest.fixture
def workspace(tmp_path):
    folder = tmp_path / "my work ä"
    folder.mkdir()
    return folder


def keep(workspace, exercise, status="passed", lesson="measuring"):
    record = {"kind": "check", "lesson": lesson, "exercise": exercise, "status": status}
    progress.add(workspace / progress.NAME, record)


def page(workspace):
    return start.text(_progress.of(workspace), now=NOW)


def test_it_lists_every_lesson_with_a_link_to_the_learners_copy(workspace):
    text = page(workspace)
    for lesson in lessons.select([]):
        assert f"[{lesson.number} {lesson.title}]({lesson.place})" in text
    assert "[2.1](2_training/1_formats.ipynb), [2.3](" in text  # what a track has beside the essentials
    assert "Begin here: [1.3 " in text and "As of 2026-03-01 14:05" in text and "## Your track: The essentials" in text


def test_it_says_what_is_passed_what_is_begun_and_what_is_next(workspace):
    keep(workspace, "batch_needed", lesson="energy")
    keep(workspace, "save_int8", lesson="integers", status="not yet")
    text = page(workspace)
    assert "✓ 1 of 1" in text and "Finished: 1 of " in text and "Passed: 1 of " in text
    assert "**Go on:** [3.1 " in text and "**Next: [2.2 " in text


def test_what_a_learner_wrote_into_it_is_kept_beside_it(workspace):
    for number, name in ((1, "start.old.md"), (2, "start.old2.md")):
        start.write(workspace)
        (workspace / "start.md").write_text(f"mine {number}", encoding="utf-8")
        assert start.write(workspace) == [f"What you wrote into start.md is kept, in {name}."]
        assert (workspace / name).read_text(encoding="utf-8") == f"mine {number}"
    assert "Begin here" in (workspace / "start.md").read_text(encoding="utf-8")


def test_whoever_has_an_error_finds_the_page_of_symptoms_beside_it(workspace):
    start.write(workspace)
    assert "](symptoms.md)" in (workspace / "start.md").read_text(encoding="utf-8")
    told = (workspace / "symptoms.md").read_text(encoding="utf-8")
    heads = {head.replace(" ", "-") for head in re.findall(r"^#+ (.+)$", told, re.M)}
    inside = re.findall(r"\]\(#([^)]+)\)", told)
    assert len(inside) > 5 and set(inside) <= heads, "JupyterLab keeps capitals and commas"
    places = set(re.findall(r"\]\((?!https?:|#)([^)#]+)", told))
    assert len(places) > 20 and places <= {lesson.place for lesson in lessons.select([])} | {worksheets.YOURS.place}


def test_a_learners_copy_leads_to_it(workspace):
    cells = [nbformat.v4.new_markdown_cell("[All lessons](../overview.ipynb).")]
    assert (
        _workspace.for_learner(nbformat.v4.new_notebook(cells=cells)).cells[0].source == "[All lessons](../start.md)."
    )
    for lesson in lessons.select([]):
        last = _workspace.for_learner(lessons.read_published(lesson.notebook)).cells[-1].source
        assert "](../start.md)" in last and "overview" not in last


# reset


@pytest.fixture
def lesson(tmp_path, monkeypatch):
    """A course with one lesson, and the task at work there."""
    made = Course(tmp_path).publish("a = 1", "b = 2")
    (found,) = lessons.select(["measuring"])
    one = type(found)("topic", "Topic", "part", "Part", 2, 1, tmp_path)
    monkeypatch.setattr(task, "NOTEBOOKS", made.notebooks)
    monkeypatch.setattr(task, "WORKSPACE", made.workspace)
    monkeypatch.setattr(task._lessons, "select", lambda names: [one])
    monkeypatch.setattr(task.start, "write", lambda workspace: [])
    monkeypatch.setattr(task.lab, "server_of", lambda folder: None)
    made.fill()
    return made


def test_a_reset_gives_the_lesson_back_and_keeps_every_old_copy(lesson, capsys):
    for number, kept in ((1, "1_topic.old.ipynb"), (2, "1_topic.old2.ipynb")):
        lesson.write("a = 1", f"mine = {number}")
        assert task.main(["topic"]) == 0
        assert f"yours is kept as {kept}. What you passed and predicted stays counted." in capsys.readouterr().out
        assert lesson.code() == ["a = 1", "b = 2"]
        assert lesson.code(f"2_part/{kept}") == ["a = 1", f"mine = {number}"]


def test_what_was_passed_is_forgotten_only_when_that_is_asked(lesson):
    keep(lesson.workspace, "x", lesson="topic")
    task.main(["topic"])
    assert [r["kind"] for r in progress.read(lesson.workspace / progress.NAME)] == ["check"]
    task.main(["--progress", "topic"])
    assert [r["kind"] for r in progress.read(lesson.workspace / progress.NAME)] == ["reset"]
