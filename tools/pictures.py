"""Take the pictures of the course in docs/pictures: of a result, a lesson, a check, a scorecard, a slide, the site."""

import argparse
import io
import json
import sys
import tempfile
from pathlib import Path

from course_utils.files import write_whole
from tools import site, slides
from tools.decks import deck
from tools.publishing import lessons
from tools.website import drawn, screen
from tools.website.pictures import (
    DRAWING,
    DRAWN,
    FILTERS,
    FOLDER,
    LESSON,
    PICTURES,
    SCORED,
    SOURCES,
    digest,
    known,
    old,
)

REQUIRES = ("dev", "site")
EXERCISE = "qparams"
MISTAKE = """\
def qparams(values, qmin, qmax):
    low, high = values.min().item(), values.max().item()
    scale = (high - low) / (qmax - qmin) or 1.0
    return scale, qmin - round(low / scale)"""


def main(argv):
    """Take the pictures asked for and note what they show; with --check, name those that are old. Returns 0 or 1."""
    parser = argparse.ArgumentParser(prog="course.py pictures", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"{', '.join(PICTURES)} (default: all)")
    parser.add_argument("--check", action="store_true", help="take none; say which show what has changed since")
    args = parser.parse_args(argv)
    unknown = [name for name in args.names if name not in PICTURES]
    if unknown:
        print(f"There is no picture {unknown[0]!r}. There are: {', '.join(PICTURES)}.")
        return 2
    names = args.names or list(PICTURES)
    if args.check:
        found = old(names)
        print(*found, f"{len(names)} pictures, {len(found)} to be taken again", sep="\n")
        return 1 if found else 0
    try:
        for name in names:
            data = small(take(name))
            FOLDER.mkdir(parents=True, exist_ok=True)
            (FOLDER / f"{name}.png").write_bytes(data)
            _note(name)
            print(f"docs/pictures/{name}.png: {len(data) / 1000:.0f} kB. Look at it.")
    except (deck.NoBrowser, screen.NotShown) as reason:
        print(f"Not taken: {reason}")
        return 1
    return 0


def take(name):
    """One picture as PNG bytes, as the browser gives it.

    Raises:
        NoBrowser: there is none to take it with.
        NotShown: JupyterLab did not come up, or the page did not come to show what was asked.
    """
    lesson = lessons.select([LESSON])[0]
    with tempfile.TemporaryDirectory(prefix="course-", ignore_cleanup_errors=True) as scratch:
        folder = Path(scratch)
        if name == "smaller":
            return drawn.smaller(lessons.select([DRAWN])[0], DRAWING)
        if name == "lesson":
            return screen.lesson(lesson, FILTERS, folder)
        if name == "check":
            return screen.exercise(lesson, EXERCISE, MISTAKE, folder)
        if name == "scorecard":
            return screen.scorecard(lessons.select([SCORED])[0], folder)
        if name == "slide":
            return screen.slide(slides.write(lessons.read_published(lesson.notebook), folder / "deck.html"))
        if site.make(lessons.select([]), folder / "source", folder / "site"):
            raise screen.NotShown("the site could not be made; what is wrong stands above")
        return screen.page(folder / "site" / "index.html")


def small(png):
    """The picture in 128 colours, a third of the bytes."""
    from PIL import Image

    made = io.BytesIO()
    drawn = Image.open(io.BytesIO(png)).convert("RGB")
    drawn.quantize(128, dither=Image.Dither.NONE).save(made, "png", optimize=True)
    return made.getvalue()


def _note(name):
    noted = {key: value for key, value in known(FOLDER).items() if key in PICTURES} | {name: digest(name)}
    write_whole(FOLDER / SOURCES, json.dumps(dict(sorted(noted.items())), indent=1) + "\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
