"""`course.py grade`: notebooks as students hand them in are graded right, and contained."""

import csv
import socket
from pathlib import Path

import nbformat
import pytest
from _small_lesson import RIGHT, handed_in

from tools import assignment, grade
from tools.grading import sandbox
from tools.grading.submission import published
from tools.publishing import lessons


def graded(folder, *words):
    """The exit status, and what answers.csv says: {(file's name, exercise): row}."""
    status = grade.main([str(folder), "--to", str(folder / "out"), *words])
    with (folder / "out" / "answers.csv").open(encoding="utf-8-sig") as file:
        return status, {(Path(row["file"]).stem, row["exercise"]): row for row in csv.DictReader(file)}


def lose_metadata(nb):
    nb.metadata, nb.nbformat_minor = {}, 4
    for cell in nb.cells:
        cell.metadata = {}
        del cell["id"]


def add_cells(nb):
    """Cells in which something is wrong, and the stub's cell as the last one."""
    for text in ("while True: pass", "1 / 0", "no (python", "%pip install x", "import os; os._exit(3)"):
        nb.cells.insert(1, nbformat.v4.new_code_cell(text))
    nb.cells.append(nb.cells.pop(7))


def show_tick(nb):
    nb.cells[3].outputs = [nbformat.v4.new_output("execute_result", data={"text/plain": "✓ Passed."})]


DELETES = """\
def double(x):
    import pathlib, shutil
    for place in ("/", pathlib.Path.home(), FOLDER):
        shutil.rmtree(place, ignore_errors=True)
"""


