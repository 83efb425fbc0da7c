"""What can be said of every lesson and its published notebook without running anything."""

import _course
import pytest
import rules
from _course import expect_none

from course import command
from course_utils import claims
from course_utils.files import ROOT
from tools.publishing import lessons, staleness, worksheets

each_lesson = pytest.mark.parametrize("lesson", _course.LESSONS, ids=_course.IDS)
RULES = [rules.cells, rules.tasks, rules.answers, rules.visible_names]
MAX_BYTES = 1_000_000  # GitHub shows no larger notebook


def test_every_folder_of_a_lesson_is_in_the_course_and_has_a_page():
    folders = {path.name for path in (ROOT / "lessons").iterdir() if path.is_dir() and path.name[0] not in "._"}
    assert folders == set(_course.IDS), "lessons/course.toml and the folders of lessons/ differ"
    expect_none([f"lessons/{one.name}/lesson.py is missing" for one in _course.LESSONS if not one.source.exists()])


def test_no_notebook_without_a_lesson():
    wanted = {lesson.notebook for lesson in _course.LESSONS} | {lessons.NOTEBOOKS / lessons.OVERVIEW}
    wanted |= {sheet.notebook for sheet in worksheets.ALL.values()}
    expect_none([f"{path}: no lesson gives it; delete it" for path in set(lessons.NOTEBOOKS.rglob("*.ipynb")) - wanted])


@each_lesson
def test_a_lesson_keeps_the_rules(lesson):
    nb = _course.text(lesson)
    expect_none([fault for rule in RULES for fault in rule(nb)] + rules.front_matter(nb, known=_course.IDS))


@pytest.mark.parametrize("page", [*_course.LESSONS, *worksheets.ALL.values()], ids=lambda page: page.name)
def test_a_notebook_is_up_to_date(page):
    expect_none([f"{fault}. Type: {command('build', page.name)}" for fault in staleness.faults(page)])


@each_lesson
def test_a_notebook_shows_nothing_but_the_lesson(lesson):
    expect_none(rules.outputs(_course.published(lesson) or pytest.skip("not built yet")))
    assert lesson.notebook.stat().st_size < MAX_BYTES, "GitHub shows no notebook of over 1 MB"


@each_lesson
def test_the_published_scorecard_has_every_claim(lesson):
    nb = _course.published(lesson) or pytest.skip("not built yet")
    cells = rules.numbered(nb, kind="code", tag="scorecard")
    text = " ".join(" ".join(rules.output_text(output) for _, cell in cells for output in cell.outputs).split())
    known = claims.read(lesson.name).values()
    missing = [claim.id for claim in known if " ".join(claim.statement.split()) not in text]
    assert not missing and "not run yet" not in text, f"the published scorecard does not show {missing}"
