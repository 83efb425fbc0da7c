"""The bench of 16 bits writes a record that the lesson amp can show, on any machine."""

import json

import pytest
import torch

from course_utils.measure import sixteen_bits
from tools.benches import sixteen_bits as bench

NEEDED = {"date", "versions", "cpu", "chip", "device", "type", "units", "command", "times_faster", "threads"}


def test_the_bench_writes_a_record_that_is_read_again(monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("COURSE_QUICK", "1")
    monkeypatch.setattr(sixteen_bits, "FOLDER", tmp_path)
    monkeypatch.setattr(sixteen_bits, "sizes", lambda device: {"large": (16, 8), "narrow, batch 16": (8, 16)})
    assert bench.main(["--rounds", "1"]) == 0
    (called, record), *more = sixteen_bits.records().items()
    assert not more and set(record) >= NEEDED and (tmp_path / f"{bench.slug(called)}.json").exists()
    assert list(record["times_faster"]) == ["product", "addition", "large", "narrow, batch 16"]
    assert all(low <= median <= high for of in record["times_faster"].values() for low, median, high in of.values())
    assert "times faster" in capsys.readouterr().out


def test_without_a_record_the_command_is_named(monkeypatch, tmp_path):
    monkeypatch.setattr(sixteen_bits, "FOLDER", tmp_path)
    with pytest.raises(FileNotFoundError, match="bench sixteen_bits"):
        sixteen_bits.records()


def test_the_records_of_the_course_are_whole_and_one_of_each_kind():
    found = sixteen_bits.records()
    kinds = sorted(sixteen_bits.kind(record) for record in found.values())
    assert kinds == ["AVX-512, no units", "AVX2, no units", "GPU", "with units"]
    for record in found.values():
        assert set(record) >= NEEDED and record["command"] == sixteen_bits.COMMAND
        assert list(record["times_faster"]) == ["product", "addition", *sixteen_bits.sizes(record["device"])]
        assert json.dumps(record, allow_nan=False)


def test_a_scaler_and_a_network_stored_in_16_bits_are_raced_where_a_table_shows_them(monkeypatch):
    monkeypatch.setenv("COURSE_QUICK", "1")
    sizes = {"large": (1024, 1), "narrow, batch 16": (8, 16)}
    monkeypatch.setattr(sixteen_bits, "sizes", lambda device: sizes)
    found = sixteen_bits.race("cpu")
    assert list(found["large"]) == ["autocast", "with scaler"]
    assert list(found["narrow, batch 16"]) == ["autocast", "stored"]


def test_a_step_trains():
    torch.manual_seed(0)
    step = sixteen_bits.training_step(8, 4, True, True, torch.device("cpu"))
    net = next(c.cell_contents for c in step.__closure__ if isinstance(c.cell_contents, torch.nn.Module))
    before = net[0].weight.detach().clone()
    step()
    assert not torch.equal(before, net[0].weight)
