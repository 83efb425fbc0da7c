"""What the pictures of the course are taken of: a lesson in JupyterLab and parts of it, a slide, a page of the site."""

import os
import re
import subprocess
import time
from contextlib import contextmanager
from unittest import mock

import nbformat

from tools.decks import deck as _deck
from tools.publishing import lessons
from tools.workspace import lab
from tools.workspace import workspace as _workspace

WIDE = {"width": 1240, "height": 760}
START_SECONDS, RUN_SECONDS = 90, 480
READY = """path => {
    const context = window.jupyterapp?.shell.currentWidget?.context;
    return context?.path == path && context.isReady;
}"""
DONE = "() => jupyterapp.shell.currentWidget.sessionContext.session?.kernel?.status == 'idle'"
DRAWS = """words => [...jupyterapp.shell.currentWidget.content.model.cells].findIndex(cell =>
    cell.type == 'code' && JSON.stringify(cell.outputs.toJSON()).includes(words))"""
BEGINS = """words => [...jupyterapp.shell.currentWidget.content.model.cells].findIndex(cell =>
    cell.type == 'code' && cell.sharedModel.source.startsWith(words))"""
TAGGED = """tag => [...jupyterapp.shell.currentWidget.content.model.cells].findIndex(cell =>
    cell.getMetadata('tags')?.includes(tag))"""
SHOW = """n => {
    const book = jupyterapp.shell.currentWidget.content;
    book.activeCellIndex = n; book.mode = 'command'; book.deselectAll();
    return book.scrollToItem(n, 'start').then(() => book.widgets[n].node.scrollIntoView({block: 'start'}));
}"""
BOX = """([from, to, most]) => {
    const box = n => jupyterapp.shell.currentWidget.content.widgets[n].node.getBoundingClientRect();
    const {x, y, width} = box(from);
    return {x, y, width: Math.min(most, width), height: box(to).bottom - y};
}"""


class NotShown(Exception):
    """What the picture is of did not come to stand on the screen; the text says what was waited for."""


def lesson(lesson, words, folder):
    """A lesson as it was published, in JupyterLab, at the drawing whose alt text has some words, as PNG bytes.

    Raises:
        NoBrowser, NotShown: as `_jupyterlab`; NotShown, too, where no drawing has the words.
    """
    with _jupyterlab(lesson, folder, published=True) as page:
        cell = page.evaluate(DRAWS, words)
        if cell < 0:
            raise NotShown(f"{lesson.name} has no drawing with the words {words!r}")
        page.wait_for_timeout(3000)  # the list of files opens some time after JupyterLab is there
        _show(page, cell)
        return page.screenshot()


def exercise(lesson, name, answer, folder):
    """An answer to an exercise and the verdict of its check, in JupyterLab, as PNG bytes.

    Args:
        lesson: a `syllabus.Lesson`.
        name: of the function that the exercise asks for.
        answer: the text of a function, typed in place of the stub.
        folder: an empty folder for the learner's copy.

    Raises:
        NoBrowser, NotShown: as `_jupyterlab`.
    """
    with _jupyterlab(lesson, folder) as page:
        stub = page.evaluate(BEGINS, f"def {name}(")
        if stub < 0:
            raise NotShown(f"{lesson.name} has no exercise {name!r}")
        page.evaluate(
            "([n, text]) => jupyterapp.shell.currentWidget.content.model.cells.get(n).sharedModel.setSource(text)",
            [stub, answer],
        )
        _without_the_list_of_files(page)
        for cell in (stub, stub + 1):  # the check imports what it needs
            _show(page, cell)
            _command(page, "notebook:run-cell")
        _show(page, stub)
        return page.screenshot(clip=page.evaluate(BOX, [stub, stub + 1, 1000]))


def scorecard(lesson, folder):
    """The scorecard of a lesson as it was published, in JupyterLab, as PNG bytes.

    Raises:
        NoBrowser, NotShown: as `_jupyterlab`; NotShown, too, where the lesson has none.
    """
    with _jupyterlab(lesson, folder, published=True) as page:
        _without_the_list_of_files(page)
        card = page.evaluate(TAGGED, "scorecard")
        if card < 0:
            raise NotShown(f"{lesson.name} has no scorecard")
        _show(page, card)
        return page.screenshot(clip=page.evaluate(BOX, [card, card, WIDE["width"]]))


