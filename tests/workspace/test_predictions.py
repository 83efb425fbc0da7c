"""Predictions: where the learner's copy asks for them, when they come back, and what is kept of them."""

import ast
import json
import re

import nbformat
import pytest
from _course import make_root

from course_utils import progress
from tools.publishing import execute, lessons
from tools.workspace import workspace

ASKED = "## 1. One\n\n**Predict.** It is so. How many? **A** 1, **B** 2."


def code(source, *tags):
    return nbformat.v4.new_code_cell(source, metadata={"tags": list(tags)})


def text(source, *tags):
    return nbformat.v4.new_markdown_cell(source, metadata={"tags": list(tags)})


def notebook(*cells):
    return nbformat.v4.new_notebook(cells=list(cells), metadata={"course": {"name": "integers"}})


def lesson():
    return notebook(
        text("# Title"),
        code("import math\n\nmath.pi", "setup"),
        text(ASKED),
        code("def f():\n    return 2"),
        code("f()"),
        text('<details class="course-compare">\n<summary>Compare</summary>\n\n**Two (B).** So it is.'),
        text("**What you saw.** 2.\n\n**Predict.** And now?"),
        code("3"),
        text('<details class="course-compare">\n<summary>Compare</summary>\n\n**Three, because $a > b$.**'),
        text("**Predict.** Why?"),
        text("**Answer.** So."),
        text("## Scorecard"),
        code("card.show()", "scorecard"),
    )


def sources(nb, kind="code"):
    return [cell.source for cell in nb.cells if cell.cell_type == kind]


# The copy


def test_each_question_has_a_line_in_the_cell_below_or_above_an_answer_in_words_a_cell_of_its_own():
    nb = workspace.for_learner(lesson())
    setup, first, second, third, in_words, card = sources(nb)
    assert in_words == 'predict(3, "")  # your prediction'
    assert nb.cells[[cell.source for cell in nb.cells].index(in_words) + 1].source == "**Answer.** So."
    assert setup.startswith("import math\nfrom course_utils import progress\n\npredict = progress.Predictions(")
    assert setup.endswith("\n\nmath.pi")
    assert re.fullmatch(r'predict\(1, ""\)  # your prediction: .*\n\n\ndef f\(\):\n    return 2', first)
    assert second == "f()" and third == 'predict(2, "")  # your prediction\n\n3'
    assert card.startswith('predict.again("")  # ') and card.endswith("\ncard.show()")
    assert "once more.** How many? **A** 1, **B** 2. Write" in sources(nb, "markdown")[-1]


def test_every_lesson_gets_its_lines_and_every_cell_still_parses():
    for one in lessons.select([]):
        published = lessons.read_published(one.notebook)
        nb, found = workspace.for_learner(published), progress.questions(published.cells)
        assert found, one.name
        calls = [n for source in sources(nb) for n in re.findall(r"^predict\((\d+), \"\"\)", source, re.M)]
        assert calls == [str(question.number) for question in found], one.name
        assert sum("predict.again" in source for source in sources(nb)) == 1
        for source in sources(nb):
            ast.parse(source)
        folded = [cell.source for cell in nb.cells if lessons.COLLAPSED in cell.metadata]
        assert folded == ["## Deeper"] * any(cell.source.startswith("## Deeper") for cell in nb.cells), one.name
        assert nb.cells[-1].source.startswith("## "), "else the fold takes the way to the next lesson with it"
        (version,) = re.findall(r'progress\.Predictions\("\w+", "(\w+)"\)', "\n".join(sources(nb)))
        assert progress.version(progress.questions(workspace._bare(published).cells)) == version
        assert progress.Predictions(one.name, version)._questions, "the texts are found again in the kernel"


# What the call does


@pytest.fixture
def predict(tmp_path, monkeypatch):
    """`predict` in a lesson whose published notebook is `lesson()`; what it shows is collected."""
    monkeypatch.setenv("COURSE_PROGRESS", str(tmp_path / progress.NAME))
    (known,) = make_root(tmp_path, integers="")
    lessons.write(lesson(), known.notebook)
    monkeypatch.setattr(progress, "ROOT", tmp_path)
    made = progress.Predictions("integers", progress.version(progress.questions(lesson().cells)))
    made.shown = []
    monkeypatch.setattr(made, "_show", lambda key, what, cells: made.shown.append((str(what), what.right, cells)))
    made.kept = lambda: progress.read(tmp_path / progress.NAME)
    return made


