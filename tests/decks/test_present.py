"""What a lecturer shows: a deck as a notebook, how Jupyter is started on it, what is said when something is missing."""

import copy

import nbformat
import pytest
from _decks import NOTE, code, course, deck, figure, printed

from tools import present
from tools.publishing import lessons

ADDRESS = "http://127.0.0.1:8888/rise/bits.ipynb?token=abc"
CELLS = [
    code("setup = 1", tags=["setup"]),
    code("show()", figure(), name="drawn"),
    code("between = 2"),
    code("print(1)", printed("1"), name="printed"),
    code("def answer_solution(): pass", tags=["solution", "hide-cell"]),
]
TEXT = (
    "*How few bits?*\n\n:::{note} 1 min\nAsk for 2 * 3.\n:::\n\n"
    f"## Drawn\n\n{{output}}`drawn`\n\n{NOTE}### Printed\n\n+++\n\n{{cell}}`printed`\n\n{NOTE}"
)


def test_a_room_sees_the_deck_and_between_its_slides_stands_the_code_that_must_have_run(tmp_path):
    made, published = deck(tmp_path, TEXT, *CELLS), nbformat.v4.new_notebook(cells=CELLS)
    before = copy.deepcopy(published)
    shown = present.for_a_room(made, published)
    assert published == before
    nbformat.validate(shown)
    seen = [(c.cell_type, c.metadata["slideshow"]["slide_type"], c.source) for c in shown.cells]
    assert seen[:-1] == [
        ("markdown", "slide", "# Bits & pieces"),
        ("markdown", "-", "*How few bits?*"),
        ("raw", "notes", "For the lecturer, 1 min. Ask for 2 * 3."),
        ("markdown", "slide", "## Drawn"),
        ("code", "skip", "setup = 1"),
        ("code", "-", "show()"),
        ("raw", "notes", "For the lecturer, 2 min. Ask the room: how many bits?"),
        ("markdown", "subslide", "## Printed"),
        ("code", "skip", "between = 2"),
        ("code", "fragment", "print(1)"),
        ("raw", "notes", "For the lecturer, 2 min. Ask the room: how many bits?"),
    ]
    assert "--fit" in shown.cells[-1].outputs[0].data["text/html"], "the script that makes a long slide fit"
    assert shown.cells[5].outputs == CELLS[1].outputs
    folded = [c.source for c in shown.cells if c.metadata.get("jupyter", {}).get("source_hidden")]
    assert folded == ["show()"], "what the deck borrows without its code is folded"


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
    lesson = course(tmp_path / "course", *CELLS)["bits"]
    lesson.source.with_name("deck.md").write_text(TEXT, encoding="utf-8")
    monkeypatch.setattr(lessons, "select", lambda names: [lesson])
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

    assert present.main(["bits", "--port", "8123"]) == 0
    words, run, opened = presented
    folder = tmp_path / "present"
    assert {f"--ServerApp.root_dir={folder}", "--no-browser", "--ServerApp.port=8123"} <= set(words)
    assert "--LabApp.default_url=/rise/bits.ipynb" in words, "so Jupyter prints the address of the slides"
    assert (run, opened) == (("run", "bits.ipynb"), ADDRESS) and ADDRESS in capsys.readouterr().out
    assert (folder / "rise.css").read_bytes() == present.STYLE.read_bytes()
    made = nbformat.read(folder / "bits.ipynb", as_version=4)
    assert NotebookNotary().check_signature(made), "drawings show before a cell is run"


def test_a_jupyter_that_does_not_start_is_told_and_none_is_left_behind(presented, monkeypatch, capsys):
    monkeypatch.setattr(present.subprocess, "Popen", lambda words, env: Process(ends=1))
    assert present.main(["bits"]) == 1
    assert "Jupyter did not start" in capsys.readouterr().out and presented == []
    process = Process()
    monkeypatch.setattr(present.subprocess, "Popen", lambda words, env: process)
    monkeypatch.setattr(present.lab, "server_of", lambda folder: None)
    monkeypatch.setattr(present, "wait_for", lambda process: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        present.main(["bits"])
    assert process.ended
