"""From the text of a deck, MyST Markdown, to its slides: what a lecturer says, and what is borrowed from notebooks.

A lesson's deck is ``lessons/NAME/deck.md``, a talk's ``docs/talks/NAME.md``; docs/contributing.md shows the form.
Nothing is copied into it: code, outputs and figures are named by the cell that has them, numbers by their value.
"""

import copy
import re
from dataclasses import dataclass, field
from functools import cache

import nbformat

from course_utils.files import ROOT
from tools.decks import arrange, face
from tools.environment import curriculum
from tools.publishing import before, inputs
from tools.publishing import lessons as _lessons
from tools.publishing.course import NOTE

TALKS = ROOT / "docs" / "talks"
LESSON_MINUTES = (20, 25)
KEYS = {"title", "minutes", "title_figure"}
BORROWED = re.compile(r"\{(cell|code|output|figure)\}`(?:(\w+)/)?(\w+)(?: (\d+))?`")
VALUE = re.compile(r"\{value\}`(?:(\w+)/)?(\w+)`")
PICTURE = re.compile(r"!\[([^\]]*)\]\(([^)\s]+\.svg)\)")
LINK = re.compile(r"(?<!!)\[([^\[\]]+)\]\((?!https?://|#)[^()\s]+\)")  # to another file: a deck travels alone
DRAWN = {"image/png", "image/svg+xml", "text/html"}
FRAME = re.compile(r"<img\b[^>]*>")
ASK = "Each question comes from an earlier lesson. Give the room twenty seconds for each, in pairs, without notes."
TELL = "Read them aloud, and ask who had all three. Whoever is short of time skips both slides."


@dataclass
class Deck:
    """What a text makes.

    Attributes:
        title: of a talk, or number and title of a lesson. minutes: that a talk must take, or None.
        lesson: the `curriculum.Lesson`, or None. slides: list of `arrange.Slide`, each with its foot.
    """

    title: str
    minutes: float | None = None
    lesson: curriculum.Lesson | None = None
    slides: list = field(default_factory=list)

    def recall(self):
        """What the counts hold beside the talk, for the end of their line; "" where that is nothing."""
        asked = [slide.seconds for slide in self.slides if slide.before]
        told = f", {len(asked)} slides and {sum(asked) / 60:g} min of them for the questions from last time"
        return told if asked else ""

    def faults(self):
        """What a lecturer must know before the hour: the slides take more or less time than the talk."""
        took = sum(slide.seconds for slide in self.slides if not slide.before) / 60
        least, most = (self.minutes, self.minutes) if self.minutes else LESSON_MINUTES
        wrong = not least <= round(took, 2) <= most
        wanted = f"{least:g}" if least == most else f"{least:g} to {most:g}"
        return [f"the slides take {took:g} minutes, and the talk should take {wanted}"] * wrong


def of_lesson(lesson):
    """The deck of a lesson; errors as in `read`."""
    return _read(lesson.source.with_name("deck.md"), lesson, lesson.root)


def of_talk(path, root=ROOT):
    """The deck of a talk; errors as in `read`."""
    return _read(path, None, root)


def _read(path, lesson, root):
    """Make a deck of its text.

    Raises:
        FileNotFoundError: there is no such text.
        ValueError: a cell, value, lesson, layout or key that there is not, a slide without its note, what a line of the
            text cannot be; the message names file and slide.
    """
    named = path.relative_to(root).as_posix() if path.is_relative_to(root) else path.name
    maker = _Maker(path, lesson, root)
    try:
        return maker.deck()
    except (ValueError, LookupError) as wrong:
        where = maker.where and f"slide {len(maker.made.slides)}, {maker.where}: "
        raise ValueError(f"{named}: {where}{wrong.args[0]}") from wrong


@cache
def _parser():
    from markdown_it import MarkdownIt
    from mdit_py_plugins.attrs import attrs_block_plugin
    from mdit_py_plugins.colon_fence import colon_fence_plugin
    from mdit_py_plugins.front_matter import front_matter_plugin
    from mdit_py_plugins.myst_blocks import myst_block_plugin

    parser = MarkdownIt("commonmark").use(front_matter_plugin).use(colon_fence_plugin)
    return parser.use(attrs_block_plugin).use(myst_block_plugin).enable("table")


