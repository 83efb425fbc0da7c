"""Shapes that ideas are drawn with: tensor grids, bars, rings."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import torch

from course_utils.show.diagrams._canvas import MEANING, MIN_TEXT, Box, Canvas, middle

RING_BOX = 70  # pixels: the height of a step of a ring


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


def bars(
    canvas: Canvas,
    lengths: Mapping[str, float],
    *,
    x: float,
    y: float,
    width: float,
    height: float = 50,
    gap: float = 24,
    meaning: str | Mapping[str, str] = "plain",
    text: str = "{:g}",
) -> None:
    """Draw bars to one linear scale, the longest `width` pixels, with their names on the left.

    Args:
        canvas: the sheet.
        lengths: name -> a number of 0 or more.
        x, y: where the first bar begins, pixels; names stand left of `x`.
        width: of the longest, pixels.
        height, gap: of and between the bars, pixels.
        meaning: a key of `MEANING`, or name -> key.
        text: how a length is written behind its bar.
    """
    from matplotlib.patches import Rectangle

    most = max(lengths.values())
    for row, (name, length) in enumerate(lengths.items()):
        top, long = y + row * (height + gap), width * length / most
        key = meaning if isinstance(meaning, str) else meaning[name]
        canvas.axes.add_patch(Rectangle((x, top), long, height, facecolor=MEANING[key], zorder=3))
        canvas.claim(Box(x, top, long, height))
        canvas.text(x - 14, top + height / 2, name, align="right")
        canvas.text(x + long + 12, top + height / 2, text.format(length), align="left")


def ring(
    canvas: Canvas,
    steps: Sequence[str],
    *,
    x: float,
    y: float,
    radius: float,
    active: int | None = None,
    width: float = 190,
    size: float = 24,
) -> list[Box]:
    """Draw steps that follow each other in a circle, clockwise from the top.

    Args:
        canvas: the sheet.
        steps: the words of each.
        x, y: the middle, pixels.
        radius: to the middle of the boxes, pixels; across it is 1.7 times that.
        active: the step that is filled.
        width: of a box, pixels.
        size: of the words, pixels.
    Returns:
        list of Box: one a step.
    """
    from matplotlib.patches import FancyArrowPatch

    places = []
    for number in range(len(steps)):
        angle = 2 * math.pi * number / len(steps) - math.pi / 2
        places.append((x + 1.7 * radius * math.cos(angle), y + radius * math.sin(angle)))
    boxes = [
        canvas.box(
            across - width / 2,
            down - RING_BOX / 2,
            words,
            width=width,
            height=RING_BOX,
            size=size,
            fill="int8" if number == active else "white",
        )
        for number, ((across, down), words) in enumerate(zip(places, steps, strict=True))
    ]
    for one, other in zip(boxes, [*boxes[1:], boxes[0]], strict=True):
        canvas.axes.add_patch(
            FancyArrowPatch(
                _border(one, middle(other)),
                _border(other, middle(one)),
                connectionstyle="arc3,rad=-0.15",
                arrowstyle="-|>,head_length=9,head_width=5",
                mutation_scale=1,
                shrinkA=3,
                shrinkB=3,
                linewidth=2.2,
                color=MEANING["plain"],
                zorder=1,
            )
        )
    return boxes


def _border(box: Box, towards: tuple[float, float]) -> tuple[float, float]:
    """Where the line from the middle of a box to a point leaves the box."""
    x, y = middle(box)
    across, down = towards[0] - x, towards[1] - y
    share = min(box.width / 2 / abs(across or 1e-9), box.height / 2 / abs(down or 1e-9))
    return x + share * across, y + share * down
