"""The set-up as it is lived through: real starts of course.py, with the parts of pip and uv played by stubs."""

import json
import os
import signal
import subprocess
import sys
import time
import types
from pathlib import Path

import psutil
import pytest
from _front import (
    DISK_FULL,
    NO_NETWORK,
    SLEEP,
    STUB_UV,
    begin,
    calls,
    installs,
    make_front,
    make_venv,
    start,
    venv_python,
    wait_for,
)

import course
from tools.environment import causes, setup
from tools.environment import env as _env
from tools.environment import lock as _lock


@pytest.fixture
def front(tmp_path):
    return make_front(tmp_path)


def test_a_set_up_plans_installs_stamps_and_hands_over(front, tmp_path):
    stub = make_venv(front)
    done = start(front, "echo", "one", "--two", cwd=tmp_path)
    assert done.returncode == 0, done.stdout
    assert "TASK ['one', '--two']" in done.stdout and ".venv" in done.stdout
    assert [f"[{n}/3]" in done.stdout for n in (1, 2, 3)] == [True] * 3
    plan, install = calls(stub)
    assert plan == [*install, "--dry-run"]
    assert install == [
        *("pip", "install", "--python", str(venv_python(front))),
        *("-c", str(front / "constraints.txt"), "-r", str(front / "pyproject.toml"), "-e", str(front)),
    ]


def test_a_second_start_does_no_set_up_work_and_is_quick(front):
    stub = make_venv(front)
    start(front, "echo")
    before, began = calls(stub), time.monotonic()
    done = start(front, "echo")
    assert "TASK" in done.stdout and "[1/3]" not in done.stdout
    assert calls(stub) == before
    assert time.monotonic() - began < 5  # about 0.1 s alone on a machine; a loaded one is slower


def test_an_environment_made_by_an_earlier_version_of_the_course_is_brought_up_to_date(front):
    """Made by pip, without uv; the stamp has the digest of other files."""
    make_venv(front, uv=False)
    stamp = {"inputs": "older", "root": str(front), "python": "3.11", "extras": ["dev"]}
    (front / ".venv" / ".course-stamp.json").write_text(json.dumps(stamp), encoding="utf-8")
    (front / ".venv" / "setup-details.log").touch()
    done = start(front, "echo")
    assert "The course has changed" in done.stdout and "TASK" in done.stdout, done.stdout
    assert course._env.read_json(front / ".venv" / ".course-stamp.json")["extras"] == ["dev"]


# When it fails


def test_without_network_an_extra_fails_but_the_base_environment_still_serves(front):
    stub = make_venv(front)
    start(front, "echo")
    (stub / "script.py").write_text(NO_NETWORK, encoding="utf-8")
    done = start(front, "needy")
    assert done.returncode == 1
    assert "the package index cannot be reached" in done.stdout and "What to do: Check the connection" in done.stdout
    assert "TASK" in start(front, "echo").stdout
    assert "[1/3]" not in start(front, "echo").stdout


def test_what_only_adds_packages_leaves_the_base_environment_valid_even_when_it_is_cut_off(front):
    stub = make_venv(front)
    start(front, "echo")
    (stub / "script.py").write_text(DISK_FULL, encoding="utf-8")
    assert start(front, "needy").returncode == 1
    assert "[1/3]" not in start(front, "echo").stdout
    (stub / "script.py").unlink()
    assert "[3/3]" in start(front, "needy").stdout and "--extra=dev" in calls(stub)[-1]


def test_an_environment_that_was_cut_off_while_packages_were_replaced_is_not_taken_for_a_good_one(front):
    stub = make_venv(front)
    start(front, "echo")
    replace = 'if dry:\n    print(" - six==1.16.0")\n'
    (stub / "script.py").write_text(replace + DISK_FULL, encoding="utf-8")
    assert start(front, "needy").returncode == 1
    (stub / "script.py").unlink()
    done = start(front, "echo")
    assert "[3/3]" in done.stdout and "TASK" in done.stdout
    assert "--extra=dev" in calls(stub)[-1]  # what was asked for before is made good too


