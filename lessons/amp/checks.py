"""Checks of the lesson `amp`, automatic mixed precision."""

from __future__ import annotations

import contextlib
import functools
import math
import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

import torch
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from course_utils.exercises.bests import summaries
from course_utils.exercises.calls import run
from course_utils.exercises.core import Mistake, check
from course_utils.exercises.inputs import numbers, tensors
from course_utils.exercises.investigation import (
    Run,
    World,
    by_arm,
    comes_out,
    investigate,
    means_said,
    numbered,
    one_alone,
    one_in_three,
)
from course_utils.exercises.rules import still_possible
from course_utils.exercises.search import compare, examine
from course_utils.exercises.values import is_number, same, show

LR, _clip = 0.5, nn.utils.clip_grad_norm_


class _Model(nn.Module):
    """A linear layer that notes the type of autocast (None where it is off) in each forward and backward pass."""

    def __init__(self, weight: torch.Tensor, bias: torch.Tensor):
        super().__init__()
        self.layer = nn.Linear(*reversed(weight.shape))
        self.layer.weight.data, self.layer.bias.data = weight.clone(), bias.clone()
        self.forward_in, self.backward_in, self.loss_in = [], [], []

    def forward(self, x):
        self.forward_in.append(_autocast())
        out = self.layer(x)
        if out.requires_grad:
            out.register_hook(lambda g: self.backward_in.append(_autocast()))
        return out


def _autocast() -> torch.dtype | None:
    return torch.get_autocast_dtype("cpu") if torch.is_autocast_enabled("cpu") else None


class _WatchedLoss(TorchFunctionMode):
    """Notes the type of autocast in each call of mse_loss; what it computes stays as it is."""

    def __init__(self, notes: list):
        super().__init__()
        self.notes = notes

    def __torch_function__(self, func, types, args=(), kwargs=None):
        if func is F.mse_loss:
            self.notes.append(_autocast())
        return func(*args, **(kwargs or {}))


@dataclass
class _Effect:
    """What one call of a training step returned and left behind."""

    model: _Model
    loss: object
    weights: dict[str, torch.Tensor]
    scale: float


def _effects(step: Callable, weight, bias, scale, max_norm, batches: Sequence[tuple]) -> Iterator[_Effect]:
    """Call `step` on a new model with one batch after the other."""
    model = _Model(weight, bias)
    optimizer = torch.optim.SGD([{"params": [p]} for p in model.parameters()], lr=LR)
    scaler = torch.amp.GradScaler("cpu", init_scale=scale, growth_interval=1)
    scaler.scale(torch.ones(()))  # makes its tensors, so that a forgotten scale() is a mistake and no crash
    for x, y in batches:
        model.forward_in, model.backward_in, model.loss_in = [], [], []
        loss = step(model, optimizer, scaler, x, y, max_norm)
        try:
            weights = {name: getattr(model.layer, name).detach().clone() for name in ("weight", "bias")}
            yield _Effect(model, loss, weights, float(scaler.get_scale()))
        except Exception as error:
            text = f"After your call, reading the weights and the scale raised {type(error).__name__}."
            raise Mistake(text, "Change the model through the optimizer, and the scale through the scaler.") from None


def _stretch(parameters: Sequence[nn.Parameter], norm: float) -> None:
    factor = norm / (torch.cat([p.grad.flatten() for p in parameters]).norm() + 1e-6)
    torch._foreach_mul_([p.grad for p in parameters], factor)


def _shrink(parameters: Sequence[nn.Parameter], most: float, norm: torch.Tensor) -> None:
    torch._foreach_mul_([p.grad for p in parameters], min(1.0, float(most / (norm + 1e-6))))


def _step(
    *,
    loss_of=F.mse_loss,
    clip=_clip,
    limit=lambda max_norm, scale: max_norm,
    early=False,
    scaled=lambda scaler, loss: scaler.scale(loss),
    by="scaler",
    update=True,
    zero=True,
    returned=lambda loss, *_: loss,
):
    """The right step; each argument makes one mistake."""

    def step(model, optimizer, scaler, x, y, max_norm):
        parameters = list(model.parameters())
        with torch.autocast("cpu"):
            loss = loss_of(model(x), y)
        value = returned(loss.item(), scaler.get_scale(), y)
        most = limit(max_norm, scaler.get_scale())
        scaled(scaler, loss).backward()
        if early:
            clip(parameters, most)
        scaler.unscale_(optimizer)
        if not early:
            clip(parameters, most)
        if update == "before":
            scaler.update()
        if by in ("scaler", "both"):
            scaler.step(optimizer)
        if by in ("optimizer", "both"):
            optimizer.step()
        if update is True:
            scaler.update()
        if zero:
            optimizer.zero_grad()
        return value

    return step


