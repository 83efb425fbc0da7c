"""What a learner has done is kept: by whom, in which form, and what `course.py progress` makes of it."""

import json
import re
import subprocess
import sys
from types import SimpleNamespace

import nbformat
import pytest

from course_utils import syllabus
from course_utils.exercises import core, progress
from course_utils.files import ROOT
from tools import progress as task
from tools.publishing import course as _course
from tools.publishing import execute, lessons
from tools.workspace import progress as _progress

WORKSPACE = ROOT / "workspace"

CHECKS = """
from course_utils.exercises.core import check
@check("Exercise 1, Size")
def size(answer): ...
@check("Exercise 2, Time")
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
    for name in ("COURSE_LEDGER", "COURSE_PROGRESS", "COURSE_WORKSPACE"):
        monkeypatch.delenv(name, raising=False)
    shell = SimpleNamespace(kernel=object(), user_ns=names)
    monkeypatch.setattr(progress, "shell", lambda: shell)
    monkeypatch.setattr(progress, "STARTED_IN", folder)


def test_only_the_kernel_of_a_notebook_in_the_workspace_writes(monkeypatch, tmp_path):
    learners_kernel(monkeypatch, WORKSPACE / "3_quantization")
    assert progress.file() == WORKSPACE / progress.NAME
    monkeypatch.setenv("COURSE_LEDGER", str(tmp_path))  # a build, a test
    assert progress.file() is None
    monkeypatch.setenv("COURSE_LEDGER", str(WORKSPACE / "ledger"))
    assert progress.file() == WORKSPACE / progress.NAME
    learners_kernel(monkeypatch, ROOT / "build" / "run")
    assert progress.file() is None
    learners_kernel(monkeypatch, ROOT, __vsc_ipynb_file__=str(WORKSPACE / "a" / "b.ipynb"))
    assert progress.file() == WORKSPACE / progress.NAME
    learners_kernel(monkeypatch, None)
    assert progress.file() is None


def test_the_workspace_may_be_another_folder(monkeypatch, tmp_path):
    learners_kernel(monkeypatch, tmp_path / "course" / "1_part")
    assert progress.file() is None
    monkeypatch.setenv("COURSE_WORKSPACE", str(tmp_path / "course"))
    monkeypatch.setenv("COURSE_LEDGER", str(tmp_path / "course" / "ledger"))  # as it is set there
    assert progress.file() == tmp_path / "course" / progress.NAME


def test_plain_python_writes_nothing(monkeypatch):
    monkeypatch.delenv("COURSE_LEDGER")
    monkeypatch.setattr(progress, "STARTED_IN", WORKSPACE)
    assert progress.shell() is None and progress.file() is None


@pytest.mark.parametrize("off", ["", "0"])
def test_it_can_be_switched_off(monkeypatch, off):
    learners_kernel(monkeypatch, WORKSPACE)
    monkeypatch.setenv("COURSE_PROGRESS", off)
    assert progress.file() is None


def test_a_lessons_check_writes_its_verdict_and_another_check_writes_none(kept):
    def judge(answer):
        pass

    core.check("Exercise 1, Mine")(judge)(len)
    assert not kept.exists()
    judge.__module__, judge.__name__ = "lessons.integers.checks", "qparams"
    core.check("Exercise 1, Mine")(judge)(len)
    (record,) = lines(kept)
    assert (record["lesson"], record["exercise"], record["status"]) == ("integers", "qparams", "passed")
    assert len(record["version"]) == 8 and record["when"][:2] == "20"


def test_a_check_that_is_at_fault_itself_says_nothing_of_the_learner(kept):
    def judge(answer):
        raise ZeroDivisionError

    judge.__module__ = "lessons.integers.checks"
    assert core.check("Exercise 1")(judge)(len).status == "check failed" and not kept.exists()


@pytest.mark.slow
def test_a_kernel_in_the_workspace_writes_and_one_elsewhere_does_not(tmp_path, monkeypatch):
    """A real kernel; the library's workspace is a folder of this test's own."""
    monkeypatch.delenv("COURSE_LEDGER")
    code = """
