"""The wrong Python, the wrong machine: what is said, and which other Python serves."""

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from _front import make_front, start

import course
from tools.environment import env, python, setup


@pytest.fixture
def front(tmp_path):
    """A copy of the course that needs a Python which nobody has."""
    root = make_front(tmp_path)
    text = (root / "pyproject.toml").read_text(encoding="utf-8")
    (root / "pyproject.toml").write_text(text.replace(">=3.11,<3.15", ">=3.97,<3.99"), encoding="utf-8")
    return root


def test_a_wrong_python_with_no_other_to_be_found_says_what_to_install_and_what_uv_can_fetch(front):
    done = start(front, "echo", "--loud")
    assert done.returncode == 1
    assert "the course needs 3.97 to 3.98" in done.stdout and "Install Python 3.98 from" in done.stdout
    assert (
        f"let uv fetch Python 3.98 for your account alone: {course.command('--yes', 'echo', '--loud')}" in done.stdout
    )
    assert not (front / ".venv").exists() and not (front / ".venv-uv").exists()


@pytest.mark.slow
def test_yes_agrees_and_a_python_that_cannot_be_fetched_is_told(front):
    done = start(front, "--yes", "echo", PATH=str(front))
    assert done.returncode == 1 and "Traceback" not in done.stdout
    assert "Fetching Python 3.98." in done.stdout and "could not be fetched: " in done.stdout, done.stdout


def test_a_wrong_python_goes_on_with_one_that_fits(monkeypatch, capsys):
    handed = []
    monkeypatch.setattr(python.shutil, "which", lambda name: sys.executable if name == "python3" else None)
    monkeypatch.setattr(env, "venv_python", lambda: Path("there is none"))
    monkeypatch.setattr(python, "fault", lambda: "This is Python 3.8.18.")
    monkeypatch.setattr(course, "hand_over", lambda command: handed.append(command) or 0)
    assert course.main(["run", "01"]) == 0
    assert handed == [[sys.executable, course.DOOR, "run", "01"]]
    assert "This is Python 3.8.18. Going on with" in capsys.readouterr().out


@pytest.mark.parametrize(("answer", "fetched"), [("y", True), ("Yes", True), ("", False), ("n", False)])
def test_in_a_terminal_the_reader_is_asked_before_anything_is_fetched(monkeypatch, answer, fetched):
    monkeypatch.setattr(python, "_fetch", lambda version: ["/fetched/python"])
    monkeypatch.setattr(python.sys, "stdin", SimpleNamespace(isatty=lambda: True))
    monkeypatch.setattr(python.sys, "stdout", SimpleNamespace(isatty=lambda: True, write=print, flush=print))
    monkeypatch.setattr("builtins.input", lambda question: answer)
    monkeypatch.setattr(python, "say", lambda text: None)
    assert python.offer([], agreed=False) == (["/fetched/python"] if fetched else None)


def test_a_python_that_uv_fetched_is_gone_on_with(monkeypatch):
    asked = []

    def run(words, **rest):
        asked.append(words[1:])
        return SimpleNamespace(stdout=sys.executable + "\n", returncode=0)

    monkeypatch.setattr(python.shutil, "which", lambda name: "/usr/bin/uv" if name == "uv" else None)
    monkeypatch.setattr(python.subprocess, "run", run)
    high = f"3.{python.allowed()[1]}"
    assert python.offer([], agreed=True) == [sys.executable]
    assert asked[:2] == [["python", "install", high], ["python", "find", "--managed-python", high]]


def test_what_uv_says_is_passed_on_when_it_cannot_fetch(monkeypatch, capsys):
    def fail(version):
        raise subprocess.CalledProcessError(2, ["uv"], stderr="error: Failed to download\n  cause: dns error\n")

    monkeypatch.setattr(python, "_fetch", fail)
    assert python.offer([], agreed=True) is None
    assert "could not be fetched: cause: dns error" in capsys.readouterr().out