def slide(deck):
    """The slide of a deck that uses its page best among those with a question and a picture, as PNG bytes."""
    with _deck.browser() as page:
        seen = _deck.look(page, deck)
        fit = [(one["full"], n) for n, one in enumerate(seen.slides, 1) if one["layout"] == "split" and one["picture"]]
        if not fit:
            raise NotShown(f"{deck.name} has no slide with a question and a picture")
        page.evaluate("n => deck.show(n)", max(fit)[1])
        return page.screenshot()


def page(path):
    """The top of a page of the site, as PNG bytes."""
    with _deck.browser() as page:
        page.set_viewport_size({"width": 1240, "height": 860})
        page.goto(path.as_uri(), wait_until="load")
        return page.screenshot()


def without_notes(nb):
    """A published notebook as a learner has it: what only a lecturer reads is taken out."""
    nb.cells = [cell for cell in nb.cells if "remove-cell" not in cell.metadata.get("tags", [])]
    return nb


@contextmanager
def _jupyterlab(lesson, folder, published=False):
    """JupyterLab as `open` starts it, on new copies in an empty folder; yields a browser's page with a lesson in it.

    Args:
        lesson: a `syllabus.Lesson`.
        folder: the empty folder.
        published: show the lesson with the outputs that were published, in place of a learner's copy.
    Raises:
        NoBrowser: there is none.
        NotShown: the server, or the lesson in it, did not come.
    """
    from playwright.sync_api import Error, sync_playwright

    browser = _deck.find_browser()
    if browser is None:
        raise _deck.NoBrowser("no browser. Install Chromium, Chrome or Edge, or name one in COURSE_BROWSER.")
    workspace, log = folder / "workspace", folder / "log"
    _workspace.fill(lessons.NOTEBOOKS, workspace)
    if published:
        nbformat.write(without_notes(lessons.read_published(lesson.notebook)), workspace / lesson.place)
    own = {name: str(folder / name.lower()) for name in ("JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR")}
    own |= {name: str(folder / name.lower()) for name in ("JUPYTER_CONFIG_DIR", "IPYTHONDIR", "COURSE_LEDGER")}
    words = lab.command(workspace, "/lab")
    with mock.patch.dict(os.environ, own), log.open("w", encoding="utf-8") as said:
        server = subprocess.Popen(
            [*words, "--LabApp.expose_app_in_browser=True"],
            env=lab.environment(workspace),
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
        )
    try:
        with sync_playwright() as play:
            program = play.chromium.launch(executable_path=browser)
            shown = program.new_page(viewport=WIDE)
            shown.set_default_timeout(START_SECONDS * 1000)
            shown.goto(_address(server, log))
            shown.wait_for_function("window.jupyterapp?.shell")
            shown.evaluate("jupyterapp.restored.then(() => 0)")
            shown.evaluate("path => jupyterapp.commands.execute('docmanager:open', {path}).then(() => 0)", lesson.place)
            shown.wait_for_function(READY, arg=lesson.place)
            shown.wait_for_function(DONE)
            yield shown
    except Error as late:
        raise NotShown(f"JupyterLab did not show the lesson: {str(late).splitlines()[0]}") from late
    finally:
        server.kill()
        server.wait()


def _address(server, log):
    """The address that the server prints when it is ready."""
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end and server.poll() is None:
        if found := re.search(r"http://\S+", log.read_text(encoding="utf-8")):
            return found[0]
        time.sleep(0.1)
    raise NotShown(f"JupyterLab did not start. It wrote: {log.read_text(encoding='utf-8').strip() or 'nothing'}")


def _command(page, name):
    """Do what a menu entry of JupyterLab does, and wait for the kernel."""
    page.set_default_timeout(RUN_SECONDS * 1000)
    page.evaluate("name => jupyterapp.commands.execute(name).then(() => 0)", name)
    page.wait_for_function(DONE)


def _without_the_list_of_files(page):
    page.wait_for_timeout(3000)  # JupyterLab opens it some time after it is there
    page.evaluate("jupyterapp.shell.collapseLeft()")


def _show(page, number):
    """Bring a cell to the top of the window; what comes into sight above it is drawn and moves it: so twice."""
    for _ in range(2):
        page.evaluate(SHOW, number)
        page.wait_for_timeout(1500)
