"""The routes of the headline table in PyTorch that need no compiler; `routes` lists these and the others."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

from course_utils import engines
from course_utils.headline import Candidate, Network, Route
from course_utils.headline_record import EAGER
from course_utils.reports import size_report

EXPECTED_WARNINGS = ("torch.ao.quantization is deprecated", ".*reduce_range", ".*quantized tensor creation",
                     ".*torch.jit", "TypedStorage is deprecated", "Converting a tensor to a Python",
                     ".*must run observer", "Iterating over a tensor", "dynamo_pgo force disabled",
                     "To copy construct from a tensor")


@contextmanager
def quietly() -> Iterator[None]:
    """Hold back, by their text, the warnings that the older interfaces always give."""
    with warnings.catch_warnings():
        for message in EXPECTED_WARNINGS:
            warnings.filterwarnings("ignore", message)
        yield


def _on(name: str, model: nn.Module, x: Tensor) -> Callable[[], Tensor]:
    def run() -> Tensor:
        torch.backends.quantized.engine = name
        return model(x)
    return run


_weighed: WeakKeyDictionary[nn.Module, int] = WeakKeyDictionary()


def file_bytes(model: nn.Module) -> int:
    """Bytes of the saved state, after it was loaded again and found equal; each model is weighed once."""
    if model not in _weighed:
        _weighed[model] = size_report(model, loads=1).file_bytes
    return _weighed[model]


def fp32_eager(network: Network, folder: Path) -> Candidate:
    """The network as it is: what everybody runs."""
    return Candidate(lambda: network.model(network.example), file_bytes(network.model))


def fp32_traced(network: Network, folder: Path) -> Candidate:
    """Traced by TorchScript, batch norm folded, weights arranged for oneDNN: no compiler needed."""
    with quietly():
        traced = torch.jit.optimize_for_inference(torch.jit.trace(network.model, network.example))
    return Candidate(lambda: traced(network.example), file_bytes(network.model))


def fp32_packed(network: Network, folder: Path) -> Candidate:
    """Every linear layer with its weight packed once for oneDNN, as lesson 04 does."""
    fast = packed(network.model, network.example.numel())
    return Candidate(lambda: fast(network.example), file_bytes(network.model))


class _PackedLinear(nn.Module):
    def __init__(self, linear: nn.Linear, n_rows: int):
        super().__init__()
        self.weight = torch.ops.mkldnn._reorder_linear_weight(linear.weight.detach(), n_rows)
        self.bias = linear.bias

    def forward(self, x: Tensor) -> Tensor:
        return torch.ops.mkldnn._linear_pointwise(x, self.weight, self.bias, "none", [], "")


def packed(module: nn.Module, n_rows: int) -> nn.Module:
    """The module with packed linear layers; it shares every other parameter with the original."""
    if type(module) is nn.Linear:
        return _PackedLinear(module, n_rows)
    twin = copy.copy(module)
    twin._modules = {name: packed(child, n_rows) for name, child in module.named_children()}
    return twin


_made: WeakKeyDictionary[Network, dict[str, nn.Module]] = WeakKeyDictionary()


def int8_model(network: Network) -> nn.Module:
    """Int8 by the older interface, on the current engine: dynamic for BERT, static for the CNNs.

    It is made once for a network and an engine, and lives as long as the network.
    """
    known = _made.setdefault(network, {})
    name = torch.backends.quantized.engine
    if name not in known:
        known[name] = _convert(network)
    return known[name]


def _convert(network: Network) -> nn.Module:
    import torch.ao.quantization as tq

    with quietly():
        if network.quantizable is None:
            return tq.quantize_dynamic(network.model, {nn.Linear})
        model = network.quantizable()
        model.fuse_model()
        model.qconfig = tq.get_default_qconfig(torch.backends.quantized.engine)
        tq.prepare(model, inplace=True)
        model(network.calibration)
        return tq.convert(model, inplace=True)


def int8_eager(network: Network, folder: Path, *, name: str | None = None) -> Candidate:
    """`int8_model` on one engine (None = `engines.best`)."""
    name = name or engines.best()
    with engines.use(name), quietly():
        model = int8_model(network)
        return Candidate(_on(name, model, network.example), file_bytes(model))


def int8_traced(network: Network, folder: Path, *, name: str | None = None) -> Candidate:
    """The same, traced, saved as TorchScript, loaded and frozen."""
    name, path = name or engines.best(), folder / "traced.pt"
    with engines.use(name), quietly():
        torch.jit.save(torch.jit.trace(int8_model(network), network.example), path)
        frozen = torch.jit.freeze(torch.jit.load(path).eval())
        return Candidate(_on(name, frozen, network.example), path.stat().st_size)


def routes(network: Network, *, live: bool = False) -> list[Route]:
    """The routes in PyTorch, eager fp32 first.

    Args:
        network: decides what applies: BERT's int8 is dynamic, the CNNs' static.
        live: only those that need no compiler and take seconds; int8 on the best engine alone.
    """
    from course_utils import headline_compiled as other  # it imports this module

    dynamic = network.quantizable is None
    kind = "dynamic" if dynamic else "static"
    found = [(EAGER, fp32_eager), ("fp32, packed", fp32_packed) if dynamic else ("fp32, traced", fp32_traced)]
    if not live:
        found += [("fp32, compiled and frozen", other.fp32_compiled), ("bf16, autocast", other.bf16),
                  ("bf16, compiled and frozen", partial(other.bf16, compile=True))]
    for name in [engines.best()] if live else engines.available():
        found.append((f"int8 {kind}, {name}", partial(int8_eager, name=name)))
    found.append((f"int8 {kind}, traced and frozen", int8_traced))
    if not live:
        found.append(("int8 PT2E, compiled and frozen", other.pt2e))
    if dynamic and not live:
        found += [("int8 torchao", other.torchao_int8),
                  ("int8 torchao, compiled", partial(other.torchao_int8, compile=True))]
    return [Route("torch", variant, build) for variant, build in found]
