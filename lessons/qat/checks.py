"""Checks of the lesson `qat`, quantization-aware training: values with their gradients, an experiment, a comparison."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import geometric_mean, mean, median, pstdev, stdev, variance

import torch
from hypothesis import strategies as st
from torch.utils._python_dispatch import TorchDispatchMode

from course_utils.exercises.bests import summaries
from course_utils.exercises.core import Mistake, check
from course_utils.exercises.inputs import numbers, shapes, tensors
from course_utils.exercises.investigation import (
    Run,
    World,
    comes_out,
    investigate,
    numbered,
    one_alone,
    one_in_three,
)
from course_utils.exercises.rules import still_possible
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
    steps: Callable = lambda x, scale: x / scale,
    reaches: Callable | None = None,
) -> Callable:
    """The rule, or a mistake in one of its parts; q is the integer before it is clamped.

    For the gradient q comes from `reaches`, where it is given, in place of `rounded`.
    """

    def fake(x: torch.Tensor, scale: float, zero_point: int, qmin: int, qmax: int) -> _Graded:
        z, above = sign * zero_point, _above(x)
        q = rounded(steps(x, scale)) + z
        looked_at = q if reaches is None else reaches(x / scale) + z
        return _Graded(values(q, scale, z, qmin, qmax), back(above, scale) * passes(looked_at, z, qmin, qmax), above)

    return fake


@st.composite
def _on_grids(draw: Callable) -> tuple:
    """Parts of a step and no halves: those are rounded up by one rule and down by another."""
    scale = draw(st.sampled_from([0.5, 0.25, 1.0, 2.0, 0.125, 0.013071]))
    qmin, qmax = draw(st.sampled_from([(-2, 1), (0, 3), (-4, 3), (0, 15), (-8, 7), (-128, 127)]))
    zero_point = draw(st.integers(qmin, qmax))
    whole = st.integers(qmin - zero_point - 3, qmax - zero_point + 3)
    steps = st.builds(operator.add, whole, st.sampled_from([0.0, 0.25, -0.25, 0.47, -0.47]))
    dtype = draw(st.sampled_from([torch.float32, torch.float64]))
    x = draw(tensors(shapes(dims=(1, 0, 2), most=3), steps.map(lambda n: n * scale), dtype=dtype))
    return x, scale, zero_point, qmin, qmax


@check(
    "Exercise 1, Straight through, with a zero point",
    why="Rounding has the slope 0 nearly everywhere, so nothing could be learned through it. As a constant that is added it leaves "
    "the slope of the clipping alone: 1 where x is free to move, 0 where a step changes nothing.",
    trust="it is asked for gradients, and whether torch did the work",
)
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

    def compares_inside(x: torch.Tensor, scale: float, zero_point: int, qmin: int, qmax: int) -> _Graded:
        graded = compares_x(x, scale, zero_point, qmin, qmax)
        graded.back = graded.back * ((x > qmin) & (x < qmax))  # clamp has the gradient 0 at an end
        return graded

    def around_0(q: torch.Tensor, z: int, a: int, b: int) -> torch.Tensor:
        return (q - z >= a) & (q - z <= b)

    def between(low: Callable, high: Callable) -> tuple[Callable, ...]:
        """The gradient passes between these two numbers of steps: by what was rounded, or by x itself."""
        rounded = _fake(passes=lambda q, z, a, b: (q - z >= low(z, a)) & (q - z <= high(z, b)))
        itself = _fake(passes=lambda q, z, a, b: (q - z > low(z, a)) & (q - z < high(z, b)), reaches=lambda x: x)
        return rounded, itself

    def in_floats(x: torch.Tensor, scale: float, zero_point: int, qmin: int, qmax: int) -> _Graded:
        """The range without the scale."""
        graded = _fake()(x, scale, zero_point, qmin, qmax)
        graded.back = graded.above * ((x > qmin - zero_point) & (x < qmax - zero_point))
        return graded

    def shifted_before(x: torch.Tensor, scale: float, zero_point: int, qmin: int, qmax: int) -> _Graded:
        """The zero point added to x, before the scale divides."""
        graded = _fake()(x, scale, zero_point, qmin, qmax)
        q = torch.round((x + zero_point) / scale)
        graded.values = (q.clamp(qmin, qmax) - zero_point) * scale
        return graded

    def anyhow(q: torch.Tensor, *_: object) -> torch.Tensor:
        return q == q

    def from_low(q: torch.Tensor, z: int, a: int, b: int) -> torch.Tensor:
        return q >= a

    def to_high(q: torch.Tensor, z: int, a: int, b: int) -> torch.Tensor:
        return q <= b

    def wider(low: int, high: int) -> Callable:
        return _fake(values=lambda q, s, z, a, b: (q.clamp(a + low, b + high) - z) * s)

    wrong = {
        "The gradient is 0 everywhere, as that of torch.round. Put in that of clipping.": _fake(
            back=lambda g, s: 0 * g
        ),
        "The gradient passes everywhere. Where x is clipped it is 0.": _fake(passes=lambda q, *_: q == q),
        "The gradient is 1 inside the range. It must be what comes from above.": _fake(back=lambda g, s: 0 * g + 1),
        "Your gradient is rounded. It stays a float: only the forward pass rounds.": _fake(back=lambda g, s: g.round()),
        "Your gradient is multiplied by the scale. Dividing and multiplying by it cancel.": (
            _fake(back=operator.mul),
            _fake(back=operator.mul, passes=anyhow),
        ),
        "The zero point has the wrong sign: q is round(x / scale) + zero_point.": (
            _fake(sign=-1),
            _fake(sign=-1, passes=lambda q, z, a, b: (q - 2 * z >= a) & (q - 2 * z <= b)),
            _fake(values=lambda q, s, z, a, b: ((q - 2 * z).clamp(a, b) - z) * s),
        ),
        "No gradient comes back to values that are rounded to an end of the range. They are not clipped.": _fake(
            passes=lambda q, z, a, b: (q > a) & (q < b)
        ),
        "Half of the gradient comes back to values that are rounded to an end of the range. They are not clipped: clamp x itself, and "
        "not what was rounded.": _fake(
            passes=lambda q, z, a, b: 0.5 * ((q >= a) & (q <= b)) + 0.5 * ((q > a) & (q < b))
        ),
        "You add the zero point before you divide by the scale. It counts steps: round(x / scale) + zero_point.": shifted_before,
        "Your gradient is stopped as if the zero point were 0. It shifts the range.": between(
            lambda z, a: a, lambda z, b: b
        ),
        "You add the zero point to the ends of the range in floats. There it is taken off: (qmin − zero_point) · scale to "
        "(qmax − zero_point) · scale.": (
            *between(lambda z, a: a + z, lambda z, b: b + z),
            *(
                _fake(values=lambda q, s, z, a, b: (q - z).clamp(a + z, b + z) * s, passes=passes, reaches=lambda x: x)
                for passes in (
                    lambda q, z, a, b: (q - z > a + z) & (q - z < b + z),
                    lambda q, z, a, b: (q - z >= a + z) & (q - z <= b + z),
                )
            ),
        ),
        "Your range in floats lacks the scale: it runs from (qmin − zero_point) · scale to (qmax − zero_point) · "
        "scale.": in_floats,
        "Your gradient is divided by the scale. Dividing and multiplying by it cancel.": _fake(back=operator.truediv),
        "Your gradient comes back where x is clipped, and not where it is free. Turn it round.": _fake(
            passes=lambda q, z, a, b: (q < a) | (q > b)
        ),
        "Your gradient is stopped at one end only. Below the range and above it x is clipped.": (
            _fake(passes=from_low),
            _fake(passes=to_high),
        ),
        "Your values are clamped at one end only. Use qmin and qmax.": (
            _fake(values=lambda q, s, z, a, b: (q.clamp(min=a) - z) * s),
            _fake(values=lambda q, s, z, a, b: (q.clamp(max=b) - z) * s),
            _fake(values=lambda q, s, z, a, b: (q.clamp(min=a) - z) * s, passes=from_low),
            _fake(values=lambda q, s, z, a, b: (q.clamp(max=b) - z) * s, passes=to_high),
        ),
        "Your range is that of 8 bits whatever qmin and qmax are. Use the two.": (
            _fake(values=lambda q, s, z, a, b: (q.clamp(-128, 127) - z) * s),
            _fake(
                values=lambda q, s, z, a, b: (q.clamp(-128, 127) - z) * s, passes=lambda q, *_: (q >= -128) & (q <= 127)
            ),
        ),
        "Your gradient has a factor of its own. Inside the range it is what comes from above, unchanged.": tuple(
            _fake(back=lambda g, s, factor=factor: factor * g) for factor in (0.5, 2, 0.1)
        ),
        "Your gradient has the wrong sign. Inside the range it is what comes from above.": _fake(back=lambda g, s: -g),
        "Your gradient is clipped to −1 … 1. Inside the range it is what comes from above.": (
            _fake(back=lambda g, s: g.clamp(-1, 1)),
            _fake(back=lambda g, s: g.clamp(-1, 1), passes=anyhow),
        ),
        "Your gradient is 1 everywhere. Where x is clipped it is 0, and elsewhere what comes from above.": _fake(
            back=lambda g, s: 0 * g + 1, passes=anyhow
        ),
        "You multiply x by the scale. x / scale is its number of steps.": (
            _fake(steps=operator.mul),
            _fake(steps=operator.mul, reaches=torch.round),
        ),
        "You divide by the scale at the end. An integer stands for (q − zero_point) · scale.": _fake(
            values=lambda q, s, z, a, b: (q.clamp(a, b) - z) / s
        ),
        "You add the zero point on the way back. It was added to q: take it off.": _fake(
            values=lambda q, s, z, a, b: (q.clamp(a, b) + z) * s
        ),
        "You take the zero point off after the scale. It counts steps: (q − zero_point) · scale, with the "
        "parentheses.": _fake(values=lambda q, s, z, a, b: q.clamp(a, b) * s - z),
        "Your function gives x back, unrounded and not clipped.": _fake(
            rounded=lambda x: x, values=lambda q, s, z, *_: (q - z) * s, passes=anyhow
        ),
        "Neither your values nor your gradient are clipped: use qmin and qmax.": _fake(
            values=lambda q, s, z, *_: (q - z) * s, passes=anyhow
        ),
        "Your values go to another end of the range. It goes from qmin to qmax, the two included.": tuple(
            wider(*ends) for ends in ((0, 1), (0, -1), (1, 0), (-1, 0), (-1, 1), (1, -1))
        ),
        "Your values are rounded up. Round to the nearest.": (
            _fake(rounded=torch.ceil),
            _fake(rounded=torch.ceil, reaches=torch.round),
        ),
        "All is as if the zero point were 0. Add it before you clamp.": (
            _fake(values=lambda q, s, z, a, b: (q - z).clamp(a, b) * s, passes=around_0),
            _fake(values=lambda q, s, z, a, b: (q - z).clamp(a, b) * s, passes=around_0, reaches=lambda x: x),
        ),
        "Your values are clamped as if the zero point were 0. Add it before you clamp.": _fake(
            values=lambda q, s, z, a, b: (q - z).clamp(a, b) * s
        ),
        "You compare x itself with qmin and qmax. Those are integers: the range in floats has other ends.": (
            compares_x,
            compares_inside,
        ),
        "Your values are not clamped: use qmin and qmax.": _fake(values=lambda q, s, z, *_: (q - z) * s),
        "Your values are the integers q. Go back to floats.": _fake(values=lambda q, s, z, a, b: q.clamp(a, b)),
        "The zero point is still in your values. Take it off before you multiply by the scale.": _fake(
            values=lambda q, s, z, a, b: q.clamp(a, b) * s
        ),
        "Your values are clipped and not rounded.": (
            _fake(rounded=lambda x: x),
            _fake(rounded=lambda x: x, reaches=torch.round),
        ),
        "Your values are rounded down. Round to the nearest.": (
            _fake(rounded=torch.floor),
            _fake(rounded=torch.floor, reaches=torch.round),
        ),
        "Your values are rounded towards 0. Round to the nearest.": (
            _fake(rounded=torch.trunc),
            _fake(rounded=torch.trunc, reaches=torch.round),
        ),
    }
    with _Watch():  # the first such mode imports some 750 modules: not on the learner's clock
        torch.zeros(1).add(1)
    compare(
        _graded(answer),
        right=right,
        wrong=wrong,
        names=("x", "scale", "zero_point", "qmin", "qmax"),
        edges=[
            (torch.zeros(2), 0.5, 0, -8, 7),
            (torch.tensor([5.0, -5.0, 1.4]), 0.5, 0, -4, 3),
            (torch.tensor([0.2, 15.0, -5.0, 7.0]), 0.1, -100, -128, 127),
            (torch.tensor([64.735, 65.735, 64.265]), 0.5, -128, -128, 127),  # alike in half precision
            (torch.tensor([0.335, -1.275, 0.08, 9.0, -9.0]), 0.02, 12, -128, 127),
        ],
        inputs=_on_grids(),
        atol=1e-4,
        view=_clear,
    )


ARMS_OF_THE_REPORT = ("plain", "trained on", "QAT")
REPORTED = 5.0  # the report's step, in σ


def _hill(top: float, at: float, fall: float) -> Callable[[float, int], float]:
    """The more doublings a step lies from the best one, the less is right; flat for half a doubling either way."""

    def right(step: float, seed: int) -> float:
        return top - fall * max(0.0, abs(math.log2(max(step, 1e-9) / at)) - 0.5) ** 2

    return right


def _lucky(hill: Callable[[float, int], float], above: float) -> Callable[[float, int], float]:
    """The same, but with a large step two networks in three lose eight points, and the third wins six."""

    def right(step: float, seed: int) -> float:
        return hill(step, seed) + ((6.0 if seed % 3 == 1 else -8.0) if step > above else 0.0)

    return right


LIMITS = (0.9, 1.1, 0.75, 1.25, 0.5, 1.5, 0.0, 2.0, 3.0)


def _first_gains(hill: Callable[[float, int], float], above: float) -> Callable[[float, int], float]:
    """The same, but with a large step the first network gains six points, and the others lose eight."""

    def right(step: float, seed: int) -> float:
        return hill(step, seed) + ((6.0 if seed == 0 else -8.0) if step > above else 0.0)

    return right


SUMMARIES = summaries("network")


def _table(runs: Sequence[Run]) -> dict[str, dict[float, list[float]]]:
    """Arm -> step -> what each network gets right."""
    table: dict[str, dict[float, list[float]]] = {arm: {} for arm in ARMS_OF_THE_REPORT}
    for run in runs:
        table[run.arm].setdefault(run.settings["step"], []).append(run.result)
    return table


def _best(runs: Sequence[Run], pick: Callable = mean) -> dict[str, float]:
    """Arm -> its mean over the networks at its best step."""
    return {arm: max(map(pick, row.values())) for arm, row in _table(runs).items()}


def _decided(best: Mapping[str, float], limit: float = 1.0, of_training: float | None = None) -> str:
    if best["QAT"] - best["trained on"] > limit:
        return "rounding"
    of_training = limit if of_training is None else of_training
    return "training" if best["trained on"] - best["plain"] > of_training else "step"


def _by_the_card(runs: Sequence[Run]) -> str:
    """The conclusion of the card for these runs."""
    return _decided(_best(runs))


def _rules() -> dict[str, Callable[[Sequence[Run]], str]]:
    """Other rules than the card's, in words: each gives a conclusion for the runs."""

    def limited(*limits: float) -> Callable[[Sequence[Run]], str]:
        return lambda runs: _decided(_best(runs), *limits)

    def summed(pick: Callable) -> Callable[[Sequence[Run]], str]:
        return lambda runs: _decided(_best(runs, pick))

    def of_steps(pick: Callable) -> Callable[[Sequence[Run]], str]:
        return lambda runs: _decided({arm: pick([*map(mean, row.values())]) for arm, row in _table(runs).items()})

    def at_the_best_of(arm: str) -> Callable[[Sequence[Run]], str]:
        def decided(runs: Sequence[Run]) -> str:
            table = _table(runs)
            step = max(table[arm], key=lambda step: mean(table[arm][step]))
            return _decided({name: mean(row.get(step, [0.0])) for name, row in table.items()})

        return decided

    def of_each_network(runs: Sequence[Run]) -> str:
        return _decided({arm: mean(map(max, zip(*row.values(), strict=False))) for arm, row in _table(runs).items()})

    def step_of_the_first(runs: Sequence[Run]) -> str:
        return _decided({arm: mean(max(row.values(), key=operator.itemgetter(0))) for arm, row in _table(runs).items()})

    def plain_first(runs: Sequence[Run]) -> str:
        best = _best(runs)
        return "rounding" if best["QAT"] - best["plain"] > 1 else _decided(best)

    def training_by_qat(runs: Sequence[Run]) -> str:
        best, said = _best(runs), _by_the_card(runs)
        return "training" if said == "step" and best["QAT"] - best["plain"] > 1 else said

    def training_first(runs: Sequence[Run]) -> str:
        best = _best(runs)
        return "training" if best["trained on"] - best["plain"] > 1 else _decided(best)

    def larger_gain(runs: Sequence[Run]) -> str:
        plain, longer, aware = _best(runs).values()
        return "step" if aware - plain <= 1 else "rounding" if aware - longer > longer - plain else "training"

    def size_of(word: str) -> Callable[[Sequence[Run]], str]:
        def decided(runs: Sequence[Run]) -> str:
            plain, longer, aware = _best(runs).values()
            if (abs(aware - longer) if word == "rounding" else aware - longer) > 1:
                return "rounding"
            return "training" if (abs(longer - plain) if word == "training" else longer - plain) > 1 else "step"

        return decided

    def in_percent(runs: Sequence[Run]) -> str:
        return _decided({arm: 100 * math.log(max(right, 1e-9)) for arm, right in _best(runs).items()})

    def ahead_of_both(runs: Sequence[Run]) -> str:
        plain, longer, aware = _best(runs).values()
        return "rounding" if min(aware - longer, aware - plain) > 1 else "training" if longer - plain > 1 else "step"

    def gain_of_qat(runs: Sequence[Run]) -> str:
        best = _best(runs)
        return _decided(best) if best["QAT"] - best["plain"] > 1 else "step"

    def level_with_the_training(runs: Sequence[Run]) -> str:
        best = _best(runs)
        return "step" if best["trained on"] - best["QAT"] > 1 else _decided(best)

    lies = {True: "below", False: "above"}
    return {
        "if the geometric mean stands in place of the mean": summed(lambda own: geometric_mean(map(abs, own))),
        "if QAT must be ahead of plain as well": ahead_of_both,
        "if it is 'step' wherever QAT is not ahead of plain": gain_of_qat,
        "if it is 'step' wherever QAT is behind trained on": level_with_the_training,
        "if QAT is compared with plain first": plain_first,
        "if the training is judged by the lead of QAT over plain": training_by_qat,
        "if the training is asked about first": training_first,
        "if the larger of the two gains is named": larger_gain,
        "if a loss of QAT against trained on counts as a gain": size_of("rounding"),
        "if a loss of trained on against plain counts as a gain": size_of("training"),
        "if the gain is taken in percent of what the opponent gets": in_percent,
        "if all have the step that is the best one of QAT": at_the_best_of("QAT"),
        "if all have the step that is the best one of plain": at_the_best_of("plain"),
        "if all have the step that is the best one of trained on": at_the_best_of("trained on"),
        "if the mean over the steps is taken": of_steps(mean),
        "if the step in the middle is taken": of_steps(median),
        "if the second best step is taken": of_steps(lambda means: sorted(means)[-2 % len(means)]),
        "if the two best steps are averaged": of_steps(lambda means: mean(sorted(means)[-2:])),
        "if the best step is chosen on the first network": step_of_the_first,
        "if each network has a best step of its own": of_each_network,
        **{f"if the limit lies {lies[x < 1]} one point, at {x:g}": limited(x) for x in LIMITS},
        **{f"if the limit for the rounding lies {lies[x < 1]} one point, at {x:g}": limited(x, 1.0) for x in LIMITS},
        **{f"if the limit for the training lies {lies[x < 1]} one point, at {x:g}": limited(1.0, x) for x in LIMITS},
        **{words: summed(pick) for words, pick in SUMMARIES.items()},
    }