from course_utils.exercises import progress
progress.keep("check", "integers", exercise="qparams", status="not yet")"""
    for folder in ("work", "elsewhere"):
        (tmp_path / folder).mkdir()
        cells = [nbformat.v4.new_code_cell(code)]
        execute.execute(
            nbformat.v4.new_notebook(cells=cells),
            folder=tmp_path / folder,
            env={"COURSE_WORKSPACE": str(tmp_path / "work")},
        )
    assert [record["status"] for record in lines(tmp_path / "work" / progress.NAME)] == ["not yet"]
    assert not (tmp_path / "elsewhere" / progress.NAME).exists()


# The file


class _NearlyFull:
    """A file on a disk that has room for ten bytes more; what it cannot take it does not say at once."""

    def __init__(self, file):
        self._file = file

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._file.close()

    def __getattr__(self, name):
        return getattr(self._file, name)

    def write(self, line):
        return self._file.write(line[:10])


@pytest.fixture
def nearly_full(monkeypatch):
    monkeypatch.setattr(progress, "open", lambda *args, **more: _NearlyFull(open(*args, **more)), raising=False)
    progress._say_once.cache_clear()


def test_a_disk_that_fills_up_leaves_the_file_as_it_was_and_it_is_said_once(kept, nearly_full, monkeypatch, capsys):
    kept.parent.mkdir()
    kept.write_text('{"kind": "check", "lesson": "a", "exercise": "x", "status": "passed"}\n', encoding="utf-8")
    before = kept.read_bytes()
    passed("qparams")
    passed("quantize")
    assert kept.read_bytes() == before, "no half of a line"
    said = capsys.readouterr().err
    assert said.count("not kept in your progress") == 1 and "No space left" in said and progress.NAME in said
    with pytest.raises(OSError, match="No space left"):
        progress.add(kept, {"kind": "way", "lesson": "", "way": "Short way"})
    monkeypatch.undo()
    progress.add(kept, {"kind": "way", "lesson": "", "way": "Short way"})
    assert [record["kind"] for record in progress.read(kept)] == ["check", "way"]


def test_what_another_kernel_wrote_meanwhile_is_left_when_a_disk_fills_up(kept, nearly_full, monkeypatch):
    kept.parent.mkdir()
    other = b'{"kind": "way", "lesson": "", "way": "Short way"}\n'

    def write(self, line):
        count = self._file.write(line[:10])
        with open(kept, "ab") as out:
            out.write(b"\n" + other)
        return count

    monkeypatch.setattr(_NearlyFull, "write", write)
    passed("qparams")
    assert [record["kind"] for record in progress.read(kept)] == ["way"]


def test_a_file_that_cannot_be_written_stops_no_check(kept, capsys):
    progress._say_once.cache_clear()
    kept.mkdir(parents=True)  # a folder of that name
    passed("qparams")
    assert "not kept in your progress" in capsys.readouterr().err


def test_the_same_verdict_again_adds_nothing(kept):
    for status in ("not yet", "not yet", "passed", "passed", "not yet"):
        passed("qparams", status=status)
    assert [record["status"] for record in lines(kept)] == ["not yet", "passed", "not yet"]


def test_two_processes_write_at_once_and_nothing_is_lost(kept):
    code = f"""
import sys
from pathlib import Path
from course_utils.exercises import progress
for n in range(60):
    progress.add(Path({str(kept)!r}), {{"kind": "check", "lesson": sys.argv[1], "exercise": str(n)}})
"""
    started = [subprocess.Popen([sys.executable, "-c", code, name], cwd=ROOT) for name in ("a", "b")]
    assert [process.wait() for process in started] == [0, 0]
    found = {(record["lesson"], record["exercise"]) for record in lines(kept)}
    assert len(found) == 120


def test_a_damaged_line_loses_itself_alone(kept):
    passed("qparams")
    with open(kept, "ab") as file:
        file.write(b'\xff\xfe\n[]\n{"kind": 3, "lesson": "x"}\n' + b"[" * 100_000 + b'\n{"kind": "check", "les')
    passed("quantize")
    assert [record["exercise"] for record in progress.read(kept)] == ["qparams", "quantize"]


def test_a_file_that_cannot_be_read_or_written_harms_no_check(kept, monkeypatch):
    kept.mkdir(parents=True)
    passed("qparams")
    assert progress.read(kept) == []
    monkeypatch.setattr(progress, "add", lambda *args: 1 / 0)
    passed("qparams")


# What is made of it


@pytest.fixture
def course(tmp_path):
    """Three lessons, two exercises each: the second needs the first, the third nothing."""
    text = '[[part]]\nname = "first"\ntitle = "First"\n[part.lessons]\na = "A"\nb = "B"\nc = "C"\n'
    text += '[[way]]\ntitle = "Short way"\nwishes = ["c"]\n'
    (tmp_path / "lessons").mkdir()
    (tmp_path / "lessons" / "course.toml").write_text(text, encoding="utf-8")
    for lesson in syllabus.lessons(tmp_path).values():
        lesson.source.parent.mkdir()
        needs = "[a]" if lesson.name == "b" else "[]"
        front = f"# ---\n# jupyter:\n#   course:\n#     promise: P.\n#     minutes: 40\n#     needs: {needs}\n# ---\n"
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


def test_what_passed_and_is_not_counted_any_more_is_shown_all_the_same(course, kept):
    source = syllabus.lessons(course)["a"].source
    source.write_text(source.read_text(encoding="utf-8") + "\n# ## Deeper\n\ndef time(x):\n    ...\n", encoding="utf-8")
    _progress.exercises_of.cache_clear()
    for exercise, status in {"size": "passed", "time": "passed", "gone": "passed", "gone_too": "not yet"}.items():
        passed(exercise, "a", status=status)
    found = standing(course)
    assert found.standings["a"].count == "1 of 1" and found.standings["a"].finished
    assert [exercise.title for exercise in found.standings["a"].also] == [
        "Exercise 2, Time (Deeper)",
        "gone (of an earlier version)",
    ]
    assert found.also.startswith("2 that are not counted") and standing(course).standings["b"].also == ()
    said = task.in_full(found.standings["a"])
    assert "✓ gone (of an earlier version): passed" in said and "gone_too" not in said


def test_next_is_the_first_lesson_on_the_way_whose_needs_are_finished(course, kept):
    assert standing(course).next.lesson.name == "a"
    for exercise in ("size", "time"):
        passed(exercise, "a")
    assert standing(course).next.lesson.name == "b" and standing(course).finished == 1
    progress.add(kept, {"kind": "way", "lesson": "", "way": "Short way"})
    assert standing(course).next.lesson.name == "c"
    for exercise in ("size", "time"):
        passed(exercise, "c")
    assert standing(course).next is None


def test_a_lesson_is_begun_by_a_try_or_a_prediction_and_not_by_running_its_cells(course, kept):
    passed("size", "a", status="not done yet")
    assert standing(course).begun == []
    passed("size", "a", status="not yet")
    progress.keep("prediction", "c", number=1, question="How?", prediction="so")
    assert {s.lesson.name for s in standing(course).begun} == {"a", "c"}


def test_a_reset_takes_away_what_stands_before_it_of_that_lesson_alone(course, kept):
    passed("size", "a")
    passed("size", "b")
    progress.add(kept, {"kind": "reset", "lesson": "a"})
    passed("time", "a")
    found = standing(course).standings
    assert [exercise.passed for exercise in found["a"].exercises] == [False, True] and found["b"].passed == 1


def test_every_exercise_of_a_core_is_counted_and_none_under_deeper():
    for lesson in lessons.select([]):
        cells = lessons.read_published(lesson.notebook).cells
        deeper = next((n for n, cell in enumerate(cells) if cell.source.startswith("## Deeper")), len(cells))
        cells = [cell for cell in cells[:deeper] if "check" in cell.metadata.get("tags", [])]
        called = [cell.source.rpartition("check.")[2].partition("(")[0] for cell in cells]
        assert sorted(called) == sorted(name for name, _ in _progress.exercises_of(lesson)), lesson.name


@pytest.fixture
def learner(kept, monkeypatch):
    """The task, on a workspace of this test's own."""
    monkeypatch.setattr(task, "WORKSPACE", kept.parent)
    return task


