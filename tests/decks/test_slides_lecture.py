"""The lecture over the whole course: what is tagged, in the order of the course, between a map and what to do next."""

import nbformat
import pytest
from _decks import code, drawing, markdown, note, printed, table

from course_utils import syllabus
from tools import slides
from tools.decks import deck, lecture
from tools.publishing import lessons as _lessons

COURSE = """
[[part]]
name = "first"
title = "First steps"
[part.lessons]
bits = "Bits & pieces"
[[part]]
name = "second"
title = "Further on"
[part.lessons]
bytes = "Bytes"
later = "Not built yet"
"""
IN = ["lecture"]
VIDEO = "A. Name, *How bits work*, [youtube.com/watch?v=1](https://www.youtube.com/watch?v=1)"
LAST = f"""## Remember

One thing.

**Recommended video**: {VIDEO}.

**Project ideas**: write the whole thing once more in integers and compare; count the bits that nobody reads;
draw.

**Credits**: the idea is B. Name's. Text CC BY 4.0, code MIT."""
OLD_LAST = f"""## Recommended videos

They help.

- {VIDEO}. By its author.

Project ideas: find the byte that nobody needs.

## Credits

After C. Name."""


def question(*answer):
    return [
        markdown("## 3. How long?\n\n**Predict.** How many times?", tags=IN, layout="split"),
        markdown("*For the lecturer, 3 min.* Vote.", "notes", IN),
        *answer,
    ]


ANSWER = [
    code("x", printed("4 times"), kind="fragment", tags=[*IN, "hide-input"]),
    markdown("**What you saw.** Four.", "-", IN),
]


@pytest.fixture
def course(tmp_path):
    """A course of three lessons, two of them built; gives a function that makes their notebooks."""
    (tmp_path / "lessons").mkdir()
    (tmp_path / "lessons" / "course.toml").write_text(COURSE, encoding="utf-8")
    (tmp_path / "README.md").write_text("# Bits in an hour\n\nText.\n", encoding="utf-8")
    known = syllabus.lessons(tmp_path)

    def make(first=(), second=()):
        for name, cells in (("bits", first), ("bytes", second)):
            nb = nbformat.v4.new_notebook(cells=list(cells), metadata={"course": {"name": name}})
            _lessons.write(nb, known[name].notebook)
        return list(known.values())

    return make


def headings(found):
    return [slide.heading.source for slide in found]


def test_its_first_slide_says_what_the_course_is(course):
    first = lecture.slides(course(question(*ANSWER)))[0]
    said = " ".join(cell.source for cell in first.head)
    assert "makes neural networks smaller" in said and "3 lessons in 2 parts, in one hour" in said


def test_it_holds_what_is_tagged_between_title_map_and_what_to_do_next(course):
    lessons = course(
        [markdown("# Bits"), *question(*ANSWER), markdown("## Left out"), markdown(LAST)],
        [markdown("## 1. Bytes\n\nText.", tags=IN), markdown(OLD_LAST)],
    )
    found = lecture.slides(lessons)
    assert headings(found) == [
        "# Bits in an hour",
        "## The course",
        "## How long?",
        "## Bytes",
        "## Project ideas",
        "## Recommended videos",
        "## Credits",
    ]
    assert len(found[2].notes) == 1 and len(found[2].fragments) == 1


def test_the_map_has_every_part_and_lesson_and_a_slide_says_where_it_is(course):
    lessons = course([markdown("## A", tags=IN)], [markdown("## B", tags=IN)])
    found = lecture.slides(lessons)
    shown = found[1].head[0].source
    for words in ("1. First steps", "2. Further on", "<b>1.1</b> Bits &amp; pieces", "<b>2.2</b> Not built yet"):
        assert words in shown
    assert "1.1 · Bits &amp; pieces" in found[2].foot and "2.1 · Bytes" in found[3].foot
    assert '<b>Further on</b><i class=""></i><i class="here"></i>' in found[3].foot
    assert "here" not in found[0].foot


