"""What can be said of every lesson and its published notebook without running anything."""

import _course
import _lesson_rules as rules
import pytest
from _course import expect_none

from tools import _lessons

each_lesson = pytest.mark.parametrize("path", _course.LESSONS, ids=_course.IDS)
LIBRARY = sorted((_lessons.ROOT / "course_utils").rglob("*.py"))
RULES = [
    rules.parts,
    rules.slides,
    rules.tags_known,
    rules.rhythm,
    rules.runs_anywhere,
    rules.names,
    rules.exercise_parts,
    rules.exercise_code,
    rules.figures,
]
PUBLISHED_RULES = [rules.executed_in_order, rules.outputs]


def notebook(path):
    """The published notebook of a lesson; the test fails when there is none."""
    found = _course.published(path)
    assert found is not None, f"{path.stem} was never built: run 'python course.py build {path.stem[:2]}'"
    return found


def test_there_are_lessons():
    assert _course.LESSONS, "no file lessons/NN_topic.py"


def test_no_notebook_without_a_lesson():
    wanted = {_lessons.published(path).name for path in _course.LESSONS}
    assert {path.name for path in _lessons.NOTEBOOKS.glob("*.ipynb")} <= wanted


@each_lesson
def test_front_matter(path):
    expect_none(rules.front_matter(_course.lesson(path), number=path.stem[:2], known=_course.NUMBERS))


@each_lesson
@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_lesson(path, rule):
    expect_none(rule(_course.lesson(path)))


@each_lesson
def test_warnings_are_ignored_by_message_only(path):
    faults = [
        f"cell {n}, {fault}"
        for n, text in rules.code_text(_course.lesson(path))
        for fault in rules.wholesale_filters(text)
    ]
    expect_none(faults)


@each_lesson
def test_deprecated_symbols_are_on_the_list(path):
    expect_none(rules.deprecated(_course.lesson(path), _course.deprecated_symbols(), number=path.stem[:2]))


@each_lesson
def test_claims_and_records_agree(path):
    number = path.stem[:2]
    assert _course.claims(number), f"{_course.claims_file(number).name} has no claims"
    expect_none(rules.claim_records(_course.lesson(path), _course.claims(number)))


@each_lesson
def test_notebook_is_in_step(path):
    expect_none(rules.in_step(_course.lesson(path), notebook(path)))


@each_lesson
@pytest.mark.parametrize("rule", PUBLISHED_RULES, ids=lambda rule: rule.__name__)
def test_notebook(path, rule):
    expect_none(rule(notebook(path)))


@each_lesson
def test_notebook_is_small(path):
    notebook(path)
    expect_none(rules.small_enough(_lessons.published(path)))


@pytest.mark.parametrize("path", LIBRARY, ids=lambda path: path.relative_to(_lessons.ROOT).as_posix())
def test_library_ignores_warnings_by_message_only(path):
    expect_none(rules.wholesale_filters(path.read_text(encoding="utf-8")))


def test_library_uses_no_deprecated_symbol_off_the_list():
    used = rules.dotted_names([path.read_text(encoding="utf-8") for path in LIBRARY])
    faults = [
        f"{LIBRARY[index].name}: {name}"
        for index, name in used
        for entry in _course.deprecated_symbols()
        if f"{name}.".startswith(f"{entry['symbol']}.") and "course_utils" not in entry["lessons"]
    ]
    expect_none(faults)


def test_every_deprecated_symbol_has_a_reason():
    for entry in _course.deprecated_symbols():
        assert set(entry) == {"symbol", "reason", "lessons"} and len(entry["reason"]) > 10, entry
