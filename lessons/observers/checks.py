"""Checks of the lesson `observers`: ranges, channels, and a layer in integers."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from hypothesis import strategies as st

from course_utils.exercises.calls import described, run, two_numbers
from course_utils.exercises.core import Mistake, check
from course_utils.exercises.inputs import numbers, shapes, tensors
from course_utils.exercises.search import compare
from course_utils.exercises.values import ARRAYS, is_number, same, show

FLOATS = st.sampled_from([torch.float32, torch.float64])


@st.composite
def _products(draw: Callable) -> tuple:
    """(xq, x_zero, wq, w_zero): small integers, and some whose sums need more than 8 or 16 bits."""
    batch, outputs, n = draw(st.integers(1, 3)), draw(st.integers(1, 3)), draw(st.integers(1, 4))
    integers = draw(st.sampled_from([st.integers(-3, 3), st.integers(-128, 127), st.sampled_from([-128, 127])]))
    zeros = st.integers(-128, 127)
    xq, wq = (draw(tensors((rows, n), integers, torch.int8)) for rows in (batch, outputs))
    return xq, draw(zeros), wq, draw(zeros)


@check("Exercise 1, A matrix product of integers")
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

    def in_fp32(xq, zx, wq, zw):
        return ((xq.float() - zx) @ (wq.float() - zw).T).int()

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
        "The last term lacks n: the zero points' product is added once for each input.": rule(n=lambda x, w: 1),
        "In the last term you count the rows of xq. n is the number of its columns.": rule(n=lambda x, w: len(x)),
        "You add up all weights. Each output has the sum of its own row of wq.": rule(w_sums=torch.sum),
        "You add up the inputs of the whole batch. Each row of xq has a sum of its own.": rule(x_sums=torch.sum),
        "You have the zero points the wrong way round: x_zero is subtracted from xq, so it multiplies the sums of wq; and "
        "w_zero those of xq.": swapped,
        "Your result has the shape (outputs, batch). It must be (batch, outputs).": lambda *args: rule()(*args).T,
        "Your result overflowed in int8. It needs int32.": narrow(torch.int8),
        "Your products are added in int8, where they overflow. Take int32.": narrow_products(torch.int8),
        "Your result overflowed in int16. It needs int32.": narrow(torch.int16),
        "Your products are added in int16, where they overflow. Take int32.": narrow_products(torch.int16),
        "You subtract in int8, where -128 - 5 wraps round to 123. Convert to int32 first.": narrow_differences,
        "You add in fp32, which is not exact beyond 2^24. Take int32.": (
            in_fp32,
            rule(products=lambda x, w: (x.float() @ w.float()).long()),
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


@st.composite
def _batches(draw: Callable) -> tuple[list[torch.Tensor]]:
    """Batches that an observer sees in a row, of any sign; some have a value beyond three standard deviations."""
    dtype, batches = draw(FLOATS), []
    for _ in range(draw(st.integers(1, 3))):
        if draw(st.booleans()):  # among 12 values one may lie beyond 3 standard deviations, if the others are alike
            shape, most = draw(st.sampled_from([(12,), (3, 4), (2, 2, 3)])), draw(st.sampled_from([20.0, -20.0, 40.0]))
            batch = torch.full(shape, draw(numbers(-4, 4, step=0.5)), dtype=dtype)
            batch.view(-1)[0], batch.view(-1)[draw(st.integers(2, 11))] = draw(numbers(-4, 4, step=0.5)), most
        else:
            elements = draw(st.sampled_from([numbers(-4, 4), numbers(1, 4), numbers(-4, -1)]))
            batch = draw(tensors(shapes(dims=(1, 2), least=2, most=3), elements, dtype))
        batches.append(batch)
    return (batches,)


# Batches after which an end of the range is exactly 0, and one that lies wholly on one side of it.
AFTER_0 = [
    ([0.0, 0.0], [0.125, 0.125]),
    ([0.0, 0.0], [-0.125, -0.125]),
    ([0.0, 1.0, 2.0], [1.0, 2.0, 3.0]),
    ([-1.0, 0.0], [-3.0, -2.0]),
]


@check("Exercise 2, An observer of your own")
def update_range(answer: Callable) -> None:
    """``update_range(state, batch) -> (low, high)``, folded over several batches."""

    def view(state, *args):
        return two_numbers(state, "two numbers, (low, high): they come back to you as the next state")

    probe, first = torch.tensor([1.0, 2.0]), []

    def remembers_nothing():
        """One and the same first call, before each series: what came before must not show in it."""
        try:
            now = view(run(answer, (None, probe.clone()), ("state", "batch")))
        except Mistake:  # it is told with the batches
            return
        first.append(now)
        if repr(now) != repr(first[0]):  # of floats, and nan is itself
            raise Mistake(
                "Your function does not always return the same for the same input.",
                "It hangs on chance, or keeps something from earlier calls. What it knows of earlier batches must come in `state`; "
                "None is a new beginning.",
                (
                    ("your call", described((None, probe), ("state", "batch"))),
                    ("first", show(first[0])),
                    ("later", show(now)),
                ),
            )

    def of_answer(batches):
        remembers_nothing()
        state = None
        for batch in batches:
            state = run(answer, (state, batch), ("state", "batch"))
            try:
                view(state)
            except Mistake:  # it is told with the whole call
                break
        return state

    def within(end, low, high):
        return min(max(end, low), high)

    def free(end, low, high):
        return end

    def last(old, new):
        return new

    def limited_late(batches):
        state = None
        for b in batches:
            ends = b.min().item(), b.max().item()
            middle, width = b.mean().item(), 3 * b.std().item()
            low, high = state or (math.inf, -math.inf)
            state = within(min(low, middle - width), *ends), within(max(high, middle + width), *ends)
        return state

    def with_falsy_0(joined, low, high):
        def fold(batches):
            state = None
            for now in (folded()([b]) for b in batches):
                if not state or joined(state):
                    state = now
                else:
                    state = min(low(state[0], now[0]), now[0]), max(high(state[1], now[1]), now[1])
            return state

        return fold

    def trimmed(b):
        kept = b[(b - b.mean()).abs() <= 3 * b.std()]
        return kept if len(kept) > 1 else b

    def always(old, new):
        return old

    def if_any(old, new):
        return old or new

    def folded(
        *, reach=3.0, low=within, high=within, join=(min, max), of=lambda b: b, centre=1, less=1, power=1, start=None
    ):
        def fold(batches):
            state = start
            for b in map(of, batches):
                ends = b.min().item(), b.max().item()
                middle, width = centre * b.mean().item(), reach * b.std(correction=less).item() ** power
                now = low(middle - width, *ends), high(middle + width, *ends)
                state = now if state is None else tuple(j(*both) for j, *both in zip(join, state, now, strict=True))
            return state

        return fold

    wrong = {
        "You keep the last batch only: join its range with the state.": folded(join=[last, last]),
        "You limit the joined range by this batch's ends. Limit the batch's own range first, then join.": limited_late,
        "You keep the range of the first batch. Later ones may widen it.": folded(join=[lambda old, new: old] * 2),
        "Your low end is that of the last batch. Keep the lowest of all.": folded(join=[last, max]),
        "Your high end is that of the last batch. Keep the highest of all.": folded(join=[min, last]),
        "You join to the narrowest range. Keep the lowest low and the highest high.": folded(join=(max, min)),
        "You average over the batches. Keep the lowest low and the highest high.": folded(
            join=[lambda old, new: (old + new) / 2] * 2
        ),
        "You take |x|: then the low end is never below 0, and negative values are clipped.": folded(of=torch.abs),
        "Your range is the minimum and maximum, however far out. Take the mean ± 3 deviations.": folded(reach=1e6),
        "You leave out the values beyond 3 deviations and take the least and the largest of the others. The ends are the mean "
        "± 3 deviations themselves.": folded(of=trimmed, reach=1e6),
        "Your range goes beyond the batch's own minimum or maximum: no value lies there.": folded(low=free, high=free),
        "Your low end goes below the batch's own minimum: no value lies there.": folded(low=free),
        "Your high end goes above the batch's own maximum: no value lies there.": folded(high=free),
        "Your high end is the batch's maximum, however far out. Limit it like the low end.": folded(
            high=lambda end, low, high: high
        ),
        "Your low end is the batch's minimum, however far out. Limit it like the high end.": folded(
            low=lambda end, low, high: low
        ),
        "A state that holds a 0 counts as none in your function. 0 is a number like others: ask whether state is None.": (
            with_falsy_0(lambda state: False, if_any, if_any),
            with_falsy_0(lambda state: False, if_any, always),
            with_falsy_0(lambda state: False, always, if_any),
            with_falsy_0(lambda state: not any(state), always, always),
            with_falsy_0(lambda state: not all(state), always, always),
        ),
        "You take the wider one of the two ranges. Take the narrower one.": folded(low=min, high=max),
        "You go one standard deviation from the mean. The card says three.": folded(reach=1.0),
        "You go two standard deviations from the mean. The card says three.": folded(reach=2),
        "You measure from 0. The three standard deviations count from the batch's mean.": folded(centre=0),
        "Your standard deviation divides by the number of values. batch.std() divides by one less.": folded(less=0),
        "0 is always in your range. Here the range is the batches' own, with or without 0.": folded(start=(0.0, 0.0)),
        "Your reach is three variances. The standard deviation is the root of one.": folded(power=2),
        "You return the high end first. The low end comes first.": lambda batches: folded()(batches)[::-1],
    }
    outlier, other = torch.zeros(12), torch.tensor([[1.0, 2.0], [2.0, 3.0]])
    outlier[3] = 24.0
    edges = [([batch],) for batch in (torch.zeros(4), outlier, other)] + [([other, -outlier, -other],)]
    edges.append(
        ([outlier * 5 / 6 + 4, outlier],)
    )  # the first high end lies between the second's own and its largest value
    edges += [([torch.tensor(values) for values in rows],) for rows in AFTER_0]
    parts = {"names": ("one call for each of these batches",), "edges": edges, "inputs": _batches(), "view": view}
    compare(of_answer, right=folded(), wrong=wrong, rtol=1e-4, atol=1e-4, **parts)


@check("Exercise 3, The best clip")
def best_clip(answer: Callable) -> None:
    """``best_clip(values, candidates, bits) -> float``, one of the candidates."""

    def off(values, c, bits, *, integer=torch.round, of="all", steps=lambda bits: 2**bits - 1, limits=True):
        """The errors of the values that one clip leaves."""
        scale, half = 2 * c / steps(bits), 2 ** (bits - 1)
        inside = values.clamp(-c, c)
        q = integer((inside if of == "clipped first" else values) / scale)
        back = (q.clamp(-half, half - 1) if limits else q) * scale
        errors = {"inside": back - inside, "clipped": values - inside, "kept": (back - values)[values.abs() <= c]}
        return errors.get(of, back - values)

    def loss(values, c, bits, *, power=2, **part):
        errors = off(values.double(), c, bits, **part)
        return errors.abs().pow(power).mean().item() if errors.numel() else math.inf

    def rule(*, choose=min, width=None, **part):
        return lambda values, candidates, bits: choose(candidates, key=lambda c: loss(values, c, width or bits, **part))

    def nearest(wanted):
        return lambda values, candidates, bits: min(candidates, key=lambda c: abs(c - wanted(values)))

    def top(values):
        return values.abs().max().item()

    def not_beyond(values, candidates, bits):
        return rule()(values, [c for c in candidates if c <= top(values)] or candidates, bits)

    def until_it_rises(values, candidates, bits):
        best, *others = candidates
        for c in others:
            if loss(values, c, bits) > loss(values, best, bits):
                break
            best = c
        return best

    def view(value, values, candidates, bits):
        if not is_number(value):
            raise Mistake("Your function did not return one number.", "Return one of the candidates.")
        named = [c for c in candidates if same(c, value, rtol=1e-6)]
        return [loss(values, named[0], bits)] if named else ["no candidate", value]

    wrong = {
        "You take the candidate nearest to the largest |value|. That alone does not decide: measure the error of each.": nearest(
            top
        ),
        "You take a fixed share of the largest |value|. Measure each candidate.": nearest(lambda v: 0.9 * top(v)),
        "You take the largest candidate. Measure the error of each.": lambda values, candidates, bits: max(candidates),
        "You take the smallest candidate. Measure the error of each.": lambda values, candidates, bits: min(candidates),
        "You leave out candidates beyond the largest |value|. Their grids are others, and may fit better: measure all.": (
            not_beyond
        ),
        "You take the first candidate. Measure the error of each.": lambda values, candidates, bits: candidates[0],
        "You stop where the error rises for the first time. It may fall again: try all candidates.": until_it_rises,
        "You minimise the mean absolute error. Squared, large errors count more.": rule(power=1),
        "You count the rounding only. Compare with the values, not with the clipped ones.": rule(of="inside"),
        "You leave out the clipped values. Their error counts, too.": rule(of="kept"),
        "You count the clipping only, not the rounding.": rule(of="clipped"),
        "You do not clamp the integers, so nothing is ever clipped.": rule(limits=False),
        "One of your integers is 2^(b-1), to which c may round. The largest is 2^(b-1) - 1.": rule(
            of="clipped first", limits=False
        ),
        "You cut the digits off. Round to the nearest integer.": rule(integer=torch.trunc),
        "You round down. Round to the nearest integer.": rule(integer=torch.floor),
        "You divide 2c by 2^b. Between 2^b integers there are 2^b - 1 steps.": rule(steps=lambda bits: 2**bits),
        "You divide c by 2^(b-1) - 1. The card's scale is 2c / (2^b - 1).": rule(steps=lambda bits: 2**bits - 2),
        "You divide c by 2^b - 1. From -c to c it is 2c.": rule(steps=lambda bits: 2 * (2**bits - 1)),
        "You use 8 bits always. With fewer bits a smaller clip is often better.": rule(width=8),
        "You take the candidate with the largest error.": rule(choose=max),
        "You return the best one's position. Return the candidate.": lambda v, cs, b: cs.index(rule()(v, cs, b)),
        "You return the least error. Return its candidate.": lambda v, cs, b: min(loss(v, c, b) for c in cs),
    }
    values = FLOATS.flatmap(lambda dtype: tensors(shapes(dims=(1, 2), most=3), numbers(-4, 4, step=0.25), dtype))
    candidates = st.lists(numbers(0.25, 5, step=0.25), min_size=1, max_size=5, unique=True)
    inputs = st.tuples(values, candidates, st.integers(2, 8))
    edges = [
        (torch.tensor([-1.0, 0.5, 1.0]), [1.0], 4),
        (torch.tensor([-1.0, 0.25, 0.5, 2.0]), [0.5, 1.5, 1.0, 2.0], 2),
        (torch.tensor([0.01, -0.008, 0.003]), [0.001, 0.01, 0.005], 4),  # small errors
        (torch.tensor([50.0, 40.0]), [1.0, 20.0, 2.0], 4),  # large ones
    ]
    parts = {"names": ("values", "candidates", "bits"), "edges": edges, "inputs": inputs, "view": view}
    compare(answer, right=rule(), wrong=wrong, rtol=2e-3, atol=1e-8, **parts)
