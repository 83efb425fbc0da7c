"""The engine under the checks of every lesson's exercises."""

from course_utils.exercises.core import Mistake, Verdict, check, run, same, try_cases

__all__ = ["Mistake", "Verdict", "check", "run", "same", "try_cases"]
