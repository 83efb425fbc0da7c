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


def test_without_a_path_everything_runs(repository):
    everything = [str(repository / "tests"), str(repository / "build" / "elsewhere")]
    assert arguments() == everything
    assert arguments("-k", "energy", "-x") == ["-k", "energy", "-x", *everything]


def test_the_fast_tests_do_not_read_the_notebooks(repository):
    tests, notebooks = str(repository / "tests"), str(repository / "build" / "elsewhere")
    for option in ("-k", "-m"):
        assert arguments(option, "not slow", "-x") == [option, "not slow", "-x", tests]
        assert arguments(option, "not slow and x", "-x")[-1] == notebooks
        assert arguments(option, "not slow", option, "slow")[-1] == notebooks
    assert arguments("not slow")[-1] == notebooks


def test_a_path_runs_alone_wherever_the_caller_stands(repository):
    assert arguments("tests/test_a.py::test_b") == [f"{repository / 'tests' / 'test_a.py'}::test_b"]
    assert arguments("-x", "mine.py") == ["-x", str(repository / "elsewhere" / "mine.py")]


def test_a_word_after_an_option_is_no_path(repository):
    assert arguments("-k", "tests")[:2] == ["-k", "tests"]


def test_a_notebook_runs_as_its_copy_in_the_folder_of_its_part(repository):
    copies = repository / "build" / "elsewhere"
    assert arguments("notebooks/b/x.ipynb") == [str(copies / "b" / "x.ipynb")]
    assert arguments("notebooks") == [str(copies)]


def test_copies_of_notebooks_that_are_gone_do_not_stay(repository):
    (repository / "notebooks" / "b" / ".ipynb_checkpoints").mkdir()
    task._copy_notebooks()
    (repository / "notebooks" / "b" / "x.ipynb").rename(repository / "notebooks" / "b" / "y.ipynb")
    task._copy_notebooks()
    assert [path.relative_to(task.ELSEWHERE).as_posix() for path in task.ELSEWHERE.glob("*/*")] == ["b/y.ipynb"]


def test_notebooks_run_strict_offline_with_one_thread_and_keep_nothing(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_QUICK", "1")
    made = task._environment(tmp_path)
    assert made["COURSE_STRICT"] == "1" and "COURSE_QUICK" not in made
    assert made["OMP_NUM_THREADS"] == made["COURSE_THREADS"] == "1"
    assert made["PYTHONPATH"] == str(task.ROOT / "tests" / "offline")
    assert made["COURSE_LEDGER"].startswith(str(tmp_path)) and made["IPYTHONDIR"].startswith(str(tmp_path))