def test_a_disk_that_fills_up_is_told_and_the_next_start_goes_on(front):
    stub = make_venv(front, script=DISK_FULL)
    done = start(front, "echo")
    assert done.returncode == 1 and "Traceback" not in done.stdout
    assert "the disk is full" in done.stdout and "What to do: Free some space" in done.stdout
    assert "setup.log" in done.stdout and not (front / ".venv" / ".course-stamp.json").exists()
    assert len(installs(stub)) == 1  # neither tried again, nor with the larger download
    (stub / "script.py").unlink()
    assert "TASK" in start(front, "echo").stdout


def test_a_failure_without_a_known_cause_shows_the_last_lines_and_keeps_them_in_the_log(front):
    make_venv(front, script='print("something odd: 42"); sys.exit(3)')
    done = start(front, "echo")
    assert done.returncode == 1
    assert "something odd: 42" in done.stdout and "What to do" in done.stdout
    assert "something odd: 42" in (front / ".venv" / "setup.log").read_text(encoding="utf-8")


@pytest.mark.skipif(os.name == "nt", reason="Windows cannot send Ctrl-C to one process")
def test_ctrl_c_ends_uv_too_and_the_next_start_goes_on(front):
    stub = make_venv(front, script=SLEEP)
    process = begin(front, "echo")
    wait_for(lambda: (stub / "pid").exists() and (stub / "pid").read_text())
    process.send_signal(signal.SIGINT)
    output = process.communicate(timeout=20)[0]
    assert process.returncode == 130
    assert "Stopped. The next start goes on from here." in output and "Traceback" not in output
    with pytest.raises(ProcessLookupError):
        os.kill(int((stub / "pid").read_text()), 0)
    (stub / "script.py").unlink()
    assert "TASK" in start(front, "echo").stdout


# Without uv


def test_where_uv_cannot_be_had_pip_installs_with_the_same_versions(front):
    stub = make_venv(front, uv=False)
    done = start(front, "echo")
    assert "uv does not run here: going on with pip" in done.stdout and "TASK" in done.stdout, done.stdout
    asked, rest = calls(stub)
    assert asked[-1].startswith("uv==")
    assert rest == ["install", "-c", str(front / "constraints.txt"), "-e", str(front)]


def test_uv_is_fetched_into_the_environment_when_it_is_not_there(front):
    fetch = f"""
if words[-1].startswith("uv=="):
    (here.parent / "uv").mkdir()
    (here.parent / "uv" / "__main__.py").write_text({STUB_UV!r})
"""
    stub = make_venv(front, script=fetch, uv=False)
    done = start(front, "echo")
    assert "TASK" in done.stdout and "does not run" not in done.stdout, done.stdout
    assert len(calls(stub)) == 1 and len(installs(stub.parent / "uv")) == 1


def test_no_network_for_uv_is_told_and_pip_is_not_tried(front):
    stub = make_venv(front, script='print("NewConnectionError: Connection refused"); sys.exit(1)', uv=False)
    done = start(front, "echo")
    assert done.returncode == 1 and "Installing uv failed: the package index cannot be reached" in done.stdout
    assert len(calls(stub)) == 1


# Set-up with the real venv and pip, and no network


@pytest.mark.slow
def test_without_network_a_first_start_ends_soon_with_cause_and_remedy_and_the_next_resumes(front):
    began = time.monotonic()
    done = start(front, "echo")
    assert done.returncode == 1, done.stdout
    assert "the package index cannot be reached" in done.stdout, done.stdout
    assert "What to do: Check the connection" in done.stdout
    assert "Traceback" not in done.stdout and time.monotonic() - began < 60
    made = (front / ".venv" / "pyvenv.cfg").stat().st_mtime_ns
    again = start(front, "echo")
    assert "already there" in again.stdout
    assert (front / ".venv" / "pyvenv.cfg").stat().st_mtime_ns == made


