"""Checks of the lesson `distillation`, distillation: a loss with its gradients, a temperature, a confusion matrix."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from course_utils.exercises.core import check, try_cases

NAMES = ("student", "teacher", "labels", "T", "alpha")


def _graded(function: Callable) -> Callable:
    """`function`, made to return its value and the gradients that reach both logits."""

    def graded(student: Tensor, teacher: Tensor, labels: Tensor, T: float, alpha: float) -> object:
        leaves = student.clone().requires_grad_(), teacher.clone().requires_grad_()
        with torch.enable_grad():
            loss = function(*leaves, labels, T, alpha)
        for given, leaf in zip((student, teacher), leaves, strict=True):
            given.copy_(leaf.detach())  # an answer that edits its input has edited this copy
        if not isinstance(loss, Tensor) or loss.numel() != 1:
            return loss
        if loss.requires_grad:
            loss.reshape(()).backward()
        back = [torch.zeros_like(leaf) if leaf.grad is None else leaf.grad for leaf in leaves]
        return {
            "loss": _short(loss.detach().item()),
            "largest gradient at the teacher": _short(back[1].abs().max().item()),
            "gradient at the student": [[_short(v) for v in row] for row in back[0].tolist()],
        }

    return graded


def _short(value: float) -> float:
    return round(value, 5) + 0.0


def _kl(target: Tensor, log_answer: Tensor) -> Tensor:
    """Mean over the batch of the KL divergence of an answer from a target, as `F.kl_div` computes it."""
    return F.kl_div(log_answer, target, reduction="batchmean")


def _loss(
    soft: Callable,
    *,
    square: Callable = lambda T: T**2,
    weigh: Callable = lambda a: (a, 1 - a),
    detach: bool = True,
    own: Callable = lambda z, y, T: F.cross_entropy(z, y),
) -> Callable:
    """The right loss with parts replaced: soft(student, teacher logits, T)."""

    def loss(student, teacher, labels, T, alpha):
        teacher = teacher.detach() if detach else teacher
        first, second = weigh(alpha)
        return first * square(T) * soft(student, teacher, T) + second * own(student, labels, T)

    return _graded(loss)


def _right(z: Tensor, v: Tensor, T: float) -> Tensor:
    return _kl(torch.softmax(v / T, 1), torch.log_softmax(z / T, 1))


def _logits(seed: int, batch: int, classes: int, scale: float) -> Tensor:
    return (scale * torch.randn(batch, classes, generator=torch.Generator().manual_seed(seed))).round(decimals=2)


LOSS_CASES = [
    (_logits(1, 4, 3, 1.0), _logits(2, 4, 3, 3.0), torch.tensor([0, 2, 1, 1]), 4.0, 0.5),
    (_logits(3, 5, 4, 2.0), _logits(4, 5, 4, 2.0), torch.tensor([3, 0, 1, 2, 2]), 2.0, 1.0),
    (_logits(5, 2, 3, 1.0), _logits(6, 2, 3, 4.0), torch.tensor([1, 0]), 8.0, 0.9),
    (_logits(7, 3, 4, 1.5), _logits(8, 3, 4, 2.0), torch.tensor([1, 0, 3]), 1.0, 0.3),
    (torch.zeros(1, 2), torch.zeros(1, 2), torch.tensor([0]), 1.0, 1.0),
]


@check("Exercise 1, The loss")
def distillation_loss(answer: Callable) -> None:
    """``distillation_loss(student, teacher, labels, T, alpha) -> Tensor``; value and gradients are compared."""

    def swapped(z, v, T):
        return _kl(torch.softmax(z / T, 1), torch.log_softmax(v / T, 1))

    def over_all(z, v, T):
        return F.kl_div(torch.log_softmax(z / T, 1), torch.softmax(v / T, 1), reduction="none").mean()

    wrong = {
        "T² is missing: the soft part shrinks with 1 / T², and the labels drown it out.": _loss(
            _right, square=lambda T: 1
        ),
        "You multiply by T. The gradient of the soft part shrinks with T², so multiply by T².": _loss(
            _right, square=lambda T: T
        ),
        "The arguments of the divergence are swapped: the teacher is the target, the student the input.": _loss(
            swapped
        ),
        "The student must give log-probabilities: kl_div takes log_softmax as its input, softmax as its target.": _loss(
            lambda z, v, T: _kl(torch.softmax(v / T, 1), torch.softmax(z / T, 1))
        ),
        "You give kl_div the student's logits. It wants log-probabilities: log_softmax first.": _loss(
            lambda z, v, T: _kl(torch.softmax(v / T, 1), z / T)
        ),
        "A gradient reaches the teacher's logits: detach them, or the teacher learns to please the student.": _loss(
            _right, detach=False
        ),
        'kl_div\'s default reduction divides by batch and classes. reduction="batchmean" divides by the batch alone.': _loss(
            over_all
        ),
        'You add up over the batch. reduction="batchmean" takes the mean over it.': _loss(
            lambda z, v, T: len(z) * _right(z, v, T)
        ),
        "Only the teacher's logits are divided by T. Both are.": _loss(
            lambda z, v, T: _kl(torch.softmax(v / T, 1), torch.log_softmax(z, 1))
        ),
        "Only the student's logits are divided by T. Both are.": _loss(
            lambda z, v, T: _kl(torch.softmax(v, 1), torch.log_softmax(z / T, 1))
        ),
        "α and 1 - α are swapped: α weighs the teacher.": _loss(_right, weigh=lambda a: (1 - a, a)),
        "The labels keep their full weight. They get 1 - α.": _loss(_right, weigh=lambda a: (a, 1)),
        "The cross-entropy with the labels takes the student's logits as they are, at T = 1.": _loss(
            _right, own=lambda z, y, T: F.cross_entropy(z / T, y)
        ),
        "T² also multiplies the part of the labels. It belongs to the soft part alone.": _loss(
            _right, own=lambda z, y, T: T**2 * F.cross_entropy(z, y)
        ),
        "You take the cross-entropy with the soft targets. The KL divergence is that less the teacher's entropy: it is "
        "0 when both agree.": _loss(lambda z, v, T: F.cross_entropy(z / T, torch.softmax(v / T, 1))),
    }
    try_cases(_graded(answer), right=_loss(_right), wrong=wrong, cases=LOSS_CASES, names=NAMES, rtol=1e-3, atol=1e-4)


def _entropy(logits: Tensor, T: float) -> float:
    """Mean entropy of the rows of softmax(logits / T), in bits."""
    p = torch.softmax(logits.double() / T, 1)
    return torch.special.entr(p).sum(1).mean().item() / math.log(2)


def _search(entropy: Callable[[Tensor, float], float]) -> Callable[[Tensor, float], float]:
    """A function that finds the temperature at which `entropy` of the logits is `bits`."""

    def search(logits: Tensor, bits: float) -> float:
        low, high = 0.05, 500.0
        for _ in range(60):
            middle = math.sqrt(low * high)
            low, high = (middle, high) if entropy(logits, middle) < bits else (low, middle)
        return middle

    return search


@check("Exercise 2, The temperature for an entropy")
def temperature_for(answer: Callable) -> None:
    """``temperature_for(logits, bits) -> float``, within 1 % or so."""
    right = _search(_entropy)

    def of_the_mean(logits: Tensor, T: float) -> float:
        p = torch.softmax(logits.double() / T, 1).mean(0)
        return torch.special.entr(p).sum().item() / math.log(2)

    def of_the_mean_logits(logits: Tensor, T: float) -> float:
        return _entropy(logits.mean(0, keepdim=True), T)

    def summed(logits: Tensor, T: float) -> float:
        return len(logits) * _entropy(logits, T)

    def flat(logits: Tensor, T: float) -> float:
        return _entropy(logits.reshape(1, -1), T)

    wrong = {
        "You multiply the logits by T. Divide by it: a high temperature makes the answers softer.": lambda z, bits: (
            1 / right(z, bits)
        ),
        "You measure the entropy in nats, with the natural logarithm. Bits need log2, or a division by ln 2.": _search(
            lambda z, T: _entropy(z, T) * math.log(2)
        ),
        "You take the entropy of the mean answer. Answers that disagree look undecided then: entropy of each row "
        "first, then the mean.": _search(of_the_mean),
        "You average the logits first. Take the entropy of each row, then the mean.": _search(of_the_mean_logits),
        "You add the entropies of the rows up. Take their mean.": _search(summed),
        "The softmax runs over the whole array. Each row is an answer of its own: dim=1.": _search(flat),
        "You take the softmax over the images (dim=0). Each row is an answer: dim=1.": _search(
            lambda z, T: _entropy(z.T, T)
        ),
        "You move the wrong way: where the entropy is too low, the temperature must rise.": lambda z, bits: (
            500.0 if right(z, bits) < 5 else 0.05
        ),
        "Your search ends at 500 whatever the logits are: it keeps the wrong half.": lambda z, bits: 500.0,
        "You look at the first row alone. Take the mean over all rows.": _search(lambda z, T: _entropy(z[:1], T)),
        "The softmax is divided by T, not the logits: that is no probability any more.": _search(
            lambda z, T: _entropy(z, 1.0) / T + math.log2(T) / T
        ),
        "You return the entropy. The question is about the temperature.": lambda z, bits: bits,
    }
    cases = [
        (_logits(11, 6, 10, 9.0), 1.0),
        (_logits(12, 4, 10, 4.0), 2.5),
        (_logits(13, 3, 5, 6.0), 0.4),
        (torch.tensor([[30.0, 0.0, 0.0], [0.0, 20.0, 10.0], [0.0, 0.0, 25.0]]), 1.2),
        (_logits(14, 5, 10, 12.0), 3.2),
    ]
    try_cases(answer, right=right, wrong=wrong, cases=cases, names=("logits", "bits"), rtol=0.015)


def _matrix(seed: int, classes: int, total: int, missing: int) -> Tensor:
    """A confusion matrix: mostly right, the missing class often taken for others."""
    generator = torch.Generator().manual_seed(seed)
    matrix = torch.randint(0, max(2, total // 20), (classes, classes), generator=generator)
    matrix += torch.diag(torch.randint(total // 2, total, (classes,), generator=generator))
    matrix[missing] = torch.randint(1, total // 5, (classes,), generator=generator)
    matrix[missing, missing] = total  # the largest of its row is what was recognised
    return matrix


@check("Exercise 3, Read the confusion of the missing class")
def missing_class(answer: Callable) -> None:
    """``missing_class(confusion, missing) -> (share, class, share)``."""

    def parts(m: Tensor, c: int) -> tuple[float, float, Tensor, float]:
        """(right, of the class in all, its row without the diagonal, all errors)"""
        others = m[c].clone()
        others[c] = 0
        return m[c, c].item(), m[c].sum().item(), others, m.sum().item() - m.diagonal().sum().item()

    def right(m, c):
        hit, total, others, failed = parts(m, c)
        return hit / total, others.argmax().item(), (total - hit) / failed

    def changed(**new: Callable) -> Callable:
        def mistaken(m, c):
            first, second, third = right(m, c)
            args = (m, c, *parts(m, c))
            return (
                new.get("first", lambda *_: first)(*args),
                new.get("second", lambda *_: second)(*args),
                new.get("third", lambda *_: third)(*args),
            )

        return mistaken

    wrong = {
        "You read the column: what was taken for the missing class. A row is one true class.": lambda m, c: right(
            m.T, c
        ),
        "The class that you name is the missing class itself: that is the diagonal, which is right. Leave it out.": changed(
            second=lambda m, c, *_: m[c].argmax().item()
        ),
        "You divide the errors of that class by its images. The question is about the share of all errors.": changed(
            third=lambda m, c, hit, total, others, failed: (total - hit) / total
        ),
        "You divide the errors of that class by all images. Errors are what stands off the diagonal.": changed(
            third=lambda m, c, hit, total, *_: (total - hit) / m.sum().item()
        ),
        "The diagonal is right: it is not among the errors of the class.": changed(
            third=lambda m, c, hit, total, others, failed: total / failed
        ),
        "You count false alarms, the column, among the errors of the class. Its errors stand in its row.": changed(
            third=lambda m, c, hit, total, others, failed: (m[:, c].sum().item() - hit) / failed
        ),
        "You return the share that was missed. The first number is the share recognised.": changed(
            first=lambda m, c, hit, total, *_: 1 - hit / total
        ),
        "The first number is a share of the class: divide by the sum of its row, not by all images.": changed(
            first=lambda m, c, hit, *_: hit / m.sum().item()
        ),
        "You return counts. The first and the last number are shares.": changed(
            first=lambda m, c, hit, *_: hit, third=lambda m, c, hit, total, *_: total - hit
        ),
        "You return percent. Return shares from 0 to 1.": lambda m, c: (
            100 * right(m, c)[0],
            right(m, c)[1],
            100 * right(m, c)[2],
        ),
    }
    cases = [
        (_matrix(21, 10, 900, 3), 3),
        (_matrix(22, 5, 60, 0), 0),
        (_matrix(23, 4, 100, 3), 3),
        (torch.tensor([[8, 0, 2], [1, 9, 0], [6, 4, 0]]), 2),
        (torch.tensor([[1, 1], [1, 1]]), 0),
    ]
    try_cases(answer, right=right, wrong=wrong, cases=cases, names=("confusion", "missing"), rtol=1e-5, convert=_triple)


def _triple(value: object) -> tuple[float, int, float]:
    recognised, taken_for, blame = value  # of another length: ValueError, which says what was expected
    return float(recognised), int(taken_for), float(blame)
