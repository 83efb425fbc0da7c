"""Of a submission runs the last definition of the function and what that uses, and no more."""

import json

import pytest
from _submissions import notebook

from course_utils.checks._exercise import Exercise
from tools.grading import judge, slice
from tools.publishing import lessons as _lessons


def part(*cells, name="f"):
    return slice.needed(slice.Submission([(f"cell {n}", text) for n, text in enumerate(cells, start=1)]), name)


def value(found, name="f"):
    space = {}
    for label, line, source in found.pieces:
        exec(compile("\n" * (line - 1) + source, label, "exec"), space)
    return space[name]()


def test_the_last_definition_counts_and_the_code_is_shown_as_written():
    found = part("def f():\n    return 1", "def f():\n    return 2  # two")
    assert value(found) == 2
    assert [source for *_, source in found.pieces] == ["def f():\n    return 2  # two"]


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
    "broken",
    [
        "def g(:",
        "%matplotlib inline\n!ls",
        "%%bash\nls",
        "x = ?",
        "(" * 500,
        "é = \0",
        "f(" * 3000,
        "return 1",
        "from __future__ import braces",
    ],
)
def test_an_error_elsewhere_does_not_matter(broken):
    assert value(part(broken, "k = 4", "%time\ndef f():\n    return k", broken)) == 4


@pytest.mark.parametrize("magic", ["%%time", "%%capture said", "%%prun"])
def test_a_cell_under_a_magic_that_runs_python_counts(magic):
    assert value(part("def f():\n    raise NotImplementedError", f"{magic}\ndef f():\n    return 4")) == 4


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
        ["if True:\n    def f():\n        return 7"],
        ["from math import *", "def f():\n    return floor(7.5)"],
        ["class A:\n    n = 7", "def f():\n    return A.n"],
        ["for n in range(8):\n    pass", "def f():\n    return [n for _ in 'x'][0]"],
        ["a, (b, *c) = 1, (7, 8)", "def f():\n    return b"],
        ["def f(n=3):\n    return 7 if not n else f(n - 1)"],
        ["x = 1; y = 7", "def f(): return y"],
    ],
)
def test_functions_of_every_form(cells):
    assert value(part(*cells)) == 7


def test_lines_keep_their_numbers_for_what_an_exception_says():
    found = part("x = 1\n\n\ndef f():\n    return 1 / 0")
    with pytest.raises(ZeroDivisionError) as caught:
        value(found)
    assert caught.traceback[-1].lineno + 1 == 5


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
    with pytest.raises(slice.Unreadable):
        slice.read(tmp_path / "none.py")


def test_hostile_code_does_not_keep_the_grader_busy(tmp_path):
    import time

    began = time.process_time()
    chain = "\n".join(f"a{n} = a{n + 1}" for n in range(3_000)) + "\ndef f():\n    return a0"
    assert len(part(chain).pieces) == 3_001
    assert part("%a\n" * 20_000 + "def f():\n    return 1").pieces
    (tmp_path / "a.py").write_text("a=1\n" * 5_000_000, encoding="utf-8")
    with pytest.raises(slice.Unreadable, match="letters of code"):
        slice.read(tmp_path / "a.py")
    assert time.process_time() - began < 5


def test_a_file_of_python_with_cells_may_have_a_broken_one(tmp_path):
    file = tmp_path / "a.py"
    file.write_text("# %%\ndef g(:\n# %% [markdown]\n# é\n# %%\ndef f():\n    return 7\n", encoding="utf-8")
    assert value(slice.needed(slice.read(file), "f")) == 7


def test_which_lesson_it_is(tmp_path):
    lessons = _lessons.select([])

    def lesson(name, *cells, course=""):
        path = tmp_path / name
        path.write_text(notebook(*cells, course=course), encoding="utf-8")
        found = judge.lesson_of(slice.read(path), path, lessons)
        return found and found.name

    assert lesson("energy.ipynb", course="integers") == "integers"
    assert (
        lesson("energy.ipynb", course="no such") == lesson("3_energy.ipynb") == lesson("ann_energy_2.ipynb") == "energy"
    )
    assert lesson("qat_cnn of ann.ipynb") == "qat_cnn"
    assert lesson("x.ipynb", "def quantize():\n    pass") == "integers" and lesson("x.ipynb", "a = 1") is None
    # Whole words of the file's name; functions decide where these say nothing, or several things
    macs, bits = "def bill():\n    pass", "def quantize():\n    pass"
    for name in ("Campbell", "example", "Camp", "lamp_2", "équaliser", "preamp"):
        assert lesson(f"{name}.ipynb", macs) == "energy" and lesson(f"{name}.ipynb", "a = 1") is None
    assert lesson("amp2.ipynb") == lesson("Ann-AMP.ipynb") == lesson("2amp (1).ipynb") == "amp"
    assert lesson("ticket_full.ipynb") == lesson("ann ticket-full 3.ipynb") == "ticket_full"
    assert lesson("students_energy.ipynb", macs) == lesson("energy of students.ipynb", macs) == "energy"
    assert lesson("students_energy.ipynb") is None, "each of the two"
    assert lesson("energy.ipynb", bits) == "integers" and lesson("energy.ipynb", bits, macs) == "energy"
    path = tmp_path / "bad.ipynb"
    path.write_text(json.dumps({"cells": [], "metadata": {"course": ["x"]}}), encoding="utf-8")
    assert slice.read(path).course == ""


def test_every_exercise_has_its_check_and_few_are_judged_on_trust():
    assert all(judge.exercises(lesson) for lesson in _lessons.select([]))
    checks = {
        (lesson.name, name): judge.check_of(lesson, name)
        for lesson in _lessons.select([])
        for name in judge.exercises(lesson)
    }
    speaking = {place for place, check in checks.items() if isinstance(check, Exercise)}
    assert {place for place, check in checks.items() if check.needs.trust} - speaking == {
        ("depthwise", "residual_block"),
        ("lightning_qat", "export"),
        ("prune_traps", "load_pruned"),
        ("qat_cnn", "qat_loop"),
        ("static", "static_int8"),
    }, "an exercise that is judged on trust could be passed without being solved: the fewer the better"
    assert checks["audit", "did_nothing"].needs.by_value and checks["qat", "straight_through"].needs.watched
