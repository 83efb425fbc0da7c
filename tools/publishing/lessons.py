"""From the text of a lesson to its notebook, and back to its cells: the one reader of ``lesson.py`` and of worksheets.

A page is a function of its own folder and of ``lessons/course.toml``; of the lessons that it needs, it asks a question.
Only `read` needs jupytext (the extra `dev`).
"""

import copy
import functools
import hashlib
import re
from collections import Counter
from pathlib import Path

import nbformat

from course_utils import review
from course_utils.files import ROOT, write_whole
from tools.environment import curriculum
from tools.environment.curriculum import select
from tools.publishing import boxes
from tools.publishing.execute import CellFailed, execute

__all__ = ["ROOT", "CellFailed", "execute", "select"]  # of others, and given on

NOTEBOOKS = ROOT / "notebooks"
OVERVIEW = "overview.ipynb"  # below notebooks/: the page that lists all lessons
START_PAGE = "start.md"  # in its place in a learner's workspace
DEEPER = "## Deeper"
COLLAPSED = "jp-MarkdownHeadingCollapsed"  # JupyterLab folds what is under such a heading
KEPT_METADATA = ("tags", "jupyter", COLLAPSED)
KERNELSPEC = {"display_name": "Python 3", "language": "python", "name": "python3"}
TASK_TAGS = {"exercise", "check", "solution"}
RUN = "course_run"  # in a notebook's metadata: what its run used, and the values that decks name
IN_COURSE_TOML = ("title", "name", "number", "part")
SHOWN = re.compile(r"\[\[(title|abilities|builds_on)\]\]")
ABILITIES = "[[abilities]]"
LEADS_ON = re.compile(r"(.*^\*\*Credits\.\*\* [^\n]+)\n\n(?:\*\*What's (?:still open|next)\.\*\* )?(.+)", re.M | re.S)
BEFORE = """\
<details class="course-before">
<summary>Before we begin: answer from memory, then look</summary>

{questions}

</details>"""
ANSWER = "<details>\n<summary>Answer</summary>\n\n{answer} ({where})\n\n</details>"


def front_matter(lesson):
    """Read the table `course` at the top of a lesson's text.

    Args:
        lesson: a `curriculum.Lesson`.
    Returns:
        dict: promise, seconds, needs, goals, terms, values, as far as they are there.
    Raises:
        ValueError: there is no such table, or it has a field whose home is lessons/course.toml.
    """
    header = _header(lesson.source.read_text(encoding="utf-8"))
    if not isinstance(header.get("jupyter", {}).get("course"), dict):
        raise ValueError(
            f"lessons/{lesson.name}/lesson.py has no front matter. Put at its top, between two lines '# ---': "
            "'# jupyter:', '#   course:', and below it '#     promise: You will …'. Other lessons show more fields."
        )
    course = copy.deepcopy(header["jupyter"]["course"])
    if twice := [field for field in IN_COURSE_TOML if field in course]:
        where = f"lessons/{lesson.name}/lesson.py: the front matter has a {twice[0]}"
        raise ValueError(f"{where}. It stands in lessons/course.toml alone: delete the line here.")
    return course


@functools.cache
def _header(text):
    import yaml

    lines = text.splitlines()
    end = lines.index("# ---", 1) if lines[:1] == ["# ---"] and "# ---" in lines[1:] else 0
    return yaml.safe_load("\n".join(line.removeprefix("#").removeprefix(" ") for line in lines[1:end])) or {}


def read(page):
    """Read the text of a lesson or a worksheet as a notebook without outputs.

    Names in double square brackets become numbers, in text with title and link; ``[[title]]`` and ``[[abilities]]``
    show what course.toml and the front matter say, ``[[builds_on]]`` a sentence with the lessons that it needs. Behind
    the abilities is a fold with questions of these. Questions, answers and what to remember stand in boxes. A check
    imports what it needs, because it is what a learner runs after a restart. What leads on comes last.

    Args:
        page: a `curriculum.Lesson` or a `worksheets.Worksheet`.
    Returns:
        NotebookNode: derived cell ids; cell metadata only name, tags and jupyter; solutions have their source
        hidden; the front matter of a lesson, with name, number, title and part, is `nb.metadata["course"]`.
    Raises:
        ValueError: the front matter has no `course` table, or repeats what lessons/course.toml says.
        LookupError: a name in double square brackets is no lesson's.
    """
    metadata = {"kernelspec": dict(KERNELSPEC), "language_info": {"name": "python"}}
    is_lesson = isinstance(page, curriculum.Lesson)
    if is_lesson:
        where = {"name": page.name, "number": page.number, "title": page.title, "part": page.part_title}
        metadata["course"] = where | front_matter(page)
    cells, seen, link = [], Counter(), curriculum.linked(page)

    def add(source, cell_id, *, kind="markdown", about=()):
        cells.append(_cell(kind, source, cell_id, dict(about)))

    for cell in _cells(page.source.read_text(encoding="utf-8")):
        key = (cell.cell_type, cell.source)
        cell_id = functools.partial(_id, page.name, *key)
        source = _resolved(cell, page, metadata.get("course", {}), link)
        if source.startswith(DEEPER):  # a fold hides cells: what stands below the heading is one of its own
            heading, _, below = source.partition("\n\n")
            add(heading, cell_id(seen[key]), about=cell.metadata)
            if below:
                add(below, cell_id("below"), about=cell.metadata)
        else:
            add(source, cell_id(seen[key]), kind=cell.cell_type, about=cell.metadata)
        if ABILITIES in cell.source and (asked := questions_before(page)):
            add(_before(page, asked, link), _id(page.name, "markdown", "before", 0))
        seen[key] += 1
    if is_lesson:
        add(_last(cells[-1]), _id(page.name, "markdown", "where to go", 0))
    return nbformat.v4.new_notebook(cells=cells, metadata=metadata)


