"""How long a thread waits awake in a kernel, whoever starts it; the word of the user; the lesson that measures it."""

import os

import pytest

from tools import build
from tools.publishing import waiting
from tools.workspace import lab, workspace

STARTS = {
    "open, present": lambda: lab.environment(workspace.WORKSPACE),
    "run": waiting.environment,
    "build": lambda: build.environment(),
}
NAMES = (*waiting.BRIEFLY, *waiting.OTHERS)


@pytest.fixture(autouse=True)
def nothing_said(monkeypatch):
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)


def told(start):
    """What a kernel finds in its environment about waiting."""
    return {name: text for name, text in {**os.environ, **STARTS[start]()}.items() if name in NAMES}


@pytest.mark.parametrize("start", STARTS)
def test_a_learners_kernel_waits_awake_only_briefly(start, monkeypatch):
    assert told(start) == waiting.BRIEFLY
    for name, text in waiting.BRIEFLY.items():  # as in a process of the course that has it already
        monkeypatch.setenv(name, text)
    assert STARTS[start]().items() >= waiting.BRIEFLY.items()
