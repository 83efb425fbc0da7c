"""The task `test`: which arguments reach pytest, and in which environment the notebooks run."""

import pytest

from tools import test as task


def arguments(*argv):
    return task._arguments(list(argv))


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """A small repository with one test and one notebook, and a caller who stands somewhere else."""
    for name in ("tests/test_a.py", "notebooks/b/x.ipynb", "elsewhere/mine.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("", encoding="utf-8")
    monkeypatch.setattr(task, "ROOT", tmp_path)
    monkeypatch.setattr(task, "ELSEWHERE", tmp_path / "build" / "elsewhere")
    monkeypatch.chdir(tmp_path / "elsewhere")
    return tmp_path


def test_everything_runs_without_a_path_and_the_fast_tests_without_the_notebooks(repository):
    tests, copies = str(repository / "tests"), str(repository / "build" / "elsewhere")
    assert arguments() == [tests, copies]
    assert arguments("-k", "energy", "-x") == ["-k", "energy", "-x", tests, copies]
    assert arguments("-k", "not slow", "-x") == ["-k", "not slow", "-x", tests]


def test_a_path_runs_alone_wherever_the_caller_stands_and_a_notebook_as_its_copy(repository):
    assert arguments("tests/test_a.py::test_b") == [f"{repository / 'tests' / 'test_a.py'}::test_b"]
    assert arguments("-x", "mine.py") == ["-x", str(repository / "elsewhere" / "mine.py")]
    assert arguments("-k", "tests")[:2] == ["-k", "tests"]
    copy = repository / "build" / "elsewhere" / "b" / "x.ipynb"
    assert arguments("notebooks/b/x.ipynb") == [str(copy)]
    task._copy_notebooks()
    assert copy.exists()


def test_notebooks_run_strict_offline_with_one_thread_and_keep_nothing(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_QUICK", "1")
    made = task._environment(tmp_path)
    assert made["COURSE_STRICT"] == "1" and "COURSE_QUICK" not in made
    assert made["OMP_NUM_THREADS"] == made["COURSE_THREADS"] == "1"
    assert made["PYTHONPATH"] == str(task.ROOT / "tests" / "offline")
    assert made["COURSE_LEDGER"].startswith(str(tmp_path)) and made["IPYTHONDIR"].startswith(str(tmp_path))
