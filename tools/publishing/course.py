"""The course as a whole: what each lesson's front matter says, what a lesson needs, and ways through all of it."""

import copy
import json
import re
import tomllib
from dataclasses import dataclass
from functools import cache

from course_utils.files import ROOT
from tools.environment import curriculum

IN_COURSE_TOML = ("title", "name", "number", "part")
# The clock: fitted to what readers needed, one a lesson: 51 minutes in the mean of forty-one, and 49 by the clock.
WORDS_A_MINUTE, LINES_A_MINUTE, OUTPUTS_A_MINUTE = 95, 6, 2
PREDICTION_MINUTES, SLOWER_THAN_THE_CARD, QUESTIONS_MINUTES = 1.25, 1.6, 2  # the last: three from before
ANNOUNCED = 5  # a page says its minutes rounded to so many
CELL = re.compile(r"^# %%(.*)\n((?:(?!# %%).*\n?)*)", re.M)
FOLDED = re.compile(
    r"tags=.*\"(?:setup|hide-input|hide-cell|solution|check|scorecard)\""
)  # tags of code that nobody has to read
NO_WORDS = re.compile(r"<[^>]+>|\$\$?[^$]*\$\$?|\]\([^)]*\)")  # tags, formulas, where links lead to
DRAWN = {"text/html", "image/png", "image/svg+xml"}
PREDICT = "**Predict"
EXERCISE = re.compile(r"^★+ · (\d+) minutes\b", re.M)
THE_WHOLE = "The whole course"
WHOLE = "choose between all of these for a network of your own, and say how sure the choice is"
NOTE = re.compile(r"\{note\} (\d+(?:\.\d+)?) min")  # how a deck says how long a slide takes
SPOKEN = re.compile(f"^:::{NOTE.pattern}", re.M)
DEEPER = "## Deeper"  # what follows this heading, up to the next of its rank, is no part of a lesson's core


def front_matter(lesson):
    """Read the table `course` at the top of a lesson's text.

    Args:
        lesson: a `curriculum.Lesson`.
    Returns:
        dict: promise, seconds, needs, goals, terms, values, as far as they are there; and minutes, worked out.
    Raises:
        ValueError: there is no such table, or it has a field whose home is lessons/course.toml.
    """
    known = lesson.source.stat()
    return dict(_front_matter(lesson, known.st_mtime_ns, known.st_size, shown(lesson)))


@cache  # as long as the files are as they were: a way asks every lesson for its needs many times
def _front_matter(lesson, _changed, _size, shown):
    lines = lesson.source.read_text(encoding="utf-8").splitlines()
    end = lines.index("# ---", 1) if lines[:1] == ["# ---"] and "# ---" in lines[1:] else 0
    header = _parsed("\n".join(line.removeprefix("#").removeprefix(" ") for line in lines[1:end]))
    if "course" not in header.get("jupyter", {}):
        raise ValueError(
            f"{lesson.name}/lesson.py has no front matter: expected '# jupyter:' with 'course:' at the top "
            "of the file, between two lines '# ---'. Copy it from another lesson."
        )
    course = copy.deepcopy(header["jupyter"]["course"])
    course.setdefault("minutes", announced(_clock(lines[end:], course, shown).minutes))
    for field in IN_COURSE_TOML:
        if field in course:
            raise ValueError(
                f"{lesson.name}/lesson.py: the front matter has a {field}. Its only home is lessons/course.toml; "
                "delete the line here."
            )
    return course


def _clock(lines, course, shown):
    said = " ".join([course.get("promise", ""), *course.get("goals", [])])
    return clock("\n".join([*lines, ""]), course.get("seconds", 0), shown, said)


def shown(lesson):
    """How many figures and tables the published notebook shows before Deeper; 0 where none is published."""
    try:
        known = lesson.notebook.stat()
    except OSError:
        return 0
    return _shown(lesson.notebook, known.st_mtime_ns, known.st_size)


@cache
def _shown(path, _changed, _size):
    count, deeper = 0, False
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        source = cell["source"] if isinstance(cell["source"], str) else "".join(cell["source"])
        if cell["cell_type"] == "markdown" and re.search("^## ", source, re.M):
            deeper = DEEPER in source
        elif not deeper and "scorecard" not in cell["metadata"].get("tags", []):
            count += sum(bool(DRAWN & set(output.get("data", {}))) for output in cell.get("outputs", []))
    return count


def cells(text):
    """Yield (what heads the cell, its text, whether it is under Deeper) of each cell of a lesson.py for a learner."""
    deeper = False
    for about, body in CELL.findall(text):
        if "[markdown]" in about:
            body = re.sub(r"^# ?", "", body, flags=re.M)
            for heading in re.findall(r"^## .*", body, re.M):
                deeper = heading == DEEPER
        yield about, body, deeper


@dataclass(frozen=True)
class Clock:
    """What a learner spends time on in the core of a lesson, counted; and the words under Deeper."""

    words: int
    lines: int
    predictions: int
    exercises: int
    seconds: int
    shown: int
    deeper: int

    @property
    def minutes(self):
        """Whole minutes for the core: questions, reading, figures, predictions, waiting, and those of the exercises."""
        reading = self.words / WORDS_A_MINUTE + self.lines / LINES_A_MINUTE + self.shown / OUTPUTS_A_MINUTE
        doing = PREDICTION_MINUTES * self.predictions + SLOWER_THAN_THE_CARD * self.exercises
        return round(QUESTIONS_MINUTES + reading + doing + self.seconds / 60)


