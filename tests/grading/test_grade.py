"""`course.py grade`: notebooks as students hand them in are graded right, and contained."""

import csv
import json
import socket

import nbformat
import pytest
from _handed_in import body, cells, notebook, right, submission

from tools import assignment, grade
from tools.grading import sandbox


@pytest.fixture(scope="session")
def tool():
    """What contains an answer here."""
    try:
        return sandbox.find()
    except SystemExit:
        pytest.skip("neither bubblewrap nor podman nor docker works here")


def graded(folder, *words):
    """The rows of answers.csv by file, and the exit status."""
    status = grade.main([str(folder), "--to", str(folder / "out"), *words])
    text = (folder / "out" / "answers.csv").read_text(encoding="utf-8-sig")
    return {row["file"]: row for row in csv.DictReader(text.splitlines())}, status


def lose_metadata(nb):
    nb.metadata = {}
    nb.nbformat_minor = 4
    for cell in nb.cells:
        cell.metadata = {}
        del cell["id"]


def add_cells(nb):
    """Cells in which something is wrong, above the answer; and the answer's cell as the last one."""
    last = next(cell for cell in nb.cells if "def own_scales" in cell.source)
    nb.cells = [cell for cell in nb.cells if cell is not last]
    for text in ("while True: pass", "1 / 0", "no (python", "%pip install x", "import os; os._exit(3)"):
        nb.cells.insert(3, nbformat.v4.new_code_cell(text))
    nb.cells.append(last)


def show_tick(nb):
    data = {"text/plain": "✓ Passed: A scale for each picture."}
    cells(nb, "check")[0].outputs = [nbformat.v4.new_output("execute_result", data=data, execution_count=1)]


DELETES = (
    "import pathlib, shutil\n    for place in ('/', pathlib.Path.home(), {!r}):\n        shutil.rmtree(place, True)"
)


@pytest.mark.slow
def test_what_students_hand_in_is_graded_right(tool, tmp_path, capsys):
    for name, *made in (
        ("right", right),
        ("stub",),
        ("wrong", body("return x @ (weight.float() * weight_scale).T + bias")),
        ("my homework final (2)", right),
        ("lost", right, lose_metadata),
        ("cells", right, add_cells),
        ("loops", body("while True:\n        pass")),
        ("deletes", body(DELETES.format(str(tmp_path)))),
        ("ends", body("import os\n    os._exit(0)")),
        ("borrows", body("from lessons.dynamic import checks\n    return checks")),
    ):
        submission(tmp_path / f"{name}.ipynb", "dynamic", *made[:1], change=(made[1:] or [None])[0])
    submission(tmp_path / "ticked.ipynb", "dynamic", body("return 3"), change=show_tick, with_checks=True)
    (tmp_path / "none.ipynb").write_text("no notebook", encoding="utf-8")
    rows, status = graded(tmp_path)
    assert status == 1 and {name[:-6]: row["status"] for name, row in rows.items()} == {
        **dict.fromkeys(("right", "my homework final (2)", "cells"), "passed"),
        **dict.fromkeys(("wrong", "loops", "deletes", "borrows", "ticked"), "not yet"),
        **dict.fromkeys(("lost", "none"), "not graded"),
        **{"stub": "not done yet", "ends": "stopped"},
    }
    assert "--lesson NAME" in rows["lost.ipynb"]["feedback"]
    looked_at = {name[:-6] for name, row in rows.items() if row["look at"]}
    assert looked_at == {"lost", "none", "ends", "borrows", "ticked"}
    assert "Cell " in rows["borrows.ipynb"]["look at"] and "own notebook" in rows["ticked.ipynb"]["look at"]
    for file in tmp_path.glob("*.ipynb"):
        if file.stem != "lost":
            file.unlink()
    rows, status = graded(tmp_path, "--lesson", "dynamic", "--points", "own_scales=3")
    assert (rows["lost.ipynb"]["points"], rows["lost.ipynb"]["out of"], status) == ("3", "3", 0)


