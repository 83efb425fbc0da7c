"""The engine under the checks: the smallest counterexample, the nearest mistake, and never an exception."""

import math
import random
import sys
from fractions import Fraction

import pytest
from _steps import fact, right, step_of
from hypothesis import strategies as st

from course_utils.exercises import core, search
from course_utils.exercises.core import Mistake, Verdict, check
from course_utils.exercises.inputs import numbers
from course_utils.exercises.search import compare


@pytest.mark.parametrize(
    "answer",
    [
        right,
        lambda v, n: right(v, n).numpy(),
        lambda v, n: Fraction(float(v.max() - v.min())) / n,
        lambda v, n: [x for x in [right(v, n)]][0].reshape(1),
    ],
)
def test_right_answers_in_any_type_of_number_pass(answer):
    assert step_of(answer).status == "passed"


def test_the_smallest_input_that_fails_is_shown_whole():
    verdict = step_of(lambda values, steps: (values.max() - values.min()) / (steps + 1))
    assert verdict.status == "not yet"
    assert fact(verdict, "your call") == "values=tensor([0.0, 0.125]), steps=1"
    assert fact(verdict, "returned") == "tensor(0.0625)" and fact(verdict, "expected") == "0.125"
    assert fact(verdict, "right on") is None, "it was right on ranges of 0 only, which tells nothing"


def test_a_known_mistake_is_named_and_shown_where_it_shows():
    verdict = step_of(lambda values, steps: values.max() - values.min())
    assert verdict.hint == "You do not divide by the steps."
    assert fact(verdict, "your call") == "values=tensor([0.0, 0.125]), steps=2"


@pytest.mark.parametrize(
    ("answer", "message", "hint"),
    [
        (lambda v, n: None, "returned None", "reached no return statement"),
        (lambda v, n: f"{v}", "result is wrong", "Your result is a text; expected is one number."),
        (lambda v, n: right(v.add_(1), n), "changed its input", "Work on a copy"),
        (lambda v: 1, "TypeError", "with 2 arguments: values, steps. Your function does not take that many."),
        (lambda v, n: 1 / 0, "ZeroDivisionError", "Call it yourself"),
        (lambda v, n: sys.exit(), "SystemExit", "Call it yourself"),
        (3, "got 3", "step_of is an int now, not a function: define it again with def"),
        (lambda v, n: math.nan, "result is wrong", "Your function returns nan, whatever your function is given."),
        (lambda v, n: right(v, n) + random.random(), "result is wrong", "by hand"),
    ],
)
def test_wrong_answers_are_explained(answer, message, hint):
    verdict = step_of(answer)
    assert verdict.status == "not yet"
    assert message in verdict.message and hint in verdict.hint
    assert "Traceback" not in repr(verdict)


def test_the_stub_is_not_done_yet():
    def stub(values, steps):
        raise NotImplementedError

    verdict = step_of(stub)
    assert verdict.status == "not done yet" and repr(verdict).startswith("○ Not done yet: 7.7 Range")


def test_an_answer_that_is_right_at_first_only_is_found():
    calls = []

    def tired(values, steps):
        calls.append(1)
        return right(values, steps) if len(calls) <= 1 + search.INPUTS else 0.1

    verdict = step_of(tired)
    assert "does not always return the same" in verdict.message
    assert fact(verdict, "later") == "0.1"


def test_a_judge_that_raises_is_said_to_be_at_fault():
    @check("7.8 Broken")
    def broken(answer):
        raise KeyError("lost")

    verdict = broken(right)
    assert verdict.status == core.BROKEN and "fault of the course" in verdict.hint and "KeyError" in verdict.message


def test_an_answer_that_loses_digits_is_noticed_and_shown_on_a_short_number():
    @check("7.19 Twice")
    def twice(answer):
        compare(answer, right=lambda x: 2 * x, wrong={}, edges=[(1.0,)], inputs=st.tuples(numbers(0, 1)), names=("x",))

    verdict = twice(lambda x: 2 * round(x, 2))
    assert verdict.status == "not yet" and len(fact(verdict, "your call")) <= len("x=0.0000125")


def test_a_verdict_escapes_what_the_learner_returned():
    verdict = Verdict("x", "not yet", "<b>", "<i>", (("returned", "<u>"),))
    assert not any(tag in verdict._repr_html_() for tag in ("<b><", "<i>", "<u>"))


def test_why_it_works_is_said_when_it_has_passed_and_not_before():
    @check("Half", why="A half is what is left of <one> when half is gone.")
    def half(answer):
        if answer(3) != 1.5:
            raise Mistake("Not a half.", "Divide by 2.")

    passed, not_yet = half(lambda n: n / 2), half(lambda n: n // 2)
    assert repr(passed) == "✓ Passed: Half.\nA half is what is left of <one> when half is gone."
    assert "<div>A half is what is left of &lt;one&gt; when half is gone.</div>" in passed._repr_html_()
    assert "what is left" not in repr(not_yet) + not_yet._repr_html_()
