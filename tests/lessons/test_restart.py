"""After a restart a cell says in words which cell must run first; a check needs only the function that it judges."""

import _course
import nbformat
import pytest

import lessons
from tools.publishing import lessons as _lessons


def fail(tmp_path, *sources):
    """The report of the last cell of a notebook, which fails."""
    nb = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in sources])
    with pytest.raises(_lessons.CellFailed) as caught:
        _lessons.execute(nb, folder=tmp_path)
    assert caught.value.number == len(sources)
    return caught.value


def test_every_check_cell_imports_its_checks():
    for lesson in _course.LESSONS:
        cells = [cell for cell in _course.text(lesson).cells if "check" in cell.metadata.get("tags", [])]
        assert cells
        assert all(cell.source.startswith(f"from lessons.{lesson.name} import checks as check\n") for cell in cells)


@pytest.mark.slow
def test_a_check_cell_alone_in_a_fresh_kernel_says_which_cell_to_run(tmp_path):
    nb = _lessons.read(_lessons.select(["weight_only"])[0])
    cell = next(cell for cell in nb.cells if "check" in cell.metadata.get("tags", []))
    failed = fail(tmp_path, cell.source)
    assert failed.error == "NameError: name 'read_group' is not defined"
    assert lessons.REMEDY.format(name="read_group") in " ".join(failed.traceback.split())
    # with its function it judges
    done = _lessons.execute(
        nbformat.v4.new_notebook(
            cells=[nbformat.v4.new_code_cell("def read_group(*a):\n    raise NotImplementedError"), cell]
        ),
        folder=tmp_path,
    )
    assert "Not done yet" in done.cells[1].outputs[0].data["text/plain"]
