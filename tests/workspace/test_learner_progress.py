"""What a learner has done is kept: by whom, in which form, and what `course.py progress` makes of it."""

import re
from types import SimpleNamespace

import pytest
from _course import make_root

from course_utils import progress
from course_utils.files import ROOT
from lessons.formats import tasks
from tools import progress as task
from tools.environment import curriculum
from tools.workspace import progress as _progress

WORKSPACE = ROOT / "workspace"
FRONT = "# ---\n# jupyter:\n#   course:\n#     promise: You will.\n# ---\n"
TASKS = 'size = page.write("size", "Size")\ntime = page.work_out("time", "Time")\n'


@pytest.fixture
def kept(tmp_path, monkeypatch):
    """The file that this test keeps progress in."""
    path = tmp_path / "workspace" / progress.NAME
    monkeypatch.setenv("COURSE_PROGRESS", str(path))
    return path


@pytest.fixture
def course(tmp_path):
    """Three lessons with two exercises each, and a track of one lesson."""
    for lesson in make_root(tmp_path, a=FRONT, b=FRONT, c=FRONT):
        lesson.source.with_name("tasks.py").write_text(TASKS, encoding="utf-8")
    with open(tmp_path / "lessons" / "course.toml", "a", encoding="utf-8") as file:
        file.write('[[track]]\ntitle = "The day"\nlessons = ["a", "b"]\n[[track]]\ntitle = "Short"\nlessons = ["c"]\n')
    return lambda: _progress.of(tmp_path / "workspace", tmp_path)


def check(lesson, *exercises, status="passed"):
    for exercise in exercises:
        progress.keep("check", lesson, exercise=exercise, status=status)


def test_only_the_kernel_of_a_notebook_in_the_workspace_writes(monkeypatch, tmp_path):
    def kernel(folder, **names):
        monkeypatch.setattr(progress, "shell", lambda: SimpleNamespace(kernel=object(), user_ns=names))
        monkeypatch.setattr(progress, "STARTED_IN", folder)
        return progress.file()

    assert kernel(WORKSPACE / "3_quantization") == WORKSPACE / progress.NAME
    assert kernel(ROOT, __vsc_ipynb_file__=str(WORKSPACE / "a" / "b.ipynb")) == WORKSPACE / progress.NAME
    assert kernel(ROOT / "notebooks") is None and kernel(None) is None
    monkeypatch.setenv("COURSE_WORKSPACE", str(tmp_path / "course"))  # one copy of the course for many
    assert kernel(tmp_path / "course" / "1_part") == tmp_path / "course" / progress.NAME


def test_a_task_of_a_lesson_writes_its_verdict(kept):
    name, one = next(iter(tasks.page.tasks.items()))
    one(None)
    (record,) = progress.read(kept)
    assert (record["lesson"], record["exercise"]) == ("formats", name) and record["status"] != "passed"


def test_a_damaged_line_loses_itself_alone(kept):
    check("integers", "save_int8")
    with open(kept, "ab") as file:
        file.write(b'\xff\xfe\n[]\n{"kind": 3, "lesson": "x"}\n' + b"[" * 100_000 + b'\n{"kind": "check", "les')
    check("integers", "quantize")
    assert [record["exercise"] for record in progress.read(kept)] == ["save_int8", "quantize"]


def test_what_has_passed_once_stays_passed_and_what_was_only_tried_is_begun(course, kept):
    check("a", "size")
    check("a", "size", status="not yet")
    check("b", "size", status="not yet")
    check("b", "of an earlier version")
    check("c", "size", status="not done yet")
    found = course()
    assert [found.standings[name].count for name in "abc"] == ["1 of 2", "0 of 2", "0 of 2"]
    assert {standing.lesson.name for standing in found.begun} == {"a", "b"}


def test_next_is_the_first_lesson_of_the_track_that_is_not_finished(course, kept):
    assert course().next.lesson.name == "a"
    check("a", "size", "time")
    assert course().next.lesson.name == "b" and course().finished == 1
    progress.add(kept, {"kind": "track", "lesson": "", "track": "Short"})
    assert course().next.lesson.name == "c"
    check("c", "size", "time")
    assert course().next is None


def test_the_task_keeps_a_track_and_lists_its_lessons_with_what_was_begun_beside_it(kept, monkeypatch, capsys):
    monkeypatch.setattr(task, "WORKSPACE", kept.parent)
    check("measuring", *_progress.exercises_of(curriculum.lessons()["measuring"]))
    assert task.main(["--track", "essentials"]) == 0 and (kept.parent / "start.md").exists()
    said = capsys.readouterr().out
    essentials = [lesson.number for lesson in curriculum.tracks()[0].lessons]
    assert re.findall(r"^  [ ✓…] (\d\.\d+) ", said, re.M) == sorted({*essentials, "1.1"})
    assert "✓ 1.1" in said and "Next: 1.3 " in said and "progress --all" in said
