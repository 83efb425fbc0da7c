"""Checks whose reference speaks accept what is right, refuse each slip of the reference, and withstand the rest."""

import _check_rules
import _course
import _legacy
import pytest
import rules
from _course import expect_none

# An answer may call what the lessons on int8 teach about; its deprecation is not the answer's mistake.
pytestmark = [*_legacy.KNOWN, *_legacy.ignoring(".*must run observer")]
each_exercise = pytest.mark.parametrize(("lesson", "name"), _check_rules.EXERCISES)
SHARES = 8  # each check meets an eighth of the hostile answers, and all checks meet all


@pytest.fixture
def exercise(lesson, name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # a slip of a reference may write a file somewhere else
    return _check_rules.load(_course.text(lesson), name)


@pytest.fixture
def answers(lesson, name):
    """The odd, the wrong and the equivalent ones of an exercise."""
    module = _course.answers(lesson)
    return [getattr(module, table, {}).get(name, []) for table in ("ODD", "WRONG", "EQUIVALENT")]


@each_exercise
def test_the_stub_is_not_done_and_odd_answers_pass(exercise, answers):
    """And so does the solution, says test_grade_lessons."""
    expect_none(_check_rules.stub_is_not_done(exercise.check, exercise.stub))
    expect_none(_check_rules.accepts(exercise.check, answers[0]))


@each_exercise
def test_what_people_write_wrongly_is_refused(exercise, answers, name):
    patches = dict(answers[1])
    expect_none(
        _check_rules.refuses_patched(exercise.check, exercise.source, f"{name}_solution", exercise.space, patches)
    )


@pytest.mark.slow
@each_exercise
def test_every_slip_of_the_reference_is_refused(exercise, answers):
    expect_none(_check_rules.mutants_are_refused(exercise.check, dict(answers[2])))


@pytest.mark.slow
@each_exercise
def test_every_idea_is_reached(exercise):
    expect_none(_check_rules.ideas_are_reached(exercise.check))


@pytest.mark.slow
@each_exercise
def test_hostile_answers_are_refused_in_a_verdict(exercise, lesson, name):
    share = [known.values for known in _check_rules.EXERCISES].index((lesson, name)) % SHARES
    expect_none(_check_rules.withstands(exercise.check, SHARES, share))


def test_answers_are_for_exercises_of_their_lesson():
    for lesson in {known.values[0] for known in _check_rules.EXERCISES}:
        names = {exercise.name for exercise in rules.exercises(_course.text(lesson))}
        answers = _course.answers(lesson)
        assert set(answers.WRONG) | set(answers.ODD) | set(getattr(answers, "EQUIVALENT", {})) <= names, lesson.name
