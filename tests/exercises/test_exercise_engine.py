"""The engine under the checks: the smallest counterexample, the nearest mistake, and never an exception."""

import math
import random
import sys
import types
from decimal import Decimal
from fractions import Fraction

import pytest
import torch
from _steps import fact, right, step_of
from hypothesis import strategies as st

from course_utils.exercises import core, search
from course_utils.exercises.calls import run
from course_utils.exercises.core import Mistake, Verdict, check
from course_utils.exercises.inputs import numbers
from course_utils.exercises.search import compare, examine
from course_utils.exercises.values import show


@pytest.mark.parametrize(
    "answer",
    [
        right,
        lambda v, n: right(v, n).numpy(),
        lambda v, n: Fraction(float(v.max() - v.min())) / n,
        lambda v, n: Decimal(float(right(v, n))),
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


def test_a_stated_edge_is_shown_where_what_was_generated_is_far_longer():
    @check("Total")
    def total(answer):
        long = st.tuples(st.lists(st.integers(0, 9), min_size=12, max_size=15))
        compare(answer, right=sum, wrong={}, edges=[([3, 4],)], inputs=long, names=("values",))

    assert fact(total(max), "your call") == "values=[3, 4]"


def test_a_title_that_asks_keeps_its_question_mark():
    verdict = Verdict("Where did it go?", "not yet")
    assert repr(verdict).endswith("Where did it go?") and "Where did it go?</b>" in verdict._repr_html_()


def test_a_known_mistake_is_named_and_shown_where_it_shows():
    verdict = step_of(lambda values, steps: values.max() - values.min())
    assert verdict.hint == "You do not divide by the steps."
    assert fact(verdict, "your call") == "values=tensor([0.0, 0.125]), steps=2"


def test_a_mistake_is_named_when_it_explains_most_of_the_wrong_results():
    def of_magnitudes(most_steps, least_values=0):
        def nearly(values, steps):
            fits = steps <= most_steps and values.numel() > least_values
            return (values.abs().max() - values.abs().min()) / steps if fits else 99.0

        return nearly

    assert step_of(of_magnitudes(20)).hint == "You take magnitudes."
    assert step_of(of_magnitudes(19)).hint.startswith("Perhaps this: You take magnitudes. (That explains ")
    assert step_of(of_magnitudes(20, 1)).hint.startswith("Perhaps this: You take magnitudes. (That explains ")


def test_a_copy_that_is_older_than_the_course_hears_what_to_do_about_a_check_that_is_gone():
    from lessons.distillation import checks

    with pytest.raises(AttributeError, match=r"no check 'temperature_for'.*course\.py reset distillation"):
        checks.temperature_for  # noqa: B018
    assert not hasattr(checks, "__path__") and callable(checks.what_taught)


def test_a_mistake_that_is_made_in_several_ways_has_one_hint():
    @check("7.16 Half")
    def half(answer):
        wrong = {"You round.": (lambda n: n // 2, lambda n: -(-n // 2))}
        compare(answer, right=lambda n: n / 2, wrong=wrong, edges=[(3,)], inputs=st.tuples(st.integers(0, 99)))

    assert half(lambda n: n / 2).status == "passed"
    assert half(lambda n: n // 2).hint == half(lambda n: (n + 1) // 2).hint == "You round."


def test_a_mistake_that_explains_few_results_is_not_named():
    verdict = step_of(lambda values, steps: (values.max() - values.min()) / (1 if steps == 2 else steps + 1))
    assert verdict.hint.startswith("Work this input out by hand")


@pytest.mark.parametrize(
    ("answer", "message", "hint"),
    [
        (lambda v, n: None, "returned None", "reached no return statement"),
        (lambda v, n: print(1), "returned None", "instead of printing"),
        (lambda v, n: f"{v}", "result is wrong", "Your result is a text; expected is one number."),
        (lambda v, n: right(v.add_(1), n), "changed its input", "Work on a copy"),
        (lambda v: 1, "TypeError", "with 2 arguments: values, steps. Your function does not take that many."),
        (lambda v, n: v(n), "TypeError", "Call it yourself on that input"),
        (lambda v, n: 1 / 0, "ZeroDivisionError", "Call it yourself"),
        (lambda v, n: input(), "EOFError", "Call it yourself"),
        (lambda v, n: sys.exit(), "SystemExit", "Call it yourself"),
        (3, "got 3", "step_of is an int now, not a function: define it again with def"),
        ({1, 2}, "got {1, 2}", "step_of is a set now"),
        (None, "got None", "step_of is None now"),
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


def test_an_operation_that_torch_lacks_is_not_taken_for_the_stub():
    def lacking(values, steps):
        raise NotImplementedError("'add' not implemented for 'Half'")

    assert step_of(lacking).status == "not yet"


def test_an_answer_that_is_right_at_first_only_is_found():
    calls = []

    def tired(values, steps):
        calls.append(1)
        return right(values, steps) if len(calls) <= 1 + search.INPUTS else 0.1

    verdict = step_of(tired)
    assert "does not always return the same" in verdict.message
    assert fact(verdict, "later") == "0.1"


def test_a_mistake_that_raises_is_not_named_for_another_exception():
    @check("7.13 Inverse")
    def inverse(answer):
        wrong = {"You divide by 0.": lambda x: 1 / x}
        compare(
            answer, right=lambda x: 1 / x if x else 0.0, wrong=wrong, edges=[(0,)], inputs=st.tuples(st.integers(0, 0))
        )

    assert inverse(lambda x: 1 / x).hint == "You divide by 0."
    assert "Call it yourself" in inverse(lambda x: [][x]).hint


def test_parameters_in_another_order_are_told():
    verdict = step_of(lambda steps, values: right(values, steps))
    assert (
        verdict.hint
        == "The parameters of your function are steps, values. The card has them in the order values, steps, and the "
        "check calls it in that order."
    )


def test_another_order_is_told_before_a_mistake_that_looks_like_it():
    @check("7.14 Quotient")
    def quotient(answer):
        wrong = {"You divide the wrong way round.": lambda top, bottom: bottom / top}
        both = st.tuples(numbers(1, 9), numbers(1, 9))
        compare(
            answer,
            right=lambda top, bottom: top / bottom,
            wrong=wrong,
            edges=[(1, 2)],
            inputs=both,
            names=("top", "bottom"),
        )

    assert quotient(lambda bottom, top: top / bottom).hint.startswith(
        "The parameters of your function are bottom, top."
    )
    assert quotient(lambda top, bottom: bottom / top).hint == "You divide the wrong way round."
    assert quotient(lambda bottom, top: 3 * bottom / top).hint == "Your result is 3 times what is expected."


def test_an_input_on_which_every_known_mistake_is_right_is_not_held_up_either():
    @check("7.15 At least 1")
    def at_least_one(answer):
        wrong = {"You forget the floor.": lambda n: max(1, n + 1)}
        compare(
            answer, right=lambda n: max(1, n), wrong=wrong, edges=[(-5,), (4,)], inputs=st.tuples(st.integers(3, 9))
        )

    assert fact(at_least_one(lambda n: max(1, 2 * n)), "right on") is None
    assert fact(at_least_one(lambda n: n if n == 4 else 1), "right on") == "4"


def test_an_input_whose_result_is_0_is_not_held_up_as_right():
    assert fact(step_of(lambda values, steps: 3 * right(values, steps)), "right on") is None


def test_a_judge_that_raises_is_said_to_be_at_fault():
    @check("7.8 Broken")
    def broken(answer):
        raise KeyError("lost")

    verdict = broken(right)
    assert verdict.status == core.BROKEN and "fault of the course" in verdict.hint and "KeyError" in verdict.message


def test_a_mistake_raised_inside_the_answer_reaches_the_learner():
    @check("7.9 Folded")
    def folded(answer):
        def over_both(a, b):
            run(answer, (a,))
            raise Mistake("Your state is no pair.", "Return two numbers.")

        compare(over_both, right=lambda a, b: a, wrong={}, edges=[(1, 2)], inputs=st.just((1, 2)))

    assert folded(lambda a: 5).message == "Your state is no pair."


def test_examine_shows_the_smallest_input_whose_effect_is_wrong():
    @check("7.10 Shorter")
    def shorter(answer):
        def judge(values):
            if len(run(answer, (values,), ("values",))) >= len(values):
                raise Mistake("The list is not shorter.", "Drop one.", (("your call", show(values)),))

        examine(judge, edges=[([1, 2, 3],)], inputs=st.tuples(st.lists(st.integers(0, 9), min_size=1)))

    assert shorter(lambda values: values[1:]).status == "passed"
    verdict = shorter(lambda values: values[1:] if len(values) < 3 else values)
    assert fact(verdict, "your call") == "[0, 0, 0]"


@pytest.mark.parametrize("seconds", [0.0, 0.02])
def test_on_a_slow_machine_fewer_inputs_are_tried_and_nothing_breaks(monkeypatch, seconds):
    monkeypatch.setattr(search, "SEARCH_SECONDS", seconds)
    assert step_of(right).status == "passed"
    for wrong in (lambda v, n: right(v, n) + 1, lambda v, n: right(v, n) if n < 12 else 0.1):
        verdict = step_of(wrong)
        assert (
            verdict.status == "not yet" and fact(verdict, "your call") and verdict.message.startswith("On this input")
        )


def test_examine_calls_a_right_answer_again():
    calls = []

    @check("7.12 Once")
    def once(answer):
        def judge():
            if run(answer, ()) != 1:
                raise Mistake("Not 1.", "Return 1.")

        examine(judge, edges=[()])

    def tired():
        calls.append(1)
        return 1 if len(calls) == 1 else 2

    assert once(lambda: 1).status == "passed" and once(tired).status == "not yet"


def test_a_view_is_what_is_compared_and_may_refuse():
    def chains(value, *_):
        if not isinstance(value, list):
            raise Mistake("That is no list.", "Return a list.")
        return sorted(value)

    @check("7.11 Any order")
    def any_order(answer):
        compare(
            answer,
            right=sorted,
            wrong={},
            edges=[([2, 1],)],
            inputs=st.tuples(st.lists(st.integers(0, 3))),
            view=chains,
        )

    assert any_order(lambda values: list(reversed(sorted(values)))).status == "passed"
    verdict = any_order(lambda values: "ab")
    assert verdict.message == "That is no list." and fact(verdict, "returned") == "'ab'"


def test_the_inputs_are_the_same_every_time_and_leave_no_files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    first, second = (search.generated(st.tuples(st.integers(0, 10**6)), 30) for _ in range(2))
    assert first == second and len(set(first)) > 10
    assert step_of(lambda v, n: right(v, n) + 1).status == "not yet"
    assert not list(tmp_path.iterdir())


def test_numbers_hold_both_ends_and_are_exact_or_have_many_digits():
    made = [pair for (pair,) in search.generated(st.tuples(st.tuples(numbers(-1, 1), numbers(-1, 1))), 300)]
    short = [pair for pair in made if all(value * 8 == int(value * 8) for value in pair)]
    assert {-1.0, 1.0, 0.0} <= {value for pair in short for value in pair}
    long = [pair for pair in made if pair not in short]
    assert 60 < len(long) < 150 and all(-1 <= value <= 1 for pair in long for value in pair)
    exact = [value for (value,) in search.generated(st.tuples(numbers(-1, 1, exact=True)), 200)]
    assert all(value * 8 == int(value * 8) for value in exact)


@pytest.mark.parametrize("rounded", [lambda x: round(x, 2), lambda x: torch.tensor(x).half().item()])
def test_an_answer_that_loses_digits_is_noticed_and_shown_on_a_short_number(rounded):
    @check("7.19 Twice")
    def twice(answer):
        compare(answer, right=lambda x: 2 * x, wrong={}, edges=[(1.0,)], inputs=st.tuples(numbers(0, 1)), names=("x",))

    verdict = twice(lambda x: 2 * rounded(x))
    assert verdict.status == "not yet" and len(fact(verdict, "your call")) <= len("x=0.0000125")


def test_a_verdict_escapes_what_the_learner_returned():
    verdict = Verdict("x", "not yet", "<b>", "<i>", (("returned", "<u>"),))
    assert not any(tag in verdict._repr_html_() for tag in ("<b><", "<i>", "<u>"))


def test_a_cell_that_did_not_compile_is_told_as_the_older_version(monkeypatch):
    shell = types.SimpleNamespace(
        user_ns={"In": ["", "def step_of(v, n):\n    return 1", "def step_of(v, n):\n    return (1", "check"]},
        transform_cell=lambda source: source,
    )
    monkeypatch.setitem(sys.modules, "IPython", types.SimpleNamespace(get_ipython=lambda: shell))
    assert "the version before it" in repr(step_of(right))
    shell.user_ns["In"].append("def step_of(v, n):\n    return 2")
    assert "the version before it" not in repr(step_of(right))


def test_why_it_works_is_said_when_it_has_passed_and_not_before():
    @check("Half", why="A half is what is left of <one> when half is gone.")
    def half(answer):
        if answer(3) != 1.5:
            raise Mistake("Not a half.", "Divide by 2.")

    passed, not_yet = half(lambda n: n / 2), half(lambda n: n // 2)
    assert repr(passed) == "✓ Passed: Half.\nA half is what is left of <one> when half is gone."
    assert "<div>A half is what is left of &lt;one&gt; when half is gone.</div>" in passed._repr_html_()
    assert "what is left" not in repr(not_yet) + not_yet._repr_html_()


def test_what_a_grader_must_know_stands_on_the_check():
    def ran():
        pass

    @check("7.17 Plain")
    def plain(answer):
        pass

    @check("7.18 Special", trust="it trains a model", by_value=("torchao.quantization",), watched={"relu": ran})
    def special(answer):
        pass

    assert plain.needs == core.Needs() and plain.why == ""
    assert special.needs == core.Needs("it trains a model", ("torchao.quantization",), {"relu": ran})
