"""Pages about all lessons, made of front matter and course.toml: README's tables, the overview, links in documents."""

import os
import re

import nbformat

from course_utils.files import write_whole
from tools.environment import curriculum
from tools.publishing import hosted, lessons

BLOCK = re.compile(r"(<!-- (\w+): made by course\.py build -->\n).*?(\n<!-- end -->)", re.S)
TERM = re.compile(r"^\*\*(?P<term>[^*\n]+)\*\*(?P<text>(?:.|\n(?!\n|\Z))*)", re.M)
INTRODUCED = re.compile(r" \((?:\[[^\]]*\]\([^)]*\)|\w*)\)\Z")
README, GLOSSARY, OVERVIEW = "README.md", "docs/glossary.md", f"notebooks/{lessons.OVERVIEW}"
LINKED = ("docs/symptoms.md", "docs/instructors.md")  # in which [[name]] becomes a link to a lesson
LESSON = re.compile(r"\[\[(?P<name>\w+)\]\]|\[\d+\.\d+(?P<title> [^\]]*)?\]\([^)]*/\d+_(?P<linked>\w+)\.ipynb\)")
INTRODUCTION = """\
# Resource-efficient deep learning in PyTorch

The course makes neural networks smaller, faster and cheaper to run: with fewer bits, with fewer weights, or with a
smaller network that learns from a large one. Every lesson takes about an hour, and measures on your machine what its
technique gains and what it costs."""
ESSENTIALS = """\
Begin with *{title}*: {count} lessons, in this order. Then follow what you are interested in."""
ELECTIVES = """\
Each of these tracks leads to one purpose and holds all that its lessons need beside the essentials."""
FOLLOW = """\
In your own copy of the course the start page names your next lesson. It follows the essentials until you choose another
track, with `python3 course.py progress --track CNN` (`py` on Windows; a part of its title will do)."""
HELP = """\
## To begin a lesson anew

Your copies of the lessons are in the folder `workspace/` of the course. Delete or rename the copy and start the course
again: a fresh one takes its place.

## Help

When something fails: `python3 course.py doctor` (`py` on Windows) in a terminal, in the folder of the course, says what
is wrong and what to do. `doctor --json` is what to paste into a question."""


def refresh(root):
    """Write the pages that are not up to date; gives their names."""
    old = stale(root)
    for name, text in old:
        write_whole(root / name, text)
    return [name for name, _ in old]


def stale(root):
    """Give (name, text as it should be) of each page that is not what the build would write."""
    makers = {README: _readme, GLOSSARY: _glossary, **dict.fromkeys(LINKED, _linked)}
    wanted = {name: make(root / name, root) for name, make in makers.items() if (root / name).exists()}
    wanted[OVERVIEW] = _overview(root)
    return [
        (name, text)
        for name, text in wanted.items()
        if not (root / name).exists() or (root / name).read_text(encoding="utf-8") != text
    ]


def introduction(tracks):
    """What the course is, and where to begin: the first lines of the start page and of the overview.

    Args:
        tracks: of `curriculum.tracks`, the essentials first.
    """
    if len(tracks) == 1:
        return INTRODUCTION
    return f"{INTRODUCTION}\n\n{ESSENTIALS.format(title=tracks[0].title, count=len(tracks[0].lessons))}"


def essentials_table(root, link):
    """The essential lessons in their order, and what a learner can do after each."""
    rows = [row(one.number, link(one), promised(one)) for one in curriculum.tracks(root)[0].lessons]
    return table(["", "lesson", "you will"], rows)


def electives_table(root, link):
    """The other tracks: what each brings, and which lessons it has beside the essentials."""
    essentials, *electives, whole = curriculum.tracks(root)
    rows = [
        row(track.title, track.brings, ", ".join(link(one) for one in track.lessons if one not in essentials.lessons))
        for track in electives
    ]
    return table(
        ["track", "at its end you can", "lessons beside the essentials"], [*rows, row(whole.title, whole.brings, "all")]
    )


