"""A new lesson: a skeleton that runs and keeps the rules, one line in course.toml, and nothing where it was refused."""

import importlib
import shutil
import subprocess
import sys

import _course
import pytest
import rules
from _course import expect_none
from test_lessons_static import RULES, UNIT_RULES

import lessons
from course_utils import syllabus
from course_utils.files import ROOT
from course_utils.scorecard import claims
from tools import new
from tools.publishing import lessons as _lessons


@pytest.fixture
def root(tmp_path):
    """A folder with the course's list of lessons, and none of the lessons."""
    (tmp_path / "lessons").mkdir()
    shutil.copy(ROOT / "lessons" / "course.toml", tmp_path / "lessons")
    return tmp_path


@pytest.fixture
def lesson(root, monkeypatch):
    """A lesson that was just made, whose checks and answers can be imported."""
    made = new.make("sparse_attention", "Sparse attention", part="pruning", root=root)
    monkeypatch.setattr(lessons, "__path__", [*lessons.__path__, str(root / "lessons")])
    importlib.invalidate_caches()
    return made


def everything(root):
    """All files below a folder with what is in them."""
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_the_lesson_comes_last_in_its_part_and_the_rest_of_the_list_stays(root):
    before = (root / "lessons" / "course.toml").read_bytes()
    numbers = {name: known.number for name, known in syllabus.lessons(root).items()}
    made = new.make("sparse_attention", 'Sparse attention, "hard" and soft: ½', part="pruning", root=root)
    after = (root / "lessons" / "course.toml").read_bytes()
    line = 'sparse_attention = "Sparse attention, \\"hard\\" and soft: ½"\n'.encode()
    assert after.count(line) == 1 and after.replace(line, b"") == before
    assert made.title == 'Sparse attention, "hard" and soft: ½' and made.part == "pruning"
    assert {name: known.number for name, known in syllabus.lessons(root).items() if name != made.name} == numbers
    assert made.nth == max(known.nth for known in syllabus.lessons(root).values() if known.part == "pruning")
    assert {path.name for path in made.source.parent.iterdir()} == set(new.FILES)


@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_a_part_without_lessons_and_a_file_without_a_last_line_end(root, ends):
    parts = [["[[part]]", f'name = "{part}"', 'title = "A part"', "[part.lessons]"] for part in ("first", "second")]
    (root / "lessons" / "course.toml").write_bytes(ends.join([*parts[0], "", *parts[1]]).encode())
    syllabus.lessons.cache_clear()
    new.make("one", "One", part="first", root=root)
    new.make("two", "Two", part="second", root=root)
    new.make("three", "Three", part="second", root=root)
    assert [known.number for known in syllabus.lessons(root).values()] == ["1.1", "2.1", "2.2"]
    text = (root / "lessons" / "course.toml").read_bytes().decode()
    assert text.count("\n") == text.count(ends) and text.endswith(f'two = "Two"{ends}three = "Three"{ends}')


@pytest.mark.parametrize("there", ["", 'one = "One"\n'], ids=["empty", "one lesson"])
def test_the_line_comes_before_a_comment_at_the_end_of_its_part(root, there):
    parts = [f'[[part]]\nname = "{part}"\ntitle = "A part"\n[part.lessons]\n' for part in ("first", "second")]
    before, behind = parts[0] + there, "\n# the second part\n" + parts[1]
    (root / "lessons" / "course.toml").write_text(before + behind, encoding="utf-8")
    syllabus.lessons.cache_clear()
    new.make("two", "Two", part="first", root=root)
    made = (root / "lessons" / "course.toml").read_text(encoding="utf-8")
    assert made == before + 'two = "Two"\n' + behind


def test_a_list_that_is_laid_out_otherwise_is_left_alone(root):
    course = '[[part]]\nname = "first"\ntitle = "First"\nlessons = { one = "One" }\n'
    (root / "lessons" / "course.toml").write_text(course, encoding="utf-8")
    before = everything(root)
    with pytest.raises(SystemExit, match='add the line yourself: two = "Two"'):
        new.make("two", "Two", part="first", root=root)
    assert everything(root) == before


