"""Inputs of exercises: numbers that print short, tensors that shrink; and the search for the smallest."""

from __future__ import annotations

import functools
import itertools
import math
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random

import hypothesis
import torch
from hypothesis import HealthCheck, Phase
from hypothesis import strategies as st
from hypothesis.configuration import set_hypothesis_home_dir
from hypothesis.errors import Flaky, NoSuchExample
from hypothesis.internal.conjecture.providers import AVAILABLE_PROVIDERS, HypothesisProvider
from hypothesis.strategies import SearchStrategy as Strategy

NONE_FOUND = object()
BACKEND = "course"
SEED = 12
BETWEEN = 4  # digits more than those of the step, in a number with many digits


class _OwnNumbers(HypothesisProvider):
    """Hypothesis without the constants that it collects from the modules of the running program.

    Those would make the inputs hang on what else is imported.
    """

    def _maybe_draw_constant(self, *_: object, **__: object) -> None:
        return None


AVAILABLE_PROVIDERS[BACKEND] = f"{__name__}._OwnNumbers"
# Shrinking falls back on Hypothesis' own numbers; what it keeps of them must not lie beside the learner's notebooks.
set_hypothesis_home_dir(Path(tempfile.gettempdir()) / "course-hypothesis")


class _Enough(BaseException):
    """Ends a search from within; Hypothesis takes any `Exception` for a failure of what it tries."""


class Clock:
    """Time for a search: processor time, so that a busy machine tries as much; and ten times that for a sleeper.

    Args:
        seconds: of this thread's processor time.
    """

    def __init__(self, seconds: float):
        self._work, self._wall = time.thread_time() + seconds, time.monotonic() + 10 * seconds

    def over(self) -> bool:
        """True when the time is spent."""
        return time.thread_time() > self._work or time.monotonic() > self._wall


def smallest(
    inputs: Strategy,
    fails: Callable[[tuple], object],
    *,
    count: int,
    most: float,
) -> object:
    """The smallest input that was found for which ``fails(input)`` is true, or `NONE_FOUND`.

    The inputs are the same every time, and no files are written.

    Args:
        inputs: a strategy.
        fails: the condition.
        count: how many inputs to try before any shrinking.
        most: how many inputs to try in all; then the smallest so far must do.
    """
    settings = hypothesis.settings(
        max_examples=count,
        database=None,
        deadline=None,
        backend=BACKEND,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )
    last, tried = [NONE_FOUND], itertools.count()

    def condition(args: tuple) -> bool:
        if next(tried) >= most:
            raise _Enough
        found = bool(fails(args))
        if found:
            last[:] = [args]
        return found

    try:
        return hypothesis.find(inputs, condition, settings=settings, random=Random(SEED))
    except NoSuchExample:
        return NONE_FOUND
    except (_Enough, Flaky):  # flaky: the best input failed, and did not fail when it was tried once more
        return last[0]


# All numbers of an input are short or all have many digits: among the short ones some are equal, and sums are exact.
_many_digits = st.shared(st.sampled_from([False, False, True]), key="course: many digits")


@functools.cache  # inside of a composite strategy it would else be made, and validated, for each draw
def numbers(low: float, high: float, *, step: float = 0.125) -> Strategy[float]:
    """Numbers from `low` to `high`: in two inputs of three multiples of `step`, in the third with many digits.

    The multiples print short, and with a power of two they are exact. The others lie between them, with four digits
    more: an answer that rounds, or computes in half precision, is right on the multiples alone.

    Args:
        low, high: the ends, both possible.
        step: the distance of neighbours.
    """
    short = st.integers(round(low / step), round(high / step)).map(lambda n: n * step)
    if high - low < step:
        return short
    between = st.tuples(st.integers(round(low / step), round(high / step) - 1), st.integers(1, 10**BETWEEN - 1))
    digits = BETWEEN + 3 - math.floor(math.log10(step))
    long = between.map(lambda drawn: round((drawn[0] + drawn[1] / 10**BETWEEN) * step, digits))
    return _many_digits.flatmap(lambda many: long if many else short)


def shapes(*, dims: Sequence[int] = (1, 2), most: int = 4) -> Strategy[tuple[int, ...]]:
    """Shapes of small tensors.

    Args:
        dims: numbers of dimensions, the simplest first.
        most: largest extent of a dimension; the smallest is 1.
    """
    return st.sampled_from(dims).flatmap(lambda n: st.tuples(*[st.integers(1, most)] * n))


def tensors(
    shape: Sequence[int] | Strategy[tuple[int, ...]] | None = None,
    elements: Strategy | None = None,
    dtype: torch.dtype = torch.float32,
) -> Strategy[torch.Tensor]:
    """Small tensors that shrink to few elements, mostly 0.

    Args:
        shape: a shape, or a strategy of shapes; None is `shapes()`.
        elements: a strategy of numbers; None is `numbers(-4, 4)`.
        dtype: of the tensor.
    """
    elements = numbers(-4, 4) if elements is None else elements

    @functools.cache  # as `numbers` is: few shapes, many draws
    def filled(extent: tuple[int, ...]) -> Strategy[torch.Tensor]:
        count = int(torch.Size(extent).numel())
        values = st.lists(elements, min_size=count, max_size=count)
        return values.map(lambda numbers: torch.tensor(numbers, dtype=dtype).reshape(tuple(extent)))

    if isinstance(shape, Strategy) or shape is None:
        return (shapes() if shape is None else shape).flatmap(filled)
    return filled(tuple(shape))


def masks(shape: Sequence[int] | Strategy[tuple[int, ...]] | None = None) -> Strategy[torch.Tensor]:
    """Tensors of 0.0 and 1.0, float32.

    Args:
        shape: a shape, or a strategy of shapes; None is `shapes()`.
    """
    return tensors(shape, st.sampled_from([1.0, 0.0]))
