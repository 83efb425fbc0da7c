"""Runs an answer where it can do no harm: in bubblewrap, podman or docker, which do the containing."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

from course_utils.files import ROOT

TOOLS = ("bubblewrap", "podman", "docker")
SECONDS = 900  # a guard against what never ends: the slowest lesson takes one minute on a quiet laptop
SCRATCH = "/scratch"  # the one folder that an answer can write to; it is empty, and gone afterwards
INSIDE = Path(__file__).with_name("inside.py")
SYSTEM = "/usr /lib /lib32 /lib64 /bin /sbin /etc/ld.so.cache /etc/localtime /etc/alternatives".split()
IMAGE_FILES = (Path(__file__).with_name("Dockerfile"), ROOT / "pyproject.toml", ROOT / "constraints.txt")
NONE_WORKS = (
    "Nothing was graded: answers run in bubblewrap, podman or docker, and none of them works here. Install one: on "
    "Linux the package `bubblewrap` (sudo apt install bubblewrap), elsewhere docker or podman, and start it. With "
    "--trust they run without it: an answer can then read, change and delete your files, and use the network."
)


def find():
    """The first of `TOOLS` that works here; SystemExit, with what to install, where none does."""
    for tool in TOOLS:
        if _succeeds(_bubblewrap("true") if tool == "bubblewrap" else [tool, "info"]):
            return tool
    silent = [f" {tool} is installed, but doesn't answer: is it running?" for tool in TOOLS[1:] if shutil.which(tool)]
    raise SystemExit(NONE_WORKS + "".join(silent))


def prepare(tool):
    """Build the image that podman and docker run answers in, where it isn't there yet."""
    if tool not in TOOLS[1:] or _succeeds([tool, "image", "inspect", _image()]):
        return
    print(f"{tool} builds the image that answers run in. This takes some minutes, once, and needs a network.")
    with tempfile.TemporaryDirectory() as folder:
        for file in IMAGE_FILES:
            shutil.copy(file, folder)
        if subprocess.run([tool, "build", "--tag", _image(), folder]).returncode:
            raise SystemExit(f"Nothing was graded: {tool} could not build the image. What it said stands above.")


def run(job, tool, memory):
    """Run `inside.py` on a job.

    Args:
        job: the arguments of `inside.judged`, without the first and the memory.
        tool: one of `TOOLS`, or "" to run it without a sandbox.
        memory: bytes that it may take.
    Returns:
        (status, sentence): what it said; else how it ended, "stopped" where the answer had begun.
    """
    with tempfile.TemporaryDirectory(prefix="answer-", ignore_cleanup_errors=True) as folder:
        command, own = [sys.executable, "-B", str(INSIDE)], {}
        if tool == "bubblewrap":
            command = _bubblewrap(*command)
        elif tool:
            command = _container(tool, memory)
        else:
            own = {"cwd": folder, "env": os.environ | _variables(folder) | {"PATH": os.environ.get("PATH", "")}}
        text = json.dumps({"memory": memory, **job}).encode()
        try:
            done = subprocess.run(command, input=text, capture_output=True, timeout=SECONDS, **own)
            said = f"Python ended without a verdict (exit status {done.returncode})."
        except subprocess.TimeoutExpired as error:
            done, said = error, f"It was still running after {SECONDS // 60} minutes."
    with suppress(ValueError):
        status, sentence = json.loads(done.stdout or "")
        return status, sentence
    last = (done.stderr or b"").decode("utf-8", "replace").strip().splitlines()[-1:]
    return "stopped" if done.stdout else "not graded", " ".join([said, *last])


def _container(tool, memory):
    """A command line in podman or docker. The container ends by itself: what is killed here only talks to it."""
    options = "--network=none --read-only --cap-drop=ALL --security-opt=no-new-privileges --security-opt=label=disable"
    options += f" --memory={memory} --pids-limit=256 --tmpfs={SCRATCH}:rw,mode=1777 --workdir={SCRATCH}"
    if tool == "docker" and os.name == "posix":  # in podman the container's root is whoever started it
        options += f" --user={os.getuid()}:{os.getgid()}"
    variables = [f"--env={name}={value}" for name, value in _variables(SCRATCH, ["/course"]).items()]
    python = f"timeout --signal=KILL {SECONDS} python -B /course/{INSIDE.relative_to(ROOT).as_posix()}"
    start = [tool, "run", "--rm", "--interactive", *options.split(), f"--volume={ROOT}:/course:ro", *variables]
    return [*start, _image(), *python.split()]


def _bubblewrap(*command):
    """A command line in bubblewrap: the system, Python and the course can be read, and nothing else is there."""
    shown = [*SYSTEM, sys.prefix, sys.base_prefix, *filter(os.path.isdir, sys.path), ROOT, ROOT / "data" / "models"]
    bound = []
    for path in sorted({path for one in shown for path in (os.path.abspath(one), os.path.realpath(one))}, key=len):
        if os.path.exists(path) and not any(Path(path).is_relative_to(other) for other in bound):
            bound.append(path)
    variables = [word for pair in _variables(SCRATCH).items() for word in ("--setenv", *pair)]
    alone = ["--unshare-all", "--die-with-parent", "--new-session", "--cap-drop", "ALL", "--clearenv", *variables]
    own = ["--proc", "/proc", "--dev", "/dev", "--tmpfs", SCRATCH, "--chdir", SCRATCH]
    return ["bwrap", *alone, *(word for path in bound for word in ("--ro-bind", path, path)), *own, "--", *command]


def _variables(scratch, path=None):
    """The environment variables of an answer: one thread, homes in its folder, and a path to import from, as here."""
    one = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "COURSE_THREADS"), "1")
    homes = dict.fromkeys(("HOME", "TMPDIR", "TEMP", "TMP", "COURSE_WORKSPACE"), scratch)
    fixed = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8", "PYTHONUTF8": "1", "MPLBACKEND": "Agg"}
    path = os.pathsep.join(path or map(os.path.abspath, sys.path))
    return one | homes | fixed | {"PYTHONPATH": path, "COURSE_PROGRESS": "0"}


def _image():
    """The name of the image: another one when the packages of the course are others."""
    return f"course-sandbox:{hashlib.sha256(b''.join(file.read_bytes() for file in IMAGE_FILES)).hexdigest()[:12]}"


def _succeeds(command):
    with suppress(OSError, subprocess.TimeoutExpired):
        return subprocess.run(command, capture_output=True, timeout=120).returncode == 0
    return False
