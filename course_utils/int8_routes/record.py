"""The rows of the headline table: what one is, how they are shown, and those that came with the course."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from course_utils.door import command
from course_utils.files import ROOT
from course_utils.show.tables import Table, si

EAGER = "fp32, eager"
RECORD = ROOT / "records" / "quantization" / "headline.json"


@dataclass(frozen=True)
class Row:
    """One measured route, or, with `why`, one that could not be built here.

    Attributes:
        median_ms, iqr_ms: of the samples, milliseconds a call.
        speedup_over_eager: over torch's eager fp32.
        speedup_over_best_fp32: over the fastest fp32 of the same runtime, which `best_fp32` names.
        file_bytes: of the file that was saved and loaded again.
        cosine: of its output with that of eager fp32, on the same input.
        why: one sentence, where it could not be built; then all numbers are None.
    """

    model: str
    runtime: str
    variant: str
    median_ms: float | None = None
    iqr_ms: float | None = None
    speedup_over_eager: float | None = None
    speedup_over_best_fp32: float | None = None
    best_fp32: str | None = None
    file_bytes: int | None = None
    cosine: float | None = None
    why: str | None = None


def table(rows: Iterable[Row]) -> Table:
    """The rows as a table; what could not be built has dashes."""
    rows = list(rows)

    def cells(row: Row) -> list[str]:
        if row.why:
            return [row.model, row.runtime, row.variant, *["–"] * 6]
        best = "–" if row.speedup_over_best_fp32 is None else f"{row.speedup_over_best_fp32:.2f}× {row.best_fp32}"
        return [
            row.model,
            row.runtime,
            row.variant,
            f"{row.median_ms:.3g}",
            f"{row.iqr_ms:.2g}",
            f"{row.speedup_over_eager:.2f}×",
            best,
            si(row.file_bytes, "B"),
            f"{row.cosine:.4f}",
        ]

    return Table(
        [
            "model",
            "runtime",
            "variant",
            "median, ms",
            "IQR, ms",
            "× eager fp32",
            "× best fp32 of the runtime",
            "file",
            "cosine",
        ],
        [cells(row) for row in rows],
    )


def recorded(path: Path = RECORD) -> tuple[dict, list[Row]]:
    """What `course.py bench quantization --json` wrote: everything but the rows, and the rows.

    Raises:
        FileNotFoundError: nobody has measured yet; the message says how.
    """
    if not path.exists():
        raise FileNotFoundError(
            f"no record at {path.name}: make one with "
            + command("bench", "quantization", "--json", "records/quantization/headline.json")
        )
    record = json.loads(path.read_text(encoding="utf-8"))
    return record, [Row(**row) for row in record.pop("rows")]
