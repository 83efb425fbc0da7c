"""Every hint of a check can show, every mutant of its solution is rejected, and it withstands whatever comes back."""

import _check_rules
import _course
import _legacy
import pytest
from _course import expect_none

# An answer may call what the lessons on int8 teach about; its deprecation is not the answer's mistake.
pytestmark = [pytest.mark.slow, *_legacy.KNOWN, *_legacy.ignoring(".*must run observer")]
each_exercise = pytest.mark.parametrize(("lesson", "name"), _check_rules.EXERCISES)


@pytest.fixture
def exercise(lesson, name):
    return _check_rules.load(_course.text(lesson), name)


@each_exercise
def test_every_mutant_of_the_solution_is_rejected(exercise, lesson, name):
    expect_none(_check_rules.mutants_are_rejected(exercise, _course.answers(lesson).EQUIVALENT.get(name, {})))


@each_exercise
def test_hostile_answers_get_a_verdict(exercise):
    expect_none(_check_rules.withstands(exercise))


@each_exercise
def test_each_known_mistake_gets_its_own_hint(exercise):
    expect_none(_check_rules.hints_are_reached(exercise))


@each_exercise
def test_broken_answers_get_an_explanation(exercise):
    expect_none(_check_rules.survives(exercise))
