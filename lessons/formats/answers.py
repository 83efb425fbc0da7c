"""The exercise of the lesson formats: odd but right answers, and wrong ones as patches of the solution."""

import math

import torch


def by_halving(gradients):
    """Halves the factor until nothing is infinite."""
    scale = 2.0**60
    while not torch.isfinite((gradients * scale).to(torch.float16)).all():
        scale /= 2
    saved = sum(1 for g in gradients.flatten() if g.half() == 0 and (g * scale).half() != 0)
    return scale, saved


def by_exponents(gradients):
    """Reads the exponent with frexp, in double precision."""
    fraction, power = math.frexp(gradients.double().abs().max().item())
    scale = 2.0 ** (16 - power - (fraction * 2**16 > 65504))
    stored, scaled = (g.to(torch.float16).ne(0) for g in (gradients, gradients * scale))
    return [torch.tensor(scale), (~stored & scaled).sum()]


def by_counting_twice(gradients):
    """The numbers that are kept with the scale less those that are kept without it; a large scale loses none."""
    scale = max(2.0**k for k in range(-40, 80) if gradients.abs().max() * 2.0**k <= torch.finfo(torch.float16).max)
    tiny = gradients[(gradients.half() == 0).nonzero(as_tuple=True)]
    return scale, int(torch.count_nonzero((tiny * scale).half()))


ODD = {"loss_scale": [by_halving, by_exponents, by_counting_twice]}
WRONG = {
    "loss_scale": {
        "fp16 ends at 65,536": ("torch.finfo(torch.float16).max", "65536"),
        "without the sign": ("gradients.abs().max()", "gradients.max()"),
        "no power of two": ("2.0 ** room.log2().floor().item()", "room.item()"),
        "rounded to the nearest power": (".floor()", ".round()"),
        "never below 1": ("room.log2()", "room.log2().clamp(min=0)"),
        "all below the least number": ("gradients.half() == 0", "gradients.abs() < 2**-24"),
        "what is lost, not what is saved": ("(lost & kept)", "lost"),
        "all that are kept": ("(lost & kept)", "kept"),
    }
}
EQUIVALENT = {
    "loss_scale": {
        "scale = 2.0 ** math.floor(math.log2(65504 / largest)): 65504 -> 65505": "no gradient lies in this strip",
        "65505 in place of 65504 in the scale": "no gradient lies in this strip",
        "`item` left out of the size of the largest gradient": "a tensor of one number",
        "`int` left out of how many the scale saves": "a tensor of one number",
        "largest without its sign": "a size",
        "scale without its sign": "a power of two",
        "saved without its sign": "a count",
    }
}
