"""The one reader of lessons: which file a name means, what a text becomes, and how a failure is told."""

import os
import textwrap

import nbformat
import pytest

from course_utils.checks._core import Verdict
from tools import _lessons, run

HEADER = """\
# ---
# jupyter:
#   course:
#     title: A fixture
#     seconds: 2
# ---

"""
BODY = '''\
# %% [markdown] slideshow={"slide_type": "slide"} tags=["tour"]
# # A title
#
# A formula: $E = m c^2$

# %% tags=["setup"] slideshow={"slide_type": "skip"}

x = 1

# %% tags=["exercise"] lines_to_next_cell=2
def double(x):
    raise NotImplementedError


# %% tags=["solution", "hide-cell"]
def double_solution(x):
    return 2 * x

# %%
x = 1
# %%
x = 1
'''


@pytest.fixture
def lesson(tmp_path):
    path = tmp_path / "lessons" / "03_fixture.py"
    path.parent.mkdir()
    path.write_text(HEADER + BODY, encoding="utf-8")
    return path


def code(*sources, tags=()):
    cells = [nbformat.v4.new_code_cell(textwrap.dedent(source), metadata={"tags": list(tags)})
             for source in sources]
    return nbformat.v4.new_notebook(cells=cells)


@pytest.mark.parametrize("name", ["3", "03", "03_fixture", "lessons/03_fixture.py", "lessons\\03_fixture.py",
                                  "notebooks/03_fixture.ipynb"])
def test_every_way_to_name_a_lesson_finds_it(lesson, name):
    assert _lessons.select([name], folder=lesson.parent) == [lesson]


def test_lessons_come_in_their_order_and_once(lesson):
    other = lesson.with_name("01_first.py")
    other.write_text(HEADER, encoding="utf-8")
    assert _lessons.select([], folder=lesson.parent) == [other, lesson]
    assert _lessons.select(["3", "1", "03"], folder=lesson.parent) == [other, lesson]


@pytest.mark.parametrize("name", ["7", "", "fixture", "33"])
def test_an_unknown_name_stops_with_the_list_of_lessons(lesson, name):
    with pytest.raises(SystemExit, match="03_fixture"):
        _lessons.select([name], folder=lesson.parent)


def test_a_text_becomes_cells_with_their_tags_and_front_matter(lesson):
    nb = _lessons.read(lesson)
    nbformat.validate(nb)
    assert nb.metadata["course"] == {"title": "A fixture", "seconds": 2}
    assert nb.metadata["kernelspec"]["name"] == "python3"
    assert [cell.cell_type for cell in nb.cells] == ["markdown"] + ["code"] * 5
    assert nb.cells[0].metadata == {"slideshow": {"slide_type": "slide"}, "tags": ["tour"]}
    assert nb.cells[2].metadata == {"tags": ["exercise"]}
    assert nb.cells[3].metadata["jupyter"] == {"source_hidden": True}


def test_ids_differ_between_equal_cells_and_not_between_two_readings(lesson):
    ids = [cell.id for cell in _lessons.read(lesson).cells]
    assert len(set(ids)) == len(ids)
    assert ids == [cell.id for cell in _lessons.read(lesson).cells]


def test_an_id_stays_when_a_cell_is_put_in_front(lesson):
    before = _lessons.read(lesson).cells[-1].id
    lesson.write_text(HEADER + "# %%\nnew = 0\n\n" + BODY, encoding="utf-8")
    assert _lessons.read(lesson).cells[-1].id == before


def test_a_lesson_without_front_matter_is_named(lesson):
    lesson.write_text(BODY, encoding="utf-8")
    with pytest.raises(ValueError, match="03_fixture.py has no front matter"):
        _lessons.read(lesson)


def test_cell_lines_point_at_the_first_line_of_each_cell(lesson):
    text = lesson.read_text(encoding="utf-8").splitlines()
    cells = _lessons.read(lesson).cells
    for line, cell in zip(_lessons.cell_lines(lesson), cells, strict=True):
        comment = "# " if cell.cell_type == "markdown" else ""
        assert text[line - 1] == comment + cell.source.splitlines()[0]


def test_a_marker_inside_a_string_is_refused_and_not_miscounted(lesson):
    lesson.write_text(HEADER + 'x = """\n# %%\n"""\n', encoding="utf-8")
    with pytest.raises(ValueError, match="no marker inside a string"):
        _lessons.cell_lines(lesson)


def test_published_stands_beside_the_folder_of_the_lesson(lesson, tmp_path):
    assert _lessons.published(lesson) == tmp_path / "notebooks" / "03_fixture.ipynb"


def test_strip_takes_outputs_and_counts_and_leaves_the_original():
    nb = code("1")
    nb.cells[0].outputs = [nbformat.v4.new_output("stream", text="1")]
    nb.cells[0].execution_count = 4
    bare = _lessons.strip(nb)
    assert (bare.cells[0].outputs, bare.cells[0].execution_count) == ([], None)
    assert (len(nb.cells[0].outputs), nb.cells[0].execution_count) == (1, 4)


