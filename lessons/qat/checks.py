"""Checks of the lesson `qat`, quantization-aware training: values with their gradients, the order of a loop, a comparison."""

from __future__ import annotations

import statistics
from collections.abc import Callable

import torch
from torch import nn

from course_utils import legacy_int8
from course_utils.exercises.core import Mistake, check, run, same, try_cases
from course_utils.legacy_int8 import tq

NAMES = ("x", "scale", "zero_point", "qmin", "qmax")
UPSTREAM = (1.0, -2.0, 0.3, 0.7, 1.4, -0.25)  # the gradient that comes from above, cut to the length of x


def _with_gradient(function: Callable) -> Callable:
    """`function` of a tensor, made to return its values and the gradient that comes back to the tensor."""

    def graded(x: torch.Tensor, *rest: object) -> object:
        leaf = x.clone().requires_grad_()
        got = function(leaf, *rest)
        x.copy_(leaf.detach())  # an answer that edits its input has edited this copy
        if not isinstance(got, torch.Tensor) or got.shape != x.shape:
            return got
        if got.requires_grad:
            got.backward(torch.tensor(UPSTREAM[: len(x)]))
        back = torch.zeros_like(x) if leaf.grad is None else leaf.grad
        return {"values": _shown(got), "gradient": _shown(back)}

    return graded


def _shown(values: torch.Tensor) -> list[float]:
    return [round(v, 4) + 0.0 for v in values.detach().double().tolist()]


def _grid(x: torch.Tensor, scale: float, zero_point: int, qmin: int, qmax: int) -> tuple[torch.Tensor, torch.Tensor]:
    q = torch.round(x / scale) + zero_point
    return (q.clamp(qmin, qmax) - zero_point) * scale, (q >= qmin) & (q <= qmax)


def _answer(*, values: Callable | None = None, gradient: Callable | None = None) -> Callable:
    """The right answer with its values or its gradient replaced: values(x, …), gradient(upstream, inside, x, …)."""

    def answer(x, scale, zero_point, qmin, qmax):
        upstream = torch.tensor(UPSTREAM[: len(x)])
        y, inside = _grid(x, scale, zero_point, qmin, qmax)
        y = values(x, scale, zero_point, qmin, qmax) if values else y
        back = gradient(upstream, inside, x, scale, zero_point, qmin, qmax) if gradient else upstream * inside
        return {"values": _shown(y), "gradient": _shown(back)}

    return answer


# No value lies within half a step beyond the ends of the range: there right answers differ in the gradient.
FAKE_CASES = [
    (torch.tensor(x), *rest)
    for x, *rest in (
        ([0.30, -0.70, 1.10], 0.25, 0, -8, 7),
        ([5.0, -5.0, 0.4], 0.5, 0, -4, 3),
        ([0.2, 15.0, -5.0, 7.0], 0.1, -100, -128, 127),
        ([-0.3, 0.9, 1.9, 3.2], 0.01, 0, 0, 255),
        ([0.335, -1.275, 0.08, -0.913, 9.0, -9.0], 0.02, 12, -128, 127),
        ([0.0, 0.0], 0.5, 0, -8, 7),
    )
]


@check("Exercise 1, Straight through, with a zero point")
def straight_through(answer: Callable) -> None:
    """``straight_through(x, scale, zero_point, qmin, qmax) -> Tensor``; values and gradient are compared."""

    def symmetric(upstream, inside, x, scale, zero_point, qmin, qmax):
        return upstream * ((torch.round(x / scale) >= qmin) & (torch.round(x / scale) <= qmax))

    wrong = {
        "The gradient is zero: you go back through torch.round, which is flat almost everywhere. Put the derivative "
        "of the clipping in its place.": _answer(gradient=lambda g, *_: 0 * g),
        "The gradient passes everywhere. Where x is clipped, moving it changes nothing: there the gradient is 0.": _answer(
            gradient=lambda g, *_: g
        ),
        "You round the gradient. Only the forward pass is rounded; the gradient stays a float, small as it may be.": _answer(
            gradient=lambda g, inside, *_: torch.round(g) * inside
        ),
        "Your gradient is multiplied by the scale. Dividing by the scale and multiplying by it again cancel.": _answer(
            gradient=lambda g, inside, x, scale, *_: g * scale * inside
        ),
        "Your gradient is divided by the scale. Dividing by the scale and multiplying by it again cancel.": _answer(
            gradient=lambda g, inside, x, scale, *_: g / scale * inside
        ),
        "Your values are not clamped: a number far outside must become the end of the range.": _answer(
            values=lambda x, scale, *_: torch.round(x / scale) * scale
        ),
        "You look for what is clipped without the zero point. It shifts the range: compare round(x / scale) + "
        "zero_point with qmin and qmax.": _answer(gradient=symmetric),
        "Your values are the integers. Take the zero point off and multiply by the scale, to get floats back.": _answer(
            values=lambda x, s, z, low, high: (torch.round(x / s) + z).clamp(low, high)
        ),
        "The gradient is 0 inside the range and passes outside: it is the wrong way round.": _answer(
            gradient=lambda g, inside, *_: g * ~inside
        ),
    }
    try_cases(_with_gradient(answer), right=_answer(), wrong=wrong, cases=FAKE_CASES, names=NAMES, rtol=1e-4, atol=2e-4)


