"""Every lesson in quick mode, offline, from an empty folder, in ways that nobody plans for."""

import _course
import _quick
import pytest
from _course import expect_none

pytestmark = pytest.mark.slow
each_lesson = pytest.mark.parametrize("lesson", _course.LESSONS, ids=_course.IDS)


@each_lesson
def test_cells_run_twice_and_in_any_order(lesson, tmp_path):
    expect_none(_quick.twice_then_shuffled(_course.text(lesson), tmp_path, title=lesson.name))


@each_lesson
def test_runs_without_solutions_after_a_kernel_was_killed(lesson, tmp_path):
    expect_none(_quick.killed_then_without_solutions(_course.text(lesson), tmp_path, title=lesson.name))
