"""Results that are off by an amount: a product of parts and arguments, or one number for all."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np

from course_utils.checks.values import ARRAYS, SEQUENCES, as_plain, is_number

LEAST = 3  # wrong results that must show a pattern before it is told
Pairs = Sequence[tuple[object, object]]  # (expected, what came back)


@np.errstate(all="ignore")
def off_by(pairs: Pairs, rows: Sequence[Mapping[str, object]], spoken: Callable[[str], str]) -> str:
    """What every result is, where all numbers in them are off by one amount: "twice what is expected"; else "".

    Args:
        pairs: (expected, got) of each.
        rows: name -> what it is, for each: parts of what is expected, and arguments.
        spoken: how a name is called.
    """
    try:
        both = [(_numbers_of(e), _numbers_of(g)) for e, g in pairs]
    except Exception:  # there is something else than numbers in it
        return ""
    if len(pairs) < LEAST or any(e.shape != g.shape for e, g in both):
        return ""
    e, g = (np.concatenate(parts) for parts in zip(*both, strict=True))
    if g.size and np.isnan(g).all():
        return "nan, as of 0 / 0, of 0 times infinity, or of the logarithm of a negative number"
    lengths = [len(numbers) for numbers, _ in both]
    said = (text for text, would_be in _versions(e, lengths, rows, spoken) if _fits(would_be, g))
    return next(said, "") or _by_one_number(e, g)


def _versions(e: np.ndarray, lengths: list[int], rows: Sequence[Mapping], spoken: Callable) -> Iterator[tuple]:
    """(what it is, what came back if so) of each product of up to three different numbers."""
    names = [name for name in rows[0] if all(is_number(row.get(name)) for row in rows)]
    for factors in (factors for n in (1, 2, 3) for factors in itertools.combinations(names, n)):
        each = np.prod([[float(row[name]) for name in factors] for row in rows], axis=1)
        text, amount = " · ".join(map(spoken, factors)), np.repeat(each, lengths)
        if len(set(each)) >= LEAST:
            yield f"larger by {text}", e + amount
            yield f"smaller by {text}", e - amount
            if len(factors) == 1:
                yield f"what is expected times {text}", e * amount
                yield f"what is expected divided by {text}", e / amount


def _by_one_number(e: np.ndarray, g: np.ndarray) -> str:
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
