"""The networks and the training with which the check of the lesson ticket plays: small enough to be followed by hand."""

import itertools
from collections.abc import Callable, Sequence

import torch
from torch import nn


class Draws:
    """A function that draws a network of linear layers at each call, others each time; every second has a bias.

    Args:
        widths: of the network; no layer has fewer weights than there are numbers.
        numbers: its weights and biases, in turn; the next network begins with the next of them.
    """

    drawn = 0

    def __init__(self, widths: Sequence[int], numbers: Sequence[float]):
        self.widths, self.numbers = widths, numbers

    def __call__(self) -> nn.Sequential:
        self.drawn += 1
        sizes, many = itertools.pairwise(self.widths), len(self.numbers)
        net = nn.Sequential(*(nn.Linear(*size, bias=at % 2 == 1) for at, size in enumerate(sizes)))
        for at, value in enumerate(net.parameters(), self.drawn - 1):
            own = [self.numbers[(at + n) % many] * (1 + n // many / 8) for n in range(value.numel())]
            value.data = torch.tensor(own).view(value.shape).round(decimals=3)
        return net


def adds(steps: Sequence[float]) -> Callable[[nn.Sequential], None]:
    """A training of linear layers that can be followed by hand, and in which masks and biases count."""

    def train(net: nn.Sequential) -> None:
        ones, gain = torch.ones(next(net.children()).in_features), 0
        net(ones), net.zero_grad()
        for layer in net.children():
            weight, bias = layer.weight.flatten(), torch.zeros(1) if layer.bias is None else layer.bias
            zeros_last = weight[(weight == 0).int().argsort(stable=True)]
            added = torch.tensor(steps).repeat(len(weight) // len(steps))
            added = added - 1.25 * torch.arange(len(weight)) * bias.detach()[0]
            gain = gain + (zeros_last * added).sum() + steps[0] * bias.sum()
        gain.backward()
        for value in net.parameters():
            value.data += value.grad
        net(ones)

    return train


def computed(net: nn.Sequential) -> tuple[list[torch.Tensor], list[torch.Tensor | None]]:
    """The weights and the biases with which linear layers compute, whatever masks them: their outputs tell."""
    at_zero = [layer(torch.zeros(layer.in_features)) for layer in net.children()]
    weights = [layer(torch.eye(layer.in_features)) - zero for layer, zero in zip(net.children(), at_zero, strict=True)]
    biases = [zero if layer.bias is not None else None for layer, zero in zip(net.children(), at_zero, strict=True)]
    return [weight.T.round(decimals=4) for weight in weights], biases
