"""Drawings of ideas, made from a lesson's own live objects and refused where a room could not read them.

    canvas = Canvas()
    one = canvas.box(100, 200, "quantize")
    canvas.wire(one.right, (600, 250), meaning="int8", thick=thickness(784, 3136))
    plots.show(canvas.figure(), alt="...", caption="...")

Everything is placed in pixels of a slide 1280 pixels wide, from the top left.
"""

from course_utils.show.diagrams._canvas import MEANING, Canvas, Unreadable, thickness
from course_utils.show.diagrams._lines import number_line
from course_utils.show.diagrams._shapes import bars, grid, ring

__all__ = ["MEANING", "Canvas", "Unreadable", "bars", "grid", "number_line", "ring", "thickness"]
