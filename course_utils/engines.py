"""The int8 engines of `torch.ao.quantization`: which there are, which to take, and how to use one for a while."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

PREFERRED = ("x86", "onednn", "fbgemm", "qnnpack")


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
    """Use one engine inside a block; the one before comes back.

    Raises:
        LookupError: torch on this machine does not have it; the message names those it has.
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
