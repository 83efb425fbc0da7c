"""The sweep on a real Dask cluster of two worker processes, one of which is killed half-way."""

import os
import signal
import threading
import time

import pytest
from distributed import Client, LocalCluster

from course_utils import lottery


@pytest.mark.cluster
# What a cluster leaves behind when a worker is killed; which of them comes differs by system.
@pytest.mark.filterwarnings(
    "ignore:Port .* is already in use",
    "ignore:There is no current event loop",
    "ignore:unclosed (event loop|transport|socket|cluster)",
    "ignore:Exception ignored in. <function .*__del__",
)
@pytest.mark.slow
def test_a_killed_worker_changes_nothing(tmp_path):
    experiment = lottery.Experiment(densities=(0.5, 0.2), iterations=20, held_out=500, validate_every=10)
    expected = lottery.sweep(experiment, (0, 1), executor=lottery.InProcess(), progress=False)
    file = tmp_path / "sweep.jsonl"
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as cluster,
        Client(cluster) as client,
    ):
        first, other = client.run(os.getpid).values()
        assert first != other != os.getpid()
        killer = threading.Thread(target=_kill_after_two, args=(file, first))
        killer.start()
        got = lottery.sweep(experiment, (0, 1), executor=client.get_executor(), file=file, progress=False)
        killer.join()
        assert first not in client.run(os.getpid).values()  # it is gone, and another took its place
    strip = [
        [{k: v for k, v in record.items() if k not in ("seconds", "provenance")} for record in results.records]
        for results in (got, expected)
    ]
    assert strip[0] == strip[1]


def _kill_after_two(file, pid):
    """Kill a worker when two results have been written."""
    while not file.exists() or file.read_bytes().count(b"\n") < 3:
        time.sleep(0.02)
    os.kill(pid, getattr(signal, "SIGKILL", signal.SIGTERM))
