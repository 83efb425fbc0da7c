"""Checks of the lesson `qat`, quantization-aware training: values with their gradients, the order of a loop, a comparison."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from dataclasses import dataclass
from statistics import mean, pstdev, stdev, variance

import torch
from hypothesis import strategies as st
from torch import nn

from course_utils import legacy_int8
from course_utils.exercises.core import Mistake, check
from course_utils.exercises.inputs import numbers, shapes, tensors
from course_utils.exercises.search import compare, examine, run
from course_utils.exercises.values import same, show
from course_utils.legacy_int8 import nnq, tq

ABOVE = (1.5, -0.75, 0.25, 3.0)  # the gradient that comes from above, over and over to the size of x


@dataclass(repr=False)
class _Graded:
    """What comes out forward, and what comes back to x: None or the text of an error where nothing came."""

    values: torch.Tensor
    back: torch.Tensor | str | None
    above: torch.Tensor

    def __repr__(self) -> str:
        return f"{show(self.values)}; the gradient {show(self.above)} from above comes back as {show(self.back)}"


def _above(x: torch.Tensor) -> torch.Tensor:
    return torch.tensor(ABOVE * 3, dtype=x.dtype)[: x.numel()].reshape(x.shape)


def _graded(function: Callable) -> Callable:
    """`function`, made to give its values together with the gradient that comes back to x."""

    def graded(x: torch.Tensor, *rest: object) -> object:
        got, above = function(x.requires_grad_(), *rest), _above(x)
        try:
            if any(getattr(got, part) != getattr(x, part) for part in ("shape", "dtype", "layout", "device")):
                return got
        except Exception:  # no tensor, or an object that raises whatever it is asked
            return got
        if not got.requires_grad:
            return _Graded(got, None, above)
        try:
            got.backward(above)
        except Exception as error:
            return _Graded(got.detach(), f"{type(error).__name__}: {error}", above)
        return _Graded(got.detach(), torch.zeros_like(x) if x.grad is None else x.grad, above)

    return graded


def _clear(got: object, x: torch.Tensor, scale: float, zero_point: int, qmin: int, qmax: int) -> torch.Tensor:
    """Values and gradient; where x is on an end of the range or up to half a step beyond it, any gradient is fine."""
    if type(got) is not _Graded:
        raise Mistake(f"Your result must be a tensor of {x.dtype} and of shape {tuple(x.shape)}, as x is.")
    if not isinstance(got.back, torch.Tensor):
        hint = "A .detach(), a .data or a new tensor cuts the path. Or look at your own backward, if you have one."
        raise Mistake("Autograd cannot go back from your result to x.", hint)
    q = x.double() / scale + zero_point
    free = ((q > qmin - 0.51) & (q < qmin + 0.01)) | ((q > qmax - 0.01) & (q < qmax + 0.51))
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


@check("Exercise 1, Straight through, with a zero point")
def straight_through(answer: Callable) -> None:
    """``straight_through(x, scale, zero_point, qmin, qmax) -> Tensor``; values and gradient are compared."""

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
        right=_fake(),
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


class _Log(nn.Identity):
    """Notes of how each epoch found the model. A copy takes the notes along."""

    def __init__(self):
        super().__init__()
        self.epochs: list[_State] = []


def small_net() -> tq.QuantWrapper:
    """A network for images (batch, 1, 6, 6), fused for training, with stubs and its qconfig."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(6)
        block = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.ReLU())
        net = nn.Sequential(_Log(), block, nn.Conv2d(2, 2, 3), nn.BatchNorm2d(2), nn.Flatten(), nn.Linear(8, 3))
    fused = [["module.1.0", "module.1.1", "module.1.2"], ["module.2", "module.3"]]
    model = tq.fuse_modules_qat(tq.QuantWrapper(net).train(), fused)
    activation = tq.FakeQuantize.with_args(observer=tq.MovingAverageMinMaxObserver, quant_min=0, quant_max=127)
    model.qconfig = tq.QConfig(activation=activation, weight=tq.default_weight_fake_quant)
    return model


def _log(model: object) -> _Log:
    try:
        return next(m for m in model.modules() if type(m) is _Log)
    except Exception as error:
        raise TypeError(f"this takes the model, or a copy of it, got {show(model, 60)}") from error


@dataclass
class _State:
    """A model as an epoch found it. Of what can be switched: whether each one is on."""

    kind: str
    mode: str
    rounding: list[bool]
    observers: list[bool]
    norms: list[bool]

    def __repr__(self) -> str:
        counts = [f"{sum(on)} of {len(on)}" for on in (self.rounding, self.observers, self.norms)]
        text = "{} fake quantizations on, {} observers on, {} batch norms moving".format(*counts)
        return f"{self.kind}, {self.mode} mode, {text}"


def _state(model: nn.Module) -> _State:
    modules = list(model.modules())
    prepared = any(hasattr(m, "weight_fake_quant") for m in modules)
    int8 = any(isinstance(m, nnq.DeQuantize) for m in modules)
    return _State(
        kind="int8" if int8 else "prepared for QAT" if prepared else "not prepared for QAT",
        mode="training" if model.training else "evaluation",
        rounding=[bool(m.fake_quant_enabled[0]) for m in modules if hasattr(m, "fake_quant_enabled")],
        observers=[bool(m.observer_enabled[0]) for m in modules if hasattr(m, "observer_enabled")],
        norms=[m.bn.training for m in modules if isinstance(getattr(m, "bn", None), nn.BatchNorm2d)],
    )