def _plan(many: int) -> list[tuple[str, dict[str, float]]]:
    """A full experiment with so many networks, and steps that double."""
    steps = [0.25 * 2**k for k in range(6)]
    return [(arm, {"step": step, "seed": n}) for n in range(many) for step in steps for arm in ARMS_OF_THE_REPORT]


def _at_the_edge(runs: Sequence[Run]) -> str:
    """Which arms may be better at a step beyond those that were tried."""
    ends: dict[str, list[str]] = {"smallest": [], "largest": []}
    for arm, row in _table(runs).items():
        step = max(row, key=lambda step: mean(row[step]))
        for end, value in (("smallest", min(row)), ("largest", max(row))):
            ends[end] += [repr(arm)] * (step == value)
    found = [f"for {' and '.join(own)} the {end}" for end, own in ends.items() if own]
    if not found:
        return "The best step lies between two of yours here, which are too far apart. Try more of them, for all arms."
    return (
        f"The best of the steps that you tried is {', and '.join(found)}, so the true best may lie beyond: you do not see each arm at its best. "
        "Try more steps for all arms, until the best lies between two others."
    )


def _own_means(said: str, hint: str = "") -> Callable[[Sequence[Run], str], str]:
    """Each arm at its best in somebody's own runs, what follows, and by which other rules their conclusion comes out."""

    def why(runs: Sequence[Run], got: str) -> str:
        told = "; ".join(f"{arm!r} {right:.2f}" for arm, right in _best(runs).items())
        follows = _by_the_card(runs)
        if follows == got:  # the steps that they tried miss the best one
            return f"{_at_the_edge(runs)} At the best of your own steps each arm has, in the mean over the networks: {told}."
        return (
            f"{hint} At its best step each arm has by your own runs, in the mean over the networks: {told}. More than one point counts, and from "
            f"that {follows!r} follows."
            + comes_out(got, still_possible(_rules(), runs, got, world=said, worlds=REPORTS, plan=_plan))
        ).strip()

    return why