def table(head, rows):
    """A table in Markdown; the rows of `row`."""
    return "\n".join([row(*head), "|---" * len(head) + "|", *rows])


def row(*cells):
    """A row of a table in Markdown."""
    return "|" + "|".join(f" {cell} " if cell else " " for cell in cells) + "|"


def promised(lesson):
    """A lesson's promise as the cell of a table whose column is called *you will*; "" where it has none."""
    return lessons.front_matter(lesson).get("promise", "").removeprefix("You will ").replace("|", r"\|")


def _path(lesson, folder):
    return os.path.relpath(lesson.notebook, folder).replace(os.sep, "/")


def _readme(path, root):
    """README with its blocks made anew; what stands outside of them stays."""
    makers = {
        "essentials": lambda: essentials_table(root, lambda lesson: f"[{lesson.title}]({_path(lesson, root)})"),
        "electives": lambda: electives_table(root, lambda lesson: f"[{lesson.number}]({_path(lesson, root)})"),
        "hosted": lambda: hosted.link(root),
    }
    return BLOCK.sub(lambda match: match[1] + makers[match[2]]() + match[3], path.read_text(encoding="utf-8"))


def _overview(root):
    """The page that lists all lessons, as a notebook: JupyterLab shows that as text to read, and Markdown as source."""
    tracks, parts = curriculum.tracks(root), {}
    for lesson in curriculum.lessons(root).values():
        rows = parts.setdefault(f"## {lesson.part_number} · {lesson.part_title}", [])
        rows.append(row(lesson.number, f"[{lesson.title}]({lesson.place})", promised(lesson), _needs(lesson)))
    texts = [
        introduction(tracks),
        f"## {tracks[0].title}",
        essentials_table(root, lambda lesson: f"[{lesson.title}]({lesson.place})"),
        FOLLOW,
        "## Electives",
        ELECTIVES,
        electives_table(root, lambda lesson: f"[{lesson.number}]({lesson.place})"),
        *(f"{title}\n\n{table(['', 'lesson', 'you will', 'builds on'], rows)}" for title, rows in parts.items()),
        HELP,
    ]
    cell = nbformat.v4.new_markdown_cell("\n\n".join(texts), id="overview")
    metadata = {"kernelspec": dict(lessons.KERNELSPEC), "language_info": {"name": "python"}}
    return nbformat.writes(nbformat.v4.new_notebook(cells=[cell], metadata=metadata)) + "\n"


def _needs(lesson):
    known, needs = curriculum.lessons(lesson.root), lessons.front_matter(lesson).get("needs", [])
    return ", ".join(known[need].number for need in needs if need in known) or "–"


def _glossary(path, root):
    """The glossary with a link to the lesson that introduces a term, at the end of each entry."""
    known = curriculum.lessons(root).values()
    of_term = {term: lesson for lesson in known for term in lessons.front_matter(lesson).get("terms", [])}

    def entry(match):
        bare, lesson = INTRODUCED.sub("", match["text"]), of_term.get(match["term"])
        return f"**{match['term']}**{bare}" + (f" ([{lesson.number}]({_path(lesson, path.parent)}))" if lesson else "")

    return TERM.sub(entry, path.read_text(encoding="utf-8"))


def _linked(path, root):
    """A document with number, title and address of the lessons that it names, as [[name]] or by a link."""
    known = curriculum.lessons(root)

    def link(match):
        name = match["name"] or match["linked"]
        if name not in known:
            raise LookupError(f"{path.name}: {match[0]}: no lesson is called {name!r}; there are {', '.join(known)}")
        title = f" {known[name].title}" if match["name"] or match["title"] else ""
        return f"[{known[name].number}{title}]({_path(known[name], path.parent)})"

    return LESSON.sub(link, path.read_text(encoding="utf-8"))
