"""What stands where on a slide, and that it fills the page: layouts, notes between question and answer, the scale."""

import pytest
from _decks import code, figure, markdown, note, notebook, opened, printed, table

from tools import slides
from tools.decks import arrange

QUESTION = "## A surprise\n\n**Predict.** How many times longer? **A** 16, **B** 4."
ANSWER = "**The processor was waiting.** It took four times as long."


def layouts(*cells):
    return [slide.layout for slide in arrange.slides(notebook(*cells))]


def test_the_layout_is_the_one_that_the_first_cell_asks_for():
    cells = [markdown("## 139 times", layout=layout) for layout in arrange.LAYOUTS]
    assert layouts(*cells) == list(arrange.LAYOUTS)
    html = slides.render(notebook(*cells))
    assert [html.count(f'<section data-layout="{layout}"') for layout in arrange.LAYOUTS] == [1] * len(arrange.LAYOUTS)


def test_a_slide_that_asks_for_no_layout_has_that_of_what_stands_on_it():
    found = layouts(
        markdown("## Text"),
        code("x = 1", figure()),
        code("long\n" * 4, figure()),
        code("hidden", printed("1"), tags=["hide-input"]),
        code("hidden", table(2, 2), tags=["hide-input"]),
        markdown("| a | b |\n|---|---|\n| 1 | 2 |"),
        markdown(QUESTION),
        markdown(ANSWER, "fragment"),
        code("hidden", figure(), kind="-", tags=["hide-input"]),
        markdown(QUESTION),
        markdown(ANSWER, "fragment"),
    )
    assert found == ["text", "code", "figure", "text", "figure", "figure", "figure", "split"]


def test_a_layout_that_there_is_not_is_named():
    with pytest.raises(ValueError, match="'splitt'.*## 139 times"):
        slides.render(notebook(markdown("## 139 times", layout="splitt")))


def test_a_note_between_question_and_answer_is_the_note_of_their_slide():
    (slide,) = arrange.slides(
        notebook(
            markdown(QUESTION, layout="split"),
            note(),
            code("x = 1", printed("4 times"), kind="fragment"),
            markdown(ANSWER, "-"),
        )
    )
    assert slide.heading.source == "## A surprise" and "Predict" in slide.head[0].source
    assert [[cell.source for cell in fragment] for fragment in slide.fragments] == [["x = 1", ANSWER]]
    assert len(slide.notes) == 1 and not slide.late_note


def test_a_note_in_front_of_all_slides_belongs_to_the_first():
    (slide,) = arrange.slides(notebook(note(), markdown("# Title")))
    assert len(slide.notes) == 1


def test_a_note_behind_its_answer_is_marked():
    (slide,) = arrange.slides(notebook(markdown(QUESTION), markdown(ANSWER, "fragment"), note()))
    assert slide.late_note


@pytest.mark.parametrize(
    ("text", "minutes"),
    [
        ("*For the lecturer, 2 min.* Ask.", 2),
        ("*For the lecturer, 0.5 min.* Ask.", 0.5),
        ("*For the lecturer.* Ask.", None),
        ("Ask for 2 min.", None),
    ],
)
def test_a_note_says_its_minutes(text, minutes):
    assert arrange.minutes(note(text)) == minutes


def test_a_deck_knows_its_time():
    html = slides.render(
        notebook(markdown("# One"), note("*For the lecturer, 1.5 min.* A"), note("*For the lecturer, 1 min.* B"))
    )
    assert 'data-timing="150"' in html and 'data-seconds="150"' in html


BOXES = """selector => [...document.querySelectorAll(`.present ${selector}`)]
  .map(e => e.getBoundingClientRect()).map(b => [b.left, b.top, b.right, b.bottom])"""


@pytest.mark.slow
def test_question_and_answer_stand_side_by_side(page, tmp_path):
    opened(page, tmp_path, markdown(QUESTION, layout="split"), note(), markdown(ANSWER, "fragment"))
    ((_, top, left_ends, _),) = page.evaluate(BOXES, ".left")
    ((right_begins, other_top, _, _),) = page.evaluate(BOXES, ".right")
    assert left_ends < right_begins and abs(top - other_top) < 1
    ((_, _, _, heading_ends),) = page.evaluate(BOXES, ".top")
    assert heading_ends <= top


