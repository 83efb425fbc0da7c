"""Compiling a model for speed: weights frozen into the code, nothing reused, nothing said on the way."""

from __future__ import annotations

import importlib
import platform
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from course_utils import legacy_int8

# What torch.compile and torch.export say on the way, beside the older int8.
EXPECTED_WARNINGS = ("dynamo_pgo force disabled", "To copy construct from a tensor")

ON_ARM = platform.machine().lower() in ("arm64", "aarch64")
# Imported, it teaches torch.compile to call int8 kernels; without it a graph of PT2E is compiled to float, silently.
INT8_LOWERING = f"torchao.quantization.pt2e.quantizer.{'arm' if ON_ARM else 'x86'}_inductor_quantizer"


@contextmanager
def quietly() -> Iterator[None]:
    """Hold back what torch says while it compiles or exports."""
    with legacy_int8.quiet():
        for message in EXPECTED_WARNINGS:
            warnings.filterwarnings("ignore", message)
        yield


def compiled(model: nn.Module, x: Tensor) -> Callable[[Tensor], Tensor]:
    """Compile a model with its weights frozen into the code, and run it once on `x` (a batch that the model takes).

    A graph of PT2E gets its int8 kernels, whatever was imported before. Call it with as many threads as now: with
    another number torch compiles once more, and then nothing is frozen.

    The backend is a new function at each call and no cache is read, so that nothing that was compiled for
    another model, whose frozen weights look alike, can be reused.
    """
    import torch._inductor.config as inductor
    from torch._inductor.compile_fx import compile_fx

    def backend(graph: torch.fx.GraphModule, inputs: list) -> Callable:
        return compile_fx(graph, inputs)

    # A generated kernel reports to a profiler under its own name, else its time would seem to lie between operators.
    options = {"freezing": True, "force_disable_caches": True, "cpp.enable_kernel_profile": True}
    with quietly(), torch.no_grad(), inductor.patch(options):
        importlib.import_module(INT8_LOWERING)
        fast = torch.compile(model, backend=backend)
        fast(x)
    return fast


def without_unread(graph: torch.fx.GraphModule) -> torch.fx.GraphModule:
    """Drop the float weights that the conversion left behind and no operation reads."""
    read = {node.target for node in graph.graph.nodes if node.op == "get_attr"}
    for name in [name for name, _ in graph.named_parameters() if name not in read]:
        owner, _, leaf = name.rpartition(".")
        delattr(graph.get_submodule(owner), leaf)
    return graph
