"""What a contained process may see: its environment, the folders that it may read, and bubblewrap's command line."""

import os
import shutil
import sys
import sysconfig
from pathlib import Path

from course_utils.files import ROOT

SCRATCH = "/scratch"  # in a root of its own
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
TOOLS = ("__init__", *(f"sandbox/{name}" for name in ("__init__", "inside", "namespaces", "session", "tell", "values")))
ENGINE = ("course_utils", *(f"tools/{name}.py" for name in TOOLS))  # what a contained process is made of
READABLE = (*ENGINE, "data", "records")


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


def folders(path, trust, readable=READABLE):
    """What a contained process may read; `readable` is what of the course."""
    own = [ROOT / name for name in (*readable, *(["lessons"] if trust else []))]
    stdlib = [sysconfig.get_path(name) for name in ("stdlib", "platstdlib")]
    python = [sys.prefix, sys.base_prefix] if sys.base_prefix != "/usr" else []
    found = [*SYSTEM, *python, *stdlib, *path, *own]
    return [str(folder) for folder in found if Path(folder).is_absolute() and not ROOT.is_relative_to(folder)]


def bwrap(folders, scratch):
    """The start of a command line that runs in bubblewrap what follows."""
    shown = [word for folder in folders if Path(folder).exists() for word in ("--ro-bind", folder, folder)]
    alone = ["--unshare-all", "--die-with-parent", "--new-session", "--cap-drop", "ALL"]
    return [
        shutil.which("bwrap") or "bwrap",
        *alone,
        *shown,
        "--proc",
        "/proc",
        "--dev",
        "/dev",
        "--tmpfs",
        scratch,
        "--chdir",
        "/",
        "--",
    ]
