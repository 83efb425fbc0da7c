"""A small course for the tests of decks: cells that were run, a deck's text that borrows them, and a browser on it."""

import base64
import io
import itertools
from functools import partial

import nbformat
from matplotlib.figure import Figure

from tools import slides
from tools.decks import deck_text
from tools.environment import curriculum
from tools.publishing import lessons as _lessons

ALT = 'Two bars, the second "thirty" times as high & wider'
COURSE = """
[[part]]
name = "first"
title = "First steps"
[part.lessons]
bits = "Bits & pieces"
[[part]]
name = "second"
title = "Further on"
[part.lessons]
bytes = "Bytes"
later = "Not built yet"
"""
NOTE = ":::{note} 2 min\nAsk the room: how many bits?\n:::\n\n"
TITLE = f"*How few bits?*\n\n{NOTE}"
QUESTION = "## A surprise\n\n**Predict.** How many times longer? **A** 16, **B** 4.\n\n"
ANSWER = "**The processor was waiting.** It took four times as long.\n\n"
DECKS = {  # of this course: name -> what makes it
    lesson.name: partial(deck_text.of_lesson, lesson)
    for lesson in curriculum.lessons().values()
    if deck_text.source(lesson).exists()
} | {path.stem: partial(deck_text.of_talk, path) for path in sorted(deck_text.TALKS.glob("*.md"))}
_folders = itertools.count()


def figure(width=12, height=4.8):
    """What a cell shows that draws: an empty figure of so many inches, and below it a caption."""
    file = io.BytesIO()
    Figure(figsize=(width, height), dpi=140).savefig(file, format="png")
    data = {"image/png": base64.b64encode(file.getvalue()).decode(), "text/plain": "Figure"}
    about = {"image/png": {"alt": ALT, "width": round(70 * width)}}
    caption = nbformat.v4.new_output("display_data", data={"text/markdown": "*A caption to read.*"})
    return nbformat.v4.new_output("display_data", data=data, metadata=about), caption


def code(source, *outputs, name=None, tags=()):
    """A cell that was run."""
    metadata = {"tags": list(tags)} | ({"name": name} if name else {})
    return nbformat.v4.new_code_cell(source, outputs=list(outputs), execution_count=1, metadata=metadata)


def printed(text, name="stdout"):
    """What a cell prints."""
    return nbformat.v4.new_output("stream", name=name, text=text)


def result(html):
    """What stands last in a cell."""
    return nbformat.v4.new_output("execute_result", data={"text/html": html, "text/plain": "plain"})


def course(folder, *cells, values=(), **more):
    """Make a course of three lessons, of which `bits` was built of these cells, `bytes` of those in `more`."""
    (folder / "lessons" / "bits").mkdir(parents=True)
    (folder / "lessons" / "course.toml").write_text(COURSE, encoding="utf-8")
    known = curriculum.lessons(folder)
    for name, made in {"bits": cells, **more}.items():
        about = {"course": {"name": name}, _lessons.RUN: {"values": dict(values)}}
        _lessons.write(nbformat.v4.new_notebook(cells=list(made), metadata=about), known[name].notebook)
    return known


def deck(folder, text, *cells, talk=False, **more):
    """The deck that a text makes: of the lesson `bits`, or a talk."""
    root = folder / f"course {next(_folders)}"
    known = course(root, *cells, **more)
    path = root / "talk.md" if talk else deck_text.source(known["bits"])
    path.write_text(text, encoding="utf-8")
    return deck_text.of_talk(path, root) if talk else deck_text.of_lesson(known["bits"])


def opened(page, folder, text, *cells):
    """Make a deck and open it."""
    page.goto(slides.write(deck(folder, text, *cells), folder / "1.1_bits.html").as_uri())
    page.wait_for_function("window.deckReady === true")
