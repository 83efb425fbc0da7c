"""The digits, the networks and the training of the lesson students; network and training are those of distillation."""

import torch
import torch.nn.functional as F
from torch import nn

from course_utils import data
from course_utils.training import batches

images, labels = data.load("mnist")
test_images, test_labels = data.load("mnist", "test")
images, test_images = images.flatten(1), test_images.flatten(1)
_split = len(images) * 5 // 6
x, y = images[:_split], labels[:_split]  # networks learn from these
held_out = images[_split:]  # these choose a bias, without their labels


def network(first, second):
    """An untrained network with two hidden layers, always with the same first weights."""
    torch.manual_seed(0)
    layers = [nn.Linear(784, first), nn.ReLU(), nn.Linear(first, second), nn.ReLU(), nn.Linear(second, 10)]
    return nn.Sequential(*layers)


def train(net, images, targets, T=1, rate=0.01, steps=1000):
    """Train with Adam on labels, or on probabilities with the network's logits divided by `T`; the rate falls to zero."""
    optimizer = torch.optim.Adam(net.parameters(), lr=rate)
    fade = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.0, steps)
    for batch in batches(len(images), 50, steps=steps, seed=0):
        loss = F.cross_entropy(net(images[batch]) / T, targets[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        fade.step()
    return net.requires_grad_(False)


def recognized(net, digit):
    """The share of the test images of a digit that a network recognizes."""
    own = test_images[test_labels == digit]
    return (net(own).argmax(1) == digit).float().mean().item()
