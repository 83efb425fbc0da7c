"""Decks as their text says: what is borrowed, what stands where, and what is said of a text that cannot be followed."""

import pytest
from _decks import ANSWER, NOTE, QUESTION, caption, code, deck, figure, printed, result, table

from course_utils.files import ROOT
from tools.decks import arrange, deck_text
from tools.environment import curriculum

TITLE = f"*How few bits?*\n\n{NOTE}"
SAID = printed("4 times as long")
CELLS = [
    code("print(4)", SAID, name="long"),
    code("draw()", printed("words"), figure(), caption(), name="drawn"),
    code("def double_solution(x): ...", name="double", tags=["solution"]),
]
FRAMES = code(
    "steps()", result({"text/html": "<figure><img src='data:a' alt='one'></figure><img src='data:b'>"}), name="steps"
)


def test_a_slide_has_what_its_text_says_and_the_first_one_the_question(tmp_path):
    text = f"{TITLE}{QUESTION}+++\n\n{{cell}}`long`\n\n{ANSWER}{NOTE}"
    title, slide = deck(tmp_path, text, *CELLS).slides
    assert title.layout == "title" and title.heading.source == "# Bits & pieces" and "1.1" in title.panel
    assert [cell.source for cell in title.head] == ["*How few bits?*"] and title.seconds == 120
    assert slide.heading.source == "## A surprise" and "Predict" in slide.head[0].source
    assert [[cell.source for cell in fragment] for fragment in slide.fragments] == [["print(4)", ANSWER.strip()]]
    assert slide.notes[0].source == "*For the lecturer, 2 min.* Ask the room: how many bits?" and slide.seconds == 120
    assert "1.1 · Bits &amp; pieces" in slide.foot


@pytest.mark.parametrize(
    ("borrowed", "has_code", "outputs"),
    [
        ("{cell}`drawn`", True, 3),
        ("{code}`drawn`", True, 0),
        ("{output}`drawn`", False, 3),
        ("{figure}`drawn`", False, 1),
        ("{output}`bytes/other`", False, 1),
        ("{figure}`steps 2`", False, 1),
    ],
)
def test_code_outputs_a_figure_or_one_frame_are_borrowed_by_name(tmp_path, borrowed, has_code, outputs):
    cells = dict(bytes=[code("other", SAID, name="other")])
    (_, slide) = deck(tmp_path, f"{TITLE}## Seen\n\n{borrowed}\n\n{NOTE}", *CELLS, FRAMES, **cells).slides
    (cell,) = slide.head
    assert arrange.shows_code(cell) == has_code and len(cell.outputs) == outputs
    if "steps" in borrowed:
        assert cell.outputs[0].data == {"text/html": "<img src='data:b'>"}


def test_numbers_lessons_and_links_become_words(tmp_path):
    text = f"{TITLE}## {{value}}`saved` %\n\nAs [[bytes]] has it, see [there](../a.ipynb): {{value}}`saved`.\n\n{NOTE}"
    (_, slide) = deck(tmp_path, text, values=[("saved", "0.36")]).slides
    assert slide.heading.source == "## 0.36 %"
    assert slide.head[0].source == "As lesson 2.1, Bytes has it, see there: 0.36."


def layouts(folder, *texts, cells=CELLS):
    return [slide.layout for slide in deck(folder, TITLE + "".join(f"{t}\n\n{NOTE}" for t in texts), *cells).slides[1:]]


def test_the_layout_is_the_one_asked_for_else_that_of_what_stands_on_the_slide(tmp_path):
    asked = [f"{{.{layout}}}\n## 139 times" for layout in arrange.LAYOUTS]
    assert layouts(tmp_path, *asked) == list(arrange.LAYOUTS)
    cells = [*CELLS, code("rows()", table(2, 2), name="rows")]
    texts = ("## A\n\nText", "## A\n\n{cell}`long`", "## A\n\n{output}`long`", "## A\n\n{output}`drawn`")
    assert layouts(tmp_path, *texts, cells=cells) == ["text", "code", "text", "figure"]
    texts = ("## A\n\n{output}`rows`", "## A\n\n| a |\n|---|\n| 1 |", f"{QUESTION}+++\n\n{ANSWER}")
    assert layouts(tmp_path, *texts, cells=cells) == ["figure", "figure", "split"]


