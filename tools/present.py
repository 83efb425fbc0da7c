"""Show the deck of a lesson in the browser, on a running kernel: every cell can be run in front of the room."""

import argparse
import copy
import json
import re
import shutil
import subprocess
import time
import urllib.request
import uuid
import webbrowser
from pathlib import Path

import nbformat

import course
from tools import open as open_task
from tools.decks import arrange, deck_text
from tools.publishing import bar as bars
from tools.publishing import lessons
from tools.workspace import lab, workspace

REQUIRES = ("live",)
FOLDER = workspace.RESULTS / "present"
STYLE, SCRIPT = (Path(__file__).resolve().parent / "decks" / name for name in ("present.css", "present.js"))
EMPHASIS = re.compile(r"(\*{1,2})(\S(?:.*?\S)?)\1")
START_SECONDS, CELL_SECONDS = 60, 600
RISE = {  # what jupyterlab-rise reads in a notebook
    "theme": "white",  # others fetch their letters from the network
    "transition": "none",
    "center": False,
    "controls": False,
    "slideNumber": "c/t",
    "start_slideshow_at": "beginning",
}


def main(argv):
    """Copy the lesson, start Jupyter, run the cells, open the slides; returns the exit status of Jupyter."""
    parser = argparse.ArgumentParser(prog="course.py present", description=__doc__)
    parser.add_argument("lesson", metavar="NAME", help="a lesson, for example energy or 1.2")
    parser.add_argument("--no-open", action="store_true", help="print the address, open no browser")
    parser.add_argument("--no-run", action="store_true", help="do not run the cells before the first slide")
    parser.add_argument("--port", type=int, help="port of Jupyter (default: 8888, or the next free one)")
    options = parser.parse_args(argv)
    [lesson, *more] = lessons.select([options.lesson])
    if more:
        raise SystemExit(f"{options.lesson!r} is a whole part; name one lesson, for example {lesson.name}.")
    if not lesson.notebook.exists():
        course.say(f"{lesson.name}: no notebook yet. Make it with: {course.command('build', lesson.name)}")
        return 1
    nb = lessons.read_published(lesson.notebook)
    file = write(for_a_room(deck_text.of_lesson(lesson), nb), FOLDER / f"{lesson.name}.ipynb")
    server = lab.server_of(FOLDER)
    process = None if server else start(file, port=options.port)
    try:
        server = server or wait_for(process)
        if server is None:
            course.say("Jupyter did not start. What it wrote stands above.")
            return 1
        if not options.no_run:
            run(file, server)
        address = f"{server['url']}rise/{file.name}?token={server['token']}"
        course.say(
            f"The slides: {address}\nClick on a slide; then Space goes on, Ctrl+Enter runs the cell with the bar."
        )
        if open_task.has_display() and not options.no_open:
            webbrowser.open(address)
        if process is None:
            return 0
        course.say("Ctrl-C ends Jupyter and the kernel.")
        return process.wait()
    except KeyboardInterrupt:  # Jupyter had it too, and ends its kernels
        return process.wait() if process else 130
    finally:
        if process and process.poll() is None:
            process.terminate()
            process.wait()


def write(shown, file):
    """Write the notebook that is shown, and beside it the style of the slides; gives the Path of the notebook."""
    from nbformat.sign import NotebookNotary

    file.parent.mkdir(parents=True, exist_ok=True)
    lessons.write(shown, file)
    shutil.copyfile(STYLE, file.with_name("rise.css"))
    # What is not signed shows neither drawings nor sliders before its cell is run.
    NotebookNotary().sign(lessons.read_published(file))
    return file


