"""A message of the library names the command as a reader types it on this system, in this environment."""

import sys

import pytest

from course_utils import door, files


@pytest.mark.parametrize(("python", "prefix"), [("python3", ".venv"), ("py", ".venv"), ("python3", "elsewhere")])
def test_a_command_is_what_a_reader_types(monkeypatch, python, prefix):
    monkeypatch.setattr(sys, "prefix", str(files.ROOT / prefix))
    monkeypatch.setattr(door, "PYTHON", python)
    said = f"{python} course.py doctor" if prefix == ".venv" else "python course.py --here doctor"
    assert door.command("doctor") == said
