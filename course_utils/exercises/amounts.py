"""Results that are off by an amount: a product of parts and arguments, a factor, a distance."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np

from course_utils.exercises.values import ARRAYS, SEQUENCES, as_plain, is_number

LEAST = 3  # wrong results that must show a pattern before it is told
Pairs = Sequence[tuple[object, object]]  # (expected, what came back)


def off_by(wrong: Pairs, right: Pairs, rows: list, spoken: Callable, subject: str) -> str:
    """A sentence where every wrong result is off by a product (see `by_product`), a factor, a distance; else "".

    Args:
        wrong: (expected, got) of the inputs on which the function is wrong.
        right: the same, of those on which it is right.
        rows, spoken: of `by_product`.
        subject: what of the result they are.
    """
    what = len(wrong) >= LEAST and (by_product(wrong, rows, spoken) or _related(wrong))
    if not what:
        return ""
    if right:
        return f"On every input tried where {subject} is wrong, it is {what}."
    return f"{subject[0].upper()}{subject[1:]} is {what}."


@np.errstate(all="ignore")
def by_product(pairs: Pairs, rows: Iterable[Mapping[str, object]], spoken: Callable[[str], str]) -> str:
    """What every result is, where all are off by one and the same product of different numbers; else "".

    Args:
        pairs: (expected, got) of each.
        rows: name -> what it is, for each: parts of what is expected, and arguments.
        spoken: how a name is called.
    """
    if not all(is_number(value) for pair in pairs for value in pair):
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


def _related(pairs: Pairs) -> str:
    """What every result is, where all numbers in them are off by one factor, or one distance; else ""."""
    try:
        both = [(_numbers_of(e), _numbers_of(g)) for e, g in pairs]
    except Exception:  # there is something else than numbers in it
        return ""
    if any(e.shape != g.shape for e, g in both):
        return ""
    e, g = (np.concatenate(parts) for parts in zip(*both, strict=True))
    if np.isnan(g).all():
        return "nan, as of 0 / 0, of 0 times infinity, or of the logarithm of a negative number"
    at = np.flatnonzero(np.isfinite(e) & (e != 0) & np.isfinite(g))
    if len(set(e[at])) < 2:  # one number, or truth values
        return ""
    at = at[np.abs(e[at]).argmax()]
    factor, apart = g[at] / e[at], g[at] - e[at]
    if _is_told(factor, e) and _fits(factor * e, g):
        return _factor(factor)
    if _is_told(apart, e) and _fits(e + apart, g):
        return f"{abs(apart):.6g} {'more' if apart > 0 else 'less'} than what is expected"
    return ""


def _numbers_of(value: object) -> np.ndarray:
    """All numbers in a value, float64, one after the other; raises where there is something else."""
    if isinstance(value, Mapping):
        value = [value[key] for key in sorted(value, key=repr)]
    if isinstance(value, SEQUENCES):
        return np.concatenate([np.empty(0), *map(_numbers_of, value)])
    if is_number(value) and not isinstance(value, ARRAYS):
        return np.array([float(value)])
    return as_plain(value).reshape(-1).numpy()


def _fits(would_be: np.ndarray, g: np.ndarray) -> bool:
    """Whether that is what came back, but for rounding in float32."""
    return bool(np.allclose(g, would_be, rtol=2e-6, atol=1e-12, equal_nan=True))


def _is_told(number: float, e: np.ndarray) -> bool:
    """Whether a fitted number is believed: two results can have it by chance, unless it is a plain one."""
    if not number:
        return False
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
