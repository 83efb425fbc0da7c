"""Rules for a lesson as a whole: front matter, parts, slides, rhythm, and that it runs anywhere."""

import json
import re
import subprocess
import sys

import _names
import nbformat

from rules._cells import code_lines, code_text, numbered, slide_type, tags

TAGS = {
    "setup",
    "exercise",
    "check",
    "answer",
    "solution",
    "hide-cell",
    "hide-input",
    "scorecard",
    "title-figure",
    "remove-cell",
    "nbval-check-output",
    "legacy",
}
NOTES_BEGIN = "*For the lecturer"
SLIDE_TYPES = {"slide", "subslide", "fragment", "skip", "notes", "-"}
FRONT_MATTER = {"promise": str, "minutes": int, "seconds": int, "needs": list, "goals": list}
FROM_COURSE = {"name", "number", "title", "part", "terms"}  # what the build adds, and what a lesson may leave out
MOST_CODE_LINES = 25
NAMES = "F821,F403,F405"  # ruff: an undefined name, a star import, a name that may come from one
MACHINE_PATH = re.compile(r"(?<![\w.:/~-])/(?:home|root|tmp|work|Users|usr|var|opt|mnt)/|\b[A-Z]:\\\\?\w")


def front_matter(nb, *, known):
    """Front matter: every field there, of the right type and not empty; needs only earlier lessons.

    Args:
        known: names of the lessons there are, in the order of the course.
    """
    course = nb.metadata.get("course", {})
    faults = [f"front matter: no {name}" for name in FRONT_MATTER if name not in course]
    faults += [
        f"front matter: {name} is {course[name]!r}, expected {kind.__name__}"
        for name, kind in FRONT_MATTER.items()
        if name in course and (not isinstance(course[name], kind) or isinstance(course[name], bool))
    ]
    faults += [f"front matter: {name} is not a field" for name in course if name not in {*FRONT_MATTER, *FROM_COURSE}]
    if faults:
        return faults
    faults += [f"front matter: {name} is empty" for name in ("promise", "goals") if not course[name]]
    faults += [f"front matter: {name} must be above 0" for name in ("minutes", "seconds") if course[name] <= 0]
    faults += [
        f"front matter: {name} must hold texts"
        for name in ("needs", "goals")
        if not all(isinstance(item, str) for item in course[name])
    ]
    earlier = known[: known.index(course["name"])]
    return faults + [
        f"front matter: needs {need!r}, which is no earlier lesson" for need in course["needs"] if need not in earlier
    ]


def parts(nb, *, old_form=False):
    """The parts that every lesson has, the scorecard and a reference among them.

    Args:
        old_form: it also has an agenda, and nothing but text stands behind its scorecard.
    """
    prose = [(n, c.source) for n, c in numbered(nb, kind="markdown")]

    def heading(words):
        pattern = re.compile(rf"^(?:#+ .*|\**)\b(?:{words})\b", re.I | re.M)
        return [n for n, text in prose if pattern.search(text)]

    words = ("predict", "remember", "credits", *(("agenda", "going further|further") if old_form else ()))
    found = {word: heading(word) for word in words}
    faults = [f"no heading or bold line with {word!r}" for word, where in found.items() if not where]
    if old_form and found["agenda"] and found["agenda"][0] > 5:
        faults.append(f"the agenda stands in cell {found['agenda'][0]}, expected among the first five")
    cards = numbered(nb, kind="code", tag="scorecard")
    code = numbered(nb, kind="code")
    if len(cards) != 1 or (old_form and cards[0][0] != code[-1][0]):
        faults.append("the scorecard must be one cell" + ", the last with code" * old_form)
    elif old_form:
        faults += [
            f"{word!r} stands above the scorecard"
            for word in ("remember", "credits")
            if found[word] and found[word][-1] < cards[0][0]
        ]
    if not numbered(nb, kind="code", tag="setup") or len(numbered(nb, tag="setup")) > 2:
        faults.append("one or two cells must have the tag setup")
    text = "\n".join(c.source for c in nb.cells)
    if not re.search(r"doi\.org|arxiv", text, re.I):
        faults.append("no reference with a DOI or an arXiv number")
    return faults


