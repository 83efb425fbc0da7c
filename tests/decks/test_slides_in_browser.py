"""Slides in a browser: every one can be read from the back row, offline; clicks, frames, sizes, the speaker's view."""

import re

import nbformat
import pytest
from _decks import ANSWER, NOTE, QUESTION, code, deck, figure, opened

from course_utils import plots
from tools import slides
from tools.decks import deck as look
from tools.decks import deck_text
from tools.publishing import lessons

pytestmark = pytest.mark.slow
TITLE = f"*How few bits?*\n\n{NOTE}"


@pytest.mark.parametrize("lesson", lessons.select([]), ids=lambda lesson: lesson.name)
def test_every_slide_of_every_lesson_is_sound(page, tmp_path, lesson):
    file = slides.write(deck_text.of_lesson(lesson), tmp_path / f"{lesson.name}.html")
    assert look.look(page, file).faults == []


@pytest.mark.parametrize("name", ["lecture", "tutorial"])
def test_a_talk_of_this_course_is_sound_in_a_browser(page, tmp_path, name):
    made = deck_text.of_talk(deck_text.TALKS / f"{name}.md")
    seen = look.look(page, slides.write(made, tmp_path / f"{name}.html"))
    assert seen.faults == [] and seen.minutes == pytest.approx(made.minutes)


