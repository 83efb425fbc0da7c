"""One training run of the lottery engine: a fully connected network, its masks, and a step without detours.

The step computes what autograd and ``torch.optim.Adam(fused=True)`` compute for Linear and ReLU layers with cross
entropy, with the same operators in the same order, so that both give the same bits. It writes gradients into memory
that stays, and multiplies them by the masks: a weight that starts at 0 and never gets a gradient stays 0.
"""

from __future__ import annotations

import base64
import functools
import zlib
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from course_utils import data

FINE_POINTS = 200  # so many validations lie `every` iterations apart, the later ones five times as far


def initial(widths: Sequence[int], seed: int) -> list[Tensor]:
    """Weights (out, in) and biases (out,) in turn: Glorot normal and zero, as in Frankle and Carbin, figure 2."""
    generator = torch.Generator().manual_seed(seed)
    values = []
    for n_in, n_out in zip(widths, widths[1:], strict=False):
        weight = torch.empty(n_out, n_in)
        torch.nn.init.xavier_normal_(weight, generator=generator)
        values += [weight, torch.zeros(n_out)]
    return values


@functools.cache
def _rows(task: str, split: str, images: int | None) -> tuple[Tensor, Tensor]:
    pixels, labels = data.load(task, split, n=images)
    return pixels.flatten(1), labels


def load(task: str, images: int | None, held_out: int, seed: int) -> tuple[Tensor, ...]:
    """The data of one trial, as rows (N, 784) and labels; `seed` chooses which images are held out.

    Returns:
        All training rows and labels, the indices of those to train on; then the rows and labels of validation and test.
    """
    rows, labels = _rows(task, "train", images)
    if held_out >= len(rows):
        raise ValueError(f"held_out={held_out} leaves nothing of {len(rows)} images to train on")
    order = torch.randperm(len(rows), generator=torch.Generator().manual_seed(seed))
    aside = order[:held_out]
    return rows, labels, order[held_out:], rows[aside], labels[aside], *_rows(task, "test", None)


def batches(indices: Tensor, size: int, seed: int) -> Iterator[Tensor]:
    """Indices of one batch after another, each epoch in a new order; an incomplete batch is left out."""
    generator = torch.Generator().manual_seed(seed)
    while True:
        order = indices[torch.randperm(len(indices), generator=generator)]
        yield from order[:len(order) - len(order) % size].split(size)


class Trainer:
    """Weights, masks and Adam's state of one run.

    Args:
        values: weights and biases in turn; copied, so that the caller's stay what they are.
        masks: one a weight, float32 of its shape, 1 = kept.
        batch: images in a batch.
        lr: Adam's learning rate.
    """

    def __init__(self, values: Sequence[Tensor], masks: Sequence[Tensor], *, batch: int, lr: float):
        self.values = [value.clone() for value in values]
        self.masks = list(masks)
        torch._foreach_mul_(self.values[::2], self.masks)
        for value in self.values:
            value.grad = torch.zeros_like(value)
        self.grads = [value.grad for value in self.values]
        self.adam = torch.optim.Adam(self.values, lr=lr, fused=True)
        self.rows, self.batch = torch.arange(batch), batch

    def logits(self, x: Tensor) -> list[Tensor]:
        """The input and what each layer gives, the logits last."""
        passed = [x]
        for weight, bias in zip(self.values[::2], self.values[1::2], strict=True):
            passed.append(torch.addmm(bias, passed[-1], weight.t()))
            if weight is not self.values[-2]:
                passed[-1].clamp_min_(0)
        return passed

    def step(self, x: Tensor, y: Tensor) -> None:
        """One step on a batch: forward, backward, masks on the gradients, Adam."""
        *passed, logits = self.logits(x)
        picked = torch.zeros_like(logits)
        picked[self.rows, y] = -1 / self.batch
        error = torch.ops.aten._log_softmax_backward_data(picked, F.log_softmax(logits, 1), 1, torch.float32)
        for i in range(len(passed) - 1, -1, -1):
            torch.mm(error.t(), passed[i], out=self.grads[2 * i])
            torch.sum(error, 0, out=self.grads[2 * i + 1])
            if i:
                error = torch.mm(error, self.values[2 * i]).mul_(passed[i] > 0)
        torch._foreach_mul_(self.grads[::2], self.masks)
        self.adam.step()

    def score(self, x: Tensor, y: Tensor) -> tuple[float, float]:
        """Mean cross entropy and accuracy."""
        logits = self.logits(x)[-1]
        return F.cross_entropy(logits, y).item(), (logits.argmax(1) == y).float().mean().item()


