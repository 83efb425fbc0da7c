"""What a learner has done, kept in a file of the workspace: verdicts of checks, predictions. Standard library only.

One record is one line of JSON, added at the end: two kernels can write at the same time, a damaged line loses itself
alone, and what was once passed stays. Only a learner's kernel writes, one of a notebook in ``workspace/``, in
JupyterLab or in any other program: no build, no test, no plain Python.

Environment variables: ``COURSE_WORKSPACE``, the learner's folder where it is not the course's own ``workspace/``;
``COURSE_PROGRESS``, the file to use; empty or 0, as in builds and tests: keep nothing.
"""

from __future__ import annotations

import contextlib
import datetime
import functools
import json
import os
import sys
from pathlib import Path

from course_utils.files import ROOT

NAME = ".progress.jsonl"  # hidden: to be read by `course.py progress`
SAME = ("kind", "lesson", "exercise", "number", "question")  # what a record is about; the rest is what it says of it


def _here() -> Path | None:
    with contextlib.suppress(OSError):  # the folder may be gone
        return Path.cwd()
    return None


STARTED_IN = _here()  # a kernel starts in its notebook's folder; what a learner does may leave it


def workspace() -> Path:
    """The learner's folder."""
    named = os.environ.get("COURSE_WORKSPACE")
    return (Path(named).expanduser() if named else ROOT / "workspace").resolve()


def file() -> Path | None:
    """The file that this process keeps progress in, or None where nothing is kept."""
    named = os.environ.get("COURSE_PROGRESS")
    if named is not None:
        return Path(named) if named not in ("", "0") else None
    return workspace() / NAME if _is_a_learners() else None


def shell() -> object | None:
    """The IPython shell of this kernel, or None: plain Python, or IPython in a terminal."""
    found = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return found if hasattr(found, "kernel") else None


def _is_a_learners() -> bool:
    """True in the kernel of a notebook that lies in the workspace."""
    kernel = shell()
    if kernel is None:
        return False
    named = getattr(kernel, "user_ns", {}).get("__vsc_ipynb_file__")  # VS Code may start a kernel in another folder
    places = [STARTED_IN, Path(named).parent if isinstance(named, str) else None]
    return any(place is not None and place.resolve().is_relative_to(workspace()) for place in places)


def keep(kind: str, lesson: str, **what: object) -> None:
    """Add a record, unless the last one about the same says the same; never raises, and says once that it cannot.

    Args:
        kind: "check", "prediction", "again", "review", "way" or "reset".
        lesson: the name of the lesson's folder; "" for what concerns the whole course.
        what: plain values, as JSON takes them.
    """
    with contextlib.suppress(Exception):  # a check must not fail because a disk is full
        path = file()
        if path is not None:
            try:
                add(path, {"kind": kind, "lesson": lesson, **what})
            except OSError as error:
                _say_once(f"This is not kept in your progress: {path} cannot be written ({error.strerror}).")


@functools.cache
def _say_once(sentence: str) -> None:
    print(sentence, file=sys.stderr)


def add(path: Path, record: dict[str, object], now: datetime.datetime | None = None) -> None:
    """Add a record to a file, unless the last one about the same says the same.

    Args:
        path: of the file.
        record: what is kept.
        now: when it happened; default the present time.
    Raises:
        OSError: the file cannot be written.
    """
    about = {key: record.get(key) for key in SAME}
    last = next((r for r in reversed(read(path)) if {key: r.get(key) for key in SAME} == about), {})
    if {key: value for key, value in last.items() if key != "when"} == record and record["kind"] != "reset":
        return
    record = {**record, "when": (now or datetime.datetime.now()).astimezone().isoformat(timespec="seconds")}
    line = json.dumps(record, ensure_ascii=False).encode("utf-8", "replace") + b"\n"
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "ab+", buffering=0) as out:  # one write, at the end whoever else writes
        if out.tell():
            out.seek(-1, os.SEEK_END)
            line = line if out.read(1) == b"\n" else b"\n" + line  # a line that was cut off stays alone
        out.write(line)


def read(path: Path | None) -> list[dict]:
    """The records of a file, oldest first; what is damaged is left out, and [] where there is no file. Never raises.

    A record "reset" takes away those of its lesson that stand before it.
    """
    found: list[dict] = []
    try:
        lines = path.read_bytes().decode("utf-8", "replace").split("\n") if path else []
    except OSError:
        return []
    for line in lines:
        with contextlib.suppress(ValueError, RecursionError):
            record = json.loads(line)
            if not isinstance(record, dict) or not all(isinstance(record.get(k), str) for k in ("kind", "lesson")):
                continue
            if record["kind"] == "reset":
                found = [earlier for earlier in found if earlier["lesson"] != record["lesson"]]
            found.append(record)
    return found
