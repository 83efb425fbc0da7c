"""What a reader of a lesson would stumble over, found without running it.

A rule takes a notebook as `tools.publishing.lessons.read` gives it, or as it was published, and returns a list of
sentences; an empty list means that the rule is kept.
"""

import re
from dataclasses import dataclass

import _names

from tools.publishing import boxes

TAGS = {"setup", "exercise", "check", "answer", "solution", "hide-cell", "hide-input", "scorecard"}
TAGS |= {"nbval-check-output", "legacy"}
FOLDED = TAGS - {"answer", "legacy", "nbval-check-output"}
FRONT_MATTER = {"promise": str, "seconds": int, "needs": list, "goals": list, "terms": list, "values": dict}
MACHINE_PATH = re.compile(r"(?<![\w.:/~-])/(?:home|root|tmp|Users|usr|var|opt|mnt)/|\b[A-Z]:\\\\?\w")
REMOTE_PICTURE = re.compile(
    r"https?://[^\s)\"']+\.(?:png|jpe?g|gif|svg|webp)\b|!\[[^\]]*\]\(https?://|<img[^>]+src=.https?://", re.I
)
PROGRESS_BAR = re.compile(r"\d+%\||\bit/s|\bs/it")
ALT = re.compile(r"""\balt=(?:"([^"]*)"|'([^']*)')""", re.I)


def tags(cell):
    """Tags of a cell as a set."""
    return set(cell.metadata.get("tags", []))


def numbered(nb, *, kind=None, tag=None):
    """List (number from 1, cell) of the cells of one kind, with one tag."""
    return [
        (n, c)
        for n, c in enumerate(nb.cells, start=1)
        if (kind is None or c.cell_type == kind) and (tag is None or tag in tags(c))
    ]


def output_text(output):
    """All text of one output."""
    text = "".join(v for k, v in output.get("data", {}).items() if k.startswith("text/") and isinstance(v, str))
    return output.get("text", "") + text


@dataclass
class Exercise:
    """One task of a lesson, as numbers of cells from 1; None where the part is missing."""

    name: str
    stub: int | None
    check: int
    solution: int | None


def exercises(nb):
    """The tasks of a lesson: each check, the cell above it that has what it judges, and the solution."""
    code, found = numbered(nb, kind="code"), []
    for check, cell in numbered(nb, kind="code", tag="check"):
        for name in re.findall(r"\bcheck\.(\w+)\(", cell.source):
            asked = _names.names_of(cell.source).read - {"check"}
            above = [n for n, c in code if n < check and "exercise" in tags(c) and asked <= _bound(c)]
            below = [n for n, c in code if n > check and "solution" in tags(c) and f"{name}_solution" in _bound(c)]
            found.append(Exercise(name, above[-1] if above else None, check, below[0] if below else None))
    return found


def _bound(cell):
    return _names.names_of(cell.source).bound


def tasks(nb):
    """What is to be written, its check below, its solution below that; and no other cell leans on them."""
    found = exercises(nb)
    faults = [
        f"cell {n}: no check asks for what is written here: put a cell `check.NAME(NAME)` with the tag check below it"
        for n, _ in numbered(nb, tag="exercise")
        if n not in [one.stub for one in found]
    ]
    for one in found:
        if not one.stub:
            faults.append(f"cell {one.check}: check.{one.name} judges what no cell above with the tag exercise defines")
    for n, cell in numbered(nb, tag="solution"):
        if n not in [one.solution for one in found]:
            faults.append(f"cell {n}: a solution defines NAME_solution, and stands below the cell with check.NAME(...)")
        if "hide-cell" not in tags(cell):
            faults.append(f"cell {n}: a solution needs the tag hide-cell too, else it lies open")
    own = {n for one in found for n in (one.stub, one.check, one.solution)}
    theirs = {name for n, cell in numbered(nb, kind="code") if n in own for name in _bound(cell) - {"check"}}
    for n, cell in numbered(nb, kind="code"):
        used = _names.names_of(cell.source)
        if n not in own:
            faults += [
                f"cell {n}: {name} is for the learner to write" for name in sorted(theirs & (used.read | used.bound))
            ]
    return faults


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


def visible_names(nb):
    """Every name in a visible cell comes from a visible cell or from an import."""
    known, faults = set(), []
    for n, cell in numbered(nb, kind="code"):
        names = _names.names_of(cell.source)
        if FOLDED & tags(cell):
            imported = [line for line in cell.source.splitlines() if re.match(r"(?:from \S+ )?import ", line)]
            known |= _names.names_of("\n".join(imported)).bound
            continue
        hidden = sorted(names.read - known - _names.ALWAYS_THERE)
        faults += [f"cell {n}: {name} comes from a folded cell, and no reader has seen it" for name in hidden]
        known |= names.bound
    return faults


def cells(nb):
    """No empty cell, no tag that no tool knows, no name that a deck could not borrow by, nothing of one machine."""
    faults, names = [], [c.metadata["name"] for c in nb.cells if "name" in c.metadata]
    for n, cell in numbered(nb):
        faults += [f"cell {n} is empty"] * (not cell.source.strip())
        unknown = sorted(tags(cell) - TAGS)
        faults += [f"cell {n}: unknown tag {tag!r}; there are {', '.join(sorted(TAGS))}" for tag in unknown]
        name = cell.metadata.get("name", "name")
        if not name.isidentifier() or names.count(name) > 1:
            faults.append(f"cell {n}: {name!r} is no name for a cell: expected an identifier, of one cell")
        faults += [f"cell {n}: an absolute path ({found[0]}...)" for found in MACHINE_PATH.finditer(cell.source)]
        faults += [f"cell {n}: a picture from the network"] * bool(REMOTE_PICTURE.search(cell.source))
    return faults


def front_matter(nb, *, known):
    """Front matter: a promise, what is there of the right type, and needs that are earlier lessons.

    Args:
        known: names of the lessons there are, in the order of the course.
    """
    course = nb.metadata["course"]
    faults = [] if course.get("promise") else ["front matter: no promise. It begins with 'You will'."]
    faults += [
        f"front matter: {name} is {course[name]!r}, expected {kind.__name__}"
        for name, kind in FRONT_MATTER.items()
        if name in course and not isinstance(course[name], kind)
    ]
    earlier = known[: known.index(course["name"])]
    late = [need for need in course.get("needs") or [] if need not in earlier]
    return faults + [f"front matter: needs {need!r}, which is no earlier lesson" for need in late]


def outputs(published):
    """No errors, no noise on stderr, no machine's path, every picture described."""
    return [
        f"cell {n}: {fault}"
        for n, cell in numbered(published, kind="code")
        for output in cell.get("outputs", [])
        for fault in _output(output, tags(cell))
    ]


def _output(output, cell_tags):
    text, data, faults = output_text(output), output.get("data", {}), []
    if output.output_type == "error":
        faults.append(f"the output is an error: {output.get('ename')}: {output.get('evalue')}")
    if output.get("name") == "stderr" and "legacy" not in cell_tags and not PROGRESS_BAR.search(text):
        faults.append(f"writes to stderr: {text.strip()[:120]}")
    if MACHINE_PATH.search(text):
        faults.append("a machine's path in the output")
    alts = [output.metadata.get(kind, {}).get("alt", "") for kind in data if kind.startswith("image/")]
    for tag in re.findall(r"<img\b[^>]*>", data.get("text/html", ""), re.I):
        found = ALT.search(tag)
        alts.append((found[1] or found[2] or "") if found else "")
    return faults + ["a picture without an alt text: plots.show(figure, alt=..., caption=...)"] * (not all(alts))