class _Log(nn.Identity):
    """Notes of how each epoch found the model. A copy takes the notes along."""

    def __init__(self):
        super().__init__()
        self.epochs: list[dict[str, bool]] = []


CONFIG = tq.QConfig(
    activation=tq.FakeQuantize.with_args(observer=tq.MovingAverageMinMaxObserver, quant_min=0, quant_max=127),
    weight=tq.default_weight_fake_quant,
)


def small_net() -> tq.QuantWrapper:
    """A network for images (batch, 1, 6, 6), fused for training, with stubs and its qconfig."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(6)
        net = nn.Sequential(_Log(), nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(64, 3))
    model = tq.fuse_modules_qat(tq.QuantWrapper(net).train(), ["module.1", "module.2", "module.3"])
    model.qconfig = CONFIG
    return model


def _log(model: nn.Module) -> _Log | None:
    return next((m for m in model.modules() if isinstance(m, _Log)), None)


def _converted(model: nn.Module) -> bool:
    return any(type(m).__name__ == "DeQuantize" for m in model.modules())


def train_epoch(model: nn.Module) -> None:
    """Stands for one epoch: notes the state of the model, and shows its observers a batch."""
    modules = list(model.modules())
    _log(model).epochs.append(
        {
            "converted": _converted(model),
            "aware": any(hasattr(m, "weight_fake_quant") for m in modules),
            "training": model.training,
            "observing": any(bool(m.observer_enabled[0]) for m in modules if hasattr(m, "observer_enabled")),
            "batch norm free": any(
                m.bn.training for m in modules if isinstance(getattr(m, "bn", None), nn.BatchNorm2d)
            ),
        }
    )
    if not _converted(model):
        with torch.no_grad():
            model(torch.rand(8, 1, 6, 6, generator=torch.Generator().manual_seed(len(_log(model).epochs))))


def accuracy(model: nn.Module) -> float:
    """Stands for a measurement: 80, a point for each epoch trained, 10 less for a model that is not int8."""
    return 80.0 + len(_log(model).epochs) - 10.0 * (not _converted(model))


@check("Exercise 2, The loop, in the right order")
@legacy_int8.quiet()
def qat_loop(answer: Callable) -> None:
    """``qat_loop(model, train_epoch, accuracy, epochs) -> (int8 model, list of accuracies)``."""
    for epochs in (4, 3):
        names = ("model", "train_epoch", "accuracy", "epochs")
        got = run(answer, (small_net(), train_epoch, accuracy, epochs), names)
        where = f"Your function with {epochs} epochs"
        if not (isinstance(got, tuple | list) and len(got) == 2 and isinstance(got[0], nn.Module)):
            raise Mistake(
                f"{where} returned {got!r:.60}.", "Return two things: the int8 model and the list of accuracies."
            )
        model, noted = got
        if _log(model) is None or not (_log(model).epochs or noted):
            raise Mistake(f"{where}: no epoch was trained.", "Call train_epoch on the prepared model, once an epoch.")
        _order(_log(model).epochs, epochs, where)
        _result(model, noted, epochs, where)


def _order(found: list[dict[str, bool]], epochs: int, where: str) -> None:
    for i, state in enumerate(found):
        late = i >= epochs // 2
        faults = {
            "You convert the model itself and go on training it. An int8 model has no gradients: convert a copy.": state[
                "converted"
            ],
            "The model was prepared without fake quantization: prepare only watches, prepare_qat also rounds.": not state[
                "aware"
            ],
            "The model is in evaluation mode while it trains. Call eval() on the copy that you convert.": not state[
                "training"
            ],
            "The observers are never frozen: the ranges go on moving, under the weights that settle on them.": late
            and state["observing"],
            "Batch norm is never frozen: its statistics go on moving, and they are folded into the weights.": late
            and state["batch norm free"],
            "You freeze from the first epoch on. The observers have seen nothing yet: let them watch at first.": not late
            and not (state["observing"] and state["batch norm free"]),
        }
        for hint, true in faults.items():
            if true:
                shown = ", ".join(f"{name} {'yes' if value else 'no'}" for name, value in state.items())
                raise Mistake(f"{where}: epoch {i} began with this model: {shown}.", hint)


def _result(model: nn.Module, noted: object, epochs: int, where: str) -> None:
    expected = [81.0 + i for i in range(epochs)]
    if same([value - 10 for value in expected], list(noted) if isinstance(noted, tuple | list) else noted):
        raise Mistake(
            f"{where}: the accuracies are {noted}.",
            "You measure the fake-quantized model. Convert the copy, then measure it: that is what will run.",
        )
    if not _converted(model):
        raise Mistake(
            f"{where} returned a model that is not converted.", "Return what convert gave after the last epoch."
        )
    trained = len(_log(model).epochs)
    if trained != epochs:
        raise Mistake(
            f"{where}: the model that you return has {trained} epochs behind it.",
            "Return the int8 model after the last epoch, and train once an epoch.",
        )
    if not same(expected, list(noted) if isinstance(noted, tuple | list) else noted):
        raise Mistake(
            f"{where}: the accuracies are {noted}, expected {expected}.",
            "One accuracy an epoch, of the copy that was converted after that epoch.",
        )


def _runs(*rows: tuple[float, float, float, float]) -> list[dict[str, float]]:
    return [dict(zip(("float", "int8", "trained on, int8", "qat, int8"), row, strict=True)) for row in rows]


RUNS = [
    _runs((90.2, 90.0, 90.9, 90.8), (90.5, 90.4, 91.2, 91.3), (89.9, 89.7, 90.6, 90.7)),
    _runs((97.9, 41.0, 47.0, 96.4), (98.0, 22.0, 29.0, 96.9), (97.8, 33.0, 31.0, 96.0), (98.1, 39.5, 44.0, 96.2)),
    _runs((90.0, 89.0, 88.0, 88.6), (92.0, 91.0, 90.0, 90.5), (94.0, 93.1, 92.0, 92.7), (91.0, 90.0, 89.1, 89.6)),
    _runs((90.0, 89.6, 90.4, 89.8), (90.1, 89.9, 90.3, 89.8), (90.2, 89.7, 90.5, 89.9)),
    _runs(*((90.0, 89.0, 90.0, 90.0 + gain) for gain in (0.3, 0.9, 0.5))),
    _runs(*((90.0, 89.0, 90.0, 90.0 + gain) for gain in (0.1, 0.5, 0.0))),
    _runs(*((90.0, 89.0, 90.0, 90.0 + gain) for gain in (1, -1, 1, -1, 1, -0.5, 1, 1))),
    _runs((90.0,) * 4, (90.0,) * 4),
]


@check("Exercise 3, Where did the gain at 8 bits go?")
def gain_of_rounding(answer: Callable) -> None:
    """``gain_of_rounding(runs) -> (float, bool)``."""

    def compare(runs, *, with_="trained on, int8", root=0.5, pick=statistics.mean, size=abs, paired=True, times=2):
        gains = [r["qat, int8"] - r[with_] for r in runs]
        spread = statistics.stdev(gains if paired else [r["qat, int8"] for r in runs])
        return pick(gains), size(pick(gains)) > times * spread / len(runs) ** root

    def bias(runs):
        gains = [r["qat, int8"] - r["trained on, int8"] for r in runs]
        return statistics.mean(gains), abs(statistics.mean(gains)) > 2 * statistics.pstdev(gains) / len(gains) ** 0.5

    wrong = {
        "You compare with the network that was not trained on. Then QAT also gets the credit for its extra training.": lambda runs: (
            compare(runs, with_="int8")
        ),
        "You compare with the float network. That tells what is lost to fp32, not what the rounding in the loop won.": lambda runs: (
            compare(runs, with_="float")
        ),
        "You take the best seed. One lucky run is no gain: take the mean of all.": lambda runs: compare(runs, pick=max),
        "You take the spread of QAT alone. A good seed is good in both arms: take the spread of the gains.": lambda runs: (
            compare(runs, paired=False)
        ),
        "You compare with the spread of single seeds. The mean of n seeds is surer than one: divide by the root of n.": lambda runs: (
            compare(runs, root=0.0)
        ),
        "You divide by n. The standard error falls with the root of n.": lambda runs: compare(runs, root=1.0),
        "A loss can be more than noise too: compare the size of the gain, without its sign.": lambda runs: compare(
            runs, size=lambda gain: gain
        ),
        "You call every difference real. Compare with twice its standard error.": lambda runs: compare(runs, times=0),
        "You compare with one standard error. Take two: one is exceeded by chance a third of the time.": lambda runs: (
            compare(runs, times=1)
        ),
        "Your standard deviation divides by n. For a sample it divides by n - 1: statistics.stdev.": bias,
    }
    try_cases(
        answer,
        right=compare,
        wrong=wrong,
        cases=[(runs,) for runs in RUNS],
        names=("runs",),
        rtol=1e-6,
        atol=1e-9,
        convert=_pair,
    )


def _pair(value: object) -> tuple[float, bool]:
    gain, real = value  # of another length: ValueError, which says what was expected
    return float(gain), bool(real)
