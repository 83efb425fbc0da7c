"""Check of the lesson `students`, which student gains from a teacher: the confusion of a class that was never seen."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from types import SimpleNamespace

import torch
from hypothesis import strategies as st
from torch import Tensor

from course_utils.exercises.core import Mistake, check
from course_utils.exercises.inputs import tensors
from course_utils.exercises.search import compare
from course_utils.exercises.values import ARRAYS, SEQUENCES, is_number


@st.composite
def _confusions(draw: Callable) -> tuple[Tensor, int]:
    """(confusion, missing): counts; of the missing class at least one image is taken for another."""
    classes = draw(st.integers(2, 4))
    counts = draw(tensors((classes, classes), st.integers(0, 20), draw(st.sampled_from([torch.int64, torch.int32]))))
    missing = draw(st.integers(0, classes - 1))
    if draw(st.integers(0, 4)) == 4:
        counts[:, missing] = 0  # the student may never name a class that it never saw
    taken_for = (missing + draw(st.integers(1, classes - 1))) % classes
    counts[missing, taken_for] += 1
    return counts, missing


@check(
    "Exercise 1, Read the confusion of the missing class",
    why="A row holds all images of one true class, so shares of a class divide by the sum of its row. Errors stand off the "
    "diagonal, and the row without it says what the class is taken for.",
)
def missing_class(answer: Callable) -> None:
    """``missing_class(confusion, missing) -> (share, class, share)``."""

    def known(m, c):
        """What the sums of a matrix are: hits, images and errors of the class, all errors, all images."""
        off = m - torch.diag(m.diagonal())
        numbers_of_class = {"hits": m[c, c].item(), "images": m[c].sum().item(), "errors": off[c].sum().item()}
        whole = {
            "failed": off.sum().item(),
            "every": m.sum().item(),
            "row": off[c],
            "column": off[:, c],
            "c": c,
            "m": m,
        }
        return SimpleNamespace(**numbers_of_class, **whole)

    def rule(
        *,
        first=lambda k: k.hits / max(1, k.images),
        second=lambda k: k.row.argmax().item(),
        third=lambda k: k.errors / k.failed,
    ):
        return lambda m, c: tuple(part(known(m, c)) for part in (first, second, third))

    def view(value, m, c):
        with contextlib.suppress(Exception):  # whatever it is, it is told below
            recognised, taken_for, blame = value if isinstance(value, (*ARRAYS, *SEQUENCES)) else ()
            if all(map(is_number, (recognised, taken_for, blame))):
                row = known(m, c).row.tolist()
                most = [j for j, count in enumerate(row) if count == max(row)]  # of several any
                named = most[0] if float(taken_for) in most else float(taken_for)
                return float(recognised), named, float(blame)
        raise Mistake("Your function did not return three numbers.", "Return (share, class, share).")

    def in_order(*places):
        return lambda m, c: tuple(rule()(m, c)[place] for place in places)

    def diagonal_gone(m, c):
        """The diagonal entry is set to 0 before anything is divided."""
        return rule()(torch.where(torch.eye(len(m), dtype=torch.bool) & (torch.arange(len(m)) == c), 0, m), c)

    wrong = {
        "You read the column: what was taken for the missing class. A row is one true class.": lambda m, c: rule()(
            m.T, c
        ),
        "Your three results are right, but in another order. Return (share recognised, class, share of all errors).": (
            in_order(1, 0, 2),
            in_order(1, 2, 0),
            in_order(0, 2, 1),
            in_order(2, 0, 1),
        ),
        "You set the diagonal to 0 before you read it: nothing is recognised then. Read it first, or change a copy.": (
            diagonal_gone
        ),
        "The first number divides by the column: what the student calls this class. Divide by the images of the class, the "
        "sum of its row.": rule(first=lambda k: k.hits / max(1, k.hits + k.column.sum().item())),
        "The first number is the share of all that is right. Divide by the images of the missing class.": rule(
            first=lambda k: k.hits / max(1, k.every - k.failed)
        ),
        "The first number compares what is recognised with what is not. Divide by all images of the class.": rule(
            first=lambda k: k.hits / k.errors
        ),
        "You count classes from 1. The class is an index of the matrix, from 0 on.": rule(
            second=lambda k: k.row.argmax().item() + 1
        ),
        "The class that you name is the one that is chosen least often. The most frequent one is asked.": (
            rule(second=lambda k: k.row.argmin().item()),
            rule(second=lambda k: k.m[k.c].argmin().item()),
        ),
        "You name the second largest of the row. The diagonal need not be the largest: leave it out, and take the largest.": (
            rule(second=lambda k: k.m[k.c].argsort()[-2].item())
        ),
        "The class that you name is what is chosen most often in the whole matrix. Look at the row of the missing class.": (
            rule(second=lambda k: (k.m - torch.diag(k.m.diagonal())).sum(0).argmax().item()),
            rule(second=lambda k: (k.m - torch.diag(k.m.diagonal())).argmax().item() % len(k.m)),
        ),
        "You add both directions, the row and the column. Only the row holds images of the missing class.": rule(
            second=lambda k: (k.row + k.column).argmax().item()
        ),
        "You compare the errors on that class with those on the others. Divide by all errors.": rule(
            third=lambda k: k.errors / max(1, k.failed - k.errors)
        ),
        "Your last number is upside down: the errors on that class stand above, all errors below.": rule(
            third=lambda k: k.failed / k.errors
        ),
        "Your shares are whole numbers: // divides without a rest. A share needs /.": rule(
            first=lambda k: k.hits // max(1, k.images), third=lambda k: k.errors // k.failed
        ),
        "Your last number is the share of all images that are errors. Asked is the part of the errors that lies on the missing "
        "class.": rule(third=lambda k: k.failed / k.every),
        "The class that you name is the missing class itself: that is the diagonal, which is right. Leave it out.": rule(
            second=lambda k: k.m[k.c].argmax().item()
        ),
        "The class that you name is most often taken for the missing one. Asked is the other way: look at the row.": (
            rule(second=lambda k: k.column.argmax().item())
        ),
        "You return how often the class is chosen. Return which one it is.": rule(second=lambda k: k.row.max().item()),
        "You count the classes without the missing one: those behind it then have another number.": rule(
            second=lambda k: torch.cat([k.row[: k.c], k.row[k.c + 1 :]]).argmax().item()
        ),
        "You divide the errors of that class by its images. The question is about the share of all errors.": rule(
            third=lambda k: k.errors / k.images
        ),
        "You divide the errors of that class by all images. Errors are what stands off the diagonal.": rule(
            third=lambda k: k.errors / k.every
        ),
        "You divide by what is right, the diagonal. Errors are what stands off it.": rule(
            third=lambda k: k.errors / (k.every - k.failed)
        ),
        "The diagonal is right: it is not among the errors of the class.": rule(third=lambda k: k.images / k.failed),
        "You count false alarms, the column, among the errors of the class. Its errors stand in its row.": rule(
            third=lambda k: k.column.sum().item() / k.failed
        ),
        "You count false alarms besides: an image of another class is no error on this one.": rule(
            third=lambda k: (k.errors + k.column.sum().item()) / k.failed
        ),
        "The last number counts one kind of mistake. All errors on the class count, whatever it is taken for.": rule(
            third=lambda k: k.row.max().item() / k.failed
        ),
        "You return the share of errors on other classes. The last number is that of the missing class.": rule(
            third=lambda k: 1 - k.errors / k.failed
        ),
        "You return the share that was missed first. It is the share recognised.": rule(
            first=lambda k: k.errors / k.images
        ),
        "The first number is the share right of all images. It is that of the missing class.": rule(
            first=lambda k: 1 - k.failed / k.every
        ),
        "The first number is a share of the class: divide by the sum of its row, not by all images.": rule(
            first=lambda k: k.hits / k.every
        ),
        "You return counts. The first and the last number are shares.": rule(
            first=lambda k: k.hits, third=lambda k: k.errors
        ),
        "You return percent. Return shares from 0 to 1.": rule(
            first=lambda k: 100 * k.hits / k.images, third=lambda k: 100 * k.errors / k.failed
        ),
        "You have the shares the wrong way round: the one that is recognised comes first.": lambda m, c: rule()(m, c)[
            ::-1
        ],
    }
    edges = [
        (torch.tensor([[8, 0, 2], [1, 9, 0], [6, 4, 0]]), 2),
        (torch.tensor([[1, 1], [1, 1]]), 0),
        (torch.tensor([[50, 3, 0, 7], [2, 60, 5, 0], [9, 4, 80, 11], [1, 0, 6, 70]]), 2),
    ]
    names = ("confusion", "missing")
    compare(answer, right=rule(), wrong=wrong, names=names, edges=edges, inputs=_confusions(), view=view)