def for_a_room(deck, nb):
    """The slides of a deck as a notebook that a kernel can run.

    Args:
        deck: a `deck_text.Deck` of one lesson.
        nb: its published notebook; left as it was.
    Returns:
        NotebookNode: what the deck shows, with the outputs that it shows; between that, on no slide, the code of the
        lesson that must have run before. Notes are plain text, which the speaker's view shows as it is.
    """
    code = [cell for cell in nb.cells if cell.cell_type == "code" and "solution" not in cell.metadata.get("tags", [])]
    places = {cell.metadata["name"]: at for at, cell in enumerate(code) if "name" in cell.metadata}
    cells, done = [], 0
    for slide in deck.slides:
        kind = "slide" if slide.new_stack else "subslide"
        for at, group in enumerate([[slide.heading or _text(""), *slide.head], *slide.fragments]):
            kind = "fragment" if at else kind
            for cell in group:
                if cell.cell_type == "code":
                    before = places[cell.metadata["name"]]
                    cells += [_placed(one, "skip") for one in code[done:before]]
                    done = max(done, before + 1)
                cells.append(_placed(cell, kind))
                kind = "-"
        words = "\n\n".join(EMPHASIS.sub(r"\2", note.source) for note in slide.notes)
        cells.append(_placed(nbformat.v4.new_raw_cell(words), "notes"))  # as Markdown it would be there twice
    html = f"<script>{SCRIPT.read_text(encoding='utf-8')}</script>"
    script = nbformat.v4.new_output("display_data", {"text/html": html})
    cells += [_placed(one, "skip") for one in [*code[done:], nbformat.v4.new_code_cell(outputs=[script])]]
    # The words of JupyterLab for this kernel: with others the notebook would be unsaved as soon as it is open.
    about = {"kernelspec": workspace.KERNELSPEC, "language_info": workspace.LANGUAGE, "rise": RISE}
    return nbformat.v4.new_notebook(cells=cells, metadata={"course": nb.metadata.get("course", {}), **about})


def _placed(cell, kind):
    """A copy of a cell with its place in the slides and an id of its own; code that no slide shows is folded."""
    shown = copy.deepcopy(cell)
    if arrange.HTML in cell.metadata:  # the picture of a title
        shown = _text(cell.metadata[arrange.HTML])
    folded = shown.cell_type == "code" and not arrange.shows_code(shown)
    shown.id = uuid.uuid4().hex[:12]
    shown.metadata = {"slideshow": {"slide_type": kind}, **({"jupyter": {"source_hidden": True}} if folded else {})}
    return nbformat.from_dict(shown)


def _text(source):
    return nbformat.v4.new_markdown_cell(source)


def start(file, *, port=None):
    """Start Jupyter on the folder of a copy; the address that it prints is that of the slides."""
    words = lab.command(file.parent, f"/rise/{file.name}", port=port)
    return subprocess.Popen(words, env=lab.environment(file.parent))


def wait_for(process):
    """What Jupyter has written down of a server that was just started; None where it ended, or says nothing."""
    end = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < end:
        server = lab.server_of(FOLDER)
        if server:
            return server
        time.sleep(0.2)
    return None


def run(file, server):
    """Run the code of a notebook in a kernel of the server, which its slides will find by the name of the file.

    A cell that fails is told, and those below are not run: the slides show what was published.
    """
    from jupyter_client import BlockingKernelClient
    from jupyter_core.paths import jupyter_runtime_dir

    session = _ask(server, "sessions", {"path": file.name, "name": file.name, "type": "notebook", "kernel": {}})
    client = BlockingKernelClient(connection_file=f"{jupyter_runtime_dir()}/kernel-{session['kernel']['id']}.json")
    client.load_connection_file()
    client.start_channels(iopub=False, stdin=False, hb=False, control=False)  # only whether a cell failed is asked
    cells = [cell.source for cell in lessons.read_published(file).cells if cell.cell_type == "code"]
    try:
        with bars.cells(len(cells), "Running the lesson") as bar:
            for source in cells:
                reply = client.execute(source, reply=True, timeout=CELL_SECONDS)["content"]
                if reply["status"] != "ok":
                    raise RuntimeError(f"{reply.get('ename')}: {reply.get('evalue')}")
                bar.update()
    except (RuntimeError, TimeoutError) as error:
        first = source.partition("\n")[0]
        course.say(f"The cell that begins {first!r} fails, and those below were not run. {error}")
    finally:
        client.stop_channels()


def _ask(server, what, content):
    """Send a request to a server's own interface; gives its answer."""
    request = urllib.request.Request(
        f"{server['url']}api/{what}",
        json.dumps(content).encode(),
        {"Authorization": f"token {server['token']}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=START_SECONDS) as answer:
        return json.load(answer)
