"""Results that are an amount of an argument, its largest number or how many items it has, or off by such an amount."""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import numpy as np
import torch

from course_utils.exercises.pattern import LEAST, quiet, told
from course_utils.exercises.relations import fits, numbers_of, related
from course_utils.exercises.trial import Trial, Tried
from course_utils.exercises.values import is_number, same

_Amount = Callable[[object], float]
_OF_LIST: tuple[tuple[str, _Amount], ...] = (
    ("the number of items of `{}`", len),
    ("the sum of `{}`", sum),
)
_TAKEN_OF_LIST: tuple[tuple[str, _Amount], ...] = (
    ("the first of `{}`", lambda x: x[0]),
    ("the last of `{}`", lambda x: x[-1]),
    ("the largest of `{}`", max),
    ("the smallest of `{}`", min),
    ("the mean of `{}`", statistics.fmean),
    ("the median of `{}`", statistics.median),
    ("the number of items of `{}`, less 1", lambda x: len(x) - 1),
)
_OF_TENSOR: tuple[tuple[str, _Amount], ...] = (
    ("the number of elements of `{}`", torch.numel),
    ("the rows of `{}`", len),
    ("the last dimension of `{}`", lambda x: x.shape[-1]),
)
_TAKEN_OF_TENSOR: tuple[tuple[str, _Amount], ...] = (
    ("the sum of `{}`", lambda x: x.sum().item()),
    ("the largest of `{}`", lambda x: x.max().item()),
    ("the smallest of `{}`", lambda x: x.min().item()),
    ("the largest of `{}`, without its sign", lambda x: x.abs().max().item()),
    ("the mean of `{}`", lambda x: x.double().mean().item()),
)
_OFF: tuple[tuple[str, Callable[[np.ndarray, float], np.ndarray]], ...] = (
    ("what is expected times {}", lambda e, amount: e * amount),
    ("what is expected divided by {}", lambda e, amount: e / amount),
    ("what is expected plus {}", lambda e, amount: e + amount),
    ("what is expected minus {}", lambda e, amount: e - amount),
    ("{} minus what is expected", lambda e, amount: amount - e),
    ("{} divided by what is expected", lambda e, amount: amount / e),
)


def by_amount(trial: Trial, tried: Sequence[Tried], subject: str) -> tuple[str, Callable[[Tried], bool]] | None:
    """(sentence, test of another wrong result) where each wrong result is an amount of an argument, or off by one.

    Args:
        trial: the comparison.
        tried: what it gave for each input.
        subject: what of the result is compared.
    """
    wrong, right = ([one for one in tried if one.good is good] for good in (False, True))
    if len(wrong) < LEAST or all(same(one.got.shown, wrong[0].got.shown) for one in wrong):
        return None
    for text, shows in _relations(trial, wrong[0].args):
        if all(map(shows, wrong)):
            return told(f"is {text}", subject, all(map(shows, right))), shows
    for at, value in enumerate(wrong[0].args):
        shows = quiet(lambda one, at=at: _is_among(one.got.shown, one.args[at]))
        if isinstance(value, dict | list | tuple) and all(map(shows, wrong)):
            if not all(_is_among(one.expected.shown, one.args[at]) for one in wrong):
                return told(f"is one of the values of `{trial.name(at)}`", subject, all(map(shows, right))), shows
    return None


def _is_among(number: object, values: dict | list | tuple) -> bool:
    return is_number(number) and number in (values.values() if isinstance(values, dict) else values)


def _relations(trial: Trial, args: tuple) -> Iterator[tuple[str, Callable[[Tried], bool]]]:
    for at, value in enumerate(args):
        off_by, taken = _amounts(value)
        for text, amount in (*off_by, *taken):
            yield text.format(trial.name(at)), _is_off(lambda e, amount: np.full_like(e, amount), amount, at)
        for text, amount in off_by:
            for words, relation in _OFF:
                yield words.format(text.format(trial.name(at))), _is_off(relation, amount, at)


def _amounts(value: object) -> tuple[tuple[tuple[str, _Amount], ...], tuple[tuple[str, _Amount], ...]]:
    """Amounts of an argument by which a result may be off, and others that it may be."""
    if isinstance(value, bool):
        return (), ()
    if isinstance(value, torch.Tensor):
        return _OF_TENSOR, _TAKEN_OF_TENSOR
    if is_number(value):
        return (("`{}`", float),), ()
    if isinstance(value, list | tuple | str | dict):
        return _OF_LIST, _TAKEN_OF_LIST
    return (), ()


def _is_off(relation: Callable, amount: _Amount, at: int) -> Callable[[Tried], bool]:
    def shows(one: Tried) -> bool:
        e, g = numbers_of(one.expected.shown), numbers_of(one.got.shown)
        with np.errstate(all="ignore"):
            return e.shape == g.shape and fits(lambda e: relation(e, amount(one.args[at])), e, g)

    return quiet(shows)


def off_by(pairs: Sequence[tuple], others: Sequence[tuple], rows: list, spoken: Callable, subject: str) -> str:
    """A sentence where every result is off by a product (see `by_product`), a factor, a distance; else ""."""
    if said := by_product(pairs, rows, spoken):
        return told(f"is {said}", subject, not others)
    found = related(pairs, others, subject, partly=False)
    return found.text if found else ""


@np.errstate(all="ignore")
def by_product(pairs: Sequence[tuple], rows: Iterable[Mapping[str, object]], spoken: Callable[[str], str]) -> str:
    """What every result is, where all are off by one and the same product of different numbers; else "".

    Args:
        pairs: (expected, got) of each.
        rows: name -> what it is, for each: parts of what is expected, and arguments.
        spoken: how a name is called.
    """
    if len(pairs) < LEAST or not all(is_number(value) for pair in pairs for value in pair):
        return ""
    rows = list(rows)
    names = [name for name in rows[0] if all(is_number(row.get(name)) for row in rows)]
    e, g = np.array([[float(value) for value in pair] for pair in pairs]).T
    for factors in (factors for n in (1, 2, 3) for factors in itertools.combinations(names, n)):
        text, amount = (
            " · ".join(map(spoken, factors)),
            np.prod([[float(row[name]) for name in factors] for row in rows], axis=1),
        )
        off = {f"larger by {text}": e + amount, f"smaller by {text}": e - amount}
        if len(factors) == 1:
            off |= {f"what is expected times {text}": e * amount, f"what is expected divided by {text}": e / amount}
        for said, would_be in off.items():
            if len(set(amount)) >= LEAST and np.allclose(g, would_be, rtol=1e-7, atol=1e-12):
                return said
    return ""
