"""Frames: several figures in one output, which no viewer may lose and which a script turns into a slider."""

from html.parser import HTMLParser
from itertools import pairwise

import pytest

from course_utils import plots, slider
from course_utils.diagrams import Canvas
from tools.decks import deck

ALT = "A point that moves from the left to the right."


def figures(number, **size):
    made = []
    for place in range(number):
        canvas = Canvas(**size)
        canvas.text(100 + 60 * place, 100, f"place {place}")
        made.append(canvas.figure())
    return made


@pytest.fixture
def shown(monkeypatch):
    outputs = []
    monkeypatch.setattr(plots, "display", lambda data, **options: outputs.append((data, options)))
    return outputs


class Parts(HTMLParser):
    """The images of some HTML and the words outside scripts; refuses tags that are not closed."""

    def __init__(self, html):
        super().__init__()
        self.images, self.words, self.open = [], [], []
        self.feed(html)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.images += [dict(attrs)] if tag == "img" else []
        self.open += [tag] if tag != "img" else []

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words += [data] if self.open[-1] != "script" else []


def test_frames_are_one_output_that_every_viewer_can_show(shown):
    plots.show(figures(3), alt=ALT, caption="It moves.")
    (data, options), (caption, _) = shown
    assert set(data) == {"text/html", "image/png", "text/plain"} and caption.data == "*It moves.*"
    parts = Parts(data["text/html"])
    assert parts.words == ["1 of 3", "2 of 3", "3 of 3"]
    assert [image["alt"] for image in parts.images] == [f"{ALT} ({number} of 3)" for number in (1, 2, 3)]
    assert data["text/plain"].splitlines()[:2] == ["Figure in 3 frames.", f"1 of 3: {ALT} (1 of 3)"]
    assert options["metadata"]["image/png"]["alt"].startswith("3 frames. 1 of 3: ")


SAME = figures(1) * 2
REFUSED = [
    ([], {}, "0 frames: frames are two or more"),
    (SAME, {}, "the same figure twice"),
    ([*figures(1), *figures(1, width=600)], {}, "frames have one size"),
    (figures(2), {"alt": [ALT]}, "1 alt texts for 2 frames"),
    (figures(2), {"caption": " "}, "needs a caption"),
    (figures(2), {"values": [8, 4]}, "a slider needs both"),
]


@pytest.mark.parametrize(("given", "changed", "words"), REFUSED)
def test_what_makes_no_series_is_refused(shown, given, changed, words):
    with pytest.raises(ValueError, match=words):
        plots.show(given, **{"alt": ALT, "caption": "It moves.", **changed})
    assert shown == []


STATE = """[...document.querySelectorAll('.course-frames')].map(root => ({
    at: root.dataset.frame, said: root.querySelector('output')?.textContent,
    seen: [...root.querySelectorAll('figure')].flatMap((f, k) => getComputedStyle(f).display === 'none' ? [] : [k]),
    drawings: root.querySelectorAll('svg').length, images: root.querySelectorAll('img').length}))"""


@pytest.fixture(scope="module")
def page_file(tmp_path_factory):
    """A page with a slider and with plain frames, the script of each, one of them run twice."""
    with_slider, _ = slider.bundle(figures(3), alts=ALT, slider="bits", values=[8, 4, 2])
    plain, _ = slider.bundle(figures(2), alts=ALT, slider=None, values=None)
    file = tmp_path_factory.mktemp("frames") / "page.html"
    again = plain["text/html"].partition("<script>")[2].removesuffix("</div>")
    html = f"<!doctype html><meta charset=utf-8>{with_slider['text/html']}{plain['text/html']}<script>{again}"
    file.write_text(html, encoding="utf-8")
    return file


@pytest.mark.slow
def test_where_scripts_run_one_frame_shows_and_keys_buttons_and_slides_move_it(page, page_file):
    with deck.watch(page) as faults:
        page.goto(page_file.as_uri())
    assert faults == []

    def state(root):
        found = page.evaluate(STATE)[root]
        assert found["images"] == 0 and found["seen"] == [int(found["at"])]
        return found["at"], found["said"], found["drawings"]

    assert state(0) == ("0", "bits = 8", 3) and state(1) == ("0", "1 of 2", 2)
    page.get_by_label("bits", exact=True).focus()
    page.keyboard.press("ArrowRight")
    assert state(0) == ("1", "bits = 4", 3)
    assert page.get_by_label("bits", exact=True).get_attribute("aria-valuetext") == "bits = 4"
    page.get_by_role("button", name="next frame").click()
    page.get_by_role("button", name="next frame").click()  # past the last one it stays there
    assert state(1) == ("1", "2 of 2", 2) and state(0)[0] == "1"
    page.get_by_role("button", name="previous frame").click()
    page.evaluate(
        "document.querySelector('.course-frames').dispatchEvent(new CustomEvent('course-frame', {detail: 2}))"
    )
    assert state(0)[:2] == ("2", "bits = 2") and state(1)[0] == "0"
    assert page.get_by_role("img", name=f"{ALT} (bits = 2)").count() == 1
    assert page.evaluate("typeof show + typeof make") == "undefined" * 2


@pytest.mark.slow
def test_where_no_script_runs_all_frames_show(page, page_file):
    with page.context.browser.new_context(java_script_enabled=False) as context:
        plain = context.new_page()
        plain.goto(page_file.as_uri())
        boxes = [image.bounding_box() for image in plain.locator("img").all()]
    assert [box["width"] for box in boxes] == [840] * 5
    assert all(low["y"] < high["y"] for low, high in pairwise(boxes))
