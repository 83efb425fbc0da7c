"""The bench of the Lightning callbacks times each loop, and all of them train alike."""

import threading

import pytest
import torch
from _quantized_fits import (
    ENGINE,
    KNOWN,
    quiet,  # noqa: F401 - a fixture for every test
)

from tools.benches import lightning as bench

pytestmark = KNOWN


def test_the_bench_times_each_loop_and_ends_them(monkeypatch, capsys):
    monkeypatch.setenv("COURSE_QUICK", "1")
    rows, alone = bench.quantization_rows(rounds=1), threading.active_count()
    assert {row["observer"] for row in rows} == {"average", "histogram"} and len({row["loop"] for row in rows}) == 5
    assert all(row["median_ms"] > 0 for row in rows) and "bare loop, fake-quantized" in capsys.readouterr().out
    with pytest.raises(RuntimeError, match="the loop behind the gate has ended"):
        gate = bench.Gate(lambda gate: None)
        gate.thread.join()
        gate()
    assert threading.active_count() == alone


def test_the_bench_compares_the_same_training(tmp_path):
    # The bare loop and Lightning's take the same steps: after three of them the weights are the same.
    callback = bench.QuantizationAwareTraining(ENGINE, quantize_on_fit_end=False)
    byhand, fitted = bench.fake_quantized(callback), bench.Digits()
    for gate in (bench.Gate(bench.bare(byhand)), bench.Gate(bench.fitted(fitted, callback))):
        for _ in range(3):
            gate()
        gate.close()
    assert torch.equal(byhand.net.fc2.weight, fitted.net.fc2.weight)