STEPS_WRONG = {
    "A step with the old gradients added to its own ends there: zero_grad() comes once a step.": {"zero": False},
    "A step whose gradients are divided by the scale after clipping ends there. unscale_ comes first; then step does not "
    "divide again.": {"early": True},
    "A step whose limit was divided by the scale ends there. Scaled gradients are larger and not smaller than the true ones; and "
    "after unscale_ the limit is max_norm itself.": (
        {"limit": lambda most, scale: most / scale, "early": True},
        {"limit": lambda most, scale: most / scale},
    ),
    "A step without clipping ends there. Clip between unscale_ and step.": {"clip": lambda *_: None},
    "A step whose true gradients are clipped to max_norm times the scale ends there. After unscale_ the limit is max_norm itself.": {
        "limit": lambda most, scale: most * scale
    },
    "A step after update() ends there: by then the scaler has forgotten that unscale_ ran, and step divides once more. update "
    "comes last.": {"update": "before"},
    "A step whose gradients are clipped to a norm of 1 or 0.5 ends there. The largest norm is max_norm.": tuple(
        {"clip": lambda ps, most, norm=norm: _clip(ps, norm)} for norm in (1.0, 0.5)
    ),
    "A step clipped by another norm ends there. Asked is that of all gradients together, the root of the sum of their squares: "
    "norm_type 2.": (
        *({"clip": lambda ps, most, p=p: _clip(ps, most, norm_type=p)} for p in (1.0, math.inf)),
        {"clip": lambda ps, most: _shrink(ps, most, sum(p.grad.norm() for p in ps))},
        {"clip": lambda ps, most: _shrink(ps, most, max(p.grad.norm() for p in ps))},
        {"clip": lambda ps, most: _shrink(ps, most, sum(p.grad.square().sum() for p in ps))},
    ),
    "A step clipped to the square, or to the root, of max_norm ends there. Give max_norm itself.": tuple(
        {"clip": lambda ps, most, power=power: _clip(ps, most**power)} for power in (2, 0.5)
    ),
    "A step with another loss ends there. The loss is mse_loss(model(x), y), the mean of the squares.": tuple(
        {"loss_of": of}
        for of in (
            F.l1_loss,
            F.smooth_l1_loss,
            lambda out, y: F.mse_loss(out, y).sqrt(),
            lambda out, y: F.mse_loss(out, y) / 2,
            lambda out, y: F.mse_loss(out, y, reduction="sum"),
            lambda out, y: F.cross_entropy(out, y),
        )
    ),
    "A step that limits each number of the gradients ends there.": {"clip": nn.utils.clip_grad_value_},
    "A step that clips each parameter by itself ends there.": {"clip": lambda ps, most: [_clip([p], most) for p in ps]},
    "A step that clips one group of the optimizer only ends there. The norm is that of all gradients together.": (
        {"clip": lambda ps, most: _clip(ps[:1], most)},
        {"clip": lambda ps, most: _clip(ps[-1:], most)},
    ),
    "A step that limits the weights ends there. Asked is the norm of the gradients.": {
        "clip": lambda ps, most: [p.data.clamp_(-most, most) for p in ps]
    },
    "A step whose gradients are still multiplied by the scale ends there: the loss was scaled twice.": {
        "scaled": lambda scaler, loss: scaler.scale(scaler.scale(loss))
    },
    "A step whose loss was divided by the scale ends there. scaler.scale multiplies it, and unscale_ divides the gradients.": {
        "scaled": lambda scaler, loss: loss / scaler.get_scale()
    },
    "A step that gives its gradients the norm max_norm ends there. Smaller ones stay as they are, and the loss is multiplied by "
    "the scale alone.": {"clip": _stretch},
    "A step whose gradients are divided by the scale, but never were multiplied, ends there.": {
        "scaled": lambda scaler, loss: loss
    },
    "The batch holds an infinite number: scaler.step(optimizer) would have skipped this step.": {"by": "optimizer"},
    "The weights are where they were. Which call makes the step, and with which gradients?": {"by": None},
    "Two steps with the same gradients, or one with twice the gradients, end there. scaler.step calls optimizer.step itself, and "
    "backward() adds to what is there: call each once.": {"by": "both"},
    "The scale of the scaler that you were given is as before. With growth_interval=1 every update() of it changes it.": {
        "update": False
    },
}
LOSSES_WRONG = {
    "That is the scaled loss. Return the one before scaler.scale.": tuple(
        {"returned": lambda loss, scale, y, grown=grown: loss * scale * grown} for grown in (1, 2, 0.5)
    ),
    "That is the loss divided by the scale. It never was multiplied: return what mse_loss gave.": tuple(
        {"returned": lambda loss, scale, y, grown=grown: loss / (scale * grown)} for grown in (1, 2, 0.5)
    ),
    "That is the sum of the squares, not their mean.": {"returned": lambda loss, scale, y: loss * y.numel()},
    "That is the scale. Return the loss.": tuple(
        {"returned": lambda loss, scale, y, grown=grown: scale * grown} for grown in (1, 2, 0.5)
    ),
    "That is 0, whatever the batch. Return the loss of the batch, what mse_loss gave.": {"returned": lambda *_: 0.0},
    "That is the loss for a target in 16 bits, which has lost digits. Leave y as it is: autocast computes mse_loss in fp32.": {
        "loss_of": lambda out, y: F.mse_loss(out, y.to(out.dtype))
    },
    "That is the loss with the other sign.": {"returned": lambda loss, scale, y: -loss},
    "That is the root of the loss. Return what mse_loss gave.": {"returned": lambda loss, scale, y: loss**0.5},
    "That is half or twice the loss. Return what mse_loss gave: the mean of the squares.": tuple(
        {"returned": lambda loss, scale, y, factor=factor: loss * factor} for factor in (0.5, 2)
    ),
    "mse_loss takes the mean over the batch already: neither divide by the batch size nor multiply by it.": (
        {"returned": lambda loss, scale, y: loss / len(y)},
        {"returned": lambda loss, scale, y: loss * len(y)},
        {"returned": lambda loss, scale, y: loss / y.numel()},
    ),
    "That is the loss, rounded. Return loss.item() as it is.": tuple(
        {"returned": lambda loss, scale, y, digits=digits: round(loss, digits)} for digits in (0, 1, 2, 3)
    ),
}
RAISED = {
    "No inf checks were recorded for this optimizer": "No parameter had a gradient then: backward() is missing, or zero_grad() "
    "came before the step.",
    "No inf checks were recorded prior to update": "Neither unscale_ nor step of the scaler came before update(), which comes last.",
    "unscale_() has already been called": "Call unscale_ once in a step, and update() at its end.",
    "unscale_() is being called after step()": "unscale_ comes before step.",
    "step() has already been called": "Call scaler.step once in a step, and scaler.update() at its end.",
    "Attempting to unscale FP16 gradients": "Leave the weights in fp32: autocast casts what it needs.",
    "object is not iterable": "clip_grad_norm_ takes the parameters first, model.parameters(), and then the norm.",
    "missing 1 required positional argument: 'optimizer'": "unscale_ and step of the scaler take the optimizer.",
    "has no attribute 'param_groups'": "unscale_ and step of the scaler take the optimizer.",
    "Expected `device_type` of type `str`": "autocast takes the type of the device, a text: x.device.type.",
    "so it cannot be clipped": "Leave error_if_nonfinite as it is: the scaler skips a step with such gradients.",
    "does not require grad": "The loss hangs on no weight: leave out no_grad and detach().",
}
_end, _loss = operator.attrgetter("weights", "scale"), operator.attrgetter("loss")
_close = functools.partial(same, rtol=1e-3, atol=1e-6)


