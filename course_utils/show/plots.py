"""One style for every figure, and no figure without alt text.

Colours: Okabe and Ito's palette, which people with the common kinds of colour blindness can tell apart
(M. Okabe and K. Ito, "Color Universal Design", 2008, jfly.uni-koeln.de/color). Sizes suit a projector.
"""

from __future__ import annotations

import base64
import io
from typing import TYPE_CHECKING

from IPython.display import Markdown, display

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

_STYLE = {
    "figure.figsize": (12, 4.8),
    "figure.dpi": 100,
    "savefig.dpi": 100,
    "figure.constrained_layout.use": True,
    "font.size": 17,
    "axes.titlesize": 17,
    "axes.labelsize": 17,
    "xtick.labelsize": 15,
    "ytick.labelsize": 15,
    "legend.fontsize": 15,
    "legend.frameon": False,
    "lines.linewidth": 2.5,
    "lines.markersize": 8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.3,
    "axes.axisbelow": True,
}


def figure(*, columns: int = 1, rows: int = 1, size: tuple[float, float] | None = None) -> tuple[Figure, Axes]:
    """A figure in the course's style and its axes.

    Args:
        columns, rows: panels.
        size: inches; None = 12 by 4.8, which fits a slide under its title.
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
    fig = Figure(figsize=size)
    return fig, fig.subplots(rows, columns)


def show(fig: Figure, *, alt: str, caption: str) -> None:
    """Show a figure with its alt text and a visible caption under it.

    The picture is one output of type image/png; the alt text is in its metadata, where the templates of
    the slides and the site find it, and in its plain-text form.

    Args:
        fig: from `figure`.
        alt: what the figure shows, for somebody who cannot see it; 20 characters or more.
        caption: one sentence; Markdown.
    Raises:
        ValueError: alt text too short to say anything, or an empty caption.
    """
    alt = " ".join(alt.split())
    if len(alt) < 20:
        raise ValueError(f"alt text must say what the figure shows, in 20 characters or more; got {alt!r}")
    if not caption.strip():
        raise ValueError("a figure needs a caption: one sentence that says what to see")
    png = base64.b64encode(_png(fig)).decode("ascii")
    display({"image/png": png, "text/plain": f"Figure: {alt}"}, metadata={"image/png": {"alt": alt}}, raw=True)
    display(Markdown(f"*{caption.strip()}*"))


def _png(fig: Figure) -> bytes:
    """The figure in 256 colours: a third of the bytes, which a notebook carries as text."""
    from PIL import Image

    drawn, small = io.BytesIO(), io.BytesIO()
    fig.savefig(drawn, format="png")
    Image.open(drawn).convert("RGB").quantize(256, dither=Image.Dither.NONE).save(small, "png", optimize=True)
    return small.getvalue()
