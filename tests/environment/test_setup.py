"""Making the environment: with a uv that is played, what is asked of it; and what a reader is told when it fails."""

import os
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from types import SimpleNamespace

import pytest
from _front import DISK_FULL, NO_NETWORK, TICK, begin, calls, make_front, play, played, start

from tools.environment import causes, env, setup

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


def test_extras_are_added_when_a_task_asks_and_stay_when_the_course_changes(front):
    start(front, "choosy")
    assert "Adding what this task needs" in start(front, "choosy", "--peers")[1]
    assert "--extra=deploy" in calls(front)[-1] and "-e" not in calls(front)[-1]
    start(front, "needy")
    with (front / "pyproject.toml").open("a", encoding="utf-8") as file:
        file.write("\n# changed\n")
    assert "up to date" in start(front, "echo")[1]
    assert {"--extra=deploy", "--extra=dev", "-e"} <= set(calls(front)[-1])
    assert sum(words[0] == "venv" for words in calls(front)) == 1


def test_a_moved_folder_keeps_its_environment_and_one_that_does_not_run_is_made_anew(front):
    start(front, "echo")
    moved = front.rename(front.with_name("moved"))
    assert "TASK" in start(moved, "echo")[1] and calls(moved)[-1][-3:-1] == ["-e", str(moved)]
    assert sum(words[0] == "venv" for words in calls(moved)) == 1
    env.python_of(moved / ".venv").unlink()
    assert "TASK" in start(moved, "echo")[1] and sum(words[0] == "venv" for words in calls(moved)) == 2


# When it fails


def test_without_network_an_extra_fails_but_the_base_environment_still_serves(front):
    start(front, "echo")
    play(front, NO_NETWORK)
    status, said = start(front, "needy")
    assert status == 1 and "cannot be reached. Check the connection" in said
    assert "TASK" in start(front, "echo")[1]


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


# What uv does not do


@pytest.fixture
def asked(monkeypatch, tmp_path):
    """What is run, with the build of PyTorch, while pip and uv are played; `fails` is the build that cannot be had."""
    made = SimpleNamespace(fails=None, plan=" + torch==2", pip="", runs=[])

    def run(words, env=None, **rest):
        if words[-2:] == ["config", "list"]:
            return SimpleNamespace(stdout=made.pip)
        backend = (env or {}).get("UV_TORCH_BACKEND")
        made.runs.append((words, backend))
        return SimpleNamespace(returncode=int(backend is not None and backend == made.fails), stdout=made.plan)

    monkeypatch.setattr(setup.subprocess, "run", run)
    monkeypatch.setattr(setup, "SUPPORT", tmp_path)
    for name in [name for name in os.environ if name.startswith(("UV_", "SSL_CERT", "ALL_PROXY"))]:
        monkeypatch.delenv(name)
    return made


def test_uv_is_fetched_by_pip_in_the_pinned_version_and_once(asked, tmp_path):
    assert setup._fetch_uv() == str(tmp_path / "bin" / "uv")
    assert asked.runs[0][0][-2:] == [str(tmp_path), f"uv=={env.pinned('uv')}"]


def test_pips_settings_hold_for_uv_too_behind_uvs_own(asked, monkeypatch):
    assert {name for name in setup.uv_settings() if name.startswith("UV_")} <= {"UV_SYSTEM_CERTS"}
    asked.pip = (
        "global.index-url='https://a.example/simple'\n:env:.cert='/c.pem'\nglobal.cert='/not-this.pem'\n"
        "global.extra-index-url='\\nhttps://b.example/s\\nhttps://c.example/s'\nglobal.find-links='/w /v'\n"
        "global.timeout='60'\n"
    )
    settings = setup.uv_settings()
    assert settings["UV_DEFAULT_INDEX"] == "https://a.example/simple" and settings["UV_FIND_LINKS"] == "/w,/v"
    assert settings["UV_INDEX"] == "https://b.example/s https://c.example/s" and settings["SSL_CERT_FILE"] == "/c.pem"
    assert settings["UV_INDEX_STRATEGY"] == "unsafe-best-match"
    monkeypatch.setenv("UV_DEFAULT_INDEX", "https://mine.example/simple")
    assert setup.uv_settings()["UV_DEFAULT_INDEX"] == "https://mine.example/simple"


@pytest.mark.parametrize(
    ("given", "there", "fails", "builds"),
    [
        ({}, "", None, ["auto", "auto"]),
        ({}, "", "auto", ["auto", None]),  # its index does not serve
        ({}, f"{env.pinned('torch')}+cpu", None, [None]),  # stays, and its index is not asked
    ],
)
def test_uv_chooses_the_build_of_pytorch_unless_it_is_there_or_chosen(asked, tmp_path, given, there, fails, builds):
    if there:
        record = tmp_path / "lib" / "python3.1" / "site-packages" / f"torch-{there}.dist-info"
        record.mkdir(parents=True)
        (record / "INSTALLER").touch()
    asked.fails = fails
    setup.install(["uv"], tmp_path, ["torch"], given)
    assert [build for _, build in asked.runs] == builds


@pytest.mark.parametrize(("plan", "needed"), [(" + torch==2.14.1+cpu", 2), (" + nvidia-cublas==13", 7)])
def test_too_little_disk_is_told_before_the_download(asked, monkeypatch, tmp_path, plan, needed):
    asked.plan = plan
    monkeypatch.setattr(setup.shutil, "disk_usage", lambda path: SimpleNamespace(free=needed * 1e9))
    setup.install(["uv"], tmp_path, ["torch"], {})
    monkeypatch.setattr(setup.shutil, "disk_usage", lambda path: SimpleNamespace(free=0.5e9))
    with pytest.raises(causes.Failure, match=rf"0\.5 GB free; the set-up needs about {needed} GB. Free"):
        setup.install(["uv"], tmp_path, ["torch"], {})


def test_a_package_whose_installation_was_cut_off_is_installed_again(tmp_path):
    """With the real uv, and a package of one file."""
    pytest.importorskip("uv")
    wheel, info = tmp_path / "one_file-1-py3-none-any.whl", "one_file-1.dist-info"
    with zipfile.ZipFile(wheel, "w") as file:
        file.writestr("one_file.py", "")
        file.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: one-file\nVersion: 1\n")
        file.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: x\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        file.writestr(f"{info}/RECORD", f"one_file.py,,\n{info}/METADATA,,\n{info}/WHEEL,,\n{info}/RECORD,,\n")
    uv, venv = [sys.executable, "-m", "uv", "--offline", "--quiet"], tmp_path / "venv"
    subprocess.run([*uv, "venv", str(venv), "--python", sys.executable], check=True)
    settings = {**os.environ, "UV_TORCH_BACKEND": "cpu"}
    setup.install(uv, venv, [str(wheel)], settings)
    module = setup.packages(venv) / "one_file.py"
    module.unlink()
    (setup.packages(venv) / info / "INSTALLER").unlink()
    setup.install(uv, venv, [str(wheel)], settings)
    assert module.exists()
