"""The grader's verdict on an answer is the one that the notebook's check gives: for all exercises of the course."""

import inspect
from unittest import mock

import _check_rules
import _course
import _legacy
import pytest

from course_utils.exercises import isolation, search
from tools.grading import judge, slice
from tools.sandbox import contained, walls

pytestmark = [pytest.mark.slow, *_legacy.KNOWN, *_legacy.ignoring(".*must run observer")]
each_exercise = pytest.mark.parametrize(("lesson", "name"), _check_rules.EXERCISES + _check_rules.SPEAKING)
PATIENT = contained.Limits(call=60.0, seconds=200.0)
AROUND = next(filter(walls.ready, ("bubblewrap", "docker", "podman")), "")
# Callbacks, shared memory, classes of a check, modules, int8, texts: one lesson for each way to carry.
COMPARED = ("students", "torchao", "audit", "choosing", "decoding")


def graded(lesson, name, cells):
    part = slice.needed(slice.Submission(cells), name)
    return judge.judge(lesson, name, part, walls=AROUND, limits=PATIENT)


@each_exercise
def test_the_solution_passes(lesson, name):
    cells = [(f"cell {n}", c.source) for n, c in enumerate(_course.text(lesson).cells) if c.cell_type == "code"]
    row = graded(lesson, name, [*cells, ("mine", f"{name} = {name}_solution")])
    assert row.status == "passed", row


WRONG = [
    pytest.param(lesson, name, answer, id=f"{lesson.name}-{name}")
    for lesson, name in (exercise.values for exercise in _check_rules.EXERCISES)
    if lesson.name in COMPARED and not judge.check_of(lesson, name).trust
    for answer in _course.answers(lesson).WRONG[name][:1]
    if inspect.isfunction(answer) and "<" not in answer.__qualname__  # else it has no text of its own
]


@pytest.mark.parametrize(("lesson", "name", "answer"), WRONG)
def test_the_verdict_is_that_of_the_check(lesson, name, answer):
    check = _check_rules.load(_course.text(lesson), name).check
    patient = mock.patch.multiple(isolation, CALL_SECONDS=100.0, JUDGE_SECONDS=200.0)  # here the clock decides nothing
    with patient, mock.patch.multiple(search, INPUTS=20, SEARCH_SECONDS=150.0):
        expected = check(answer)
        text = lesson.source.with_name("answers.py").read_text(encoding="utf-8")
        row = graded(lesson, name, [("cell 1", text), ("cell 2", f"{name} = {answer.__name__}")])
    assert (row.status, row.message, row.hint) == (expected.status, expected.message, expected.hint)
    assert row.facts == expected.facts
