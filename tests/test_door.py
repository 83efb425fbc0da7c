"""The front door as a newcomer meets it: real starts of course.py in a copy of the repository's front.

The copy lies in a folder with a space and a letter beyond ASCII. No start here reaches the network: the
package index is a closed port of this machine, or pip is a stub inside the environment.
"""

import ast
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
import tomllib
from pathlib import Path
from types import SimpleNamespace

import pytest

import course
from tools import _lock, _pip, _setup

FRONT = ("course.py", "pyproject.toml", "constraints.txt",
         "tools/__init__.py", "tools/_pip.py", "tools/_setup.py", "tools/_lock.py")
CLOSED = "http://127.0.0.1:9"
ECHO = '''"""Print the arguments."""
import sys
def main(argv):
    print("TASK", argv, sys.prefix)
    return 0
'''

# A pip that writes down how it was called, runs the test's script and, when that did not end it, "installs".
STUB_PIP = '''
import json, os, pathlib, sys, time
here = pathlib.Path(__file__).parent
with open(here / "calls.jsonl", "a", encoding="utf-8") as file:
    file.write(json.dumps(sys.argv[1:]) + "\\n")
script = here / "script.py"
if script.exists():
    exec(script.read_text(encoding="utf-8"))
print("Installing collected packages: " + " ".join(sys.argv[1:]))
for word in sys.argv:
    name, pinned, version = word.partition("==")
    if pinned:
        folder = here.parent / f"{name}-{version}.dist-info"
        folder.mkdir(exist_ok=True)
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\\nName: {name}\\nVersion: {version}\\n")
'''
NO_NETWORK = """
print("NewConnectionError: Connection refused")
print("ERROR: Could not find a version that satisfies the requirement x (from versions: none)")
sys.exit(1)
"""
DISK_FULL = """
print("Installing collected packages: torch")
print("ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device")
sys.exit(1)
"""
SLEEP = """
(here / "pid").write_text(str(os.getpid()))
time.sleep(60)
"""


@pytest.fixture
def front(tmp_path):
    """A copy of what course.py needs, with two tasks that need nothing: echo, and needy (extra dev)."""
    root = tmp_path / "a b é"
    for name in FRONT:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(course.ROOT / name, root / name)
    (root / "tools" / "echo.py").write_text(ECHO, encoding="utf-8")
    (root / "tools" / "needy.py").write_text(ECHO + 'REQUIRES = ("dev",)\n', encoding="utf-8")
    return root


def environment():
    """No package index, no proxy that answers, no settings of this machine."""
    kept = {k: v for k, v in os.environ.items() if not k.upper().startswith(("PIP_", "NO_PROXY"))}
    return kept | {"PIP_INDEX_URL": CLOSED + "/simple", "PIP_CONFIG_FILE": os.devnull, "PIP_RETRIES": "0",
                   "PIP_NO_CACHE_DIR": "1", "HTTPS_PROXY": CLOSED, "PYTHONUTF8": "1"}


def start(root, *arguments, python=sys.executable, cwd=None):
    """Run course.py as a user does; output and errors come together."""
    return subprocess.run([str(python), str(root / "course.py"), *arguments], cwd=cwd, env=environment(),
                          text=True, encoding="utf-8", stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          timeout=120)


def make_venv(root, script=""):
    """An environment as an interrupted set-up leaves it: Python runs, pip is the stub, no stamp."""
    venv = root / ".venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(venv)], check=True)
    (venv / ".course-made.json").write_text(json.dumps({"root": str(root)}), encoding="utf-8")
    stub = next(venv.glob("[lL]ib*/**/site-packages")) / "pip"
    stub.mkdir()
    (stub / "__init__.py").write_text("__version__ = '26.0'\n", encoding="utf-8")
    (stub / "__main__.py").write_text(STUB_PIP, encoding="utf-8")
    (stub / "script.py").write_text(script, encoding="utf-8")
    return stub


def calls(stub):
    """The arguments of every call of the stub pip."""
    path = stub / "calls.jsonl"
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return [json.loads(line) for line in lines]


def venv_python(root):
    return root / ".venv" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


# Starts that need no set-up


def test_help_lists_every_task_from_any_folder_and_makes_nothing(front, tmp_path):
    done = start(front, "--help", cwd=tmp_path)
    assert done.returncode == 0
    assert "echo         Print the arguments." in done.stdout
    assert "_setup" not in done.stdout
    assert not (front / ".venv").exists()


