"""A new lesson: a small skeleton that is green as it is, one line in course.toml, and nothing where it was refused."""

import importlib
import os
import shutil

import pytest
import rules
from _course import expect_none
from test_lessons_static import RULES

import lessons
from course_utils.files import ROOT
from tools import build, new
from tools.environment import curriculum
from tools.publishing import lessons as _lessons
from tools.publishing import staleness


@pytest.fixture
def root(tmp_path):
    """A folder with the course's list of lessons, and none of the lessons."""
    (tmp_path / "lessons").mkdir()
    for name in ("course.toml", "__init__.py"):
        shutil.copy(ROOT / "lessons" / name, tmp_path / "lessons")
    return tmp_path


def everything(root):
    """All files below a folder with what is in them."""
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_the_lesson_comes_last_in_its_part_and_the_rest_of_the_list_stays(root):
    before = (root / "lessons" / "course.toml").read_bytes()
    made = new.make("sparse_attention", 'Sparse attention, "hard" and soft: ½', part="pruning", root=root)
    after = (root / "lessons" / "course.toml").read_bytes()
    line = 'sparse_attention = "Sparse attention, \\"hard\\" and soft: ½"\n'.encode()
    assert after.count(line) == 1 and after.replace(line, b"") == before
    assert made.nth == max(known.nth for known in curriculum.lessons(root).values() if known.part == "pruning")
    assert {path.name for path in made.source.parent.iterdir()} == {"lesson.py", "tasks.py"}


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
    before = everything(root)
    with pytest.raises(SystemExit) as refused:
        new.make(name, title, part=part, root=root)
    assert said in str(refused.value) and everything(root) == before


@pytest.mark.slow
@pytest.mark.parametrize("left", [True, False], ids=["TO WRITE left", "TO WRITE removed"])
def test_the_skeleton_is_green_after_its_build(root, monkeypatch, left):
    made = new.make("sparse_attention", "Sparse attention", part="pruning", root=root)
    if not left:
        made.source.write_text(made.source.read_text().replace("TO WRITE", ""))
    inherited = build.environment()
    path = os.pathsep.join([str(root), str(ROOT)])
    monkeypatch.setattr(build, "environment", lambda: inherited | {"PYTHONPATH": path})
    build.build(made)
    assert staleness.faults(made) == []
    nb, published = _lessons.read(made), _lessons.read_published(made.notebook)
    expect_none([fault for rule in RULES for fault in rule(nb)] + rules.outputs(published))
    expect_none(rules.front_matter(nb, known=list(curriculum.lessons(root))))
    monkeypatch.setattr(lessons, "__path__", [*lessons.__path__, str(root / "lessons")])
    tasks = importlib.import_module("lessons.sparse_attention.tasks").page.tasks
    expect_none([fault for task in tasks.values() for fault in task.faults()])
