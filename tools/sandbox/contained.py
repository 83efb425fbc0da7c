"""Runs the code of others in processes that can do little harm, and talks to them in frames.

with contained.process(limits, walls=walls.best()) as process:    # a fresh process, in an empty folder of its own
    process.send(job)                       # to it: bytes, of whatever pickles
    told = process.receive(seconds=10)      # from it: JSON, read with care; never a pickle
process.fate                                # None, or how it came to its end
"""

import json
import os
import queue
import struct
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass

import psutil

from course_utils.files import ROOT
from tools.sandbox import values
from tools.sandbox import walls as _walls

HEADER = struct.Struct(">I")
LOOK_SECONDS = 0.2  # between two looks at the memory
MOST_WAITING = 32  # frames that nobody has asked for yet


class Gone(BaseException):
    """The contained process is no more; `Process.fate` says why. No check and no search takes it for a wrong answer."""


@dataclass(frozen=True)
class Limits:
    """What one contained process may use.

    Attributes:
        call: seconds to wait for one answer.
        seconds: of the clock, and of the processor, in all.
        memory: bytes beyond those of Python and torch; twice that for all processes together.
        processes: that it may have at once.
        disk: bytes of its files; without walls, of one file.
    """

    call: float = 9.0
    seconds: float = 55.0
    memory: int = 2 << 30
    processes: int = 32
    disk: int = 64 << 20


def descendants(pid):
    """The processes that a process has started, and those that these have started."""
    with suppress(psutil.Error):
        return psutil.Process(pid).children(recursive=True)
    return []


class Process:
    """A contained process: frames to it and from it, until it is closed or comes to its end.

    Args:
        popen: the `subprocess.Popen`, with pipes at its standard input and output.
        limits: `Limits`.
    Attributes:
        fate: "timed out" or "crashed", with a sentence in `detail`; None while all is well.
    """

    def __init__(self, popen, limits):
        self.popen, self.limits, self.fate, self.detail = popen, limits, None, ""
        self._began = self._looked = time.monotonic()
        self._frames = queue.Queue(MOST_WAITING)
        self._closed = threading.Event()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        """Take frames from the process, in a thread; the last one is a `Garbage`, or None at the end."""
        with suppress(OSError, ValueError):  # closed meanwhile
            while not self._closed.is_set():
                header = self.popen.stdout.read(HEADER.size)
                if len(header) < HEADER.size:
                    break
                (length,) = HEADER.unpack(header)
                if length > values.MOST_BYTES:
                    return self._put(values.Garbage(f"a frame of {length} bytes"))
                raw = self.popen.stdout.read(length)
                if len(raw) < length:
                    break
                self._put(raw)
        self._put(None)

    def _put(self, frame):
        while not self._closed.is_set():
            with suppress(queue.Full):
                return self._frames.put(frame, timeout=0.1)

    def _write(self, raw):
        with suppress(OSError, ValueError):
            self.popen.stdin.write(HEADER.pack(len(raw)) + raw)
            self.popen.stdin.flush()

    def send(self, raw):
        """Send bytes, which the process unpickles.

        Raises:
            Gone: nobody takes them.
        """
        until = self._in_time() + self.limits.call
        writer = threading.Thread(target=self._write, args=(raw,), daemon=True)
        writer.start()
        while writer.is_alive():
            writer.join(0.05)
            self._watch(until, self.limits.call)

    def receive(self, seconds=None):
        """The next frame, as JSON.

        Raises:
            Gone: there was none in time, the process ended, it used too much, or sent what is no JSON.
        """
        seconds = self.limits.call if seconds is None else seconds
        until = self._in_time() + seconds
        while True:
            try:
                frame = self._frames.get(timeout=0.05)
                break
            except queue.Empty:
                self._watch(until, seconds)
        if frame is None:
            self.end("crashed", f"Its process ended{self._how_ended()}.")
        try:
            if isinstance(frame, values.Garbage):
                raise frame
            return values.from_bytes(frame)
        except values.Garbage as garbage:
            self.end("crashed", f"It wrote into the grader's pipe: {garbage}.")

    def _how_ended(self):
        with suppress(subprocess.TimeoutExpired):
            code = self.popen.wait(2)
            return f" with the exit status {code}" if code >= 0 else f", killed by signal {-code}"
        return ""

    def _in_time(self):
        """The time now; ends the process when its time is over, however quick its answers come."""
        if self.fate:
            raise Gone
        now = time.monotonic()
        if now - self._began > self.limits.seconds:
            self.end("timed out", f"It took {self.limits.seconds:g} seconds in all.")
        return now

    def _watch(self, until, seconds):
        now = self._in_time()
        if now > until:
            self.end("timed out", f"It did not answer within {seconds:g} seconds.")
        if now - self._looked > LOOK_SECONDS:
            self._looked = now
            running = [self.popen, *descendants(self.popen.pid)]
            if len(running) > self.limits.processes:
                self.end("crashed", "It started too many processes.")
            if sum(map(_memory, running)) > 2 * self.limits.memory:
                self.end("crashed", "Its processes took too much memory together.")

    def end(self, fate, detail):
        """Note how the process came to its end, kill what is left of it, and raise `Gone`."""
        self.fate, self.detail = self.fate or fate, self.detail or detail
        self.close()
        raise Gone

    def close(self):
        """Kill the process with all that it started, and wait for it."""
        if not self._closed.is_set():
            self._closed.set()
            kill(self.popen)


