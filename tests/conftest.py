"""What holds for every test: imports work, the network is off, no switch of the course leaks in."""

import functools
import gc
import json
import math
import os
import runpy
import signal
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SWITCHES = (
    "COURSE_QUICK",
    "COURSE_STRICT",
    "COURSE_JUDGE_SPEED",
    "COURSE_PROGRESS",
    "COURSE_WORKSPACE",
    "COURSE_MODELS",
)

if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))
if "sitecustomize" not in sys.modules or not hasattr(sys.modules["sitecustomize"], "NetworkOff"):
    runpy.run_path(str(ROOT / "tests" / "offline" / "sitecustomize.py"))  # pytest was not started by course.py


def pytest_configure(config):
    slow = "starts kernels or browsers, trains, converts networks, plays wrong answers; runs after the fast tests"
    config.addinivalue_line("markers", f"slow: {slow}")
    config.addinivalue_line("markers", "gpu: needs a CUDA device")
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # in a shell's background job; its children inherit that
        signal.signal(signal.SIGINT, signal.default_int_handler)
    from nbval import kernel

    from tools.publishing.execute import again_if_it_dies_at_start

    start = kernel.start_new_kernel if "COURSE_FULL" in os.environ else _quick(kernel.start_new_kernel)
    kernel.start_new_kernel = again_if_it_dies_at_start(start)


def _quick(start):
    """Start nbval's kernels for a smoke run, with stand-ins for the real models.

    A published notebook has been run in full, with those models and with the very files that it reads.
    """
    return functools.partial(start, env={**os.environ, "COURSE_QUICK": "1", "COURSE_MODELS": "stand-in"})


@pytest.hookimpl(tryfirst=True)  # before pytest applies -k and -m
def pytest_collection_modifyitems(items):
    """Count notebooks as slow; put the fast tests first, then the slow ones, then the notebooks, the longest first."""
    for item in items:
        if item.path.suffix == ".ipynb":
            item.add_marker("slow")
    items.sort(key=lambda item: (_seconds(item.path), item.get_closest_marker("slow") is not None))


def pytest_collection_finish():
    """Keep what was imported out of Python's garbage collections: most of the heap, and none of it is ever garbage."""
    gc.collect()
    gc.freeze()


@functools.cache
def _seconds(path):
    """Minus the seconds that a notebook says it takes: the longest must not run last and alone. A test: -inf."""
    if path.suffix != ".ipynb":
        return -math.inf
    return -json.loads(path.read_text(encoding="utf-8"))["metadata"].get("course", {}).get("seconds", 60)


@pytest.fixture(autouse=True)
def neutral_environment(monkeypatch):
    """No switch of the course is set, figures need no window."""
    for name in SWITCHES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MPLBACKEND", "Agg")


@pytest.fixture(scope="module")
def page():
    """A page of a browser that is already installed, without a network."""
    from tools.decks import browser

    try:
        with browser.page() as page:
            page.set_default_timeout(300_000)  # against hanging; a busy machine needs more than Playwright's 30 s
            yield page
    except browser.NoBrowser as reason:
        pytest.skip(f"not run: {reason}")
