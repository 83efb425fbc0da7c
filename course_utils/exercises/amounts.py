"""Results that are off by an amount, or whose numbers follow from the expected ones: a factor, a rounding, a sign."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import numpy as np
import torch

from course_utils.exercises.values import ARRAYS, SEQUENCES, as_plain, is_number

LEAST = 3  # wrong results that must show a pattern before it is told
Pairs = Sequence[tuple[object, object]]  # (expected, what came back)
Relation = Callable[[np.ndarray], np.ndarray]


def off_by(wrong: Pairs, right: Pairs, rows: list, spoken: Callable, subject: str) -> str:
    """A sentence where every wrong result is off by a product (see `by_product`), a factor, a distance; else ""."""
    said = by_product(wrong, rows, spoken)
    return _told(said, subject, not right) if said else related(wrong, right, subject)


def _told(what: str, subject: str, everywhere: bool) -> str:
    """A sentence that says how wide a pattern is: on all inputs, or on those where the function is wrong."""
    text = f"{subject} is {what}."
    return text[0].upper() + text[1:] if everywhere else f"On every input tried where {subject} is wrong, it is {what}."


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


def related(wrong: Pairs, right: Pairs, subject: str) -> str:
    """A sentence where the numbers of each wrong result follow from those that are expected; else "".

    Args:
        wrong: (expected, got) of the inputs on which the function is wrong.
        right: the same, of those on which it is right.
        subject: what of the result they are.
    """
    try:
        both = [(_numbers_of(e), _numbers_of(g)) for e, g in wrong]
    except Exception:  # there is something else than numbers in it
        return ""
    if len(wrong) < LEAST or any(e.shape != g.shape for e, g in both):
        return ""
    with np.errstate(all="ignore"):
        e, g = (np.concatenate(parts) for parts in zip(*both, strict=True))
        if {*np.unique(e), *np.unique(g)} <= {0.0, 1.0}:
            return _truths(wrong, right, subject, e, g)
        if len(set(e[_unequal(e, g)])) < 2:
            return ""
        found = [
            (text, all(_shows(relation, *pair) for pair in right))
            for text, relation in (*_fitted(e, g), *_FIXED)
            if _fits(relation, e, g)
        ]
    text, everywhere = max(found, key=lambda one: one[1], default=("", False))  # the first that is true everywhere
    return _told(text, subject, everywhere) if found else ""


def _shows(relation: Relation, expected: object, got: object) -> bool:
    """Whether a right result is what a relation makes of it, too."""
    try:
        return _fits(relation, _numbers_of(expected), _numbers_of(got))
    except Exception:  # nothing but numbers can be asked
        return False


def _numbers_of(value: object) -> np.ndarray:
    """All numbers in a value, float64, one after the other; raises where there is something else."""
    if isinstance(value, Mapping):
        value = [value[key] for key in sorted(value, key=repr)]
    if isinstance(value, SEQUENCES):
        return np.concatenate([np.empty(0), *map(_numbers_of, value)])
    if is_number(value) and not isinstance(value, ARRAYS):
        return np.array([float(value)])
    return as_plain(value).reshape(-1).numpy()


def _unequal(e: np.ndarray, g: np.ndarray) -> np.ndarray:
    """Where two arrays differ: by more than what rounding makes; where they differ by that alone, at all."""
    for rtol in (1e-5, 1e-12):
        apart = ~np.isclose(g, e, rtol=rtol, atol=0, equal_nan=True)
        if apart.any():
            break
    return apart


def _fits(relation: Relation, e: np.ndarray, g: np.ndarray) -> bool:
    """Whether a relation gives `g` of `e`, but for rounding in float32."""
    return bool(np.allclose(g, relation(e), rtol=2e-6, atol=1e-12, equal_nan=True))


def _fitted(e: np.ndarray, g: np.ndarray) -> Iterator[tuple[str, Relation]]:
    """Relations with a number of their own, which comes from the results: a factor, a distance."""
    if np.isnan(g).all():
        yield (
            "nan, as of 0 / 0, of 0 times infinity, or of the logarithm of a negative number",
            lambda e: np.full_like(e, np.nan),
        )
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


def _truths(wrong: Pairs, right: Pairs, subject: str, e: np.ndarray, g: np.ndarray) -> str:
    """The same of zeros and ones, or of truth values: turned round, or too many of one."""
    yes, no = ("True", "False") if all(isinstance(one, bool) for one, _ in wrong) else (1, 0)
    if not right and len(set(e)) == 2 and (e != g).all():
        return _told(f"turned round: it is {yes} where {no} is right, and {no} where {yes} is", subject, True)
    said = set(g[e != g])
    if len(said) != 1:
        return ""
    is_, asked = (yes, no) if said.pop() else (no, yes)
    every = "Every wrong result" if len(e) == len(wrong) else f"Every wrong entry of {subject}"
    return f"{every} is {is_} where {asked} is expected, never the other way round."
