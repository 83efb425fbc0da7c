"""What is said of a wrong answer that makes none of the known mistakes: what all its wrong results have in common."""

import pytest
from _steps import fact
from hypothesis import strategies as st

from course_utils.exercises.core import check
from course_utils.exercises.inputs import numbers
from course_utils.exercises.search import compare


def judged(answer):
    """The verdict on an answer to: n times x, and 1."""

    @check("7.20 Some rule")
    def rule(answer):
        inputs, names = st.tuples(numbers(-9, 9), st.integers(1, 9)), ("x", "n")
        compare(answer, right=line, wrong={}, edges=[(0.0, 2)], inputs=inputs, names=names)

    verdict = rule(answer)
    assert verdict.status == "not yet" and "Traceback" not in repr(verdict)
    return verdict


def line(x, n):
    return n * x + 1


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (lambda x, n: 2 * line(x, n), "Your result is twice what is expected."),
        (lambda x, n: -line(x, n), "Your result is what is expected with the other sign."),
        (lambda x, n: round(line(x, n), 2), "Your result is what is expected, rounded to 2 digits behind the point."),
        (lambda x, n: line(x, 4), "Your result is the right one for n = 4, whatever it is given."),
        (lambda x, n: (line(x, n), 0.0), "Your result is a tuple of 2; expected is one number."),
        (lambda x, n: line(x, n) + x * x * n, "Every wrong number in your result is too large."),
    ],
)
def test_a_wrong_number_is_described(answer, hint):
    assert judged(answer).hint.startswith(hint)


def test_an_input_that_raises_does_not_hide_what_is_wrong_elsewhere():
    verdict = judged(lambda x, n: 2 * line(x, n) if x else 1 / 0)
    assert verdict.hint == "Your result is twice what is expected."
    assert fact(verdict, "besides").startswith("raised ZeroDivisionError: division by zero, on x=0.0, n=2")
