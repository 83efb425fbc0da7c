"""Pages made from the front matter: README's table, timetable, overview, and the links of glossary and symptoms."""

import os
import re

import nbformat

from course import command
from course_utils import syllabus
from course_utils.files import write_whole
from tools.publishing import course as _course
from tools.publishing import hosted, lessons

BLOCK = re.compile(r"(<!-- (\w+): made by course\.py build -->\n).*?(\n<!-- end -->)", re.S)
TERM = re.compile(r"^\*\*(?P<term>[^*\n]+)\*\*(?P<text>(?:.|\n(?!\n|\Z))*)", re.M)
INTRODUCED = re.compile(r" \((?:\[[^\]]*\]\([^)]*\)|\w*)\)\Z")
BLOCKS = {"README.md": ("hosted", "lessons", "ways"), "docs/instructors.md": ("timetable",)}
GLOSSARY = "docs/glossary.md"
SYMPTOMS = "docs/symptoms.md"
LESSON = re.compile(r"\[\[(\w+)\]\]|\[\d[^\]]*\]\([^)]*/\d+_(\w+)\.ipynb\)")  # by an author, and by the build
INTRODUCTION = """\
# Resource-efficient deep learning in PyTorch

The course makes neural networks smaller, faster and cheaper to run: with fewer bits, with fewer weights, or with a
smaller network that learns from a large one. Every lesson measures on your machine what its technique gains and what
it costs."""
WAYS = """\
You need not take all {lessons} lessons. A *way* picks some of them for one purpose, with everything that they need; the
shortest is *{shortest}*, {time}."""
FOLLOW = """\
*Next* at the foot of a lesson names the next one of the whole course; on a way, come back to this table. In your own
copy of the course the start page names the next lesson of your way, once you have chosen it with `python course.py
progress --way evening` (a part of its title will do)."""
HELP = """\
## To begin a lesson anew

Your copies of the lessons are in the folder `workspace/` of the course. Delete or rename the copy and start the course
again: a fresh one takes its place.

## Help

When something fails: `python course.py doctor` in a terminal, in the folder of the course, says what is wrong and what
to do (`py` in place of `python` on Windows, `python3` on macOS and Linux). `doctor --json` is what to paste into a
question."""


def introduction(ways):
    """What the course is, and that it has ways: the beginning of the start page, the overview and the site.

    Args:
        ways: of `course.ways`, the whole course last.
    """
    shortest, whole = min(ways, key=lambda way: way.minutes), ways[-1]
    if len(ways) == 1:
        return INTRODUCTION
    told = WAYS.format(lessons=len(whole.lessons), shortest=shortest.title, time=_course.hours(shortest.minutes))
    return f"{INTRODUCTION}\n\n{told}"


def faults(root):
    """Say which page is not what the build would write.

    Args:
        root: the repository, or a folder with the same layout; a page that is not there is no fault.
    Returns:
        list of str, empty when all are in step and every block has its place.
    """
    lost = [
        f"{name} has no place for the {block}: put back the lines '<!-- {block}: made by course.py build -->' and "
        f"'<!-- end -->', then run {command('build')}"
        for name, blocks in BLOCKS.items()
        if (root / name).exists()
        for block in set(blocks) - {found[2] for found in BLOCK.finditer((root / name).read_text(encoding="utf-8"))}
    ]
    return lost + [f"{name} is out of step: run {command('build')}" for name, _ in _stale(root)]


def refresh(root):
    """Write the pages that are out of step; gives their names."""
    stale = _stale(root)
    for name, text in stale:
        write_whole(root / name, text)
    return [name for name, _ in stale]


def _stale(root):
    wanted = [(name, _filled(name, root)) for name in BLOCKS if (root / name).exists()]
    if (root / GLOSSARY).exists():
        wanted.append((GLOSSARY, _glossary(root)))
    if (root / SYMPTOMS).exists():
        wanted.append((SYMPTOMS, _symptoms(root)))
    wanted.append((f"notebooks/{lessons.OVERVIEW}", _overview(root)))
    return [
        (name, text)
        for name, text in wanted
        if not (root / name).exists() or (root / name).read_text(encoding="utf-8") != text
    ]


def _filled(name, root):
    """The text of a page with its blocks made anew; what stands outside of them stays."""
    folder = (root / name).parent
    makers = {
        "lessons": _table,
        "ways": lambda root, folder: _course.ways_table(root),
        "timetable": _timetable,
        "hosted": lambda root, folder: hosted.link(root),
    }
    text = (root / name).read_text(encoding="utf-8")
    return BLOCK.sub(lambda match: match[1] + makers[match[2]](root, folder) + match[3], text)


def _table(root, folder):
    return parts_table(root, lambda lesson: _link(lesson, folder), level="###")


