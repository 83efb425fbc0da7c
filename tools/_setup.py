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
import threading
import time
import tomllib
import urllib.request

import course
from course import ROOT, STAMP, VENV, say, venv_python
from tools import _lock, _pip
from tools._pip import Failure

LOG = VENV / "setup.log"
DETAILS = VENV / "setup-details.log"
LOCK = VENV / ".course-lock"
MARKER = VENV / ".course-made.json"
KEPT = {LOG.name, DETAILS.name, LOCK.name, MARKER.name}
CONSTRAINTS = ROOT / "constraints.txt"
CPU_INDEX = "https://download.pytorch.org/whl/cpu"
PROBE_S = 5
RAW_PROGRESS = (24, 1)  # first pip with --progress-bar=raw
# Measured: 6.1 GB installed and 3.1 GB of downloads with CUDA; without it a sixth of that.
GIGABYTES = {"cpu": 2, "cuda": 9, "rest": 0.8}
PROBE = """
import json, sys
from importlib.metadata import PackageNotFoundError, version
def find(name):
    try: return version(name).partition("+")[0]
    except PackageNotFoundError: return None
import pip
print(json.dumps({"python": "%d.%d" % sys.version_info[:2], "pip": pip.__version__,
                  "packages": {name: find(name) for name in sys.argv[1:]}}))
"""


def prepare(extras):
    """Make or complete the environment.

    Args:
        extras: names of pyproject.toml's extras; those that the environment has stay.
    Raises:
        _pip.Failure: with cause and remedy. What was done is kept; the next start goes on from there.
    """
    try:
        _claim()
        with _lock.held(LOCK, waiting="Another start is setting up this folder. Waiting until it has ended."):
            if course.is_ready(extras):  # another start did it while this one waited
                return
            _prepare(extras)
    except OSError as error:
        raise _pip.explain(str(error), f"Writing into {VENV}") from error


def _prepare(extras):
    began = time.monotonic()
    with open(LOG, "a", encoding="utf-8") as log:
        log.write(f"Set-up on {time.ctime()}: {platform.platform()}, Python {platform.python_version()}\n")
    marker = course.read_json(MARKER)
    known = {*extras, *marker.get("extras", []), *course.read_json(STAMP).get("extras", [])}
    say(f"Setting up the course in {VENV}.\n"
        f"This is done once and takes some minutes. Ctrl-C stops it; the next start goes on from there.")
    facts = _make_environment(moved=marker.get("root", str(ROOT)) != str(ROOT))
    _write_json(MARKER, {"root": str(ROOT), "extras": sorted(known)})
    facts = _update_pip(facts)
    _install_torch(facts)
    _install_rest(facts, sorted(known))
    _write_json(STAMP, {**course.expected_stamp(), "python": facts["python"], "extras": sorted(known)})
    say(f"Set-up done in {time.monotonic() - began:.0f} s.\n")


def _claim():
    """Make sure that .venv is ours; mark it before anything is put in."""
    there = {path.name for path in VENV.iterdir()} if VENV.is_dir() else set()
    if VENV.exists() and not VENV.is_dir() or (there - KEPT and MARKER.name not in there):
        raise Failure(f"{VENV} was not made by this course.",
                      "Rename or delete it and start again, or use it as it is: activate it, then "
                      "python course.py --here", "foreign")
    VENV.mkdir(exist_ok=True)


def _make_environment(moved):
    """Step 1: an environment whose Python runs; gives what `_inspect` finds in it."""
    say("[1/4] Python environment")
    facts = None if moved else _inspect()
    if facts:
        say("      already there")
        return facts
    if VENV.joinpath("pyvenv.cfg").exists():
        say(f"      {'this folder was moved' if moved else 'the one there does not run'}: making it anew")
    _clear()
    _write_json(MARKER, {**course.read_json(MARKER), "root": str(ROOT)})
    _need("rest")
    done = subprocess.run([sys.executable, "-m", "venv", str(VENV)], capture_output=True, text=True,
                          encoding="utf-8", errors="replace")
    with open(LOG, "a", encoding="utf-8") as log:
        log.write(done.stdout + done.stderr)
    facts = _inspect() if done.returncode == 0 else None
    if not facts:
        raise _pip.explain(done.stdout + done.stderr, "Making the environment")
    return facts


def _inspect():
    """What the environment's Python says of itself: python, pip, packages; None when it does not run."""
    low, high = course.python_range()
    try:
        command = [str(venv_python()), "-I", "-c", PROBE, *_pins()]
        done = subprocess.run(command, capture_output=True, text=True)
        facts = json.loads(done.stdout)
    except (OSError, ValueError):
        return None
    return facts if low <= int(facts["python"].partition(".")[2]) <= high else None


