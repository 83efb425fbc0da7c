"""From lesson to published notebook: the same bytes every time, and nothing of this machine in them."""

import sys
from pathlib import Path

import _course
import nbformat
import pytest

from course_utils.files import ROOT
from tools import build
from tools.publishing import compact, inputs, lessons

LESSON = """\
# ---
# jupyter:
#   course:
#     promise: You can.
#     minutes: 3
#     seconds: 2
# ---

# %% [markdown]
# # [[title]]

# %% tags=["setup"]
import os
import sys
import tempfile
import traceback

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

# %% tags=["solution", "hide-cell"]
def answer_solution():
    return 42

# %%
{name: os.environ.get(name) for name in ("COURSE_STRICT", "COURSE_THREADS", "COURSE_QUICK")}
"""


@pytest.fixture
def lesson(tmp_path):
    return _course.make_root(tmp_path, fixture=LESSON)[0]


@pytest.fixture
def main(lesson, monkeypatch):
    """`build.main` over the fixture alone, in its own root."""
    monkeypatch.setattr(lessons, "select", lambda names: [lesson])
    monkeypatch.setattr(lessons, "NOTEBOOKS", lesson.root / "notebooks")
    monkeypatch.setattr(build, "is_published", lambda lesson: True)
    return build.main


def with_outputs(*outputs):
    cell = nbformat.v4.new_code_cell("1", outputs=list(outputs), execution_count=1)
    return nbformat.v4.new_notebook(cells=[cell])


def stream(text, name="stdout"):
    return nbformat.v4.new_output("stream", name=name, text=text)


@pytest.mark.slow
def test_a_kernel_imports_the_library_of_its_own_tree_and_what_the_user_has_on_the_path(tmp_path, monkeypatch):
    """As in a clone or worktree whose Python was installed from another one."""
    for name in ("course_utils", "theirs"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    cell = nbformat.v4.new_code_cell(
        "import course_utils, theirs; print(course_utils.__file__, theirs.__file__, sep=chr(10))"
    )
    nb = nbformat.v4.new_notebook(cells=[cell])
    (out,) = lessons.execute(nb, folder=tmp_path / "theirs", env=build.environment()).cells[0].outputs
    assert out.text.splitlines() == [str(root / "__init__.py") for root in (ROOT / "course_utils", tmp_path / "theirs")]


@pytest.mark.slow
def test_two_builds_give_the_same_bytes_and_hold_nothing_of_this_machine(lesson, tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_QUICK", "1")
    assert build.faults(lesson) == ["notebooks/1_first/1_fixture.ipynb is missing"]
    build.build(lesson)
    assert build.faults(lesson) == [] and list(lesson.notebook.parent.iterdir()) == [lesson.notebook]
    nbformat.validate(lessons.read_published(lesson.notebook))
    first = lesson.notebook.read_bytes()
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    monkeypatch.setenv("COLUMNS", "200")
    build.build(lesson)
    assert lesson.notebook.read_bytes() == first
    for place in (tmp_path, Path.home(), Path(sys.prefix)):
        assert str(place).encode() not in first
    cells = lessons.read_published(lesson.notebook).cells
    bar, paths, settings = cells[2].outputs, cells[3].outputs, cells[5].outputs
    assert [(out.name, out.text.splitlines()) for out in bar] == [
        ("stderr", ["100%|██████████| 30/30", "second"]),
        ("stdout", ["first", "third"]),
    ]
    assert paths[0].text.replace("\\", "/") == ". <tmp> ~ <python>\n"
    assert paths[1].data["text/plain"] == "<object at 0x...>"
    assert settings[0].data["text/plain"] == ("{'COURSE_STRICT': '1', 'COURSE_THREADS': '1', 'COURSE_QUICK': None}")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("return 42", "return 43", "cell 5 differs"),
        ("# # [[title]]", "# # Another title", "cell 1 differs"),
        ('tags=["setup"]', 'tags=["setup", "lecture"]', "tags, names"),
        ("seconds: 2", "seconds: 3", "front matter"),
    ],
)
def test_a_change_of_the_lesson_puts_the_notebook_out_of_step(lesson, old, new, said):
    lessons.write(executed(lessons.read(lesson)), lesson.notebook)
    assert build.faults(lesson) == []
    lesson.source.write_text(LESSON.replace(old, new), encoding="utf-8")
    assert said in "\n".join(build.faults(lesson))


def executed(nb):
    """Number the cells as a run would, without one, and say that it used nothing."""
    nb.metadata[inputs.KEY] = {"published": True, "torch": inputs.torch_version(), "files": {}}
    for count, cell in enumerate((cell for cell in nb.cells if cell.cell_type == "code"), start=1):
        cell.execution_count = count
    return nb


@pytest.mark.slow
def test_a_failing_cell_is_told_with_its_source_line_and_the_old_notebook_stays(lesson, main, capsys):
    path = lesson.notebook
    lessons.write(executed(lessons.read(lesson)), path)
    old = path.read_bytes()
    lesson.source.write_text(LESSON.replace('print("third")', 'print("third")\n1 / 0'), encoding="utf-8")
    assert main([]) == 1
    said = capsys.readouterr().out
    assert "lessons/fixture/lesson.py, cell 3: ZeroDivisionError" in said and "> 1 / 0" in said and "\x1b" not in said
    assert path.read_bytes() == old
    assert list(path.parent.iterdir()) == [path]


def test_a_changed_program_is_run_and_changed_text_or_tags_are_taken_over_without_a_run(
    lesson, main, monkeypatch, capsys
):
    ran = []
    monkeypatch.setattr(build, "_try", lambda lesson, bar, publish: ran.append(lesson) or True)
    nb = executed(lessons.read(lesson))
    nb.cells[2].outputs = [stream("kept\n")]
    lessons.write(nb, lesson.notebook)
    text = LESSON.replace('tags=["setup"]', 'tags=["setup", "lecture"]').replace("# # [[title]]", "# # Another title")
    lesson.source.write_text(text, encoding="utf-8")
    assert main([]) == 0 and ran == [] and build.faults(lesson) == []
    fresh = lessons.read_published(lesson.notebook)
    assert fresh.cells[1].metadata["tags"] == ["setup", "lecture"] and fresh.cells[0].source == "# Another title"
    assert fresh.cells[2].outputs[0].text == "kept\n"
    assert main(["--all"]) == 0 and main(["fixture"]) == 0 and ran == [lesson, lesson]
    lesson.source.write_text(LESSON.replace("return 42", "return 43"), encoding="utf-8")
    assert main([]) == 0 and len(ran) == 3
    assert capsys.readouterr().out.endswith(" build --publish fixture\n")


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
    fill = {"{root}": root.as_posix(), "{tmp}": tmp.as_posix()}
    for mark, path in fill.items():
        text, shown = text.replace(mark, path), shown.replace(mark, path)
    result = nbformat.v4.new_output("display_data", data={"text/plain": text, "text/html": text})
    out = compact.compact(with_outputs(stream(text), result), root=root).cells[0].outputs
    assert [out[0].text, *out[1].data.values()] == [shown] * 3


# ---- publishing --------------------------------------------------------------------------------------


def test_publishing_on_a_busy_machine_is_refused(lesson, main, monkeypatch, capsys):
    monkeypatch.setattr(build.psutil, "cpu_percent", lambda interval: 80.0)
    monkeypatch.setattr(build, "_try", lambda *_: pytest.fail("it was run"))
    assert main(["--publish", "--all"]) == 1
    assert "Not begun: another program is busy" in capsys.readouterr().out
