"""Make slides from the published notebooks: one offline file a lesson, with speaker notes (key S)."""

import argparse
import shutil
from pathlib import Path

import nbformat

from course import command
from tools.decks import arrange, face
from tools.decks import deck as _deck
from tools.decks import talk as _talk
from tools.publishing import lessons as _lessons

REQUIRES = ("dev",)
SLIDES = _lessons.ROOT / "build" / "slides"
HERE = Path(__file__).resolve().parent / "decks"
OWN = ("deck.css", "layouts.css", "face.css", "fit.js", "deck.js")


def main(argv):
    """Write build/slides/NUMBER_NAME.html for the lessons asked for; with --check, look for faults too."""
    parser = argparse.ArgumentParser(prog="course.py slides", description=__doc__)
    parser.add_argument("lessons", nargs="*", metavar="NAME", help="lessons, for example energy (default: all)")
    talks = parser.add_mutually_exclusive_group()
    talks.add_argument("--lecture", **_script("lecture"), help="one deck of an hour for the whole course")
    talks.add_argument("--tutorial", **_script("tutorial"), help="90 minutes: 16 bits, quantization, pruning")
    talks.add_argument("--talk", type=Path, metavar="FILE", help="a deck from a script of your own")
    parser.add_argument("--one", action="store_true", help="join the decks of the lessons named in one file")
    parser.add_argument("--check", action="store_true", help="open every deck in a browser, list its faults")
    parser.add_argument("--shots", action="store_true", help="save pictures in build/slides/shots")
    args = parser.parse_args(argv)
    if args.one and not args.lessons:
        parser.error("--one joins the decks of the lessons that you name")
    if args.talk and args.lessons:
        parser.error("a talk takes its lessons from its script; name no lessons beside it")
    lessons = [] if args.talk else _lessons.select(args.lessons)
    missing = [lesson.name for lesson in lessons if not lesson.notebook.exists()]
    if missing:
        print(f"{', '.join(missing)}: no notebook yet. Make it with: {command('build', *missing)}")
        return 1
    try:
        talk = _talk.read(args.talk) if args.talk else None
        if talk:
            decks = [_talk_deck(talk, args.talk.stem)]
        else:
            decks = [_joined(lessons)] if args.one else [_deck_of(lesson) for lesson in lessons]
    except (ValueError, FileNotFoundError) as wrong:
        print(f"Not made: {wrong}")
        return 1
    for deck in decks:
        print(f"{deck.relative_to(_lessons.ROOT).as_posix()}")
    if not (args.check or args.shots):
        return 0
    try:
        return _report(decks, SLIDES / "shots" if args.shots else None, talk.faults() if talk else [])
    except _deck.NoBrowser as reason:
        print(f"Not run: {reason}")
        return 1


def _deck_of(lesson):
    """Write the deck of a lesson."""
    return write(_published(lesson), SLIDES / f"{lesson.number}_{lesson.name}.html")


def _joined(lessons):
    """Write one deck of several lessons, one after the other, each with its own foot."""
    slides = []
    for lesson in lessons:
        nb = _published(lesson)
        own = face.dress(arrange.slides(nb), nb)
        for slide in own:
            slide.foot = slide.foot or arrange.foot(lesson.number, lesson.title)
        slides += own
    title = ", ".join(lesson.title for lesson in lessons)
    return _write(to_html(slides, {"title": title}, ""), SLIDES / f"{'_'.join(lesson.name for lesson in lessons)}.html")


def _published(lesson):
    """Read a published notebook, and say so where it is old."""
    nb = _lessons.read_published(lesson.notebook)
    if _lessons.sources(nb) != _lessons.sources(_lessons.read(lesson)):
        print(
            f"{lesson.name}: the notebook is older than the lesson; these are slides of the notebook. "
            f"Mend it with: {command('build', lesson.name)}"
        )
    return nb


def _script(name):
    """The option that stands for a script of this course."""
    return {"dest": "talk", "action": "store_const", "const": _talk.FOLDER / f"{name}.toml"}


def _talk_deck(talk, name):
    """Write the deck of a talk."""
    return _write(to_html(talk.slides, {"title": talk.title}, ""), SLIDES / f"{name}.html")


def write(nb, path):
    """Write the deck of a notebook and, beside it, the assets that it loads.

    Args:
        nb: a notebook with outputs, as published; left as it was.
        path: where the deck goes.
    Returns:
        Path of the deck.
    """
    return _write(render(nb), Path(path))


def _write(text, path):
    path.parent.mkdir(parents=True, exist_ok=True)
    copy_assets(path.parent / "assets")
    path.write_text(text, encoding="utf-8", newline="\n")
    return path


def copy_assets(folder):
    """Copy reveal.js, MathJax and the style sheets into `folder`; files already there are replaced."""
    from pygments.formatters import HtmlFormatter

    shutil.copytree(HERE / "assets", folder, dirs_exist_ok=True)
    for name in OWN:
        shutil.copyfile(HERE / "slides_template" / name, folder / name)
    colours = HtmlFormatter(style="default").get_style_defs(".highlight")
    (folder / "code.css").write_text(colours + "\n", encoding="utf-8", newline="\n")


def render(nb):
    """Turn a notebook into the text of a deck.

    Args:
        nb: a notebook with outputs; its metadata holds the front matter under "course".
    Returns:
        str: HTML that loads only files under assets/ beside it.
    """
    slides = face.dress(arrange.slides(nb), nb)
    course = nb.metadata["course"]
    about = {"title": f"{course['number']} · {course['title']}", "part": course["number"].partition(".")[0]}
    return to_html(slides, about, arrange.foot(course["number"], course["title"]))


def to_html(slides, about, foot):
    """Write slides as HTML.

    Args:
        slides: list of `arrange.Slide`.
        about: "title" of the deck, and of a lesson the number of its "part".
        foot: HTML at the foot of each slide.
    Returns:
        str: HTML that loads only files under assets/ beside it.
    """
    from nbconvert import HTMLExporter

    exporter = HTMLExporter(template_name="slides_template", extra_template_basedirs=[str(HERE)])
    exporter.exclude_anchor_links = True
    exporter.register_filter("described", arrange.described)
    deck = {**about, "seconds": sum(slide.seconds for slide in slides)}
    nb = nbformat.v4.new_notebook(cells=arrange.cells(slides, foot))
    return exporter.from_notebook_node(nb, resources={"deck": deck})[0]


def _report(decks, shots, heard):
    """Print what was seen of each deck; `heard` are faults that are known before a browser is asked."""
    if shots:
        shutil.rmtree(shots, ignore_errors=True)  # pictures of slides that are gone would mislead
    faults = 0
    with _deck.browser() as page:
        for deck in decks:
            seen = _deck.look(page, deck, shots=shots / deck.stem if shots else None)
            found = [*heard, *seen.faults]
            faults += len(found)
            print(f"{deck.stem}: {seen.line()}", *found, sep=f"\n{deck.stem}: ")
    if shots:
        print(f"A picture of each slide is in {shots.relative_to(_lessons.ROOT).as_posix()}")
    print(f"{len(decks)} decks, {faults} faults")
    return 1 if faults else 0