@pytest.mark.parametrize(
    ("given", "said", "right"),
    [
        ("B", "✓ You predicted B, and that is right.", True),
        ("(b)", "✓ You predicted B, and that is right.", True),
        ("A", "✗ You predicted A. It is B: the answer below says why.", False),
        ("twice as many", "You predicted: twice as many", None),
    ],
)
def test_a_prediction_is_kept_and_judged_under_the_result(predict, given, said, right):
    assert predict(1, given) is None
    assert predict.shown == [(said, right, 2)]  # under the second cell, which holds the result
    (record,) = predict.kept()
    assert record["question"] == "It is so. How many? **A** 1, **B** 2." and record["prediction"] == given


def test_an_answer_without_a_choice_judges_nothing(predict):
    predict(2, "A")
    assert predict.shown == [("You predicted: A", None, 1)]


@pytest.mark.parametrize("empty", ["", "  \n", None])
def test_an_empty_one_is_not_kept_and_a_line_says_so_until_there_was_one(predict, empty):
    predict(1, empty)
    assert predict.kept() == [] and [said[:18] for said, *_ in predict.shown] == ["No prediction yet."]
    predict(1, "B")
    predict(1, "")
    assert len(predict.shown) == 2


class Unspeakable:
    def __str__(self):
        raise RuntimeError


@pytest.mark.parametrize(
    ("number", "value"), [(99, 8), ("B", "say \"B\"\nor 'C'"), (None, "\ud800"), ([1], Unspeakable())]
)
def test_whatever_is_handed_in_nothing_is_raised(predict, number, value):
    predict(number, value)
    predict.again(value)


def test_the_end_shows_the_first_question_and_the_other_predictions(predict):
    predict.again("")
    assert predict.shown == []  # nothing was predicted
    predict(1, "B")
    predict(1, "C")
    predict(2, "x * y | z")
    predict.again("A")
    said = predict.shown[-1][0].splitlines()
    assert said[0] == "The first question, once more. How many? A 1, B 2."
    assert said[1:4] == ["- at the beginning: B", "- now: A", "- the page: Two (B)."]
    assert said[-2:] == ["- And now? → x * y | z", "  The page: Three, because $a > b$."]
    assert predict.kept()[-1]["kind"] == "again"


def test_the_words_of_a_learner_are_no_html(predict):
    assert "&lt;b&gt;" in progress.Said(("<b>",))._repr_html_()


@pytest.mark.slow
def test_in_a_kernel_it_stands_under_the_last_cell_of_the_answer(tmp_path):
    made = "predict = Predictions('integers', 'none'); predict._questions = {1: Question(1, 'How?', 0, 2)}"
    nb = notebook(
        code(f"from course_utils.progress import Predictions, Question\n{made}"),
        code('predict(1, "B")\nx = 1'),
        code("print('result')"),
        code("print('more')"),
        code('predict.again("A")\nprint("card")'),
    )
    env = {"COURSE_PROGRESS": str(tmp_path / "kept")}
    outputs = [json.dumps(cell.outputs) for cell in execute.execute(nb, folder=tmp_path, env=env).cells]
    assert outputs[:2] == ["[]", "[]"] and outputs[3].count("output_type") == 1
    assert outputs[2].index("result") < outputs[2].index("You predicted: B")
    assert outputs[4].index("card") < outputs[4].index("at the beginning: B")


# Folded code


def folded():
    return notebook(
        code("import math", "setup"),
        text(ASKED),
        code("draw()\n'40 and 41'", "hide-input"),
        text("**What you saw.** 41."),
        code("card.show()", "scorecard"),
    )


def test_code_that_is_folded_stays_so_and_the_prediction_has_a_cell_above():
    nb = workspace.for_learner(folded())
    _, mine, drawn, _ = [cell for cell in nb.cells if cell.cell_type == "code"]
    assert mine.source.startswith('predict(1, "")') and mine.id == "predict-1"
    assert drawn.source == "draw()\n'40 and 41'" and drawn.metadata["jupyter"]["source_hidden"]
    assert not mine.metadata.get("jupyter")
    nbformat.validate(nb)
