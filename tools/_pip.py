"""Runs pip with visible progress, and says in plain words why it failed. Standard library only."""

import os
import queue
import re
import shutil
import subprocess
import sys
import threading
import time
from contextlib import suppress

from course import ROOT

HEARTBEAT_S = 20  # where there is no terminal: a line at least this often
NEWS = re.compile(r"[\d.]+ GB|\d{2,}(\.\d+)? MB|no answer|minutes")  # stages worth a line without a terminal

# (kind, pattern in what pip wrote, cause, remedy): the first that is found counts.
CAUSES = [
    ("disk", r"Errno 28\]|No space left on device|WinError 112\]|not enough space on the disk",
     "the disk is full.",
     "Free some space on the disks of the course and of temporary files, then start again."),
    ("in use", r"WinError 32\]|being used by another process",
     "a file of the environment is in use.",
     "Close JupyterLab and every Python of the course, then start again."),
    ("permission", r"Errno (13|30)\]|Permission denied|WinError 5\]|Access is denied|Read-only file system",
     "this folder, or the folder for temporary files, may not be written.",
     "Move the course to a folder of your own (not a system folder) and start again there."),
    ("long path", r"Long Path support",
     "Windows refuses paths this long.",
     r"Move the course to a short path such as C:\course, then start again."),
    ("hashes", r"DO NOT MATCH THE HASHES",
     "a download arrived damaged.",
     "Start again; if it happens again, clear the cache first: pip cache purge"),
    ("proxy", r"\b407\b.{0,40}[Pp]roxy|Tunnel connection failed: 407|Proxy Authentication Required",
     "the proxy of this network asks for a name and a password.",
     "Set HTTPS_PROXY=http://NAME:PASSWORD@HOST:PORT in the environment, then start again."),
    ("proxy", r"ProxyError|Cannot connect to proxy",
     "the proxy that is set for this machine does not answer.",
     "Correct or remove HTTPS_PROXY and HTTP_PROXY in the environment, then start again."),
    ("tls", r"CERTIFICATE_VERIFY_FAILED|SSLCertVerificationError|certificate verify failed|SSLError",
     "the certificate of the package index is not trusted here; some networks put their own in between.",
     "Set PIP_CERT to your organisation's certificate file (ask who runs the network), check the clock of "
     "this machine, then start again."),
    ("platform", r"\(from versions: (?!none)|is not a supported wheel|requires? a different [Pp]ython",
     "a package has no version for this Python on this system.",
     "Use 64-bit Python on Windows, on macOS with an Apple chip, or on Linux with glibc; if this is one, try "
     "an older Python among those that the course allows."),
    ("network", r"NewConnectionError|NameResolutionError|name resolution|getaddrinfo failed"
     r"|Name or service not known|nodename nor servname|Connection refused|Network is unreachable"
     r"|No route to host|Connect(ion)?Timeout|[Rr]ead timed out|RemoteDisconnected|ConnectionResetError"
     r"|IncompleteRead|incomplete-download|Errno 101\]|connection error",
     "the package index cannot be reached.",
     "Check the connection to the internet (a proxy is set with HTTPS_PROXY), then start again: "
     "what was done so far is kept."),
    ("missing", r"No matching distribution found",
     "the package index does not have a package that the course needs.",
     "Check pip's settings (pip config list), the version of Python and the system, then start again."),
]
UNSURE = ("other", "missing")  # causes for which the details may know better


class Failure(Exception):
    """Set-up cannot go on.

    Attributes: kind (a word for the program), cause and remedy (sentences for the reader).
    """

    def __init__(self, cause, remedy, kind="other"):
        super().__init__(f"{cause} {remedy}")
        self.cause, self.remedy, self.kind = cause, remedy, kind


def explain(output, doing):
    """Turn the output of a failed program into a `Failure`; `doing` says what was being done."""
    for kind, pattern, cause, remedy in CAUSES:
        if re.search(pattern, output):
            return Failure(f"{doing} failed: {cause}", remedy, kind)
    last = [line for line in output.splitlines() if line.strip()][-6:]
    shown = "".join(f"\n    {line}" for line in last)
    return Failure(f"{doing} failed. The last lines were:{shown}",
                   "Start again; if it stops at the same place, report these lines and the log.")


