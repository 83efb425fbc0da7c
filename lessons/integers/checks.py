"""Checks of the lesson `integers`, quantization from scratch."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from statistics import fmean, geometric_mean, median, median_low, stdev

import torch
from hypothesis import strategies as st

from course_utils.exercises.calls import two_numbers
from course_utils.exercises.core import Mistake, check
from course_utils.exercises.inputs import numbers, shapes, tensors
from course_utils.exercises.investigation import Run, World, investigate
from course_utils.exercises.search import compare
from course_utils.exercises.values import ARRAYS

FLOATS = st.sampled_from([torch.float32, torch.float64])
LIMITS = st.sampled_from([(0, 15), (-8, 7), (0, 255), (-128, 127), (0, 127), (-127, 127)])  # qmin, qmax


def _for_one_number(value: object) -> int:
    """How many numbers came back where a pair of single ones was asked for; 1 for whatever else came back."""
    with contextlib.suppress(Exception):
        if isinstance(value, (list, tuple)) and len(value) == 2:
            return max(math.prod(one.shape) if isinstance(one, ARRAYS) else 1 for one in value)
    return 1


@check(
    "Exercise 1, Scale and zero point",
    why="Between the integers there are qmax - qmin steps, and the scale spreads the range over them. Since the range holds 0, "
    "0 lies on one of the steps, and the zero point says which integer that is.",
)
def qparams(answer: Callable) -> None:
    """``qparams(values, qmin, qmax) -> (scale, zero_point)``."""

    def rule(
        *,
        of=lambda v: v,
        low=lambda v: min(v, 0.0),
        high=lambda v: max(v, 0.0),
        steps=lambda qmin, qmax: qmax - qmin,
        scaled=lambda width, steps: width / steps,
        zero=lambda at, q: q - round(at),
        flat=1.0,
    ):
        """The right map with parts replaced; `zero` takes the low end in steps, and qmin."""

        def parameters(values, qmin, qmax):
            bottom, top = low(of(values).min().item()), high(of(values).max().item())
            scale = scaled(top - bottom, steps(qmin, qmax)) or flat
            return scale, zero(bottom / (scale or 1.0), qmin)

        return parameters

    def other_zero(zero):
        """The right scale, and ``zero(values, scale, qmin, qmax)`` for the zero point."""

        def parameters(values, *q):
            scale, _ = rule()(values, *q)
            return scale, zero(values, scale, *q)

        return parameters

    def lowest(values):
        return min(values.min().item(), 0.0)

    def within(**part):
        """The zero point pushed into qmin … qmax, as torch does where a range lies beside 0."""

        def parameters(values, qmin, qmax):
            scale, zero = rule(**part)(values, qmin, qmax)
            return scale, min(max(zero, qmin), qmax)

        return parameters

    def raising_at_zeros(error):
        def parameters(values, *q):
            if not values.any():
                raise error
            return rule()(values, *q)

        return parameters

    def added_up(values, qmin, qmax):
        low, high = abs(values.min().item()), abs(values.max().item())
        scale = (low + high) / (qmax - qmin) or 1.0
        return scale, qmin + round(low / scale)

    def mirrored(values, qmin, qmax):
        return 2 * values.abs().max().item() / (qmax - qmin) or 1.0, 0

    def by_the_top(values, qmin, qmax):
        return values.abs().max().item() / max(-qmin, qmax) or 1.0, 0

    def small_is_none(least):
        return lambda values, *q: rule()(values, *q) if values.abs().max() > least else (1.0, q[0])

    def empty_when(seen, **part):
        return lambda values, *q: (1.0, q[0]) if seen(values) else rule(**part)(values, *q)

    def flat(values):
        return values.min() == values.max()

    def without_width(error):
        """Values that are all alike, and not 0, leave a range without width: to divide by its scale raises."""

        def parameters(values, qmin, qmax):
            if flat(values) and values.any():
                raise error
            return rule(low=float, high=float)(values, qmin, qmax)

        return parameters

    def evened_out(values, qmin, qmax):
        scale, _ = mirrored(values, qmin, qmax)
        return scale, qmin - round(-values.abs().max().item() / scale)

    def at_least(least):
        return lambda values, *q: (max(rule()(values, *q)[0], least), rule()(values, *q)[1])

    def flat_at_0(values, qmin, qmax):
        return rule()(values, qmin, qmax) if values.any() else (1.0, 0)

    def ends(low, high):
        """The right rule for other ends of the range."""
        return lambda values, *q: rule(low=lambda _: min(low(values), 0.0), high=lambda _: max(high(values), 0.0))(
            values, *q
        )

    def by_sigma(times, unbiased=True, middle=True):
        """From so many standard deviations below the mean, or below 0, to as many above."""

        def end(sign):
            return lambda v: (middle * v.mean() + sign * times * v.std(unbiased=unbiased)).item()

        return ends(end(-1), end(1))

    def view(value, values, qmin, qmax):
        many = _for_one_number(value)
        if many > 1:
            raise Mistake(
                f"Your function returned {many} numbers in place of one.",
                "Do you take one for each row or column? The range is that of *all* values: values.min() and values.max(), without a "
                "dimension.",
            )
        scale, zero = two_numbers(value, "the scale and the zero point, (scale, zero_point)")
        _, exact = rule(zero=lambda at, q: q - at)(values, qmin, qmax)
        nearest = zero.is_integer() and abs(zero - exact) <= 0.5001  # half-way either neighbour will do
        return scale, round(exact) if nearest else zero

    wrong = {
        "Where all values have one sign, your range does not hold 0. Widen it.": (
            rule(low=float, high=float),
            empty_when(flat, low=float, high=float),
            without_width(ZeroDivisionError()),  # a Python float by 0
            without_width(OverflowError()),  # a tensor by 0 is inf, and that is no int
            within(low=float, high=float),
        ),
        "Where all values are positive, your range does not hold 0. Widen its low end, too.": (
            rule(low=float),
            empty_when(flat, low=float),
            within(low=float),
        ),
        "Where all values are negative, your range does not hold 0. Widen its high end, too.": (
            rule(high=float),
            empty_when(flat, high=float),
            within(high=float),
        ),
        "You take values that are all alike for zeros. Widen the range first: only that of zeros is empty.": empty_when(
            flat
        ),
        "Where the smallest value is 0, you take all for zeros. The others may be larger.": empty_when(
            lambda v: v.min() == 0
        ),
        "Where one value is 0, you take all for zeros.": empty_when(lambda v: (v == 0).any()),
        "Your zero point is no whole number. Round it.": rule(zero=lambda at, q: q - at),
        "Your zero point is always rounded down. Take the nearest integer.": rule(zero=lambda at, q: q - math.ceil(at)),
        "Your zero point is always rounded up. Take the nearest integer.": rule(zero=lambda at, q: q - math.floor(at)),
        "Your zero point is rounded towards 0. Take the nearest integer.": rule(zero=lambda at, q: int(q - at)),
        "You add low / scale, which is negative. The zero point lies above qmin.": rule(
            zero=lambda at, q: q + round(at)
        ),
        "Your zero point counts from 0. The low end is at qmin.": rule(zero=lambda at, q: -round(at)),
        "Your zero point is the low end itself. Divide it by the scale first: the zero point counts steps.": (
            other_zero(lambda v, s, a, b: a - round(lowest(v))),
            other_zero(lambda v, s, a, b: lowest(v)),
        ),
        "You multiply the low end by the scale. Divide: the zero point counts how many scales fit between it and 0.": (
            other_zero(lambda v, s, a, b: a - round(lowest(v) * s))
        ),
        "You begin at qmax with the low end. The low end is at qmin, the high end at qmax.": other_zero(
            lambda v, s, a, b: b + round(lowest(v) / s)
        ),
        "Your zero point is always in the middle of the integers. It lies where 0 lands, which the values decide.": (
            other_zero(lambda v, s, a, b: round((a + b) / 2)),
            other_zero(lambda v, s, a, b: (a + b + 1) // 2),
        ),
        "Your zero point is one integer too high or too low. The low end itself is at qmin, not beside it.": (
            rule(zero=lambda at, q: q - round(at) + 1),
            rule(zero=lambda at, q: q - round(at) - 1),
        ),
        "You push the zero point into -128 … 127, or into 0 … 255, whatever qmin and qmax are.": (
            rule(zero=lambda at, q: min(max(q - round(at), -128), 127)),
            rule(zero=lambda at, q: min(max(q - round(at), 0), 255)),
        ),
        "Your zero point is always qmin. That is right only where no value is negative.": rule(zero=lambda at, q: q),
        "You divide by the number of integers. Between them there is one step less: qmax - qmin.": rule(
            steps=lambda qmin, qmax: qmax - qmin + 1
        ),
        "You divide by one step too few. There are qmax - qmin of them.": rule(
            steps=lambda qmin, qmax: qmax - qmin - 1
        ),
        "You divide by qmax alone. The steps go from qmin to qmax: qmax - qmin.": rule(steps=lambda qmin, qmax: qmax),
        "You divide by qmax + qmin. The steps between them are qmax - qmin.": rule(
            steps=lambda qmin, qmax: qmax + qmin or 1
        ),
        "You divide with //, which leaves whole numbers. A scale is a float: divide with /.": rule(
            scaled=lambda width, steps: width // steps
        ),
        "Your scale is rounded to a few digits. Keep all of them.": tuple(
            rule(scaled=lambda width, steps, digits=digits: round(width / steps, digits)) for digits in (2, 3, 4)
        ),
        "You add a small number to the scale, against a division by 0. The card's scale is the width by the number of steps, and 1.0 "
        "where all values are 0.": tuple(
            rule(scaled=lambda width, steps, eps=eps: width / steps + eps) for eps in (1e-8, 1e-6, 1e-5, 1e-10)
        ),
        "Your scale is upside down: it is the width of the range by the number of steps.": (
            lambda *args: (1 / rule()(*args)[0], rule()(*args)[1])
        ),
        "Your range is that of the first row. It is that of all values.": rule(of=lambda v: v[0] if v.dim() else v),
        "Your range goes from 0 to the largest |value|. It goes from the smallest value, with its sign, to the largest.": (
            rule(of=torch.abs)
        ),
        "Your high end is the largest |value|, also where this is a negative one. The high end is the largest value, with its sign.": (
            ends(lambda v: v.min().item(), lambda v: v.abs().max().item())
        ),
        "Your range is the mean of the values plus and minus some standard deviations. Here it goes from the smallest to the largest value.": tuple(
            by_sigma(times, unbiased, middle)
            for times in (3, 2, 4)
            for unbiased in (True, False)
            for middle in (True, False)
        ),
        "Your range holds the values of the first column only, or one range for each column. It is that of all values.": (
            rule(of=lambda v: v[..., 0] if v.dim() > 1 else v)
        ),
        "You add |lowest| and |highest|. That is the width only where the two have different signs.": added_up,
        "Your range is symmetric. Here it goes from the smallest to the largest value.": (
            mirrored,
            evened_out,
        ),
        "Your map is symmetric, with 0 for its zero point. Here the range need not be.": by_the_top,
        "Where all values are 0, your scale is 0: nothing can be divided by it. The card says 1.0.": (
            rule(flat=0.0),
            raising_at_zeros(ZeroDivisionError()),
            raising_at_zeros(ValueError()),  # a tensor's 0 / 0 is nan, and that is no int
        ),
        "Where all values are 0, your zero point is 0. The range begins at 0 there, and its low end is qmin: 0 stands at qmin.": flat_at_0,
        "Where all values are 0, your zero point is not qmin. The range begins at 0 there, and its low end is at qmin.": (
            lambda values, *q: rule()(values, *q) if values.any() else (1.0, q[1])
        ),
        "Where the scale is merely small, you put 1.0 in its place. The card says so for zeros alone.": small_is_none(
            1e-6
        ),
        "Where the scale is tiny, you put 1.0 in its place. The card says so for zeros alone, and those are all exactly "
        "0.": small_is_none(1e-9),
        "Where the scale is tiny, you take a larger one, as PyTorch's observers do. Here it is the width of the range by the number of steps, however "
        "small.": (at_least(1e-12), at_least(torch.finfo(torch.float32).eps)),  # the latter in PyTorch's observers
        "You divide by 255 whatever qmin and qmax are. There are qmax - qmin steps.": lambda values, qmin, qmax: rule()(
            values, qmin, qmin + 255
        ),
        "You take the integers from -128 to 127 whatever qmin and qmax are.": lambda values, *_: rule()(
            values, -128, 127
        ),
        "You count the zero point from -128. The low end is at qmin.": rule(zero=lambda at, q: -128 - round(at)),
        "You return the zero point first. The scale comes first.": lambda *args: rule()(*args)[::-1],
    }
    kinds = [numbers(-4, 4), numbers(0.5, 4), numbers(-4, -0.5), numbers(-0.01, 0.01, step=0.001), st.just(0.0)]
    values = st.tuples(st.sampled_from(kinds), FLOATS).flatmap(
        lambda kind: tensors(shapes(dims=(1, 2, 3, 0), most=3), *kind)
    )
    edges = [
        (torch.tensor([0.5, 3.0]), 0, 255),
        (torch.tensor([[-4.1, -1.0], [-0.5, -2.0]]), -128, 127),
        (torch.zeros(3), -128, 127),
        (torch.tensor([0.0, 1e-7]), 0, 255),
        (torch.tensor([0.0, 1e-20]), 0, 255),
        (torch.tensor([0.0, 2.0]), 0, 255),  # some values are 0, and not all
        (torch.tensor([-1.0, 0.0, 2.0]), -128, 127),
    ]
    inputs = st.tuples(values, LIMITS).map(lambda drawn: (drawn[0], *drawn[1]))
    names = ("values", "qmin", "qmax")
    compare(answer, right=rule(), wrong=wrong, names=names, edges=edges, inputs=inputs, view=view)


GRIDS = ("start", "step", "offset", "both")
FINDINGS = ("step", "offset", "each", "together", "neither")
POINTS = 5  # a change helps if it gains more, on the card


@dataclass(frozen=True)
class _Family:
    """Made-up networks.

    Attributes:
        right: what helps them, by the card.
        said: what is planted, in a sentence.
        gains: points that each grid gains over the start.
        level: accuracy of the start, in per cent, on average.
        spread: how far a network may lie from it, up or down, on every grid alike.
        luck: how far a single accuracy may lie from what is planted.
        odd: points that each grid gains with one network of five, in place of those in `gains`.
        place: which of the five that is, in the order in which an experiment first uses them.
    """

    right: str
    said: str
    gains: Mapping[str, float]
    level: float = 40.0
    spread: float = 8.0
    luck: float = 0.8
    odd: Mapping[str, float] = field(default_factory=dict)
    place: int = 0

    def accuracy(self, grid: str, seed: float, nth: int) -> float:
        """Of the network `seed`, which is the nth that the experiment uses."""
        network = ((seed * 7919) % 17 - 8) / 8 * self.spread
        luck = ((seed * 31 + 7 * GRIDS.index(grid)) % 5 - 2) / 2 * self.luck
        gains = {**self.gains, **self.odd} if nth % 5 == self.place else self.gains
        return self.level + network + luck + gains.get(grid, 0.0)


Accuracies = dict[
    str, list[float]
]  # grid -> the accuracies of its networks, in the order in which they were first used


def _by_the_card(
    table: Accuracies,
    *,
    of: Callable[[list[float]], float] = fmean,
    more: Callable[[float, float], bool] = lambda own, start: own - start > POINTS,
) -> str:
    """The conclusion by the card, or with another summary of the networks, or when `more` says what counts as a gain."""
    start, *changed = (of(table[grid]) for grid in GRIDS)
    return _named(*(more(own, start) for own in changed))


def _named(step: bool, offset: bool, both: bool) -> str:
    if step or offset:
        return "each" if step and offset else "step" if step else "offset"
    return "together" if both else "neither"


def _gains(table: Accuracies) -> tuple[float, float, float]:
    start = fmean(table["start"])
    return tuple(fmean(table[grid]) - start for grid in GRIDS[1:])


def _in_pairs(holds: Callable[[list[float]], bool]) -> Callable[[Accuracies], str]:
    """The conclusion if `holds` says of the gains of all networks, one by one, whether a change helps."""

    def conclusion(table: Accuracies) -> str:
        gains = ([own - start for own, start in zip(table[grid], table["start"], strict=True)] for grid in GRIDS[1:])
        return _named(*map(holds, gains))

    return conclusion


def _of_gains(helps: Callable[[float, float, float], tuple[bool, bool, bool]]) -> Callable[[Accuracies], str]:
    return lambda table: _named(*helps(*_gains(table)))


def _renamed(**names: str) -> Callable[[Accuracies], str]:
    """The conclusion by the card, with other names for some."""
    return lambda table: names.get(_by_the_card(table), _by_the_card(table))


def _the_larger(step: float, offset: float, both: float) -> tuple[bool, bool, bool]:
    return step > POINTS and step >= offset, offset > POINTS and offset > step, both > POINTS


def _limits(*limits: float) -> tuple[Callable[[Accuracies], str], ...]:
    return tuple(partial(_by_the_card, more=lambda own, start, limit=limit: own - start > limit) for limit in limits)


def _by_two_gains(step: float, offset: float, both: float) -> str:
    return "step" if step > offset + POINTS else "offset" if offset > step + POINTS else "each"


_BEST = {"start": "neither", "step": "step", "offset": "offset", "both": "together"}
MISTAKES: dict[str, tuple[Callable[[Accuracies], str], ...]] = {
    "'each' is said wherever both together help. What one change does is told by the run with this change alone": (
        _of_gains(lambda step, offset, both: (both > POINTS,) * 3),
    ),
    "'together' is said wherever both help. It means that neither helps alone": (
        _of_gains(
            lambda step, offset, both: (
                (False, False, both > POINTS) if both > POINTS else (step > POINTS, offset > POINTS, False)
            )
        ),
        _renamed(each="together"),
    ),
    "'each' and 'together' are exchanged": (_renamed(each="together", together="each"),),
    "only the best of the four grids is named": (lambda table: _BEST[max(GRIDS, key=lambda grid: fmean(table[grid]))],),
    "'each' is said only where both together help as well. By the card the two single changes decide": (
        _of_gains(
            lambda step, offset, both: (
                (False, False, False)
                if min(step, offset) > POINTS >= both
                else (step > POINTS, offset > POINTS, both > POINTS)
            )
        ),
    ),
    "'neither' is said wherever both together gain nothing. By the card the single changes come first": (
        _of_gains(
            lambda step, offset, both: (
                (step > POINTS, offset > POINTS, True) if both > POINTS else (False, False, False)
            )
        ),
    ),
    "'together' is said wherever both gain 5 points more than the single changes. It means that neither helps alone": tuple(
        _of_gains(
            lambda step, offset, both, singles=singles: (
                (False, False, True)
                if both > singles((step, offset)) + POINTS
                else (step > POINTS, offset > POINTS, both > POINTS)
            )
        )
        for singles in (max, sum)
    ),
    "the two changes are compared with each other, and not each with the start": (
        lambda table: _by_two_gains(*_gains(table)),
    ),
    "what a change gains is averaged over both values of the other one. By the card it is its gain alone": (
        _of_gains(
            lambda step, offset, both: (
                step + both - offset > 2 * POINTS,
                offset + both - step > 2 * POINTS,
                both > POINTS,
            )
        ),
    ),
    "'together' is said wherever neither helps alone, without a look at both": (_renamed(neither="together"),),
    "the geometric mean over the networks stands in place of the mean": (partial(_by_the_card, of=geometric_mean),),
    "a higher accuracy counts as a loss": (partial(_by_the_card, more=lambda own, start: start - own > POINTS),),
    "the means are rounded before they are compared": (
        partial(_by_the_card, of=lambda own: round(fmean(own))),
        partial(_by_the_card, of=lambda own: round(fmean(own), -1)),
    ),
    "one change alone is named where only both together help": (
        _renamed(together="step"),
        _renamed(together="offset"),
    ),
    "'step' is said wherever both together help": (
        _of_gains(lambda step, offset, both: (both > POINTS, False, False)),
    ),
    "'offset' is said wherever both together help": (
        _of_gains(lambda step, offset, both: (False, both > POINTS, False)),
    ),
    "'step' and 'offset' are exchanged": (_renamed(step="offset", offset="step"),),
    "only the change that gains more is named, where each helps": (_of_gains(_the_larger),),
    "'step' is said without a question about the offset": (
        _of_gains(lambda step, offset, both: (step > POINTS, offset > POINTS >= step, both > POINTS)),
    ),
    "'offset' is said without a question about the step": (
        _of_gains(lambda step, offset, both: (step > POINTS >= offset, offset > POINTS, both > POINTS)),
    ),
    "'neither' is said where only both together help. Whoever stops after the single changes does not see it": (
        _renamed(together="neither"),
    ),
    "the second change is measured where the first is made already, and not against the start. Where one of them has done its work, the "
    "other has little left to do": (
        _of_gains(lambda step, offset, both: (step > POINTS, both - step > POINTS, both > POINTS)),
        _of_gains(lambda step, offset, both: (both - offset > POINTS, offset > POINTS, both > POINTS)),
        _of_gains(lambda step, offset, both: (both - offset > POINTS, both - step > POINTS, both > POINTS)),
        _of_gains(lambda step, offset, both: (both - offset > POINTS, both - step > POINTS, False)),
    ),
    "a change that does harm counts as one that helps": (
        partial(_by_the_card, more=lambda own, start: abs(own - start) > POINTS),
    ),
    "per cent of the start are compared with 5, and not points: from 40 % to 42 % it is 2 points": (
        partial(_by_the_card, more=lambda own, start: own > 1.05 * start),
    ),
    "it is asked whether a gain is larger than its own error, and not whether it is larger than 5 points": (
        _in_pairs(lambda gains: fmean(gains) > 2 * stdev(gains) / len(gains) ** 0.5),
        _in_pairs(lambda gains: fmean(gains) > stdev(gains)),
    ),
    "gains of 5 points and less count as well": _limits(0, 0.05, 0.5, 1, 2, 3, 4, 4.5),
    "a gain counts only from a limit above 5 points": _limits(5.5, 6, 7, 8, 10, 12, 15, 20, 24, 25, 30),
    "the gains of the networks are added up, and the sum is compared with 5": (partial(_by_the_card, of=sum),),
    "'each' is said only where both together are better still": (
        _of_gains(
            lambda step, offset, both: (
                (step > POINTS, offset > POINTS, both > POINTS)
                if both > max(step, offset) + POINTS
                else _the_larger(step, offset, both)
            )
        ),
    ),
    "'together' is said only where both gain 5 points more than each alone. By the card both are compared with the start": (
        _of_gains(
            lambda step, offset, both: (step > POINTS, offset > POINTS, both > max(step, offset) + POINTS),
        ),
    ),
    "a network that loses is left out, or counts as one that gains nothing": (
        _in_pairs(lambda gains: fmean(max(0.0, gain) for gain in gains) > POINTS),
        _in_pairs(lambda gains: fmean([gain for gain in gains if gain > 0] or [0.0]) > POINTS),
    ),
    "something else than the mean over the networks decides: the best, the worst, the middle, the first or the last of them, or how many "
    "of them gain": (
        *(partial(_by_the_card, of=of) for of in (max, min, median, lambda own: own[0], lambda own: own[-1])),
        _in_pairs(lambda gains: min(gains) > POINTS),
        _in_pairs(lambda gains: max(gains) > POINTS),
        _in_pairs(lambda gains: median_low(gains) > POINTS),
    ),
}
"""What an experiment does that comes to a wrong conclusion -> what it concludes, in one way of doing it or several."""

FAMILIES = (
    _Family(
        "step",
        "the smaller step gains 30 points, with the offset or without it; the offset alone gains nothing",
        {"step": 30.0, "offset": -2.0, "both": 29.0},
    ),
    _Family(
        "offset",
        "the offset gains 25 points, with the smaller step or without it; the smaller step alone gains nothing",
        {"step": -2.0, "offset": 25.0, "both": 24.0},
        level=45.0,
    ),
    _Family(
        "each",
        "each change gains some 25 points alone, and the two together hardly more than one of them",
        {"step": 26.0, "offset": 24.0, "both": 28.0},
    ),
    _Family(
        "together",
        "neither change gains anything alone, and the two together gain 28 points",
        {"step": -1.0, "offset": -2.0, "both": 28.0},
    ),
    _Family(
        "neither",
        "no change gains more than 3 points",
        {"step": 3.0, "offset": 2.0, "both": 3.0},
    ),
    _Family(
        "neither",
        "the smaller step loses 12 points, and the offset saves a part of them where both are made",
        {"step": -12.0, "offset": 1.0, "both": -7.0},
    ),
    _Family(
        "step",
        "the smaller step gains 6.5 points, the offset 4.6, and both together 6.8",
        {"step": 6.5, "offset": 4.6, "both": 6.8},
        luck=0.1,
    ),
    _Family(
        "offset",
        "the smaller step gains 4.6 points, the offset 5.4, and both together 9",
        {"step": 4.6, "offset": 5.4, "both": 9.0},
        luck=0.1,
    ),
    _Family(
        "together",
        "each change gains 4.6 points alone, and both together 5.4",
        {"step": 4.6, "offset": 4.6, "both": 5.4},
        luck=0.1,
    ),
    _Family(
        "neither",
        "one network of five gains 14 points from the offset, and the others nothing",
        {},
        spread=2.0,
        luck=0.1,
        odd={"offset": 14.0, "both": 14.0},
        place=0,
    ),
    _Family(
        "step",
        "one network of five gains 60 points from the smaller step, which is 12 on average, and the others nothing",
        {},
        level=30.0,
        luck=0.1,
        odd={"step": 60.0, "both": 60.0},
        place=2,
    ),
    _Family(
        "neither",
        "four networks of five gain 9 points from the offset, and the fifth loses 36: on average nothing is gained",
        {"offset": 9.0, "both": 9.0},
        level=60.0,
        luck=0.1,
        odd={"offset": -36.0, "both": -36.0},
        place=3,
    ),
    _Family(
        "step",
        "the smaller step gains 15 points alone, and only 1 where the offset is made as well",
        {"step": 15.0, "offset": -1.0, "both": 1.0},
    ),
    _Family(
        "each",
        "each change gains more than 10 points alone, and the two together only 2",
        {"step": 12.0, "offset": 11.0, "both": 2.0},
    ),
    _Family(
        "step",
        "one network of five gains 31 points from the smaller step, which is 6 on average, and the others nothing",
        {},
        level=25.0,
        spread=2.0,
        luck=0.1,
        odd={"step": 31.0, "both": 31.0},
        place=0,
    ),
    _Family(
        "step",
        "the smaller step gains 12 points, the offset 1, and both together 24",
        {"step": 12.0, "offset": 1.0, "both": 24.0},
    ),
)


def _world(family: _Family, earlier: Sequence[_Family]) -> World:
    order: dict[float, int] = {}  # seed -> which of the networks of this experiment it is

    def measure(grid: str, number: int, *, seed: float) -> float:
        if number == 0:
            order.clear()
        return family.accuracy(grid, seed, order.setdefault(seed, len(order)))

    def hint(runs: Sequence[Run], got: str) -> str:
        """Works the rule of the card out with the learner's own means, and names what would come to their conclusion."""
        seeds = list(dict.fromkeys(run.settings["seed"] for run in runs))

        def table(of: _Family) -> Accuracies:
            return {grid: [of.accuracy(grid, seed, nth) for nth, seed in enumerate(seeds)] for grid in GRIDS}

        own = table(family)
        gains = dict(zip(GRIDS[1:], _gains(own), strict=True))
        much = [grid for grid, gain in gains.items() if gain > POINTS]
        said = (
            f"Your {len(seeds)} networks have {fmean(own['start']):.1f} % on average at the start. The mean gains in points are "
            f"{', '.join(f'{grid} {gain:+.1f}' for grid, gain in gains.items())}. "
            f"Above {POINTS}: {', '.join(much) or 'none'}. By the card that is {_by_the_card(own)!r}."
        )
        before = [table(one) for one in earlier]
        fits = [
            mistake
            for mistake, ways in MISTAKES.items()
            if any(way(own) == got and all(way(one) == _by_the_card(one) for one in before) for way in ways)
        ]
        return f"{said} {got!r} comes out if {'; or if '.join(fits[:4])}." if fits else said

    return World(family.said, family.right, measure, hint)


