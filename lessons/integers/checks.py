"""Checks of the lesson `integers`, quantization from scratch."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch

from course_utils.exercises.core import Mistake, check, run, try_cases


@check("Exercise 1, Scale and zero point")
def qparams(answer: Callable) -> None:
    """``qparams(values, qmin, qmax) -> (scale, zero_point)``."""

    def rule(*, widen=True, steps=0, whole=round, zero=lambda qmin, at, whole: qmin - whole(at), symmetric=False):
        def parameters(values, qmin, qmax):
            low, high = values.min().item(), values.max().item()
            if widen:
                low, high = min(low, 0.0), max(high, 0.0)
            if symmetric:
                high = max(-low, high)
                low = -high
            if low == high == 0:
                return 1.0, qmin
            scale = (high - low) / (qmax - qmin + steps) or 1.0
            return scale, 0 if symmetric else zero(qmin, low / scale, whole)

        return parameters

    wrong = {
        "Your range does not hold 0 where all values have one sign: widen it, so that 0 has an integer.": rule(
            widen=False
        ),
        "Your zero point is no whole number. It is an integer of the grid: round it.": rule(whole=float),
        "You divide by the number of integers. Between 256 integers there are 255 steps: qmax - qmin.": rule(steps=1),
        "You cut the zero point off instead of rounding it to the nearest integer.": rule(whole=math.trunc),
        "You round the zero point always to one side. Take the nearest integer.": rule(whole=math.floor),
        "The sign before low / scale is wrong: low is negative, and the zero point lies above qmin.": rule(
            zero=lambda qmin, at, whole: qmin + whole(at)
        ),
        "Your zero point counts from 0. The low end is at qmin.": rule(zero=lambda qmin, at, whole: -whole(at)),
        "You made the range symmetric. Here it goes from the smallest to the largest value.": rule(symmetric=True),
    }

    def pair(value):
        scale, zero_point = value
        return float(scale), float(zero_point)

    cases = [
        (torch.tensor([-1.0, 0.25, 2.0]), -128, 127),
        (torch.tensor([0.5, 3.0]), 0, 255),
        (torch.tensor([[-4.1, -1.0], [-0.5, -2.0]]), -128, 127),
        (torch.tensor([-3.0, 1.7, 0.0]), 0, 15),
        (torch.tensor([5.0, -0.61]), -8, 7),
        (torch.zeros(3), -128, 127),
    ]
    try_cases(answer, right=rule(), wrong=wrong, names=("values", "qmin", "qmax"), cases=cases, convert=pair)


@check("Exercise 2, Quantize, row by row")
def quantize(answer: Callable) -> None:
    """``quantize(x, scale, zero_point, qmin, qmax) -> integers``, one scale a row."""

    def rule(*, integer=torch.round, divide=False, inside=False, limits=True, zero=True, columns=False, early=False):
        def integers(x, scale, zero_point, qmin, qmax):
            shape = (1, -1) if columns and len(scale) == x.shape[1] else (-1, 1)
            s, z = scale.reshape(shape), zero_point.reshape(shape) * zero
            y = x / s if divide else x * (1 / s)
            if early:
                return integer(y).clamp(qmin, qmax) + z
            q = integer(y + z) if inside else integer(y) + z
            return (q.clamp(qmin, qmax) if limits else q).int()

        return integers

    mistakes = {
        "You cut off the digits instead of rounding to the nearest integer.": {"integer": torch.trunc},
        "You round down always. Round to the nearest integer.": {"integer": torch.floor},
        "You add one half and round down. Half-way cases must go to the even neighbour: torch.round does that.": {
            "integer": lambda y: torch.floor(y + 0.5)
        },
        "You do not clamp: values outside the range need the nearest end, qmin or qmax.": {"limits": False},
        "You clamp before you add the zero point. The clamp comes last.": {"early": True},
        "You add the zero point before you round. With an odd one, half-way cases then go the other way.": {
            "inside": True
        },
        "You left out the zero point.": {"zero": False},
        "Your scales lie along the columns. There is one for each row: scale[:, None].": {"columns": True},
    }
    wrong = {hint: rule(**mistake) for hint, mistake in mistakes.items()}
    wrong["You rely on int8 in place of the clamp: there a value outside the range wraps round."] = lambda *args: rule(
        limits=False
    )(*args).to(torch.int8)
    wrong["You divide by the scale. PyTorch multiplies by its fp32 reciprocal, and half-way cases show it."] = rule(
        divide=True
    )
    for hint, mistake in mistakes.items():  # the same mistakes, made while dividing
        wrong[f"{hint} And multiply by 1 / scale in place of dividing."] = rule(divide=True, **mistake)
    try_cases(
        answer,
        right=rule(),
        wrong=wrong,
        names=("x", "scale", "zero_point", "qmin", "qmax"),
        cases=_row_cases(),
        rtol=0.0,
    )


@check("Exercise 3, A matrix product of integers")
def int_matmul(answer: Callable) -> None:
    """``int_matmul(xq, x_zero, wq, w_zero) -> int32 (batch, outputs)``."""

    def parts(xq, zx, wq, zw):
        x, w = xq.long(), wq.long()
        n = x.shape[1]
        return x @ w.T, zx * w.sum(1)[None], zw * x.sum(1, keepdim=True), n * zx * zw

    def rule(a, b, c):
        """Signs of the three cross terms: of x's zero point, of w's, of both."""

        def sums(*args):
            products, of_x, of_w, both = parts(*args)
            return products + a * of_x + b * of_w + c * both

        return sums

    def narrow(dtype, signs=(-1, -1, 1)):
        return lambda *args: rule(*signs)(*args).to(dtype)

    def narrow_products(dtype):
        return lambda *args: parts(*args)[0].to(dtype).long() + rule(-1, -1, 1)(*args) - parts(*args)[0]

    def narrow_differences(xq, zx, wq, zw):
        x, w = ((q.long() - z).to(torch.int8).long() for q, z in ((xq, zx), (wq, zw)))
        return x @ w.T

    wrong = {
        "You dropped all cross terms: this is the product of the integers, without their zero points.": rule(0, 0, 0),
        "The cross term with w_zero is missing: the weights have a zero point here, too.": rule(-1, 0, 0),
        "The cross term with x_zero is missing.": rule(0, -1, 0),
        "The last term is missing: n · x_zero · w_zero was subtracted twice and must be added once.": rule(-1, -1, 0),
        "The last term has the wrong sign: n · x_zero · w_zero is added.": rule(-1, -1, -1),
        "You add the cross terms. They are subtracted.": rule(1, 1, 1),
        "You forgot n in the last term: the product of the zero points is added once for each input.": lambda xq, zx, wq, zw: (
            rule(-1, -1, 0)(xq, zx, wq, zw) + zx * zw
        ),
        "Your sum overflowed in int8. Convert both to int32 before you multiply.": narrow(torch.int8),
        "Your products are added in int8, where they overflow. Convert to int32 before the matrix product.": narrow_products(
            torch.int8
        ),
        "Your result overflowed in int16. It needs int32.": narrow(torch.int16),
        "Your products are added in int16, where they overflow. Take int32.": narrow_products(torch.int16),
        "You subtract the zero points in int8, where -128 - 5 wraps round to 123. Convert to int32 first.": narrow_differences,
    }
    try_cases(
        answer,
        right=rule(-1, -1, 1),
        wrong=wrong,
        names=("xq", "x_zero", "wq", "w_zero"),
        cases=_product_cases(),
        rtol=0.0,
    )


@check("Exercise 4, An observer of your own")
def update_range(answer: Callable) -> None:
    """``update_range(state, batch) -> (low, high)``, folded over several batches."""

    def pair(state):
        low, high = (float(end) for end in state)
        return low, high

    def folded(update):
        def fold(*batches):
            state = None
            for batch in batches:
                state = update(state, batch)
            return pair(state)

        return fold

    def rule(*, reach=3.0, ends=True, join=(min, max), absolute=False, centre=True, start=None):
        def update(state, batch):
            b = batch.abs() if absolute else batch
            low, high = b.min().item(), b.max().item()
            middle, width = b.mean().item() if centre else 0.0, reach * b.std().item()
            lower, upper = middle - width, middle + width
            if ends and reach < math.inf:
                lower, upper = max(lower, low), min(upper, high)
            elif reach == math.inf:
                lower, upper = low, high
            old = state if state is not None else start
            return (lower, upper) if old is None else (join[0](old[0], lower), join[1](old[1], upper))

        return update

    def last(old, new):
        return new

    mistakes = {
        "You keep the last batch only: join its range with the state.": {"join": (last, last)},
        "You take |x|: then the low end is never below 0, and negative values are clipped.": {"absolute": True},
        "Your range is the minimum and maximum. An outlier stretches that: use the mean ± 3 standard deviations.": {
            "reach": math.inf
        },
        "Your range goes beyond the batch's own minimum or maximum: no value lies there.": {"ends": False},
        "You take the narrowest range. Over the batches keep the lowest low and the highest high.": {
            "join": (max, min)
        },
        "You average over the batches. Keep the lowest low and the highest high.": {
            "join": (lambda a, b: (a + b) / 2, lambda a, b: (a + b) / 2)
        },
        "You go one standard deviation from the mean. The card says three.": {"reach": 1.0},
        "You go two standard deviations from the mean. The card says three.": {"reach": 2.0},
        "You measure from 0. The three standard deviations count from the batch's mean.": {"centre": False},
        "You begin with (0, 0): a batch of one sign then gets a range that it does not have. Begin with its own.": {
            "start": (0.0, 0.0)
        },
    }
    wrong = {hint: folded(rule(**mistake)) for hint, mistake in mistakes.items()}
    try_cases(
        lambda *batches: _fold_answer(answer, batches, pair),
        right=folded(rule()),
        wrong=wrong,
        cases=_range_cases(),
        rtol=1e-3,
    )


def _fold_answer(answer: Callable, batches: tuple, pair: Callable) -> tuple[float, float]:
    """Run the learner's function over the batches. Raises Mistake when a state is no pair of numbers."""
    state = None
    for batch in batches:
        state = run(answer, (state, batch), ("state", "batch"))
        try:
            pair(state)
        except (TypeError, ValueError):
            raise Mistake(
                f"Your function returned {str(state)[:60]!r}.",
                "Return two numbers, (low, high): they come back to you as the next state.",
            ) from None
    return pair(state)


