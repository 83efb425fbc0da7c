"""What older tutorials get wrong: each entry names sections that are there, and numbers that their outputs show."""

import html
import os
import re

import _course
import pytest
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


@pytest.mark.parametrize(
    ("evidence", "said"),
    [
        ("[a](n.ipynb), *1. First*: `2.13 MB`, `24,000` and `a b`", None),
        ("[a](n.ipynb), *2. Gone*: words", "no heading '2. Gone'"),
        ("[a](n.ipynb), *1. First*: `2.14 MB`", "'2.14 MB' is no output under '1. First'"),
        ("[a](n.ipynb), *Second*: `2.13 MB`", "'2.13 MB' is no output under 'Second'"),
        ("", "no evidence"),
    ],
)
def test_what_is_not_there_is_named(evidence, said):
    import nbformat.v4 as v4

    table = v4.new_output("display_data", {"text/html": "<td>2.13 MB</td><td>24,000</td>"})
    first = v4.new_code_cell("x", outputs=[table, v4.new_output("stream", text="a\n b\n")])
    nb = v4.new_notebook(cells=[v4.new_markdown_cell("# T\n\n## 1. First\n\nwords"), first])
    nb.cells += [v4.new_markdown_cell("### Second"), v4.new_code_cell("y")]
    found = faults(f"# Page\n\n## Title\n\nWords.\n\n{SEE}{evidence}\n", lambda link: nb)
    assert found == ([f"Title: {said}"] if said else [])


def test_the_rows_of_readme_are_those_of_the_page():
    """README shows two entries: same title, no number that the page lacks, and the same notebook."""
    page = {title: body for title, body in ENTRY.findall(PAGE.read_text(encoding="utf-8"))}
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    rows = re.findall(r'^\| ("[^|]+") \| ([^|]+) \| [^|]*\]\(([^)]+)\) \|$', readme, re.M)
    assert len(rows) == 2
    for title, happens, notebook in rows:
        body = page[title]
        assert f"]({os.path.relpath(notebook, 'docs')})".replace(os.sep, "/") in body
        assert not [number for number in re.findall(r"\d[\d.,]*\d", happens) if number not in body]
