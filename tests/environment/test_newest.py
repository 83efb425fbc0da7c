"""The canary of `test --newest`: which packages it takes, what it tells, and that it fails nobody."""

from pathlib import Path

import pytest

from tools import test as task
from tools.environment import causes, env
from tools.environment import newest as _newest

RESULTS = """<testsuites><testsuite>
<testcase classname="tests.test_a" name="test_good"/>
<testcase classname="tests.test_a" name="test_bad"><failure message="assert 1 == 2&#10;more"/></testcase>
<testcase classname="tests.test_b" name="test_odd"><error message="no fixture"/></testcase>
<testcase classname="tests.test_b" name="test_off"><skipped message="no GPU"/></testcase>
</testsuite></testsuites>"""


@pytest.fixture
def newest(monkeypatch, tmp_path):
    """The canary in a folder of its own; uv's part and pytest's are played."""
    asked = []
    monkeypatch.setattr(_newest, "FOLDER", tmp_path / ".venv-newest")
    monkeypatch.setattr(_newest.uv, "install", lambda words, **rest: asked.append(words))
    monkeypatch.setattr(_newest, "newer_than_tested", lambda: [("torch", "2.14.1", "2.15.0")])
    return asked


def write_results(python, options):
    Path(options[0].partition("=")[2]).write_text(RESULTS, encoding="utf-8")


def test_what_breaks_is_listed_and_the_status_stays_good(newest, capsys):
    assert _newest.run(write_results, ()) == 0
    said = capsys.readouterr().out
    assert "BREAKS tests.test_a::test_bad: assert 1 == 2\n" in said and "tests.test_b::test_odd: no fixture" in said
    assert said.splitlines()[-1].startswith("Newest releases: 2 of 4 tests break.")
    assert "torch 2.15.0 (tested: 2.14.1)" in said


def test_every_package_of_pyproject_is_taken_without_bounds_and_the_course_itself_without_its_pins(newest, capsys):
    _newest.run(write_results, ("dev",))
    names, course_itself = newest
    assert {"torch", "torchvision", "torchao", "pytest"} <= set(names)
    assert [name for name in names if not name.replace("-", "").isalnum()] == []
    assert course_itself[:2] == ["--no-deps", "-e"]


def test_an_environment_that_cannot_be_made_is_told(newest, monkeypatch, capsys):
    def fail(words, **rest):
        raise causes.Failure("No network.", "Connect.")

    monkeypatch.setattr(_newest.uv, "install", fail)
    assert _newest.run(write_results, ()) == 1
    assert "No network. Connect." in capsys.readouterr().out


def test_tests_that_did_not_run_to_their_end_are_told(newest, capsys):
    assert _newest.run(lambda python, options: None, ()) == 1
    assert "did not run to their end" in capsys.readouterr().out


def test_a_version_outside_constraints_is_newer_and_one_of_several_is_not(monkeypatch, tmp_path):
    (tmp_path / "constraints.txt").write_text(
        "a==1\nb==1 ; python_full_version < '3.12'\nb==2 ; python_full_version >= '3.12'\nabsent==1\nd-e==1\n"
    )
    for name, version in {"a": "2+cpu", "b": "1", "d.E": "3", "unlisted": "9"}.items():
        folder = tmp_path / "lib" / "site-packages" / f"{name}-{version}.dist-info"
        folder.mkdir(parents=True)
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    monkeypatch.setattr(_newest, "FOLDER", tmp_path)
    monkeypatch.setattr(env, "CONSTRAINTS", tmp_path / "constraints.txt")
    assert _newest.newer_than_tested() == [("a", "1", "2"), ("d-e", "1", "3")]


def test_the_task_hands_the_other_arguments_on(monkeypatch):
    seen = []
    monkeypatch.setattr(task, "_copy_notebooks", lambda: None)
    monkeypatch.setattr(task, "_pytest", lambda python, argv, full: seen.append((python, argv, full)))
    monkeypatch.setattr(task.newest, "run", lambda pytest, extras: pytest("its python", ["--more"]) or 0)
    assert task.main(["--newest", "-x"]) == 0
    assert seen == [("its python", ["-x", "--more"], True)]  # notebooks whole: newer packages have not run them
