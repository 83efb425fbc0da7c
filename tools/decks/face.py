"""The face of a deck: the slide with the title, the question of the lesson and one picture.

The colour and the mark of a part are in slides_template/face.css.
"""

import base64
import html
import re

from tools.decks import arrange

FIGURE = "title-figure"  # the tag of a cell that draws: the picture of the title, without its words
ALT = "A figure of this lesson, without its words"
TITLE = re.compile(r"\A# (?:[\d.]+ · )?(.+)\s*\Z")
QUESTION = re.compile(r"\A\*(?!\*)[^\n]+(?<!\*)\*\s*\Z")
FRAME = re.compile(r'src="data:image/svg\+xml;base64,([^"]+)"')
WORDS = re.compile(r"<text\b.*?</text>", re.S)
ALONE = re.compile(r"^(★+) · (\d+) minutes\b", re.M)


def dress(slides, nb):
    """Give the slides of a lesson their title, and its exercise the room's minutes.

    Args:
        slides: list of `arrange.Slide`; they are changed.
        nb: the notebook that they were made of.
    Returns:
        list of `arrange.Slide`.
    """
    course = nb.metadata["course"]
    if slides:
        _title(slides[0], course, picture(nb))
    for slide in slides:
        _for_the_room(slide)
    return slides


def picture(nb):
    """HTML of the picture for the title: the drawing of the cell with the tag, its last frame where it has several.

    Its words are left out: on a title they would be too small to read, and they would say what the lesson is to find.

    Returns:
        str; empty where no cell has the tag, or the one that has it shows no drawing made of lines.
    """
    for cell in nb.cells:
        if FIGURE in cell.metadata.get("tags", []):
            for output in cell.get("outputs", []):
                data = output.get("data", {})
                frames = FRAME.findall(data.get("text/html", ""))
                drawing = base64.b64decode(frames[-1]).decode() if frames else data.get("image/svg+xml")
                if drawing:
                    bare = base64.b64encode(WORDS.sub("", drawing).encode()).decode()
                    return f'<img class="wordless" alt="{ALT}" src="data:image/svg+xml;base64,{bare}">'
    return ""


def _title(slide, course, drawn):
    """The question stays, large. Without a question in italics under the title the slide stays as it is."""
    title = TITLE.match(slide.heading.source) if slide.heading else None
    question = QUESTION.match(slide.head[0].source) if title and slide.head else None
    if not question:
        return
    number = course["number"]
    part = number.partition(".")[0]
    about = f"Part {part}<br>{html.escape(course['part'])}" if course.get("part") else f"Part {part}"
    slide.asked = "title"
    slide.panel = (
        f'<div class="panel" data-part="{html.escape(part)}"><span class="mark"></span>'
        f"<b>{html.escape(number)}</b><span>{about}</span></div>"
    )
    slide.foot = " "  # number and title stand above
    slide.heading.source = f"# {title[1]}"
    if drawn:
        slide.head.insert(1, arrange.tag(drawn))


def _for_the_room(slide):
    """An exercise has the minutes of somebody who works alone; a room has those of the note."""
    for cell in slide.cells:
        if cell.cell_type == "markdown":
            shown = ALONE.sub(lambda line: line[0] if 60 * int(line[2]) == slide.seconds else line[1], cell.source)
            cell.source = shown
