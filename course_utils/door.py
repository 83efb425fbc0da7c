"""The command line of the course, as a message tells it to a reader."""

import os
import sys
from pathlib import Path

from course_utils.files import ROOT

PYTHON = "py" if os.name == "nt" else "python3"


def command(*words: str) -> str:
    """What a reader types: `command("doctor")` is "python3 course.py doctor".

    It has the name that Python has on this system. In an environment of the reader's own, which the course uses as it
    is, it is "python course.py --here doctor".
    """
    if Path(sys.prefix).resolve() != ROOT / ".venv":
        return " ".join(["python course.py --here", *words])
    return " ".join([PYTHON, "course.py", *words])
