"""The grader's verdict on an answer is the one that the notebook's check gives: for all exercises of the course."""

import inspect
from unittest import mock

import _check_rules
import _course
import _legacy
import pytest

from course_utils.exercises import isolation, search
from tools.grading import judge, slice
from tools.sandbox import contained

pytestmark = [pytest.mark.slow, *_legacy.KNOWN, *_legacy.ignoring(".*must run observer")]
each_exercise = pytest.mark.parametrize(("lesson", "name"), _check_rules.EXERCISES + _check_rules.SPEAKING)
PATIENT = contained.Limits(call=60.0, seconds=200.0)
# Callbacks, gradients, shared memory, classes of a check, modules, int8, texts: one lesson for each way to carry.
COMPARED = ("integers", "own_method", "qat", "distillation", "ticket", "torchao", "audit", "choosing", "decoding")
SEVERAL = 1  # wrong answers of an exercise that are compared


@pytest.fixture(scope="module")
def houses():
    with contained.House(PATIENT) as plain, contained.House(PATIENT, trust=True) as trusting:
        yield {False: plain, True: trusting}


def graded(houses, lesson, name, cells):
    part = slice.needed(slice.Submission(cells), name)
    return judge.judge(houses[bool(judge.check_of(lesson, name).needs.trust)], lesson, name, part)


@each_exercise
def test_the_solution_passes(houses, lesson, name):
    cells = [(f"cell {n}", c.source) for n, c in enumerate(_course.text(lesson).cells) if c.cell_type == "code"]
    row = graded(houses, lesson, name, [*cells, ("mine", f"{name} = {name}_solution")])
    assert row.status == "passed", row


@pytest.mark.parametrize(("lesson", "name"), [e for e in _check_rules.EXERCISES if e.values[0].name in COMPARED])
def test_the_stub_is_not_done(houses, lesson, name):
    cells = [(f"cell {n}", c.source) for n, c in enumerate(_course.text(lesson).cells) if c.cell_type == "code"]
    assert graded(houses, lesson, name, cells).status == "not done"


ANSWERS = [
    pytest.param(lesson, exercise.values[1], number, id=f"{lesson.name}-{exercise.values[1]}-{number}")
    for exercise in _check_rules.EXERCISES
    if (lesson := exercise.values[0]).name in COMPARED and not judge.check_of(lesson, exercise.values[1]).needs.trust
    for number in range(SEVERAL + 1)
]


@pytest.mark.parametrize(("lesson", "name", "number"), ANSWERS)
def test_the_verdict_is_that_of_the_check(houses, lesson, name, number):
    answers = _course.answers(lesson)
    wrong, odd = answers.WRONG[name], answers.ODD[name]
    answer = (wrong[:SEVERAL] + odd[:1])[number]
    if not inspect.isfunction(answer) or "<" in answer.__qualname__:
        pytest.skip("not run: it is made by another function, so it has no text of its own")
    check = _check_rules.load(_course.text(lesson), name).check
    patient = mock.patch.multiple(isolation, CALL_SECONDS=100.0, JUDGE_SECONDS=200.0)  # here the clock decides nothing
    with patient, mock.patch.multiple(search, INPUTS=20, SEARCH_SECONDS=150.0):
        expected = check(answer)
        text = lesson.source.with_name("answers.py").read_text(encoding="utf-8")
        row = graded(houses, lesson, name, [("cell 1", text), ("cell 2", f"{name} = {answer.__name__}")])
    assert (row.status, row.message, row.hint) == (expected.status, expected.message, expected.hint)
    assert row.facts == expected.facts