@check("Exercise 5, The best clip")
def best_clip(answer: Callable) -> None:
    """``best_clip(values, candidates, bits) -> float``, one of the candidates."""

    def rule(*, power=2, which="all", width=None, worst=False):
        def best(values, candidates, bits):
            bits = width or bits

            def error(c):
                scale, half = 2 * c / (2**bits - 1), 2 ** (bits - 1)
                inside = values.clamp(-c, c)
                back = torch.round(values / scale).clamp(-half, half - 1) * scale
                kept = values.abs() <= c
                off = {
                    "all": back - values,
                    "kept": (back - values)[kept],
                    "inside": back - inside,
                    "clipped": values - inside,
                }[which]
                return off.abs().pow(power).mean().item() if off.numel() else math.inf

            return max(candidates, key=error) if worst else min(candidates, key=error)

        return best

    def nearest(wanted):
        return lambda values, candidates, bits: min(candidates, key=lambda c: abs(c - wanted(values)))

    wrong = {
        "You take the largest |value|: nothing is clipped, and with few bits the steps are too coarse.": nearest(
            lambda values: values.abs().max().item()
        ),
        "You minimise the mean absolute error. Asked for is the squared one, which counts large errors more.": rule(
            power=1
        ),
        "You count the rounding only: compare with the values themselves, not with the clipped ones.": rule(
            which="inside"
        ),
        "You leave out the clipped values. Their error counts too: it is what keeps the clip from shrinking.": rule(
            which="kept"
        ),
        "You count the clipping only, not the rounding.": rule(which="clipped"),
        "You use 8 bits always. The number of bits is an argument: fewer bits want a smaller clip.": rule(width=8),
        "You take the candidate with the largest error.": rule(worst=True),
        "You take a multiple of the standard deviation, whatever the bits. Measure the error of each candidate.": nearest(
            lambda values: 3 * values.std().item()
        ),
        "You take the 99 % quantile of |x|, whatever the bits. Measure the error of each candidate.": nearest(
            lambda values: values.abs().quantile(0.99).item()
        ),
    }
    cases = _clip_cases()
    share = _share(run(answer, cases[0], ("values", "candidates", "bits")), cases[0][0])
    wrong["You take a fixed fraction of the largest |value|, whatever the data and the bits."] = nearest(
        lambda values: share * values.abs().max().item()
    )
    try_cases(answer, right=rule(), wrong=wrong, names=("values", "candidates", "bits"), cases=cases)