def train(trainer: Trainer, sets: tuple[Tensor, ...], order: Iterator[Tensor], first: int, last: int,
          every: int) -> dict:
    """Iterations `first` to `last`, validated on the way.

    Returns:
        A dict: "early_stop" (the iteration of least validation loss), the accuracies there and at the end on
        validation and test set, and "curve", [iteration, validation loss, validation accuracy] of each validation.
    """
    x, y, _, *rest = sets
    points, curve, least = set(validation_points(first, last, every)), [], None
    for i in range(first + 1, last + 1):
        chosen = next(order)
        trainer.step(x[chosen], y[chosen])
        if i in points:
            loss, accuracy = trainer.score(*rest[:2])
            curve.append([i, loss, accuracy])
            if not least or loss < least[1]:
                # Tested once, at the end: the test set is larger than the validation set.
                least, kept = curve[-1], [value.clone() for value in trainer.values]
    final_test_accuracy = trainer.score(*rest[2:])[1]
    trainer.values, trained = kept, trainer.values
    test_accuracy = trainer.score(*rest[2:])[1]
    trainer.values = trained
    return {"early_stop": least[0], "validation_loss": least[1], "validation_accuracy": least[2],
            "test_accuracy": test_accuracy, "final_validation_accuracy": curve[-1][2],
            "final_test_accuracy": final_test_accuracy, "curve": curve}


def validation_points(first: int, last: int, every: int) -> Iterator[int]:
    """After which iterations the validation set is looked at: often at first, and after the last."""
    fine = first + FINE_POINTS * every
    yield from range(first + every, min(last, fine) + 1, every)
    yield from range(fine + 5 * every, last + 1, 5 * every)
    yield last


def keep_largest(values: Sequence[Tensor], masks: Sequence[Tensor], densities: Sequence[float],
                 scope: str) -> list[Tensor]:
    """The masks of the next level: of the weights that are left, those of largest magnitude stay.

    Args:
        densities: for scope "layer" the share of each layer's weights that stays; for "global" one number.
    Raises:
        ValueError: a layer would keep no weight; the message says which.
    """
    # A pruned weight must lose against a kept one that happens to be 0.
    sizes = [torch.where(mask > 0, value.abs(), -1.0).flatten() for value, mask in zip(values[::2], masks, strict=True)]
    groups = [torch.cat(sizes)] if scope == "global" else sizes
    kept = []
    for group, density in zip(groups, densities, strict=True):
        mask = torch.zeros_like(group)
        mask[group.topk(round(density * group.numel()), sorted=False).indices] = 1
        kept.append(mask)
    flat = torch.cat(kept).split([mask.numel() for mask in masks])
    new = [mask.view_as(old) for mask, old in zip(flat, masks, strict=True)]
    for i, mask in enumerate(new):
        if not mask.any():
            density = densities[min(i, len(densities) - 1)]
            raise ValueError(f"at density {density:.4f} layer {i + 1} of {len(new)} keeps no weight, and nothing could "
                             "pass: end the densities earlier, or prune layer by layer")
    return new


def shuffled(masks: Sequence[Tensor], seed: int) -> list[Tensor]:
    """Random masks with as many ones in each layer."""
    generator = torch.Generator().manual_seed(seed)
    return [mask.flatten()[torch.randperm(mask.numel(), generator=generator)].view_as(mask) for mask in masks]


def pack(masks: Sequence[Tensor]) -> str:
    """Masks as text: a bit a weight, deflated, base64."""
    bits = np.packbits(torch.cat([mask.flatten() for mask in masks]).numpy().astype(bool))
    return base64.b64encode(zlib.compress(bits.tobytes(), 9)).decode("ascii")


def unpack(text: str, widths: Sequence[int]) -> list[Tensor]:
    """The masks that `pack` wrote, float32 (out, in) each."""
    shapes = [(n_out, n_in) for n_in, n_out in zip(widths, widths[1:], strict=False)]
    numbers = [a * b for a, b in shapes]
    bits = np.unpackbits(np.frombuffer(zlib.decompress(base64.b64decode(text)), np.uint8))[:sum(numbers)]
    flat = torch.from_numpy(bits.astype(np.float32)).split(numbers)
    return [mask.view(shape) for mask, shape in zip(flat, shapes, strict=True)]
