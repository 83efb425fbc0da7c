"""One training run of the lottery engine: a fully connected network, its masks, and a step without detours.

The step computes what autograd and ``torch.optim.Adam(fused=True)`` compute for Linear and ReLU layers with cross
entropy, with the same operators in the same order, so that both give the same bits. It writes gradients into memory
that stays, and calls Adam's operator without the bookkeeping of an optimizer, which here is a tenth of a step. A pruned
weight stays 0, for its gradient is multiplied by the mask.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from course_utils import data

FINE_POINTS = 200  # so many validations lie `every` iterations apart, the later ones five times as far


def initial(widths: Sequence[int], seed: int) -> list[Tensor]:
    """First weights and biases: Glorot normal and zero, as in Frankle and Carbin, figure 2.

    Args:
        widths: units of each layer, input first: n + 1 numbers for n layers.
        seed: of the weights.
    Returns:
        2 n float32 tensors: of each layer its weight (out, in), then its bias (out,).
    """
    generator = torch.Generator().manual_seed(seed)
    values = []
    for n_in, n_out in zip(widths, widths[1:], strict=False):
        weight = torch.empty(n_out, n_in)
        torch.nn.init.xavier_normal_(weight, generator=generator)
        values += [weight, torch.zeros(n_out)]
    return values


class Sets(NamedTuple):
    """The images of one trial: those to train on, and those that are held out.

    Attributes:
        rows: all training images, float32 (N, 784) in [0, 1]; labels: int64 (N,).
        chosen: which of them to train on, int64 (N - held_out,), indices of `rows`.
        validation_rows: float32 (held_out, 784); validation_labels: int64 (held_out,).
        test_rows: float32 (M, 784); test_labels: int64 (M,).
    """

    rows: Tensor
    labels: Tensor
    chosen: Tensor
    validation_rows: Tensor
    validation_labels: Tensor
    test_rows: Tensor
    test_labels: Tensor


@functools.cache
def _rows(task: str, split: str) -> tuple[Tensor, Tensor]:
    pixels, labels = data.load(task, split)
    return pixels.flatten(1), labels


def load(task: str, held_out: int, seed: int) -> Sets:
    """The images of one trial; the training and the test images are shared by all calls: do not write to them.

    Args:
        task: "mnist" or "fashion_mnist".
        held_out: how many training images to set aside for validation.
        seed: chooses which.
    Raises:
        ValueError: held_out leaves nothing to train on.
    """
    rows, labels = _rows(task, "train")
    if held_out >= len(rows):
        raise ValueError(f"held_out={held_out} leaves nothing of {len(rows)} images to train on")
    order = torch.randperm(len(rows), generator=torch.Generator().manual_seed(seed))
    aside = order[:held_out]
    return Sets(rows, labels, order[held_out:], rows[aside], labels[aside], *_rows(task, "test"))


def batches(indices: Tensor, size: int, seed: int) -> Iterator[Tensor]:
    """Batches without end: each epoch in a new order, an incomplete batch left out.

    Args:
        indices: int64 (n,), at least `size` of them.
        size: of a batch.
        seed: of the orders.
    Yields:
        int64 (size,), part of `indices`.
    Raises:
        ValueError: fewer indices than a batch has, when the first batch is asked for.
    """
    if not 1 <= size <= len(indices):
        raise ValueError(f"batch={size}, and {len(indices)} images are left to train on: take 1 to {len(indices)}")
    generator = torch.Generator().manual_seed(seed)
    while True:
        order = indices[torch.randperm(len(indices), generator=generator)]
        yield from order[: len(order) - len(order) % size].split(size)


class Adam:
    """`torch.optim.Adam(fused=True)` for tensors whose gradients stay where they are: the same operator, the same bits.

    Args:
        tensors: float32, each with its gradient in `.grad`; changed in place.
        lr: the learning rate; all else as torch.optim.Adam has it: betas 0.9 and 0.999, eps 1e-8, no weight decay.
    Attributes:
        tensors, gradients: lists of what is updated, and by what.
    """

    def __init__(self, tensors: Sequence[Tensor], lr: float):
        self.tensors, self.gradients = list(tensors), [tensor.grad for tensor in tensors]
        self._steps = [torch.zeros(()) for _ in tensors]
        means, squares = ([torch.zeros_like(tensor) for tensor in tensors] for _ in range(2))
        self._state = means, squares, [], self._steps  # the third is AMSGrad's, which has none
        self._numbers = {"lr": lr, "beta1": 0.9, "beta2": 0.999, "weight_decay": 0.0, "eps": 1e-8}

    @torch.no_grad()
    def step(self) -> None:
        """One update of all tensors by what is in their gradients."""
        torch._foreach_add_(self._steps, 1)
        torch._fused_adam_(self.tensors, self.gradients, *self._state, **self._numbers, amsgrad=False, maximize=False)


class Trainer:
    """Weights, masks and Adam's state of one run.

    Args:
        values: weights (out, in) and biases (out,) in turn, float32, as `initial` gives them; copied, so that the
            caller's stay what they are.
        masks: one a weight, float32 of its shape, 1 = kept, 0 = pruned; they are multiplied in at once.
        batch: images in a batch; `step` takes no other number.
        lr: Adam's learning rate.
    Attributes:
        values, masks: the present ones, of the shapes above.
        adam: `Adam`, over what it updates.
    """

    def __init__(self, values: Sequence[Tensor], masks: Sequence[Tensor], *, batch: int, lr: float):
        self.values = [value.clone() for value in values]
        self.masks = list(masks)
        torch._foreach_mul_(self.values[::2], self.masks)
        for value in self.values:
            value.grad = torch.zeros_like(value)
        self.grads = [value.grad for value in self.values]
        self.adam = Adam(self.values, lr)
        self._minus = torch.eye(len(self.values[-1])).div_(-batch)  # a row for each label: what the loss is pulled by

    def logits(self, x: Tensor) -> list[Tensor]:
        """The input x (batch, in) and what each layer gives (batch, out) after its ReLU; the logits last, without."""
        passed = [x]
        for weight, bias in zip(self.values[::2], self.values[1::2], strict=True):
            passed.append(torch.addmm(bias, passed[-1], weight.t()))
            if weight is not self.values[-2]:
                passed[-1].clamp_min_(0)
        return passed

    def step(self, x: Tensor, y: Tensor) -> None:
        """One step on a batch: forward, backward, masks on the gradients, Adam.

        Args:
            x: float32 (batch, in); y: int64 (batch,), labels.
        """
        *passed, logits = self.logits(x)
        picked = self._minus.index_select(0, y)
        error = torch.ops.aten._log_softmax_backward_data(picked, F.log_softmax(logits, 1), 1, torch.float32)
        for i in range(len(passed) - 1, -1, -1):
            torch.mm(error.t(), passed[i], out=self.grads[2 * i])
            torch.sum(error, 0, out=self.grads[2 * i + 1])
            if i:
                error = torch.ops.aten.threshold_backward(torch.mm(error, self.values[2 * i]), passed[i], 0)
        torch._foreach_mul_(self.grads[::2], self.masks)
        self.adam.step()

    def score(self, x: Tensor, y: Tensor) -> tuple[float, float]:
        """Mean cross entropy in nats, and accuracy from 0 to 1, on x (n, in) with labels y (n,); any n from 1."""
        logits = self.logits(x)[-1]
        return F.cross_entropy(logits, y).item(), (logits.argmax(1) == y).float().mean().item()


def train(trainer: Trainer, sets: Sets, order: Iterator[Tensor], last: int, every: int) -> dict:
    """Iterations 1 to `last`, validated on the way.

    Args:
        trainer: is trained in place.
        sets: the images, of as many pixels as the network has inputs.
        order: the batches, indices of `sets.rows` (batch,), as `batches` gives them.
        last: the iteration to stop after.
        every: iterations between validations, see `validation_points`.
    Returns:
        A dict: "early_stop" (the iteration of least validation loss), "validation_loss", "validation_accuracy" and
        "test_accuracy" there, "final_validation_accuracy" and "final_test_accuracy" after the last iteration, and
        "curve", [iteration, validation loss, validation accuracy] of each validation. Accuracies are from 0 to 1.
    """
    validation = sets.validation_rows, sets.validation_labels
    test = sets.test_rows, sets.test_labels
    points, curve, least = set(validation_points(last, every)), [], None
    for i in range(1, last + 1):
        picked = next(order)
        trainer.step(sets.rows.index_select(0, picked), sets.labels.index_select(0, picked))
        if i in points:
            loss, accuracy = trainer.score(*validation)
            curve.append([i, loss, accuracy])
            if not least or loss < least[1]:
                # Tested once, at the end: the test set is larger than the validation set.
                least, kept = curve[-1], [value.clone() for value in trainer.values]
    final_test_accuracy = trainer.score(*test)[1]
    trainer.values, trained = kept, trainer.values
    test_accuracy = trainer.score(*test)[1]
    trainer.values = trained
    return {
        "early_stop": least[0],
        "validation_loss": least[1],
        "validation_accuracy": least[2],
        "test_accuracy": test_accuracy,
        "final_validation_accuracy": curve[-1][2],
        "final_test_accuracy": final_test_accuracy,
        "curve": curve,
    }


def validation_points(last: int, every: int) -> Iterator[int]:
    """After which iterations up to `last` the validation set is looked at, rising.

    Every `every` iterations for 200 validations, then five times as far apart, and after the last iteration, which may
    come twice.
    """
    fine = FINE_POINTS * every
    yield from range(every, min(last, fine) + 1, every)
    yield from range(fine + 5 * every, last + 1, 5 * every)
    yield last


def keep_largest(values: Sequence[Tensor], masks: Sequence[Tensor], densities: Sequence[float]) -> list[Tensor]:
    """The masks of the next level: in each layer, of the weights that are left, those of largest magnitude stay.

    Args:
        values: weights (out, in) and biases (out,) in turn.
        masks: the present ones, one a weight, float32 (out, in).
        densities: the share, 0 to 1, of each layer's weights that stays, one number a layer.
    Returns:
        New masks, float32 (out, in); an old zero stays zero as long as the density falls.
    Raises:
        ValueError: a layer would keep no weight; the message says which.
    """
    new = []
    for value, mask, density in zip(values[::2], masks, densities, strict=True):
        # A pruned weight must lose against a kept one that happens to be 0.
        size = torch.where(mask > 0, value.abs(), -1.0).flatten()
        kept = torch.zeros_like(size)
        kept[size.topk(round(density * size.numel()), sorted=False).indices] = 1
        new.append(kept.view_as(mask))
        if not kept.any():
            raise ValueError(
                f"at density {density:.4g} layer {len(new)} of {len(masks)} keeps no weight, and nothing could pass: "
                "end the densities earlier"
            )
    return new


def shuffled(masks: Sequence[Tensor], seed: int) -> list[Tensor]:
    """Random masks of the same shapes, (out, in) each, with as many ones in each layer."""
    generator = torch.Generator().manual_seed(seed)
    return [mask.flatten()[torch.randperm(mask.numel(), generator=generator)].view_as(mask) for mask in masks]
