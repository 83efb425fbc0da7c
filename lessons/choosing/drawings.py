"""Drawings of the lesson `choosing`: the decision, the ways through a network, the line from training to a device."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from course_utils.show import diagrams

if TYPE_CHECKING:
    from matplotlib.figure import Figure

QUESTIONS = (
    "int8 faster than\nthe best fp32?",
    "a dynamic kernel,\nat most ¼ slower,\n≤ 1 point lost?",
    "static still loses\nmore than 1 point?",
)


def decision(leaves: Mapping[str, Sequence[str]]) -> Figure:
    """Three questions and the methods that they lead to.

    Args:
        leaves: "float", "dynamic", "static", "QAT", in this order -> who goes there.
    """
    longest = max("\n".join(names).count("\n") + 1 for names in leaves.values())
    canvas, xs = diagrams.Canvas(height=max(400, 272 + 32 * longest)), (10, 320, 630, 940)
    boxes = [canvas.box(x, 12, words, width=250, height=104) for x, words in zip(xs, QUESTIONS, strict=False)]
    ends = [
        canvas.box(x, 186, name, width=250, height=56, fill="int8", size=28) for x, name in zip(xs, leaves, strict=True)
    ]
    for box, end, says in zip(boxes, ends, ("no", "yes", "no"), strict=False):
        canvas.wire(box.bottom, end.top)
        canvas.text(box.bottom[0] + 38, 151, says)
    for one, other, says in zip(boxes, boxes[1:], ("yes", "no"), strict=False):
        canvas.wire(one.right, other.left)
        canvas.text((one.right[0] + other.left[0]) / 2, 38, says)
    corner = (ends[3].top[0] - 95, boxes[2].right[1])
    canvas.wire(boxes[2].right, corner, arrow=False)
    canvas.wire(corner, (corner[0], ends[3].top[1]))
    canvas.text(boxes[2].right[0] + 35, 38, "yes")
    for end, names in zip(ends, leaves.values(), strict=True):
        lines = "\n".join(names)
        canvas.text(end.bottom[0], 252 + 16 * (1 + lines.count("\n")), lines, size=24)
    return canvas.figure()


def paths(steps: Mapping[str, Sequence[str]]) -> Figure:
    """Ways through a network, one above the other: float on the upper level, int8 on the lower one.

    Args:
        steps: name -> "quantize", "layer" and "dequantize" in their order, as `ways.way` gives them.
    """
    canvas, depth = diagrams.Canvas(height=165 * len(steps)), 70
    for lane, (name, called) in enumerate(steps.items()):
        top, x, level = 62 + 165 * lane, 20, "fp32"
        tooth = (canvas.width - 60) / (1.2 * called.count("layer") + 2)
        conversions = len(called) - called.count("layer")
        canvas.text(20, top - 34, f"{name}: {conversions} conversions, {called.count('layer')} layers", align="left")

        def go(length: float, level: str = "fp32", y: float = top) -> None:
            nonlocal x
            canvas.wire((x, y), (x + length, y), meaning=level, thick=6, arrow=False)
            x += length

        go(tooth)
        for step in called:
            if step == "layer":
                go(0.8 * tooth, "int8", top + depth)
                continue
            level = "int8" if step == "quantize" else "fp32"
            canvas.wire((x, top), (x, top + depth), thick=3, arrow=False)
            go(0.2 * tooth, level, top + depth * (step == "quantize"))
        go(0.8 * tooth)
    return canvas.figure()


def line(stations: Mapping[str, tuple[str, str, str]], between: Sequence[str]) -> Figure:
    """Stations from left to right.

    Args:
        stations: words in the box -> (key of `diagrams.MEANING`, first line under it, second line under it).
        between: words over each arrow; a line break puts the rest under it.
    """
    canvas = diagrams.Canvas(height=270)
    step = (canvas.width - 260) / (len(stations) - 1)
    boxes = []
    for place, (name, (kind, *below)) in enumerate(stations.items()):
        boxes.append(canvas.box(10 + place * step, 20, name, width=240, height=120, fill=kind, size=28))
        for row, words in enumerate(below):
            canvas.text(130 + place * step, 182 + 50 * row, words, size=28)
    for one, other, words in zip(boxes, boxes[1:], between, strict=False):
        canvas.wire(one.right, other.left)
        above, _, under = words.partition("\n")
        canvas.text((one.right[0] + other.left[0]) / 2, 50, above, size=28)
        if under:
            canvas.text((one.right[0] + other.left[0]) / 2, 112, under, size=26)
    return canvas.figure()
