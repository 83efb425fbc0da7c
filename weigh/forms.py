"""What a way to a smaller or faster model is, what it makes, and the row that is measured of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor, nn


@dataclass
class Built:
    """A form of the model that runs.

    Attributes:
        call: tensors of one batch -> output tensor.
        file_bytes: of a file that was loaded again.
        module: what computes, where that is a module; call_all: `call` where all cores need another one.
        path: a file that stands alone, where there is one already.
        in_int8: words for the table, where the module cannot tell.
        one_thread: whether it was made for one thread; more would have to compile it anew.
        compile_s: seconds that its first call took to compile; 0 where nothing is compiled.
        rebuild: lines that make this form of `model`, the network in float32, before its weights are loaded; None where
            no lines do.
    """

    call: Callable[[tuple[Tensor, ...]], Tensor]
    file_bytes: int
    module: nn.Module | None = None
    call_all: Callable[[tuple[Tensor, ...]], Tensor] | None = None
    path: Path | None = None
    in_int8: str = ""
    one_thread: bool = False
    compile_s: float = 0.0
    rebuild: str | None = None


@dataclass(frozen=True)
class Way:
    """A way that fits, or a sentence why not.

    Attributes:
        name: of its row.
        make: (`Sheet`, names of layers that stay float) -> `Built`; it may raise.
        why_not: "" where it fits.
        lossy: whether it changes numbers, so that bit-equal outputs mean that it did nothing.
        int8: whether it is to compute in int8.
        dtype: of the floats that it is given.
        compiled: whether what it ships is compiled where it is opened.
        packed: whether its file is gzipped; only then zeros save bytes.
        engine: the package that opens its ONNX file.
        twin: name of the float form that runs the same way, which shows what the rounding alone brings; "" for none.
        trained: False where weights were cut out, and nothing was trained after that.
        suspects: kinds of layers that it rounds, whose rounding can be tried alone.
        lessons: that explain it; the first that there is in the course is named.
    """

    name: str
    make: Callable[..., Built] = field(repr=False)
    why_not: str = ""
    lossy: bool = True
    int8: bool = False
    dtype: torch.dtype = torch.float32
    compiled: bool = False
    packed: bool = False
    engine: str = "onnxruntime"
    twin: str = ""
    trained: bool = True
    suspects: tuple[type[nn.Module], ...] = ()
    lessons: tuple[str, ...] = ("choosing",)


def cast(tensors: tuple[Tensor, ...], dtype: torch.dtype) -> tuple[Tensor, ...]:
    """Tensors of one batch with their floats in a `dtype`; the rest as it is."""
    return tuple(x.to(dtype) if x.is_floating_point() else x for x in tensors)


@dataclass
class Row:
    """One form of the model, measured.

    Attributes:
        way: how it was made.
        file_bytes: of its file, which was loaded again; None where it could not be made or weighed.
        ms: milliseconds a call on one thread; ms_all: on all physical cores. None = not timed.
        in_int8: which part of its products it computed in int8, in words; "" where nobody asked for int8.
        agreement: share of the judging part on which it answers as the model does, 0 to 1.
        accuracy: share of right answers there; None without labels.
        divergence: mean KL divergence of the next token's probabilities from the model's, in nats; None where the model
            is no language model.
        remark: what else there is to know, or why it could not be made.
        front: whether no other row is at least as good in bytes, time and answers and better in one.
        built: what runs; None where it could not be made.
        opened: this row with the bytes and the answers of the file that was written of it; None where none was.
    """

    way: Way
    file_bytes: int | None = None
    ms: float | None = None
    ms_all: float | None = None
    in_int8: str = ""
    agreement: float | None = None
    accuracy: float | None = None
    divergence: float | None = None
    remark: str = ""
    front: bool = False
    built: Built | None = field(default=None, repr=False)
    opened: Row | None = field(default=None, repr=False)

    @property
    def name(self) -> str:
        """What was done."""
        return self.way.name
