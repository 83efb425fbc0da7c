"""A small table that reads well in a notebook, on a slide and in a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape


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
        text = ["  ".join(cell.rjust(w) if number else cell.ljust(w)
                          for cell, w, number in zip(line, widths, self._numbers(), strict=True)).rstrip()
                for line in lines]
        text.insert(1, "  ".join("-" * w for w in widths))
        return "\n".join(([self.caption] if self.caption else []) + text)

    def _numbers(self) -> list[bool]:
        """For each column, whether it holds numbers, which line up on the right; the first one names the row."""
        return [i > 0 and all(_reads_as_number(row[i]) for row in self.rows) for i in range(len(self.columns))]

    def _repr_html_(self) -> str:
        styles = ["text-align:right" if number else "text-align:left" for number in self._numbers()]

        def cells(tag: str, line: Sequence[str]) -> str:
            return "".join(f'<{tag} style="{style}">{escape(cell)}</{tag}>'
                           for cell, style in zip(line, styles, strict=True))

        caption = f"<caption>{escape(self.caption)}</caption>" if self.caption else ""
        body = "".join(f"<tr>{cells('td', row)}</tr>" for row in self.rows)
        return f"<table>{caption}<thead><tr>{cells('th', self.columns)}</tr></thead><tbody>{body}</tbody></table>"


def _reads_as_number(cell: str) -> bool:
    return cell in ("", "–") or cell.lstrip("≥≤±~-−+ ")[:1].isdigit()


PREFIXES = {1e12: "T", 1e9: "G", 1e6: "M", 1e3: "k", 1.0: "", 1e-3: "m", 1e-6: "µ", 1e-9: "n", 1e-12: "p"}


def si(value: float, unit: str, digits: int = 3) -> str:
    """A quantity with a decimal prefix, "4.27 MB"; from pico (1e-12) to tera (1e12)."""
    if value == 0:
        return f"0 {unit}"
    # The rounded value decides, so that 999.96 kB becomes 1.00 MB and not 1e+03 kB.
    factor = next((f for f in PREFIXES if float(f"{abs(value) / f:.{digits}g}") >= 1), min(PREFIXES))
    scaled = value / factor
    whole = len(str(int(abs(scaled))))
    return f"{scaled:.{max(0, digits - whole)}f} {PREFIXES[factor]}{unit}"
