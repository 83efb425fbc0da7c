"""Number lines and time lines."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from course_utils.show.diagrams._canvas import MEANING, Canvas

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