def test_every_task_of_the_course_has_a_line_in_the_help():
    lines = {name: course.describe(path)[0] for name, path in course.tasks().items()}
    assert {"open", "doctor", "constraints"} <= set(lines)
    assert all(line.endswith((".", ")")) or len(line) > 20 for line in lines.values()), lines


def test_an_unknown_task_is_told_with_those_that_come_near(front):
    done = start(front, "ecko")
    assert done.returncode == 2
    assert "Did you mean echo?" in done.stdout
    assert not (front / ".venv").exists()


def test_course_py_alone_asks_for_the_rest(tmp_path):
    shutil.copy(course.ROOT / "course.py", tmp_path)
    done = start(tmp_path)
    assert done.returncode == 1
    assert "Download or clone the whole repository" in done.stdout


def test_here_uses_this_environment_and_makes_none(front):
    done = start(front, "--here", "echo", "--port", "1")
    assert done.returncode == 0, done.stdout
    assert f"TASK ['--port', '1'] {sys.prefix}" in done.stdout
    assert not (front / ".venv").exists()


def test_here_with_packages_missing_gives_the_line_that_installs_them_and_installs_nothing(front, tmp_path):
    bare = tmp_path / "bare"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(bare)], check=True)
    done = start(front, "--here", "needy", python=bare / venv_python(front).relative_to(front / ".venv"))
    assert done.returncode == 1
    assert "lacks course-utils, torch, torchvision" in done.stdout
    assert f'-m pip install -c "{front / "constraints.txt"}" -e "{front}[dev]"' in done.stdout
    assert "TASK" not in done.stdout and not (front / ".venv").exists()


# Set-up, with pip's part played by the stub


def test_a_set_up_installs_in_order_stamps_and_hands_over(front, tmp_path):
    stub = make_venv(front)
    done = start(front, "echo", "one", "--two", cwd=tmp_path)
    assert done.returncode == 0, done.stdout
    assert "TASK ['one', '--two']" in done.stdout and ".venv" in done.stdout
    assert [f"[{n}/4]" in done.stdout for n in (1, 2, 3, 4)] == [True] * 4
    torch, rest = calls(stub)
    pins = [line for line in project()["dependencies"] if line.startswith(("torch==", "torchvision=="))]
    assert torch[-2:] == pins and rest[-2:] == ["-e", "."]
    assert all("-c" in call and str(front / "constraints.txt") in call for call in (torch, rest))


def test_a_second_start_does_no_set_up_work_and_is_quick(front):
    stub = make_venv(front)
    start(front, "echo")
    before, began = calls(stub), time.monotonic()
    done = start(front, "echo")
    assert "TASK" in done.stdout and "[1/4]" not in done.stdout
    assert calls(stub) == before
    assert time.monotonic() - began < 5  # about 0.1 s alone on a machine; a loaded one is slower


def test_the_python_of_the_environment_may_be_used_directly(front):
    make_venv(front)
    done = start(front, "echo", python=venv_python(front))
    assert done.returncode == 0 and "Set-up done" in done.stdout and "TASK" in done.stdout
    assert "[1/4]" not in start(front, "echo", python=venv_python(front)).stdout


def test_extras_are_added_when_a_task_asks_and_are_kept_by_later_set_ups(front):
    stub = make_venv(front)
    start(front, "echo")
    start(front, "needy")
    assert calls(stub)[-1][-1] == ".[dev]"
    assert "[1/4]" not in start(front, "echo").stdout
    with open(front / "pyproject.toml", "a", encoding="utf-8") as file:
        file.write("\n# changed\n")
    done = start(front, "echo")
    assert "already there" in done.stdout and calls(stub)[-1][-1] == ".[dev]"


def test_without_network_an_extra_fails_but_the_base_environment_still_serves(front):
    stub = make_venv(front)
    start(front, "echo")
    (stub / "script.py").write_text(NO_NETWORK, encoding="utf-8")
    assert start(front, "needy").returncode == 1
    assert "TASK" in start(front, "echo").stdout


