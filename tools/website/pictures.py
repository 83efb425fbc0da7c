"""The pictures of the course: their alt texts, and how it is known that one is older than what it shows."""

import hashlib
import json
from dataclasses import dataclass

from tools.publishing import lessons

FOLDER = lessons.ROOT / "docs" / "pictures"
SOURCES = "sources.json"  # beside them: a digest of what each one shows
LESSON = "integers"
FILTERS = "the same four filters"  # words of the alt text of a drawing in it
DRAWN, DRAWING = "deep_compression", "lower where the file is smaller"  # a lesson, and words of a drawing's alt text
SCORED = "energy"  # its scorecard has rows of two kinds, and fits a screen


@dataclass(frozen=True)
class Picture:
    """What a picture shows: an alt text, and the files whose change makes it old, as patterns from the root."""

    alt: str
    sources: tuple


PICTURES = {
    "smaller": Picture(
        "Four bars for four files of one network: dense, pruned, shared and coded. Each is smaller than the one "
        "before, the last one more than forty times smaller than the first, and with each the network gets about 98 % "
        "of the test digits right",
        (f"lessons/{DRAWN}/lesson.py", f"lessons/{DRAWN}/show.py", "tools/website/drawn.py"),
    ),
    "lesson": Picture(
        "A lesson in JupyterLab: on the left the folders of the course, on the right a cell and what it draws, the "
        "accuracy of one network with fewer and fewer bits for each weight, and four of its filters above each point",
        (f"lessons/{LESSON}/lesson.py", f"lessons/{LESSON}/show.py", "tools/workspace/jupyter/**/*.json"),
    ),
    "check": Picture(
        "An exercise and its check: a function of four lines, and under it the verdict, Not yet, with the smallest "
        "input on which the answer is wrong, what came back, what was expected, and the kind of mistake",
        (
            f"lessons/{LESSON}/checks.py",
            f"lessons/{LESSON}/lesson.py",
            "course_utils/exercises/core.py",
        ),
    ),
    "scorecard": Picture(
        "The scorecard at the end of a lesson: for each claim a verdict, what this run found, what the source "
        "says, and which source that is; two rows are cited only",
        (f"lessons/{SCORED}/claims.toml", f"lessons/{SCORED}/lesson.py", "course_utils/scorecard/*.py"),
    ),
    "slide": Picture(
        "A slide: the question on the left, the answer with its picture on the right",
        (f"lessons/{LESSON}/lesson.py", "tools/decks/slides_template/*", "tools/decks/arrange.py"),
    ),
    "site": Picture(
        "The site's first page: what the course is, and a map of its lessons, with a list of them on the left and a "
        "search",
        (
            "lessons/course.toml",
            "tools/website/site_map.py",
            "tools/website/site_pages.py",
            "tools/website/site_template/**/*",
        ),
    ),
}


def digest(name, root=lessons.ROOT):
    """A digest of what a picture shows: the text of its sources."""
    found = sorted({path for pattern in PICTURES[name].sources for path in root.glob(pattern) if path.is_file()})
    total = hashlib.sha256()
    for path in found:
        total.update(path.relative_to(root).as_posix().encode() + b"\0")
        total.update(path.read_bytes().replace(b"\r\n", b"\n") + b"\0")
    return total.hexdigest()[:16]


def old(names, root=lessons.ROOT, folder=FOLDER):
    """Say which pictures are not there, or show what has changed since they were taken."""
    noted = known(folder)
    return [
        f"{name}.png {'is not there' if not (folder / f'{name}.png').exists() else 'is older than what it shows'}"
        for name in names
        if not (folder / f"{name}.png").exists() or noted.get(name) != digest(name, root)
    ]


def known(folder):
    path = folder / SOURCES
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
