"""What is said of a wrong answer that makes none of the known mistakes: what all its wrong results have in common."""

import math

import pytest
from _steps import fact
from hypothesis import strategies as st

from course_utils.exercises.core import check
from course_utils.exercises.inputs import numbers
from course_utils.exercises.search import compare


def judged(right, answer, inputs, names, wrong=(), edges=(), view=None):
    """The verdict on an answer."""

    @check("7.20 Some rule")
    def rule(answer):
        compare(answer, right=right, wrong=dict(wrong), edges=list(edges), inputs=inputs, names=names, view=view)

    verdict = rule(answer)
    assert verdict.status == "not yet" and "Traceback" not in repr(verdict)
    return verdict


def line(x, n):
    return n * x + 1


X_AND_N = st.tuples(numbers(-9, 9), st.integers(1, 9))


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (lambda x, n: 2 * line(x, n), "Your result is twice what is expected."),
        (lambda x, n: 0.7 * line(x, n), "Your result is 0.7 times what is expected."),
        (lambda x, n: line(x, n) + 1, "Your result is 1 more than what is expected."),
        (lambda x, n: -line(x, n), "Your result is what is expected with the other sign."),
        (lambda x, n: abs(line(x, n)), "Your result is what is expected without its sign."),
        (lambda x, n: round(line(x, n), 2), "Your result is what is expected, rounded to 2 digits behind the point."),
        (lambda x, n: math.nan, "Your function returns nan, whatever your function is given."),
        (lambda x, n: max(0, line(x, n)), "Your result is never below 0."),
        (lambda x, n: line(x, 4), "Your result is the right one for n = 4, whatever it is given."),
        (
            lambda x, n: math.sin(7 * x),
            "Your result stays the same when `n` changes, on every input that was tried; what is expected does not.",
        ),
        (lambda x, n: (line(x, n), 0.0), "Your result is a tuple of 2; expected is one number."),
        (lambda x, n: line(x, n) + x * x * n, "Every wrong number in your result is too large."),
    ],
)
def test_a_wrong_number_is_described(answer, hint):
    assert judged(line, answer, X_AND_N, ("x", "n")).hint.startswith(hint)


def test_a_known_mistake_is_told_before_what_is_true_of_it():
    wrong = {"You take two of each.": lambda x, n: 2 * line(x, n)}
    assert judged(line, lambda x, n: 2 * line(x, n), X_AND_N, ("x", "n"), wrong).hint == "You take two of each."


def mean(values, low):
    return sum(values) / max(1, len(values)) - low


MEANS = st.tuples(st.lists(numbers(1, 9), max_size=4), st.integers(0, 5))


def test_an_input_that_raises_does_not_hide_what_is_wrong_elsewhere():
    wrong = {"You forget `low`.": lambda values, low: mean(values, 0)}
    verdict = judged(mean, lambda v, low: sum(v) / len(v), MEANS, ("values", "low"), wrong, edges=[([], 0)])
    assert verdict.message == "On this input the result is wrong." and verdict.hint == "You forget `low`."
    assert fact(verdict, "besides") == "raised ZeroDivisionError: division by zero, on values=[], low=0"
    verdict = judged(mean, lambda v, low: 2 * sum(v) / len(v) - 2 * low, MEANS, ("values", "low"), edges=[([], 0)])
    assert verdict.hint == "Your result is twice what is expected." and fact(verdict, "besides")
