"""The routes of the headline table in PyTorch that need no compiler; `routes` lists these and the others."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

from course_utils import legacy_int8
from course_utils.int8_routes import torch_compiled
from course_utils.int8_routes.compare import Candidate, Route, file_bytes
from course_utils.int8_routes.networks import Network
from course_utils.int8_routes.packed import pack
from course_utils.int8_routes.record import EAGER


def _on(name: str, model: nn.Module, x: Tensor) -> Callable[[], Tensor]:
    def run() -> Tensor:
        torch.backends.quantized.engine = name
        return model(x)

    return run


def fp32_eager(network: Network, folder: Path) -> Candidate:
    """The network as it is: what everybody runs."""
    return Candidate(lambda: network.model(network.example), file_bytes(network.model))


def fp32_traced(network: Network, folder: Path) -> Candidate:
    """Traced by TorchScript, batch norm folded, weights arranged for oneDNN: no compiler needed."""
    with legacy_int8.quiet():
        traced = torch.jit.optimize_for_inference(torch.jit.trace(network.model, network.example))
    return Candidate(lambda: traced(network.example), file_bytes(network.model))


def fp32_packed(network: Network, folder: Path) -> Candidate:
    """Every linear layer with its weight packed once for oneDNN, as the lesson `dynamic` does."""
    fast = pack(network.model, network.example.numel())
    return Candidate(lambda: fast(network.example), file_bytes(network.model))


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
    tq = legacy_int8.tq
    with legacy_int8.quiet():
        if network.quantizable is None:
            return tq.quantize_dynamic(network.model, {nn.Linear})
        model = network.quantizable()
        model.fuse_model()
        model.qconfig = tq.get_default_qconfig(torch.backends.quantized.engine)
        tq.prepare(model, inplace=True)
        model(network.calibration)
        return tq.convert(model, inplace=True)


def int8_eager(network: Network, folder: Path, *, name: str | None = None) -> Candidate:
    """`int8_model` on one engine (None = `legacy_int8.best`)."""
    name = name or legacy_int8.best()
    with legacy_int8.use(name), legacy_int8.quiet():
        model = int8_model(network)
        return Candidate(_on(name, model, network.example), file_bytes(model))


def int8_traced(network: Network, folder: Path, *, name: str | None = None) -> Candidate:
    """The same, traced, saved as TorchScript, loaded and frozen."""
    name = name or legacy_int8.best()
    with legacy_int8.use(name):
        return _traced(name, int8_model(network), network, folder / "traced.pt")


def _traced(name: str, model: nn.Module, network: Network, path: Path) -> Candidate:
    with legacy_int8.quiet():
        torch.jit.save(torch.jit.trace(model, network.example), path)
        frozen = torch.jit.freeze(torch.jit.load(path).eval())
        return Candidate(_on(name, frozen, network.example), path.stat().st_size)


class _Sum(nn.Module):
    """A sum, and a ReLU of it as a module of its own: the form in which graphs are searched for what can be fused."""

    def __init__(self):
        super().__init__()
        self.relu = nn.ReLU()

    def add(self, x: Tensor, y: Tensor) -> Tensor:
        return x + y

    def add_relu(self, x: Tensor, y: Tensor) -> Tensor:
        return self.relu(x + y)


FUSING = "onednn"  # the one engine whose convolutions can add another tensor to their result


def int8_fused_model(network: Network) -> nn.Module:
    """Static int8 by the older interface's graph mode: the sum of a residual block happens inside its last convolution.

    In eager mode a sum is an operator of its own: it reads both tensors again, and writes one more.
    Call it inside `legacy_int8.use(FUSING)`.
    """
    model = network.quantizable()
    model.quant = model.dequant = nn.Identity()  # graph mode puts its own in
    for block in list(model.modules()):
        for name, child in list(block.named_children()):
            if type(child).__name__ == "FloatFunctional":
                setattr(block, name, _Sum())
    backend = legacy_int8.backends.get_onednn_backend_config()
    with legacy_int8.quiet():
        mapping = legacy_int8.tq.get_default_qconfig_mapping(FUSING)
        graph = legacy_int8.fx.prepare_fx(model, mapping, (network.example,), backend_config=backend)
        graph(network.calibration)
        return legacy_int8.fx.convert_fx(graph, backend_config=backend)


def int8_fused(network: Network, folder: Path) -> Candidate:
    """`int8_fused_model`, traced, saved as TorchScript, loaded and frozen."""
    with legacy_int8.use(FUSING):
        return _traced(FUSING, int8_fused_model(network), network, folder / "fused.pt")


def routes(network: Network, *, live: bool = False) -> list[Route]:
    """The routes in PyTorch, eager fp32 first.

    Args:
        network: decides what applies: BERT's int8 is dynamic, the CNNs' static.
        live: only those that need no compiler and take seconds; int8 on the best engine alone.
    """
    dynamic = network.quantizable is None
    kind = "dynamic" if dynamic else "static"
    found = [(EAGER, fp32_eager), ("fp32, packed", fp32_packed) if dynamic else ("fp32, traced", fp32_traced)]
    if not live:
        found += [
            ("fp32, compiled and frozen", torch_compiled.fp32_compiled),
            ("bf16, autocast", torch_compiled.bf16),
            ("bf16, compiled and frozen", partial(torch_compiled.bf16, compile=True)),
        ]
    for name in [legacy_int8.best()] if live else legacy_int8.available():
        found.append((f"int8 {kind}, {name}", partial(int8_eager, name=name)))
    found.append((f"int8 {kind}, traced and frozen", int8_traced))
    if not live and FUSING in legacy_int8.available():
        if FUSING != legacy_int8.best():
            found.append((f"int8 {kind}, {FUSING}, traced and frozen", partial(int8_traced, name=FUSING)))
        if not dynamic:
            found.append((f"int8 {kind}, {FUSING}, sums fused, traced and frozen", int8_fused))
    if not live:
        found.append(("int8 PT2E, compiled and frozen", torch_compiled.pt2e))
        found.append(("int8 PT2E, AOTInductor", partial(torch_compiled.pt2e, ahead=True)))
    if dynamic and not live:
        found += [
            ("int8 PT2E static, compiled and frozen", partial(torch_compiled.pt2e, static=True)),
            ("int8 torchao", torch_compiled.torchao_int8),
            ("int8 torchao, compiled", partial(torch_compiled.torchao_int8, compile=True)),
        ]
    return [Route("torch", variant, build) for variant, build in found]