def _hint(known: Mapping[str, Mapping], of: Callable, got: _Effect, setting: tuple, calls: int) -> str:
    """The hint of the mistake whose call number `calls` has the effect `of` of what was got; empty if none has."""
    *before, batches = setting
    for hint, ways in known.items():
        for mistake in ways if isinstance(ways, tuple) else (ways,):
            with contextlib.suppress(Exception):  # a step with this mistake need not run so far
                if _close(of(list(_effects(_step(**mistake), *before, batches[:calls]))[-1]), of(got)):
                    return hint
    return ""


@st.composite
def _settings(draw: Callable) -> tuple:
    """(weight, bias, scale, max_norm, batches) of a small layer; now and then a batch holds an infinite number."""
    n_in, n_out, rows = draw(st.sampled_from([(1, 1, 1), (2, 1, 1), (1, 2, 1), (1, 1, 2)]))
    small = numbers(-2, 2, step=0.5)
    batches = []
    for _ in range(draw(st.integers(1, 2))):
        x, y = draw(tensors((rows, n_in), small)), draw(tensors((rows, n_out), small))
        x[0, 0] = draw(st.sampled_from([x[0, 0].item(), x[0, 0].item(), math.inf]))
        batches.append((x, y))
    scale, max_norm = draw(st.sampled_from([4.0, 1.0, 64.0])), draw(st.sampled_from([0.5, 0.25, 2.0, 100.0]))
    return draw(tensors((n_out, n_in), small)), draw(tensors((n_out,), small)), scale, max_norm, batches