def parts_table(root, link, *, level, needs=False):
    """A heading and a table for each part of the course; `needs` adds what a lesson builds on."""
    head = ["", "lesson", "what it brings you", "time", *["builds on"] * needs]
    texts, part = [], None
    for lesson, course in _told(root).items():
        if lesson.part != part:
            part = lesson.part
            title = f"{level} {lesson.part_number} · {lesson.part_title}\n"
            texts += ["\n" * bool(texts) + title, row(*head), "|---" * len(head) + "|"]
        cells = [lesson.number, link(lesson), course["promise"].replace("|", r"\|"), f"{course['minutes']} min"]
        texts.append(row(*cells, *[before(lesson)] * needs))
    return "\n".join(texts)


def row(*cells):
    """A row of a table in Markdown."""
    return "|" + "|".join(f" {cell} " if cell else " " for cell in cells) + "|"


def before(lesson):
    """Numbers of the lessons that one builds on."""
    return ", ".join(syllabus.lessons(lesson.root)[need].number for need in _course.builds_on(lesson)) or "–"


def _timetable(root, folder):
    head = ["", "lesson", "for a learner alone", "running time", "builds on"]
    rows = [
        [
            lesson.number,
            _link(lesson, folder),
            f"{course['minutes']} min",
            f"{course['seconds']} s",
            before(lesson),
        ]
        for lesson, course in _told(root).items()
    ]
    total = sum(course["minutes"] for course in _told(root).values())
    rows.append(["", "all", _course.hours(total), "", ""])
    return "\n".join([row(*head), "|---" * len(head) + "|", *(row(*cells) for cells in rows)])


def _overview(root):
    """The page that lists all lessons, as a notebook: JupyterLab shows that as text to read, and Markdown as source."""
    parts = parts_table(root, lambda lesson: f"[{lesson.title}]({lesson.place})", level="##", needs=True)
    texts = [
        introduction(_course.ways(root)),
        "## Ways through the course",
        _course.ways_table(root),
        FOLLOW,
        parts,
        HELP,
    ]
    cell = nbformat.v4.new_markdown_cell("\n\n".join(texts), id="overview")
    metadata = {"kernelspec": dict(lessons.KERNELSPEC), "language_info": {"name": "python"}}
    return nbformat.writes(nbformat.v4.new_notebook(cells=[cell], metadata=metadata)) + "\n"


def _glossary(root):
    """The glossary with a link to the lesson that introduces a term, at the end of each entry."""
    text, of_term = (root / GLOSSARY).read_text(encoding="utf-8"), {}
    for lesson, course in _told(root).items():
        of_term |= {term: lesson for term in course.get("terms", [])}

    def entry(match):
        bare = INTRODUCED.sub("", match["text"])
        if match["term"] not in of_term:
            return f"**{match['term']}**{bare}"
        lesson = of_term[match["term"]]
        return f"**{match['term']}**{bare} ([{lesson.number}]({_path(lesson, (root / GLOSSARY).parent)}))"

    return TERM.sub(entry, text)


def _symptoms(root):
    """The page of symptoms with number, title and address of the lessons that it names."""
    text = LESSON.sub(lambda match: f"[[{match[1] or match[2]}]]", (root / SYMPTOMS).read_text(encoding="utf-8"))
    folder = (root / SYMPTOMS).parent
    return syllabus.refer(text, root, lambda lesson, _: f"[{lesson.number} {lesson.title}]({_path(lesson, folder)})")


def term_faults(root):
    """Say which term of a lesson the glossary lacks, and which of its terms no lesson, or more than one, introduces."""
    defined = [match["term"] for match in TERM.finditer((root / GLOSSARY).read_text(encoding="utf-8"))]
    named = [(term, lesson.name) for lesson, course in _told(root).items() for term in course.get("terms", [])]
    introduced = [term for term, _ in named]
    return (
        [f"{name}: the term {term!r} is not in {GLOSSARY}" for term, name in named if term not in defined]
        + [f"{GLOSSARY}: no lesson has {term!r} among its terms" for term in defined if term not in introduced]
        + [f"more than one lesson has {term!r} among its terms" for term in defined if introduced.count(term) > 1]
    )


def _told(root):
    """The front matter of each lesson; what is not written yet is empty, as the tests of front matter say."""
    empty = {"promise": "", "minutes": 0, "seconds": 0}
    return {lesson: empty | _course.front_matter(lesson) for lesson in syllabus.lessons(root).values()}


def _link(lesson, folder):
    return f"[{lesson.title}]({_path(lesson, folder)})"


def _path(lesson, folder):
    return os.path.relpath(lesson.notebook, folder).replace(os.sep, "/")
