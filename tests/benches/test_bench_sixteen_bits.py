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
    (chip, record), *more = sixteen_bits.records().items()
    assert not more and set(record) >= NEEDED and (tmp_path / f"{bench.slug(chip)}.json").exists()
    assert list(record["times_faster"]) == ["product", "addition", "large", "narrow, batch 16"]
    assert all(low <= median <= high for of in record["times_faster"].values() for low, median, high in of.values())
    assert "times faster" in capsys.readouterr().out


def test_without_a_record_the_command_is_named(monkeypatch, tmp_path):
    monkeypatch.setattr(sixteen_bits, "FOLDER", tmp_path)
    with pytest.raises(FileNotFoundError, match="bench sixteen_bits"):
        sixteen_bits.records()


def test_the_records_of_the_course_are_whole_and_of_both_kinds():
    found = sixteen_bits.records()
    assert {record["units"] for record in found.values()} == {True, False}
    for record in found.values():
        assert set(record) >= NEEDED and record["command"] == sixteen_bits.COMMAND
        assert list(record["times_faster"]) == ["product", "addition", *sixteen_bits.sizes(record["device"])]
        assert json.dumps(record, allow_nan=False)


@pytest.mark.parametrize(("seconds", "calls"), [(1.0, 4), (0.001, 28)])
def test_what_takes_long_is_called_few_times(monkeypatch, seconds, calls):
    """Without 16-bit units a step takes seconds; a learner should not wait for minutes."""
    made = []
    monkeypatch.setattr(sixteen_bits, "_seconds", lambda fn: fn() or seconds)
    found = sixteen_bits._compare({"fp32": lambda: None, "16 bits": lambda: made.append(0)}, 7, torch.device("cpu"))
    assert len(made) == calls if seconds > sixteen_bits.LONG_S else len(made) >= calls
    assert found.ratio("16 bits") > 0


def test_a_step_trains():
    torch.manual_seed(0)
    step = sixteen_bits.training_step(8, 4, True, True, torch.device("cpu"))
    net = next(c.cell_contents for c in step.__closure__ if isinstance(c.cell_contents, torch.nn.Module))
    before = net[0].weight.detach().clone()
    step()
    assert not torch.equal(before, net[0].weight)
