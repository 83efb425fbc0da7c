"""A picture that is drawn large from what a published lesson shows: four files of one network, for a phone, too."""

import io
import re

from course_utils.show import plots
from tools.publishing import lessons
from tools.website import screen, site_lessons

FILE = re.compile(r"(\w+) ([\d,]+) bytes, ([\d.]+) % right")
SIZE, DOTS = (10, 3.9), 76  # inches, and pixels an inch: it leaves room on a screen for what stands below it
LETTERS = 30  # points; still 11 pixels on a screen that is 390 wide


def smaller(lesson, words):
    """Four bars, one a file, as PNG bytes.

    Args:
        lesson: a `syllabus.Lesson`.
        words: of the alt text of the drawing that names the files.

    Raises:
        NotShown: the published lesson has no such drawing.
    """
    return bars(files(lessons.read_published(lesson.notebook), words))


def files(nb, words):
    """List (name, bytes, percent right) of the files that a drawing of a notebook names, the largest first.

    Raises:
        NotShown: there is no drawing with these words, or it names no files.
    """
    outputs = [output for cell in nb.cells if cell.cell_type == "code" for output in cell.outputs]
    told = next((alt for output in outputs if words in (alt := site_lessons.alt_of(output) or "")), "")
    found = [(name, int(size.replace(",", "")), float(right)) for name, size, right in FILE.findall(told)]
    if not found:
        raise screen.NotShown(f"no drawing with the words {words!r} names files")
    return sorted(found, key=lambda file: -file[1])


def bars(found):
    """Draw files as bars, with their bytes and what the network in them gets right, as PNG bytes."""
    largest, made = found[0][1], io.BytesIO()
    fig, ax = plots.figure(size=SIZE)
    for row, (_, size, right) in enumerate(found):
        last = row == len(found) - 1
        colour = plots.COLOURS["orange" if last else "blue" if row else "grey"]
        ax.barh(row, size, color=colour, height=0.72)
        times = f"  {largest / size:.0f}× smaller" if row else ""
        inside = size > 0.6 * largest
        ax.text(
            size * (0.97 if inside else 1) + largest * (0 if inside else 0.02),
            row,
            f"{size / 1000:,.0f} kB, {right:.1f} % right{times}",
            ha="right" if inside else "left",
            va="center",
            color="white" if inside else "black",
            fontsize=LETTERS,
            fontweight="bold" if last else "normal",
        )
    ax.set_yticks(range(len(found)), [name for name, *_ in found], fontsize=LETTERS)
    ax.invert_yaxis()
    ax.set_xticks([])
    ax.grid(False)
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    fig.savefig(made, format="png", dpi=DOTS)
    return made.getvalue()
