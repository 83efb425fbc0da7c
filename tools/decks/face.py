"""The face of a deck: the slide with the title, the numeral of a slide, what closes the deck.

A lesson's first cell serves the page: title, question, agenda, promise, goals. A room sees the title, the question and
one picture; the rest goes to the note of that slide. The colour and the mark of a part are in slides_template/face.css.
"""

import base64
import html
import re

import nbformat

from tools.decks import arrange

FIGURE = "title-figure"  # the tag of a cell that draws: the picture of the title, without its words
ALT = "A figure of this lesson, without its words"
TITLE = re.compile(r"\A# (?:[\d.]+ · )?(.+)\s*\Z")
QUESTION = re.compile(r"\A(\*(?!\*)[^\n]+(?<!\*)\*)(?:\n\n(.+))?\s*\Z", re.S)
REMEMBER = re.compile(r"\A((?:-|1\.) .+?)\n\n(?=\*\*)(.+)\Z", re.S)
FRAME = re.compile(r'src="data:image/svg\+xml;base64,([^"]+)"')
WORDS = re.compile(r"<text\b.*?</text>", re.S)
STUB = re.compile(
    r"^Write your answer into the stub, run it, then the check below it\.(?: It tries \w+ that you do not see here\.)?"
    r"(?: Your function must leave what it is given as it is\.)?\s*",
    re.M,
)  # for somebody at a keyboard
ALONE = re.compile(r"^(★+) · (\d+) minutes\b", re.M)


def dress(slides, nb):
    """Give the slides of a lesson their title and their end.

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
    return [shown for slide in slides for shown in _remember(slide)]


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
    slide.head[0].source = question[1]
    if drawn:
        slide.head.insert(1, arrange.tag(drawn))
    if question[2]:
        _say(slide, question[2])


def _say(slide, text):
    """Text for the end of a slide's note."""
    if slide.notes:
        slide.notes[-1].source += f"\n\n{text}"
    else:
        slide.notes.append(nbformat.v4.new_markdown_cell(text))


def _for_the_room(slide):
    """An exercise has the minutes of somebody who works alone, and says where to type; a room has those of the note."""
    for cell in slide.cells:
        if cell.cell_type == "markdown":
            text = STUB.sub("", cell.source)
            cell.source = ALONE.sub(lambda line: line[0] if 60 * int(line[2]) == slide.seconds else line[1], text)


def _remember(slide):
    """What to remember stands alone; what follows it, films, reading, ideas, credits, is a slide of its own."""
    heading = slide.heading.source if slide.heading else ""
    if not heading.startswith("## Remember") or not slide.head:
        return [slide]
    found = REMEMBER.match(slide.head[0].source)
    if not found:
        return [slide]
    further = arrange.Slide(new_stack=False, asked="text")
    further.heading = nbformat.v4.new_markdown_cell("## Further")
    further.head = [nbformat.v4.new_markdown_cell(found[2])]
    slide.head[0].source = found[1]
    return [slide, further]
