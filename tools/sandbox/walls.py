"""The walls around a contained process: bubblewrap, docker or podman where one works; else limits alone."""

import hashlib
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from contextlib import suppress
from pathlib import Path

from course_utils.files import ROOT

HERE = Path(__file__).resolve().parent
SCRATCH = "/scratch"  # the empty folder in which an answer runs, behind walls
SYSTEM = (
    "/usr",
    "/lib",
    "/lib32",
    "/lib64",
    "/bin",
    "/sbin",
    "/etc/ld.so.cache",
    "/etc/localtime",
    "/etc/alternatives",
)
READABLE = [ROOT / name for name in ("course_utils", "lessons", "data", "records", "tools/sandbox/inside.py")]
BEHIND = (
    "Each answer ran, with the check that judged it, in {}: no network, and no files but the library, the lessons and "
    "the data of the course, to be read. Time, processor, memory, processes and files were limited."
)
WITHOUT = (
    "No walls: each answer ran in a plain process, with limits on its time, its memory and the size of its files. It "
    "could use the network, and read, change and delete your files and the other submissions."
)
REFUSED = (
    "Nothing was graded: neither bubblewrap nor docker nor podman works here, and without walls a submission could use "
    "the network, and read, change and delete your files. Install one of them: on Linux the package `bubblewrap` of "
    "your system, elsewhere docker or podman, and let it run (docs/assignments.md). --without-walls grades in the open "
    "all the same: only on a machine that you can lose."
)


def best():
    """The walls that work here: "bubblewrap", "docker", "podman", or "" for none.

    For docker and podman an image is built the first time, which takes minutes and needs a network.
    """
    if ready("bubblewrap"):
        return "bubblewrap"
    return next((tool for tool in ("docker", "podman") if ready(tool) or _built(tool)), "")


def refused():
    """Why nothing is graded without walls, and what to do; a tool that is here and does not answer is named."""
    silent = [tool for tool in ("docker", "podman") if shutil.which(tool)]
    return REFUSED + "".join(f" {tool} is installed here, but does not answer: is it running?" for tool in silent)


def ready(name):
    """Whether these walls work here, and nothing must be built before."""
    if name == "bubblewrap":
        return sys.platform == "linux" and _works([*bubblewrap([], 1 << 20), sys.executable, "-I", "-S", "-c", ""])
    return _works([name, "image", "inspect", _image()])


def said(name):
    """What is kept from an answer behind these walls, and what is not, in sentences."""
    return BEHIND.format(name) if name else WITHOUT


def _works(command):
    with suppress(OSError, subprocess.TimeoutExpired):
        return subprocess.run(command, capture_output=True, timeout=60).returncode == 0
    return False


def _image():
    """The name of the image, another one when the packages of the course are others."""
    files = (HERE / "Dockerfile", ROOT / "pyproject.toml", ROOT / "constraints.txt")
    return f"course-sandbox:{hashlib.sha256(b''.join(file.read_bytes() for file in files)).hexdigest()[:12]}"


def _built(tool):
    if not _works([tool, "info"]):
        return False
    print(f"{tool} builds the image that answers run in, once; it takes some minutes.", file=sys.stderr)
    with tempfile.TemporaryDirectory() as folder:
        for file in (HERE / "Dockerfile", ROOT / "pyproject.toml", ROOT / "constraints.txt"):
            shutil.copy(file, folder)
        return subprocess.run([tool, "build", "--tag", _image(), folder], stdout=sys.stderr).returncode == 0


def environment(scratch):
    """The environment variables that a contained process has: few, and none of this account's."""
    kept = {name: os.environ[name] for name in ("SYSTEMROOT", "PATHEXT", "COMSPEC") if name in os.environ}  # Windows
    one = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "COURSE_THREADS"), "1")
    homes = dict.fromkeys(("HOME", "USERPROFILE", "TMPDIR", "TEMP", "TMP"), scratch)
    return kept | one | homes | {"PATH": os.defpath, "LANG": "C.UTF-8", "MPLBACKEND": "Agg", "PYTHONUTF8": "1"}


def importable():
    """Where a contained process may import from: as here, but for folders of the course."""
    prefix, found = Path(sys.prefix).resolve(), []
    for entry in sys.path:
        folder = Path(entry).resolve()
        if entry and (not folder.is_relative_to(ROOT) or (prefix != ROOT and folder.is_relative_to(prefix))):
            found.append(str(Path(entry).absolute()))
    return found


def bubblewrap(shown, disk):
    """The start of a command line that runs in bubblewrap what follows.

    Args:
        shown: paths that can be read in it, beside Python and the system's libraries.
        disk: bytes of the files that can be written in it.
    """
    python = [sys.prefix, sys.base_prefix, sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib")]
    paths = dict.fromkeys(map(str, [*SYSTEM, *python, *shown]))  # each once
    paths = [path for path in paths if os.path.exists(path) and not ROOT.is_relative_to(path)]
    binds = [word for path in paths for word in ("--ro-bind", path, path)]
    alone = ["--unshare-all", "--die-with-parent", "--new-session", "--cap-drop", "ALL"]
    own = ["--proc", "/proc", "--dev", "/dev", "--size", str(disk), "--tmpfs", SCRATCH, "--chdir", "/"]
    return [shutil.which("bwrap") or "bwrap", *alone, *binds, *own, "--"]


def container(tool, name, limits):
    """The start of a command line that runs in docker or podman what follows.

    Args:
        tool: "docker" or "podman".
        name: of the container; what is `READABLE` stands in it at /course.
        limits: `contained.Limits`.
    """
    alone = ["--network", "none", "--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--read-only"]
    alone += ["--security-opt", "label=disable", "--user", "65534:65534"]
    most = ["--memory", str(2 * limits.memory), "--pids-limit", str(limits.processes)]
    scratch = ["--tmpfs", f"{SCRATCH}:rw,size={limits.disk},mode=1777"]
    places = [(path, f"/course/{path.relative_to(ROOT).as_posix()}") for path in READABLE]
    mounts = [f"--mount=type=bind,source={path},target={place},readonly" for path, place in places]
    ends = ["timeout", "-s", "KILL", str(int(3 * limits.seconds))]  # by itself, should nobody be left who ends it
    return [tool, "run", "--rm", "--interactive", "--name", name, *alone, *most, *scratch, *mounts, _image(), *ends]
