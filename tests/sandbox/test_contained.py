"""A hostile answer costs its own row; this machine, and what is beside the answer, stay as they are."""

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import replace

import psutil
import pytest
from _submissions import HOSTILE, ONLY_CONTAINED, RIGHT, WRONG, hostile

from course_utils.files import ROOT
from tools.environment.curriculum import select
from tools.grading import judge, slice
from tools.sandbox import contained, walls

LIMITS = contained.Limits(seconds=8.0, memory=1 << 29)
LESSON = select(["weight_only"])[0]
NAME = "read_group"
AROUND = next(filter(walls.ready, ("bubblewrap", "docker", "podman")), "")
behind_walls = pytest.mark.skipif(not AROUND, reason="not run: there are no walls on this machine")
TOLD = {  # what must be seen of some; of the others only that they do not pass
    "loops": "timed out",
    "sleeps": "timed out",
    "exits at once": "crashed",
    "kills itself": "crashed",
    "crashes": "crashed",
    "forks": "crashed",
    "forges a verdict": "not yet",
    "writes into all that is open": "crashed",
    "closes what is open": "crashed",
}


def judged(source, around=AROUND, limits=LIMITS):
    part = slice.needed(slice.Submission([("cell 1", source)]), NAME)
    return judge.judge(LESSON, NAME, part, walls=around, limits=limits)


@pytest.mark.slow
@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_answer_costs_its_own_row(name):
    if name in ONLY_CONTAINED and not AROUND:
        pytest.skip("not run: without walls it would harm this machine")
    row = judged(hostile(name), limits=replace(LIMITS, seconds=2.0) if TOLD.get(name) == "timed out" else LIMITS)
    assert row.status == TOLD.get(name, row.status) and row.status not in ("passed", "check failed"), row
    assert ("wrote into the file" in row.message) == (name == "writes into all that is open")
    json.dumps(row.facts).encode("utf-8")


@pytest.mark.slow
@pytest.mark.skipif(not AROUND, reason="without walls it would harm this machine")
def test_an_answer_that_deletes_what_it_can_is_told_so_however_much_time_it_has():
    row = judged(hostile("deletes files"), limits=replace(LIMITS, seconds=90))
    assert row.status == "not yet" and "deletes files that are not its own" in row.message, row


@pytest.mark.slow
@behind_walls  # else the first test ran them so
@pytest.mark.parametrize("name", ["exits at once", "forges a verdict"])
def test_without_walls_too(name):
    assert judged(hostile(name), around="").status == TOLD[name]


PATCHES = """\
import sys
from course_utils.checks import core

for module in list(sys.modules.values()):
    for word in ("same", "judge", "exercise", "verdict", "seen"):
        if str(getattr(module, "__name__", "")).startswith("course_utils") and hasattr(module, word):
            setattr(module, word, lambda *given, **named: True)
def read_group(group):
    return core, sys
"""


@behind_walls
def test_who_patches_the_checks_patches_those_of_its_own_row():
    assert judged(PATCHES).status != "check failed"
    assert judged(WRONG).status == "not yet" and judged(RIGHT).status == "passed"


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        ("print(group)", "not yet", "It printed something; what is asked for must stand behind `return`."),
        ("1 / 0", "not yet", "ZeroDivisionError: division by zero"),
        ("raise NotImplementedError", "not done yet", ""),
        (
            "import torch; torch.set_default_dtype(torch.float64)\n"
            "    step, least = group[:4].view(torch.float16).float()\n"
            "    return torch.cat([group[4:] & 15, group[4:] >> 4]) * step + least",
            "not yet",
            "torch's default dtype",
        ),
    ],
)
def test_what_an_answer_raises_prints_and_changes_reaches_the_check(body, status, said):
    row = judged(f"def read_group(group):\n    {body}")
    assert row.status == status and said in f"{row.message} {row.hint}"


def test_what_a_cell_replaces_is_put_back_before_the_check_runs():
    cells = "import torch\ntorch.equal = torch.allclose = lambda *a, **k: True\n"
    assert judged(cells + WRONG).status == "not yet" and judged(cells + RIGHT).status == "passed"


def test_an_answer_has_few_variables_and_an_empty_folder(monkeypatch):
    monkeypatch.setenv("A_TOKEN", "secret")
    look = "' '.join(os.environ), [file for *_, files in os.walk('.') for file in files], os.getcwd()"
    message = judged(f"import os\ndef read_group(*a):\n    raise ValueError({look})").message
    assert "[], '" in message and str(ROOT) not in message
    assert not {"A_TOKEN", "PYTEST_CURRENT_TEST", "VIRTUAL_ENV", "USER"} & set(message.split("'")[1].split())


