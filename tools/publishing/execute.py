"""Runs the cells of a notebook in a fresh kernel, one after the other, by nbclient; needs no extra."""

import asyncio
import copy
import functools
import os
import re
import signal
import sys
from contextlib import suppress

from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from tqdm import tqdm

from tools.environment.env import import_path

ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
CELL_TIMEOUT_S = 1800  # against hanging only: the longest cells take half a minute on a quiet machine
QUIET = ["--IPKernelApp.log_level=ERROR"]  # the kernel warns of its own transport at every start
DIED_AT_START = "Kernel died before replying to kernel_info"


# It makes no forecast: one cell takes a thousand times as long as another.
BAR = "{desc}{n_fmt} of {total_fmt} cells |{bar}| {elapsed}"


def bar(total):
    """A bar on stdout over so many cells that run; call its `update()` after each."""
    return tqdm(total=total, file=sys.stdout, bar_format=BAR)


class CellFailed(Exception):
    """A cell raised, ran out of time or lost its kernel.

    Attributes: lesson (title or name), number (from 1, all cells counted), line (from 1, within
    the cell), source (of the cell), error (one line), traceback (text without colours), notebook
    (what was run so far, the failing cell with its error).
    """

    def __init__(self, lesson, number, line, notebook, error, traceback):
        super().__init__(f"{lesson}, cell {number}, line {line} of the cell: {error}")
        self.lesson, self.number, self.line = lesson, number, line
        self.notebook, self.source = notebook, notebook.cells[number - 1].source
        self.error, self.traceback = error, traceback


def again_if_it_dies_at_start(start):
    """Call `start` once more when its kernel died before it answered.

    Free ports are looked up before the kernel takes them; another process may take one meanwhile.
    """

    @functools.wraps(start)
    def started(*args, **options):
        try:
            return start(*args, **options)
        except RuntimeError as error:
            if DIED_AT_START not in str(error):
                raise
            return start(*args, **options)

    return started


@again_if_it_dies_at_start
def execute(nb, *, folder, env=None, on_cell=None, timeout=CELL_TIMEOUT_S, lesson=None):
    """Run every code cell of a copy of `nb` in a fresh kernel of this very Python.

    Args:
        nb: the notebook; left as it was.
        folder: working directory of the kernel; must exist.
        env: changes to the environment of the kernel, name -> text; None as a value removes a name. Without any the
            kernel has that of this process, and imports the library of this folder.
        on_cell: called with its number, among all cells from 1, after each code cell.
        timeout: seconds that one cell may take.
        lesson: what to call the notebook in an error; default its title.
    Returns:
        NotebookNode: the copy with outputs and execution counts.
    Raises:
        CellFailed: at the first cell that fails; cells below are not run.
        KeyboardInterrupt: Ctrl-C; the kernel is gone then.
    """
    nb, number = copy.deepcopy(nb), 0
    lesson = lesson or nb.metadata.get("course", {}).get("title", "the notebook")

    def begun(cell, cell_index):
        nonlocal number
        number = cell_index + 1

    def done(cell, cell_index, execute_reply):
        if on_cell:
            on_cell(cell_index + 1)

    client = NotebookClient(
        nb,
        timeout=timeout,
        kernel_name="python3",
        record_timing=False,
        store_widget_state=False,
        extra_arguments=QUIET,
        resources={"metadata": {"path": str(folder)}},
        on_cell_start=begun,
        on_cell_executed=done,
    )
    environment = {**os.environ, "PYTHONPATH": import_path(), **(env or {})}
    environment = {name: value for name, value in environment.items() if value is not None}

    try:
        # A loop of its own, closed at the end: works in any thread. Windows' default loop does not suit zmq.
        with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
            runner.run(_run(client, environment))
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None
    except CellExecutionError as caught:
        text = ANSI.sub("", caught.traceback)
        found = re.search(rf"Cell In\[{nb.cells[number - 1].execution_count}\], line (\d+)", text)
        error = f"{caught.ename}: {caught.evalue}".strip()
        raise CellFailed(lesson, number, int(found[1]) if found else 1, nb, error, text) from None
    except (CellTimeoutError, DeadKernelError) as caught:
        error = str(caught).strip().splitlines()[0]
        raise CellFailed(lesson, number, 1, nb, error, str(caught)) from None
    return nb


async def _run(client, environment):
    """Execute; at Ctrl-C end the kernel at once: nbclient's own answer takes it from under the cell that runs."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()

    def stop():
        client.shutdown_kernel = "immediate"  # a kernel that computes would not hear a polite request
        task.cancel()

    def answer_ctrl_c():
        with suppress(NotImplementedError, RuntimeError, ValueError):  # Windows, where Runner cancels; another thread
            loop.add_signal_handler(signal.SIGINT, stop)

    loop.call_soon(answer_ctrl_c)  # after nbclient has set its own
    try:
        await client.async_execute(env=environment)
    except DeadKernelError:
        if task.cancelling():  # nbclient takes it for the end of the kernel
            raise asyncio.CancelledError from None
        raise