def _report(right: str, said: str, hint: str, **arms: Callable[[float, int], float]) -> World:
    """A made-up experiment: what each arm gets right with a step, and what a network's number does to all three."""

    def measure(arm: str, number: int, step: float, seed: int) -> float:
        luck = 6 * ((int(seed) * 7919 + 13) % 101) / 100 - 3
        return max(10.0, arms[arm.replace("trained on", "longer").lower()](step, int(seed)) + luck)

    return World(said, right, numbered(measure), _own_means(said, hint))


def _uneven(
    said: str, longer: float, qat: float, more: float = 0.0, odd: Callable[[float], bool] = one_in_three
) -> World:
    """Plain gets 90; the others so much more, and QAT something on top with an odd network."""

    def measure(arm: str, number: int, step: float, seed: int) -> float:
        ahead = {"plain": 0.0, "trained on": longer, "QAT": qat + more * odd(seed)}[arm]
        return _hill(90 + ahead, 1.6, 9)(step, int(seed)) + 0.02 * ((int(seed) * 31) % 5 - 2)

    return World(said, _by_the_card, numbered(measure), _own_means(said))


REPORTS = (
    _report(
        "rounding",
        "at their best steps QAT is ahead of trained on by more than one and a half points; some networks are better than others by several, "
        "in all three arms alike.",
        "A good network is good in all three arms, so that their results overlap. Compare means over the same networks: what the "
        "networks add to both cancels there.",
        plain=_hill(90, 1.6, 30),
        longer=_hill(91, 1.6, 30),
        qat=_hill(92.7, 1.6, 3),
    ),
    _report(
        "step",
        "all three are equally good at their best steps; at the report's step QAT is far ahead, and at most others as well.",
        "At the report's step, or in the mean over several steps, QAT leads here, and not at the best step of each arm. Nobody has to "
        "round with a step that does not suit the network.",
        plain=_hill(93, 1.6, 30),
        longer=_hill(93.3, 1.6, 30),
        qat=_hill(93.5, 1.6, 3),
    ),
    _report(
        "training",
        "QAT and trained on are equally good at their best steps, and both are more than one and a half points ahead of plain.",
        "QAT is ahead of plain here because it was trained longer. Trained on has had the same training, and differs from QAT in the "
        "rounding alone: compare with this arm first.",
        plain=_hill(91.3, 1.6, 30),
        longer=_hill(93, 1.6, 30),
        qat=_hill(93.2, 1.6, 3),
    ),
    _report(
        "training",
        "QAT and trained on are equally good, but their best steps differ: 0.8 for QAT, 3.2 for the other two.",
        "The best step of QAT is a bad one for its opponent here. Choose the step of each arm by itself.",
        plain=_hill(91, 3.2, 9),
        longer=_hill(93.5, 3.2, 9),
        qat=_hill(93.5, 0.8, 1.5),
    ),
    _report(
        "rounding",
        "QAT is ahead by three points at its own best step, 0.5; at 2, the best step of the other two, it is behind.",
        "The best step of the opponent is a bad one for QAT here, and hides what the rounding in the loop is worth. Choose the step "
        "of each arm by itself.",
        plain=_hill(91, 2.0, 9),
        longer=_hill(92, 2.0, 9),
        qat=_hill(95, 0.5, 3),
    ),
    _report(
        "step",
        "all three are equally good; with large steps QAT has one very good network in three, and two bad ones.",
        "The best single result is mostly luck. The best step is the one with the best *mean* over the networks.",
        plain=_hill(90, 1.6, 20),
        longer=_hill(90.2, 1.6, 20),
        qat=_lucky(_hill(90.4, 1.6, 0.5), 2.6),
    ),
    _report(
        "step",
        "all three are equally good; the best step of plain and of trained on is 0.25, smaller than those of the lesson.",
        "The best of your steps for the opponent is the smallest that you tried, so its true best lies beyond. Try more steps for all "
        "arms, until the best lies between two others.",
        plain=_hill(92, 0.25, 9),
        longer=_hill(92.3, 0.25, 9),
        qat=_hill(92.5, 1.0, 1),
    ),
    _uneven("QAT leads with one network of three by 6 points, and with the others by none", 0.2, 0.2, 6.0),
    _uneven("QAT loses 6 points with one network of three, and leads by 1.4 with the others", 0.2, 1.6, -6.0),
    _uneven("QAT is 1.25 points ahead of trained on", 0.2, 1.45),
    _uneven("QAT is 0.8 points ahead of trained on, and that is 0.8 ahead of plain", 0.8, 1.6),
    _uneven("QAT is 1.06 points ahead of trained on, and that is 0.94 ahead of plain", 0.94, 2.0),
    _uneven("QAT is 0.94 points ahead of trained on, and that is 1.06 ahead of plain", 1.06, 2.0),
    _uneven("QAT is 0.5 points ahead of trained on, and that is 0.94 ahead of plain", 0.94, 1.44),
    _uneven("QAT is 1.5 points ahead of trained on, and that is 1.5 ahead of plain", 1.5, 3.0),
    _uneven("QAT is 3 points behind trained on, and that is 0.2 ahead of plain", 0.2, -2.8),
    _uneven("trained on is 3 points behind plain, and QAT too", -3.0, -2.8),
    _uneven("QAT is 1.5 points ahead of plain, and trained on 3", 3.0, 1.5),
    _uneven("QAT is 0.6 points ahead of plain, and trained on 1.3", 1.3, 0.6),
    _uneven("QAT is 2 points ahead of trained on, but 1 behind plain", -3.0, -1.0),
    _uneven("QAT leads with a single network by 6.5 points, and with the others by none", 0.2, 0.2, 6.5, one_alone),
    _uneven("QAT loses 6 points with a single network, and leads by 1.6 with the others", 0.2, 1.8, -7.6, one_alone),
    _uneven("QAT leads with a single network by 3.4 points, and with the others by none", 0.2, 0.2, 3.4, one_alone),
    _uneven("QAT loses 30 points with a single network, and leads by 7.3 with the others", 0.2, 7.5, -30.0, one_alone),
    _uneven("QAT loses 20 points with a single network, and leads by 8 with the others", 0.2, 8.2, -20.0, one_alone),
    _report(
        "rounding",
        "QAT is two points ahead at a step of 1.6; with large steps its first network gains six points, and the others lose eight",
        "The step that suits one network need not suit the others. Choose it by the mean over all of them.",
        plain=_hill(90, 1.6, 20),
        longer=_hill(90.2, 1.6, 20),
        qat=_first_gains(_hill(92.2, 1.6, 0.5), 2.6),
    ),
)


