"""A message of the library names the command as a reader types it on this system, in this environment."""

import subprocess
import sys

import pytest

import course
from course_utils import files
from course_utils.int8_routes import record
from tools import test as run_tests


@pytest.mark.parametrize(("python", "prefix"), [("python3", ".venv"), ("py", ".venv"), ("python3", "elsewhere")])
def test_a_command_is_what_a_reader_types(monkeypatch, python, prefix):
    monkeypatch.setattr(sys, "prefix", str(files.ROOT / prefix))
    monkeypatch.setattr(files, "PYTHON", python)
    said = f"{python} course.py doctor" if prefix == ".venv" else "python course.py --here doctor"
    assert files.command("doctor") == said


def test_a_missing_record_says_what_to_type(tmp_path):
    with pytest.raises(FileNotFoundError) as caught:
        record.load(tmp_path / "headline.json")
    assert files.command("bench", "quantization", "--peers") in str(caught.value)


def test_weigh_with_peers_installs_them_or_says_how(monkeypatch, capsys):
    assert course.extras_of("weigh", ["my_model.py", "--peers"]) == ("deploy",)
    monkeypatch.setattr(files, "find_spec", lambda name: None)
    assert course.run_task("weigh", ["my_model.py", "--peers"], ("deploy",)) == 1
    assert "The package 'onnx' is missing" in capsys.readouterr().out


def test_the_tests_import_the_library_of_their_own_tree_and_what_the_user_has_on_the_path(tmp_path, monkeypatch):
    for name in ("course_utils", "theirs"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    code = "import course_utils, theirs, sitecustomize; print(course_utils.__file__, *vars(sitecustomize), sep=chr(10))"
    environment = run_tests._environment(tmp_path)
    words = [sys.executable, "-c", code]
    done = subprocess.run(words, cwd=tmp_path / "theirs", env=environment, capture_output=True, text=True)
    library, *names = done.stdout.splitlines()
    assert library == str(files.ROOT / "course_utils" / "__init__.py") and "NetworkOff" in names, done.stderr
