"""The ledger keeps one row a key under one head, survives a damaged file, and writes nothing in a quick run."""

import getpass
import json
import platform
import re
from pathlib import Path

import pytest

from course_utils import runtime
from course_utils.scorecard import ledger

ROW = {"lesson": "energy", "task": "mnist", "model": "LeNet", "technique": "fp32"}
HEAD = {
    "date": "2026-02-03",
    "versions": {"torch": "2.14.1"},
    "cpu": "a processor",
    "architecture": "x86_64",
    "flags": ["avx2"],
    "system": "Linux",
    "threads": 1,
}


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_LEDGER", str(tmp_path / "own"))
    monkeypatch.delenv("COURSE_QUICK", raising=False)
    monkeypatch.setattr(ledger, "SHIPPED", tmp_path / "shipped")
    monkeypatch.setattr(ledger, "_recorded_here", set())
    (tmp_path / "shipped").mkdir()
    return tmp_path / "own"


@pytest.fixture(autouse=True)
def head(request, monkeypatch):
    """What the head of a file says; a test may change it. The test of the real head takes the real one."""
    head = dict(HEAD)
    if "real_head" not in request.fixturenames:
        monkeypatch.setattr(runtime, "provenance", lambda: dict(head))
    return head


@pytest.fixture
def real_head():
    """Asks for the head of this machine."""


def ship(tmp_path, lesson, *rows):
    """Put rows into the file that came with the course."""
    text = json.dumps({"provenance": HEAD, "rows": [{**ROW, "lesson": lesson, **row} for row in rows]})
    (tmp_path / "shipped" / f"{lesson}.json").write_text(text, encoding="utf-8")


def test_a_row_comes_back():
    row = ledger.record(**ROW, accuracy=0.981, file_bytes=244_000)
    assert ledger.rows() == [row]
    assert "98.10 %" in repr(ledger.table()) and "244 kB" in repr(ledger.table())


def test_measuring_again_replaces_the_row():
    ledger.record(**ROW, accuracy=0.5)
    ledger.record(**{**ROW, "technique": "int8"}, accuracy=0.6)
    ledger.record(**ROW, accuracy=0.7)
    assert [(r.technique, r.accuracy) for r in ledger.rows()] == [("fp32", 0.7), ("int8", 0.6)]


def test_the_head_of_this_machine_names_no_user_and_no_folder(folder, real_head):
    ledger.record(**ROW)
    head = json.loads((folder / "energy.json").read_text(encoding="utf-8"))["provenance"]
    assert set(head) == set(HEAD)
    texts = [text.lower() for text in re.findall(r'"([^"]*)"', json.dumps(head))]
    assert not [text for text in texts if "/" in text or "\\" in text]
    assert not {getpass.getuser().lower(), platform.node().lower()} & {word for text in texts for word in text.split()}
    assert str(Path.home()) not in json.dumps(head)


def test_in_a_strict_run_other_lessons_are_read_as_they_were_shipped(tmp_path, folder, monkeypatch):
    ship(tmp_path, "dynamic", {"model": "LSTM", "accuracy": 0.5})
    ledger.record(**ROW, accuracy=0.9)
    ledger.record(**{**ROW, "lesson": "dynamic", "model": "LSTM"}, accuracy=0.6)
    ledger._recorded_here.clear()  # another lesson, in a kernel of its own
    static = ledger.record(**{**ROW, "lesson": "static"}, accuracy=0.7)
    assert [row.accuracy for row in ledger.rows()] == [0.6, 0.7]  # a learner sees what they measured
    monkeypatch.setenv("COURSE_STRICT", "1")
    assert [(row.lesson, row.accuracy) for row in ledger.rows()] == [("dynamic", 0.5), ("static", static.accuracy)]


WITHOUT_HEAD = json.dumps([ROW])


@pytest.mark.parametrize("text", ["", WITHOUT_HEAD, '[{"unknown": 1}]'])
def test_a_damaged_file_is_said_and_written_anew(folder, text, capsys):
    folder.mkdir()
    (folder / "energy.json").write_text(text, encoding="utf-8")
    row = ledger.record(**ROW)
    assert "energy.json cannot be read" in capsys.readouterr().out
    assert ledger.rows() == [row]


def test_a_quick_run_writes_nothing(folder, monkeypatch):
    monkeypatch.setenv("COURSE_QUICK", "1")
    assert ledger.record(**ROW, accuracy=0.1).accuracy == 0.1
    assert not folder.exists()


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"accuracy": 98.1}, "accuracy must be finite and from 0 to 1, got 98.1"),
        ({"file_bytes": -1}, "file_bytes"),
        ({"energy_nj": float("inf")}, "energy_nj"),
        ({"speedup": "2×"}, "must be a number"),
        ({"lesson": "1"}, "lesson must be one of measuring, "),
    ],
)
def test_bad_values_are_named(values, message, folder):
    with pytest.raises(ValueError, match=message):
        ledger.record(**{**ROW, **values})
    assert not folder.exists()


def test_no_two_lessons_ship_a_row_of_one_key():
    lessons = {}
    for path in (runtime.ROOT / "records" / "ledger").glob("*.json"):
        for row in ledger._read(path)[1]:
            lessons.setdefault(row.key, []).append(path.stem)
    assert lessons and {key: names for key, names in lessons.items() if len(names) > 1} == {}
