"""What older tutorials get wrong: each entry names sections that are there, and numbers that their outputs show."""

import html
import re

import _course
from _course import expect_none

from course_utils.files import ROOT
from tools.publishing import lessons

PAGE = ROOT / "docs" / "errata.md"
ENTRY = re.compile(r"^## ([^\n]+)\n\n(.*?)(?=^## |\Z)", re.M | re.S)
SEE = "**See it.** "
PARTS = re.compile(r"\]\((?P<link>[^)]+\.ipynb)\)|(?<!\*)\*(?P<heading>[^*]+)\*(?!\*)|`(?P<shown>[^`]+)`")


def outputs(nb):
    """The text of all outputs below each heading of a notebook, up to the next one, in one line."""
    found, heading = {}, ""
    for cell in nb.cells:
        if cell.cell_type == "markdown":
            headings = re.findall(r"^#+ (.+)$", cell.source, re.M)
            heading = headings[-1].strip() if headings else heading
            found |= {name.strip(): found.get(name.strip(), "") for name in headings}
            continue
        for output in cell.outputs:
            data = output.get("data", {})
            text = data.get("text/html") or data.get("text/plain") or output.get("text", "")
            text = html.unescape(re.sub(r"<[^>]+>", " ", text)) if "text/html" in data else text
            found[heading] = " ".join(f"{found.get(heading, '')} {text}".split())
    return found


def faults(page, read):
    """Say what a page of errata names that is not there.

    Args:
        page: its text.
        read: function from a notebook's path, as the page's links have it, to the notebook.
    """
    wrong = []
    for title, body in ENTRY.findall(page):
        if title == "More of them":
            continue
        evidence = " ".join(body.partition(SEE)[2].split())
        if not evidence:
            wrong.append(f"{title}: no evidence")
        known = heading = None
        for part in PARTS.finditer(evidence):
            if part["link"]:
                known, heading = outputs(read(part["link"])), None
            elif part["heading"]:
                heading = part["heading"]
                if heading not in known:
                    wrong.append(f"{title}: no heading {heading!r}")
            elif part["shown"] not in known.get(heading, ""):
                wrong.append(f"{title}: {part['shown']!r} is no output under {heading!r}")
    return wrong


def published(link):
    path = (PAGE.parent / link).resolve()
    return _course.published(next(lesson for lesson in lessons.select([]) if lesson.notebook == path))


def test_every_entry_has_evidence_that_the_published_notebooks_show():
    page = PAGE.read_text(encoding="utf-8")
    assert len(ENTRY.findall(page)) > 10
    expect_none(faults(page, published))
