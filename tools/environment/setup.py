"""Makes the environment in .venv, step by step, so that an interrupted start can be resumed.

Order of what is written: marker (this folder is ours) - environment - packages - stamp (all is done).
Standard library only; course.py calls `prepare` when there is no valid stamp.
"""

import json
import os
import platform
import re
import shutil
import subprocess
import sys
import time

from tools.environment import causes, lock, uv
from tools.environment import env as _env
from tools.environment import python as _python
from tools.environment.causes import Failure
from tools.environment.env import CONSTRAINTS, ROOT, STAMP, VENV, say, venv_python

LOG = VENV / "setup.log"
LOCK = VENV / ".course-lock"
MARKER = VENV / ".course-made.json"
KEPT = {LOG.name, LOCK.name, MARKER.name}
PROBE = "import sys, pip; print('%d.%d' % sys.version_info[:2])"
# Whether JupyterLab, or a kernel that it started, runs in the environment
RUNNING = (
    "import os, psutil, sys\n"
    "others = [process for process in psutil.process_iter(['cmdline']) if process.pid != os.getpid()]\n"
    "lines = [process.info['cmdline'] or [''] for process in others]\n"
    "mine = [words for words in lines if words[0].startswith(sys.prefix + os.sep)]\n"
    "sys.exit(any('jupyter' in word or 'ipykernel' in word for words in mine for word in words))"
)


def prepare(extras, *, task):
    """Make or complete the environment.

    Args:
        extras: names of pyproject.toml's extras; those that the environment has stay.
        task: the task that is to run.
    Raises:
        Failure: with cause and remedy. What was done is kept; the next start goes on from there.
    """
    try:
        _claim()
        with lock.held(LOCK, waiting="Another start is setting up this folder. Waiting until it has ended."):
            if not _env.is_ready(extras):  # else another start did it while this one waited
                _prepare(extras, task)
    except OSError as error:
        raise causes.explain(str(error), f"Writing into {VENV}") from error


def _prepare(extras, task):
    began = time.monotonic()
    with open(LOG, "a", encoding="utf-8") as log:
        log.write(f"Set-up on {time.ctime()}: {platform.platform()}, Python {platform.python_version()}\n")
    marker, stamp = _env.read_json(MARKER), _env.read_json(STAMP)
    known = sorted({*extras, *marker.get("extras", []), *stamp.get("extras", [])})
    if _env.is_ready():
        say(f"Adding what `{task}` needs. Ctrl-C stops it; the next start goes on from there.")
    elif stamp:
        say(f"The course has changed: bringing {VENV} up to date. Ctrl-C stops it; the next start goes on from there.")
    else:
        say(
            f"Setting up the course in {VENV}.\n"
            "This is done once and takes some minutes. Ctrl-C stops it; the next start goes on from there."
        )
    python = _make_environment(moved=marker.get("root", str(ROOT)) != str(ROOT))
    _write_json(MARKER, {"root": str(ROOT), "extras": known})
    has_uv = _install_uv()
    say("[3/3] PyTorch, JupyterLab and the other packages")
    if has_uv:
        words = ["-c", str(CONSTRAINTS), "-r", str(ROOT / "pyproject.toml"), *(f"--extra={name}" for name in known)]
        if not _env.is_ready():  # uv installs the course's own library anew each time that it is asked for it
            words += ["-e", str(ROOT)]
        uv.install(words, into=VENV, log=LOG, before=_before_change)
    else:
        _invalidate()
        _pip("install", "-c", str(CONSTRAINTS), "-e", _env.target(known), doing="Installing the packages")
    _write_json(STAMP, {**_env.expected_stamp(), "python": python, "extras": known})
    say(f"Done in {time.monotonic() - began:.0f} s.\n")


