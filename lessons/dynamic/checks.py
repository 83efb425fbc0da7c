"""Checks of the lesson `dynamic`, dynamic quantization."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from statistics import fmean, median

import torch
from hypothesis import strategies as st

from course_utils.exercises.bests import summaries_of_times
from course_utils.exercises.core import Mistake, check
from course_utils.exercises.inputs import numbers, tensors
from course_utils.exercises.investigation import Run, World, comes_out, investigate, numbered, told
from course_utils.exercises.rules import still_possible
from course_utils.exercises.search import compare


def _span(low: torch.Tensor, high: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    return low.clamp(max=0), high.clamp(min=0)


def _of_call(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    return _span(x.min(), x.max())


def _layer(
    *,
    span: Callable = _of_call,
    scaled: Callable = lambda width: width / 255,
    clamp: tuple[int, int] = (0, 255),
    rounding: Callable = torch.round,
    whole_zero: Callable = torch.round,
    code: Callable = lambda x, scale, low, zero, rounding: rounding(x / scale) + zero,
    difference: Callable = lambda q, zero: q - zero,
    product: Callable = lambda q, w: q @ w.T,
    back: Callable = lambda sums, scale, w_scale, bias: sums * (scale * w_scale) + bias,
) -> Callable:
    """The layer; each switch is one of its rules, done otherwise."""

    def layer(x, w_q, w_scale, bias):
        low, high = span(x)
        scale = scaled(high - low)
        zero = whole_zero(-low / scale)
        q = code(x, scale, low, zero, rounding).clamp(*clamp)
        return back(product(difference(q, zero), w_q.float()), scale, w_scale, bias)

    return layer


def _of_range(span: Callable) -> tuple[Callable, Callable]:
    """The layer with a range of its own; in int32 a scale of 0 gives other numbers than in floats."""

    def in_int32(x, w_q, w_scale, bias):
        low, high = span(x)
        scale = (high - low) / 255
        zero = torch.round(-low / scale)
        q = (torch.round(x / scale) + zero).clamp(0, 255)
        return (q - zero).int() @ w_q.int().T * (scale * w_scale) + bias

    return _layer(span=span), in_int32


def _wrapping(bits: int) -> Callable:
    """The layer with sums that wrap round at so many bits."""

    def layer(x, w_q, w_scale, bias):
        scale = _scales(x, w_scale)
        sums = torch.round(_layer()(x, w_q, w_scale, 0 * bias) / scale).long()
        return ((sums + 2 ** (bits - 1)) % 2**bits - 2 ** (bits - 1)) * scale + bias

    return layer


def _symmetric(x, w_q, w_scale, bias):
    scale = x.abs().max() / 127
    return torch.round(x / scale) @ w_q.float().T * (scale * w_scale) + bias


def _scales(x, w_scale):
    low, high = _of_call(x)
    return (high - low) / 255 * w_scale


def _by_column(x, w_q, w_scale, bias):
    low, high = _span(x.amin(0), x.amax(0))
    scale = ((high - low) / 255).clamp(min=1e-12)
    zero = torch.round(-low / scale)
    q = (torch.round(x / scale) + zero).clamp(0, 255)
    return ((q - zero) * scale) @ w_q.float().T * w_scale + bias


@st.composite
def _calls(draw: Callable) -> tuple[torch.Tensor, torch.Tensor, float, torch.Tensor]:
    """(x, w_q, w_scale, bias). Where the scale is a power of two, float32 holds every step exactly, halves too.

    Where it is not, there are no halves: float32 and float64 may round those to different sides.
    """
    rows, n_in, n_out = draw(st.integers(1, 3)), draw(st.integers(1, 3)), draw(st.integers(1, 2))
    one_sign = st.sampled_from([0, 510])
    below = draw(one_sign if rows * n_in == 1 else one_sign | st.integers(0, 510))  # half steps below 0
    low, high = -below / 2, 255 - below / 2
    value = numbers(low, high, step=0.25)
    first = value.filter(bool)  # no row is all zeros: it has no range of its own to be wrong with
    steps = torch.tensor([[draw(value if at else first) for at in range(n_in)] for _ in range(rows)])
    places = draw(st.permutations(range(rows * n_in)))
    ends = [end for end in (low, high) if end]
    for place, end in zip(places, ends, strict=False):
        steps.view(-1)[place] = end
    scale = draw(st.sampled_from([1.0, 0.5, 0.25, 2.0, 0.013071, 0.0028245]))
    x = scale * (steps if scale in (1.0, 0.5, 0.25, 2.0) else steps + 0.25 * (steps % 1 == 0.5))
    w_q = draw(tensors((n_out, n_in), st.integers(-127, 127), torch.int8))
    return x, w_q, draw(numbers(0.125, 1)), draw(tensors((n_out,)))


def _zero_once(x, w_q, w_scale, bias):
    """The zero point taken off the finished sums, in which each q has it."""
    low, high = _of_call(x)
    scale = (high - low) / 255
    sums = _layer(difference=lambda q, zero: q)(x, w_q, 1.0, 0 * bias) / scale
    return (sums - torch.round(-low / scale)) * (scale * w_scale) + bias


def _usual_spread(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    reach = 3 * x.std(correction=0)
    return _span(x.mean() - reach, x.mean() + reach)


@check(
    "Exercise 2, A dynamic int8 linear layer",
    why="x is about (q − zero point) · scale, and a weight is w · w_scale. So the product of the integers needs only one factor, "
    "scale · w_scale, to be the product of the floats: all multiplications run in integers.",
)
def dynamic_linear(answer: Callable) -> None:
    """``dynamic_linear(x, w_q, w_scale, bias) -> float tensor (batch, n_out)``."""
    right = _layer()
    wrong = {
        "Your result keeps the zero point in every q. A stored q stands for (q − zero point) · scale: take it off "
        "before the product.": _layer(difference=lambda q, zero: q),
        "Your result is that of the fixed range 0 to 1. 'On the fly' means that every call gets the range of its own "
        "input.": _layer(span=lambda x: (torch.tensor(0.0), torch.tensor(1.0))),
        "Your range is the average of the rows' ranges. A row that is wider is cut off: the range of a call is its "
        "lowest and its highest value.": _layer(span=lambda x: _span(x.amin(1).mean(), x.amax(1).mean())),
        "Your range is that of the first row. Later rows may be wider: use all of x.": _layer(
            span=lambda x: _of_call(x[0])
        ),
        "Your range is that of the last row, as a loop leaves it behind. Use all of x.": _layer(
            span=lambda x: _of_call(x[-1])
        ),
        "Your zero point is 128, whatever the range. It is round(−low / scale).": _layer(
            whole_zero=lambda zero: torch.full_like(zero, 128)
        ),
        "Your zero point comes from the highest value. It is round(−low / scale): the number that stands for 0.": _layer(
            whole_zero=lambda zero: 255 - torch.round(zero)
        ),
        "You read the int8 weights as unsigned, so that -1 counts as 255. Convert their values: .int() or .float().": (
            lambda x, w_q, w_scale, bias: right(x, w_q.view(torch.uint8), w_scale, bias)
        ),
        "Your halves go away from 0. Asked is the even neighbour, as torch.round has it.": _layer(
            rounding=lambda v: v.sign() * torch.floor(v.abs() + 0.5),
            whole_zero=lambda v: v.sign() * torch.floor(v.abs() + 0.5),
        ),
        "Your q begins at 1. It goes from 0 to 255.": _layer(clamp=(1, 255)),
        "Every row has a scale of its own in your result. torchao does that; here one scale serves the whole "
        "call.": _layer(span=lambda x: _span(x.amin(1, keepdim=True), x.amax(1, keepdim=True))),
        "Your map is symmetric, with the largest |x| at 127. Asked is 0 to 255 from lowest to highest.": _symmetric,
        "Your range does not always contain 0. Where all inputs are positive (or negative), begin (or end) at 0.": _of_range(
            lambda x: (x.min(), x.max())
        ),
        "Your range may end below 0. Where all inputs are negative, it ends at 0.": _of_range(
            lambda x: (x.min().clamp(max=0), x.max())
        ),
        "Your range may begin above 0. Where all inputs are positive, it begins at 0.": _of_range(
            lambda x: (x.min(), x.max().clamp(min=0))
        ),
        "Your sums wrap round at 256: they are added up in 8 bits. Convert both factors to int32 before the product.": (
            _wrapping(8)
        ),
        "Your sums wrap round at 65,536: they are added up in 16 bits. Convert both factors to int32.": _wrapping(16),
        "Your input has 7 bits, 0 to 127, as PyTorch's has on x86. Here it has 8: 0 to 255.": _layer(
            scaled=lambda width: width / 127, clamp=(0, 127)
        ),
        "Your input has 4 bits, 0 to 15. Here it has 8: 0 to 255.": _layer(
            scaled=lambda width: width / 15, clamp=(0, 15)
        ),
        "Your input is rounded down (floor) where the nearest whole number is asked: that lowers values by half "
        "a step on average.": (
            _layer(rounding=torch.floor),
            _layer(rounding=torch.floor, whole_zero=torch.floor),
        ),
        "Your input has its digits cut off (int, trunc) where the nearest whole number is asked.": (
            _layer(rounding=torch.trunc),
            _layer(rounding=torch.trunc, whole_zero=torch.trunc),
        ),
        "Your halves go up (as floor(x + 0.5) has it). Asked is the even neighbour, as torch.round has it.": _layer(
            rounding=lambda v: torch.floor(v + 0.5), whole_zero=lambda v: torch.floor(v + 0.5)
        ),
        "Your input is not rounded. The exercise asks for the rounding of the real layer, too.": (
            lambda x, w_q, w_scale, bias: x @ (w_q.float() * w_scale).T + bias
        ),
        "Your zero point is no whole number. Round it by itself: it is stored beside whole numbers.": (
            _layer(whole_zero=lambda zero: zero, code=lambda x, scale, low, zero, rounding: rounding(x / scale + zero)),
            _layer(whole_zero=lambda zero: zero),
        ),
        "You round x and the zero point in one go. Round x / scale, then add the zero point, which is whole "
        "already.": _layer(code=lambda x, scale, low, zero, rounding: rounding((x - low) / scale)),
        "You round x / scale + zero point in one go, which sends some halves to their other neighbour. Round x / scale first, then "
        "add the zero point.": _layer(code=lambda x, scale, low, zero, rounding: rounding(x / scale + zero)),
        "You divide the range by 254. From 0 to 255 there are 255 steps.": _layer(scaled=lambda width: width / 254),
        "Your q can be 256. Clamp it: where the range ends on halves, rounding can push its upper end over the edge.": _layer(
            clamp=(0, 256)
        ),
        "Your result lacks the scale of the weights: an int8 weight w stands for w · w_scale.": (
            lambda x, w_q, w_scale, bias: right(x, w_q, 1.0, bias)
        ),
        "You divide the range by 256. Between 256 numbers there are 255 steps.": _layer(
            scaled=lambda width: width / 256
        ),
        "Your scale is the whole range. It is one of the 255 steps in it: divide by 255.": _layer(
            scaled=lambda width: width
        ),
        "Your scale is rounded. Keep all its digits: only q and the zero point are whole numbers.": tuple(
            _layer(scaled=lambda width, places=places: torch.round(width / 255, decimals=places).clamp(min=10**-places))
            for places in (0, 1, 2)
        ),
        "Your zero point has the wrong sign: it is −low / scale.": _layer(whole_zero=lambda zero: torch.round(-zero)),
        "Your zero point is rounded down (floor, int). Asked is the nearest whole number.": _layer(
            whole_zero=torch.floor
        ),
        "Your input is rounded up (ceil). Asked is the nearest whole number.": _layer(rounding=torch.ceil),
        "Your map has its middle at 0, from −m to m with m the largest |x|. Asked is lowest to highest.": _layer(
            span=lambda x: (-x.abs().max(), x.abs().max())
        ),
        "Your range begins at 0. Negative inputs are cut off: the range begins at the lowest value where that is below "
        "0.": (
            _layer(span=lambda x: _span(0 * x.min(), x.max())),
            _layer(span=lambda x: (0 * x.min(), x.max())),
        ),
        "You return the bias alone, or numbers that come from nothing else. The product of x and the weights is missing.": (
            lambda x, w_q, w_scale, bias: bias.expand(len(x), -1) + 0 * x[:, :1]
        ),
        "Your q − zero point is stored in int8, where differences beyond 127 wrap round. Use int32.": _layer(
            difference=lambda q, zero: (q - zero).to(torch.int8).float()
        ),
        "Your integers are shifted by 128. The input has 0 to 255 here, not −128 to 127.": _layer(
            whole_zero=lambda zero: torch.round(zero) - 128
        ),
        "Your result lacks the scale of the input: a stored q stands for (q − zero point) · scale.": _layer(
            back=lambda sums, scale, w_scale, bias: sums * w_scale + bias
        ),
        "Your result lacks both scales: the sums of integers stand for sums · scale · w_scale.": _layer(
            back=lambda sums, scale, w_scale, bias: sums + bias
        ),
        "You divide by the scale of the input: a stored q stands for (q − zero point) · scale.": _layer(
            back=lambda sums, scale, w_scale, bias: sums * (w_scale / scale) + bias
        ),
        "You add the two scales. Each factor of the product has its own: multiply by both.": _layer(
            back=lambda sums, scale, w_scale, bias: sums * (w_scale + scale) + bias
        ),
        "You multiply by w_scale twice. A weight stands for w · w_scale, once.": _layer(
            back=lambda sums, scale, w_scale, bias: sums * scale * w_scale**2 + bias
        ),
        "You multiply by the scale of the input twice. A q stands for (q − zero point) · scale, once.": _layer(
            back=lambda sums, scale, w_scale, bias: sums * scale**2 * w_scale + bias
        ),
        "You round the bias to whole steps of the sums. Here it is added in floats.": _layer(
            back=lambda sums, scale, w_scale, bias: (sums + torch.round(bias / (scale * w_scale))) * (scale * w_scale)
        ),
        "Your result is made of whole numbers. Only the sums are; with the scales and the bias it is a float.": (
            _layer(back=lambda sums, scale, w_scale, bias: torch.round(sums * (scale * w_scale) + bias)),
            _layer(back=lambda sums, scale, w_scale, bias: torch.trunc(sums * (scale * w_scale) + bias)),
            _layer(back=lambda sums, scale, w_scale, bias: sums * (scale * w_scale) + torch.trunc(bias)),
        ),
        "Your weights are rounded once more, or cut off. They are integers already: multiply with w_q itself.": (
            lambda x, w_q, w_scale, bias: right(x, torch.trunc(w_q.float() * w_scale), 1.0, bias),
            lambda x, w_q, w_scale, bias: right(x, torch.round(w_q.float() * w_scale), 1.0, bias),
        ),
        "Your sums are in half precision, which has eleven bits. Use int32.": _layer(
            product=lambda q, w: (q.half() @ w.half().T).float()
        ),
        "Your result is never negative: a linear layer has no ReLU.": lambda *args: right(*args).clamp(min=0),
        "You add the bias twice.": lambda x, w_q, w_scale, bias: right(x, w_q, w_scale, 2 * bias),
        "You multiply element by element, with *. Each output is the sum over all inputs: q @ w_q.T.": (
            _layer(product=lambda q, w: q * w),
            _layer(product=lambda q, w: (q * w).sum(-1)),
        ),
        "You do not transpose w_q. Its rows are the outputs: q @ w_q.T.": _layer(product=lambda q, w: q @ w),
        "You take the zero point off once, from the finished sum. Every q has it: subtract it before the product.": _zero_once,
        "You add the zero point once more before the product. A stored q stands for (q − zero point) · scale.": _layer(
            difference=lambda q, zero: q + zero
        ),
        "You never add the zero point, or only after the clamp, which has cut off all that is negative. Add it first, then "
        "clamp to 0 … 255.": _layer(
            code=lambda x, scale, low, zero, rounding: rounding(x / scale), difference=lambda q, zero: q
        ),
        "You subtract a zero point that you have not added. q is round(x / scale) + zero point.": _layer(
            code=lambda x, scale, low, zero, rounding: rounding(x / scale)
        ),
        "You clamp to −128 … 127. The input's numbers go from 0 to 255 here.": _layer(clamp=(-128, 127)),
        "Your range is the mean ± 3 standard deviations. Asked are the lowest and the highest value.": _layer(
            span=_usual_spread
        ),
        "Your range goes from 0 to the largest |x|. It goes from the lowest value to the highest.": _layer(
            span=lambda x: (0 * x.min(), x.abs().max())
        ),
        "You have 0 in the wrong place: low is min(0, lowest) and high is max(0, highest).": _of_range(
            lambda x: (x.min().clamp(min=0), x.max().clamp(max=0))
        ),
        "Your columns have a scale each. One scale serves the whole call.": _by_column,
        "You add the bias before the scales, so that they shrink it. Convert back first, then add it.": _layer(
            back=lambda sums, scale, w_scale, bias: (sums + bias) * (scale * w_scale)
        ),
        "You subtract the bias.": lambda x, w_q, w_scale, bias: right(x, w_q, w_scale, -bias),
        "You divide by the scale of the weights: an int8 weight w stands for w · w_scale.": (
            lambda x, w_q, w_scale, bias: right(x, w_q, 1 / w_scale, bias)
        ),
        "Your result is (n_out, batch). Asked is (batch, n_out).": lambda *args: right(*args).T,
        "Your result lacks the bias.": lambda x, w_q, w_scale, bias: right(x, w_q, w_scale, 0 * bias),
        "Your q is stored in int8: 128 to 255 do not fit there and become negative. Use int32 (or uint8) for it.": _layer(
            difference=lambda q, zero: q.to(torch.uint8).to(torch.int8).float() - zero
        ),
        "Your differences q − zero point wrap round at 256, as those of uint8 do. Convert to int32 before the "
        "subtraction.": _layer(difference=lambda q, zero: (q.to(torch.uint8) - zero.to(torch.uint8)).float()),
    }
    compare(
        answer,
        right=right,
        wrong=wrong,
        names=("x", "w_q", "w_scale", "bias"),
        rtol=1e-5,
        atol=1e-4,
        edges=[
            (torch.tensor([[0.0, 1.0]]), torch.tensor([[2, 3]], dtype=torch.int8), 0.5, torch.tensor([1.0])),
            (torch.tensor([[-1.5, 253.5]]), torch.tensor([[1, 2]], dtype=torch.int8), 1.0, torch.tensor([0.0])),
        ],
        inputs=_calls(),
    )


KINDS, WIDTHS = ("fp32", "int8"), (512, 1024)


LIMIT = 1.15
LIMITS = (1.1, 1.2, 1.05, 1.25, 1.0, 1.3, 1.5, 2.0)
FACTORS = {
    "larger": {
        "if the 4 is left out of `larger`": lambda t: t["fp32", 1024] / t["fp32", 512],
        "if `larger` has a 2, for the width, in place of the 4": lambda t: t["fp32", 1024] / (2 * t["fp32", 512]),
        "if `larger` has a 16 in place of the 4": lambda t: t["fp32", 1024] / (16 * t["fp32", 512]),
        "if `larger` is the gain at 1,024 units, divided by 4": lambda t: t["fp32", 1024] / t["int8", 1024] / 4,
        "if `larger` is taken from int8": lambda t: t["int8", 1024] / (4 * t["int8", 512]),
        "if the growth of fp32 is divided by that of int8": lambda t: (
            t["fp32", 1024] * t["int8", 512] / (t["fp32", 512] * t["int8", 1024])
        ),
        "if a growth that is less than fourfold counts as well": lambda t: max(
            t["fp32", 1024] / (4 * t["fp32", 512]), 4 * t["fp32", 512] / t["fp32", 1024]
        ),
    },
    "routine": {
        "if `routine` compares both at 512 units": lambda t: t["fp32", 512] / t["int8", 512],
        "if `routine` compares both at 1,024 units": lambda t: t["fp32", 1024] / t["int8", 1024],
        "if `routine` is the gain at 1,024 units, divided by 4": lambda t: t["fp32", 1024] / t["int8", 1024] / 4,
        "if `routine` is the gain at 512 units, divided by 4": lambda t: t["fp32", 512] / t["int8", 512] / 4,
        "if `routine` is the time of int8 over that of fp32": lambda t: t["int8", 1024] / t["fp32", 512],
        "if a routine of fp32 that is the faster one counts as well": lambda t: max(
            t["fp32", 512] / t["int8", 1024], t["int8", 1024] / t["fp32", 512]
        ),
    },
}
SUMMARIES = summaries_of_times(2)


def _factors(t: Mapping[tuple, float]) -> dict[str, float]:
    """Both factors of the card, for one time of each kind and width."""
    return {"larger": t["fp32", 1024] / (4 * t["fp32", 512]), "routine": t["fp32", 512] / t["int8", 1024]}


def _decided(larger: float, routine: float, limit: float = LIMIT) -> str:
    if larger > limit and routine > limit:
        return "both"
    return "larger" if larger > limit else "routine" if routine > limit else "neither"


def _times(runs: Sequence[Run], pick: Callable = min) -> dict[tuple, float]:
    """One time of each kind at each width."""
    times: dict[tuple, list[float]] = {}
    for run in runs:
        times.setdefault((run.arm, run.settings["width"]), []).append(run.result)
    return {cell: pick(own) for cell, own in times.items()}


def _rules() -> dict[str, Callable[[Sequence[Run]], str]]:
    """Other rules than the card's, in words: each gives a conclusion for the runs."""

    def other(word: str, factor: Callable) -> Callable[[Sequence[Run]], str]:
        return lambda runs: _decided(**{**_factors(_times(runs)), word: factor(_times(runs))})

    def limited(limit: float) -> Callable[[Sequence[Run]], str]:
        return lambda runs: _decided(**_factors(_times(runs)), limit=limit)

    def summed(pick: Callable) -> Callable[[Sequence[Run]], str]:
        return lambda runs: _decided(**_factors(_times(runs, pick)))

    def swapped(runs: Sequence[Run]) -> str:
        larger, routine = _factors(_times(runs)).values()
        return _decided(routine, larger)

    def of_the_gain(runs: Sequence[Run]) -> str:
        t = _times(runs)
        return "neither" if t["fp32", 1024] / t["int8", 1024] <= 4 * LIMIT else _decided(**_factors(t))

    def the_larger_one(runs: Sequence[Run]) -> str:
        factors = _factors(_times(runs))
        said = _decided(**factors)
        return max(factors, key=factors.get) if said == "both" else said

    def of_the_product(runs: Sequence[Run]) -> str:
        factors = _factors(_times(runs))
        said = _decided(**factors)
        return "both" if said == "neither" and factors["larger"] * factors["routine"] > LIMIT else said

    def in_place_of_int8(pick: Callable) -> Callable[[Sequence[Run]], str]:
        return lambda runs: _decided(**_factors({**_times(runs), ("int8", 1024): _times(runs, pick)["int8", 1024]}))

    return {
        "if 'both' is said where only their product is above the limit": of_the_product,
        "if the mean stands in place of the least time of int8 at 1,024": in_place_of_int8(fmean),
        "if the median stands in place of the least time of int8 at 1,024": in_place_of_int8(median),
        **{words: other(word, factor) for word, others in FACTORS.items() for words, factor in others.items()},
        "if the names of the two factors are swapped": swapped,
        "if nothing is looked for where the gain is four or less": of_the_gain,
        "if the larger of two factors is named alone": the_larger_one,
        **{f"if the limit lies {'below' if x < LIMIT else 'above'} {LIMIT}, at {x:g}": limited(x) for x in LIMITS},
        **{words: summed(pick) for words, pick in SUMMARIES.items()},
    }


