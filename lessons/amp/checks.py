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

from course_utils.exercises.calls import run
from course_utils.exercises.core import Mistake, check
from course_utils.exercises.inputs import numbers, tensors
from course_utils.exercises.search import compare, examine
from course_utils.exercises.values import same, show

LINES = (
    "a = linear1(x); b = layer_norm(a); c = b + x; d = relu(c); e = linear2(d); f = softmax(e); g = e.sum(); "
    "loss = cross_entropy(e, y)"
).split("; ")
KEYS = [line.partition(" ")[0] for line in LINES]
DEVICES = {"cpu": "the CPU", "cuda": "CUDA"}
WANTED = ("expected", 'a dict from "a" … "g" and "loss" to names of types')
RIGHT_TYPES = CPU, CUDA = "hhffhhhf", "hfffhfff"  # for each line: h is the 16-bit type of the device, f is float32


def _table(cpu: str, cuda: str, cpu_half: str = "bfloat16", cuda_half: str = "float16") -> Callable:
    """A function that gives the type of a line on a device, from the letters of each device."""
    halves, letters = {"cpu": cpu_half, "cuda": cuda_half}, {"cpu": cpu, "cuda": cuda}
    return lambda device, line: halves[device] if letters[device][LINES.index(line)] == "h" else "float32"


def _one_line_wrong() -> dict[str, Callable[[str, str], str]]:
    """Hint -> types that are right but for one line on one device."""
    linear, fp32 = "linear is on the list for 16 bits", "is on the list for fp32"
    keeps, wider = "is on neither list: it keeps its input's type", "+ is on neither list: the wider input decides"
    rules = {
        "a": (linear, linear),
        "b": (f"layer_norm {keeps}", f"layer_norm {fp32}"),
        "c": (wider, wider),
        "d": (f"relu {keeps}", f"relu {keeps}"),
        "e": (f"{linear}, whatever it is given", f"{linear}, whatever it is given"),
        "f": (f"softmax {keeps}", f"softmax {fp32}"),
        "g": ("sum adds up in fp32 inside, but its result has the type of its input", f"sum {fp32}"),
        "loss": (f"cross_entropy {fp32}", f"cross_entropy {fp32}"),
    }
    wrong = {}
    for at, (key, rule) in enumerate(rules.items()):
        for number, (name, why) in enumerate(zip(DEVICES.values(), rule, strict=True)):
            letters = list(RIGHT_TYPES)
            letters[number] = letters[number][:at] + "hf"[letters[number][at] == "h"] + letters[number][at + 1 :]
            wrong[f"Only the line {key} on {name} has another type than it should: there {why}."] = _table(*letters)
    return wrong


@check("Exercise 1, Eight types")
def autocast_types(answer: Callable) -> None:
    """``autocast_types(device_type) -> dict`` of "a" to "g" and "loss" to the name of a type."""

    def type_of(device_type, line):  # line by line, so that a mistake in one does not show all the others
        try:
            types = run(answer, (device_type,), ("device_type",))
        except Mistake as mistake:
            raise Mistake(mistake.message, mistake.hint, (*mistake.facts, WANTED)) from mistake
        return _types(types, device_type)[KEYS[LINES.index(line)]]

    on_both = {
        "You use the CPU's list on CUDA. There layer_norm, softmax and sum are on fp32's.": (CPU, CPU),
        "You use CUDA's list on the CPU. There layer_norm, softmax and sum keep their input's type.": (CUDA, CUDA),
        "You exchanged the devices: the one that runs layer_norm, softmax and sum in fp32 is CUDA.": (CUDA, CPU),
        "All of your types have 16 bits. Losses are on fp32's list; b + x takes the wider type.": ("h" * 8, "h" * 8),
        "None of your types has 16 bits. Linear layers are on that list on both devices.": ("f" * 8, "f" * 8),
        "On the CPU your b + x has 16 bits. The wider type wins, and relu keeps it.": ("hhhhhhhf", CUDA),
        "Your relu turns fp32 into 16 bits. It is on no list, and keeps the type it gets.": ("hhfhhhhf", "hffhhfff"),
        "Your linear2 keeps its input's fp32. A linear layer casts it to 16 bits.": ("hhffffff", "hfffffff"),
        "Your loss has 16 bits. cross_entropy is on fp32's list on both devices.": ("hhffhhhh", "hfffhffh"),
        "Your 16-bit type on the CPU is float16. The default there is bfloat16.": (*RIGHT_TYPES, "float16"),
        "Your 16-bit type on CUDA is bfloat16. The default there is float16.": (*RIGHT_TYPES, "bfloat16", "bfloat16"),
        "Your 16-bit types are exchanged: float16 is CUDA's default.": (*RIGHT_TYPES, "float16", "bfloat16"),
    }
    compare(
        type_of,
        right=_table(*RIGHT_TYPES),
        wrong={**{hint: _table(*types) for hint, types in on_both.items()}, **_one_line_wrong()},
        names=("device_type", "line"),
        edges=[],
        inputs=st.tuples(st.sampled_from(list(DEVICES)), st.sampled_from(LINES)),
    )


