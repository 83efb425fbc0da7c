"""A contained process, as the one who made it sees it: frames to it and from it, and how it came to its end."""

import queue
import struct
import threading
import time
from contextlib import suppress
from dataclasses import dataclass

import psutil

from tools.sandbox import values

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
        processes: and threads.
        disk, files: bytes and number of the files that it may have; where it has no file system of its own, `disk` is
            the size of one file.
    """

    call: float = 9.0
    seconds: float = 55.0
    memory: int = 2 << 30
    processes: int = 32
    disk: int = 64 << 20
    files: int = 1000


class Process:
    """A contained process: frames to it and from it, until it is closed or comes to its end.

    Attributes: fate ("timed out" or "crashed", with a sentence in `detail`; None while all is well).
    """

    def __init__(self, reading, writing, limits, tree, kill, how_ended):
        self.limits, self.fate, self.detail = limits, None, ""
        self._reading, self._writing, self._tree, self._kill, self._how_ended = reading, writing, tree, kill, how_ended
        self._began, self._looked = time.monotonic(), time.monotonic()
        self._frames = queue.Queue(MOST_WAITING)
        self._closed = threading.Event()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        """Take frames from the process, in a thread; put a `Garbage` or None, at the end, last."""
        try:
            while not self._closed.is_set():
                header = self._reading.read(HEADER.size)
                if len(header) < HEADER.size:
                    break
                (length,) = HEADER.unpack(header)
                if length > values.MOST_BYTES:
                    return self._put(values.Garbage(f"a frame of {length} bytes"))
                raw = self._reading.read(length)
                if len(raw) < length:
                    break
                self._put(raw)
        except (OSError, ValueError):  # closed meanwhile
            pass
        self._put(None)

    def _put(self, frame):
        while not self._closed.is_set():
            with suppress(queue.Full):
                return self._frames.put(frame, timeout=0.1)

    def send(self, raw):
        """Send bytes; those that made `raw` are trusted there.

        Raises:
            Gone: nobody takes them.
        """
        self._alive()
        self._in_time()
        done = threading.Event()

        def write():
            with suppress(OSError, ValueError):
                self._writing.write(HEADER.pack(len(raw)) + raw)
                self._writing.flush()
            done.set()

        if len(raw) < 1 << 15:  # less than a pipe holds
            write()
            return
        threading.Thread(target=write, daemon=True).start()
        until = time.monotonic() + self.limits.call
        while not done.wait(0.05):
            self._watch(until, self.limits.call)

    def receive(self, seconds=None):
        """The next frame, as JSON.

        Raises:
            Gone: there was none in time, the process ended, it used too much, or sent what is no JSON.
        """
        self._alive()
        self._in_time()
        seconds = self.limits.call if seconds is None else seconds
        until = time.monotonic() + seconds
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
            self.end("crashed", f"Its process sent what is no value: {garbage}.")

    def _alive(self):
        if self.fate:
            raise Gone

    def _watch(self, until, seconds):
        now = time.monotonic()
        if now > until:
            self.end("timed out", f"It did not answer within {seconds:g} seconds.")
        self._in_time()
        if now - self._looked > LOOK_SECONDS:
            self._looked = now
            if _memory(self._tree()) > 2 * self.limits.memory:
                self.end("crashed", "Its processes took too much memory together.")

    def _in_time(self):
        """End it when its time is over, however quick its answers come: to read them takes time, too."""
        if time.monotonic() - self._began > self.limits.seconds:
            self.end("timed out", f"It took {self.limits.seconds:g} seconds in all.")

    def end(self, fate, detail):
        """Note how the process came to its end, kill what is left of it, and raise `Gone`."""
        self.fate, self.detail = self.fate or fate, self.detail or detail
        self.close()
        raise Gone

    def close(self):
        """Kill the process with all that it started, and wait for it."""
        if self._closed.is_set():
            return
        self._closed.set()
        self._kill()


def _memory(processes):
    """Bytes that processes have, what they share left out as far as it is known."""
    found = 0
    for process in processes:
        with suppress(psutil.Error):
            info = process.memory_info()
            found += info.rss - getattr(info, "shared", 0)
    return found
