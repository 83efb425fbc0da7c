"""The sheet that drawings are made on: text, boxes, wires, and what a room could not read of them.

Everything is placed in pixels of a slide 1280 pixels wide, from the top left. A drawing that could not be read from the
back row is refused: text under 22 pixels, text that leaves its box, texts or boxes that overlap, ink outside the frame.
Colours mean the same in every drawing: `MEANING`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from course_utils import plots
from course_utils.plots import COLOURS

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from matplotlib.text import Text


MEANING = {
    "fp32": COLOURS["orange"],
    "fp16": COLOURS["yellow"],
    "int8": COLOURS["blue"],
    "mask": COLOURS["black"],
    "gradient": COLOURS["green"],
    "activations": COLOURS["sky"],
    "plain": COLOURS["grey"],
}
MIN_TEXT = 22  # pixels of a slide 720 high: less cannot be read from the back row
DPI = 100
WIDTH, HEIGHT = 1200, 480  # fits a slide under its title
GAP = 2.0  # pixels that texts must keep from each other


class Unreadable(ValueError):
    """A drawing that a room could not read; says each fault."""


@dataclass(frozen=True)
class Box:
    """A rectangle on a canvas, in pixels from the top left: where wires begin and end."""

    x: float
    y: float
    width: float
    height: float

    @property
    def left(self) -> tuple[float, float]:
        """The middle of the left side."""
        return self.x, self.y + self.height / 2

    @property
    def right(self) -> tuple[float, float]:
        """The middle of the right side."""
        return self.x + self.width, self.y + self.height / 2

    @property
    def top(self) -> tuple[float, float]:
        """The middle of the upper side."""
        return self.x + self.width / 2, self.y

    @property
    def bottom(self) -> tuple[float, float]:
        """The middle of the lower side."""
        return self.x + self.width / 2, self.y + self.height


class Canvas:
    """A sheet of `width` by `height` pixels to draw on; `figure()` gives what `plots.show` takes.

    Args:
        width, height: pixels; the default fits a slide under its title.
    """

    def __init__(self, width: float = WIDTH, height: float = HEIGHT):
        self.width, self.height = width, height
        self._figure, self.axes = plots.figure(size=(width / DPI, height / DPI), layout="none")
        self.axes.set(position=(0, 0, 1, 1), xlim=(0, width), ylim=(height, 0))
        self.axes.set_axis_off()
        self._texts: list[tuple[Text, Box | None]] = []
        self._boxes: list[Box] = []
        self._marks: list[Box] = []

    def text(
        self,
        x: float,
        y: float,
        words: str,
        *,
        size: float = 24,
        colour: str = "black",
        align: str = "center",
        inside: Box | None = None,
        bold: bool = False,
    ) -> None:
        """Write `words` with their middle at height `y`.

        Args:
            x, y: pixels.
            words: may have line breaks.
            size: pixels, `MIN_TEXT` or more.
            colour: a key of `MEANING`, or a colour of matplotlib.
            align: "left", "center" or "right" of `x`.
            inside: the box that must hold the words.
            bold: heavier letters.
        """
        drawn = self.axes.text(
            x,
            y,
            words,
            fontsize=size * 72 / DPI,
            color=MEANING.get(colour, colour),
            ha=align,
            va="center",
            linespacing=1.15,
            fontweight="bold" if bold else "normal",
            zorder=4,
        )
        self._texts.append((drawn, inside))

    def box(
        self,
        x: float,
        y: float,
        words: str = "",
        *,
        width: float = 120,
        height: float = 100,
        colour: str = "black",
        fill: str = "white",
        size: float = 24,
    ) -> Box:
        """Draw a box with words in it.

        Args:
            x, y: its top left corner, pixels.
            words: in its middle.
            width, height: pixels.
            colour, fill: of the frame and the inside: a key of `MEANING`, or a colour of matplotlib.
            size: of the words, pixels.
        Returns:
            Box: for wires.
        """
        from matplotlib.patches import FancyBboxPatch

        made = Box(x, y, width, height)
        style = f"round,pad=0,rounding_size={min(10, width / 4, height / 4)}"
        self.axes.add_patch(
            FancyBboxPatch(
                (x, y),
                width,
                height,
                boxstyle=style,
                edgecolor=MEANING.get(colour, colour),
                facecolor=MEANING.get(fill, fill),
                linewidth=2,
                zorder=3,
            )
        )
        self._boxes.append(made)
        if words:
            dark = fill in ("black", "mask", "int8", "plain", "fp32", "gradient")
            self.text(*middle(made), words, size=size, colour="white" if dark else "black", inside=made)
        return made

    def wire(
        self,
        start: tuple[float, float],
        end: tuple[float, float],
        *,
        meaning: str = "plain",
        thick: float = 3,
        arrow: bool = True,
        dashed: bool = False,
    ) -> None:
        """Draw a straight wire or arrow.

        Args:
            start, end: points, pixels; `Box.right` and its like.
            meaning: a key of `MEANING`: what flows.
            thick: pixels; `thickness` turns bytes into it.
            arrow: with a head.
            dashed: something that happens only now and then, or is thought.
        """
        from matplotlib.patches import FancyArrowPatch

        head = f"-|>,head_length={6 + thick},head_width={3 + thick / 2}" if arrow else "-"
        self.axes.add_patch(
            FancyArrowPatch(
                start,
                end,
                arrowstyle=head,
                mutation_scale=1,
                shrinkA=0,
                shrinkB=0,
                linewidth=thick * 72 / DPI,
                linestyle="--" if dashed else "-",
                color=MEANING.get(meaning, meaning),
                capstyle="butt",
                joinstyle="miter",
                zorder=2,
            )
        )

    def faults(self) -> list[str]:
        """What a room could not read: text too small, outside its box or the frame, on other text, boxes that cross."""
        from matplotlib.backends.backend_agg import FigureCanvasAgg

        renderer, found, spans = FigureCanvasAgg(self._figure).get_renderer(), [], []
        for drawn, inside in self._texts:
            words = " ".join(drawn.get_text().split())
            extent = drawn.get_window_extent(renderer)
            span = Box(extent.x0, self.height - extent.y1, extent.width, extent.height)
            spans.append((words, span))
            size = drawn.get_fontsize() * DPI / 72
            if size < MIN_TEXT - 0.01:
                found.append(f"{words!r} is {size:.0f} pixels high, less than {MIN_TEXT}")
            if inside is not None and not _holds(inside, span):
                found.append(f"{words!r} leaves its box")
            if not _holds(Box(0, 0, self.width, self.height), span):
                found.append(f"{words!r} leaves the frame")
        for number, (words, span) in enumerate(spans):
            found += [f"{words!r} lies on {other!r}" for other, more in spans[number + 1 :] if _cross(span, more, GAP)]
        frame = Box(0, 0, self.width, self.height)
        for number, box in enumerate(self._boxes):
            if not _holds(frame, box):
                found.append(f"a box at ({box.x:.0f}, {box.y:.0f}) leaves the frame")
            crossed = (other for other in self._boxes[number + 1 :] if _cross(box, other, -0.5))
            found += [
                f"the boxes at ({box.x:.0f}, {box.y:.0f}) and ({other.x:.0f}, {other.y:.0f}) overlap"
                for other in crossed
            ]
        found += [
            f"a point at ({m.x + 6:.0f}, {m.y + 6:.0f}) leaves the frame" for m in self._marks if not _holds(frame, m)
        ]
        for (words, span), (_, inside) in zip(spans, self._texts, strict=True):
            if inside is None and any(_cross(span, box, 0.0) for box in self._boxes):
                found.append(f"{words!r} lies on a box that is not its own")
        return found

    def claim(self, box: Box) -> None:
        """Say that `box` is taken: nothing else may lie on it."""
        self._boxes.append(box)

    def mark(self, x: float, y: float) -> None:
        """Say that something small is drawn at a point: it must lie in the frame, and may lie on other things."""
        self._marks.append(Box(x - 6, y - 6, 12, 12))

    def figure(self) -> Figure:
        """The drawing, for `plots.show`.

        Raises:
            Unreadable: with all `faults`.
        """
        found = self.faults()
        if found:
            raise Unreadable("a room cannot read this drawing: " + "; ".join(found))
        return self._figure


def thickness(n_bytes: float, most_bytes: float, *, most: float = 40) -> float:
    """Pixels of a wire for `n_bytes` where `most_bytes` takes `most` pixels: linear, but at least 3."""
    return max(3, most * n_bytes / most_bytes)


def middle(box: Box) -> tuple[float, float]:
    return box.x + box.width / 2, box.y + box.height / 2


def _holds(outer: Box, inner: Box) -> bool:
    slack = 0.5
    return (
        inner.x >= outer.x - slack
        and inner.y >= outer.y - slack
        and inner.x + inner.width <= outer.x + outer.width + slack
        and inner.y + inner.height <= outer.y + outer.height + slack
    )


def _cross(one: Box, other: Box, gap: float) -> bool:
    return (
        one.x < other.x + other.width + gap
        and other.x < one.x + one.width + gap
        and one.y < other.y + other.height + gap
        and other.y < one.y + one.height + gap
    )


def grid(
    canvas: Canvas,
    values: torch.Tensor,
    x: float,
    y: float,
    *,
    cell: float = 60,
    mask: torch.Tensor | None = None,
    text: str = "{:g}",
    meaning: str = "fp32",
    size: float = MIN_TEXT,
) -> Box:
    """Draw a tensor as a grid of cells, the larger the magnitude the stronger the colour.

    Args:
        canvas: the sheet.
        values: 1 or 2 dimensions; a vector is one row.
        x, y: the top left corner, pixels.
        cell: side of a cell, pixels.
        mask: same shape; where it is 0 a cell is crossed out and empty.
        text: how a value is written; "" writes none.
        meaning: a key of `MEANING`: its colour.
        size: of the values, pixels.
    Returns:
        Box: the whole grid.
    Raises:
        ValueError: more than two dimensions, or a mask of another shape.
    """
    from matplotlib.colors import to_rgb
    from matplotlib.patches import Rectangle

    table = torch.as_tensor(values).detach().to(torch.float64)
    table = table[None] if table.dim() == 1 else table
    if table.dim() != 2:
        raise ValueError(f"a grid shows one or two dimensions, got the shape {tuple(values.shape)}")
    kept = torch.ones_like(table) if mask is None else torch.as_tensor(mask).reshape(-1, table.shape[-1])
    if kept.shape != table.shape:
        raise ValueError(f"the mask has the shape {tuple(mask.shape)}, the tensor {tuple(values.shape)}")
    most = table.abs().max().item() or 1.0
    colour = to_rgb(MEANING[meaning])
    for row, column in ((r, c) for r in range(table.shape[0]) for c in range(table.shape[1])):
        value, stays = table[row, column].item(), bool(kept[row, column])
        share = 0.55 * abs(value) / most if stays else 0.0
        at = (x + column * cell, y + row * cell)
        fill = [1 - share * (1 - part) for part in colour]
        canvas.axes.add_patch(Rectangle(at, cell, cell, facecolor=fill, edgecolor="#555555", linewidth=1, zorder=3))
        if not stays:
            canvas.axes.plot(
                [at[0] + cell * 0.2, at[0] + cell * 0.8],
                [at[1] + cell * 0.8, at[1] + cell * 0.2],
                "#555555",
                zorder=3,
            )
        elif text:
            inside = Box(*at, cell, cell)
            canvas.text(*middle(inside), text.format(value), size=size, inside=inside)
    whole = Box(x, y, cell * table.shape[1], cell * table.shape[0])
    canvas.claim(whole)
    return whole


MARGIN = 60  # pixels on both sides of a number line


def number_line(
    canvas: Canvas,
    low: float,
    high: float,
    *,
    y: float,
    ticks: Mapping[float, str],
    meaning: str = "int8",
    size: float = 24,
) -> NumberLine:
    """Draw a number line from `low` to `high` with marked places.

    Args:
        canvas: the sheet.
        low, high: the values at its ends.
        y: its height on the canvas, pixels.
        ticks: value -> words under it ("" for none).
        meaning: a key of `MEANING`: the colour of the ticks.
        size: of the words, pixels.
    Returns:
        NumberLine: which knows where a value lies.
    """
    line = NumberLine(canvas, low, high, y, MARGIN, canvas.width - 2 * MARGIN)
    canvas.axes.plot([MARGIN - 20, MARGIN + line.width + 20], [y, y], color="black", linewidth=2, zorder=2)
    for value, words in ticks.items():
        at = line.place(value)
        canvas.axes.plot([at, at], [y - 16, y + 16], color=MEANING[meaning], linewidth=3, zorder=3)
        if words:
            canvas.text(at, y + 38, words, colour=meaning, size=size)
    return line


@dataclass(frozen=True)
class NumberLine:
    """A number line on a canvas: where values lie, and points that fall onto it."""

    canvas: Canvas
    low: float
    high: float
    y: float
    x: float
    width: float

    def place(self, value: float) -> float:
        """Where a value lies, in pixels from the left of the canvas."""
        return self.x + (value - self.low) / (self.high - self.low) * self.width

    def point(self, value: float, *, above: float, meaning: str = "fp32", falls_to: float | None = None) -> None:
        """Draw a value as a point above the line.

        Args:
            value: where it lies.
            above: pixels above the line.
            meaning: a key of `MEANING`.
            falls_to: the value on the line that an arrow from the point leads to; None draws none.
        """
        at = self.place(value), self.y - above
        self.canvas.axes.plot(*at, "o", color=MEANING[meaning], markersize=11, zorder=4)
        self.canvas.mark(*at)
        if falls_to is not None:
            self.canvas.wire(at, (self.place(falls_to), self.y - 18), meaning=meaning, thick=2.5)

    def bracket(self, low: float, high: float, words: str, *, above: float, meaning: str = "plain") -> None:
        """Draw a span above the line, with words over it.

        Args:
            low, high: its ends, as values.
            words: over its middle.
            above: pixels above the line.
            meaning: a key of `MEANING`.
        """
        left, right, y = self.place(low), self.place(high), self.y - above
        for end in (left, right):
            self.canvas.wire((end, y - 8), (end, y + 8), meaning=meaning, arrow=False)
        self.canvas.wire((left, y), (right, y), meaning=meaning, arrow=False)
        self.canvas.text((left + right) / 2, y - 26, words, colour=meaning)
