"""Run every test: units, checks, lessons, and every notebook from its first cell to its last (arguments go to pytest).

test                    everything; notebooks as smoke runs, with little data and few steps
test --full             everything; notebooks in full, with their claims judged but those of speed
test -k "not slow"      the fast tests alone
test tests/test_x.py    one file; a notebook by its path in notebooks/, which then runs in full
test -x                 any option of pytest: stop at the first test that fails

Without arguments the tests that compute run twice more, as on two other processors: what rounds differs there.

A smoke run suffices from day to day: a published notebook was run in full, by `build`, with the very code and files
that it uses, and a test says when something of these has changed since. Full runs find what another machine or other
packages do to it: before a release, and before a move to a new torch.

The two real models are fetched first (110 MB, once); COURSE_MODELS=stand-in in the environment tests without them.
"""

import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from course import ROOT, command, say
from course_utils import real_models
from tools.environment.env import import_path

REQUIRES = ("dev", "deploy", "llm", "cluster", "setup", "site")

ELSEWHERE = ROOT / "build" / "elsewhere"
MAX_PROCESSES = 4  # a lesson may take 4 GB
CELL_SECONDS = 1800  # against hanging
# Tests that compute, without notebooks; and those of them that round to integers.
COMPUTING = ("tests/test_tasks.py", "tests/library", "tests/measure", "tests/weigh")
ROUNDING = ("tests/measure", "tests/weigh")
# What a processor has and how many threads compute decide in which order sums are added.
PROCESSORS = {
    "one of 2008 (SSE4.1), one thread": (
        COMPUTING,
        {"ATEN_CPU_CAPABILITY": "default", "ONEDNN_MAX_CPU_ISA": "SSE41", "MKL_CBWR": "COMPATIBLE"},
    ),
    "one with AVX2 and without VNNI, two threads": (
        ROUNDING,
        {"ATEN_CPU_CAPABILITY": "avx2", "ONEDNN_MAX_CPU_ISA": "AVX2"}
        | dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "COURSE_THREADS"), "2"),
    ),
}


def main(argv: list[str]) -> int:
    """Run pytest once over tests and notebooks, or over the paths in `argv`; gives pytest's exit status."""
    if "--help" in argv or "-h" in argv:
        say(f"{command('test')} [--full] [options of pytest] [paths]\n\n{__doc__}")
        return 0
    given = [word for word in argv if word != "--full"]
    words = [*_options(_processes(given)), *_arguments(given)]
    if str(ELSEWHERE) in " ".join(words):
        _copy_notebooks()
    _fetch_models()
    with tempfile.TemporaryDirectory(prefix="course-tests-", ignore_cleanup_errors=True) as folder:
        environment = _environment(Path(folder)) | ({"COURSE_FULL": "1"} if "--full" in argv else {})
        status = subprocess.run([sys.executable, "-m", "pytest", *words], cwd=ROOT, env=environment).returncode
        others = 0 if argv else _on_other_processors(environment)
        return status or others


def _on_other_processors(environment):
    """Run the fast tests that compute once more as on each of `PROCESSORS`; gives the first exit status that is not 0.

    A comparison finer than what is compared was rounded to fails on one of them, whichever machine it was written on.
    """
    if platform.machine().lower() not in ("x86_64", "amd64"):
        return 0  # PyTorch has no such switches elsewhere
    statuses = []
    for name, (paths, settings) in PROCESSORS.items():
        say(f"\nThe tests that compute, as on another processor: {name}")
        words = [*_options(_processes()), "--dist", "worksteal", "--quiet", "-m", "not slow", *paths]
        done = subprocess.run([sys.executable, "-m", "pytest", *words], cwd=ROOT, env=environment | settings)
        statuses.append(done.returncode)
    return next(filter(None, statuses), 0)


def _fetch_models():
    """Fetch the real models that are missing, if they can be had: without them their tests are skipped."""
    for name in real_models.MODELS if os.environ.get("COURSE_MODELS") != "stand-in" else ():
        try:
            real_models.fetch(name)
        except real_models.FetchError as error:
            return say(f"The tests of the real models will be skipped. {error}")


def _copy_notebooks():
    """Fill build/elsewhere: a notebook that leans on its own folder fails there."""
    shutil.rmtree(ELSEWHERE, ignore_errors=True)
    shutil.copytree(ROOT / "notebooks", ELSEWHERE, ignore=shutil.ignore_patterns(".*"))


def _options(processes):
    return [
        "--numprocesses",
        str(processes),
        "--dist",
        "loadfile",
        "--no-loadscope-reorder",
        "--nbval-lax",
        "--nbval-current-env",
        "--nbval-cell-timeout",
        str(CELL_SECONDS),
        "-c",
        str(ROOT / "pyproject.toml"),
        "--rootdir",
        str(ROOT),
        "-ra",
        "--durations=10",
    ]


def _processes(argv=()):
    """One process a physical core, with one thread each; none beside this one for a few tests, as of one lesson."""
    import psutil

    if "-k" in argv and _paths(argv):
        return 0
    cores = psutil.cpu_count(logical=False) or os.cpu_count() or 1
    return min(cores, MAX_PROCESSES)


def _arguments(argv):
    """Give the arguments for pytest: a notebook as its copy; all tests and notebooks when there is no path."""
    given = [re.sub(r"^notebooks(?=/)", lambda _: str(ELSEWHERE), word) for word in argv]
    if _paths(argv):
        return given
    # All notebooks are slow: without the slow tests they need not be read to find that out.
    return [*given, "tests", *([] if "not slow" in argv else [str(ELSEWHERE)])]


def _paths(words):
    """Those of the arguments that are paths of tests or notebooks."""
    return [word for word in words if "/" in word and (ROOT / word.partition("::")[0]).exists()]


def _environment(folder):
    """Environment of pytest and of the kernels that nbval starts: strict, offline, one thread.

    Python may keep what it compiles: hundreds of processes import torch, which takes about twice as long without.
    """
    own = {
        name: str(folder / name.lower())
        for name in (
            "JUPYTER_CONFIG_DIR",
            "JUPYTER_DATA_DIR",
            "JUPYTER_RUNTIME_DIR",
            "IPYTHONDIR",
            "TORCH_HOME",
            "HF_HOME",
        )
    }
    kept = {
        name: value
        for name, value in os.environ.items()
        if name not in ("COURSE_FULL", "COURSE_QUICK", "COURSE_JUDGE_SPEED", "MPLBACKEND", "PYTHONDONTWRITEBYTECODE")
    }
    return {
        **kept,
        **own,
        "COURSE_PROGRESS": "0",
        "PYTHONPATH": import_path(ROOT / "tests" / "offline"),
        "OMP_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
        "OMP_WAIT_POLICY": "PASSIVE",  # a lesson's two threads spin for each other; beside another test, for seconds
        "COURSE_THREADS": "1",
        "COURSE_STRICT": "1",
        "PYTHONIOENCODING": "utf-8",
        "TORCHINDUCTOR_VEC_ISA_OK": "1",  # else each process that compiles tries the processor's instructions first
    }