@check(
    "Exercise 2, What won?",
    why="Each of your two comparisons changes one thing: the rounding in the loop, or the longer training. And each arm had its own "
    "best step, the best of the same steps on the same networks, so that a bad step of one arm is no gain of another.",
)
def what_won(answer: Callable) -> None:
    """``what_won(right) -> "rounding", "training" or "step"``, for made-up experiments."""

    def steps_that_exist(runs: Sequence[Run]) -> None:
        odd = sorted({run.settings["step"] for run in runs if not 0.1 <= run.settings["step"] <= 10})
        if odd:
            raise Mistake(f"A step of {odd[0]:g} σ cannot be had here.", "Take steps from 0.1 to 10.")

    investigate(
        answer,
        REPORTS,
        arms=ARMS_OF_THE_REPORT,
        settings={"step": REPORTED, "seed": 0},
        least={"step": 3, "seed": 3},
        tuned=("step",),
        conclusions=("rounding", "training", "step"),
        look=steps_that_exist,
        name="right",
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


@check(
    "Exercise 3, Where did the gain at 8 bits go?",
    why="The two arms differ in the rounding alone: start, data and length of training are the same. What a lucky seed gives to "
    "both goes away in the difference of each seed, and so the spread of the differences is the noise that counts.",
)
def gain_of_rounding(answer: Callable) -> None:
    """``gain_of_rounding(runs) -> (float, bool)``."""

    def mistake(**change: object) -> Callable:
        return lambda runs: _gain(runs, **change)

    def gains_of(runs: list) -> list[float]:
        return [run["qat, int8"] - run["trained on, int8"] for run in runs]

    def arm(runs: list, name: str) -> list[float]:
        return [run[name] for run in runs]

    def with_gain(of: Callable) -> Callable:
        """Another gain, with the right verdict."""
        return lambda runs: (of(runs), _gain(runs)[1])

    def of_each_arm(pick: Callable) -> Callable:
        return with_gain(lambda runs: pick(arm(runs, "qat, int8")) - pick(arm(runs, "trained on, int8")))

    def of_gains(gains: Callable) -> Callable:
        """Gain and verdict of other differences."""
        return lambda runs: _gain(
            [{"qat, int8": gain, "trained on, int8": 0.0} for gain in (gains(run) for run in runs)]
        )

    def ratio(runs: list) -> float:
        return mean(arm(runs, "qat, int8")) / mean(arm(runs, "trained on, int8"))

    def share(run: dict) -> float:
        return (run["qat, int8"] - run["trained on, int8"]) / run["trained on, int8"]

    wrong = {
        "You take the median of the gains. Asked is their mean: the standard error belongs to it.": (
            mistake(pick=median),
            with_gain(lambda runs: median(gains_of(runs))),
        ),
        "You take the best or the median seed of each arm. Take the difference for each seed first, then the mean.": (
            of_each_arm(max),
            of_each_arm(median),
        ),
        "Your gain is that of one seed. Take the mean of all.": tuple(
            with_gain(lambda runs, pick=pick: pick(gains_of(runs)))
            for pick in (max, min, lambda gains: gains[0], lambda gains: gains[-1])
        )
        + (lambda runs: (max(gains_of(runs)), _gain(runs, size=float)[1]),),
        "Your gain is a share of the accuracy. Points are a difference: 90 to 91 percent is 1 point.": (
            with_gain(ratio),
            with_gain(lambda runs: ratio(runs) - 1),
            with_gain(lambda runs: 100 * (ratio(runs) - 1)),
            *(
                way
                for times in (1, 100)
                for way in (
                    with_gain(lambda runs, times=times: times * mean(map(share, runs))),
                    of_gains(lambda run, times=times: times * share(run)),
                )
            ),
        ),
        "You add up the gains, or divide their sum by n - 1. A mean is the sum over n; n - 1 belongs to the "
        "deviation.": (
            with_gain(lambda runs: sum(gains_of(runs))),
            with_gain(lambda runs: sum(gains_of(runs)) / (len(runs) - 1)),
            mistake(pick=lambda gains: sum(gains) / (len(gains) - 1)),
        ),
        "You divide by the root of n - 1. The n - 1 is in statistics.stdev already: the standard error is std / √n.": mistake(
            per=lambda n: math.sqrt(n - 1)
        ),
        "You multiply by the root of n. More seeds make the standard error smaller: divide by it.": mistake(
            per=lambda n: 1 / math.sqrt(n)
        ),
        "Your verdict is the wrong way round: True means that the gain is more than noise.": (
            mistake(exceeds=operator.lt),
            mistake(exceeds=operator.le),
        ),
        "You call every gain above 0 real. Compare its size with twice the standard error.": mistake(
            size=float, times=0
        ),
        "You compare with the deviation of the gains itself, or you divide by the root of the four keys, which comes to the "
        "same. Compare with twice std / √n, n the number of seeds.": (
            mistake(times=1, per=lambda n: 1),
            mistake(times=1, per=lambda n: 1, size=float),
        ),
        "You compare with a fixed number of points. What is noise is told by the spread of the gains.": tuple(
            mistake(spread=lambda *_, points=points: points, per=lambda n: 1, times=1) for points in (0.2, 0.5, 1, 2)
        ),
        "You divide by the root of a number of seeds that is always the same. n is the number of these runs: len(runs).": tuple(
            mistake(per=lambda n, seeds=seeds: math.sqrt(seeds)) for seeds in (2, 3, 5, 10)
        ),
        "You take the spread of one arm alone, or add up those of both. Take that of the gains.": (
            mistake(spread=lambda gains, aware, trained: stdev(trained)),
            mistake(spread=lambda gains, aware, trained: stdev(aware) + stdev(trained)),
        ),
        "You take another measure of spread: the distance from lowest to highest, or a mean distance. Take "
        "statistics.stdev.": (
            mistake(spread=lambda gains, *_: max(gains) - min(gains)),
            mistake(spread=lambda gains, *_: max(gains) - min(gains), times=1, per=lambda n: 1),
            mistake(spread=lambda gains, *_: mean(abs(gain - mean(gains)) for gain in gains)),
        ),
        "You compare with another number of standard errors, such as 1.96. By the card it is 2.": tuple(
            mistake(times=times) for times in (1.96, 1.5, 2.5, 4)
        ),
        "You judge other gains than those that you return. The verdict belongs to the same differences.": tuple(
            lambda runs, plain=plain: (_gain(runs)[0], _gain(runs, plain=plain)[1]) for plain in ("int8", "float")
        ),
        "Your gain is that over the network not trained on, or over float. Take the arm that differs from QAT in the rounding "
        "alone; your verdict does.": tuple(
            lambda runs, plain=plain: (_gain(runs, plain=plain)[0], _gain(runs)[1]) for plain in ("int8", "float")
        ),
        "You take the gain of training on, without QAT. Asked is what the rounding in the loop adds to it.": of_gains(
            lambda run: run["trained on, int8"] - run["int8"]
        ),
        "You take the gain of each seed without its sign, so that losses count as gains. Only the mean is compared without its sign.": of_gains(
            lambda run: abs(run["qat, int8"] - run["trained on, int8"])
        ),
        "You compare with the better of two arms, or take a loss for 0. A gain is QAT less trained on, seed by seed, with its sign.": (
            of_gains(lambda run: run["qat, int8"] - max(run["trained on, int8"], run["int8"])),
            of_gains(lambda run: max(0.0, run["qat, int8"] - run["trained on, int8"])),
        ),
        "You sort each arm before you compare, so that the numbers of one seed no longer lie side by side. Take the difference for each seed.": lambda runs: (
            _gain(
                [
                    {"qat, int8": aware, "trained on, int8": trained}
                    for aware, trained in zip(
                        *(sorted(arm(runs, name)) for name in ("qat, int8", "trained on, int8")), strict=True
                    )
                ]
            )
        ),
        "You give the gain in standard errors. Asked are points; the standard error decides whether they are more than noise.": with_gain(
            lambda runs: (
                mean(gains_of(runs)) * math.sqrt(len(runs)) / stdev(gains_of(runs)) if stdev(gains_of(runs)) else 0.0
            )
        ),
        "You compare QAT with float, the other way round: what is lost to fp32. Asked is what rounding won.": of_gains(
            lambda run: run["float"] - run["qat, int8"]
        ),
        "You take four arms. Two that differ in nothing but the rounding are enough: QAT, and trained on.": (
            of_gains(lambda run: run["qat, int8"] - run["int8"] - (run["trained on, int8"] - run["float"])),
            of_gains(lambda run: run["qat, int8"] - run["float"] - (run["trained on, int8"] - run["int8"])),
        ),
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
            # sorted for themselves, the arms differ by 1, 0.5 and 0.5; seed by seed by 4.5, -3 and 0.5
            _runs((95.0, 88.0, 90.0, 94.5), (95.0, 88.0, 94.0, 91.0), (95.0, 88.0, 92.0, 92.5)),
            _runs(*((90.0, 89.0, 90.0, 90.0 + gain) for gain in (0.5, 1.5, 3.0))),
            _runs(*((90.0, 89.0, 90.0, 90.0 + gain) for gain in (0.0, 0.0, 0.5, 1.5, 2.0))),
            # 9 and 16 seeds: there 2 s / n, which for 4 is one standard error, is less than one
            *(_runs(*((90.0, 89.0, 90.0, 90.0 + 0.28 + gain) for gain in (-1.0, 0.0, 1.0) * n)) for n in (3, 5)),
            *(_runs(*((90.0, 89.0, 90.0, 90.0 - 0.16 + gain) for gain in (-1.0, 1.0) * n)) for n in (8, 9)),
        ],
        inputs=_seeds().filter(_is_clear),
        atol=1e-9,
    )
