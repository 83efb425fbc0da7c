"""Faults planted in a published notebook are seen."""

import copy
import shutil

import _quick
import nbformat
import pytest
import rules
from _course import FIXTURE, FIXTURES, expect_none

from course_utils import syllabus
from tools import build
from tools.publishing import inputs, lessons


@pytest.fixture(scope="module")
def executed(tmp_path_factory):
    """The fixture lesson with outputs. Copy it before planting."""
    folder = tmp_path_factory.mktemp("fixture")
    return lessons.execute(lessons.read(FIXTURE), folder=folder, env=_quick.environment(folder))


def first_output(nb, kind):
    """The first output of a notebook with some kind of data."""
    return next(o for c in nb.cells if c.cell_type == "code" for o in c.outputs if kind in o.get("data", {}))


def written(folder, nb):
    """The fixture lesson in a root of its own, with this notebook published."""
    shutil.copytree(FIXTURES / "lessons", folder / "lessons")
    lesson = syllabus.lessons(folder)["fixture"]
    nb = copy.deepcopy(nb)
    nb.metadata[inputs.KEY] = {"published": True, "torch": inputs.torch_version(), "files": {}}
    lessons.write(nb, lesson.notebook)
    return lesson


def test_a_good_notebook_has_no_faults(tmp_path, executed):
    expect_none([*build.faults(written(tmp_path, executed)), *rules.outputs(executed)])


@pytest.mark.parametrize(
    "change",
    [
        lambda nb: setattr(nb.cells[4], "source", nb.cells[4].source + "  # changed"),
        lambda nb: setattr(nb.cells[0], "source", "# Another title"),
        lambda nb: nb.cells[2].metadata.update(tags=["setup", "lecture"]),
        lambda nb: nb.cells.pop(),
        lambda nb: nb.metadata["course"].update(minutes=99),
        lambda nb: setattr(nb.cells[4], "execution_count", 99),
    ],
)
def test_a_stale_notebook_is_seen(tmp_path, executed, change):
    nb = copy.deepcopy(executed)
    change(nb)
    assert build.faults(written(tmp_path, nb))


OUTPUT_FAULTS = {
    "alt": lambda nb: first_output(nb, "image/png").metadata.clear(),
    "writes to stderr": lambda nb: nb.cells[4].outputs.append(
        nbformat.v4.new_output("stream", name="stderr", text="UserWarning: careful")
    ),
    "is an error": lambda nb: nb.cells[4].outputs.append(
        nbformat.v4.new_output("error", ename="ValueError", evalue="no", traceback=[])
    ),
    "a machine's path": lambda nb: nb.cells[4].outputs.append(
        nbformat.v4.new_output("stream", name="stdout", text="saved to /home/me/model.pt")
    ),
    "bytes of text": lambda nb: nb.cells[4].outputs.append(
        nbformat.v4.new_output("stream", name="stdout", text="x" * 30_000)
    ),
    "a picture whose alt": lambda nb: nb.cells[4].outputs.append(
        nbformat.v4.new_output("display_data", {"text/html": "<img src='data:image/png;base64,AA'>"})
    ),
}


@pytest.mark.parametrize("words", OUTPUT_FAULTS)
def test_bad_outputs_are_seen(executed, words):
    nb = copy.deepcopy(executed)
    OUTPUT_FAULTS[words](nb)
    assert any(words in fault for fault in rules.outputs(nb))


def test_the_pictures_of_frames_are_no_text(executed):
    nb = copy.deepcopy(executed)
    html = "<img alt='a line that rises from 0 to 1' src='data:image/svg+xml;base64,{}'>".format("A" * 60_000)
    nb.cells[4].outputs.append(nbformat.v4.new_output("display_data", {"text/html": html}))
    expect_none(rules.outputs(nb))
    nb.cells[4].outputs[-1].data["text/html"] += "<p>" + "x" * 30_000
    assert any("bytes of text" in fault for fault in rules.outputs(nb))


def test_a_progress_bar_is_no_noise(executed):
    nb = copy.deepcopy(executed)
    bar = nbformat.v4.new_output("stream", name="stderr", text="epoch 1: 100%|██████████| 10/10")
    nb.cells[4].outputs.append(bar)
    expect_none(rules.outputs(nb))


def test_a_large_notebook_is_seen(tmp_path):
    (tmp_path / "big.ipynb").write_bytes(b" " * (3 * 1024 * 1024))
    assert rules.small_enough(tmp_path / "big.ipynb")