@pytest.mark.slow
@pytest.mark.parametrize("answer", [figure(width=7.4, height=4.8), table(4, 4)], ids=["figure", "table"])
def test_a_figure_or_a_table_gets_the_wider_column(page, tmp_path, answer):
    opened(
        page,
        tmp_path,
        markdown(QUESTION, layout="split"),
        code("x", answer, kind="fragment", tags=["hide-input"]),
    )
    ((begins, _, ends, _),) = page.evaluate(BOXES, ".left")
    ((other_begins, _, other_ends, _),) = page.evaluate(BOXES, ".right")
    assert other_ends - other_begins > 1.15 * (ends - begins)


@pytest.mark.slow
def test_question_and_answer_have_a_bar_each(page, tmp_path):
    opened(
        page,
        tmp_path,
        markdown(f"{QUESTION}\n\n- one\n- two", layout="split"),
        markdown(ANSWER, "fragment"),
        markdown("**What you saw.** It took long.", "slide"),
        markdown("**Hardware.** Not every bold word is an answer.", "slide"),
    )
    bars = page.evaluate("[...document.querySelectorAll('.predict, .answer')].map(e => e.textContent.trim())")
    assert [bar.split(".")[0] for bar in bars] == ["Predict", "The processor was waiting", "What you saw"]
    assert "two" in bars[0]


SIZE = "selector => parseFloat(getComputedStyle(document.querySelector(`.present ${selector}`)).fontSize)"


@pytest.mark.slow
def test_a_page_with_little_on_it_has_large_text_in_the_middle(page, tmp_path):
    opened(page, tmp_path, markdown("## Remember\n\nOne sentence."))
    assert page.evaluate(SIZE, ".body p") == 40
    ((_, top, _, bottom),) = page.evaluate(BOXES, ".body p")
    ((_, begins, _, ends),) = page.evaluate(BOXES, ".body")
    assert abs((top + bottom) - (begins + ends)) < 20
    ((_, heading, _, _),) = page.evaluate(BOXES, ".top")
    assert heading < 40


@pytest.mark.slow
def test_a_few_words_are_larger_still(page, tmp_path):
    opened(page, tmp_path, markdown("## The bill\n\n139 times", layout="big"))
    assert page.evaluate(SIZE, ".body p") > 100


@pytest.mark.slow
def test_a_slide_that_is_a_little_too_full_takes_smaller_text(page, tmp_path):
    opened(page, tmp_path, markdown("\n".join(f"- point {n}" for n in range(16))))
    assert page.evaluate(SIZE, ".body li") == 24


@pytest.mark.slow
def test_code_is_never_under_22_px(page, tmp_path):
    opened(page, tmp_path, code("value = 1\n" * 30 + "value"))
    assert page.evaluate(SIZE, ".body pre") == 22


@pytest.mark.slow
def test_lines_of_code_and_rows_that_fit_are_not_broken_to_make_them_larger(page, tmp_path):
    opened(page, tmp_path, code("x = " + "y" * 80), code("hidden", table(3, 9), tags=["hide-input"]))
    assert page.evaluate("document.querySelector('pre').clientHeight") < 60
    assert len({height for *_, height in page.evaluate(BOXES.replace(".present", ""), "td")}) <= 3


@pytest.mark.slow
def test_nothing_moves_when_a_fragment_appears(page, tmp_path):
    opened(page, tmp_path, markdown(QUESTION, layout="split"), markdown(ANSWER, "fragment"))
    before = page.evaluate(BOXES, ".left *")
    page.keyboard.press("ArrowRight")
    assert page.evaluate("document.querySelectorAll('.fragment.visible').length") == 1
    assert page.evaluate(BOXES, ".left *") == before


@pytest.mark.slow
def test_a_clicker_goes_through_all_and_no_arrows_are_drawn(page, tmp_path):
    opened(
        page,
        tmp_path,
        markdown("# Title"),
        markdown(QUESTION, "subslide"),
        markdown(ANSWER, "fragment"),
        markdown("## Next"),
    )
    seen = []
    for _ in range(3):
        page.keyboard.press("PageDown")
        seen.append(page.evaluate("[Reveal.getIndices().h, Reveal.getIndices().v, Reveal.getIndices().f]"))
    assert seen == [[0, 1, -1], [0, 1, 0], [1, 0, None]]
    assert not page.locator(".controls").is_visible()
