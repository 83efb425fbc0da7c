"""The rules for checks see a check that is too kind, too strict, vague, or that raises."""

import _check_rules
import _mutants
import pytest
from _course import expect_none
from hypothesis import strategies as st

from course_utils.exercises import core
from course_utils.exercises.inputs import numbers
from course_utils.exercises.investigation import World, investigate
from course_utils.exercises.search import compare

INPUTS = st.tuples(numbers(-4, 4))
SOURCE = "def square_solution(x):\n    return x * x"


def exercise(check, solution=lambda x: x * x):
    """The exercise `square`, with a check of the test's choice."""

    def square(x):
        """Return x squared.

        >>> square(2.0)
        4.0
        """
        raise NotImplementedError

    return _check_rules.Exercise("square", check, square, solution, SOURCE, {})


@core.check("square")
def good_check(answer):
    wrong = {
        "You doubled.": lambda x: 2 * x,
        "You cubed and halved.": lambda x: x**3 / 2,
        "You lost the sign of x.": lambda x: x * abs(x),
    }
    compare(answer, right=lambda x: x * x, wrong=wrong, names=("x",), edges=[(3.0,), (0.0,)], inputs=INPUTS)


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


def test_an_example_of_the_stub_that_is_not_tried_is_seen():
    found = _check_rules.examples_are_tried(exercise(weak_check({}), solution=lambda x: x * x))
    assert found == [], "the stub shows square(2.0), and 2.0 is what the check tries"

    @core.check("square")
    def other(answer):
        compare(answer, right=lambda x: x * x, wrong={}, names=("x",), edges=[(3.0,)], inputs=st.just((5.0,)))

    found = _check_rules.examples_are_tried(exercise(other))
    assert found == ["the stub's example calls it with (2.0,), which the check does not try: add it to its edges"]


def test_too_few_answers_are_seen():
    assert any("expected 3 or more" in fault for fault in _check_rules.rejects(exercise(good_check), WRONG[:2]))
    assert any("expected 2 or more" in fault for fault in _check_rules.accepts(exercise(good_check), ODD[:1]))


def weak_check(wrong):
    """A check whose inputs are too few to tell x * x from x + x."""

    @core.check("square")
    def judged(answer):
        compare(answer, right=lambda x: x * x, wrong=wrong, names=("x",), edges=[], inputs=st.just((2.0,)))

    return judged


def test_a_hint_that_can_never_show_is_seen():
    found = _check_rules.hints_are_reached(exercise(weak_check({"You doubled.": lambda x: 2 * x})))
    assert found == ["the mistake 'You doubled.' passes"]
    twins = {"You cubed.": lambda x: x**3, "You took a third power.": lambda x: x * x * x}
    found = _check_rules.hints_are_reached(exercise(weak_check(twins)))
    assert found == ["the mistake 'You took a third power.' is told 'You cubed.'"]
    assert not _check_rules.hints_are_reached(exercise(good_check))


def test_a_mutant_that_passes_is_seen():
    found = _check_rules.mutants_are_rejected(exercise(tripled := weak_check({}), lambda x: x * x), {})
    assert found == [], "x / x is told from x * x even by one input"
    plus = _check_rules.Exercise("square", tripled, None, None, "def square_solution(x):\n    return x ** 2", {})
    assert "a mutant passes: return x ** 2: x ** 2: Pow -> Mult" in _check_rules.mutants_are_rejected(plus, {})
    listed = {"return x ** 2: x ** 2: Pow -> Mult": "at 2 it is the same", "gone": "was here once"}
    assert _check_rules.mutants_are_rejected(plus, listed) == ["listed as equivalent, but rejected or gone: gone"]


def test_a_check_that_breaks_on_a_hostile_answer_is_seen():
    @core.check("square")
    def broken(answer):
        if len(answer(2.0)) > 2:
            raise core.Mistake("Too long.")

    assert any("returns zero always: ! The check failed" in f for f in _check_rules.withstands(exercise(broken)))


def test_every_kind_of_mutation_is_made():
    source = """
def f(x, y=1):
    total = -x + y
    if not x < 2 and y == 3:
        total += max(x, y)
    return total * 2.0
"""
    made = dict(_mutants.mutants(source, "f"))
    for change in (
        "total = -x + y: -x + y: Add -> Sub",
        "total = -x + y: -x: USub dropped",
        "if not x < 2 and y == 3:: x < 2: Lt -> LtE",
        "if not x < 2 and y == 3:: not x < 2 and y == 3: And -> Or",
        "if not x < 2 and y == 3:: not x < 2: Not dropped",
        "total += max(x, y): total += max(x, y): Add -> Sub",
        "total += max(x, y): max(x, y): arguments swapped",
        "total += max(x, y): max -> min",
        "return total * 2.0: 2.0 -> 3.0",
        "its arguments: 1 -> 0",
        "total = -x + y dropped",
    ):
        assert change in made, change
    assert len(set(made.values())) == len(made), "no two mutants are alike"


def differs_by(points):
    return lambda arm, number: points * (arm == "a") + 0.1 * number


@core.check("which")
def investigation(answer):
    worlds = [
        World("a is more.", "a", differs_by(3), "Look at a."),
        World("they are alike, and what comes later is more.", "alike", differs_by(0), "Take turns."),
    ]
    investigate(answer, worlds, arms=("a", "b"), conclusions=("a", "b", "alike"))


def test_a_world_in_which_nobody_falls_is_seen():
    def answer(most):
        def which(run):
            apart = run("a") - run("b")
            return "a" if apart > most else "b" if apart < -most else "alike"

        return which

    planted = exercise(investigation, answer(1))
    first_only = [lambda run: "b" if run("a") - run("b") > 1 else "alike"]
    assert _check_rules.worlds_are_decisive(planted, first_only) == [
        "no wrong answer falls where they are alike, and what comes later is more."
    ]
    expect_none(_check_rules.worlds_are_decisive(planted, [*first_only, answer(0)]))
    expect_none(_check_rules.worlds_are_decisive(exercise(good_check), []))
