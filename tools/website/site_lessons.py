"""Lessons as pages of the site: links lead to pages, figures carry their alt texts, hints are read as Markdown."""

import html
import os
import re

import nbformat

from tools.decks.arrange import described
from tools.environment import curriculum
from tools.publishing import boxes, worksheets
from tools.publishing import lessons as _lessons

DOCUMENTS = {  # file of the repository -> its page, and what the contents call it
    "docs/symptoms.md": ("symptoms.md", "You see this"),
    "docs/errata.md": ("errata.md", "What older tutorials get wrong"),
    "docs/helpers.md": ("helpers.md", "Ten helpers, with examples"),
    "docs/lightning.md": ("lightning.md", "Two callbacks for Lightning"),
    "docs/elsewhere.md": ("elsewhere.md", "Other places to run the course"),
    "docs/sweeps.md": ("sweeps.md", "Your sweep on many machines"),
    "docs/glossary.md": ("glossary.md", "Glossary"),
    "docs/instructors.md": ("instructors.md", "For instructors"),
    "docs/assignments.md": ("assignments.md", "Assignments and grading"),
    "docs/conventions.md": ("conventions.md", "Conventions"),
    "docs/house.md": ("house.md", "Who is who in the repository"),
    "docs/why.md": ("why.md", "Why it is so"),
    "docs/contributing.md": ("contributing.md", "Contributing"),
    "docs/moving_to_a_new_torch.md": ("moving_to_a_new_torch.md", "Moving to a new torch"),
    "records/README.md": ("records.md", "The records"),
}
LINK = re.compile(r"(\]\()([^)\s:#]+)([#)])")
SHOWS = re.compile(r"^\||!\[", re.M)  # a table, a picture
LEAD = re.compile(r"### [^\n]+(\n\n[^\n|<]{1,120})?")  # a heading, perhaps with a sentence, above what is shown
DETAILS = re.compile(r"<details><summary>(.*?)</summary>\n(.*?)\n?</details>", re.S)


def write(lessons, folder):
    """Write folder/NAME.ipynb for each lesson."""
    folder.mkdir(parents=True)
    targets = pages(_lessons.ROOT)
    for lesson in lessons:
        nb = page(_lessons.read_published(lesson.notebook), lesson, targets)
        nbformat.write(nb, folder / f"{lesson.name}.ipynb")
    for sheet in worksheets.ALL.values():
        nb = _moved(_lessons.read_published(sheet.notebook), sheet, targets)
        nbformat.write(nb, folder / f"{sheet.name}.ipynb")


def pages(root):
    """The page of the site that a file of the repository becomes, by its path from the root."""
    found = {
        f"notebooks/{lesson.place}": f"lessons/{lesson.name}.ipynb" for lesson in curriculum.lessons(root).values()
    }
    documents = {file: page for file, (page, _) in DOCUMENTS.items()}
    found |= {f"notebooks/{sheet.place}": f"lessons/{name}.ipynb" for name, sheet in worksheets.ALL.items()}
    return {**found, **documents, f"notebooks/{_lessons.OVERVIEW}": "index.md", "README.md": "index.md"}


def relinked(text, file, page, targets):
    """Markdown in which each link to a file of the repository leads to its page.

    Args:
        text: as it stands in `file`.
        file: its path from the root of the repository.
        page: the path of its page in the site's sources.
        targets: of `pages`.
    Raises:
        ValueError: a link to a file that has no page.
    """

    def moved(match):
        goal = os.path.normpath(os.path.join(os.path.dirname(file), match[2])).replace(os.sep, "/")
        if goal.startswith("docs/pictures/"):
            found = goal.removeprefix("docs/")
        elif goal in targets:
            found = targets[goal]
        else:
            raise ValueError(f"{file} leads to {goal}, which has no page on the site")
        return match[1] + os.path.relpath(found, os.path.dirname(page) or ".").replace(os.sep, "/") + match[3]

    return LINK.sub(moved, text)


def page(nb, lesson, targets):
    """The notebook of a lesson as MyST-NB shall read it; `nb` is changed.

    Args:
        nb: as published.
        lesson: its `curriculum.Lesson`.
        targets: of `pages`.
    """
    nb = _moved(nb, lesson, targets)
    nb.cells = folded(nb.cells)
    name = f"{lesson.number}_{lesson.name}"
    ways = (
        f'<p class="course-ways"><a href="../slides/{name}.html">Slides</a> · '
        f'<a href="../notebooks/{name}.ipynb" download>Notebook</a></p>'
    )
    nb.cells.insert(1, nbformat.v4.new_markdown_cell(ways, id="ways"))
    return nb


