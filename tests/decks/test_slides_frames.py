"""Drawings made of lines stand in the page, with the deck's font; frames take a click each."""

import nbformat
import pytest
from _decks import ALT, code, drawing, markdown, notebook, opened

from course_utils.show import plots
from tools import slides
from tools.decks import arrange
from tools.decks import deck as _deck

pytestmark = pytest.mark.slow


@pytest.fixture
def frames(monkeypatch):
    """A function that gives three frames as `plots.show` puts them into a notebook, over them a slider if asked."""

    def shown(slider=None):
        figures = []
        for n in range(3):
            fig, ax = plots.figure()
            ax.plot([0, n])
            figures.append(fig)
        outputs = []
        monkeypatch.setattr(plots, "display", lambda data, **options: outputs.append((data, options)))
        values = range(3) if slider else None
        plots.show(figures, alt="A line, steeper in each frame.", caption="Lines.", slider=slider, values=values)
        return nbformat.v4.new_output("display_data", data=outputs[0][0], metadata=outputs[0][1]["metadata"])

    return shown


def shown(page):
    return page.evaluate("""[...document.querySelectorAll("figcaption")]
        .filter(e => e.parentElement.getClientRects().length).map(e => e.textContent)""")


def test_a_drawing_is_preferred_to_its_pixels_and_has_the_font_of_the_deck(page, tmp_path):
    opened(page, tmp_path, code("x", drawing(), tags=["hide-input"]))
    drawn = page.locator(".body svg")
    assert drawn.get_attribute("role") == "img" and drawn.get_attribute("aria-label") == ALT
    assert page.locator(".body img").count() == 0
    assert "Source Sans Pro" in page.evaluate("getComputedStyle(document.querySelector('svg text')).fontFamily")
    box = drawn.bounding_box()
    assert box["width"] == 1216 and box["height"] == pytest.approx(1216 * 480 / 1200, abs=1)


def test_a_drawing_that_says_what_it_shows_keeps_its_words():
    svg = arrange.described("<svg role='img' aria-label='Its own'><g/></svg>", "Another")
    assert svg == "<svg role='img' aria-label='Its own'><g/></svg>"


def test_a_drawing_without_words_for_the_blind_is_a_fault(page, tmp_path):
    opened(page, tmp_path, code("x", drawing(alt=" "), tags=["hide-input"]))
    seen = _deck.look(page, tmp_path / "3.7_bits.html").faults
    assert "slide 1: an image without alt text" in seen


def test_a_drawing_gives_way_to_what_stands_beside_it(page, tmp_path):
    opened(
        page, tmp_path, markdown("\n\n".join(["A paragraph."] * 6)), code("x", drawing(), kind="-", tags=["hide-input"])
    )
    box, body = page.locator(".body svg").bounding_box(), page.locator(".body").bounding_box()
    assert box["y"] + box["height"] <= body["y"] + body["height"] + 1


def test_frames_take_a_click_each_and_come_back(page, tmp_path, frames):
    opened(
        page, tmp_path, markdown("## Steps"), code("x", frames(), kind="-", tags=["hide-input"]), markdown("## Next")
    )
    seen = [shown(page)]
    for key in ("ArrowRight", "ArrowRight", "ArrowLeft", "ArrowRight"):
        page.keyboard.press(key)
        seen.append(shown(page))
    assert seen == [["1 of 3"], ["2 of 3"], ["3 of 3"], ["2 of 3"], ["3 of 3"]]
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowLeft")
    assert shown(page) == ["3 of 3"]
    assert not page.locator(".course-frames-bar button").first.is_visible()


def test_a_frame_is_as_large_as_a_figure(page, tmp_path, frames):
    opened(page, tmp_path, code("x", frames(), tags=["hide-input"]))
    box, body = (page.locator(name).first.bounding_box() for name in ("figure svg", ".body"))
    assert box["x"] == body["x"] and box["width"] == body["width"]


def test_frames_behind_a_click_begin_with_the_first(page, tmp_path, frames):
    opened(
        page, tmp_path, markdown("## What?", layout="split"), code("x", frames(), kind="fragment", tags=["hide-input"])
    )
    page.keyboard.press("ArrowRight")
    assert page.evaluate("getComputedStyle(document.querySelector('.right .fragment')).visibility") == "visible"
    assert shown(page) == ["1 of 3"]
    page.keyboard.press("ArrowRight")
    assert shown(page) == ["2 of 3"]


def test_a_slider_stays_usable_and_clicks_move_it_on(page, tmp_path, frames):
    opened(page, tmp_path, markdown("## Bits"), code("x", frames("bits"), kind="-", tags=["hide-input"]))
    slider = page.locator("input[type=range]")
    assert slider.is_visible()
    slider.fill("2")
    slider.dispatch_event("change")
    assert shown(page) == ["bits = 2"]
    page.keyboard.press("PageDown")
    assert shown(page) == ["bits = 1"]


def test_frames_stand_side_by_side_on_paper(page, tmp_path, frames):
    steps = notebook(markdown("## Steps"), code("x", frames(), kind="-", tags=["hide-input"]))
    deck = slides.write(steps, tmp_path / "3.7_bits.html")
    page.goto(f"{deck.as_uri()}?paper=pdf")
    page.wait_for_function("window.deckReady === true")
    assert shown(page) == ["1 of 3", "2 of 3", "3 of 3"]
    foot = page.locator(".foot").bounding_box()["y"]
    assert all(box.bounding_box()["y"] + box.bounding_box()["height"] <= foot for box in page.locator("figure").all())
