"""Pages made of front matter: README, overview, glossary and documents are up to date; a track holds its needs."""

import shutil

import _course
import pytest
from _course import expect_none

from course import command
from course_utils.files import ROOT
from tools.environment import curriculum
from tools.publishing import lessons, pages

TRACKS = curriculum.tracks()


@pytest.fixture
def root(tmp_path):
    """A copy of the course without its notebooks, with every page up to date."""
    for name in (pages.README, pages.GLOSSARY, *pages.LINKED):
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


def test_every_page_is_up_to_date():
    expect_none([f"{name} is not what the build would write: {command('build')}" for name, _ in pages.stale(ROOT)])


def test_the_glossary_has_the_terms_of_every_lesson_and_no_others():
    defined = {match["term"] for match in pages.TERM.finditer((ROOT / pages.GLOSSARY).read_text(encoding="utf-8"))}
    named = [(term, one.name) for one in _course.LESSONS for term in lessons.front_matter(one).get("terms", [])]
    terms = [term for term, _ in named]
    expect_none(
        [f"{name}: the term {term!r} is not in {pages.GLOSSARY}" for term, name in named if term not in defined]
        + [f"{pages.GLOSSARY}: no lesson has {term!r} among its terms" for term in sorted(defined - set(terms))]
        + [f"{term!r} is a term of more than one lesson" for term in sorted(set(terms)) if terms.count(term) > 1]
    )


@pytest.mark.parametrize("track", TRACKS, ids=lambda track: track.title)
def test_a_track_has_all_that_its_lessons_need(track):
    names = {lesson.name for lesson in track.lessons}
    needed = {(need, one.name) for one in track.lessons for need in lessons.front_matter(one).get("needs", [])}
    expect_none([f"{track.title}: {name} needs {need}" for need, name in sorted(needed) if need not in names])


def test_a_changed_promise_is_written_into_the_pages_that_show_it(root):
    edit(root / "lessons" / "qat" / "lesson.py", "You will train a network", "You will teach a network")
    assert pages.refresh(root) == ["README.md", "notebooks/overview.ipynb"] and pages.stale(root) == []
    assert "| teach a network" in lessons.read_published(root / "notebooks" / lessons.OVERVIEW).cells[0].source


def test_a_document_takes_the_name_of_a_lesson_and_its_links_stay_right(root):
    page = root / "docs" / "symptoms.md"
    link = "[7.4 Rounding that repairs its errors](../notebooks/7_language/4_gptq.ipynb)"
    right = page.read_text(encoding="utf-8")
    for wrong in ("[[gptq]]", link.replace("7.4 Rounding", "7.1 Before"), link.replace("7_language/4", "6_language/1")):
        edit(page, link, wrong)
        assert pages.refresh(root) == ["docs/symptoms.md"] and page.read_text(encoding="utf-8") == right
    edit(page, link, "[[no_lesson]]")
    with pytest.raises(LookupError, match=r"symptoms\.md: \[\[no_lesson\]\]: no lesson is called"):
        pages.refresh(root)