def _claim():
    """Make sure that .venv is ours; mark it before anything is put in."""
    if target := _env.linked_to(VENV):
        raise Failure(
            f"{VENV} is a link to {target}, and what lies there may be the environment of somebody else. "
            "Nothing was changed.",
            "Delete the link, not what it leads to, and start again: the course makes an environment of its own. Or "
            "activate the one behind the link and use it as it is: python course.py --here",
            "foreign",
        )
    if VENV.exists() and not VENV.is_dir():
        raise Failure(
            f"{VENV} is a file. The course keeps its environment in a folder of that name.",
            "Rename or delete the file and start again.",
            "foreign",
        )
    there = {path.name for path in VENV.iterdir()} if VENV.is_dir() else set()
    if there - KEPT and MARKER.name not in there:
        raise Failure(
            f"{VENV} was not made by this course.",
            "Rename or delete it and start again, or use it as it is: activate it, then python course.py --here",
            "foreign",
        )
    VENV.mkdir(exist_ok=True)


def _make_environment(moved):
    """Step 1: an environment whose Python and pip run; gives the version of its Python, for example "3.13"."""
    say("[1/3] Python environment")
    version = None if moved else _version()
    if version:
        say("      already there")
        return version
    if VENV.joinpath("pyvenv.cfg").exists():
        say(f"      {'this folder was moved' if moved else 'the one there does not run'}: making it anew")
    _invalidate()
    _clear()
    _write_json(MARKER, {**_env.read_json(MARKER), "root": str(ROOT)})
    uv.need("", VENV)
    done = subprocess.run(
        [sys.executable, "-m", "venv", str(VENV)], capture_output=True, text=True, encoding="utf-8", errors="replace"
    )
    with open(LOG, "a", encoding="utf-8") as log:
        log.write(done.stdout + done.stderr)
    version = _version() if done.returncode == 0 else None
    if not version:
        raise causes.explain(done.stdout + done.stderr, "Making the environment")
    return version


def _version():
    """The version of the environment's Python; None when it, or its pip, does not run, or it does not fit."""
    try:
        done = subprocess.run([str(venv_python()), "-I", "-c", PROBE], capture_output=True, encoding="utf-8")
    except OSError:
        return None
    found, (low, high) = re.fullmatch(r"3\.(\d+)", done.stdout.strip()), _python.allowed()
    return found[0] if found and low <= int(found[1]) <= high else None


def _clear():
    """Empty .venv but for our own files."""
    for path in VENV.iterdir():
        if path.name in KEPT:
            continue
        shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()


def _install_uv():
    """Step 2: uv of the pinned version; False where it cannot be had or does not start, so that pip must do."""
    pin = _python.uv_pin()
    say(f"[2/3] {pin.replace('==', ' ')}, which installs the packages")
    if _uv_runs(pin):
        say("      already there")
        return True
    try:
        _pip("install", "--quiet", pin, doing="Installing uv")
    except Failure as failure:
        if failure.kind not in ("other", "missing", "platform", "hashes"):
            raise
    if _uv_runs(pin):
        return True
    say("      uv does not run here: going on with pip, which takes longer")
    return False


def _uv_runs(pin):
    done = subprocess.run([str(venv_python()), "-m", "uv", "--version"], capture_output=True, encoding="utf-8")
    return done.stdout.split()[:2] == pin.split("==")


def _pip(*words, doing):
    """Run the environment's pip: no questions, and into .venv whatever the user's settings say."""
    env = dict(
        os.environ, PIP_USER="0", PIP_NO_INPUT="1", PIP_DISABLE_PIP_VERSION_CHECK="1", PIP_REQUIRE_VIRTUALENV="0"
    )
    uv.run([str(venv_python()), "-m", "pip", *words], doing=doing, log=LOG, env=env)


def _before_change(plan):
    """Look at uv's plan: packages that are only added leave the environment whole, others do not."""
    replaced = re.search(r"^ [-~] (?!course-utils\b)", plan, re.MULTILINE)
    if not replaced and _env.is_ready():
        return
    if replaced:
        running = subprocess.run([str(venv_python()), "-c", RUNNING], capture_output=True)
        if running.returncode == 1 and not running.stderr:
            raise Failure(
                "JupyterLab runs from this environment, and packages under it must be replaced.",
                "Save your work, end JupyterLab (Ctrl-C in its terminal), then start again.",
                "in use",
            )
    _invalidate()


def _invalidate():
    """From here on the environment changes: a start that is cut off must not find it valid."""
    STAMP.unlink(missing_ok=True)


def _write_json(path, content):
    """Write all of it or nothing."""
    draft = path.with_name(path.name + ".part")
    draft.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8", newline="\n")
    os.replace(draft, path)
