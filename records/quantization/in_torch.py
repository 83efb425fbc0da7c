"""The routes of the headline table in PyTorch; `routes` lists them."""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn

from course_utils import legacy_int8
from course_utils.int8_routes.networks import Network
from course_utils.int8_routes.record import EAGER
from course_utils.int8_routes.torch_compiled import compiled, quietly, without_unread
from course_utils.int8_routes.torch_eager import int8_model
from records.quantization.compare import Candidate, Route, file_bytes
from records.quantization.packed import pack


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
            ("fp32, compiled and frozen", fp32_compiled),
            ("bf16, autocast", bf16),
            ("bf16, compiled and frozen", partial(bf16, compile=True)),
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
        found.append(("int8 PT2E, compiled and frozen", pt2e))
        found.append(("int8 PT2E, AOTInductor", partial(pt2e, ahead=True)))
    if dynamic and not live:
        found += [
            ("int8 PT2E static, compiled and frozen", partial(pt2e, static=True)),
            ("int8 torchao", torchao_int8),
            ("int8 torchao, compiled", partial(torchao_int8, compile=True)),
        ]
    return [Route("torch", variant, build) for variant, build in found]


def fp32_compiled(network: Network, folder: Path) -> Candidate:
    """torch.compile with freezing."""
    fast = compiled(network.model, network.example)
    return Candidate(lambda: fast(network.example), file_bytes(network.model))


def bf16(network: Network, folder: Path, *, compile: bool = False) -> Candidate:
    """Autocast to bfloat16. The file keeps fp32: autocast converts the weights while it runs."""

    def half() -> torch.autocast:
        return torch.autocast("cpu", dtype=torch.bfloat16)

    model = network.model
    if compile:
        with half():
            model = compiled(network.model, network.example)

    def run() -> Tensor:
        with half():
            return model(network.example)

    return Candidate(run, file_bytes(network.model))


def pt2e(network: Network, folder: Path, *, static: bool = False, ahead: bool = False) -> Candidate:
    """The graph route with the quantizer for x86, saved as an exported program, loaded, compiled and frozen.

    The CNNs take the version with stubs: it gives each ReLU a module of its own, which the quantizer needs.

    Args:
        static: the BERT shape too gets ranges from the calibration, in place of a search in each call.
        ahead: compile with AOTInductor into a file that holds code and weights, and load that.
    """
    from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e, prepare_pt2e
    from torchao.quantization.pt2e.quantizer import x86_inductor_quantizer as x86

    quantizer, dynamic = x86.X86InductorQuantizer(), network.quantizable is None and not static
    quantizer.set_global(x86.get_default_x86_inductor_quantization_config(is_dynamic=dynamic))
    with quietly():
        model = network.quantizable() if network.quantizable else network.model
        graph = prepare_pt2e(torch.export.export(model, (network.example,)).module(), quantizer)
        for x in network.calibration.split(1):
            graph(x)
        program = torch.export.export(without_unread(convert_pt2e(graph)), (network.example,))
        if ahead:
            return _packaged(program, network, folder / "package.pt2")
        path = folder / "graph.pt2"
        program.example_inputs = None  # else the file holds the input too
        torch.export.save(program, path)
        fast = compiled(torch.export.load(path).module(), network.example)
    return Candidate(lambda: fast(network.example), path.stat().st_size)


def _packaged(program: torch.export.ExportedProgram, network: Network, path: Path) -> Candidate:
    """Compile a program ahead of time into one file, and load it: no Python runs between its operators."""
    from torch._inductor import aoti_compile_and_package, aoti_load_package

    options = {"freezing": True, "cpp.enable_kernel_profile": True}
    aoti_compile_and_package(program, package_path=str(path), inductor_configs=options)
    package = aoti_load_package(str(path))
    return Candidate(lambda: package(network.example), path.stat().st_size)


def torchao_int8(network: Network, folder: Path, *, compile: bool = False) -> Candidate:
    """torchao's dynamic int8 for linear layers."""
    from torchao.quantization import Int8DynamicActivationInt8WeightConfig, quantize_

    model = copy.deepcopy(network.model)
    quantize_(model, Int8DynamicActivationInt8WeightConfig())
    size = file_bytes(model)
    fast = compiled(model, network.example) if compile else model
    return Candidate(lambda: fast(network.example), size)
