"""The check of the lesson roofline: what two offers gain."""

import torch
from torch import nn

from course_utils.checks import effects, exercise


@exercise(
    "Two offers for AlexNet",
    why="Each offer shortens one of the two times, and the longer one counts. With one photograph AlexNet's convolutions gain "
    "from the peak alone, and its linear layers from the bytes alone.",
)
def gains(layer, x, peak, bandwidth):
    y = layer(x)
    operations = 2 * y.numel() * layer.weight[0].numel()  #: the operations
    moved = layer.weight.nbytes + x.nbytes + y.nbytes  #: the bytes in fp32
    smaller = layer.weight.numel() + x.nbytes + y.nbytes  #: the bytes with one-byte weights
    now = max(operations / peak, moved / bandwidth)  #: the least time as it is
    faster = max(operations / (2 * peak), moved / bandwidth)  #: the least time with twice the peak
    lighter = max(operations / peak, smaller / bandwidth)  #: the least time with one-byte weights
    return now / faster, now / lighter


def _call(layer, *shape, peak, bandwidth=6.0):
    return effects.filled(layer, 1.0).eval(), torch.ones(*shape), peak, bandwidth


gains.tries(
    also=[
        *(_call(nn.Linear(1, 1), 1, 1, peak=peak) for peak in (10.0, 1.2, 0.9, 0.4)),
        *(_call(nn.Linear(2, 1, bias=False), 4, 2, peak=peak) for peak in (10.0, 1.5, 0.5)),
        *(_call(nn.Conv2d(1, 1, (1, 2)), 1, 1, 3, 3, peak=peak) for peak in (10.0, 1.3, 0.5)),
        *(_call(nn.Conv2d(2, 2, 1, groups=2), 1, 2, 1, 1, peak=peak) for peak in (10.0, 0.9, 0.3)),
        _call(nn.Conv2d(64, 192, 5, padding=2), 1, 64, 27, 27, peak=1e11, bandwidth=1e10),
        _call(nn.Linear(4096, 1000), 1, 4096, peak=1e11, bandwidth=1e10),
        _call(nn.Linear(4096, 1000), 256, 4096, peak=1e11, bandwidth=1e10),
    ]
)
gains.ideas(
    {
        "operations = y.numel() * layer.weight[0].numel()": "A MAC is two operations: a multiplication and an addition.",
        "operations = 2 * layer.weight.numel()": "A weight is used for every row of the input, and at every position of an "
        "image: count the outputs.",
        "smaller = moved / 4": "Only the weights take a quarter of their bytes; input and output stay in fp32.",
        "now = operations / peak + moved / bandwidth": "Arithmetic and memory work at the same time: the longer one counts.",
        "return faster / now, lighter / now": "How many times shorter: the time as it is, over the time with the offer.",
    }
)
