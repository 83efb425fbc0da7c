"""Results that hold what is expected in another place: turned round, sorted, cut, gone on with, at other keys."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch

from course_utils.exercises import relations
from course_utils.exercises.pattern import LEAST, RESULT, Pairs, Pattern, quiet, told
from course_utils.exercises.values import ARRAYS, SEQUENCES, as_plain, same, show

RTOL = 1e-5


def rearranged(wrong: Pairs, right: Pairs = (), subject: str = RESULT) -> Pattern | None:
    """The pattern where each wrong result is the expected one turned round, sorted, cut or gone on with; else None.

    Args:
        wrong: (expected, got) of the inputs on which the function is wrong.
        right: the same, of those on which it is right.
        subject: what of the result they are.
    """
    if len(wrong) < LEAST:
        return None
    moved = [(text, lambda e, g, move=move: same(move(e), g, rtol=RTOL)) for text, move in _MOVED]
    for text, test in (*moved, *_BESIDE, *_AMOUNTS):
        holds = quiet(test)
        if all(holds(*pair) for pair in wrong):
            items = "characters" if isinstance(wrong[0][0], str) else "items"
            everywhere = all(holds(*pair) for pair in right)
            said = told(text.format(items), subject, everywhere)
            return Pattern(said, holds, (text, test) not in _AMOUNTS, everywhere)
    return _at_other_keys(wrong, right, subject)


def _matrix(value: object) -> torch.Tensor:
    matrix = as_plain(value)
    if matrix.ndim != 2:
        raise TypeError("no matrix")
    return matrix


def _pair(value: object) -> tuple:
    first, second = value if isinstance(value, list | tuple) else ()
    return second, first


def _reverse(value: object) -> object:
    return value.flip(0) if isinstance(value, torch.Tensor) else value[::-1]


def _in_order(value: object) -> object:
    return value.sort().values if isinstance(value, torch.Tensor) else _like(value, sorted(value))


def _like(value: object, items: list) -> object:
    return "".join(items) if isinstance(value, str) else items


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("no text")
    return value


def _of_any_length(value: object) -> object:
    if isinstance(value, tuple | Mapping):
        raise TypeError("a tuple has its length")
    return value


def _listed(value: object) -> list:
    row = isinstance(value, ARRAYS) and len(value.shape) == 1
    if not (row or isinstance(value, (str, *SEQUENCES))):
        raise TypeError("no sequence")
    return value.tolist() if row else list(value)


def _sorted(value: object) -> list:
    return sorted(_listed(value), key=show)


def _held(few: object, many: object) -> bool:
    """True when each item of `few` is among those of `many`, as often."""
    rest, few = (list(one) if isinstance(one, set | frozenset) else _listed(one) for one in (many, few))
    for item in few:
        at = next((n for n, other in enumerate(rest) if same(item, other, rtol=RTOL)), None)
        if at is None:
            return False
        del rest[at]
    return True


_MOVED: tuple[tuple[str, Callable[[object], object]], ...] = (
    ("has its two items exchanged", _pair),
    ("has rows and columns exchanged: it is the transpose of what is expected", lambda e: _matrix(e).T),
    ("has the expected {} in reverse order", _reverse),
    ("has the expected {} sorted, the smallest first", _in_order),
    ("has the expected {} sorted, the largest first", lambda e: _reverse(_in_order(e))),
    ("has each of the expected {} once only", lambda e: _like(e, list(dict.fromkeys(_listed(e))))),
    ("lacks the last of the expected {}", lambda e: _of_any_length(e)[:-1]),
    ("lacks the first of the expected {}", lambda e: _of_any_length(e)[1:]),
    ("is what is expected in small letters", lambda e: _text(e).lower()),
    ("lacks the white space around what is expected", lambda e: _text(e).strip()),
)
_BESIDE: tuple[tuple[str, Callable[[object, object], bool]], ...] = (
    (
        "is what is expected with one of the {} too many at its end",
        lambda e, g: same(_listed(_of_any_length(e)), _listed(g)[:-1]),
    ),
    (
        "is what is expected with one of the {} too many at its beginning",
        lambda e, g: same(_listed(_of_any_length(e)), _listed(g)[1:]),
    ),
    ("begins with what is expected, and goes on", lambda e, g: same(_listed(_of_any_length(e)), _listed(g)[: len(e)])),
    ("ends before what is expected does", lambda e, g: same(_listed(_of_any_length(e))[: len(g)], _listed(g))),
    ("has the expected {} in another order", lambda e, g: same(_sorted(e), _sorted(g), rtol=RTOL)),
)
_AMOUNTS: tuple[tuple[str, Callable[[object, object], bool]], ...] = (
    ("lacks something that is expected, and has nothing too much", lambda e, g: _held(g, e)),
    ("has something that is not expected, and lacks nothing", _held),
)


def _at_other_keys(wrong: Pairs, right: Pairs, subject: str) -> Pattern | None:
    """The pattern of a dict whose values are right and stand at keys that follow from the expected ones."""
    if not all(isinstance(value, Mapping) for pair in wrong for value in pair):
        return None
    if not all(same(list(e.values()), list(g.values()), rtol=RTOL) for e, g in wrong):
        return None
    keys = relations.related(
        [(list(e), list(g)) for e, g in wrong], [(list(e), list(g)) for e, g in right], f"each key of {subject}"
    )
    if keys is None:
        return None
    return Pattern(keys.text, quiet(lambda e, g: keys.holds(list(e), list(g))), keys.sure, keys.everywhere)
