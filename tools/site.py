"""Make the site: every lesson as a page, with search, glossary, references and the library's interface; works offline."""

import argparse
import os
import shutil
import sys

from course import command
from tools import _lessons, _site_lessons, _site_pages, slides

REQUIRES = ("dev", "site")
BUILD = _lessons.ROOT / "build"
SITE, SOURCE = BUILD / "site", BUILD / "site-source"
TEMPLATE = _lessons.ROOT / "tools" / "site_template"


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
    for folder in (SOURCE, SITE):
        shutil.rmtree(folder, ignore_errors=True)
    write_source(lessons, SOURCE)
    if status := build(SOURCE, SITE):
        return status
    for lesson in lessons:
        slides.write(_lessons.read_published(lesson.notebook), SITE / "slides" / f"{lesson.number}_{lesson.name}.html")
        copy = SITE / "notebooks" / f"{lesson.number}_{lesson.name}.ipynb"
        copy.parent.mkdir(exist_ok=True)
        shutil.copyfile(lesson.notebook, copy)
    print(f"{SITE.relative_to(_lessons.ROOT).as_posix()}/index.html")
    if args.check:
        from tools import _site_check

        return _site_check.report(SITE)
    return 0


def write_source(lessons, folder):
    """Write what Sphinx reads: a notebook a lesson, and the other pages."""
    folder.mkdir(parents=True)
    shutil.copytree(TEMPLATE, folder, dirs_exist_ok=True)
    shutil.copyfile(
        next((_lessons.ROOT / "tools" / "assets" / "mathjax").glob("*.js")), folder / "static" / "mathjax.js"
    )
    _site_lessons.write(lessons, folder / "lessons")
    _site_pages.write(lessons, folder)


def build(source, site):
    """Run Sphinx; a warning is an error. Returns its exit status."""
    from sphinx.cmd.build import main as sphinx

    os.environ["COURSE_SITE_ROOT"] = str(_lessons.ROOT)  # for conf.py, which Sphinx reads by itself
    return sphinx(["-b", "html", "-W", "--keep-going", "-q", "-j", "1", str(source), str(site)])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
