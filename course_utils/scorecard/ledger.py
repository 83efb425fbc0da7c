"""The ledger: one row a model and technique, from every lesson; the capstone reads them all.

A lesson's rows lie in one JSON file, under a head that says when, where and with which versions they were measured.
The learner's own are in `runtime.ledger_folder()`; the rows that came with the course are in ``records/ledger`` and
stand in where the learner has not run a lesson yet.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from course_utils import runtime, syllabus
from course_utils.files import ROOT, write_whole
from course_utils.show.tables import Table, si

SHIPPED = ROOT / "records" / "ledger"
SAME_PLACE = ("versions", "cpu", "architecture", "system")  # rows that differ in these are not rows of one measurement
_recorded_here: set[str] = set()  # the lessons of which this process has recorded rows


@dataclass(frozen=True)
class Row:
    """One measured model.

    Attributes:
        lesson: its name.
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

    A quick run returns the row and writes nothing: its numbers mean nothing. Rows of the same lesson that were measured
    on another machine or with other versions make way: the file has one head for all its rows.

    Args:
        values: the fields of `Row`, by name.
    Raises:
        TypeError: a field that does not exist, or a missing one of the first four.
        ValueError: an accuracy outside 0 to 1, or a negative or non-finite number.
    """
    row = Row(**values)
    _validate(row)
    if runtime.quick():
        return row
    path, head = runtime.ledger_folder() / f"{row.lesson}.json", runtime.provenance()
    old_head, old_rows = _read(path)
    same = all(old_head.get(name) == head[name] for name in SAME_PLACE)
    kept = [old for old in old_rows if old.key != row.key] if same else []
    _recorded_here.add(row.lesson)
    _write(path, head, sorted([*kept, row], key=lambda r: r.key))
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
    if row.lesson not in syllabus.lessons():
        raise ValueError(f"lesson must be one of {', '.join(syllabus.lessons())}; got {row.lesson!r}")


def _read(path: Path) -> tuple[dict, list[Row]]:
    """Head and rows of a file; nothing where there is no file. A file that cannot be read counts as none."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return dict(content["provenance"]), [Row(**row) for row in content["rows"]]
    except FileNotFoundError:
        return {}, []
    except (ValueError, TypeError, KeyError):
        print(f"The ledger's file {path.name} cannot be read and is written anew; run its lesson again.")
        return {}, []


def _write(path: Path, head: dict, rows: list[Row]) -> None:
    write_whole(path, json.dumps({"provenance": head, "rows": [asdict(row) for row in rows]}, indent=1) + "\n")


def rows(lessons: Collection[str] | None = None) -> list[Row]:
    """The learner's own rows, and the shipped ones where the learner has none of that key, in the order of the course.

    In a strict run (a build, a test) the only own rows are those of the lesson that is running, so that what a lesson
    shows does not depend on which others ran before it.

    Args:
        lessons: names of the lessons whose rows are wanted; None = all. No other file is read.
    """
    own = sorted(runtime.ledger_folder().glob("*.json"))
    if runtime.strict():
        own = [path for path in own if path.stem in _recorded_here]
    order = list(syllabus.lessons())
    merged: dict[tuple[str, str, str], Row] = {}
    # A build watches the folders that a run lists for what comes into them: who names lessons must not list.
    shipped = SHIPPED.glob("*.json") if lessons is None else (SHIPPED / f"{name}.json" for name in lessons)
    for path in [*sorted(path for path in shipped if path.is_file()), *own]:
        if lessons is not None and path.stem not in lessons:
            continue
        merged.update({row.key: row for row in _read(path)[1] if row.lesson in order})
    return sorted(merged.values(), key=lambda row: (order.index(row.lesson), row.key))


def table(chosen: list[Row] | None = None) -> Table:
    """The rows as a table; all of `rows()` unless some are given."""
    shown = rows() if chosen is None else chosen

    def cell(value: float | None, text: str) -> str:
        return "–" if value is None else text

    return Table(
        ["task", "model", "technique", "accuracy", "file", "load, ms", "speed-up", "energy", "lesson"],
        [
            [
                r.task,
                r.model,
                r.technique,
                cell(r.accuracy, f"{100 * (r.accuracy or 0):.2f} %"),
                cell(r.file_bytes, si(r.file_bytes or 0, "B")),
                cell(r.load_ms, f"{r.load_ms or 0:.2g}"),
                cell(r.speedup, f"{r.speedup or 0:.2f}×"),
                cell(r.energy_nj, si((r.energy_nj or 0) * 1e-9, "J")),
                syllabus.lessons()[r.lesson].number,
            ]
            for r in shown
        ],
    )
