"""Checks of the lesson `amp`, automatic mixed precision."""

from __future__ import annotations

import contextlib
import functools
import math
import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from course_utils.exercises.calls import run
from course_utils.exercises.core import Mistake, check
from course_utils.exercises.inputs import numbers, tensors
from course_utils.exercises.search import compare, examine
from course_utils.exercises.values import same, show

LR, _clip = 0.5, nn.utils.clip_grad_norm_


class _Model(nn.Module):
    """A linear layer that notes the type of autocast (None where it is off) in each forward and backward pass."""

    def __init__(self, weight: torch.Tensor, bias: torch.Tensor):
        super().__init__()
        self.layer = nn.Linear(*reversed(weight.shape))
        self.layer.weight.data, self.layer.bias.data = weight.clone(), bias.clone()
        self.forward_in, self.backward_in = [], []

    def forward(self, x):
        self.forward_in.append(_autocast())
        out = self.layer(x)
        if out.requires_grad:
            out.register_hook(lambda g: self.backward_in.append(_autocast()))
        return out


def _autocast() -> torch.dtype | None:
    return torch.get_autocast_dtype("cpu") if torch.is_autocast_enabled("cpu") else None


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
        model.forward_in, model.backward_in = [], []
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


def _step(*, clip=_clip, early=False, scaled=True, by="scaler", update=True, zero=True, returned=lambda loss, *_: loss):
    """The right step; each argument makes one mistake."""

    def step(model, optimizer, scaler, x, y, max_norm):
        parameters = list(model.parameters())
        with torch.autocast("cpu"):
            loss = F.mse_loss(model(x), y)
        value = returned(loss.item(), scaler.get_scale(), y)
        (scaler.scale(loss) if scaled else loss).backward()
        if early:
            clip(parameters, max_norm)
        scaler.unscale_(optimizer)
        if not early:
            clip(parameters, max_norm)
        if by in ("scaler", "both"):
            scaler.step(optimizer)
        if by in ("optimizer", "both"):
            optimizer.step()
        if update:
            scaler.update()
        if zero:
            optimizer.zero_grad()
        return value

    return step


STEPS_WRONG = {
    "A step with the old gradients added to its own ends there: zero_grad() comes once a step.": {"zero": False},
    "A step whose gradients are divided by the scale after clipping ends there. unscale_ comes first; then step does not "
    "divide again.": {"early": True},
    "A step without clipping ends there.": {"clip": lambda *_: None},
    "A step that limits each number of the gradients ends there.": {"clip": nn.utils.clip_grad_value_},
    "A step that clips each parameter by itself ends there.": {"clip": lambda ps, most: [_clip([p], most) for p in ps]},
    "A step that clips the first group of the optimizer only ends there.": {
        "clip": lambda ps, most: _clip(ps[:1], most)
    },
    "A step that gives its gradients the norm max_norm ends there. Smaller ones stay as they are.": {"clip": _stretch},
    "A step whose gradients are divided by the scale, but never were multiplied, ends there.": {"scaled": False},
    "The batch holds an infinite number: scaler.step(optimizer) would have skipped this step.": {"by": "optimizer"},
    "The weights are where they were. Which call makes the step, and with which gradients?": {"by": None},
    "Two steps with the same gradients end there. scaler.step calls optimizer.step itself.": {"by": "both"},
    "The scale of the scaler that you were given is as before. With growth_interval=1 every update() of it changes it.": {
        "update": False
    },
}
LOSSES_WRONG = {
    "That is the scaled loss. Return the one before scaler.scale.": {"returned": lambda loss, scale, y: loss * scale},
    "That is the sum of the squares, not their mean.": {"returned": lambda loss, scale, y: loss * y.numel()},
}
_end, _loss = operator.attrgetter("weights", "scale"), operator.attrgetter("loss")
_close = functools.partial(same, rtol=1e-3, atol=1e-6)


def _hint(known: Mapping[str, Mapping], of: Callable, got: _Effect, setting: tuple, calls: int) -> str:
    """The hint of the mistake whose call number `calls` has the effect `of` of what was got; empty if none has."""
    *before, batches = setting
    for hint, mistake in known.items():
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


@check("Exercise 1, The step with clipping", trust="it is watched while it trains a model, and the model is looked at")
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
            return run(lambda *rest: answer(model, optimizer, scaler, *rest), (x, y, max_norm), ("x", "y", "max_norm"))

        right = _effects(_step(), *setting)
        try:
            for calls, (expected, got) in enumerate(zip(right, _effects(step, *setting), strict=True), start=1):
                _judge_passes(got.model)
                _judge_effect(expected, got, setting, calls)
        except Mistake as mistake:
            more = [fact for fact in mistake.facts if fact[0] != "your call"]
            raise Mistake(mistake.message, mistake.hint, (*facts, *more)) from mistake

    x, y = torch.tensor([[1.0, 2.0], [-1.5, 0.5]]), torch.tensor([[0.5, -2.0], [1.0, 1.5]])
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
            None in model.forward_in,
            "In a forward pass autocast was off for the CPU, where x is.",
            "Put it under `with torch.autocast(x.device.type):`.",
        ),
        (named != "bfloat16", f"Autocast ran in {named}; a CPU's default is bfloat16.", "Leave out the dtype."),
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
            "sum of their squares), and the order is that of the card's hint."
        )
        raise Mistake(
            f"Your call leaves the {what} wrong.", _hint(STEPS_WRONG, _end, got, setting, calls) or order, facts
        )
    facts = (("returned", show(got.loss)), ("expected", show(expected.loss)))
    if issubclass(type(got.loss), torch.Tensor):
        raise Mistake("Your function returned a tensor, expected a float.", "loss.item() is a float.", facts)
    if not _close(expected.loss, got.loss):
        hint = (
            _hint(LOSSES_WRONG, _loss, got, setting, calls)
            or "Return what mse_loss gave in the forward pass of this call: not divided, not computed again."
        )
        raise Mistake("The step is right, but the loss that you return is not.", hint, facts)


@check("Exercise 2, A dynamic loss scaler")
def dynamic_scale(answer: Callable) -> None:
    """``dynamic_scale(scale, found_infs, growth_interval) -> (scales, stepped)``."""

    def rule(returned=None, *, least=0, shrink=0.5, grow=2.0, reset=("inf", "growth")):
        def simulate(scale, found_infs, interval):
            first, scales, good = scale, [], 0
            for inf in found_infs:
                good = good + 1 if not inf else 0 if "inf" in reset else good
                if inf:
                    scale *= shrink
                elif good >= interval + least:
                    scale, good = scale * grow, 0 if "growth" in reset else good
                scales.append(scale)
            stepped = [not inf for inf in found_infs]
            return returned(first, scales, stepped) if returned and scales else (scales, stepped)

        return simulate

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
        **{hint: rule(returned) for hint, returned in returns.items()},
        "Your scale never grows: after some skips it would stay too small for ever.": rule(grow=1),
        "Your scale never shrinks: after a step with inf it is halved.": rule(shrink=1),
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
