"""A figure cannot be shown without alt text and a caption, and its bytes do not depend on the day."""

import re
from xml.etree import ElementTree

import pytest

from course_utils.show import _pictures, plots

ALT = "A line that rises from 0 to 1 as x goes from 0 to 1."

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def shown(monkeypatch):
    outputs = []
    monkeypatch.setattr(plots, "display", lambda data, **options: outputs.append((data, options)))
    return outputs


def line():
    fig, ax = plots.figure()
    ax.plot([0, 1], [0, 1])
    return fig


def drawing(bundle):
    """The SVG of an output, read as a browser would."""
    return ElementTree.fromstring(bundle["image/svg+xml"])


def texts(root):
    return {" ".join("".join(node.itertext()).split()): node for node in root.iter(SVG + "text")}


def test_the_alt_text_is_in_the_output(shown):
    plots.show(line(), alt=ALT, caption="One line.")
    (bundle, options), (caption, _) = shown
    assert options["metadata"] == {"image/png": {"alt": ALT, "width": 840}, "image/svg+xml": {"alt": ALT}}
    assert bundle["text/plain"] == f"Figure: {ALT}"
    assert drawing(bundle).get("aria-label") == ALT and drawing(bundle).get("role") == "img"
    assert caption.data == "*One line.*"


def test_the_same_figure_gives_the_same_bytes(shown):
    for _ in range(2):
        plots.show(line(), alt=ALT, caption="One line.")
    assert shown[0][0] == shown[2][0]


@pytest.mark.parametrize(("alt", "caption"), [("", "c"), ("a plot", "c"), (" " * 30, "c"), (ALT, " ")])
def test_no_figure_without_words(shown, alt, caption):
    with pytest.raises(ValueError, match="alt text|caption"):
        plots.show(line(), alt=alt, caption=caption)
    assert shown == []


def test_no_text_of_the_style_is_too_small_for_the_back_row():
    fig, axes = plots.figure()
    axes.plot([1, 2], label="a line")
    axes.set(title="title", xlabel="x", ylabel="y")
    axes.legend()
    _pictures.png(fig)  # draws it: now its ticks are there
    words = [text for text in fig.findobj(lambda artist: hasattr(artist, "get_fontsize")) if text.get_text()]
    assert len(words) > 10 and min(text.get_fontsize() * 100 / 72 for text in words) >= 22


def labelled():
    """A figure with every kind of text: one line, several, turned, a power of ten, signs that HTML knows."""
    fig, axes = plots.figure()
    axes.semilogx([1, 100], [0, 1], label="a < b & 'c'")
    axes.set(title="two\nlines", xlabel="x, ms", ylabel="y")
    axes.text(10, 0.5, "−5 \u00b5s", ha="right")
    axes.legend()
    return fig


def test_the_text_of_a_drawing_is_text_in_a_font_that_a_page_may_change(shown):
    plots.show(labelled(), alt=ALT, caption="One line.")
    root, svg = drawing(shown[0][0]), shown[0][0]["image/svg+xml"]
    assert {"a < b & 'c'", "two", "lines", "x, ms", "y", "−5 µs", "100"} <= set(texts(root))
    assert root.get("font-family").endswith("sans-serif") and svg.count("font-family") == 1
    assert svg.isascii() and "style" not in svg and "<!--" not in svg and "metadata" not in svg


def test_a_text_stays_where_it_was_aligned_whatever_the_font(shown):
    plots.show(labelled(), alt=ALT, caption="One line.")
    placed = {words: node.get("text-anchor") for words, node in texts(drawing(shown[0][0])).items()}
    assert {placed[words] for words in ("two", "lines", "x, ms", "y", "100")} == {"middle"}
    assert placed["−5 µs"] == "end" and placed["a < b & 'c'"] == "start"


def test_figures_on_one_page_share_no_id(shown):
    for alt in (ALT, ALT + " Again.", ALT):
        plots.show(line(), alt=alt, caption="One line.")
    ids = [set(re.findall(r" id='([^']+)'", out["image/svg+xml"])) for out, _ in shown[::2]]
    assert ids[0] and not ids[0] & ids[1] and ids[0] == ids[2]
    for (out, _), named in zip(shown[::2], ids, strict=True):
        assert set(re.findall(r"(?:url\(|href=')#([\w-]+)", out["image/svg+xml"])) == named


def test_a_drawing_that_would_be_large_is_left_out(shown):
    fig, axes = plots.figure()
    axes.scatter(range(3000), range(3000))
    plots.show(fig, alt=ALT, caption="Many points.")
    assert set(shown[0][0]) == {"image/png", "text/plain"} and set(shown[0][1]["metadata"]) == {"image/png"}


@pytest.mark.parametrize(
    ("long", "short"),
    [
        ("M 0 0 \nL 0 3.5 \n", "M0 0 0 3.5"),
        ("M 1.26 -2.04 L -0.01 5 L 6 7 C 1 2 3 4 5 6 z", "M1.3-2 0 5 6 7C1 2 3 4 5 6z"),
        ("M 1e-07 2 L 3 4", "M0 2 3 4"),
    ],
)
def test_a_path_is_written_short(long, short):
    assert _pictures._path(long) == short


@pytest.mark.parametrize(
    ("long", "short"),
    [
        ("rotate(-0 10 20)", ""),
        ("translate(1.2345 -6.789)", "translate(1.2 -6.8)"),
        ("rotate(-30)", "rotate(-30)"),
        ("scale(0.015625 -0.015625)", "scale(0.0156 -0.0156)"),
    ],
)
def test_a_scale_keeps_its_digits(long, short):
    assert _pictures._transform(long) == short
