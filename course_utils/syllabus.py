"""Parts, lessons and their numbers, read from ``lessons/course.toml``; and how a text refers to a lesson by name.

Standard library only: the tools, the doctor and the scorecard read it, and none of them should wait for torch.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from course_utils.files import ROOT

REFERENCE = re.compile(r"\[\[([a-z]\w*)\]\]")
SENTENCE_BEGINS = re.compile(r"(?:\A|[.!?]\**\s+|\n\s*\n|\n[-*] )\Z")


@dataclass(frozen=True)
class Lesson:
    """One lesson: where it stands in the course, and where its files are.

    Attributes:
        name: of its folder in ``lessons/``; a text refers to it as ``[[name]]``.
        title: as readers see it.
        part: name of its part; part_title: as readers see it.
        part_number, nth: which part, and which lesson of it; both from 1.
        root: the repository, or a folder with the same layout.
    """

    name: str
    title: str
    part: str
    part_title: str
    part_number: int
    nth: int
    root: Path

    @property
    def number(self) -> str:
        """As readers see it: "3.2"."""
        return f"{self.part_number}.{self.nth}"

    @property
    def source(self) -> Path:
        """The text of the lesson."""
        return self.root / "lessons" / self.name / "lesson.py"

    @property
    def place(self) -> str:
        """Where the notebook lies below ``notebooks/`` or ``workspace/``: "3_quantization/2_dynamic.ipynb"."""
        return f"{self.part_number}_{self.part}/{self.nth}_{self.name}.ipynb"

    @property
    def notebook(self) -> Path:
        """The published notebook."""
        return self.root / "notebooks" / self.place


@cache
def lessons(root: Path = ROOT) -> dict[str, Lesson]:
    """The lessons by name, in the order of the course.

    Raises:
        ValueError: a part or a lesson without what it needs, or a name twice; the message names the file.
    """
    path = root / "lessons" / "course.toml"
    found: dict[str, Lesson] = {}
    try:
        course = tomllib.loads(path.read_text(encoding="utf-8"))
        for number, part in enumerate(course["part"], start=1):
            for nth, (name, title) in enumerate(part["lessons"].items(), start=1):
                if name in found:
                    raise ValueError(f"the lesson {name} stands there twice")
                found[name] = Lesson(name, title, part["name"], part["title"], number, nth, root)
    except (KeyError, ValueError) as error:
        raise ValueError(f"{path.name}: {error}") from error
    return found


def plain(lesson: Lesson, short: bool = True) -> str:
    """How code and plain text name a lesson: "lesson 3.2"."""
    return f"lesson {lesson.number}"


def linked(origin: Lesson) -> Callable[[Lesson, bool], str]:
    """How a notebook names a lesson: with a link, and with the title where it is named for the first time.

    Args:
        origin: the lesson whose notebook it is.
    Returns:
        A function for `refer`; one serves a whole notebook, from its first cell to its last.
    """
    named = set()

    def link(lesson: Lesson, short: bool) -> str:
        if lesson == origin:
            return "this lesson"
        target = Path(os.path.relpath(lesson.place, Path(origin.place).parent)).as_posix()
        if short or lesson in named:
            return f"[lesson {lesson.number}]({target})"
        named.add(lesson)
        return f"[lesson {lesson.number}, {lesson.title}]({target})"

    return link


def refer(text: str, root: Path = ROOT, write: Callable[[Lesson, bool], str] = plain) -> str:
    """Put what `write` makes of a lesson in place of each ``[[name]]``; capital at the start of a sentence.

    Args:
        write: (lesson, short) -> text; `short` in the row of a table, where there is no room for a title.

    Raises:
        LookupError: there is no lesson of that name; the message lists those there are.
    """
    known = lessons(root)

    def resolve(match: re.Match) -> str:
        if match[1] not in known:
            raise LookupError(f"{match[0]}: no lesson is called {match[1]!r}; there are {', '.join(known)}")
        in_table = text[text.rfind("\n", 0, match.start()) + 1 :].startswith("|")
        said = write(known[match[1]], in_table)
        begins = SENTENCE_BEGINS.search(text, 0, match.start())
        return re.sub("lesson|this", lambda word: word[0].capitalize(), said, count=1) if begins else said

    return REFERENCE.sub(resolve, text)