def test_ideas_videos_and_credits_are_collected(course):
    lessons = course([markdown("## A", tags=IN), markdown(LAST)], [markdown(OLD_LAST)])
    ideas, videos, credits = lecture.slides(lessons)[-3:]
    assert (
        ideas.head[0].source == "- **1.1** Count the bits that nobody reads\n- **2.1** Find the byte that nobody needs"
    )
    assert "write the whole thing once more in integers and compare" in ideas.notes[0].source
    assert videos.head[0].source == f"- {VIDEO} (with 1.1, 2.1)"
    assert "**1.1** the idea is B. Name's." in credits.notes[0].source
    assert "**2.1** After C. Name." in credits.notes[0].source


def test_a_slide_without_a_heading_has_the_one_before_it(course):
    lessons = course(
        [markdown("### 2. A figure"), code("a", table(1, 1)), code("b", drawing(), kind="subslide", tags=IN)]
    )
    assert headings(lecture.slides(lessons))[2] == "## A figure"


def test_it_takes_an_hour_whatever_the_notes_say(course):
    long = markdown("*For the lecturer, 90 min.* Talk.", "notes", IN)
    lessons = course([markdown("## A", tags=IN), long, markdown("## B", tags=IN), note("*For the lecturer.* Old.")])
    seconds = [slide.seconds for slide in lecture.slides(lessons)]
    assert sum(seconds) == pytest.approx(3600, abs=len(seconds))
    assert seconds[2] == max(seconds) and min(seconds) > 0


def test_a_course_without_the_tag_is_told_so(course, monkeypatch, capsys):
    lessons = course([markdown("## A")])
    with pytest.raises(ValueError, match="no cell of these notebooks has the tag lecture"):
        lecture.slides(lessons)
    monkeypatch.setattr(_lessons, "select", lambda names: lessons)
    assert slides.main(["--lecture"]) == 1
    assert capsys.readouterr().out == "Not made: no cell of these notebooks has the tag lecture\n"


def test_the_task_writes_one_file(course, tmp_path, monkeypatch, capsys):
    lessons = course([markdown("## A", tags=IN)])
    monkeypatch.setattr(_lessons, "select", lambda names: lessons)
    monkeypatch.setattr(_lessons, "ROOT", tmp_path)
    monkeypatch.setattr(slides, "SLIDES", tmp_path / "slides")
    assert slides.main(["--lecture"]) == 0
    assert capsys.readouterr().out == "slides/lecture.html\n"
    assert [path.name for path in (tmp_path / "slides").glob("*.html")] == ["lecture.html"]


FAULTS = {
    "a vote (Predict) without an answer on its slide": question(),
    "an answer (What you saw) without an output": [markdown("## So\n\n**What you saw.** Four times.", tags=IN)],
    "46 slides, at most 45 in a lecture": [markdown(f"## {n}\n\nText.", tags=IN) for n in range(42)],
}


@pytest.mark.slow
@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_found(page, tmp_path, course, fault):
    found = seen(page, tmp_path, course([*question(*ANSWER), *FAULTS[fault]]))
    assert [line.removeprefix("slide 4: ") for line in [*found.faults, *found.form]] == [fault]


def seen(page, folder, lessons):
    about = {"title": "Bits in an hour", "kind": "lecture"}
    text = slides.to_html(lecture.slides(lessons), about, "")
    slides.copy_assets(folder / "assets")
    (folder / "lecture.html").write_text(text, encoding="utf-8")
    return deck.look(page, folder / "lecture.html")


def test_the_lessons_tag_no_more_than_an_hour_holds():
    assert len(lecture.slides(_lessons.select([]))) <= deck.MOST_IN_A_LECTURE


@pytest.mark.slow
def test_the_lecture_over_this_course_is_sound(page, tmp_path):
    found = seen(page, tmp_path, _lessons.select([]))
    assert found.faults == [] and found.form == []
    assert len(found.slides) <= deck.MOST_IN_A_LECTURE and found.minutes == pytest.approx(60, abs=1)
