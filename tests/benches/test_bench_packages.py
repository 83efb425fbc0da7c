"""The record of the lesson torchao: what was compiled is whole, and the bench writes such a record."""

import json

import pytest
import torch

from course_utils.measure import int8_audit
from lessons.torchao import show
from tools.benches import packages as bench

NEEDED = {"date", "versions", "cpu", "command", "threads", "batch", "eager", "packages", "layers"}
PACKAGES = ["int8 graph, freezing", "int8 graph, no freezing", "fp32, freezing", "fp32, no freezing"]


def test_the_records_of_the_course_are_whole():
    files = list(bench.FOLDER.glob("*.json"))
    assert files and bench.FOLDER == show.RECORDS
    for file in files:
        record = json.loads(file.read_text(encoding="utf-8"))
        assert set(record) >= NEEDED and record["command"] == bench.COMMAND
        assert list(record["packages"]) == PACKAGES
        for layer in ("fc1", "wide"):
            assert list(record["layers"][layer]) == [str(rows) for rows in bench.ROWS]


def test_the_record_says_what_the_lesson_says_of_it():
    """Only the frozen int8 package calls int8 kernels, one for each of four layers, and only it is clearly faster."""
    packages = show.Recorded().packages
    calls = {name: package["qconv"] + package["qlinear"] for name, package in packages.items()}
    assert calls == dict(zip(PACKAGES, (4, 0, 0, 0), strict=True))
    sizes = [packages[name]["bytes"] for name in PACKAGES]
    assert max(sizes[:2]) < 0.85 * min(sizes[2:]) and max(sizes[:2]) < 1.02 * min(sizes[:2])
    others = [packages[name]["times_faster"] for name in PACKAGES[1:]]
    assert packages[PACKAGES[0]]["times_faster"] > 1.2 * max(others)


def test_the_network_is_that_of_the_lesson_and_its_graph_describes_int8():
    torch.manual_seed(0)
    net = bench.network().eval()
    graph = bench.int8_graph(net, torch.rand(640, 1, 28, 28))
    rows = int8_audit.audit(graph).rows
    assert len(rows) == 4 and {row.weight_bits for row in rows} == {8}


def test_the_fastest_call_counts():
    calls = iter([0.0, 0.0, *[0.0] * 100])

    def slow():
        next(calls)
        return sum(range(20_000))

    found = bench.times_faster({"slow": slow, "fast": lambda: None}, rounds=5)
    assert list(found) == ["fast"] and found["fast"] > 10


def test_without_a_record_the_command_is_named(monkeypatch, tmp_path):
    monkeypatch.setattr(show, "RECORDS", tmp_path)
    with pytest.raises(FileNotFoundError, match="bench packages"):
        show.Recorded()
