"""Rules for a lesson as a whole: front matter, names of cells, and that it runs anywhere."""

import re

from rules._cells import numbered, tags

TAGS = {
    "setup",
    "exercise",
    "check",
    "answer",
    "solution",
    "hide-cell",
    "hide-input",
    "scorecard",
    "nbval-check-output",
    "legacy",
}
FRONT_MATTER = {"promise": str, "minutes": int, "seconds": int, "needs": list, "goals": list}
MIN_ALT_CHARS = 20
MACHINE_PATH = re.compile(r"(?<![\w.:/~-])/(?:home|root|tmp|work|Users|usr|var|opt|mnt)/|\b[A-Z]:\\\\?\w")
REMOTE_PICTURE = re.compile(
    r"https?://[^\s)\"']+\.(?:png|jpe?g|gif|svg|webp)\b|!\[[^\]]*\]\(https?://|<img[^>]+src=.https?://", re.I
)


def front_matter(nb, *, known):
    """Front matter: every field there, of the right type and not empty; needs only earlier lessons.

    Args:
        known: names of the lessons there are, in the order of the course.
    """
    course = nb.metadata.get("course", {})
    faults = [
        f"front matter: {name} is {course.get(name)!r}, expected {kind.__name__}"
        for name, kind in FRONT_MATTER.items()
        if not isinstance(course.get(name), kind)
    ]
    if faults:
        return faults
    empty = [name for name in FRONT_MATTER if name != "needs" and not course[name]]
    earlier = known[: known.index(course["name"])]
    return [f"front matter: {name} is empty" for name in empty] + [
        f"front matter: needs {need!r}, which is no earlier lesson" for need in course["needs"] if need not in earlier
    ]


def cell_names(nb):
    """A name that a deck can borrow by: a Python identifier, of a code cell, and of one alone."""
    named = [(n, c.metadata["name"], c.cell_type) for n, c in numbered(nb) if "name" in c.metadata]
    seen = [name for _, name, _ in named]
    return [
        f"cell {n}: {name!r} is no name for a cell: expected an identifier, of one code cell"
        for n, name, kind in named
        if not name.isidentifier() or kind != "code" or seen.count(name) > 1
    ]


def tags_known(nb):
    """Only the tags that some tool reads: a solution with a tag misspelled would lie open."""
    return [f"cell {n}: unknown tag {tag!r}" for n, c in numbered(nb) for tag in sorted(tags(c) - TAGS)]


def runs_anywhere(nb):
    """No path of one machine, no switch of the tests, no remote picture, no cell kept from the smoke run."""
    faults = []
    for n, cell in numbered(nb):
        if found := MACHINE_PATH.search(cell.source):
            faults.append(f"cell {n}: an absolute path ({found.group()}...)")
        if REMOTE_PICTURE.search(cell.source):
            faults.append(f"cell {n}: a picture from the network")
        if cell.cell_type == "code" and re.search(r"\bruntime\.quick\b|COURSE_(?:QUICK|STRICT)", cell.source):
            faults.append(f"cell {n}: asks for a switch of the tests; the library shortens a run by itself")
        if cell.cell_type == "code" and re.search(r"#\s*(?:NBVAL|PYTEST_VALIDATE)_", cell.source):
            faults.append(f"cell {n}: a comment that nbval obeys; only the tag nbval-check-output is allowed")
    return faults
