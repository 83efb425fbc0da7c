"""Installs packages with uv: its settings, a plan before anything changes, the run. Standard library only."""

import ast
import os
import re
import shutil
import ssl
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

from tools.environment import causes
from tools.environment.causes import Failure
from tools.environment.env import ROOT, project, python_of, say

# pip's setting, uv's variable of the same meaning, and what stands there between two values
SETTINGS = {
    "index-url": ("UV_DEFAULT_INDEX", " "),
    "extra-index-url": ("UV_INDEX", " "),
    "find-links": ("UV_FIND_LINKS", ","),
    "trusted-host": ("UV_INSECURE_HOST", " "),
    "cert": ("SSL_CERT_FILE", " "),
    "proxy": ("ALL_PROXY", " "),
}
BACKEND = "UV_TORCH_BACKEND"  # "auto": uv looks for a GPU and takes the build of PyTorch for it, or for the CPU
LOOKUP_S = "10"  # while uv plans, an index that does not answer in this time is asked again, three times
PAUSE_S = 2  # before the second try
# Measured on Linux: 5.7 GB with CUDA, of which uv's cache and the environment share all; without, a sixth of that.
GIGABYTES = {"cuda": 7, "cpu": 2, "rest": 0.8}


def install(words, *, into, log, uv=None, before=lambda plan: None):
    """Install packages into an environment, PyTorch in the build that suits this machine.

    Args:
        words: what `uv pip install` gets: requirements, constraints, options.
        into: folder of the environment.
        log: file to which the commands and their output are added.
        uv: a Python that has uv, when the environment's own has not.
        before: called with uv's plan, in lines such as " + name==version", before anything changes.
    Raises:
        Failure: with cause and remedy.
    """
    python = str(python_of(into))
    env = settings(uv or python, into)
    command = [uv or python, "-m", "uv", "pip", "install", "--python", python, *words]
    forget_half_installed(into)
    for build in (env,) if BACKEND in env or has_torch(into) else ({**env, BACKEND: "auto"}, env):
        try:
            plan = run(
                [*command, "--dry-run"],
                doing="Choosing the packages",
                log=log,
                show=False,
                env={"UV_HTTP_TIMEOUT": LOOKUP_S, **build},
            )
            need(plan, into)
            before(plan)
            run(command, doing="Installing the packages", log=log, env=build)
            return
        except Failure as failure:
            if build is env or failure.kind in causes.LOCAL:
                raise
            say("      PyTorch's own index does not serve: taking the default index (on Linux a larger download)")


def has_torch(venv):
    """True when the torch that pyproject.toml pins is in an environment, in whichever build."""
    pin = next(line.partition("==")[2] for line in project()["dependencies"] if line.startswith("torch=="))
    return any(venv.glob(f"[lL]ib*/**/site-packages/torch-{pin}[.+]*dist-info"))


def settings(python, venv):
    """The environment for uv: the user's settings for pip hold, and what uv would warn of is said to it beforehand.

    Args:
        python: a Python that has pip and uv.
        venv: folder of the environment that uv will fill.
    """
    env = dict(os.environ)
    for name, value in _pip_settings(python).items():
        variable, between = SETTINGS[name]
        env.setdefault(variable, between.join(value.split()))
        if name == "extra-index-url":  # pip takes the best of all indexes, uv what the first one has
            env.setdefault("UV_INDEX_STRATEGY", "unsafe-best-match")
    if sys.platform != "linux" or ssl.get_default_verify_paths().cafile:
        env.setdefault("UV_SYSTEM_CERTS", "1")  # an organisation adds its certificate to those of the system
    env.setdefault("UV_COMPILE_BYTECODE", "1")  # as pip does; else packages warn, slowly, at their first import
    asked = subprocess.run(
        [python, "-m", "uv", "cache", "dir"], env=env, capture_output=True, encoding="utf-8", errors="replace"
    )
    cache = Path(asked.stdout.strip() or ROOT)
    probe, link = cache / f".course-{os.getpid()}", venv / ".course-link"
    try:
        cache.mkdir(parents=True, exist_ok=True)
        probe.touch()
        os.link(probe, link)
    except OSError:  # links work neither to another disk nor into a synchronised folder such as OneDrive
        extra = {"UV_LINK_MODE": "copy"} if probe.exists() else {"UV_NO_CACHE": "1"}
        env = {**extra, **env}
    for path in (probe, link):
        with suppress(OSError):
            path.unlink()
    return env


