"""The grader's verdict on an answer is the one that the notebook's check gives: for all exercises of the course."""

from unittest import mock

import _check_rules
import _course
import _legacy
import pytest

from course_utils.checks import isolation
from tools.grading import judge, slice
from tools.sandbox import contained, walls

pytestmark = [pytest.mark.slow, *_legacy.KNOWN, *_legacy.ignoring(".*must run observer")]
each_exercise = pytest.mark.parametrize(("lesson", "name"), _check_rules.EXERCISES)
PATIENT = contained.Limits(seconds=300.0)
AROUND = next(filter(walls.ready, ("bubblewrap", "docker", "podman")), "")
# Modules, int8, masks, callbacks, numbers.
LESSONS = ("prune_module", "static", "ticket", "lightning_qat", "weight_only")
COMPARED = [one for one in _check_rules.EXERCISES if one.values[0].name in LESSONS]


def graded(lesson, name, cells):
    part = slice.needed(slice.Submission(cells), name)
    return judge.judge(lesson, name, part, walls=AROUND, limits=PATIENT)


@each_exercise
def test_the_solution_passes(lesson, name):
    cells = [(f"cell {n}", c.source) for n, c in enumerate(_course.text(lesson).cells) if c.cell_type == "code"]
    row = graded(lesson, name, [*cells, ("mine", f"{name} = {name}_solution")])
    assert row.status == "passed", row


@pytest.mark.parametrize(("lesson", "name"), COMPARED)
def test_the_verdict_is_that_of_the_check(lesson, name, tmp_path):
    exercise = _check_rules.load(_course.text(lesson), name)
    wrong, (old, new) = next(iter(_course.answers(lesson).WRONG[name].items()))
    source = exercise.source.replace(old, new)
    path = tmp_path / "answer.py"  # a verdict shows lines of the answer, so they must stand in a file
    exercise.check.refused = 0  # as if nobody had tried it
    path.write_text(source, encoding="utf-8")
    own = dict(exercise.space)
    exec(compile(source, str(path), "exec"), own)
    patient = mock.patch.multiple(isolation, CALL_SECONDS=100.0, JUDGE_SECONDS=200.0)  # here the clock decides nothing
    with patient:
        expected = exercise.check(own[f"{name}_solution"])
    cells = [(f"cell {n}", c.source) for n, c in enumerate(_course.text(lesson).cells) if c.cell_type == "code"]
    row = graded(lesson, name, [*cells, ("mine", f"{source}\n{name} = {name}_solution")])
    assert expected.status == "not yet", wrong
    assert (row.status, row.message, row.hint) == (expected.status, expected.message, expected.hint), wrong
    assert row.facts == expected.facts and len(row.facts) > 1