def test_the_task_prints_the_course_and_what_comes_next(learner, kept, capsys):
    passed("qparams")
    assert learner.main([]) == 0
    said = capsys.readouterr().out
    count = len(list(_progress.exercises_of(syllabus.lessons()["integers"])))
    assert "Quantization from scratch" in said and f"1 of {count}" in said and "Next: 1.1 " in said
    assert (kept.parent / "start.md").exists()


def test_the_task_prints_a_lesson_in_full(learner, kept, capsys):
    passed("qparams")
    passed("qparams", status="not yet")
    progress.keep("prediction", "integers", number=2, question="How\nmany?", prediction="two")
    progress.keep("again", "integers", number=2, question="How\nmany?", prediction="three")
    learner.main(["3.1"])
    said = capsys.readouterr().out
    assert "✓ Exercise 1, Scale and zero point: passed; the last check said: not yet" in said
    assert "- How many?\n      two\n      at the end: three" in said


def test_the_task_gives_the_same_as_json(learner, capsys):
    passed("qparams")
    learner.main(["--json", "integers"])
    facts = json.loads(capsys.readouterr().out)
    (lesson,) = facts["lessons"]
    assert facts["next"] == "measuring" and lesson["passed"] == 1 and lesson["exercises"][0]["passed"] is True


def test_a_way_is_chosen_by_a_part_of_its_title(learner, kept, capsys):
    assert learner.main(["--way", "evening"]) == 0 and "Your way, One evening: 0 of " in capsys.readouterr().out
    with pytest.raises(SystemExit, match="No way is called 'nowhere'. There are: One evening;"):
        learner.main(["--way", "nowhere"])
    with pytest.raises(SystemExit, match="No way is called ''"):
        learner.main(["--way", ""])


def numbers(said):
    """The numbers of the lessons in what the task printed."""
    return re.findall(r"^  [ ✓…] (\d\.\d+) ", said, re.MULTILINE)


def test_the_lessons_of_the_way_are_shown_with_what_was_begun_beside_it_and_the_others_when_asked_for(learner, capsys):
    every = list(syllabus.lessons().values())
    evening = [lesson.number for lesson in _course.ways()[0].lessons]
    assert learner.main(["--way", "evening"]) == 0
    said = capsys.readouterr().out
    assert numbers(said) == evening and "on your way" not in said
    assert f"The whole course: 0 of {len(every)} lessons finished" in said and "progress --all" in said
    progress.keep("prediction", "formats", number=1, question="How?", prediction="so")
    learner.main([])
    said = capsys.readouterr().out
    assert numbers(said) == sorted([*evening, "2.1"]) and said.count("on your way") == len(evening)
    learner.main(["--all"])
    said = capsys.readouterr().out
    assert numbers(said) == [lesson.number for lesson in every] and said.count("on your way") == len(evening)
