"""From the cells of a notebook to slides: what is left out, what stands where, which layout, how many minutes.

A slide begins with a cell of type "slide" or "subslide". Its heading is pinned to the top, its notes go to the end,
and what follows a cell of type "fragment" belongs to that fragment: a note between question and answer breaks nothing.
"""

import copy
import html
import re
from dataclasses import dataclass, field

import nbformat

from tools.publishing import boxes, course

LAYOUTS = ("split", "big", "number", "figure", "code")
LINES_ABOVE_A_FIGURE = 3
LINK = re.compile(
    r"(?<!!)\[([^\[\]]+)\]\((?!https?://|#)[^()\s]+\)"
)  # to another file, which does not travel with a deck
HEADING = re.compile(r"\A\s*(#{1,6} [^\n]+)\n*")
NOTE_BEGINS = re.compile(r"\A\*For the lecturer(?:, (\d+(?:\.\d+)?) min)?\.\*")
PICTURES = ("image/svg+xml", "image/png")
HTML = "deck_html"  # metadata of a raw cell: what the template writes as it is


@dataclass
class Slide:
    """The cells of one slide.

    Attributes:
        head: cells before the first fragment, the heading left out; fragments: one list of cells each.
        heading: the first line of its first cell, or None. notes: the cells for the lecturer.
        layout: of LAYOUTS, "text", or "title". new_stack: its type is "slide".
        foot: HTML at its foot, where it is another than that of the deck.
        panel: HTML of the coloured third of a title.
        seconds: of its notes together; 0 where none names its minutes.
    """

    new_stack: bool
    asked: str | None
    heading: nbformat.NotebookNode | None = None
    head: list = field(default_factory=list)
    fragments: list = field(default_factory=list)
    notes: list = field(default_factory=list)
    foot: str | None = None
    panel: str = ""
    seconds: int = 0

    @property
    def cells(self):
        """All that stands on it, without heading and notes."""
        return [*self.head, *(cell for fragment in self.fragments for cell in fragment)]

    @property
    def layout(self):
        """As the metadata asks, else after what stands on the slide."""
        if self.asked:
            return self.asked
        if any(shows_code(cell) for cell in self.cells):
            return "code"
        if any(is_picture(cell) or is_table(cell) for cell in self.cells):
            return "figure"
        return "split" if self.fragments else "text"


def minutes(note):
    """How long a note says that its slide takes, e.g. 1.5; None for a note without a time."""
    found = NOTE_BEGINS.match(note.source)
    return float(found[1]) if found and found[1] else None


def shows_code(cell):
    """True for a code cell whose source stands on the slide."""
    return cell.cell_type == "code" and bool(cell.source.strip()) and not cell.metadata.get("transient")


def is_picture(cell):
    """True where a cell draws, or its text has an image."""
    if cell.cell_type == "code":
        data = [output.get("data", {}) for output in cell.outputs]
        return any(set(PICTURES) & set(d) or "<svg" in str(d.get("text/html", "")) for d in data)
    return bool(re.search(r"!\[[^\]]*\]\(|<img\b|<svg\b", cell.source))


def is_table(cell):
    """True where a cell has a table, in its text or among its outputs."""
    if cell.cell_type == "code":
        return any("<table" in str(output.get("data", {}).get("text/html", "")) for output in cell.outputs)
    return bool(re.search(r"^\|.*\|\s*\n\|[\s:|-]+\|\s*$", cell.source, re.M) or "<table" in cell.source)


def presentable(nb):
    """Copy the cells of a notebook for the screen.

    No solutions, no skipped cells, nothing under Deeper, and no code that is hidden or too long to stand above its
    figure. A link to another file becomes plain text: a deck travels alone. (Progress bars are stderr, which the
    template leaves out.)
    """
    cells = [
        copy.deepcopy(cell)
        for cell in core(nb.cells)
        if "solution" not in cell.metadata.get("tags", []) and slide_type(cell) != "skip"
    ]
    for cell in cells:
        if cell.cell_type != "code":
            cell.source = LINK.sub(r"\1", boxes.take_off(cell.source).partition(boxes.PAGE)[0].rstrip())
            continue
        if hides_code(cell):
            cell.metadata["transient"] = {"remove_source": True}
    return cells


def core(cells):
    """The cells of a lesson without those under the heading Deeper."""
    deeper = False
    for cell in cells:
        if cell.cell_type == "markdown" and cell.source.startswith("## "):
            deeper = cell.source.startswith(course.DEEPER)
        if not deeper:
            yield cell


