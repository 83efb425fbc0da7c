"""Notebooks that are no lessons: worksheets, which a reader fills with a model of their own. No clock, no exercises.

A worksheet is a py:percent file, ``worksheets/NAME.py``. It is run and published as a lesson is; its texts name lessons
as theirs do, ``[[static]]``.
"""

import json
import tempfile
from dataclasses import dataclass
from pathlib import Path

import nbformat

from course_utils.files import ROOT
from tools.environment import curriculum
from tools.publishing import compact, inputs, lessons


@dataclass(frozen=True)
class Worksheet:
    """Where a worksheet stands; `place` is below ``notebooks/`` or ``workspace/``, as of a `curriculum.Lesson`."""

    name: str
    title: str
    place: str
    root: Path = ROOT

    @property
    def source(self):
        """Its text."""
        return self.root / "worksheets" / f"{self.name}.py"

    @property
    def notebook(self):
        """The published notebook."""
        return self.root / "notebooks" / self.place


YOURS = Worksheet("your_network", "Your network", "8_capstone/your_network.ipynb")
ALL = {sheet.name: sheet for sheet in (YOURS,)}


def read(sheet):
    """The text of a worksheet as a notebook without outputs; needs jupytext.

    Raises:
        LookupError: a name in double square brackets is no lesson's.
    """
    import jupytext

    link, cells = curriculum.linked(sheet), []
    for number, cell in enumerate(jupytext.reads(sheet.source.read_text(encoding="utf-8"), fmt="py:percent").cells):
        is_text = cell.cell_type == "markdown"
        make = nbformat.v4.new_markdown_cell if is_text else nbformat.v4.new_code_cell
        source = curriculum.refer(cell.source, sheet.root, link) if is_text else cell.source
        cells.append(make(source=source, id=f"{sheet.name.replace('_', '-')}-{number}"))
    metadata = {"kernelspec": dict(lessons.KERNELSPEC), "language_info": {"name": "python"}}
    return nbformat.v4.new_notebook(cells=cells, metadata=metadata)


def build(sheet, *, env, publish=False):
    """Run a worksheet and publish it; on failure the published notebook is left as it was.

    Args:
        sheet: of `ALL`.
        env: changes to the environment of the kernel, name -> text; None as a value removes a name.
        publish: whether this run is made for what is committed; the notebook says so.
    Raises:
        CellFailed: a cell failed.
        ValueError: the run loaded the library of another folder.
    """
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        nb = lessons.execute(
            read(sheet), folder=folder, env=env, lesson=sheet.name, before=inputs.WATCH, ask={"used": inputs.ASK}
        )
        files = inputs.used(nb.metadata["answers"]["used"], sheet)
        nb.metadata[inputs.KEY] = {"published": publish, "torch": inputs.torch_version(), "files": files}
        nb = compact.compact(nb, root=sheet.root, folder=folder)
    lessons.write(nb, sheet.notebook)


def faults(sheet):
    """How the published notebook differs from what the worksheet would give now: a list of sentences, [] = in step.

    The library moves under a worksheet more often than what its page shows: only its own text and the module `yours`
    make it stale.
    """
    if not sheet.notebook.exists():
        return [f"notebooks/{sheet.place} is missing"]
    nb, wanted = lessons.read_published(sheet.notebook), read(sheet)
    known = json.loads(json.dumps(nb.metadata.get(inputs.KEY, {})))
    known["files"] = {name: was for name, was in known.get("files", {}).items() if "/yours/" in name}
    found = inputs.stale(known, sheet)
    if lessons.sources(nb) != lessons.sources(wanted):
        found.append(f"the notebook differs from worksheets/{sheet.name}.py")
    if any(cell.cell_type == "code" and not cell.execution_count for cell in nb.cells):
        found.append("a cell was not run")
    return found
