"""PyTorch's older int8, `torch.ao.quantization`: the one place of the library that imports it.

Its engines, its warnings, and its packages: ``legacy_int8.tq`` (torch.ao.quantization), ``legacy_int8.nnq``
(torch.ao.nn.quantized), ``legacy_int8.nnqat`` (torch.ao.nn.qat), ``legacy_int8.fx`` (the graph mode) and
``legacy_int8.backends`` (what an engine can fuse), which are imported when somebody first asks for them. So this module
itself loads where PyTorch has them no more. When that is so, this room is emptied, and what takes from it moves to
torchao.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

import torch

from course_utils.files import command

PACKAGES = ("tq", "nnq", "nnqat", "fx", "backends")
PREFERRED = ("x86", "onednn", "fbgemm", "qnnpack")
# Every message as a regular expression for its beginning. First what says that an interface will go …
DEPRECATIONS = (
    "torch.ao.quantization is deprecated",
    ".*reduce_range",
    ".*quantized tensor creation",
    "TypedStorage is deprecated",
    ".*torch.jit",
)
# … then what it says of a use: right where a model is made on purpose that saw no data, or is traced for one shape.
REMARKS = (
    ".*must run observer",
    ".*None of the submodule got qconfig",
    "Converting a tensor to a Python",
    "Iterating over a tensor",
)


def __getattr__(name: str) -> ModuleType:
    if name not in PACKAGES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        from torch.ao import quantization as tq
        from torch.ao.nn import qat as nnqat
        from torch.ao.nn import quantized as nnq

        if name in ("fx", "backends"):  # few need the graph mode
            from torch.ao.quantization import backend_config as backends
            from torch.ao.quantization import quantize_fx as fx

            return fx if name == "fx" else backends
        return {"tq": tq, "nnq": nnq, "nnqat": nnqat}[name]
    except ImportError as error:
        raise ImportError(
            f"PyTorch {torch.__version__} has no torch.ao.quantization any more, and this part of the course is about "
            f"it: install the PyTorch that the course was tested with ({command()}, or pip install -e . with the "
            "versions of constraints.txt)",
            name=error.name,
        ) from error


def ignore_deprecations(*, remarks: bool = False) -> None:
    """From now on, in this process: no warning that the older int8 will go. Each is ignored by its text.

    Args:
        remarks: ignore `REMARKS` too.
    """
    for message in (*DEPRECATIONS, *(REMARKS if remarks else ())):
        warnings.filterwarnings("ignore", message)


@contextmanager
def quiet() -> Iterator[None]:
    """Hold back, by their text, the warnings that the older int8 gives, `REMARKS` too.

    Restores: the filters.
    """
    with warnings.catch_warnings():
        ignore_deprecations(remarks=True)
        yield


def available() -> list[str]:
    """The engines that this PyTorch was built with, the one to take first; may be empty."""
    return [name for name in PREFERRED if name in torch.backends.quantized.supported_engines]


def best() -> str:
    """The engine to take on this machine.

    Raises:
        LookupError: torch was built without any.
    """
    found = available()
    if not found:
        raise LookupError("engine: this PyTorch was built without any int8 engine, so the older routes do not exist.")
    return found[0]


@contextmanager
def use(name: str) -> Iterator[None]:
    """Use one engine inside a block.

    Raises:
        LookupError: torch on this machine does not have it; the message names those it has.
    Restores: the engine before.
    """
    has = available()
    if name not in has:
        raise LookupError(f"engine {name!r} is not in this PyTorch; it has {', '.join(has) or 'none'}.")
    before = torch.backends.quantized.engine
    torch.backends.quantized.engine = name
    try:
        yield
    finally:
        torch.backends.quantized.engine = before
