"""Rules for a lesson as a unit: one sitting, headings with company, notes that can be timed."""

import ast
import re

import _names

from rules._cells import code_lines, code_text, numbered, slide_type, tags
from tools.decks import arrange

MOST_MINUTES = 45
MOST_SECONDS = 60
MOST_FIRST_LINES = 12
MOST_EXERCISES = 3
HEADING = re.compile(r"#+ ")
LAST_WORDS = ("remember", "going further", "credits")


def one_sitting(nb):
    """Few enough minutes, seconds and exercises to be done without a break."""
    cards = numbered(nb, kind="code", tag="exercise")
    course = nb.metadata["course"]
    found = [(course["minutes"], MOST_MINUTES, "minutes"), (course["seconds"], MOST_SECONDS, "seconds")]
    found.append((len(cards), MOST_EXERCISES, "exercises"))
    return [f"{n} {what}, at most {most}" for n, most, what in found if n > most]


def cells_with_company(nb):
    """No heading alone in a cell, no cell that only records; goals with the title, and one cell at the end."""
    faults = [
        f"cell {n}: a heading alone; put it on top of the cell that it is about"
        for n, c in numbered(nb, kind="markdown")
        if all(HEADING.match(line) for line in c.source.splitlines() if line.strip())
    ]
    faults += [f"cell {n}: it only records; record in the cell that measures" for n, c in code_text(nb) if _records(c)]
    if "**Goals**" not in nb.cells[0].source:
        faults.append("cell 1: the goals stand in the cell of the title")
    last = {n for n, c in numbered(nb, kind="markdown") for word in LAST_WORDS if _names_part(c.source, word)}
    return faults + ([f"{', '.join(LAST_WORDS)} stand in one cell"] if len(last) > 1 else [])


def _records(source):
    statements = _names.parse(source).body
    return bool(statements) and all(
        isinstance(s, ast.Expr)
        and isinstance(s.value, ast.Call)
        and isinstance(s.value.func, ast.Attribute)
        and s.value.func.attr == "record"
        for s in statements
    )


def _names_part(text, word):
    return re.search(rf"^(?:#+ |\*\*){word}\b", text, re.I | re.M)


def short_start(nb):
    """The first code that a learner meets after the setup is short."""
    first = next((pair for pair in numbered(nb, kind="code") if "setup" not in tags(pair[1])), None)
    if first is None or len(code_lines(first[1].source)) <= MOST_FIRST_LINES:
        return []
    lines = len(code_lines(first[1].source))
    return [f"cell {first[0]}: the first code has {lines} lines, at most {MOST_FIRST_LINES}"]


def timed_notes(nb):
    """Every note begins with its minutes."""
    return [
        f"cell {n}: a note begins with its minutes, '*For the lecturer, 2 min.*'"
        for n, c in numbered(nb)
        if slide_type(c) == "notes" and arrange.minutes(c) is None
    ]
