"""Checks in which the reference speaks: a right solution in labelled lines, from which everything told is derived.

`exercise` makes a check of a reference. Its methods `tries`, `looks` and `ideas` say what the answer is tried on, what
is asked of an object that comes back, and at most five sentences that numbers cannot say. `effects` has the questions.
A check by hand raises `Mistake`.

The engine behind them: `core.verdict` says what a judge raises; `isolation` keeps an answer from hanging, flooding or
changing the process; `trial` compares it with a reference on one input; `values` and `models` compare and show;
`inputs` makes inputs, on Hypothesis.
"""

from course_utils.checks import effects
from course_utils.checks._exercise import exercise
from course_utils.checks.mistake import Mistake

__all__ = ["Mistake", "effects", "exercise"]
