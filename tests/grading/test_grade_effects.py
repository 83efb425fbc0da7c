"""What a submission does at the top of its cells to what a function uses runs with it; what it does else does not."""

import time

import pytest

from tools.grading import slice


def part(*cells, name="f"):
    return slice.needed(slice.Submission([(f"cell {n}", text) for n, text in enumerate(cells, start=1)]), name)


def value(*cells):
    space = {}
    for label, line, source in part(*cells).pieces:
        exec(compile("\n" * (line - 1) + source, label, "exec"), space)
    return space["f"]()


LENGTH = "def f():\n    return len(x)"
FIRST = "def f():\n    return x[0]"


@pytest.mark.parametrize(
    "cells",
    [
        # methods and parts
        ["x = []", "x.append(1)\nx.append(2)\nx.append(3)", LENGTH],
        ["x = {'a': 1}\nx.update(b=2)\nx.setdefault('c', []).append(3)", LENGTH],
        ["x = [0] * 4\ndel x[0]", LENGTH],
        ["x = [3, 1, 2]\nx.sort(reverse=True)", FIRST],
        ["x = [0]\nx[0] = 3", FIRST],
        ["x = [0]\nx[0] += 3", FIRST],
        ["x = y = []\ny += [1, 2, 3]", LENGTH],
        ["x = [1, 2, 3, 4]\nlast = x.pop()", LENGTH],
        ["x = []\n_ = [x.append(n) for n in range(3)]", LENGTH],
        ["import torch\nx = torch.zeros(2)\ny = x.fill_(3)", FIRST],
        ["import torch\nx = torch.zeros(2)\ntorch.nn.init.constant_(x, 3)", FIRST],
        ["x = []\nlist.append(x, 1)\nlist.extend(x, [2, 3])", LENGTH],
        ["class Count:\n    n = 0\n    def tick(self):\n        self.n += 1\n        return self.n", "c = Count()"]
        + ["a = c.tick()\nb = c.tick(), c.tick()", "def f():\n    return c.n"],
        ["class A:\n    n = 0", "A.n = 3", "def f():\n    return A.n"],
        # bodies
        ["x = []\nfor n in range(3):\n    if n < 5:\n        x.append(n)", LENGTH],
        ["x = []\nwhile len(x) < 3:\n    x.append(0)", LENGTH],
        ["import contextlib\nx = []\nwith contextlib.suppress(KeyError):\n    x.extend('abc')", LENGTH],
        ["x = []\ntry:\n    x += [1, 2, 3]\nfinally:\n    pass", LENGTH],
        ["x = [[], []]\nfor row in x:\n    row.append(3)", "def f():\n    return x[1][0]"],
        ["x = {'a': [], 'b': []}\nfor key, row in x.items():\n    row.append(3)", "def f():\n    return x['b'][0]"],
        # other names of it
        ["x = [[0]]\nrow = x[0]\nrow[0] = 3", "def f():\n    return x[0][0]"],
        ["x = []\ny = x\nz = y\nz.extend('abc')", LENGTH],
        # functions
        ["import random\nx = [3, 3]\nrandom.shuffle(x)", FIRST],
        ["import heapq\nx = [4, 5]\nheapq.heappush(x, 3)", FIRST],
        ["class A:\n    pass", "setattr(A, 'n', 3)", "def f():\n    return A.n"],
        ["x = iter([1, 2, 3])\nnext(x)\ntwo = next(x)", "def f():\n    return next(x)"],
        ["def fill(y, n):\n    y.append(n)", "x = []\nfill(x, 3)", FIRST],
        ["def put(n):\n    x.append(n)", "x = []", "put(3)", FIRST],
        ["def put(n):\n    x[n] = n\n    return n", "x = {}", "a = put(0), put(1), put(2)", LENGTH],
        ["def put(n):\n    x.append(n)\ndef several():\n    put(3)", "x = []", "several()", FIRST],
        ["def begin():\n    global x\n    x = [3]", "begin()", FIRST],
        ["class Book:\n    def put(self, n):\n        x.append(n)", "x = []\nbook = Book()\nbook.put(3)", FIRST],
        ["class Book:\n    def __init__(self, n):\n        x.append(n)", "x = []\nBook(3)", FIRST],
        # decorators
        ["x = {}", "def known(g):\n    x[g.__name__] = g\n    return g"]
        + ["@known\ndef three():\n    return 3", "def f():\n    return x['three']()"],
        ["import functools\n@functools.singledispatch\ndef kind(a):\n    return 0"]
        + ["@kind.register\ndef _(a: int):\n    return 3", "def f():\n    return kind(1)"],
    ],
)
def test_what_changes_it_at_the_top_comes_with_it(cells):
    assert value(*cells) == 3


