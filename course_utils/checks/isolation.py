"""Keeps a learner's function from hanging, flooding or changing the process that judges it."""

from __future__ import annotations

import builtins
import contextvars
import copy
import ctypes
import io
import math
import os
import queue
import random
import statistics
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import numpy as np
import torch

from course_utils.checks.mistake import Mistake
from course_utils.checks.values import show

CALL_SECONDS = 10.0  # of processor time, for one call of the learner's function
JUDGE_SECONDS = 60.0  # of processor time, for everything that a check does
PATIENCE = 6.0  # times as long by the clock on the wall: for an answer that sleeps, or one on a busy machine
STOP_SECONDS = 3.0  # how long an answer that is told to stop may go on before it is left alone
MAX_PRINTED = 100_000  # letters kept of what an answer prints

WATCHED = (
    builtins,
    math,
    random,
    statistics,
    copy,
    time,
    np,
    np.random,
    torch,
    torch.Tensor,
    torch.nn,
    torch.nn.functional,
    torch.nn.Module,
    torch.random,
)


class _Stop(BaseException):
    """Sent into the thread of an answer that takes too long; no `except Exception` holds it."""


class Since:
    """The time since a moment: of a thread's processor, and by the clock on the wall.

    Args:
        thread: whose processor time counts; it runs already.
    """

    def __init__(self, thread: threading.Thread):
        self._spent = _processor_clock(thread)
        self._work, self._wall = self._spent(), time.monotonic()

    def over(self, seconds: float) -> str:
        """Which limit is passed, in words: "10 seconds of processor time"; "" while none is.

        Args:
            seconds: of processor time; by the wall it is `PATIENCE` times as much.
        """
        if self._spent() - self._work > seconds:
            return f"{seconds:g} seconds of processor time"
        return f"{PATIENCE * seconds:g} seconds" if time.monotonic() - self._wall > PATIENCE * seconds else ""


def _processor_clock(thread: threading.Thread) -> Callable[[], float]:
    """What reads the processor time of a thread, in seconds, from another thread."""
    if hasattr(time, "pthread_getcpuclockid"):
        clock = time.pthread_getcpuclockid(thread.ident)
        return lambda: time.clock_gettime(clock)
    # Windows and macOS tell it of the process alone, in which the threads of torch count, too.
    threads = torch.get_num_threads()
    return lambda: time.process_time() / threads


class _Job:
    """One thing to do: its work, what it raised, and the call of the learner's function that is under way."""

    def __init__(self, work: Callable[[], object]):
        self.work, self.context = work, contextvars.copy_context()
        self.error: BaseException | None = None
        self.call: tuple[Since, Callable[[], str]] | None = None
        self.done = threading.Event()


class _Judge(threading.Thread):
    """Does one job after the other. Making a thread for each would cost Hypothesis a garbage collection each time."""

    def __init__(self):
        super().__init__(daemon=True)  # an answer that cannot be stopped must not keep Python from ending
        self.jobs: queue.SimpleQueue[_Job] = queue.SimpleQueue()
        self.job: _Job | None = None

    def run(self) -> None:
        with suppress(_Stop):  # one that comes when the job has ended: the thread is given up anyway
            while True:
                job = self.job = self.jobs.get()
                try:
                    job.context.run(job.work)
                except BaseException as error:  # the caller decides what it means
                    job.error = error
                finally:
                    self.job = None
                    job.done.set()


_idle: list[_Judge] = []


@contextmanager
def call_under_way(describe: Callable[[], str]) -> Iterator[None]:
    """Note that the learner's function is being called, for the time limit and its message."""
    job = getattr(threading.current_thread(), "job", None)
    if job is None:
        yield
        return
    outer, job.call = job.call, (Since(threading.current_thread()), describe)
    try:
        yield
    finally:
        job.call = outer


def run_apart(work: Callable[[], object]) -> BaseException | None:
    """Run `work` in a thread of its own and give what it raised: None, its exception, or a `Mistake` on the time.

    A call marked with `call_under_way` may take `CALL_SECONDS`, everything together `JUDGE_SECONDS`, both of processor
    time: what else runs on the machine takes nothing from an answer.
    """
    judge = _idle.pop() if _idle else _Judge()
    if not judge.is_alive():
        judge.start()
    job = _Job(work)
    began = Since(judge)
    judge.jobs.put(job)
    try:
        while not job.done.wait(0.05):
            call = job.call
            if call and (limit := call[0].over(CALL_SECONDS)):
                return _too_long(judge, job, f"did not end within {limit}", (("your call", call[1]()),))
            if limit := began.over(JUDGE_SECONDS):
                return _too_long(judge, job, f"took {limit} in all")
    except BaseException:  # Ctrl-C, or "Interrupt kernel"
        _stop(judge, job)
        raise
    _idle.append(judge)
    return job.error


def _too_long(judge: _Judge, job: _Job, what: str, facts: tuple = ()) -> Mistake:
    hint = "Look at its loops: does every turn bring the end nearer, or are there too many turns?"
    if not _stop(judge, job):
        hint += " It could not be stopped and still runs: restart the kernel."
    return Mistake(f"Your function {what} and was stopped.", hint, facts)


