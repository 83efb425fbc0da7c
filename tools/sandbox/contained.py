"""Runs the code of others in processes that can do little harm, and talks to them in frames.

    with _contained.House(limits) as house:          # makes ready what can be shared: importing torch takes seconds
        with house.process() as process:             # a fresh process, in an empty folder of its own
            process.send(job)                        # to it: whatever pickles
            told = process.receive(seconds=10)       # from it: JSON, read with care; never a pickle
        process.fate                                 # None, or how it came to its end

Three ways, the first that works: "many", a process that lives in namespaces of Linux and forks one for each exercise;
"bwrap", one start of bubblewrap for each; "once", a plain process for each, with what limits the system has.
"""

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path

import psutil

from course_utils.files import ROOT
from tools.sandbox.process import Gone, Limits, Process
from tools.sandbox.walls import READABLE, SCRATCH, bwrap, environment, folders, importable

INSIDE = Path(__file__).resolve().with_name("inside.py")
PYTHON = [sys.executable, "-I", "-S", "-B", str(INSIDE)]
__all__ = ["Gone", "House", "Limits", "Process"]
START_SECONDS = 120.0
CONTAINED = {
    "many": "Each answer ran in namespaces of its own: no network, no files but the course's library and data, to be "
    "read; the lessons and their solutions were not there. Time, processor, memory, processes and files were limited.",
    "bwrap": "Each answer ran in bubblewrap: no network, no files but the course's library and data, to be read; the "
    "lessons and their solutions were not there. Time, processor, memory and files were limited.",
    "once": "No container: this system, or this account, does not allow one. Each answer ran in a process of its own "
    "with limits on its time{}. It could use the network and read and write your files, also the solutions of the "
    "lessons. Grade what you do not trust in a container: docs/instructors.md has the line.",
}


def _children(number):
    try:
        return psutil.Process(number).children(recursive=True)
    except psutil.Error:
        return []


