"""What the tests try on the check of the lesson energy: odd but right answers, and mistakes that people make."""

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from course_utils.measure import energy


def by_the_library(model, shape, batch):
    one = energy.estimate(model, torch.zeros(1, *shape))
    return one.compute_nj * 1e3, one.fetch_nj * 1e3 / batch


def by_pytorchs_counter(model, shape, batch):
    with FlopCounterMode(display=False) as counter:
        model(torch.zeros(batch, *shape))
    matrices = [p for p in model.parameters() if p.dim() > 1]
    return [counter.get_total_flops() / 2 / batch * 4.6, sum(map(torch.numel, matrices)) * 640 / batch]


def by_kinds_of_layers(model, shape, batch):
    arithmetic = weights = 0.0

    def linear(layer, inputs, output):
        nonlocal arithmetic, weights
        arithmetic += layer.in_features * layer.out_features * (3.7 + 0.9)
        weights += layer.in_features * layer.out_features * 640

    def convolution(layer, inputs, output):
        nonlocal arithmetic, weights
        high, wide = output.shape[-2:]
        kernel = layer.kernel_size[0] * layer.kernel_size[1]
        arithmetic += high * wide * layer.out_channels * layer.in_channels * kernel * (3.7 + 0.9)
        weights += layer.out_channels * layer.in_channels * kernel * 640

    hooks = [
        layer.register_forward_hook(linear if isinstance(layer, nn.Linear) else convolution)
        for _, layer in model.named_modules()
        if isinstance(layer, (nn.Linear, nn.Conv2d))
    ]
    model(torch.rand(1, *shape))
    for hook in hooks:
        hook.remove()
    return torch.tensor(arithmetic, dtype=torch.float64), torch.tensor(weights / batch, dtype=torch.float64)


ODD = {"bill": [by_the_library, by_pytorchs_counter, by_kinds_of_layers]}
WRONG = {
    "bill": {
        "a convolution counted like a linear layer": (
            "output.numel() * layer.weight[0].numel()",
            "layer.weight.numel()",
        ),
        "all weights in each output": ("layer.weight[0].numel()", "layer.weight.numel()"),
        "only the outermost layers": ("model.modules()", "model.children()"),
        "biases counted as weights": (
            "sum(layer.weight.numel() for layer in layers)",
            "sum(p.numel() for p in model.parameters())",
        ),
        "the fetch is not shared": ("640 * weights / batch", "640 * weights"),
        "the arithmetic of the whole batch": ("torch.zeros(1, *shape)", "torch.zeros(batch, *shape)"),
    }
}
ALIKE = "all outputs of a layer have equally many weights"
EQUIVALENT = {
    "bill": {
        "mac_count = sum((given[layer] * layer.weight[0].numel() for layer in layers)): 0 -> -1": ALIKE,
        "-1 in place of 0 in the number of MACs for one input": ALIKE,
        "* without its sign": "counts and prices are never negative",
        "arithmetic rounded to 2 digits": "4.6 times a whole number has one digit behind the point",
    }
}
