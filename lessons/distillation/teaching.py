"""Copies of one network, taught side by side: same first weights, same batches, same steps, other targets.

Each copy is an arm of an experiment. All arms run as one stack, so that they differ in what they are taught and in
nothing else. Several seeds, each with its own first weights and order of the inputs, go into the same stack.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from course_utils.training import batches


@dataclass(frozen=True)
class Arm:
    """What one student is taught.

    Its loss for an image: `alpha` times T² times the cross-entropy of its answer at temperature `T` with `targets`,
    plus 1 - `alpha` times the cross-entropy of its answer at temperature 1 with the label.

    Attributes:
        targets: probabilities (n, classes), float32, one row an image.
        T: the temperature of the student's answer, above 0; that of the targets is the caller's matter.
        alpha: the weight of the targets, 0 to 1; the labels weigh 1 - alpha.
        squared: with the factor T².
    """

    targets: Tensor
    T: float = 1.0
    alpha: float = 1.0
    squared: bool = True


def mlp(width: int, seed: int) -> nn.Sequential:
    """An untrained network with two hidden layers of `width` units, from rows of 784 pixels to logits of 10 classes.

    Args:
        width: units of each hidden layer.
        seed: of the first weights; torch's global generator is set to it.
    """
    torch.manual_seed(seed)
    layers = [nn.Linear(784, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, 10)]
    return nn.Sequential(*layers)


def teach_all(
    starts: Sequence[nn.Sequential],
    arms: Sequence[Arm],
    x: Tensor,
    own: Tensor,
    *,
    seeds: Sequence[int],
    steps: int = 1000,
    lr: float = 1e-2,
    batch: int = 50,
) -> list[list[nn.Sequential]]:
    """Train a copy of each start for each arm with Adam; the learning rate fades to zero in a straight line.

    A quick run (`runtime.quick`) takes at most 5 steps.

    Args:
        starts: float32 networks of one shape, linear layers with a ReLU between them; they stay as they are.
        arms: what each copy is taught, at least one.
        x: inputs (n, features), float32.
        own: the labels as probabilities (n, classes), float32; rows of it and of the arms' targets beyond the first n
            are not used.
        seeds: of the order of the inputs, one a start, and the same for all its arms.
        steps, lr, batch: number of steps, first learning rate, inputs a step.
    Returns:
        For each start a list with a network for each arm; no gradients.
    """
    shape = len(starts), len(arms)
    stack = [
        torch.stack(values).repeat_interleave(len(arms), 0).detach().requires_grad_()
        for values in zip(*(net.parameters() for net in starts), strict=True)
    ]
    targets = torch.stack([arm.targets[: len(x)] for arm in arms])
    T, alpha, factor = (
        torch.tensor(values)[:, None]
        for values in zip(*((a.T, a.alpha, a.T**2 if a.squared else 1.0) for a in arms), strict=True)
    )
    optimizer = torch.optim.Adam(stack, lr=lr, fused=True)
    orders = [list(batches(len(x), batch, steps=steps, seed=seed)) for seed in seeds]
    for step, picked in enumerate(map(torch.stack, zip(*orders, strict=True))):
        z = _logits(stack, x[picked], shape)
        wanted = targets[:, picked].transpose(0, 1)  # (starts, arms, batch, classes), like z
        loss = alpha * factor * -(wanted * F.log_softmax(z / T[..., None], -1)).sum(-1)
        if any(arm.alpha != 1 for arm in arms):
            loss = loss + (1 - alpha) * -(own[picked][:, None] * F.log_softmax(z, -1)).sum(-1)
        optimizer.param_groups[0]["lr"] = lr * (1 - step / steps)
        optimizer.zero_grad()
        loss.mean(-1).sum().backward()
        optimizer.step()
    trained = [w.detach().unflatten(0, shape) for w in stack]
    return [[_alone(net, [w[i, j] for w in trained]) for j in range(len(arms))] for i, net in enumerate(starts)]


def _logits(stack: list[Tensor], x: Tensor, shape: tuple[int, int]) -> Tensor:
    """Logits (starts, arms, inputs, classes); x is (starts, inputs, features), `stack` weights and biases in turn.

    The arms of a start see the same inputs, so that their first layers are one matrix product: without a copy of the
    inputs for each arm, and with products large enough to be fast.
    """
    (starts, arms), (weight, bias) = shape, stack[:2]
    wide = weight.view(starts, -1, weight.shape[2])
    x = torch.baddbmm(bias.view(starts, 1, -1), x, wide.transpose(1, 2))
    x = x.view(starts, x.shape[1], arms, -1).transpose(1, 2).flatten(0, 1)
    for weight, bias in zip(stack[2::2], stack[3::2], strict=True):
        x = torch.baddbmm(bias[:, None], x.relu(), weight.transpose(1, 2))
    return x.unflatten(0, shape)


def _alone(start: nn.Sequential, weights: list[Tensor]) -> nn.Sequential:
    """An ordinary network with these weights."""
    net = copy.deepcopy(start).requires_grad_(False)
    for parameter, w in zip(net.parameters(), weights, strict=True):
        parameter.copy_(w)
    return net
