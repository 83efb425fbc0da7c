"""The fixture lesson, which keeps every rule, and how a fault is planted in it."""

import shutil

from _course import FIXTURE, FIXTURES

from course_utils import syllabus
from tools.publishing import lessons

NAMES = list(syllabus.lessons(FIXTURES))
CLAIM = {
    "id": "area",
    "statement": "A square of side root two has area 2",
    "source": "Euclid",
    "published": 2.0,
    "holds": {"near": 2.0, "tol": 0.1},
    "kind": "structure",
    "why": "exact",
    "if_not": "The root is wrong.",
}


def planted(folder, old, new):
    """Read the fixture lesson with the first `old` replaced; "nothing" is replaced by itself."""
    text = FIXTURE.source.read_text(encoding="utf-8")
    assert old in text or old == "nothing", f"the fixture lesson has no {old!r}"
    shutil.copytree(FIXTURES / "lessons", folder / "lessons", dirs_exist_ok=True)
    lesson = syllabus.lessons(folder)["fixture"]
    lesson.source.write_text(text.replace(old, new, 1), encoding="utf-8")
    return lessons.read(lesson)
