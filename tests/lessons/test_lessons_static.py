"""What can be said of every lesson and its published notebook without running anything."""

import functools

import _course
import pytest
import rules
from _course import expect_none

from course import command
from course_utils.files import ROOT
from course_utils.scorecard import claims
from tools import build
from tools.publishing import inputs, lessons

each_lesson = pytest.mark.parametrize("lesson", _course.LESSONS, ids=_course.IDS)
of_the_form = pytest.mark.parametrize(
    "lesson", [pytest.param(one, id=one.name) for one in _course.LESSONS if one.name not in _course.OLD_FORM]
)
LIBRARY = sorted((ROOT / "course_utils").rglob("*.py"))
RULES = [
    rules.slides,
    rules.tags_known,
    rules.rhythm,
    rules.runs_anywhere,
    rules.names,
    rules.exercise_parts,
    rules.exercise_code,
    rules.figures,
]
PAGE_RULES = [rules.open_cells, rules.questions_have_answers, rules.answers_wait, rules.page_without_slides]
FORM_RULES = [
    rules.order,
    rules.boxes_confirm,
    rules.try_it,
    rules.card,
    rules.notes,
    rules.holds_on_any_laptop,
    rules.visible_names,
]
UNIT_RULES = [rules.one_sitting, rules.cells_with_company, rules.timed_notes]
FILES = {"lesson.py", "checks.py", "claims.toml", "answers.py"}


def test_there_are_lessons():
    assert _course.LESSONS, "lessons/course.toml names no lesson"


def test_every_folder_of_a_lesson_is_in_the_course_and_whole():
    there = {
        path.name: {file.name for file in path.iterdir()} for path in (ROOT / "lessons").iterdir() if path.is_dir()
    }
    there.pop("__pycache__", None)
    assert set(there) == set(_course.IDS), "lessons/course.toml and the folders of lessons/ differ"
    lacking = {name: sorted(FILES - files) for name, files in there.items() if not FILES <= files}
    assert lacking == {}, "files that these lessons lack"


def test_no_notebook_without_a_lesson():
    wanted = {lesson.notebook for lesson in _course.LESSONS} | {lessons.NOTEBOOKS / "overview.ipynb"}
    assert set(lessons.NOTEBOOKS.rglob("*.ipynb")) <= wanted


@each_lesson
def test_front_matter(lesson):
    expect_none(rules.front_matter(_course.text(lesson), known=_course.IDS))


@each_lesson
@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_lesson(lesson, rule):
    expect_none(rule(_course.text(lesson)))


def test_the_list_of_old_lessons_only_shrinks():
    assert set(_course.OLD_FORM) <= set(_course.IDS), "lessons/course.toml lists as old_form what is no lesson"
    renewed = [
        one.name for one in _course.LESSONS if one.name in _course.OLD_FORM and not rules.order(_course.text(one))
    ]
    assert not renewed, f"these have the new form; take them off old_form in lessons/course.toml: {renewed}"


@each_lesson
def test_parts(lesson):
    expect_none(rules.parts(_course.text(lesson), old_form=lesson.name in _course.OLD_FORM))


@of_the_form
@pytest.mark.parametrize("rule", FORM_RULES, ids=lambda rule: rule.__name__)
def test_lesson_that_is_finished(lesson, rule):
    expect_none(rule(_course.text(lesson)))


@of_the_form
def test_core_is_short_enough_to_be_finished(lesson):
    expect_none(rules.sizes(lesson))


@each_lesson
@pytest.mark.parametrize("rule", UNIT_RULES, ids=lambda rule: rule.__name__)
def test_lesson_in_the_form_of_a_unit(lesson, rule):
    expect_none(rule(_course.text(lesson)))


@pytest.mark.parametrize("rule", PAGE_RULES, ids=lambda rule: rule.__name__)
@pytest.mark.parametrize(
    "lesson",
    [pytest.param(one, id=one.name) for one in _course.LESSONS if rules.in_the_form(_course.text(one))],
)
def test_lesson_that_teaches_alone(lesson, rule):
    expect_none(rule(_course.text(lesson)))


@each_lesson
def test_warnings_are_ignored_by_message_only(lesson):
    faults = [
        f"cell {n}, {fault}"
        for n, text in rules.code_text(_course.text(lesson))
        for fault in rules.wholesale_filters(text)
    ]
    expect_none(faults)


@each_lesson
def test_deprecated_symbols_are_on_the_list(lesson):
    expect_none(rules.deprecated(_course.text(lesson), _course.deprecated_symbols(), name=lesson.name))


@each_lesson
def test_claims_and_records_agree(lesson):
    known = {name: claim for name, claim in claims.read(lesson.name).items() if claim.evidence != "cited"}
    assert known, f"lessons/{lesson.name}/claims.toml has no claims"
    expressions = [(name, claim.value) for name, claim in known.items() if claim.value]
    expect_none(rules.claim_records(_course.text(lesson), known, expressions))


@each_lesson
def test_notebook_is_in_step_and_was_published(lesson):
    assert build.faults(lesson) == [], command("build", lesson.name)
    assert build.is_published(lesson), command("build", "--publish", lesson.name)


@each_lesson
def test_outputs_of_the_notebook(lesson):
    assert lesson.notebook.exists(), f"never built: {command('build', lesson.name)}"
    expect_none(rules.outputs(_course.published(lesson)))


@each_lesson
def test_numbers_said_of_the_run_are_those_of_the_run(lesson):
    expect_none(rules.numbers_of_the_run(_course.published(lesson)))


@functools.cache
def _records():
    """Name of a notebook -> the records that its published run read."""
    known = {one: _course.published(one).metadata.get(inputs.KEY, {}) for one in _course.LESSONS}
    return {one.notebook.stem: inputs.records_read(known[one], ROOT) for one in known}


@each_lesson
def test_numbers_said_of_a_record_are_in_it(lesson):
    records = {**_records(), "": _records()[lesson.notebook.stem]}
    expect_none(rules.numbers_of_the_record(_course.published(lesson), records))


@each_lesson
def test_notebook_is_small(lesson):
    expect_none(rules.small_enough(lesson.notebook))


@pytest.mark.parametrize("path", LIBRARY, ids=lambda path: path.relative_to(ROOT).as_posix())
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