def test_an_environment_that_was_cut_off_while_it_changed_is_not_taken_for_a_good_one(front):
    stub = make_venv(front)
    start(front, "echo")
    (stub / "script.py").write_text(DISK_FULL, encoding="utf-8")
    assert start(front, "needy").returncode == 1
    (stub / "script.py").unlink()
    done = start(front, "echo")
    assert "[4/4]" in done.stdout and "TASK" in done.stdout
    assert calls(stub)[-1][-1] == ".[dev]"  # what was asked for before is made good too


def test_a_disk_that_fills_up_is_told_and_the_next_start_goes_on(front):
    stub = make_venv(front, script=DISK_FULL)
    done = start(front, "echo")
    assert done.returncode == 1 and "Traceback" not in done.stdout
    assert "the disk is full" in done.stdout and "What to do: Free some space" in done.stdout
    assert "setup.log" in done.stdout and not (front / ".venv" / ".course-stamp.json").exists()
    (stub / "script.py").unlink()
    assert "TASK" in start(front, "echo").stdout


def test_a_failure_without_a_known_cause_shows_the_last_lines(front):
    make_venv(front, script='print("something odd: 42"); sys.exit(3)')
    done = start(front, "echo")
    assert done.returncode == 1
    assert "something odd: 42" in done.stdout and "What to do" in done.stdout


@pytest.mark.skipif(os.name == "nt", reason="Windows cannot send Ctrl-C to one process")
def test_ctrl_c_ends_pip_too_and_the_next_start_goes_on(front):
    stub = make_venv(front, script=SLEEP)
    process = subprocess.Popen([sys.executable, str(front / "course.py"), "echo"], env=environment(),
                               text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    wait_for(lambda: (stub / "pid").exists() and (stub / "pid").read_text())
    process.send_signal(signal.SIGINT)
    output = process.communicate(timeout=20)[0]
    assert process.returncode == 130
    assert "Stopped. The next start goes on from here." in output and "Traceback" not in output
    with pytest.raises(ProcessLookupError):
        os.kill(int((stub / "pid").read_text()), 0)
    (stub / "script.py").unlink()
    assert "TASK" in start(front, "echo").stdout


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


@pytest.mark.parametrize("left", [[], [".course-lock"], [".course-lock", ".course-made.json", "bin"]])
def test_an_environment_cut_off_before_python_was_in_it_counts_as_ours(monkeypatch, tmp_path, left):
    venv = tmp_path / ".venv"
    venv.mkdir()
    for name in left:
        (venv / name).touch()
    monkeypatch.setattr(_setup, "VENV", venv)
    _setup._claim()
    assert {path.name for path in venv.iterdir()} == set(left)


@pytest.mark.slow
def test_a_moved_folder_gets_a_new_environment(front):
    make_venv(front)
    assert "TASK" in start(front, "echo").stdout
    moved = front.with_name("moved")
    front.rename(moved)
    done = start(moved, "echo")
    assert "this folder was moved: making it anew" in done.stdout
    assert course.read_json(moved / ".venv" / ".course-made.json")["root"] == str(moved)
    assert not list(moved.glob(".venv/**/calls.jsonl"))


def test_an_environment_of_somebody_else_is_left_alone(front):
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(front / ".venv")], check=True)
    before = sorted(front.glob(".venv/**"))
    done = start(front, "echo")
    assert done.returncode == 1
    assert "was not made by this course" in done.stdout and "--here" in done.stdout
    assert sorted(front.glob(".venv/**")) == before


# Two starts at once


def test_a_second_start_waits_for_the_first_and_then_finds_the_work_done(front):
    stub = make_venv(front)
    output = front / "output.txt"
    with open(output, "w", encoding="utf-8") as file:
        with _lock.held(front / ".venv" / ".course-lock", waiting="(the test itself waits)"):
            second = subprocess.Popen([sys.executable, str(front / "course.py"), "echo"], env=environment(),
                                      stdout=file, stderr=subprocess.STDOUT)
            wait_for(lambda: "Another start is setting up" in output.read_text(encoding="utf-8"))
            assert calls(stub) == [] and second.poll() is None
        assert second.wait(timeout=60) == 0
    assert "TASK" in output.read_text(encoding="utf-8")