@check(
    "Exercise 1, The step with clipping",
    why="Scaling moves all gradients by one factor, so that small ones survive in 16 bits; max_norm is meant for the true ones. "
    "unscale_ divides before you clip, and the scaler remembers that: its step neither divides again nor steps on inf.",
    trust="it is watched while it trains a model, and the model is looked at",
)
def train_step(answer: Callable) -> None:
    """``train_step(model, optimizer, scaler, x, y, max_norm) -> float``, judged by its effects."""

    def judge(*setting):
        weight, bias, scale, max_norm, batches = setting
        facts = [
            (
                "model",
                f"a linear layer, weight={show(weight)}, bias={show(bias)}, trained with SGD, lr={LR}, each in a group of its own",
            ),
            ("scaler", f"scale {scale:g}, growth_interval=1"),
        ]

        def step(model, optimizer, scaler, x, y, max_norm):
            facts.append((f"call {len(facts) - 1}", f"x={show(x)}, y={show(y)}, max_norm={max_norm:g}"))

            def watched(*rest):
                with _WatchedLoss(model.loss_in):
                    return answer(model, optimizer, scaler, *rest)

            return run(watched, (x, y, max_norm), ("x", "y", "max_norm"))

        right = _effects(_step(), *setting)
        try:
            for calls, (expected, got) in enumerate(zip(right, _effects(step, *setting), strict=True), start=1):
                _judge_passes(got.model)
                _judge_effect(expected, got, setting, calls)
        except Mistake as mistake:
            more = [fact for fact in mistake.facts if fact[0] != "your call"]
            hint = next((hint for text, hint in RAISED.items() if text in mistake.message), mistake.hint)
            raise Mistake(mistake.message, hint, (*facts, *more)) from mistake

    x = torch.tensor([[1.0, 2.0], [-1.5, 0.5], [0.75, -0.25]])
    y = torch.tensor([[0.5, -2.0], [1.0, 1.5], [2.0, -1.25]])
    layer = (torch.tensor([[1.0, -0.5], [0.5, 2.0]]), torch.tensor([0.25, -1.0]))
    bad = x * math.inf
    edges = [(*layer, 8.0, 1.0, [(x, y), (y, x)]), (*layer, 1.0, 100.0, [(x, y)] * 2), (*layer, 8.0, 1.0, [(bad, y)])]
    examine(judge, edges=edges, inputs=_settings(), count=25)


def _judge_passes(model: _Model) -> None:
    """Where forward and backward ran."""
    named = ", ".join(sorted({str(dtype).removeprefix("torch.") for dtype in model.forward_in}))
    for fault, message, hint in (
        (not model.forward_in, "Your function did not call the model.", "Begin with the forward pass: model(x)."),
        (
            None in model.forward_in and len(model.forward_in) > 1 and any(model.forward_in),
            "A second forward pass ran outside autocast.",
            "One forward pass is enough: return the loss that it gave.",
        ),
        (
            None in model.forward_in,
            "In a forward pass autocast was off for the CPU, where x is.",
            "Put it under `with torch.autocast(x.device.type):`.",
        ),
        (named != "bfloat16", f"Autocast ran in {named}; a CPU's default is bfloat16.", "Leave out the dtype."),
        (
            model.forward_in[:1] == [torch.bfloat16] and None in model.loss_in,
            "The forward pass ran under autocast, but mse_loss ran outside of it.",
            "Put the loss into the `with` block as well. Under autocast it is computed in fp32, whatever types it is given.",
        ),
        (not model.backward_in, "No backward pass reached the model.", "Call scaler.scale(loss).backward()."),
        (any(model.backward_in), "The backward pass ran inside autocast.", "End the `with` block after the loss."),
    ):
        if fault:
            raise Mistake(message, hint)


def _judge_effect(expected: _Effect, got: _Effect, setting: tuple, calls: int) -> None:
    """Where the weights and the scale are after a call, and what it returned."""
    if not _close(_end(expected), _end(got)):
        what = "scale" if _close(expected.weights, got.weights) else "weights"
        facts = (("afterwards", show(getattr(got, what))), ("expected", show(getattr(expected, what))))
        order = (
            "Follow the call by hand. The loss is mse_loss, max_norm limits the norm of all gradients together (the root of the "
            "sum of their squares), the order is that of the card's hint, and optimizer and scaler are those that you are given."
        )
        raise Mistake(
            f"Your call leaves the {what} wrong.", _hint(STEPS_WRONG, _end, got, setting, calls) or order, facts
        )
    facts = (("returned", show(got.loss)), ("expected", show(expected.loss)))
    if issubclass(type(got.loss), torch.Tensor):
        raise Mistake("Your function returned a tensor, expected a float.", "loss.item() is a float.", facts)
    if not is_number(got.loss):
        kind = type(got.loss).__name__
        raise Mistake(f"Your function returned a {kind}, expected a float.", "Return loss.item() alone.", facts)
    if not _close(expected.loss, got.loss):
        hint = (
            _hint(LOSSES_WRONG, _loss, got, setting, calls)
            or "Return what mse_loss gave in the forward pass of this call: not divided, not computed again."
        )
        raise Mistake("The step is right, but the loss that you return is not.", hint, facts)


ARMS = ("as found", "no scaler", "no clipping", "no autocast")
BROKEN = ("nothing", "scaler", "clipping", "precision", "order", "elsewhere")


SUMMARIES = {
    **summaries("network", best=min),
    "if the first network is left out": lambda found: fmean(found[1:] or found),
}
LIMITS = (49, 51, 48, 52, 45, 55, 40, 60, 30, 70)


