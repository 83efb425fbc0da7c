"""Rules for a lesson in the form of the third edition: somebody who is alone with the page understands it."""

import re

from rules._cells import code_lines, numbered, tags
from tools.publishing import boxes

MOST_OPEN_LINES = 15
NOT_OPEN = {"setup", "exercise", "check", "solution", "scorecard", "hide-input", "hide-cell", "remove-cell"}
BOOKKEEPING = re.compile(r"\bcard\.|\bledger\.|\bplots\.|\bCanvas\(|\balt=")
ASKED = re.compile(r"\*\*Predict\.\*\*.*?(?=\n#|\Z)", re.S)
SENTENCE = re.compile(r"\A\s*\*\*(.+?)\*\*", re.S)
SLIDE = re.compile(r"\b(?:next|last|previous|one|this|the|each) slides?\b|\bslides? (?:ago|before)\b", re.I)
NUMBER = re.compile(r"\d[\d,]*(?:\.\d+)?")


def in_the_form(nb):
    """Whether a lesson has it: then its claims are read where the scorecard is shown."""
    return any("claims.show(" in cell.source for _, cell in numbered(nb, tag="scorecard"))


def open_cells(nb):
    """An open cell is short, keeps no books and draws nothing by itself; a folded one says first what it does."""
    faults = []
    for number, cell in numbered(nb, kind="code"):
        if not NOT_OPEN & tags(cell):
            lines = len(code_lines(cell.source))
            if lines > MOST_OPEN_LINES:
                faults.append(
                    f"cell {number}: {lines} open lines, at most {MOST_OPEN_LINES}: what draws goes to show.py"
                )
            if found := BOOKKEEPING.search(cell.source):
                faults.append(f"cell {number}: {found[0]!r} in an open cell: fold it, or let show.py do it")
        elif "hide-input" in tags(cell) and not re.match(r"# \w+ .*\w", cell.source):
            faults.append(f"cell {number}: a folded cell begins with a comment that says what it does")
    return faults


def questions_have_answers(nb):
    """Before the next question a cell with the tag `answer`: its sentence in bold or a table first, and no heading."""
    faults, asked = [], None
    for number, cell in [*numbered(nb), (len(nb.cells) + 1, None)]:
        if cell is None or (cell.cell_type == "markdown" and "**Predict.**" in cell.source):
            if asked:
                faults.append(f"cell {asked}: the question has no cell with the tag `answer`")
            asked = number
        elif boxes.ANSWER in tags(cell):
            asked = None
            source = boxes.take_off(cell.source).lstrip()
            if not (SENTENCE.match(source) or source.startswith("|")):
                faults.append(f"cell {number}: an answer begins with its sentence, in bold, or with a table")
            if heading := re.search(r"^#{2,6} .*", source, re.M):
                faults.append(f"cell {number}: {heading[0]!r} stands in an answer, which is closed: give it a cell")
    return faults


def answers_wait(nb):
    """No number of an answer's first sentence stands between its question and it, but in what a run gives out."""
    faults, question, between = [], "", []
    for number, cell in numbered(nb):
        if cell.cell_type == "markdown" and (asked := ASKED.search(cell.source)):
            question, between = cell.source[: asked.end()], []
        elif boxes.ANSWER in tags(cell) and question:
            said = SENTENCE.match(boxes.take_off(cell.source))
            own = set(NUMBER.findall(said[1])) - set(NUMBER.findall(question)) if said else set()
            own = {found for found in own if len(found) > 1}
            faults += [
                f"cell {n}: {', '.join(sorted(given))} is said before the answer in cell {number}"
                for n, text in between
                if (given := own & set(NUMBER.findall(text)))
            ]
            question = ""
        elif "remove-cell" not in tags(cell):
            between.append((number, cell.source))
    return faults


def page_without_slides(nb):
    """What a learner reads speaks of tables and sections: only the room has slides."""
    return [
        f"cell {number}: {found[0]!r} is said to somebody who sees no slides"
        for number, cell in numbered(nb, kind="markdown")
        if "remove-cell" not in tags(cell) and (found := SLIDE.search(cell.source))
    ]