def _clear():
    """Empty .venv but for our own files."""
    for path in VENV.iterdir():
        if path.name in KEPT:
            continue
        shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()


def _update_pip(facts):
    """Step 2: a pip that reports its progress; an older one serves where none can be had."""
    say("[2/4] pip")
    if _has_raw_progress(facts):
        say(f"      {facts['pip']} is recent enough")
        return facts
    try:
        _run(facts, "--upgrade", "pip", doing="Updating pip")
    except Failure as failure:
        if failure.kind not in ("other", "platform", "hashes"):
            raise
        say(f"      going on with pip {facts['pip']}")
    return _inspect() or facts


def _install_torch(facts):
    """Step 3: PyTorch, from its CPU index where no GPU can use the tenfold download."""
    pins = _pins()
    say(f"[3/4] PyTorch {pins['torch']}")
    if all(facts["packages"].get(name) == version for name, version in pins.items()):
        say("      already there")
        return
    wanted = [f"{name}=={version}" for name, version in pins.items()]
    if _wants_cpu_build() and _install_cpu_build(facts, wanted):
        return
    _need("cuda" if sys.platform == "linux" else "cpu")
    _run(facts, "-c", str(CONSTRAINTS), *wanted, doing="Installing PyTorch", on_install=_invalidate)


def _wants_cpu_build():
    """True on Linux without an NVIDIA driver: elsewhere the default index has the right build."""
    driver = os.path.exists("/proc/driver/nvidia") or shutil.which("nvidia-smi")
    return sys.platform == "linux" and os.uname().machine in ("x86_64", "aarch64") and not driver


def _install_cpu_build(facts, wanted):
    """Try PyTorch's CPU index; False, and a line that says so, when the default one must do."""
    if not _reachable(CPU_INDEX + "/torch/"):
        say("      PyTorch's CPU index cannot be reached: taking the default index (a larger download)")
        return False
    _need("cpu")
    try:  # --no-deps: that index has few versions of other packages; they come from the default one
        _run(facts, "--no-deps", "--index-url", CPU_INDEX, *wanted, doing="Installing PyTorch's CPU build",
             on_install=_invalidate)
    except Failure as failure:
        if failure.kind in ("disk", "permission", "in use"):
            raise
        say(f"      {failure.cause}\n      Taking the default index instead (a larger download).")
        return False
    return True


def _reachable(url):
    """True when `url` answers within PROBE_S seconds, all addresses and retries together."""
    answers = []

    def ask():
        try:
            with urllib.request.urlopen(urllib.request.Request(url, method="HEAD"), timeout=PROBE_S):
                answers.append(True)
        except (OSError, ValueError):
            pass

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(PROBE_S)
    return bool(answers)


def _install_rest(facts, extras):
    """Step 4: everything else, and the course's own library as editable."""
    say("[4/4] JupyterLab and the other packages")
    _need("rest")
    target = "." + (f"[{','.join(extras)}]" if extras else "")
    _run(facts, "-c", str(CONSTRAINTS), "-e", target, doing="Installing the packages", on_install=_invalidate)


def _run(facts, *arguments, doing, on_install=None):
    bar = "raw" if _has_raw_progress(facts) else "off"
    pip = [str(venv_python()), "-m", "pip", "--log", str(DETAILS), "install", "--progress-bar", bar]
    _pip.run([*pip, *arguments], doing=doing, log=LOG, details=DETAILS, on_install=on_install)


def _has_raw_progress(facts):
    return tuple(int(part) for part in re.findall(r"\d+", facts["pip"])[:2]) >= RAW_PROGRESS


def _need(what):
    """Stop before a download that the disk cannot hold. Raises Failure."""
    free, needed = shutil.disk_usage(VENV).free / 1e9, GIGABYTES[what]
    if free < needed:
        raise Failure(f"The disk has {free:.1f} GB free; this step needs about {needed:g} GB.",
                      f"Free {needed - free:.1f} GB on the disk of {ROOT}, or move the course to another "
                      "disk, then start again.", "disk")


def _invalidate():
    """From here on the environment changes: a start that is cut off must not find it valid."""
    STAMP.unlink(missing_ok=True)


def _pins():
    """Map torch and torchvision to the exact versions of pyproject.toml."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    found = (re.fullmatch(r"(torch|torchvision)==([\w.]+)", line) for line in project["dependencies"])
    return {match[1]: match[2] for match in found if match}


def _write_json(path, content):
    """Write all of it or nothing."""
    draft = path.with_name(path.name + ".part")
    draft.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8", newline="\n")
    os.replace(draft, path)
