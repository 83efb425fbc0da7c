"""Checks of the lesson `amp`, automatic mixed precision."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional as F

from course_utils.exercises.core import Mistake, check, run, same, try_cases

LINES = ("a", "b", "c", "d", "e", "f", "g", "loss")
_SHORT = {"float32": "fp32", "float16": "fp16", "bfloat16": "bf16"}


@check("Exercise 1, Eight types")
def autocast_types(answer: Callable) -> None:
    """``autocast_types(device_type) -> dict`` of "a" to "g" and "loss" to the name of a type."""

    def table(cpu: str, cuda: str, cpu_half: str = "bf16") -> Callable[[str], str]:
        """Eight letters a device: h is its 16-bit type, f is float32."""

        def types(device_type):
            half, letters = ("fp16", cuda) if device_type == "cuda" else (cpu_half, cpu)
            return " ".join(f"{name}:{half if x == 'h' else 'fp32'}" for name, x in zip(LINES, letters, strict=True))

        return types

    def in_short(types):
        names = {name: str(dtype).removeprefix("torch.") for name, dtype in dict(types).items()}
        return " ".join(f"{name}:{_SHORT.get(names[name], names[name])}" for name in sorted(names, key=str))

    right = table("hhffhhhf", "hfffhfff")
    wrong = {
        "You use the CPU's list on CUDA. There layer_norm, softmax and sum are on fp32's.": table(*["hhffhhhf"] * 2),
        "You use CUDA's list on the CPU. There layer_norm, softmax and sum keep the type of their input.": table(
            "hfffhfff", "hfffhfff"
        ),
        "You exchanged the devices: the one that runs layer_norm, softmax and sum in fp32 is CUDA.": table(
            "hfffhfff", "hhffhhhf"
        ),
        "You let everything run in 16 bits. Losses are on the list for fp32 on both devices; `b + x` takes the wider.": table(
            "hhhhhhhh", "hhhhhhhh"
        ),
        "Your sum of a 16-bit and an fp32 tensor has 16 bits. The wider type wins, and relu then keeps it.": table(
            "hhhhhhhf", "hfffhfff"
        ),
        "You let autocast convert the input of relu. It is on no list, so it keeps the type it gets: fp32 here.": table(
            "hhfhhhhf", "hffhhfff"
        ),
        "Your linear2 keeps the fp32 of its input. It is on the list for 16 bits: a linear layer casts any input.": table(
            "hhffffff", "hfffffff"
        ),
        "Your g is fp32 on the CPU. `sum` adds up in fp32 inside, but the result is rounded to the input's type.": table(
            "hhffhhff", "hfffhfff"
        ),
        "Your loss has 16 bits. cross_entropy is on fp32's list on both devices.": table("hhffhhhh", "hfffhffh"),
        "The CPU's default under autocast is bfloat16. float16 is CUDA's.": table("hhffhhhf", "hfffhfff", "fp16"),
    }
    try_cases(answer, right=right, wrong=wrong, names=("device_type",), cases=[("cpu",), ("cuda",)], convert=in_short)


class _Model(nn.Module):
    """A linear layer that notes whether autocast was on in each forward and backward pass."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(4, 2)
        self.forward_in_autocast: list[bool] = []
        self.backward_in_autocast: list[bool] = []

    def forward(self, x):
        self.forward_in_autocast.append(torch.is_autocast_enabled("cpu"))
        out = self.layer(x)
        if out.requires_grad:
            out.register_hook(lambda g: self.backward_in_autocast.append(torch.is_autocast_enabled("cpu")))
        return out


@dataclass
class _Trial:
    model: _Model
    scale: float  # after the last step
    losses: list

    @property
    def weights(self) -> torch.Tensor:
        return torch.cat([p.detach().flatten() for p in self.model.parameters()])


START_SCALE, MAX_NORM = 1024.0, 0.1


def _trial(
    step: Callable, *, n_steps: int = 1, infinite: bool = False, scale: float = START_SCALE, max_norm: float = MAX_NORM
) -> _Trial:
    """Run `step` on a new model. Raises Mistake when it fails or edits the batch."""
    generator = torch.Generator().manual_seed(2)
    model = _Model()
    with torch.no_grad():
        for p in model.parameters():
            p.copy_(torch.randn(p.shape, generator=generator))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    scaler = torch.amp.GradScaler("cpu", init_scale=scale, growth_interval=1)
    scaler.scale(torch.ones(()))  # makes its tensors, so that a forgotten scale() is a mistake and no crash
    losses = []
    for _ in range(n_steps):
        x, y = torch.randn(8, 4, generator=generator), torch.randn(8, 2, generator=generator)
        x[0, 0] = float("inf") if infinite else x[0, 0]
        given = [x.clone(), y.clone()]
        losses.append(run(functools.partial(step, model, optimizer, scaler, x, y, max_norm), ()))
        if not same(given, [x, y]):
            raise Mistake("Your function changed its input.", "Leave x and y as they are: they are used again.")
    return _Trial(model, scaler.get_scale(), losses)


