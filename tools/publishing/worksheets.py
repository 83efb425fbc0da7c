"""Notebooks that are no lessons: worksheets, which a reader fills with a model of their own.

A worksheet is a py:percent file, ``worksheets/NAME.py``. It is read, run and published as a lesson is.
"""

from dataclasses import dataclass
from pathlib import Path

from course_utils.files import ROOT


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
