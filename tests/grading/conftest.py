"""Fixtures of the tests of grading."""

from _small_lesson import small, tool

__all__ = ["small", "tool"]
