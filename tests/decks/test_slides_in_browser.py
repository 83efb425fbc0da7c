"""Slides in a browser: every one can be read from the back row, offline; clicks, frames, sizes, the speaker's view."""

import re

import nbformat
import pytest
from _decks import code, figure, markdown, note, notebook, opened

from course_utils.show import plots
from tools import slides
from tools.decks import deck
from tools.publishing import lessons

pytestmark = pytest.mark.slow
QUESTION = "## A surprise\n\n**Predict.** How many times longer? **A** 16, **B** 4."
ANSWER = "**The processor was waiting.** It took four times as long."


@pytest.mark.parametrize("lesson", lessons.select([]), ids=lambda lesson: lesson.name)
def test_every_slide_of_every_lesson_is_sound(page, tmp_path, lesson):
    nb = lessons.read_published(lesson.notebook)
    file = slides.write(nb, tmp_path / f"{lesson.name}.html")
    assert deck.look(page, file).faults == []
    text = re.sub(r"<[^>]+>", "", file.read_text(encoding="utf-8"))
    assert not re.search(r"def \w+_solution\b", text), "a solution is on a slide"


FAULTS = {
    "tall list": ([markdown("\n".join(f"- point {n}" for n in range(25)))], r"point 24.* too tall"),
    "remote image": ([markdown("![a picture](https://example.org/a.png)")], "network for https://example.org/a.png"),
    "small text": ([markdown('<p style="font-size: 20px">fine</p>')], 'text of 20 px, at least 22: "fine"'),
    "open answer": (
        [markdown(QUESTION), markdown("**What you saw.** Four.", "-"), markdown("more", "fragment")],
        "an answer lies open beside its vote",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_found_on_its_slide(page, tmp_path, fault):
    cells, said = FAULTS[fault]
    found = deck.look(page, slides.write(notebook(markdown("# Title"), *cells), tmp_path / "3.7_bits.html")).faults
    assert any(re.search(said, line) for line in found), found
    assert not any(line.startswith("slide 1:") for line in found), found


BOXES = """selector => [...document.querySelectorAll(`.present ${selector}`)]
  .map(e => e.getBoundingClientRect()).map(b => [b.left, b.top, b.right, b.bottom])"""


def test_question_and_answer_stand_side_by_side_and_nothing_moves_at_the_click(page, tmp_path):
    shown = code("x", figure(width=7.4, height=4.8), kind="fragment", tags=["hide-input"])
    opened(page, tmp_path, markdown(QUESTION, layout="split"), note(), shown)
    ((begins, top, ends, _),) = page.evaluate(BOXES, ".left")
    ((other_begins, other_top, other_ends, _),) = page.evaluate(BOXES, ".right")
    assert ends < other_begins and abs(top - other_top) < 1
    assert other_ends - other_begins > 1.15 * (ends - begins)
    before = page.evaluate(BOXES, ".left *")
    page.keyboard.press("ArrowRight")
    assert page.locator(".fragment.visible").count() == 1 and page.evaluate(BOXES, ".left *") == before


def test_a_clicker_goes_through_all(page, tmp_path):
    first, next_one = markdown("# Title"), markdown("## Next")
    opened(page, tmp_path, first, markdown(QUESTION, "subslide"), markdown(ANSWER, "fragment"), next_one)
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
    steps = code("x", frames(), kind="fragment", tags=["hide-input"])
    opened(page, tmp_path, markdown("## Steps", layout="split"), steps, markdown("## Next"))
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


def test_the_speakers_view_has_the_notes_and_the_pace(page, tmp_path):
    last = note("*For the lecturer, 1 min.* B")
    opened(page, tmp_path, markdown("# Title"), note(), markdown("## Next"), last)
    with page.expect_popup() as popup:
        page.keyboard.press("s")
    view = popup.value
    view.get_by_text("how many bits?").first.wait_for(timeout=15_000)
    pacing = view.locator(".pacing").first
    pacing.wait_for(state="visible", timeout=15_000)
    hours, minutes, seconds = (int(part) for part in pacing.inner_text().split(":"))
    assert 100 <= 3600 * hours + 60 * minutes + seconds <= 120
    view.close()
