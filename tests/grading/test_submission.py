"""Which lesson a notebook is of, which statements an answer needs, and what becomes of them."""

import sys

import pytest
from _handed_in import notebook

from course_utils import syllabus
from tools.grading import inside, submission

KNOWN = syllabus.lessons()
CHECK = "check.own_scales(own_scales)"


def read(path, *sources, name="dynamic"):
    return submission.read(notebook(path / "a.ipynb", *sources, name=name), [], KNOWN)


def needed(path, *sources):
    [handed_in] = read(path, *sources)
    found = handed_in.attempts(*handed_in.published.exercises[0])
    assert {call for call, _ in found} == {CHECK}
    return found[0][1], found[1][1] if found[1:] else None


def value(statements, monkeypatch):
    """What the answer returns when these statements have run, and what failed."""
    monkeypatch.setitem(sys.modules, "__main__", None)
    cells = [(one.cell.label, submission.python(one.cell.source), [one.nth]) for one in statements]
    space, failed = inside.run(cells)
    return space["own_scales"](), failed


def test_what_an_answer_uses_comes_with_it_and_the_rest_does_not(tmp_path, monkeypatch):
    part, whole = needed(
        tmp_path,
        "import math, os\nslow = train()\ndef own_scales():\n    raise NotImplementedError",
        "base = 2\nbase += 1",
        "def helper():\n    return math.floor(1.5) * base",
        "def own_scales(slow=0):\n    return helper()",
        CHECK,
        "base = 100",
    )
    assert value(part, monkeypatch) == (100, []) and "slow = train()" not in [one.text for one in part]
    assert value(whole, monkeypatch)[0] == 3, "the cells below the check did not count"


@pytest.mark.parametrize(
    "sources",
    [
        ("def own_scales():\n    return k()", CHECK, "def k():\n    return 7"),
        ("own_scales = f", "def f():\n    return 7", CHECK),
        ("def own_scales(): pass", CHECK, "def own_scales():\n    return 7"),
        ("1 / 0\n%matplotlib inline\nk = 7", "def own_scales(: \n no python", "def own_scales():\n    return k", CHECK),
        ("%%time\nk = 7\nown_scales = lambda: k\nown_scales()\ndisplay(k)\n" + CHECK,),
        ("def own_scales():\n    return 7", "# " + CHECK, "def other():\n    return check.own_scales"),
        ("def own_scales(x=torch.ones(7)):\n    return len(x)", CHECK, "import torch"),
        ("from math import *\ndef own_scales():\n    return floor(7.5)",),
    ],
)
def test_cells_in_any_order_with_errors_magics_and_without_the_check(sources, tmp_path, monkeypatch):
    assert value(needed(tmp_path, *sources)[0], monkeypatch)[0] == 7


@pytest.mark.parametrize(
    ("source", "changed"),
    [
        ("k = 3\ndef own_scales():\n    return k", False),
        ("k = []\nk.append(3)\ndef own_scales():\n    return k", True),
        ("k = {}\ndef fill(x):\n    x[0] = 3\nfill(k)\ndef own_scales():\n    return k", True),
        ("def own_scales():\n    return hidden", True),
        ("import torch\ntorch.manual_seed(3)\ndef own_scales():\n    return torch.ones(3)", False),
    ],
)
def test_all_cells_count_where_another_may_change_a_value_of_the_answer(source, changed, tmp_path):
    assert (needed(tmp_path, source, CHECK)[1] is not None) == changed


def test_the_lesson_is_said_and_never_guessed(tmp_path):
    assert read(tmp_path, CHECK)[0].lesson.name == "dynamic"
    bare = notebook(tmp_path / "b.ipynb", CHECK)
    with pytest.raises(submission.Unreadable, match="--lesson NAME"):
        submission.read(bare, [], KNOWN)
    assert [one.lesson.name for one in submission.read(bare, [KNOWN["amp"]], KNOWN)] == ["amp"]
    several = read(tmp_path, ("def to_int8(): return 1", "audit"), "mine = 1", ("def to_int8(): return 2", "pt2e"))
    assert [(one.lesson.name, len(one.cells)) for one in several] == [("audit", 2), ("pt2e", 1)]


@pytest.mark.parametrize("text", [b"\xff\xfe", b"{}", b"[]", b'{"cells": 3}', b"[" * 100_000, b'{"cells": [7]}'])
def test_what_is_no_notebook_says_so(text, tmp_path):
    for name, said in (("a.ipynb", "ask for it once more"), ("a.docx", "ask for the notebook")):
        (tmp_path / name).write_bytes(text)
        with pytest.raises(submission.Unreadable, match=said):
            submission.read(tmp_path / name, [KNOWN["dynamic"]], KNOWN)


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("def own_scales(x):\n    from lessons.dynamic import checks\n    return checks.own_scales", "import checks"),
        ("import lessons.dynamic.answers as a", "answers"),
        ("def own_scales(x):\n    return check.own_scales.reference(x)", "reference"),
        ("text = open('/course/lessons/dynamic/lesson.py').read()", "lesson.py"),
        ("own_scales = own_scales_solution", "_solution"),
        ("from lessons.dynamic import checks as check\n" + CHECK, ""),
        ("import torch\nfrom lessons.dynamic import show\n", ""),
    ],
)
def test_what_leads_to_the_checks_is_told(source, said, tmp_path):
    [handed_in] = read(tmp_path, source)
    told = handed_in.leads_to_checks()
    assert (said in told and told.startswith("Cell 1")) if said else not told
