"""On which inputs a function is wrong: where a list is empty, where one number is no multiple of another."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence

import torch

from course_utils.exercises.trial import Trial, Tried
from course_utils.exercises.values import is_number, same, show

LEAST_RIGHT = 5  # inputs on which the answer must be right, for the others to be told apart from them
MOST_VALUES = 6  # of an argument, that are told one by one

_Test = Callable[[object], bool]
_OF_NUMBER: tuple[tuple[str, _Test], ...] = (
    ("`{}` is 0", lambda x: x == 0),
    ("`{}` is 1", lambda x: x == 1),
    ("`{}` is negative", lambda x: x < 0),
    ("`{}` is above 1", lambda x: x > 1),
    ("`{}` is above 0", lambda x: x > 0),
    ("`{}` is odd", lambda x: x % 2 == 1),
    ("`{}` is even", lambda x: x % 2 == 0),
    ("`{}` is no whole number", lambda x: x != int(x)),
)
_OF_SEQUENCE: tuple[tuple[str, _Test], ...] = (
    ("`{}` is empty", lambda x: len(x) == 0),
    ("`{}` has one item", lambda x: len(x) == 1),
    ("`{}` has several items", lambda x: len(x) > 1),
    ("`{}` holds None", lambda x: any(part is None for part in _flat(x))),
    ("`{}` holds an item twice", lambda x: any(same(a, b) for a, b in itertools.combinations(x, 2))),
    ("`{}` holds a 0", lambda x: any(is_number(part) and part == 0 for part in _flat(x))),
    ("`{}` holds a negative number", lambda x: any(is_number(part) and part < 0 for part in _flat(x))),
    ("`{}` is not sorted", lambda x: list(x) != sorted(x)),
)
_OF_TENSOR: tuple[tuple[str, _Test], ...] = (
    ("`{}` has no element", lambda x: x.numel() == 0),
    ("`{}` has one element", lambda x: x.numel() == 1),
    ("`{}` has a dimension of 1", lambda x: 1 in x.shape),
    ("`{}` has several dimensions", lambda x: x.ndim > 1),
    ("`{}` holds zeros alone", lambda x: not x.any()),
    ("`{}` holds a 0", lambda x: bool((x == 0).any())),
    ("`{}` holds a negative number", lambda x: bool((x < 0).any())),
    ("all numbers of `{}` are equal", lambda x: bool((x == x.flatten()[0]).all())),
    ("`{}` holds a number twice", lambda x: len(x.flatten().unique()) < x.numel()),
    ("`{}` holds two numbers of equal size", lambda x: len(x.flatten().abs().unique()) < x.numel()),
)
_OF_TWO: tuple[tuple[str, Callable[[object, object], bool]], ...] = (
    ("`{}` is no multiple of `{}`", lambda a, b: b > 1 and a % b != 0),
    ("`{}` is a multiple of `{}`", lambda a, b: b > 0 and a % b == 0),
    ("`{}` is below `{}`", lambda a, b: a < b),
    ("`{}` is above `{}`", lambda a, b: a > b),
    ("`{}` equals `{}`", lambda a, b: a == b),
)


def where_wrong(trial: Trial, tried: Sequence[Tried]) -> tuple[str, bool]:
    """What all inputs with a wrong result have in common, and few others: a sentence, "" where nothing is found.

    Also whether that tells the mistake: no right result is for such an input, and most results are right.
    """
    wrong = [one.args for one in tried if not one.good]
    right = [one.args for one in tried if one.good]
    if len(right) < LEAST_RIGHT or len(wrong) < 2:
        return "", False
    best = (0.5, "", 0)
    for text, test in _tests(trial, tried):
        if all(_holds(test, args) for args in wrong):
            also = sum(_holds(test, args) for args in right)
            share = len(wrong) / (len(wrong) + also)
            if share > best[0] and 2 * also < len(right):
                best = share, text, also
    _, text, also = best
    if not text:
        return "", False
    else_right = (
        "right on all other inputs" if not also else f"right on the {len(right) - also} inputs where it is not so"
    )
    return f"Your function is wrong only where {text}, and {else_right}.", not also and len(wrong) <= len(right)


def _holds(test: Callable[[tuple], bool], args: tuple) -> bool:
    try:
        return bool(test(args))
    except Exception:  # this argument has no such property
        return False


def _tests(trial: Trial, tried: Sequence[Tried]) -> Iterator[tuple[str, Callable[[tuple], bool]]]:
    first = tried[0].args
    for at in range(len(first)):
        for text, test in _properties(first[at], [one.args[at] for one in tried]):
            yield text.format(trial.name(at)), lambda args, at=at, test=test: test(args[at])
    for at, other in itertools.permutations(range(len(first)), 2):
        if all(is_number(first[n]) and not isinstance(first[n], torch.Tensor) for n in (at, other)):
            for text, test in _OF_TWO:
                said = text.format(trial.name(at), trial.name(other))
                yield said, lambda args, at=at, other=other, test=test: test(args[at], args[other])


def _properties(value: object, values: Sequence[object]) -> Iterator[tuple[str, _Test]]:
    """What may be true of an argument: (text, test)."""
    if isinstance(value, torch.Tensor):
        yield from _OF_TENSOR
    elif is_number(value):
        yield from _OF_NUMBER
    elif isinstance(value, list | tuple | str | dict):
        yield from _OF_SEQUENCE
    if isinstance(value, bool | int | str):
        distinct = dict.fromkeys(one for one in values if isinstance(one, bool | int | str))
        for one in distinct if len(distinct) <= MOST_VALUES else ():
            yield f"`{{}}` is {show(one).replace('{', '{{').replace('}', '}}')}", lambda x, one=one: same(one, x)


def _flat(value: object) -> Iterator[object]:
    for part in value.values() if isinstance(value, dict) else value:
        if isinstance(part, list | tuple | dict):
            yield from _flat(part)
        else:
            yield part