@pytest.mark.parametrize(
    "other",
    [
        "print(x)",
        "print(len(x), x.count(1))",
        "plt.bar(range(1), x)",
        "check.f(f)",
        "result = train(x)",
        "torch.manual_seed(0)",
        "for n in x:\n    print(n)",
        "y = []\ny.append(x)",
        "for n in range(3):\n    y = [n]\n    y.append(slow())",
        "def never():\n    x.append(slow())",
        "never = lambda: x.append(slow())",
        "def shadow(x):\n    x.append(1)\nshadow([slow()])",
        "def local():\n    x = []\n    x.append(1)\nlocal()",
        "print(f())",
    ],
)
def test_what_only_looks_at_it_stays_out(other):
    imports = "import torch, plt\nfrom course_utils import check, train, slow"
    uses_torch = "def f():\n    return torch.tensor(x)"
    assert [source for *_, source in part(imports, "x = [1]", other, uses_torch).pieces] == [
        "import torch, plt",
        "x = [1]",
        uses_torch,
    ]


def test_what_a_statement_needs_that_changes_it_comes_too():
    assert value("step = 3", "def g():\n    return step", "x = []\nx.append(g())", FIRST) == 3


def test_an_answer_that_raises_while_it_is_filled_is_run_all_the_same():
    found = part("x = [3]", "x.append(1 / 0)", FIRST)
    assert [source for *_, source in found.pieces] == ["x = [3]", "x.append(1 / 0)", FIRST]


def test_many_statements_take_time_and_room_that_grow_with_their_number_alone():
    """Of 160 kB, they took a hundred seconds and 800 MB of line ends; twice as many, four times as long.

    Eight times as many took 8 times as long where the time grows with their number, and would take 64 times as
    long where it grows with its square: the bound between them leaves a busy machine a factor of three both ways.
    """

    def seconds(count):
        began = time.process_time()
        found = part("x=1\n" * count + "def f():\n    return x")
        assert sum(len(source) for *_, source in found.pieces) < 10 * count
        return time.process_time() - began

    assert min(seconds(10_000) for _ in range(2)) < 23 * min(seconds(1_250) for _ in range(3))


@pytest.mark.parametrize(
    "line",
    [
        "x.a();",
        "for i in x:i.a()\n",
        "@g\ndef g():x.a()\n",
        "x" + ".a()" * 60 + "\n",
        "x" + ".a" * 200 + ".b()\n",
        "a{0} = a{1}\na{1}.b()\n",
        "def g{0}():\n    g{1}()\n    x.b()\ng{0}()\n",
        "for a{0} in a{1}: a{0}.b()\n",
    ],
)
def test_hostile_chains_of_names_and_functions_do_not_keep_the_grader_busy(line):
    began, count = time.process_time(), 3_000 if len(line) < 100 else 500
    found = part("x = a0 = []\n" + "".join(line.format(n, n + 1) for n in range(count)), "def f():\n    return x, a0")
    assert found.pieces and time.process_time() - began < 10


def test_a_file_of_very_many_statements_is_refused_in_words(tmp_path):
    (tmp_path / "a.py").write_text("x=1\n" * 40_000, encoding="utf-8")
    with pytest.raises(slice.Unreadable, match="more than 20000 statements"):
        slice.read(tmp_path / "a.py")
