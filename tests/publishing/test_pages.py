"""Pages made from the front matter: README, sessions, overview and glossary are in step; a way holds its needs."""

import shutil

import _course
import pytest
from _course import expect_none

from course import command
from course_utils.files import ROOT
from tools.environment import curriculum
from tools.publishing import course as course
from tools.publishing import lessons, pages

PAGES = ("README.md", "docs/instructors.md", "docs/glossary.md", "docs/symptoms.md")


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


def term_faults(root):
    """Say which term of a lesson the glossary lacks, and which of its terms no lesson, or more than one, introduces."""
    defined = [match["term"] for match in pages.TERM.finditer((root / pages.GLOSSARY).read_text(encoding="utf-8"))]
    named = [
        (term, name)
        for name, lesson in curriculum.lessons(root).items()
        for term in course.front_matter(lesson).get("terms", [])
    ]
    introduced = [term for term, _ in named]
    return (
        [f"{name}: the term {term!r} is not in {pages.GLOSSARY}" for term, name in named if term not in defined]
        + [f"{pages.GLOSSARY}: no lesson has {term!r} among its terms" for term in defined if term not in introduced]
        + [f"more than one lesson has {term!r} among its terms" for term in defined if introduced.count(term) > 1]
    )


def stale(root):
    """Names of the pages that are out of step."""
    return [name for name, _ in pages.stale(root)]


def test_every_page_is_in_step_and_has_a_place_for_what_the_build_makes():
    expect_none([f"{name} is out of step: {command('build')}" for name in stale(ROOT)])
    for name, blocks in pages.BLOCKS.items():
        assert {found[2] for found in pages.BLOCK.finditer((ROOT / name).read_text(encoding="utf-8"))} == set(blocks)


def test_the_glossary_has_the_terms_of_every_lesson_and_no_others():
    expect_none(term_faults(ROOT))


@pytest.mark.parametrize("way", course.ways(), ids=lambda way: way.title)
def test_a_way_has_all_that_its_lessons_need_and_its_minutes_add_up(way):
    names = {lesson.name for lesson in way.lessons}
    lacking = {lesson.name: set(course.needed(lesson)) - names for lesson in way.lessons}
    assert not any(lacking.values()), lacking
    assert way.minutes == sum(course.front_matter(lesson)["minutes"] for lesson in way.lessons)
    assert list(way.lessons) == [lesson for lesson in _course.LESSONS if lesson in way.lessons]


def test_every_lesson_but_the_last_is_of_the_day_or_an_elective():
    *ways, whole = course.ways()
    assert list(whole.lessons) == _course.LESSONS
    nowhere = set(whole.lessons) - {lesson for way in ways for lesson in way.lessons} - {whole.lessons[-1]}
    expect_none([f"{one.name} is in no way: name it in a [[way]] of lessons/course.toml" for one in nowhere])


@pytest.mark.parametrize("lacks", ['title = "The essentials"\n', 'wishes = ["formats", "training_memory"]\n'])
def test_a_way_that_lacks_a_key_is_said_in_words(root, lacks):
    edit(root / "lessons" / "course.toml", lacks, "")
    with pytest.raises(ValueError, match=r"a \[\[way\]\] needs title, and lessons or wishes; here are"):
        course.ways(root)


def test_a_changed_promise_is_a_fault_of_the_pages_that_show_it_and_is_mended(root):
    edit(root / "lessons" / "qat" / "lesson.py", "You will train a network", "You will teach a network")
    assert stale(root) == ["README.md", "notebooks/overview.ipynb"]
    assert pages.refresh(root) == ["README.md", "notebooks/overview.ipynb"]
    assert stale(root) == [] and "| teach a network" in overview(root)


def test_the_page_of_symptoms_takes_the_name_of_a_lesson_and_keeps_its_links_right(root):
    page = root / "docs" / "symptoms.md"
    link = "[7.4 Rounding that repairs its errors](../notebooks/7_language/4_gptq.ipynb)"
    right = page.read_text(encoding="utf-8")
    for wrong in ("[[gptq]]", link.replace("7.4 Rounding", "7.1 Before"), link.replace("7_language/4", "6_language/1")):
        edit(page, link, wrong)
        assert stale(root) == ["docs/symptoms.md"]
        assert pages.refresh(root) == ["docs/symptoms.md"] and page.read_text(encoding="utf-8") == right
    edit(page, link, "[[no_lesson]]")
    with pytest.raises(LookupError, match="no_lesson"):
        pages.refresh(root)
