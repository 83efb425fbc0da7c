"""What the tests try on the check of the lesson energy: odd but right answers, and mistakes that people make."""

import math

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from course_utils import energy


def by_hooks(model, x, mac_pj, fetch_pj):
    macs, hooks = [], []

    def note(layer, inputs, output):
        positions = output[0].numel() // layer.weight.shape[0]
        macs.append(layer.weight.numel() * positions)

    layers = [layer for layer in model.modules() if isinstance(layer, nn.Linear | nn.Conv2d)]
    for layer in layers:
        hooks.append(layer.register_forward_hook(note))
    with torch.no_grad():
        model(x)
    for hook in hooks:
        hook.remove()
    fetching = fetch_pj * sum(layer.weight.numel() for layer in layers)
    batch = 1
    while batch * sum(macs) * mac_pj < fetching:
        batch += 1
    return batch


def by_one_input_alone(model, x, mac_pj, fetch_pj):
    with FlopCounterMode(display=False) as counter:
        model(x[:1])
    weights = sum(w.numel() for name, w in model.named_parameters() if w.ndim >= 2 and name.endswith("weight"))
    return int(-(-weights * fetch_pj // (counter.get_total_flops() / 2 * mac_pj)))


def by_the_courses_estimate(model, x, mac_pj, fetch_pj):
    one = energy.estimate(model, x[:1])
    uses = one.macs / one.weights
    return max(1, math.ceil(fetch_pj / (mac_pj * uses)))


ODD = {"batch_needed": [by_hooks, by_one_input_alone, by_the_courses_estimate]}
WRONG = {
    "batch_needed": {
        "the MACs of all inputs": (" / len(x)", ""),
        "a share for each number of an input": ("len(x)", "x.numel()"),
        "biases fetched, too": (" if p.dim() > 1", ""),
        "FLOPs taken for MACs": ("get_total_flops() // 2", "get_total_flops()"),
        "rounded down": ("math.ceil", "math.floor"),
        "rounded": ("math.ceil", "round"),
        "no whole number": ("math.ceil(", "("),
        "one more where the two are equal": (
            "math.ceil(fetch_pj * weights / arithmetic)",
            "int(fetch_pj * weights / arithmetic) + 1",
        ),
        "the quotient upside down": ("fetch_pj * weights / arithmetic", "arithmetic / (fetch_pj * weights)"),
        "the prices of fp32 alone": ("mac_pj * macs", "4.6 * macs"),
        "the quotient of the prices, whatever the network": ("fetch_pj * weights / arithmetic", "fetch_pj / mac_pj"),
        "weights over MACs, without prices": ("fetch_pj * weights / arithmetic", "weights * len(x) / macs"),
        "uses rounded before they are used": (
            "math.ceil(fetch_pj * weights / arithmetic)",
            "math.ceil(fetch_pj / mac_pj / max(1, macs // len(x) // weights))",
        ),
        "times what the batch already holds": (
            "fetch_pj * weights / arithmetic",
            "fetch_pj * weights / arithmetic * len(x)",
        ),
    }
}
POSITIVE = "counts and prices are never negative"
EQUIVALENT = {
    "batch_needed": {
        "macs rounded to 2 digits": "all inputs make equally many, so it is a whole number",
        "arithmetic rounded to 2 digits": "4.6 or 0.3 times a whole number has one digit behind the point",
        "macs without its sign": POSITIVE,
        "weights without its sign": POSITIVE,
        "arithmetic without its sign": POSITIVE,
        "fetching without its sign": POSITIVE,
        "the result without its sign": POSITIVE,
    }
}
