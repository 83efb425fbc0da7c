"""Reads a deck, MyST Markdown, into slides: what a lecturer says, and what is borrowed from the published notebooks.

A lesson's deck is ``lessons/NAME/deck.md``, a talk's ``docs/talks/NAME.md``; docs/decks.md shows the form.
Nothing is copied into it: code, outputs and figures are named by the cell that has them, numbers by their value.
"""

import base64
import copy
import html
import json
import mimetypes
import re
from dataclasses import dataclass, field
from functools import cache

import nbformat

from course import command
from course_utils.files import ROOT
from tools.decks import arrange
from tools.environment import curriculum
from tools.publishing import lessons as _lessons

TALKS = ROOT / "docs" / "talks"
BORROWED = re.compile(r"\{(cell|code|output|figure)\}`(?:(\w+)/)?(\w+)(?: (\d+))?`")
VALUE = re.compile(r"\{value\}`(?:(\w+)/)?(\w+)`")
NOTE = re.compile(r"\{note\}(?: (\d+(?:\.\d+)?) min)?")
PICTURE = re.compile(r"!\[([^\]]*)\]\(([^):\s]+)\)")
LINK = re.compile(r"(?<!!)\[([^\[\]]+)\]\((?!https?://|#)[^()\s]+\)")  # to another file: a deck travels alone
STATES = re.compile(r'<script type="application/json">(.*?)</script>', re.S)  # of course_utils.slider
DRAWN = {"image/png", "text/html"}


@dataclass
class Deck:
    """A title, the `curriculum.Lesson` (None for a talk), and the list of `arrange.Slide`."""

    title: str
    lesson: curriculum.Lesson | None = None
    slides: list = field(default_factory=list)

    @property
    def seconds(self):
        """What its notes plan for all slides together."""
        return sum(slide.seconds for slide in self.slides)


def source(lesson):
    """Path of the text of a lesson's deck, whether there is one or not."""
    return lesson.source.with_name("deck.md")


def of_lesson(lesson):
    """The deck of a lesson; errors as in `_read`."""
    return _read(source(lesson), lesson, lesson.root)


def of_talk(path, root=ROOT):
    """The deck of a talk; errors as in `_read`."""
    return _read(path, None, root)


def _read(path, lesson, root):
    """Make a deck of its text.

    Raises:
        ValueError: there is no such text, or it names a cell, value, lesson or layout that there is not, or has a line
            that means nothing; the message says which file and slide, and what to do.
    """
    named = path.relative_to(root).as_posix() if path.is_relative_to(root) else path.name
    if not path.is_file():
        raise ValueError(f"{named} is missing. docs/decks.md shows how a deck is written.")
    reader = _Reader(path, lesson, root)
    try:
        return reader.deck()
    except (ValueError, LookupError, OSError) as wrong:
        where = f"slide {len(reader.slides)}, {reader.words}: " if reader.slides else ""
        raise ValueError(f"{named}: {where}{wrong if isinstance(wrong, OSError) else wrong.args[0]}") from wrong


@cache
def _parser():
    from markdown_it import MarkdownIt
    from mdit_py_plugins.attrs import attrs_block_plugin
    from mdit_py_plugins.colon_fence import colon_fence_plugin
    from mdit_py_plugins.front_matter import front_matter_plugin
    from mdit_py_plugins.myst_blocks import myst_block_plugin

    parser = MarkdownIt("commonmark").use(front_matter_plugin).use(colon_fence_plugin)
    return parser.use(attrs_block_plugin).use(myst_block_plugin).enable("table")


