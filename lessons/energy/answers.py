"""What the tests try on the check of the lesson energy: odd but right answers, and mistakes that people make."""

import copy

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode


def by_a_copy_without_hooks(model, shape, batch):
    twin, found = copy.deepcopy(model), {"macs": 0, "weights": 0}

    def measured(layer, old):
        def forward(x):
            y = old(x)
            found["macs"] += y.numel() * layer.weight[0].numel()
            return y

        return forward

    for layer in twin.modules():
        if type(layer) in (nn.Conv2d, nn.Linear):
            found["weights"] += layer.weight.numel()
            layer.forward = measured(layer, layer.forward)
    twin(torch.ones(1, *shape))
    return found["macs"] * 46 / 10, found["weights"] / batch * 640


def by_pytorchs_counter(model, shape, batch):
    with FlopCounterMode(display=False) as counter:
        model(torch.zeros(batch, *shape))
    layers = filter(lambda layer: type(layer).__name__ in ("Conv2d", "Linear"), model.modules())
    return [counter.get_total_flops() / 2 / batch * 4.6, sum(layer.weight.numel() for layer in layers) * 640 / batch]


def by_kinds_of_layers(model, shape, batch):
    arithmetic = weights = 0.0

    def linear(layer, inputs, output):
        nonlocal arithmetic
        vectors = inputs[0].numel() // layer.in_features
        arithmetic += vectors * layer.in_features * layer.out_features * (3.7 + 0.9)

    def convolution(layer, inputs, output):
        nonlocal arithmetic
        high, wide = output.shape[-2:]
        kernel = layer.kernel_size[0] * layer.kernel_size[1]
        arithmetic += high * wide * layer.out_channels * layer.in_channels / layer.groups * kernel * (3.7 + 0.9)

    hooks = []
    for _, layer in model.named_modules():
        if isinstance(layer, (nn.Linear, nn.Conv2d)):
            hooks.append(layer.register_forward_hook(linear if isinstance(layer, nn.Linear) else convolution))
            weights += layer.weight.numel() * 640
    model(torch.rand(1, *shape))
    for hook in hooks:
        hook.remove()
    return torch.tensor(arithmetic, dtype=torch.float64), torch.tensor(weights / batch, dtype=torch.float64)


ODD = {"bill": [by_a_copy_without_hooks, by_pytorchs_counter, by_kinds_of_layers]}
KEPT = "macs = []\n\n    def count(layer, inputs, output):\n        macs.append("
WRONG = {
    "bill": {
        "the arithmetic of the whole batch": ("torch.zeros(1, *shape)", "torch.zeros(batch, *shape)"),
        "a list that is still there at the next call": (
            "bill_solution(model, shape, batch):\n    macs = []",
            "bill_solution(model, shape, batch, macs=[]):",
        ),
        "the groups of a convolution forgotten": (
            "layer.weight[0].numel()",
            "layer.weight[0].numel() * getattr(layer, 'groups', 1)",
        ),
        "every kernel a square": (
            "layer.weight[0].numel()",
            "(layer.weight[0, ..., 0].numel() * layer.kernel_size[0] if output.dim() == 4 else layer.in_features)",
        ),
        "a linear layer that reads one vector": (
            "output.numel()",
            "(output.numel() if output.dim() == 4 else layer.out_features)",
        ),
        "a layer that runs twice counted once": (
            KEPT,
            KEPT.replace("macs = []", "found = {}\n    macs = found.values()").replace(
                "macs.append(", "found[layer] = ("
            ),
        ),
        "no fetch of a zero": (
            "sum(layer.weight.numel() for layer in layers)",
            "sum(int(layer.weight.count_nonzero()) for layer in layers)",
        ),
    }
}
ALIKE = "all outputs of a layer have equally many weights"
EQUIVALENT = {
    "bill": {
        "mac_count = sum((given[layer] * layer.weight[0].numel() for layer in layers)): 0 -> -1": ALIKE,
        "-1 in place of 0 in the number of MACs": ALIKE,
        "* without its sign": "counts and prices are never negative",
        "mac_count rounded to 2 digits": "it is a whole number",
        "arithmetic rounded to 2 digits": "4.6 times a whole number has one digit behind the point",
    }
}
