"""The ledger keeps one row a key, survives a damaged file, and writes nothing in a quick run."""

import json

import pytest

from course_utils import ledger

ROW = {"lesson": "01", "task": "mnist", "model": "LeNet", "technique": "fp32"}


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_LEDGER", str(tmp_path / "own"))
    monkeypatch.delenv("COURSE_QUICK", raising=False)
    monkeypatch.setattr(ledger, "SHIPPED", tmp_path / "shipped")
    return tmp_path / "own"


def test_a_row_comes_back():
    row = ledger.record(**ROW, accuracy=0.981, file_bytes=244_000)
    assert ledger.rows() == [row]
    assert "98.10 %" in repr(ledger.table()) and "244 kB" in repr(ledger.table())


def test_measuring_again_replaces_the_row():
    ledger.record(**ROW, accuracy=0.5)
    ledger.record(**{**ROW, "technique": "int8"}, accuracy=0.6)
    ledger.record(**ROW, accuracy=0.7)
    assert [(r.technique, r.accuracy) for r in ledger.rows()] == [("fp32", 0.7), ("int8", 0.6)]


def test_the_same_rows_give_the_same_file(folder):
    ledger.record(**ROW)
    ledger.record(**{**ROW, "model": "A"})
    first = (folder / "01.json").read_bytes()
    (folder / "01.json").unlink()
    ledger.record(**{**ROW, "model": "A"})
    ledger.record(**ROW)
    assert (folder / "01.json").read_bytes() == first
    assert [p.name for p in folder.iterdir()] == ["01.json"]


def test_own_rows_stand_before_shipped_ones(tmp_path):
    shipped = tmp_path / "shipped"
    shipped.mkdir()
    (shipped / "01.json").write_text(json.dumps([{**ROW, "accuracy": 0.1}, {**ROW, "model": "B"}]), encoding="utf-8")
    ledger.record(**ROW, accuracy=0.9)
    assert {(r.model, r.accuracy) for r in ledger.rows()} == {("LeNet", 0.9), ("B", None)}


@pytest.mark.parametrize("text", ["", "[", '[{"lesson": "01"}]', '[{"unknown": 1}]', '{"a": 1}'])
def test_a_damaged_file_is_said_and_written_anew(folder, text, capsys):
    folder.mkdir()
    (folder / "01.json").write_text(text, encoding="utf-8")
    row = ledger.record(**ROW)
    assert "01.json cannot be read" in capsys.readouterr().out
    assert ledger.rows() == [row]


def test_a_quick_run_writes_nothing(folder, monkeypatch):
    monkeypatch.setenv("COURSE_QUICK", "1")
    assert ledger.record(**ROW, accuracy=0.1).accuracy == 0.1
    assert not folder.exists()


@pytest.mark.parametrize(("values", "message"), [
    ({"accuracy": 98.1}, "accuracy must be finite and from 0 to 1, got 98.1"),
    ({"accuracy": float("nan")}, "accuracy"), ({"file_bytes": -1}, "file_bytes"),
    ({"energy_nj": float("inf")}, "energy_nj"), ({"speedup": "2×"}, "must be a number"),
    ({"lesson": "1"}, "two digits")])
def test_bad_values_are_named(values, message, folder):
    with pytest.raises(ValueError, match=message):
        ledger.record(**{**ROW, **values})
    assert not folder.exists()


def test_an_unknown_field_is_refused():
    with pytest.raises(TypeError, match="acuracy"):
        ledger.record(**ROW, acuracy=0.9)
