"""Pages made from the front matter: README, timetable, overview and glossary are in step; a way holds its needs."""

import json
import shutil
import tomllib

import _course
import pytest
from _course import expect_none

from course import command
from course_utils import syllabus
from course_utils.files import ROOT
from tools import new
from tools.publishing import course as course
from tools.publishing import lessons, pages

EVENING = 180
FIRST = "measuring"  # says how a lesson works, so it begins each way
WAYS = tomllib.loads((ROOT / "lessons" / "course.toml").read_text(encoding="utf-8"))["way"]
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


def test_the_timetable_adds_up(root):
    text = (root / "docs" / "instructors.md").read_text(encoding="utf-8")
    total = sum(course.front_matter(lesson)["minutes"] for lesson in syllabus.lessons(root).values())
    assert f"all | {total // 60} h {total % 60} min |".replace(" 0 min", "") in text.replace(" 0 min", "")
    assert all(f"](../notebooks/{lesson.place})" in text for lesson in _course.LESSONS)


def test_the_overview_says_how_to_begin_anew_and_where_help_is(root):
    assert "begin a lesson anew" in overview(root) and "workspace/" in overview(root) and "doctor" in overview(root)


def test_the_overview_begins_with_the_course_and_its_ways(root):
    text = overview(root)
    ways = course.ways(root)
    assert f"all {len(ways[-1].lessons)} lessons" in text and f"the\nshortest is *{ways[0].title}*" in text
    places = [text.find(words) for words in ("The course makes", "A *way* picks", "## Ways", "## 1 · ", "## Help")]
    assert places == sorted(places) and places[0] > 0


def test_a_course_without_ways_says_nothing_of_them(tmp_path):
    _course.make_root(tmp_path, bare="# ---\n# jupyter:\n#   course: {seconds: 2}\n# ---\n")
    assert pages.introduction(course.ways(tmp_path)) == pages.INTRODUCTION


def test_the_overview_is_the_same_bytes_every_time(root):
    path = root / "notebooks" / lessons.OVERVIEW
    before = path.read_bytes()
    path.unlink()
    assert pages.refresh(root) == [f"notebooks/{lessons.OVERVIEW}"]
    assert path.read_bytes() == before
    ids = [cell["id"] for cell in json.loads(before)["cells"]]
    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize("way", course.ways(), ids=lambda way: way.title)
def test_a_way_has_all_that_its_lessons_need_and_its_minutes_add_up(way):
    names = {lesson.name for lesson in way.lessons}
    lacking = {lesson.name: set(course.needed(lesson)) - names for lesson in way.lessons}
    assert not any(lacking.values()), lacking
    assert way.minutes == sum(course.front_matter(lesson)["minutes"] for lesson in way.lessons)
    assert list(way.lessons) == [lesson for lesson in _course.LESSONS if lesson in way.lessons]


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way["title"])
def test_a_way_says_what_it_brings_and_no_lesson_is_on_it_for_the_sake_of_what_is_folded(way):
    """A lesson is on a way as a wish, or because the core of a later one names it, and not for a *Deeper*."""
    lessons = next(found.lessons for found in course.ways() if found.title == way["title"])
    named = [set(syllabus.REFERENCE.findall(core(lesson))) for lesson in lessons]
    idle = [
        lesson.name
        for nth, lesson in enumerate(lessons)
        if lesson.name not in [*way["wishes"], FIRST] and lesson.name not in set().union(*named[nth + 1 :])
    ]
    assert not idle, f"needs of this way that its later lessons name only under Deeper, or nowhere: {idle}"
    assert way["brings"][0].islower() and way["brings"][-1] not in ".!", "the end of a sentence: You can …"
    assert f"| {way['title']} | {way['brings']} | " in course.ways_table()


def core(lesson):
    """What a learner reads of a lesson's text and code before Deeper."""
    text = lesson.source.read_text(encoding="utf-8")
    return "\n".join(body for _, body, deeper in course.cells(text) if not deeper)


def test_one_evening_is_three_hours_at_most_and_takes_a_technique_along():
    evening, *_, whole = course.ways()
    assert evening.title == "One evening" and evening.minutes <= EVENING
    assert {lesson.part for lesson in evening.lessons} > {"measuring"}
    assert list(whole.lessons) == _course.LESSONS


