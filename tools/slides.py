"""Make slides from deck.md and the published notebooks: each deck one offline file, with speaker notes (key S)."""

import argparse
import base64
import mimetypes
import re
import shutil
from pathlib import Path

import nbformat

from course import command
from tools.decks import arrange, browser, check, deck_text
from tools.publishing import lessons as _lessons

REQUIRES = ("dev",)
SLIDES = _lessons.ROOT / "build" / "slides"
HERE = Path(__file__).resolve().parent / "decks"
OWN = ("deck.css", "layouts.css", "face.css", "fit.js", "deck.js")
KINDS = ["text/html", "image/png", "text/latex", "text/markdown", "text/plain"]  # of an output the first that it has
STYLE = re.compile(r'<link\b[^>]*href="assets/([^"]+)"[^>]*>')
SCRIPT = re.compile(r'<script src="assets/([^"]+)"></script>')
IMPORT = re.compile(r"@import\s+(?:url\()?['\"]?([^'\")]+)['\"]?\)?;")
URL = re.compile(r"url\(['\"]?(?!data:|#)([^'\")]+)['\"]?\)")


def main(argv):
    """Write build/slides/NUMBER_NAME.html for the lessons asked for; with --check, look for faults too."""
    parser = argparse.ArgumentParser(prog="course.py slides", description=__doc__)
    parser.add_argument("lessons", nargs="*", metavar="NAME", help="lessons, for example energy (default: all)")
    talks = parser.add_mutually_exclusive_group()
    for name, about in (
        ("lecture", "an hour for the whole course"),
        ("tutorial", "90 minutes: 16 bits, int8, pruning"),
    ):
        path = deck_text.TALKS / f"{name}.md"
        talks.add_argument(f"--{name}", dest="talk", action="store_const", const=path, help=f"a talk: {about}")
    talks.add_argument("--talk", type=Path, metavar="FILE", help="one of your own, written like docs/talks/lecture.md")
    parser.add_argument("--one", action="store_true", help="the lessons named in one file")
    parser.add_argument("--check", action="store_true", help="open every deck in a browser, list its faults")
    parser.add_argument("--shots", action="store_true", help="the same, and save pictures in build/slides/shots")
    args = parser.parse_args(argv)
    if args.one and not args.lessons:
        parser.error("--one joins the decks of the lessons that you name")
    if args.talk and args.lessons:
        parser.error("a talk says itself what it borrows; name no lessons beside it")
    lessons = [] if args.talk else _lessons.select(args.lessons)
    if without := [lesson.name for lesson in lessons if not deck_text.source(lesson).exists()]:
        print(f"No slides of {', '.join(without)}: a deck is lessons/NAME/deck.md. docs/decks.md shows its form.")
    made, wrong = {}, []
    for one in [args.talk.resolve()] if args.talk else lessons:
        try:
            if args.talk:
                made[one.stem] = deck_text.of_talk(one)
            elif one.name not in without:
                made[f"{one.number}_{one.name}"] = of(one)
        except ValueError as reason:
            wrong.append(f"Not made: {reason}")
    if args.one and made:
        made = {"_".join(deck.lesson.name for deck in made.values()): joined(made.values())}
    files = {write(deck, SLIDES / f"{name}.html"): deck for name, deck in made.items()}
    print(*(file.relative_to(_lessons.ROOT).as_posix() for file in files), *wrong, sep="\n")
    wrong = bool(wrong or not files)
    if args.check or args.shots:
        try:
            wrong |= _report(files, SLIDES / "shots" if args.shots else None)
        except browser.NoBrowser as reason:
            print(f"Not checked. {reason}")
            wrong = True
    return int(wrong)


def of(lesson):
    """The deck of a lesson, from its published notebook; says so where that is old. ValueError where none can be."""
    deck = deck_text.of_lesson(lesson)
    if lesson.notebook.exists() and _lessons.sources(_lessons.read_published(lesson.notebook)) != _lessons.sources(
        _lessons.read(lesson)
    ):
        print(
            f"{lesson.name}: the notebook is older than the lesson; these are slides of the notebook. "
            f"Mend it with: {command('build', lesson.name)}"
        )
    return deck


def joined(decks):
    """One deck of several, one after the other, each slide with its own foot."""
    decks = list(decks)
    title = ", ".join(deck.lesson.title for deck in decks)
    return deck_text.Deck(title, slides=[slide for deck in decks for slide in deck.slides])


def write(deck, path):
    """Write a `deck_text.Deck` as one file that needs nothing beside it; folders are made. Returns its Path."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(alone(to_html(deck)), encoding="utf-8", newline="\n")
    return path


def write_beside(deck, path, back):
    """Write a deck that loads what it needs from a folder ``assets`` beside it, which all decks of the site share.

    Args:
        deck: a `deck_text.Deck`.
        path: where it goes.
        back: address of the page that a link in its corner leads to.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    shutil.copytree(HERE / "assets", path.parent / "assets", dirs_exist_ok=True)
    for name in (*OWN, "code.css"):
        (path.parent / "assets" / name).write_text(_asset(name), encoding="utf-8", newline="\n")
    link = f'<a class="back" href="{back}">Lesson</a>\n'
    text = to_html(deck).replace('<div class="reveal">', f'{link}<div class="reveal">', 1)
    path.write_text(text, encoding="utf-8", newline="\n")


def to_html(deck):
    """HTML of a `deck_text.Deck` that loads style sheets and scripts, and nothing else, from ``assets/``."""
    from nbconvert import HTMLExporter
    from traitlets.config import Config

    shown = Config({"NbConvertBase": {"display_data_priority": KINDS}})
    exporter = HTMLExporter(config=shown, template_name="slides_template", extra_template_basedirs=[str(HERE)])
    exporter.exclude_anchor_links = True
    about = {
        "title": deck.title,
        "part": deck.lesson and deck.lesson.number.partition(".")[0],
        "seconds": deck.seconds,
    }
    nb = nbformat.v4.new_notebook(cells=arrange.cells(deck.slides))
    return exporter.from_notebook_node(nb, resources={"deck": about})[0]


def alone(text):
    """HTML of a deck with its style sheets, fonts and scripts in it."""
    text = STYLE.sub(lambda match: f"<style>\n{_style(match[1])}\n</style>", text)
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


def _style(name):
    """A style sheet with the sheets that it imports and the fonts that it loads in it."""
    folder = Path(name).parent

    def data(match):
        file = HERE / "assets" / folder / match[1]
        if not file.is_file():
            return match[0]
        kind = mimetypes.guess_type(file.name)[0] or "font/woff"
        return f"url(data:{kind};base64,{base64.b64encode(file.read_bytes()).decode()})"

    return URL.sub(data, IMPORT.sub(lambda match: _style((folder / match[1]).as_posix()), _asset(name)))


def _report(files, shots):
    """Print what is wrong with each deck. Returns whether anything is."""
    if shots:
        shutil.rmtree(shots, ignore_errors=True)  # pictures of slides that are gone would mislead
    faults = 0
    with browser.page() as page:
        for file, deck in files.items():
            found = check.look(page, file, shots=shots / file.stem if shots else None)
            faults += len(found)
            counts = (
                f"{file.stem}: {len(deck.slides)} slides, notes of {deck.seconds / 60:g} minutes, {len(found)} faults"
            )
            print(counts, *found, sep=f"\n{file.stem}: ")
    if shots:
        print(f"A picture of each slide is in {shots.relative_to(_lessons.ROOT).as_posix()}")
    return faults > 0
