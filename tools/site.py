"""Make the site: every lesson as a page with its slides, the documents, and a search that needs no server."""

import argparse
import shutil
import subprocess
import sys
from pathlib import Path

from tools import slides
from tools.decks import deck_text
from tools.publishing import lessons as _lessons
from tools.website import site_check, source

REQUIRES = ("dev", "site")
BUILD = _lessons.ROOT / "build"
SITE, SOURCE = BUILD / "site", BUILD / "site-source"
HERE = Path(__file__).resolve().parent
MATHJAX = HERE / "decks" / "assets" / "mathjax" / "tex-svg.js"


def main(argv):
    """Write build/site from the published notebooks; nothing is executed. Returns 0, or 1 when something is wrong."""
    parser = argparse.ArgumentParser(prog="course.py site", description=__doc__)
    parser.add_argument("--check", action="store_true", help="open every page in a browser, list its faults")
    args = parser.parse_args(argv)
    try:
        status = make(_lessons.select([]), SOURCE, SITE)
    except OSError as error:
        print(f"{error.filename} cannot be written: {error.strerror}. Close what holds it (on Windows also a terminal")
        print("or a window that shows the folder), then start again.")
        return 1
    if status:
        return status
    print(f"{SITE.relative_to(_lessons.ROOT).as_posix()}/index.html")
    return site_check.report(SITE) if args.check else 0


def make(lessons, folder, site):
    """Make the site in `site`, from what is written to `folder`; both are emptied. Returns Sphinx's exit status."""
    for old in filter(Path.exists, (folder, site)):
        shutil.rmtree(old)
    addresses = make_slides(lessons, site)
    source.write(folder, HERE / "website" / "site_template", addresses)
    shutil.copyfile(MATHJAX, folder / "static" / "mathjax.js")
    print("The pages are made: a few minutes.", flush=True)
    command_line = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-b", "html", folder, site]
    if status := subprocess.run([*map(str, command_line)]).returncode:  # a process of its own: it keeps nothing here
        return status
    for path in (_lessons.ROOT / "notebooks").glob("*/*.ipynb"):
        shutil.copyfile(path, site / path.relative_to(_lessons.ROOT))
    return 0


def make_slides(lessons, site):
    """Make the slides of all lessons that have a deck. Returns their addresses by the names of the lessons."""
    addresses = {}
    for lesson in lessons:
        if deck_text.source(lesson).exists():
            address = f"slides/{lesson.number}_{lesson.name}.html"
            try:
                slides.write_beside(slides.of(lesson), site / address, f"../notebooks/{lesson.place[:-6]}.html")
                addresses[lesson.name] = address
            except ValueError as reason:
                print(f"No slides of {lesson.name}: {reason}")
    return addresses
