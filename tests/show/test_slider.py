"""Several figures are one output: one picture where no script runs, a slider over all where one does."""

import json
import re

import pytest

from course_utils import plots, slider
from course_utils.diagrams import Canvas
from tools.decks import browser

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


@pytest.mark.parametrize(
    ("given", "still"), [({}, "3 of 3"), ({"slider": "bits", "values": [8, 4, 2]}, "bits = 8")], ids=["steps", "slider"]
)
def test_a_viewer_without_scripts_shows_one_picture_with_its_alt_text(shown, given, still):
    plots.show(figures(3), alt=ALT, caption="It moves.", **given)
    (data, options), (caption, _) = shown
    without = re.sub("<script.*</script>", "", data["text/html"])
    assert without.count("<img") == 1 and f'alt="{ALT} ({still})"' in without
    assert f"base64,{data['image/png']}" in without, "the still picture is the one of every other viewer"
    assert options["metadata"]["image/png"]["alt"] == f"{still}: {ALT} ({still})"
    assert caption.data == "*It moves.*"


SAME = figures(1) * 2
REFUSED = [
    ([], {}, "0 figures under a slider"),
    (SAME, {}, "the same figure twice"),
    ([*figures(1), *figures(1, width=600)], {}, "have one size"),
    (figures(2), {"alt": [ALT]}, "1 alt texts for 2 figures"),
    (figures(2), {"caption": " "}, "needs a caption"),
    (figures(2), {"values": [8, 4]}, "a slider needs both"),
]


@pytest.mark.parametrize(("given", "changed", "words"), REFUSED)
def test_what_makes_no_series_is_refused(shown, given, changed, words):
    with pytest.raises(ValueError, match=words):
        plots.show(given, **{"alt": ALT, "caption": "It moves.", **changed})
    assert shown == []


@pytest.mark.slow
def test_where_scripts_run_the_arrow_keys_move_it(page, tmp_path):
    data, _ = slider.bundle(figures(3), alts=ALT, slider="bits", values=[8, 4, 2])
    sources = json.loads(re.search('application/json">(.*?)</script>', data["text/html"])[1])["src"]
    file = tmp_path / "page.html"
    file.write_text(f"<!doctype html><meta charset=utf-8>{data['text/html']}", encoding="utf-8")
    with browser.watch(page) as faults:
        page.goto(file.as_uri())
    assert faults == []
    range_, image = page.get_by_label("bits", exact=True), page.locator("img")
    assert range_.get_attribute("aria-valuetext") == "bits = 8"
    range_.focus()
    page.keyboard.press("ArrowRight")
    assert range_.get_attribute("aria-valuetext") == "bits = 4"
    assert image.get_attribute("src").endswith(sources[1]) and image.get_attribute("alt") == f"{ALT} (bits = 4)"
