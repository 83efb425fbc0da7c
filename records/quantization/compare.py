"""The headline table of quantization: three networks, each in every route to int8, measured side by side.

A network is built once, each route turns it into a callable and a file, and all callables of a network are
timed in turn. `in_torch` and `other_runtimes` hold the routes; the lesson `choosing` shows what came out.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import sys
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn
from tqdm import tqdm

from course_utils import timing
from course_utils.int8_routes import record
from course_utils.int8_routes.networks import Network
from course_utils.int8_routes.record import EAGER, Row, explain
from course_utils.sizes import size_report
from course_utils.tables import Table, si


@dataclass(frozen=True)
class Candidate:
    """One route, ready to be timed.

    Attributes:
        run: answers the network's example; a tensor of the shape that the fp32 network gives.
        file_bytes: of the file, which was saved and loaded again.
    """

    run: Callable[[], Tensor]
    file_bytes: int


@dataclass(frozen=True)
class Route:
    """A way to run a network.

    Attributes:
        runtime: "torch", "ONNX Runtime" or "OpenVINO".
        variant: its row in the table; those of fp32 begin with "fp32".
        build: (network, folder for files) -> Candidate; it may raise.
    """

    runtime: str
    variant: str
    build: Callable[[Network, Path], Candidate]


_weighed: WeakKeyDictionary[nn.Module, int] = WeakKeyDictionary()


def file_bytes(model: nn.Module) -> int:
    """Bytes of the saved state, after it was loaded again and found equal; each model is weighed once."""
    if model not in _weighed:
        _weighed[model] = size_report(model).file_bytes
    return _weighed[model]


def cosine(a: Tensor, b: Tensor) -> float:
    """Cosine of the angle between two tensors of one shape, any, each taken as one long vector, in float64."""
    return torch.cosine_similarity(a.flatten().double(), b.flatten().double(), dim=0).item()


def control_cosine(network: Network) -> float:
    """Cosine of the fp32 outputs for two different inputs: what a row must clearly exceed to mean anything."""
    return cosine(network.model(network.example), network.model(network.calibration[:1]))


def measure(network: Network, routes: Iterable[Route], *, rounds: int = 11) -> list[Row]:
    """Build every route of a network, time all of them in turn on one thread, and compare their outputs.

    Args:
        network: from one of `networks.NETWORKS`.
        routes: the first must be torch's eager fp32, the common baseline.
        rounds: samples a route.
    Returns:
        One row a route, in the order given. A route that raises gives a row with `why`; the first must not. So does a
        route too noisy to judge whose best time is behind another of its runtime and kind: no comparison rests on it.
    Raises:
        ValueError: the first route is another one.
        timing.Unsteady: speed is judged, and the times of a route that may be the fastest of its kind are too noisy.
    """
    routes = list(routes)
    if not routes or (routes[0].runtime, routes[0].variant) != ("torch", EAGER):
        raise ValueError(f"the first route must be torch's {EAGER!r}: the others are compared with it")
    with tempfile.TemporaryDirectory() as folder, torch.no_grad():
        built, faults = _build(network, routes, Path(folder))
        runs = {_name(*key): candidate.run for key, candidate in built.items()}
        times, unsteady = _timed(runs, {_name(*key): key for key in built}, rounds)
        for route in routes:
            if (own := _name(route.runtime, route.variant)) in unsteady:
                del built[route.runtime, route.variant]
                faults[route.runtime, route.variant] = unsteady[own]
        expected = network.model(network.example)
        rows = [
            _row(network.name, route, built, times, expected)
            if (route.runtime, route.variant) in built
            else Row(network.name, route.runtime, route.variant, why=faults[route.runtime, route.variant])
            for route in routes
        ]
        del runs, built  # a runtime may hold its file open, and Windows deletes no open file
        _give_back()
    return rows


def _give_back() -> None:
    """Hand freed memory back to the system: Linux's C library would keep a gigabyte after a large model."""
    gc.collect()
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):  # another C library has no such function
            ctypes.CDLL("libc.so.6").malloc_trim(0)


