"""Training and evaluation of a classifier on tensors in memory, where the loop is not the lesson."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn
from tqdm import tqdm

from course_utils.runtime import best_device, quick, threads, training_threads
from course_utils.tensors import as_it_was, need_values, own

QUICK_STEPS = 5


def batches(n: int, batch_size: int, *, steps: int, seed: int) -> Iterator[Tensor]:
    """Positions of the images of `steps` batches, reshuffled for each pass; the last batch of a pass may be smaller.

    A quick run (`runtime.quick`) gets 5 at most.

    Args:
        n: number of images, 1 or more.
        batch_size: positions a batch, 1 or more.
        steps: number of batches.
        seed: of the shuffling, which does not touch torch's global generator.
    Yields:
        int64 (batch,) on the CPU, each from 0 to n - 1.
    """
    shuffler, left = torch.Generator().manual_seed(seed), []
    for _ in range(_allowed(steps)):
        left = left or list(torch.randperm(n, generator=shuffler).split(batch_size))
        yield left.pop(0)


def _allowed(steps: int) -> int:
    return min(steps, QUICK_STEPS) if quick() else steps


def fit(
    model: nn.Module,
    images: Tensor,
    labels: Tensor,
    *,
    epochs: int = 1,
    steps: int | None = None,
    batch_size: int = 64,
    lr: float = 1e-3,
    seed: int = 0,
    optimizer: torch.optim.Optimizer | None = None,
    schedule: Callable[[float], float] | None = None,
    device: torch.device | str | None = None,
    progress: bool = True,
) -> list[float]:
    """Train a classifier with cross-entropy; the model stays on `device`, in training mode, without gradients.

    A model in evaluation mode is put into training mode. In one that is in training mode already, what you put into
    evaluation mode stays there: ``model.train(); model.bn1.eval()`` freezes the statistics of `bn1`.

    A quick run (`runtime.quick`) takes at most 5 steps.

    Args:
        model: logits (batch, n_classes) from a batch of `images`.
        images: (N, ...) float; labels: (N,) integers. In memory, on any device.
        epochs: passes over the data, 1 or more.
        steps: how many steps to take in place of `epochs`: part of a pass, or several.
        batch_size: images a step; a last batch that is not full is trained on too.
        lr: learning rate of Adam, used when no optimizer is given.
        seed: of the shuffling, which does not touch torch's global generator.
        optimizer: over the model's parameters; None = Adam.
        schedule: from the share of the steps that are done (0 to below 1) to a factor of the learning rate, for
            example ``lambda done: 1 - done``; None = constant.
        device: where to train; None = the best device.
        progress: show a bar over the steps.
    Returns:
        The mean loss, in nats, of each pass; the last pass may be a part of one.
    Raises:
        ValueError: no data, not one integer a label and image, epochs, steps or batch_size below 1, or a tensor of the
            model without values (meta). Before the first step.
        RuntimeError: the loss is not finite; the message says at which step.
    """
    _check_data(images, labels)
    if epochs < 1 or batch_size < 1 or (steps is not None and steps < 1):
        raise ValueError(f"epochs, steps and batch_size must be 1 or more, got {epochs}, {steps} and {batch_size}")
    need_values(model, lazy=False)
    device = torch.device(device) if device else best_device()
    model.to(device)
    if not model.training:
        model.train()
    optimizer = optimizer or torch.optim.Adam(model.parameters(), lr=lr)
    a_pass = math.ceil(len(images) / batch_size)
    steps = _allowed(steps or epochs * a_pass)
    rate = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: schedule(step / steps)) if schedule else None
    losses = []
    order = batches(len(images), batch_size, steps=steps, seed=seed)
    # JupyterLab shows what comes from stderr in red; what comes from stdout must not stay for the slides.
    bar = tqdm(order, total=steps, desc="training", unit="step", file=sys.stdout, leave=False, disable=not progress)
    try:
        with threads(training_threads()), bar:
            for step, picked in enumerate(bar, start=1):
                loss = nn.functional.cross_entropy(model(images[picked].to(device)), labels[picked].to(device).long())
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                losses.append(loss.item())
                if not math.isfinite(losses[-1]):
                    raise RuntimeError(
                        f"the loss of step {step} is not finite: lower lr, or look for a division by zero in the data"
                    )
                if rate and step < steps:
                    rate.step()
    finally:
        optimizer.zero_grad()
        model.zero_grad()  # an optimizer over the head alone leaves those of the rest
    passes = [losses[first : first + a_pass] for first in range(0, steps, a_pass)]
    return [sum(part) / len(part) for part in passes]


def evaluate(
    model: nn.Module,
    images: Tensor,
    labels: Tensor,
    *,
    batch_size: int = 100,
) -> float:
    """Share of images that a classifier gets right, 0 to 1, in evaluation mode, where its first parameter is.

    Args:
        model: logits (batch, n_classes) from a batch of `images`.
        images: (N, ...) float; labels: (N,) integers.
        batch_size: images a call. On a CPU 100 take half the time of 1,000 with our convolutional networks, whose
            activations then stay in the cache.
    Raises:
        ValueError: no data, not one integer a label and image, or a tensor of the model without values (lazy, meta).
    Restores: the mode of each module, and what else `as_it_was` names; the number of threads (it works with as many as
        training does).
    """
    _check_data(images, labels)
    device = next((p.device for p in model.parameters()), torch.device("cpu"))
    need_values(model)
    with as_it_was(model), threads(training_threads()):
        right = sum(
            (model(own(x, device)).argmax(1).cpu() == y.cpu()).sum().item()
            for x, y in zip(images.split(batch_size), labels.split(batch_size), strict=True)
        )
    return right / len(labels)


def _check_data(images: Tensor, labels: Tensor) -> None:
    if len(images) == 0 or len(images) != len(labels):
        raise ValueError(
            f"need as many labels as images and at least one, got {len(images)} images and {len(labels)} labels"
        )
    if labels.dim() != 1 or labels.is_floating_point():  # compared with (N,), others would count N x N or nothing
        raise ValueError(
            f"labels must be integers of shape ({len(labels)},), one a class, got {labels.dtype} of shape "
            f"{tuple(labels.shape)}: labels.flatten().long() for numbers of classes, labels.argmax(1) for one-hot rows"
        )
