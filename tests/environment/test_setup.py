"""Making the environment: with a uv that is played, what is asked of it; and what a reader is told when it fails."""

import shutil
import signal
import subprocess
import sys
import time

import pytest
from _front import DISK_FULL, TICK, begin, calls, make_front, play, played, start

from tools.environment import causes, env

pytestmark = played


@pytest.fixture
def front(tmp_path):
    return make_front(tmp_path)


def test_a_set_up_plans_installs_and_hands_over_and_the_next_start_does_nothing(front, tmp_path):
    status, said = start(front, "echo", "one", "--two", cwd=tmp_path)
    assert status == 0 and "TASK ['one', '--two']" in said and ".venv" in said, said
    assert all(f"[{n}/3]" in said for n in (1, 2, 3))
    made, plan, install = calls(front)
    assert made[-3:] == [sys.executable, str(front / ".venv"), None]
    assert plan == [*install[:-1], "--dry-run", "auto"]
    pins = ["-c", str(front / "constraints.txt"), "-r", str(front / "pyproject.toml"), "pip", "-e", str(front)]
    assert install == ["pip", "install", "--python", str(env.python_of(front / ".venv")), *pins, "auto"]
    for python in (sys.executable, env.python_of(front / ".venv")):
        status, said = start(front, "echo", "--help", python=python)
        assert "usage" in said and len(calls(front)) == 3


def test_a_moved_folder_keeps_its_environment_and_one_that_does_not_run_is_made_anew(front):
    start(front, "echo")
    moved = front.rename(front.with_name("moved"))
    assert "TASK" in start(moved, "echo")[1] and calls(moved)[-1][-3:-1] == ["-e", str(moved)]
    assert sum(words[0] == "venv" for words in calls(moved)) == 1
    env.python_of(moved / ".venv").unlink()
    assert "TASK" in start(moved, "echo")[1] and sum(words[0] == "venv" for words in calls(moved)) == 2


@pytest.mark.parametrize(
    ("script", "told"),
    [(DISK_FULL, "the disk is full. Free space"), ("if not dry: sys.exit('odd: 42')", "lines were:\n    odd: 42")],
)
def test_a_set_up_that_is_cut_off_is_told_and_the_next_start_goes_on(front, script, told):
    play(front, script)
    status, said = start(front, "echo")
    assert status == 1 and told in said and "Traceback" not in said
    assert told[-8:] in said and "TASK" not in said
    play(front, "")
    assert "TASK" in start(front, "echo")[1] and sum(words[0] == "venv" for words in calls(front)) == 1


def test_ctrl_c_ends_uv_too_and_meanwhile_a_second_start_is_told(front):
    play(front, TICK)
    process, tick = begin(front, "echo"), front / ".venv-uv" / "bin" / "tick"
    until = time.monotonic() + 600
    while not tick.exists():
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.05)
    status, said = start(front, "echo")
    assert status == 1 and "Another start is setting up" in said
    process.send_signal(signal.SIGINT)
    assert "Traceback" not in process.communicate(timeout=300)[0] and process.returncode == 130
    tick.unlink()
    time.sleep(0.5)
    assert not tick.exists(), "uv goes on"
    play(front, "")
    assert "TASK" in start(front, "echo")[1]


def test_what_is_not_the_courses_own_is_refused_before_anything_is_changed(front, tmp_path):
    other = tmp_path / "other"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(other)], check=True)
    for make, told in (
        (lambda: (front / ".venv").symlink_to(other), f"is a link to {other}"),
        (lambda: (front / ".venv").write_text("mine"), "was not made by this course"),
        (lambda: shutil.copytree(other, front / ".venv", symlinks=True), "was not made by this course"),
    ):
        make()
        status, said = start(front, "echo")
        assert status == 1 and told in said and "--here" in said and calls(front) == []
        if not (front / ".venv").is_dir() or (front / ".venv").is_symlink():
            (front / ".venv").unlink()
    assert not (other / ".course-stamp.json").exists()


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("  cause: failed to remove file `x\\torch.dll`: Access is denied. (os error 5)", "Close JupyterLab"),
        ("  cause: failed to copy file: The filename or extension is too long. (os error 206)", "short path"),
        ("OSError('Tunnel connection failed: 407 Proxy Authentication Required'))\nNo matching distribution", "PROXY="),
        ("[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed\nNo matching distribution found", "PIP_CERT"),
        ("not satisfied (from versions: 2.2.0)\nERROR: No matching distribution found for torch", "macOS 14"),
    ],
)
def test_the_words_of_pip_and_uv_are_turned_into_cause_and_remedy(said, told):
    failure = str(causes.explain(said, "Installing"))
    assert failure.startswith("Installing failed: ") and told in failure
