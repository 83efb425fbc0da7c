"""Checks of the lesson `observers`: ranges, channels, and a layer in integers."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import lru_cache
from statistics import fmean, geometric_mean, median, pvariance

import numpy as np
import torch
from hypothesis import strategies as st

from course_utils.exercises.bests import summaries
from course_utils.exercises.core import Mistake, check
from course_utils.exercises.inputs import numbers, shapes, tensors
from course_utils.exercises.investigation import (
    MOST_RUNS,
    Run,
    World,
    comes_out,
    investigate,
    numbered,
    one_alone,
    one_in_three,
)
from course_utils.exercises.search import compare
from course_utils.exercises.values import ARRAYS, is_number, same

FLOATS = st.sampled_from([torch.float32, torch.float64])


@st.composite
def _products(draw: Callable) -> tuple:
    """(xq, x_zero, wq, w_zero): small integers, and some whose sums need more than 8 or 16 bits."""
    batch, outputs, n = draw(st.integers(1, 3)), draw(st.integers(1, 3)), draw(st.integers(1, 4))
    integers = draw(st.sampled_from([st.integers(-3, 3), st.integers(-128, 127), st.sampled_from([-128, 127])]))
    zeros = st.integers(-128, 127)
    xq, wq = (draw(tensors((rows, n), integers, torch.int8)) for rows in (batch, outputs))
    return xq, draw(zeros), wq, draw(zeros)


@check(
    "Exercise 2, A matrix product of integers",
    why="Converted to int32 first, neither the differences nor their sums can overflow, and integer sums are exact. Written out, the "
    "product has four terms: two of them subtract sums of a row, and the last adds back what both have subtracted.",
)
def int_matmul(answer: Callable) -> None:
    """``int_matmul(xq, x_zero, wq, w_zero) -> int32 (batch, outputs)``."""

    def rows(q):
        return q.sum(1)

    def rule(
        of_x=-1, of_w=-1, of_both=1, *, products=torch.matmul, x_sums=rows, w_sums=rows, n=lambda x, w: x.shape[1]
    ):
        """The right sums with other signs of the three cross terms (0: left out), or with parts replaced."""

        def sums(xq, zx, wq, zw):
            x, w = xq.long(), wq.long()
            cross = of_x * zx * w_sums(w) + of_w * zw * x_sums(x).reshape(-1, 1) + of_both * n(x, w) * zx * zw
            return (products(x, w.T) + cross).int()

        return sums

    def narrow(dtype):
        return lambda *args: rule()(*args).to(dtype).int()

    def narrow_products(dtype):
        return rule(products=lambda x, w: (x @ w).to(dtype))

    def narrow_differences(xq, zx, wq, zw):
        x, w = ((q.long() - z).to(torch.int8) for q, z in ((xq, zx), (wq, zw)))
        return rule()(x, 0, w, 0)

    def in_floats(dtype):
        return lambda xq, zx, wq, zw: ((xq.to(dtype) - zx) @ (wq.to(dtype) - zw).T).float().nan_to_num().int()

    def clamped_differences(xq, zx, wq, zw):
        x, w = ((q.long() - z).clamp(-128, 127) for q, z in ((xq, zx), (wq, zw)))
        return rule()(x, 0, w, 0)

    def corrected(by):
        """The product of the stored integers, minus a number that is the same for all."""
        return lambda xq, zx, wq, zw: rule(0, 0, 0)(xq, zx, wq, zw) - by(zx, zw)

    def elementwise(xq, zx, wq, zw):
        return (xq.int() - zx) * (wq.int() - zw)

    def as_unsigned(x=True, w=True):
        def sums(xq, zx, wq, zw):
            return rule()(xq.view(torch.uint8) if x else xq, zx, wq.view(torch.uint8) if w else wq, zw)

        return sums

    def multiplied_in(dtype):
        """Each product wraps round in this type; the sums and the cross terms do not."""
        return rule(products=lambda x, w: (x[:, :, None] * w[None]).to(dtype).long().sum(1))

    def narrow_difference(x, w):
        """Only one of the two is subtracted in int8."""

        def sums(xq, zx, wq, zw):
            one = (xq.long() - zx).to(torch.int8) if x else xq.long() - zx
            return rule()(one, 0, (wq.long() - zw).to(torch.int8) if w else wq.long() - zw, 0)

        return sums

    def sums_in_a_row(xq, zx, wq, zw):
        x, w = xq.long(), wq.long()
        return x @ w.T - zx * w.sum(1) - zw * x.sum(1) + x.shape[1] * zx * zw

    def swapped(xq, zx, wq, zw):
        return rule()(xq, zw, wq, zx)

    def view(value, xq, zx, wq, zw):
        kind = str(value.dtype).removeprefix("torch.") if issubclass(type(value), ARRAYS) else ""
        if "float" in kind and value.shape == (len(xq), len(wq)):
            raise Mistake(
                f"Your function returned {kind}. The card asks for int32.",
                "Convert to int32 before you subtract or multiply, or turn a result that is exact into integers. fp32 is not exact "
                "where sums are large.",
            )
        return value

    wrong = {
        "You multiply the integers alone: all cross terms are missing.": rule(0, 0, 0),
        "Both cross terms with w_zero are missing: the weights have a zero point here, too.": rule(-1, 0, 0),
        "Both cross terms with x_zero are missing.": rule(0, -1, 0),
        "The cross term of w_zero and the sums of xq is missing.": rule(-1, 0, 1),
        "The cross term of x_zero and the sums of wq is missing.": rule(0, -1, 1),
        "The last term is missing: n · x_zero · w_zero was subtracted twice and must be added once.": rule(-1, -1, 0),
        "The last term has the wrong sign: n · x_zero · w_zero is added.": rule(-1, -1, -1),
        "You add the zero points. They are subtracted from the integers.": rule(1, 1, 1),
        "You add x_zero to xq. It is subtracted, like w_zero.": rule(1, -1, -1),
        "You add w_zero to wq. It is subtracted, like x_zero.": rule(-1, 1, -1),
        "One of the two cross terms is added. Both are subtracted; only n · x_zero · w_zero is added.": (
            rule(1, -1, 1),
            rule(-1, 1, 1),
        ),
        "Only the last term is there: the cross terms, which are subtracted, are missing.": rule(0, 0, 1),
        "The last term adds the zero points. It is their product, n times: n · x_zero · w_zero.": (
            lambda xq, zx, wq, zw: rule(of_both=0)(xq, zx, wq, zw) + xq.shape[1] * (zx + zw)
        ),
        "You take the zero points off once, from the finished sum. Each of the n products has them: subtract them from the integers, or "
        "use the sums of the rows.": (
            corrected(lambda zx, zw: zx + zw),
            corrected(lambda zx, zw: zx * zw),
        ),
        "You subtract both zero points from xq. w_zero belongs to the weights.": lambda xq, zx, wq, zw: rule()(
            xq, zx + zw, wq, 0
        ),
        "You multiply element by element, with *. A matrix product is @: each row of xq with each row of wq, added up.": (
            elementwise,
            lambda *args: elementwise(*args).sum(-1),
        ),
        "You do not transpose wq: both matrices have the inputs in their columns, so it is xq @ wq.T.": (
            lambda xq, zx, wq, zw: (xq.int() - zx) @ (wq.int() - zw)
        ),
        "You read the int8 numbers as unsigned, so that -1 counts as 255. Convert their values: .int().": (
            as_unsigned(),
            as_unsigned(w=False),
            as_unsigned(x=False),
        ),
        "Each product is computed in int8, where it wraps round, before it is added. Convert to int32 before you multiply.": (
            multiplied_in(torch.int8)
        ),
        "You take the zero points without their sign. One below 0 is subtracted as well, which raises the integers.": (
            lambda xq, zx, wq, zw: rule()(xq, abs(zx), wq, abs(zw))
        ),
        "You subtract one of the zero points in int8, where a difference beyond 127 wraps round. Convert both to int32 first.": (
            narrow_difference(True, False),
            narrow_difference(False, True),
        ),
        "The last term lacks n: the zero points' product is added once for each input.": rule(n=lambda x, w: 1),
        "In the last term you count the rows of xq. n is the number of its columns.": rule(n=lambda x, w: len(x)),
        "In the last term you count the outputs. n is the number of inputs, the columns of xq.": rule(
            n=lambda x, w: len(w)
        ),
        "In the last term you count all numbers of a matrix. n is that of its columns.": (
            rule(n=lambda x, w: x.numel()),
            rule(n=lambda x, w: w.numel()),
        ),
        "You divide the sums by n. Asked are the sums themselves.": lambda *args: rule()(*args) // args[0].shape[1],
        "You add up all weights. Each output has the sum of its own row of wq.": rule(w_sums=torch.sum),
        "You add up the inputs of the whole batch. Each row of xq has a sum of its own.": rule(x_sums=torch.sum),
        "You have the zero points the wrong way round: x_zero is subtracted from xq, so it multiplies the sums of wq; and "
        "w_zero those of xq.": swapped,
        "Your result has the shape (outputs, batch). It must be (batch, outputs).": lambda *args: rule()(*args).T,
        "Your result overflowed in int8. It needs int32.": narrow(torch.int8),
        "Your products are added in int8, where they overflow. Take int32.": narrow_products(torch.int8),
        "Your result overflowed in int16. It needs int32.": narrow(torch.int16),
        "Your products are added in int16, where they overflow. Take int32.": narrow_products(torch.int16),
        "Your result is clamped to what int8 holds. The sums are larger: they need int32.": lambda *args: rule()(
            *args
        ).clamp(-128, 127),
        "Your differences are clamped to what int8 holds. They go from -255 to 255: take int32.": clamped_differences,
        "You subtract in int8, where -128 - 5 wraps round to 123. Convert to int32 first.": narrow_differences,
        "You add in fp32, which is not exact beyond 2^24. Take int32.": (
            in_floats(torch.float32),
            rule(products=lambda x, w: (x.float() @ w.float()).long()),
        ),
        "You add in 16-bit floats, which have too few digits for such sums. Take int32.": (
            in_floats(torch.float16),
            in_floats(torch.bfloat16),
        ),
        "Your sums of xq lie in a row, one for each output. There is one for each input: a column, sum(1, keepdim=True).": (
            sums_in_a_row
        ),
    }
    zero, low = torch.zeros(1, 3, dtype=torch.int8), torch.full((1, 2), -128, dtype=torch.int8)
    # 1101 · 127² is odd and more than 2^24: fp32 does not have it, whether the zero points are subtracted before or after
    long = torch.full((1, 1101), 127, dtype=torch.int8)
    edges = [(low, 127, low, 127), (low, 5, -(low // 2), 0), (zero, 0, zero, 0), (long, 0, long, 0)]
    names = ("xq", "x_zero", "wq", "w_zero")
    compare(answer, right=rule(), wrong=wrong, names=names, edges=edges, inputs=_products(), rtol=0.0, view=view)


OBSERVERS = ("min_max", "average", "percentile")
BATCHES, BATCH = 20, 500  # of one calibration


def _ranges(batches: np.ndarray) -> dict[str, tuple[float, float]]:
    """The range of each observer after batches (BATCHES, BATCH), as on the card."""
    lows, highs = batches.min(1), batches.max(1)
    low, high = lows[0], highs[0]
    for next_low, next_high in zip(lows[1:], highs[1:], strict=True):
        low, high = low + 0.01 * (next_low - low), high + 0.01 * (next_high - high)
    ignored = batches.size // 1000
    ordered = np.sort(batches, axis=None)
    return {
        "min_max": (lows.min(), highs.max()),
        "average": (low, high),
        "percentile": (ordered[ignored], ordered[-1 - ignored]),
    }


def _squared_error(values: np.ndarray, low: float, high: float) -> float:
    scale = (high - low) / 255
    zero = -128 - round(low / scale)
    integers = np.clip(np.round(values / scale) + zero, -128, 127)
    return float(np.square((integers - zero) * scale - values).mean())


def _source(
    right: str,
    said: str,
    hint: str,
    spoil: Callable,
    *,
    at_work: Callable | None = None,
    fits: Callable[[Sequence[Run], str], bool] = lambda runs, got: True,
) -> World:
    """Data between -1 and 1; `spoil` changes those of the calibration in place, `at_work` those that come later.

    The hint is for the runs and conclusions that it `fits`; others are told what their own runs at work say.
    """

    @lru_cache(maxsize=MOST_RUNS)
    def errors(seed: float, held_out: float) -> dict[str, float]:
        rng = np.random.default_rng(abs(hash(seed)))
        batches, later = (rng.uniform(-0.5, 0.5, (2, BATCHES, BATCH)).sum(0) for _ in range(2))
        spoil(batches)
        if at_work:
            at_work(later)
        measured = later if held_out else batches
        return {name: _squared_error(measured, *ends) for name, ends in _ranges(batches).items()}

    def measure(observer: str, number: int, *, seed: float, held_out: float) -> float:
        if held_out not in (0, 1):
            raise ValueError(f"held_out is 0 (the calibration data) or 1 (new data), got {held_out}.")
        return errors(seed, held_out)[observer]

    return World(said, right, measure, lambda runs, got: hint if fits(runs, got) else _own_means(runs, got))


def _on_calibration_data(runs: Sequence[Run], got: str) -> bool:
    """Whether some of the runs are on the calibration data themselves."""
    return any(run.settings["held_out"] != 1 for run in runs)


def _says_the_smallest(runs: Sequence[Run], got: str) -> bool:
    """Whether the conclusion is the observer with the smallest mean error, of whatever was run."""
    return got == min(OBSERVERS, key=lambda name: fmean(run.result for run in runs if run.arm == name))


def _first_batch(batches: np.ndarray) -> None:
    batches[0, :4] = 50


def _late(batches: np.ndarray) -> None:
    batches[9, :4] = 20


def _overexposed(batches: np.ndarray) -> None:
    batches[9] *= 8
    batches[9, :4] = 30


def _rare(batches: np.ndarray) -> None:
    batches[3:9, 0] = 50


LIMITS = {"four tenths": 0.4, "six tenths": 0.6, "three quarters": 0.75, "a smaller error": 1.0}


def _means(runs: Sequence[Run], pick: Callable = fmean) -> dict[str, float]:
    """The mean error of each observer at work."""
    return {
        name: pick([run.result for run in runs if run.arm == name and run.settings["held_out"] == 1])
        for name in OBSERVERS
    }


def _by_the_card(runs: Sequence[Run], pick: Callable = fmean, limit: float = 0.5) -> str:
    """The conclusion of the card for these runs."""
    mean = _means(runs, pick)
    best, second = sorted(mean, key=mean.get)[:2]
    return best if mean[best] < mean[second] * limit else "none"


def _own_means(runs: Sequence[Run], got: str) -> str:
    if {run.arm for run in runs if run.settings["held_out"] == 1} != set(OBSERVERS):
        return "Take the error on the data that come later: held_out=1."
    told = "; ".join(f"{name!r} {error:.3g}" for name, error in _means(runs).items())
    return (
        f"The mean errors of your own runs at work are: {told}. An observer serves best if its mean is less than half of each other one, "
        f"so it is {_by_the_card(runs)!r}." + comes_out(got, _other_rules(runs, got))
    )


def _other_rules(runs: Sequence[Run], got: str) -> list[str]:
    """Which rules that are not the card's give `got` for these runs: another summary, another limit."""
    others = {how: _by_the_card(runs, pick) for how, pick in summaries("draw", best=min).items()}
    others["if the geometric mean stands in place of the mean"] = _by_the_card(runs, geometric_mean)
    others |= {
        f"if {part} in place of half is asked for": _by_the_card(runs, limit=limit) for part, limit in LIMITS.items()
    }
    rows = [
        {name: fmean(run.result for run in own if run.arm == name) for name in OBSERVERS}
        for own in _of_each_draw(runs)
        if {run.arm for run in own} == set(OBSERVERS)
    ]
    winners = [min(row, key=row.get) for row in rows]
    if rows and all(min(row.values()) > 0 for row in rows):
        shares = {
            name: max(fmean(row[name] / row[other] for row in rows) for other in OBSERVERS if other != name)
            for name in OBSERVERS
        }
        others["if the mean of the quotients is taken, and not the quotient of the means"] = next(
            (name for name in OBSERVERS if shares[name] < 0.5), "none"
        )
    if winners:
        most, best = max(OBSERVERS, key=winners.count), _by_the_card(runs)
        others["if only the observer that is best in most draws is asked about"] = best if best == most else "none"
    mean = _means(runs)
    if 2 * mean["min_max"] < mean["average"]:
        others["if min_max is compared with the average alone"] = "min_max"
    return [how for how, conclusion in others.items() if conclusion == got]


