"""Checks of the lesson `qat`, quantization-aware training: values with their gradients, and a comparison."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from dataclasses import dataclass
from statistics import mean, pstdev, stdev, variance

import torch
from hypothesis import strategies as st
from torch.utils._python_dispatch import TorchDispatchMode

from course_utils.exercises.core import Mistake, check
from course_utils.exercises.inputs import numbers, shapes, tensors
from course_utils.exercises.search import compare
from course_utils.exercises.values import show

ABOVE = (1.5, -0.75, 0.25, 3.0)  # the gradient that comes from above, over and over to the size of x


@dataclass(repr=False)
class _Graded:
    """What comes out forward, and what comes back to x: None or the text of an error where nothing came."""

    values: torch.Tensor
    back: torch.Tensor | str | None
    above: torch.Tensor
    borrowed: bool = False  # whether torch's own fake quantization made the values
    free: bool = False  # whether x has values for which any gradient is fine

    def __repr__(self) -> str:
        text = f"{show(self.values)}; the gradient {show(self.above)} from above comes back as {show(self.back)}"
        return text + " (any will do where x is at an end, or up to half a step beyond)" * self.free


class _Watch(TorchDispatchMode):
    """Notes whether an operator of torch's own fake quantization runs."""

    def __init__(self):
        super().__init__()
        self.borrowed = False

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.borrowed = self.borrowed or "fake_quant" in str(func)
        return func(*args, **(kwargs or {}))


def _above(x: torch.Tensor) -> torch.Tensor:
    return torch.tensor(ABOVE * 3, dtype=x.dtype)[: x.numel()].reshape(x.shape)


def _graded(function: Callable) -> Callable:
    """`function`, made to give its values together with the gradient that comes back to x."""

    def graded(x: torch.Tensor, *rest: object) -> object:
        with _Watch() as watch:
            got, above = function(x.requires_grad_(), *rest), _above(x)
        try:
            if any(getattr(got, part) != getattr(x, part) for part in ("shape", "dtype", "layout", "device")):
                return got
        except Exception:  # no tensor, or an object that raises whatever it is asked
            return got
        if watch.borrowed or not got.requires_grad:
            return _Graded(got.detach(), None, above, watch.borrowed)
        try:
            got.backward(above)
        except Exception as error:
            return _Graded(got.detach(), f"{type(error).__name__}: {error}", above)
        return _Graded(got.detach(), x.grad, above)

    return graded


def _free(x: torch.Tensor, scale: float, zero_point: int, qmin: int, qmax: int) -> torch.Tensor:
    """True where any gradient is fine: on an end of the range and up to half a step beyond it."""
    q = x.detach().double() / scale + zero_point
    return ((q > qmin - 0.51) & (q < qmin + 0.01)) | ((q > qmax - 0.01) & (q < qmax + 0.51))


def _clear(got: object, x: torch.Tensor, scale: float, zero_point: int, qmin: int, qmax: int) -> torch.Tensor:
    """Values and gradient, without the gradient where any is fine."""
    if type(got) is not _Graded:
        raise Mistake(f"Your result must be a tensor of {x.dtype} and of shape {tuple(x.shape)}, as x is.")
    if got.borrowed:
        raise Mistake("Your values come from a fake quantization of torch.", "The card asks to write one yourself.")
    if not isinstance(got.back, torch.Tensor):
        hint = (
            "A .detach(), a .data, a cast to integers or a new tensor cuts the path. Or look at your own backward, if "
        )
        hint += "you have one."
        raise Mistake("Autograd cannot go back from your result to x.", hint)
    free = _free(x, scale, zero_point, qmin, qmax)
    return torch.stack([got.values.double(), torch.where(free, 0.0, got.back.double())])


def _fake(
    *,
    rounded: Callable = torch.round,
    values: Callable = lambda q, s, z, a, b: (q.clamp(a, b) - z) * s,
    passes: Callable = lambda q, z, a, b: (q >= a) & (q <= b),
    back: Callable = lambda g, s: g,
    sign: int = 1,
) -> Callable:
    """The rule, or a mistake in one of its parts; q is the integer before it is clamped."""

    def fake(x: torch.Tensor, scale: float, zero_point: int, qmin: int, qmax: int) -> _Graded:
        z, above = sign * zero_point, _above(x)
        q = rounded(x / scale) + z
        return _Graded(values(q, scale, z, qmin, qmax), back(above, scale) * passes(q, z, qmin, qmax), above)

    return fake


@st.composite
def _on_grids(draw: Callable) -> tuple:
    """Quarters of a step and no halves: those are rounded up by one rule and down by another."""
    scale = draw(st.sampled_from([0.5, 0.25, 1.0, 2.0, 0.125]))
    qmin, qmax = draw(st.sampled_from([(-2, 1), (0, 3), (-4, 3), (0, 15), (-8, 7), (-128, 127)]))
    zero_point = draw(st.integers(qmin, qmax))
    whole = st.integers(qmin - zero_point - 3, qmax - zero_point + 3)
    steps = st.builds(operator.add, whole, st.sampled_from([0.0, 0.25, -0.25]))
    dtype = draw(st.sampled_from([torch.float32, torch.float64]))
    x = draw(tensors(shapes(dims=(1, 0, 2), most=3), steps.map(lambda n: n * scale), dtype=dtype))
    return x, scale, zero_point, qmin, qmax