NETWORKS = tuple(_world(family, FAMILIES[:nth]) for nth, family in enumerate(FAMILIES))


@check(
    "Exercise 2, Step or place",
    why="Each change alone, against the start and on the same networks, shows what this change does. Both together show whether "
    "they need each other. Networks differ by more than some changes gain, and so the same ones must be used for every grid.",
)
def what_helps(answer: Callable) -> None:
    """``what_helps(accuracy) -> "step", "offset", "each", "together" or "neither"``, on made-up networks."""
    investigate(
        answer,
        NETWORKS,
        arms=GRIDS,
        settings={"seed": 0},
        least={"seed": 5},
        conclusions=FINDINGS,
        name="accuracy",
    )


@st.composite
def _rows(draw: Callable) -> tuple:
    """(x, scale, zero_point, qmin, qmax): quarters of a scale, so half-way ones too, some of them out of the range."""
    qmin, qmax = draw(LIMITS)
    columns, most = draw(st.integers(1, 3)), 5 * (qmax - qmin)
    quarters = st.lists(st.integers(-most, most), min_size=columns, max_size=columns)
    # With the last two scales, division and the reciprocal round many half-way cases to different integers.
    row = st.tuples(quarters, st.sampled_from([1.0, 0.5, 0.44, 0.12]), st.integers(qmin, qmax))
    rows, scales, zeros = zip(*draw(st.lists(row, min_size=1, max_size=3)), strict=True)
    x = [[round(n / 4 * scale, 4) for n in row] for row, scale in zip(rows, scales, strict=True)]
    kind = draw(st.sampled_from([torch.int64, torch.int32]))
    return torch.tensor(x), torch.tensor(scales), torch.tensor(zeros, dtype=kind), qmin, qmax


