"""Links between the files of the repository lead somewhere. Web addresses are not tried."""

import _course
import _links
import nbformat
import pytest
from _course import expect_none

from tools.publishing import lessons

ROOT = lessons.ROOT
PAGES = [
    ROOT / "README.md",
    *sorted((ROOT / "docs").rglob("*.md")),
    *sorted((ROOT / "data").rglob("*.md")),
    *sorted((ROOT / "records").rglob("*.md")),
]


def markdown(path):
    """The Markdown of a page, or of all Markdown cells of a notebook."""
    if path.suffix != ".ipynb":
        return path.read_text(encoding="utf-8")
    return cells(nbformat.read(path, as_version=4))


def cells(nb):
    return "\n\n".join(cell.source for cell in nb.cells if cell.cell_type == "markdown")


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_pages(path):
    expect_none(_links.broken(markdown(path), path.parent, read=markdown, root=ROOT))


@pytest.mark.parametrize("lesson", _course.LESSONS, ids=_course.IDS)
def test_lessons(lesson):
    """Links in a lesson start from the folder of its notebook, where it is opened."""
    expect_none(_links.broken(cells(_course.text(lesson)), lesson.notebook.parent, read=markdown, root=ROOT))
