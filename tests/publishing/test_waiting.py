"""How long a thread waits awake in a kernel, whoever starts it; the word of the user; the lesson that measures it."""

import ast
import os
import subprocess
import sys

import pytest

from course_utils.files import ROOT
from tools import build
from tools.publishing import hosted, waiting
from tools.workspace import lab, workspace

STARTS = {
    "open, present": lambda: lab.environment(workspace.WORKSPACE),
    "run": workspace.environment,
    "build": lambda: build.environment("."),
}
NAMES = (*waiting.BRIEFLY, *waiting.OTHERS)
SHOW = "import torch; torch.ones(300, 300) @ torch.ones(300, 300)"


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


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("start", STARTS)
def test_what_the_user_says_wins(start, name, monkeypatch):
    monkeypatch.setenv(name, "0")
    assert told(start) == {name: "0"}


def test_colab_has_it_before_pytorch_is_there():
    names = {}
    lines = hosted.first_cell("").splitlines()
    [line] = [line for line in lines if "environ.update" in line]
    exec(line, {"os": type("os", (), {"environ": names})})
    assert names == waiting.BRIEFLY and lines.index(line) < next(n for n, one in enumerate(lines) if "course =" in one)


def test_the_library_of_this_system_understands_it():
    env = {**os.environ, **waiting.environment(), "OMP_DISPLAY_ENV": "VERBOSE", "KMP_SETTINGS": "1"}
    done = subprocess.run([sys.executable, "-c", SHOW], env=env, capture_output=True, encoding="utf-8", check=True)
    said = done.stdout + done.stderr
    gnu, others = "GOMP_SPINCOUNT = '1000'" in said, said.count("KMP_BLOCKTIME=50us") == 2  # as given, and in force
    assert gnu if sys.platform == "linux" else others, said


def test_the_lesson_that_measures_a_waiting_thread_takes_the_courses_word_away(monkeypatch):
    source = (ROOT / "lessons" / "measuring" / "show.py").read_text(encoding="utf-8")
    kept = {"OMP_WAIT_POLICY": "PASSIVE", "PATH": "there"}  # the tests' own word stays
    made = {"os": type("os", (), {"environ": {**waiting.BRIEFLY, **kept}})}
    assigned = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Assign)]
    [env] = [node for node in assigned if getattr(node.targets[0], "id", "") == "env"]
    exec(ast.unparse(env), made)
    assert made["env"] == kept
    assert "subprocess.run([sys.executable, " in source and ", env=env, " in source
