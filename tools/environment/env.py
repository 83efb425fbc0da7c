"""Where the environment of the course is, and whether it is as it should be.

Standard library only. course.py imports this before it knows which Python runs: it must parse on Python 3.8.
"""

import hashlib
import json
import os
import re
import stat
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
VENV = ROOT / ".venv"
STAMP = VENV / ".course-stamp.json"
CONSTRAINTS = ROOT / "constraints.txt"


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


def python_of(venv):
    """Path of an environment's Python, made or not."""
    return venv / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def venv_python():
    """Path of the Python in .venv, made or not."""
    return python_of(VENV)


def inside_venv():
    """True when the running Python is the one in .venv."""
    return Path(sys.prefix).resolve() == VENV.resolve()


def linked_to(path=VENV):
    """Where a symbolic link or a Windows junction leads to, as text; "" when the path is neither, or not there.

    Behind a link may lie the environment of somebody else, which no step of the set-up may change.
    """
    try:
        found = os.lstat(str(path))
    except OSError:
        return ""
    # A junction is no symbolic link to Python, and os.path.isjunction is new in Python 3.12.
    junction = getattr(found, "st_reparse_tag", 0) == getattr(stat, "IO_REPARSE_TAG_MOUNT_POINT", 0xA0000003)
    return os.path.realpath(str(path)) if junction or stat.S_ISLNK(found.st_mode) else ""


def read_json(path):
    """Read a JSON object; {} when the file is missing or damaged."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def expected_stamp():
    """What a finished set-up of this folder as it is now has in its stamp."""
    content = b"".join(path.read_bytes() for path in (ROOT / "pyproject.toml", CONSTRAINTS))
    return {"inputs": hashlib.sha256(content).hexdigest(), "root": str(ROOT)}


def is_ready(extras=()):
    """True when .venv was set up for this folder, these dependencies and at least these extras."""
    stamp = read_json(STAMP)
    if not venv_python().exists() or not set(extras) <= set(stamp.get("extras", [])):
        return False
    if inside_venv() and stamp.get("python") != "{}.{}".format(*sys.version_info[:2]):
        return False  # the Python under the environment was replaced by another version
    return all(stamp.get(key) == value for key, value in expected_stamp().items())


def project():
    """The table [project] of pyproject.toml, whose reader is new in Python 3.11."""
    import tomllib

    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def name_of(requirement):
    """The name that a requirement begins with."""
    return re.match(r"[\w.-]+", requirement).group()


def requirements(extras):
    """The lines of pyproject.toml that name a package: its dependencies, and those of some extras."""
    table = project()
    return table["dependencies"] + [line for extra in extras for line in table["optional-dependencies"][extra]]


def missing_packages(extras):
    """List the packages of the course that the running environment lacks."""
    from importlib.metadata import PackageNotFoundError, version

    missing = []
    for name in [project()["name"], *map(name_of, requirements(extras))]:
        try:
            version(name)
        except PackageNotFoundError:
            missing.append(name)
    return missing


def target(extras):
    """The course's own library with some extras, as pip and uv are asked for it."""
    return str(ROOT) + ("[{}]".format(",".join(extras)) if extras else "")


def install_line(extras):
    """The line that installs the course into the running environment; PowerShell takes a quoted program after "&"."""
    quoted = f'"{sys.executable}"'
    program = quoted if os.name != "nt" else "& " + quoted if " " in sys.executable else sys.executable
    return f'{program} -m pip install -c "{CONSTRAINTS}" -e "{target(extras)}"'
