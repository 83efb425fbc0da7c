"""How a check works: run the learner's function on cases, recognise the mistake, never break a run.

A check knows the right function and some wrong ones that people plausibly write. When an answer is wrong
and behaves like one of those on every case, the verdict names that mistake; otherwise it shows the first
case that differs.
"""

from __future__ import annotations

import contextlib
import copy
import functools
import io
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
import torch

PASSED, NOT_DONE, NOT_YET = "passed", "not done yet", "not yet"


class Mistake(Exception):
    """Raised inside a check: the answer is wrong, and this is what to tell the learner.

    Args:
        message: what was returned, what was expected, on which input.
        hint: what this mistake usually is; empty when it was not recognised.
    """

    def __init__(self, message: str, hint: str = ""):
        super().__init__(message)
        self.message, self.hint = message, hint


@dataclass(frozen=True)
class Verdict:
    """What a check says: `status` is "passed", "not done yet" or "not yet"."""

    exercise: str
    status: str
    message: str = ""
    hint: str = ""

    def __repr__(self) -> str:
        mark = {PASSED: "✓ Passed", NOT_DONE: "○ Not done yet", NOT_YET: "✗ Not yet"}[self.status]
        return " ".join(part for part in (f"{mark}: {self.exercise}.", self.message, self.hint) if part)

    def _repr_html_(self) -> str:
        colour = {PASSED: "#009E73", NOT_DONE: "#767676", NOT_YET: "#D55E00"}[self.status]
        return f'<p style="border-left:6px solid {colour};padding:0.3em 0.8em">{escape(repr(self))}</p>'


def check(exercise: str) -> Callable[[Callable[[Callable], None]], Callable[[object], Verdict]]:
    """Turn a function that raises `Mistake` into one that returns a `Verdict` and never raises.

    Args:
        exercise: the name on the exercise's card.
    """

    def decorate(judge: Callable[[Callable], None]) -> Callable[[object], Verdict]:
        @functools.wraps(judge)
        def judged(answer: object) -> Verdict:
            if not callable(answer):
                return Verdict(
                    exercise,
                    NOT_YET,
                    f"The check needs your function, got {_show(answer)}.",
                    "Pass the function itself, without calling it.",
                )
            try:
                judge(answer)
            except NotImplementedError:
                return Verdict(
                    exercise,
                    NOT_DONE,
                    "Write your answer in place of the line that raises, run that cell, then run this one again.",
                )
            except Mistake as mistake:
                return Verdict(exercise, NOT_YET, mistake.message, mistake.hint)
            return Verdict(exercise, PASSED)

        return judged

    return decorate


def run(answer: Callable, args: Sequence[object], names: Sequence[str] = ()) -> object:
    """Call `answer` on copies of `args`.

    Raises:
        Mistake: it raised, or changed its input, or printed and returned None, or returned None.
        NotImplementedError: the answer is still the stub.
    """
    given = copy.deepcopy(list(args))
    printed = io.StringIO()
    where = _call(args, names)
    try:
        with contextlib.redirect_stdout(printed):
            got = answer(*given)
    except (Exception, SystemExit) as error:
        if isinstance(error, NotImplementedError) and not error.args:  # with a text it comes from torch
            raise
        raise Mistake(
            f"{where} raised {type(error).__name__}: {error}.",
            "Call your function yourself on that input to see the line.",
        ) from error
    if got is None:
        hint = (
            "It printed something: return the value instead of printing it."
            if printed.getvalue().strip()
            else "A function without a return statement returns None."
        )
        raise Mistake(f"{where} returned None.", hint)
    for before, after in zip(args, given, strict=True):
        if not same(before, after):
            raise Mistake(f"{where} changed its input.", "Work on a copy: the caller still needs the original.")
    return got


