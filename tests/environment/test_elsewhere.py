"""The course on machines of others: a course that nobody may write, Binder's folder, copies for Colab."""

import ast
import json
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import nbformat
import pytest
import yaml

from course_utils import doctor
from course_utils.files import ROOT
from tools import copies, run
from tools import open as open_task
from tools.environment import python as _python
from tools.publishing import hosted, lessons, pages, waiting
from tools.workspace import workspace

BINDER = ROOT / ".binder"
ASK = """
import json
from tools import open, run, present
from tools.workspace import lab, workspace
print(json.dumps([str(open.WORKSPACE), str(run.WORKSPACE), str(run.RESULTS), str(present.FOLDER),
                  lab.environment(open.WORKSPACE).get("COURSE_LEDGER"), workspace.environment()]))
"""


def told(**variables):
    """Where a fresh process would put what is the learner's."""
    env = {name: text for name, text in os.environ.items() if name not in ("COURSE_WORKSPACE", "COURSE_LEDGER")}
    done = subprocess.run(
        [sys.executable, "-c", ASK], cwd=ROOT, env=env | variables, capture_output=True, encoding="utf-8", check=True
    )
    return json.loads(done.stdout)


def test_one_variable_moves_all_that_is_the_learners(tmp_path):
    own = (tmp_path / "a b").resolve()
    said = told(COURSE_WORKSPACE=str(own))
    places = [str(own), str(own), str(own / "build" / "run"), str(own / "build" / "present"), str(own / "ledger")]
    assert said == [*places, {**waiting.environment(), "COURSE_LEDGER": str(own / "ledger")}]
    assert told(COURSE_WORKSPACE=str(own), COURSE_LEDGER="other")[4] == "other"


def test_without_the_variable_all_is_where_it_was():
    work, build = str(ROOT / "workspace"), ROOT / "build"
    assert told() == [work, work, str(build / "run"), str(build / "present"), None, waiting.environment()]


@pytest.fixture
def forbidden(tmp_path, monkeypatch):
    """A course that cannot be written: where its workspace would be is a file, for root cannot be kept out."""
    (tmp_path / "course").write_text("a file", encoding="utf-8")
    place = tmp_path / "course" / "workspace"
    for module in (workspace, open_task, run):
        monkeypatch.setattr(module, "WORKSPACE", place)
    monkeypatch.setattr(run, "RESULTS", place)
    monkeypatch.setattr(open_task.doctor, "examine", lambda: [])
    return place


@pytest.mark.parametrize(
    "start", [lambda: copies.main([]), lambda: open_task.main(["--no-open"]), lambda: run.main([])]
)
def test_a_course_that_cannot_be_written_names_the_variable_and_leaves_nothing(forbidden, capsys, start):
    assert start() == 1
    said = capsys.readouterr().out
    assert str(forbidden) in said and "COURSE_WORKSPACE" in said and "docs/elsewhere.md" in said
    assert [path.name for path in forbidden.parent.parent.iterdir() if path.name != "ledger"] == ["course"]


def test_copies_are_made_and_nothing_is_started(tmp_path, monkeypatch, capsys):
    for module in (workspace, open_task):
        monkeypatch.setattr(module, "WORKSPACE", tmp_path / "deep" / "workspace")
    monkeypatch.setattr(open_task.course, "hand_over", lambda *args: pytest.fail("started something"))
    assert copies.main([]) == 0
    assert capsys.readouterr().out == f"Your copies of the lessons are in {tmp_path / 'deep' / 'workspace'}\n"
    assert (tmp_path / "deep" / "workspace" / "start.md").exists()
    assert copies.main([]) == 0


@pytest.mark.parametrize(
    ("root", "ledger", "status", "said"),
    [
        ("plain", "ledger", "ok", "can be written"),
        ("OneDrive - University/course", "ledger", "warn", "OneDrive"),
        ("plain", "file/ledger", "fault", "cannot be written"),
    ],
)
def test_the_doctor_looks_at_the_folder(tmp_path, monkeypatch, root, ledger, status, said):
    (tmp_path / "file").write_text("", encoding="utf-8")
    monkeypatch.setattr(doctor, "ROOT", tmp_path / root)
    monkeypatch.setenv("COURSE_LEDGER", str(tmp_path / ledger))
    monkeypatch.setattr(doctor.os, "access", lambda path, mode: Path(path).is_dir())
    [found] = doctor.check_folder()
    assert (found.status, said in found.detail, bool(found.remedy)) == (status, True, status != "ok")


# Binder