@pytest.mark.slow
def test_answers_of_several_lessons_in_one_notebook(tool, tmp_path):
    for name in ("prune_module", "weight_only"):
        submission(tmp_path / f"{name}.ipynb", name, right)
    made = {name: nbformat.read(tmp_path / f"{name}.ipynb", 4) for name in ("prune_module", "weight_only")}
    (tmp_path / "week.ipynb").write_text(nbformat.writes(assignment.joined(made, "Week")), encoding="utf-8")
    grade.main([str(tmp_path / "week.ipynb"), "--to", str(tmp_path)])
    with (tmp_path / "students.csv").open(encoding="utf-8-sig") as file:
        [row] = csv.DictReader(file)
    assert (row["student"], row["total"], row["prune_module: fit"], row["weight_only: read_group"]) == tuple(
        "w211"
    ) or (row["total"] == "2")


def test_nothing_starts_before_all_is_known(tmp_path, monkeypatch):
    file = str(notebook(tmp_path / "a.ipynb", "1", name="dynamic"))
    monkeypatch.setattr(sandbox, "run", lambda *_: pytest.fail("an answer was run"))
    monkeypatch.setattr(sandbox, "prepare", lambda *_: pytest.fail("an image was built"))
    for words, said in (
        ([file, "--lesson", "dinamic"], "Did you mean"),
        ([str(tmp_path / "none.ipynb")], "no such file"),
        ([file, "--trust", "--points", "two=1"], "own_scales"),
    ):
        with pytest.raises(SystemExit, match=said):
            grade.main(words)
    monkeypatch.setattr(sandbox, "_succeeds", lambda _: False)
    monkeypatch.setattr(sandbox.shutil, "which", lambda tool: tool if tool == "docker" else None)
    with pytest.raises(SystemExit, match="sudo apt install bubblewrap.* --trust .* docker is installed, but"):
        grade.main([file])


LOOKS = """\
import os, pathlib, socket
import course_utils
def tried(what, *args):
    try:
        return what(*args) or "can"
    except OSError:
        return "cannot"
root = pathlib.Path(course_utils.__file__).parent.parent
def own_scales(*args):
    found = tried((root / "written").touch), tried(socket.create_connection, ("127.0.0.1", PORT), 2)
    raise ValueError(*found, pathlib.Path(FOLDER).exists(), "A_TOKEN" in os.environ)
"""


def test_an_answer_has_no_network_and_nobodys_files(tool, tmp_path, monkeypatch):
    monkeypatch.setenv("A_TOKEN", "secret")
    with socket.create_server(("127.0.0.1", 0)) as server:
        source = LOOKS.replace("PORT", str(server.getsockname()[1])).replace("FOLDER", repr(str(tmp_path)))
        notebook(tmp_path / "a.ipynb", source, name="dynamic")
        rows, _ = graded(tmp_path)
    assert "('cannot', 'cannot', False, False)" in rows["a.ipynb"]["feedback"]


def test_what_never_ends_is_stopped_and_the_rest_is_graded(tmp_path, monkeypatch):
    monkeypatch.setattr(sandbox, "SECONDS", 3)
    told = {"lesson": "dynamic", "name": "own_scales", "call": "check.own_scales(f)"}
    cells = [("Cell 1", "import time\nwhile True:\n    time.sleep(1)", [0, 1])]
    status, said = sandbox.run({**told, "cells": cells}, "", 4 << 30)
    assert status in ("stopped", "not graded") and said.startswith("It was still running")


def test_podman_and_docker_get_the_course_to_read_no_network_and_limits():
    command = sandbox._container("podman", 5)
    assert command[:2] == ["podman", "run"] and f"--volume={sandbox.ROOT}:/course:ro" in command
    assert {"--network=none", "--read-only", "--memory=5"} <= set(command)
    assert json.dumps(command).count(str(sandbox.ROOT)) == 1, "nothing of this machine but the course"
