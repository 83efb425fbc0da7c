"""A talk: slides of several lessons and slides of its own, in the order of a script such as docs/talks/lecture.toml.

docs/contributing.md says what a script may hold. Nothing of a lesson is copied into it: slides are named by lesson and
heading, and numbers by where the published notebooks say them.
"""

import copy
import html
import re
import tomllib
from dataclasses import dataclass, field

import nbformat

from course_utils import syllabus
from course_utils.files import ROOT
from tools.decks import arrange
from tools.publishing import lessons as _lessons

FOLDER = ROOT / "docs" / "talks"
KEYS = {"title", "minutes", "numbers", "slide"}
SLIDE_KEYS = {
    "act", "take", "heading", "layout", "minutes", "lead", "note", "text", "answer", "output", "picture", "hide",
}  # fmt: skip
NUMBER_KEYS = {"lesson", "slide", "after", "before"}
HIDES = {"code", "caption"}
DRAWN = re.compile(r"<(svg|script|style)\b.*?</\1>", re.S)
NUMBERED = re.compile(r"^#+ (?:\d+\. )?(?:\d+\.\d+ · )?")
PLACE = re.compile(r"\{\{(\w+)\}\}")
NUMBER = re.compile(r"[−-]?\d(?:[\d,]*\d)?(?:\.\d+)?")
NOTE_WITHOUT_TIME = re.compile(r"\A\*For the lecturer[^*]*\*\s*")


@dataclass
class Talk:
    """What a script makes.

    Attributes:
        title, minutes: as the script says.
        slides: list of `arrange.Slide`.
    """

    title: str
    minutes: float
    slides: list = field(default_factory=list)

    def faults(self):
        """What a lecturer must know of before the hour: the slides take more or less time than the talk."""
        minutes = sum(slide.seconds for slide in self.slides) / 60
        right = abs(minutes - self.minutes) < 0.01
        return [] if right else [f"the slides take {minutes:g} minutes, and the talk {self.minutes:g}"]


def read(path, root=ROOT):
    """Make a talk from its script.

    Args:
        path: of the script.
        root: of the course that it speaks of.
    Raises:
        ValueError: a key that there is not, a lesson, heading or number that is not found or not unambiguous; the
            message names the slide.
    """
    path = path.resolve()
    try:
        script = tomllib.loads(path.read_text(encoding="utf-8"))
        _no_other(script, KEYS, "the script")
        return _Maker(script, path.parent, root).talk()
    except (tomllib.TOMLDecodeError, ValueError, KeyError) as wrong:
        raise ValueError(f"{path.name}: {wrong if isinstance(wrong, ValueError) else f'{wrong} is missing'}") from wrong


def name_of(heading):
    """A heading as a script names it: without its signs and its number."""
    return NUMBERED.sub("", heading).strip()


def said(nb):
    """All that a notebook or a slide says, as one text: its cells, what they print, tables, captions, and alt texts."""
    parts = []
    for cell in nb.cells:
        if cell.cell_type == "markdown":
            parts.append(cell.source)
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            parts += [output.get("text", ""), data.get("text/markdown", ""), _plain(data.get("text/html", ""))]
            parts += [about.get("alt", "") for about in output.get("metadata", {}).values() if isinstance(about, dict)]
            if not set(data) - {"text/plain"}:
                parts.append(data.get("text/plain", ""))
    return " ".join(" ".join(parts).split())


def _plain(text):
    """The words of a piece of HTML, without its drawings, and the alt texts of its pictures."""
    alts = " ".join(re.findall(r'alt="([^"]*)"', text))
    return html.unescape(f"{re.sub(r'<[^>]+>', ' ', DRAWN.sub(' ', text))} {alts}")


def _no_other(table, known, what):
    if set(table) - known:
        raise ValueError(f"{what} has the key {min(set(table) - known)!r}; there are {', '.join(sorted(known))}")