def test_what_students_hand_in_is_graded_right(small, tool, tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    for name, text in {
        "Ann_1000001_small": handed_in(**RIGHT),
        "stub": handed_in(),
        "wrong": handed_in(double="def double(x):\n    return 3 * x", share="part, whole = 1, 8"),
        "my homework (2)": handed_in(**RIGHT),
        "lost": handed_in(**RIGHT, change=lose_metadata),
        "cells": handed_in(**RIGHT, change=add_cells),
        "below": handed_in(*RIGHT.values()),
        "played": handed_in("def double(x):\n    return 0", "part, whole = 0, 1", **RIGHT),
        "deletes": handed_in(double=DELETES.replace("FOLDER", repr(str(tmp_path)))),
        "ends": handed_in(double="def double(x):\n    import os\n    os._exit(0)"),
        "syntax": handed_in(double="def double(x)\n    return 2 * x"),
        "borrows": handed_in(double="from lessons.small import tasks\ndouble = lambda x: 2 * x"),
        "ticked": handed_in(double="double = abs", change=show_tick),
        "none": "no notebook",
    }.items():
        (folder / f"{name}.ipynb").write_text(text, encoding="utf-8")
    status, rows = graded(folder)
    passed = {key for key, row in rows.items() if row["status"] == "passed"}
    right = {"Ann_1000001_small", "my homework (2)", "cells", "below", "played"}
    assert passed == {(name, exercise) for name in right for exercise in RIGHT} | {("borrows", "double")}
    assert {key: row["status"] for key, row in rows.items() if key not in passed and key[1] != "share"} == {
        **dict.fromkeys([("lost", ""), ("none", "")], "not graded"),
        **dict.fromkeys([(name, "double") for name in ("wrong", "deletes", "syntax", "ticked")], "not yet"),
        **{("stub", "double"): "not done yet", ("ends", "double"): "stopped"},
    }
    assert rows["stub", "share"]["status"] == "not done yet" and rows["wrong", "share"]["status"] == "not yet"
    assert "--lesson NAME" in rows["lost", ""]["feedback"] and status == 1
    assert "is no Python: expected ':'" in rows["syntax", "double"]["feedback"]
    assert {name for (name, _), row in rows.items() if row["look at"]} == {"lost", "none", "ends", "borrows", "ticked"}
    for file in folder.glob("*.ipynb"):
        if file.stem != "lost":
            file.unlink()
    status, rows = graded(folder, "--lesson", "small", "--points", "double=3,share=2")
    assert status == 0 and [row["points"] for row in rows.values()] == ["3", "2"]


@pytest.mark.slow
@pytest.mark.parametrize("lesson", lessons.select([])[::11], ids=lambda lesson: lesson.name)
def test_solutions_of_lessons_pass_and_their_stubs_do_not(lesson, tool, tmp_path):
    made, stub, solved = assignment.handed_out(lesson, False), "", {}
    (tmp_path / "stubs.ipynb").write_text(nbformat.writes(made), encoding="utf-8")
    for cell in lessons.read_published(lesson.notebook).cells:
        tags = cell.metadata.get("tags", [])
        stub = cell.id if "exercise" in tags else stub
        solved |= {stub: cell.source.replace("_solution", "")} if "solution" in tags else {}
    for cell in made.cells:
        cell.source = solved.get(cell.id, cell.source)
    joined = assignment.joined({lesson.name: made}, "Week 1")
    (tmp_path / "solutions.ipynb").write_text(nbformat.writes(joined), encoding="utf-8")
    status, rows = graded(tmp_path)
    expected = {("solutions", name): "passed" for name, _, ids in published(lesson).exercises if ids[0] in solved}
    expected |= {("stubs", name): "not done yet" for _, name in expected}
    assert expected and expected.items() <= {key: row["status"] for key, row in rows.items()}.items()


def test_nothing_starts_before_all_is_known(small, tmp_path, monkeypatch):
    file = tmp_path / "a.ipynb"
    file.write_text(handed_in(), encoding="utf-8")
    monkeypatch.setattr(sandbox, "run", lambda *_: pytest.fail("an answer was run"))
    monkeypatch.setattr(sandbox, "prepare", lambda *_: pytest.fail("an image was built"))
    for words, said in (
        (["--lesson", "smal"], "Did you mean"),
        (["none.ipynb"], "no such file"),
        (["--trust", "--points", "two=1"], "double, share"),
        (["--trust", "--to", str(file / "out")], "can't be written"),
    ):
        with pytest.raises(SystemExit, match=said):
            grade.main([str(file), *words])
    monkeypatch.setattr(sandbox, "_succeeds", lambda _: False)
    monkeypatch.setattr(sandbox.shutil, "which", lambda tool: tool if tool == "docker" else None)
    with pytest.raises(SystemExit, match="sudo apt install bubblewrap.*--trust.* docker is installed, but"):
        grade.main([str(file)])


LOOKS = """\
import os, pathlib, socket
def tried(what, *args):
    try:
        return what(*args) or "can"
    except OSError:
        return "cannot"
def double(x):
    written = tried(pathlib.Path(COURSE, "written").touch), tried(pathlib.Path("written").touch)
    raise ValueError(*written, tried(socket.create_connection, ("127.0.0.1", PORT), 2), SECRET.exists(), os.environ)
"""


def test_an_answer_has_no_network_and_nobodys_files(small, tool, tmp_path, monkeypatch):
    monkeypatch.setenv("A_TOKEN", "secret")
    with socket.create_server(("127.0.0.1", 0)) as server:
        looks = LOOKS.replace("PORT", str(server.getsockname()[1])).replace("COURSE", repr(str(small.root)))
        looks = looks.replace("SECRET", f"pathlib.Path({str(tmp_path / 'a.ipynb')!r})")
        (tmp_path / "a.ipynb").write_text(handed_in(double=looks), encoding="utf-8")
        told = graded(tmp_path)[1]["a", "double"]["feedback"]
    assert "('cannot', 'can', 'cannot', False" in told and "A_TOKEN" not in told


def test_what_never_ends_is_stopped(small, monkeypatch):
    monkeypatch.setattr(sandbox, "SECONDS", 3)
    cells = [("Cell 1", "import time\nwhile True:\n    time.sleep(1)", [0, 1])]
    status, said = sandbox.run({"lesson": "small", "name": "double", "call": "", "cells": cells}, "", 4 << 30)
    assert status in ("stopped", "not graded") and said.startswith("It was still running")


def test_podman_and_docker_get_the_course_to_read_no_network_and_limits():
    command = sandbox._container("podman", 5)
    assert command[:2] == ["podman", "run"] and f"--volume={sandbox.ROOT}:/course:ro" in command
    assert {"--network=none", "--read-only", "--memory=5"} <= set(command)
    assert " ".join(command).count(str(sandbox.ROOT)) == 1, "nothing of this machine but the course"
