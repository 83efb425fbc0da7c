"""From lesson to published notebook: the same bytes every time, nothing of this machine, and no run without need."""

import sys
from pathlib import Path

import _course
import nbformat
import pytest
import rules

from tools import build
from tools.publishing import compact, lessons, pages, staleness

TEN_LINES = """\
# ---
# jupyter:
#   course:
#     promise: You will be able to add.
# ---

# %%
print(1 + 1)
"""
LESSON = """\
# ---
# jupyter:
#   course:
#     promise: You will.
#     values: {five: 2 + 3}
# ---

# %% [markdown]
# # [[title]]

# %% tags=["setup"]
import os
import sys
import tempfile

from tqdm import tqdm

# %%
for _ in tqdm(range(30)):
    pass
print("first")
print("second", file=sys.stderr)
print("third")

# %%
print(os.getcwd(), tempfile.gettempdir(), os.path.expanduser("~"), sys.prefix)
object()

# %% tags=["exercise"]
answer = None

# %% tags=["check"]
print("not done yet", answer)

# %%
{name: os.environ.get(name) for name in ("COURSE_STRICT", "COURSE_THREADS", "COURSE_QUICK")}
"""


@pytest.fixture
def lesson(tmp_path, monkeypatch):
    """A course of one lesson, and `build.main` over it."""
    (made,) = _course.make_root(tmp_path, fixture=LESSON)
    monkeypatch.setattr(lessons, "select", lambda names: [made])
    monkeypatch.setattr(pages, "refresh", lambda root: [])
    return made


def edit(lesson, old, new):
    text = lesson.source.read_text(encoding="utf-8")
    assert old in text
    lesson.source.write_text(text.replace(old, new), encoding="utf-8")


@pytest.mark.slow
def test_a_lesson_of_ten_lines_is_built_and_keeps_the_rules(tmp_path):
    (lesson,) = _course.make_root(tmp_path, adding=TEN_LINES)
    assert staleness.faults(lesson) == ["notebooks/1_first/1_adding.ipynb is missing"]
    build.build(lesson)
    assert staleness.faults(lesson) == []
    nb = lessons.read(lesson)
    assert [
        fault for rule in (rules.cells, rules.tasks, rules.answers, rules.visible_names) for fault in rule(nb)
    ] == []
    assert (
        rules.front_matter(nb, known=["adding"]) == [] and rules.outputs(lessons.read_published(lesson.notebook)) == []
    )


@pytest.mark.slow
def test_two_builds_give_the_same_bytes_and_hold_nothing_of_this_machine(lesson, tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_QUICK", "1")
    build.build(lesson)
    nbformat.validate(lessons.read_published(lesson.notebook))
    first = lesson.notebook.read_bytes()
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    monkeypatch.setenv("COLUMNS", "200")
    build.build(lesson)
    assert lesson.notebook.read_bytes() == first
    for place in (tmp_path, Path.home(), Path(sys.prefix)):
        assert str(place).encode() not in first
    nb = lessons.read_published(lesson.notebook)
    assert nb.metadata[lessons.RUN]["values"] == {"five": "5"}
    _, bar, paths, task, check, settings = (cell.outputs for cell in nb.cells if cell.cell_type == "code")
    assert [(out.name, out.text.splitlines()) for out in bar] == [
        ("stderr", ["100%|██████████| 30/30", "second"]),
        ("stdout", ["first", "third"]),
    ]
    assert paths[0].text.replace("\\", "/") == ". <tmp> ~ <python>\n" and task == check == []
    assert paths[1].data["text/plain"] == "<object at 0x...>"
    assert settings[0].data["text/plain"] == ("{'COURSE_STRICT': '1', 'COURSE_THREADS': '1', 'COURSE_QUICK': None}")


@pytest.mark.slow
def test_changed_code_is_run_a_changed_sentence_is_not_and_the_end_says_what_to_type(lesson, capsys):
    assert build.main(["fixture"]) == 0
    said = capsys.readouterr().out
    assert "fixture: run in" in said and '-k "fixture"' in said
    assert said.splitlines()[-1] == "  git add lessons/fixture notebooks/1_first/1_fixture.ipynb"
    assert build.main(["fixture"]) == 0 and "nothing was run" in capsys.readouterr().out
    edit(lesson, "# # [[title]]", "# # Another title")
    edit(lesson, 'tags=["setup"]', 'tags=["setup", "hide-input"]')
    edit(lesson, "not done yet", "not yet done")
    (fault,) = staleness.faults(lesson)
    assert "another text, tags" in fault
    assert build.main(["fixture"]) == 0 and "brought up to date without a run" in capsys.readouterr().out
    nb = lessons.read_published(lesson.notebook)
    assert nb.cells[0].source == "# Another title" and nb.cells[2].outputs and staleness.faults(lesson) == []
    old = lesson.notebook.read_bytes()
    edit(lesson, 'print("third")', 'print("third")\n1 / 0')
    assert "run with another lessons/fixture/lesson.py" in staleness.faults(lesson)[0]
    assert build.main(["fixture"]) == 1
    said = capsys.readouterr().out
    assert "lessons/fixture/lesson.py, cell 3: ZeroDivisionError" in said and "> 1 / 0" in said and "\x1b" not in said
    assert lesson.notebook.read_bytes() == old and list(lesson.notebook.parent.iterdir()) == [lesson.notebook]


def test_a_text_that_cannot_be_read_is_told_in_a_sentence(lesson, capsys):
    edit(lesson, "# # [[title]]", "# # [[nowhere]]")
    assert build.main(["fixture"]) == 1 and "no lesson is called 'nowhere'" in capsys.readouterr().out
    lesson.source.write_text("# %%\n1\n")
    assert build.main(["fixture"]) == 1 and "has no front matter. Put at its top" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("File '{root}/course_utils/data.py'", "File '<course>/course_utils/data.py'"),
        ("{root}x and https://example.org{root}", "{root}x and https://example.org{root}"),
        ("{tmp}/ipykernel_12/3456.py:3: UserWarning", "<cell>:3: UserWarning"),
        ("<f at 0x7f2a0c1b2d30>, colour 0x00ff00", "<f at 0x...>, colour 0x00ff00"),
    ],
)
def test_paths_and_addresses_are_scrubbed(tmp_path, monkeypatch, text, shown):
    root, tmp = tmp_path / "course", tmp_path / "t"
    monkeypatch.setattr(compact.tempfile, "gettempdir", lambda: str(tmp))
    for mark, path in {"{root}": root.as_posix(), "{tmp}": tmp.as_posix()}.items():
        text, shown = text.replace(mark, path), shown.replace(mark, path)
    made = [nbformat.v4.new_output("stream", text=text)]
    made.append(nbformat.v4.new_output("display_data", data={"text/plain": text, "text/html": text}))
    nb = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("1", outputs=made)])
    out = compact.compact(nb, root=root).cells[0].outputs
    assert [out[0].text, *out[1].data.values()] == [shown] * 3