def test_two_starts_at_once_install_once(front):
    stub = make_venv(front, script="time.sleep(0.5)")
    both = [subprocess.Popen([sys.executable, str(front / "course.py"), "echo"], env=environment(), text=True,
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT) for _ in range(2)]
    outputs = [process.communicate(timeout=60)[0] for process in both]
    assert all("TASK" in output for output in outputs), outputs
    assert len(calls(stub)) == 2  # PyTorch, then the rest: by one of the two


def test_the_lock_of_a_process_that_was_killed_is_free(tmp_path, capsys):
    lock = tmp_path / "lock"
    code = (f"import sys, time; sys.path.insert(0, {str(course.ROOT)!r}); from tools import _lock\n"
            f"with _lock.held({str(lock)!r}, waiting=''): print('held', flush=True); time.sleep(60)")
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "held\n"
    process.kill()
    process.communicate()
    with _lock.held(lock, waiting="waiting"):
        assert "waiting" not in capsys.readouterr().out


# The wrong Python, the wrong machine


def test_course_py_parses_on_python_3_8_and_needs_the_standard_library_alone():
    tree = ast.parse((course.ROOT / "course.py").read_text(encoding="utf-8"), feature_version=(3, 8))
    imported = {alias.name for node in tree.body if isinstance(node, ast.Import) for alias in node.names}
    assert {name.partition(".")[0] for name in imported} <= sys.stdlib_module_names
    assert "tomllib" not in imported  # new in 3.11: only where the version is known to fit


def test_a_wrong_python_with_no_other_to_be_found_says_what_to_install(front):
    text = (front / "pyproject.toml").read_text(encoding="utf-8")
    (front / "pyproject.toml").write_text(text.replace(">=3.11,<3.15", ">=3.97,<3.99"), encoding="utf-8")
    done = start(front, "echo")
    assert done.returncode == 1
    assert "the course needs 3.97 to 3.98" in done.stdout and "Install Python 3.98 from" in done.stdout
    assert not (front / ".venv").exists()


def test_a_wrong_python_goes_on_with_one_that_fits(monkeypatch, capsys):
    handed = []
    monkeypatch.setattr(course.shutil, "which", lambda name: sys.executable if name == "python3" else None)
    monkeypatch.setattr(course, "venv_python", lambda: Path("there is none"))
    monkeypatch.setattr(course, "python_fault", lambda: "This is Python 3.8.18.")
    monkeypatch.setattr(course, "hand_over", lambda command: handed.append(command) or 0)
    assert course.main(["run", "01"]) == 0
    assert handed == [[sys.executable, course.DOOR, "run", "01"]]
    assert "This is Python 3.8.18. Going on with" in capsys.readouterr().out


def test_a_python_that_is_found_but_does_not_start_is_passed_over(monkeypatch, tmp_path):
    monkeypatch.setattr(course, "venv_python", lambda: Path("there is none"))
    monkeypatch.setattr(course.shutil, "which", lambda name: str(tmp_path / "not there") if "." in name
                        else sys.executable if name == "python" else None)
    assert course.find_python() == [sys.executable]


@pytest.mark.parametrize(("version", "name", "maxsize", "expected"), [
    ((3, 8), "cpython", 2**63 - 1, "the course needs 3.11 to 3.14"),
    ((3, 15), "cpython", 2**63 - 1, "the course needs 3.11 to 3.14"),
    ((3, 11), "pypy", 2**63 - 1, "PyTorch needs CPython"),
    ((3, 11), "cpython", 2**31 - 1, "32-bit"),
    ((3, 14), "cpython", 2**63 - 1, None),
])
def test_what_is_said_of_each_python(monkeypatch, version, name, maxsize, expected):
    implementation = SimpleNamespace(name=name)
    monkeypatch.setattr(course, "sys", SimpleNamespace(version_info=(*version, 1), maxsize=maxsize,
                                                       implementation=implementation))
    fault = course.python_fault()
    assert fault is None if expected is None else expected in fault


def test_the_range_of_pythons_is_that_of_pyproject():
    low, high = course.python_range()
    assert project()["requires-python"] == f">=3.{low},<3.{high + 1}"