class _Maker:
    """Reads each notebook once."""

    def __init__(self, script, folder, root):
        self.script, self.folder, self.root, self.known = script, folder, root, syllabus.lessons(root)
        self.notebooks, self.decks, self.words = {}, {}, {}
        self.numbers = {}
        for name, about in script.get("numbers", {}).items():
            _no_other(about, NUMBER_KEYS, f"the number {name}")
            self.numbers[name] = self._number(name, **about)

    def talk(self):
        made = Talk(self.script["title"], self.script["minutes"])
        acts = [row["act"] for row in self.script["slide"] if "act" in row]
        act = None
        for count, row in enumerate(self.script["slide"], start=1):
            where = f"slide {count}, {row.get('take') or row.get('heading')}"
            try:
                _no_other(row, SLIDE_KEYS, "it")
                slide, lesson = self._slide(row)
            except (ValueError, KeyError) as wrong:
                raise ValueError(f"{where}: {wrong if isinstance(wrong, ValueError) else f'no {wrong}'}") from wrong
            act = row.get("act", act)
            slide.new_stack = "act" in row or count == 1
            slide.foot = _foot(lesson, made.title, acts, act)
            made.slides.append(slide)
        return made

    def _notebook(self, name):
        if name not in self.known:
            raise ValueError(f"no lesson is called {name!r}")
        if name not in self.notebooks:
            file = self.known[name].notebook
            if not file.exists():
                raise ValueError(f"the lesson {name!r} has no notebook yet")
            self.notebooks[name] = _lessons.read_published(file)
        return self.notebooks[name]

    def _words(self, name):
        if name not in self.words:
            self.words[name] = said(self._notebook(name))
        return self.words[name]

    def _lesson_slide(self, address):
        """The lesson, and a copy of the slide, that "lesson / heading" names."""
        name, _, heading = (part.strip() for part in address.partition(" / "))
        if name not in self.decks:
            self.decks[name] = arrange.slides(self._notebook(name))
        found = [slide for slide in self.decks[name] if slide.heading and name_of(slide.heading.source) == heading]
        if len(found) != 1:
            headings = "; ".join(name_of(slide.heading.source) for slide in self.decks[name] if slide.heading)
            many = "two slides are" if found else "no slide is"
            raise ValueError(f"{many} called {heading!r} in {name}; its slides are: {headings}")
        return self.known[name], copy.deepcopy(found[0])

    def _number(self, name, lesson, slide=None, after=None, before=None):
        """A number of a lesson: the one beside words of its notebook or of one slide."""
        first, last = (r"\s+".join(re.escape(word) for word in (text or "").split()) for text in (after, before))
        begins = rf"{first}\s*" if first else r"(?<![\d.,])"
        ends = rf"[\s,;:]*{last}" if last else ""
        words = said(self._lesson_slide(f"{lesson} / {slide}")[1]) if slide else self._words(lesson)
        found = set(re.findall(rf"{begins}({NUMBER.pattern}){ends}", words))
        if len(found) != 1:
            raise ValueError(f"the number {name}: {lesson} says {sorted(found)} there, and not one number")
        return found.pop()

    def _fill(self, text):
        def put(match):
            if match[1] not in self.numbers:
                raise ValueError(f"no number is called {match[1]!r}")
            return self.numbers[match[1]]

        return PLACE.sub(put, text)

    def _slide(self, row):
        """The slide of a row, and the lesson that it or what it shows comes from, or None."""
        lesson, slide = self._lesson_slide(row["take"]) if "take" in row else self._own(row)
        if "heading" in row:
            slide.heading = _markdown(f"## {self._fill(row['heading'])}")
        elif slide.heading:
            slide.heading.source = f"## {name_of(slide.heading.source)}"
        if "take" in row:
            self._rewrite(slide, row)
        slide.asked = row.get("layout", slide.asked)
        _hide(slide, row.get("hide", []))
        own = "\n\n".join(NOTE_WITHOUT_TIME.sub("", cell.source) for cell in slide.notes)
        note = self._fill(row["note"]) if "note" in row else own
        slide.seconds = round(60 * row["minutes"]) if "minutes" in row else slide.seconds
        if not slide.seconds:
            raise ValueError("no minutes")
        lead = f'Lead over: "{self._fill(row["lead"])}"\n\n' if "lead" in row else ""
        slide.notes = [_markdown(f"*For the lecturer, {slide.seconds / 60:g} min.* {lead}{note}")]
        return slide, lesson

    def _own(self, row):
        """A slide that no lesson has, and the lesson whose output it shows, or None."""
        slide, lesson, shown = arrange.Slide(new_stack=True, asked=row.get("layout")), None, []
        if row.get("text", "").strip():
            slide.head = [_markdown(self._fill(row["text"].strip()))]
        if "output" in row:
            lesson, other = self._lesson_slide(row["output"])
            shown = [cell for cell in other.cells if cell.cell_type == "code" and cell.outputs]
            for cell in shown:
                cell.metadata["transient"] = {"remove_source": True}
        if "picture" in row:
            shown.insert(0, _markdown((self.folder / row["picture"]).read_text(encoding="utf-8").strip()))
        if "answer" in row:
            slide.fragments = [[*shown, _markdown(self._fill(row["answer"]))]]
        else:
            slide.head += shown
        return lesson, slide

    def _rewrite(self, slide, row):
        """Put the script's words in place of the lesson's; code and pictures stay."""
        for key, cells in (("text", slide.head), ("answer", [c for group in slide.fragments for c in group])):
            if key not in row:
                continue
            texts = [cell for cell in cells if cell.cell_type == "markdown"]
            if not texts and key == "answer":
                raise ValueError("it has no answer that another could replace")
            if not texts:
                texts = [_markdown("")]
                slide.head.insert(0, texts[0])
            texts[0].source = self._fill(row[key])
            for cell in texts[1:]:
                cell.source = ""
        slide.head = [cell for cell in slide.head if cell.source or cell.cell_type == "code"]


def _markdown(text):
    return nbformat.v4.new_markdown_cell(text)


def _hide(slide, kinds):
    """Leave out what the script does not want to show of what the lesson's cells show."""
    if set(kinds) - HIDES:
        raise ValueError(f"hide knows {', '.join(sorted(HIDES))}, not {min(set(kinds) - HIDES)!r}")
    for cell in slide.cells:
        if cell.cell_type != "code":
            continue
        if "code" in kinds:
            cell.metadata["transient"] = {"remove_source": True}
        if "caption" in kinds:
            cell.outputs = [output for output in cell.outputs if "text/markdown" not in output.get("data", {})]
    empty = [c for c in slide.cells if c.cell_type == "code" and not c.outputs and not arrange.shows_code(c)]
    slide.head = [cell for cell in slide.head if cell not in empty]
    slide.fragments = [kept for group in slide.fragments if (kept := [c for c in group if c not in empty])]


def _foot(lesson, title, acts, act):
    """Where a slide comes from, and a bar of the acts with the present one marked."""
    bar = "".join(f'<i class="{"here" if one == act else ""}"></i>' for one in acts)
    from_where = (
        arrange.foot(lesson.number, lesson.title) if lesson else f'<span class="lesson">{html.escape(title)}</span>'
    )
    return f'{from_where}<span class="way"><b>{html.escape(act or "")}</b>{bar}</span>'
