"""One style for everything, notebooks too, as ruff and pyproject.toml define it."""

import subprocess
import sys

import pytest

from course_utils.files import ROOT


def ruff(*words, folder=ROOT):
    """Run ruff in a folder; gives (its exit status, what it said)."""
    done = subprocess.run([sys.executable, "-m", "ruff", *words], cwd=folder, capture_output=True, encoding="utf-8")
    return done.returncode, done.stdout + done.stderr


def test_ruff_has_no_complaint():
    status, said = ruff("check", "--no-cache", "--output-format", "concise", ".")
    assert status == 0, f"run 'ruff check --fix'\n{said}"


def test_ruff_looks_into_every_folder():
    """It passes over what .gitignore names: "workspace/" there is tools/workspace/ as well."""
    status, said = ruff("check", "--show-files", ".")
    seen, folders = set(said.splitlines()), ("course_utils", "lessons", "tests", "tools")
    passed_over = {str(path) for folder in folders for path in (ROOT / folder).rglob("*.py")} - seen
    assert status == 0 and not passed_over, f"not looked at: {sorted(passed_over)}"


def test_everything_has_the_one_format():
    status, said = ruff("format", "--no-cache", "--check", ".")
    assert status == 0, f"run 'ruff format'\n{said}"


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("lessons/energy/lesson.py", "x = undefined\n", "F821"),
        ("notebooks/1_measuring/2_energy.ipynb", None, "F821"),
        ("tools/build.py", "import os\n", "F401"),
        ("tests/test_x.py", "import sys\nimport os\n\nprint(os, sys)\n", "I001"),
    ],
)
def test_a_fault_is_found_under_the_settings_of_the_course(tmp_path, name, text, said):
    notebook = (
        '{"cells": [{"cell_type": "code", "id": "a", "execution_count": null, "metadata": {}, "outputs": [], '
        '"source": ["undefined"]}], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}'
    )
    (tmp_path / name).parent.mkdir(parents=True)
    (tmp_path / name).write_text(notebook if text is None else text, encoding="utf-8")
    (tmp_path / "pyproject.toml").write_bytes((ROOT / "pyproject.toml").read_bytes())
    status, found = ruff("check", "--no-cache", ".", folder=tmp_path)
    assert status == 1 and said in found, found


def test_another_format_is_found(tmp_path):
    (tmp_path / "pyproject.toml").write_bytes((ROOT / "pyproject.toml").read_bytes())
    (tmp_path / "a.py").write_text("x = 'single'\n", encoding="utf-8")
    assert ruff("format", "--no-cache", "--check", ".", folder=tmp_path)[0] == 1
