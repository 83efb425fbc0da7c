"""A new lesson: a skeleton that runs and keeps the rules, one line in course.toml, and nothing where it was refused."""

import importlib
import shutil

import pytest
import rules
from _course import expect_none
from test_lessons_static import RULES

import lessons
from course_utils import claims
from course_utils.files import ROOT
from tools import new
from tools.environment import curriculum
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


def test_help_lists_the_parts(capsys):
    with pytest.raises(SystemExit):
        new.main(["--help"])
    assert "measuring, training, quantization, pruning" in " ".join(capsys.readouterr().out.split())


def test_the_lesson_comes_last_in_its_part_and_the_rest_of_the_list_stays(root):
    before = (root / "lessons" / "course.toml").read_bytes()
    numbers = {name: known.number for name, known in curriculum.lessons(root).items()}
    made = new.make("sparse_attention", 'Sparse attention, "hard" and soft: ½', part="pruning", root=root)
    after = (root / "lessons" / "course.toml").read_bytes()
    line = 'sparse_attention = "Sparse attention, \\"hard\\" and soft: ½"\n'.encode()
    assert after.count(line) == 1 and after.replace(line, b"") == before
    assert made.title == 'Sparse attention, "hard" and soft: ½' and made.part == "pruning"
    assert {name: known.number for name, known in curriculum.lessons(root).items() if name != made.name} == numbers
    assert made.nth == max(known.nth for known in curriculum.lessons(root).values() if known.part == "pruning")
    assert {path.name for path in made.source.parent.iterdir()} == set(new.FILES)


@pytest.mark.parametrize(
    ("name", "title", "part", "said"),
    [
        ("Sparse", "Sparse", "pruning", "'Sparse' cannot be the name of a lesson"),
        ("../outside", "Sparse", "pruning", "cannot be the name"),
        ("dynamic", "Sparse", "pruning", "'dynamic' is taken: a lesson of the part quantization has it"),
        ("lying_there", "Sparse", "pruning", "the folder lessons/lying_there is there"),
        ("sparse", "Sparse", "prunning", "There is no part 'prunning'. Did you mean pruning?"),
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


def test_the_skeleton_keeps_the_rules_of_a_lesson(lesson):
    nb = _lessons.read(lesson)
    expect_none([fault for rule in RULES for fault in rule(nb)] + rules.sizes(lesson))
    expect_none(rules.front_matter(nb, known=list(curriculum.lessons(lesson.root))))
    assert all(new.TO_WRITE in lesson.source.with_name(file).read_text(encoding="utf-8") for file in new.FILES)
    assert nb.cells[0].source.startswith(f"# {lesson.number} · Sparse attention")
    assert not any(new.PLACEHOLDER in text for text in map(str, everything(lesson.source.parent).values()))


def test_the_skeleton_runs_to_its_scorecard(lesson, monkeypatch, capsys):
    monkeypatch.setenv("COURSE_STRICT", "1")
    card, space = claims.Scorecard(lesson.name, lesson.root), {"__name__": "lesson"}
    monkeypatch.setattr(claims, "show", lambda name: (card.take(space), card.show()))
    for number, cell in rules.numbered(_lessons.read(lesson), kind="code"):
        exec(compile(cell.source, f"cell {number}", "exec"), space)
    assert "✓ holds" in capsys.readouterr().out