def _reference(model, optimizer, scaler, x, y, max_norm, *, clip="after", scaled=True):
    with torch.autocast("cpu"):
        loss = F.mse_loss(model(x), y)
    (scaler.scale(loss) if scaled else loss).backward()
    if clip == "before":
        nn.utils.clip_grad_norm_(model.parameters(), max_norm)
    scaler.unscale_(optimizer)
    if clip == "after":
        nn.utils.clip_grad_norm_(model.parameters(), max_norm)
    scaler.step(optimizer)
    scaler.update()
    optimizer.zero_grad()
    return loss.item()


@check("Exercise 2, The step with clipping")
def train_step(answer: Callable) -> None:
    """``train_step(model, optimizer, scaler, x, y, max_norm) -> float``, judged by its effects."""
    once = _trial(answer)
    _judge_calls(once)
    overflow = _trial(answer, infinite=True)
    if not bool(overflow.weights.isfinite().all()):
        raise Mistake(
            "After a batch with an infinite number the weights are not finite.",
            "You call optimizer.step() yourself. scaler.step(optimizer) skips such a step.",
        )
    if not overflow.scale < START_SCALE:
        raise Mistake(
            f"After a batch with an infinite number the scale is {overflow.scale:g}, as before or larger.",
            "Let scaler.step and scaler.update see the scaled gradients.",
        )
    _judge_weights(once.weights)
    expected = _trial(_reference).losses[0]
    if isinstance(once.losses[0], torch.Tensor):
        raise Mistake("Your function returned a tensor, expected a float.", "Return loss.item().")
    if not same(expected, once.losses[0], rtol=1e-3):
        scaled = same(expected * START_SCALE, once.losses[0], rtol=1e-3)
        raise Mistake(
            f"Your function returned {once.losses[0]}, expected about {expected:.4g}.",
            "That is the scaled loss: return the one before scaler.scale."
            if scaled
            else "Return the loss of this batch as one number.",
        )
    # With a large scale or a small norm old gradients would drown: they were unscaled already.
    twice = functools.partial(_trial, n_steps=2, scale=1.0, max_norm=100.0)
    if not same(twice(_reference).weights, twice(answer).weights, rtol=1e-3, atol=1e-6):
        raise Mistake(
            "The first call is right, the second is not.",
            "Its gradients were added to those of the first: call optimizer.zero_grad().",
        )


def _judge_calls(trial: _Trial) -> None:
    """Where forward and backward ran, and whether the scale was updated."""
    model = trial.model
    if not model.forward_in_autocast:
        raise Mistake("Your function never called the model.", "Begin with the forward pass: model(x).")
    if not all(model.forward_in_autocast):
        raise Mistake("The forward pass ran outside autocast.", "Put it under `with torch.autocast(...)`.")
    if not model.backward_in_autocast:
        raise Mistake("No backward pass reached the model.", "Call scaler.scale(loss).backward().")
    if any(model.backward_in_autocast):
        raise Mistake(
            "The backward pass ran inside the autocast context.",
            "End the `with` block after the loss: backward() belongs outside.",
        )
    if trial.scale == START_SCALE:
        raise Mistake(
            "The scale did not change, with a scaler that grows after every good step.",
            "You did not call scaler.update(): without it the scale can never adapt.",
        )


def _judge_weights(got: torch.Tensor) -> None:
    """Recognise a mistake by where the weights ended."""

    def ends_like(**mistake: object) -> bool:
        end = _trial(lambda *args: _reference(*args, **mistake)).weights
        return same(end, got, rtol=1e-3, atol=1e-6)

    if ends_like():
        return
    hints = {
        "You clip before unscale_: the norm you compare with max_norm is the scaled one.": {"clip": "before"},
        "You do not clip, or you clip to another norm than max_norm.": {"clip": None},
        "You call backward() on the unscaled loss. The scaler then divides gradients never scaled.": {"scaled": False},
    }
    hint = next(
        (hint for hint, mistake in hints.items() if ends_like(**mistake)),
        "Compare your order with the card: scale, backward, unscale, clip, step, update.",
    )
    raise Mistake("After one step the weights are not where they should be.", hint)


