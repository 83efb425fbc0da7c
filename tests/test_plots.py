"""A figure cannot be shown without alt text and a caption, and its bytes do not depend on the day."""

import pytest

from course_utils.show import plots

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
    assert options["metadata"] == {"image/png": {"alt": ALT}}
    assert bundle["text/plain"] == f"Figure: {ALT}"
    assert caption.data == "*One line.*"


def test_the_same_figure_gives_the_same_bytes(shown):
    for _ in range(2):
        plots.show(line(), alt=ALT, caption="One line.")
    assert shown[0][0]["image/png"] == shown[2][0]["image/png"]


def test_line_breaks_of_the_source_do_not_reach_the_alt_text(shown):
    plots.show(line(), alt="A line that rises\n   from 0 to 1.", caption="One line.")
    assert shown[0][1]["metadata"]["image/png"]["alt"] == "A line that rises from 0 to 1."


@pytest.mark.parametrize(("alt", "caption"), [("", "c"), ("a plot", "c"), (" " * 30, "c"), (ALT, " ")])
def test_no_figure_without_words(shown, alt, caption):
    with pytest.raises(ValueError, match="alt text|caption"):
        plots.show(line(), alt=alt, caption=caption)
    assert shown == []


def test_several_panels():
    fig, axes = plots.figure(columns=2)
    assert len(axes) == 2 and len(fig.axes) == 2


def luminance(colour):
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_the_first_two_colours_stand_out_on_white_and_differ():
    # WCAG 2.1, 1.4.11: graphics need a contrast of 3 : 1 against what is beside them.
    for name in ("blue", "orange", "black", "grey"):
        assert 1.05 / (luminance(plots.COLOURS[name]) + 0.05) >= 3, name
