"""Makes the environment in .venv with uv, so that an interrupted start can be resumed.

uv finds or fetches a Python, resolves, downloads and links. What it does not do stands here: be there already, read
pip's settings (a company's mirror), do without PyTorch's own index, see that an installation was cut off. Standard
library only; it parses on Python 3.8, from which uv can make an environment with a newer one.
"""

import ast
import json
import os
import re
import shutil
import ssl
import subprocess
import sys
import time
from contextlib import closing

from tools.environment import causes, env
from tools.environment.causes import Failure
from tools.environment.env import ROOT, VENV, say

SUPPORT = ROOT / ".venv-uv"  # uv itself, a lock, a log
GIGABYTES = {"cuda": 7, "cpu": 2}  # measured on Linux, with all that uv keeps
BACKEND = "UV_TORCH_BACKEND"  # "auto": uv looks for a GPU and takes the build of PyTorch for it, or for the CPU
# pip's setting, uv's variable of the same meaning, and what stands there between two values
SETTINGS = {
    "index-url": ("UV_DEFAULT_INDEX", " "),
    "extra-index-url": ("UV_INDEX", " "),
    "find-links": ("UV_FIND_LINKS", ","),
    "trusted-host": ("UV_INSECURE_HOST", " "),
    "cert": ("SSL_CERT_FILE", " "),
    "proxy": ("ALL_PROXY", " "),
}
# Compiling all takes a minute, so the first import does it; but not for these, whose code makes Python warn of it
COMPILED = ("torchao", "prompt_toolkit")
PROBE = "import sys; sys.path.insert(0, {!r}); from tools.environment import env; sys.exit(env.python_fault())"


def prepare(extras):
    """Make or complete the environment; nothing happens when it is as it should be.

    Args:
        extras: names of pyproject.toml's extras; those that the environment has stay.
    Raises:
        Failure: what was done is kept; the next start goes on from there.
    """
    if env.is_ready(extras):
        return
    _refuse_others()
    try:
        with closing(_lock()):
            if not env.is_ready(extras):
                there = set(env.read_stamp().get("extras", [])) & set(env.extras())  # an older course had others
                _prepare(sorted({*extras, *there}))
    except OSError as error:
        raise causes.explain(str(error), f"Writing into {ROOT}") from error


def _prepare(extras):
    began, ready = time.monotonic(), env.is_ready()
    first = "Bringing the environment up to date." if env.read_stamp() else f"Setting up {VENV}: some minutes, once."
    say("Adding what this task needs." if ready else first)
    say("Ctrl-C stops it; the next start goes on from there.")
    uv = [_fetch_uv()]
    settings = uv_settings()
    words = ["-c", str(env.CONSTRAINTS), "-r", str(env.PYPROJECT), *("--extra=" + name for name in extras), "pip"]
    if not ready:  # else it stays valid whatever happens: versions are fixed, so packages are only added
        _make_environment(uv, settings)
        env.STAMP.write_text(json.dumps({"extras": extras}), encoding="utf-8")
        words += ["-e", str(ROOT)]
    say("[3/3] PyTorch, JupyterLab and the other packages")
    install(uv, VENV, words, settings)
    places = [str(packages(VENV) / name) for name in COMPILED]
    subprocess.run([str(env.python_of(VENV)), "-W", "ignore", "-m", "compileall", "-qq", *places])
    env.STAMP.write_text(json.dumps({**env.expected_stamp(), "extras": extras}), encoding="utf-8")
    say(f"Done in {time.monotonic() - began:.0f} s.\n")


def _refuse_others():
    """Raise `Failure` for a link, a file, or an environment that the course did not make."""
    linked = VENV.resolve() != VENV  # by a symbolic link, or a junction of Windows
    if linked or VENV.exists() and not env.STAMP.exists() and (VENV.is_file() or any(VENV.iterdir())):
        which = f"is a link to {VENV.resolve()}" if linked else "was not made by this course"
        raise Failure(
            f"{VENV} {which}. Nothing was changed. Rename or delete it (of a link the link alone) and start again. Or "
            "activate it and use it as it is: python course.py --here"
        )


def _lock():
    """Keep a second start out, until what this gives is closed; the system does that when its holder ends."""
    SUPPORT.mkdir(exist_ok=True)
    file = (SUPPORT / "lock").open("a")
    try:
        if os.name == "nt":
            import msvcrt

            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        raise Failure("Another start is setting up this folder. Wait until it is done.") from None
    except OSError:
        pass  # this file system has no locks
    return file


