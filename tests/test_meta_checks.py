"""The rules for checks see a check that is too kind, too strict, vague, or that raises."""

import _check_rules
import pytest
from _course import expect_none

from course_utils.exercises import core


def exercise(check, solution=lambda x: x * x):
    """The exercise `square`, with a check of the test's choice."""

    def square(x):
        """Return x squared.

        >>> square(2.0)
        4.0
        """
        raise NotImplementedError

    return _check_rules.Exercise("square", check, square, solution)


@core.check("square")
def good_check(answer):
    wrong = {
        "You doubled.": lambda x: 2 * x,
        "You cubed and halved.": lambda x: x**3 / 2,
        "You lost the sign of x.": lambda x: x * abs(x),
    }
    core.try_cases(answer, right=lambda x: x * x, cases=[(3.0,), (-1.0,), (0.0,)], wrong=wrong, names=("x",))


def check_of(verdict):
    """A check that gives the same verdict to everything except the stub."""

    def judged(answer):
        try:
            answer(1.0)
        except NotImplementedError:
            return core.Verdict("square", core.NOT_DONE)
        except Exception:
            return verdict
        return verdict

    return judged


WRONG = [lambda x: 2 * x, lambda x: x**3 / 2, lambda x: x * abs(x)]
ODD = [lambda x: x**2, lambda x: sum([x * x])]
PASSED = core.Verdict("square", core.PASSED)
SAME_HINT = core.Verdict("square", core.NOT_YET, "Wrong.", "Think again.")


def test_a_good_check_has_no_faults():
    good = exercise(good_check)
    faults = [
        _check_rules.stub_is_not_done(good),
        _check_rules.accepts(good, ODD),
        _check_rules.rejects(good, WRONG),
    ]
    expect_none([*sum(faults, []), *_check_rules.survives(good)])


def test_a_check_that_accepts_a_wrong_answer_is_seen():
    found = _check_rules.rejects(exercise(check_of(PASSED)), WRONG)
    assert sum("is wrong, but the check says" in fault for fault in found) == 3


def test_a_check_that_refuses_a_right_answer_is_seen():
    found = _check_rules.accepts(exercise(check_of(SAME_HINT)), ODD)
    assert sum("is right, but the check says" in fault for fault in found) == 3


def test_a_check_that_gives_two_mistakes_one_hint_is_seen():
    assert any("gets the hint of" in f for f in _check_rules.rejects(exercise(check_of(SAME_HINT)), WRONG))


def test_a_check_that_takes_the_stub_for_an_answer_is_seen():
    assert _check_rules.stub_is_not_done(exercise(lambda answer: PASSED))


def test_a_check_that_raises_is_seen():
    def judged(answer):
        return core.Verdict("square", core.PASSED if answer(3) == 9 else core.NOT_YET, "Wrong.")

    assert any("the check raised ValueError" in fault for fault in _check_rules.survives(exercise(judged)))


def test_a_check_that_lets_an_edited_input_pass_is_seen():
    def judged(answer):
        with_list = [1.0]
        return core.Verdict("square", core.PASSED if answer(with_list) else core.NOT_YET, "Wrong.")

    found = _check_rules.survives(exercise(judged, solution=lambda x: [v * v for v in x]))
    assert any("edits its input" in fault for fault in found)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (lambda x: 1 / 0, "raises ZeroDivisionError"),
        (lambda x: [x, x], "returns a list where the solution returns a number"),
        (lambda x: x + 1, "does not pass the stub's example"),
        (lambda x: x * x, "is wrong, but the check says"),
    ],
)
def test_a_wrong_answer_that_does_not_count_is_seen(wrong, words):
    assert any(words in fault for fault in _check_rules.rejects(exercise(good_check), [wrong, *WRONG]))


def test_too_few_answers_are_seen():
    assert any("expected 3 or more" in fault for fault in _check_rules.rejects(exercise(good_check), WRONG[:2]))
    assert any("expected 2 or more" in fault for fault in _check_rules.accepts(exercise(good_check), ODD[:1]))
