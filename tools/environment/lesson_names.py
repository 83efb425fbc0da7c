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
    lessons = list(syllabus.lessons(root).values())
    chosen = []
    for name in names:
        found = called(name, root)
        if not found:
            raise SystemExit(_unknown(name, root))
        chosen += found
    return [lesson for lesson in lessons if lesson in chosen] if names else lessons


def called(name, root=ROOT):
    """The lessons that one word means: one lesson, those of a part, or []."""
    lessons = syllabus.lessons(root).values()
    found = [lesson for lesson in lessons if _is_called(lesson, name)]
    return found or [lesson for lesson in lessons if lesson.part == name.lower()]


def _is_called(lesson, name):
    words = [word for word in name.replace("\\", "/").split("/") if word and word != "lesson.py"]
    last = re.sub(r"^\d+_|\.ipynb$", "", words[-1]) if words else ""
    return last in (lesson.name, lesson.number) or (len(words) == 1 and last == str(lesson.part_number))


def near(name, root=ROOT):
    """The lessons whose number, name or title comes near a word that means none; at most three."""
    lessons = syllabus.lessons(root)
    numbers = {lesson.number: lesson for lesson in lessons.values()}
    number = re.sub(r"[,:;/ _-]", ".", name)  # "4,2"
    if number in numbers:
        return [numbers[number]]
    found = [numbers[close] for close in difflib.get_close_matches(number, numbers, n=3, cutoff=0.7)]
    found = found or [lessons[close] for close in difflib.get_close_matches(name.lower(), lessons, n=3, cutoff=0.5)]
    words = name.strip().lower()
    return found or [lesson for lesson in lessons.values() if words and words in lesson.title.lower()][:3]


def _unknown(name, root):
    """What to say of a word that means no lesson."""
    said, lessons = f"No lesson is called {name!r}.", list(syllabus.lessons(root).values())
    if not lessons:
        return f"{said} There are none yet."
    if found := near(name, root):
        return f"{said} Did you mean {' or '.join(f'{lesson.number} ({lesson.name})' for lesson in found)}?"
    part = [lesson for lesson in lessons if re.match(rf"{lesson.part_number}\.", name)]
    first, last = (part or lessons)[0], (part or lessons)[-1]
    which = f"Part {first.part_number} has the lessons" if part else "There are the lessons"
    said = f"{said} {which} {first.number} ({first.name}) to {last.number} ({last.name})."
    return f"{said} All: {command('progress', '--all')}"