class Progress:
    """What is happening, on one line that is redrawn in a terminal, and on few lines elsewhere."""

    def __init__(self, stream=None):
        self.stream = stream or sys.stdout
        self.terminal = self.stream.isatty()
        self.stage, self.detail = "starting", ""
        self.began = self.spoke = time.monotonic()

    def read(self, line):
        """Take in a line of pip's output."""
        counted = re.match(r"Progress (\d+) of (\d+)", line)
        if counted and int(counted[2]):
            self.detail = f" {100 * int(counted[1]) // int(counted[2])}%"
        else:
            stage = describe(line)
            if stage and stage != self.stage:
                self.stage, self.detail = stage, ""
                if not self.terminal and NEWS.search(stage):
                    self.speak()
        self.tick()

    def tick(self):
        """Show that time passes: called at least once a second."""
        if self.terminal:
            width = shutil.get_terminal_size().columns - 1
            self.stream.write("\r" + self._text()[:width].ljust(width))
            self.stream.flush()
        elif time.monotonic() - self.spoke > HEARTBEAT_S:
            self.speak()

    def speak(self):
        """Print a line, for outputs that are no terminal."""
        self.spoke = time.monotonic()
        print(self._text(), file=self.stream, flush=True)

    def close(self):
        """Clear the line of a terminal."""
        if self.terminal:
            self.stream.write("\r" + " " * (shutil.get_terminal_size().columns - 1) + "\r")
            self.stream.flush()

    def _text(self):
        return f"      {self.stage}{self.detail}  ({time.monotonic() - self.began:.0f} s)"


def describe(line):
    """Give the stage that a line of pip's output begins, or None."""
    line = line.strip()
    if "Retrying (" in line:
        return "no answer from the package index, trying again"
    if line.startswith("Collecting "):
        return "looking up " + re.match(r"Collecting ([\w.-]+)", line)[1]
    loaded = re.match(r"(Downloading|Using cached) (\S+?)(?:-py\d|-cp\d|\.tar|\.whl|\.metadata)\S*(.*)", line)
    if loaded:
        return f"{loaded[1].lower()} {loaded[2].rpartition('/')[2]}{loaded[3]}"
    if line.startswith("Installing collected packages:"):
        count = line.count(",") + 1
        return f"installing {count} packages" + (", which can take minutes" if count > 5 else "")
    if line.startswith(("Installing build dependencies", "Preparing editable", "Building editable")):
        return "preparing the course's own library"
    return None


def run(command, *, doing, log, details, on_install=None):
    """Run a pip command with progress.

    Args:
        command: the program and its arguments; its output is followed line by line.
        doing: what it does, for the message of a failure.
        log: file to which the command and its output are added.
        details: file to which pip writes more than that (its --log); removed when all went well.
        on_install: called once before pip changes the environment.
    Raises:
        Failure: the command failed, with the cause found in its output or in the details.
    """
    details.unlink(missing_ok=True)
    process = subprocess.Popen(command, cwd=ROOT, env=_environment(), stdin=subprocess.DEVNULL, text=True,
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8",
                               errors="replace")
    lines = []
    try:
        _follow(process, lines, on_install)
    finally:
        if process.poll() is None:  # Ctrl-C, or a fault of our own: pip must not go on unseen
            process.terminate()
            process.wait()
        process.stdout.close()
        with suppress(OSError), open(log, "a", encoding="utf-8") as file:  # a full disk is told by pip
            file.write(f"\n> {' '.join(command)}\n{''.join(lines)}")
    if process.returncode:  # what pip prints counts first; some causes it keeps to itself
        first = explain("".join(lines), doing)
        raise _from_details(details, doing) or first if first.kind in UNSURE else first
    details.unlink(missing_ok=True)


def _follow(process, lines, on_install):
    """Show the output of a program until it ends; collect it in `lines`."""
    seen, progress = queue.Queue(), Progress()
    threading.Thread(target=_pump, args=(process.stdout, seen), daemon=True).start()
    try:
        while (line := _next(seen)) is not None:
            if line.startswith("Installing collected packages") and on_install:
                on_install()
            if line and not line.startswith("Progress "):
                lines.append(line)
            progress.read(line) if line else progress.tick()
        process.wait()
    finally:
        progress.close()


def _from_details(details, doing):
    """The cause that pip's own log names; None where it names none. It speaks of platforms in passing."""
    if not details.exists():
        return None
    failure = explain(details.read_text(encoding="utf-8", errors="replace"), doing)
    return None if failure.kind in (*UNSURE, "platform") else failure


def _pump(stream, seen):
    """Move lines to the queue; None marks the end."""
    try:
        for line in stream:
            seen.put(line)
    except ValueError:  # closed under the reader after Ctrl-C
        pass
    seen.put(None)


def _next(seen):
    """The next line, "" after a second without one, None at the end."""
    try:
        return seen.get(timeout=1)
    except queue.Empty:
        return ""


def _environment():
    """The environment of pip: no questions, and into .venv whatever the user's settings say."""
    return dict(os.environ, PIP_USER="0", PIP_NO_INPUT="1", PIP_DISABLE_PIP_VERSION_CHECK="1",
                PYTHONUTF8="1", PYTHONUNBUFFERED="1", PIP_REQUIRE_VIRTUALENV="0")