def _plan(many: int) -> list[tuple[str, dict[str, float]]]:
    """A full experiment with so many seeds."""
    return [(kind, {"width": width, "seed": seed}) for seed in range(many) for width in WIDTHS for kind in KINDS]


def _machine(
    right: str,
    said: str,
    hint: str,
    *,
    fp32: tuple[float, float],
    int8: tuple[float, float],
    slow: float = 1.3,
    spared: Mapping[tuple[str, int], int] | None = None,
) -> World:
    """A machine with these least milliseconds at 512 and at 1,024 units; another program makes some runs longer.

    Args:
        right, said, hint: of the world.
        fp32, int8: milliseconds at both widths.
        slow: how many times as long a disturbed run takes.
        spared: (kind, width) -> which of five repetitions is not disturbed there, where the four others are. None: one
            in five is disturbed, of fp32 at 1,024 and of int8 at 512 units, so that a mean of runs shifts both factors.
    """
    least = {"fp32": fp32, "int8": int8}

    def ms(kind: str, number: int, *, width: float, seed: float) -> float:
        if width not in WIDTHS:
            raise ValueError(f"width must be 512 or 1024, got {width:g}.")
        at = WIDTHS.index(width)
        turn = (seed + seed // 5 + KINDS.index(kind)) % 5
        if spared is None:
            hit = turn == 0 and at != KINDS.index(kind)
        else:
            hit = (kind, width) in spared and seed % 5 != spared[kind, width]
        return least[kind][at] * (slow if hit else 1 + 0.001 * turn)

    def why(runs: Sequence[Run], got: str) -> str:
        larger, routine = _factors(_times(runs)).values()
        return (
            f"{hint} By the least of your own times `larger` is {larger:.2f} and `routine` {routine:.2f}."
            + comes_out(got, still_possible(_rules(), runs, got, world=said, worlds=MACHINES, plan=_plan))
        )

    return World(said, right, numbered(ms), why)


MACHINES = (
    _machine(
        "larger",
        "fp32 takes 2.2 ms at 512 and 11.1 at 1,024 units, five times as long; int8 takes 2.1 ms at 1,024, as fp32 does for equal bytes",
        "Here fp32 and int8 take the same time for equal bytes, 2.2 and 2.1 ms. So the routine does not count, although int8 is 5.3 times as fast "
        "at 1,024 units. Compare fp32 at 512 with int8 at 1,024, and fp32 at 1,024 with fp32 at 512.",
        fp32=(2.2, 11.1),
        int8=(0.9, 2.1),
    ),
    _machine(
        "routine",
        "fp32 takes 3.1 ms at 512 and 12.6 at 1,024 units, fourfold as its bytes; for equal bytes int8 takes 2.1 ms",
        "Here fp32 grows as its bytes do, from 3.1 to 12.6 ms. But for equal bytes int8 takes 2.1 ms and fp32 3.1. Compare fp32 at 512 with int8 "
        "at 1,024.",
        fp32=(3.1, 12.6),
        int8=(0.55, 2.1),
    ),
    _machine(
        "both",
        "fp32 takes 2.9 ms at 512 and 16 at 1,024 units, 5.5 times as long; for equal bytes int8 takes 2.1 ms",
        "Both factors are above 1.15 here: fp32 grows 5.5-fold and not fourfold, and for equal bytes it takes 1.4 times as long as int8. Work out "
        "both before you decide.",
        fp32=(2.9, 16.0),
        int8=(0.8, 2.1),
    ),
    _machine(
        "neither",
        "fp32 takes 2.2 ms at 512 and 9.0 at 1,024 units, and int8 takes 2.1 at 1,024: the gain is 4.3; about every fifth run is disturbed "
        "and takes four times as long",
        "Some runs take four times as long here, because another program was running. It can only make a run slower, so take the least time "
        "of each kind at each width, and no mean.",
        fp32=(2.2, 9.0),
        int8=(0.5, 2.1),
        slow=4.0,
    ),
    _machine(
        "larger",
        "fp32 takes 1.5 ms at 512 and 8.1 at 1,024 units, 5.4 times as long; for equal bytes int8 is slower, 2.2 ms",
        "The gain is only 3.7 here, and still something is to be explained: fp32 grows 5.4-fold, and for equal bytes it is faster than int8. The "
        "two cancel in the gain. Judge the factors, and not their product.",
        fp32=(1.5, 8.1),
        int8=(1.1, 2.2),
    ),
    _machine(
        "routine",
        "fp32 takes 4.2 ms at 512 and 17 at 1,024 units; int8 takes 2.7 ms at 512 and 3.2 at 1,024",
        "The gain grows from 1.6 at 512 units to 5.3 at 1,024 here, but that is int8's doing: at 512 it is busy with other things. fp32 grows "
        "fourfold, as its bytes do. For the factor `larger` look at fp32 alone.",
        fp32=(4.2, 17.0),
        int8=(2.7, 3.2),
    ),
    _machine(
        "larger",
        "the factor `larger` is 1.17, and `routine` 1.13",
        "One factor lies just above the card's limit of 1.15 here, and the other just below it.",
        fp32=(2.26, 10.577),
        int8=(0.9, 2.0),
    ),
    _machine(
        "routine",
        "the factor `larger` is 1.13, and `routine` 1.17",
        "One factor lies just below the card's limit of 1.15 here, and the other just above it.",
        fp32=(2.34, 10.577),
        int8=(0.9, 2.0),
    ),
    _machine(
        "neither",
        "fp32 takes 3.0 ms at 512 and 9.6 at 1,024 units, and int8 takes 2.9 at 1,024: fp32 grows by less than its bytes",
        "fp32 takes only 3.2 times as long for four times the bytes here. `larger` asks for more than fourfold.",
        fp32=(3.0, 9.6),
        int8=(1.4, 2.9),
    ),
    _machine(
        "neither",
        "fp32 takes 2.2 ms at 512 and 9.0 at 1,024 units, and int8 takes 2.1 at 1,024; of fp32 at 1,024 another program disturbs four runs in "
        "five, which take 1.6 times as long",
        "Most runs of fp32 at 1,024 units are disturbed here, and one in five is not. Another program can only make a run slower, so this one "
        "counts: the least.",
        fp32=(2.2, 9.0),
        int8=(0.5, 2.1),
        slow=1.6,
        spared={("fp32", 1024): 1},
    ),
    _machine(
        "larger",
        "fp32 takes 2.2 ms at 512 and 11.1 at 1,024 units, and int8 takes 2.1 at 1,024; of fp32 at 512 another program disturbs four runs in "
        "five, which take 1.6 times as long",
        "Most runs of fp32 at 512 units are disturbed here, and one in five is not. It is the least time of that kind at that width which counts, "
        "and not a factor for each repetition.",
        fp32=(2.2, 11.1),
        int8=(0.9, 2.1),
        slow=1.6,
        spared={("fp32", 512): 3},
    ),
    _machine(
        "routine",
        "fp32 takes 3.1 ms at 512 and 12.6 at 1,024 units, and int8 takes 2.1 at 1,024; of int8 at 1,024 another program disturbs four runs in "
        "five, which take 1.6 times as long",
        "Most runs of int8 at 1,024 units are disturbed here, and one in five is not. The least time of int8 counts as well.",
        fp32=(3.1, 12.6),
        int8=(0.55, 2.1),
        slow=1.6,
        spared={("int8", 1024): 2},
    ),
    _machine(
        "neither",
        "the factor `larger` is 1.10, and `routine` 1.12, which together are 1.24",
        "Each of the two factors lies below 1.15 here, and only their product lies above it. By the card each is compared with the limit by itself.",
        fp32=(2.24, 9.9),
        int8=(0.5, 2.0),
    ),
)


def _four_cells(runs: Sequence[Run]) -> None:
    """Raise a `Mistake` where a width was left out; both kinds have the same widths, or the engine has said so."""
    for width in WIDTHS:
        if not any(run.settings["width"] == width for run in runs):
            raise Mistake(
                f"Your experiment never runs {width:,} units.",
                "Equal bytes need both widths: int8 at 1,024 units reads as many as fp32 at 512.",
                told(runs, KINDS),
            )


@check(
    "Exercise 1, Why more than four?",
    why="fp32 at 512 and int8 at 1,024 units read equally many bytes, so what is left between them is the routine. fp32 at both widths has one "
    "routine, so what differs there is the number of bytes. Four times both factors is the speed-up at 1,024 units.",
)
def why_more(answer: Callable) -> None:
    """``why_more(ms) -> "larger", "routine", "both" or "neither"``, on made-up machines."""
    investigate(
        answer,
        MACHINES,
        arms=KINDS,
        settings={"width": 512, "seed": 0},
        least={"seed": 5},
        conclusions=("larger", "routine", "both", "neither"),
        look=_four_cells,
        name="ms",
    )
