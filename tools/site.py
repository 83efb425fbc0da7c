"""Make the site: every lesson as a page, with search and glossary; and the same pages as an EPUB."""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from course import command
from tools import slides
from tools.publishing import lessons as _lessons
from tools.website import site_check, site_lessons, site_pages

REQUIRES = ("dev", "site")
BUILD = _lessons.ROOT / "build"
SITE, SOURCE = BUILD / "site", BUILD / "site-source"
ASSETS = {  # of others, and what they are called on the site
    "decks/assets/mathjax/tex-svg.js": "mathjax.js",
    "website/assets/minisearch/index.js": "minisearch.js",
    "website/assets/minisearch/LICENSE.txt": "minisearch.LICENSE.txt",
}
BOOK = "resource_efficient_deep_learning.epub"
TEMPLATE = _lessons.ROOT / "tools" / "website" / "site_template"


def main(argv):
    """Write build/site from the published notebooks; nothing is executed. Returns 0, or 1 when something is wrong."""
    parser = argparse.ArgumentParser(prog="course.py site", description=__doc__)
    parser.add_argument("--check", action="store_true", help="open every page in a browser, list its faults")
    args = parser.parse_args(argv)
    lessons = _lessons.select([])
    missing = [lesson.name for lesson in lessons if not lesson.notebook.exists()]
    if missing:
        print(f"{', '.join(missing)}: no notebook yet. Make it with: {command('build', *missing)}")
        return 1
    try:
        if status := make(lessons, SOURCE, SITE):
            return status
    except OSError as error:
        print(f"{error.filename} cannot be written: {error.strerror}. Close what holds it (on Windows also a terminal")
        print("or a window that shows the folder), then start again.")
        return 1
    print(f"{SITE.relative_to(_lessons.ROOT).as_posix()}/index.html")
    return site_check.report(SITE) if args.check else 0


def make(lessons, source, folder):
    """Make the site in `folder`, from what is written to `source`; both are emptied. Returns Sphinx's exit status."""
    for old in (source, folder):
        if old.exists():
            shutil.rmtree(old)
    write_source(lessons, source)
    print("The pages are made, then the book for e-readers, then the slides: a few minutes in all.", flush=True)
    if status := build(source, folder) or make_book(source, folder):
        return status
    (folder / "notebooks").mkdir()
    for lesson in lessons:
        name = f"{lesson.number}_{lesson.name}"
        deck, back = folder / "slides" / f"{name}.html", f"../lessons/{lesson.name}.html"
        slides.write_beside(slides.of(lesson), deck, back)
        shutil.copyfile(lesson.notebook, folder / "notebooks" / f"{name}.ipynb")
    return 0


def write_source(lessons, folder):
    """Write what Sphinx reads: a notebook a lesson, and the other pages."""
    folder.mkdir(parents=True)
    shutil.copytree(TEMPLATE, folder, dirs_exist_ok=True)
    for asset, name in ASSETS.items():
        shutil.copyfile(_lessons.ROOT / "tools" / asset, folder / "static" / name)
    site_lessons.write(lessons, folder / "lessons")
    site_pages.write(lessons, folder)


def build(source, site):
    """Make the pages. Returns Sphinx's exit status."""
    return sphinx("-b", "html", source, site)


def make_book(source, folder):
    """Put the same pages as an EPUB beside those of the site. Returns Sphinx's exit status."""
    with tempfile.TemporaryDirectory() as temporary:
        pages, trees = Path(temporary, "book"), Path(temporary, "trees")
        if status := sphinx("-b", "epub", "-D", "html_math_renderer=mathml", "-d", trees, source, pages):
            return status
        shutil.copyfile(pages / BOOK, folder / BOOK)
    return 0


def sphinx(*words):
    """Run Sphinx in a process of its own, which keeps nothing here; a warning is an error. Returns its exit status."""
    environment = {**os.environ, "COURSE_SITE_ROOT": str(_lessons.ROOT)}  # for conf.py
    command_line = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", *map(str, words)]
    return subprocess.run(command_line, env=environment).returncode
