"""Make slides from the published notebooks: one offline file a lesson, with speaker notes (key S)."""

import argparse
import shutil
import sys
from pathlib import Path

import nbformat

from course import command
from course_utils import syllabus
from tools.decks import arrange, face, paper, reasons, spoken
from tools.decks import deck as _deck
from tools.decks import talk as _talk
from tools.publishing import course as _course
from tools.publishing import lessons as _lessons

REQUIRES = ("dev",)
SLIDES = _lessons.ROOT / "build" / "slides"
HERE = Path(__file__).resolve().parent / "decks"
OWN = ("deck.css", "layouts.css", "face.css", "paper.css", "fit.js", "paper.js", "deck.js")


def main(argv):
    """Write build/slides/NUMBER_NAME.html for the lessons asked for; with --check, look for faults too."""
    parser = argparse.ArgumentParser(prog="course.py slides", description=__doc__)
    parser.add_argument("lessons", nargs="*", metavar="NAME", help="lessons, for example energy (default: all)")
    talks = parser.add_mutually_exclusive_group()
    talks.add_argument("--lecture", **_script("lecture"), help="one deck of an hour for the whole course")
    talks.add_argument("--tutorial", **_script("tutorial"), help="90 minutes: 16 bits, quantization, pruning")
    talks.add_argument("--talk", type=Path, metavar="FILE", help="a deck from a script of your own")
    parser.add_argument("--pdf", action="store_true", help="a PDF too, with a page for each slide")
    parser.add_argument("--handout", action="store_true", help="a PDF too, with small slides beside their notes")
    parser.add_argument("--check", action="store_true", help="open every deck in a browser, list its faults")
    parser.add_argument("--shots", action="store_true", help="save pictures in build/slides/shots")
    args = parser.parse_args(argv)
    if args.talk and args.lessons:
        parser.error("a talk takes its lessons from its script; name no lessons beside it")
    lessons = [] if args.talk else _lessons.select(args.lessons)
    missing = [lesson.name for lesson in lessons if not lesson.notebook.exists()]
    if missing:
        print(f"{', '.join(missing)}: no notebook yet. Make it with: {command('build', *missing)}")
        return 1
    try:
        talk = _talk.read(args.talk) if args.talk else None
        decks = [_talk_deck(talk, args.talk.stem)] if talk else [_deck_of(lesson) for lesson in lessons]
    except (ValueError, FileNotFoundError) as wrong:
        print(f"Not made: {wrong}")
        return 1
    for deck in decks:
        print(f"{deck.relative_to(_lessons.ROOT).as_posix()}")
    kinds = [kind for kind in paper.KINDS if getattr(args, kind)]
    try:
        if kinds:
            _print(decks, kinds)
        if args.check:
            _say_reasons(lessons)
        heard = spoken.faults(talk) if talk and args.check else []
        return _report(decks, SLIDES / "shots" if args.shots else None, heard) if args.check or args.shots else 0
    except _deck.NoBrowser as reason:
        print(f"Not run: {reason}")
        return 1
    except PermissionError as error:  # on Windows, a PDF that a reader shows
        print(f"Not written: {error.filename}. Close the program that holds it, then start again.")
        return 1


def _say_reasons(found):
    """Name what a learner, who sees no notes, may miss on the page."""
    for lesson in found:
        for sentence in reasons.only_in_notes(_lessons.read(lesson)):
            print(f"{lesson.name}, a note, to read: does the page say this as well? {sentence}")


def _deck_of(lesson):
    """Write the deck of a lesson, and say so where its notebook is old."""
    nb = _lessons.read_published(lesson.notebook)
    if _lessons.sources(nb) != _lessons.sources(_lessons.read(lesson)):
        print(
            f"{lesson.name}: the notebook is older than the lesson; these are slides of the notebook. "
            f"Mend it with: {command('build', lesson.name)}"
        )
    return write(nb, SLIDES / f"{lesson.number}_{lesson.name}.html")


def _script(name):
    """The option that stands for a script of this course."""
    return {"dest": "talk", "action": "store_const", "const": _talk.FOLDER / f"{name}.toml"}


def _talk_deck(talk, name):
    """Write the deck of a talk."""
    return _write(to_html(talk.slides, {"title": talk.title, "kind": "talk"}, ""), SLIDES / f"{name}.html")


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
    part = course["number"].partition(".")[0]
    short = course.get("name") in set(syllabus.lessons()) - set(_course.old_form())
    kind = "short" if short else "lesson"
    about = {"title": f"{course['number']} · {course['title']}", "kind": kind, "part": part}
    return to_html(slides, about, arrange.foot(course["number"], course["title"]))


def to_html(slides, about, foot):
    """Write slides as HTML.

    Args:
        slides: list of `arrange.Slide`.
        about: "title" of the deck, its "kind", "lesson" or "talk", and of a lesson the number of its "part".
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


def _print(decks, kinds):
    with _deck.browser() as page:
        for deck in decks:
            for kind in kinds:
                print(paper.write(page, deck, kind).relative_to(_lessons.ROOT).as_posix())


def _report(decks, shots, heard):
    if shots:
        shutil.rmtree(shots, ignore_errors=True)  # pictures of slides that are gone would mislead
    faults = 0
    with _deck.browser() as page:
        for deck in decks:
            seen = _deck.look(page, deck, shots=shots / deck.stem if shots else None)
            found = [*heard, *seen.faults, *seen.form]
            faults += len(found)
            print(f"{deck.stem}: {seen.line()}", *found, sep=f"\n{deck.stem}: ")
    if shots:
        print(f"A picture of each slide is in {shots.relative_to(_lessons.ROOT).as_posix()}")
    print(f"{len(decks)} decks, {faults} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
