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


text = nbformat.v4.new_markdown_cell


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
        (version,) = re.findall(r'progress\.Predictions\("\w+", "(\w+)"\)', "\n".join(sources(nb)))
        assert "](../start.md)" in nb.cells[-1].source
        assert progress.Predictions(one.name, version)._questions, "the texts are found again in the kernel"


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
