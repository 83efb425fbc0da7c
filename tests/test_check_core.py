"""The machine under the checks: whatever a learner hands in, it explains and never raises."""

import numpy as np
import pytest
import torch

from course_utils.exercises.core import Verdict, check, same, try_cases


@check("7.7 Doubling")
def double(answer):
    try_cases(
        answer,
        right=lambda x: 2 * x,
        cases=[(0.0,), (3.0,), (torch.tensor([1.0, -2.0]),)],
        names=("x",),
        wrong={"You square it.": lambda x: x * x, "You halve it.": lambda x: x / 2},
    )


def edits(x):
    if isinstance(x, torch.Tensor):
        return x.mul_(2)
    return 2 * x


def needs_two(x, y):
    return 2 * x


def prints(x):
    print(2 * x)


class Stub:
    def __call__(self, x):
        raise NotImplementedError


@pytest.mark.parametrize(
    "answer", [lambda x: x + x, lambda x: np.float64(2) * np.asarray(x), lambda x: (2 * torch.as_tensor(x)).tolist()]
)
def test_right_in_other_clothes(answer):
    assert double(answer).status == "passed"


@pytest.mark.parametrize(
    ("answer", "message", "hint"),
    [
        (lambda x: x * x, "on (x=3) returned 9, expected 6", "You square it."),
        (lambda x: x / 2, "returned 1.5, expected 6", "You halve it."),
        (lambda x: 2 * x + 1, "on (x=0) returned 1, expected 0", "by hand"),
        (lambda x: 2 * abs(x), "expected tensor([2.0, -4.0])", "2 of 3 cases were right"),
        (lambda x: None, "returned None", "without a return statement"),
        (prints, "returned None", "instead of printing"),
        (lambda x: "six", "returned 'six'", "one number"),
        (edits, "changed its input", "Work on a copy"),
        (needs_two, "TypeError", "Call your function yourself"),
        (lambda x: 1 / 0, "ZeroDivisionError", "Call your function yourself"),
        (3, "got 3", "without calling it"),
        (lambda x: x * float("nan"), "returned nan", "by hand"),
    ],
)
def test_wrong_answers_are_explained(answer, message, hint):
    verdict = double(answer)
    assert verdict.status == "not yet"
    assert message in verdict.message and hint in verdict.hint
    assert "Traceback" not in repr(verdict)


def test_the_stub_is_not_done_yet():
    verdict = double(Stub())
    assert verdict.status == "not done yet" and repr(verdict).startswith("○ Not done yet: 7.7 Doubling")


def test_a_verdict_escapes_what_the_learner_returned():
    assert "<b>" not in Verdict("x", "not yet", "returned '<b>'")._repr_html_()


def test_what_counts_as_the_same():
    assert same(2, 2.0) and same(2, torch.tensor([2])) and same(torch.tensor(2.0), np.float32(2))
    assert same([1, (2, 3)], (1, [2, 3])) and same({"a": 1}, {"a": 1.0})
    assert same(100.0, 100.0001, rtol=1e-5) and not same(100.0, 100.1, rtol=1e-5)
    assert same(torch.tensor([1.0, float("nan")]), [1.0, float("nan")])
    assert not same(torch.zeros(2, 1), torch.zeros(1, 2))
    assert not same({"a": 1}, {"b": 1}) and not same([1], [1, 2]) and not same("a", 1)
    assert not same(1, "1") and not same(True, "yes")