def _memory(process):
    """Bytes that a process has, what it shares left out as far as that is known."""
    with suppress(psutil.Error):
        info = psutil.Process(process.pid).memory_info()
        return info.rss - getattr(info, "shared", 0)
    return 0


def kill(process):
    """Kill a process that was started in a session of its own, with all that it started."""
    children = descendants(process.pid)
    with suppress(OSError):
        os.killpg(process.pid, 9) if os.name == "posix" else process.kill()
    for child in children:
        with suppress(psutil.Error):
            child.kill()
    process.wait()


@contextmanager
def process(limits=None, *, trust=False, walls=""):
    """A fresh process; everything that it started is gone at the end, with the folder it was in.

    Args:
        limits: its `Limits`.
        trust: the lessons can be imported in it, for an exercise that is judged there.
        walls: around it, as `walls.best` names them.
    """
    limits, name = limits or Limits(), f"course-{uuid.uuid4().hex}"
    with tempfile.TemporaryDirectory(prefix="course-contained-", ignore_cleanup_errors=True) as folder:
        command, scratch = _command(walls, name, folder, limits, trust)
        popen = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=None if walls in ("docker", "podman") else _walls.environment(scratch),
            cwd=folder,
            start_new_session=os.name == "posix",
        )
        made = Process(popen, limits)
        try:
            yield made
        finally:
            made.close()
            if walls in ("docker", "podman"):  # what was killed is the command that talks to it
                subprocess.run([walls, "rm", "--force", name], capture_output=True)
            for pipe in (popen.stdin, popen.stdout):
                with suppress(OSError):
                    pipe.close()


def _command(walls, name, folder, limits, trust):
    """The command line of a process, and the folder that is its own, as it sees it."""
    shown, path, root = _walls.of_the_course(trust), _walls.importable(), str(ROOT)
    scratch = _walls.SCRATCH if walls else folder
    before, python = [], [sys.executable, "-I", "-S", "-B"]
    if walls == "bubblewrap":
        before = _walls.bubblewrap([*path, *shown], limits.disk)
    elif walls:
        before, python = _walls.container(walls, name, shown, limits), ["python", "-I", "-B"]
        path, root = [], "/course"
    config = {"root": root, "path": path, "trust": trust, "scratch": scratch, "limits": asdict(limits)}
    config["environment"] = _walls.environment(scratch)
    return [*before, *python, f"{root}/tools/sandbox/inside.py", json.dumps(config)], scratch
