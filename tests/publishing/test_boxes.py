"""Questions, answers and what to remember stand in boxes on the page, and come out of them for the site."""

import pytest

from course_utils import progress
from tools.publishing import boxes

ASKED = "## 2. Bytes\n\nA model.\n\n**Predict.** How many, and why?\n\n- one\n- two"
REMEMBER = "## Remember\n\n- One.\n- Two,\n  of two lines.\n\n**Going further**\n\n- A book."


def test_an_answer_is_closed_and_says_what_it_is():
    shown = boxes.put("**It is three.** Because.\n\n| a |\n|---|\n| 1 |", ["answer", "lecture"])
    assert shown.startswith("<details") and "open" not in shown.split(">")[0]
    assert "<summary>Compare with your prediction</summary>\n\n**It is three.**" in shown


@pytest.mark.parametrize(("source", "tags"), [(ASKED, ()), (ASKED, ("answer",)), (REMEMBER, ()), ("plain\n\ntext", ())])
def test_the_boxes_come_off_again(source, tags):
    assert boxes.take_off(boxes.put(source, tags)) == source


def test_a_question_is_the_same_with_and_without_its_box():
    def asked(source):
        cells = [{"cell_type": "markdown", "source": source}, {"cell_type": "code", "source": "1"}]
        return progress.version(progress.questions(cells)), progress.questions(cells)[0].text

    assert asked(ASKED) == asked(boxes.put(ASKED))