def _fake_quant() -> None:
    """Do what `_Borrowed` looks for."""
    torch.fake_quantize_per_tensor_affine(torch.zeros(1), 1.0, 0, 0, 1)


# The check asks whether torch did the work, and does not see that of an answer in another process.
@check("Exercise 1, Straight through, with a zero point", watched={"fake_quant": _fake_quant})
def straight_through(answer: Callable) -> None:
    """``straight_through(x, scale, zero_point, qmin, qmax) -> Tensor``; values and gradient are compared."""

    def right(x: torch.Tensor, *grid: float) -> _Graded:
        graded = _fake()(x, *grid)
        graded.free = bool(_free(x, *grid).any())
        return graded

    def compares_x(x: torch.Tensor, scale: float, zero_point: int, qmin: int, qmax: int) -> _Graded:
        graded = _fake()(x, scale, zero_point, qmin, qmax)
        graded.back = graded.above * ((x >= qmin) & (x <= qmax))
        return graded

    def around_0(q: torch.Tensor, z: int, a: int, b: int) -> torch.Tensor:
        return (q - z >= a) & (q - z <= b)

    wrong = {
        "The gradient is 0 everywhere, as that of torch.round. Put in that of clipping.": _fake(
            back=lambda g, s: 0 * g
        ),
        "The gradient passes everywhere. Where x is clipped it is 0.": _fake(passes=lambda q, *_: q == q),
        "The gradient is 1 inside the range. It must be what comes from above.": _fake(back=lambda g, s: 0 * g + 1),
        "Your gradient is rounded. It stays a float: only the forward pass rounds.": _fake(back=lambda g, s: g.round()),
        "Your gradient is multiplied by the scale. Dividing and multiplying by it cancel.": _fake(back=operator.mul),
        "The zero point has the wrong sign: q is round(x / scale) + zero_point.": _fake(sign=-1),
        "No gradient comes back to values that are rounded to an end of the range. They are not clipped.": _fake(
            passes=lambda q, z, a, b: (q > a) & (q < b)
        ),
        "Your gradient is stopped as if the zero point were 0. It shifts the range.": _fake(passes=around_0),
        "All is as if the zero point were 0. Add it before you clamp.": _fake(
            values=lambda q, s, z, a, b: (q - z).clamp(a, b) * s, passes=around_0
        ),
        "Your values are clamped as if the zero point were 0. Add it before you clamp.": _fake(
            values=lambda q, s, z, a, b: (q - z).clamp(a, b) * s
        ),
        "You compare x itself with qmin and qmax. Those are integers: the range in floats has other ends.": compares_x,
        "Your values are not clamped: use qmin and qmax.": _fake(values=lambda q, s, z, *_: (q - z) * s),
        "Your values are the integers q. Go back to floats.": _fake(values=lambda q, s, z, a, b: q.clamp(a, b)),
        "The zero point is still in your values. Take it off before you multiply by the scale.": _fake(
            values=lambda q, s, z, a, b: q.clamp(a, b) * s
        ),
        "Your values are clipped and not rounded.": _fake(rounded=lambda x: x),
        "Your values are rounded down. Round to the nearest.": _fake(rounded=torch.floor),
        "Your values are rounded towards 0. Round to the nearest.": _fake(rounded=torch.trunc),
    }
    compare(
        _graded(answer),
        right=right,
        wrong=wrong,
        names=("x", "scale", "zero_point", "qmin", "qmax"),
        edges=[
            (torch.zeros(2), 0.5, 0, -8, 7),
            (torch.tensor([5.0, -5.0, 1.4]), 0.5, 0, -4, 3),
            (torch.tensor([0.2, 15.0, -5.0, 7.0]), 0.1, -100, -128, 127),
            (torch.tensor([0.335, -1.275, 0.08, 9.0, -9.0]), 0.02, 12, -128, 127),
        ],
        inputs=_on_grids(),
        atol=1e-4,
        view=_clear,
    )


ARMS = ("float", "int8", "trained on, int8", "qat, int8")


def _runs(*rows: tuple[float, float, float, float]) -> tuple[list[dict[str, float]]]:
    return ([dict(zip(ARMS, row, strict=True)) for row in rows],)


def _gain(
    runs: list[dict[str, float]],
    *,
    plain: str = "trained on, int8",
    pick: Callable = mean,
    spread: Callable = lambda gains, aware, trained: stdev(gains),
    per: Callable = math.sqrt,
    size: Callable = abs,
    times: float = 2,
    exceeds: Callable = operator.gt,
) -> tuple[float, bool]:
    arms = [[run[arm] for run in runs] for arm in ("qat, int8", plain)]
    gains = [aware - trained for aware, trained in zip(*arms, strict=True)]
    return pick(gains), exceeds(size(pick(gains)), times * spread(gains, *arms) / per(len(runs)))


