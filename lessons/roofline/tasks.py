"""The task of the lesson roofline: what two offers gain."""

import copy

import torch
from torch import nn

from course_utils import check

page = check.page(globals())


def by_the_roof(layer, x, peak, bandwidth):
    """The highest speed, in place of the least time."""
    with torch.no_grad():
        y = layer(x)
    operations = 2 * y.numel() * layer.weight.numel() / layer.weight.shape[0]
    moved = 4 * (layer.weight.numel() + x.numel() + y.numel())
    intensity, denser = operations / moved, operations / (moved - 3 * layer.weight.numel())
    speed = min(peak, intensity * bandwidth)
    return [min(2 * peak, intensity * bandwidth) / speed, min(peak, denser * bandwidth) / speed]


def by_a_copy_in_int8(layer, x, peak, bandwidth):
    def least(layer, peak):
        arithmetic, memory = 2 * macs / peak, (layer.weight.nbytes + x.nbytes + out.nbytes) / bandwidth
        return arithmetic if arithmetic > memory else memory

    out = layer(x)
    macs = out.numel() * layer.weight[0].numel()
    small = copy.deepcopy(layer)
    small.weight = nn.Parameter(layer.weight.to(torch.int8), requires_grad=False)
    return least(layer, peak) / least(layer, 2 * peak), least(layer, peak) / least(small, peak)


def by_kinds_of_layers(layer, x, peak, bandwidth):
    out = layer(x)
    if isinstance(layer, nn.Linear):
        macs = x.numel() // layer.in_features * layer.in_features * layer.out_features
    else:
        high, wide = layer.kernel_size
        macs = out.numel() * layer.in_channels // layer.groups * high * wide
    arithmetic, rest = 2 * macs / peak, x.nbytes + out.nbytes
    memory, light = (layer.weight.nbytes + rest) / bandwidth, (layer.weight.numel() + rest) / bandwidth
    now = torch.tensor(max(arithmetic, memory), dtype=torch.float64)
    return now / max(arithmetic / 2, memory), now / max(arithmetic, light)


def case(layer, *shape, peak, bandwidth=6.0):
    return layer.eval(), torch.ones(*shape), peak, bandwidth


gains = page.write(
    "gains",
    "Two offers for AlexNet",
    cases={
        "one weight, one number; arithmetic takes 2 / 10 s, memory 12 / 6 s": case(nn.Linear(1, 1), 1, 1, peak=10.0),
        "one weight, one number; arithmetic takes 2 / 0.9 s, memory 12 / 6 s": case(nn.Linear(1, 1), 1, 1, peak=0.9),
        "one weight, one number; arithmetic takes 2 / 0.4 s, memory 12 / 6 s": case(nn.Linear(1, 1), 1, 1, peak=0.4),
        "Linear(2, 1) without a bias, four rows; peak 10": case(nn.Linear(2, 1, bias=False), 4, 2, peak=10.0),
        "Linear(2, 1) without a bias, four rows; peak 1.5": case(nn.Linear(2, 1, bias=False), 4, 2, peak=1.5),
        "Linear(2, 1) without a bias, four rows; peak 0.5": case(nn.Linear(2, 1, bias=False), 4, 2, peak=0.5),
        "a convolution of 1 × 2 over 3 × 3; peak 10": case(nn.Conv2d(1, 1, (1, 2)), 1, 1, 3, 3, peak=10.0),
        "a convolution of 1 × 2 over 3 × 3; peak 1.3": case(nn.Conv2d(1, 1, (1, 2)), 1, 1, 3, 3, peak=1.3),
        "a depthwise convolution of 1 × 1": case(nn.Conv2d(2, 2, 1, groups=2), 1, 2, 1, 1, peak=0.9),
        "AlexNet's second convolution, one photograph": case(
            nn.Conv2d(64, 192, 5, padding=2), 1, 64, 27, 27, peak=1e11, bandwidth=1e10
        ),
        "AlexNet's last layer, one photograph": case(nn.Linear(4096, 1000), 1, 4096, peak=1e11, bandwidth=1e10),
        "AlexNet's last layer, 256 photographs": case(nn.Linear(4096, 1000), 256, 4096, peak=1e11, bandwidth=1e10),
    },
    wrong={
        "A MAC is two operations: a multiplication and an addition.": "operations = 2 *  -> operations = ",
        "A weight is used for every row of the input, and at every position of an image: count the outputs.": "y.numel() * layer.weight[0].numel() -> layer.weight.numel()",
        "Only the weights take a quarter of their bytes. Input and output stay in fp32.": "moved - 3 * layer.weight.numel() -> moved / 4",
        "Arithmetic and memory work at the same time, so the longer one counts, and not their sum.": "now = max(operations / peak, moved / bandwidth) -> now = operations / peak + moved / bandwidth",
        "The ratio is upside down: how many times shorter is the time as it is over the time with the offer.": "now / faster, now / lighter -> faster / now, lighter / now",
        "The input and the output are moved, too, and not the weights alone.": " + x.nbytes + y.nbytes -> ",
        "The peak doubles in the first offer alone. The second one leaves it as it is.": "max(operations / peak, smaller -> max(operations / (2 * peak), smaller",
        "The two gains stand in the other order: first the one with twice the peak.": "return now / faster, now / lighter -> return now / lighter, now / faster",
        "": [
            "layer.weight[0].numel() -> getattr(layer, 'groups', 1) * layer.weight[0].numel()",
            "moved = layer.weight.nbytes -> moved = sum(p.nbytes for p in layer.parameters())",
            "now = max( -> now = min(",
            "now / faster -> faster / now",
        ],
    },
    right=[by_the_roof, by_a_copy_in_int8, by_kinds_of_layers],
    steps={"operations": "the operations", "moved": "the bytes in fp32", "smaller": "the bytes with one-byte weights"},
    passed="Each offer shortens one of the two times, and the longer one counts. With one photograph AlexNet's "
    "convolutions gain from the peak alone, and its linear layers from the bytes alone.",
)
