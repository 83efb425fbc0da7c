"""The exam of the challenge: which images are asked in which order, and what the labels that came back say."""

import math
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch

from course_utils import data

TEST, AGAIN, GREY, TRAINING = range(4)  # why an image is asked


@dataclass(frozen=True)
class Task:
    """A data set, and its bar: more than this share of the test images must be right."""

    name: str
    title: str
    bar: float


TASKS = {
    "mnist": Task("mnist", "MNIST", 0.975),
    "fashion_mnist": Task("fashion_mnist", "Fashion-MNIST", 0.88),
}


@dataclass(frozen=True)
class Exam:
    """Images in the order in which they are asked.

    Attributes:
        task: `Task`.
        images: uint8 (N, 28, 28).
        labels: uint8 (N,).
        why: TEST, AGAIN (an image of the test set once more), GREY (once more, its greys moved by 1), or TRAINING.
        of: its place in the test set, 0 or more; -1 for a training image.
        first: the first labels of the test set, in the order of its file.
    """

    task: Task
    images: np.ndarray
    labels: np.ndarray
    why: np.ndarray
    of: np.ndarray
    first: np.ndarray


def make(task, *, test=10_000, again=2_000, grey=5_000, training=5_000):
    """An `Exam` of a `Task`, drawn and shuffled anew each time: nobody can foresee its order."""
    rng = np.random.default_rng()
    (x, y), (others, their) = _pixels(task.name, "test", test), _pixels(task.name, "train", 60_000)
    twice, moved = (rng.choice(len(x), n, replace=False) for n in (again, grey))
    chosen = rng.choice(len(others), training, replace=False)
    images = np.concatenate([x, x[twice], _moved(x[moved], rng), others[chosen]])
    labels = np.concatenate([y, y[twice], y[moved], their[chosen]])
    of = np.concatenate([np.arange(len(x)), twice, moved, np.full(training, -1)])
    why = np.repeat([TEST, AGAIN, GREY, TRAINING], [len(x), again, grey, training])
    order = rng.permutation(len(images))
    return Exam(task, images[order], labels[order], why[order], of[order], y[:64])


@cache
def _pixels(name, split, n):
    images, labels = data.load(name, split, n=n)
    return (255 * images[:, 0]).round().to(torch.uint8).numpy(), labels.numpy().astype(np.uint8)


def _moved(images, rng):
    """Greys one level up or down, by chance; black and white stay."""
    step = rng.integers(0, 2, images.shape).astype(np.int16) * 2 - 1
    return np.where((images > 0) & (images < 255), images + step, images).astype(np.uint8)


def accuracy(given, exam):
    """Share of the test images whose label is right."""
    return float((given == exam.labels)[exam.why == TEST].mean())


def controls(given, exam):
    """What the other questions say.

    Args:
        given: uint8 (N,), the labels that came back.
    Returns:
        (sentences, fault): the fault is (message, hint), or None.
    """
    first = np.zeros(exam.of.max() + 1, np.uint8)
    first[exam.of[exam.why == TEST]] = given[exam.why == TEST]
    found = [_again(given, exam, first), _grey(given, exam, first), _training(given, exam)]
    facts = tuple(fact for fact, *_ in found)
    return facts, next(((fact, hint) for fact, wrong, hint in found if wrong), None)


def _again(given, exam, first):
    """Does a label depend on the image alone?"""
    chosen = exam.why == AGAIN
    n, other = chosen.sum(), (given[chosen] != first[exam.of[chosen]]).sum()
    return (
        f"Asked again, among other images: {other:,} of {n:,} got another label.",
        other > 0.01 * n,
        "The label must depend on the image alone, not on chance or the others of the call (a range over them, say).",
    )


def _grey(given, exam, first):
    """Does it know images by their exact bytes?"""
    chosen = exam.why == GREY
    right = exam.labels[chosen]
    before, now = first[exam.of[chosen]] == right, given[chosen] == right
    lost, won = (before & ~now).sum(), (now & ~before).sum()
    return (
        f"Greys moved by one level of 255: of {len(right):,} images {lost:,} turned wrong, {won:,} turned right.",
        lost - won > 0.001 * len(right) + 4 * math.sqrt(lost + won),
        "A network loses about as many as it wins. Take out what knows images by their bytes, a table or a hash.",
    )


def _training(given, exam):
    """Does it know the test images better than those that it was made from?"""
    chosen = exam.why == TRAINING
    test, training = accuracy(given, exam), float((given == exam.labels)[chosen].mean())
    both = (given == exam.labels)[chosen | (exam.why == TEST)].mean()
    spread = math.sqrt(both * (1 - both) * (1 / chosen.sum() + 1 / (exam.why == TEST).sum()))
    return (
        f"Of {chosen.sum():,} training images {100 * training:.2f} % are right, of the test images {100 * test:.2f} %.",
        test - training > max(0.005, 0.15 * (1 - test) + 4 * spread),
        "So it knows the test images better than those that it may be made from. Make it from training images alone.",
    )
