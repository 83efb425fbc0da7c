"""`course.py assignment`: what is handed out has no solution, no note and no output, and can be worked on."""

import ast
import re

import _names
import nbformat
import pytest

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
        assert assignment.main(["energy", "integers", "--blank", "--to", folder]) == 0
    other, file = tmp_path / "out ö" / "energy_blank.ipynb", tmp_path / "out ö" / "integers_blank.ipynb"
    assert str(file) in capsys.readouterr().out
    file.write_text("mine", encoding="utf-8")
    other.unlink()
    with pytest.raises(SystemExit, match="Nothing was written"):
        assignment.main(["energy", "integers", "--blank", "--to", folder])
    assert file.read_text(encoding="utf-8") == "mine" and not other.exists()
