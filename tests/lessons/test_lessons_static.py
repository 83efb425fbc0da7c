"""What can be said of every lesson and its published notebook without running anything."""

import _course
import pytest
import rules
from _course import expect_none

from course import command
from course_utils import claims
from course_utils.files import ROOT
from tools import build, new
from tools.publishing import lessons, worksheets

each_lesson = pytest.mark.parametrize("lesson", _course.LESSONS, ids=_course.IDS)
RULES = [
    rules.cell_names,
    rules.tags_known,
    rules.runs_anywhere,
    rules.exercise_parts,
    rules.exercise_code,
    rules.order,
    rules.answers,
    rules.boxes_confirm,
    rules.try_it,
    rules.card,
    rules.deeper,
    rules.holds_on_any_laptop,
    rules.visible_names,
]
FILES = {"lesson.py", "deck.md", "checks.py", "claims.toml", "answers.py", "review.toml"}


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
    wanted |= {sheet.notebook for sheet in worksheets.ALL.values()}
    assert set(lessons.NOTEBOOKS.rglob("*.ipynb")) <= wanted


@each_lesson
def test_a_lesson_is_short_enough_and_keeps_the_rules(lesson):
    nb = _course.text(lesson)
    faults = [fault for rule in RULES for fault in rule(nb)]
    expect_none(faults + rules.front_matter(nb, known=_course.IDS) + rules.sizes(lesson))


@each_lesson
def test_a_notebook_is_in_step_and_was_published(lesson):
    assert lesson.notebook.exists(), f"never built: {command('build', lesson.name)}"
    publish = command("build", "--publish", lesson.name)
    mend = f"{publish}; where text alone has changed, {command('build')} without a name brings it up to date"
    assert build.faults(lesson) == [], mend
    assert build.is_published(lesson), f"built, but not published: {publish}"


@each_lesson
def test_a_notebook_shows_nothing_but_the_lesson(lesson):
    expect_none(rules.outputs(_course.published(lesson)) + rules.small_enough(lesson.notebook))


@each_lesson
def test_the_published_scorecard_has_every_claim(lesson):
    known = claims.read(lesson.name).values()
    assert any(claim.evidence != "cited" for claim in known), "nothing is measured"
    cell = rules.numbered(_course.published(lesson), kind="code", tag="scorecard")[-1][1]
    text = " ".join(" ".join(rules.output_text(output) for output in cell.outputs).split())
    missing = [claim.id for claim in known if " ".join(claim.statement.split()) not in text]
    assert not missing and "not run yet" not in text, f"the published scorecard does not show {missing}"


@each_lesson
def test_no_lesson_still_has_words_of_the_skeleton(lesson):
    files = [path for name in new.FILES if (path := lesson.source.with_name(name)).exists()]
    unfinished = [path.name for path in files if new.TO_WRITE in path.read_text(encoding="utf-8")]
    expect_none([f"lessons/{lesson.name}/{name} still says {new.TO_WRITE}" for name in unfinished])
