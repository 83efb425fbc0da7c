"""A figure cannot be shown without alt text and a caption, and its bytes do not depend on the day."""

import pytest

from course_utils import plots

ALT = "A line that rises from 0 to 1 as x goes from 0 to 1."


@pytest.fixture
def shown(monkeypatch):
    outputs = []
    monkeypatch.setattr(plots, "display", lambda data, **options: outputs.append((data, options)))
    return outputs


def line():
    fig, ax = plots.figure()
    ax.plot([0, 1], [0, 1])
    return fig


def test_the_alt_text_is_in_the_output(shown):
    plots.show(line(), alt=ALT, caption="One line.")
    (bundle, options), (caption, _) = shown
    assert options["metadata"] == {"image/png": {"alt": ALT, "width": 840}}
    assert bundle["text/plain"] == f"Figure: {ALT}"
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
    plots.png(fig)  # draws it: now its ticks are there
    words = [text for text in fig.findobj(lambda artist: hasattr(artist, "get_fontsize")) if text.get_text()]
    assert len(words) > 10 and min(text.get_fontsize() * 100 / 72 for text in words) >= 22