def _build(network: Network, routes: list[Route], folder: Path) -> tuple[dict, dict]:
    built, faults = {}, {}
    for i, route in enumerate(tqdm(routes, desc=f"{network.name}: build", file=sys.stdout, leave=False)):
        (folder / str(i)).mkdir()
        try:
            built[route.runtime, route.variant] = route.build(network, folder / str(i))
        except Exception as error:  # packages raise what they like; the other rows must still be measured
            if i == 0:
                raise
            faults[route.runtime, route.variant] = explain(error)
        _give_back()
    return built, faults


def _timed(
    runs: dict[str, Callable[[], Tensor]], keys: dict[str, tuple[str, str]], rounds: int
) -> tuple[timing.Comparison, dict[str, str]]:
    """The times, and why a route is left out of them: too noisy, and the fastest of its kind by no sample."""
    try:
        return timing.compare(runs, rounds=rounds, device="cpu"), {}
    except timing.Unsteady as unsteady:
        times, noisy = unsteady.comparison, unsteady.noisy
        behind = {own: _is_behind(own, keys, times, noisy) for own in noisy}
        if noisy[0] == next(iter(runs)) or not all(behind.values()):
            raise
        why = "Its times were too far apart to judge: the fastest {:.3g} ms, the median {:.3g} ms."
        return times, {own: why.format(1e3 * min(times.samples[own]), times.median_ms(own)) for own in noisy}


def _is_behind(own: str, keys: dict[str, tuple[str, str]], times: timing.Comparison, noisy: list[str]) -> bool:
    """True if even the best sample is slower than the median of a steady route of the same runtime and kind."""
    runtime, kind = keys[own][0], keys[own][1][:4]
    if kind not in ("fp32", "int8"):
        return True  # nothing is compared with another kind
    rivals = [name for name, key in keys.items() if (key[0], key[1][:4]) == (runtime, kind) and name not in noisy]
    return any(1e3 * min(times.samples[own]) > times.median_ms(rival) for rival in rivals)


def _name(runtime: str, variant: str) -> str:
    return f"{runtime}: {variant}"


def _row(name: str, route: Route, built: dict, times: timing.Comparison, expected: Tensor) -> Row:
    candidate, own = built[route.runtime, route.variant], _name(route.runtime, route.variant)
    floats = [variant for runtime, variant in built if runtime == route.runtime and variant.startswith("fp32")]
    best = max(floats, key=lambda variant: times.ratio(_name(route.runtime, variant)), default=None)
    peers = [key for key in built if key[0] in record.PEERS and key[1].startswith("int8")]
    peer = max((_name(*key) for key in peers), key=times.ratio, default=None)
    compared = peer and route.runtime == "torch" and route.variant.startswith("int8")
    over_best = None if best is None else times.ratio(own, over=_name(route.runtime, best))
    return Row(
        name,
        route.runtime,
        route.variant,
        times.median_ms(own),
        times.iqr_ms(own),
        times.ratio(own),
        over_best,
        best,
        candidate.file_bytes,
        cosine(torch.as_tensor(candidate.run()), expected),
        behind=times.ratio(peer, over=own) if compared else None,
    )


def table(rows: Iterable[Row]) -> Table:
    """The rows as a table; what could not be built has dashes."""
    rows = list(rows)

    def cells(row: Row) -> list[str]:
        if row.why:
            return [row.model, row.runtime, row.variant, *["–"] * 6]
        best = "–" if row.speedup_over_best_fp32 is None else f"{row.speedup_over_best_fp32:.2f}× {row.best_fp32}"
        return [
            row.model,
            row.runtime,
            row.variant,
            f"{row.median_ms:.3g}",
            f"{row.iqr_ms:.2g}",
            f"{row.speedup_over_eager:.2f}×",
            best,
            si(row.file_bytes, "B"),
            f"{row.cosine:.4f}",
        ]

    return Table(
        [
            "model",
            "runtime",
            "variant",
            "median, ms",
            "IQR, ms",
            "× eager fp32",
            "× best fp32 of the runtime",
            "file",
            "cosine",
        ],
        [cells(row) for row in rows],
    )
