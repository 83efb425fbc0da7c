"""Every task of every lesson: the solution and the right versions pass, each wrong one gets its own sentence."""

import importlib

import _course
import pytest

WITH_TASKS = [lesson for lesson in _course.LESSONS if lesson.source.with_name("tasks.py").exists()]


@pytest.mark.parametrize("lesson", WITH_TASKS, ids=lambda lesson: lesson.name)
def test_the_tasks_of_a_lesson_judge_what_is_known_as_they_should(lesson):
    module = importlib.import_module(f"lessons.{lesson.name}.tasks")
    assert module.page.tasks
    for name, task in module.page.tasks.items():
        assert getattr(module, name) is task
        assert task.faults() == [], f"lessons/{lesson.name}/tasks.py, {name}"
