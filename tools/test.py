"""Run every test: units, checks, lessons, and every notebook from its first cell to its last (arguments go to pytest).

test                    everything; notebooks as smoke runs, with little data and few steps
test --full             everything; notebooks in full, with their claims judged but those of speed
test -k "not slow"      the fast tests alone
test tests/test_x.py    one file; a notebook by its path in notebooks/, which then runs in full
test -x                 any option of pytest: stop at the first test that fails

Without arguments the tests that compute run twice more, as on two other processors: what rounds differs there.

A smoke run suffices from day to day: a published notebook was run in full, by `build --publish`, with the very files
that it reads, and a test says when one of them has changed since. Full runs find what another machine or other packages
do to it: before a release, and before a move to a new torch.

The two real models are fetched first (110 MB, once); COURSE_MODELS=stand-in in the environment tests without them.
"""

import os
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
CELL_SECONDS = 300
COMPUTING = ("tests/library", "tests/measure", "tests/weigh", "tests/lightning", "tests/checks")  # without notebooks
PROCESSORS = {  # what a processor has and how many threads compute decide in which order sums are added
    "one of 2008 (SSE4.1), one thread": {
        "ATEN_CPU_CAPABILITY": "default",
        "ONEDNN_MAX_CPU_ISA": "SSE41",
        "MKL_CBWR": "COMPATIBLE",
    },
    "one with AVX2 and without VNNI, two threads": {
        "ATEN_CPU_CAPABILITY": "avx2",
        "ONEDNN_MAX_CPU_ISA": "AVX2",
        "OMP_NUM_THREADS": "2",
        "MKL_NUM_THREADS": "2",
        "COURSE_THREADS": "2",
    },
}


def main(argv: list[str]) -> int:
    """Run pytest once over tests and notebooks, or over the paths in `argv`; gives pytest's exit status."""
    if "--help" in argv or "-h" in argv:
        say(f"{command('test')} [--full] [options of pytest] [paths]\n\n{__doc__}")
        return 0
    _copy_notebooks()
    _fetch_models()
    with tempfile.TemporaryDirectory(prefix="course-tests-", ignore_cleanup_errors=True) as folder:
        words = [*_options(), *_arguments([word for word in argv if word != "--full"])]
        environment = _environment(Path(folder)) | ({"COURSE_FULL": "1"} if "--full" in argv else {})
        status = subprocess.run([sys.executable, "-m", "pytest", *words], cwd=ROOT, env=environment).returncode
        return status if argv else status or _on_other_processors(environment)


def _on_other_processors(environment):
    """Run the fast tests that compute once more as on each of `PROCESSORS`; gives the first exit status that is not 0.

    A comparison finer than what is compared was rounded to fails on one of them, whichever machine it was written on.
    """
    statuses = []
    for name, settings in PROCESSORS.items():
        say(f"\nThe tests that compute, as on another processor: {name}")
        words = [*_options(), "--quiet", "-m", "not slow", *COMPUTING]
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


def _options():
    return [
        "--numprocesses",
        str(_processes()),
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


def _processes():
    """One process a physical core, with one thread each."""
    import psutil

    cores = psutil.cpu_count(logical=False) or os.cpu_count() or 1
    return min(cores, MAX_PROCESSES)


def _arguments(argv):
    """Give the arguments for pytest: a notebook as its copy; all tests and notebooks when there is no path."""
    given = [re.sub(r"^notebooks(?=/)", lambda _: str(ELSEWHERE), word) for word in argv]
    if any("/" in word and (ROOT / word.partition("::")[0]).exists() for word in given):
        return given
    # All notebooks are slow: without the slow tests they need not be read to find that out.
    return [*given, "tests", *([] if "not slow" in argv else [str(ELSEWHERE)])]


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
