"""The learner's start page and `course.py reset`: made anew at each start, and nothing of the learner's is lost."""

import pytest
from test_workspace import Course

from course_utils import progress
from tools import reset as task
from tools.publishing import lessons
from tools.workspace import start


def keep(workspace, exercise, status="passed", lesson="measuring"):
    record = {"kind": "check", "lesson": lesson, "exercise": exercise, "status": status}
    progress.add(workspace / progress.NAME, record)


def test_it_lists_every_lesson_and_says_what_is_passed_what_is_begun_and_what_is_next(tmp_path):
    def page():
        start.write(tmp_path)
        return (tmp_path / "start.md").read_text(encoding="utf-8")

    text = page()
    for lesson in lessons.select([]):
        assert f"[{lesson.number} {lesson.title}]({lesson.place})" in text
    assert "Begin here: [1.3 " in text and "## Your track: The essentials" in text
    keep(tmp_path, "batch_needed", lesson="energy")
    keep(tmp_path, "save_int8", lesson="integers", status="not yet")
    text = page()
    assert "✓ 1 of 1" in text and "Finished: 1 of " in text and "Passed: 1 of " in text
    assert "**Go on:** [3.1 " in text and "**Next: [2.2 " in text


def test_what_a_learner_wrote_into_it_is_kept_beside_it(tmp_path):
    for number, name in ((1, "start.old.md"), (2, "start.old2.md")):
        start.write(tmp_path)
        (tmp_path / "start.md").write_text(f"mine {number}", encoding="utf-8")
        assert start.write(tmp_path) == [f"What you wrote into start.md is kept, in {name}."]
        assert (tmp_path / name).read_text(encoding="utf-8") == f"mine {number}"


@pytest.fixture
def lesson(tmp_path, monkeypatch):
    """A course with one lesson, and `reset` at work there."""
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


def test_a_reset_gives_the_lesson_back_keeps_every_old_copy_and_forgets_only_when_that_is_asked(lesson, capsys):
    keep(lesson.workspace, "x", lesson="topic")
    for number, kept in ((1, "1_topic.old.ipynb"), (2, "1_topic.old2.ipynb")):
        lesson.write("a = 1", f"mine = {number}")
        assert task.main(["topic"]) == 0
        assert f"yours is kept as {kept}. What you passed and predicted stays counted." in capsys.readouterr().out
        assert lesson.code() == ["a = 1", "b = 2"]
        assert lesson.code(f"2_part/{kept}") == ["a = 1", f"mine = {number}"]
    assert [r["kind"] for r in progress.read(lesson.workspace / progress.NAME)] == ["check"]
    task.main(["--progress", "topic"])
    assert [r["kind"] for r in progress.read(lesson.workspace / progress.NAME)] == ["reset"]
