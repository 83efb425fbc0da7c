"""Where the time of an int8 CNN goes: in its kernels, or between them."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import torch
from torch.profiler import ProfilerActivity, profile

from course_utils import legacy_int8
from course_utils.int8_routes.networks import Network
from course_utils.int8_routes.torch_eager import int8_eager, int8_traced
from course_utils.runtime import threads
from course_utils.show.tables import Table

KERNELS = "quantized::"  # the operators that compute; the others look up scales and make empty tensors


@dataclass(frozen=True)
class Profile:
    """One int8 network, eager and traced, side by side.

    Attributes:
        model, engine: what ran, on which int8 engine.
        total_ms: milliseconds a call while the profiler runs; by "eager" and "traced".
        kernel_ms: those of them in int8 operators.
        operators: operators a call.
        modules: modules a call of the eager network, each a Python call.
    """

    model: str
    engine: str
    total_ms: dict[str, float]
    kernel_ms: dict[str, float]
    operators: dict[str, int]
    modules: int

    def as_dict(self) -> dict[str, object]:
        """Plain values, for a record."""
        return asdict(self)

    def table(self) -> Table:
        """One line a way to run it, with the time that is not spent in kernels."""

        def line(how: str) -> list[object]:
            between = self.total_ms[how] - self.kernel_ms[how]
            return [
                f"int8, {how}",
                f"{self.total_ms[how]:.3g}",
                f"{self.kernel_ms[how]:.3g}",
                f"{between:.2g}",
                f"{between / self.total_ms[how]:.0%}",
                self.operators[how],
                self.modules if how == "eager" else 0,
            ]

        return Table(
            [
                self.model,
                "total, ms",
                "in int8 kernels, ms",
                "between them, ms",
                "share",
                "operators",
                "modules called",
            ],
            [line(how) for how in self.total_ms],
        )


def profile_int8(network: Network, *, calls: int = 5, rounds: int = 5) -> Profile:
    """Profile the older int8 of a network, eager and traced, in turn on one thread.

    Args:
        network: a CNN of `networks.NETWORKS`.
        calls: calls a profile.
        rounds: profiles of each way; the median counts.
    """
    with TemporaryDirectory() as folder, torch.no_grad(), threads(1):
        runs = {}
        for how, build in (("eager", int8_eager), ("traced", int8_traced)):
            (Path(folder) / how).mkdir()
            runs[how] = build(network, Path(folder) / how).run
            runs[how](), runs[how]()  # TorchScript optimizes during the first two
        seen = {how: [] for how in runs}
        for _ in range(rounds):
            for how, run in runs.items():
                seen[how].append(_profiled(run, calls))
        modules = _modules_called(runs["eager"])
    return Profile(
        network.name,
        legacy_int8.best(),
        {how: median(total for total, _, _ in seen[how]) for how in runs},
        {how: median(kernels for _, kernels, _ in seen[how]) for how in runs},
        {how: seen[how][0][2] for how in runs},
        modules,
    )


def _profiled(run: Callable[[], object], calls: int) -> tuple[float, float, int]:
    """(milliseconds, those in kernels, operators) of one call, from a profile of several.

    Both times are from the same calls, so that another program slows both down.
    """
    with profile(activities=[ProfilerActivity.CPU]) as trace:
        start = time.perf_counter()
        for _ in range(calls):
            run()
        total = time.perf_counter() - start
    events = trace.key_averages()
    kernels = sum(event.self_cpu_time_total for event in events if event.key.startswith(KERNELS))
    return 1e3 * total / calls, kernels / 1e3 / calls, sum(event.count for event in events) // calls


def _modules_called(run: Callable[[], object]) -> int:
    count = 0

    def one_more(*_: object) -> None:
        nonlocal count
        count += 1

    handle = torch.nn.modules.module.register_module_forward_pre_hook(one_more)
    try:
        run()
    finally:
        handle.remove()
    return count
