"""Make slides from deck.md and the published notebooks: each deck one offline file, with speaker notes (key S)."""

import argparse
import base64
import mimetypes
import re
import shutil
from pathlib import Path

import nbformat

from course import command
from tools.decks import arrange, deck_text
from tools.decks import deck as _deck
from tools.publishing import lessons as _lessons

REQUIRES = ("dev",)
SLIDES = _lessons.ROOT / "build" / "slides"
HERE = Path(__file__).resolve().parent / "decks"
OWN = ("deck.css", "layouts.css", "face.css", "fit.js", "deck.js")
SHEET = re.compile(r'<link\b[^>]*href="assets/([^"]+)"[^>]*>')
SCRIPT = re.compile(r'<script src="assets/([^"]+)"></script>')
IMPORT = re.compile(r"@import\s+(?:url\()?['\"]?([^'\")]+)['\"]?\)?;")
URL = re.compile(r"url\(['\"]?(?!data:|#)([^'\")]+)['\"]?\)")


def main(argv):
    """Write build/slides/NUMBER_NAME.html for the lessons asked for; with --check, look for faults too."""
    parser = argparse.ArgumentParser(prog="course.py slides", description=__doc__)
    parser.add_argument("lessons", nargs="*", metavar="NAME", help="lessons, for example energy (default: all)")
    talks = parser.add_mutually_exclusive_group()
    lecture, tutorial = map(_ours, ("lecture", "tutorial"))
    talks.add_argument("--lecture", **lecture, help="one deck of an hour for the whole course")
    talks.add_argument("--tutorial", **tutorial, help="90 minutes: 16 bits, quantization, pruning")
    talks.add_argument(
        "--talk", type=Path, metavar="FILE", help="a talk of your own, written like docs/talks/lecture.md"
    )
    parser.add_argument(
        "--one", action="store_true", help="the lessons named in one file, without the questions from before"
    )
    parser.add_argument("--check", action="store_true", help="open every deck in a browser, list its faults")
    parser.add_argument("--shots", action="store_true", help="save pictures in build/slides/shots")
    args = parser.parse_args(argv)
    if args.one and not args.lessons:
        parser.error("--one joins the decks of the lessons that you name")
    if args.talk and args.lessons:
        parser.error("a talk says itself what it borrows; name no lessons beside it")
    try:
        if args.talk:
            decks = {args.talk.stem: deck_text.of_talk(args.talk.resolve())}
        else:
            lessons = _lessons.select(args.lessons)
            decks = {f"{lesson.number}_{lesson.name}": of(lesson) for lesson in lessons}
        if args.one:
            decks = {"_".join(lesson.name for lesson in lessons): joined(decks.values())}
    except (ValueError, FileNotFoundError) as wrong:
        print(f"Not made: {wrong}")
        return 1
    files = {write(deck, SLIDES / f"{name}.html"): deck for name, deck in decks.items()}
    for file in files:
        print(f"{file.relative_to(_lessons.ROOT).as_posix()}")
    if not (args.check or args.shots):
        return 0
    try:
        return _report(files, SLIDES / "shots" if args.shots else None)
    except _deck.NoBrowser as reason:
        print(f"Not run: {reason}")
        return 1


def _ours(name):
    """The option that stands for a talk of this course."""
    return {"dest": "talk", "action": "store_const", "const": deck_text.TALKS / f"{name}.md"}


def of(lesson):
    """The deck of a lesson, from its published notebook; says so where that is old."""
    if not lesson.notebook.exists():
        raise ValueError(f"{lesson.name} has no notebook yet. Make it with: {command('build', lesson.name)}")
    if _lessons.sources(_lessons.read_published(lesson.notebook)) != _lessons.sources(_lessons.read(lesson)):
        print(
            f"{lesson.name}: the notebook is older than the lesson; these are slides of the notebook. "
            f"Mend it with: {command('build', lesson.name)}"
        )
    return deck_text.of_lesson(lesson)


