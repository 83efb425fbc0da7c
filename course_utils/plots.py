"""One style for every figure, and no figure without alt text.

Colours: Okabe and Ito's palette, which people with the common kinds of colour blindness can tell apart
(M. Okabe and K. Ito, "Color Universal Design", 2008, jfly.uni-koeln.de/color). Sizes suit a projector.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from IPython.display import Markdown, display

from course_utils.slider import bundle, described, png, width

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = {
    "blue": "#0072B2",
    "orange": "#D55E00",
    "green": "#009E73",
    "purple": "#CC79A7",
    "sky": "#56B4E9",
    "yellow": "#E69F00",
    "black": "#000000",
    "grey": "#767676",
}

# No text under 16 points: that is 22 pixels of a slide 720 pixels high, the least that the back row can read.
_STYLE = {
    "figure.figsize": (12, 4.8),
    "figure.dpi": 100,
    "savefig.dpi": 100,
    "font.size": 17,
    "axes.titlesize": 17,
    "axes.labelsize": 17,
    "xtick.labelsize": 16,
    "ytick.labelsize": 16,
    "legend.fontsize": 16,
    "legend.frameon": False,
    "lines.linewidth": 2.5,
    "lines.markersize": 8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.3,
    "axes.axisbelow": True,
}


def figure(
    *, columns: int = 1, rows: int = 1, size: tuple[float, float] | None = None, layout: str = "constrained"
) -> tuple[Figure, Axes]:
    """A figure in the course's style and its axes.

    Args:
        columns, rows: panels.
        size: inches; None = 12 by 4.8, which fits a slide under its title.
        layout: who places the axes: matplotlib's "constrained", or "none" where the caller does.
    Returns:
        (figure, axes): one Axes for a single panel, else an array of them.
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure

    # Line widths and legends are read when they are drawn, so the style must outlast this function.
    mpl.rcParams.update(_STYLE)
    order = ["blue", "orange", "green", "purple", "sky", "yellow", "black"]
    mpl.rcParams["axes.prop_cycle"] = mpl.cycler(color=[COLOURS[name] for name in order])
    # No pyplot: its registry would keep every figure alive and show each one twice.
    fig = Figure(figsize=size, layout=layout)
    return fig, fig.subplots(rows, columns)


def show(
    figures: Figure | Sequence[Figure],
    *,
    alt: str | Sequence[str],
    caption: str,
    slider: str | None = None,
    values: Sequence[object] | None = None,
) -> None:
    """Show a figure, or several under a slider, with alt text and a visible caption.

    A figure is one output, image/png. Its alt text is in the output's metadata, where the templates of the slides and
    the site find it, and in its plain-text form. Several figures are described in `course_utils.slider`. In a smoke
    run, at which nobody looks, the picture is coarse.

    Args:
        figures: from `figure`, or two or more of them, of one size.
        alt: what the figure shows, for somebody who cannot see it; 20 characters or more. For several figures one text
            each, or one for all.
        caption: one sentence; Markdown.
        slider: what changes from figure to figure ("bits"); None for the steps of one thought, which are numbered.
        values: with `slider`: its value in each figure.
    Raises:
        ValueError: alt text too short to say anything; an empty caption; fewer than two figures in a list, or of
            different sizes; another number of alt texts or values than of figures; one of `slider` and `values` without
            the other.
    """
    if not caption.strip():
        raise ValueError("a figure needs a caption: one sentence that says what to see")
    if isinstance(figures, Sequence):
        data, metadata = bundle(figures, alts=alt, slider=slider, values=values)
    elif slider is not None or values is not None:
        raise ValueError("a slider goes over a list of figures")
    else:
        alt = described(alt)
        data = {"image/png": png(figures), "text/plain": f"Figure: {alt}"}
        metadata = {"image/png": {"alt": alt, "width": width(figures)}}
    display(data, metadata=metadata, raw=True)
    display(Markdown(f"*{caption.strip()}*"))
