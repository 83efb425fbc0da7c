"""How the course is opened: where JupyterLab begins, what stops the start, and what a second start does."""

import os
import signal
import subprocess
import time

import nbformat
import pytest

from tools import open as open_task
from tools.environment import curriculum
from tools.environment.doctor import Finding

FIRST = next(iter(curriculum.lessons().values())).place


@pytest.fixture
def opened(monkeypatch, tmp_path):
    """The task with folders of its own, one published lesson and a healthy machine; gives what it would start."""
    started = []
    for name in ("JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "JUPYTER_CONFIG_DIR", "IPYTHONDIR"):
        monkeypatch.setenv(name, str(tmp_path / name.lower()))  # nothing of the user's, and nothing left behind
    (tmp_path / "notebooks" / FIRST).parent.mkdir(parents=True)
    (tmp_path / "notebooks" / FIRST).write_text(nbformat.v4.writes(nbformat.v4.new_notebook()), encoding="utf-8")
    monkeypatch.setattr(open_task, "NOTEBOOKS", tmp_path / "notebooks")
    monkeypatch.setattr(open_task, "WORKSPACE", tmp_path / "workspace")
    monkeypatch.setattr(open_task.doctor, "examine", lambda: [Finding("Python", "ok", "3.11")])
    monkeypatch.setattr(open_task.course, "hand_over", lambda *args: started.append(args) or 0)
    return started


def test_it_opens_at_the_start_page_or_at_a_lesson(opened, tmp_path):
    for names, place in (((), "start.md"), (("1.1",), FIRST)):
        assert open_task.main([*names, "--no-open"]) == 0
        assert f"--LabApp.default_url=/lab/tree/{place}" in opened[-1][0]
    assert FIRST in (tmp_path / "workspace" / "start.md").read_text(encoding="utf-8")


def test_a_fatal_fault_stops_the_start_and_another_one_is_only_told(opened, monkeypatch, capsys):
    data = Finding("data", "fault", "train is damaged.", "Fetch it again.")
    monkeypatch.setattr(open_task.doctor, "examine", lambda: [data])
    assert open_task.main(["--no-open"]) == 0 and len(opened) == 1
    assert "Fault: data: train is damaged. What to do: Fetch it again." in capsys.readouterr().out
    torch = Finding("PyTorch", "fault", "cannot be used.", "Start again.")
    monkeypatch.setattr(open_task.doctor, "examine", lambda: [data, torch])
    assert open_task.main(["--no-open"]) == 1 and len(opened) == 1


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="Windows sends Ctrl-C to a console, not to a process")
def test_a_second_start_opens_the_course_that_is_open_already_and_one_ctrl_c_ends_it(opened, monkeypatch, capsys):
    """With the real JupyterLab, which would ask at Ctrl-C, because it reads from a terminal."""
    assert open_task.main(["--no-open"]) == 0
    (words, env), browsed = opened.pop(), []
    monkeypatch.setattr(open_task, "has_display", lambda: True)
    monkeypatch.setattr(open_task.webbrowser, "open", browsed.append)
    server = subprocess.Popen(words, env=env, stdin=os.openpty()[1], stderr=subprocess.PIPE, text=True)
    try:
        while not open_task.running():  # it prints its address before it listens
            assert server.poll() is None, server.stderr.read()
            time.sleep(0.2)
        assert open_task.main([]) == 0 and opened == []
        assert "The course is already open, at http://127.0.0.1:" in capsys.readouterr().out
        assert browsed == [open_task.running()]
        server.send_signal(signal.SIGINT)
        assert "y/[n]" not in server.communicate(timeout=120)[1] and server.returncode == 0
        assert open_task.running() is None
    finally:
        server.kill()
