"""Inputs of exercises: always the same ones, and the search for the smallest."""

from __future__ import annotations

import itertools
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from random import Random

import hypothesis
from hypothesis import HealthCheck, Phase
from hypothesis.configuration import set_hypothesis_home_dir
from hypothesis.errors import Flaky, NoSuchExample
from hypothesis.internal.conjecture.providers import AVAILABLE_PROVIDERS, HypothesisProvider
from hypothesis.strategies import SearchStrategy as Strategy

NONE_FOUND = object()
BACKEND = "course"
SEED = 12


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
