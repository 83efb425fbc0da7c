"""What is said of a wrong answer that makes none of the known mistakes: what all its wrong results have in common."""

import math

import pytest
import torch
from _steps import fact
from hypothesis import strategies as st

from course_utils.exercises import readings, relations
from course_utils.exercises.core import Mistake, check
from course_utils.exercises.inputs import Clock, numbers, shapes, tensors
from course_utils.exercises.search import compare
from course_utils.exercises.trial import Trial
from course_utils.exercises.values import same


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


def scaled(values, low):
    return values - low


ROWS_AND_LOW = st.tuples(tensors(shapes(dims=(2,)), numbers(-90, 90)), st.integers(1, 5))


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (lambda v, low: scaled(v, low).T, "Your result has rows and columns exchanged: it is the transpose of what is"),
        (lambda v, low: scaled(v, low).flip(0), "has the expected items in reverse order."),
        (lambda v, low: scaled(v, low).flatten(), "Your result has the shape ("),
        (lambda v, low: scaled(v, low)[None], "Your result has the shape (1, "),
        (lambda v, low: scaled(v, low).sum(), "Your result is one number; expected is the shape ("),
        (lambda v, low: {"scaled": scaled(v, low)}, "Your result is a dict; expected is a tensor of the shape ("),
        (lambda v, low: scaled(v, low).round().to(torch.uint8), "0 to 255: it wraps around"),
        (lambda v, low: scaled(v, low).clamp(max=64), "Your result is never above 64."),
        (lambda v, low: scaled(v, low)[0].expand_as(v), "the right one for the first row of `values` in place of all."),
        (lambda v, low: torch.where(v > 0, scaled(v, low), -scaled(v, low)), "with the other sign"),
    ],
)
def test_a_wrong_tensor_is_described(answer, hint):
    def whole(values, low):
        return scaled(values, low).round() if "wraps" in hint else scaled(values, low)

    assert hint in judged(whole, answer, ROWS_AND_LOW, ("values", "low")).hint


def ends(values, more):
    return values[0] - more, [value + more for value in values], sum(values) + 1


LISTS = st.tuples(st.lists(numbers(1, 90), min_size=1, max_size=4), st.integers(1, 9))


@pytest.mark.parametrize(
    ("change", "hint"),
    [
        (
            lambda a, b, c: (a, b, 8 * c),
            "The third item of your result is 8 times what is expected. The first item and ",
        ),
        (
            lambda a, b, c: (a, b[::-1], c),
            "The second item of your result has the expected items in reverse order.",
        ),
        (lambda a, b, c: (a, b[:-1], c), "The second item of your result lacks the last of the expected items."),
        (lambda a, b, c: (a, b + b[:1], c), "is what is expected with one of the items too many at its end."),
        (lambda a, b, c: (a, sorted(b, reverse=True), c), "items sorted, the largest first."),
        (lambda a, b, c: (c, b, a), "Your result has the expected items in reverse order."),
        (lambda a, b, c: (b, c, a), "Your result has the expected items in another order."),
        (
            lambda a, b, c: (2 * a, b, c + 1),
            "The first item of your result is twice what is expected. The third item of ",
        ),
        (lambda a, b, c: (a, b), "Your result has 2 items; expected are 3."),
        (lambda a, b, c: (a, b, f"{c}"), "The third item of your result is a text; expected is one number."),
        (
            lambda a, b, c: (a, b, math.sin(c)),
            "The first item and the second item of your result are right on every input.",
        ),
    ],
)
def test_a_wrong_item_of_several_is_described(change, hint):
    assert hint in judged(ends, lambda *args: change(*ends(*args)), LISTS, ("values", "more")).hint


def test_two_items_in_the_wrong_order_are_told_also_where_the_check_refuses_them():
    def number_and_text(value, *_):
        if not isinstance(value[0], int):
            raise Mistake("Your function did not return a number and a text.", "Return a pair.")
        return value

    verdict = judged(
        lambda word: (len(word), word.upper()),
        lambda word: (word.upper(), len(word)),
        st.tuples(st.text("abc", max_size=4)),
        ("word",),
        view=number_and_text,
    )
    assert verdict.message == "Your function did not return a number and a text."
    assert verdict.hint == "Your result has its two items exchanged."


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (
            lambda v, n: {key + 1: value for key, value in squares(v, n).items()},
            "Each key of your result is 1 more than",
        ),
        (
            lambda v, n: {key: value / 2 for key, value in squares(v, n).items()},
            "Your result is half of what is expected.",
        ),
        (lambda v, n: squares(v, n) | {-7: 1}, "Your result has the key -7, which is not expected."),
        (lambda v, n: list(squares(v, n)), "Your result is a list of "),
    ],
)
def test_a_wrong_dict_is_described(answer, hint):
    inputs = st.tuples(st.lists(st.integers(1, 99), min_size=1, max_size=4), st.integers(1, 9))
    assert judged(squares, answer, inputs, ("values", "n")).hint.startswith(hint)


def squares(values, n):
    return {value: value * value + n for value in values}


