"""Rounded weights, what a network gets right, three ways to choose bits, and new statistics, for the lesson bit_budget."""

import copy
from functools import cache
from itertools import product

import torch
from torch import nn

from course_utils import data, training


def rounded(weight, bits):
    """The weight on a grid of so many bits, with a scale for each channel."""
    rows = weight.flatten(1)  # a row for each channel
    half = 2 ** (bits - 1)
    scale = rows.abs().amax(1, keepdim=True) / (half - 0.5)
    return ((rows / scale).round().clamp(-half, half - 1) * scale).view_as(weight)


def outputs(model, images):
    """What the model says of the images, in batches of 100."""
    return torch.cat([model(batch) for batch in images.split(100)])


@cache
def _test_images():
    return tuple(part[:2000] for part in data.load("fashion_mnist", "test"))


def accuracy(model):
    """Percent of 2,000 test images."""
    return 100 * training.evaluate(model, *_test_images())


def greedy(sizes, sensitivity, budget):
    """{layer: bits}, from 2 to 6: the next bit goes to the layer where it saves most for each bit of the file."""
    bits, left = dict.fromkeys(sizes, 2), budget - 2 * sum(sizes.values())
    while True:
        offers = {
            name: (sensitivity[name][b] - sensitivity[name][b + 1]) / sizes[name]
            for name, b in bits.items()
            if b < 6 and sizes[name] <= left
        }
        best = max(offers, key=offers.get, default=None)
        if best is None or offers[best] <= 0:
            return bits
        bits[best] += 1
        left -= sizes[best]


def in_turn(sizes, budget):
    """{layer: bits}, from 2 to 6, without any sensitivity: one bit more for each layer in turn, the smallest first."""
    bits, left = dict.fromkeys(sizes, 2), budget - 2 * sum(sizes.values())
    for _ in range(2, 6):
        for name in sorted(sizes, key=sizes.get):
            if sizes[name] <= left:
                bits[name] += 1
                left -= sizes[name]
    return bits


def best_of_all(sizes, sensitivity, budget):
    """{layer: bits}, from 2 to 6: of all choices within the budget the one with the smallest sum of sensitivities."""
    widths = torch.tensor(list(product(range(2, 7), repeat=len(sizes))))  # a row for each choice
    costs = widths @ torch.tensor(list(sizes.values()))
    losses = torch.tensor([list(row.values()) for row in sensitivity.values()], dtype=torch.float64)  # by layer, width
    sums = sum(layer[widths[:, place] - 2] for place, layer in enumerate(losses))
    best = sums.masked_fill(costs > budget, torch.inf).argmin()
    return dict(zip(sizes, widths[best].tolist(), strict=True))


def norms_anew(model, images):
    """A copy whose batch norms have estimated their statistics from these images; no weight changes."""
    model = copy.deepcopy(model)
    for norm in model.modules():
        if isinstance(norm, nn.BatchNorm2d):
            norm.reset_running_stats()
            norm.momentum = None  # a plain mean over the batches
    model.train()
    for batch in images.split(250):
        model(batch)
    return model.eval()
