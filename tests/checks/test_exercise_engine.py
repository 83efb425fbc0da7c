"""The engine under the checks: the smallest counterexample, what is wrong with it, and never an exception."""

import math
import sys
from fractions import Fraction

import pytest
from _inputs import numbers
from _steps import fact, right, step_of
from hypothesis import strategies as st

from course_utils.checks import core, exercise
from course_utils.checks.core import Verdict


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


def test_an_input_that_fails_is_shown_whole():
    verdict = step_of(lambda values, steps: (values.max() - values.min()) / (steps + 1))
    assert verdict.status == "not yet"
    assert fact(verdict, "your call") == "values=tensor([1.0, 5.0]), steps=2"
    assert fact(verdict, "returned") == "tensor(1.3333334)" and fact(verdict, "expected") == "2.0"


def test_an_idea_is_told_and_shown_where_it_shows():
    verdict = step_of(lambda values, steps: (values.abs().max() - values.abs().min()) / steps)
    assert verdict.hint == "You take magnitudes." and "-" in fact(verdict, "your call")


@pytest.mark.parametrize(
    ("answer", "message", "hint"),
    [
        (lambda v, n: None, "returned None", "You do not use `v`."),
        (lambda v, n: (v, n) and None, "returned None", "reached no return statement"),
        (lambda v, n: f"{v}", "Your result is a text; expected is one number.", ""),
        (lambda v, n: right(v.add_(1), n), "changed its input", "Work on a copy"),
        (lambda v: 1, "TypeError", "`step_of` takes values and steps; yours takes 1: (v)."),
        (lambda v, n: 1 / 0, "ZeroDivisionError", "Call it yourself"),
        (lambda v, n: sys.exit(), "SystemExit", "Call it yourself"),
        (lambda v, n: not_run_yet(v), "is not defined. If a cell above defines it", ""),  # noqa: F821
        (3, "got 3", "step_of is an int now, not a function: define it again with def"),
        (lambda v, n: v.sum() / n * math.nan, "result is wrong", "Your result is nan, as of 0 / 0"),
    ],
)
def test_wrong_answers_are_explained(answer, message, hint):
    verdict = step_of(answer)
    assert verdict.status == "not yet"
    assert message in verdict.message and hint in verdict.hint
    assert "Traceback" not in repr(verdict)


def test_a_judge_that_raises_is_said_to_be_at_fault():
    @exercise("7.8 Broken")
    def broken(x):
        return x

    broken.tries(x=st.none().map(lambda _: {}["lost"]))
    verdict = broken(lambda x: x)
    assert verdict.status == core.BROKEN and "fault of the course" in verdict.hint and "KeyError" in verdict.message


@exercise("7.20 Some rule")
def line(x, n):
    return n * x + 1


line.tries(x=numbers(-9, 9), n=st.integers(1, 9), also=[(0.0, 2)])


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (lambda x, n: 2 * (n * x + 1), "Your result is twice what is expected."),
        (lambda x, n: -(n * x + 1), "Your result is what is expected with the other sign."),
        (lambda x, n: (n * x + 1) * x, "Your result is what is expected times `x`."),
        (lambda x, n: n * x + 1.25, "Your result is 0.25 more than what is expected."),
        (lambda x, n: (n * x + 1, 0.0), ""),
    ],
)
def test_a_number_that_follows_from_the_right_one_is_described(answer, hint):
    verdict = line(answer)
    assert verdict.status == core.NOT_YET and hint in verdict.hint, verdict


def test_an_answer_that_loses_digits_is_noticed_and_shown_on_a_short_number():
    verdict = line(lambda x, n: round(n * x + 1, 2))
    assert verdict.status == core.NOT_YET and len(fact(verdict, "your call")) <= len("x=0.00125, n=1")


def test_a_verdict_escapes_what_the_learner_returned():
    verdict = Verdict("x", "not yet", "<b>", "<i>", (("returned", "<u>"),))
    assert not any(tag in verdict._repr_html_() for tag in ("<b><", "<i>", "<u>"))


def test_why_it_works_is_said_when_it_has_passed_and_not_before():
    @exercise("Half", why="A half is what is left of <one> when half is gone.")
    def half(n):
        return n / 2

    half.tries(also=[(3,)])
    passed, not_yet = half(lambda n: n / 2), half(lambda n: n // 2)
    assert repr(passed) == "✓ Passed: Half.\nA half is what is left of <one> when half is gone."
    assert "<div>A half is what is left of &lt;one&gt; when half is gone.</div>" in passed._repr_html_()
    assert "what is left" not in repr(not_yet) + not_yet._repr_html_()
