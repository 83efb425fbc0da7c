"""The routes of the headline table for which `torch.compile` matters: bf16, PT2E and torchao among them."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import Tensor, nn

from course_utils import legacy_int8
from course_utils.int8_routes.compare import Candidate, file_bytes
from course_utils.int8_routes.networks import Network

# What torch.compile and torch.export say on the way, beside the older int8.
EXPECTED_WARNINGS = ("dynamo_pgo force disabled", "To copy construct from a tensor")


@contextmanager
def _quietly() -> Iterator[None]:
    with legacy_int8.quiet():
        for message in EXPECTED_WARNINGS:
            warnings.filterwarnings("ignore", message)
        yield


def compiled(model: nn.Module, x: Tensor) -> Callable[[Tensor], Tensor]:
    """Compile a model with its weights frozen into the code, and run it once on `x` (a batch that the model takes).

    The backend is a new function at each call and no cache is read, so that nothing that was compiled for
    another model, whose frozen weights look alike, can be reused.
    """
    import torch._inductor.config as inductor
    from torch._inductor.compile_fx import compile_fx

    def backend(graph: torch.fx.GraphModule, inputs: list) -> Callable:
        return compile_fx(graph, inputs)

    # A generated kernel reports to a profiler under its own name, else its time would seem to lie between operators.
    options = {"freezing": True, "force_disable_caches": True, "cpp.enable_kernel_profile": True}
    with _quietly(), torch.no_grad(), inductor.patch(options):
        fast = torch.compile(model, backend=backend)
        fast(x)
    return fast


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
    with _quietly():
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


def without_unread(graph: torch.fx.GraphModule) -> torch.fx.GraphModule:
    """Drop the float weights that the conversion left behind and no operation reads."""
    read = {node.target for node in graph.graph.nodes if node.op == "get_attr"}
    for name in [name for name, _ in graph.named_parameters() if name not in read]:
        owner, _, leaf = name.rpartition(".")
        delattr(graph.get_submodule(owner), leaf)
    return graph


def torchao_int8(network: Network, folder: Path, *, compile: bool = False) -> Candidate:
    """torchao's dynamic int8 for linear layers."""
    from torchao.quantization import Int8DynamicActivationInt8WeightConfig, quantize_

    model = copy.deepcopy(network.model)
    quantize_(model, Int8DynamicActivationInt8WeightConfig())
    size = file_bytes(model)
    fast = compiled(model, network.example) if compile else model
    return Candidate(lambda: fast(network.example), size)
