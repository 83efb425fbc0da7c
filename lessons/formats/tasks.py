"""The task of the lesson formats: a factor on the loss, and how many gradients it saves."""

import math

import torch
from torch.nn import functional as F

from course_utils import check, checkpoints, data

page = check.page(globals())


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


def gradients_of_lenet():
    """The gradients of LeNet's outputs for 512 images, as on the page."""
    images, labels = data.load("fashion_mnist", n=512)
    with torch.enable_grad():
        outputs = checkpoints.load("lenet_fashion_0")(images)
        return torch.autograd.grad(F.cross_entropy(outputs, labels), outputs)[0]


loss_scale = page.write(
    "loss_scale",
    "Choose a loss scale",
    cases={
        "0.125 and 2e-8": (torch.tensor([0.125, 2e-8]),),
        "-0.5 and 2e-8": (torch.tensor([-0.5, 2e-8]),),
        "0.3 and 2e-8": (torch.tensor([0.3, 2e-8]),),
        "1 and 0": (torch.tensor([1.0, 0.0]),),
        "a million and 2 ** -24": (torch.tensor([1e6, 2**-24]),),
        "1e-5 in a matrix": (torch.tensor([[1e-5]]),),
        "1e-5 and 0.75 * 2 ** -24, which fp16 rounds up": (torch.tensor([1e-5, 0.75 * 2**-24]),),
        "2047 / 1024 and 2 ** -25, half of fp16's least number": (torch.tensor([2047 / 1024, 2**-25]),),
        "40,000, 2e-8 and 2 ** -30": (torch.tensor([40_000.0, 2e-8, 2**-30]),),
        "the gradients of LeNet's outputs for 512 images": (gradients_of_lenet(),),
    },
    wrong={
        "fp16 ends at 65,504, a little below 2 to the power of 16.": "torch.finfo(torch.float16).max -> 65536",
        "A gradient can be negative: its size counts, which abs() gives.": "gradients.abs().max() -> gradients.max()",
        "The scale should be a power of two, which changes no digit of a gradient: round down to one.": "2.0 ** room.log2().floor().item() -> room.item()",
        "Rounded to the nearest power of two, the scale can make the largest gradient infinite: round down.": ".floor() -> .round()",
        "Below fp16's least number, more than half of it is rounded up, and not lost. Let half() decide.": "gradients.half() == 0 -> gradients.abs() < 2**-24",
        "You count what is lost without the scale. Some of that is lost with it, too.": "(lost & kept) -> lost",
        "You count all that are kept with the scale. Some were kept without it.": "(lost & kept) -> kept",
        "A scale can also be smaller than 1: very large gradients overflow without one.": "room.log2() -> room.log2().clamp(min=0)",
    },
    right=[by_halving, by_exponents, by_counting_twice],
    steps={"scale": "the scale", "lost": "0 in fp16 without the scale", "kept": "not 0 with it"},
    passed="The largest gradient bounds the factor from above; what it lifts over half of fp16's least number is saved.",
)