def train_epoch(model: nn.Module) -> None:
    """Stands for one epoch: notes the state of the model, and shows its observers a batch."""
    epochs, state = _log(model).epochs, _state(model)
    epochs.append(state)
    if state.kind != "int8":
        with torch.no_grad():
            model(torch.rand(8, 1, 6, 6, generator=torch.Generator().manual_seed(len(epochs))))


def accuracy(model: nn.Module) -> float:
    """Stands for a measurement: another value after each epoch, 40 less for a model that is not int8."""
    return _accuracy(len(_log(model).epochs)) - 40.0 * (_state(model).kind != "int8")


def _accuracy(behind: int) -> float:
    return 70.0 + 7 * behind % 11


@check("Exercise 2, The loop, in the right order")
@legacy_int8.quiet()
def qat_loop(answer: Callable) -> None:
    """``qat_loop(model, train_epoch, accuracy, epochs) -> (int8 model, list of accuracies)``."""

    def judge(epochs: int) -> None:
        passed = []

        def watched(model: nn.Module, *rest: object) -> object:
            passed.append(model)
            return answer(model, *rest)

        call = ("your call", f"model=small_net(), train_epoch, accuracy, epochs={epochs}")
        try:
            got = run(watched, (small_net(), train_epoch, accuracy, epochs))
            _right_loop(got, epochs)
        except Mistake as mistake:
            facts = [fact for fact in mistake.facts if fact[0] != call[0]]  # without the model written out
            raise Mistake(mistake.message, mistake.hint, (call, *facts)) from mistake
        if not passed[0].training:
            raise Mistake("Your function leaves its model in evaluation mode.", "Call eval() on a copy.", (call,))

    examine(judge, edges=[(epochs,) for epochs in (2, 3, 4, 5)])


def _right_loop(got: object, epochs: int) -> None:
    right = "Return (the int8 model after the last epoch, the list of accuracies)."
    try:
        model, noted = got if isinstance(got, (tuple, list)) else ()
        state, found = _state(model), _log(model).epochs
    except Exception as error:
        raise Mistake("A model and its accuracies are wanted.", right, (("returned", show(got, 200)),)) from error
    _trained(found)
    _noted(noted, epochs)
    if state.kind != "int8":
        raise Mistake("The model that you return is not converted.", "Return what convert gave after the last epoch.")
    if len(found) != epochs:
        text = f"The model that you return has {len(found)} of {epochs} epochs behind it."
        raise Mistake(text, "Train once an epoch, and return the int8 model of the last, whatever the accuracies.")
    _frozen(found, "the observers", [state.observers for state in found])
    _frozen(found, "the batch norm statistics", [state.norms for state in found])


def _trained(found: list[_State]) -> None:
    for i, it in enumerate(found):
        plain = it.kind == "not prepared for QAT"
        faults = (
            (it.kind == "int8", "an int8 model", "It has no gradients. Convert a copy, train the model itself."),
            (plain, "a model without fake quantization", "prepare_qat puts it in; prepare only puts in observers."),
            (it.mode != "training", "a model in evaluation mode", "Call eval() on the copy that you convert."),
            (not all(it.rounding), "a model that does not round", "Leave the fake quantization on to the end."),
        )
        for true, what, hint in faults:
            if true:
                raise Mistake(f"Epoch {i} trains {what}.", hint, ((f"epoch {i} trains", repr(it)),))


def _noted(noted: object, epochs: int) -> None:
    expected = [_accuracy(n + 1) for n in range(epochs)]
    hint = "Note one an epoch, in order: that of the copy converted after it."
    if same([value - 40 for value in expected], noted):
        hint = "You measure the fake-quantized model. What will run is the converted one."
    elif same([_accuracy(n) for n in range(epochs)], noted):
        hint = "They are late by an epoch: measure after each, not before it."
    elif same([_accuracy(1)] * epochs, noted):
        hint = "Each is that of a model trained for one epoch. Prepare once, before the loop."
    if not same(expected, noted):
        raise Mistake("The accuracies are wrong.", hint, (("yours", show(noted)), ("expected", show(expected))))


def _frozen(found: list[_State], what: str, on: list[list[bool]]) -> None:
    """Raise when `what` is not frozen in the right epochs; `on` tells for each epoch which ones are not."""
    due, still = len(found) // 2, [not any(each) for each in on]
    whole = all(any(each) == all(each) for each in on)
    if whole and still == [i >= due for i in range(len(found))]:
        return
    first = still.index(True) if any(still) else None
    if all(map(all, on)):
        hint = f"You never freeze {what}: they go on moving under the weights that settle on them."
    elif first == 0:
        hint = f"You freeze {what} before the first epoch, when nothing was seen yet."
    elif not whole:
        hint = f"You freeze only a part of {what}: take all, those deeper inside too."
    elif not all(still[first:]):
        hint = f"You freeze {what}, and they move again later. Once frozen they stay so."
    else:
        hint = f"You freeze {what} before epoch {first}: too {'early' if first < due else 'late'}."
    facts = tuple((f"epoch {i} trains", repr(state)) for i, state in enumerate(found))
    raise Mistake(f"With {len(found)} epochs, freeze {what} before epoch {due}, neither sooner nor later.", hint, facts)


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


@check("Exercise 3, Where did the gain at 8 bits go?")
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
        "You compare with a variance. Take its root.": mistake(spread=lambda d, *_: variance(d), per=float),
        "A loss can be more than noise too: compare the size of the gain, without its sign.": mistake(size=float),
        "You call every gain real that is not 0. Compare with twice its standard error.": mistake(times=0),
        "You compare with one standard error. Take two: chance exceeds one a third of the time.": mistake(times=1),
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
        ],
        inputs=_seeds().filter(_is_clear),
        atol=1e-9,
    )
