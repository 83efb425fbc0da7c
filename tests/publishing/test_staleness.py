"""What a run uses is found by reading: what is named of a file counts, and nothing else of it."""

import json
import shutil

import _course
import pytest

from course_utils.files import ROOT
from tools import new
from tools.environment import curriculum
from tools.publishing import lessons, staleness

LESSON = """\
# ---
# jupyter:
#   course:
#     promise: You will.
# ---

# %% [markdown]
# A sentence.

# %%
from course_utils import checkpoints, energy
from lessons.fixture import show
from lessons.fixture import tasks as check

net = checkpoints.load("small")
show.bars(energy.bill(3))

# %% tags=["exercise"]
def double(x):
    raise NotImplementedError


# %% tags=["check"]
check.double(double)
"""
FILES = {
    "course_utils/__init__.py": "",
    "course_utils/checkpoints.py": "def load(name):\n    return name\n",
    "course_utils/energy.py": '"""Prices."""\nimport math\n\nPRICE = 1\nOTHER = 7\n\n\n'
    "def bill(n):\n    return _sum(n)\n\n\ndef _sum(n):\n    return n * PRICE\n",
    "lessons/fixture/show.py": "from course_utils.files import ROOT\nfrom course_utils.plots import *\n\n"
    'RECORD = ROOT / "records" / "kept" / "mine.json"\n\n\n'
    'def bars(n):\n    """Draw."""\n    return RECORD, n\n\n\ndef unused():\n    return 1\n',
    "lessons/fixture/tasks.py": "double = 1\n",
    "records/kept/mine.json": "1",
    "records/kept/other.json": "1",
    "data/checkpoints/catalogue.json": json.dumps({name: {"sha256": name * 9} for name in ("small", "large")}),
    "constraints.txt": "torch==2.15.0\nnumpy==2.2\n",
    "lessons/fixture/claims.toml": '[[claim]]\nid = "a"\nvalue = "net"\nholds = { min = 1 }\nwhy = "So."\n',
}


@pytest.fixture
def lesson(tmp_path):
    (made,) = _course.make_root(tmp_path, fixture=LESSON)
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return made


def changes(lesson, name, old, new):
    """What a notebook that was run before was run with, once `old` is `new` in a file."""
    nb = lessons.read(lesson)
    nb.metadata[lessons.RUN] = {"used": staleness.used(lesson)}
    path = lesson.root / name
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    return staleness.changes(lesson, nb)


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("course_utils/energy.py", "PRICE = 1", "PRICE = 2"),  # named by what is named by what the lesson names
        ("lessons/fixture/show.py", "return RECORD, n", "return RECORD, n, n"),
        ("lessons/fixture/lesson.py", "energy.bill(3)", "energy.bill(4)"),
        ("lessons/fixture/claims.toml", "min = 1", "min = 2"),
        ("records/kept/mine.json", "1", "2"),
    ],
)
def test_what_the_lesson_uses_makes_it_stale(lesson, name, old, new):
    assert changes(lesson, name, old, new) == [name]


def test_another_checkpoint_and_another_torch_make_it_stale(lesson):
    assert changes(lesson, "data/checkpoints/catalogue.json", "small" * 9, "big" * 9) == ["data/checkpoints/small.pt"]
    assert changes(lesson, "constraints.txt", "2.15.0", "2.16.0") == ["torch"]


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("course_utils/energy.py", "OTHER = 7", "OTHER = 8"),
        ("course_utils/energy.py", '"""Prices."""', '"""All prices."""'),
        ("lessons/fixture/show.py", "def unused():\n    return 1", "def unused():\n    return 2"),
        ("lessons/fixture/show.py", '"""Draw."""', "# drawn"),
        ("lessons/fixture/tasks.py", "1", "2"),
        ("lessons/fixture/lesson.py", "def double(x)", "def double(x, y)"),
        ("lessons/fixture/lesson.py", "A sentence.", "Another one."),
        ("lessons/fixture/lesson.py", "show.bars(", "# a comment\nshow.bars("),
        ("lessons/fixture/claims.toml", "So.", "Because."),
        ("records/kept/other.json", "1", "2"),
        ("data/checkpoints/catalogue.json", "large" * 9, "huge" * 9),
    ],
)
def test_what_it_does_not_use_costs_no_run(lesson, name, old, new):
    assert changes(lesson, name, old, new) == []


def test_a_new_lesson_makes_no_neighbour_stale(tmp_path):
    part = [lesson for lesson in _course.LESSONS if lesson.part == "pruning"]
    for lesson in _course.LESSONS:
        (tmp_path / "lessons" / lesson.name).mkdir(parents=True)
        shutil.copy(lesson.source, tmp_path / "lessons" / lesson.name)
    shutil.copy(ROOT / "lessons" / "course.toml", tmp_path / "lessons")
    before = [lessons.read(curriculum.lessons(tmp_path)[lesson.name]) for lesson in part]
    new.make("sparse_attention", "Sparse attention", part="pruning", root=tmp_path)
    assert [lessons.read(curriculum.lessons(tmp_path)[lesson.name]) for lesson in part] == before