@pytest.mark.parametrize(
    ("name", "title", "part", "said"),
    [
        ("Sparse", "Sparse", "pruning", "'Sparse' cannot be the name of a lesson"),
        ("sparse-attention", "Sparse", "pruning", "small letters, digits and _"),
        ("2to4", "Sparse", "pruning", "a letter first"),
        ("", "Sparse", "pruning", "cannot be the name"),
        ("../outside", "Sparse", "pruning", "cannot be the name"),
        ("lambda", "Sparse", "pruning", "cannot be the name"),
        ("goals", "Sparse", "pruning", "no word that already means something"),
        ("dynamic", "Sparse", "pruning", "'dynamic' is taken: a lesson of the part quantization has it"),
        ("lying_there", "Sparse", "pruning", "the folder lessons/lying_there is there"),
        ("sparse", "Sparse", "prunning", "There is no part 'prunning'. Did you mean pruning?"),
        ("sparse", "Sparse", "x", "There are: measuring, training"),
        ("sparse", " ", "pruning", "cannot be a title"),
        ("sparse", "two\nlines", "pruning", "expected one line"),
        ("sparse", "a | b", "pruning", 'without "|"'),
    ],
)
def test_what_cannot_be_made_is_said_in_words_and_leaves_nothing(root, name, title, part, said):
    (root / "lessons" / "lying_there").mkdir()
    before, folders = everything(root), sorted(root.rglob("*"))
    with pytest.raises(SystemExit) as refused:
        new.make(name, title, part=part, root=root)
    assert said in str(refused.value)
    assert everything(root) == before and sorted(root.rglob("*")) == folders


@pytest.mark.parametrize("failing", ["checks.py", "course.toml"])
def test_a_failure_on_the_way_leaves_nothing_half_written(root, monkeypatch, failing):
    write = new.write_whole

    def fail(path, text):
        if path.name == failing:
            raise OSError("the disk is full")
        write(path, text)

    before = everything(root)
    monkeypatch.setattr(new, "write_whole", fail)
    with pytest.raises(OSError, match="the disk is full"):
        new.make("sparse", "Sparse", part="pruning", root=root)
    assert everything(root) == before and [path.name for path in (root / "lessons").iterdir()] == ["course.toml"]


def test_the_skeleton_keeps_the_rules_of_a_lesson(lesson):
    nb = _lessons.read(lesson)
    expect_none([fault for rule in (*RULES, *UNIT_RULES) for fault in rule(nb)])
    expect_none(rules.front_matter(nb, known=list(syllabus.lessons(lesson.root))))
    asked = claims.read(lesson.name, lesson.root)
    expect_none(rules.claim_records(nb, asked, [(claim.id, claim.value) for claim in asked.values()]))
    assert nb.cells[0].source.startswith(f"# {lesson.number} · Sparse attention")
    assert not any(new.PLACEHOLDER in text for text in map(str, everything(lesson.source.parent).values()))


@pytest.mark.parametrize(
    "words",
    [["format", "--check"], ["check", "--extend-per-file-ignores", "lesson.py:E402"]],  # as pyproject.toml has it
    ids=lambda words: words[0],
)
def test_the_skeleton_has_the_style_of_the_course(lesson, words):
    command = [sys.executable, "-m", "ruff", *words, "--no-cache", "--config", str(ROOT / "pyproject.toml")]
    done = subprocess.run([*command, str(lesson.source.parent)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_skeleton_runs_to_its_scorecard(lesson, monkeypatch, capsys):
    monkeypatch.setenv("COURSE_STRICT", "1")
    card, space = claims.Scorecard(lesson.name, lesson.root), {"__name__": "lesson"}
    monkeypatch.setattr(claims, "show", lambda name: (card.take(space), card.show()))
    for number, cell in rules.numbered(_lessons.read(lesson), kind="code"):
        exec(compile(cell.source, f"cell {number}", "exec"), space)
    assert "✓ holds" in capsys.readouterr().out


def test_the_exercise_of_the_skeleton_is_judged(lesson):
    answers, checks = _course.answers(lesson), importlib.import_module(f"lessons.{lesson.name}.checks")
    assert checks.whole_bytes(answers.ODD["whole_bytes"][0]).status == "passed"
    told = checks.whole_bytes(lambda n_numbers, bits: n_numbers * bits // 8)
    assert told.status == "not yet" and "need a byte as well" in told.hint


def test_places_that_are_left_to_the_author_are_found_in_every_file(lesson):
    found = new.left_to_write(lesson)
    assert {place.rsplit(":", 1)[0] for place in found} == {f"lessons/{lesson.name}/{file}" for file in new.FILES}


@pytest.mark.parametrize("known", _course.LESSONS, ids=_course.IDS)
def test_no_lesson_still_has_words_of_the_skeleton(known):
    expect_none(new.left_to_write(known))


def test_the_task_says_what_was_made_and_what_is_left(root, monkeypatch, capsys):
    make = new.make
    monkeypatch.setattr(new, "make", lambda *args, **names: make(*args, **names, root=root))
    assert new.main(["sparse_attention", "Sparse attention", "--part", "pruning"]) == 0
    out = capsys.readouterr().out
    assert "lessons/sparse_attention/ with lesson.py, show.py, checks.py, claims.toml, answers.py" in out
    for word in ("promise", "goals", "terms", "labelled lines", "glossary.md", "course.py build sparse_attention"):
        assert word in out
