"""One deck for the whole course: the slides that carry the tag `lecture`, between a map and what to do next."""

import html
import re

import nbformat

from course_utils import syllabus
from tools.decks import arrange
from tools.publishing import lessons as _lessons
from tools.publishing import pages

TAG = "lecture"
MINUTES = 60
SECONDS_WITHOUT_NOTE = 60
HEADING = re.compile(r"^(#{1,3} )(?:\d+\. )?(.+)$", re.M)
VIDEO = re.compile(r"([A-Z][\w.' ]+), \*([^*]+)\*,\s*\[([^\]]+)\]\((https?://[\w.]*youtu[^)\s]+)\)")
IDEAS = re.compile(r"^\**Project ideas\b[.:*]*[.:]?\s*(.+?)(?=\n\s*\n|\Z)", re.M | re.S)
CREDITS = re.compile(r"^(?:#+ Credits\s*|\*\*Credits\b[.:*]*[.:]?\s*)(.+?)(?=\n#|\n\*\*|\Z)", re.M | re.S)
LICENCE = "Text CC BY 4.0, code MIT."
SHORT_IDEA = 25  # letters; a shorter one says too little by itself
IDEAS_OF_A_PART = 2  # on the slide; the notes have all


def slides(lessons):
    """The slides of the lecture.

    Args:
        lessons: list of `syllabus.Lesson`; those without a notebook are left out.
    Returns:
        list of `arrange.Slide`: title and map, what the notebooks tagged, ideas, videos, credits. Their times add up
        to an hour: the minutes of notes are for whole lessons, so all are shortened or lengthened by one factor.
    Raises:
        ValueError: no lesson has a slide with the tag.
    """
    notebooks = [(lesson, _lessons.read_published(lesson.notebook)) for lesson in lessons if lesson.notebook.exists()]
    middle = [slide for lesson, nb in notebooks for slide in _tagged(lesson, nb)]
    if not middle:
        raise ValueError(f"no cell of these notebooks has the tag {TAG}")
    found = [*_opening(lessons), *middle, *_closing(notebooks)]
    for slide in found:
        slide.foot = slide.foot or _foot(lessons, None)
        slide.seconds = slide.seconds or SECONDS_WITHOUT_NOTE
    factor = 60 * MINUTES / sum(slide.seconds for slide in found)
    for slide in found:
        slide.seconds = round(slide.seconds * factor)
    return found


def title(lessons):
    """What the course is called: the first line of the README."""
    return (lessons[0].root / "README.md").read_text(encoding="utf-8").splitlines()[0].removeprefix("# ")


def _tagged(lesson, nb):
    """The slides of one lesson; one without a heading takes the one that stood before it, without its number."""
    heading, headings = "", {}
    short = nbformat.v4.new_notebook()
    for cell in nb.cells:
        found = HEADING.search(cell.source) if cell.cell_type == "markdown" else None
        heading = f"## {found[2]}" if found else heading
        headings[cell.id] = heading
        if TAG in cell.metadata.get("tags", []):
            short.cells.append(cell)
    made = arrange.slides(short) if short.cells else []
    for slide in made:
        text = slide.heading.source if slide.heading else headings[slide.head[0].id]
        slide.heading = _markdown(HEADING.sub(r"## \2", text))
        slide.foot = _foot([lesson], lesson)
    return made


def _markdown(text):
    return nbformat.v4.new_markdown_cell(text)


def _foot(lessons, here):
    """Number and title of a lesson, and a bar of all parts with the present one marked."""
    parts = {lesson.part_number: lesson.part_title for lesson in syllabus.lessons(lessons[0].root).values()}
    bar = "".join(f'<i class="{"here" if here and here.part_number == n else ""}"></i>' for n in parts)
    name = (
        arrange.foot(here.number, here.title) if here else f'<span class="lesson">{html.escape(title(lessons))}</span>'
    )
    where = f"<b>{html.escape(here.part_title)}</b>" if here else ""
    return f'{name}<span class="way">{where}{bar}</span>'


def _opening(lessons):
    """Title and map."""
    known = list(syllabus.lessons(lessons[0].root).values())
    boxes = []
    for number in dict.fromkeys(lesson.part_number for lesson in known):
        part = [lesson for lesson in known if lesson.part_number == number]
        rows = "".join(f"<li><b>{lesson.number}</b> {html.escape(lesson.title)}</li>" for lesson in part)
        boxes.append(f"<div><h4>{number}. {html.escape(part[0].part_title)}</h4><ul>{rows}</ul></div>")
    what = pages.INTRODUCTION.partition("\n\n")[2]
    size = f"**{len(known)} lessons in {len(boxes)} parts, in one hour.**"
    start = f"{what}\n\n{size} Every number was measured, or is cited."
    return _made(
        [f"# {title(lessons)}", start, "Say what the hour is: the questions of the course, and its main results."],
        [
            "## The course",
            f'<div class="map">{"".join(boxes)}</div>',
            "Where each part begins, and who may leave what out.",
        ],
    )


def _closing(notebooks):
    """Project ideas, videos, credits, as the lessons name them."""
    texts = [
        (lesson, "\n\n".join(cell.source for cell in nb.cells if cell.cell_type == "markdown"))
        for lesson, nb in notebooks
    ]
    ideas, all_ideas, films, thanks = {}, [], {}, []
    for lesson, text in texts:
        text = arrange.LINK.sub(r"\1", text)
        for found in IDEAS.findall(text):
            several = [" ".join(idea.split()).rstrip(".") for idea in found.split(";")]
            shortest = min(several, key=lambda idea: (len(idea) < SHORT_IDEA, len(idea)))
            ideas.setdefault(lesson.part, []).append(f"- **{lesson.number}** {shortest[0].upper()}{shortest[1:]}")
            all_ideas.append(f"**{lesson.number}** {'; '.join(several)}.")
        for who, what, shown, address in VIDEO.findall(text):
            films.setdefault(what, [who.strip(), shown, address, []])[3].append(lesson.number)
        for found in CREDITS.findall(text):
            thanks.append(f"**{lesson.number}** {' '.join(found.replace(LICENCE, '').split())}")
    videos = "\n".join(
        f"- {who}, *{what}*, [{shown}]({address}) (with {', '.join(dict.fromkeys(numbers))})"
        for what, (who, shown, address, numbers) in films.items()
    )
    few = [idea for part in ideas.values() for idea in sorted(part, key=len)[:IDEAS_OF_A_PART]]
    own = f"The idea of this course, in one lecture, is Tal Daniel's (Technion, EE 046211, tutorial 10).\n\n{LICENCE}"
    slides = [
        ["## Project ideas", "\n".join(few), "More of them, from the lessons:\n\n" + "\n\n".join(all_ideas)],
        ["## Recommended videos", videos, "They help, and do not replace the lessons."],
        ["## Credits", own, "Whose ideas the lessons follow:\n\n" + "\n\n".join(thanks)],
    ]
    return _made(*(slide for slide in slides if slide[1]))


def _made(*slides):
    """Slides of [heading, text, note]."""
    cells = []
    for heading, text, note in slides:
        cells.append(
            nbformat.v4.new_markdown_cell(f"{heading}\n\n{text}", metadata={"slideshow": {"slide_type": "slide"}})
        )
        said = nbformat.v4.new_markdown_cell(f"*For the lecturer, 1 min.* {note}")
        said.metadata["slideshow"] = {"slide_type": "notes"}
        cells.append(said)
    return arrange.slides(nbformat.v4.new_notebook(cells=cells))
