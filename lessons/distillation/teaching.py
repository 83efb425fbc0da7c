"""Copies of one network, taught side by side: same first weights, same batches, same steps, other targets.

Each copy is an arm of an experiment. `torch.func.vmap` runs all arms as one stack, so that they differ in what they
are taught and in nothing else. Several seeds, each with its own first weights and order of the inputs, go into the same
stack.
"""

from __future__ import annotations

import copy
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call, vmap
from tqdm import tqdm

from course_utils.models import LeNet300100
from course_utils.runtime import best_device
from course_utils.training import batches

Weights = dict[str, Tensor]


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


def mlp(width: int, seed: int, device: torch.device | str | None = None) -> nn.Module:
    """An untrained network with two hidden layers of `width` units, from rows of 784 pixels to logits of 10 classes.

    Args:
        width: units of each hidden layer.
        seed: of the first weights; torch's global generator is set to it.
        device: where it stands; None = the best device.
    """
    torch.manual_seed(seed)
    layers = [nn.Linear(784, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, 10)]
    return nn.Sequential(*layers).to(device or best_device())


def lenet(seed: int, device: torch.device | str | None = None) -> nn.Module:
    """An untrained LeNet-300-100; `seed` and `device` as in `mlp`."""
    torch.manual_seed(seed)
    return LeNet300100().to(device or best_device())


def teach(
    start: nn.Module, arms: Sequence[Arm], x: Tensor, own: Tensor, *, seed: int = 0, **options
) -> list[nn.Module]:
    """Teach a copy of `start` for each arm: `teach_all` with one start.

    Args:
        start: a network without buffers; it stays as it is.
        arms, x, own: as in `teach_all`.
        seed: of the order of the inputs, the same for all arms.
        options: `steps`, `lr`, `batch`, `used`, `watch` and `desc` of `teach_all`.
    Returns:
        A network for each arm, with the weights that it computes with, and without gradients.
    Raises:
        ValueError: as `teach_all`.
    """
    return teach_all([start], arms, x, own, seeds=[seed], **options)[0]


def teach_all(
    starts: Sequence[nn.Module],
    arms: Sequence[Arm],
    x: Tensor,
    own: Tensor,
    *,
    seeds: Sequence[int],
    images: Sequence[int] | None = None,
    steps: int = 1000,
    lr: float = 1e-2,
    batch: int = 50,
    used: Callable[[Weights], Weights] = lambda weights: weights,
    watch: Callable[[int, int, Callable[[Tensor], Tensor]], object] | None = None,
    desc: str | None = None,
) -> list[list[nn.Module]]:
    """Train a copy of each start for each arm with Adam; the learning rate fades to zero in a straight line.

    A quick run (`runtime.quick`) takes at most 5 steps.

    Args:
        starts: float32 networks of one shape and without buffers, at least one; they stay as they are.
        arms: what each copy is taught, at least one.
        x: inputs (n, ...), float32, on the device of the starts.
        own: the labels as probabilities (n, classes), float32, there too; so are the arms' targets, whose rows beyond
            the first n are not used.
        seeds: of the order of the inputs, one a start, and the same for all its arms.
        images: how many inputs each start learns from, the first ones of `x`; None = all of them.
        steps, lr, batch: number of steps, first learning rate, inputs a step.
        used: from the trained weights by name, each (starts times arms, ...) with the arms of the first start first, to
            those that the network computes with, shaped alike.
        watch: called after each step with its number from 1 on, the number of steps, and a function from inputs
            (m, ...) to the logits (starts, arms, m, classes) of all networks, with the weights that `used` gives.
        desc: name of a progress bar; None = no bar.
    Returns:
        For each start a list with a network for each arm, with the weights that it computes with; no gradients.
    Raises:
        ValueError: no start or no arm, a start with buffers, another number of seeds or of `images` than of starts,
            more `images` than inputs, passes that end with batches of different size, fewer rows of labels or targets
            than inputs.
    """
    images = [len(x)] * len(starts) if images is None else images
    _look_over(starts, arms, x, own, seeds, images)
    shape = len(starts), len(arms)
    stack = {
        name: torch.stack([net.get_parameter(name).detach() for net in starts])
        .repeat_interleave(len(arms), 0)
        .requires_grad_()
        for name, _ in starts[0].named_parameters()
    }
    targets = torch.stack([arm.targets[: len(x)] for arm in arms])
    T, alpha, factor = (
        torch.tensor(values, dtype=x.dtype, device=x.device)[:, None]
        for values in zip(*((a.T, a.alpha, a.T**2 if a.squared else 1.0) for a in arms), strict=True)
    )
    one = partial(functional_call, starts[0])
    plain = _is_a_chain(starts[0])

    def forward(x: Tensor, shared: bool) -> Tensor:
        """Logits (starts, arms, inputs, classes); x is the same for all starts, or one batch a start."""
        if plain:
            return _chain(list(used(stack).values()), x.expand(len(starts), *x.shape) if shared else x, shape)
        each = vmap(lambda weights, x: one(weights, (x,)), in_dims=(0, None if shared else 0))
        return each(used(stack), x if shared else x.repeat_interleave(len(arms), 0)).unflatten(0, shape)

    optimizer = torch.optim.Adam(stack.values(), lr=lr, fused=True)
    orders = [list(batches(n, batch, steps=steps, seed=seed)) for n, seed in zip(images, seeds, strict=True)]
    if any(len(set(map(len, picked))) > 1 for picked in zip(*orders, strict=True)):
        raise ValueError(f"images={list(images)}: passes end with batches of different size; take multiples of {batch}")
    bar = tqdm(zip(*orders, strict=True), desc, len(orders[0]), file=sys.stdout, leave=False, disable=desc is None)
    for step, picked in enumerate(map(torch.stack, bar), start=1):
        z = forward(x[picked], shared=False)
        wanted = targets[:, picked].transpose(0, 1)  # (starts, arms, batch, classes), like z
        loss = alpha * factor * -(wanted * F.log_softmax(z / T[..., None], -1)).sum(-1)
        if any(arm.alpha != 1 for arm in arms):
            loss = loss + (1 - alpha) * -(own[picked][:, None] * F.log_softmax(z, -1)).sum(-1)
        optimizer.param_groups[0]["lr"] = lr * (1 - (step - 1) / steps)
        optimizer.zero_grad()
        loss.mean(-1).sum().backward()
        optimizer.step()
        if watch:
            watch(step, len(orders[0]), partial(forward, shared=True))
    trained = {name: w.detach().unflatten(0, shape) for name, w in used(stack).items()}
    return [
        [_alone(start, {name: w[i, j] for name, w in trained.items()}) for j in range(len(arms))]
        for i, start in enumerate(starts)
    ]


