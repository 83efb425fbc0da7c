"""The ledger: one row a model and technique, from every lesson; the capstone reads them all.

A lesson's rows lie in one JSON file. The learner's own are in `runtime.ledger_folder()`; the rows that
came with the course are in ``records/ledger`` and stand in where the learner has not run a lesson yet.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from course_utils._files import write_whole
from course_utils.runtime import ROOT, ledger_folder, quick
from course_utils.tables import Table, si

SHIPPED = ROOT / "records" / "ledger"


@dataclass(frozen=True)
class Row:
    """One measured model.

    Attributes:
        lesson: two digits.
        task: the data set, "mnist" or "fashion_mnist".
        model: architecture, "LeNet-300-100".
        technique: what was done to it, "fp32" for nothing.
        accuracy: on the test set, 0 to 1, or None.
        file_bytes: size of the file that was saved and loaded again, or None.
        load_ms: milliseconds to load that file, median, or None.
        speedup: times faster than the same model in eager fp32, or None.
        energy_nj: estimated nanojoules for one input, with the weights fetched from DRAM, or None.
    """

    lesson: str
    task: str
    model: str
    technique: str
    accuracy: float | None = None
    file_bytes: int | None = None
    load_ms: float | None = None
    speedup: float | None = None
    energy_nj: float | None = None

    @property
    def key(self) -> tuple[str, str, str]:
        """What makes a row the same row when it is measured again."""
        return self.task, self.model, self.technique


def record(**values: object) -> Row:
    """Add a row to the ledger of its lesson, in place of an older row with the same key.

    A quick run returns the row and writes nothing: its numbers mean nothing.

    Args:
        values: the fields of `Row`, by name.
    Raises:
        TypeError: a field that does not exist, or a missing one of the first four.
        ValueError: an accuracy outside 0 to 1, or a negative or non-finite number.
    """
    row = Row(**values)
    _validate(row)
    if quick():
        return row
    path = ledger_folder() / f"{row.lesson}.json"
    kept = [old for old in _read(path) if old.key != row.key]
    _write(path, sorted([*kept, row], key=lambda r: r.key))
    return row


def _validate(row: Row) -> None:
    for field in fields(row)[4:]:
        value = getattr(row, field.name)
        if value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ValueError(f"{field.name} must be a number, got {value!r}")
        top = 1 if field.name == "accuracy" else float("inf")
        if not 0 <= value <= top or value == float("inf"):
            raise ValueError(f"{field.name} must be finite and from 0 to {top:g}, got {value}")
    if len(row.lesson) != 2 or not row.lesson.isdigit():
        raise ValueError(f"lesson must be two digits, got {row.lesson!r}")


def _read(path: Path) -> list[Row]:
    """The rows of a file; none where there is no file. A file that cannot be read counts as none."""
    try:
        return [Row(**row) for row in json.loads(path.read_text(encoding="utf-8"))]
    except FileNotFoundError:
        return []
    except (ValueError, TypeError):
        print(f"The ledger's file {path.name} cannot be read and is written anew; run its lesson again.")
        return []


def _write(path: Path, rows: list[Row]) -> None:
    write_whole(path, json.dumps([asdict(row) for row in rows], indent=1) + "\n")


def rows() -> list[Row]:
    """All rows: the learner's own, and the shipped ones where the learner has none of that key."""
    merged: dict[tuple[str, str, str], Row] = {}
    for folder in (SHIPPED, ledger_folder()):
        for path in sorted(folder.glob("[0-9][0-9].json")):
            merged.update({row.key: row for row in _read(path)})
    return sorted(merged.values(), key=lambda row: (row.lesson, row.key))


def table(chosen: list[Row] | None = None) -> Table:
    """The rows as a table; all of `rows()` unless some are given."""
    shown = rows() if chosen is None else chosen

    def cell(value: float | None, text: str) -> str:
        return "–" if value is None else text

    return Table(
        ["task", "model", "technique", "accuracy", "file", "load, ms", "speed-up", "energy", "lesson"],
        [[r.task, r.model, r.technique,
          cell(r.accuracy, f"{100 * (r.accuracy or 0):.2f} %"), cell(r.file_bytes, si(r.file_bytes or 0, "B")),
          cell(r.load_ms, f"{r.load_ms or 0:.2g}"), cell(r.speedup, f"{r.speedup or 0:.2f}×"),
          cell(r.energy_nj, si((r.energy_nj or 0) * 1e-9, "J")), r.lesson] for r in shown])
