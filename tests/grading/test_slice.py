"""Of a submission runs the last definition of the function and what that uses or is changed by, and no more."""

import time

import pytest
from _submissions import notebook

from tools.grading import judge, slice
from tools.publishing import lessons as _lessons


def part(*cells, name="f"):
    return slice.needed(slice.Submission([(f"cell {n}", text) for n, text in enumerate(cells, start=1)]), name)


def value(found, name="f"):
    space = {}
    for label, line, source in found.pieces:
        exec(compile("\n" * (line - 1) + source, label, "exec"), space)
    return space[name]()


def test_the_last_definition_counts_and_is_shown_as_written():
    found = part("def f():\n    return 1", "def f():\n    return 2  # two")
    assert found.pieces == [("cell 2", 1, "def f():\n    return 2  # two")]


def test_what_it_uses_comes_with_it_and_the_rest_does_not():
    found = part(
        "import math\nimport os",
        "slow = train()",
        "base = 2\nbase += 1",
        "table = {}\ntable['x'] = base",
        "def helper():\n    return table['x'] * math.floor(1.5)",
        "def f(slow=0):\n    return helper()",
    )
    assert value(found) == 3
    assert "train" not in str(found.pieces) and "import os" not in str(found.pieces)


@pytest.mark.parametrize(
    "broken", [*("def g(:", "%matplotlib inline\n!ls", "%%bash\nls", "é = \0", "f(" * 3000, "return 1")]
)
def test_an_error_elsewhere_does_not_matter(broken):
    assert value(part(broken, "k = 4", "%time\ndef f():\n    return k", broken)) == 4


def test_a_cell_under_a_magic_that_runs_python_counts():
    assert value(part("def f():\n    raise NotImplementedError", "%%time\ndef f():\n    return 4")) == 4


def test_a_later_definition_that_is_no_python_is_told():
    found = part("def f():\n    return 1", "def f(:\n    return 2")
    assert found.fault.startswith("Cell 2 defines f and is no Python") and "line 1" in found.fault
    assert part("def f(:\n    return 2", "def f():\n    return 1").fault == ""


@pytest.mark.parametrize(
    "cells",
    [
        ["f = lambda: 7"],
        ["def f():\n    return 6", "g = f", "def deco(x):\n    return lambda: x() + 1", "f = deco(f)"],
        ["import functools", "@functools.cache\ndef f():\n    return 7"],
        ["for n in range(8):\n    pass", "def f():\n    return [n for _ in 'x'][0]"],
        ["a, (b, *c) = 1, (7, 8)", "def f():\n    return b"],
    ],
)
def test_functions_of_every_form(cells):
    assert value(part(*cells)) == 7


LENGTH = "def f():\n    return len(x)"
FIRST = "def f():\n    return x[0]"


@pytest.mark.parametrize(
    "cells",
    [
        ["x = []", "x.append(1)\nx.append(2)\nx.append(3)", LENGTH],
        ["x = {'a': 1}\nx.update(b=2)\nx.setdefault('c', []).append(3)", LENGTH],
        ["x = [0]\nx[0] = 3", FIRST],
        ["x = [1, 2, 3, 4]\nlast = x.pop()", LENGTH],
        ["import torch\nx = torch.zeros(2)\ny = x.fill_(3)", FIRST],
        ["class A:\n    n = 0", "A.n = 3", "def f():\n    return A.n"],
        ["x = []\nfor n in range(3):\n    if n < 5:\n        x.append(n)", LENGTH],
        ["import random\nx = [3, 3]\nrandom.shuffle(x)", FIRST],
        ["def fill(y, n):\n    y.append(n)", "x = []\nfill(x, 3)", FIRST],
        ["step = 3", "def g():\n    return step", "x = []\nx.append(g())", FIRST],
    ],
)
def test_what_changes_it_at_the_top_comes_with_it(cells):
    assert value(part(*cells)) == 3


@pytest.mark.parametrize(
    "other",
    [
        *("print(x)", "print(len(x), x.count(1))", "plt.bar(range(1), x)", "check.f(f)", "result = train(x)"),
        *("torch.manual_seed(0)", "for n in x:\n    print(n)", "y = []\ny.append(x)", "print(f())"),
        "for n in range(3):\n    y = [n]\n    y.append(slow())",
        "never = lambda: x.append(slow())",
    ],
)
def test_what_only_looks_at_it_stays_out(other):
    imports = "import torch, plt\nfrom course_utils import check, train, slow"
    uses_torch = "def f():\n    return torch.tensor(x)"
    found = part(imports, "x = [1]", other, uses_torch).pieces
    assert [source for *_, source in found] == ["import torch, plt", "x = [1]", uses_torch]


def test_code_that_is_nested_too_deep_is_told_and_costs_its_exercise_alone():
    total = " + ".join(["1"] * 900)
    deep = f"def f():\n    return {total}"
    for found in (part(deep), part(f"k = {total}", "def f():\n    return k")):
        assert "nested too deep" in found.fault and not found.pieces
    assert value(part(deep, "def g():\n    return 7", name="g"), "g") == 7


def test_files_that_are_no_submission_say_why(tmp_path):
    for text in (b"\xff\xfe", b"{}", b"[]", b'{"cells": 3}', b"[" * 100_000, b'{"cells": [7]}'):
        file = tmp_path / "a.ipynb"
        file.write_bytes(text)
        with pytest.raises(slice.Unreadable):
            slice.read(file)
    (tmp_path / "a.py").write_text("a=1\n" * 5_000_000, encoding="utf-8")
    for name, said in (("none.py", "cannot be read"), ("a.py", "letters of code")):
        with pytest.raises(slice.Unreadable, match=said):
            slice.read(tmp_path / name)


@pytest.mark.parametrize(
    "line", ["x.a();", "a{0} = a{1}\na{1}.b()\n", "x" + ".a()" * 60 + "\n", "for a{0} in a{1}: a{0}.b()\n"]
)
def test_hostile_code_does_not_keep_the_grader_busy(line):
    began, count = time.process_time(), 3_000 if len(line) < 100 else 500
    text = "x = a0 = []\n" + "".join(line.format(n, n + 1) for n in range(count))
    assert part(text, "def f():\n    return x, a0").pieces and time.process_time() - began < 10


MACS, BITS = (f"def {judge.exercises(_lessons.select([name])[0])[0]}():\n    pass" for name in ("energy", "integers"))


@pytest.mark.parametrize(
    ("cells", "course", "wanted"),
    [
        ([], "integers", "integers"),
        ([MACS], "no such", "energy"),
        ([MACS], "", "energy"),
        ([BITS], "", "integers"),
        (["a = 1"], "", None),
    ],
)
def test_which_lesson_it_is(tmp_path, cells, course, wanted):
    path = tmp_path / "x.ipynb"
    path.write_text(notebook(*cells, course=course), encoding="utf-8")
    found = judge.lesson_of(slice.read(path), _lessons.select([]))
    assert (found and found.name) == wanted
