"""`course.py grade`: a folder goes in; a table, a CSV file and a page come out."""

import ast
import csv
import io
import os
import re
import sys
import tomllib

import pytest
from _submissions import RIGHT, WRONG, notebook

from course_utils.files import ROOT
from tools import grade
from tools.environment.curriculum import select
from tools.grading import grade_page, gradebook
from tools.grading import judge as _judge
from tools.sandbox import walls

ROWS = [
    _judge.Row("ann.ipynb", "weight_only", 1, "read_group", "passed", code="def f(): return '<script>'"),
    _judge.Row("ann.ipynb", "amp", 1, "train_step", "not done yet"),
    _judge.Row(
        '=cmd()|"ö<b>".ipynb',
        "weight_only",
        1,
        "read_group",
        "not yet",
        message="</td><script>alert(1)</script>",
        hint="Two\nlines & <i>",
        facts=(("your <call>", "x='</code>'"),),
        code='def f():\n    return "</pre><img src=x onerror=alert(1)>"',
    ),
    _judge.Row("bad.ipynb", "", 0, "", "unreadable", message="it cannot be read"),
]
POINTS = gradebook.Points(2.0, (("train_step", 3.0),))


def test_points_are_for_what_passed():
    assert [POINTS.of(row) for row in ROWS] == [2, 0, 0, 0] and POINTS.out_of(ROWS[1]) == 3


def test_the_csv_file_is_harmless_and_complete():
    text = gradebook.to_csv(ROWS, POINTS)
    told = list(csv.DictReader(io.StringIO(text)))
    assert [row["points"] for row in told] == ["2", "0", "0", "0"]
    assert told[2]["submission"].startswith("'=cmd") and told[2]["hint"] == "Two lines & <i>"
    assert all(len(row) == len(gradebook.COLUMNS) and None not in row for row in told)


def test_the_page_shows_what_was_submitted_as_text():
    page = grade_page.page(ROWS, POINTS, "It ran <alone>.")
    for forbidden in ("<script", "<img", "<i>", "<b>", "<alone>", "<call>"):
        assert forbidden not in page
    for wanted in ("&lt;script&gt;", "onerror=alert(1)&gt;", "Two\nlines &amp; &lt;i&gt;", "not done yet", "not yet"):
        assert wanted in page
    assert "default-src 'none'" in page and page.count("<details") == page.count("</details>")