def _fetch_uv():
    """Step 1: uv of the pinned version, put into a folder of its own by the running Python's pip; gives its program."""
    version = env.pinned("uv")
    say(f"[1/3] uv {version}, which installs the packages")
    if not (SUPPORT / f"uv-{version}.dist-info" / "INSTALLER").exists():
        words = [sys.executable, "-m", "pip", "install", "--quiet", "--upgrade", "--target", str(SUPPORT)]
        free = {"PIP_USER": "0", "PIP_REQUIRE_VIRTUALENV": "0", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
        _run([*words, f"uv=={version}"], "Installing uv", {**os.environ, **free}, show=False)
    return str(SUPPORT / "bin" / ("uv.exe" if os.name == "nt" else "uv"))


def _make_environment(uv, settings):
    """Step 2: an environment with the running Python or, where it does not fit, one that uv finds or fetches."""
    say("[2/3] Python environment")
    if not env.python_of(VENV).exists() or _fault(env.python_of(VENV)):
        low, high = env.allowed()
        wanted = f">=3.{low},<3.{high + 1}" if env.python_fault() else sys.executable
        words = ["venv", "--quiet", "--clear", "--relocatable", "--python", wanted, str(VENV)]
        _run([*uv, *words], "Making the environment", settings)
        fault = _fault(env.python_of(VENV))
        if fault:
            raise Failure(f"The environment's Python cannot serve. {fault} {env.install_python()}")


def _fault(python):
    """What is wrong with the Python of an environment, in words; "" when it serves."""
    done = subprocess.run([str(python), "-I", "-c", PROBE.format(str(ROOT))], stderr=subprocess.PIPE, encoding="utf-8")
    return done.stderr.strip() if done.returncode else ""


def install(uv, venv, words, settings):
    """Install packages into an environment, PyTorch in the build that suits this machine.

    `words` is what `uv pip install` gets. Raises `Failure` when uv fails, or the disk is too small.
    """
    _forget_half_installed(venv)
    command = [*uv, "pip", "install", "--python", str(env.python_of(venv)), *words]
    if BACKEND not in settings and not any(packages(venv).glob(f"torch-{env.pinned('torch')}[.+]*dist-info")):
        auto, plan = {**settings, BACKEND: "auto"}, ""
        try:  # an index that does not answer in 10 s is asked again, three times
            plan = _run([*command, "--dry-run"], "Choosing PyTorch", {"UV_HTTP_TIMEOUT": "10", **auto}, show=False)
            settings = auto
        except Failure:
            say("      PyTorch's own index does not serve: taking the default index (on Linux a larger download)")
        needed, free = GIGABYTES["cuda" if "nvidia-" in plan else "cpu"], shutil.disk_usage(str(venv)).free / 1e9
        if free < needed:
            raise Failure(
                f"The disk has {free:.1f} GB free; the set-up needs about {needed} GB. "
                f"Free {needed - free:.1f} GB on the disk of {ROOT}, then start again."
            )
    _run(command, "Installing the packages", settings)


def packages(venv):
    """The folder of an environment into which packages are installed."""
    return next(iter([*venv.glob("lib/python*/site-packages"), *venv.glob("Lib/site-packages")]), venv)


def _forget_half_installed(venv):
    """Remove the records of packages whose installation was cut off: uv would take them for installed.

    Tried with uv 0.13: killed while it links files, it leaves METADATA and RECORD behind. INSTALLER comes last.
    """
    for record in packages(venv).glob("*.dist-info"):
        if not (record / "INSTALLER").exists():
            shutil.rmtree(str(record))


def uv_settings():
    """The environment variables for uv, in which the user's settings for pip hold too."""
    settings, words = dict(os.environ), [sys.executable, "-X", "utf8", "-m", "pip", "config", "list"]
    listed = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, encoding="utf-8").stdout
    for place in (":env:", "install", "global"):  # the first one wins, as with pip
        for name, value in re.findall(rf"^{place}\.([\w-]+)=(.*)$", listed, re.MULTILINE):
            if name in SETTINGS:
                variable, between = SETTINGS[name]
                settings.setdefault(variable, between.join(ast.literal_eval(value).split()))
    if "UV_INDEX" in settings:  # pip takes the best of all indexes, uv what the first one has
        settings.setdefault("UV_INDEX_STRATEGY", "unsafe-best-match")
    if sys.platform != "linux" or ssl.get_default_verify_paths().cafile:
        settings.setdefault("UV_SYSTEM_CERTS", "1")  # an organisation adds its certificate to those of the system
    return settings


def _run(command, doing, settings, show=True):
    """Run pip or uv in sight, and where that fails once more, unseen, to learn the cause from what it prints."""
    common = {"cwd": str(ROOT), "env": settings, "stdin": subprocess.DEVNULL}
    if show:
        if subprocess.run(command, **common).returncode == 0:
            return ""
        say("      That failed. Trying once more.")
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "encoding": "utf-8", "errors": "replace"}
    done = subprocess.run(command, **common, **pipes)
    SUPPORT.mkdir(exist_ok=True)
    with (SUPPORT / "setup.log").open("a", encoding="utf-8") as log:
        log.write(f"\n> {' '.join(command)}\n{done.stdout}")
    if done.returncode:
        raise causes.explain(done.stdout, doing)
    return done.stdout