def _of_each_draw(runs: Sequence[Run]) -> list[list[Run]]:
    """The runs at work, those of one draw together."""
    draws: dict[object, list[Run]] = {}
    for run in runs:
        if run.settings["held_out"] == 1:
            draws.setdefault(run.settings["seed"], []).append(run)
    return [*draws.values()]


def _uneven(said: str, which: Callable[[float], bool] = one_in_three, **errors: tuple[float, float]) -> World:
    """The usual error of each observer at work, and what some draws add to it: every third, or one alone."""

    def measure(observer: str, number: int, *, seed: float, held_out: float) -> float:
        if held_out not in (0, 1):
            raise ValueError(f"held_out is 0 (the calibration data) or 1 (new data), got {held_out}.")
        usual, more = errors[observer]
        return (usual + more * which(seed)) * (1 + 0.002 * ((seed * 31) % 5 - 2)) * (1e-5 if held_out else 2e-5)

    return World(
        said,
        lambda runs: _by_the_card(runs) if any(r.settings["held_out"] for r in runs) else OBSERVERS,
        numbered(measure) if which is one_alone else measure,
        _own_means,
    )


SOURCES = (
    _source(
        "none",
        "nothing is wrong with the data, and the three errors are nearly the same",
        "One of three is always the smallest. By the card an observer serves best only if its error is less than half of that of each "
        "of the other two.",
        lambda batches: None,
        fits=_says_the_smallest,
    ),
    _source(
        "percentile",
        "four values of the first batch are broken, and no such value comes later",
        "On the calibration data themselves a broken value counts as if it mattered, and an observer that leaves it out looks bad. Take the "
        "error on the data that come later: held_out=1.",
        _first_batch,
        fits=_on_calibration_data,
    ),
    _source(
        "average",
        "a whole batch is eight times too large, which is too much for the percentile to ignore, and some of its values are larger still",
        "The percentile is better than min_max here, and the average is better still. Look at all three before you decide.",
        _overexposed,
        fits=lambda runs, got: got == "percentile" or _on_calibration_data(runs, got),
    ),
    _source(
        "none",
        "four values of the tenth batch are broken; the average and the percentile serve about equally well, far better than min_max",
        "That one observer is bad does not make another the best: two of them are equally good here. Compare the smallest error with the "
        "second smallest.",
        _late,
        fits=lambda runs, got: got != "min_max" or _on_calibration_data(runs, got),
    ),
    _source(
        "min_max",
        "a few values are far out, and they are real: the data that come later have them as well",
        "Rare values need not be faults. Here whoever leaves them out clips what the data at work really have: min_max can be the best, too.",
        _rare,
        at_work=_rare,
        fits=lambda runs, got: got != "none" or _on_calibration_data(runs, got),
    ),
    _uneven(
        "the average has 0.46 of the error of the percentile",
        min_max=(4.0, 0.0),
        average=(0.92, 0.0),
        percentile=(2.0, 0.0),
    ),
    _uneven(
        "the percentile has 0.54 of the error of the average",
        min_max=(4.0, 0.0),
        average=(2.0, 0.0),
        percentile=(1.08, 0.0),
    ),
    _uneven(
        "the average serves best, because the others fail on every third draw",
        min_max=(1.6, 4.0),
        average=(1.0, 0.0),
        percentile=(1.7, 4.0),
    ),
    _uneven(
        "the percentile serves best in the mean, though on every third draw it is nearly as bad as the others",
        min_max=(3.8, 0.0),
        average=(3.9, 0.0),
        percentile=(0.8, 2.4),
    ),
    _uneven(
        "the average has less than half of the error of the percentile in all draws but one, in which it fails badly",
        one_alone,
        min_max=(4.0, 0.0),
        average=(1.0, 10.0),
        percentile=(2.2, 0.0),
    ),
    _uneven(
        "on every third draw the average has ten times its usual error, so that in the mean it has more than half of the others' error",
        min_max=(2.6, 0.0),
        average=(0.5, 4.5),
        percentile=(2.7, 0.0),
    ),
    _uneven(
        "the average has a fifth of the percentile's error on two draws of three, and five sixths on the third, where both are large",
        min_max=(30.0, 0.0),
        average=(1.0, 19.0),
        percentile=(5.0, 19.0),
    ),
    _uneven(
        "the average is a little better than the percentile on two draws of three, and far worse on the third",
        min_max=(9.0, 0.0),
        average=(1.0, 20.0),
        percentile=(1.1, 0.0),
    ),
    _uneven(
        "min_max has a quarter of the average's error, and two thirds of the percentile's",
        min_max=(1.0, 0.0),
        average=(4.0, 0.0),
        percentile=(1.5, 0.0),
    ),
)


