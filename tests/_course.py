"""The lessons that there are, read once per test process."""

from functools import cache

import nbformat

from tools.environment import curriculum
from tools.publishing import lessons

LESSONS = lessons.select([])
IDS = [lesson.name for lesson in LESSONS]


@cache
def text(lesson):
    """The notebook of a lesson's text, without outputs. Do not change it: it is shared."""
    return lessons.read(lesson)


@cache
def published(lesson):
    """The committed notebook of a lesson, or None where there is none."""
    return nbformat.read(lesson.notebook, as_version=4) if lesson.notebook.exists() else None


def expect_none(faults):
    """Fail with the faults that a rule has found, one a line."""
    assert not faults, "\n".join(["", *faults])


def make_root(folder, **texts):
    """Make a small course in a folder: lesson name -> text of lesson.py; gives its lessons in that order."""
    lines = ["[[part]]", 'name = "first"', 'title = "First part"', "[part.lessons]"]
    for name, text in texts.items():
        (folder / "lessons" / name).mkdir(parents=True)
        (folder / "lessons" / name / "lesson.py").write_text(text, encoding="utf-8")
        lines.append(f'{name} = "The lesson {name}"')
    (folder / "lessons" / "course.toml").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return list(curriculum.lessons(folder).values())
