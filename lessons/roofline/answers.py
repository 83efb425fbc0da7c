"""The exercise of the lesson roofline: odd but right answers, and wrong ones as patches of the solution."""

import copy

import torch
from torch import nn


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


ODD = {"gains": [by_the_roof, by_a_copy_in_int8, by_kinds_of_layers]}
WRONG = {
    "gains": {
        "a MAC is one operation": ("operations = 2 * ", "operations = "),
        "both times are added": (
            "now = max(operations / peak, moved / bandwidth)",
            "now = operations / peak + moved / bandwidth",
        ),
        "only the weights are moved": (" + x.nbytes + y.nbytes", ""),
        "input and output shrink as well": ("moved - 3 * layer.weight.numel()", "moved / 4"),
        "each weight is used once": ("y.numel() * layer.weight[0].numel()", "layer.weight.numel()"),
        "all input channels, whatever the groups": (
            "layer.weight[0].numel()",
            "getattr(layer, 'groups', 1) * layer.weight[0].numel()",
        ),
        "biases as well": ("moved = layer.weight.nbytes", "moved = sum(p.nbytes for p in layer.parameters())"),
        "the faster of the two": ("now = max(", "now = min("),
        "the ratio upside down": ("now / faster", "faster / now"),
        "the offers in the other order": ("return now / faster, now / lighter", "return now / lighter, now / faster"),
        "both offers together": ("max(operations / peak, smaller", "max(operations / (2 * peak), smaller"),
    }
}
MAXIMUM, SIGNS = "a maximum", "counts and times are never negative"
ALIKE = "all outputs of a layer have equally many weights"
NAMES = {
    "now": "operations / peak, moved / bandwidth",
    "faster": "operations / (2 * peak), moved / bandwidth",
    "lighter": "operations / peak, smaller / bandwidth",
}
EQUIVALENT = {
    "gains": {
        "operations = 2 * y.numel() * layer.weight[0].numel(): 0 -> -1": ALIKE,
        "-1 in place of 0 in the operations": ALIKE,
        **{f"{name} = max({both}): max({both}): arguments swapped": MAXIMUM for name, both in NAMES.items()},
        **{f"{name} without its sign": SIGNS for name in ("operations", "moved", "smaller", *NAMES)},
    }
}
