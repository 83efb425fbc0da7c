"""Slides in a browser, offline: the back row can read them; clicks, sliders, phones, the speaker's view."""

import re

import nbformat
import pytest
from _decks import ANSWER, DECKS, NOTE, QUESTION, TITLE, code, deck, figure, opened

from course_utils import plots
from tools import slides
from tools.decks import check

pytestmark = pytest.mark.slow
NEXT = "## Next\n\nWords.\n\n"


@pytest.mark.parametrize("name", DECKS)
def test_every_slide_of_this_course_can_be_read_from_the_back_row(page, tmp_path, name):
    assert check.look(page, slides.write(DECKS[name](), tmp_path / f"{name}.html")) == []


FAULTS = {
    "tall list": ("## Tall\n\n" + "\n".join(f"- point {n}" for n in range(25)), r"point 24.* too tall"),
    "small text": ('## Fine\n\n<p style="font-size: 20px">fine</p>', 'text of 20 px, at least 22: "fine"'),
    "no answer": (QUESTION, "a vote without an answer"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_found_on_its_slide(page, tmp_path, fault):
    text, said = FAULTS[fault]
    made = slides.write(deck(tmp_path, f"{TITLE}{text}\n\n{NOTE}"), tmp_path / "1.1_bits.html")
    found = check.look(page, made)
    assert any(re.search(said, line) for line in found), found
    assert not any(line.startswith("slide 1:") for line in found), found


BOXES = """selector => [...document.querySelectorAll(`.present ${selector}`)]
  .map(e => e.getBoundingClientRect()).map(b => [b.left, b.top, b.right, b.bottom])"""


def test_question_and_answer_stand_side_by_side_and_nothing_moves_at_the_click(page, tmp_path):
    shown = code("x", *figure(width=7.4, height=4.8), name="shown")
    opened(page, tmp_path, f"{TITLE}{{.split}}\n{QUESTION}+++\n\n{{output}}`shown`\n\n{NOTE}", shown)
    page.keyboard.press("ArrowRight")
    ((_, _, ends, _),), ((begins, *_),) = (page.evaluate(BOXES, column) for column in (".left", ".right"))
    assert ends < begins
    before = page.evaluate(BOXES, ".left *")
    page.keyboard.press("ArrowRight")
    assert page.locator(".fragment.visible").count() == 1 and page.evaluate(BOXES, ".left *") == before


@pytest.mark.parametrize("go_on", [lambda p: p.keyboard.press("PageDown"), lambda p: p.mouse.click(640, 360)])
def test_a_clicker_and_a_click_go_through_all(page, tmp_path, go_on):
    opened(page, tmp_path, f"{TITLE}#{QUESTION}+++\n\n{ANSWER}{NOTE}{NEXT}")
    seen = []
    for _ in range(3):
        go_on(page)
        seen.append(page.evaluate("[Reveal.getIndices().h, Reveal.getIndices().v, Reveal.getIndices().f]"))
    assert seen == [[0, 1, -1], [0, 1, 0], [1, 0, None]]


@pytest.mark.parametrize("slider", [None, "bits"])
def test_figures_under_a_slider_take_a_click_each_and_come_back(page, tmp_path, monkeypatch, slider):
    figures, outputs = [plots.figure() for _ in range(3)], []
    for n, (_, ax) in enumerate(figures):
        ax.plot([0, n])
    monkeypatch.setattr(plots, "display", lambda data, **options: outputs.append((data, options)))
    values = range(3) if slider else None
    alt = "A line, steeper in each figure."
    plots.show([fig for fig, _ in figures], alt=alt, caption="Lines.", slider=slider, values=values)
    (data, options), *_ = outputs
    steps = code("x", nbformat.v4.new_output("display_data", data=data, metadata=options["metadata"]), name="steps")
    opened(page, tmp_path, f"{TITLE}{{.split}}\n## Steps\n\n+++\n\n{{output}}`steps`\n\n{NOTE}{NEXT}", steps)

    def shown():
        return int(page.locator(".course-slider").get_attribute("data-at"))

    seen = []
    for key in ("Right", "Right", "Right", "Right", "Left", "Right", "Right", "Left"):
        page.keyboard.press(f"Arrow{key}")
        seen.append(shown())
    assert seen == [0, 0, 1, 2, 1, 2, 2, 2]
    assert page.locator(".course-slider input").is_visible() is (slider is not None)
    if slider:
        page.locator(".course-slider input").click(position={"x": 2, "y": 5})
        assert shown() == 0 and "Steps" in page.locator("section.present section.present h2").inner_text()


def speakers_view(page):
    with page.expect_popup() as popup:
        page.keyboard.press("s")
    popup.value.get_by_text("how many bits?").first.wait_for(timeout=60_000)
    popup.value.locator(".pacing").first.wait_for(state="visible", timeout=60_000)
    return popup.value


def test_the_speakers_view_shows_a_long_note_whole_and_the_pace_and_keeps_the_layout_that_was_chosen(page, tmp_path):
    long = "Ask for one more guess. " * 36 + "End."  # as long as the longest in the talks
    opened(page, tmp_path, f"{TITLE.replace('Ask the room', long)}{NEXT}")
    view = speakers_view(page)
    view.set_viewport_size({"width": 1366, "height": 768})
    assert re.fullmatch(r"0?0:0?[12]:\d\d", view.locator(".pacing").first.inner_text())
    assert view.evaluate("(e => e.scrollHeight - e.clientHeight)(document.querySelector('#speaker-controls'))") <= 0
    view.locator(".speaker-layout-dropdown").select_option("notes-only", force=True)
    view.close()
    page.reload()
    page.wait_for_function("window.deckReady === true")
    assert speakers_view(page).locator("body").get_attribute("data-speaker-layout") == "notes-only"


def test_on_a_phone_held_upright_the_sites_slides_are_as_high_as_it_and_have_arrows(page, tmp_path):
    file = tmp_path / "slides" / "bits.html"
    slides.write_beside(deck(tmp_path, f"{TITLE}{QUESTION}+++\n\n{ANSWER}"), file, "")
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(file.as_uri())
    page.wait_for_function("window.deckReady === true")
    page.get_by_label("next slide").click()
    page.get_by_label("next slide").click()
    ((_, top, right, bottom),) = page.evaluate(BOXES, ".page")
    assert right <= 391 and bottom - top > 800
    ((_, _, _, question_ends),), ((_, answer_begins, _, _),) = (
        page.evaluate(BOXES, e) for e in (".predict", ".answer")
    )
    assert question_ends < answer_begins
    size = page.locator(".predict").evaluate("e => e.getBoundingClientRect().width / e.offsetWidth") * 30
    assert size > 15, "pixels of its text"
    page.set_viewport_size({"width": 1280, "height": 720})
