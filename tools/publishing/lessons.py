"""The one reader of lessons: names to lessons, text to notebook, notebook to results.

A lesson is a py:percent file, ``lessons/NAME/lesson.py``; ``lessons/course.toml`` says where it stands in the course.
Only `read` needs jupytext (the extra `dev`).
"""

import copy
import functools
import hashlib
import re
from collections import Counter
from pathlib import Path

import nbformat

from course_utils.files import ROOT, write_whole
from tools.environment import curriculum
from tools.environment.curriculum import select
from tools.publishing import before, boxes, inputs
from tools.publishing import course as _course
from tools.publishing.execute import CellFailed, execute

__all__ = ["ROOT", "CellFailed", "execute", "select"]  # of others, and given on

NOTEBOOKS = ROOT / "notebooks"
OVERVIEW = "overview.ipynb"  # below notebooks/: the page that lists all lessons
START_PAGE = "start.md"  # in its place in a learner's workspace
COLLAPSED = "jp-MarkdownHeadingCollapsed"  # JupyterLab folds what is under such a heading
KEPT_METADATA = ("tags", "jupyter", COLLAPSED)
KERNELSPEC = {"display_name": "Python 3", "language": "python", "name": "python3"}
AFTER_CREDITS = re.compile(
    r"(.*^\*\*Credits\.\*\* [^\n]+)\n\n(?:\*\*What's (?:still open|next)\.\*\* )?(.+)", re.M | re.S
)
SHOWN = re.compile(r"\[\[(title|abilities|minutes|builds_on)\]\]")


def read(lesson):
    """Read a lesson's text as a notebook without outputs.

    Names in double square brackets become numbers, in text with title and link; ``[[title]]`` and ``[[abilities]]``
    show what course.toml and the front matter say, ``[[minutes]]`` what the clock says, ``[[builds_on]]`` a sentence
    with the lessons before.
    Below the title is a fold with three questions of earlier lessons. Questions, answers and what to remember stand in
    boxes. A check imports what it needs, because it is what a learner
    runs after a restart. What leads on comes last, with links to the lessons that may follow.

    Args:
        lesson: a `curriculum.Lesson`.
    Returns:
        NotebookNode: derived cell ids; cell metadata only name, tags and jupyter; solutions have their source
        hidden; the front matter, with name, number, title and part, is `nb.metadata["course"]`.
    Raises:
        ValueError: the front matter has no `course` table, or repeats what lessons/course.toml says.
        LookupError: a name in double square brackets is no lesson's.
    """
    course = {"name": lesson.name, "number": lesson.number, "title": lesson.title, "part": lesson.part_title}
    course |= _course.front_matter(lesson)
    raw = _cells(lesson.source.read_text(encoding="utf-8"))
    cells, seen, link = [], Counter(), curriculum.linked(lesson)
    for cell in raw:
        key = (cell.cell_type, cell.source)
        source = _resolved(cell, lesson, course, link)
        heading, _, below = source.partition("\n\n") if source.startswith(_course.DEEPER) else (source, "", "")
        cells.append(_clean_cell(cell, _cell_id(lesson.name, *key, seen[key]), heading))
        if below:  # a fold hides cells: what stands below the heading is one of its own
            cells.append(_clean_cell(cell, _cell_id(lesson.name, *key, "below"), below))
        seen[key] += 1
    if asked := before.cell(lesson, link):
        cells.insert(1, _clean_cell(asked, _cell_id(lesson.name, "markdown", "before", 0), asked.source))
    cells.append(_last_cell(lesson, _leads_on(cells[-1])))
    metadata = {"course": course, "kernelspec": dict(KERNELSPEC), "language_info": {"name": "python"}}
    return nbformat.v4.new_notebook(cells=cells, metadata=metadata)


@functools.cache
def _cells(text):
    """The cells that jupytext finds in a lesson's text. Do not change them: they are kept for the next who asks."""
    import jupytext

    return jupytext.reads(text, fmt="py:percent").cells


def _resolved(cell, lesson, course, link):
    if cell.cell_type != "markdown":
        return check_import(cell, lesson) + curriculum.refer(cell.source, lesson.root)
    shown = SHOWN.sub(lambda match: _show(match[1], lesson, course), cell.source)
    return boxes.put(curriculum.refer(shown, lesson.root, link), cell.metadata.get("tags", []))


