"""Pages made from the front matter: README, timetable, overview and glossary are in step; a way holds its needs."""

import shutil

import _course
import pytest
from _course import expect_none

from course import command
from course_utils import syllabus
from course_utils.files import ROOT
from tools.publishing import course as course
from tools.publishing import lessons, pages

EVENING = 180
PAGES = ("README.md", "docs/instructors.md", "docs/glossary.md")


@pytest.fixture
def root(tmp_path):
    """A copy of the course without its notebooks, with every page in step."""
    for name in PAGES:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    for lesson in _course.LESSONS:
        (tmp_path / "lessons" / lesson.name).mkdir(parents=True)
        shutil.copy(lesson.source, tmp_path / "lessons" / lesson.name)
    shutil.copy(ROOT / "lessons" / "course.toml", tmp_path / "lessons")
    pages.refresh(tmp_path)
    return tmp_path


def edit(path, old, new):
    text = path.read_text(encoding="utf-8")
    assert text.count(old) >= 1, f"{old!r} is not in {path.name}"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def overview(root):
    """The text of the overview."""
    nb = lessons.read_published(root / "notebooks" / lessons.OVERVIEW)
    return "\n".join(cell.source for cell in nb.cells)


def test_every_page_is_in_step():
    expect_none(pages.faults(ROOT))


def test_the_glossary_has_the_terms_of_every_lesson_and_no_others():
    expect_none(pages.term_faults(ROOT))


def test_readme_and_overview_name_every_lesson_with_number_link_promise_and_minutes(root):
    for lesson in syllabus.lessons(root).values():
        said = course.front_matter(lesson)
        row = f"| {said['promise']} | {said['minutes']} min |"
        readme = (root / "README.md").read_text(encoding="utf-8")
        assert f"| {lesson.number} | [{lesson.title}](notebooks/{lesson.place}) {row}" in readme
        assert f"| {lesson.number} | [{lesson.title}]({lesson.place}) {row}" in overview(root)
        assert f"### {lesson.part_number} · {lesson.part_title}" in readme


@pytest.mark.parametrize("way", course.ways(), ids=lambda way: way.title)
def test_a_way_has_all_that_its_lessons_need_and_its_minutes_add_up(way):
    names = {lesson.name for lesson in way.lessons}
    lacking = {lesson.name: set(course.needed(lesson)) - names for lesson in way.lessons}
    assert not any(lacking.values()), lacking
    assert way.minutes == sum(course.front_matter(lesson)["minutes"] for lesson in way.lessons)
    assert list(way.lessons) == [lesson for lesson in _course.LESSONS if lesson in way.lessons]


def test_one_evening_is_three_hours_at_most_and_takes_a_technique_along():
    evening, *_, whole = course.ways()
    assert evening.title == "One evening" and evening.minutes <= EVENING
    assert {lesson.part for lesson in evening.lessons} > {"measuring"}
    assert list(whole.lessons) == _course.LESSONS


def test_a_changed_promise_is_a_fault_of_the_pages_that_show_it_and_is_mended(root):
    edit(root / "lessons" / "qat" / "lesson.py", "You will train a network", "You will teach a network")
    assert pages.faults(root) == [
        f"README.md is out of step: run {command('build')}",
        f"notebooks/overview.ipynb is out of step: run {command('build')}",
    ]
    assert pages.refresh(root) == ["README.md", "notebooks/overview.ipynb"]
    assert pages.faults(root) == [] and "You will teach a network" in overview(root)
