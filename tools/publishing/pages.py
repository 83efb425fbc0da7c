"""Pages made from the front matter: README's tables, sessions, overview, the links of glossary and symptoms."""

import os
import re

import nbformat

from course_utils.files import write_whole
from tools.environment import curriculum
from tools.publishing import course as _course
from tools.publishing import hosted, lessons

BLOCK = re.compile(r"(<!-- (\w+): made by course\.py build -->\n).*?(\n<!-- end -->)", re.S)
TERM = re.compile(r"^\*\*(?P<term>[^*\n]+)\*\*(?P<text>(?:.|\n(?!\n|\Z))*)", re.M)
INTRODUCED = re.compile(r" \((?:\[[^\]]*\]\([^)]*\)|\w*)\)\Z")
BLOCKS = {"README.md": ("hosted", "essentials", "electives"), "docs/instructors.md": ("sessions", "weeks")}
GLOSSARY = "docs/glossary.md"
SYMPTOMS = "docs/symptoms.md"
LESSON = re.compile(r"\[\[(\w+)\]\]|\[\d[^\]]*\]\([^)]*/\d+_(\w+)\.ipynb\)")  # by an author, and by the build
INTRODUCTION = """\
# Resource-efficient deep learning in PyTorch

The course makes neural networks smaller, faster and cheaper to run: with fewer bits, with fewer weights, or with a
smaller network that learns from a large one. Every lesson measures on your machine what its technique gains and what
it costs."""
ESSENTIALS = """\
Begin with *{title}*: {count} lessons, {time}, in this order. Then follow what
you are interested in."""
ELECTIVES = """\
Each of these leads to one purpose and holds all that its lessons need beside the essentials."""
FOLLOW = """\
In your own copy of the course the start page names your next lesson. It follows the essentials until you choose another
way, with `python3 course.py progress --way CNN` (`py` on Windows; a part of its title will do)."""
HELP = """\
## To begin a lesson anew

Your copies of the lessons are in the folder `workspace/` of the course. Delete or rename the copy and start the course
again: a fresh one takes its place.

## Help

When something fails: `python3 course.py doctor` (`py` on Windows) in a terminal, in the folder of the course, says what
is wrong and what to do. `doctor --json` is what to paste into a question."""


def introduction(ways):
    """What the course is, and where to begin: the first lines of the start page, the overview and the site.

    Args:
        ways: of `course.ways`, the essentials first.
    """
    way = ways[0]
    if len(ways) == 1:
        return INTRODUCTION
    told = ESSENTIALS.format(title=way.title, count=len(way.lessons), time=_course.hours(way.minutes))
    return f"{INTRODUCTION}\n\n{told}"


def essentials_table(root, link):
    """The essential lessons in their order: what a learner can do after each, and its minutes."""
    essentials = _course.ways(root)[0]
    told = _told(root)
    rows = [
        row(lesson.number, link(lesson), promised(told[lesson]["promise"]), f"{told[lesson]['minutes']} min")
        for lesson in essentials.lessons
    ]
    total = row("", "all", "", _course.hours(essentials.minutes))
    return "\n".join([row("", "lesson", "you will", "time"), "|---" * 4 + "|", *rows, total])


def electives_table(root, link):
    """The other ways: what each brings, and which lessons it has beside the essentials."""
    every, told = _course.ways(root), _told(root)
    essentials, electives, whole = every[0], every[1:-1], every[-1]
    rows = []
    for way in electives:
        beside = [lesson for lesson in way.lessons if lesson not in essentials.lessons]
        time = _course.hours(sum(told[lesson]["minutes"] for lesson in beside))
        rows.append(row(way.title, way.brings, time, ", ".join(map(link, beside))))
    rows.append(row(whole.title, whole.brings, f"{_course.hours(whole.minutes)} in all", "all"))
    head = row("way", "at its end you can", "time beside the essentials", "lessons beside the essentials")
    return "\n".join([head, "|---" * 4 + "|", *rows])


def refresh(root):
    """Write the pages that are out of step; gives their names."""
    out_of_step = stale(root)
    for name, text in out_of_step:
        write_whole(root / name, text)
    return [name for name, _ in out_of_step]


