"""How JupyterLab is started on the learner's copies; what it is told, and when it is not started at all."""

import json
import os
import socket

import nbformat
import pytest
from jupyter_server import serverapp

from tools import open as open_task
from tools.environment import curriculum
from tools.environment.doctor import Finding

EMPTY = nbformat.v4.writes(nbformat.v4.new_notebook())


@pytest.fixture
def opened(monkeypatch, tmp_path):
    """The task with folders of its own and a healthy machine; gives what it would start."""
    started = []
    (tmp_path / "notebooks").mkdir()
    monkeypatch.setattr(open_task, "NOTEBOOKS", tmp_path / "notebooks")
    monkeypatch.setattr(open_task, "WORKSPACE", tmp_path / "workspace")
    monkeypatch.setattr(open_task.doctor, "examine", lambda: [Finding("Python", "ok", "3.11")])
    monkeypatch.setattr(open_task.course, "hand_over", lambda *args: started.append(args) or 0)
    monkeypatch.setattr(serverapp, "list_running_servers", lambda: [])
    return started


def test_jupyterlab_starts_in_the_workspace_with_the_courses_settings(opened, tmp_path, monkeypatch):
    monkeypatch.setenv("JUPYTER_CONFIG_PATH", "of the user")
    assert open_task.main(["--no-open", "--port", "8123"]) == 0
    words, environment = opened[0]
    assert f"--ServerApp.root_dir={tmp_path / 'workspace'}" in words
    assert {"--no-browser", "--ServerApp.port=8123", "--ServerApp.answer_yes=True"} <= set(words)
    own, user = environment["JUPYTER_CONFIG_PATH"].split(os.pathsep)
    page = open_task.course.Path(own) / "labconfig" / "page_config.json"
    assert json.loads(page.read_text(encoding="utf-8"))["disabledExtensions"] == {
        "@jupyterlab/apputils-extension:announcements": True
    }
    assert user == "of the user"


def test_it_opens_at_the_start_page_at_a_lesson_or_without_any_at_the_list_of_files(opened, tmp_path, capsys):
    def page(*names):
        assert open_task.main([*names, "--no-open"]) == 0
        return next(word for word in opened[-1][0] if word.startswith("--LabApp.default_url="))

    assert page().endswith("=/lab") and "There are no notebooks in" in capsys.readouterr().out
    first = next(iter(curriculum.lessons().values())).place
    (tmp_path / "notebooks" / first).parent.mkdir()
    (tmp_path / "notebooks" / first).write_text(EMPTY, encoding="utf-8")
    assert page().endswith("=/lab/tree/start.md")
    assert first in (tmp_path / "workspace" / "start.md").read_text(encoding="utf-8")
    assert page("1.1").endswith(f"=/lab/tree/{first}")


@pytest.fixture
def server(opened, monkeypatch, tmp_path):
    """What Jupyter has written down of a server on this workspace; the test decides whether anything listens."""
    (tmp_path / "workspace").mkdir()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        known = {
            "root_dir": str(tmp_path / "workspace"),
            "hostname": "127.0.0.1",
            "port": port,
            "url": f"http://127.0.0.1:{port}/",
            "token": "abc",
        }
        monkeypatch.setattr(serverapp, "list_running_servers", lambda: [{**known, "root_dir": "/"}, known])
        monkeypatch.setattr(open_task, "has_display", lambda: True)
        browsed = []
        monkeypatch.setattr(open_task.webbrowser, "open", browsed.append)
        yield listening, known, browsed


def test_a_second_start_opens_the_course_that_is_open_already(server, opened, capsys):
    _, known, browsed = server
    assert open_task.main([]) == 0 and opened == []
    address = f"{known['url']}lab?token=abc"
    assert f"The course is already open, at {address}" in capsys.readouterr().out and browsed == [address]
    assert open_task.main(["--no-open"]) == 0 and browsed == [address]


def test_a_fatal_fault_stops_the_start_and_another_one_is_only_told(opened, monkeypatch, capsys):
    data = Finding("data", "fault", "train is damaged.", "Fetch it again.")
    monkeypatch.setattr(open_task.doctor, "examine", lambda: [data])
    assert open_task.main(["--no-open"]) == 0 and len(opened) == 1
    assert "Fault: data: train is damaged. What to do: Fetch it again." in capsys.readouterr().out
    torch = Finding("PyTorch", "fault", "cannot be used.", "Start again.")
    monkeypatch.setattr(open_task.doctor, "examine", lambda: [data, torch])
    assert open_task.main(["--no-open"]) == 1 and len(opened) == 1