def _moved(nb, lesson, targets):
    """The notebook of a lesson or a worksheet with links that lead to pages, pictures with alt texts, folded set-up."""
    file, own = f"notebooks/{lesson.place}", f"lessons/{lesson.name}.ipynb"
    for cell in nb.cells:
        if cell.cell_type == "markdown":
            cell.source = readable(relinked(cell.source, file, own, targets))
        else:
            cell.outputs = [shown(output) for output in cell.outputs]
            tags = cell.metadata.get("tags", [])
            if "setup" in tags and "hide-input" not in tags:
                cell.metadata["tags"] = [*tags, "hide-input"]
            if "solution" in tags:
                cell.metadata["mystnb"] = {"code_prompt_show": "Solution", "code_prompt_hide": "Hide the solution"}
            elif cell.source.startswith("# "):  # what a folded cell does stands in its first line
                cell.metadata["mystnb"] = {"code_prompt_show": cell.source.partition("\n")[0][2:]}
    return nb


def folded(cells):
    """The cells of a lesson in which all that shows the answer to a question is closed with that answer.

    Args:
        cells: of a published lesson; they are left as they are.
    Returns:
        list of cells. Outputs, tables and pictures between a question and its answer are in the answer's box, and so is
        the output of a cell right after it. Their code and all other words stay in sight.
    """
    opening, closing = boxes.put("TEXT", [boxes.ANSWER]).split("TEXT")
    rest = list(cells)
    made, since = [], None  # `since`: what follows a question and waits for its answer
    while rest:
        cell = rest.pop(0)
        if boxes.ANSWER in cell.metadata.get("tags", []):
            kept, before = _parted(since or [])
            # An answer that was not shown yet is shown by what comes next, perhaps under a heading of its own.
            lead = bool(rest and since is not None and not before and LEAD.fullmatch(rest[0].source.strip()))
            later = rest[: lead + 1] if any(other.get("outputs") for other in rest[lead : lead + 1]) else []
            rest, (code, after) = rest[len(later) :], _parted(later)
            opened, text, closed = map(
                nbformat.v4.new_markdown_cell,
                (opening.strip(), cell.source.removeprefix(opening).removesuffix(closing), closing.strip()),
            )
            made += [*kept, *code, opened, *before, text, *after, closed]
            since = None
        elif boxes.ASKED.search(cell.source):
            made += [*(since or []), cell]
            since = []
        else:
            (made if since is None else since).append(cell)
    return made + (since or [])


def _parted(cells):
    """What of the cells stays in sight, and what they show; two lists of cells."""
    kept, shown = [], []
    for cell in cells:
        if cell.get("outputs"):
            kept.append(nbformat.from_dict({**cell, "outputs": []}))
            # MyST-NB leaves a cell without code out, so its code stays, and is not shown a second time.
            again = nbformat.v4.new_code_cell(cell.source, outputs=cell.outputs)
            again.metadata["tags"] = ["remove-input"]
            shown.append(again)
        else:
            (shown if cell.cell_type == "markdown" and SHOWS.search(cell.source) else kept).append(cell)
    return kept, shown


def readable(text):
    """Hints whose inside is read as Markdown: that wants empty lines around it."""
    return DETAILS.sub(r"<details><summary>\1</summary>\n\n\2\n\n</details>", text)


def shown(output):
    """An output whose picture is HTML with its alt text."""
    data, alt = output.get("data", {}), alt_of(output)
    if alt is None or "text/html" in data:
        return output
    if "image/svg+xml" in data:
        picture = described(data["image/svg+xml"], alt)
    else:
        picture = f'<img alt="{html.escape(alt)}" src="data:image/png;base64,{data["image/png"].strip()}">'
    return nbformat.v4.new_output("display_data", data={"text/html": f'<div class="course-figure">{picture}</div>'})


def alt_of(output):
    """The alt text of an output's picture; None where it has none."""
    return next((about["alt"] for about in output.get("metadata", {}).values() if "alt" in about), None)