def _types(returned: object, device_type: str) -> dict[str, str]:
    """The types that an answer gives; ``torch.float16`` is as good as ``"float16"``."""
    facts = (("your call", f"device_type={device_type!r}"), ("returned", show(returned)), WANTED)
    try:
        assert isinstance(returned, Mapping)
        types = {str(name): str(dtype).removeprefix("torch.") for name, dtype in returned.items()}
    except Exception:
        raise Mistake("Your function did not return a dict of names.", "Return {'a': …, 'b': …}.", facts) from None
    lack, more = [key for key in KEYS if key not in types], [key for key in types if key not in KEYS]
    if lack:
        raise Mistake(f"Your dict has no entry for {', '.join(lack)}.", "Every line of the card needs a type.", facts)
    if more:
        raise Mistake(f"Your dict has {show(more, 100)}, which no line gives.", "One entry for each line.", facts)
    return types


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
    optimizer = torch.optim.SGD(model.parameters(), lr=LR)
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
    "A step that clips before unscale_ ends there: it limits the scaled norm.": {"early": True},
    "A step without clipping ends there.": {"clip": lambda *_: None},
    "A step that limits each number of the gradients ends there.": {"clip": nn.utils.clip_grad_value_},
    "A step that clips each parameter by itself ends there.": {"clip": lambda ps, most: [_clip([p], most) for p in ps]},
    "A step that gives its gradients the norm max_norm ends there. Smaller ones stay as they are.": {"clip": _stretch},
    "A step whose gradients are divided by the scale, but never were multiplied, ends there.": {"scaled": False},
    "The batch holds an infinite number: scaler.step(optimizer) would have skipped this step.": {"by": "optimizer"},
    "The weights are where they were. Which call makes the step, and with which gradients?": {"by": None},
    "Two steps with the same gradients end there. scaler.step calls optimizer.step itself.": {"by": "both"},
    "The scale is as before. With growth_interval=1 every update() changes it.": {"update": False},
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