def stale(root):
    """Give (name, text as it should be) of each page that is not what the build would write."""
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
        "essentials": lambda root, folder: essentials_table(root, lambda lesson: _link(lesson, folder)),
        "electives": lambda root, folder: electives_table(root, lambda lesson: _numbered(lesson, folder)),
        "sessions": _sessions,
        "weeks": _weeks,
        "hosted": lambda root, folder: hosted.link(root),
    }
    text = (root / name).read_text(encoding="utf-8")
    return BLOCK.sub(lambda match: match[1] + makers[match[2]](root, folder) + match[3], text)


def _parts_table(root):
    """A heading and a table for each part of the course."""
    head = ["", "lesson", "you will", "time", "builds on"]
    texts, part = [], None
    for lesson, course in _told(root).items():
        if lesson.part != part:
            part = lesson.part
            title = f"## {lesson.part_number} · {lesson.part_title}\n"
            texts += ["\n" * bool(texts) + title, row(*head), "|---" * len(head) + "|"]
        title, promise = f"[{lesson.title}]({lesson.place})", promised(course["promise"])
        texts.append(row(lesson.number, title, promise, f"{course['minutes']} min", before(lesson)))
    return "\n".join(texts)


def promised(promise):
    """A lesson's promise as the cell of a table whose column is called *you will*."""
    return promise.removeprefix("You will ").replace("|", r"\|")


def row(*cells):
    """A row of a table in Markdown."""
    return "|" + "|".join(f" {cell} " if cell else " " for cell in cells) + "|"


def before(lesson):
    """Numbers of the lessons that one builds on."""
    return ", ".join(curriculum.lessons(lesson.root)[need].number for need in _course.builds_on(lesson)) or "–"


def _sessions(root, folder):
    rows = [
        row(
            told["title"],
            _decks(told, folder),
            _course.hours(round(sum(map(_course.spoken, told["decks"])))),
            _numbered(told["pairs"], folder),
            ", ".join(_numbered(lesson, folder) for lesson in told["homework"]),
        )
        for told in _course.in_class(root)
    ]
    head = row("you have", "show the decks of", "they take", "exercise in pairs", "homework")
    return "\n".join([head, "|---" * 5 + "|", *rows])


def _weeks(root, folder):
    rows = [
        row(
            str(number),
            _decks(told, folder),
            _course.hours(round(sum(map(_course.spoken, told["decks"])))),
            ", ".join(_numbered(lesson, folder) for lesson in told["homework"]),
        )
        for number, told in enumerate(_course.in_class(root, "week"), start=1)
    ]
    return "\n".join([row("week", "decks", "they take", "exercise as homework"), "|---" * 4 + "|", *rows])


def _decks(told, folder):
    """Each with its title where there are few, with its number alone where there are many."""
    few = len(told["decks"]) <= 3
    return ", ".join(
        f"{lesson.number} {_link(lesson, folder)}" if few else _numbered(lesson, folder) for lesson in told["decks"]
    )


def _overview(root):
    """The page that lists all lessons, as a notebook: JupyterLab shows that as text to read, and Markdown as source."""
    texts = [
        introduction(_course.ways(root)),
        f"## {_course.ways(root)[0].title}",
        essentials_table(root, lambda lesson: f"[{lesson.title}]({lesson.place})"),
        FOLLOW,
        "## Electives",
        ELECTIVES,
        electives_table(root, lambda lesson: f"[{lesson.number}]({lesson.place})"),
        _parts_table(root),
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
    return curriculum.refer(text, root, lambda lesson, _: f"[{lesson.number} {lesson.title}]({_path(lesson, folder)})")


def _told(root):
    """The front matter of each lesson; what is not written yet is empty, as the tests of front matter say."""
    empty = {"promise": "", "minutes": 0, "seconds": 0}
    return {lesson: empty | _course.front_matter(lesson) for lesson in curriculum.lessons(root).values()}


def _link(lesson, folder):
    return f"[{lesson.title}]({_path(lesson, folder)})"


def _numbered(lesson, folder):
    return f"[{lesson.number}]({_path(lesson, folder)})"


def _path(lesson, folder):
    return os.path.relpath(lesson.notebook, folder).replace(os.sep, "/")
