"""Copies of one network, taught side by side: same first weights, same batches, same steps, other targets.

Each copy is an arm of an experiment. `torch.func.vmap` runs all arms as one stack, so that they differ in what they
are taught and in nothing else.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call, vmap

from course_utils.training import batches

Weights = dict[str, Tensor]


@dataclass(frozen=True)
class Arm:
    """What one student is taught.

    Its loss for an image: `alpha` times T² times the cross-entropy of its answer at temperature `T` with `targets`,
    plus 1 - `alpha` times the cross-entropy of its answer at temperature 1 with the label.

    Attributes:
        targets: probabilities (n, classes), one row an image.
        T: the temperature of the student's answer; that of the targets is the caller's matter.
        alpha: the weight of the targets; the labels weigh 1 - alpha.
        squared: with the factor T².
    """

    targets: Tensor
    T: float = 1.0
    alpha: float = 1.0
    squared: bool = True


def teach(
    start: nn.Module,
    arms: Sequence[Arm],
    x: Tensor,
    own: Tensor,
    *,
    steps: int = 1000,
    lr: float = 1e-2,
    batch: int = 50,
    seed: int = 0,
    used: Callable[[Weights], Weights] = lambda weights: weights,
    watch: Callable[[int, int, Callable[[Tensor], Tensor]], object] | None = None,
) -> list[nn.Module]:
    """Train a copy of `start` for each arm with Adam; the learning rate fades to zero in a straight line.

    A quick run (`runtime.quick`) takes at most 5 steps.

    Args:
        start: a network without buffers; it stays as it is.
        arms: what each copy is taught.
        x: inputs (n, ...), on the device of `start`; targets beyond the first n are not used.
        own: the labels as probabilities (n, classes).
        steps, lr, batch: number of steps, first learning rate, inputs a step.
        seed: of the order of the inputs, the same for all arms.
        used: from the trained weights, stacked over the arms, to those that the network computes with.
        watch: called after each step with its number, the number of steps, and a function from inputs to the logits of
            all arms (arms, inputs, classes).
    Returns:
        A network for each arm, with the weights that it computes with and without gradients.
    """
    stack = {
        name: p.detach().expand(len(arms), *p.shape).clone().requires_grad_() for name, p in start.named_parameters()
    }
    forward = vmap(lambda weights, x: functional_call(start, weights, (x,)), in_dims=(0, None))
    targets = torch.stack([arm.targets[: len(x)] for arm in arms])
    T, alpha, factor = (
        torch.tensor(values, dtype=x.dtype, device=x.device)[:, None]
        for values in zip(*((a.T, a.alpha, a.T**2 if a.squared else 1.0) for a in arms), strict=True)
    )
    optimizer = torch.optim.Adam(stack.values(), lr=lr, fused=True)
    order = list(batches(len(x), batch, steps=steps, seed=seed))
    for step, picked in enumerate(order, start=1):
        z = forward(used(stack), x[picked])  # logits (arms, batch, classes)
        from_targets = -(targets[:, picked] * F.log_softmax(z / T[..., None], 2)).sum(2)
        from_labels = -(own[picked] * F.log_softmax(z, 2)).sum(2)
        optimizer.param_groups[0]["lr"] = lr * (1 - (step - 1) / steps)
        optimizer.zero_grad()
        (alpha * factor * from_targets + (1 - alpha) * from_labels).mean(1).sum().backward()
        optimizer.step()
        if watch:
            watch(step, len(order), lambda inputs: forward(used(stack), inputs))
    trained = [{name: w[i].detach() for name, w in used(stack).items()} for i in range(len(arms))]
    return [_alone(start, weights) for weights in trained]


def _alone(start: nn.Module, weights: Weights) -> nn.Module:
    """An ordinary network with these weights."""
    net = copy.deepcopy(start)
    net.load_state_dict(weights)
    return net.requires_grad_(False)
