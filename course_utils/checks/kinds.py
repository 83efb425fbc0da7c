"""What a value is, whatever its numbers are: a number, a list of three; and how two values differ in that."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Set

import torch

from course_utils.checks.models import MAX_VALUE_CHARS
from course_utils.checks.values import ARRAYS, SEQUENCES, Said, as_plain, cut, is_number, same, show

NOTHING = Said("nothing of that name")
PLACES = ("first", "second", "third", "fourth", "fifth", "sixth")


def place(number: int) -> str:
    """The place of an item, counted from 0, in words: "first item", "item 8"."""
    return f"{PLACES[number]} item" if number < len(PLACES) else f"item {number + 1}"


def first_difference(expected: object, got: object, agree: Callable, entry: Mapping | None = None) -> tuple:
    """(part, what is expected of it, what it is) of the first that differs in two dicts or tuples; "" for others.

    Keys are somebody's own names; with `entry` they are words, and it says how their entries are called.
    """
    part, within = "", "`{}`" if entry is None else "{}"
    if type(expected) is tuple and type(got) in (tuple, list) and len(got) == len(expected):
        expected, got = ({place(n): item for n, item in enumerate(value)} for value in (expected, got))
        within = "the {} of the result"
    while isinstance(expected, Mapping) and issubclass(type(got), Mapping):
        for key in dict.fromkeys((*expected, *got)):
            one, other = (value.get(key, NOTHING) for value in (expected, got))
            if one is NOTHING or other is NOTHING or not agree(one, other):
                break
        else:
            break
        if other is NOTHING and got:
            other = Said(cut(f"{NOTHING}; there is {', '.join(f'`{name}`' for name in got)}", MAX_VALUE_CHARS))
        part, expected, got = within.format(key), one, other
        within = (entry or {}).get(part) or f"{part}, `{{}}`"
    return part, expected, got


def holds(part: object, own: object) -> bool:
    """Whether a variable holds what is expected of a part, but for rounding; a float is no count."""
    return same(part, own, rtol=1e-5) and not (type(part) is int and type(own) is float)


def unlike(expected: object, got: object) -> str:
    """How two values differ in kind, in a sentence; "" where they do not.

    An array differs by its shape, a tuple by how many items it has, a dict by its keys; their items are looked at, too.
    A list may have any length: how many items belong in it is often what is asked.

    Args:
        expected: what was wanted.
        got: what came back; a number or a sequence in any of the forms that `values.same` takes for it.
    """
    try:
        return _unlike(expected, got, "Your result")
    except Exception:  # an object that raises when it is looked at has no kind that could be told
        return ""


def _unlike(expected: object, got: object, subject: str) -> str:
    if isinstance(expected, ARRAYS) and len(expected.shape):
        return _unlike_array(expected, got, subject)
    if is_number(expected):
        return "" if is_number(got) else _other(expected, got, subject)
    if isinstance(expected, list | tuple):
        return _unlike_sequence(expected, got, subject)
    if isinstance(expected, Mapping):
        return _unlike_mapping(expected, got, subject)
    for kind in (bool, str, Set, torch.nn.Module):
        if isinstance(expected, kind):
            return "" if _is_a(got, kind) else _other(expected, got, subject)
    return ""


def _is_a(value: object, kind: type) -> bool:
    if kind is bool and isinstance(value, ARRAYS):
        return str(value.dtype) in ("torch.bool", "bool")
    return isinstance(value, kind) or (kind is bool and type(value).__name__ in ("bool_", "bool"))


def _unlike_array(expected: object, got: object, subject: str) -> str:
    try:
        shape = tuple(as_plain(got).shape) if isinstance(got, (*ARRAYS, *SEQUENCES)) else None
    except Exception:  # a list that is no array of numbers
        shape = None
    if shape is None and not is_number(got):
        return _other(expected, got, subject)
    if (shape or ()) == tuple(expected.shape):
        return ""
    if shape and len(shape) == len(expected.shape) == 2 and same(as_plain(expected).mT, as_plain(got), rtol=1e-5):
        return f"{subject} is what is expected, transposed."
    has = f"has the shape {shape}" if shape else "is one number"
    return f"{subject} {has}; expected is the shape {tuple(expected.shape)}."


def _unlike_sequence(expected: list | tuple, got: object, subject: str) -> str:
    got = got.tolist() if isinstance(got, ARRAYS) else got
    if not isinstance(got, SEQUENCES):
        return _other(expected, got, subject)
    if len(got) != len(expected):
        many = f"{len(got)} item{'s' * (len(got) != 1)}"
        return f"{subject} has {many}; expected are {len(expected)}." if type(expected) is tuple else ""
    pairs = enumerate(zip(expected, got, strict=True))
    said = (_unlike(*pair, f"The {place(number)} of {_inside(subject)}") for number, pair in pairs)
    return next(filter(None, said), "")


def _unlike_mapping(expected: Mapping, got: object, subject: str) -> str:
    if not isinstance(got, Mapping):
        return _other(expected, got, subject)
    parts = []
    if lacks := [key for key in expected if key not in got]:
        parts.append(f"lacks the key {_listed(lacks)}")
    if more := [key for key in got if key not in expected]:
        parts.append(f"has the key {_listed(more)}, which is not expected")
    if parts:
        return f"{subject} {' and '.join(parts)}."
    said = (_unlike(expected[key], got[key], f"The entry {show(key, 60)} of {_inside(subject)}") for key in expected)
    return next(filter(None, said), "")


def _inside(subject: str) -> str:
    return subject[0].lower() + subject[1:]


def _listed(keys: list) -> str:
    return ", ".join(show(key, 60) for key in keys[:3]) + (" …" if len(keys) > 3 else "")


def _other(expected: object, got: object, subject: str) -> str:
    return f"{subject} is {kind(got)}; expected is {kind(expected)}."


# In this order: a bool is an int, too.
_KINDS: tuple[tuple[Callable[[object], bool], str], ...] = (
    (lambda value: value is None, "None"),
    (lambda value: _is_a(value, bool), "True or False"),
    (lambda value: is_number(value), "one number"),
    (lambda value: isinstance(value, str), "a text"),
    (lambda value: isinstance(value, Mapping), "a dict"),
    (lambda value: isinstance(value, Set), "a set"),
    (lambda value: isinstance(value, torch.nn.Module), "a model"),
)


def kind(value: object) -> str:
    """What a value is, in words: "one number", "a list of 3", "a tensor of the shape (3, 1)"."""
    for is_it, words in _KINDS:
        if is_it(value):
            return words
    if isinstance(value, ARRAYS):
        return f"{'a tensor' if isinstance(value, torch.Tensor) else 'an array'} of the shape {tuple(value.shape)}"
    name = type(value).__name__
    if isinstance(value, SEQUENCES):
        return f"a {name} of {len(value)}"
    return "a function" if callable(value) and hasattr(value, "__code__") else f"something of the type {name}"
