"""The map of the course, from ``lessons/course.toml``: each part with its lever and its lessons, and the ledger."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from pathlib import Path

from course_utils import syllabus
from course_utils.files import ROOT
from course_utils.show.diagrams import HEIGHT, WIDTH, Box, Canvas

SIDE, MIDDLE, GAP, EDGE = 450, 200, 12, 10  # pixels: of a part's box, of the ledger, between boxes, to the frame
TOKEN, TOKEN_HIGH = 46, 32  # of a lesson's number
MOST_WHOLE = 8  # numbers with that of their part ("3.8") that fit side by side


def course_map(here: str, *, columns: Sequence[str], root: Path = ROOT, height: float = HEIGHT) -> Canvas:
    """Draw the parts of the course around the ledger that each of them writes to.

    Args:
        here: name of the lesson that the reader is in; its number is filled.
        columns: what the ledger says of a model.
        root: the repository, or a folder with the same layout.
        height: of the drawing, pixels.
    Returns:
        Canvas: its `figure()` is for `plots.show`.
    Raises:
        LookupError: `here` is no lesson.
    """
    lessons = syllabus.lessons(root)
    if here not in lessons:
        raise LookupError(f"no lesson is called {here!r}; there are {', '.join(lessons)}")
    parts = tomllib.loads((root / "lessons" / "course.toml").read_text(encoding="utf-8"))["part"]
    canvas = Canvas(WIDTH, height)
    middle = canvas.box(
        (WIDTH - MIDDLE) / 2,
        EDGE,
        "\n".join(["the ledger", "", *columns]),
        width=MIDDLE,
        height=height - 2 * EDGE,
        fill="#eeeeee",
    )
    half = (len(parts) + 1) // 2
    for nth, part in enumerate(parts):
        row, on_left = nth % half, nth < half
        high = (height - 2 * EDGE - (half - 1) * GAP) / half
        x = EDGE if on_left else WIDTH - EDGE - SIDE
        box = canvas.box(x, EDGE + row * (high + GAP), width=SIDE, height=high)
        _fill(canvas, box, part, [lesson for lesson in lessons.values() if lesson.part == part["name"]], here)
        canvas.wire(box.right if on_left else box.left, (middle.x if on_left else middle.x + MIDDLE, box.right[1]))
    return canvas


def _fill(canvas: Canvas, box: Box, part: dict, lessons: Sequence[syllabus.Lesson], here: str) -> None:
    """Write a part's title, its lever and the numbers of its lessons into its box."""
    from matplotlib.patches import Rectangle

    lines = 3 if "lever" in part else 2
    ys = [box.y + box.height * (2 * n + 1) / (2 * lines) for n in range(lines)]
    left = box.x + 14
    canvas.text(left, ys[0], f"{lessons[0].part_number} · {part['title']}", align="left", bold=True, inside=box)
    if lines == 3:
        canvas.text(left, ys[1], part["lever"], align="left", inside=box)
    step = min(TOKEN + 8, (box.width - 28) / len(lessons))
    short = len(lessons) > MOST_WHOLE  # the part's own number stands above them
    for nth, lesson in enumerate(lessons):
        x, y, there = left + nth * step, ys[-1] - TOKEN_HIGH / 2, lesson.name == here
        patch = Rectangle(
            (x, y), step - 8, TOKEN_HIGH, facecolor="black" if there else "white", edgecolor="#555555", zorder=3
        )
        canvas.axes.add_patch(patch)
        number = lesson.number.rpartition(".")[2] if short else lesson.number
        canvas.text(x + (step - 8) / 2, ys[-1], number, size=22, colour="white" if there else "black", inside=box)
