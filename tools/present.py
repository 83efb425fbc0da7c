"""Show a lesson as slides in the browser, on a running kernel: every cell can be run in front of the room."""

import argparse
import copy
import json
import re
import shutil
import subprocess
import time
import urllib.request
import webbrowser
from pathlib import Path

import nbformat

import course
from tools import open as open_task
from tools.decks import arrange
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
    file = write(lessons.read_published(lesson.notebook), FOLDER / f"{lesson.name}.ipynb")
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


def write(nb, file):
    """Write the copy of a lesson that is shown, and beside it the style of the slides.

    Args:
        nb: the published notebook; left as it was.
        file: where the copy goes (Path).
    Returns:
        Path of the copy.
    """
    from nbformat.sign import NotebookNotary

    shown = for_a_room(nb)
    file.parent.mkdir(parents=True, exist_ok=True)
    lessons.write(shown, file)
    shutil.copyfile(STYLE, file.with_name("rise.css"))
    # What is not signed shows neither drawings nor sliders before its cell is run.
    NotebookNotary().sign(lessons.read_published(file))
    return file


def for_a_room(nb):
    """Copy a published notebook as a room sees it: outputs stay, solutions go, code over a figure is folded.

    Args:
        nb: NotebookNode; left as it was.
    Returns:
        NotebookNode: slides as they were; notes are plain text, which the speaker's view shows as it is.
    """
    shown = copy.deepcopy(nb)
    shown.cells = [cell for cell in shown.cells if "solution" not in cell.metadata.get("tags", [])]
    for cell in shown.cells:
        if cell.metadata.get("slideshow", {}).get("slide_type") == "notes":
            cell.cell_type, cell.source = "raw", EMPHASIS.sub(r"\2", cell.source)  # Markdown would be there twice
        if cell.cell_type == "code" and arrange.hides_code(cell):
            cell.metadata["jupyter"] = {"source_hidden": True}
    script = nbformat.v4.new_output(
        "display_data", {"text/html": f"<script>{SCRIPT.read_text(encoding='utf-8')}</script>"}
    )
    shown.cells.append(nbformat.v4.new_code_cell(outputs=[script], metadata={"slideshow": {"slide_type": "skip"}}))
    # The words of JupyterLab for this kernel: with others the notebook would be unsaved as soon as it is open.
    shown.metadata = type(nb.metadata)(
        course=nb.metadata.get("course", {}),
        kernelspec=workspace.KERNELSPEC,
        language_info=workspace.LANGUAGE,
        rise=RISE,
    )
    return shown


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