def _stop(judge: _Judge, job: _Job) -> bool:
    """Raise `_Stop` in a thread again and again until its job ends; False when it does not. The thread is given up."""
    until = time.monotonic() + STOP_SECONDS
    while judge.is_alive() and not job.done.is_set() and time.monotonic() < until:
        ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(judge.ident), ctypes.py_object(_Stop))
        job.done.wait(0.1)
    judge.jobs.put(_Job(int))  # wakes it, if its job ended meanwhile: a `_Stop` must not wait in it for ever
    return job.done.is_set() or not judge.is_alive()


class _Printed(io.TextIOBase):
    """Takes what is printed and keeps the first `MAX_PRINTED` letters of it."""

    def __init__(self):
        self.kept, self.letters = [], 0

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        if self.letters < MAX_PRINTED:
            self.kept.append(text[: MAX_PRINTED - self.letters])
            self.letters += len(self.kept[-1])
        return len(text)

    def text(self) -> str:
        return "".join(self.kept)


@contextmanager
def printed() -> Iterator[_Printed]:
    """Collect what is printed meanwhile, up to `MAX_PRINTED` letters."""
    taken, out, err = _Printed(), sys.stdout, sys.stderr
    sys.stdout = sys.stderr = taken
    try:
        yield taken
    finally:
        sys.stdout, sys.stderr = out, err


class _Kept:
    """What a check found changed for the whole process when its answer had run."""

    def __init__(self):
        self.changed: list[str] = []

    def note(self, text: str) -> None:
        """Remember a change once."""
        self.changed += [text] if text not in self.changed else []


_SETTINGS: dict[str, tuple[Callable[[], object], Callable[[object], object]]] = {
    "torch's default dtype": (torch.get_default_dtype, torch.set_default_dtype),
    "torch's int8 engine": (
        lambda: torch.backends.quantized.engine,
        lambda name: setattr(torch.backends.quantized, "engine", name),
    ),
    "torch's deterministic algorithms": (
        torch.are_deterministic_algorithms_enabled,
        lambda on: torch.use_deterministic_algorithms(on),
    ),
    "the working directory": (os.getcwd, os.chdir),
    "the recursion limit": (sys.getrecursionlimit, sys.setrecursionlimit),
}
_OF_THREAD: dict[str, tuple[Callable[[], object], Callable[[object], object]]] = {
    "torch's number of threads": (torch.get_num_threads, torch.set_num_threads),
    "whether torch records gradients": (torch.is_grad_enabled, torch._C._set_grad_enabled),
    "torch's default device": (
        lambda: str(torch.get_default_device()),
        lambda name: torch.set_default_device(None if name == "cpu" else name),
    ),
}
_current: _Kept | None = None


@contextmanager
def kept() -> Iterator[_Kept]:
    """Put back, at the end, what may be changed for the whole process meanwhile; note what was.

    Noted and put back: torch's threads, default dtype and device, int8 engine and gradients, the working directory,
    replaced functions of torch, numpy and Python. Put back silently: seeds, the environment, the filters of warnings.
    What is printed meanwhile is dropped, and `input` raises.
    """
    global _current
    found = _Kept()
    before = {name: get() for name, (get, _) in _SETTINGS.items()}
    tables = [(owner, dict(vars(owner))) for owner in WATCHED]
    seeds = random.getstate(), np.random.get_state(), torch.get_rng_state()
    environment, filters, show_warning = dict(os.environ), list(warnings.filters), warnings.showwarning
    asked = builtins.input
    _current, outer = found, _current
    try:
        with printed():
            builtins.input = tables[0][1]["input"] = _no_input
            yield found
    finally:
        _current = outer
        for owner, names in tables:
            _put_back(owner, names, found)
        builtins.input = asked
        for name, (get, put) in _SETTINGS.items():
            _restore(name, before[name], get, put, found)
        if warnings.filters != filters or warnings.showwarning is not show_warning:
            warnings.showwarning = show_warning
            warnings.simplefilter("default", append=True)  # tells Python that the list is another; a slice does not
            warnings.filters[:] = filters
        random.setstate(seeds[0])
        np.random.set_state(seeds[1])
        torch.set_rng_state(seeds[2])
        if dict(os.environ) != environment:
            os.environ.clear()
            os.environ.update(environment)


@contextmanager
def kept_in_thread() -> Iterator[None]:
    """The part of `kept` that each thread has for itself: around every call of the learner's function."""
    before = {name: get() for name, (get, _) in _OF_THREAD.items()}
    try:
        yield
    finally:
        for name, (get, put) in _OF_THREAD.items():
            _restore(name, before[name], get, put, _current or _Kept())


def _restore(name: str, before: object, get: Callable, put: Callable, found: _Kept) -> None:
    try:
        now = get()
    except OSError:  # the working directory was removed
        now = "one that does not exist"
    if now != before:
        found.note(f"{name} ({show(now)}, before: {show(before)})")
        put(before)


def _put_back(owner: object, names: dict[str, object], found: _Kept) -> None:
    """Give a module or class its functions and classes back; names that it got meanwhile stay."""
    table = vars(owner)
    for name, value in names.items():
        now = table.get(name)
        if callable(value) and now is not value and not _from_torch(now):
            found.note(f"{getattr(owner, '__name__', owner)}.{name} (replaced)")
            setattr(owner, name, value)


def _from_torch(value: object) -> bool:
    """True for a function of torch or numpy: they replace some of their own when parts of them are loaded."""
    return str(getattr(value, "__module__", "")).partition(".")[0] in ("torch", "numpy")


def _no_input(*_: object) -> str:
    raise EOFError("a check has nobody to ask: take what you need as an argument")