def hides_code(cell):
    """True for a code cell of which a room sees the output only: asked for, or too long to stand above its figure."""
    hidden = "hide-input" in cell.metadata.get("tags", []) or cell.metadata.get("jupyter", {}).get("source_hidden")
    return bool(hidden) or (is_picture(cell) and len(cell.source.splitlines()) > LINES_ABOVE_A_FIGURE)


def slide_type(cell):
    """The type that a cell's metadata gives it; "-" for none."""
    return cell.metadata.get("slideshow", {}).get("slide_type") or "-"


def slides(nb):
    """Group the cells of a notebook.

    Args:
        nb: a notebook with outputs; left as it was.
    Returns:
        list of Slide.
    Raises:
        ValueError: a layout that there is not; the message names the cell's first line.
    """
    found, early = [], []
    for cell in presentable(nb):
        kind = slide_type(cell)
        if kind == "notes":
            (found[-1].notes if found else early).append(cell)  # one before the first slide is kept for that one
        elif kind in ("slide", "subslide") or not found:
            found.append(Slide(new_stack=kind == "slide" or not found, asked=_asked(cell)))
            found[-1].notes, early = early, []
            _add_first(found[-1], cell)
        elif kind == "fragment":
            found[-1].fragments.append([cell])
        else:
            (found[-1].fragments[-1] if found[-1].fragments else found[-1].head).append(cell)
    for slide in found:
        slide.seconds = round(60 * sum(minutes(note) or 0 for note in slide.notes))
    return found


def _asked(cell):
    layout = cell.metadata.get("slideshow", {}).get("layout")
    if layout not in (None, *LAYOUTS):
        first = (cell.source.splitlines() or [""])[0]
        raise ValueError(f"no layout is called {layout!r}; there are {', '.join(LAYOUTS)}. The cell begins: {first}")
    return layout


def _add_first(slide, cell):
    """The heading of the first cell stands apart; what is left of the cell stays with the others."""
    found = HEADING.match(cell.source) if cell.cell_type == "markdown" else None
    if found:
        slide.heading = nbformat.v4.new_markdown_cell(found[1])
        cell.source = cell.source[found.end() :]
    if cell.cell_type != "markdown" or cell.source.strip():
        slide.head.append(cell)


def cells(slides, foot):
    """The cells of a deck in the order of its HTML, with the tags of slides, columns and fragments between them.

    Args:
        slides: list of Slide.
        foot: what stands at the foot of each, unless a slide says otherwise.
    Returns:
        list of cells; those with HTML in their metadata are tags.
    """
    found = []
    for number, slide in enumerate(slides):
        if slide.new_stack or not number:
            found.append(tag("</section>\n<section>" if number else "<section>"))
        found += _one(slide, f'<span class="number">{number + 1} / {len(slides)}</span>{slide.foot or foot}')
    return [*found, tag("</section>\n")] if found else []


def _one(slide, foot):
    right = slide.fragments
    left = slide.head
    if slide.layout == "split" and not right:  # nothing to click for: the code and what it gave stand on the right
        at = next((n for n, cell in enumerate(left) if cell.cell_type == "code"), len(left))
        left, right = left[:at], [left[at:]] if left[at:] else []
    about = f'data-layout="{slide.layout}" data-timing="{slide.seconds}"'
    return [
        tag(f'<section {about}><div class="page {slide.layout}">\n{slide.panel}<div class="top">'),
        *([slide.heading] if slide.heading else []),
        tag('</div>\n<div class="body"><div class="left">'),
        *left,
        *([tag('</div><div class="right">')] if slide.layout == "split" else []),
        *(
            cell
            for group in right
            for cell in (tag(f'<div class="{"fragment" if slide.fragments else "shown"}">'), *group, tag("</div>"))
        ),
        tag(f'</div></div>\n<div class="foot">{foot}</div></div>'),
        *(cell for note in slide.notes for cell in (tag('<aside class="notes">'), note, tag("</aside>"))),
        tag("</section>\n"),
    ]


def tag(text):
    """A cell that the template writes as it is."""
    return nbformat.v4.new_raw_cell("", metadata={HTML: text})


def foot(number, title):
    """The foot of a slide: the mark of the part, which gives the slide its colour, number and title of the lesson."""
    part = html.escape(number.partition(".")[0])
    name = html.escape(f"{number} · {title}")
    return f'<span class="mark" data-part="{part}"></span><span class="lesson">{name}</span>'


def described(drawing, alt):
    """An SVG for a page: with its alt text, where it has none of its own, and without what stands above its root."""
    drawing = drawing[drawing.index("<svg") :]
    opening = drawing[: drawing.index(">")]
    role = "" if "role=" in opening else ' role="img"'
    given = "" if "aria-label" in opening else f' aria-label="{html.escape(alt)}"'
    return f"<svg{given}{role}{drawing[4:]}"
