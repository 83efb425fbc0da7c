"""The command line of the course, and which Python it needs, as a message tells them to a reader."""

import os
import sys
from importlib.util import find_spec
from pathlib import Path

from course_utils.files import ROOT

PYTHON = "py" if os.name == "nt" else "python3"
FOR_LZMA = (
    "Use a Python that has it: one from python.org, conda, uv or a Linux distribution. One that is compiled by hand or "
    "by pyenv needs liblzma's headers first (Debian and Ubuntu: liblzma-dev; Fedora: xz-devel; macOS: brew install xz)"
)


def command(*words: str) -> str:
    """What a reader types: `command("doctor")` is "python3 course.py doctor".

    It has the name that Python has on this system. In an environment of the reader's own, which the course uses as it
    is, it is "python course.py --here doctor".
    """
    if Path(sys.prefix).resolve() != ROOT / ".venv":
        return " ".join(["python course.py --here", *words])
    return " ".join([PYTHON, "course.py", *words])


def need(*packages: str) -> None:
    """Raise ModuleNotFoundError for the first package that is not there: `course.py` says how to install it."""
    for name in packages:
        if find_spec(name) is None:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
