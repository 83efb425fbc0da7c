"""What is said of a wrong answer that makes none of the known mistakes: what all its wrong results have in common."""

import math

import pytest
import torch
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
        (lambda x, n: line(x, n) / 8, "Your result is 1/8 of what is expected."),
        (lambda x, n: 1000 * line(x, n), "Your result is 1,000 times what is expected."),
        (lambda x, n: 0.7 * line(x, n), "Your result is 0.7 times what is expected."),
        (lambda x, n: line(x, n) + 1, "Your result is 1 more than what is expected."),
        (lambda x, n: line(x, n) - 0.25, "Your result is 0.25 less than what is expected."),
        (lambda x, n: -line(x, n), "Your result is what is expected with the other sign."),
        (lambda x, n: abs(line(x, n)), "Your result is what is expected without its sign."),
        (lambda x, n: line(x, n) ** 2, "Your result is the square of what is expected."),
        (lambda x, n: 1 - line(x, n), "Your result is 1 minus what is expected."),
        (lambda x, n: round(line(x, n), 2), "Your result is what is expected, rounded to 2 digits behind the point."),
        (lambda x, n: int(line(x, n)), "Your result is what is expected, cut off to a whole number."),
        (lambda x, n: torch.tensor(line(x, n)).half(), "Your result is what is expected, rounded to half precision"),
        (lambda x, n: math.nan, "Your function returns nan, whatever your function is given."),
        (lambda x, n: 4.0, "Your function returns 4.0, whatever your function is given."),
        (lambda x, n: x, "Your function returns `x` as it was given."),
        (lambda x, n: max(0, line(x, n)), "Your result is never below 0."),
        (lambda x, n: min(7, line(x, n)), "Your result is never above 7."),
        (lambda x, n: line(x, 4), "Your result is the right one for n = 4, whatever it is given."),
        (lambda x, n: line(abs(x), n), "Your result is the right one for `x` without its sign."),
        (lambda x, n: line(x, n + 1), "Your result is what is expected plus `x`."),
        (lambda x, n: line(-x, n), "Your result is the right one for `x` with the other sign."),
        (lambda x, n: line(x, n) * n, "Your result is what is expected times `n`."),
        (lambda x, n: line(x, n) / n, "Your result is what is expected divided by `n`."),
        (
            lambda x, n: math.sin(7 * x),
            "Your result stays the same when `n` changes, on every input that was tried; what is expected does not.",
        ),
        (lambda x, n: (line(x, n), 0.0), "Your result is a tuple of 2; expected is one number."),
        (lambda x, n: f"{line(x, n)}", "Your result is a text; expected is one number."),
        (lambda x, n: line(x, n) if n > 1 else 0.5 * x - 3, "Your function is wrong only where `n` is 1, and right on"),
        (lambda x, n: line(x, n) + 1e-4 * n * line(x, n), "No number in your result is more than 0.09 % off"),
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
