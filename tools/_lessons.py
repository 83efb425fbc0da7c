"""The one reader of lessons: names to files, text to notebook, notebook to results.

A lesson is a py:percent file in `lessons/`; its published notebook has the same stem in the
folder `notebooks/` beside it. Only `read` needs jupytext (the extra `dev`).
"""

import copy
import hashlib
import re
from collections import Counter
from pathlib import Path

import nbformat

from tools._execute import CellFailed, CellRun, execute

__all__ = ["ROOT", "LESSONS", "NOTEBOOKS", "CellFailed", "CellRun", "execute", "select", "published",
           "read", "read_published", "cell_lines", "sources", "strip", "write"]

ROOT = Path(__file__).resolve().parent.parent
LESSONS = ROOT / "lessons"
NOTEBOOKS = ROOT / "notebooks"
KEPT_METADATA = ("tags", "slideshow", "jupyter")
KERNELSPEC = {"display_name": "Python 3", "language": "python", "name": "python3"}
MARKER = re.compile(r"# ?%%( |$)")


def select(names, *, folder=LESSONS):
    """Find the lesson sources that `names` mean.

    Args:
        names: strings such as "01", "1", "01_energy", "lessons/01_energy.py" or
            "notebooks/01_energy.ipynb"; empty = all lessons.
        folder: where the sources are.
    Returns:
        list of Path in the order of the lessons, each once.
    Raises:
        SystemExit: a name fits no lesson; the message lists those there are.
    """
    lessons = sorted(Path(folder).glob("[0-9][0-9]_*.py"))
    chosen = []
    for name in names:
        wanted = Path(name.replace("\\", "/")).stem
        found = [p for p in lessons if wanted in (p.stem, p.stem[:2]) or wanted.zfill(2) == p.stem[:2]]
        if not wanted or not found:
            there = ", ".join(p.stem for p in lessons) or "none yet"
            raise SystemExit(f"No lesson is called {name!r}. Give a number or a name of: {there}.")
        chosen += found
    return [p for p in lessons if p in chosen] if names else lessons


def published(path):
    """Give the notebook that belongs to a lesson: lessons/NN_x.py -> notebooks/NN_x.ipynb."""
    path = Path(path)
    return path.parent.parent / "notebooks" / f"{path.stem}.ipynb"


def read(path):
    """Read a lesson's text as a notebook without outputs.

    Args:
        path: the lesson, a py:percent file with front matter.
    Returns:
        NotebookNode: derived cell ids; cell metadata only tags, slideshow and jupyter; solutions
        have their source hidden; the front matter is `nb.metadata["course"]`.
    Raises:
        ValueError: the front matter has no `course` table.
    """
    import jupytext

    path = Path(path)
    text = path.read_text(encoding="utf-8")
    raw = jupytext.reads(text, fmt="py:percent")
    if "course" not in raw.metadata:
        raise ValueError(f"{path.name} has no front matter: expected '# jupyter:' with 'course:' at the top "
                         "of the file, between two lines '# ---'. Copy it from another lesson.")
    cells, seen = [], Counter()
    for cell in raw.cells:
        key = (cell.cell_type, cell.source)
        cells.append(_clean_cell(cell, _cell_id(path.stem, *key, seen[key])))
        seen[key] += 1
    metadata = {"course": copy.deepcopy(raw.metadata["course"]), "kernelspec": dict(KERNELSPEC),
                "language_info": {"name": "python"}}
    return nbformat.v4.new_notebook(cells=cells, metadata=metadata)


def _cell_id(lesson, cell_type, source, nth):
    return hashlib.sha256("\0".join((lesson, cell_type, source, str(nth))).encode()).hexdigest()[:12]


def _clean_cell(cell, cell_id):
    metadata = {k: cell.metadata[k] for k in KEPT_METADATA if k in cell.metadata}
    if "solution" in metadata.get("tags", []):
        metadata["jupyter"] = {**metadata.get("jupyter", {}), "source_hidden": True}
    make = {"code": nbformat.v4.new_code_cell, "markdown": nbformat.v4.new_markdown_cell,
            "raw": nbformat.v4.new_raw_cell}[cell.cell_type]
    return make(source=cell.source, metadata=metadata, id=cell_id)


def cell_lines(path):
    """Give the line number (from 1) in the lesson's text of the first source line of each cell.

    Raises:
        ValueError: the markers of cells and the cells that jupytext finds do not agree.
    """
    path = Path(path)
    lines = path.read_text(encoding="utf-8").splitlines()
    cells = read(path).cells
    starts = [number + 1 for number, line in enumerate(lines, start=1) if MARKER.match(line)]
    firsts = [cell.source.split("\n")[0] for cell in cells]
    if len(starts) != len(cells) or any(first not in lines[start - 1] for start, first
                                        in zip(starts, firsts, strict=True) if first):
        raise ValueError(f"{path.name}: the lines that start with '# %%' are not where its cells begin. Put "
                         "every cell under a marker, and no marker inside a string.")
    return starts


def read_published(path):
    """Read a published notebook (nbformat 4); FileNotFoundError when it is not there."""
    return nbformat.read(Path(path), as_version=4)


def sources(nb):
    """List (cell_type, source) of every cell: what "in step" and "changed by the learner" compare."""
    return [(cell.cell_type, cell.source) for cell in nb.cells]


def strip(nb):
    """Copy a notebook without outputs and execution counts; the argument is left as it was."""
    bare = copy.deepcopy(nb)
    for cell in bare.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    return bare


def write(nb, path):
    """Write a notebook with "\\n" line ends, all of it or nothing: a reader never sees a half."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(path.name + ".part")
    try:
        draft.write_text(nbformat.writes(nb) + "\n", encoding="utf-8", newline="\n")
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