def _share(clip: object, values: torch.Tensor) -> float:
    """The clip over the largest |value|, or NaN where the answer is no number."""
    try:
        return float(clip) / values.abs().max().item()
    except (TypeError, ValueError, RuntimeError):
        return math.nan


def _row_cases() -> list[tuple]:
    """(x, scale, zero_point, qmin, qmax): values outside the range, half-way ones, a square matrix."""
    scale = torch.tensor([0.03, 0.017])
    half_way = torch.tensor([[-56.5, -58.5, 4.5], [-3.5, -5.5, -89.5]]) * scale[:, None]  # exact in fp32 only
    return [
        (torch.tensor([[0.9, -1.6], [0.334, 2.48]]), torch.tensor([0.5, 0.02]), torch.tensor([0, 5]), -128, 127),
        (torch.tensor([[-3.0, 0.14, 20.0]]), torch.tensor([0.05]), torch.tensor([10]), 0, 255),
        (half_way, scale, torch.tensor([0, 3]), -128, 127),
        (torch.tensor([[-9.0, 9.0, 6.6]]), torch.tensor([1.0]), torch.tensor([-2]), -8, 7),
        (torch.zeros(1, 2), torch.ones(1), torch.tensor([0]), -128, 127),
    ]


def _int8(rows: int, columns: int, seed: int, *, low: int = -128, high: int = 128) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(low, high, (rows, columns), generator=generator).to(torch.int8)


