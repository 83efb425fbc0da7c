"""What a lecturer shows: the copy of a lesson, how Jupyter is started on it, what is said when something is missing."""

import copy
import json

import nbformat
import pytest

from course_utils import syllabus
from tools import present
from tools.decks import arrange

LONG = "\n".join(f"x{line} = {line}" for line in range(arrange.LINES_ABOVE_A_FIGURE + 1))


def drawn():
    return [nbformat.v4.new_output("display_data", {"image/png": "aGk=", "text/plain": "Figure"})]


def cell(source, slide, *, tags=(), outputs=(), make=nbformat.v4.new_code_cell):
    more = {"outputs": list(outputs)} if make is nbformat.v4.new_code_cell else {}
    metadata = {"slideshow": {"slide_type": slide}} | ({"tags": list(tags)} if tags else {})
    return make(source, metadata=metadata, **more)


def lesson():
    """A published notebook with each kind of cell."""
    markdown = nbformat.v4.new_markdown_cell
    cells = [
        cell("# Energy", "slide", make=markdown),
        cell("*For the lecturer, 1 min.* Ask for 2 * 3.", "notes", tags=["remove-cell"], make=markdown),
        cell("setup = 1", "skip", tags=["setup"]),
        cell(LONG, "subslide", outputs=drawn()),
        cell("show()", "fragment", outputs=drawn()),
        cell(LONG + "\nprint(1)", "-"),
        cell("Table()", "-", tags=["hide-input"]),
        cell("def answer_solution(): pass", "skip", tags=["solution", "hide-cell"]),
    ]
    return nbformat.v4.new_notebook(
        cells=cells, metadata={"course": {"name": "energy"}, "course_inputs": {"files": {}}}
    )


def test_a_room_sees_slides_notes_and_outputs_but_no_solution():
    published = lesson()
    before = copy.deepcopy(published)
    shown = present.for_a_room(published)
    assert published == before
    sources = [c.source for c in published.cells[:-1]]
    made = [sources[0], "For the lecturer, 1 min. Ask for 2 * 3.", *sources[2:], ""]
    assert [c.source for c in shown.cells] == made
    assert shown.cells[1].cell_type == "raw", "the speaker's view would show the text and what is made of it"
    kinds = [c.metadata["slideshow"]["slide_type"] for c in shown.cells]
    assert kinds == ["slide", "notes", "skip", "subslide", "fragment", "-", "-", "skip"]
    assert "--fit" in shown.cells[-1].outputs[0].data["text/html"], "the script that makes a long slide fit"
    assert shown.cells[3].outputs == drawn()
    assert set(shown.metadata) == {"course", "kernelspec", "language_info", "rise"}


def test_code_that_would_push_its_figure_off_the_slide_is_folded():
    shown = present.for_a_room(lesson())
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
    energy = syllabus.lessons()["energy"]
    source = tmp_path / "notebooks" / "energy.ipynb"
    source.parent.mkdir()
    source.write_text(nbformat.v4.writes(lesson()), encoding="utf-8")
    monkeypatch.setattr(type(energy), "notebook", source)
    monkeypatch.setattr(present, "FOLDER", tmp_path / "present")
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "jupyter"))
    servers = iter([None, {"url": "http://127.0.0.1:8888/", "token": "abc"}])
    monkeypatch.setattr(present.lab, "server_of", lambda folder: next(servers))
    monkeypatch.setattr(present.open_task, "has_display", lambda: True)
    monkeypatch.setattr(present.subprocess, "Popen", lambda words, env: done.append(words) or Process())
    monkeypatch.setattr(present, "run", lambda file, server: done.append(("run", file.name)))
    monkeypatch.setattr(present.webbrowser, "open", lambda address: done.append(address))
    return done


ADDRESS = "http://127.0.0.1:8888/rise/energy.ipynb?token=abc"


def test_jupyter_starts_on_the_copy_the_cells_run_and_then_the_slides_open(presented, tmp_path, capsys):
    assert present.main(["energy", "--port", "8123"]) == 0
    words, run, opened = presented
    assert {f"--ServerApp.root_dir={tmp_path / 'present'}", "--no-browser", "--ServerApp.port=8123"} <= set(words)
    assert "--LabApp.default_url=/rise/energy.ipynb" in words, "so Jupyter prints the address of the slides"
    assert (run, opened) == (("run", "energy.ipynb"), ADDRESS) and ADDRESS in capsys.readouterr().out
    assert (tmp_path / "present" / "rise.css").read_bytes() == present.STYLE.read_bytes()


def test_it_runs_nothing_and_opens_nothing_where_that_is_wanted(presented):
    assert present.main(["1.2", "--no-open", "--no-run"]) == 0
    assert len(presented) == 1


def test_a_second_lesson_is_shown_by_the_server_of_the_first(presented, monkeypatch):
    monkeypatch.setattr(present.lab, "server_of", lambda folder: {"url": "http://127.0.0.1:8888/", "token": "abc"})
    assert present.main(["energy"]) == 0
    assert presented == [("run", "energy.ipynb"), ADDRESS]


def test_a_jupyter_that_does_not_start_is_told(presented, monkeypatch, capsys):
    monkeypatch.setattr(present.subprocess, "Popen", lambda words, env: Process(ends=1))
    assert present.main(["energy"]) == 1
    assert "Jupyter did not start" in capsys.readouterr().out and presented == []


def test_what_fails_on_the_way_leaves_no_server_behind(presented, monkeypatch):
    process = Process()
    monkeypatch.setattr(present.subprocess, "Popen", lambda words, env: process)
    monkeypatch.setattr(present, "run", lambda file, server: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        present.main(["energy"])
    assert process.ended


def test_a_copy_is_trusted_so_that_its_drawings_show_before_a_cell_is_run(presented, tmp_path):
    from nbformat.sign import NotebookNotary

    file = present.write(lesson(), tmp_path / "present" / "energy.ipynb")
    assert NotebookNotary().check_signature(nbformat.read(file, as_version=4))


def test_one_lesson_and_one_that_was_built(presented, monkeypatch, tmp_path, capsys):
    with pytest.raises(SystemExit, match="whole part"):
        present.main(["1"])
    with pytest.raises(SystemExit, match="energy"):
        present.main(["energie"])
    monkeypatch.setattr(type(syllabus.lessons()["energy"]), "notebook", tmp_path / "none.ipynb")
    assert present.main(["energy"]) == 1
    assert "no notebook yet. Make it with:" in capsys.readouterr().out


def test_the_theme_fetches_nothing_from_the_network():
    assert present.RISE["theme"] == "white" and json.dumps(present.RISE)
    assert "http" not in present.STYLE.read_text(encoding="utf-8")
