"""Results whose numbers follow from the expected ones: a factor, a distance, a rounding, another sign."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping

import numpy as np
import torch

from course_utils.exercises.pattern import LEAST, RESULT, Pairs, Pattern, capital, quiet, told
from course_utils.exercises.values import ARRAYS, SEQUENCES, as_plain, is_number

NEARLY = 0.01  # numbers that are off by less of themselves are nearly right
Relation = Callable[[np.ndarray], np.ndarray]


def related(wrong: Pairs, right: Pairs = (), subject: str = RESULT, *, partly: bool = True) -> Pattern | None:
    """The pattern where the numbers of each wrong result follow from those that are expected; else None.

    Args:
        wrong: (expected, got) of the inputs on which the function is wrong.
        right: the same, of those on which it is right.
        subject: what of the result they are.
        partly: whether it is enough that the wrong numbers of each follow, or show a direction.
    """
    try:
        both = [(numbers_of(e), numbers_of(g)) for e, g in wrong]
    except Exception:  # there is something else than numbers in it
        return None
    if len(wrong) < LEAST or any(e.shape != g.shape for e, g in both):
        return None
    with np.errstate(all="ignore"):
        e, g = (np.concatenate(parts) for parts in zip(*both, strict=True))
        if {*np.unique(e), *np.unique(g)} <= {0.0, 1.0}:
            return _truths(wrong, right, subject, e, g)
        apart = unequal(e, g)
        for whole in (True, False) if partly else (True,):
            found = [(text, all(holds(*pair) for pair in right), holds) for text, holds in _fitting(e, g, apart, whole)]
            if found:
                text, everywhere, holds = max(found, key=lambda one: one[1])  # the first that is true everywhere
                every = subject if whole else f"every wrong number in {subject}"
                return Pattern(told(f"is {text}", every, everywhere or not whole), holds, everywhere=everywhere)
        if not (partly and apart.any()):
            return None
        return _bound(e, g, right, subject) or _direction(e[apart], g[apart], subject)


def numbers_of(value: object) -> np.ndarray:
    """All numbers in a value, float64, one after the other; raises where there is something else."""
    if isinstance(value, Mapping):
        value = [value[key] for key in sorted(value, key=repr)]
    if isinstance(value, SEQUENCES):
        return np.concatenate([np.empty(0), *map(numbers_of, value)])
    if is_number(value) and not isinstance(value, ARRAYS):
        return np.array([float(value)])
    return as_plain(value).reshape(-1).numpy()


def unequal(e: np.ndarray, g: np.ndarray) -> np.ndarray:
    """Where two arrays differ: by more than what rounding makes; where they differ by that alone, at all."""
    for rtol in (1e-5, 1e-12):
        apart = ~np.isclose(g, e, rtol=rtol, atol=0, equal_nan=True)
        if apart.any():
            break
    return apart


def fits(relation: Relation, e: np.ndarray, g: np.ndarray) -> bool:
    """Whether a relation gives `g` of `e`, but for rounding in float32."""
    return bool(np.allclose(g, relation(e), rtol=2e-6, atol=1e-12, equal_nan=True))


def _fitting(e: np.ndarray, g: np.ndarray, apart: np.ndarray, whole: bool) -> Iterator[tuple[str, Callable]]:
    """(text, test) of each relation that all numbers show, or all wrong ones."""
    if len(set(e[apart])) < 2 or (not whole and apart.all()):
        return
    if not whole:
        e, g = e[apart], g[apart]
    for text, relation in (*_fitted(e, g), *_FIXED):
        if fits(relation, e, g):

            def holds(expected: object, got: object, relation: Relation = relation) -> bool:
                e, g = numbers_of(expected), numbers_of(got)
                if not whole:
                    e, g = (part[unequal(e, g)] for part in (e, g))
                with np.errstate(all="ignore"):
                    return fits(relation, e, g)

            yield text, quiet(holds)


def _fitted(e: np.ndarray, g: np.ndarray) -> Iterator[tuple[str, Relation]]:
    """Relations with a number of their own, which comes from the results: a factor, a distance."""
    if np.isnan(g).all():
        yield "nan, as of 0 / 0 or of the logarithm of a negative number", lambda e: np.full_like(e, np.nan)
    at = np.flatnonzero(np.isfinite(e) & (e != 0) & np.isfinite(g))
    if not len(at):
        return
    at = at[np.abs(e[at]).argmax()]
    factor, apart = g[at] / e[at], g[at] - e[at]
    if factor and _is_told(factor, e):
        yield _factor(factor), lambda e: factor * e
    if apart and _is_told(apart, e):
        yield f"{abs(apart):.6g} {'more' if apart > 0 else 'less'} than what is expected", lambda e: e + apart


def _is_told(number: float, e: np.ndarray) -> bool:
    """Whether a fitted number is believed: two results can have it by chance, unless it is a plain one."""
    plain = any(abs(x - round(x)) < 1e-5 * abs(x) for x in (number, 1 / number))
    return plain or len(set(e)) >= LEAST


def _factor(factor: float) -> str:
    if abs(factor + 1) < 1e-5:
        return "what is expected with the other sign"
    for number, form in ((factor, "{:,.0f} times"), (1 / factor, "1/{:,.0f} of")):
        if number > 1.5 and abs(number - round(number)) < 1e-5 * number:
            said = form.format(round(number))
            return f"{ {'2 times': 'twice', '1/2 of': 'half of'}.get(said, said) } what is expected"
    return f"{factor:.6g} times what is expected"


def _digits(count: int) -> Relation:
    return lambda e: np.array([round(x, count) if np.isfinite(x) else x for x in e.tolist()])


def _in_dtype(dtype: torch.dtype) -> Relation:
    return lambda e: torch.from_numpy(e).to(dtype).double().numpy()


def _wrapped(bits: int, low: int) -> Relation:
    return lambda e: (np.trunc(e) - low) % 2**bits + low


_FIXED: tuple[tuple[str, Relation], ...] = (
    ("what is expected without its sign", np.abs),
    ("1 minus what is expected", lambda e: 1 - e),
    ("100 minus what is expected", lambda e: 100 - e),
    ("1 divided by what is expected", np.reciprocal),
    ("the square of what is expected", np.square),
    ("the square root of what is expected", np.sqrt),
    ("the logarithm to base 2 of what is expected", np.log2),
    ("the natural logarithm of what is expected", np.log),
    ("2 to the power of what is expected", np.exp2),
    ("e to the power of what is expected", np.exp),
    ("what is expected, rounded down to a whole number", np.floor),
    ("what is expected, rounded up to a whole number", np.ceil),
    ("what is expected, rounded to a whole number", np.rint),
    ("what is expected, cut off to a whole number", np.trunc),
    *((f"what is expected, rounded to {n} digit{'s' * (n > 1)} behind the point", _digits(n)) for n in (1, 2, 3, 4)),
    ("what is expected, rounded to half precision (float16)", _in_dtype(torch.float16)),
    ("what is expected, rounded to bfloat16", _in_dtype(torch.bfloat16)),
    ("what is expected, rounded to float32", _in_dtype(torch.float32)),
    ("what int8 holds of what is expected, from -128 to 127: it wraps around", _wrapped(8, -128)),
    ("what uint8 holds of what is expected, from 0 to 255: it wraps around", _wrapped(8, 0)),
    ("what int16 holds of what is expected, from -32,768 to 32,767: it wraps around", _wrapped(16, -(2**15))),
    ("what int32 holds of what is expected: it wraps around", _wrapped(32, -(2**31))),
)


def _on_side(side: Callable) -> Callable[[object, object], bool]:
    def holds(expected: object, got: object) -> bool:
        e, g = numbers_of(expected), numbers_of(got)
        return side(g, e)[unequal(e, g)].all()

    return quiet(holds)


def _bound(e: np.ndarray, g: np.ndarray, right: Pairs, subject: str) -> Pattern | None:
    """The pattern of numbers that are cut off at a bound, and right on this side of it."""
    among_right = np.concatenate([np.empty(0), *(numbers_of(one) for one, _ in right)])
    for cut, bound, words in ((np.minimum, g.max(), "above"), (np.maximum, g.min(), "below")):
        beyond = set(e[cut(e, bound) != e])
        kept = np.array_equal(cut(among_right, bound), among_right)
        if len(beyond) > 1 and kept and fits(functools.partial(cut, bound), e, g):
            holds = _on_side(lambda g, e, bound=bound: g == bound)
            return Pattern(f"{capital(subject)} is never {words} {bound:.6g}.", holds)
    return None


def _direction(e: np.ndarray, g: np.ndarray, subject: str) -> Pattern | None:
    """The pattern of wrong numbers that are all too large or too small, all the same, or nearly right."""
    every = f"every wrong number in {subject}"
    if len(set(g)) == 1:
        constant = float(g[0])
        expected = f"where {e[0]:.6g} is expected" if len(set(e)) == 1 else "whatever is expected"
        text = f"{capital(every)} is {constant:.6g}, {expected}."
        return Pattern(text, _on_side(lambda g, e: g == constant), len(set(e)) == 1)
    off = np.abs(g - e) / np.abs(e)
    side = next((side for side in (np.greater, np.less) if side(g, e).all()), None)
    if (off < NEARLY).all():
        text = f"No number in {subject} is more than {100 * max(float(off.max()), 1e-8):.1g} % off"
        why = "something is rounded, or a search or a sum ends too early"
        return Pattern(
            f"{text}: it is nearly right, and {why}.", _on_side(lambda g, e: abs(g - e) < NEARLY * abs(e)), False
        )
    if side is None:
        return None
    return Pattern(f"{capital(every)} is too {'large' if side is np.greater else 'small'}.", _on_side(side), False)


def _truths(wrong: Pairs, right: Pairs, subject: str, e: np.ndarray, g: np.ndarray) -> Pattern | None:
    """The pattern of zeros and ones, or of truth values: turned round, or too many of one."""
    yes, no = ("True", "False") if all(isinstance(one, bool) for one, _ in wrong) else (1, 0)
    if not right and len(set(e)) == 2 and (e != g).all():
        text = f"{capital(subject)} is turned round: it is {yes} where {no} is right, and {no} where {yes} is."
        return Pattern(text, lambda *_: True)
    said = set(g[e != g])
    if len(said) != 1:
        return None
    is_, asked, side = (yes, no, np.greater) if said.pop() else (no, yes, np.less)
    every = "Every wrong result" if len(e) == len(wrong) else f"Every wrong entry of {subject}"
    return Pattern(f"{every} is {is_} where {asked} is expected, never the other way round.", _on_side(side), False)