def _pip_settings(python):
    """pip's settings, from its files and the environment, that mean something to uv."""
    words, env = [python, "-m", "pip", "config", "list"], dict(os.environ, PYTHONUTF8="1")  # into a pipe, too
    listed = subprocess.run(words, env=env, capture_output=True, encoding="utf-8", errors="replace").stdout
    found = {}
    for place in ("global", "install", ":env:"):  # the later ones win, as with pip
        for name, value in re.findall(rf"^{place}\.([\w-]+)=(.*)$", listed, re.MULTILINE):
            if name in SETTINGS:
                found[name] = ast.literal_eval(value)
    return found


def forget_half_installed(venv):
    """Remove the records of packages whose installation was cut off: uv would take them for installed.

    Tried with uv 0.13: killed while it links files, it leaves METADATA and RECORD behind. INSTALLER comes last.
    """
    for record in venv.glob("[lL]ib*/**/site-packages/*.dist-info"):
        if not (record / "INSTALLER").exists():
            shutil.rmtree(record)


def need(plan, venv):
    """Stop before a download that the disk cannot hold.

    Args:
        plan: uv's plan.
        venv: folder of the environment.
    Raises:
        Failure: the disk has too little room.
    """
    torch = re.search(r"^ \+ torch==(\S+)", plan, re.MULTILINE)
    cuda = " + nvidia-" in plan or bool(torch) and "+cu" in torch[1]
    needed = GIGABYTES["cuda" if cuda else "cpu" if torch else "rest"]
    free = shutil.disk_usage(venv).free / 1e9
    if free < needed:
        raise Failure(
            f"The disk has {free:.1f} GB free; this step needs about {needed:g} GB.",
            f"Free {needed - free:.1f} GB on the disk of {ROOT}, or move the course to another disk, then start again.",
            "disk",
        )


def run(command, *, doing, log, env, show=True):
    """Run pip or uv, in sight, and a second time where that may help: a scanner holds a file, a connection broke.

    In a terminal the first try shows the program's own progress. Its words are not seen here then, so a second try,
    which goes on from what has arrived, finds the cause.

    Args:
        command: the program and its arguments.
        doing: what it does, for the message of a failure.
        log: file to which the command and its output are added.
        env: its environment.
        show: False for a step that is short, and whose output is for the program alone.
    Returns:
        str: its output; "" where that went to the terminal.
    Raises:
        Failure: the command failed, with the cause found in its output.
    """
    terminal = show and sys.stdout.isatty() and sys.stderr.isatty()
    for last in (False, True):
        status, output = _follow(command, env, log, show, pipe=last or not terminal)
        if status == 0:
            return output
        failure = causes.explain(output, doing)
        if last or not terminal and failure.kind not in causes.HELD:
            raise failure
        say("      That failed. Trying once more.")
        time.sleep(PAUSE_S)


def _follow(command, env, log, show, pipe):
    """Run a program to its end; give (exit status, output). Ctrl-C ends it too."""
    with open(log, "a", encoding="utf-8") as file:
        file.write(f"\n> {' '.join(command)}\n")
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE if pipe else None,
        stderr=subprocess.STDOUT if pipe else None,
        text=True,
        encoding="utf-8",
        errors="replace",
    )
    lines = []
    try:
        for line in process.stdout or ():
            lines.append(line)
            if show and not line.startswith((" + ", " - ", " ~ ")):
                say("      " + line.rstrip())
        process.wait()
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait()
        if process.stdout:
            process.stdout.close()
        with suppress(OSError), open(log, "a", encoding="utf-8") as file:  # a full disk is told by the program
            file.writelines(lines)
    return process.returncode, "".join(lines)