def _is_a_chain(net: nn.Module) -> bool:
    """Whether a network is Linear layers with a ReLU between them, and nothing else."""
    if isinstance(net, LeNet300100):
        return True
    kinds = [type(layer) for layer in net.children()]
    return isinstance(net, nn.Sequential) and kinds == [nn.Linear, nn.ReLU] * (len(kinds) // 2) + [nn.Linear]


def _chain(values: list[Tensor], x: Tensor, shape: tuple[int, int]) -> Tensor:
    """Logits (starts, arms, inputs, classes) of such networks; x is (starts, inputs, ...), `values` as in the stack.

    The arms of a start see the same inputs, so that their first layers are one matrix product: without a copy of the
    inputs for each arm, and with products large enough to be fast.
    """
    (starts, arms), (weight, bias) = shape, values[:2]
    x = x.flatten(2)
    wide = weight.view(starts, -1, weight.shape[2])
    x = torch.baddbmm(bias.view(starts, 1, -1), x, wide.transpose(1, 2))
    x = x.view(starts, x.shape[1], arms, -1).transpose(1, 2).flatten(0, 1)
    for weight, bias in zip(values[2::2], values[3::2], strict=True):
        x = torch.baddbmm(bias[:, None], x.relu(), weight.transpose(1, 2))
    return x.unflatten(0, shape)


def _look_over(
    starts: Sequence[nn.Module],
    arms: Sequence[Arm],
    x: Tensor,
    own: Tensor,
    seeds: Sequence[int],
    images: Sequence[int],
) -> None:
    """Raise a ValueError for what `teach_all` cannot stack."""
    if not len(starts) or not len(arms):
        raise ValueError(f"{len(starts)} starts and {len(arms)} arms: at least one of each is needed")
    if len(seeds) != len(starts):
        raise ValueError(f"{len(seeds)} seeds for {len(starts)} starts: each start needs one")
    if len(images) != len(starts) or not all(0 < n <= len(x) for n in images):
        raise ValueError(f"images={list(images)} for {len(starts)} starts and {len(x)} inputs: a number for each start")
    held = [name for start in starts for name, _ in start.named_buffers()]
    if held:
        raise ValueError(f"the start holds the buffer {held[0]}: copies in one stack would share it")
    rows = min(len(targets) for targets in (own, *(arm.targets for arm in arms)))
    if rows < len(x):
        raise ValueError(f"{rows} rows of targets or labels for {len(x)} inputs: each input needs one")


def _alone(start: nn.Module, weights: Weights) -> nn.Module:
    """An ordinary network with these weights."""
    net = copy.deepcopy(start)
    net.load_state_dict(weights)
    return net.requires_grad_(False)
