"""The course on machines of others: a course that nobody may write, Binder, Colab, Windows."""

import os
import re
import subprocess
import sys
import zipfile

import pytest
from _course import expect_none

from course_utils.files import ROOT
from tools import copies
from tools import open as open_task
from tools.publishing import hosted

PAGES = [ROOT / "README.md", *(p for name in ("docs", "data", "records") for p in (ROOT / name).rglob("*.md"))]
NOT_POWERSHELL = re.compile(r"&&|\|\||^(export|source|chmod|sudo) |^[A-Z_]+=\S* +\S|\\$|/tmp\b|/dev/null|^\./|^\"")


@pytest.mark.parametrize("start", [lambda: open_task.main(["--no-open"]), lambda: copies.main([])])
def test_a_course_that_cannot_be_written_names_the_variable(tmp_path, monkeypatch, capsys, start):
    """Where its workspace would be is a file, for root cannot be kept out."""
    (tmp_path / "course").write_text("a file", encoding="utf-8")
    monkeypatch.setattr(open_task, "WORKSPACE", tmp_path / "course" / "workspace")
    monkeypatch.setattr(open_task.doctor, "examine", lambda: [])
    assert start() == 1
    said = capsys.readouterr().out
    assert "COURSE_WORKSPACE" in said and "docs/elsewhere.md" in said


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


def test_the_commands_of_a_page_are_lines_that_powershell_takes():
    for path in PAGES:
        text = path.read_text(encoding="utf-8")
        blocks = re.findall(r"(?:\A|\n\n)((?: {4}\S.*\n?)+)", text)
        lines = [line.strip() for block in blocks for line in block.splitlines() if "course.py" in line]
        expect_none([f"{path.name}: {line}" for line in lines if NOT_POWERSHELL.search(line)])
        assert "python3 course.py" not in text or "`py`" in text or "`py course.py" in text, path.name


def test_a_console_of_code_page_1252_prints_what_the_tasks_say_and_the_variable_moves_the_copies(tmp_path):
    env = {**os.environ, "PYTHONIOENCODING": "cp1252", "PYTHONUTF8": "0", "COURSE_WORKSPACE": str(tmp_path / "Ł 文")}
    done = subprocess.run([sys.executable, str(ROOT / "course.py"), "--here", "copies"], env=env, capture_output=True)
    said = done.stdout.decode("cp1252") + done.stderr.decode("cp1252")
    assert "Traceback" not in said and "Encode" not in said and said.strip(), said
    assert (tmp_path / "Ł 文" / "start.md").exists()
