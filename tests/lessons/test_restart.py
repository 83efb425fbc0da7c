"""After a restart a cell says in words which cell must run first; a check needs only what it judges."""

import _course
import nbformat
import pytest
import rules
from jupyter_client.manager import start_new_kernel

import lessons
from course_utils.files import command
from tools.publishing import lessons as _lessons
from tools.workspace import lab


def test_every_check_cell_imports_its_checks():
    for lesson in _course.LESSONS:
        for _, cell in rules.numbered(_course.text(lesson), tag="check"):
            assert cell.source.startswith(f"from lessons.{lesson.name} import tasks as check\n")


@pytest.mark.slow
def test_a_check_cell_alone_in_a_fresh_kernel_says_which_cell_to_run(tmp_path):
    nb = _lessons.read(_lessons.select(["weight_only"])[0])
    cell = next(cell for cell in nb.cells if "check" in cell.metadata.get("tags", []))
    with pytest.raises(_lessons.CellFailed) as caught:
        _lessons.execute(nbformat.v4.new_notebook(cells=[cell]), folder=tmp_path)
    failed = caught.value
    assert failed.error == "NameError: name 'read_group' is not defined"
    assert lessons.REMEDY.format(name="read_group") in " ".join(failed.traceback.split())


@pytest.mark.slow
def test_a_cell_that_is_run_first_in_a_fresh_kernel_says_so(tmp_path):
    manager, client = start_new_kernel(env=lab.environment(tmp_path), cwd=str(tmp_path))
    try:
        said = []
        for line in ("show.falling()", "from lessons.integers.show import what_is_gone"):
            client.execute_interactive(line, output_hook=lambda m: said.append(m["content"]), timeout=600)
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
    first, older = [" ".join("".join(content["traceback"]).split()) for content in said if "traceback" in content]
    assert lessons.REMEDY.format(name="show") in first
    assert lessons.OLDER.format(command=command("reset", "integers")) in older  # a copy of an older edition
