"""From slides to the HTML of a deck: which layout, what stands where, how many seconds, what stands at the foot."""

import html
import re
from dataclasses import dataclass, field

import nbformat

LAYOUTS = ("split", "big", "number", "figure", "code")
PICTURES = ("image/svg+xml", "image/png")
HTML = "deck_html"  # metadata of a raw cell: what the template writes as it is


@dataclass
class Slide:
    """The cells of one slide.

    Attributes:
        new_stack: it stands to the right of the slide before it, and not below.
        asked: the layout that its text asks for, or None. heading: a cell, or None.
        head: cells before the first click. fragments: one list of cells for each click. notes: cells for the lecturer.
        foot: HTML at its foot. panel: HTML of the coloured third of a title. seconds: of its notes together.
        before: it asks about earlier lessons, and does not count among the minutes of the talk.
    """

    new_stack: bool
    asked: str | None
    heading: nbformat.NotebookNode | None = None
    head: list = field(default_factory=list)
    fragments: list = field(default_factory=list)
    notes: list = field(default_factory=list)
    foot: str = ""
    panel: str = ""
    seconds: int = 0
    before: bool = False

    @property
    def cells(self):
        """All that stands on it, without heading and notes."""
        return [*self.head, *(cell for fragment in self.fragments for cell in fragment)]

    @property
    def layout(self):
        """As the text asks, else after what stands on the slide."""
        if self.asked:
            return self.asked
        if any(shows_code(cell) for cell in self.cells):
            return "code"
        if any(is_picture(cell) or is_table(cell) for cell in self.cells):
            return "figure"
        return "split" if self.fragments else "text"


def shows_code(cell):
    """True for a code cell whose source stands on the slide."""
    return cell.cell_type == "code" and not cell.metadata.get("transient", {}).get("remove_source")


def is_picture(cell):
    """True where a cell draws, or its text has an image."""
    if cell.cell_type == "code":
        data = [output.get("data", {}) for output in cell.outputs]
        return any(set(PICTURES) & set(d) or re.search("<svg|<img", str(d.get("text/html", ""))) for d in data)
    return bool(re.search(r"!\[[^\]]*\]\(|<img\b|<svg\b", cell.source))


def is_table(cell):
    """True where a cell has a table, in its text or among its outputs."""
    if cell.cell_type == "code":
        return any("<table" in str(output.get("data", {}).get("text/html", "")) for output in cell.outputs)
    return bool(re.search(r"^\|.*\|\s*\n\|[\s:|-]+\|\s*$", cell.source, re.M) or "<table" in cell.source)


def cells(slides):
    """The cells of a deck in the order of its HTML, with the tags of slides, columns and fragments between them."""
    found = []
    for number, slide in enumerate(slides):
        if slide.new_stack or not number:
            found.append(tag("</section>\n<section>" if number else "<section>"))
        found += _one(slide, f'<span class="number">{number + 1} / {len(slides)}</span>{slide.foot}')
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
    """Where a slide comes from: the mark of its part, which gives the colour, and the lesson; or the talk's title."""
    if number is None:
        return f'<span class="lesson">{html.escape(title)}</span>'
    part = html.escape(number.partition(".")[0])
    name = html.escape(f"{number} · {title}")
    return f'<span class="mark" data-part="{part}"></span><span class="lesson">{name}</span>'


def way(acts, here):
    """A bar of the acts of a talk with the present one marked; nothing where there are none."""
    bar = "".join(f'<i class="{"here" if act == here else ""}"></i>' for act in acts)
    return f'<span class="way"><b>{html.escape(here or "")}</b>{bar}</span>' if acts else ""


def described(drawing, alt):
    """An SVG for a page: with its alt text, where it has none of its own, and without what stands above its root."""
    drawing = drawing[drawing.index("<svg") :]
    opening = drawing[: drawing.index(">")]
    role = "" if "role=" in opening else ' role="img"'
    given = "" if "aria-label" in opening else f' aria-label="{html.escape(alt)}"'
    return f"<svg{given}{role}{drawing[4:]}"
