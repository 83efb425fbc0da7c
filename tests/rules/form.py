"""Rules for the form of a lesson: a stranger finishes it."""

import re

import _names

from rules._cells import numbered, tags
from rules.exercises import exercises
from tools.publishing import boxes, course, lessons

MAX = {"words": 2000, "minutes": 55, "lines": 45, "predictions": 3, "shown": 5, "deeper": 500, "seconds": 60}
WHAT = {
    "words": "words before Deeper",
    "minutes": "minutes by the clock",
    "lines": "visible lines of code",
    "predictions": "predictions",
    "shown": "figures and tables",
    "deeper": "words under Deeper",
    "seconds": "seconds of a run",
}
MAX_IN_A_BOX, MAX_ITEMS, MAX_CARD = 60, 3, 80
FOLDED = {"setup", "hide-input", "hide-cell", "solution", "check", "scorecard", "exercise"}
ORDER = ("## Exercise", "## Remember", "## Scorecard", "## Deeper")
HEDGE = re.compile(r"\b(?:on|of) this page\b|\bin (?:a|this|the) (?:\w+ )?(?:trial|run)\b|\bin trials\b")
FOLD = re.compile(r"<details>.*?</details>", re.S)


def sizes(lesson):
    """The core is short enough to be finished: words, minutes, code, predictions, figures; and so is Deeper."""
    text, said = lesson.source.read_text(encoding="utf-8").partition("# ---\n\n")[2], course.front_matter(lesson)
    shown_first = " ".join([said.get("promise", ""), *said.get("goals", [])])
    clock = course.clock(text, said.get("seconds", 0), course.shown(lesson), shown_first)
    counts = {name: getattr(clock, name) for name in MAX}
    return [
        f"{count} {WHAT[name]}, at most {MAX[name]}: leave a whole thing out"
        for name, count in counts.items()
        if count > MAX[name]
    ]


def answers(nb):
    """Every question has its answer before the next one: a cell with the tag `answer`."""
    faults, asked = [], None
    for number, cell in [*numbered(nb), (len(nb.cells) + 1, None)]:
        if cell is None or (cell.cell_type == "markdown" and "**Predict.**" in cell.source):
            faults += [f"cell {asked}: the question has no cell with the tag `answer`"] if asked else []
            asked = number
        elif boxes.ANSWER in tags(cell):
            asked = None
    return faults


def boxes_confirm(nb):
    """An answer says the verdict and one because; what teaches stands in the open."""
    return [
        f"cell {n}: an answer of {count} words, at most {MAX_IN_A_BOX}: the open text teaches"
        for n, cell in numbered(nb, tag=boxes.ANSWER)
        if (count := course.words_of(boxes.take_off(cell.source))) > MAX_IN_A_BOX
    ]


def order(nb):
    """Title and question alone; a folded setup; abilities after a first run; exercise, Remember, scorecard, Deeper."""
    prose = [(n, c.source) for n, c in numbered(nb, kind="markdown")]
    faults = [] if re.fullmatch(r"# [^\n]+\n\n\*[^\n]+\*", nb.cells[0].source) else ["cell 1: title and question alone"]
    code = numbered(nb, kind="code")
    setup = [n for n, _ in numbered(nb, tag="setup")]
    if [code[0][0]] != setup or "hide-input" not in tags(code[0][1]):
        faults.append("the first code cell, and no other, is a folded setup (tags setup and hide-input)")
    able = next(
        (n for n, text in prose if re.search(r"^1\. .*^2\. .*^3\. ", text, re.M | re.S) and "able to" in text), 0
    )
    if not able or not any("setup" not in tags(c) and n < able for n, c in code):
        faults.append("the abilities stand behind the first thing that runs")
    found = [next((n for n, text in prose if re.search(rf"^{head}\b", text, re.M)), 0) for head in ORDER]
    if not all(found[:3]) or [n for n in found if n] != sorted(n for n in found if n):
        faults.append(f"expected in this order: {', '.join(ORDER)}")
    if len(numbered(nb, tag="scorecard")) != 1:
        faults.append("one cell has the tag scorecard")
    text = "\n".join(source for _, source in prose)
    if not re.search(r"^(?:#+ .*|\**)\bcredits\b", text, re.I | re.M) or not re.search(r"doi\.org|arxiv", text, re.I):
        faults.append("no credits, or no reference with a DOI or an arXiv number")
    return faults


def try_it(nb):
    """In the first half something to change and run again, with what others found in a closed box."""
    last = next((n for n, c in numbered(nb, kind="code", tag="exercise")), len(nb.cells))
    for n, cell in numbered(nb, kind="markdown"):
        if n <= last / 2 + 1 and "**Try it.**" in cell.source and "<summary>What others found</summary>" in cell.source:
            return []
    return ["no '**Try it.**' with a closed 'What others found' in the first half"]


def card(nb):
    """The card of an exercise is short; the hint does not count."""
    faults = []
    for found in exercises(nb):
        above = next(c for c in reversed(nb.cells[: found.stub - 1]) if "★" in c.source)
        if (count := course.words_of(FOLD.sub("", above.source).partition("★")[2])) > MAX_CARD:
            faults.append(f"exercise {found.name}: a card of {count} words, at most {MAX_CARD}")
    return faults


def deeper(nb):
    """Deeper has few items, and its heading, which JupyterLab folds, has a cell of its own: a fold hides cells."""
    text = "\n".join(c.source for _, c in numbered(nb, kind="markdown"))
    under = re.search(r"^## Deeper\b(.*?)(?=^## |\Z)", text, re.M | re.S)
    items = len(re.findall(r"^### ", under[1], re.M)) if under else 0
    faults = [f"{items} items under Deeper, at most {MAX_ITEMS}"] * (items > MAX_ITEMS)
    folded = [c.source for _, c in numbered(nb) if lessons.COLLAPSED in c.metadata]
    return faults + ["Deeper is not folded"] * (folded != ["## Deeper"] * bool(under))


def holds_on_any_laptop(nb):
    """No sentence speaks of one run: what is exact stands in the outputs."""
    return [
        f"cell {n}: {found[0]!r}: say what holds on any laptop"
        for n, cell in numbered(nb, kind="markdown")
        if (found := HEDGE.search(cell.source))
    ]


def visible_names(nb):
    """Every name in a visible cell comes from a visible cell or from an import."""
    known, faults = set(), []
    for n, cell in numbered(nb, kind="code"):
        names = _names.names_of(cell.source)
        if FOLDED & tags(cell):
            known |= _imported(cell.source)
            continue
        hidden = names.read - known - _names.ALWAYS_THERE
        faults += [f"cell {n}: {name} comes from a folded cell" for name in sorted(hidden)]
        known |= names.bound
    return faults


def _imported(source):
    lines = [line for line in source.splitlines() if re.match(r"(?:from \S+ )?import ", line)]
    return _names.names_of("\n".join(lines)).bound