@check(
    "Exercise 1, Which range serves best?",
    why="Only data like those at work tell what a range is worth. The calibration data have the fault in them, and an observer that "
    "believes in it looks good there. The same draws for all three, because one draw differs from another.",
)
def best_range(answer: Callable) -> None:
    """``best_range(error) -> "min_max", "average", "percentile" or "none"``, on made-up data."""
    investigate(
        answer,
        SOURCES,
        arms=OBSERVERS,
        settings={"seed": 0, "held_out": 0},
        least={"seed": 5},
        least_runs=5,
        conclusions=(*OBSERVERS, "none"),
        most_runs=2_000,
        name="error",
    )


@check(
    "Exercise 3, The best clip",
    why="A smaller clip makes the steps finer for the many values inside and cuts off the few outside. The mean squared error over all "
    "values counts both, so its minimum is the best compromise, wherever that lies.",
)
def best_clip(answer: Callable) -> None:
    """``best_clip(values, candidates, bits) -> float``, one of the candidates."""

    def signed(half):
        return -half, half - 1

    def clamp(v, ends):
        return min(max(v, ends[0]), ends[1])

    def off(v, c, bits, *, integer=round, of="all", steps=lambda bits: 2**bits - 1, ends=signed):
        """The error that one clip leaves in one value, as a float; `of` says which part of it is counted."""
        scale, inside = 2 * c / steps(bits), clamp(v, (-c, c))
        q = clamp(integer((inside if of == "clipped first" else v) / scale), ends(2 ** (bits - 1)))
        if of in ("steps", "integers"):
            return q - v / scale if of == "steps" else q - v
        back = clamp(q * scale, (-c, c)) if of == "clamped back" else q * scale
        return {"inside": back - inside, "clipped": v - inside}.get(of, back - v)

    def mean_of(power, keeps=lambda v, c: True, none=math.inf):
        def mean(values, errors, c):
            kept = [abs(e) ** power for v, e in zip(values, errors, strict=True) if keeps(v, c)]
            return sum(kept) / len(kept) if kept else none

        return mean

    squares = mean_of(2)

    def loss(values, c, bits, *, over=squares, of_values=torch.Tensor.flatten, **part):
        kept = of_values(values.double()).tolist()
        return over(kept, [off(v, c, bits, **part) for v in kept], c)

    def rule(*, choose=min, width=lambda bits: bits, **part):
        return lambda values, candidates, bits: choose(candidates, key=lambda c: loss(values, c, width(bits), **part))

    def nearest(wanted):
        return lambda values, candidates, bits: min(candidates, key=lambda c: abs(c - wanted(values.double())))

    def top(values):
        return values.abs().max().item()

    def not_beyond(values, candidates, bits):
        return rule()(values, [c for c in candidates if c <= top(values)] or candidates, bits)

    def least_that_covers(values, candidates, bits):
        return min((c for c in candidates if c >= top(values)), default=max(candidates))

    def until_it_rises(ordered):
        def stopped(values, candidates, bits):
            best, *others = ordered(candidates)
            for c in others:
                if loss(values, c, bits) > loss(values, best, bits):
                    break
                best = c
            return best

        return stopped

    def place_in_another_order(there, here):
        def taken(values, candidates, bits):
            losses = [loss(values, c, bits) for c in there(candidates)]
            return here(candidates)[losses.index(min(losses))]

        return taken

    def expected_error(end):
        """The squared error by the formula: s² / 12 for what is rounded, and what lies beyond the end as it is."""

        def estimated(values, c, bits):
            s = 2 * c / (2**bits - 1)
            return s**2 / 12 + (values.double() - values.double().clamp(-c, end(c, s))).square().mean().item()

        return lambda values, candidates, bits: min(candidates, key=lambda c: estimated(values, c, bits))

    def step_of_the_largest(values, candidates, bits):
        scale, half = 2 * (top(values) or 1) / (2**bits - 1), 2 ** (bits - 1)
        back = (values.double() / scale).round().clamp(-half, half - 1) * scale
        return min(candidates, key=lambda c: (back.clamp(-c, c) - values).square().mean().item())

    def wrapped(values, c, bits):
        scale, half = 2 * c / (2**bits - 1), 2 ** (bits - 1)
        q = ((values.double() / scale).round() + half).remainder(2**bits) - half
        return (q * scale - values).square().mean().item()

    def over_what_came_back(values, errors, c):
        return sum(e * e for e in errors) / (sum((v + e) ** 2 for v, e in zip(values, errors, strict=True)) or 1e-30)

    def view(value, values, candidates, bits):
        if not is_number(value):
            raise Mistake("Your function did not return one number.", "Return one of the candidates.")
        named = [c for c in candidates if same(c, value, rtol=1e-6)]
        if not named:
            losses, best = [loss(values, c, bits) for c in candidates], rule()(values, candidates, bits)
            errors, hint = (
                [min(losses), min(losses) ** 0.5, min(losses) * values.numel()],
                "Return one of the candidates.",
            )
            if isinstance(value, int) and same(candidates.index(best), value):
                hint = "You return the best one's position. Return the candidate."
            elif any(same(error, value, rtol=1e-3, atol=1e-9) for error in errors):
                hint = "You return the least error. Return its candidate."
            elif same(candidates.index(best), value):
                hint = "You return the best one's position. Return the candidate."
            raise Mistake("Your function returned none of the candidates.", hint)
        return [loss(values, named[0], bits)]

    wrong = {
        "You take the candidate nearest to the largest |value|. That alone does not decide: measure the error of each.": nearest(
            top
        ),
        "You take a fixed share of the largest |value|. Measure each candidate.": tuple(
            nearest(lambda v, share=share: share * top(v)) for share in (0.9, 0.5, 0.75)
        ),
        "You take the candidate nearest to the largest value, with its sign. Measure the error of each.": nearest(
            lambda v: v.max().item()
        ),
        "You go by a rule of thumb: so many standard deviations, a quantile, or the mean |value|. Measure the error of each candidate.": (
            *(nearest(lambda v, n=n: n * v.std(correction=0).item()) for n in (1, 2, 3)),
            nearest(lambda v: v.abs().mean().item()),
            *(nearest(lambda v, share=share: v.abs().flatten().quantile(share).item()) for share in (0.9, 0.99, 0.999)),
        ),
        "You take the largest candidate. Measure the error of each.": lambda values, candidates, bits: max(candidates),
        "You take the smallest candidate. Measure the error of each.": lambda values, candidates, bits: min(candidates),
        "You take the smallest candidate that clips nothing. Clipping may pay: measure the error of each.": (
            least_that_covers
        ),
        "You leave out candidates beyond the largest |value|. Their grids are others, and may fit better: measure all.": (
            not_beyond
        ),
        "You take the first candidate. Measure the error of each.": lambda values, candidates, bits: candidates[0],
        "You take the last candidate. Measure the error of each.": lambda values, candidates, bits: candidates[-1],
        "You take the middle candidate. Measure the error of each.": lambda values, candidates, bits: sorted(
            candidates
        )[len(candidates) // 2],
        "You stop where the error rises for the first time. It may fall again: try all candidates.": tuple(
            until_it_rises(ordered) for ordered in (list, sorted, lambda these: sorted(these, reverse=True))
        ),
        "You find the best one's place in one order of the candidates, and look it up in another: as they came, and sorted.": (
            place_in_another_order(list, sorted),
            place_in_another_order(sorted, list),
        ),
        "You count the values that are clipped. How far they lie outside matters, and so does the rounding: measure the error.": (
            lambda values, candidates, bits: min(candidates, key=lambda c: (values.abs() > c).sum().item())
        ),
        "You estimate the rounding as s² / 12, which holds for the mean over many values. Round these values, and measure.": (
            expected_error(lambda c, s: c),
            expected_error(lambda c, s: c - s / 2),
        ),
        "Your step comes from the largest |value|. Each candidate has a step of its own: 2c / (2^b - 1).": step_of_the_largest,
        "Your integers wrap round where they are too large. Clamp them: what lies outside becomes the last integer.": (
            lambda values, candidates, bits: min(candidates, key=lambda c: wrapped(values, c, bits))
        ),
        "You take the median of the squared errors. Then the few large ones count for nothing: take the mean.": (
            rule(over=lambda values, errors, c: sorted(e * e for e in errors)[(len(errors) - 1) // 2]),
            rule(over=lambda values, errors, c: median(e * e for e in errors)),
        ),
        "You minimise the mean absolute error. Squared, large errors count more.": rule(over=mean_of(1)),
        "You weigh large errors by their size and small ones by their square, as a Huber loss does. Square all of them.": rule(
            over=lambda values, errors, c: sum(e * e / 2 if abs(e) < 1 else abs(e) - 0.5 for e in errors)
        ),
        "You take the variance of the errors, without their mean. What all errors have in common counts, too.": rule(
            over=lambda values, errors, c: pvariance(errors)
        ),
        "You minimise a higher power of the errors than their squares, which leaves the largest ones to decide.": (
            rule(over=mean_of(3)),
            rule(over=mean_of(4)),
        ),
        "You minimise the largest error. The mean of the squares counts them all.": rule(
            over=lambda values, errors, c: max(map(abs, errors))
        ),
        "You add up the errors before you square them, or not squared at all. Those above and below cancel: square each, then take the "
        "mean.": (
            rule(over=lambda values, errors, c: abs(sum(errors))),
            rule(over=lambda values, errors, c: sum(errors)),
            rule(over=lambda values, errors, c: -sum(errors)),
        ),
        "You divide each error by its value. The squared errors count as they are.": rule(
            over=lambda values, errors, c: sum((e / (abs(v) + 1e-9)) ** 2 for v, e in zip(values, errors, strict=True))
        ),
        "You compare integers with value / scale, so that errors count in steps, which differ from clip to clip. Go back to floats "
        "first.": rule(of="steps"),
        "You compare the integers with the values. Multiply them by the scale first.": rule(of="integers"),
        "You count the rounding only. Compare with the values, not with the clipped ones.": rule(of="inside"),
        "You leave out the clipped values. Their error counts, too.": (
            rule(over=mean_of(2, lambda v, c: abs(v) <= c)),
            rule(over=mean_of(2, lambda v, c: abs(v) <= c, none=0.0)),
            rule(over=lambda values, errors, c: sum(e * e for v, e in zip(values, errors, strict=True) if abs(v) <= c)),
        ),
        "You count the clipping only, not the rounding.": rule(of="clipped"),
        "You do not clamp the integers, so nothing is ever clipped.": rule(ends=lambda half: (-math.inf, math.inf)),
        "You clamp the result to -c … c in place of the integers. The lowest level is -c - s/2, the highest c - s/2.": rule(
            of="clamped back", ends=lambda half: (-math.inf, math.inf)
        ),
        "One of your integers is 2^(b-1), to which c may round. The largest is 2^(b-1) - 1.": (
            rule(of="clipped first", ends=lambda half: (-math.inf, math.inf)),
            rule(ends=lambda half: (-half, half)),
        ),
        "Below 0 your grid ends where it ends above, at 2^(b-1) - 1 steps (perhaps you round |values|). The card's lowest integer is "
        "-2^(b-1), one further down.": rule(ends=lambda half: (1 - half, half - 1)),
        "Your integers begin at 0. They go from -2^(b-1) to 2^(b-1) - 1: the values have both signs.": rule(
            ends=lambda half: (0, 2 * half - 1)
        ),
        "Your levels are spread from -c to c. The card's are whole steps s, half a step further down: from -c - s/2 to c - s/2.": rule(
            integer=lambda x: math.floor(x) + 0.5, ends=lambda half: (0.5 - half, half - 0.5)
        ),
        "You do not round. A value inside becomes a whole number of steps, and its error is what this changes.": rule(
            integer=lambda x: x
        ),
        "You cut the digits off. Round to the nearest integer.": rule(integer=math.trunc),
        "You round down. Round to the nearest integer.": rule(integer=math.floor),
        "You round up. Round to the nearest integer.": rule(integer=math.ceil),
        "You divide 2c by 2^b. Between 2^b integers there are 2^b - 1 steps.": rule(steps=lambda bits: 2**bits),
        "You divide c by 2^(b-1) - 1. The card's scale is 2c / (2^b - 1).": rule(steps=lambda bits: 2**bits - 2 or 1),
        "You divide c by 2^b - 1. From -c to c it is 2c.": rule(steps=lambda bits: 2 * (2**bits - 1)),
        "You multiply 2c by the number of steps. The scale is one step: 2c / (2^b - 1).": rule(
            steps=lambda bits: 1 / (2**bits - 1)
        ),
        "You take 2 · b or b² in place of 2^b, which is 2 ** bits in Python.": (
            rule(steps=lambda bits: 2 * bits - 1),
            rule(steps=lambda bits: bits**2 - 1),
        ),
        "You use a fixed number of bits. With fewer bits a smaller clip is often better: take `bits`.": (
            rule(width=lambda bits: 8),
            rule(width=lambda bits: 4),
        ),
        "You count one bit too few or too many: with b bits there are 2^b integers.": (
            rule(width=lambda bits: bits - 1),
            rule(width=lambda bits: bits + 1),
        ),
        "You leave out the values below 0, or those above. All of them count.": tuple(
            rule(
                over=lambda values, errors, c, sign=sign: sum(
                    e * e for v, e in zip(values, errors, strict=True) if sign * v > 0
                )
            )
            for sign in (1, -1)
        ),
        "You look at one row of the values, or at one column. All of them count.": tuple(
            rule(of_values=lambda v, of=of: of(v).flatten())
            for of in (
                lambda v: v[:1] if v.dim() > 1 else v,
                lambda v: v[-1:] if v.dim() > 1 else v,
                lambda v: v[..., :1],
                lambda v: v[:1],
                lambda v: v[-1:],
            )
        ),
        "You take the candidate with the largest error.": rule(choose=max),
        "You divide the squared error by the mean square of what came back, which is smaller the more is clipped. Compare the errors as "
        "they are, or over the mean square of the values.": rule(over=over_what_came_back),
    }
    values = FLOATS.flatmap(lambda dtype: tensors(shapes(dims=(1, 2), most=3), numbers(-4, 4, step=0.25), dtype))
    candidates = st.lists(numbers(0.25, 5, step=0.25), min_size=1, max_size=5, unique=True)
    inputs = st.tuples(values, candidates, st.integers(2, 8))
    edges = [
        (torch.tensor([-1.0, 0.5, 1.0]), [1.0], 4),
        (torch.tensor([-1.0, 0.25, 0.5, 2.0]), [0.5, 1.5, 1.0, 2.0], 2),
        (torch.tensor([0.01, -0.008, 0.003]), [0.001, 0.01, 0.005], 4),  # small errors
        (torch.tensor([3e-4, -2.61e-4, 1.07e-4]), [1e-4, 2e-4, 3e-4], 4),  # whose squares are 0 in half precision
        (torch.tensor([50.0, 40.0]), [1.0, 20.0, 2.0], 4),  # large ones
        (torch.tensor([-3.0, -3.0]), [3.0, 4.5, 2.0], 2),  # from small to large the error rises, and falls again
        (torch.tensor([-1.5]), [1.5, 2.25, 1.0], 2),
        (torch.tensor([-0.75, -0.75]), [0.75, 1.125, 0.5], 2),
        (torch.tensor([1.0, -3.0]), [3.0, 2.0, 4.0], 2),  # and here from large to small
        (torch.tensor([-1.0, 2.0]), [4.0, 1.0, 3.0], 2),  # of two, one leaves less error, and the other less of it
        (torch.tensor([-2.0, 4.0]), [8.0, 2.0, 6.0], 2),
        (torch.tensor([8.0, 3.0]), [6.0, 8.0], 2),  # one large error, or two small ones
        (torch.tensor([1.0, 1.0, 1.0, 50.0]), [50.0, 49.84, 47.5], 2),  # a quantile lies between the two largest
    ]
    parts = {"names": ("values", "candidates", "bits"), "edges": edges, "inputs": inputs, "view": view}
    compare(answer, right=rule(), wrong=wrong, rtol=2e-3, atol=1e-12, **parts)