@check(
    "Exercise 3, Quantize, row by row",
    why="A column of scales gives each row its own. The integers are PyTorch's to the last one because the operations are: the fp32 "
    "reciprocal, rounding half to even, the zero point, and the clamp last.",
)
def quantize(answer: Callable) -> None:
    """``quantize(x, scale, zero_point, qmin, qmax) -> integers``, one scale a row."""

    fp32, dividing = torch.float32, {"scaled": lambda x, s, z: x / s}

    def rule(
        *,
        to=torch.round,
        scaled=lambda x, s, z: x * (1 / s),
        order="",
        ends=torch.clamp,
        zero=1,
        at=(..., None),
        zero_at=None,
        kind=torch.int,
        real=fp32,
    ):
        def integers(x, scale, zero_point, qmin, qmax):
            x, s, z = x.to(real), scale[at].to(real), zero_point[at if zero_at is None else zero_at] * zero
            y = scaled(x, s, z)
            if order == "clamp first":
                return ends(to(y), qmin, qmax) + z
            q = to(y + z) if order == "zero first" else to(y) + (0 if order == "no zero" else z)
            return ends(q, qmin, qmax).long().to(kind)

        return integers

    usual = {
        "You cut off the digits instead of rounding to the nearest integer.": {"to": torch.trunc},
        "You round down always. Round to the nearest integer.": {"to": torch.floor},
        "You round half-way cases up. They go to the even neighbour.": {"to": lambda y: torch.floor(y + 0.5)},
        "You do not clamp: values outside the range need the nearest end, qmin or qmax.": {"ends": lambda q, *_: q},
        "You clamp before you add the zero point. The clamp comes last.": {"order": "clamp first"},
        "You add the zero point before you round. The sum is rounded, too, and an odd one turns half-way cases round.": {
            "order": "zero first"
        },
        "You left out the zero point.": {"zero": 0},
        "Your scales lie along the columns. There is one for each row: scale[:, None].": {"at": ...},
    }
    others = {
        "You round half-way cases away from 0. They go to the even neighbour.": {
            "to": lambda y: y.sign() * torch.floor(y.abs() + 0.5)
        },
        "You turn floats into int32 before the clamp: beyond 2^31 it overflows. Clamp first.": {
            "ends": lambda q, *limits: ((q.long() + 2**31) % 2**32 - 2**31).clamp(*limits)
        },
        "Your integers do not stop at qmin. Clamp at both ends.": {"ends": lambda q, qmin, qmax: q.clamp(max=qmax)},
        "Your integers do not stop at qmax. Clamp at both ends.": {"ends": lambda q, qmin, qmax: q.clamp(min=qmin)},
        "You clamp to -128 … 127 whatever qmin and qmax are.": {"ends": lambda q, qmin, qmax: q.clamp(-128, 127)},
        "You subtract the zero point. It is added: it is the integer that stands for 0.": {"zero": -1},
        "All rows get the scale and zero point of the first. Each has its own.": {"at": 0},
        "You do not clamp but take int8, where large values wrap round.": {"ends": lambda q, *_: q, "kind": torch.int8},
        "Your result is int8: where qmax is 255, integers above 127 wrap round. Take int32.": {"kind": torch.int8},
        "Your result is uint8: where qmin is below 0, negative integers wrap round. Take int32.": {"kind": torch.uint8},
        "You turn the integers into int8 before the clamp: what does not fit wraps round. Clamp first.": {
            "ends": lambda q, *limits: ((q + 128) % 256 - 128).clamp(*limits)
        },
        "You multiply by the scale. It is the step of the grid: how many steps is x? Multiply by 1 / scale.": {
            "scaled": lambda x, s, z: x * s
        },
        "You round up always. Round to the nearest integer.": {"to": torch.ceil},
        "You add the zero point and cut off the digits of the sum. Round to the nearest integer, before you add it.": {
            "to": torch.trunc,
            "order": "zero first",
        },
        "You take the zero point from x before you divide. It counts integers, not the units of x: add it after the rounding.": {
            "scaled": lambda x, s, z: (x - z) * (1 / s),
            "order": "no zero",
        },
        "You add the zero point to x before you divide. It counts integers, not the units of x: add it after the rounding.": {
            "scaled": lambda x, s, z: (x + z) * (1 / s),
            "order": "no zero",
        },
        "All rows get the scale of the first. Each has its own.": {"at": 0, "zero_at": (..., None)},
        "All rows get the zero point of the first. Each has its own.": {"zero_at": 0},
        "All rows get the mean of the scales. Each has its own.": {"scaled": lambda x, s, z: x / s.mean()},
        "You clamp at qmax - 1. qmax itself is one of the integers: clamp(qmin, qmax).": {
            "ends": lambda q, qmin, qmax: q.clamp(qmin, qmax - 1)
        },
        "You clamp at -qmax. The lower end is qmin.": {"ends": lambda q, qmin, qmax: q.clamp(-qmax, qmax)},
        "You clamp to 0 … 255 whatever qmin and qmax are.": {"ends": lambda q, qmin, qmax: q.clamp(0, 255)},
        "The two ends of your clamp are swapped, so that all becomes one of them. It is clamp(qmin, qmax).": {
            "ends": lambda q, qmin, qmax: q.clamp(qmax, qmin)
        },
        "What is out of the range becomes 0. It needs the nearest end, qmin or qmax.": {
            "ends": lambda q, qmin, qmax: torch.where((q < qmin) | (q > qmax), 0, q)
        },
        "What is out of the range wraps round to the other end. It needs the nearest end, qmin or qmax.": {
            "ends": lambda q, qmin, qmax: (q - qmin) % (qmax - qmin + 1) + qmin
        },
        "You compute in half precision, which has eleven bits. Stay in fp32.": {"real": torch.float16},
    }
    wrong = {
        "You divide by the scale. PyTorch multiplies by its fp32 reciprocal, which shows half-way.": rule(**dividing),
        "You compute in float64. PyTorch takes the reciprocal in fp32, which shows half-way.": (
            rule(real=torch.float64),
            rule(real=torch.float64, **dividing),
        ),
        **{hint: rule(**mistake) for hint, mistake in (usual | others).items()},
    }
    wrong["You return floats on the grid. Return the integers that stand for them."] = (
        lambda x, scale, zero_point, *ends: (
            (rule()(x, scale, zero_point, *ends) - zero_point[:, None]) * scale[:, None]
        ),
        lambda x, scale, zero_point, *ends: rule()(x, scale, zero_point, *ends) * scale[:, None],
    )
    wrong["You do not round. Between two integers take the nearest, before you add the zero point."] = tuple(
        lambda x, scale, zero_point, qmin, qmax, scaled=scaled, end=end: end(
            scaled(x, scale[:, None]) + zero_point[:, None], qmin, qmax
        )
        for scaled in (lambda x, s: x * (1 / s), lambda x, s: x / s)
        for end in (torch.clamp, lambda y, *_: y)
    )
    for hint, mistake in usual.items():  # the same, made while dividing
        wrong[f"{hint} And multiply by 1 / scale in place of dividing."] = rule(**dividing, **mistake)
    edges = [
        (torch.tensor([[0.9, -1.6], [0.334, 2.48]]), torch.tensor([0.5, 0.02]), torch.tensor([0, 5]), -128, 127),
        (torch.tensor([[-9.0, 9.0, 3e10]]), torch.tensor([1.0]), torch.tensor([-2]), -8, 7),
        (torch.zeros(1, 2), torch.ones(1), torch.tensor([0]), -128, 127),
    ]
    names = ("x", "scale", "zero_point", "qmin", "qmax")
    compare(answer, right=rule(), wrong=wrong, names=names, edges=edges, inputs=_rows(), rtol=0.0)
