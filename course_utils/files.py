"""Where the course lies on disk, writing a file whole or not at all, and the command line as a message tells it.

Standard library only.
"""

from __future__ import annotations

import os
import re
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def slug(words: str) -> str:
    """Words as a file or an address is named: "AMD EPYC" -> "amd-epyc"."""
    return "-".join(re.findall("[a-z0-9]+", words.lower()))


def write_whole(path: Path, text: str) -> None:
    """Put `text` (UTF-8, lines ended by "\\n") at `path`; whoever reads meanwhile finds the old file or the new one.

    The folder is made where it is missing. What fails leaves the old file as it was, and nothing beside it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".new-") as new:
        draft = Path(new, path.name)
        draft.write_text(text, encoding="utf-8", newline="\n")
        os.replace(draft, path)


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
