"""The course on machines of others: a course that nobody may write, Binder, Colab, Windows."""

import ast
import json
import os
import re
import subprocess
import sys
import zipfile

import nbformat
import pytest
import yaml
from _course import expect_none

from course_utils.files import ROOT
from tools import copies, run
from tools import open as open_task
from tools.environment import env as _env
from tools.publishing import hosted, lessons
from tools.workspace import workspace

ASK = """
import json
from tools import open, run
print(json.dumps([str(open.WORKSPACE), str(run.WORKSPACE), str(run.RESULTS)]))
"""


@pytest.mark.parametrize("moved", [True, False])
def test_one_variable_moves_all_that_is_the_learners(tmp_path, moved):
    own = (tmp_path / "a b").resolve() if moved else ROOT / "workspace"
    build = own / "build" if moved else ROOT / "build"
    env = {name: text for name, text in os.environ.items() if name != "COURSE_WORKSPACE"}
    env |= {"COURSE_WORKSPACE": str(own)} if moved else {}
    done = subprocess.run([sys.executable, "-c", ASK], cwd=ROOT, env=env, capture_output=True, check=True)
    assert json.loads(done.stdout) == [str(path) for path in (own, own, build / "run")]


@pytest.mark.parametrize("start", [lambda: open_task.main(["--no-open"]), lambda: run.main([])])
def test_a_course_that_cannot_be_written_names_the_variable(tmp_path, monkeypatch, capsys, start):
    """Where its workspace would be is a file, for root cannot be kept out."""
    (tmp_path / "course").write_text("a file", encoding="utf-8")
    for module in (workspace, open_task, run):
        monkeypatch.setattr(module, "WORKSPACE", tmp_path / "course" / "workspace")
    monkeypatch.setattr(run, "RESULTS", tmp_path / "course" / "workspace")
    monkeypatch.setattr(open_task.doctor, "examine", lambda: [])
    assert start() == 1
    said = capsys.readouterr().out
    assert "COURSE_WORKSPACE" in said and "docs/elsewhere.md" in said


# Binder and Colab


def test_binder_finds_one_python_that_the_course_allows_and_makes_the_copies():
    lines = yaml.safe_load((ROOT / ".binder" / "environment.yml").read_text(encoding="utf-8"))["dependencies"]
    found = re.match(r"python\s*=+\s*3\.(\d+)$", lines[0])  # what repo2docker reads; it takes anything else for 3.10
    low, high = _env.allowed()
    assert found and low <= int(found[1]) <= high
    assert lines[-1]["pip"][1:] == ["-c ../constraints.txt", "-e .."], "paths from the folder .binder"
    text = (ROOT / ".binder" / "postBuild").read_text(encoding="utf-8")
    assert text.startswith("#!/bin/bash\n") and text.endswith("course.py --here copies\n")
    link = hosted.binder("https://github.com/somebody/a-course")
    assert link == "https://mybinder.org/v2/gh/somebody/a-course/HEAD?urlpath=lab/tree/workspace/start.md"


def test_each_copy_for_colab_begins_with_the_cell_that_brings_the_course(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(copies, "COLAB", tmp_path)
    assert copies.main(["--colab"]) == 0
    assert "has no public address: their first cell asks for a zip" in capsys.readouterr().out
    made = sorted(tmp_path.iterdir())
    assert len(made) == len(lessons.select([]))
    nb = nbformat.read(made[0], as_version=4)
    nbformat.validate(nb)
    ast.parse(nb.cells[0].source)
    assert nb.cells[0].id == "colab" and not any("For the lecturer" in cell.source for cell in nb.cells)


@pytest.mark.parametrize(
    ("name", "content", "status", "said"),
    [
        ("note.txt", b"", 1, "There is no zip of the course here. Upload one"),
        ("x.zip", None, 1, "holds no course"),
        ("course/course.py", b"", 0, "The course is here:"),
    ],
)
def test_colabs_first_cell_says_what_to_do_and_once_installed_does_nothing(tmp_path, name, content, status, said):
    for place in ("course/build/installed", name) if status == 0 else (name,):
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / place).write_bytes(content or b"")
    if content is None:
        with zipfile.ZipFile(tmp_path / name, "w") as packed:
            packed.writestr("a.txt", "other")
    done = subprocess.run([sys.executable, "-c", hosted.first_cell("")], cwd=tmp_path, capture_output=True, text=True)
    told = done.stdout + done.stderr
    assert done.returncode == status and said in told and "Traceback" not in told


# Windows, as far as it can be said without it

PAGES = [ROOT / "README.md", *(p for name in ("docs", "data", "records") for p in (ROOT / name).rglob("*.md"))]
NOT_POWERSHELL = re.compile(r"&&|\|\||^(export|source|chmod|sudo) |^[A-Z_]+=\S* +\S|\\$|/tmp\b|/dev/null|^\./|^\"")
RESERVED = {"con", "prn", "aux", "nul", *(f"{name}{n}" for name in ("com", "lpt") for n in range(1, 10))}


def test_the_commands_of_a_page_are_lines_that_powershell_takes():
    for path in PAGES:
        text = path.read_text(encoding="utf-8")
        blocks = re.findall(r"(?:\A|\n\n)((?: {4}\S.*\n?)+)", text)
        lines = [line.strip() for block in blocks for line in block.splitlines() if "course.py" in line]
        expect_none([f"{path.name}: {line}" for line in lines if NOT_POWERSHELL.search(line)])
        assert "python3 course.py" not in text or "`py`" in text or "`py course.py" in text, path.name


def test_every_name_is_one_that_windows_allows():
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, encoding="utf-8")
    if listed.returncode:
        pytest.skip("not a clone")
    paths = listed.stdout.split("\0")
    expect_none([path for path in paths if {part.split(".")[0].lower() for part in path.split("/")} & RESERVED])
    expect_none([path for path in paths if re.search(r'[<>:"|?*\\\x00-\x1f]|[. ](/|$)', path) or len(path) > 120])
    assert len({path.lower() for path in paths}) == len(paths) and not any((ROOT / p).is_symlink() for p in paths if p)


def test_a_console_of_code_page_1252_prints_what_the_tasks_say(tmp_path):
    env = {**os.environ, "PYTHONIOENCODING": "cp1252", "PYTHONUTF8": "0", "COURSE_WORKSPACE": str(tmp_path / "Ł 文")}
    done = subprocess.run([sys.executable, str(ROOT / "course.py"), "--here", "copies"], env=env, capture_output=True)
    said = done.stdout.decode("cp1252") + done.stderr.decode("cp1252")
    assert "Traceback" not in said and "Encode" not in said and said.strip(), said
