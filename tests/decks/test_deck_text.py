"""Decks as their text says: what is borrowed, what stands where, and what is said of a text that cannot be followed."""

import json

import pytest
from _decks import ANSWER, DECKS, NOTE, QUESTION, TITLE, code, deck, figure, printed, result

from tools.decks import arrange

SAID = printed("4 times as long")
CELLS = [
    code("print(4)", SAID, name="long"),
    code("draw()", printed("words"), *figure(), name="drawn"),
    code("def double_solution(x): ...", name="double", tags=["solution"]),
]
STATES = json.dumps({"src": ["one", "two"], "alt": ["the first", "the second"], "label": ["1", "2"]})
STEPS = code("steps()", result(f'<img><script type="application/json">{STATES}</script>'), name="steps")


def test_a_slide_has_what_its_text_says_and_the_first_one_the_question(tmp_path):
    text = f"{TITLE}{QUESTION}+++\n\n{{cell}}`long`\n\n{ANSWER}{NOTE}"
    made = deck(tmp_path, text, *CELLS)
    title, slide = made.slides
    assert title.layout == "title" and title.heading.source == "# Bits & pieces" and "1.1" in title.panel
    assert [cell.source for cell in title.head] == ["*How few bits?*"] and made.seconds == 240
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
def test_code_outputs_a_figure_or_one_under_a_slider_are_borrowed_by_name(tmp_path, borrowed, has_code, outputs):
    cells = dict(bytes=[code("other", SAID, name="other")])
    (_, slide) = deck(tmp_path, f"{TITLE}## Seen\n\n{borrowed}", *CELLS, STEPS, **cells).slides
    (cell,) = slide.head
    assert arrange.shows_code(cell) == has_code and len(cell.outputs) == outputs
    if "steps" in borrowed:
        shown = cell.outputs[0]
        assert shown.data == {"image/png": "two"} and shown.metadata["image/png"]["alt"] == "the second"


def test_numbers_lessons_links_and_pictures_become_what_they_name(tmp_path):
    (tmp_path / "levers.svg").write_text("<svg/>", encoding="utf-8")
    text = (
        f"{TITLE}## {{value}}`saved` %\n\nAs [[bytes]] has it, see [there](../a.ipynb): {{value}}`saved`.\n\n"
        "## Drawn\n\n![Four levers](../../../levers.svg)\n\n:::{note}\nNo minutes.\n:::"
    )
    (_, slide, drawn) = deck(tmp_path, text, values=[("saved", "0.36")]).slides
    assert slide.heading.source == "## 0.36 %"
    assert slide.head[0].source == "As lesson 2.1, Bytes has it, see there: 0.36."
    assert '<img alt="Four levers" src="data:image/svg+xml;base64,' in drawn.head[0].source and drawn.seconds == 0


def test_the_layout_is_the_one_asked_for_else_that_of_what_stands_on_the_slide(tmp_path):
    cells, table = [*CELLS, code("rows()", result("<table></table>"), name="rows")], "| a |\n|---|\n| 1 |"
    texts = {f"{{.{layout}}}\n## 139 times": layout for layout in arrange.LAYOUTS}
    texts |= {"## A\n\nText": "text", "## A\n\n{cell}`long`": "code", "## A\n\n{output}`long`": "text"}
    texts |= {f"## A\n\n{shown}": "figure" for shown in ("{output}`drawn`", "{output}`rows`", table)}
    texts |= {f"{QUESTION}+++\n\n{ANSWER}": "split"}
    made = deck(tmp_path, TITLE + "".join(f"{text}\n\n{NOTE}" for text in texts), *cells)
    assert [slide.layout for slide in made.slides[1:]] == list(texts.values())


WRONG = {
    "slide 2, Seen: no cell of bits is called 'lang'; its notebook has double, drawn, long. What": "{output}`lang`",
    "slide 2, Seen: later has no notebook yet. Make it with: ": "{output}`later/long`",
    "slide 2, Seen: drawn has 0 figures under a slider, and no number 2": "{figure}`drawn 2`",
    "slide 2, Seen: double is a solution": "{code}`double`",
    "slide 2, Seen: no value of bits is called 'saved'; its notebook has none": "It is {value}`saved`.",
    "{output}`long` stands in a paragraph": "It is\n{output}`long`",
    "'{note} two minutes' is no note": ":::{note} two minutes\nSay.\n:::",
    "slide 3, Bare: no layout is called 'splitt'; there are split": "{.splitt}\n## Bare",
    "No such file or directory": "![Not there](no.svg)",
}


@pytest.mark.parametrize("said", WRONG)
def test_a_text_that_cannot_be_followed_is_told_why_and_where(tmp_path, said):
    with pytest.raises(ValueError) as told:
        deck(tmp_path, f"{TITLE}## Seen\n\n{WRONG[said]}\n\n{NOTE}", *CELLS)
    assert str(told.value).startswith("lessons/bits/deck.md: slide ") and said in str(told.value)


def test_a_talk_says_of_each_slide_its_lesson_and_act(tmp_path):
    text = (
        "---\ntitle: Bits in an hour\n---\n\n# One\n\n## First\n\n{output}`bits/long`\n\n"
        f"{NOTE}### Second\n\nWords.\n\n{NOTE}# Two\n\n## Third\n\n{{figure}}`bits/drawn`\n\n{NOTE}"
    )
    made = deck(tmp_path, text, *CELLS, talk=True)
    assert [slide.new_stack for slide in made.slides] == [True, False, True]
    first, second, third = (slide.foot for slide in made.slides)
    assert "1.1 · Bits &amp; pieces" in first and '<b>One</b><i class="here"></i><i class=""></i>' in first
    assert "Bits in an hour" in second and "<b>One</b>" in second
    assert '<b>Two</b><i class=""></i><i class="here"></i>' in third
    for wrong in (text.partition("# One")[2], text.replace("title:", "minutes: 60\ntitle:")):
        with pytest.raises(ValueError, match="title"):
            deck(tmp_path, wrong, *CELLS, talk=True)


@pytest.mark.parametrize("name", DECKS)
def test_every_deck_and_talk_of_this_course_borrows_what_there_is(name):
    assert DECKS[name]().slides  # else it says what is wrong
