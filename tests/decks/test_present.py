"""What a lecturer shows: the copy of a lesson, how Jupyter is started on it, what is said when something is missing."""

import copy

import nbformat
import pytest
from _decks import code, figure, markdown, note, notebook

from course_utils import syllabus
from tools import present
from tools.decks import arrange

LONG = "\n".join(f"x{line} = {line}" for line in range(arrange.LINES_ABOVE_A_FIGURE + 1))
ADDRESS = "http://127.0.0.1:8888/rise/energy.ipynb?token=abc"


def lesson():
    """A published notebook with each kind of cell."""
    return notebook(
        markdown("# Energy"),
        note("*For the lecturer, 1 min.* Ask for 2 * 3."),
        code("setup = 1", kind="skip", tags=["setup"]),
        code(LONG, figure()),
        code("show()", figure(), kind="fragment"),
        code(LONG + "\nprint(1)", kind="-"),
        code("Table()", kind="-", tags=["hide-input"]),
        code("def answer_solution(): pass", kind="skip", tags=["solution", "hide-cell"]),
    )


def test_a_room_sees_slides_notes_and_outputs_but_no_solution_and_no_code_over_its_figure():
    published = lesson()
    before = copy.deepcopy(published)
    shown = present.for_a_room(published)
    assert published == before
    sources = [c.source for c in published.cells[:-1]]
    made = [sources[0], "For the lecturer, 1 min. Ask for 2 * 3.", *sources[2:], ""]
    assert [c.source for c in shown.cells] == made
    assert shown.cells[1].cell_type == "raw", "the speaker's view would show the text and what is made of it"
    kinds = [arrange.slide_type(c) for c in shown.cells]
    assert kinds == ["slide", "notes", "skip", "slide", "fragment", "-", "-", "skip"]
    assert "--fit" in shown.cells[-1].outputs[0].data["text/html"], "the script that makes a long slide fit"
    assert shown.cells[3].outputs == published.cells[3].outputs
    folded = [c.source for c in shown.cells if c.metadata.get("jupyter", {}).get("source_hidden")]
    assert folded == [LONG, "Table()"], "a short line over its figure stays, and so does long code without one"


class Process:
    """Jupyter, as far as the task sees it."""

    def __init__(self, ends=None):
        self.ends, self.ended = ends, False

    def poll(self):
        return self.ends

    def wait(self):
        return 0

    def terminate(self):
        self.ended = True


@pytest.fixture
def presented(monkeypatch, tmp_path):
    """The task with a published lesson and a folder of its own; gives what it would do, in order."""
    done = []
    source = tmp_path / "notebooks" / "energy.ipynb"
    source.parent.mkdir()
    source.write_text(nbformat.v4.writes(lesson()), encoding="utf-8")
    monkeypatch.setattr(type(syllabus.lessons()["energy"]), "notebook", source)
    monkeypatch.setattr(present, "FOLDER", tmp_path / "present")
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "jupyter"))
    servers = iter([None, {"url": "http://127.0.0.1:8888/", "token": "abc"}])
    monkeypatch.setattr(present.lab, "server_of", lambda folder: next(servers))
    monkeypatch.setattr(present.open_task, "has_display", lambda: True)
    monkeypatch.setattr(present.subprocess, "Popen", lambda words, env: done.append(words) or Process())
    monkeypatch.setattr(present, "run", lambda file, server: done.append(("run", file.name)))
    monkeypatch.setattr(present.webbrowser, "open", lambda address: done.append(address))
    return done


def test_jupyter_starts_on_the_copy_the_cells_run_and_then_the_slides_open(presented, tmp_path, capsys):
    from nbformat.sign import NotebookNotary

    assert present.main(["energy", "--port", "8123"]) == 0
    words, run, opened = presented
    folder = tmp_path / "present"
    assert {f"--ServerApp.root_dir={folder}", "--no-browser", "--ServerApp.port=8123"} <= set(words)
    assert "--LabApp.default_url=/rise/energy.ipynb" in words, "so Jupyter prints the address of the slides"
    assert (run, opened) == (("run", "energy.ipynb"), ADDRESS) and ADDRESS in capsys.readouterr().out
    assert (folder / "rise.css").read_bytes() == present.STYLE.read_bytes()
    made = nbformat.read(folder / "energy.ipynb", as_version=4)
    assert NotebookNotary().check_signature(made), "drawings show before a cell is run"


def test_a_jupyter_that_does_not_start_is_told_and_none_is_left_behind(presented, monkeypatch, capsys):
    monkeypatch.setattr(present.subprocess, "Popen", lambda words, env: Process(ends=1))
    assert present.main(["energy"]) == 1
    assert "Jupyter did not start" in capsys.readouterr().out and presented == []
    process = Process()
    monkeypatch.setattr(present.subprocess, "Popen", lambda words, env: process)
    monkeypatch.setattr(present.lab, "server_of", lambda folder: None)
    monkeypatch.setattr(present, "wait_for", lambda process: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        present.main(["energy"])
    assert process.ended