def made_files(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def test_files_are_found_and_what_is_none_is_said(tmp_path):
    names = ("a b/ö.ipynb", "c.PY", ".ipynb_checkpoints/c.py", "notes.txt", "d.zip", "e/f.tar.gz", ".g.py")
    made_files(tmp_path, *names)
    files, rows, left_out = grade.found([str(tmp_path)])
    assert [name for name, _ in files] == ["a b/ö.ipynb", "c.PY"] and left_out == 1
    assert {row.submission: "Unpack it" in row.message for row in rows} == {"d.zip": True, "e/f.tar.gz": True}
    (tmp_path / "empty").mkdir()
    for wrong in ("none.ipynb", "notes.txt", "empty"):
        with pytest.raises(SystemExit, match="no notebook"):
            grade.found([str(tmp_path / wrong)])


def test_what_is_not_read_is_in_the_table_and_the_csv_file(tmp_path, monkeypatch, capsys):
    made_files(tmp_path, "in/a.py", "in/b.zip", "in/c.txt")
    monkeypatch.setattr(walls, "best", lambda: "")
    monkeypatch.setattr(grade, "run", lambda jobs: [_judge.Row(jobs[0][0], "weight_only", 1, "f", "passed")])
    assert grade.main([str(tmp_path / "in"), "--without-walls", "--csv", str(tmp_path / "g.csv")]) == 1
    told = list(csv.DictReader(io.StringIO((tmp_path / "g.csv").read_text(encoding="utf-8"))))
    assert [(row["submission"], row["status"]) for row in told] == [("a.py", "passed"), ("b.zip", "unreadable")]
    printed = capsys.readouterr().out
    assert "b.zip: It is an archive" in printed and "Left out: 1 that" in printed and "No walls" in printed


def test_a_wrong_call_says_what_is_wrong_before_anything_runs(tmp_path):
    (tmp_path / "a.py").touch()
    for words, said in (
        (["--lesson", "enrgy"], "Did you mean 1.3 .energy"),
        (["--csv", str(tmp_path / "no" / "x.csv")], "cannot be written"),
        (["--points", "two"], "expected a number"),
    ):
        with pytest.raises(SystemExit, match=said):
            grade.main([str(tmp_path / "a.py"), *words])


def test_what_the_checks_import_comes_with_grading():
    """Else a right answer is "not yet" on the machine of a lecturer who has not that package, or in a container."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = [line for extra in grade.CHECKS_REQUIRE for line in project["optional-dependencies"][extra]]
    there = {re.match(r"[\w-]+", line)[0] for line in project["dependencies"] + extras}
    for file in (*ROOT.glob("lessons/*/tasks.py"), *ROOT.glob("lessons/*/checks.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            names = [node.module] if isinstance(node, ast.ImportFrom) else []
            names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            tops = {name.partition(".")[0] for name in names} - sys.stdlib_module_names
            assert tops <= {*there, "course_utils", "lessons"}, file
    assert f'".[{",".join(grade.CHECKS_REQUIRE)}]"' in (ROOT / "tools/sandbox/Dockerfile").read_text(encoding="utf-8")


def test_without_walls_nothing_runs_unless_the_lecturer_says_so(monkeypatch, tmp_path):
    """A submission runs a shell that writes beside the others; it may, and does, only where the command says so."""
    beside = tmp_path / "grades.csv"
    shell = f"import subprocess\ndef read_group(*args):\n    subprocess.run('echo owned > \"{beside}\"', shell=True)\n"
    (tmp_path / "mallory.py").write_text(shell, encoding="utf-8")
    monkeypatch.setattr(walls, "best", lambda: "")
    monkeypatch.setattr(walls.shutil, "which", lambda tool: tool if tool == "docker" else None)
    asked = []
    monkeypatch.setattr(grade, "set_up", asked.append)
    with pytest.raises(SystemExit) as stopped:
        grade.main([str(tmp_path), "--lesson", "weight_only"])
    assert asked == [] and "docker is installed here, but does not answer" in str(stopped.value)
    assert not beside.exists()
    for word in ("Nothing was graded", "bubblewrap", "docker", "podman", "--without-walls"):
        assert word in str(stopped.value)
    assert " ran " not in str(stopped.value)
    assert grade.main([str(tmp_path), "--lesson", "weight_only", "--without-walls"]) == 0
    assert beside.exists() and asked == [grade.CHECKS_REQUIRE]


def test_a_file_that_is_no_python_says_so_first(tmp_path):
    every = [lesson.name for lesson in select([])]
    (tmp_path / "a.py").write_text("k = 1\ndef read_group(group)\n    return group\n", encoding="utf-8")
    [row] = grade.graded("a.py", tmp_path / "a.py", every)
    assert (row.lesson, row.exercise, row.status) == ("weight_only", "read_group", "not yet"), "a point that is lost"
    assert row.message == "The file defines read_group and is no Python: expected ':', line 2."
    (tmp_path / "a.py").write_text("k = 1\ndef nobodys(group)\n    return group\n", encoding="utf-8")
    [row] = grade.graded("a.py", tmp_path / "a.py", every)
    assert row.message.startswith("The file is no Python: expected ':', line 2.") and "--lesson" in row.message


@pytest.mark.slow
def test_a_folder_is_graded(tmp_path, capsys):
    folder = tmp_path / "sub missions ö"
    folder.mkdir()
    (folder / "right.ipynb").write_text(notebook(RIGHT), encoding="utf-8")
    (folder / "wrong.py").write_text(WRONG, encoding="utf-8")
    (folder / "stub.py").write_text("def read_group(group):\n    raise NotImplementedError\n", encoding="utf-8")
    (folder / "bad.ipynb").write_bytes(b"\xff")
    files = tmp_path / "g.csv", tmp_path / "g.html"
    around = [] if walls.best() else ["--without-walls"]  # these answers harm nobody
    assert grade.main([str(folder), "--csv", str(files[0]), "--html", str(files[1]), *around]) == 1
    told = {
        (row["submission"], row["exercise"]): row
        for row in csv.DictReader(io.StringIO(files[0].read_text(encoding="utf-8")))
    }
    assert {key: row["status"] for key, row in told.items()} == {
        ("bad.ipynb", ""): "unreadable",
        ("right.ipynb", "read_group"): "passed",
        ("stub.py", "read_group"): "not done yet",
        ("wrong.py", "read_group"): "not yet",
    }
    assert "step comes first" in told["wrong.py", "read_group"]["hint"]
    assert "minimum, step =" in files[1].read_text(encoding="utf-8")
    assert "1 of 1" in capsys.readouterr().out


class _Dies:
    def __fspath__(self):  # where the file is read: in the process that grades it
        os._exit(9)


@pytest.mark.parametrize(("seconds", "status"), [(900, "crashed"), (0.1, "timed out")])
def test_a_process_that_dies_or_takes_too_long_costs_one_file(monkeypatch, seconds, status):
    monkeypatch.setattr(grade, "FILE_SECONDS", seconds)
    [row] = grade.run([("a.py", _Dies(), ["weight_only"], "")])
    assert (row.submission, row.status) == ("a.py", status)
