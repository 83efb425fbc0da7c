"""Bring notebooks up to date with their lessons: those that changed are run. And the pages about all lessons."""

import argparse
import json
import tempfile
import time

import nbformat
from tqdm import tqdm

from course import command, say
from tools.decks import deck_text
from tools.environment import curriculum
from tools.publishing import compact, execute, lessons, openmp, pages, staleness, worksheets

REQUIRES = ("dev",)
TESTS = ("tests/lessons", "tests/test_tasks.py", "tests/test_repository.py")
BAR_WITHOUT_RATE = "{l_bar}{bar}| {n_fmt}/{total_fmt}{postfix}"


def main(argv):
    """Build what needs it, in the order of the course, and say what to type next; returns 1 when something failed."""
    parser = argparse.ArgumentParser(prog="course.py build", description=__doc__)
    parser.add_argument("lessons", nargs="*", metavar="NAME", help="lessons or worksheets (default: all)")
    parser.add_argument("--again", action="store_true", help="run them even when nothing has changed")
    args = parser.parse_args(argv)
    chosen = [worksheets.ALL[name] for name in args.lessons if name in worksheets.ALL]
    if named := [name for name in args.lessons if name not in worksheets.ALL]:
        chosen += lessons.select(named)
    try:
        return _build(chosen or [*curriculum.lessons().values(), *worksheets.ALL.values()], again=args.again)
    except (ValueError, LookupError) as wrong:  # of a text, or of course.toml
        say(str(wrong.args[0]))
        return 1


def _build(chosen, *, again):
    root = chosen[0].root
    written = [root / name for name in pages.refresh(root)]
    to_run = chosen if again else [page for page in chosen if not _caught_up(page, written)]
    built = []
    if to_run:
        with execute.bar(sum(map(_cells, to_run))) as bar:
            built = [page for page in to_run if _try(page, bar)]
    written += [page.notebook for page in built]
    if len(built) < len(to_run):
        return 1
    changed = [page for page in chosen if page.notebook in written]
    say(_next(changed, written, root) if written else "Everything is up to date; nothing was run.")
    return 0


def _caught_up(page, written):
    """Whether a notebook is up to date, perhaps after its text was renewed without a run."""
    if not page.notebook.exists():
        return False
    nb = lessons.read_published(page.notebook)
    if staleness.changes(page, nb):
        return False
    new = staleness.refreshed(page, nb)
    if nbformat.writes(new) != nbformat.writes(nb):
        lessons.write(new, page.notebook)
        written.append(page.notebook)
        say(f"{page.name}: its text has changed, and its code has not: brought up to date without a run")
    return True


def _cells(page):
    return sum(cell.cell_type == "code" for cell in lessons.read(page).cells) + 1  # the last one asks for the values


def _try(page, bar):
    """Build one page, and say what came of it; True = it went well."""
    start, file = time.perf_counter(), page.source.relative_to(page.root).as_posix()
    bar.set_description(page.name)
    try:
        build(page, on_cell=lambda _: bar.update())
        if page.source.with_name("deck.md").exists():
            deck_text.of_lesson(page)
    except lessons.CellFailed as failed:
        line = failed.source.splitlines()[failed.line - 1]
        stays = f"notebooks/{page.place} was left as it was."
        tqdm.write(f"{file}, cell {failed.number}: {failed.error}\n> {line}\n{stays}")
        return False
    except ValueError as wrong:
        tqdm.write(str(wrong))
        return False
    tqdm.write(f"{page.name}: run in {time.perf_counter() - start:.0f} s")
    return True


def build(page, *, on_cell=None):
    """Run one lesson or worksheet and write its notebook; on failure the one that is there is left as it was.

    Args:
        page: a `curriculum.Lesson` or a `worksheets.Worksheet`.
        on_cell: called with its number after each code cell.
    Raises:
        CellFailed: a cell failed, or one of the front matter's values, which count as a last cell.
    """
    nb, used = lessons.read(page), staleness.used(page)
    values = nb.metadata.get("course", {}).get("values", {})
    asked = ", ".join(f"{name!r}: str({expression})" for name, expression in values.items())
    nb.cells.append(nbformat.v4.new_code_cell(f"import json\nprint(json.dumps({{{asked}}}))"))
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        ran = lessons.execute(nb, folder=folder, env=environment(), on_cell=on_cell, lesson=page.name)
        told = json.loads(ran.cells.pop().outputs[0].text)
        ran.metadata = {**nb.metadata, lessons.RUN: {"used": used, "values": told}}  # nothing of the kernel
        lessons.write(compact.compact(ran, root=page.root, folder=folder), page.notebook)


def environment():
    """Give the changes to the environment for a run that is kept; None = not set."""
    return {
        "COURSE_STRICT": "1",  # a claim that does not hold fails the build, but one of speed
        "COURSE_THREADS": "1",
        "OMP_NUM_THREADS": "1",
        "COURSE_PROGRESS": "0",
        "COURSE_QUICK": None,
        "COURSE_MODELS": "fetch",  # a page shows the real models, never a stand-in
        "COURSE_JUDGE_SPEED": None,
        "MPLBACKEND": None,
        "TQDM_BAR_FORMAT": BAR_WITHOUT_RATE,
        **openmp.environment(),  # as a learner's kernel has it
    }


def _next(changed, written, root):
    """What to type next: the tests of these pages, and what goes into the commit."""
    names = [page.name for page in changed if isinstance(page, curriculum.Lesson)]
    tests = [*TESTS, "-k", f'"{" or ".join(names)}"'] if names else ["tests/publishing"]
    sources = [page.source.parent if page.name in names else page.source for page in changed]
    files = [path.relative_to(root).as_posix() for path in (*sources, *written)]
    return f"\nNext:\n  {command('test', *tests)}\n  git add {' '.join(files)}"