@functools.cache
def _cells(text):
    """The cells that jupytext finds in a lesson's text. Do not change them: they are kept for the next who asks."""
    import jupytext

    return jupytext.reads(text, fmt="py:percent").cells


def _resolved(cell, page, course, link):
    if cell.cell_type != "markdown":
        return check_import(cell, page) + curriculum.refer(cell.source, page.root)
    said = {
        "title": f"{course.get('number')} · {course.get('title')}",
        "abilities": "\n".join(f"{n}. {goal}" for n, goal in enumerate(course.get("goals", []), start=1)),
        "builds_on": _builds_on(page, course.get("needs", [])),
    }
    shown = SHOWN.sub(lambda match: said[match[1]], cell.source)
    return boxes.put(curriculum.refer(shown, page.root, link), cell.metadata.get("tags", []))


def check_import(cell, page):
    """The lines that are put on top of a cell with the tag check: it must run first in a fresh kernel. Often ""."""
    if "check" not in cell.metadata.get("tags", []) or not page.source.with_name("tasks.py").exists():
        return ""
    return f"from lessons.{page.name} import tasks as check\n\n"


def _builds_on(page, needs):
    known, link = curriculum.lessons(page.root), curriculum.linked(page)
    *most, last = [link(known[need], True) for need in needs if need in known] or [""]
    return f"Builds on {', '.join(most)}{' and ' * bool(most)}{last}." if last else ""


def is_task(cell):
    """Whether a cell is for the learner to write, its check or its solution: what it shows is not published."""
    return bool(TASK_TAGS & set(cell.metadata.get("tags", [])))


def questions_before(lesson):
    """What a page asks before it begins: the first question of lessons that it needs, at most two in all."""
    needs = front_matter(lesson).get("needs", [])
    return [question for need in needs for question in review.questions(need, lesson.root)[:1]][:2]


def _before(lesson, asked, link):
    known = curriculum.lessons(lesson.root)
    told = [
        f"**{n}.** {q.ask}\n\n{ANSWER.format(where=link(known[q.lesson], True), answer=q.answer)}"
        for n, q in enumerate(asked, start=1)
    ]
    return curriculum.refer(BEFORE.format(questions="\n\n".join(told)), lesson.root, link)


def _last(cell):
    """The last cell's text: what follows the credits, which would be folded with the sources, and the overview."""
    leads_on = ""
    if found := LEADS_ON.match(cell.source):
        cell.source, leads_on = found[1], f"{found[2]}\n\n"
    return f"## What comes next\n\n{leads_on}[All lessons](../{OVERVIEW})."


def _id(lesson, cell_type, source, nth):
    return hashlib.sha256("\0".join((lesson, cell_type, source, str(nth))).encode()).hexdigest()[:12]


def _cell(kind, source, cell_id, about):
    metadata = copy.deepcopy({key: about[key] for key in KEPT_METADATA if key in about})
    if "title" in about:  # jupytext's word for what nbformat calls the name of a cell
        metadata["name"] = about["title"]
    if source == DEEPER:
        metadata[COLLAPSED] = True
    if "solution" in metadata.get("tags", []):
        metadata["jupyter"] = {**metadata.get("jupyter", {}), "source_hidden": True}
    made = {"cell_type": kind, "id": cell_id, "metadata": metadata, "source": source}
    # not by nbformat.v4.new_code_cell and the like, which validate each cell: the slowest step of all
    return nbformat.from_dict(made | ({"execution_count": None, "outputs": []} if kind == "code" else {}))


def read_published(path):
    """Read a published notebook (nbformat 4); FileNotFoundError when it is not there."""
    return nbformat.read(Path(path), as_version=4)


def sources(nb):
    """List (cell_type, source) of every cell: what "changed by the learner" compares."""
    return [(cell.cell_type, cell.source) for cell in nb.cells]


def strip(nb):
    """Copy a notebook without outputs, execution counts and the record of its run; the argument stays as it was."""
    bare = copy.deepcopy(nb)
    bare.metadata.pop(RUN, None)
    for cell in bare.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    return bare


def write(nb, path):
    """Write a notebook with "\\n" line ends, all of it or nothing: a reader never sees a half."""
    write_whole(Path(path), nbformat.writes(nb) + "\n")
