"""A hostile answer costs its own row and earns nothing; what is beside it goes on."""

import os
import subprocess
import sys
import time
from dataclasses import replace

import psutil
import pytest
from _submissions import HOSTILE, ONLY_CONTAINED, OTHER, RIGHT, WRONG, hostile

from tools.grading import judge, slice
from tools.publishing import lessons
from tools.sandbox import contained, walls

LIMITS = contained.Limits(call=4.0, seconds=20.0, memory=1 << 29)  # each start imports torch
LESSON = lessons.select(["weight_only"])[0]
NAME = "read_group"
AROUND = next(filter(walls.ready, ("bubblewrap", "docker", "podman")), "")
behind_walls = pytest.mark.skipif(not AROUND, reason="not run: there are no walls on this machine")
TOLD = {  # what must be seen of some; of the others only that they do not pass
    "loops": "timed out",
    "sleeps": "timed out",
    "exits at once": "crashed",
    "crashes": "crashed",
    "sends a huge length": "crashed",
    "returns something huge": "crashed",
    "says it is not done": "not done",
    "drips slowly": "timed out",
    "calls back what is not there": "crashed",
    "returns nan": "not yet",
    "lies about equality": "not yet",
    "is a float": "not yet",
    "imports the checks": "not yet",
    "patches all comparisons": "not yet",
}


def judged(source, name=NAME, around=AROUND, limits=LIMITS):
    part = slice.needed(slice.Submission([("cell 1", source), ("cell 2", OTHER)]), name)
    return judge.judge(LESSON, name, part, walls=around, limits=limits)


@pytest.mark.slow
@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_answer_earns_nothing(name):
    if name in ONLY_CONTAINED and not AROUND:
        pytest.skip("not run: without walls it would harm this machine")
    row = judged(hostile(name))
    assert row.status == TOLD.get(name, row.status) and row.status not in ("passed", "check failed"), row


@pytest.mark.slow
@pytest.mark.parametrize("name", ["loops", "forges frames", "imports the checks"])
def test_without_walls_the_verdict_is_out_of_reach_all_the_same(name):
    assert judged(hostile(name), around="").status == TOLD.get(name, "crashed")


@pytest.mark.parametrize("around", sorted({"", AROUND}))
def test_a_right_answer_passes_and_a_wrong_one_gets_its_hint(around):
    assert judged(RIGHT, around=around).status == "passed"
    row = judged(WRONG, around=around)
    assert row.status == "not yet" and "step comes first" in row.hint and "your call" in dict(row.facts)
    assert "def read_group" in row.code


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        ("print(3)", "not yet", "It printed something; what is asked for must stand behind `return`."),
        ("1 / 0", "not yet", "ZeroDivisionError: division by zero"),
        ("raise NotImplementedError", "not done", ""),
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


def test_an_answer_has_few_variables_and_an_empty_folder(monkeypatch):
    monkeypatch.setenv("A_TOKEN", "secret")
    look = "' '.join(os.environ), os.listdir('.'), os.getcwd()"
    message = judged(f"import os\ndef read_group(*a):\n    raise ValueError({look})").message
    assert "[], '" in message and str(lessons.ROOT) not in message
    assert not {"A_TOKEN", "PYTEST_CURRENT_TEST", "VIRTUAL_ENV", "USER"} & set(message.split("'")[1].split())


@behind_walls
def test_an_answer_sees_no_file_but_those_it_may_read():
    root = "import course_utils, pathlib\nroot = pathlib.Path(course_utils.__file__).parent.parent\n"
    looked = "[(root / n).exists() for n in ('lessons', 'notebooks', 'tests', '.git', 'data', 'course_utils')]"
    row = judged(f"{root}def read_group(*a):\n    raise ValueError({looked})")
    assert "[False, False, False, False, True, True]" in row.message
    assert "Read-only" in judged(f"{root}def read_group(*a):\n    (root / 'data' / 'x').touch()").message


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
        ("while True: told()", {"seconds": 1.0}, "1 seconds in all"),
        ("time.sleep(60)", {"call": 0.5}, "did not answer within 0.5 seconds"),
        ("[subprocess.Popen([sys.executable, '-c', 'input()']) for _ in range(4)]", {"processes": 3}, "too many"),
        ("held = bytearray(b'x') * (1 << 27); time.sleep(60)", {"memory": 1 << 25}, "too much memory"),
    ],
)
def test_every_limit_ends_it(code, limits, said):
    head = "import os, subprocess, sys, time\ntold = lambda: os.write(1, b'\\0\\0\\0\\4null')\n"
    command = [sys.executable, "-c", f"{head}{code}\ntime.sleep(60)"]
    popen = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True)
    began = time.monotonic()
    with popen, pytest.raises(contained.Gone):
        process = contained.Process(popen, replace(contained.Limits(call=30.0), **limits))
        while True:
            assert process.receive() is None
    assert said in process.detail and time.monotonic() - began < 25 and popen.returncode is not None


def test_docker_builds_its_image_once_and_shows_what_may_be_read_and_nothing_else(monkeypatch):
    ran = []
    monkeypatch.setattr(walls, "_works", lambda command: command[:2] == ["docker", "info"])
    monkeypatch.setattr(
        subprocess, "run", lambda command, **_: ran.append(command) or subprocess.CompletedProcess([], 0)
    )
    assert walls.best() == "docker" and ran[0][:2] == ["docker", "build"]
    assert contained._command("docker", "x", None, LIMITS, False)[0][:2] == ["docker", "run"]
    command = walls.container("docker", "x", walls.of_the_course(False), LIMITS)
    shown = [word.partition("target=")[2] for word in command if word.startswith("--mount")]
    assert "/course/course_utils,readonly" in shown and not any("/course/lessons" in place for place in shown)
    assert ["--network", "none"] == command[command.index("--network") :][:2] and "--read-only" in command
    assert any("/course/lessons" in word for word in walls.container("docker", "x", walls.of_the_course(True), LIMITS))
