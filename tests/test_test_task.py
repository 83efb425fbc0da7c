"""The task `test`: which arguments reach pytest, and in which environment the notebooks run."""

import pytest

from tools import test as task


def arguments(*argv):
    return task._arguments(list(argv))


@pytest.fixture
def copies(tmp_path, monkeypatch):
    """The folder of the notebooks' copies, with one in it."""
    monkeypatch.setattr(task, "ELSEWHERE", tmp_path)
    (tmp_path / "1_part").mkdir()
    (tmp_path / "1_part" / "x.ipynb").touch()
    return str(tmp_path)


def test_everything_runs_without_a_path_and_the_fast_tests_without_the_notebooks(copies):
    assert arguments() == ["tests", copies]
    assert arguments("-k", "tests", "-x") == ["-k", "tests", "-x", "tests", copies]
    assert arguments("-k", "not slow", "-x") == ["-k", "not slow", "-x", "tests"]


def test_a_path_runs_alone_and_a_notebook_as_its_copy(copies):
    assert arguments("tests/test_house.py::test_b") == ["tests/test_house.py::test_b"]
    assert arguments("-x", "notebooks/1_part/x.ipynb") == ["-x", f"{copies}/1_part/x.ipynb"]


def test_every_notebook_is_copied(tmp_path, monkeypatch):
    monkeypatch.setattr(task, "ELSEWHERE", tmp_path / "copies")
    task._copy_notebooks()
    assert (tmp_path / "copies" / "overview.ipynb").exists()


def test_notebooks_run_strict_offline_with_one_thread_and_keep_nothing(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_QUICK", "1")
    made = task._environment(tmp_path)
    assert made["COURSE_STRICT"] == "1" and "COURSE_QUICK" not in made
    assert made["OMP_NUM_THREADS"] == made["COURSE_THREADS"] == "1"
    assert made["PYTHONPATH"] == str(task.ROOT / "tests" / "offline")
    assert made["COURSE_LEDGER"].startswith(str(tmp_path)) and made["IPYTHONDIR"].startswith(str(tmp_path))
