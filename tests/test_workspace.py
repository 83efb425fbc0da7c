"""The learner's copies: made, refreshed, never overwritten once changed; and how JupyterLab is started on them."""

import json

import nbformat
import pytest

from course_utils.doctor import Finding
from tools import _workspace
from tools import open as open_task

NAME = "02_topic.ipynb"


def notebook(*sources, output="42"):
    """A published notebook: markdown, then code cells with an output, the last one a folded solution."""
    cells = [nbformat.v4.new_markdown_cell("# Topic", id="cell-0")]
    for number, source in enumerate(sources, start=1):
        cell = nbformat.v4.new_code_cell(source, execution_count=number, id=f"cell-{number}")
        cell.outputs = [nbformat.v4.new_output("stream", name="stdout", text=output)]
        cells.append(cell)
    cells[-1].metadata = nbformat.from_dict({"tags": ["solution"], "jupyter": {"source_hidden": True}})
    return nbformat.v4.new_notebook(cells=cells)


class Course:
    """A course with one lesson, and what its learner does."""

    def __init__(self, folder):
        self.notebooks, self.workspace = folder / "notebooks", folder / "workspace"
        self.notebooks.mkdir()

    def publish(self, *sources):
        text = nbformat.v4.writes(notebook(*sources))
        (self.notebooks / NAME).write_text(text, encoding="utf-8")
        return self

    def fill(self):
        return _workspace.fill(self.notebooks, self.workspace)

    def read(self, name=NAME):
        return nbformat.v4.reads((self.workspace / name).read_text(encoding="utf-8"))

    def code(self, name=NAME):
        return [cell.source for cell in self.read(name).cells if cell.cell_type == "code"]

    def write(self, *sources, name=NAME):
        text = nbformat.v4.writes(notebook(*sources, output="my own"))
        (self.workspace / name).write_text(text, encoding="utf-8")

    def names(self):
        return sorted(path.name for path in self.workspace.glob("*.ipynb"))


@pytest.fixture
def lesson(tmp_path):
    return Course(tmp_path).publish("a = 1", "b = 2")


def test_a_first_start_hands_out_copies_without_outputs_and_with_solutions_folded(lesson):
    assert lesson.fill() == []
    cells = lesson.read().cells
    assert [cell.outputs for cell in cells[1:]] == [[], []]
    assert [cell.execution_count for cell in cells[1:]] == [None, None]
    assert cells[-1].metadata.jupyter.source_hidden is True
    assert "42" in (lesson.notebooks / NAME).read_text(encoding="utf-8")  # the published one keeps its outputs


def test_a_copy_that_was_only_run_is_left_with_its_outputs(lesson):
    lesson.fill()
    lesson.write("a = 1", "b = 2")
    lesson.fill()
    assert lesson.read().cells[1].outputs[0].text == "my own"


def test_an_unchanged_copy_follows_a_newer_lesson(lesson):
    lesson.fill()
    assert lesson.publish("a = 10", "b = 2").fill() == []
    assert lesson.code() == ["a = 10", "b = 2"] and lesson.names() == [NAME]


def test_a_changed_copy_is_never_overwritten_and_the_new_version_comes_beside_once(lesson):
    lesson.fill()
    lesson.write("a = 1", "mine = 3")
    assert lesson.fill() == []
    messages = lesson.publish("a = 10", "b = 2").fill()
    assert len(messages) == 1 and "02_topic.new.ipynb" in messages[0]
    assert lesson.code() == ["a = 1", "mine = 3"]
    assert lesson.code("02_topic.new.ipynb") == ["a = 10", "b = 2"]
    (lesson.workspace / "02_topic.new.ipynb").unlink()
    assert lesson.fill() == [] and lesson.names() == [NAME]


