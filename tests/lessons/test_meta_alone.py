"""The rules for a page that teaches alone see a planted fault each."""

import nbformat
import pytest
import rules
from _course import expect_none

text, code = nbformat.v4.new_markdown_cell, nbformat.v4.new_code_cell


def tagged(cell, *tags):
    cell.metadata["tags"] = list(tags)
    return cell


def lesson(**parts):
    given = {
        "question": "**Predict.** How many? **A** 12, **B** 40.",
        "open": "bill = count(net)",
        "folded": "# Draws the two parts.\nshow.parts(bill)",
        "page": "A cup of water helps.",
        "answer": "**It takes 37.5 of them (B).** Because it does.",
        "last": "",
        **parts,
    }
    cells = [
        text("# Title"),
        text(given["question"]),
        code(given["open"]),
        text(given["page"]),
        tagged(code(given["folded"]), "hide-input"),
        tagged(text(given["answer"]), "answer"),
        text(given["last"]),
        tagged(code('claims.show("energy")'), "scorecard"),
    ]
    return nbformat.v4.new_notebook(cells=cells)


PLANTED = [
    (rules.open_cells, {"open": "\n".join(["a = 1"] * 16)}, "16 open lines, at most 15"),
    (rules.open_cells, {"open": "card.record('x', 1)"}, "'card.' in an open cell"),
    (rules.open_cells, {"open": "plots.show(figure, alt='x')"}, "'plots.' in an open cell"),
    (rules.open_cells, {"folded": "show.parts(bill)"}, "begins with a comment"),
    (rules.questions_have_answers, {"last": "**Predict.** And then?"}, "cell 7: the question has no cell"),
    (rules.questions_have_answers, {"answer": "B. Because."}, "begins with its sentence"),
    (
        rules.questions_have_answers,
        {"answer": "**It is B.**\n\n### What next?"},
        "'### What next?' stands in an answer",
    ),
    (rules.answers_wait, {"page": "It will be 37.5 of them."}, "cell 4: 37.5 is said before the answer in cell 6"),
    (rules.answers_wait, {"open": "x = 1  # 37.5 of them"}, "cell 3: 37.5 is said before"),
    (rules.page_without_slides, {"answer": "**It takes 37.5 (B).** The next slide asks why."}, "cell 6: 'next slide'"),
]


@pytest.mark.parametrize(("rule", "fault", "said"), PLANTED, ids=[said for *_, said in PLANTED])
def test_a_planted_fault_is_seen(rule, fault, said):
    expect_none(rule(lesson()))
    found = rule(lesson(**fault))
    assert any(said in one for one in found), found


def test_a_number_that_the_question_offers_is_no_answer():
    expect_none(rules.answers_wait(lesson(page="Take 40 of them.", answer="**It takes 40 (B).**")))


def test_only_lessons_that_read_their_claims_at_the_scorecard_have_the_form():
    nb = lesson()
    assert rules.in_the_form(nb)
    nb.cells[-1].source = "card.show()"
    assert not rules.in_the_form(nb)