@check("Exercise 2, The step with clipping")
def train_step(answer: Callable) -> None:
    """``train_step(model, optimizer, scaler, x, y, max_norm) -> float``, judged by its effects."""

    def judge(*setting):
        weight, bias, scale, max_norm, batches = setting
        facts = [
            ("model", f"a linear layer, weight={show(weight)}, bias={show(bias)}, trained with SGD, lr={LR}"),
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
    edges = [(*layer, 4.0, 1.0, [(x, y), (y, x)]), (*layer, 1.0, 100.0, [(x, y)] * 2), (*layer, 4.0, 1.0, [(bad, y)])]
    examine(judge, edges=edges, inputs=_settings(), count=25)


def _judge_passes(model: _Model) -> None:
    """Where forward and backward ran."""
    named = ", ".join(sorted({str(dtype).removeprefix("torch.") for dtype in model.forward_in}))
    for fault, message, hint in (
        (not model.forward_in, "Your function did not call the model.", "Begin with the forward pass: model(x)."),
        (None in model.forward_in, "A forward pass ran outside autocast.", "Put it under `with torch.autocast(...)`."),
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
        order = "Compare your order with the card's hint: forward, backward, unscale, clip, step, update, zero."
        raise Mistake(
            f"Your call leaves the {what} wrong.", _hint(STEPS_WRONG, _end, got, setting, calls) or order, facts
        )
    facts = (("returned", show(got.loss)), ("expected", show(expected.loss)))
    if issubclass(type(got.loss), torch.Tensor):
        raise Mistake("Your function returned a tensor, expected a float.", "loss.item() is a float.", facts)
    if not _close(expected.loss, got.loss):
        hint = (
            _hint(LOSSES_WRONG, _loss, got, setting, calls) or "Return what mse_loss gave in this call, as one number."
        )
        raise Mistake("The step is right, but the loss that you return is not.", hint, facts)


@check("Exercise 3, Choose a loss scale")
def loss_scale(answer: Callable) -> None:
    """``loss_scale(histogram) -> float``; histogram is a dict from exponent to count."""

    def power(exponent_of=lambda bins: 14 - max(bins), *, listed=False, of=lambda exponent: 2.0**exponent):
        def scale(histogram):
            bins = {e: n for e, n in histogram.items() if n > 0 or listed}
            return of(exponent_of(bins)) if bins else 1.0

        return scale

    exponents = {
        "One power too large: the top bin then ends at 2^16, and 65,504 is less.": lambda bins: 15 - max(bins),
        "Two powers too large: the top bin ends at 2^(e+1), and 65,504 is less than 2^16.": lambda bins: 16 - max(bins),
        "One power too small: the top bin could go one higher, and fewer gradients flush to 0.": lambda b: 13 - max(b),
        "Your scale goes by the bin that is listed last. The bins come in any order.": lambda b: 14 - list(b)[-1],
        "Your scale goes by the bin that is listed first. The bins come in any order.": lambda b: 14 - list(b)[0],
        "Your scale goes by the mean: the gradients above it overflow.": lambda b: 14 - round(fmean(b, b.values())),
        "Your scale goes by the fullest bin: the gradients above it overflow.": lambda b: 14 - max(b, key=b.get),
        "Your scale goes by the lowest bin: the gradients above it overflow.": lambda bins: 14 - min(bins),
        "Your scale takes the lowest bin to 2^-24. The highest may then be over the edge.": lambda b: -24 - min(b),
        "Your scale is never below 1. Large gradients need a smaller one.": lambda bins: max(0, 14 - max(bins)),
        "Your scale is never above 65,536. Small gradients can take more.": lambda bins: min(16, 14 - max(bins)),
        "A bin of e = -8 is not one of e = 8: your scale forgets the sign.": lambda bins: 14 - max(map(abs, bins)),
    }
    wrong = {
        **{hint: power(exponent_of) for hint, exponent_of in exponents.items()},
        "Your scale goes by the highest bin listed, but nothing may be in it.": power(listed=True),
        "You return the exponent. Asked for is 2 to its power.": power(of=float),
        "That is 1 over the scale: the gradients are multiplied by it.": power(of=lambda exponent: 2.0**-exponent),
        "Your scale is no power of two: the top bin ends at 65,504.": power(lambda b: 32752 / 2.0 ** max(b), of=float),
    }
    compare(
        answer,
        right=power(),
        wrong=wrong,
        names=("histogram",),
        rtol=1e-9,
        edges=[({},), ({-40: 0},), ({-8: 1, -20: 100, -24: 10, 3: 0, -9: 7},), ({17: 2, -3: 9},), ({14: 1},)],
        inputs=st.tuples(st.dictionaries(st.integers(-40, 20), st.integers(0, 9), max_size=4)),
    )


@check("Exercise 4, A dynamic loss scaler")
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