def slides(nb):
    """Most cells have a place in the slides, and somebody is told what to ask the room."""
    faults = [
        f"cell {n}: {slide_type(c)!r} is no slide type"
        for n, c in numbered(nb)
        if slide_type(c) not in SLIDE_TYPES | {None}
    ]
    notes = [(n, c) for n, c in numbered(nb) if slide_type(c) == "notes"]
    if not notes:
        faults.append("no speaker notes")
    faults += [
        f"cell {n}: speaker notes must begin with {NOTES_BEGIN!r}: readers of the notebook see them too"
        for n, c in notes
        if not c.source.startswith(NOTES_BEGIN)
    ]
    faults += [f"cell {n}: speaker notes without the tag remove-cell" for n, c in notes if "remove-cell" not in tags(c)]
    placed = [c for c in nb.cells if slide_type(c)]
    if len(placed) < 0.6 * len(nb.cells):
        faults.append(f"{len(placed)} of {len(nb.cells)} cells have a place in the slides, expected 60 %")
    return faults


def tags_known(nb):
    """Only the tags that some tool reads."""
    return [f"cell {n}: unknown tag {tag!r}" for n, c in numbered(nb) for tag in sorted(tags(c) - TAGS)]


def rhythm(nb):
    """Cells of code that fit a screen, and no wall of code; words are never too many."""
    faults = [
        f"cell {n}: {len(code_lines(c.source))} lines of code, at most {MOST_CODE_LINES}"
        for n, c in numbered(nb, kind="code")
        if len(code_lines(c.source)) > MOST_CODE_LINES and not tags(c) & {"setup", "solution"}
    ]
    words = sum(len(c.source.split()) for _, c in numbered(nb, kind="markdown"))
    lines = sum(len([line for line in text.splitlines() if line.strip()]) for _, text in code_text(nb))
    if words < 3 * lines:
        faults.append(f"{words} words for {lines} lines of code, expected 3 words a line or more")
    return faults


def runs_anywhere(nb):
    """No path of one machine, no dead code, no switch of the tests, no remote picture, no cell kept from nbval."""
    faults = []
    for n, cell in numbered(nb):
        found = MACHINE_PATH.search(cell.source)
        if found:
            faults.append(f"cell {n}: an absolute path ({found.group()}...)")
        if re.search(
            r"https?://[^\s)\"']+\.(?:png|jpe?g|gif|svg|webp)\b|!\[[^\]]*\]\(https?://|<img[^>]+src=.https?://",
            cell.source,
            re.I,
        ):
            faults.append(f"cell {n}: a picture from the network")
        if cell.cell_type == "code":
            if re.search(r"\brange\(0\)|\bif (?:False|0)\b|illustration only", cell.source):
                faults.append(f"cell {n}: code that does not run")
            if re.search(r"\bruntime\.quick\b|COURSE_(?:QUICK|STRICT)", cell.source):
                faults.append(f"cell {n}: asks for a switch of the tests; the library shortens a run by itself")
            if re.search(r"#\s*(?:NBVAL|PYTEST_VALIDATE)_", cell.source):
                faults.append(f"cell {n}: a comment that nbval obeys; only the tag nbval-check-output is allowed")
    return faults


def names(nb):
    """Every name is defined above the cell that reads it; no star imports, which hide names."""
    command = [sys.executable, "-m", "ruff", "check", "--isolated", "--select", NAMES, "--output-format", "json"]
    done = subprocess.run(
        [*command, "--stdin-filename", "lesson.ipynb", "-"],
        input=nbformat.writes(nb),
        capture_output=True,
        encoding="utf-8",
    )
    assert done.returncode in (0, 1), done.stderr
    found = [f"cell {fault['cell']}: {fault['message']}" for fault in json.loads(done.stdout)]
    return found + _names.functions_too_early(code_text(nb))
