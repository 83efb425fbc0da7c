"""Every check rejects each mutant of its solution, and withstands whatever an answer may return."""

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
