"""Every check accepts right answers, usual or not, and tells each wrong one what its mistake is."""

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
def test_untouched_stub_is_not_done_yet(exercise):
    expect_none(_check_rules.stub_is_not_done(exercise))


@each_exercise
def test_solution_and_odd_answers_pass(exercise, lesson, name):
    expect_none(_check_rules.accepts(exercise, _course.answers(lesson).ODD.get(name, [])))


@each_exercise
def test_the_examples_of_the_stub_are_tried(exercise):
    expect_none(_check_rules.examples_are_tried(exercise))


@each_exercise
def test_every_world_of_an_investigation_has_its_mistake(exercise, lesson, name):
    expect_none(_check_rules.worlds_are_decisive(exercise, _course.answers(lesson).WRONG.get(name, [])))


@pytest.mark.slow
@each_exercise
def test_each_wrong_answer_gets_its_own_hint(exercise, lesson, name):
    expect_none(_check_rules.rejects(exercise, _course.answers(lesson).WRONG.get(name, [])))


@pytest.mark.parametrize("lesson", _course.LESSONS, ids=_course.IDS)
def test_answers_are_for_exercises_of_the_lesson(lesson):
    names = {exercise.name for exercise in rules.exercises(_course.text(lesson))}
    silent = {name for name in names if not _course.speaks(lesson, name)}
    answers = _course.answers(lesson)
    assert silent <= set(answers.WRONG) <= names and silent <= set(answers.ODD) <= names
    assert set(getattr(answers, "EQUIVALENT", {})) <= names
