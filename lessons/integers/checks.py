"""Checks of the lesson `integers`, quantization from scratch."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from hypothesis import strategies as st

from course_utils.exercises.calls import two_numbers
from course_utils.exercises.core import check
from course_utils.exercises.inputs import numbers, shapes, tensors
from course_utils.exercises.search import compare

FLOATS = st.sampled_from([torch.float32, torch.float64])
LIMITS = st.sampled_from([(0, 15), (-8, 7), (0, 255), (-128, 127), (0, 127), (-127, 127)])  # qmin, qmax


@check("Exercise 1, Scale and zero point")
def qparams(answer: Callable) -> None:
    """``qparams(values, qmin, qmax) -> (scale, zero_point)``."""

    def rule(
        *, low=lambda v: min(v, 0.0), high=lambda v: max(v, 0.0), zero=lambda at, q: q - round(at), more=0, flat=1.0
    ):
        """The right map with parts replaced; `zero` takes the low end in steps, and qmin."""

        def parameters(values, qmin, qmax):
            bottom, top = low(values.min().item()), high(values.max().item())
            scale = (top - bottom) / (qmax - qmin + more) or flat
            return scale, zero(bottom / (scale or 1.0), qmin)

        return parameters

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

    def view(value, values, qmin, qmax):
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
        ),
        "Where all values are positive, your range does not hold 0. Widen its low end, too.": (
            rule(low=float),
            empty_when(flat, low=float),
        ),
        "Where all values are negative, your range does not hold 0. Widen its high end, too.": (
            rule(high=float),
            empty_when(flat, high=float),
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
        "Your zero point is always qmin. That is right only where no value is negative.": rule(zero=lambda at, q: q),
        "You divide by the number of integers. Between them there is one step less: qmax - qmin.": rule(more=1),
        "Your range is symmetric. Here it goes from the smallest to the largest value.": (
            mirrored,
            evened_out,
        ),
        "Your map is symmetric, with 0 for its zero point. Here the range need not be.": by_the_top,
        "Where all values are 0, your scale is 0: nothing can be divided by it. The card says 1.0.": rule(flat=0.0),
        "Where all values are 0, your zero point is 0. The range begins at 0 there, and its low end is qmin: 0 stands at qmin.": flat_at_0,
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


@check("Exercise 2, Quantize, row by row")
def quantize(answer: Callable) -> None:
    """``quantize(x, scale, zero_point, qmin, qmax) -> integers``, one scale a row."""

    fp32 = torch.float32

    def rule(
        *, to=torch.round, divide=False, order="", ends=torch.clamp, zero=1, at=(..., None), kind=torch.int, real=fp32
    ):
        def integers(x, scale, zero_point, qmin, qmax):
            x, s, z = x.to(real), scale[at].to(real), zero_point[at] * zero
            y = x / s if divide else x * (1 / s)
            if order == "clamp first":
                return ends(to(y), qmin, qmax) + z
            q = to(y + z) if order == "zero first" else to(y) + z
            return ends(q, qmin, qmax).long().to(kind)

        return integers

    mistakes = {
        "You cut off the digits instead of rounding to the nearest integer.": {"to": torch.trunc},
        "You round down always. Round to the nearest integer.": {"to": torch.floor},
        "You round half-way cases up. They go to the even neighbour.": {"to": lambda y: torch.floor(y + 0.5)},
        "You round half-way cases away from 0. They go to the even neighbour.": {
            "to": lambda y: y.sign() * torch.floor(y.abs() + 0.5)
        },
        "You turn floats into int32 before the clamp: beyond 2^31 it overflows. Clamp first.": {
            "ends": lambda q, *limits: ((q.long() + 2**31) % 2**32 - 2**31).clamp(*limits)
        },
        "You do not clamp: values outside the range need the nearest end, qmin or qmax.": {"ends": lambda q, *_: q},
        "Your integers do not stop at qmin. Clamp at both ends.": {"ends": lambda q, qmin, qmax: q.clamp(max=qmax)},
        "Your integers do not stop at qmax. Clamp at both ends.": {"ends": lambda q, qmin, qmax: q.clamp(min=qmin)},
        "You clamp to -128 … 127 whatever qmin and qmax are.": {"ends": lambda q, qmin, qmax: q.clamp(-128, 127)},
        "You clamp before you add the zero point. The clamp comes last.": {"order": "clamp first"},
        "You add the zero point before you round. The sum is rounded, too, and an odd one turns half-way cases round.": {
            "order": "zero first"
        },
        "You left out the zero point.": {"zero": 0},
        "You subtract the zero point. It is added: it is the integer that stands for 0.": {"zero": -1},
        "Your scales lie along the columns. There is one for each row: scale[:, None].": {"at": ...},
        "All rows get the scale and zero point of the first. Each has its own.": {"at": 0},
        "You do not clamp but take int8, where large values wrap round.": {"ends": lambda q, *_: q, "kind": torch.int8},
        "Your result is int8: where qmax is 255, integers above 127 wrap round. Take int32.": {"kind": torch.int8},
    }
    wrong = {
        "You divide by the scale. PyTorch multiplies by its fp32 reciprocal, which shows half-way.": rule(divide=True),
        "You compute in float64. PyTorch takes the reciprocal in fp32, which shows half-way.": rule(real=torch.float64),
        **{hint: rule(**mistake) for hint, mistake in mistakes.items()},
    }
    wrong["You return floats on the grid. Return the integers that stand for them."] = (
        lambda x, scale, zero_point, *ends: (rule()(x, scale, zero_point, *ends) - zero_point[:, None]) * scale[:, None]
    )
    for hint, mistake in mistakes.items():  # the same mistakes, made while dividing
        wrong[f"{hint} And multiply by 1 / scale in place of dividing."] = rule(divide=True, **mistake)
    edges = [
        (torch.tensor([[0.9, -1.6], [0.334, 2.48]]), torch.tensor([0.5, 0.02]), torch.tensor([0, 5]), -128, 127),
        (torch.tensor([[-9.0, 9.0, 3e10]]), torch.tensor([1.0]), torch.tensor([-2]), -8, 7),
        (torch.zeros(1, 2), torch.ones(1), torch.tensor([0]), -128, 127),
    ]
    names = ("x", "scale", "zero_point", "qmin", "qmax")
    compare(answer, right=rule(), wrong=wrong, names=names, edges=edges, inputs=_rows(), rtol=0.0)