class House:
    """Makes contained processes.

    Args:
        limits: `Limits` of each.
        trust: the lessons can be imported in it, for an exercise that is judged there.
        way: "many", "bwrap" or "once"; None takes the first that works.
        readable: files and folders of the course that can be read in it, where it has walls.
    """

    def __init__(self, limits=None, *, trust=False, way=None, readable=READABLE):
        self.limits, self.trust, self.asked, self.readable = limits or Limits(), trust, way, readable
        self._server = self._control = None

    def __enter__(self):
        self.way = self.asked or self._best()
        if self.way == "many" and not self._server and not self._serve():
            raise OSError("This system does not allow namespaces.")
        return self

    def __exit__(self, *_):
        self._stop()

    def _best(self):
        if sys.platform == "linux" and self._serve():
            return "many"
        return "bwrap" if _bwrap_works() else "once"

    @property
    def contained(self):
        """What is kept from a submission and what is not, in sentences."""
        extent = ", processor, memory and files" if os.name == "posix" else " alone"
        return CONTAINED[self.way].format(extent)

    @contextmanager
    def process(self):
        """A fresh process; everything that it started is gone at the end, with the folder it was in."""
        made = {"many": self._forked, "bwrap": self._started, "once": self._started}[self.way]
        with made() as process:
            try:
                yield process
            finally:
                process.close()

    def _config(self, way, scratch):
        limits = asdict(self.limits) | {"file_bytes": self.limits.disk}
        if way == "once":  # the kernel counts all that this user runs
            limits["processes"] += _threads_of_user()
        path = importable()
        return {
            "way": "many" if way == "many" else "once",
            "root": str(ROOT),
            "path": path,
            "folders": folders(path, self.trust, self.readable),
            "trust": self.trust,
            "scratch": scratch,
            "limits": limits,
            "environment": environment(scratch),
            "nobody": False,
        }

    # ---- "many": a process that forks

    def _serve(self):
        """Start the process that forks; give whether it works."""
        root = getattr(os, "geteuid", lambda: 1)() == 0
        for nobody in (True, False) if root else (False,):
            config = self._config("many", SCRATCH) | {"nobody": nobody}
            self._control, theirs = socket.socketpair()
            with theirs, open(os.devnull, "wb") as nowhere:
                command = [*PYTHON, json.dumps(config)]
                self._server = subprocess.Popen(
                    command, stdin=theirs, stdout=nowhere, stderr=nowhere, env=environment(SCRATCH), cwd="/"
                )
            self._control.settimeout(START_SECONDS)
            try:
                if self._control.recv(16) == b"ready":
                    return True
            except TimeoutError:  # a slow machine must not grade without a container for that
                self._stop()
                raise OSError(f"The contained process was not ready within {START_SECONDS:g} seconds.") from None
            except OSError:
                pass
            self._stop()
        return False

    def _stop(self):
        if self._server:
            self._control.close()
            self._server.kill()
            self._server.wait()
            self._server = None

    @contextmanager
    def _forked(self):
        mine, theirs = socket.socketpair()
        leash, their_leash = socket.socketpair()
        with mine, leash:
            with theirs, their_leash:
                try:
                    socket.send_fds(self._control, [b"job"], [theirs.fileno(), their_leash.fileno()])
                except OSError:  # it was killed: by the system, for its memory, say
                    self._stop()
                    if not self._serve():
                        raise
                    socket.send_fds(self._control, [b"job"], [theirs.fileno(), their_leash.fileno()])

            def how_ended():
                leash.settimeout(2)
                with suppress(OSError, ValueError):
                    return _ended(json.loads(leash.recv(64)))
                return ""

            def kill():
                with suppress(OSError):
                    leash.shutdown(socket.SHUT_WR)
                leash.settimeout(5)
                with suppress(OSError):
                    while leash.recv(64):  # until the supervisor has seen it die
                        pass
                with suppress(OSError):
                    mine.shutdown(socket.SHUT_RDWR)

            server = self._server.pid
            with suppress(OSError), mine.makefile("rb") as reading, mine.makefile("wb") as writing:
                yield Process(reading, writing, self.limits, lambda: _children(server), kill, how_ended)

    # ---- "once" and "bwrap": a start for each

    @contextmanager
    def _started(self):
        scratch = tempfile.mkdtemp(prefix="course-contained-")
        inside = SCRATCH if self.way == "bwrap" else scratch
        config = self._config(self.way, inside)
        before = bwrap(config["folders"], inside) if self.way == "bwrap" else []
        process = subprocess.Popen(
            [*before, *PYTHON, json.dumps(config)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment(inside),
            cwd="/" if self.way == "bwrap" else scratch,
            start_new_session=os.name == "posix",
        )

        def kill():
            children = _children(process.pid)
            with suppress(OSError):
                os.killpg(process.pid, 9) if os.name == "posix" else process.kill()
            for child in children:
                with suppress(psutil.Error):
                    child.kill()
            process.wait()

        def how_ended():
            with suppress(subprocess.TimeoutExpired):
                return _ended(process.wait(2))
            return ""

        def tree():
            with suppress(psutil.Error):
                return [psutil.Process(process.pid), *_children(process.pid)]
            return []

        try:
            yield Process(process.stdout, process.stdin, self.limits, tree, kill, how_ended)
        finally:
            kill()
            for pipe in (process.stdin, process.stdout):
                with suppress(OSError):
                    pipe.close()
            shutil.rmtree(scratch, ignore_errors=True)


def _bwrap_works():
    if sys.platform != "linux" or not shutil.which("bwrap"):
        return False
    command = [*bwrap(folders([], False), SCRATCH), sys.executable, "-I", "-S", "-c", ""]
    with suppress(OSError, subprocess.TimeoutExpired):
        return subprocess.run(command, capture_output=True, timeout=30).returncode == 0
    return False


def _threads_of_user():
    mine, found = psutil.Process().username(), 0
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            found += process.num_threads() if process.username() == mine else 0
    return found


def _ended(code):
    if not isinstance(code, int):
        return ""
    return f" with the exit status {code}" if code >= 0 else f", killed by signal {-code}"
