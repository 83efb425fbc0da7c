"""The course as a whole: what each lesson's front matter says, what a lesson needs, and ways through all of it."""

import copy
import math
import re
import tomllib
from dataclasses import dataclass
from functools import cache

from course_utils import syllabus
from course_utils.files import ROOT

IN_COURSE_TOML = ("title", "name", "number", "part")
WORDS_A_MINUTE = 180  # of a text that is to be understood
CELL = re.compile(r"^# %%(.*)\n((?:(?!# %%).*\n?)*)", re.M)
EXERCISE = re.compile(r"^# ★+ · (\d+) minutes\b", re.M)
WHOLE = "choose between all of these for a network of your own, and say how sure the choice is"
DEEPER = "## Deeper"  # what follows this heading, up to the next of its rank, is no part of a lesson's core


def front_matter(lesson):
    """Read the table `course` at the top of a lesson's text.

    Args:
        lesson: a `syllabus.Lesson`.
    Returns:
        dict: promise, seconds, needs, goals, terms, as far as they are there; and minutes, which are worked out.
    Raises:
        ValueError: there is no such table, or it has a field whose home is lessons/course.toml.
    """
    known = lesson.source.stat()
    return dict(_front_matter(lesson, known.st_mtime_ns, known.st_size))


@cache  # as long as the file is as it was: a way asks every lesson for its needs many times
def _front_matter(lesson, _changed, _size):
    lines = lesson.source.read_text(encoding="utf-8").splitlines()
    end = lines.index("# ---", 1) if lines[:1] == ["# ---"] and "# ---" in lines[1:] else 0
    header = _parsed("\n".join(line.removeprefix("#").removeprefix(" ") for line in lines[1:end]))
    if "course" not in header.get("jupyter", {}):
        raise ValueError(
            f"{lesson.name}/lesson.py has no front matter: expected '# jupyter:' with 'course:' at the top "
            "of the file, between two lines '# ---'. Copy it from another lesson."
        )
    course = copy.deepcopy(header["jupyter"]["course"])
    course.setdefault("minutes", minutes("\n".join(lines[end:]) + "\n", course.get("seconds", 0))[0])
    for field in IN_COURSE_TOML:
        if field in course:
            raise ValueError(
                f"{lesson.name}/lesson.py: the front matter has a {field}. Its only home is lessons/course.toml; "
                "delete the line here."
            )
    return course


def seen(text):
    """Yield (what heads its cell, line, whether it is under Deeper) of each line of a lesson.py that a learner sees."""
    deeper = False
    for about, body in CELL.findall(text):
        if "remove-cell" in about:
            continue
        for line in body.splitlines():
            if "[markdown]" in about and line.startswith("# ## "):
                deeper = line == f"# {DEEPER}"
            yield about, line, deeper


@cache  # by the text: a copy of the course, as tests make it, has the same one
def minutes(text, seconds=0):
    """How long a learner takes for a lesson: reads its words, runs it, does its exercises.

    Args:
        text: of lesson.py.
        seconds: that its cells run.
    Returns:
        (minutes of the core, minutes of what is under Deeper), whole numbers, rounded up.
    """
    words, exercises = [0, 0], 0
    for about, line, deeper in seen(text):
        if "[markdown]" in about:
            words[deeper] += sum(any(map(str.isalnum, word)) for word in line.split())  # no bars of tables, no dashes
            exercises += 0 if deeper else sum(int(found) for found in EXERCISE.findall(line))
    return math.ceil(words[0] / WORDS_A_MINUTE + seconds / 60) + exercises, math.ceil(words[1] / WORDS_A_MINUTE)


@cache  # by the text, too
def _parsed(text):
    import yaml

    return yaml.safe_load(text) or {}


def needed(lesson):
    """Names of all lessons that must come before a lesson, its needs and theirs, in the order of the course."""
    known = syllabus.lessons(lesson.root)
    found, left = set(), [lesson.name]
    while left:
        new = [need for need in front_matter(known[left.pop()]).get("needs", []) if need in known and need not in found]
        found.update(new)
        left += new
    return [name for name in known if name in found]


def builds_on(lesson):
    """The needs of a lesson that no other of its needs implies: what a reader must be told."""
    known = syllabus.lessons(lesson.root)
    needs = [need for need in front_matter(lesson).get("needs", []) if need in known]
    implied = {name for need in needs for name in needed(known[need])}
    return [need for need in needs if need not in implied]


@dataclass(frozen=True)
class Way:
    """A way through the course: a title, the lessons in their order, their minutes together, and what it brings."""

    title: str
    lessons: tuple
    minutes: int
    brings: str = ""


def ways(root=ROOT):
    """Work out the ways through the course that lessons/course.toml wishes for.

    A way takes its wishes one after the other, each with all that it needs, and leaves out a wish that would pass
    the minutes that the way has.

    Returns:
        list of Way, the whole course last.
    Raises:
        ValueError: a wish that is no lesson.
    """
    known = syllabus.lessons(root)
    minutes = {name: front_matter(lesson).get("minutes", 0) for name, lesson in known.items()}
    wanted = tomllib.loads((root / "lessons" / "course.toml").read_text(encoding="utf-8")).get("way", [])
    found = []
    for way in [*wanted, {"title": "The whole course", "brings": WHOLE, "wishes": list(known)}]:
        chosen = set()
        for wish in way["wishes"]:
            if wish not in known:
                raise ValueError(f"course.toml: the way {way['title']!r} wishes for {wish!r}, which is no lesson")
            more = chosen | {wish, *needed(known[wish])}
            if sum(minutes[name] for name in more) <= way.get("minutes", float("inf")):
                chosen = more
        lessons = tuple(lesson for name, lesson in known.items() if name in chosen)
        total = sum(minutes[lesson.name] for lesson in lessons)
        found.append(Way(way["title"], lessons, total, way.get("brings", "")))
    return found


def ways_table(root=ROOT):
    """The ways through the course as a table in Markdown."""
    every = tuple(syllabus.lessons(root).values())
    rows = [
        f"| {way.title} | {way.brings} | {hours(way.minutes)} | "
        f"{'all' if way.lessons == every else ', '.join(lesson.number for lesson in way.lessons)} |"
        for way in ways(root)
    ]
    return "\n".join(["| way | at its end you can | time | lessons |", "|---|---|---|---|", *rows])


def hours(minutes):
    """Minutes as a reader wants them: "45 min", "3 h", "6 h 40 min"."""
    whole, rest = divmod(minutes, 60)
    return " ".join(part for part in (f"{whole} h" * bool(whole), f"{rest} min" * bool(rest)) if part) or "0 min"