@cache  # by the text: a copy of the course, as tests make it, has the same one
def clock(text, seconds=0, shown=0, said=""):
    """How long a learner takes for a lesson.

    Args:
        text: of lesson.py.
        seconds: that its cells run.
        shown: figures and tables of the core.
        said: what the text shows of its front matter.
    Returns:
        Clock.
    """
    words, lines, predictions, exercises = [words_of(said), 0], 0, 0, 0
    for about, body, deeper in cells(text):
        if "[markdown]" in about:
            words[deeper] += words_of(body)
            predictions += 0 if deeper else body.count(PREDICT)
            exercises += 0 if deeper else sum(map(int, EXERCISE.findall(body)))
        elif not deeper and not FOLDED.search(about):
            lines += sum(bool(line.strip()) and not line.strip().startswith("#") for line in body.splitlines())
    return Clock(words[0], lines, predictions, exercises, seconds, shown, words[1])


def words_of(markdown):
    """How many words a text has, without bars of tables and dashes."""
    return sum(any(map(str.isalnum, word)) for word in NO_WORDS.sub(" ", markdown).split())


@cache  # by the text, too
def _parsed(text):
    import yaml

    return yaml.safe_load(text) or {}


def needed(lesson):
    """Names of all lessons that must come before a lesson, its needs and theirs, in the order of the course."""
    known = curriculum.lessons(lesson.root)
    found, left = set(), [lesson.name]
    while left:
        new = [need for need in front_matter(known[left.pop()]).get("needs", []) if need in known and need not in found]
        found.update(new)
        left += new
    return [name for name in known if name in found]


def builds_on(lesson):
    """The needs of a lesson that no other of its needs implies: what a reader must be told."""
    known = curriculum.lessons(lesson.root)
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

    A way is the lessons that it lists, or its wishes with all that they need.

    Returns:
        list of Way, the essentials first and the whole course last.
    Raises:
        ValueError: a way names what is no lesson, or lacks its title or its lessons.
    """
    known = curriculum.lessons(root)
    found = []
    for way in [*_listed(root, "way"), {"title": THE_WHOLE, "brings": WHOLE, "lessons": list(known)}]:
        if "title" not in way or not {"lessons", "wishes"} & set(way):
            raise ValueError(f"course.toml: a [[way]] needs title, and lessons or wishes; here are {', '.join(way)}")
        named = way.get("lessons", way.get("wishes", []))
        if strange := [name for name in named if name not in known]:
            raise ValueError(f"course.toml: the way {way['title']!r} names {strange[0]!r}, which is no lesson")
        needs = [] if "lessons" in way else [need for name in named for need in needed(known[name])]
        lessons = tuple(lesson for name, lesson in known.items() if name in {*named, *needs})
        minutes = sum(front_matter(lesson).get("minutes", 0) for lesson in lessons)
        found.append(Way(way["title"], lessons, minutes, way.get("brings", "")))
    return found


def following(lesson):
    """(title of the way, lesson) of what comes next: in the essentials, if it is one of them, and in the course."""
    known = curriculum.lessons(lesson.root)
    paths = [(way["title"], way["lessons"]) for way in _listed(lesson.root, "way")[:1] if "lessons" in way]
    told = []
    for title, names in [*paths, (THE_WHOLE, list(known))]:
        at = names.index(lesson.name) + 1 if lesson.name in names else len(names)
        told += [(title, known[name]) for name in names[at : at + 1]]
    return told


def essentials(root):
    """Names of the lessons of the first way, in their order; [] where it lists none."""
    return next(iter(_listed(root, "way")), {}).get("lessons", [])


def ends_the_essentials(lesson):
    """Whether it is the last lesson of the first way, where that lists its lessons."""
    return essentials(lesson.root)[-1:] == [lesson.name]


def _listed(root, kind):
    """The tables of one kind in lessons/course.toml: "way", "session", "week"."""
    return tomllib.loads((root / "lessons" / "course.toml").read_text(encoding="utf-8")).get(kind, [])


def in_class(root=ROOT, kind="session"):
    """The sessions for a classroom, or its weeks, as lessons/course.toml has them.

    Args:
        kind: "session" or "week".
    Returns:
        list of dict: title ("" for a week), decks and homework (lists of `curriculum.Lesson`), pairs (a lesson or None).
    Raises:
        LookupError: a name that is no lesson.
    """
    known = curriculum.lessons(root)
    return [
        {
            "title": one.get("title", ""),
            "decks": [known[name] for name in one["decks"]],
            "pairs": known[one["pairs"]] if "pairs" in one else None,
            "homework": [known[name] for name in one["homework"]],
        }
        for one in _listed(root, kind)
    ]


def spoken(lesson):
    """Minutes that the notes of a lesson's deck add up to; 0 where it has none yet."""
    deck = lesson.source.with_name("deck.md")
    return sum(map(float, SPOKEN.findall(deck.read_text(encoding="utf-8")))) if deck.exists() else 0


def announced(minutes):
    """Minutes as a page announces them: rounded to five, and at least so many."""
    return ANNOUNCED * max(1, round(minutes / ANNOUNCED))


def hours(minutes):
    """Minutes as a reader wants them: "45 min", "3 h", "6 h 40 min"."""
    whole, rest = divmod(minutes, 60)
    return " ".join(part for part in (f"{whole} h" * bool(whole), f"{rest} min" * bool(rest)) if part) or "0 min"