FAULTS = {
    "tall list": ("## Tall\n\n" + "\n".join(f"- point {n}" for n in range(25)), r"point 24.* too tall"),
    "remote image": ("## Far\n\n![a picture](https://example.org/a.png)", "network for https://example.org/a.png"),
    "small text": ('## Fine\n\n<p style="font-size: 20px">fine</p>', 'text of 20 px, at least 22: "fine"'),
    "open answer": (f"{QUESTION}**Four times (B).** It waits.\n\n+++\n\nmore", "an answer lies open beside its vote"),
    "no answer": (QUESTION, "a vote without an answer"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_found_on_its_slide(page, tmp_path, fault):
    text, said = FAULTS[fault]
    made = slides.write(deck(tmp_path, f"{TITLE}{text}\n\n{NOTE}"), tmp_path / "1.1_bits.html")
    found = look.look(page, made).faults
    assert any(re.search(said, line) for line in found), found
    assert not any(line.startswith("slide 1:") for line in found), found


BOXES = """selector => [...document.querySelectorAll(`.present ${selector}`)]
  .map(e => e.getBoundingClientRect()).map(b => [b.left, b.top, b.right, b.bottom])"""


def test_question_and_answer_stand_side_by_side_and_nothing_moves_at_the_click(page, tmp_path):
    shown = code("x", figure(width=7.4, height=4.8), name="shown")
    opened(page, tmp_path, f"{{.split}}\n{QUESTION}+++\n\n{{output}}`shown`\n\n{NOTE}".join([TITLE, ""]), shown)
    page.keyboard.press("ArrowRight")
    assert "A\N{NO-BREAK SPACE}16" in page.locator(".predict").text_content()
    ((begins, top, ends, _),) = page.evaluate(BOXES, ".left")
    ((other_begins, other_top, other_ends, _),) = page.evaluate(BOXES, ".right")
    assert ends < other_begins and abs(top - other_top) < 1
    assert other_ends - other_begins > 1.15 * (ends - begins)
    before = page.evaluate(BOXES, ".left *")
    page.keyboard.press("ArrowRight")
    assert page.locator(".fragment.visible").count() == 1 and page.evaluate(BOXES, ".left *") == before


def test_a_clicker_goes_through_all(page, tmp_path):
    opened(page, tmp_path, f"{TITLE}#{QUESTION}+++\n\n{ANSWER}{NOTE}## Next\n\n{NOTE}")
    seen = []
    for _ in range(3):
        page.keyboard.press("PageDown")
        seen.append(page.evaluate("[Reveal.getIndices().h, Reveal.getIndices().v, Reveal.getIndices().f]"))
    assert seen == [[0, 1, -1], [0, 1, 0], [1, 0, None]]


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


def test_frames_take_a_click_each_and_come_back(page, tmp_path, frames):
    steps = code("x", frames(), name="steps")
    text = f"{TITLE}{{.split}}\n## Steps\n\n+++\n\n{{output}}`steps`\n\n{NOTE}## Next\n\n{NOTE}"
    opened(page, tmp_path, text, steps)
    for _ in range(2):
        page.keyboard.press("ArrowRight")
    seen = [shown(page)]
    for key in ("ArrowRight", "ArrowRight", "ArrowLeft", "ArrowRight"):
        page.keyboard.press(key)
        seen.append(shown(page))
    assert seen == [["1 of 3"], ["2 of 3"], ["3 of 3"], ["2 of 3"], ["3 of 3"]]
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowLeft")
    assert shown(page) == ["3 of 3"]
    assert not page.locator(".course-frames-bar button").first.is_visible()


def speakers_view(page):
    with page.expect_popup() as popup:
        page.keyboard.press("s")
    popup.value.get_by_text("how many bits?").first.wait_for(timeout=15_000)
    return popup.value


def test_the_speakers_view_has_the_notes_and_the_pace(page, tmp_path):
    opened(page, tmp_path, f"{TITLE}## Next\n\n:::{{note}} 1 min\nB\n:::")
    view = speakers_view(page)
    pacing = view.locator(".pacing").first
    pacing.wait_for(state="visible", timeout=15_000)
    hours, minutes, seconds = (int(part) for part in pacing.inner_text().split(":"))
    assert 100 <= 3600 * hours + 60 * minutes + seconds <= 120
    view.close()


def test_the_speakers_view_shows_a_long_note_whole_and_keeps_the_layout_that_was_chosen(page, tmp_path):
    long = "Ask for one more guess. " * 36 + "End."  # as long as the longest in the talks
    opened(page, tmp_path, f"{TITLE.replace('Ask the room', long)}## Next\n\n{NOTE}")
    view = speakers_view(page)
    view.set_viewport_size({"width": 1366, "height": 768})
    view.locator(".pacing").first.wait_for(state="visible", timeout=15_000)
    assert view.evaluate("(e => e.scrollHeight - e.clientHeight)(document.querySelector('#speaker-controls'))") <= 0
    view.locator(".speaker-layout-dropdown").select_option("notes-only", force=True)
    view.close()
    page.reload()
    page.wait_for_function("window.deckReady === true")
    assert speakers_view(page).locator("body").get_attribute("data-speaker-layout") == "notes-only"


def test_the_sites_decks_have_arrows_for_a_mouse_and_a_lecturers_have_none(page, tmp_path):
    text = f"{TITLE}## Next\n\nWords.\n\n{NOTE}"
    opened(page, tmp_path, text)
    arrow = page.get_by_label("next slide")
    assert not arrow.is_visible()
    slides.write_beside(deck(tmp_path, text), tmp_path / "slides" / "bits.html")
    for width, height in ((1366, 768), (390, 844)):  # upright phones too: reveal.js would scroll there, past the clicks
        page.set_viewport_size({"width": width, "height": height})
        page.goto((tmp_path / "slides" / "bits.html").as_uri())
        page.reload()
        page.wait_for_function("window.deckReady === true")
        arrow.click()
        assert page.get_by_text("Words.").first.is_visible()
        page.goto("about:blank")


def test_a_deck_that_lost_its_folder_shows_the_room_no_note(page, tmp_path):
    slides.write_beside(deck(tmp_path, f"{TITLE}## Next\n\nWords.\n\n{NOTE}"), tmp_path / "slides" / "bits.html")
    alone = (tmp_path / "slides" / "bits.html").rename(tmp_path / "bits.html")
    page.goto(alone.as_uri())
    assert page.get_by_text("Words.").first.is_visible() and not page.get_by_text("Ask the room").first.is_visible()
