"""Which lessons the words on a command line mean. Standard library only: course.py asks before it installs anything."""

import difflib
import re

from course_utils import syllabus
from course_utils.files import ROOT
from tools.environment.env import command


def select(names, *, root=ROOT):
    """Find the lessons that `names` mean.

    Args:
        names: strings such as "energy", "1.2", "lessons/energy", "lessons/energy/lesson.py",
            "notebooks/1_measuring/3_energy.ipynb", or "1" or "pruning" for a whole part; empty = all lessons.
        root: the repository, or a folder with the same layout.
    Returns:
        list of `syllabus.Lesson` in the order of the course, each once.
    Raises:
        SystemExit: a name fits no lesson; the message names those that come near.
    """
    chosen = [lesson for name in names for lesson in called(name, root) or _unknown(name, root)]
    return [lesson for lesson in syllabus.lessons(root).values() if lesson in chosen or not names]


def called(name, root=ROOT):
    """The lessons that one word means: one lesson, those of a part, or []."""
    lessons = syllabus.lessons(root).values()
    words = [word for word in name.replace("\\", "/").split("/") if word and word != "lesson.py"]
    last = re.sub(r"^\d+_|\.ipynb$", "", words[-1]) if words else ""
    found = [one for one in lessons if last in (one.name, one.number) or name == str(one.part_number)]
    return found or [lesson for lesson in lessons if lesson.part == name.lower()]


def near(name, root=ROOT):
    """The lessons whose number, name or title comes near a word that means none, in words; at most three."""
    lessons = syllabus.lessons(root).values()
    name = re.sub(r"(?<=\d)[,:;/ _-](?=\d)", ".", name.strip().lower())  # "4,2"
    words = {word: lesson for lesson in lessons for word in (lesson.name, lesson.number)}
    close = difflib.get_close_matches(name, words, cutoff=0.7 if name[:1].isdigit() else 0.5)
    found = [words[word] for word in ([name] if name in words else close)]
    found = found or [lesson for lesson in lessons if name and name in lesson.title.lower()]
    return [f"{lesson.number} ({lesson.name})" for lesson in found[:3]]


def _unknown(name, root):
    """Raise SystemExit for a word that means no lesson."""
    found = " or ".join(near(name, root))
    hint = f"Did you mean {found}?" if found else f"All: {command('progress', '--all')}"
    raise SystemExit(f"No lesson is called {name!r}. {hint}")
