"""After a restart a cell says in words which cell must run first; a check needs only the function that it judges."""

import _course
import nbformat
import pytest
from jupyter_client.manager import start_new_kernel

import lessons
from tools.publishing import lessons as _lessons
from tools.workspace import lab


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


@pytest.mark.slow
def test_a_cell_that_is_run_first_in_a_fresh_kernel_says_so(tmp_path):
    manager, client = start_new_kernel(env=lab.environment(tmp_path), cwd=str(tmp_path))
    try:
        said = []
        client.execute_interactive("show.falling()", output_hook=lambda m: said.append(m["content"]), timeout=60)
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
    (trace,) = [content["traceback"] for content in said if "traceback" in content]
    assert lessons.REMEDY.format(name="show") in " ".join("".join(trace).split())