def test_a_third_version_replaces_the_untouched_one_beside(lesson):
    lesson.fill()
    lesson.write("a = 1", "mine = 3")
    lesson.publish("a = 10", "b = 2").fill()
    lesson.publish("a = 100", "b = 2").fill()
    assert lesson.names() == ["02_topic.ipynb", "02_topic.new.ipynb"]
    assert lesson.code("02_topic.new.ipynb") == ["a = 100", "b = 2"]


def test_a_version_beside_that_was_worked_in_is_not_overwritten_either(lesson):
    lesson.fill()
    lesson.write("a = 1", "mine = 3")
    lesson.publish("a = 10", "b = 2").fill()
    lesson.write("a = 10", "mine = 4", name="02_topic.new.ipynb")
    messages = lesson.publish("a = 100", "b = 2").fill()
    assert "02_topic.new2.ipynb" in messages[0]
    assert lesson.code("02_topic.new.ipynb") == ["a = 10", "mine = 4"]
    assert lesson.code("02_topic.new2.ipynb") == ["a = 100", "b = 2"]


def test_a_changed_cell_type_counts_as_changed(lesson):
    lesson.fill()
    changed = notebook("a = 1", "b = 2")
    changed.cells[0] = nbformat.v4.new_raw_cell("# Topic", id="cell-0")
    (lesson.workspace / NAME).write_text(nbformat.v4.writes(changed), encoding="utf-8")
    lesson.publish("a = 10", "b = 2").fill()
    assert lesson.read().cells[0].cell_type == "raw"


def test_a_copy_that_was_put_back_to_the_lesson_is_refreshed_again(lesson):
    lesson.fill()
    lesson.write("a = 1", "mine = 3")
    lesson.fill()
    lesson.write("a = 1", "b = 2")
    assert lesson.publish("a = 10", "b = 2").fill() == []
    assert lesson.code() == ["a = 10", "b = 2"]


def test_a_removed_copy_comes_back(lesson):
    lesson.fill()
    (lesson.workspace / NAME).unlink()
    lesson.fill()
    assert lesson.code() == ["a = 1", "b = 2"]


@pytest.mark.parametrize("content", [b"", b"not json", b"[]", b'{"cells": [{}]}', b"\xff\xfe"])
def test_a_copy_that_is_no_notebook_any_more_is_kept_as_it_is(lesson, content):
    lesson.fill()
    (lesson.workspace / NAME).write_bytes(content)
    assert lesson.fill() == []
    messages = lesson.publish("a = 10", "b = 2").fill()
    assert len(messages) == 1 and (lesson.workspace / NAME).read_bytes() == content


@pytest.mark.parametrize("content", [None, "not json", "[]", '{"02_topic.ipynb": 3}', '{"02_topic.ipynb": {}}'])
def test_without_knowing_what_was_handed_out_a_different_copy_counts_as_changed(lesson, content):
    lesson.fill()
    lesson.write("a = 1", "mine = 3")
    state = lesson.workspace / ".handed_out.json"
    state.unlink() if content is None else state.write_text(content, encoding="utf-8")
    assert len(lesson.fill()) == 1
    assert lesson.code() == ["a = 1", "mine = 3"]
    assert lesson.fill() == []


def test_a_lesson_in_which_the_learner_wrote_the_new_version_is_up_to_date(lesson):
    lesson.fill()
    lesson.write("a = 10", "b = 2")
    assert lesson.publish("a = 10", "b = 2").fill() == [] and lesson.names() == [NAME]