def _product_cases() -> list[tuple]:
    """(xq, x_zero, wq, w_zero): small sums, sums that overflow 8 and 16 bits, differences that overflow 8."""
    return [
        (_int8(2, 3, 0, low=-3, high=4), 0, _int8(4, 3, 1, low=-3, high=4), 0),
        (_int8(3, 64, 2), 5, _int8(2, 64, 3), 0),
        (_int8(2, 50, 4), -7, _int8(3, 50, 5), 11),
        (_int8(2, 784, 6, low=100), -100, _int8(3, 784, 7, low=90), 3),
        (_int8(1, 9, 8), 0, _int8(5, 9, 9), -2),
        (torch.zeros(1, 3, dtype=torch.int8), 0, torch.zeros(1, 3, dtype=torch.int8), 0),
    ]


def _range_cases() -> list[list[torch.Tensor]]:
    """Batches that an observer sees in a row: with outliers, of one sign, narrower than the one before."""
    generator = torch.Generator().manual_seed(4)

    def noise(*shape, shift=0.0):
        return torch.randn(shape, generator=generator) + shift

    outlier = noise(200)
    outlier[17] = 60.0
    low_outlier = noise(8, 25, shift=-2.0)
    low_outlier[3, 3] = -80.0
    negative = noise(64, shift=-9.0)
    return [
        [outlier],
        [noise(300), noise(10, 10), noise(40) * 0.1],
        [noise(50) * 3, outlier, noise(30)],
        [low_outlier, noise(60, shift=1.0)],
        [negative, negative * 0.5],
        [torch.zeros(4)],
    ]


def _clip_cases() -> list[tuple]:
    """(values, candidates, bits); the largest |value| is always the last candidate."""
    generator = torch.Generator().manual_seed(5)

    def case(values, bits, n=20):
        top = values.abs().max().item()
        return values, [top * (i + 1) / n for i in range(n)], bits

    normal, mixed = (torch.randn(2000, generator=generator) for _ in range(2))
    mixed[::100] *= 4
    outlier = normal.clone()
    outlier[0] = 30.0
    even = torch.empty(2000).uniform_(-1, 1, generator=generator)
    return [
        case(normal, 4),
        case(mixed, 3),
        case(mixed, 6),
        case(normal * 0.02, 2),
        case(even, 8),
        case(outlier, 8, n=100),
        case(mixed.pow(3), 4),
        (torch.tensor([-1.0, 0.5, 1.0]), [1.0], 4),
    ]
