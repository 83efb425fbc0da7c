"""The sheet that drawings are made on: text, boxes, wires, and what a room could not read of them.

Everything is placed in pixels of a slide 1280 pixels wide, from the top left. A drawing that could not be read from the
back row is refused: text under 22 pixels, text that leaves its box, texts or boxes that overlap, ink outside the frame.
Colours mean the same in every drawing: `MEANING`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from course_utils.show import plots
from course_utils.show.plots import COLOURS

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
