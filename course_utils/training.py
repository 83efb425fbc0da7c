"""Training and evaluation of a classifier on tensors in memory, where the loop is not the lesson."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from itertools import islice

import torch
from torch import Tensor, nn
from tqdm import tqdm

from course_utils.runtime import best_device, quick, threads, training_threads

QUICK_STEPS = 5


@dataclass
class History:
    """What `fit` saw: the mean loss and the validation accuracy (0 to 1, or None) of each epoch."""

    loss: list[float] = field(default_factory=list)
    accuracy: list[float | None] = field(default_factory=list)

    def plot(self):
        """The curves over epochs, as a figure for `plots.show`."""
        from course_utils.plots import figure

        measured = [(i + 1, 100 * a) for i, a in enumerate(self.accuracy) if a is not None]
        fig, axes = figure(columns=2 if measured else 1)
        left = axes[0] if measured else axes
        left.plot(range(1, len(self.loss) + 1), self.loss, marker="o")
        left.set(xlabel="epoch", ylabel="training loss")
        if measured:
            axes[1].plot(*zip(*measured, strict=True), marker="o")
            axes[1].set(xlabel="epoch", ylabel="accuracy, %")
        return fig


def fit(model: nn.Module, images: Tensor, labels: Tensor, *, epochs: int = 1, batch_size: int = 64,
        lr: float = 1e-3, seed: int = 0, optimizer: torch.optim.Optimizer | None = None,
        validation: tuple[Tensor, Tensor] | None = None, device: torch.device | str | None = None) -> History:
    """Train a classifier with cross-entropy; the model stays on `device`, in training mode.

    A quick run (`runtime.quick`) takes at most 5 steps an epoch.

    Args:
        model: logits (batch, n_classes) from a batch of `images`.
        images: (N, ...) float; labels: (N,) int64. In memory, on any device.
        epochs: passes over the data, 1 or more.
        batch_size: images a step; a last batch that is not full is trained on too.
        lr: learning rate of Adam, used when no optimizer is given.
        seed: of the shuffling, which does not touch torch's global generator.
        optimizer: over the model's parameters; None = Adam.
        validation: (images, labels) to measure the accuracy on after each epoch.
        device: where to train; None = the best device.
    Raises:
        ValueError: no data, or as many labels as images not given, or epochs or batch_size below 1.
        RuntimeError: the loss is not finite; the message says after how many steps.
    """
    _check_data(images, labels)
    if epochs < 1 or batch_size < 1:
        raise ValueError(f"epochs and batch_size must be 1 or more, got {epochs} and {batch_size}")
    device = torch.device(device) if device else best_device()
    model.to(device).train()
    optimizer = optimizer or torch.optim.Adam(model.parameters(), lr=lr)
    shuffler = torch.Generator().manual_seed(seed)
    history = History()
    steps = -(-len(images) // batch_size)
    steps = min(steps, QUICK_STEPS) if quick() else steps
    with threads(training_threads()), tqdm(total=epochs * steps, desc="training", unit="step",
                                           file=sys.stderr) as bar:
        for epoch in range(epochs):
            total = 0.0
            batches = torch.randperm(len(images), generator=shuffler).split(batch_size)
            for picked in islice(batches, steps):
                loss = nn.functional.cross_entropy(model(images[picked].to(device)), labels[picked].to(device))
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                total += loss.item()
                bar.update()
            if not total < float("inf"):
                raise RuntimeError(f"the loss is not finite after {(epoch + 1) * steps} steps: "
                                   "lower lr, or look for a division by zero in the data")
            history.loss.append(total / steps)
            history.accuracy.append(evaluate(model, *validation, device=device) if validation else None)
            model.train()
    return history


@torch.no_grad()
def evaluate(model: nn.Module, images: Tensor, labels: Tensor, *, batch_size: int = 1000,
             device: torch.device | str | None = None) -> float:
    """Share of images that a classifier gets right, 0 to 1, in evaluation mode.

    Args:
        model: logits (batch, n_classes) from a batch of `images`.
        images: (N, ...) float; labels: (N,) int64.
        batch_size: images a call.
        device: where the model runs; None = where its first parameter is, else the CPU.
    Raises:
        ValueError: no data, or another number of labels than images.
    Restores: the model's mode.
    """
    _check_data(images, labels)
    device = torch.device(device) if device else next((p.device for p in model.parameters()), torch.device("cpu"))
    was_training = model.training
    model.eval()
    try:
        right = sum((model(x.to(device)).argmax(1).cpu() == y.cpu()).sum().item()
                    for x, y in zip(images.split(batch_size), labels.split(batch_size), strict=True))
    finally:
        model.train(was_training)
    return right / len(labels)


def _check_data(images: Tensor, labels: Tensor) -> None:
    if len(images) == 0 or len(images) != len(labels):
        raise ValueError(f"need as many labels as images and at least one, got {len(images)} images "
                         f"and {len(labels)} labels")