def _loop(
    right: str, said: str, hint: str, *, learns: Sequence[str] = (), good: float = 22.0, bad: float = 84.0
) -> World:
    """A loop whose arms in `learns` have an error of about `good`, the others of about `bad`, up to seven points up or down."""

    def measure(arm: str, number: int, *, seed: float) -> float:
        network = (seed * 7919) % 13 - 6  # one network is better than another, in every arm
        luck = ((seed * 31 + 7 * ARMS.index(arm)) % 5 - 2) * 0.5
        return (good if arm in learns else bad) + network + luck

    def why(runs: Sequence[Run], got: str) -> str:
        if got != "nothing":
            return hint
        as_found = fmean(by_arm(runs)["as found"])
        return (
            f"As found the loop has an error of {as_found:.0f} % on average, so it does not learn, and 'nothing' is wrong. An error is good "
            "where it is low, unlike an accuracy; and that the other arms fail as well does not make the loop sound."
        )

    return World(said, right, measure, why)


def _decided(error: Mapping[str, float], limit: float = 50.0) -> str:
    """The conclusion of the card for one error of each arm."""
    found, scaler, clipping, autocast = (error[arm] < limit for arm in ARMS)
    if found:
        return "nothing"
    if scaler and clipping:
        return "order"
    return "scaler" if scaler else "clipping" if clipping else "precision" if autocast else "elsewhere"


def _means(runs: Sequence[Run]) -> dict[str, float]:
    return {arm: fmean(own) for arm, own in by_arm(runs).items()}


def _by_the_card(runs: Sequence[Run]) -> str:
    """The conclusion of the card for these runs."""
    return _decided(_means(runs))


def _rules() -> dict[str, Callable[[Sequence[Run]], str]]:
    """Other rules than the card's, in words: each gives a conclusion for the runs."""

    def limited(limit: float) -> Callable[[Sequence[Run]], str]:
        return lambda runs: _decided(_means(runs), limit)

    def summed(pick: Callable) -> Callable[[Sequence[Run]], str]:
        return lambda runs: _decided({arm: pick(own) for arm, own in by_arm(runs).items()})

    def beside_the_control(share: float) -> Callable[[Sequence[Run]], str]:
        def decided(runs: Sequence[Run]) -> str:
            error = _means(runs)
            better = {arm: 0.0 if error[arm] < share * error["as found"] else 100.0 for arm in ARMS[1:]}
            return _decided({"as found": error["as found"], **better})

        return decided

    return {
        "if an arm learns that has a tenth less error than the loop as found": beside_the_control(0.9),
        "if an arm learns that has half the error of the loop as found": beside_the_control(0.5),
        **{f"if the limit lies {'below' if x < 50 else 'above'} 50, at {x}": limited(x) for x in LIMITS},
        **{words: summed(pick) for words, pick in SUMMARIES.items()},
    }


def _plan(many: int) -> list[tuple[str, dict[str, float]]]:
    """A full experiment with so many networks."""
    return [(arm, {"seed": seed}) for seed in range(many) for arm in ARMS]


def _own_means(said: str) -> Callable[[Sequence[Run], str], str]:
    """The means, what follows from them, and by which other rules somebody's conclusion comes out."""
    return lambda runs, got: (
        f"The means of your own runs are: {means_said(runs)}. An arm learns if its mean is below 50, and from that {_by_the_card(runs)!r} follows."
        + comes_out(got, still_possible(_rules(), runs, got, world=said, worlds=LOOPS, plan=_plan))
    )


def _uneven(said: str, odd: Callable[[float], bool] = one_in_three, **errors: tuple[float, float]) -> World:
    """A loop with the usual error of an arm, and what it has more with every odd network; 88 for an arm that is left out."""

    def measure(arm: str, number: int, *, seed: float) -> float:
        usual, more = errors.get(arm.replace(" ", "_"), (88.0, 0.0))
        return usual + more * odd(seed) + 0.02 * ((seed * 31) % 5 - 2)

    return World(said, _by_the_card, numbered(measure), _own_means(said))