WRONG = {
    "slide 2, Seen: no cell of bits is called 'lang'; there are double, drawn, long": "{output}`lang`",
    "slide 2, Seen: no lesson is called 'bites'": "{output}`bites/long`",
    "slide 2, Seen: the lesson 'later' has no notebook yet": "{output}`later/long`",
    "slide 2, Seen: long shows no figure": "{figure}`long`",
    "slide 2, Seen: drawn has 0 frames, and no frame 2": "{figure}`drawn 2`",
    "slide 2, Seen: double is a solution, which no room must see": "{code}`double`",
    "slide 2, Seen: no value of bits is called 'saved'; its front matter has []": "It is {value}`saved`.",
    "{output}`long` stands in a paragraph": "It is\n{output}`long`",
    "'{note} two minutes' is no note": ":::{note} two minutes\nSay.\n:::",
    "[[bites]]: no lesson is called 'bites'": "As in [[bites]].",
}


@pytest.mark.parametrize("said", WRONG)
def test_a_text_that_cannot_be_followed_is_told_why_and_where(tmp_path, said):
    with pytest.raises(ValueError) as told:
        deck(tmp_path, f"{TITLE}## Seen\n\n{WRONG[said]}\n\n{NOTE}", *CELLS)
    assert str(told.value).startswith("lessons/bits/deck.md: ") and said in str(told.value)


def test_a_slide_without_a_note_and_a_layout_or_a_key_that_there_is_not_are_told(tmp_path):
    for text, said in (
        (f"{TITLE}## Bare\n\nText.\n\n## Next\n\n{NOTE}", "slide 2, Bare: no note with minutes"),
        (f"{TITLE}{{.splitt}}\n## Bare\n\n{NOTE}", "no layout is called 'splitt'; there are split"),
        (f"---\nfigure: drawn\n---\n\n{TITLE}", "no key is called 'figure'"),
        (f"---\ntitle_figure: long\n---\n\n{TITLE}", "long, the figure of the title, draws nothing"),
    ):
        with pytest.raises(ValueError, match="deck.md: ") as told:
            deck(tmp_path, text, *CELLS)
        assert said in str(told.value)


def test_a_talk_says_of_each_slide_its_lesson_and_act_and_whether_it_takes_its_time(tmp_path):
    text = (
        "---\ntitle: Bits in an hour\nminutes: 6\n---\n\n# One\n\n## First\n\n{output}`bits/long`\n\n"
        f"{NOTE}### Second\n\nWords.\n\n{NOTE}# Two\n\n## Third\n\n{{figure}}`bits/drawn`\n\n{NOTE}"
    )
    made = deck(tmp_path, text, *CELLS, talk=True)
    assert [slide.new_stack for slide in made.slides] == [True, False, True] and made.faults() == []
    first, second, third = (slide.foot for slide in made.slides)
    assert "1.1 · Bits &amp; pieces" in first and '<b>One</b><i class="here"></i><i class=""></i>' in first
    assert "Bits in an hour" in second and "<b>One</b>" in second
    assert '<b>Two</b><i class=""></i><i class="here"></i>' in third
    longer = deck(tmp_path, text + NOTE, *CELLS, talk=True)
    assert longer.faults() == ["the slides take 8 minutes, and the talk should take 6"]
    longer.slides[0].before = True
    assert longer.recall().startswith(", 1 slides and") and longer.faults() == [] and made.recall() == ""


TALKS = {"lecture": 60, "tutorial": 90}


@pytest.mark.parametrize("name", TALKS)
def test_a_talk_of_this_course_takes_its_time_and_the_guide_says_how_long_each_act_is(name):
    found = deck_text.of_talk(deck_text.TALKS / f"{name}.md")
    assert found.minutes == TALKS[name] and found.faults() == []
    guide = (ROOT / "docs" / "instructors.md").read_text(encoding="utf-8")
    assert f"{found.minutes} minutes, {len(found.slides)} slides" in guide
    votes = sum(any("**Predict.**" in cell.source for cell in slide.head) for slide in found.slides)
    assert f"| {votes} |" in next(line for line in guide.splitlines() if line.startswith("| votes |"))
    at = 0
    for slide in found.slides:
        if name == "tutorial" and "of 3: " in slide.heading.source:
            assert f"| {slide.heading.source.partition('of 3: ')[2]} | {at:g} |" in guide
        at += slide.seconds / 60


def test_the_sessions_of_the_guide_add_up_what_the_decks_take():
    from tools.publishing import course

    for lesson in curriculum.lessons().values():
        assert (
            course.spoken(lesson)
            == sum(slide.seconds for slide in deck_text.of_lesson(lesson).slides if not slide.before) / 60
        )