def test_a_python_that_is_found_but_does_not_start_is_passed_over(monkeypatch, tmp_path):
    monkeypatch.setattr(env, "venv_python", lambda: Path("there is none"))
    broken = str(tmp_path / "not there")
    names = {"python": sys.executable}
    monkeypatch.setattr(python.shutil, "which", lambda name: broken if "." in name else names.get(name))
    assert python.find() == [sys.executable]


@pytest.mark.parametrize(
    ("version", "name", "maxsize", "expected"),
    [
        ((3, 8), "cpython", 2**63 - 1, "the course needs 3.11 to 3.14"),
        ((3, 15), "cpython", 2**63 - 1, "the course needs 3.11 to 3.14"),
        ((3, 11), "pypy", 2**63 - 1, "PyTorch needs CPython"),
        ((3, 11), "cpython", 2**31 - 1, "32-bit"),
        ((3, 14), "cpython", 2**63 - 1, None),
    ],
)
def test_what_is_said_of_each_python(monkeypatch, version, name, maxsize, expected):
    implementation = SimpleNamespace(name=name)
    fake = SimpleNamespace(version_info=(*version, 0), maxsize=maxsize, implementation=implementation)
    monkeypatch.setattr(python, "sys", fake)
    fault = python.fault()
    assert fault is None if expected is None else expected in fault


def test_a_python_that_was_compiled_without_liblzma_cannot_serve(monkeypatch, tmp_path):
    assert python.fault() is None and python.fits([sys.executable])
    (tmp_path / "lzma.py").write_text("raise ImportError('No module named _lzma')", encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    assert not python.fits([sys.executable])
    monkeypatch.setitem(sys.modules, "lzma", None)
    assert "compiled without liblzma" in python.fault()


def test_the_range_of_pythons_is_that_of_pyproject():
    low, high = python.allowed()
    assert env.project()["requires-python"] == f">=3.{low},<3.{high + 1}"


def test_the_pin_of_uv_is_that_of_pyproject():
    assert python.uv_pin() in env.requirements(["setup"])


@pytest.mark.parametrize(
    ("system", "machine", "tag", "macos", "expected"),
    [
        ("darwin", "x86_64", "macosx-11.0-universal2", "14.1", "no builds for Intel Macs"),
        ("darwin", "arm64", "macosx-11.0-arm64", "13.6.1", "This is macOS 13; PyTorch's builds need macOS 14"),
        ("darwin", "arm64", "macosx-11.0-arm64", "14.0", None),
        ("darwin", "arm64", "macosx-11.0-arm64", "26.1", None),
        ("darwin", "arm64", "macosx-11.0-arm64", "10.16", None),
        ("win32", "ARM64", "win-arm64", "", "no builds for Windows on ARM"),
        ("win32", "AMD64", "win-amd64", "", None),
        ("linux", "aarch64", "linux-aarch64", "", None),
    ],
)
def test_a_machine_without_pytorch_builds_is_told_first(monkeypatch, system, machine, tag, macos, expected):
    monkeypatch.setattr(python.sys, "platform", system)
    monkeypatch.setattr(python.platform, "machine", lambda: machine)
    monkeypatch.setattr(python.platform, "mac_ver", lambda: (macos, ("", "", ""), machine))
    monkeypatch.setattr(python.sysconfig, "get_platform", lambda: tag)
    fault = python.platform_fault()
    assert fault is None if expected is None else expected in fault


def test_a_debian_without_venv_is_told_the_package(monkeypatch, tmp_path, capsys):
    lacking = {"ensurepip": None}
    monkeypatch.setattr(env, "venv_python", lambda: tmp_path / "none")
    monkeypatch.setattr(python.importlib.util, "find_spec", lambda name: lacking.get(name, object()))
    monkeypatch.setattr(setup, "prepare", lambda extras, task: pytest.fail("the set-up was begun"))
    assert course.set_up("open", ()) == 1
    assert f"sudo apt install python3.{sys.version_info[1]}-venv" in capsys.readouterr().out