LOOPS = (
    _loop(
        "order",
        "the loop clips before unscale_: without the scaler nothing is multiplied, and without clipping nothing is cut",
        "Both parts are sound here: each works without the other. What is wrong is between them.",
        learns=("no scaler", "no clipping"),
    ),
    _loop(
        "scaler",
        "optimizer.step() stands in place of scaler.step(optimizer), so that a step is 65,536 times too long, or as long as max_norm allows",
        "It learns as soon as the scaler is off, and not without clipping. A wrong order would be gone without clipping, too.",
        learns=("no scaler",),
    ),
    _loop(
        "clipping",
        "max_norm is a thousand times too small; the order is right",
        "It learns as soon as clipping is off, and not without the scaler. A wrong order would be gone without the scaler, too.",
        learns=("no clipping",),
    ),
    _loop(
        "precision",
        "a product overflows in 16 bits, and the others have nothing to do with it",
        "Only in fp32 does it learn. Scaler and clipping were switched off, one at a time, and changed nothing.",
        learns=("no autocast",),
        good=30.0,
    ),
    _loop(
        "elsewhere",
        "the labels are shuffled: none of the four parts has to do with it",
        "No arm learns here, so that none of the parts was shown to be the cause. One of four arms is always the best of them: that "
        "says nothing.",
        bad=88.0,
    ),
    _loop(
        "nothing",
        "the loop is sound, and learns as found",
        "The loop that you were given learns. Whoever looks only at the arms without a part takes their success for a repair: the loop "
        "as found is the control.",
        learns=ARMS,
        good=25.0,
    ),
    _uneven(
        "without the scaler two networks of three learn well, and the third does not at all", no_scaler=(42.0, 50.0)
    ),
    _uneven("without clipping every third network fails; the mean is still below 50", no_clipping=(20.0, 60.0)),
    _uneven("without the scaler the error is 46, without clipping 54", no_scaler=(46.0, 0.0), no_clipping=(54.0, 0.0)),
    _uneven(
        "without the scaler the error is 49.4, without clipping 50.6", no_scaler=(49.4, 0.0), no_clipping=(50.6, 0.0)
    ),
    _uneven(
        "without clipping four networks of five have an error of 40, and one of 97", one_alone, no_clipping=(40.0, 57.0)
    ),
    _loop(
        "order",
        "the loop fails as found, and learns as soon as any of the three parts is off",
        "It learns without the scaler and also without clipping, and by the card that is the order, even though it learns without autocast, too. "
        "'precision' stands for a loop that learns only without autocast.",
        learns=ARMS[1:],
    ),
    _uneven("as found two networks of five have an error of 80, and three of 20", as_found=(20.0, 60.0)),
    _uneven("as found four networks of five have an error of 40, and one of 97", one_alone, as_found=(40.0, 57.0)),
    _uneven("without autocast two networks of five have an error of 80, and three of 20", no_autocast=(20.0, 60.0)),
    _uneven(
        "without autocast four networks of five have an error of 40, and one of 97", one_alone, no_autocast=(40.0, 57.0)
    ),
    _uneven("without the scaler two networks of five have an error of 80, and three of 20", no_scaler=(20.0, 60.0)),
    _uneven(
        "without the scaler the fifth network has an error of 97, and the others one of 40",
        lambda seed: seed == 4,
        no_scaler=(40.0, 57.0),
    ),
    _uneven("without the scaler the error is 20, without clipping 45", no_scaler=(20.0, 0.0), no_clipping=(45.0, 0.0)),
    _uneven("as found the error is 45, and without the scaler 20", as_found=(45.0, 0.0), no_scaler=(20.0, 0.0)),
    _uneven("without the scaler the error is 49.7", no_scaler=(49.7, 0.0)),
)


@check(
    "Exercise 2, What broke the loop?",
    why="The loop as found is the control: without it a sound loop looks repaired by every switch. Each other arm changes one "
    "thing, and two parts that work alone and not together point at what is between them: the order.",
)
def broken_part(answer: Callable) -> None:
    """``broken_part(error) -> "nothing", "scaler", "clipping", "precision", "order" or "elsewhere"``, on made-up loops."""
    investigate(
        answer,
        LOOPS,
        arms=ARMS,
        settings={"seed": 0},
        least={"seed": 5},
        least_runs=5,
        conclusions=BROKEN,
        name="error",
    )


