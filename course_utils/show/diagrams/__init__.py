"""Drawings of ideas, made from a lesson's own live objects and refused where a room could not read them.

    canvas = Canvas()
    one = canvas.box(100, 200, "quantize")
    canvas.wire(one.right, (600, 250), meaning="int8", thick=thickness(784, 3136))
    plots.show(canvas.figure(), alt="...", caption="...")

Everything is placed in pixels of a slide 1280 pixels wide, from the top left.
"""

from course_utils.show.diagrams._canvas import HEIGHT, LEAST_TEXT, MEANING, WIDTH, Box, Canvas, Unreadable, thickness
from course_utils.show.diagrams._lines import NumberLine, number_line, time_line
from course_utils.show.diagrams._shapes import bars, grid, ring, stack

__all__ = [
    "HEIGHT",
    "LEAST_TEXT",
    "MEANING",
    "WIDTH",
    "Box",
    "Canvas",
    "NumberLine",
    "Unreadable",
    "bars",
    "grid",
    "number_line",
    "ring",
    "stack",
    "thickness",
    "time_line",
]
