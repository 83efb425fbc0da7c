"""Where the runs of a sweep are done when the caller names no executor."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from concurrent.futures import Executor, Future, ProcessPoolExecutor


class InProcess(Executor):
    """Does the work at once, in this process: for one core, and where processes are not to be had."""

    def submit(self, fn: Callable, /, *args: object, **kwargs: object) -> Future:
        """A future that is already done, with the result of fn or what it raised."""
        future: Future = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future


def processes(n: int) -> ProcessPoolExecutor:
    """A pool of n fresh processes: a forked one would inherit torch's threads half-way through their work."""
    return ProcessPoolExecutor(n, mp_context=multiprocessing.get_context("spawn"))
