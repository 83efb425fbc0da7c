"""A lesson of two exercises, small enough that grading it takes no time; and what students make of it."""

import json

import nbformat
import pytest

from tools.environment import curriculum
from tools.grading import sandbox

TASKS = """
class Verdict:
    def __init__(self, status, sentence=""):
        self.status, self.sentence = status, sentence

def double(answer):
    try:
        right = answer(3) == 6
    except NotImplementedError:
        return Verdict("not done yet", "Write it.")
    except Exception as error:
        return Verdict("not yet", f"It stops: {error!r}")
    return Verdict("passed") if right else Verdict("not yet", "It isn't twice the number.")

def share(part, whole):
    if part is ...:
        return Verdict("not done yet", "part isn't filled in.")
    return Verdict("passed") if part / whole == 0.25 else Verdict("not yet", "It isn't a quarter.")
"""
CELLS = (  # (tags, text) of the published notebook
    (["setup"], "import math\nfrom lessons.small import tasks as check"),
    ([], "numbers = []\nnumbers.append(8)"),
    (["exercise"], 'def double(x):\n    """Twice a number."""\n    raise NotImplementedError'),
    (["check"], "from lessons.small import tasks as check\n\ncheck.double(double)"),
    (["solution"], "def double_solution(x):\n    return 2 * x"),
    (["exercise"], "part, whole = ..., numbers[0]"),
    (["check"], "check.share(part, whole)"),
    ([], "part = 100"),
)
RIGHT = {"double": "def double(x):\n    return 2 * x", "share": "part, whole = 2, numbers[0]"}


@pytest.fixture
def small(tmp_path, monkeypatch):
    """The lesson, known under its name alone, from a folder of its own."""
    root = tmp_path / "course"
    one = curriculum.Lesson("small", "A small one", "part", "A part", 1, 1, root)
    for path, text in ((one.source.with_name("tasks.py"), TASKS), (one.notebook, handed_in())):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    (root / "lessons" / "__init__.py").touch()
    monkeypatch.setattr(curriculum, "lessons", lambda root=None: {"small": one})
    monkeypatch.syspath_prepend(root)
    return one


@pytest.fixture(scope="session")
def tool():
    """What contains an answer here."""
    try:
        return sandbox.find()
    except SystemExit:
        pytest.skip("neither bubblewrap nor podman nor docker works here")


def handed_in(*extra, name="small", change=lambda nb: None, **answers):
    """The text of a notebook with answers in place of their stubs, more cells below, and what `change` does."""
    cells = [nbformat.v4.new_code_cell(text, metadata={"tags": tags}) for tags, text in CELLS]
    stubs = dict(zip(("double", "share"), (cell for cell in cells if "exercise" in cell.metadata.tags), strict=True))
    for exercise, answer in answers.items():
        stubs[exercise].source = answer
    for number, cell in enumerate(cells):
        cell.id = f"cell-{number}"
    cells += map(nbformat.v4.new_code_cell, extra)
    nb = nbformat.v4.new_notebook(cells=cells, metadata={"course": {"name": name}} if name else {})
    change(nb)
    return json.dumps(nb)