def test_an_evening_leaves_out_a_wish_that_passes_its_minutes_and_takes_the_next(tmp_path):
    text = "# ---\n# jupyter:\n#   course: {{promise: P, minutes: {}, seconds: 1, needs: [{}], goals: [G]}}\n# ---\n"
    _course.make_root(
        tmp_path,
        base=text.format(50, ""),
        long=text.format(120, "base"),
        needy=text.format(20, "long"),
        last=text.format(40, "base"),
    )
    with (tmp_path / "lessons" / "course.toml").open("a") as file:
        file.write('[[way]]\ntitle = "W"\nminutes = 100\nwishes = ["needy", "last"]\n')
    way, whole = course.ways(tmp_path)
    assert [lesson.name for lesson in way.lessons] == ["base", "last"] and way.minutes == 90
    assert whole.minutes == 230


def test_a_changed_promise_is_a_fault_of_the_pages_that_show_it_and_is_mended(root):
    edit(root / "lessons" / "qat" / "lesson.py", "You will train a network", "You will teach a network")
    assert pages.faults(root) == [
        f"README.md is out of step: run {command('build')}",
        f"notebooks/overview.ipynb is out of step: run {command('build')}",
    ]
    assert pages.refresh(root) == ["README.md", "notebooks/overview.ipynb"]
    assert pages.faults(root) == [] and "You will teach a network" in overview(root)


def test_other_running_time_is_a_fault_of_the_timetable_alone(root):
    minutes = course.front_matter(syllabus.lessons(root)["qat"])["minutes"]  # as worked out: the same ones as before
    edit(root / "lessons" / "qat" / "lesson.py", "#     seconds: ", f"#     minutes: {minutes}\n#     seconds: 1")
    assert pages.faults(root) == [f"docs/instructors.md is out of step: run {command('build')}"]


def test_a_block_that_was_taken_out_is_a_fault(root):
    edit(root / "README.md", "<!-- ways: made by course.py build -->", "")
    (fault,) = pages.faults(root)
    assert fault.startswith("README.md has no place for the ways: put back the lines")


def test_what_stands_around_the_blocks_stays(root):
    readme = root / "README.md"
    edit(readme, "## For whom", "## For whom it is")
    edit(root / "lessons" / "qat" / "lesson.py", "#     seconds: ", "#     seconds: 1")
    pages.refresh(root)
    assert "## For whom it is" in readme.read_text(encoding="utf-8") and pages.faults(root) == []


def test_a_new_lesson_is_missed_by_the_pages_and_by_the_glossary(root):
    made = new.make("sparse_attention", "Sparse attention", part="pruning", root=root)
    assert {fault.partition(" ")[0] for fault in pages.faults(root)} >= {"README.md", "docs/instructors.md"}
    assert pages.term_faults(root) == []
    edit(made.source, "terms: []", "terms: [attention head]")
    assert pages.term_faults(root) == ["sparse_attention: the term 'attention head' is not in docs/glossary.md"]
    pages.refresh(root)
    assert f"| {made.number} | [Sparse attention]" in (root / "README.md").read_text(encoding="utf-8")
    assert pages.faults(root) == []


def test_a_lesson_that_has_no_promise_yet_can_be_built(tmp_path):
    _course.make_root(tmp_path, bare="# ---\n# jupyter:\n#   course: {seconds: 2}\n# ---\n")
    pages.refresh(tmp_path)
    assert "| 1.1 | [The lesson bare](1_first/1_bare.ipynb) |" in overview(tmp_path)


def test_the_last_entry_of_the_glossary_gets_its_link_once(root):
    glossary = root / "docs" / "glossary.md"
    glossary.write_text(glossary.read_text(encoding="utf-8").rstrip() + "\n", encoding="utf-8")
    pages.refresh(root)
    once = glossary.read_text(encoding="utf-8")
    pages.refresh(root)
    assert glossary.read_text(encoding="utf-8") == once and once.count("**zero point**") == 1
    assert once.rpartition("**zero point**")[2].count("](") == 1


def test_a_term_that_no_lesson_or_two_explain_is_a_fault(root):
    edit(root / "docs" / "glossary.md", "**mask**", "**orphan**: a word.\n\n**mask**")
    edit(root / "lessons" / "ticket" / "lesson.py", "terms: [", "terms: [mask, ")
    assert pages.term_faults(root) == [
        "docs/glossary.md: no lesson has 'orphan' among its terms",
        "more than one lesson has 'mask' among its terms",
    ]
