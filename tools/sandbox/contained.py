"""Runs a job in a process that can do little harm, and gives what it says at its end."""

import json
import os
import secrets
import subprocess
import sys
import tempfile
import time
import uuid
from contextlib import suppress
from dataclasses import asdict, dataclass

import psutil

from course_utils.files import ROOT
from tools.sandbox import walls as _walls

LOOK_SECONDS = 0.2  # between two looks at what it uses
START_SECONDS = 300.0  # until the packages are imported, on a busy machine
MAX_BYTES = 1 << 20  # of the result file


@dataclass(frozen=True)
class Limits:
    """What one contained process may use.

    Attributes:
        seconds: for the answer and its check, by the clock; the processor's time is limited a little above.
        memory: bytes beyond those of Python and torch; twice that for all processes together.
        processes: that it may have at once.
        disk: bytes of its files; without walls, of one file.
    """

    seconds: float = 110.0
    memory: int = 2 << 30
    processes: int = 32
    disk: int = 64 << 20


@dataclass(frozen=True)
class Ended:
    """How a contained process came to its end.

    Attributes:
        told: what it said, as JSON; None where it said nothing.
        fate: "timed out" or "crashed", with a sentence in `detail`; "" where it said something.
    """

    told: object = None
    fate: str = ""
    detail: str = ""


def run(job, limits=None, *, walls=""):
    """Run `tools/sandbox/inside.py` on a job. What it started is gone at the end, with the folder it was in.

    Its result file has no name; only what stands behind a nonce, which the job brings, is read from it.

    Args:
        job: a dict that JSON knows.
        limits: its `Limits`.
        walls: around it, as `walls.best` names them.
    Returns:
        Ended.
    """
    limits, name, nonce = limits or Limits(), f"course-{uuid.uuid4().hex}", secrets.token_hex(16)
    scratch = tempfile.TemporaryDirectory(prefix="course-contained-", ignore_cleanup_errors=True)
    with scratch as folder, tempfile.TemporaryFile() as result:
        command, environment = _command(walls, name, folder, limits)
        own = {"env": environment, "cwd": folder, "start_new_session": os.name == "posix"}
        popen = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=result, stderr=subprocess.DEVNULL, **own)
        try:
            ended = watched(popen, json.dumps(job | {"nonce": nonce}).encode(), limits, result)
        finally:
            kill(popen)
            if walls in ("docker", "podman"):  # what was killed is the command that talks to it
                subprocess.run([walls, "rm", "--force", name], capture_output=True)
        return ended or _told(popen.returncode, nonce, result)


def watched(popen, raw, limits, result):
    """Hand a process its job and wait for its end; `Ended` where it must be ended before, else None.

    Args:
        popen: the `subprocess.Popen`, with a pipe at its standard input.
        raw: bytes of the job.
        limits: `Limits`.
        result: the file at its standard output.
    """
    until, begun = time.monotonic() + START_SECONDS, False
    while True:
        with suppress(subprocess.TimeoutExpired):
            popen.communicate(raw, timeout=LOOK_SECONDS)
            return None
        raw, running = None, [popen, *descendants(popen.pid)]
        size = os.fstat(result.fileno()).st_size
        if size and not begun:
            until, begun = time.monotonic() + limits.seconds, True
        if time.monotonic() > until:
            return Ended(fate="timed out", detail=f"It took more than {limits.seconds:g} seconds.")
        if size > MAX_BYTES:
            return Ended(fate="crashed", detail="It wrote into the file from which its verdict is read.")
        if len(running) > limits.processes:
            return Ended(fate="crashed", detail="It started too many processes.")
        if sum(map(_memory, running)) > 2 * limits.memory:
            return Ended(fate="crashed", detail="Its processes took too much memory together.")


def _told(code, nonce, result):
    """What a process that has ended said behind its nonce; else how it ended."""
    result.seek(0)
    raw = result.read(MAX_BYTES)
    _, mark, told = raw.rpartition(nonce.encode())
    with suppress(ValueError, RecursionError):
        if mark:
            return Ended(json.loads(told))
    how = f"with the exit status {code}" if code >= 0 else f"killed by signal {-code}"
    wrote = " It wrote into the file from which its verdict is read." if raw.strip() else ""
    return Ended(fate="crashed", detail=f"Its process ended {how}, and there is no verdict.{wrote}")


def descendants(pid):
    """The processes that a process has started, and those that these have started."""
    with suppress(psutil.Error):
        return psutil.Process(pid).children(recursive=True)
    return []


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
        os.killpg(process.pid, 9) if os.name == "posix" else None
    process.kill()
    for child in children:
        with suppress(psutil.Error):
            child.kill()
    process.wait()


def _command(walls, name, folder, limits):
    """The command line of a process, and the environment of that command."""
    path, root, scratch = _walls.importable(), str(ROOT), _walls.SCRATCH if walls else folder
    environment, before, python = _walls.environment(scratch), [], [sys.executable, "-I", "-S", "-B"]
    config = {"root": root, "path": path, "scratch": scratch, "limits": asdict(limits), "environment": environment}
    if walls == "bubblewrap":
        before = _walls.bubblewrap([*path, *_walls.READABLE], limits.disk)
    elif walls:
        before, python = _walls.container(walls, name, limits), ["python", "-I", "-B"]
        config |= {"path": [], "root": "/course"}
        environment = None  # of the command that talks to the container
    return [*before, *python, f"{config['root']}/tools/sandbox/inside.py", json.dumps(config)], environment