def try_cases(
    answer: Callable,
    *,
    right: Callable,
    cases: Sequence[Sequence[object]],
    wrong: Mapping[str, Callable],
    names: Sequence[str] = (),
    rtol: float = 1e-5,
    atol: float = 0.0,
    convert: Callable[[object], object] | None = None,
) -> None:
    """Compare `answer` with `right` on every case.

    Args:
        answer: the learner's function.
        right: the reference.
        cases: argument tuples; among them some that the lesson does not show.
        wrong: hint -> a function that makes that mistake. Looked through in order.
        names: names of the arguments, for the message.
        rtol, atol: two numbers or tensors agree within ``atol + rtol * |expected|``.
        convert: brings an answer of another type to that of `right` (a list to a set, say); it may raise
            TypeError or ValueError for a type that cannot be meant.
    Raises:
        Mistake: the first case that differs, with the hint of the mistake that explains all cases.
    """
    got = []
    for args in cases:
        value = run(answer, args, names)
        got.append(_converted(value, convert, _call(args, names), right(*copy.deepcopy(list(args)))))
    expected = [right(*copy.deepcopy(list(args))) for args in cases]
    agree = functools.partial(same, rtol=rtol, atol=atol)
    failed = [i for i in range(len(cases)) if not agree(expected[i], got[i])]
    if not failed:
        return
    i = failed[0]
    message = f"{_call(cases[i], names)} returned {_show(got[i])}, expected {_show(expected[i])}."
    for hint, mistake in wrong.items():
        if all(agree(mistake(*copy.deepcopy(list(args))), value) for args, value in zip(cases, got, strict=True)):
            raise Mistake(message, hint)
    raise Mistake(message, _general_hint(failed, [_call(args, names) for args in cases]))


def _general_hint(failed: Sequence[int], calls: Sequence[str]) -> str:
    right = [call for i, call in enumerate(calls) if i not in failed]
    if not right:
        return "Work this case out by hand and compare each step."
    return (
        f"{len(right)} of {len(calls)} cases were right. {right[-1].replace('Your', 'For example, your', 1)} was: "
        "what is different there?"
    )


def _converted(value: object, convert: Callable | None, where: str, expected: object) -> object:
    try:
        value = convert(value) if convert else value
    except (TypeError, ValueError):
        raise Mistake(
            f"{where} returned {_show(value)}.",
            f"Expected something like {_show(expected)} ({type(expected).__name__}).",
        ) from None
    if _number(expected) and not _number(value):
        raise Mistake(f"{where} returned {_show(value)}.", "Expected one number.")
    if isinstance(expected, torch.Tensor) and not isinstance(value, torch.Tensor | np.ndarray | list | tuple):
        raise Mistake(f"{where} returned {_show(value)}.", f"Expected a tensor of shape {tuple(expected.shape)}.")
    return value


def _number(value: object) -> bool:
    if isinstance(value, torch.Tensor | np.ndarray):
        return math.prod(value.shape) == 1
    return isinstance(value, int | float | np.number) and not isinstance(value, bool)


def same(expected: object, got: object, *, rtol: float = 0.0, atol: float = 0.0) -> bool:
    """True when two values agree: numbers and arrays within the tolerance, everything else exactly.

    The type that holds a number does not matter (int, float, numpy, a tensor of one element).
    """
    if isinstance(expected, torch.Tensor | np.ndarray) or (_number(expected) and _number(got)):
        return _same_arrays(expected, got, rtol, atol)
    if isinstance(expected, list | tuple) and isinstance(got, list | tuple):
        return len(expected) == len(got) and all(
            same(e, g, rtol=rtol, atol=atol) for e, g in zip(expected, got, strict=True)
        )
    if isinstance(expected, dict) and isinstance(got, dict):
        return expected.keys() == got.keys() and all(same(expected[k], got[k], rtol=rtol, atol=atol) for k in expected)
    if isinstance(expected, torch.nn.Module) and isinstance(got, torch.nn.Module):
        return same(dict(expected.state_dict()), dict(got.state_dict()))
    if callable(expected):
        return True
    try:
        return bool(expected == got)
    except (TypeError, ValueError, RuntimeError):
        return False


def _same_arrays(expected: object, got: object, rtol: float, atol: float) -> bool:
    try:
        a, b = (torch.as_tensor(x).detach().cpu().to(torch.float64) for x in (expected, got))
    except (TypeError, ValueError, RuntimeError):
        return False
    if a.numel() == b.numel() == 1:
        a, b = a.reshape(()), b.reshape(())
    return a.shape == b.shape and torch.allclose(b, a, rtol=rtol, atol=atol, equal_nan=True)


def _call(args: Sequence[object], names: Sequence[str]) -> str:
    shown = [f"{name}={_show(arg)}" for name, arg in zip(names, args, strict=True)] if names else map(_show, args)
    return f"Your function on ({', '.join(shown)})" if args else "Your function"


def _show(value: object) -> str:
    if isinstance(value, torch.Tensor | np.ndarray) and math.prod(value.shape) > 6:
        return f"a {str(value.dtype).removeprefix('torch.')} array of shape {tuple(value.shape)}"
    if isinstance(value, torch.Tensor):
        return f"tensor({value.tolist()})"
    if isinstance(value, float | np.floating):
        return f"{value:,.8g}"
    text = getattr(value, "__name__", None) or " ".join(repr(value).split())
    return text if len(text) <= 90 else text[:87] + "…"
