"""Make slides from the published notebooks: one offline file a lesson, with speaker notes (key S)."""

import argparse
import copy
import re
import shutil
import sys
from pathlib import Path

from course import command
from tools import _deck, _lessons

REQUIRES = ("dev",)
SLIDES = _lessons.ROOT / "build" / "slides"
LINES_ABOVE_A_FIGURE = 3
LINK = re.compile(
    r"(?<!!)\[([^\[\]]+)\]\((?!https?://|#)[^()\s]+\)"
)  # to another file, which does not travel with a deck
HERE = Path(__file__).resolve().parent


def main(argv):
    """Write build/slides/NUMBER_NAME.html for the lessons asked for; with --check, look for faults too."""
    parser = argparse.ArgumentParser(prog="course.py slides", description=__doc__)
    parser.add_argument("lessons", nargs="*", metavar="NAME", help="lessons, for example energy (default: all)")
    parser.add_argument("--tour", action="store_true", help="only what belongs to the deck for one lecture")
    parser.add_argument("--check", action="store_true", help="open every deck in a browser, list its faults")
    parser.add_argument("--shots", action="store_true", help="save pictures in build/slides/shots")
    args = parser.parse_args(argv)
    decks = []
    for lesson in _lessons.select(args.lessons):
        if not lesson.notebook.exists():
            print(f"{lesson.name}: no notebook yet. Make it with: {command('build', lesson.name)}")
            return 1
        nb = _lessons.read_published(lesson.notebook)
        if _lessons.sources(nb) != _lessons.sources(_lessons.read(lesson)):
            print(
                f"{lesson.name}: the notebook is older than the lesson; these are slides of the notebook. "
                f"Mend it with: {command('build', lesson.name)}"
            )
        stem = f"{lesson.number}_{lesson.name}"
        name = f"{stem}_tour.html" if args.tour else f"{stem}.html"
        decks.append(write(_tour(nb) if args.tour else nb, SLIDES / name))
        print(f"{decks[-1].relative_to(_lessons.ROOT).as_posix()}")
    return _report(decks, SLIDES / "shots" if args.shots else None) if args.check or args.shots else 0


def write(nb, path):
    """Write the deck of a notebook and, beside it, the assets that it loads.

    Args:
        nb: a notebook with outputs, as published; left as it was.
        path: where the deck goes.
    Returns:
        Path of the deck.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    copy_assets(path.parent / "assets")
    path.write_text(render(nb), encoding="utf-8", newline="\n")
    return path


def copy_assets(folder):
    """Copy reveal.js, MathJax and the style sheets into `folder`; files already there are replaced."""
    from pygments.formatters import HtmlFormatter

    shutil.copytree(HERE / "assets", folder, dirs_exist_ok=True)
    shutil.copyfile(HERE / "slides_template" / "deck.css", folder / "deck.css")
    colours = HtmlFormatter(style="default").get_style_defs(".highlight")
    (folder / "code.css").write_text(colours + "\n", encoding="utf-8", newline="\n")


def render(nb):
    """Turn a notebook into the text of a deck.

    Args:
        nb: a notebook with outputs; its metadata holds the front matter under "course".
    Returns:
        str: HTML that loads only files under assets/ beside it.
    """
    from nbconvert import SlidesExporter

    exporter = SlidesExporter(template_name="slides_template", extra_template_basedirs=[str(HERE)])
    exporter.exclude_anchor_links = True
    deck = {key: nb.metadata["course"][key] for key in ("number", "title")}
    html, _ = exporter.from_notebook_node(_presentable(nb), resources={"deck": deck})
    return html


def _tour(nb):
    """Copy a notebook with the cells tagged `tour` only."""
    short = copy.copy(nb)
    short.cells = [cell for cell in nb.cells if "tour" in cell.metadata.get("tags", [])]
    return short


def _presentable(nb):
    """Copy a notebook for the screen: no solutions, no skipped cells, and no code that is hidden or too
    long to stand above its figure. A link to another file becomes plain text: a deck travels alone. (Progress bars are
    stderr, which the template leaves out.)"""
    deck = copy.deepcopy(nb)
    deck.cells = [
        cell
        for cell in deck.cells
        if "solution" not in cell.metadata.get("tags", [])
        and cell.metadata.get("slideshow", {}).get("slide_type") != "skip"
    ]
    for cell in deck.cells:
        if cell.cell_type != "code":
            cell.source = LINK.sub(r"\1", cell.source)
            continue
        draws = any("image/png" in out.get("data", {}) for out in cell.outputs)
        long = len(cell.source.splitlines()) > LINES_ABOVE_A_FIGURE
        hidden = "hide-input" in cell.metadata.get("tags", []) or cell.metadata.get("jupyter", {}).get("source_hidden")
        if hidden or (draws and long):
            cell.metadata["transient"] = {"remove_source": True}
    return deck


def _report(decks, shots):
    if shots:
        shutil.rmtree(shots, ignore_errors=True)  # pictures of slides that are gone would mislead
    try:
        with _deck.browser() as page:
            faults = [
                f"{deck.stem}: {fault}"
                for deck in decks
                for fault in _deck.check(page, deck, shots=shots / deck.stem if shots else None)
            ]
    except _deck.NoBrowser as missing:
        print(f"Not run: {missing}")
        return 1
    for fault in faults:
        print(fault)
    if shots:
        print(f"A picture of each slide is in {shots.relative_to(_lessons.ROOT).as_posix()}")
    print(f"{len(decks)} decks, {len(faults)} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