@pytest.mark.slow
def test_a_half_made_environment_is_made_anew(front):
    make_venv(front)
    python = venv_python(front)
    python.unlink()
    python.write_text("cut off", encoding="utf-8")
    done = start(front, "echo")
    assert "the one there does not run: making it anew" in done.stdout
    assert subprocess.run([str(python), "-c", "import pip"]).returncode == 0


@pytest.mark.slow
def test_a_moved_folder_gets_a_new_environment(front):
    make_venv(front)
    assert "TASK" in start(front, "echo").stdout
    moved = front.with_name("moved")
    front.rename(moved)
    done = start(moved, "echo")
    assert "this folder was moved: making it anew" in done.stdout
    assert _env.read_json(moved / ".venv" / ".course-made.json")["root"] == str(moved)
    assert not list(moved.glob(".venv/**/calls.jsonl"))


@pytest.mark.parametrize("left", [[], [".course-lock"], [".course-lock", ".course-made.json", "bin"]])
def test_an_environment_cut_off_before_python_was_in_it_counts_as_ours(monkeypatch, tmp_path, left):
    venv = tmp_path / ".venv"
    venv.mkdir()
    for name in left:
        (venv / name).touch()
    monkeypatch.setattr(setup, "VENV", venv)
    setup._claim()
    assert {path.name for path in venv.iterdir()} == set(left)


def test_an_environment_of_somebody_else_is_left_alone(front):
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(front / ".venv")], check=True)
    before = sorted(front.glob(".venv/**"))
    done = start(front, "echo")
    assert done.returncode == 1
    assert "was not made by this course" in done.stdout and "--here" in done.stdout
    assert sorted(front.glob(".venv/**")) == before


def link(at, target):
    """A link to a folder: on Windows a junction, which needs no privilege."""
    if os.name == "nt":
        import _winapi

        _winapi.CreateJunction(str(target), str(at))
    else:
        at.symlink_to(target, target_is_directory=True)


def contents(folder):
    return {path: path.read_bytes() if path.is_file() else None for path in sorted(folder.rglob("*"))}


@pytest.mark.parametrize("stamped", [True, False])
def test_an_environment_behind_a_link_is_refused_before_anything_is_changed(tmp_path, stamped):
    other, mine = make_front(tmp_path / "other"), make_front(tmp_path / "mine")
    stub = make_venv(other)
    if stamped:
        assert "TASK" in start(other, "echo").stdout
    link(mine / ".venv", other / ".venv")
    before, asked = contents(other), calls(stub)
    for python in (sys.executable, venv_python(mine)):  # also by the Python behind the link
        done = start(mine, "echo", python=python)
        assert done.returncode == 1 and "Traceback" not in done.stdout, done.stdout
        assert f"is a link to {os.path.realpath(other / '.venv')}" in done.stdout
        assert "What to do: Delete the link" in done.stdout and "--here" in done.stdout
        assert "setup.log" not in done.stdout, "nothing was logged there"
        assert contents(other) == before and calls(stub) == asked
    assert not stamped or "[1/3]" not in start(other, "echo").stdout


def test_a_link_to_nothing_and_a_file_are_refused_in_words(front):
    venv = front / ".venv"
    link(venv, front / "gone")
    done = start(front, "echo")
    assert done.returncode == 1 and "is a link to" in done.stdout and not (front / "gone").exists(), done.stdout
    venv.rmdir() if os.name == "nt" else venv.unlink()
    venv.write_text("mine", encoding="utf-8")
    done = start(front, "echo")
    assert done.returncode == 1 and "is a file" in done.stdout and "Rename or delete" in done.stdout, done.stdout
    assert venv.read_text(encoding="utf-8") == "mine"


