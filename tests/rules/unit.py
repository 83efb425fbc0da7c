"""Rules for a lesson as a unit: one sitting, headings with company, notes that can be timed."""

import ast
import re

import _names

from rules._cells import code_text, numbered, slide_type
from tools.decks import arrange

MOST_SECONDS = 60
MOST_EXERCISES = 3
HEADING = re.compile(r"#+ ")


def one_sitting(nb):
    """Few enough seconds and exercises to be done without a break."""
    cards = numbered(nb, kind="code", tag="exercise")
    course = nb.metadata["course"]
    found = [(course["seconds"], MOST_SECONDS, "seconds"), (len(cards), MOST_EXERCISES, "exercises")]
    return [f"{n} {what}, at most {most}" for n, most, what in found if n > most]


def cells_with_company(nb):
    """No heading alone in a cell, and no cell that only records."""
    faults = [
        f"cell {n}: a heading alone; put it on top of the cell that it is about"
        for n, c in numbered(nb, kind="markdown")
        if all(HEADING.match(line) for line in c.source.splitlines() if line.strip())
    ]
    faults += [f"cell {n}: it only records; record in the cell that measures" for n, c in code_text(nb) if _records(c)]
    return faults


def _records(source):
    statements = _names.parse(source).body
    return bool(statements) and all(
        isinstance(s, ast.Expr)
        and isinstance(s.value, ast.Call)
        and isinstance(s.value.func, ast.Attribute)
        and s.value.func.attr == "record"
        for s in statements
    )


def timed_notes(nb):
    """Every note begins with its minutes."""
    return [
        f"cell {n}: a note begins with its minutes, '*For the lecturer, 2 min.*'"
        for n, c in numbered(nb)
        if slide_type(c) == "notes" and arrange.minutes(c) is None
    ]