def joined(decks):
    """One deck of several, one after the other, each slide with its own foot; what asks of other days is left out."""
    decks = list(decks)
    title = ", ".join(deck.lesson.title for deck in decks)
    return deck_text.Deck(title, slides=[slide for deck in decks for slide in deck.slides if not slide.before])


def write(deck, path):
    """Write a deck as one file that needs nothing beside it.

    Args:
        deck: a `deck_text.Deck`.
        path: where it goes; folders are made.
    Returns:
        Path of the file.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(alone(to_html(deck)), encoding="utf-8", newline="\n")
    return path


def write_beside(deck, path, back=""):
    """Write a deck that loads what it needs from a folder ``assets`` beside it, which all decks of the site share.

    Args:
        deck: a `deck_text.Deck`.
        path: where it goes.
        back: address of the page that a link in its corner leads to; "" for no link.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    shutil.copytree(HERE / "assets", path.parent / "assets", dirs_exist_ok=True)
    for name in (*OWN, "code.css"):
        (path.parent / "assets" / name).write_text(_asset(name), encoding="utf-8", newline="\n")
    link = f'<a class="back" href="{back}">Lesson</a>\n' if back else ""
    text = to_html(deck).replace('<div class="reveal">', f'{link}<div class="reveal">', 1)
    path.write_text(text, encoding="utf-8", newline="\n")


def to_html(deck):
    """HTML of a `deck_text.Deck` that loads style sheets and scripts, and nothing else, from ``assets/``."""
    from nbconvert import HTMLExporter

    exporter = HTMLExporter(template_name="slides_template", extra_template_basedirs=[str(HERE)])
    exporter.exclude_anchor_links = True
    exporter.register_filter("described", arrange.described)
    about = {
        "title": deck.title,
        "part": deck.lesson and deck.lesson.number.partition(".")[0],
        "seconds": sum(slide.seconds for slide in deck.slides),
    }
    nb = nbformat.v4.new_notebook(cells=arrange.cells(deck.slides))
    return exporter.from_notebook_node(nb, resources={"deck": about})[0]


def alone(text):
    """HTML of a deck with its style sheets, letters and scripts in it."""
    text = SHEET.sub(lambda match: f"<style>\n{_sheet(match[1])}\n</style>", text)
    # A script ends at its first </script>, even inside of a string.
    return SCRIPT.sub(
        lambda match: "<script>\n" + _asset(match[1]).replace("</script", r"<\/script") + "\n</script>", text
    )


def _asset(name):
    """The text of a style sheet or a script, named as below ``assets/``."""
    if name == "code.css":
        from pygments.formatters import HtmlFormatter

        return HtmlFormatter(style="default").get_style_defs(".highlight") + "\n"
    return (HERE / ("slides_template" if name in OWN else "assets") / name).read_text(encoding="utf-8")


def _sheet(name):
    """A style sheet with the sheets that it imports and the letters that it loads in it."""
    folder = Path(name).parent

    def data(match):
        file = HERE / "assets" / folder / match[1]
        kind = mimetypes.guess_type(file.name)[0] or "font/woff"
        return f"url(data:{kind};base64,{base64.b64encode(file.read_bytes()).decode()})"

    text = IMPORT.sub(lambda match: _sheet((folder / match[1]).as_posix()), _asset(name))
    return URL.sub(lambda match: data(match) if (HERE / "assets" / folder / match[1]).is_file() else match[0], text)


def _report(files, shots):
    """Print what was seen of each deck."""
    if shots:
        shutil.rmtree(shots, ignore_errors=True)  # pictures of slides that are gone would mislead
    faults = 0
    with _deck.browser() as page:
        for file, deck in files.items():
            seen = _deck.look(page, file, shots=shots / file.stem if shots else None)
            found = [*deck.faults(), *seen.faults]
            faults += len(found)
            print(f"{file.stem}: {seen.line()}{deck.recall()}", *found, sep=f"\n{file.stem}: ")
    if shots:
        print(f"A picture of each slide is in {shots.relative_to(_lessons.ROOT).as_posix()}")
    print(f"{len(files)} decks, {faults} faults")
    return 1 if faults else 0
