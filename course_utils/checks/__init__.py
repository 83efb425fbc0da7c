"""Checks in which the reference speaks: a right solution in labelled lines, from which everything told is derived.

`exercise` makes a check of a reference. Its methods `tries`, `looks` and `ideas` say what the answer is tried on, what
is asked of an object that comes back, and at most five sentences that numbers cannot say. `effects` has the questions.
"""

from course_utils.checks import effects
from course_utils.checks._exercise import exercise

__all__ = ["effects", "exercise"]
