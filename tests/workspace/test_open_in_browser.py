"""JupyterLab itself on the learner's copies: one server, one Ctrl-C, nothing unsaved, what is typed is soon on disk."""

import os
import re
import signal
import subprocess
import time
from types import SimpleNamespace

import nbformat
import pytest
from playwright.sync_api import sync_playwright

from tools import open as open_task
from tools.decks import browser
from tools.workspace import lab as jupyter
from tools.workspace import workspace

pytestmark = pytest.mark.slow
LESSON = "1_part/1_topic.ipynb"
READY = """() => {
    const shown = window.jupyterapp?.shell.currentWidget;
    return shown?.context?.path == "%s" && shown.context.isReady
}"""
STATE = """() => {
    const shown = window.jupyterapp.shell.currentWidget;
    return {dirty: shown.context.model.dirty, kernel: shown.sessionContext?.session?.kernel?.status}
}"""


def publish(folder):
    cells = [
        nbformat.v4.new_markdown_cell("# Topic", id="title", metadata={"tags": ["lecture"]}),
        nbformat.v4.new_code_cell("1 + 1", id="code", execution_count=1),
    ]
    nb = nbformat.v4.new_notebook(cells=cells, metadata={"course": {"name": "topic"}})
    (folder / LESSON).parent.mkdir(parents=True)
    (folder / LESSON).write_text(nbformat.v4.writes(nb), encoding="utf-8")


def terminal():
    """Where the process reads what is typed; JupyterLab asks at Ctrl-C only where that is a terminal."""
    return subprocess.DEVNULL if os.name == "nt" else os.openpty()[1]


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """JupyterLab as the task starts it, in a folder of its own: address, process, folder, what it wrote."""
    folder = tmp_path_factory.mktemp("course")
    publish(folder / "notebooks")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(open_task, "WORKSPACE", folder / "workspace")
        for name in ("JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "JUPYTER_CONFIG_DIR", "IPYTHONDIR"):
            patch.setenv(name, str(folder / name.lower()))  # nothing of the user's, and nothing left behind
        workspace.fill(folder / "notebooks", folder / "workspace")
        words = [*jupyter.command(folder / "workspace", open_task.page()), "--LabApp.expose_app_in_browser=True"]
        with (folder / "log").open("w", encoding="utf-8") as log:
            own = jupyter.environment(folder / "workspace")
            process = subprocess.Popen(words, env=own, stdin=terminal(), stdout=log, stderr=subprocess.STDOUT)
            try:
                yield SimpleNamespace(url=address(folder / "log"), process=process, folder=folder, log=folder / "log")
            finally:
                process.kill()
                process.wait()


def address(log):
    """The address that the server prints when it is ready."""
    for _ in range(6000):
        found = re.search(r"http://\S+", log.read_text(encoding="utf-8"))
        if found:
            return found[0]
        time.sleep(0.1)
    raise AssertionError(f"no address after ten minutes: {log.read_text(encoding='utf-8')}")


@pytest.fixture(scope="module")
def page(lab):
    """JupyterLab in a browser, with the lesson open."""
    with sync_playwright() as play:
        try:
            program = browser.launch(play)
        except browser.NoBrowser as reason:
            pytest.skip(f"not run: {reason}")
        shown = program.new_page(viewport={"width": 1366, "height": 768})
        shown.set_default_timeout(300_000)
        shown.goto(lab.url)
        open_file(shown, LESSON)
        yield shown
        program.close()


def open_file(page, path):
    """Open a file and wait until JupyterLab shows it."""
    page.wait_for_function("window.jupyterapp?.shell")
    page.evaluate("window.jupyterapp.restored.then(() => 0)")
    page.evaluate(f"window.jupyterapp.commands.execute('docmanager:open', {{path: '{path}'}}).then(() => 0)")
    page.wait_for_function(READY % path)


def test_a_notebook_that_was_only_opened_is_not_unsaved(page):
    page.wait_for_function(f"({STATE})().kernel == 'idle'")
    time.sleep(2)  # what the kernel says of its language arrives after it is idle
    assert page.evaluate(STATE) == {"dirty": False, "kernel": "idle"}


def test_a_learner_sees_no_cell_for_the_lecturer_and_no_news(page):
    sources = page.evaluate(
        "[...window.jupyterapp.shell.currentWidget.content.model.cells].map(c => c.sharedModel.source)"
    )
    assert sources == ["# Topic", "1 + 1"]
    assert page.locator(".jp-Notification-Toast").count() == 0 and "news" not in page.inner_text("body")


def test_what_is_typed_is_on_disk_within_seconds(lab, page):
    page.evaluate(
        "window.jupyterapp.shell.currentWidget.content.model.cells.get(1).sharedModel.setSource('typed by the learner')"
    )
    start = time.monotonic()
    while "typed by the learner" not in (lab.folder / "workspace" / LESSON).read_text(encoding="utf-8"):
        assert time.monotonic() - start < 100, "JupyterLab's own interval is 120 s"
        time.sleep(0.2)


@pytest.mark.skipif(os.name == "nt", reason="Windows sends Ctrl-C to a console, not to a process")
def test_ctrl_c_ends_it_without_a_question(lab):
    """Last in this file: the server is gone afterwards."""
    assert open_task.running() == lab.url, "a second start finds the first"
    lab.process.send_signal(signal.SIGINT)
    assert lab.process.wait(timeout=300) == 0
    assert "y/[n]" not in lab.log.read_text(encoding="utf-8")
    assert open_task.running() is None
