"""Something that is true of every wrong result of a function, and how it is said."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

LEAST = 3  # wrong results that must show a pattern before it is told
RESULT = "your result"
Pairs = Sequence[tuple[object, object]]  # (expected, what came back)


@dataclass(frozen=True)
class Pattern:
    """Something that is true of every wrong result.

    Attributes:
        text: says it, in a sentence.
        holds: ``holds(expected, got)`` tells whether another wrong result shows it, too.
        sure: False where it says only in which direction the results are wrong.
        everywhere: whether the right results show it, too.
    """

    text: str
    holds: Callable[[object, object], bool]
    sure: bool = True
    everywhere: bool = False


def quiet(test: Callable[..., object]) -> Callable[..., bool]:
    """`test`, made to say False of what it cannot look at."""

    def holds(*values: object) -> bool:
        try:
            return bool(test(*values))
        except Exception:
            return False

    return holds


def capital(text: str) -> str:
    """The text with a capital letter at its beginning."""
    return text[:1].upper() + text[1:]


def told(verb: str, subject: str, everywhere: bool) -> str:
    """A sentence that says how wide a pattern is: on all inputs, or on those where the function is wrong.

    Args:
        verb: with what follows it: "lacks the last item".
        subject: of which it is said: "your result".
        everywhere: whether the right results show it, too.
    """
    return f"{capital(subject)} {verb}." if everywhere else f"On every input tried where {subject} is wrong, it {verb}."
