"""`course.py assignment`: what is handed out has no solution, no note and no output, and can be worked on."""

import ast
import inspect
import re
import sys
from contextlib import nullcontext
from types import SimpleNamespace

import _names
import nbformat
import pytest
from _submissions import RIGHT, WRONG

from tools import assignment
from tools.grading import judge
from tools.publishing import lessons

LESSONS = lessons.select([])
KINDS = {
    "whole": lambda nb: assignment.whole(nb, checks=False),
    "with checks": lambda nb: assignment.whole(nb, checks=True),
    "blank": assignment.blank,
}


@pytest.fixture(scope="module", params=LESSONS, ids=lambda lesson: lesson.name)
def published(request):
    return request.param, lessons.read_published(request.param.notebook)


def test_every_lesson_can_be_handed_out(published):
    for kind in KINDS:
        handed_out(*published, kind)


def handed_out(lesson, nb, kind):
    """An assignment of one kind: what must be there is, and no more."""
    made = KINDS[kind](nb)
    nbformat.validate(made)
    text = "\n".join(cell.source for cell in made.cells)
    assert "_solution" not in text and "For the lecturer" not in text and ".ipynb)" not in text
    assert "What comes next" not in text
    assert not any(cell.get("outputs") for cell in made.cells)
    places = {cell.id for cell in made.cells if cell.id.startswith("predict-")}  # for predictions
    assert {cell.id for cell in made.cells} - places <= {cell.id for cell in nb.cells}
    assert all(f"def {name}(" in text for name in judge.exercises(lesson))
    assert made.metadata["course"]["name"] == lesson.name
    assert ("check below" in text) <= (kind == "with checks")
    called = [name for name in judge.exercises(lesson) if f"check.{name}({name})" in text]
    assert called == (list(judge.exercises(lesson)) if kind == "with checks" else [])
    known = set(_names.ALWAYS_THERE)
    for cell in made.cells if kind != "blank" else ():
        if cell.cell_type == "code":
            names = _names.names_of(cell.source)
            assert names.read <= known, "it runs from top to bottom"
            known |= names.bound


def test_a_blank_one_has_cards_and_stubs_alone(published):
    lesson, nb = published
    made = assignment.blank(nb)
    assert "<details>" not in str(made.cells) and made.cells[0].source.startswith("# ")
    assert "```" not in str(made.cells) and "Then try" not in str(made.cells)  # it has the lesson's variables
    for cell in made.cells[1:]:
        if cell.cell_type == "code":
            ast.parse(cell.source)
        else:  # a card, or how it goes on
            assert assignment.CARD.search(cell.source) or not re.search(r"^#", cell.source, re.M), cell.source
    assert len(assignment.CARD.findall("\n".join(cell.source for cell in made.cells))) == len(judge.exercises(lesson))


def test_what_is_there_and_other_is_not_overwritten(tmp_path, capsys):
    folder = str(tmp_path / "out ö")
    for _ in range(2):  # the same once more is no harm
        assert assignment.main(["integers", "--blank", "--otter", "--to", folder]) == 0
    file = tmp_path / "out ö" / "integers_blank.ipynb"
    test = tmp_path / "out ö" / "otter" / "integers" / "tests" / "save_int8.py"
    assert str(file) in capsys.readouterr().out and "checks.save_int8" in test.read_text(encoding="utf-8")
    ast.parse(test.read_text(encoding="utf-8"))
    file.write_text("mine", encoding="utf-8")
    test.unlink()
    with pytest.raises(SystemExit, match="Nothing was written"):
        assignment.main(["integers", "--blank", "--otter", "--to", folder])
    assert file.read_text(encoding="utf-8") == "mine" and not test.exists()


class _TestCase:
    """What otter-grader 7 documents of `otter.test_files.test_case`: it is called with the function, and keeps it."""

    def __init__(self, name=None, points=None, hidden=False, success_message=None, failure_message=None):
        self.points = points

    def __call__(self, function):
        self.function = function
        return self

    def call(self, env):
        return self.function(**{name: env if name == "env" else env.get(name) for name in self.parameters()})

    def parameters(self):
        return inspect.signature(self.function).parameters


def test_a_test_for_otter_is_of_its_form_and_fails_with_the_hint(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "otter", SimpleNamespace())
    monkeypatch.setitem(sys.modules, "otter.test_files", SimpleNamespace(test_case=_TestCase))
    assert assignment.main(["weight_only", "--blank", "--otter", "--to", str(tmp_path)]) == 0
    files = sorted((tmp_path / "otter" / "weight_only" / "tests").iterdir())
    assert [file.stem for file in files] == sorted(judge.exercises(lessons.select(["weight_only"])[0]))
    space = {}
    exec(
        compile(files[0].read_text(encoding="utf-8"), str(files[0]), "exec"), space
    )  # as otter does: no module, no __file__
    assert (space["OK_FORMAT"], space["name"], space["points"]) == (False, files[0].stem, 1)
    [case] = [value for value in space.values() if isinstance(value, _TestCase)]
    for answer, said in ((RIGHT, None), (WRONG, "step comes first")):
        env = {}
        exec(answer, env)
        with pytest.raises(AssertionError, match=said) if said else nullcontext():
            case.call(env)
