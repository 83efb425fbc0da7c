"""What a wrong function makes of its arguments: right ones, but for others; one of them counts for nothing.

All of it is found with the right function: the answer gives, on every input that was tried, what the right function
gives for a list without its last item, say, or for two arguments exchanged.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Iterator, Sequence

import torch

from course_utils.exercises.inputs import Clock
from course_utils.exercises.pattern import LEAST, RESULT, capital
from course_utils.exercises.trial import Trial, Tried
from course_utils.exercises.values import is_number, same, show

MOST_VALUES = 8  # of an argument, that are tried in its place
MOST_RIGHT = 30  # inputs on which the answer is right and the other reading must be right, too

_Change = Callable[[object], object]
_OF_NUMBER: tuple[tuple[str, _Change], ...] = (
    ("1 more than `{}`", lambda x: x + 1),
    ("1 less than `{}`", lambda x: x - 1),
    ("`{}` without its sign", abs),
    ("`{}` with the other sign", lambda x: -x),
    ("1 - `{}`", lambda x: 1 - x),
    ("1 / `{}`", lambda x: 1 / x),
    ("twice `{}`", lambda x: 2 * x),
    ("half of `{}`", lambda x: x / 2),
    ("half of `{}`, cut off", lambda x: x // 2),
    ("`{}` cut off to a whole number", int),
    ("`{}` rounded to a whole number", round),
)
_OF_TENSOR: tuple[tuple[str, _Change], ...] = (
    ("`{}` without its signs", torch.abs),
    ("`{}` with the other sign", torch.neg),
    ("the transpose of `{}`", lambda x: x.T if x.ndim == 2 else None),
    ("`{}` in half precision", lambda x: x.half().to(x.dtype) if x.is_floating_point() else None),
    ("`{}` rounded to whole numbers", torch.round),
    ("the signs of `{}`", torch.sign),
    ("1 / `{}`", torch.reciprocal),
    ("the first number of `{}` in place of all", lambda x: x.flatten()[:1].expand_as(x)),
    ("the first row of `{}` in place of all", lambda x: x[:1].expand_as(x)),
)
_OF_ROWS: tuple[tuple[str, _Change], ...] = (
    ("`{}` without its last item", lambda x: x[:-1]),
    ("`{}` without its first item", lambda x: x[1:]),
    ("the first item of `{}` alone", lambda x: x[:1]),
    ("the last item of `{}` alone", lambda x: x[-1:]),
    ("`{}` in reverse order", lambda x: x.flip(0) if isinstance(x, torch.Tensor) else x[::-1]),
)
_OF_LIST: tuple[tuple[str, _Change], ...] = (
    ("`{}` sorted", lambda x: type(x)(sorted(x))),
    ("`{}` with each item once only", lambda x: type(x)(dict.fromkeys(x))),
    ("`{}` with all items alike", lambda x: type(x)(x[:1] * len(x))),
)
_OF_TEXT: tuple[tuple[str, _Change], ...] = (
    ("`{}` in small letters", str.lower),
    ("`{}` without the white space around it", str.strip),
)


def read_otherwise(
    trial: Trial, tried: Sequence[Tried], clock: Clock, subject: str = RESULT
) -> tuple[str, Callable] | None:
    """(sentence, function) where the answer is, on every input, the right function of other arguments; else None.

    Args:
        trial: the comparison.
        tried: what it gave for each input.
        clock: ends the search.
        subject: what of the result is compared.
    """
    wrong = [one for one in tried if not one.good]
    right = [one for one in tried if one.good][:MOST_RIGHT]
    if len(wrong) < LEAST:
        return None
    for text, change in _readings(trial, tried):

        def function(*args: object, change: Callable = change) -> object:
            return trial.right(*change(*args))

        if clock.over():
            return None
        if all(_agrees(trial, function, one) for one in wrong) and all(_allows(trial, function, one) for one in right):
            return f"{capital(subject)} is the right one for {text}.", function
    return None


def _agrees(trial: Trial, function: Callable, one: Tried) -> bool:
    return not one.got.fault and trial.equal(trial.of(function, one.args), one.got)


def _allows(trial: Trial, function: Callable, one: Tried) -> bool:
    """True when the function gives a right result, too, or cannot be asked there."""
    other = trial.of(function, one.args)
    return bool(other.fault) or trial.equal(other, one.got)


def _readings(trial: Trial, tried: Sequence[Tried]) -> Iterator[tuple[str, Callable]]:
    """(what is taken in place of an argument, function that changes all arguments so)."""
    first = tried[0].args
    for at, other in itertools.combinations(range(len(first)), 2):
        if type(first[at]) is type(first[other]):
            names = f"`{trial.name(at)}` and `{trial.name(other)}` exchanged"
            yield names, lambda *args, at=at, other=other: _exchanged(args, at, other)
    for at in range(len(first)):
        for text, change in _changes(first[at]):
            yield text.format(trial.name(at)), lambda *args, at=at, change=change: _with(args, at, change(args[at]))
    rows = [at for at, value in enumerate(first) if isinstance(value, list | tuple | torch.Tensor)]
    for text, change in _OF_ROWS if len(rows) > 1 else ():
        names = " and ".join(f"`{trial.name(at)}`" for at in rows)
        yield (
            text.replace("`{}`", names).replace(" its ", " their "),
            lambda *args, change=change: _with_all(args, rows, change),
        )
    for at in range(len(first)):
        for value in _values(tried, at):
            text = f"{trial.name(at)} = {show(value, 60)}, whatever it is given"
            yield text, lambda *args, at=at, value=value: _with(args, at, value)


def _changes(value: object) -> tuple[tuple[str, _Change], ...]:
    if isinstance(value, bool):
        return (("the opposite of `{}`", lambda x: not x),)
    if isinstance(value, torch.Tensor):
        return _OF_TENSOR + _OF_ROWS
    if is_number(value):
        return _OF_NUMBER
    if isinstance(value, str):
        return _OF_TEXT + _OF_ROWS
    return _OF_ROWS + _OF_LIST if isinstance(value, list | tuple) else ()


def _values(tried: Sequence[Tried], at: int) -> list[object]:
    """The plain values that an argument has, the frequent ones first."""
    counts: dict[tuple[type, object], int] = {}
    for one in tried:
        value = one.args[at]
        if isinstance(value, int | float | str):
            counts[type(value), value] = counts.get((type(value), value), 0) + 1
    return [value for _, value in sorted(counts, key=lambda key: -counts[key])][:MOST_VALUES] if len(counts) > 1 else []


def _exchanged(args: tuple, at: int, other: int) -> tuple:
    return _with(_with(args, at, args[other]), other, args[at])


def _with(args: tuple, at: int, value: object) -> tuple:
    if value is None:
        raise ValueError("this argument cannot be read so")
    return (*args[:at], value, *args[at + 1 :])


def _with_all(args: tuple, places: Sequence[int], change: _Change) -> tuple:
    for at in places:
        args = _with(args, at, change(args[at]))
    return args


def whatever_it_is_given(trial: Trial, tried: Sequence[Tried], subject: str = RESULT) -> str:
    """A sentence where the answer always gives the same, or one of its arguments as it is; else "".

    Args:
        trial, tried, subject: as in `read_otherwise`.
    """
    gives = "your function returns" if subject == RESULT else f"{subject} is"
    shown = [one for one in tried if one.got.fault is None or one.got.shown is not None]
    wrong = [one for one in shown if not one.good]
    if len(wrong) < LEAST or len(shown) < len(tried):
        return ""
    first = shown[0].got.shown
    if all(same(first, one.got.shown) for one in shown) and _vary(one.expected.shown for one in shown):
        return f"{capital(gives)} {show(first, 80)}, whatever your function is given."
    for at in range(len(shown[0].args)):
        if all(_is_as_given(one.args[at], one.got.shown) for one in shown) and _vary(one.got.shown for one in shown):
            return f"{capital(gives)} `{trial.name(at)}` as it was given."
    return ""


def _is_as_given(given: object, got: object) -> bool:
    return not callable(given) and same(given, got)


def _vary(values: Iterator[object]) -> bool:
    """True when there are `LEAST` different ones, or two where there are no more: truth values."""
    seen: list[object] = []
    for value in values:
        if len(seen) < LEAST and not any(same(value, other) for other in seen):
            seen.append(value)
    return len(seen) >= LEAST or (len(seen) == 2 and isinstance(seen[0], bool))


def without_effect(trial: Trial, tried: Sequence[Tried], clock: Clock, subject: str = RESULT) -> str:
    """A sentence where the answer stays as it is when an argument changes that changes what is right; else "".

    Where the result is 0 that tells nothing: a product with another factor of 0 stays 0 as well.

    Args:
        trial, tried, clock, subject: as in `read_otherwise`.
    """
    if isinstance(tried[0].expected.shown, bool):  # of two values every other one is the same
        return ""
    asked = _rare([one for one in tried if not one.got.fault])
    for at in range(len(tried[0].args)) if len(tried[0].args) > 1 else ():
        seen, stays = 0, True
        for one, other in _others(asked, tried, at):
            args = _with(one.args, at, other)
            expected = trial.of(trial.right, args)
            if clock.over():
                return ""
            if expected.fault:
                continue
            got = trial.of_answer(args)
            stays = not got.fault and same(got.shown, one.got.shown)  # also where nothing else is expected
            if not stays:
                break
            seen += not same(0, got.shown) and not trial.equal(expected, one.expected)
        if stays and seen > LEAST:
            changed = f"when `{trial.name(at)}` changes, on every input that was tried"
            return f"{capital(subject)} stays the same {changed}; what is expected does not."
    return ""


def _rare(tried: Sequence[Tried]) -> list[Tried]:
    """Some inputs of which the answer makes what it makes of few others: there it would tell if an argument counted."""
    texts = [show(one.got.shown) for one in tried]
    text, count = max(Counter(texts).items(), key=lambda item: item[1], default=("", 0))
    rare = [one for one, own in zip(tried, texts, strict=True) if own != text or count <= len(tried) // 10]
    return [*[one for one in rare if not one.good][:10], *[one for one in rare if one.good][:10]]


def _others(asked: Sequence[Tried], tried: Sequence[Tried], at: int) -> Iterator[tuple[Tried, object]]:
    """Pairs of a result and another value of argument `at`: the least number, and those of two other inputs."""
    plain = [one.args[at] for one in tried if isinstance(one.args[at], int | float)]
    least = [min(plain)] if plain else []
    for number, one in enumerate(asked):
        found, others = 0, (tried[(7 * number + step) % len(tried)].args[at] for step in range(1, len(tried)))
        for value in itertools.chain(least, others):
            if value is not None and not callable(value) and not same(value, one.args[at]):
                yield one, value
                found += 1
                if found == 3:
                    break
