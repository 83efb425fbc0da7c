"""What ``lessons/course.toml`` says: parts, lessons and their numbers, tracks, sessions; and which lesson a word means.

Standard library only: course.py asks it before it installs anything, and no message waits for torch.
"""

from __future__ import annotations

import difflib
import os
import re
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tools.environment.env import ROOT, command

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


@dataclass(frozen=True)
class Track:
    """A way through the course: its title, its lessons in the order of the course, and what it brings."""

    title: str
    lessons: tuple[Lesson, ...]
    brings: str = ""


def read(root: Path = ROOT) -> dict:
    """All that lessons/course.toml says, as it stands there."""
    return tomllib.loads((root / "lessons" / "course.toml").read_text(encoding="utf-8"))


@cache
def lessons(root: Path = ROOT) -> dict[str, Lesson]:
    """The lessons by name, in the order of the course.

    Raises:
        ValueError: a part or a lesson without what it needs, or a name twice; the message names the file.
    """
    found: dict[str, Lesson] = {}
    try:
        for number, part in enumerate(read(root)["part"], start=1):
            for nth, (name, title) in enumerate(part["lessons"].items(), start=1):
                if name in found:
                    raise ValueError(f"the lesson {name} stands there twice")
                found[name] = Lesson(name, title, part["name"], part["title"], number, nth, root)
    except (KeyError, ValueError) as error:
        raise ValueError(f"course.toml: {error}") from error
    return found


def tracks(root: Path = ROOT) -> list[Track]:
    """The tracks, the essentials first and the whole course last.

    Raises:
        ValueError: a track names what is no lesson, or lacks its title or its lessons.
    """
    known, found = lessons(root), []
    for track in read(root).get("track", []):
        if not {"title", "lessons"} <= set(track):
            raise ValueError(f"course.toml: a [[track]] needs title and lessons; here are {', '.join(track)}")
        if strange := [name for name in track["lessons"] if name not in known]:
            raise ValueError(f"course.toml: the track {track['title']!r} names {strange[0]!r}, which is no lesson")
        mine = tuple(lesson for name, lesson in known.items() if name in track["lessons"])
        found.append(Track(track["title"], mine, track.get("brings", "")))
    brings = "choose between all of these for a network of your own, and say how sure the choice is"
    return [*found, Track("The whole course", tuple(known.values()), brings)]


# ---- which lessons a word means --------------------------------------------------------------------


def select(names: list[str], *, root: Path = ROOT) -> list[Lesson]:
    """Find the lessons that `names` mean, in the order of the course, each once.

    Args:
        names: strings such as "energy", "1.2", "lessons/energy", "lessons/energy/lesson.py",
            "notebooks/1_measuring/3_energy.ipynb", or "1" or "pruning" for a whole part; empty = all lessons.
        root: the repository, or a folder with the same layout.
    Raises:
        SystemExit: a name fits no lesson; the message names those that come near.
    """
    chosen = [lesson for name in names for lesson in called(name, root) or _unknown(name, root)]
    return [lesson for lesson in lessons(root).values() if lesson in chosen or not names]


def called(name: str, root: Path = ROOT) -> list[Lesson]:
    """The lessons that one word means: one lesson, those of a part, or []."""
    known = lessons(root).values()
    words = [word for word in name.replace("\\", "/").split("/") if word and word != "lesson.py"]
    last = re.sub(r"^\d+_|\.ipynb$", "", words[-1]) if words else ""
    found = [one for one in known if last in (one.name, one.number) or name == str(one.part_number)]
    return found or [lesson for lesson in known if lesson.part == name.lower()]


def near(name: str, root: Path = ROOT) -> list[str]:
    """The lessons whose number, name or title comes near a word that means none, in words; at most three."""
    known = lessons(root).values()
    name = re.sub(r"(?<=\d)[,:;/ _-](?=\d)", ".", name.strip().lower())  # "4,2"
    words = {word: lesson for lesson in known for word in (lesson.name, lesson.number)}
    close = difflib.get_close_matches(name, words, cutoff=0.7 if name[:1].isdigit() else 0.5)
    found = [words[word] for word in ([name] if name in words else close)]
    found = found or [lesson for lesson in known if name and name in lesson.title.lower()]
    return [f"{lesson.number} ({lesson.name})" for lesson in found[:3]]


def _unknown(name: str, root: Path) -> None:
    found = " or ".join(near(name, root))
    hint = f"Did you mean {found}?" if found else f"All: {command('progress', '--all')}"
    raise SystemExit(f"No lesson is called {name!r}. {hint}")


# ---- how a text refers to a lesson -----------------------------------------------------------------


def plain(lesson: Lesson, short: bool = True) -> str:
    """How code and plain text name a lesson: "lesson 3.2"."""
    return f"lesson {lesson.number}"


def linked(origin: Lesson) -> Callable[[Lesson, bool], str]:
    """How a notebook names a lesson: with a link, and with the title where it is named for the first time.

    Args:
        origin: the lesson, or the worksheet, whose notebook it is.
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