def above(values, limit):
    return [value for value in values if value > limit]


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (
            lambda v, low: [x for x in v if x > low or x % 4 == 0],
            "has something that is not expected, and lacks nothing.",
        ),
        (lambda v, low: [x for x in v if x > low and x % 4], "lacks something that is expected, and has nothing"),
        (lambda v, low: above(v[:-1], low), "right one for `values` without its last item."),
    ],
)
def test_a_wrong_choice_is_described(answer, hint):
    inputs = st.tuples(st.lists(st.integers(0, 9), max_size=9), st.integers(0, 5))
    assert hint in judged(above, answer, inputs, ("values", "limit")).hint


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (lambda a, b: a <= b, "Your result is turned round: it is True where False is right, and False where True is."),
        (
            lambda a, b: a > b or a % 2 == 0,
            "Every wrong result is True where False is expected, never the other way round.",
        ),
        (lambda a, b: True, "Your function returns True, whatever your function is given."),
        (lambda a, b: b > a, "Your result is the right one for `a` and `b` exchanged."),
        (
            lambda a, b: a > b or a == b == 2 * (b // 2),  # a changes nothing there, but elsewhere it does
            "Every wrong result is True where False is expected, never the other way round.",
        ),
        (lambda a, b: a >= b, "Your result is the right one for 1 more than `a`."),
        (lambda a, b: 1.5 if a > b else 0.0, "Your result is one number; expected is True or False."),
    ],
)
def test_a_wrong_truth_is_described(answer, hint):
    inputs = st.tuples(st.integers(0, 9), st.integers(0, 9))
    assert hint in judged(lambda a, b: a > b, answer, inputs, ("a", "b")).hint


def test_a_known_mistake_is_told_before_what_is_true_of_it():
    wrong = {"You take two of each.": lambda x, n: 2 * line(x, n)}
    assert judged(line, lambda x, n: 2 * line(x, n), X_AND_N, ("x", "n"), wrong).hint == "You take two of each."


def test_what_is_true_of_all_results_is_told_before_a_mistake_that_explains_most():
    wrong = {"You take two of each.": lambda x, n: 2 * line(x, n) if n < 9 else 0.0}
    verdict = judged(line, lambda x, n: 2 * line(x, n), X_AND_N, ("x", "n"), wrong)
    assert verdict.hint == "Your result is twice what is expected."


def test_a_wrong_shape_is_told_before_wrong_values():
    def means(values, low):
        return values.mean(0) - low

    verdict = judged(means, lambda v, low: v.sum(0, keepdim=True), ROWS_AND_LOW, ("values", "low"))
    assert verdict.hint == "Your result has the shape (1, 1); expected is the shape (1,)."


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


def test_an_input_that_raises_is_shown_where_nothing_else_is_wrong():
    verdict = judged(mean, lambda v, low: sum(v) / len(v) - low, MEANS, ("values", "low"), edges=[([], 0)])
    assert "ZeroDivisionError" in verdict.message and fact(verdict, "besides") is None


def test_what_mostly_raises_is_told_as_what_it_raises():
    verdict = judged(mean, lambda v, low: 1.0 if not v else [][low], MEANS, ("values", "low"))
    assert "IndexError" in verdict.message


def test_the_smallest_input_shows_what_is_told():
    verdict = judged(line, lambda x, n: 2 * line(x, n) if x else 1.0, X_AND_N, ("x", "n"))
    assert "twice" in verdict.hint and float(fact(verdict, "returned")) == 2 * float(fact(verdict, "expected"))


def test_three_wrong_results_are_needed():
    assert relations.related([(1.0, 2.0), (3.0, 6.0)]) is None
    assert relations.related([(1.0, 2.0), (3.0, 6.0), (4.0, 8.0)]).text == "Your result is twice what is expected."
    assert relations.related([(1.0, 0.3), (3.0, 6.1), (4.0, "x")]) is None


def test_results_that_cannot_be_looked_at_are_no_pattern():
    class Odd(list):
        def __len__(self):
            raise RuntimeError

    verdict = judged(mean, lambda v, low: Odd(v), MEANS, ("values", "low"))
    assert verdict.status == "not yet" and verdict.hint


def area(width, height, depth):
    return width * height * depth


SIDES = st.tuples(st.integers(0, 4), st.integers(0, 4), st.integers(0, 4))
IDLE = "Your result stays the same when `width` changes"


def said_of(answer, sides):
    trial = Trial(answer, area, ("width", "height", "depth"), same, lambda value, *_: value)
    return readings.without_effect(trial, [trial.on(args) for args in sides], Clock(60))


def test_an_argument_is_not_idle_where_the_result_is_0_whatever_it_is():
    """A product stays 0 as long as another factor is 0: that tells nothing of this one."""
    flat = [(2, 3, 1), (3, 2, 1), (4, 1, 1)]
    sides = flat + [(width, height, 2) for width in range(1, 8) for height in range(1, 8)]
    assert not said_of(lambda width, height, depth: width * height * (depth // 2 * 2), sides)
    assert not said_of(lambda width, height, depth: width * height * (depth // 2 * 2), [*flat, *[(1, 1, 2)] * 30])
    assert said_of(lambda width, height, depth: 5 * height, sides).startswith(IDLE)


def test_an_argument_is_idle_only_where_it_never_counts():
    def once(width, height, depth):
        return height * depth + 1 if width else 0

    assert "stays the same" not in judged(area, once, SIDES, ("width", "height", "depth")).hint
    verdict = judged(area, lambda width, height, depth: height * depth + 1, SIDES, ("width", "height", "depth"))
    assert verdict.hint.startswith(IDLE)
