"""A small table that reads well in a notebook, on a slide and in a terminal."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape
from statistics import mean


class Table:
    """Rows of text under named columns.

    Args:
        columns: names; units belong in them ("file, KB").
        rows: one sequence a row, as long as `columns`; cells are shown with ``str``.
        caption: one line over the table, or None.
    Raises:
        ValueError: a row of another length.
    """

    def __init__(self, columns: Sequence[str], rows: Sequence[Sequence[object]], *, caption: str | None = None):
        self.columns = [str(name) for name in columns]
        self.rows = [[str(cell) for cell in row] for row in rows]
        self.caption = caption
        for row in self.rows:
            if len(row) != len(self.columns):
                raise ValueError(f"a row of {len(row)} cells under {len(self.columns)} columns: {row}")

    def __repr__(self) -> str:
        lines = [self.columns, *self.rows]
        widths = [max(len(line[i]) for line in lines) for i in range(len(self.columns))]
        text = [
            "  ".join(
                cell.rjust(w) if number else cell.ljust(w)
                for cell, w, number in zip(line, widths, self._numbers(), strict=True)
            ).rstrip()
            for line in lines
        ]
        text.insert(1, "  ".join("-" * w for w in widths))
        return "\n".join(([self.caption] if self.caption else []) + text)

    def _numbers(self) -> list[bool]:
        """For each column, whether it holds numbers, which line up on the right; the first one names the row."""
        return [i > 0 and all(_reads_as_number(row[i]) for row in self.rows) for i in range(len(self.columns))]

    def _repr_html_(self) -> str:
        styles = ["text-align:right" if number else "text-align:left" for number in self._numbers()]

        def cells(tag: str, line: Sequence[str]) -> str:
            return "".join(
                f'<{tag} style="{style}">{escape(cell)}</{tag}>' for cell, style in zip(line, styles, strict=True)
            )

        caption = f"<caption>{escape(self.caption)}</caption>" if self.caption else ""
        body = "".join(f"<tr>{cells('td', row)}</tr>" for row in self.rows)
        return f"<table>{caption}<thead><tr>{cells('th', self.columns)}</tr></thead><tbody>{body}</tbody></table>"


class Tabled:
    """Shows itself as the table that its method `table` gives; a dataclass of the kind needs ``repr=False``."""

    def __repr__(self) -> str:
        return repr(self.table())

    def _repr_html_(self) -> str:
        return self.table()._repr_html_()


def _reads_as_number(cell: str) -> bool:
    return cell in ("", "–", "inf", "-inf", "−inf", "∞", "nan") or cell.lstrip("≥≤±~-−+ ")[:1].isdigit()


PREFIXES = {1e12: "T", 1e9: "G", 1e6: "M", 1e3: "k", 1.0: "", 1e-3: "m", 1e-6: "µ", 1e-9: "n", 1e-12: "p"}
RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def mean_and_range(values: Sequence[float], text: str = "{:.1f}") -> str:
    """The mean of some runs, then the lowest and the highest: ``"97.2 (96.8 to 97.5)"``.

    One run has no range: its value stands alone.

    Args:
        values: one number a run, at least one.
        text: how each of the three is written.
    Raises:
        ValueError: no values.
    """
    if not values:
        raise ValueError("there is no mean of no values")
    if len(values) == 1:
        return text.format(values[0])
    return "{} ({} to {})".format(*(text.format(v) for v in (mean(values), min(values), max(values))))


def si(value: float, unit: str) -> str:
    """A quantity with a decimal prefix and three digits, "4.27 MB"; from pico (1e-12) to tera (1e12)."""
    if value == 0:
        return f"0 {unit}"
    # The rounded value decides, so that 999.96 kB becomes 1.00 MB and not 1e+03 kB.
    factor = next((f for f in PREFIXES if float(f"{abs(value) / f:.3g}") >= 1), min(PREFIXES))
    scaled = value / factor
    return f"{scaled:.{max(0, 3 - len(str(int(abs(scaled)))))}f} {PREFIXES[factor]}{unit}"


def number(value: float, digits: int = 3) -> str:
    """A number as a reader wants it: whole ones exact ("266,610"), others to `digits` significant digits.

    No part of it is a place where a browser breaks a line: 0.0000000765 is "7.65×10⁻⁸".
    """
    if not math.isfinite(value):
        return str(value)
    if float(value).is_integer() and abs(value) < 1e15:
        return f"{int(value):,}"
    mantissa, _, power = f"{value:.{digits - 1}e}".partition("e")
    if not -4 <= int(power) < 15:
        return f"{mantissa}×10{str(int(power)).translate(RAISED)}"
    return f"{float(f'{mantissa}e{power}'):,.{max(0, digits - 1 - int(power))}f}"
