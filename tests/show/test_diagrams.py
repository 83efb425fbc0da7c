"""Drawings say what they are given, and are refused where a room could not read them."""

import pytest
import torch

from course_utils import diagrams
from course_utils.diagrams import Canvas, Unreadable


def words(canvas):
    return [text.get_text() for text in canvas.axes.texts]


def good():
    """A canvas with one of everything, none of it at fault."""
    canvas = Canvas(1200, 520)
    one, other = canvas.box(60, 60, "float"), canvas.box(400, 60, "int8", fill="int8")
    canvas.wire(one.right, other.left, meaning="fp32", thick=diagrams.thickness(100, 400))
    diagrams.grid(canvas, torch.tensor([[1.0, -2.0], [0.0, 4.0]]), 700, 60, mask=torch.tensor([[1, 0], [1, 1]]))
    line = diagrams.number_line(canvas, -1, 1, y=420, ticks={-1: "-1", 0: "0", 1: "1"})
    line.point(0.4, above=90, falls_to=0)
    line.bracket(-1, 0, "one step", above=120)
    return canvas


def test_a_drawing_with_one_of_everything_is_readable():
    canvas = good()
    assert canvas.faults() == []
    expected = {"float", "int8", "1", "0", "4", "-1", "one step"}
    assert expected <= set(words(canvas))
    assert "-2" not in words(canvas), "what is masked is crossed out"


@pytest.mark.parametrize(
    ("draw", "fault"),
    [
        (lambda c: c.text(200, 300, "tiny", size=14), "'tiny' is 14 pixels high"),
        (lambda c: c.box(60, 200, "far too long for this", width=100), "leaves its box"),
        (lambda c: c.text(5, 300, "cut off"), "'cut off' leaves the frame"),
        (lambda c: (c.text(300, 300, "one"), c.text(310, 305, "two")), "'one' lies on 'two'"),
        (lambda c: (c.box(60, 60), c.box(100, 100)), "overlap"),
        (lambda c: diagrams.number_line(c, 0, 1, y=100, ticks={}).point(1.2, above=50), "a point at (1356, 50) leaves"),
    ],
)
def test_what_a_room_could_not_read_is_refused(draw, fault):
    canvas = Canvas()
    draw(canvas)
    assert any(fault in found for found in canvas.faults()), canvas.faults()
    with pytest.raises(Unreadable, match="a room cannot read"):
        canvas.figure()


def test_a_number_line_puts_values_to_scale():
    line = diagrams.number_line(Canvas(), -2, 2, y=100, ticks={})
    assert [line.place(v) for v in (-2, 0, 2)] == [60, 600, 1140]


def test_wires_are_as_thick_as_their_bytes():
    assert diagrams.thickness(200, 400, most=40) == 20
    assert diagrams.thickness(1, 4_000_000) == 3, "a wire that carries something is seen"