LOOKS = """\
import course_utils, pathlib, socket
root = pathlib.Path(course_utils.__file__).parent.parent
def tried(what):
    try:
        what()
        return "can"
    except OSError:
        return "cannot"
def read_group(*args):
    places = [root / ".git", root / "notebooks", pathlib.Path(FOLDER), root / "data", root / "lessons"]
    shown = [place.exists() for place in places]
    write = tried((root / "data" / "written").touch)
    raise ValueError(shown, write, tried(lambda: socket.create_connection(("127.0.0.1", PORT), 2)))
"""


@behind_walls
def test_an_answer_reaches_no_file_beside_it_and_no_network(tmp_path):
    (tmp_path / "another.py").write_text(RIGHT, encoding="utf-8")
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        socket.create_connection(("127.0.0.1", port), 2).close()  # as one does who may
        row = judged(LOOKS.replace("FOLDER", repr(str(tmp_path))).replace("PORT", str(port)))
    assert "[False, False, False, True, True], 'cannot', 'cannot'" in row.message


@behind_walls
@pytest.mark.skipif(sys.platform != "linux", reason="a process is found by the name that Linux lets it take")
def test_nothing_is_left_of_an_answer():
    name = f"left-{os.getpid()}"
    stay = f"ctypes.CDLL(None).prctl(15, {name.encode()!r}); print(flush=True); time.sleep(60)\n"
    fork = (
        f"import ctypes, os, time\ndef fork():\n    if not os.fork():\n        os.setsid(); {stay}"
        "    time.sleep(0.3)\n    return 1\nONE = fork()\n"
    )

    def left():
        return [process.pid for process in psutil.process_iter(["name"]) if process.info["name"] == name]

    with subprocess.Popen([sys.executable, "-c", f"import ctypes, time; {stay}"], stdout=subprocess.PIPE) as control:
        control.stdout.readline()
        found = left()
        control.kill()
    assert found == [control.pid], "the process is not found where nothing contains it"
    assert judged(fork + RIGHT.replace("return ", "return ONE * ")).status == "passed"
    until = time.monotonic() + 20  # the system takes it away once its walls are gone
    while left() and time.monotonic() < until:
        time.sleep(0.1)
    assert not left()


@pytest.mark.parametrize(
    ("code", "limits", "said"),
    [
        ("", {"seconds": 1.0}, "more than 1 seconds"),
        ("while True: os.write(1, b'x' * 65536)", {}, "wrote into the file"),
        ("[subprocess.Popen([sys.executable, '-c', 'input()']) for _ in range(4)]", {"processes": 3}, "too many"),
        ("held = bytearray(b'x') * (1 << 27)", {"memory": 1 << 25}, "too much memory"),
    ],
)
def test_every_limit_ends_it(code, limits, said):
    code = f"import os, subprocess, sys, time\nos.write(1, b'.')\n{code}\ntime.sleep(60)"
    began = time.monotonic()
    with tempfile.TemporaryFile() as result:
        popen = subprocess.Popen(
            [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=result, start_new_session=True
        )
        ended = contained.watched(popen, b"", replace(contained.Limits(), **limits), result)
        contained.kill(popen)
    assert said in ended.detail and time.monotonic() - began < 50


def test_docker_builds_its_image_once_and_shows_what_may_be_read_and_nothing_else(monkeypatch):
    ran = []
    monkeypatch.setattr(walls, "_works", lambda command: command[:2] == ["docker", "info"])
    monkeypatch.setattr(
        subprocess, "run", lambda command, **_: ran.append(command) or subprocess.CompletedProcess([], 0)
    )
    assert walls.best() == "docker" and ran[0][:2] == ["docker", "build"]
    assert contained._command("docker", "x", None, LIMITS)[0][:2] == ["docker", "run"]
    command = walls.container("docker", "x", LIMITS)
    shown = [word.partition("target=")[2] for word in command if word.startswith("--mount")]
    places = ("course_utils", "lessons", "data", "records", "tools/sandbox/inside.py")
    assert shown == [f"/course/{place},readonly" for place in places]
    assert ["--network", "none"] == command[command.index("--network") :][:2] and "--read-only" in command