@pytest.mark.parametrize(("system", "machine", "tag", "expected"), [
    ("darwin", "x86_64", "macosx-11.0-universal2", "no builds for Intel Macs"),
    ("win32", "ARM64", "win-arm64", "no builds for Windows on ARM"),
    ("darwin", "arm64", "macosx-11.0-arm64", None),
    ("win32", "AMD64", "win-amd64", None),
    ("linux", "aarch64", "linux-aarch64", None),
])
def test_a_machine_without_pytorch_builds_is_told_first(monkeypatch, system, machine, tag, expected):
    monkeypatch.setattr(course.sys, "platform", system)
    monkeypatch.setattr(course.platform, "machine", lambda: machine)
    monkeypatch.setattr(course.sysconfig, "get_platform", lambda: tag)
    fault = course.platform_fault()
    assert fault is None if expected is None else expected in fault


def test_a_debian_without_venv_is_told_the_package(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(course, "venv_python", lambda: tmp_path / "none")
    monkeypatch.setattr(course.importlib.util, "find_spec",
                        lambda name: None if name == "ensurepip" else object())
    monkeypatch.setattr(_setup, "prepare", lambda extras: pytest.fail("the set-up was begun"))
    assert course.set_up(()) == 1
    assert f"sudo apt install python3.{sys.version_info[1]}-venv" in capsys.readouterr().out


# What pip says, and what the reader is told


@pytest.mark.parametrize(("said", "kind"), [
    ("ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device", "disk"),
    ("OSError: [WinError 112] There is not enough space on the disk", "disk"),
    ("ERROR: Could not install packages due to an OSError: [Errno 13] Permission denied: 'x'", "permission"),
    ("[WinError 32] The process cannot access the file: it is being used by another process", "in use"),
    ("ProxyError('Cannot connect to proxy.', OSError('Tunnel connection failed: 407 Proxy Authentication "
     "Required'))\nERROR: No matching distribution found for torch", "proxy"),
    ("SSLError(SSLCertVerificationError(1, '[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: "
     "self-signed certificate in chain'))\nERROR: No matching distribution found for torch", "tls"),
    ("NewConnectionError('<...>: Failed to establish a new connection: [Errno -3] Temporary failure in name "
     "resolution')\nERROR: No matching distribution found for torch", "network"),
    ("pip._vendor.urllib3.exceptions.ReadTimeoutError: HTTPSConnectionPool(...): Read timed out.", "network"),
    ("ERROR: Could not find a version that satisfies the requirement torch==2.14.1 (from versions: 2.2.0, "
     "2.2.2)\nERROR: No matching distribution found for torch==2.14.1", "platform"),
    ("ERROR: Could not find a version that satisfies the requirement torch==2.14.1 (from versions: none)\n"
     "ERROR: No matching distribution found for torch==2.14.1", "missing"),
    ("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE.", "hashes"),
    ("error: subprocess-exited-with-error", "other"),
])
def test_pips_words_are_turned_into_cause_and_remedy(said, kind):
    failure = _pip.explain(said, "Installing PyTorch")
    assert failure.kind == kind
    assert failure.cause.startswith("Installing PyTorch failed") and len(failure.remedy) > 20


def test_a_cause_that_pip_keeps_to_itself_is_found_in_its_details(tmp_path):
    log, details = tmp_path / "setup.log", tmp_path / "details.log"
    details.write_text("an older run: No space left on device\n", encoding="utf-8")
    code = (f"open({str(details)!r}, 'a').write('Could not fetch URL: connection error: NewConnectionError')\n"
            "print('ERROR: No matching distribution found for torch'); raise SystemExit(1)")
    with pytest.raises(_pip.Failure, match="cannot be reached"):
        _pip.run([sys.executable, "-c", code], doing="Test", log=log, details=details)
    assert "No matching distribution found" in log.read_text(encoding="utf-8")


def test_progress_is_visible_without_a_terminal(capsys):
    shown = progress(io.StringIO(), [
        "Collecting torch==2.14.1\n", "  Downloading torch-2.14.1-cp311-x.whl (191.5 MB)\n",
        "Progress 1 of 4\n", "Installing collected packages: a, b, c, d, e, f\n"])
    assert "downloading torch-2.14.1 (191.5 MB)" in shown
    assert "installing 6 packages, which can take minutes" in shown
    assert "looking up" not in shown  # small steps would be hundreds of lines


def test_progress_in_a_terminal_is_one_line_with_a_percentage():
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    shown = progress(Terminal(), ["  Downloading torch-2.14.1-cp311-x.whl (191.5 MB)\n", "Progress 3 of 4\n"])
    assert "downloading torch-2.14.1 (191.5 MB) 75%" in shown
    assert "\n" not in shown and shown.endswith("\r")


def progress(stream, lines):
    display = _pip.Progress(stream)
    for line in lines:
        display.read(line)
    display.close()
    return stream.getvalue()


# The CPU build, the disk


@pytest.fixture
def pip_calls(monkeypatch):
    """The calls of pip that step 3 would make on a Linux without an NVIDIA driver."""
    made = []
    monkeypatch.setattr(_setup, "_run", lambda facts, *arguments, **rest: made.append(arguments))
    monkeypatch.setattr(_setup, "_need", lambda what: None)
    monkeypatch.setattr(_setup, "_wants_cpu_build", lambda: True)
    monkeypatch.setattr(_setup, "_reachable", lambda url: True)
    return made


NOTHING = {"packages": {"torch": None, "torchvision": None}}


def test_the_cpu_build_comes_from_its_own_index_without_dependencies(pip_calls):
    _setup._install_torch(NOTHING)
    assert len(pip_calls) == 1
    assert {"--no-deps", "--index-url", _setup.CPU_INDEX} <= set(pip_calls[0])


def test_an_unreachable_cpu_index_is_told_and_the_default_one_serves(pip_calls, monkeypatch, capsys):
    monkeypatch.setattr(_setup, "_reachable", lambda url: False)
    _setup._install_torch(NOTHING)
    assert len(pip_calls) == 1 and "--index-url" not in pip_calls[0]
    assert "cannot be reached" in capsys.readouterr().out


def test_a_cpu_index_that_fails_is_told_and_the_default_one_serves(pip_calls, monkeypatch, capsys):
    def fail_first(facts, *arguments, **rest):
        pip_calls.append(arguments)
        if len(pip_calls) == 1:
            raise _pip.Failure("broke off.", "again", "network")

    monkeypatch.setattr(_setup, "_run", fail_first)
    _setup._install_torch(NOTHING)
    assert len(pip_calls) == 2 and "--index-url" not in pip_calls[1]
    assert "broke off." in capsys.readouterr().out


def test_a_full_disk_does_not_lead_to_the_larger_download(pip_calls, monkeypatch):
    def full(facts, *arguments, **rest):
        pip_calls.append(arguments)
        raise _pip.Failure("the disk is full.", "free some", "disk")

    monkeypatch.setattr(_setup, "_run", full)
    with pytest.raises(_pip.Failure, match="disk is full"):
        _setup._install_torch(NOTHING)
    assert len(pip_calls) == 1


def test_an_index_that_never_answers_costs_seconds(monkeypatch):
    released, ended = threading.Event(), threading.Event()

    def silent(*args, **kwargs):
        released.wait(30)
        ended.set()
        raise OSError("the connection was closed")

    monkeypatch.setattr(_setup, "PROBE_S", 0.2)
    monkeypatch.setattr(_setup.urllib.request, "urlopen", silent)
    began = time.monotonic()
    assert not _setup._reachable("https://example.org/")
    assert time.monotonic() - began < 3
    released.set()
    assert ended.wait(5)  # a thread that outlives its test fails another one


def test_too_little_disk_is_told_before_the_download_with_both_figures(monkeypatch):
    monkeypatch.setattr(_setup.shutil, "disk_usage", lambda path: SimpleNamespace(free=2.5e9))
    _setup._need("cpu")
    with pytest.raises(_pip.Failure, match=r"2\.5 GB free; this step needs about \d") as caught:
        _setup._need("cuda")
    assert caught.value.kind == "disk" and "Free " in caught.value.remedy


def test_the_pins_of_step_3_are_those_of_pyproject():
    lines = [f"{name}=={version}" for name, version in _setup._pins().items()]
    assert len(lines) == 2 and set(lines) <= set(project()["dependencies"])


def test_a_package_removed_by_hand_is_named(front):
    (front / "tools" / "lame.py").write_text('"""Lame."""\nimport not_there\n', encoding="utf-8")
    make_venv(front)
    done = start(front, "lame")
    assert done.returncode == 1 and "Traceback" not in done.stdout
    assert "'not_there' is missing" in done.stdout and "delete the folder" in done.stdout


def project():
    return tomllib.loads((course.ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def wait_for(condition, seconds=20):
    """Wait until `condition` holds; fail after `seconds`."""
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.05)