def check_import(cell, lesson):
    """The lines that are put on top of a cell with the tag check: it must run first in a fresh kernel. Often ""."""
    has_checks = lesson.source.with_name("checks.py").exists()
    if "check" not in cell.metadata.get("tags", []) or not has_checks:
        return ""
    return f"from lessons.{lesson.name} import checks as check\n\n"


def _show(what, lesson, course):
    """What the front matter and the other lessons say, as text for the reader."""
    if what == "title":
        return f"{lesson.number} · {lesson.title}"
    if what == "abilities":
        return "\n".join(f"{n}. {goal}" for n, goal in enumerate(course.get("goals", []), start=1))
    if what == "minutes":
        return str(course.get("minutes", "?"))
    return _before(lesson)


def _before(lesson):
    known, link = curriculum.lessons(lesson.root), curriculum.linked(lesson)
    *most, last = [link(known[need], True) for need in _course.builds_on(lesson)] or [""]
    return f"Builds on {', '.join(most)}{' and ' * bool(most)}{last}." if last else ""


def _leads_on(cell):
    """Take what follows the credits out of a cell: it leads on, and would be folded with the sources."""
    found = AFTER_CREDITS.match(cell.source)
    if not found:
        return ""
    cell.source = found[1]
    return f"{found[2]}\n\n"


def _last_cell(lesson, leads_on=""):
    """Where to go from here: what follows in the essentials and in the course, or that they end here, and the overview.

    Its heading ends what is folded under *Deeper*.
    """
    link = curriculum.linked(lesson)
    ends = [f"This was the last of the essentials. [Electives](../{OVERVIEW}) follow your interest."]
    titles = {}  # of the ways in which a lesson comes next, by lesson
    for title, other in _course.following(lesson):
        titles.setdefault(other, []).append(f"in {title[0].lower()}{title[1:]}")
    linked = [(" and ".join(ways), link(other, False)) for other, ways in titles.items()]
    ways = [f"Next {ways}: {other}{'' if '?]' in other else '.'}" for ways, other in linked]
    source = " ".join([*ends * _course.ends_the_essentials(lesson), *ways, f"[All lessons](../{OVERVIEW})."])
    source = f"## What comes next\n\n{leads_on}{source}"
    cell = nbformat.v4.new_markdown_cell(source=source)
    cell.id = _cell_id(lesson.name, "markdown", "where to go", 0)
    return cell


def _cell_id(lesson, cell_type, source, nth):
    return hashlib.sha256("\0".join((lesson, cell_type, source, str(nth))).encode()).hexdigest()[:12]


def _clean_cell(cell, cell_id, source):
    metadata = copy.deepcopy({k: cell.metadata[k] for k in KEPT_METADATA if k in cell.metadata})
    if "title" in cell.metadata:  # jupytext's word for what nbformat calls the name of a cell
        metadata["name"] = cell.metadata["title"]
    if cell.cell_type == "markdown" and source.startswith(_course.DEEPER):
        metadata[COLLAPSED] = True
    if "solution" in metadata.get("tags", []):
        metadata["jupyter"] = {**metadata.get("jupyter", {}), "source_hidden": True}
    make = {
        "code": nbformat.v4.new_code_cell,
        "markdown": nbformat.v4.new_markdown_cell,
        "raw": nbformat.v4.new_raw_cell,
    }[cell.cell_type]
    return make(source=source, metadata=metadata, id=cell_id)


def read_published(path):
    """Read a published notebook (nbformat 4); FileNotFoundError when it is not there."""
    return nbformat.read(Path(path), as_version=4)


def sources(nb):
    """List (cell_type, source) of every cell: what "in step" and "changed by the learner" compare."""
    return [(cell.cell_type, cell.source) for cell in nb.cells]


def strip(nb):
    """Copy a notebook without outputs, execution counts and the record of its run; the argument stays as it was."""
    bare = copy.deepcopy(nb)
    bare.metadata.pop(inputs.KEY, None)
    for cell in bare.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    return bare


def write(nb, path):
    """Write a notebook with "\\n" line ends, all of it or nothing: a reader never sees a half."""
    write_whole(Path(path), nbformat.writes(nb) + "\n")