def _is_clear(args: tuple) -> bool:
    """False where the gain is as large as twice its standard error: there rounding decides."""
    gains = [run["qat, int8"] - run["trained on, int8"] for run in args[0]]
    error = stdev(gains) / len(gains) ** 0.5
    return error == 0 or abs(abs(mean(gains)) - 2 * error) > 1e-6


@st.composite
def _seeds(draw: Callable) -> tuple[list[dict[str, float]]]:
    rows, gain = [], draw(numbers(-2, 2, step=0.5))
    for _ in range(draw(st.integers(2, 6))):
        plain, int8, trained = (draw(numbers(low, 94, step=0.5)) for low in (90, 86, 90))
        rows.append((plain, int8, trained, trained + gain + draw(numbers(-1, 1, step=0.5))))
    return _runs(*rows)


@check("Exercise 2, Where did the gain at 8 bits go?")
def gain_of_rounding(answer: Callable) -> None:
    """``gain_of_rounding(runs) -> (float, bool)``."""

    def mistake(**change: object) -> Callable:
        return lambda runs: _gain(runs, **change)

    wrong = {
        "You compare with the network not trained on. QAT then gets credit for its training.": mistake(plain="int8"),
        "You compare with float. That tells what is lost to fp32, not what rounding won.": mistake(plain="float"),
        "Your gain has the wrong sign. Where QAT is better it is positive.": mistake(pick=lambda d: -mean(d)),
        "You take the best seed. One lucky run is no gain: take the mean of all.": mistake(pick=max),
        "You add up the gains of the seeds. Take their mean.": mistake(pick=sum),
        "You take the spread of QAT alone. Take that of the gains.": mistake(spread=lambda d, q, t: stdev(q)),
        "You take the spread of each arm for itself. A good seed is good in both: take that of the gains.": mistake(
            spread=lambda gains, *arms: math.hypot(*map(stdev, arms))
        ),
        "Your deviation divides by n. Divide by n - 1: statistics.stdev.": mistake(spread=lambda d, *_: pstdev(d)),
        "You compare with the spread of single seeds. Divide by the root of n.": mistake(per=lambda n: 1),
        "You divide by n. The standard error falls with the root of n.": mistake(per=float),
        "You compare with a variance. Take its root.": (
            mistake(spread=lambda d, *_: variance(d), per=float),
            mistake(spread=lambda d, *_: variance(d)),
        ),
        "You ask whether every seed gained. Asked is whether the mean exceeds twice its standard error, in either "
        "direction.": (
            mistake(spread=lambda d, *_: 0 if min(d) > 0 else math.inf),
            mistake(spread=lambda d, *_: 0 if min(d) * max(d) > 0 else math.inf),
        ),
        "A loss can be more than noise too: compare the size of the gain, without its sign.": mistake(size=float),
        "You call every gain real that is not 0. Compare with twice its standard error.": mistake(times=0),
        "You compare with one standard error. Take two: chance exceeds one a third of the time or more.": mistake(
            times=1
        ),
        "You compare with three standard errors. Take two.": mistake(times=3),
        "You divide by half of n. The standard error falls with the root of n: n ** 0.5.": mistake(per=lambda n: n / 2),
        "A gain of 0 is not more than noise, even where all seeds agree.": mistake(exceeds=operator.ge),
    }
    compare(
        answer,
        right=_gain,
        wrong=wrong,
        names=("runs",),
        edges=[
            _runs((97.9, 41.0, 47.0, 46.4), (98.0, 22.0, 29.0, 28.0), (97.8, 33.0, 31.0, 30.3)),
            _runs(*((base, base, base, base + gain) for base, gain in ((80.0, 0), (85.0, 2), (90.0, 1), (95.0, 2)))),
            _runs((90.0, 89.0, 90.0, 90.5), (90.0, 89.0, 90.0, 92.0)),
            _runs(*((90.0, 89.0, 90.0, 90.0 + gain) for gain in (0.1, 0.5, 0.0))),
            _runs((90.0,) * 4, (90.0,) * 4),
            _runs(*((90.0, 89.0, 90.0, 90.0 + gain) for gain in (0.5, 1.5, 3.0))),
            _runs(*((90.0, 89.0, 90.0, 90.0 + gain) for gain in (0.0, 0.0, 0.5, 1.5, 2.0))),
            # 9 and 16 seeds: there 2 s / n, which for 4 is one standard error, is less than one
            *(_runs(*((90.0, 89.0, 90.0, 90.0 + 0.28 + gain) for gain in (-1.0, 0.0, 1.0) * n)) for n in (3, 5)),
            *(_runs(*((90.0, 89.0, 90.0, 90.0 - 0.16 + gain) for gain in (-1.0, 1.0) * n)) for n in (8, 9)),
        ],
        inputs=_seeds().filter(_is_clear),
        atol=1e-9,
    )
