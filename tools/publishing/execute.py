"""Runs the cells of a notebook in a fresh kernel, one after the other; needs nbclient and no extra."""

import ast
import asyncio
import atexit
import copy
import functools
import os
import re
import signal
from contextlib import suppress

from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

from tools.environment.env import import_path

ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
CELL_TIMEOUT_S = 600
QUIET = ["--IPKernelApp.log_level=ERROR"]  # the kernel warns of its own transport at every start
DIED_AT_START = "Kernel died before replying to kernel_info"


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


def execute(nb, *, folder, env=None, on_cell=None, timeout=CELL_TIMEOUT_S, lesson=None, before=None, ask=None):
    """Run every code cell of a copy of `nb` in a fresh kernel of this very Python.

    Args:
        nb: the notebook; left as it was.
        folder: working directory of the kernel; must exist.
        env: changes to the environment of the kernel, name -> text; None as a value removes a name. Without any the
            kernel has that of this process, and imports the library of this folder.
        on_cell: called with its number, among all cells from 1, after each code cell.
        timeout: seconds that one cell may take.
        lesson: what to call the notebook in an error; default its title.
        before: code that the kernel runs first; no cell sees it.
        ask: name -> an expression that gives a text; worked out in the kernel after the last cell.
    Returns:
        NotebookNode: the copy with outputs and execution counts; with `ask`, `nb.metadata["answers"]` is name -> text.
    Raises:
        CellFailed: at the first cell that fails; cells below are not run.
        ValueError: an expression of `ask` fails; the message names it.
        KeyboardInterrupt: Ctrl-C; the kernel is gone then.
    """
    nb = copy.deepcopy(nb)
    lesson = lesson or nb.metadata.get("course", {}).get("title", "the notebook")
    again_if_it_dies_at_start(_in_a_kernel)(nb, folder, timeout, env, lesson, on_cell, before, ask)
    return nb


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


def _in_a_kernel(nb, folder, timeout, *rest):
    client = NotebookClient(
        nb,
        timeout=timeout,
        kernel_name="python3",
        record_timing=False,
        store_widget_state=False,
        extra_arguments=QUIET,
        resources={"metadata": {"path": str(folder)}},
    )
    # A loop of its own, closed at the end: works in any thread. Windows' default loop does not suit zmq.
    with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
        try:
            runner.run(_run_all(client, *rest))
        except asyncio.CancelledError:
            raise KeyboardInterrupt from None
        except RuntimeError:
            atexit.unregister(client._cleanup_kernel)  # nbclient 0.11 leaves it when a kernel does not start
            raise


async def _run_all(client, env, lesson, on_cell, before, ask):
    # On Ctrl-C nbclient takes the kernel from under the cell that runs, which then fails in its own way: the task is
    # cancelled instead. nbclient sets its handler before it first waits for anything; ours comes right after.
    asyncio.get_running_loop().call_soon(_answer_ctrl_c, client, asyncio.current_task())
    async with client.async_setup_kernel(env=_environment(env)):
        if before:
            await _silently(client, before)
        for number, cell in enumerate(client.nb.cells, start=1):
            if cell.cell_type == "code":
                await _run_cell(client, cell, number, lesson)
                if on_cell:
                    on_cell(number)
        if ask:
            told = (await _silently(client, "", user_expressions=ask))["user_expressions"]
            for name, one in told.items():
                if one["status"] != "ok":
                    raise ValueError(f"{name} = {ask[name]} fails: {one['ename']}: {one['evalue']}")
            client.nb.metadata["answers"] = {n: ast.literal_eval(one["data"]["text/plain"]) for n, one in told.items()}


async def _silently(client, code, **more):
    """Run code that leaves no trace in the notebook's counts; gives the content of the kernel's reply."""
    reply = await client.kc.execute(code, silent=True, store_history=False, reply=True, timeout=60, **more)
    if reply["content"]["status"] != "ok":
        raise RuntimeError(f"the kernel refused what the build asks of it: {reply['content']}")
    return reply["content"]


def _answer_ctrl_c(client, task):
    def stop():
        client.shutdown_kernel = "immediate"  # a kernel that computes would not hear a polite request
        task.cancel()

    with suppress(RuntimeError, ValueError):  # Windows, where asyncio.Runner cancels; or not the main thread
        asyncio.get_running_loop().add_signal_handler(signal.SIGINT, stop)


def _environment(changes):
    merged = {**os.environ, "PYTHONPATH": import_path(), **(changes or {})}
    return {name: value for name, value in merged.items() if value is not None}


async def _run_cell(client, cell, number, lesson):
    try:
        await client.async_execute_cell(cell, number - 1)
    except CellExecutionError as caught:
        text = ANSI.sub("", caught.traceback)
        error = f"{caught.ename}: {caught.evalue}".strip()
        raise CellFailed(lesson, number, _failing_line(text, cell), client.nb, error, text) from None
    except (CellTimeoutError, DeadKernelError) as caught:
        if asyncio.current_task().cancelling():  # nbclient takes it for the end of the kernel
            raise asyncio.CancelledError from None
        error = str(caught).strip().splitlines()[0]
        raise CellFailed(lesson, number, 1, client.nb, error, str(caught)) from None


def _failing_line(traceback, cell):
    """Give the line of this cell in which the error started; frames of other cells do not count."""
    found = re.search(rf"Cell In\[{cell.execution_count}\], line (\d+)", traceback)
    return int(found.group(1)) if found else 1
