"""A hostile answer costs its own row and earns nothing; what is beside it goes on."""

import io
import os
import pickle
import subprocess
import sys
import time
from dataclasses import replace

import psutil
import pytest
from _submissions import BATCH, HOSTILE, ONLY_CONTAINED, RIGHT, hostile

from tools.grading import judge, slice
from tools.publishing import lessons
from tools.sandbox import contained, walls

LIMITS = contained.Limits(call=3.0, seconds=8.0, memory=1 << 30)
ROOFLINE = lessons.select(["roofline"])[0]
NAME = "roof_seconds"
TOLD = {  # what must be seen of some; of the others only that they do not pass
    "loops": "timed out",
    "sleeps": "timed out",
    "exits at once": "crashed",
    "crashes": "crashed",
    "floods": "timed out",
    "sends a huge length": "crashed",
    "returns something huge": "crashed",
    "says it is not done": "not done",
    "drips slowly": "timed out",
    "calls back what is not there": "crashed",
    "returns nan": "not yet",
    "lies about equality": "not yet",
    "is a float": "not yet",
    "imports the checks": "not yet",
    "imports the engine": "not yet",
    "patches all comparisons": "not yet",
}


@pytest.fixture(scope="module")
def house():
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("A_TOKEN", "secret")
            with contained.House(LIMITS, way="many") as made:
                yield made
    except OSError as error:
        pytest.skip(f"not run: {error}")


@pytest.fixture(scope="module")
def plain():
    with contained.House(replace(LIMITS, seconds=40.0), way="once") as made:  # each start imports torch
        yield made


def judged(house, source, name=NAME):
    part = slice.needed(slice.Submission([("cell 1", source), ("cell 2", BATCH)]), name)
    return judge.judge(house, ROOFLINE, name, part)


@pytest.mark.slow
@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_answer_earns_nothing(house, name):
    row = judged(house, hostile(name))
    assert row.status == TOLD.get(name, row.status) and row.status not in ("passed", "check failed"), row
    server = house._server.pid
    assert judged(house, RIGHT).status == "passed" and house._server.pid == server, "the next one must not notice"


@pytest.mark.slow
@pytest.mark.parametrize("name", ["loops", "exits at once", "forges frames", "imports the checks", "is a float"])
def test_without_a_container_the_verdict_is_out_of_reach_all_the_same(plain, name):
    assert name not in ONLY_CONTAINED
    assert judged(plain, hostile(name)).status == TOLD.get(name, "crashed")


def test_a_right_answer_passes_and_a_wrong_one_gets_its_hint(house):
    wrong = RIGHT.replace("max(", "min(")
    assert judged(house, RIGHT).status == "passed" == judged(house, "", "break_even_batch").status
    row = judged(house, wrong)
    assert row.status == "not yet" and "slower one" in row.hint and ("your call" in dict(row.facts))
    assert row.code.startswith("def roof_seconds")


def test_what_an_answer_says_of_its_input_its_output_and_its_process_reaches_the_check(house):
    def said(body):
        return judged(house, f"def roof_seconds(n, m, b, each, peak, band):\n    {body}")

    assert said("print(3)").hint == "It printed something: return the value instead of printing it."
    assert "ZeroDivisionError: division by zero" in said("1 / 0").message
    assert "KeyError: 'x'" in said("{}['x']").message
    assert said("raise NotImplementedError").status == "not done"
    assert "raised NotImplementedError: no" in said("raise NotImplementedError('no')").message
    changes = "import torch; torch.set_num_threads(1); torch.set_default_dtype(torch.float64)\n    "
    row = said(f"{changes}return max(2 * b * n * m / peak, (n * m + b * (n + m)) * each / band)")
    assert row.status == "not yet" and "torch's default dtype" in row.message
    row = judged(house, "import random\ndef roof_seconds(*args):\n    return random.random() < 2 and nothing\n")
    assert "NameError" in row.message


def test_an_answer_has_few_variables_and_an_empty_folder(house):
    look = "' '.join(os.environ), os.listdir('.'), os.getcwd()"
    message = judged(house, f"import os\ndef roof_seconds(*a):\n    raise ValueError({look})").message
    assert "[], '/scratch'" in message
    assert not {"A_TOKEN", "PYTEST_CURRENT_TEST", "VIRTUAL_ENV", "USER"} & set(message.split("'")[1].split())


def test_an_answer_sees_no_file_but_those_it_may_read(house):
    looked = "[(root / n).exists() for n in ('lessons', 'notebooks', 'tests', '.git', 'data', 'course_utils')]"
    root = f"import pathlib\nroot = pathlib.Path({str(lessons.ROOT)!r})\n"
    source = f"{root}def roof_seconds(*a):\n    raise ValueError({looked})"
    assert "[False, False, False, False, True, True]" in judged(house, source).message
    write = f"import pathlib\ndef roof_seconds(*a):\n    pathlib.Path({str(lessons.ROOT / 'data' / 'x')!r}).touch()"
    assert "Read-only file system" in judged(house, write).message


def test_nothing_is_left_of_an_answer(house):
    name = f"left-{os.getpid()}"  # found by its name: whose child it is by then depends on how the others ended
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
    assert judged(house, fork + RIGHT.replace("return ", "return ONE * ")).status == "passed"
    assert not left()


def test_a_process_that_is_asked_after_its_end_says_that_it_is_gone(house):
    with house.process() as process:
        process.send(pickle.dumps({"pieces": [("cell", 1, "import os\nos._exit(3)")], "name": "f"}))
        for _ in range(2):
            with pytest.raises(contained.Gone):
                process.receive()
    assert process.fate == "crashed" and "exit status 3" in process.detail


def test_time_is_counted_also_where_every_answer_comes_at_once():
    told = (4).to_bytes(4, "big") + b"null"
    ended = []
    limits = contained.Limits(call=60.0, seconds=0.2)
    process = contained.Process(io.BytesIO(told * 20), io.BytesIO(), limits, list, lambda: ended.append(1), str)
    assert process.receive() is None
    time.sleep(0.25)  # so long it takes here to look at what came, say
    for call in (process.receive, lambda: process.send(b"x")):
        with pytest.raises(contained.Gone):
            call()
    assert process.fate == "timed out" and "0.2 seconds in all" in process.detail and ended


def test_a_server_that_was_killed_is_started_again(house):
    house._server.kill()
    house._server.wait()
    assert judged(house, RIGHT).status == "passed"


def test_it_is_said_what_is_not_contained(monkeypatch):
    monkeypatch.setattr(contained.House, "_serve", lambda self: False)
    monkeypatch.setattr(contained, "_bwrap_works", lambda: False)
    with contained.House() as house:
        assert house.way == "once" and "No container" in house.contained and "solutions" in house.contained


def test_a_slow_start_is_no_reason_to_do_without_a_container(monkeypatch):
    if sys.platform != "linux":
        pytest.skip("not run: there are no namespaces on this system")
    monkeypatch.setattr(contained, "START_SECONDS", 0.01)
    with pytest.raises(OSError, match="not ready within"), contained.House():
        pass


def test_bubblewrap_gets_what_may_be_read_and_nothing_else():
    command = walls.bwrap(walls.folders([], False), "/scratch")
    shown = command[command.index("--ro-bind") :]
    assert command[0].endswith("bwrap") and "--unshare-all" in command
    assert str(lessons.ROOT / "course_utils") in shown and str(lessons.ROOT / "lessons") not in shown
    assert str(lessons.ROOT) not in shown and str(lessons.ROOT / "lessons") in walls.folders([], True)