class _Reader:
    """Reads a text once, from the first line to the last."""

    def __init__(self, path, lesson, root):
        self.path, self.lesson, self.root = path, lesson, root
        self.title, self.slides, self.acts = "", [], []
        self.words, self.act, self.shown = "the title", None, lesson  # of the slide; `shown`: the lesson it comes from
        self.known, self.notebooks = curriculum.lessons(root), {}
        self.link = curriculum.linked(lesson) if lesson else curriculum.plain

    def deck(self):
        text = self.path.read_text(encoding="utf-8")
        lines, tokens = text.splitlines(), [token for token in _parser().parse(text) if token.level == 0]
        self.acts = [_words(lines, t) for t in tokens if t.type == "heading_open" and t.tag == "h1"]
        if self.lesson:
            self.title = f"{self.lesson.number} · {self.lesson.title}"
            self.slides.append(arrange.title(self.lesson))
        for token in tokens:
            if token.type == "front_matter":
                self._front_matter(token.content)
            elif token.type == "heading_open":
                self._heading(token.tag, _words(lines, token), token.attrs.get("class"))
            elif token.type == "myst_block_break":
                self._slide().fragments.append([])
            elif token.type == "colon_fence":
                self._note(token)
            elif token.map and token.type != "heading_close":
                self._add("\n".join(lines[slice(*token.map)]))
        if not self.title:
            raise ValueError("a talk needs a line title: … between two lines --- at its top")
        self._finish()
        return Deck(self.title, self.lesson, self.slides)

    def _front_matter(self, text):
        import yaml

        about = yaml.safe_load(text) or {}
        if self.lesson or set(about) - {"title"}:
            raise ValueError(
                f"{', '.join(about)} at the top: a talk has a title there and nothing else, a lesson nothing"
            )
        self.title = about.get("title", "")

    def _heading(self, tag, words, layout):
        if tag == "h1":
            self._finish()
            self.act = words
        elif tag in ("h2", "h3"):
            self._finish()
            self.words, self.shown = words, self.lesson
            self.slides.append(arrange.Slide(new_stack=tag == "h2", asked=layout))
            if layout not in (None, *arrange.LAYOUTS):
                raise ValueError(f"no layout is called {layout!r}; there are {', '.join(arrange.LAYOUTS)}")
            self._slide().heading = _markdown(f"## {self._filled(words)}")
        else:
            self._add(f"{'#' * int(tag[1])} {words}")

    def _finish(self):
        """Say at the foot of the last slide where it comes from."""
        if self.slides and not self.slides[-1].foot:
            self.slides[-1].foot = arrange.foot(self.shown, self.title) + arrange.acts(self.acts, self.act)

    def _slide(self):
        if not self.slides:
            raise ValueError("a talk begins with the heading of its first slide")
        return self.slides[-1]

    def _note(self, token):
        found, slide = NOTE.fullmatch(token.info.strip()), self._slide()
        if not found:
            raise ValueError(f"{token.info.strip()!r} is no note; write {{note}}, or {{note}} 2 min")
        minutes = f", {found[1]} min" if found[1] else ""
        slide.seconds += round(60 * float(found[1] or 0))
        slide.notes.append(_markdown(f"*For the lecturer{minutes}.* {self._filled(token.content.strip())}"))

    def _add(self, text):
        """Put a piece of text, or what it borrows, where the slide has arrived."""
        slide = self._slide()
        here = slide.fragments[-1] if slide.fragments else slide.head
        if borrowed := BORROWED.fullmatch(text.strip()):
            here.append(self._borrowed(*borrowed.groups()))
        elif here and here[-1].cell_type == "markdown":
            here[-1].source += f"\n\n{self._filled(text)}"
        else:
            here.append(_markdown(self._filled(text)))

    def _filled(self, text):
        """A text with its numbers, its lessons' numbers and its pictures."""
        if wrong := BORROWED.search(text):
            raise ValueError(f"{wrong[0]} stands in a paragraph; give it a line of its own, between empty ones")
        text = VALUE.sub(lambda match: self._value(*match.groups()), text)
        text = LINK.sub(r"\1", curriculum.refer(text, self.root, self.link))
        return PICTURE.sub(lambda match: self._picture(*match.groups()), text)

    def _picture(self, alt, name):
        """A picture that lies beside the text, put into the slide."""
        data = base64.b64encode((self.path.parent / name).read_bytes()).decode()
        return f'<img alt="{html.escape(alt)}" src="data:{mimetypes.guess_type(name)[0]};base64,{data}">'

    def _notebook(self, name):
        lesson = self.known.get(name) if name else self.lesson
        if lesson is None:
            raise ValueError(f"no lesson is called {name!r}" if name else "a talk says of which lesson: `lesson/name`")
        if lesson.name not in self.notebooks:
            if not lesson.notebook.exists():
                raise ValueError(f"{lesson.name} has no notebook yet. Make it with: {command('build', lesson.name)}")
            self.notebooks[lesson.name] = _lessons.read_published(lesson.notebook)
        return lesson, self.notebooks[lesson.name]

    def _cell(self, name, cell_name):
        lesson, nb = self._notebook(name)
        cells = {cell.metadata["name"]: cell for cell in nb.cells if "name" in cell.metadata}
        if cell_name not in cells:
            raise ValueError(_lacking("cell", cell_name, lesson, cells))
        self.shown = self.shown or lesson
        return cells[cell_name]

    def _value(self, name, value):
        lesson, nb = self._notebook(name)
        values = nb.metadata.get(_lessons.RUN, {}).get("values", {})
        if value not in values:
            raise ValueError(_lacking("value", value, lesson, values))
        return values[value]

    def _borrowed(self, kind, name, cell_name, state):
        cell = copy.deepcopy(self._cell(name, cell_name))
        cell.id = nbformat.v4.new_code_cell().id  # the same cell may be borrowed twice
        if "solution" in cell.metadata.get("tags", []):
            raise ValueError(f"{cell_name} is a solution, which an audience must not see")
        cell.metadata["transient"] = {"remove_source": kind in ("output", "figure")}  # nbconvert's word
        if kind == "code":
            cell.outputs = []
        elif kind == "figure":
            cell.outputs = [out for out in cell.outputs if DRAWN & set(out.get("data", {}))]
        if state:
            cell.outputs = [_state(cell.outputs, int(state), cell_name)]
        if kind != "code" and not cell.outputs:
            raise ValueError(f"{cell_name} shows no {kind}")
        return cell


def _lacking(kind, name, lesson, there):
    return (
        f"no {kind} of {lesson.name} is called {name!r}; its notebook has {', '.join(sorted(there)) or 'none'}. "
        f"What is new in lesson.py comes with: {command('build', lesson.name)}"
    )


def _state(outputs, number, cell_name):
    """One of the figures under a slider, as an output of its own."""
    found = [match for out in outputs for match in STATES.findall(out.get("data", {}).get("text/html", ""))]
    pictures = json.loads(found[0]) if found else {"src": []}
    if not 1 <= number <= len(pictures["src"]):
        raise ValueError(f"{cell_name} has {len(pictures['src'])} figures under a slider, and no number {number}")
    data, alt = {"image/png": pictures["src"][number - 1]}, pictures["alt"][number - 1]
    about = next((out.metadata["image/png"] for out in outputs if "image/png" in out.get("metadata", {})), {})
    return nbformat.v4.new_output("display_data", data, metadata={"image/png": {**about, "alt": alt}})


def _words(lines, token):
    return lines[token.map[0]].lstrip("# ").strip()


def _markdown(text):
    return nbformat.v4.new_markdown_cell(text)
