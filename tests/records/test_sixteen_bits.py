"""16 bits against fp32: what is raced, and the records that the lesson `amp` shows."""

import pytest
import torch

from lessons.amp import sixteen_bits


def test_one_record_of_each_kind_came_with_the_course(monkeypatch, tmp_path):
    kinds = sorted(sixteen_bits.kind(record) for record in sixteen_bits.records().values())
    assert kinds == ["AVX-512, no units", "AVX2, no units", "GPU", "with units"]
    monkeypatch.setattr(sixteen_bits, "FOLDER", tmp_path)
    with pytest.raises(FileNotFoundError, match="bench sixteen_bits"):
        sixteen_bits.records()


def test_a_scaler_and_a_network_stored_in_16_bits_are_raced_where_a_table_shows_them(monkeypatch):
    monkeypatch.setenv("COURSE_QUICK", "1")
    monkeypatch.setattr(sixteen_bits, "sizes", lambda device: {"large": (1024, 1), "narrow, batch 16": (8, 16)})
    found = sixteen_bits.race("cpu")
    assert list(found["large"]) == ["autocast", "with scaler"]
    assert list(found["narrow, batch 16"]) == ["autocast", "stored"]
    assert all(low <= median <= high for of_kind in found.values() for low, median, high in of_kind.values())


def test_a_step_trains():
    torch.manual_seed(0)
    step = sixteen_bits.training_step(8, 4, True, True, torch.device("cpu"))
    net = next(c.cell_contents for c in step.__closure__ if isinstance(c.cell_contents, torch.nn.Module))
    before = net[0].weight.detach().clone()
    step()
    assert not torch.equal(before, net[0].weight)
