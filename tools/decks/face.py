"""The face of a deck: the slide with the title, the question of the lesson and one picture.

The colour and the mark of a part are in slides_template/face.css.
"""

import base64
import html
import re

import nbformat

from tools.decks import arrange

ALT = "A figure of this lesson, without its words"
FRAME = re.compile(r'src="data:image/svg\+xml;base64,([^"]+)"')
WORDS = re.compile(r"<text\b.*?</text>", re.S)


def picture(cell):
    """HTML of the picture for the title: the drawing of a cell, its last frame where it has several, without its words.

    They would be too small to read on a title, and would say what the lesson is to find.

    Raises:
        ValueError: the cell shows no drawing made of lines.
    """
    for output in cell.get("outputs", []):
        data = output.get("data", {})
        frames = FRAME.findall(data.get("text/html", ""))
        drawing = base64.b64decode(frames[-1]).decode() if frames else data.get("image/svg+xml")
        if drawing:
            bare = base64.b64encode(WORDS.sub("", drawing).encode()).decode()
            return f'<img class="wordless" alt="{ALT}" src="data:image/svg+xml;base64,{bare}">'
    raise ValueError(f"{cell.metadata['name']}, the figure of the title, draws nothing")


def title(slide, lesson, drawn):
    """Make the first slide of a lesson's deck: number and part in a coloured third, title, question, a picture."""
    part = html.escape(lesson.number.partition(".")[0])
    slide.panel = (
        f'<div class="panel" data-part="{part}"><span class="mark"></span>'
        f"<b>{html.escape(lesson.number)}</b><span>Part {part}<br>{html.escape(lesson.part_title)}</span></div>"
    )
    slide.foot = " "  # number and title stand above
    slide.heading = nbformat.v4.new_markdown_cell(f"# {lesson.title}")
    if drawn:
        slide.head.insert(1, arrange.tag(drawn))
