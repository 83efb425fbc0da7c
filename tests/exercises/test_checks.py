"""Every check of an older lesson accepts right answers, usual or not, and refuses wrong ones, in a verdict."""

import _check_rules
import _course
import _legacy
import pytest
import rules
from _course import expect_none

# An answer may call what the lessons on int8 teach about; its deprecation is not the answer's mistake.
pytestmark = [*_legacy.KNOWN, *_legacy.ignoring(".*must run observer")]
each_exercise = pytest.mark.parametrize(("lesson", "name"), _check_rules.EXERCISES)


@pytest.fixture
def exercise(lesson, name):
    return _check_rules.load(_course.text(lesson), name)


@each_exercise
def test_untouched_stub_is_not_done_and_right_answers_pass(exercise, lesson, name):
    expect_none(_check_rules.stub_is_not_done(exercise.check, exercise.stub))
    expect_none(_check_rules.accepts(exercise, _course.answers(lesson).ODD[name][:1]))


@pytest.mark.slow
@each_exercise
def test_wrong_answers_are_refused(exercise, lesson, name):
    expect_none(_check_rules.refuses(exercise, _course.answers(lesson).WRONG[name][::3]))


def test_answers_are_for_exercises_of_their_lesson():
    for lesson in _course.LESSONS:
        names = {exercise.name for exercise in rules.exercises(_course.text(lesson))}
        answers = _course.answers(lesson)
        assert set(answers.WRONG) | set(answers.ODD) | set(getattr(answers, "EQUIVALENT", {})) <= names, lesson.name