class _Maker:
    """Reads a text once, from the first line to the last."""

    def __init__(self, path, lesson, root):
        self.path, self.lesson, self.root = path, lesson, root
        self.made, self.where, self.act, self.acts = None, "", None, []
        self.known, self.notebooks = curriculum.lessons(root), {}
        self.link = curriculum.linked(lesson) if lesson else curriculum.plain

    def deck(self):
        text = self.path.read_text(encoding="utf-8")
        lines, tokens = text.splitlines(), [token for token in _parser().parse(text) if token.level == 0]
        about = self._about(tokens)
        self.acts = [_words(lines, t) for t in tokens if t.type == "heading_open" and t.tag == "h1"]
        asked = before.three(self.lesson) if self.lesson else []
        if self.lesson:
            self._begin(arrange.Slide(new_stack=True, asked="title"))
        for token in tokens:
            if token.type == "heading_open":
                if asked:  # behind the title, before the first slide of the text
                    self._from_last_time(asked)
                    asked = []
                self._heading(token.tag, _words(lines, token), token.attrs.get("class"))
            elif token.type == "myst_block_break":
                self._slide().fragments.append([])
            elif token.type == "colon_fence":
                self._note(token)
            elif token.map and token.type not in ("front_matter", "heading_close"):
                self._add("\n".join(lines[slice(*token.map)]))
        self._end()
        if self.lesson:
            face.title(self.made.slides[0], self.lesson, self._title_figure(about))
        return self.made

    def _about(self, tokens):
        import yaml

        first = tokens[0] if tokens and tokens[0].type == "front_matter" else None
        about = yaml.safe_load(first.content) or {} if first else {}
        title = f"{self.lesson.number} · {self.lesson.title}" if self.lesson else about.get("title")
        self.made = Deck(title, about.get("minutes"), self.lesson)
        if set(about) - KEYS:
            raise ValueError(f"no key is called {min(set(about) - KEYS)!r}; there are {', '.join(sorted(KEYS))}")
        if not title:
            raise ValueError("a talk needs a title between two lines --- at its top")
        return about

    def _title_figure(self, about):
        return face.picture(self._cell(None, about["title_figure"])) if "title_figure" in about else ""

    def _heading(self, tag, words, asked):
        if tag == "h1":
            self.act = words
        elif tag in ("h2", "h3"):
            slide = arrange.Slide(new_stack=tag == "h2", asked=asked, heading=_markdown(f"## {self._filled(words)}"))
            self._begin(slide, words)
        else:
            self._add(f"{'#' * int(tag[1])} {words}")

    def _from_last_time(self, asked):
        """Two slides with the questions that the lesson's page opens with, and their answers."""
        for tag, words, said, note in (
            ("h2", "From last time", [f"{n}. {q.ask}" for n, q in enumerate(asked, start=1)], ASK),
            ("h3", "From last time: the answers", [f"{n}. {q.answer}" for n, q in enumerate(asked, start=1)], TELL),
        ):
            self._heading(tag, words, None)
            self._slide().before = True
            self._add("\n".join(said))
            self._slide().seconds = 60
            self._slide().notes.append(_markdown(f"*For the lecturer, 1 min.* {note}"))

    def _begin(self, slide, words="the title"):
        self._end()
        self.made.slides.append(slide)
        self.where, self.at, self.of_act = words, self.lesson, self.act
        if slide.asked not in (None, "title", *arrange.LAYOUTS):
            raise ValueError(f"no layout is called {slide.asked!r}; there are {', '.join(arrange.LAYOUTS)}")

    def _end(self):
        """See that the last slide is whole."""
        if self.made.slides:
            slide = self.made.slides[-1]
            if not slide.seconds:
                raise ValueError(
                    "no note with minutes. Write  :::{note} 2 min  and what is said, and close it with  :::"
                )
            about = (self.at.number, self.at.title) if self.at else (None, self.made.title)
            slide.foot = arrange.foot(*about) + arrange.way(self.acts, self.of_act)

    def _slide(self):
        if not self.made.slides:
            raise ValueError("a talk begins with the heading of its first slide")
        return self.made.slides[-1]

    def _note(self, token):
        found, slide = NOTE.fullmatch(token.info.strip()), self._slide()
        if not found:
            raise ValueError(f"{token.info.strip()!r} is no note; write {{note}} 2 min")
        slide.seconds += round(60 * float(found[1]))
        slide.notes.append(_markdown(f"*For the lecturer, {found[1]} min.* {self._filled(token.content.strip())}"))

    def _add(self, source):
        """Put a piece of text, or what it borrows, where the slide has arrived."""
        slide = self._slide()
        here = slide.fragments[-1] if slide.fragments else slide.head
        if borrowed := BORROWED.fullmatch(source.strip()):
            here.append(self._borrowed(*borrowed.groups()))
        elif here and here[-1].cell_type == "markdown" and not here[-1].metadata:
            here[-1].source += f"\n\n{self._filled(source)}"
        else:
            here.append(_markdown(self._filled(source)))

    def _filled(self, text):
        """A text with its numbers, its lessons' numbers and its drawings."""
        if wrong := BORROWED.search(text):
            raise ValueError(f"{wrong[0]} stands in a paragraph; give it a line of its own, between empty ones")
        text = VALUE.sub(lambda match: self._value(*match.groups()), text)
        text = LINK.sub(r"\1", curriculum.refer(text, self.root, self.link))
        return PICTURE.sub(lambda match: self._drawing(*match.groups()), text)

    def _drawing(self, alt, name):
        return arrange.described((self.path.parent / name).read_text(encoding="utf-8").strip(), alt)

    def _notebook(self, name):
        lesson = self.known.get(name) if name else self.lesson
        if lesson is None:
            raise ValueError(f"no lesson is called {name!r}" if name else "a talk says of which lesson: `lesson/name`")
        if lesson.name not in self.notebooks:
            if not lesson.notebook.exists():
                raise ValueError(f"the lesson {lesson.name!r} has no notebook yet")
            self.notebooks[lesson.name] = _lessons.read_published(lesson.notebook)
        return lesson, self.notebooks[lesson.name]

    def _cell(self, name, cell_name):
        lesson, nb = self._notebook(name)
        cells = {cell.metadata["name"]: cell for cell in nb.cells if "name" in cell.metadata}
        if cell_name not in cells:
            raise ValueError(f"no cell of {lesson.name} is called {cell_name!r}; there are {', '.join(sorted(cells))}")
        self.at = self.at or lesson
        return cells[cell_name]

    def _value(self, name, value):
        lesson, nb = self._notebook(name)
        values = nb.metadata.get(inputs.KEY, {}).get("values", {})
        if value not in values:
            raise ValueError(f"no value of {lesson.name} is called {value!r}; its front matter has {sorted(values)}")
        return values[value]["is"]

    def _borrowed(self, kind, name, cell_name, frame):
        cell = copy.deepcopy(self._cell(name, cell_name))
        cell.id = nbformat.v4.new_code_cell().id  # the same cell may be borrowed twice
        if "solution" in cell.metadata.get("tags", []):
            raise ValueError(f"{cell_name} is a solution, which no room must see")
        cell.metadata["transient"] = {"remove_source": kind in ("output", "figure")}
        if kind == "code":
            cell.outputs = []
        elif kind == "figure":
            cell.outputs = [out for out in cell.outputs if DRAWN & set(out.get("data", {}))]
        if frame:
            cell.outputs = [_frame(cell.outputs, int(frame), cell_name)]
        if kind != "code" and not cell.outputs:
            raise ValueError(f"{cell_name} shows no {kind}")
        return cell


def _frame(outputs, number, cell_name):
    """One frame of a figure that has several, as an output of its own."""
    found = [img for out in outputs for img in FRAME.findall(out.get("data", {}).get("text/html", ""))]
    if not 1 <= number <= len(found):
        raise ValueError(f"{cell_name} has {len(found)} frames, and no frame {number}")
    return nbformat.v4.new_output("display_data", {"text/html": found[number - 1]})


def _words(lines, token):
    return lines[token.map[0]].lstrip("# ").strip()


def _markdown(text):
    return nbformat.v4.new_markdown_cell(text)