def test_a_write_that_fails_leaves_the_old_copy_and_no_draft(lesson, monkeypatch):
    lesson.fill()
    lesson.publish("a = 10", "b = 2")

    def full(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(_workspace.os, "replace", full)
    with pytest.raises(OSError, match="No space"):
        lesson.fill()
    assert lesson.code() == ["a = 1", "b = 2"]
    assert not list(lesson.workspace.glob("*.part"))


# The task open


@pytest.fixture
def opened(monkeypatch, tmp_path):
    """The task with folders of its own and a healthy machine; gives what it would start."""
    started = []
    (tmp_path / "notebooks").mkdir()
    monkeypatch.setattr(open_task, "NOTEBOOKS", tmp_path / "notebooks")
    monkeypatch.setattr(open_task, "WORKSPACE", tmp_path / "workspace")
    monkeypatch.setattr(open_task.doctor, "examine", lambda: [Finding("Python", "ok", "3.11")])
    monkeypatch.setattr(open_task.course, "hand_over", lambda *args: started.append(args) or 0)
    return started


def test_jupyterlab_starts_in_the_workspace_at_the_first_lesson(opened, tmp_path, monkeypatch):
    (tmp_path / "notebooks" / "00_start_here.ipynb").write_text(nbformat.v4.writes(notebook("a")), encoding="utf-8")
    monkeypatch.setenv("JUPYTER_CONFIG_PATH", "of the user")
    assert open_task.main(["--no-open", "--port", "8123"]) == 0
    words, environment = opened[0]
    assert f"--ServerApp.root_dir={tmp_path / 'workspace'}" in words
    assert "--LabApp.default_url=/lab/tree/00_start_here.ipynb" in words
    assert {"--no-browser", "--ServerApp.port=8123"} <= set(words)
    own, user = environment["JUPYTER_CONFIG_PATH"].split(open_task.os.pathsep)
    page = open_task.course.Path(own) / "labconfig" / "page_config.json"
    assert json.loads(page.read_text(encoding="utf-8"))["disabledExtensions"] == {
        "@jupyterlab/apputils-extension:announcements": True}
    assert user == "of the user"


def test_without_notebooks_it_says_so_and_still_serves(opened, capsys):
    assert open_task.main(["--no-open"]) == 0
    assert "There are no notebooks in" in capsys.readouterr().out
    assert "--LabApp.default_url=/lab" in opened[0][0]


@pytest.mark.parametrize(("variables", "system", "expected"), [
    ({}, "linux", False),
    ({"DISPLAY": ":0"}, "linux", True),
    ({"WAYLAND_DISPLAY": "wayland-0"}, "linux", True),
    ({"DISPLAY": ":0", "SSH_CONNECTION": "x"}, "linux", False),
    ({"DISPLAY": ":0", "CI": "true"}, "linux", False),
    ({}, "darwin", True),
    ({"SSH_TTY": "/dev/pts/0"}, "darwin", False),
    ({}, "win32", True),
])
def test_a_browser_is_opened_only_where_somebody_sees_it(monkeypatch, variables, system, expected):
    monkeypatch.setattr(open_task.os, "environ", variables)
    monkeypatch.setattr(open_task.sys, "platform", system)
    assert open_task.has_display() is expected


def test_root_is_allowed_only_to_root(monkeypatch):
    monkeypatch.setattr(open_task.os, "geteuid", lambda: 0, raising=False)
    assert "--allow-root" in open_task.command(browser=True)
    monkeypatch.setattr(open_task.os, "geteuid", lambda: 1000, raising=False)
    assert "--allow-root" not in open_task.command(browser=True)


def test_a_fatal_fault_stops_the_start_and_another_one_is_only_told(opened, monkeypatch, capsys):
    data = Finding("data", "fault", "train is damaged.", "Fetch it again.")
    monkeypatch.setattr(open_task.doctor, "examine", lambda: [data])
    assert open_task.main(["--no-open"]) == 0 and len(opened) == 1
    assert "Fault: data: train is damaged. What to do: Fetch it again." in capsys.readouterr().out
    torch = Finding("PyTorch", "fault", "cannot be used.", "Start again.")
    monkeypatch.setattr(open_task.doctor, "examine", lambda: [data, torch])
    assert open_task.main(["--no-open"]) == 1 and len(opened) == 1


def test_a_workspace_that_cannot_be_written_is_told(opened, monkeypatch, capsys):
    def refuse(*args):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(open_task._workspace, "fill", refuse)
    assert open_task.main(["--no-open"]) == 1
    assert "cannot be filled: Permission denied" in capsys.readouterr().out