@check("Exercise 3, Choose a loss scale")
def loss_scale(answer: Callable) -> None:
    """``loss_scale(histogram) -> float``; histogram is a dict from exponent to count."""

    def used(histogram):
        return {e: n for e, n in histogram.items() if n > 0}

    def power(exponent_of):
        return lambda h: 2.0 ** exponent_of(used(h)) if used(h) else 1.0

    right = power(lambda bins: 14 - max(bins))
    wrong = {
        "One power too large: the top bin then ends at 2^16, and 65,504 is less.": power(lambda bins: 15 - max(bins)),
        "Two powers too large: the top bin ends at its upper edge, 2^(e+1), and 65,504 is a little below 2^16.": power(
            lambda bins: 16 - max(bins)
        ),
        "You look at the highest bin listed, but nothing may be in it.": lambda h: 2.0 ** (14 - max(h)) if h else 1.0,
        "You go by the mean: the gradients above it overflow.": power(
            lambda bins: 14 - round(sum(e * n for e, n in bins.items()) / sum(bins.values()))
        ),
        "You go by the fullest bin: the gradients above it overflow.": power(lambda bins: 14 - max(bins, key=bins.get)),
        "You go by the smallest gradient. Bringing it into range can push the largest over the edge.": power(
            lambda bins: -24 - min(bins)
        ),
        "One power too small: the top bin could go one higher. Each power rescues gradients from flushing to zero.": power(
            lambda bins: 13 - max(bins)
        ),
        "Your scale is never below 1. Gradients that are too large need a smaller one.": lambda h: max(1.0, right(h)),
    }
    try_cases(
        answer,
        right=right,
        wrong=wrong,
        names=("histogram",),
        rtol=1e-9,
        cases=[
            ({},),
            ({-30: 5, -12: 3},),
            ({-8: 1, -20: 100, -24: 10, 3: 0, -9: 7},),
            ({17: 2, -3: 9},),
            ({-9: 4, -5: 0},),
            ({-40: 0},),
        ],
    )


@check("Exercise 4, A dynamic loss scaler")
def dynamic_scale(answer: Callable) -> None:
    """``dynamic_scale(scale, found_infs, growth_interval) -> (scales, stepped)``."""

    def rule(*, grow=True, wait=True, reset_on_inf=True, reset_on_growth=True, stepped=None, after=True, late=0):
        def simulate(scale, found_infs, interval):
            scales, good = [], 0
            for inf in found_infs:
                before = scale
                good = good + (not inf) if not inf or not reset_on_inf else 0
                if inf:
                    scale /= 2
                elif grow and (good >= interval + late or not wait):
                    scale, good = scale * 2, 0 if reset_on_growth else good
                scales.append(scale if after else before)
            return in_short((scales, [stepped(inf) if stepped else not inf for inf in found_infs]))

        return simulate

    def in_short(value):  # one word a step, so that a message can show them all
        scales, stepped = value
        return " ".join(f"{float(s):g}" if t else f"skip:{float(s):g}" for s, t in zip(scales, stepped, strict=True))

    wrong = {
        "You step on inf: that puts inf or NaN into the weights.": rule(stepped=lambda inf: True),
        "Your second list is upside down: True is for a step that was taken.": rule(stepped=lambda inf: inf),
        "Your scale never grows: after some skips it would stay too small for ever.": rule(grow=False),
        "Your scale grows after every good step: wait for growth_interval of them.": rule(wait=False),
        "Your scale grows one good step too late: it doubles when the counter reaches growth_interval.": rule(late=1),
        "You do not set the counter back on inf: the good steps must come in a row.": rule(reset_on_inf=False),
        "You do not set the counter back after growing: then every further step doubles.": rule(reset_on_growth=False),
        "You return the scale that each step used. Asked for is the one after it.": rule(after=False),
    }
    bad, ok = True, False
    try_cases(
        answer,
        right=rule(),
        wrong=wrong,
        convert=in_short,
        cases=[
            (1024.0, [], 2),
            (4096.0, [ok, ok, bad, ok, ok, ok, ok], 2),
            (8.0, [bad, bad, ok], 3),
            (1.0, [ok] * 7, 3),
            (8.0, [ok, ok, bad, ok, ok, ok, bad, ok, ok, ok, ok], 3),
        ],
    )