def test_a_junction_of_windows_is_a_link(monkeypatch, tmp_path):
    """As Windows tells of one: a folder with a tag."""
    told = types.SimpleNamespace(st_mode=os.lstat(tmp_path).st_mode, st_reparse_tag=0xA0000003)
    assert _env.linked_to(tmp_path) == _env.linked_to(tmp_path / "none") == ""
    monkeypatch.setattr(os, "lstat", lambda path: told)
    monkeypatch.setattr(os.path, "realpath", lambda path: "elsewhere")
    assert _env.linked_to(tmp_path) == "elsewhere"


# Two starts at once, and a JupyterLab that runs


def test_a_second_start_waits_for_the_first_and_then_finds_the_work_done(front):
    stub = make_venv(front)
    output = front / "output.txt"
    with open(output, "w", encoding="utf-8") as file:
        with _lock.held(front / ".venv" / ".course-lock", waiting="(the test itself waits)"):
            second = begin(front, "echo", stdout=file)
            wait_for(lambda: "Another start is setting up" in output.read_text(encoding="utf-8"))
            assert calls(stub) == [] and second.poll() is None
        assert second.wait(timeout=60) == 0
    assert "TASK" in output.read_text(encoding="utf-8")


def test_two_starts_at_once_install_once(front):
    stub = make_venv(front, script="time.sleep(0.5)")
    both = [begin(front, "echo") for _ in range(2)]
    outputs = [process.communicate(timeout=60)[0] for process in both]
    assert all("TASK" in output for output in outputs), outputs
    assert len(installs(stub)) == 1


def test_the_lock_of_a_process_that_was_killed_is_free(tmp_path, capsys):
    lock = tmp_path / "lock"
    code = (
        f"import sys, time; sys.path.insert(0, {str(course.ROOT)!r}); from tools.environment import lock\n"
        f"with lock.held({str(lock)!r}, waiting=''): print('held', flush=True); time.sleep(60)"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "held\n"
    process.kill()
    process.communicate()
    with _lock.held(lock, waiting="waiting"):
        assert "waiting" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("plan", "running", "refused", "valid"),
    [
        (" + six==1.17.0", True, False, True),
        (" - six==1.16.0\n + six==1.17.0", True, True, True),
        (" - six==1.16.0\n + six==1.17.0", False, False, False),
        (" - course-utils==0.1.0 (from file:///x)\n + course-utils @ file:///x", True, False, True),
        (" ~ six==1.17.0", True, True, True),
    ],
)
def test_packages_are_not_replaced_under_a_jupyterlab_that_runs(monkeypatch, tmp_path, plan, running, refused, valid):
    stamp, status = tmp_path / "stamp", types.SimpleNamespace(returncode=int(running), stderr=b"")
    stamp.touch()
    monkeypatch.setattr(setup, "STAMP", stamp)
    monkeypatch.setattr(_env, "is_ready", lambda extras=(): True)
    monkeypatch.setattr(setup.subprocess, "run", lambda *words, **rest: status)
    if refused:
        with pytest.raises(causes.Failure, match="JupyterLab runs from this environment"):
            setup._before_change(plan)
    else:
        setup._before_change(plan)
    assert stamp.exists() == valid


def test_a_running_lab_is_told_from_another_program(tmp_path):
    """From an environment of the test's own, in which nothing else runs."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "venv")], check=True)
    python, env = (
        str(_env.python_of(tmp_path / "venv")),
        os.environ | {"PYTHONPATH": str(Path(psutil.__file__).parents[1])},
    )
    found = {}
    for name in ("other", "jupyterlab"):
        (tmp_path / f"{name}.py").write_text("print(flush=True); import time; time.sleep(30)", encoding="utf-8")
        process = subprocess.Popen([python, str(tmp_path / f"{name}.py")], stdout=subprocess.PIPE)
        process.stdout.readline()
        found[name] = subprocess.run([python, "-c", setup.RUNNING], env=env).returncode
        process.kill()
        process.communicate()
    assert found == {"other": 0, "jupyterlab": 1}
