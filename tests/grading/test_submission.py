"""Which lesson a notebook is of, which statements an answer needs, and what becomes of them."""

import json

import pytest
from _small_lesson import RIGHT, handed_in

from tools.grading import inside, submission

CHECK = "check.double(double)"


def read(path, lesson, *sources, asked=(), name="small", text=None):
    made = [{"cell_type": "code", "source": source, "metadata": {}} for source in sources]
    told = {"cells": made, "metadata": {"course": {"name": name}}}
    (path / "a.ipynb").write_text(text or json.dumps(told), encoding="utf-8")
    return submission.read(path / "a.ipynb", asked, {"small": lesson})


def value(monkeypatch, statements):
    """What the answer gives for 3 when these statements have run."""
    monkeypatch.setitem(inside.sys.modules, "__main__", None)
    cells = [(one.cell.label, submission.python(one.cell.source), [one.nth]) for one in statements]
    return inside.run(cells)[0]["double"](3)


@pytest.mark.parametrize(
    "sources",
    [
        ("k = 2\nslow = train()", "def double(x):\n    return k * x", CHECK),
        ("def double(x): raise NotImplementedError", "k = 1\nk += 1", "double = lambda x: k * x", CHECK, "part = 100"),
        ("def double(x):\n    return k() * x", CHECK, "def k():\n    return 2"),
        ("double = f", "def f(x):\n    return 2 * x", CHECK),
        ("def double(x, two=math.floor(2.5)):\n    return two * x", CHECK, "import math"),
        ("def double(x): pass", CHECK, "def double(x):\n    return 2 * x"),
        ("1 / 0\n%matplotlib inline\nk = 2", "def double(: \n no python", "def double(x): return k * x", CHECK),
        ("%%time\nk = 2\ndouble = lambda x: k * x\ndouble(1)\ndisplay(k)\n" + CHECK,),
        ("from math import *\ndef double(x):\n    return floor(2.5) * x",),
    ],
)
def test_an_answer_has_what_it_needs_wherever_that_stands(sources, small, tmp_path, monkeypatch):
    [one] = read(tmp_path, small, *sources)
    call, statements = one.attempts(*one.published.exercises[0])[0]
    assert call == CHECK and value(monkeypatch, statements) == 6
    assert "slow = train()" not in [statement.text for statement in statements]


@pytest.mark.parametrize(
    ("source", "attempts"),
    [
        ("k = 2\ndef double(x):\n    return k * x", 1),
        ("k = []\nk.append(2)\ndef double(x):\n    return k[0] * x", 2),
        ("k = []\nj = k\ndef fill():\n    j.append(2)\nfill()\ndef double(x):\n    return k[0] * x", 2),
        ("globals()['k'] = 2\ndef double(x):\n    return k * x", 2),
        ("import math\nmath.tau = 2\ndef double(x):\n    return math.tau * x", 2),
        ("def double(x):\n    return 2 * x\ncheck.double(lambda x: 0)", 2),
    ],
)
def test_what_names_do_not_tell_counts_too_and_the_published_call(source, attempts, small, tmp_path, monkeypatch):
    [one] = read(tmp_path, small, source, "" if "check" in source else CHECK)
    found = one.attempts(*one.published.exercises[0])
    assert len(found) == attempts and found[-1][0] == CHECK
    assert value(monkeypatch, found[-1][1]) == 6


def test_a_later_cell_of_the_lesson_does_not_replace_an_answer(small, tmp_path):
    [one] = read(tmp_path, small, text=handed_in(**RIGHT))
    statements = one.attempts(*one.published.exercises[1])[0][1]
    assert "part = 100" not in [statement.text for statement in statements]


def test_the_lesson_is_said_and_never_guessed(small, tmp_path):
    with pytest.raises(submission.Unreadable, match="--lesson NAME"):
        read(tmp_path, small, CHECK, name="other")
    assert read(tmp_path, small, CHECK, name="", asked=[small])[0].lesson == small

    def of_two(nb):
        nb.cells[0].metadata["course"], nb.cells[3].metadata["course"] = {"lesson": "small"}, {"lesson": "other"}

    [one] = read(tmp_path, small, text=handed_in(name="", change=of_two))
    assert [cell.label for cell in one.cells] == ["Cell 1", "Cell 2", "Cell 3"]


@pytest.mark.parametrize("text", [b"\xff\xfe", b"{}", b"[]", b'{"cells": 3}', b"[" * 100_000, b'{"cells": [7]}'])
def test_what_is_no_notebook_says_so(text, small, tmp_path):
    for name, said in (("a.ipynb", "ask for it once more"), ("a.docx", "ask for the notebook")):
        (tmp_path / name).write_bytes(text)
        with pytest.raises(submission.Unreadable, match=said):
            submission.read(tmp_path / name, [small], {})


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("def double(x):\n    from lessons.small import tasks\n    return tasks.double", "import tasks"),
        ("def double(x):\n    return check.double.reference(x)", "reference"),
        ("text = open('/course/lessons/small/lesson.py').read()", "lesson.py"),
        ("double = double_solution", "_solution"),
        ("from lessons.other import tasks as check\n" + CHECK, ""),
    ],
)
def test_what_leads_to_the_checks_is_told(source, said, small, tmp_path):
    told = read(tmp_path, small, source)[0].leads_to_checks()
    assert (said in told and told.startswith("Cell 1")) if said else not told
