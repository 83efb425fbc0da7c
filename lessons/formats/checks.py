"""The exercise of the lesson formats: a factor on the loss, and how many gradients it saves."""

import math

import torch
from hypothesis import strategies as st
from torch.nn import functional as F

from course_utils import data
from course_utils.checkpoints import load
from course_utils.checks import exercise


@exercise(
    "Choose a loss scale",
    why="The largest gradient bounds the factor from above; what it lifts over half of fp16's least number is saved.",
)
def loss_scale(gradients):
    largest = gradients.abs().max().item()  #: the size of the largest gradient
    scale = 2.0 ** math.floor(math.log2(65504 / largest))  #: the scale
    lost = gradients.half() == 0  #: what is 0 in fp16 without the scale
    kept = (gradients * scale).half() != 0  #: what is not 0 with it
    saved = int((lost & kept).sum())  #: how many the scale saves
    return scale, saved


def _real():
    """The gradients of LeNet's outputs for 512 images, as in the lesson."""
    images, labels = data.load("fashion_mnist", n=512)
    with torch.enable_grad():
        outputs = load("lenet_fashion_0")(images)
        return torch.autograd.grad(F.cross_entropy(outputs, labels), outputs)[0]


TINY = [2**-30, 2e-8, 2**-25, 1.5 * 2**-25, 2**-24]  # 2 ** -25, half of fp16's least number, still becomes 0
SIZES = [*TINY, 1e-5, 0.125, 0.3, 1.0, 2047 / 1024, 40_000.0, 1e6]


@st.composite
def _gradients(draw):
    signed = st.builds(lambda size, sign: size * sign, st.sampled_from(SIZES), st.sampled_from([1, -1, 0]))
    return torch.tensor([draw(st.sampled_from(SIZES)), *draw(st.lists(signed, max_size=3))])


loss_scale.tries(
    gradients=_gradients(),
    also=[(torch.tensor(given),) for given in ([0.125, 2e-8], [-0.5, 2e-8], [1.0, 0.0], [1e6, 2**-24], [[1e-5]])]
    + [(_real(),)],
)
loss_scale.ideas(
    {
        "scale = 2.0 ** math.floor(math.log2(65536 / largest))": "fp16 ends at 65,504, a little below $2^{16}$.",
        "largest = gradients.max().item()": "A gradient can be negative: its size, `abs()`, counts.",
        "scale = 65504 / largest": "A power of two changes no digit of a gradient: round down to a power of two.",
        "lost = gradients.abs() < 2**-24": "Below fp16's least number, more than half of it is rounded up, not lost. Let "
        "`half()` decide.",
    }
)
