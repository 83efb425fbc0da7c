"""Checks whose reference speaks accept what is right, refuse each slip of the reference, and withstand the rest."""

import _check_rules
import _course
import _legacy
import _speaking_rules as rules_
import pytest
from _course import expect_none

# An answer may call what the lessons on int8 teach about; its deprecation is not the answer's mistake.
pytestmark = [*_legacy.KNOWN, *_legacy.ignoring(".*must run observer")]
SPEAKING = _check_rules.SPEAKING
each_exercise = pytest.mark.parametrize(("lesson", "name"), SPEAKING)
SHARES = 4  # each check meets a quarter of the hostile answers, and all checks meet all


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
def test_the_stub_is_not_done_and_the_solution_and_odd_answers_pass(exercise, answers):
    expect_none(_check_rules.stub_is_not_done(exercise.check, exercise.stub))
    expect_none(rules_.accepts(exercise.check, [exercise.solution, *answers[0]]))
    expect_none(_check_rules.example_failures(exercise, exercise.solution))


@each_exercise
def test_what_people_write_wrongly_is_refused(exercise, answers, name):
    patches = dict(answers[1])
    expect_none(rules_.refuses_patched(exercise.check, exercise.source, f"{name}_solution", exercise.space, patches))


@each_exercise
def test_an_endless_answer_is_stopped_and_what_one_changes_is_put_back(exercise):
    expect_none(rules_.stops_an_endless_one(exercise.check) + rules_.puts_back(exercise.check))


@pytest.mark.slow
@each_exercise
def test_every_slip_of_the_reference_is_refused(exercise, answers):
    expect_none(rules_.mutants_are_refused(exercise.check, dict(answers[2])))


@pytest.mark.slow
@each_exercise
def test_every_idea_is_reached(exercise):
    expect_none(rules_.ideas_are_reached(exercise.check))


@pytest.mark.slow
@each_exercise
def test_hostile_answers_are_refused_in_a_verdict(exercise, lesson, name):
    share = [known.values for known in SPEAKING].index((lesson, name)) % SHARES
    expect_none(rules_.withstands(exercise.check, SHARES, share))
