"""The network of the lesson ticket, its training on digits, and masks that are put on it."""

from collections.abc import Iterable

import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils import prune

from course_utils import data, models

images, labels = data.load("mnist")
test_set = data.load("mnist", "test")


def make() -> nn.Module:
    """A new LeNet-300-100, its weights drawn by Glorot's normal rule, as in the paper."""
    net = models.LeNet300100()
    for layer in net.children():
        nn.init.xavier_normal_(layer.weight)
    return net


def train(net: nn.Module, steps: int = 200, rate: float = 0.0012, seen: int = len(images)) -> None:
    """Trains in place, by Adam, on batches of 60 images; ends with a forward pass, in which masked weights are computed.

    Args:
        rate: of learning; unless given, the paper's.
        seen: batches are drawn from so many images, the first ones.
    """
    adam = torch.optim.Adam(net.parameters(), lr=rate, fused=True)  # fused: the same steps, faster
    for batch in torch.randint(seen, (steps, 60)):
        adam.zero_grad()
        F.cross_entropy(net(images[batch]), labels[batch]).backward()
        adam.step()
    net(images[:1])


def put_on(net: nn.Module, masks: Iterable[torch.Tensor]) -> nn.Module:
    """Gives each layer of a network its mask, in place; returns the network."""
    for layer, mask in zip(net.children(), masks, strict=True):
        prune.custom_from_mask(layer, "weight", mask)
    return net
