"""`course.py assignment`: what is handed out has no solution and no output, and runs from top to bottom."""

import _names
import nbformat
import pytest

from tools import assignment
from tools.grading import submission
from tools.publishing import lessons


@pytest.mark.parametrize("lesson", lessons.select([]), ids=lambda lesson: lesson.name)
def test_a_lesson_is_handed_out(lesson):
    for with_checks in (False, True):
        made = assignment.handed_out(lesson, with_checks)
        nbformat.validate(made)
        text = "\n".join(cell.source for cell in made.cells)
        assert "_solution" not in text and ".ipynb)" not in text and made.metadata["course"]["name"] == lesson.name
        assert not any(cell.get("outputs") for cell in made.cells)
        code, known = [cell.source for cell in made.cells if cell.cell_type == "code"], set(_names.ALWAYS_THERE)
        for _, call, _ in submission.published(lesson).exercises:
            assert sum(call in source for source in code) == 1, "the grader finds where the answer stands"
            assert (call in [source.splitlines()[-1] for source in code]) == with_checks
        for source in code:
            names = _names.names_of(source)
            assert names.read <= known, "it runs from top to bottom"
            known |= names.bound


def test_several_lessons_in_one_notebook_and_for_colab(tmp_path, capsys):
    words = ["energy", "integers", "--one", "Week 3!", "--colab", "--to", str(tmp_path)]
    assert assignment.main(words) == 0 and assignment.main(words) == 0, "the same once more is no harm"
    assert capsys.readouterr().out.split("\n")[0] == str(tmp_path / "Week_3.ipynb")
    made = nbformat.read(tmp_path / "Week_3.ipynb", 4)
    nbformat.validate(made)
    assert "Colab" in made.cells[0].source and made.cells[1].source == "# Week 3!"
    assert {cell.metadata["course"]["lesson"] for cell in made.cells[2:]} == {"energy", "integers"}
    (tmp_path / "Week_3.ipynb").write_text("mine", encoding="utf-8")
    with pytest.raises(SystemExit, match="Nothing was written"):
        assignment.main(words)
