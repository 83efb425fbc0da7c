"""Where the environment of the course is, whether it is as it should be, and which Python it needs.

Standard library only. course.py imports this before it knows which Python runs: it must parse on Python 3.8.
"""

import hashlib
import json
import os
import platform
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
VENV = ROOT / ".venv"
STAMP = VENV / ".course-stamp.json"
PYPROJECT, CONSTRAINTS = ROOT / "pyproject.toml", ROOT / "constraints.txt"


def say(text):
    """Print at once, also into a pipe."""
    print(text, flush=True)


def command(*words):
    """Give the command line that a reader types for course.py: `command("doctor")` is "python3 course.py doctor".

    It has the name that Python has on this system, and --here when the course was started so.
    """
    if "--here" in sys.argv:
        return " ".join(["python course.py --here", *words])
    return " ".join(["py" if os.name == "nt" else "python3", "course.py", *words])


def import_path(*more):
    """PYTHONPATH of a process that imports the library of this folder, whatever folder its Python was installed from.

    `more` comes next, and last what the user has there.
    """
    return os.pathsep.join([str(ROOT), *map(str, more), *filter(None, [os.environ.get("PYTHONPATH")])])


def python_of(venv):
    """Path of an environment's Python, made or not."""
    return venv / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def inside_venv():
    """True when the running Python is the one in .venv."""
    return Path(sys.prefix).resolve() == VENV.resolve()


def read_stamp():
    """What the set-up wrote down; {} where it has not begun, or the file is damaged."""
    try:
        content = json.loads(STAMP.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def expected_stamp():
    """What a finished set-up of this folder as it is now has in its stamp."""
    return {"inputs": hashlib.sha256(PYPROJECT.read_bytes() + CONSTRAINTS.read_bytes()).hexdigest(), "root": str(ROOT)}


def is_ready(extras=()):
    """True when .venv was set up for this folder, these dependencies and at least these extras."""
    stamp = read_stamp()
    whole = all(stamp.get(key) == value for key, value in expected_stamp().items())
    return whole and python_of(VENV).exists() and set(extras) <= set(stamp.get("extras", []))


def pinned(name):
    """The version of a package that pyproject.toml pins, for example of uv: "0.13.8"."""
    return re.search(rf'"{name}==([\w.]+)"', PYPROJECT.read_text(encoding="utf-8")).group(1)


def allowed():
    """Give (lowest, highest) minor version of Python 3 that pyproject.toml allows."""
    text = PYPROJECT.read_text(encoding="utf-8")
    low, past = re.search(r'requires-python = ">=3\.(\d+),<3\.(\d+)"', text).groups()
    return int(low), int(past) - 1


def extras():
    """Names of the extras that pyproject.toml has."""
    _, _, text = PYPROJECT.read_text(encoding="utf-8").partition("\n[project.optional-dependencies]\n")
    return re.findall(r"^([\w-]+) = \[", text.partition("\n[")[0], re.MULTILINE)


def install_python():
    """The sentence that says which Python to install."""
    where = "https://www.python.org/downloads/ (64 bit; on Linux from your package manager)"
    return f"Install Python 3.{allowed()[1]} from {where}, and start the course with that one."


def python_fault():
    """Say why the running Python cannot serve, or give None."""
    low, high = allowed()
    if not (3, low) <= sys.version_info[:2] <= (3, high):
        return f"This is Python {platform.python_version()}; the course needs 3.{low} to 3.{high}."
    if sys.implementation.name != "cpython" or sys.maxsize < 2**32:
        kind = f"{platform.python_implementation()} of {platform.architecture()[0]}"
        return f"This is {kind}; PyTorch needs a CPython of 64 bits."
    try:
        import lzma  # noqa: F401
    except ImportError:
        return "This Python was compiled without liblzma: it lacks lzma, which torchvision and the course's data need."
    return None


def install_line(extras):
    """The line that installs the course into the running environment; PowerShell takes a quoted program after "&"."""
    quoted = f'"{sys.executable}"'
    program = quoted if os.name != "nt" else "& " + quoted if " " in sys.executable else sys.executable
    target = str(ROOT) + ("[{}]".format(",".join(extras)) if extras else "")
    return f'{program} -m pip install -c "{CONSTRAINTS}" -e "{target}"'