def test_binder_finds_one_python_that_the_course_allows():
    lines = yaml.safe_load((BINDER / "environment.yml").read_text(encoding="utf-8"))["dependencies"]
    python = next(line for line in lines if isinstance(line, str) and line.startswith("python"))
    found = re.match(r"python\s*=+\s*3\.(\d+)$", python)  # what repo2docker reads; it takes anything else for 3.10
    low, high = _python.allowed()
    assert found and low <= int(found[1]) <= high
    assert lines[-1]["pip"][1:] == ["-c ../constraints.txt", "-e .."], "paths from the folder .binder"


def test_binder_makes_the_copies_to_which_its_link_leads():
    text = (BINDER / "postBuild").read_text(encoding="utf-8")
    assert text.startswith("#!/bin/bash\n") and "\r" not in text and text.endswith("course.py --here copies\n")
    assert sorted(path.name for path in BINDER.iterdir()) == ["environment.yml", "postBuild"]
    link = hosted.binder("https://github.com/somebody/a-course")
    assert link == "https://mybinder.org/v2/gh/somebody/a-course/HEAD?urlpath=lab/tree/workspace/start.md"


def settings(folder, line):
    (folder / "lessons").mkdir()
    (folder / "lessons" / "course.toml").write_text(line, encoding="utf-8")
    return folder


def test_a_public_address_makes_the_link_and_none_makes_nothing(tmp_path):
    assert hosted.link(settings(tmp_path, 'repository = ""')) == ""
    (tmp_path / "lessons" / "course.toml").write_text('repository = "https://github.com/a/b.git"', encoding="utf-8")
    assert "(https://mybinder.org/v2/gh/a/b/HEAD?" in hosted.link(tmp_path)
    text = "<!-- hosted: made by course.py build -->\n\n<!-- end -->"
    assert pages.BLOCK.sub(lambda match: match[1] + "made" + match[3], text).splitlines()[1] == "made"


@pytest.mark.parametrize("address", ["github.com/a/b", "https://example.org/a/b", "https://github.com/a"])
def test_an_address_of_another_form_is_refused(tmp_path, address):
    with pytest.raises(ValueError, match="expected https://github.com/OWNER/NAME"):
        hosted.repository(settings(tmp_path, f'repository = "{address}"'))


# Colab


def test_a_published_notebook_knows_nothing_of_an_address():
    for lesson in lessons.select([]):
        assert "colab" not in {cell.id for cell in lessons.read_published(lesson.notebook).cells}


def test_each_copy_for_colab_begins_with_the_cell_that_brings_the_course(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(copies, "COLAB", tmp_path)
    assert copies.main(["--colab"]) == 0
    assert "has no public address: their first cell asks for a zip" in capsys.readouterr().out
    made = sorted(tmp_path.iterdir())
    assert len(made) == len(lessons.select([]))
    nb = nbformat.read(made[0], as_version=4)
    nbformat.validate(nb)
    ast.parse(nb.cells[0].source)
    assert nb.cells[0].id == "colab" and 'ADDRESS = ""' in nb.cells[0].source
    assert not any("For the lecturer" in cell.source for cell in nb.cells)


def cell(folder):
    """Run Colab's first cell in a folder that holds what was uploaded; gives (status, what it said)."""
    source = hosted.first_cell("")
    done = subprocess.run([sys.executable, "-c", source], cwd=folder, capture_output=True, encoding="utf-8")
    return done.returncode, done.stdout + done.stderr


def test_without_a_zip_the_cell_says_what_to_do(tmp_path):
    status, said = cell(tmp_path)
    assert status == 1 and "There is no zip of the course here. Upload one" in said and "Traceback" not in said
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("content", "said"), [(b"PK half", "not whole"), (None, "holds no course")])
def test_a_zip_that_is_not_the_course_is_told(tmp_path, content, said):
    path = tmp_path / "x.zip"
    if content:
        path.write_bytes(content)
    else:
        with zipfile.ZipFile(path, "w") as packed:
            packed.writestr("a.txt", "other")
    status, told = cell(tmp_path)
    assert status == 1 and said in told and "x.zip" in told and "Traceback" not in told
    assert list(tmp_path.iterdir()) == [path]


def test_once_installed_the_cell_leaves_all_as_it_is(tmp_path):
    (tmp_path / "course" / "build").mkdir(parents=True)
    (tmp_path / "course" / "course.py").write_text("", encoding="utf-8")
    (tmp_path / "course" / "build" / "installed").touch()
    status, said = cell(tmp_path)
    assert status == 0 and said.startswith("The course is here:")
