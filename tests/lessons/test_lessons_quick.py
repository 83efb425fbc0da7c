"""Every lesson in quick mode, offline, from an empty folder, in ways that nobody plans for."""

import _course
import _quick
import pytest
from _course import expect_none

pytestmark = pytest.mark.slow
each_lesson = pytest.mark.parametrize("lesson", _course.LESSONS, ids=_course.IDS)


@each_lesson
def test_runs_in_ways_that_nobody_plans_for(lesson, tmp_path):
    expect_none(_quick.in_unplanned_ways(_course.text(lesson), tmp_path, title=lesson.name))
