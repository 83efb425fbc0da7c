"""What a learner has done is kept: by whom, in which form, and what `course.py progress` makes of it."""

import json
import re
from types import SimpleNamespace

import pytest

from course_utils import checks, progress
from course_utils.files import ROOT
from tools import progress as task
from tools.environment import curriculum
from tools.publishing import lessons
from tools.workspace import progress as _progress

WORKSPACE = ROOT / "workspace"

CHECKS = """
from course_utils.checks import exercise
@exercise("Exercise 1, Size")
def size(answer): ...
@exercise("Exercise 2, Time")
def time(answer): ...
"""


@pytest.fixture
def kept(tmp_path, monkeypatch):
    """The file that this test keeps progress in."""
    path = tmp_path / "workspace" / progress.NAME
    monkeypatch.setenv("COURSE_PROGRESS", str(path))
    return path


def lines(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def passed(exercise, lesson="integers", status="passed"):
    progress.keep("check", lesson, exercise=exercise, status=status)


# Who writes


def learners_kernel(monkeypatch, folder, **names):
    """Play the kernel of a notebook that lies in a folder."""
    for name in ("COURSE_PROGRESS", "COURSE_WORKSPACE"):
        monkeypatch.delenv(name, raising=False)
    shell = SimpleNamespace(kernel=object(), user_ns=names)
    monkeypatch.setattr(progress, "shell", lambda: shell)
    monkeypatch.setattr(progress, "STARTED_IN", folder)


def test_only_the_kernel_of_a_notebook_in_the_workspace_writes(monkeypatch, tmp_path):
    learners_kernel(monkeypatch, WORKSPACE / "3_quantization")
    assert progress.file() == WORKSPACE / progress.NAME
    learners_kernel(monkeypatch, ROOT / "build" / "run")
    assert progress.file() is None
    learners_kernel(monkeypatch, ROOT, __vsc_ipynb_file__=str(WORKSPACE / "a" / "b.ipynb"))
    assert progress.file() == WORKSPACE / progress.NAME
    learners_kernel(monkeypatch, None)
    assert progress.file() is None
    learners_kernel(monkeypatch, tmp_path / "course" / "1_part")
    monkeypatch.setenv("COURSE_WORKSPACE", str(tmp_path / "course"))  # one copy of the course for many
    assert progress.file() == tmp_path / "course" / progress.NAME
    monkeypatch.setenv("COURSE_PROGRESS", "0")
    assert progress.file() is None


def test_a_lessons_check_writes_its_verdict_and_another_check_writes_none(kept):
    @checks.exercise("Exercise 1, Mine")
    def mine(text):
        return len(text)

    mine.tries(also=[("four",)])
    mine(len)
    assert not kept.exists()
    mine.__module__, mine.__name__ = "lessons.integers.checks", "save_int8"
    mine(len)
    (record,) = lines(kept)
    assert (record["lesson"], record["exercise"], record["status"]) == ("integers", "save_int8", "passed")
    assert len(record["version"]) == 8 and record["when"][:2] == "20"


# The file


def test_a_damaged_line_loses_itself_alone(kept):
    passed("save_int8")
    with open(kept, "ab") as file:
        file.write(b'\xff\xfe\n[]\n{"kind": 3, "lesson": "x"}\n' + b"[" * 100_000 + b'\n{"kind": "check", "les')
    passed("quantize")
    assert [record["exercise"] for record in progress.read(kept)] == ["save_int8", "quantize"]


# What is made of it


@pytest.fixture
def course(tmp_path):
    """Three lessons, two exercises each: the second needs the first, the third nothing."""
    text = '[[part]]\nname = "first"\ntitle = "First"\n[part.lessons]\na = "A"\nb = "B"\nc = "C"\n'
    text += '[[track]]\ntitle = "The day"\nlessons = ["a", "b"]\n[[track]]\ntitle = "Short"\nlessons = ["c"]\n'
    (tmp_path / "lessons").mkdir()
    (tmp_path / "lessons" / "course.toml").write_text(text, encoding="utf-8")
    for lesson in curriculum.lessons(tmp_path).values():
        lesson.source.parent.mkdir()
        needs = "[a]" if lesson.name == "b" else "[]"
        front = f"# ---\n# jupyter:\n#   course:\n#     promise: P.\n#     needs: {needs}\n# ---\n"
        lesson.source.write_text(front, encoding="utf-8")
        lesson.source.with_name("checks.py").write_text(CHECKS, encoding="utf-8")
    return tmp_path


def standing(course):
    return _progress.of(course / "workspace", course)


def test_passed_stays_passed_and_the_latest_stands_beside_it(course, kept):
    passed("size", "a")
    passed("size", "a", status="not yet")
    (size, time) = standing(course).standings["a"].exercises
    assert (size.passed, size.status, size.latest) == (True, "passed", "not yet")
    assert (time.passed, time.status) == (False, "not begun")
    assert standing(course).standings["a"].count == "1 of 2"


def test_next_is_the_first_lesson_of_the_track_that_is_not_finished(course, kept):
    assert standing(course).next.lesson.name == "a"
    for exercise in ("size", "time"):
        passed(exercise, "a")
    assert standing(course).next.lesson.name == "b" and standing(course).finished == 1
    progress.add(kept, {"kind": "track", "lesson": "", "track": "Short"})
    assert standing(course).next.lesson.name == "c"
    for exercise in ("size", "time"):
        passed(exercise, "c")
    assert standing(course).next is None


def test_a_reset_takes_away_what_stands_before_it_of_that_lesson_alone(course, kept):
    passed("size", "a")
    passed("size", "b")
    progress.add(kept, {"kind": "reset", "lesson": "a"})
    passed("time", "a")
    passed("size", "c", status="not yet")
    found = standing(course).standings
    assert sorted(s.lesson.name for s in standing(course).begun) == ["a", "b", "c"]
    assert [exercise.passed for exercise in found["a"].exercises] == [False, True] and found["b"].passed == 1


def test_the_lesson_worked_at_last_comes_first(course, kept):
    of = {"kind": "check", "exercise": "size", "status": "passed"}
    records = [{**of, "lesson": lesson, "when": f"2026-01-0{day}"} for lesson, day in (("a", 1), ("b", 3), ("c", 2))]
    kept.parent.mkdir()
    kept.write_text("\n".join(map(json.dumps, records)), encoding="utf-8")
    assert [s.lesson.name for s in standing(course).begun] == ["b", "c", "a"]


def test_what_passed_of_an_earlier_version_is_told_and_what_did_not_pass_is_not(course, kept):
    passed("gone", "a")
    passed("tried", "a", status="not yet")
    assert [exercise.name for exercise in standing(course).standings["a"].also] == ["gone"]


def test_every_exercise_is_counted():
    for lesson in lessons.select([]):
        cells = lessons.read_published(lesson.notebook).cells
        cells = [cell for cell in cells if "check" in cell.metadata.get("tags", [])]
        called = [cell.source.rpartition("check.")[2].partition("(")[0] for cell in cells]
        assert sorted(called) == sorted(name for name, _ in _progress.exercises_of(lesson)), lesson.name


@pytest.fixture
def learner(kept, monkeypatch):
    """The task, on a workspace of this test's own."""
    monkeypatch.setattr(task, "WORKSPACE", kept.parent)
    return task


def test_the_task_prints_the_track_and_a_lesson_in_full(learner, kept, capsys):
    passed("save_int8")
    passed("report", lesson="measuring")
    assert learner.main(["--track", "essentials"]) == 0 and (kept.parent / "start.md").exists()
    said = capsys.readouterr().out
    essentials = [lesson.number for lesson in curriculum.tracks()[0].lessons]
    assert re.findall(r"^  [ ✓…] (\d\.\d+) ", said, re.M) == sorted([*essentials, "1.1"]), (
        "and what was begun beside it"
    )
    assert "Next: 1.3 " in said and "progress --all" in said
    passed("save_int8", status="not yet")
    progress.keep("prediction", "integers", number=2, question="How\nmany?", prediction="two")
    progress.keep("again", "integers", number=2, question="How\nmany?", prediction="three")
    learner.main(["3.1"])
    said = capsys.readouterr().out
    assert "✓ A byte a weight: passed; the last check said: not yet" in said
    assert "- How many?\n      two\n      at the end: three" in said