def test_write_leaves_the_old_file_when_it_fails(tmp_path):
    path = tmp_path / "a.ipynb"
    _lessons.write(code("1"), path)
    old = path.read_bytes()
    with pytest.raises(TypeError):
        _lessons.write(nbformat.from_dict({"cells": [], "metadata": {"bad": object()}, "nbformat": 4,
                                           "nbformat_minor": 5}), path)
    assert path.read_bytes() == old
    assert b"\r" not in old
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.slow
def test_execute_runs_in_the_folder_with_the_environment_given(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_FIXTURE_GONE", "here")
    nb = code("import os; os.getcwd()", "[os.environ.get('COURSE_FIXTURE' + end) for end in ('', '_GONE')]")
    runs = []
    done = _lessons.execute(nb, folder=tmp_path, env={"COURSE_FIXTURE": "1", "COURSE_FIXTURE_GONE": None},
                            on_cell=runs.append)
    first, second = (cell.outputs[0].data["text/plain"] for cell in done.cells)
    assert os.path.samefile(first.strip("'").replace("\\\\", "\\"), tmp_path)
    assert second == "['1', None]"
    assert [cell.execution_count for cell in done.cells] == [1, 2]
    assert nb.cells[0].outputs == []
    assert [run.number for run in runs] == [1, 2]
    assert runs[-1].peak_bytes > 10_000_000


@pytest.mark.slow
def test_peak_memory_sees_an_allocation(tmp_path):
    runs = []
    nb = code("import time", "block = bytearray(300_000_000); time.sleep(0.3); del block", "1")
    _lessons.execute(nb, folder=tmp_path, on_cell=runs.append)
    grown = runs[1].peak_bytes - runs[0].peak_bytes
    assert 250_000_000 < grown < 400_000_000
    assert runs[2].peak_bytes >= runs[1].peak_bytes


@pytest.mark.slow
@pytest.mark.parametrize(("source", "line", "error"), [
    ("x = 1\n\n1 / 0\n", 3, "ZeroDivisionError"),
    ("x = 1\nx = = 2", 2, "SyntaxError"),
    ("y = 1\nraises()\n", 2, "ValueError: planted"),
])
def test_a_failing_cell_is_told_with_its_number_and_line(tmp_path, source, line, error):
    nb = code("def raises():\n    z = 1\n    z = 2\n    raise ValueError('planted')", source, "never = 1")
    nb.cells.insert(0, nbformat.v4.new_markdown_cell("# Title"))
    with pytest.raises(_lessons.CellFailed) as caught:
        _lessons.execute(nb, folder=tmp_path, lesson="03_fixture")
    failed = caught.value
    assert (failed.lesson, failed.number, failed.line) == ("03_fixture", 3, line)
    assert failed.error.startswith(error)
    assert "\x1b" not in failed.traceback
    assert failed.notebook.cells[2].outputs[-1].output_type == "error"
    assert failed.notebook.cells[3].execution_count is None


@pytest.mark.slow
def test_a_kernel_that_dies_and_a_cell_without_end_are_failures_of_their_cell(tmp_path):
    with pytest.raises(_lessons.CellFailed, match="(?i)kernel died"):
        _lessons.execute(code("import os; os._exit(1)"), folder=tmp_path)
    with pytest.raises(_lessons.CellFailed, match="(?i)time") as caught:
        _lessons.execute(code("1", "import time; time.sleep(60)"), folder=tmp_path, timeout=1)
    assert caught.value.number == 2


def test_the_summary_counts_verdicts_and_shows_the_scorecard():
    result = {"output_type": "execute_result", "execution_count": 1, "metadata": {}}
    nb = code("a", "b", "c", tags=["check"])
    for cell, status in zip(nb.cells, ["passed", "not done yet", "not yet"], strict=True):
        text = repr(Verdict("1.1 Name", status, "Not yet: passed:"))
        cell.outputs = [nbformat.from_dict({**result, "data": {"text/plain": text, "text/html": "<p>"}})]
    card = nbformat.v4.new_code_cell("card", metadata={"tags": ["scorecard"]})
    card.outputs = [nbformat.from_dict({**result, "data": {"text/plain": "claim  holds"}})]
    nb.cells.append(card)
    assert run.summary(nb).splitlines() == ["claim  holds", "Exercises: 1 passed, 1 not done yet, 1 not yet"]


@pytest.mark.slow
def test_run_goes_on_after_a_failure_and_says_so(lesson, tmp_path, monkeypatch, capsys):
    other = lesson.with_name("04_second.py")
    other.write_text(HEADER + BODY, encoding="utf-8")
    _lessons.write(code("1 / 0"), _lessons.published(lesson))
    _lessons.write(code("'Passed: 4.1'", tags=["check"]), _lessons.published(other))
    monkeypatch.setattr(_lessons, "ROOT", tmp_path)
    monkeypatch.setattr(run, "RESULTS", tmp_path / "build" / "run")
    monkeypatch.setattr(_lessons, "select", lambda names: [lesson, other])
    assert run.main([]) == 1
    said = capsys.readouterr().out
    assert "Stopped at cell 1, line 1: ZeroDivisionError" in said
    assert "04_second" in said and "1 passed, 0 not done yet" in said
    result = _lessons.read_published(tmp_path / "build" / "run" / "04_second.ipynb")
    assert result.cells[0].execution_count == 1
