"""Every check accepts right answers, usual or not, and tells each wrong one what its mistake is."""

import importlib

import _check_rules
import _course
import _lesson_rules as rules
import pytest
from _course import expect_none

# An answer may call what lessons 03 to 06 teach about; its deprecation is not the answer's mistake.
pytestmark = [
    pytest.mark.filterwarnings(f"ignore:{message}")
    for message in (
        "torch.ao.quantization is deprecated",
        ".*reduce_range",
        ".*quantized tensor creation",
        ".*must run observer",
    )
]
EXERCISES = [
    pytest.param(path, exercise.name, id=f"{path.stem}-{exercise.name}")
    for path in _course.LESSONS
    for exercise in rules.exercises(_course.lesson(path))
]


def answers(path):
    """The module with wrong and odd answers of a lesson."""
    return importlib.import_module(f"answers.lesson_{path.stem[:2]}")


@pytest.fixture
def exercise(path, name):
    return _check_rules.load(_course.lesson(path), name)


@pytest.mark.parametrize(("path", "name"), EXERCISES)
def test_untouched_stub_is_not_done_yet(exercise):
    expect_none(_check_rules.stub_is_not_done(exercise))


@pytest.mark.parametrize(("path", "name"), EXERCISES)
def test_solution_and_odd_answers_pass(exercise, path, name):
    expect_none(_check_rules.accepts(exercise, answers(path).ODD.get(name, [])))


@pytest.mark.parametrize(("path", "name"), EXERCISES)
def test_each_wrong_answer_gets_its_own_hint(exercise, path, name):
    expect_none(_check_rules.rejects(exercise, answers(path).WRONG.get(name, [])))


@pytest.mark.parametrize(("path", "name"), EXERCISES)
def test_broken_answers_get_an_explanation(exercise):
    expect_none(_check_rules.survives(exercise))


@pytest.mark.parametrize("path", _course.LESSONS, ids=_course.IDS)
def test_answers_are_for_exercises_of_the_lesson(path):
    names = {exercise.name for exercise in rules.exercises(_course.lesson(path))}
    assert set(answers(path).WRONG) == set(answers(path).ODD) == names
