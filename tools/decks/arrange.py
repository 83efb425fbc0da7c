"""From slides to cells for the template: which layout a slide has, what stands where on it, what stands at its foot."""

import html
import re
from dataclasses import dataclass, field

import nbformat

LAYOUTS = ("split", "big", "number", "figure", "code")
HTML = "deck_html"  # metadata of a raw cell: what the template writes as it is


@dataclass
class Slide:
    """The cells of one slide.

    Attributes:
        new_stack: it stands to the right of the slide before it, and not below.
        asked: the layout that its text asks for, or None. heading: a cell.
        head: cells before the first click. fragments: one list of cells for each click. notes: cells for the lecturer.
        foot: HTML at its foot. panel: HTML of the coloured third of a title. seconds: that its notes plan.
    """

    new_stack: bool
    asked: str | None = None
    heading: nbformat.NotebookNode | None = None
    head: list = field(default_factory=list)
    fragments: list = field(default_factory=list)
    notes: list = field(default_factory=list)
    foot: str = ""
    panel: str = ""
    seconds: int = 0

    @property
    def layout(self):
        """As the text asks, else after what stands on the slide."""
        cells = [*self.head, *(cell for fragment in self.fragments for cell in fragment)]
        if self.asked:
            return self.asked
        if any(shows_code(cell) for cell in cells):
            return "code"
        if any(is_figure(cell) for cell in cells):
            return "figure"
        return "split" if self.fragments else "text"


def shows_code(cell):
    """True for a code cell whose source stands on the slide."""
    return cell.cell_type == "code" and not cell.metadata.get("transient", {}).get("remove_source")


def is_figure(cell):
    """True where a cell has a picture or a table, in its text or among its outputs."""
    if cell.cell_type == "code":
        data = [output.get("data", {}) for output in cell.outputs]
        return any("image/png" in d or re.search("<table|<img|<svg", str(d.get("text/html", ""))) for d in data)
    return bool(re.search(r"<(?:img|svg|table)\b|^\|.*\|\s*\n\|[\s:|-]+\|\s*$", cell.source, re.M))


def cells(slides):
    """The cells of a deck in the order of its HTML, with the tags of slides, columns and fragments between them."""
    found = [_tag("<section>")]
    for number, slide in enumerate(slides, start=1):
        if slide.new_stack and number > 1:
            found.append(_tag("</section>\n<section>"))
        found += _one(slide, f'<span class="number">{number} / {len(slides)}</span>{slide.foot}')
    return [*found, _tag("</section>\n")]


def _one(slide, foot):
    left, right = slide.head, slide.fragments
    if slide.layout == "split" and not right:  # nothing to click for: the code and what it gave stand on the right
        at = next((n for n, cell in enumerate(left) if cell.cell_type == "code"), len(left))
        left, right = left[:at], [left[at:]] if left[at:] else []
    shown = "fragment" if slide.fragments else "shown"
    return [
        _tag(
            f'<section data-timing="{slide.seconds}"><div class="page {slide.layout}">\n{slide.panel}<div class="top">'
        ),
        *([slide.heading] if slide.heading else []),
        _tag('</div>\n<div class="body"><div class="left">'),
        *left,
        *([_tag('</div><div class="right">')] if slide.layout == "split" else []),
        *(cell for group in right for cell in (_tag(f'<div class="{shown}">'), *group, _tag("</div>"))),
        _tag(f'</div></div>\n<div class="foot">{foot}</div></div>'),
        *(cell for note in slide.notes for cell in (_tag('<aside class="notes">'), note, _tag("</aside>"))),
        _tag("</section>\n"),
    ]


def _tag(text):
    return nbformat.v4.new_raw_cell("", metadata={HTML: text})


def title(lesson):
    """The first slide of a lesson's deck: number and part in a coloured third, and the title. The question is added."""
    part = html.escape(lesson.number.partition(".")[0])
    panel = (
        f'<div class="panel" data-part="{part}"><span class="mark"></span>'
        f"<b>{html.escape(lesson.number)}</b><span>Part {part}<br>{html.escape(lesson.part_title)}</span></div>"
    )
    heading = nbformat.v4.new_markdown_cell(f"# {lesson.title}")
    return Slide(new_stack=True, asked="title", heading=heading, panel=panel, foot=" ")  # the panel says where it is


def foot(lesson, title):
    """Where a slide comes from: the mark of its part, which gives the colour, and the lesson; or the talk's title."""
    if lesson is None:
        return f'<span class="lesson">{html.escape(title)}</span>'
    part, name = lesson.number.partition(".")[0], f"{lesson.number} · {lesson.title}"
    return f'<span class="mark" data-part="{part}"></span><span class="lesson">{html.escape(name)}</span>'


def acts(every, here):
    """A bar of the acts of a talk in which that of the slide is marked; nothing where there are none."""
    bar = "".join(f'<i class="{"here" if act == here else ""}"></i>' for act in every)
    return f'<span class="acts"><b>{html.escape(here or "")}</b>{bar}</span>' if every else ""
