"""Talks: slides of lessons and slides of their own, in the order of a script; and the two talks of this course."""

import nbformat
import pytest
from _decks import code, drawing, markdown, printed, table

from course_utils import syllabus
from tools import slides
from tools.decks import deck, talk
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
NOTE = "*For the lecturer, 3 min.* Vote on the four answers; most people say eight, and it is four in the end."
SAY = 'note = "Say what there is to be seen here, ask the room a question, and go on."'
BITS = [
    markdown("# Bits"),
    markdown("## 3. How long?\n\nBits are small.\n\n**Predict.** How many times?", layout="split"),
    markdown(NOTE, "notes", ["remove-cell"]),
    code("print(4)", printed("4 times as long"), kind="fragment", tags=["hide-input"]),
    markdown("**Four times.** As in section 2.", "-", ["answer"]),
    markdown("## Twice"),
    markdown("### Twice"),
]
BYTES = [markdown("## 1. Bytes\n\nText."), code("draw()", drawing(), table(2, 2), printed("so it is"), kind="-")]
TAKE = f'[[slide]]\ntake = "bits / How long?"\n{SAY}\n'
HEAD = 'title = "Bits in an hour"\nminutes = 3\n'


@pytest.fixture
def made(tmp_path):
    """A course of three lessons, two of them built; gives a function that reads a script."""
    (tmp_path / "lessons").mkdir()
    (tmp_path / "lessons" / "course.toml").write_text(COURSE, encoding="utf-8")
    known = syllabus.lessons(tmp_path)
    for name, cells in (("bits", BITS), ("bytes", BYTES)):
        _lessons.write(nbformat.v4.new_notebook(cells=cells, metadata={"course": {"name": name}}), known[name].notebook)

    def read(text):
        path = tmp_path / "talk.toml"
        path.write_text(HEAD + text, encoding="utf-8")
        return talk.read(path, root=tmp_path)

    return read


def words(slide):
    return [cell.source for cell in slide.cells if cell.cell_type == "markdown"]


def test_slides_stand_in_the_order_of_the_script_with_their_lesson_and_act_at_the_foot(made):
    found = made(
        f'[[slide]]\nact = "One"\ntake = "bytes / Bytes"\nminutes = 1\n{SAY}\n{TAKE}heading = "Longer?"\n'
        f'[[slide]]\nact = "Two"\nheading = "My own"\ntext = "Words."\nminutes = 2\n{SAY}\n'
    )
    assert [slide.heading.source for slide in found.slides] == ["## Bytes", "## Longer?", "## My own"]
    assert [slide.seconds for slide in found.slides] == [60, 180, 120]
    assert [slide.new_stack for slide in found.slides] == [True, False, True]
    first, second, third = (slide.foot for slide in found.slides)
    assert "2.1 · Bytes" in first and '<b>One</b><i class="here"></i><i class=""></i>' in first
    assert "1.1 · Bits &amp; pieces" in second and "<b>One</b>" in second
    assert "Bits in an hour" in third and '<b>Two</b><i class=""></i><i class="here"></i>' in third
    assert found.faults() == ["the slides take 6 minutes, and the talk 3"] and made(TAKE).faults() == []


def test_words_of_a_lesson_are_replaced_and_its_output_stays(made):
    (slide,) = made(TAKE + 'text = "**Predict.** Guess."\nanswer = "**Four.**"\n').slides
    assert words(slide) == ["**Predict.** Guess.", "**Four.**"]
    assert slide.fragments[0][0].outputs[0].text == "4 times as long"


def test_numbers_come_from_what_a_lesson_says(made):
    numbers = """[numbers]
long = { lesson = "bits", slide = "How long?", before = "times as long" }
section = { lesson = "bits", after = "As in section" }
"""
    own = '[[slide]]\nheading = "{{long}} times"\ntext = "{{long}}, {{section}}"\nminutes = 1\n' + SAY
    slide = made(numbers + own).slides[0]
    assert slide.heading.source == "## 4 times" and words(slide) == ["4, 2"]


WRONG = {
    "slide 1, bits / How short?: no slide is called 'How short?' in bits": TAKE.replace("How long", "How short"),
    "no lesson is called 'bit'": TAKE.replace("bits /", "bit /"),
    "the number n: bits says [] there, and not one number": '[numbers]\nn = {lesson = "bits", after = "No"}\n' + TAKE,
}


@pytest.mark.parametrize("message", WRONG)
def test_a_script_that_cannot_be_followed_is_told_why(made, message):
    with pytest.raises(ValueError) as told:
        made(WRONG[message])
    assert message in str(told.value) and str(told.value).startswith("talk.toml: ")


TALKS = {"lecture": 60, "tutorial": 90}


@pytest.fixture(scope="module", params=TALKS)
def ours(request):
    return request.param, talk.read(talk.FOLDER / f"{request.param}.toml")


def test_a_talk_of_this_course_takes_its_time_and_the_guide_says_how_long_each_act_is(ours):
    name, found = ours
    assert found.minutes == TALKS[name] and found.faults() == []
    guide = (talk.ROOT / "docs" / "instructors.md").read_text(encoding="utf-8")
    assert f"{found.minutes} minutes, {len(found.slides)} slides" in guide
    votes = sum(any("**Predict.**" in cell.source for cell in slide.head) for slide in found.slides)
    assert f"| {votes} |" in next(line for line in guide.splitlines() if line.startswith("| votes |"))
    at = 0
    for slide in found.slides:
        if name == "tutorial" and "of 3: " in slide.heading.source:
            assert f"| {slide.heading.source.partition('of 3: ')[2]} | {at:g} |" in guide
        at += slide.seconds / 60


@pytest.mark.slow
def test_a_talk_of_this_course_is_sound_in_a_browser(page, tmp_path, ours):
    name, found = ours
    slides.copy_assets(tmp_path / "assets")
    file = tmp_path / f"{name}.html"
    file.write_text(slides.to_html(found.slides, {"title": found.title}, ""), encoding="utf-8")
    seen = deck.look(page, file)
    assert seen.faults == [] and seen.minutes == pytest.approx(found.minutes)
