"""What must fail in a quick run or in the full run does."""

import os
import re
import subprocess
import sys

import _quick
import nbformat
import pytest
from _course import FIXTURE, expect_none

from course_utils.files import ROOT
from tools.publishing import lessons


def notebook(*sources):
    """A notebook of code cells; (source, tag) gives a cell a tag."""
    cells = []
    for item in sources:
        source, tag = item if isinstance(item, tuple) else (item, None)
        cells.append(nbformat.v4.new_code_cell(source, metadata={"tags": [tag]} if tag else {}))
    return nbformat.v4.new_notebook(cells=cells)


@pytest.mark.slow
def test_a_lesson_that_runs_in_every_way_has_no_faults(tmp_path):
    expect_none(_quick.in_unplanned_ways(lessons.read(FIXTURE), tmp_path, title="fixture"))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("cells", "words"),
    [
        (["x = [1]", "del x"], "cell 2, run again: NameError"),
        (["1", ("x = 1", "solution"), ("del x", "solution")], "cell 3, run again: NameError"),
        (["x = 1", "assert x == 1", "x = 2"], "cell 2, run again: AssertionError"),
        (["import urllib.request as u; u.urlopen('http://example.org')"], "network off"),
        (["import socket; socket.create_connection(('192.0.2.1', 80), 1)"], "network off"),
        (
            ["from os import environ as e\nassert e['COURSE_QUICK'] == '1' and 'COURSE_STRICT' not in e\n1 / 0"],
            "ZeroDivisionError",
        ),
    ],
)
def test_a_cell_that_fails_in_a_quick_run_is_seen(tmp_path, monkeypatch, cells, words):
    monkeypatch.setenv("COURSE_STRICT", "1")
    with pytest.raises(AssertionError, match=re.escape(words)):
        _quick.in_unplanned_ways(notebook(*cells), tmp_path, title="fixture")


@pytest.mark.slow
def test_a_warning_and_a_check_that_passes_by_itself_are_seen(tmp_path):
    nb = notebook(
        "import warnings; warnings.warn('careful')",
        ("print('Not done yet')", "check"),
        ("print('Passed')", "check"),
    )
    found = _quick.in_unplanned_ways(nb, tmp_path, title="fixture")
    assert any("stderr" in fault and "careful" in fault for fault in found)
    assert [fault for fault in found if "expected 'Not done yet'" in fault] == [
        "cell 3, the check at the end: expected 'Not done yet', got 'Passed\\n'"
    ]


@pytest.mark.slow
@pytest.mark.parametrize("place", ["'lock'", "__import__('tempfile').gettempdir() + '/lock'"], ids=["folder", "temp"])
def test_what_a_killed_kernel_leaves_behind_is_seen(tmp_path, place):
    nb = notebook(f"open({place}, 'x').close()", "1", f"import pathlib\npathlib.Path({place}).unlink(True)", "2")
    with pytest.raises(AssertionError, match="cell 1, run once: FileExistsError"):
        _quick.in_unplanned_ways(nb, tmp_path, title="fixture")


@pytest.mark.slow
def test_a_cell_that_leans_on_a_solution_is_seen(tmp_path):
    nb = notebook("1", "2", ("def f_solution():\n    return 1", "solution"), "f_solution()")
    with pytest.raises(AssertionError, match="cell 4, run once: NameError"):
        _quick.in_unplanned_ways(nb, tmp_path, title="fixture")


@pytest.mark.slow
def test_failing_cells_and_warnings_fail_the_full_run(tmp_path):
    """One pytest run with the course's own settings: what must fail does, and what must pass does."""

    def write(name, *sources):
        nb = notebook(*sources)
        for count, cell in enumerate(nb.cells, start=1):
            cell.execution_count = count
            cell.outputs = [nbformat.v4.new_output("stream", name="stdout", text="1\n")]
        nbformat.write(nb, tmp_path / name)

    write("fine.ipynb", "print(2)", ("print(1)", "nbval-check-output"))
    write("fails.ipynb", "1 / 0")
    write("output.ipynb", ("print(2)", "nbval-check-output"))
    write("network.ipynb", "import urllib.request as u; u.urlopen('http://example.org')")
    (tmp_path / "test_warns.py").write_text(
        "import warnings\n\ndef test_warns():\n    warnings.warn('careful')\n", encoding="utf-8"
    )
    said = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-c",
            str(ROOT / "pyproject.toml"),
            "--rootdir",
            str(tmp_path),
            "-rA",
            "-p",
            "no:cacheprovider",
            "--nbval-lax",
            "--nbval-current-env",
            str(tmp_path),
        ],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(_quick.OFFLINE)},
        capture_output=True,
        encoding="utf-8",
        errors="replace",
    ).stdout
    failed = set(re.findall(r"^(?:FAILED|ERROR) ([\w.]+)::", said, re.M))
    assert failed == {"fails.ipynb", "output.ipynb", "network.ipynb", "test_warns.py"}, said
    assert len(re.findall(r"^PASSED fine\.ipynb::", said, re.M)) == 2, said


@pytest.mark.slow
def test_not_slow_leaves_out_the_notebooks(tmp_path):
    nbformat.write(notebook("1"), tmp_path / "a.ipynb")
    (tmp_path / "test_a.py").write_text("def test_a():\n    pass\n", encoding="utf-8")
    (tmp_path / "conftest.py").write_text(
        f"import sys\nsys.path.insert(0, {str(ROOT)!r})\nsys.path.insert(0, {str(_quick.OFFLINE.parent)!r})\n"
        + (_quick.OFFLINE.parent / "conftest.py")
        .read_text(encoding="utf-8")
        .replace("Path(__file__)", f"Path({str(_quick.OFFLINE)!r})"),
        encoding="utf-8",
    )
    for choice in (["-k", "not slow"], ["-m", "not slow"]):
        said = subprocess.run(
            [
                sys.executable,
                "-m",
                "pytest",
                "-q",
                "--collect-only",
                "--nbval-lax",
                "-p",
                "no:cacheprovider",
                *choice,
                ".",
            ],
            cwd=tmp_path,
            capture_output=True,
            encoding="utf-8",
        ).stdout
        assert "test_a.py::test_a" in said and "1/2 tests collected" in said, said


def test_the_network_is_off_in_this_process():
    import socket

    for call in (
        lambda: socket.getaddrinfo("example.org", 80),
        lambda: socket.create_connection(("192.0.2.1", 80)),
    ):
        with pytest.raises(OSError, match="network off"):
            call()
    assert socket.getaddrinfo("localhost", 80)


def test_the_switches_of_the_course_do_not_reach_the_tests():
    assert not {"COURSE_QUICK", "COURSE_STRICT", "COURSE_JUDGE_SPEED"} & set(os.environ)