@check(
    "Exercise 3, A dynamic loss scaler",
    why="Nobody knows the largest scale that is safe, so the scaler keeps trying: it doubles after enough good steps, and an inf "
    "costs one skipped step and halves it again. Both changes start the count anew.",
)
def dynamic_scale(answer: Callable) -> None:
    """``dynamic_scale(scale, found_infs, growth_interval) -> (scales, stepped)``."""

    def rule(
        returned=None,
        *,
        least=0,
        shrink=lambda s: s * 0.5,
        grow=lambda s: s * 2,
        reset=("inf", "growth"),
        restart=(0, 0),
        counts_infs=False,
        reached=operator.ge,
        also_for_no_steps=False,
    ):
        def simulate(scale, found_infs, interval):
            first, scales, good = scale, [], 0
            for inf in found_infs:
                good = good + 1 if not inf else restart[0] if "inf" in reset else good + counts_infs
                if inf:
                    scale = shrink(scale)
                elif reached(good, interval + least):
                    scale, good = grow(scale), restart[1] if "growth" in reset else good
                scales.append(scale)
            stepped = [not inf for inf in found_infs]
            return returned(first, scales, stepped) if returned and (scales or also_for_no_steps) else (scales, stepped)

        return simulate

    def by_number(first):
        def simulate(scale, found_infs, interval):
            scales = []
            for number, inf in enumerate(found_infs, start=first):
                scale *= 0.5 if inf else 1 if number % interval else 2
                scales.append(scale)
            return scales, [not inf for inf in found_infs]

        return simulate

    def grows_at_the_next(scale, found_infs, interval):
        scales, good = [], 0
        for inf in found_infs:
            if good == interval:
                scale, good = scale * 2, 0
            scale, good = (scale / 2, 0) if inf else (scale, good + 1)
            scales.append(scale)
        return scales, [not inf for inf in found_infs]

    def first_inf_alone(scale, found_infs, interval):
        scales, good, before = [], 0, False
        for inf in found_infs:
            good = 0 if inf else good + 1
            if inf and not before:
                scale /= 2
            elif good == interval:
                scale, good = scale * 2, 0
            before = inf
            scales.append(scale)
        return scales, [not inf for inf in found_infs]

    def many_infs(scale, found_infs, interval):
        scales, good, bad = [], 0, 0
        for inf in found_infs:
            good, bad = (0, bad + 1) if inf else (good + 1, 0)
            if inf and bad >= interval:
                scale /= 2
            elif good == interval:
                scale, good = scale * 2, 0
            scales.append(scale)
        return scales, [not inf for inf in found_infs]

    def from_the_first_scale(scale, found_infs, interval):
        return rule(shrink=lambda s: scale / 2, grow=lambda s: scale * 2)(scale, found_infs, interval)

    def by_the_interval(scale, found_infs, interval):
        return rule(shrink=lambda s: s / interval, grow=lambda s: s * interval)(scale, found_infs, interval)

    def changes_alone(scale, found_infs, interval):
        scales, stepped = rule()(scale, found_infs, interval)
        pairs = zip([scale, *scales[:-1]], scales, strict=True) if scales else ()
        return [after for before, after in pairs if after != before], stepped

    def seen_in_the_scale(compared):
        def simulate(scale, found_infs, interval):
            scales, _ = rule()(scale, found_infs, interval)
            return scales, [compared(after, before) for before, after in zip([scale, *scales], scales, strict=False)]

        return simulate

    def powers_of_the_count(scale, found_infs, interval):
        scales, good = [], 0
        for inf in found_infs:
            good = 0 if inf else good + 1
            scale = scale / 2 if inf else scale * 2 ** (good // interval)
            scales.append(scale)
        return scales, [not inf for inf in found_infs]

    returns = {
        "You step on inf: that puts inf or NaN into the weights.": lambda first, s, took: (s, [True] * len(took)),
        "Your second list is upside down: True is for a step taken.": lambda first, s, took: (s, [not t for t in took]),
        "Your second list holds 1 and 0. Return True and False.": lambda first, s, took: (s, [int(t) for t in took]),
        "Your first list has the scale before each step.": lambda first, s, took: ([first, *s[:-1]], took),
        "Your first list begins with the scale before the first step.": lambda first, s, took: ([first, *s], took),
        "In place of the first list you return the last scale.": lambda first, s, took: ([first, *s][-1], took),
        "Your two lists are in the wrong order: the scales come first.": lambda first, s, took: (took, s),
        "You return one list of pairs. Return two lists.": lambda first, s, took: list(zip(s, took, strict=True)),
        "You return one list, the scales. Return a second one, too: stepped.": lambda first, s, took: s,
    }
    wrong = {
        **{hint: (rule(returned), rule(returned, also_for_no_steps=True)) for hint, returned in returns.items()},
        "You stop at the first inf. That step is skipped, and the next ones go on: both lists are as long as found_infs.": tuple(
            lambda scale, infs, interval, more=more: rule()(
                scale, infs[: infs.index(True) + more] if True in infs else infs, interval
            )
            for more in (1, 0)
        ),
        "You add the first scale where the present one is doubled.": lambda scale, infs, interval: rule(
            grow=lambda s: s + scale
        )(scale, infs, interval),
        "You exchange the two changes. After an inf the scale is halved; after growth_interval good steps it is doubled.": (
            rule(shrink=lambda s: s * 2, grow=lambda s: s / 2),
            lambda scale, infs, interval: (
                rule()(scale, [not inf for inf in infs], interval)[0],
                [not inf for inf in infs],
            ),
            lambda scale, infs, interval: rule()(scale, [not inf for inf in infs], interval),
        ),
        "Your scale is not halved after an inf: you multiply by another factor. It is 0.5.": tuple(
            rule(shrink=lambda s, factor=factor: s * factor) for factor in (0.25, 0.1, 0.75, 0.9, 1 / 3)
        ),
        "Your scale is not doubled after the good steps: you multiply by another factor. It is 2.": tuple(
            rule(grow=lambda s, factor=factor: s * factor) for factor in (1.5, 4, 10, 3, 1.1, 1.25)
        ),
        "You add and subtract. The scale is multiplied: by 2, or by 0.5.": tuple(
            rule(shrink=lambda s, less=less: s - less, grow=lambda s, more=more: s + more)
            for less, more in ((0.5, 2), (2, 2), (1, 1), (0.5, 1))
        ),
        "You square the scale, or take its root. It is doubled, or halved.": (
            rule(grow=lambda s: s**2),
            rule(shrink=lambda s: s**0.5),
            rule(grow=lambda s: s**2, shrink=lambda s: s**0.5),
        ),
        "Your scale is never below 1. Where gradients are very large it must be.": rule(
            shrink=lambda s: max(1.0, s / 2)
        ),
        "Your scale is never above 65,536. Small gradients can take more.": rule(grow=lambda s: min(65536.0, s * 2)),
        "You halve with //, which leaves whole numbers: half of 1 is then 0. Divide with /.": rule(
            shrink=lambda s: s // 2
        ),
        "Your scale grows at every step whose number growth_interval divides. Count the good steps in a row since the last "
        "change.": (by_number(1), by_number(0)),
        "Your counter starts at 1 after an inf. The step with the inf is no good one: set it back to 0.": (
            rule(restart=(1, 0)),
            rule(restart=(1, 0), reached=operator.eq),
        ),
        "Your counter starts at 1 after growing. Set it back to 0.": (
            rule(restart=(0, 1)),
            rule(restart=(0, 1), reached=operator.eq),
        ),
        "Your counter starts at 1 after an inf and after growing. Set it back to 0.": (
            rule(restart=(1, 1)),
            rule(restart=(1, 1), reached=operator.eq),
        ),
        "Your scale grows once: after growing the counter goes on, and is never growth_interval again before an inf. Set it "
        "back to 0.": rule(reset=("inf",), reached=operator.eq),
        "Your counter starts below 0 after an inf or after growing. Set it back to 0.": (
            rule(restart=(-1, 0)),
            rule(restart=(0, -1)),
            rule(restart=(-1, -1)),
        ),
        "You count the steps with inf as well. Good steps in a row count, and an inf sets the counter back to 0.": rule(
            reset=("growth",), counts_infs=True
        ),
        "Your scale grows before the next step, not after the good one that completes growth_interval.": grows_at_the_next,
        "Your counter goes one back at an inf. The good steps must come in a row: set it to 0.": rule(
            reset=("growth",), counts_infs=-1
        ),
        "After an inf your scale grows at the next good step. Set the counter to 0.": rule(restart=(99, 0)),
        "After an inf your scale is 0 or 1. Halve it.": (rule(shrink=lambda s: 0.0), rule(shrink=lambda s: 1.0)),
        "You multiply and divide by growth_interval. That says when the scale is doubled: the factors are 2 and 0.5.": (
            by_the_interval
        ),
        "You halve and double the first scale each time. Each change starts from the scale as it is then.": (
            from_the_first_scale
        ),
        "You wait for growth_interval infs. Every inf halves the scale at once.": many_infs,
        "Of several infs in a row only the first halves your scale. Every one of them does.": first_inf_alone,
        "Your first list holds the changes alone. It has the scale after each step, changed or not.": changes_alone,
        "Your first list holds the steps taken alone. A step that is skipped has a scale, too.": (
            lambda *args: (
                [s for s, took in zip(*rule()(*args), strict=True) if took],
                rule()(*args)[1],
            )
        ),
        "Your second list has numbers of steps. It is True or False for each step.": lambda *args: (
            rule()(*args)[0],
            [at for at, took in enumerate(rule()(*args)[1]) if took],
        ),
        "Your second list has an entry for the steps taken alone. A step that is skipped has its False.": lambda *args: (
            rule()(*args)[0],
            [took for took in rule()(*args)[1] if took],
        ),
        "Your second list is True where the scale stays, or where it grows. The optimizer takes every step without an "
        "inf.": (seen_in_the_scale(operator.eq), seen_in_the_scale(operator.gt)),
        "Your second list is True where the scale changes. The optimizer takes every step without an inf.": (
            seen_in_the_scale(operator.ne)
        ),
        "Your scale doubles more than once: after growth_interval good steps it doubles, and the counter starts again.": (
            powers_of_the_count
        ),
        "Your scale never grows: after some skips it would stay too small for ever.": rule(grow=float),
        "Your scale never shrinks: after a step with inf it is halved.": rule(shrink=float),
        "Your scale grows after every good step: wait for growth_interval of them.": rule(least=-9),
        "Your scale grows one good step too late: growth_interval of them are enough.": rule(least=1),
        "Your scale grows one good step too early: wait for growth_interval of them.": rule(least=-1),
        "Your counter goes on over an inf: the good steps must come in a row.": rule(reset=("growth",)),
        "Your counter goes on after growing: every further good step doubles.": rule(reset=("inf",)),
        "Your counter never starts again. It should after an inf, and after growing.": rule(reset=()),
    }
    bad, ok, scales = True, False, st.sampled_from([8.0, 1.0, 1024.0, 65536.0, 6.0])
    compare(
        answer,
        right=rule(),
        wrong=wrong,
        names=("scale", "found_infs", "growth_interval"),
        edges=[(1024.0, [], 2), (8.0, [ok, ok, bad, ok, ok, ok, bad, ok, ok, ok, ok], 3)],
        inputs=st.tuples(scales, st.lists(st.sampled_from([ok, ok, bad]), max_size=10), st.integers(1, 4)),
    )
