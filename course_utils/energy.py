"""The energy of arithmetic and of memory, as published, and estimates for a model from counted work.

Source of the operations and the caches: M. Horowitz, "Computing's energy problem (and what we can do about
it)", ISSCC 2014, figure 1.1.9, 45 nm at 0.9 V (doi.org/10.1109/ISSCC.2014.6757323). Source of the two rows
of 32 bit: S. Han et al., "Learning both weights and connections for efficient neural networks", 2015, figure 1
(arXiv:1506.02626). Newer chips need less, though not for DDR memory (Jouppi et al., ISCA 2021, table 2); what
the lessons use is the ratios.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode, flop_registry

from course_utils.audit import watch
from course_utils.tensors import as_it_was, need_values, own

ADD_PJ = {"int8": 0.03, "int32": 0.1, "fp16": 0.4, "fp32": 0.9}
MUL_PJ = {"int8": 0.2, "int32": 3.1, "fp16": 1.1, "fp32": 3.7}
# Horowitz gives DRAM as a span; its ends stand as two rows. Each row is one read of 64 bit.
READ_64_BIT_PJ = {
    "cache, 8 KB": 10,
    "cache, 32 KB": 20,
    "cache, 1 MB": 100,
    "DRAM, low end": 1300,
    "DRAM, high end": 2600,
}
# Han et al.; each row is one read of 32 bit, the size of an fp32 weight.
READ_32_BIT_PJ = {"SRAM": 5, "DRAM": 640}

MAC_PJ = MUL_PJ["fp32"] + ADD_PJ["fp32"]

# Products with a vector, which PyTorch's counter leaves out: shapes -> floating-point operations.
VECTORS = {
    torch.ops.aten.mv: lambda matrix, *_, **__: 2 * math.prod(matrix),
    torch.ops.aten.addmv: lambda _, matrix, *__, **___: 2 * math.prod(matrix),
    torch.ops.aten.dot: lambda vector, *_, **__: 2 * math.prod(vector),
}


@dataclass(frozen=True)
class Energy:
    """An estimate for one input of a model.

    Attributes:
        macs: multiply-accumulates of matrix products and convolutions.
        weights: elements of the weight tensors, biases and norms left out.
        compute_nj: nanojoules of the multiply-accumulates.
        fetch_nj: nanojoules to read each weight once from DRAM; of an embedding, too, of which an input looks up a few
            rows: without a product to amortise, its table is most of such an estimate.
    """

    macs: int
    weights: int
    compute_nj: float
    fetch_nj: float


def count_macs(model: nn.Module, x: torch.Tensor) -> int:
    """Multiply-accumulates of one forward pass, by PyTorch's flop counter, which leaves biases out.

    Fused kernels that the counter knows nothing of (attention, LSTM) are taken apart for it.

    Args:
        model: any module; it is run once without gradients, in the mode it is in, and left as it was.
        x: its input (batch, ...), of the shape and dtype that it takes; the count is for the whole batch.
    Returns:
        The count; half the floating-point operations that PyTorch counts.
    Raises:
        TypeError: `x` is no tensor.
        ValueError: a module calls a product that the counter does not know, as quantized ones do, or has no values
            yet (lazy, or meta with an `x` that is not); the message names it. Complex numbers.
    """
    if not isinstance(x, torch.Tensor):
        raise TypeError(
            f"x is a {type(x).__name__}, and one tensor was expected: put the model into a small module whose forward "
            "takes a tensor and calls it"
        )
    need_values(model, meta=not x.is_meta)
    if x.is_complex() or any(p.is_complex() for p in model.parameters()):
        raise ValueError("complex numbers: a product of two takes four real ones. Count the real products by hand")
    counter = FlopCounterMode(display=False, custom_mapping=VECTORS)
    with as_it_was(model, training=None), unfused(), counter, watch(model) as seen:
        model(own(x))
    for name, calls in seen.called.items():
        for operator, _ in calls.products:
            if operator.overloadpacket not in {**flop_registry, **VECTORS}:
                raise ValueError(
                    f"{name or 'the model'!r} ran {operator}, which torch's flop counter does not count. If "
                    "the model is quantized or fused, count it before; else write the product with torch.matmul"
                )
    return counter.get_total_flops() // 2


@contextmanager
def unfused() -> Iterator[None]:
    """Attention, LSTMs and others as the products that they are made of, which PyTorch's counter knows."""
    before = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    mkldnn = torch.backends.mkldnn.flags(enabled=False, allow_tf32=None)  # None: as it is
    try:
        with sdpa_kernel(SDPBackend.MATH), mkldnn, torch.backends.cudnn.flags(enabled=False):
            yield
    finally:
        torch.backends.mha.set_fastpath_enabled(before)


def estimate(model: nn.Module, x: torch.Tensor) -> Energy:
    """Energy of a model for one input in fp32, from counted operations and bytes.

    Args:
        model: any module; it is run once, in evaluation mode.
        x: exactly one input (1, ...), of the shape and dtype that the model takes.
    Raises:
        ValueError: a batch of another size, a model in which no operation is counted, or what `count_macs` refuses.
    Restores: the mode of each module, and what else `as_it_was` names.
    """
    if isinstance(x, torch.Tensor) and len(x) != 1:
        raise ValueError(f"the estimate is for one input; pass a batch of 1, got {len(x)}")
    with as_it_was(model):
        macs = count_macs(model, x)
    if macs == 0:
        raise ValueError(
            "no matrix product or convolution was counted: the model has none that torch knows. Pass a model with one"
        )
    lengths = ("original0", "weight_g")  # of weight norm: one number a row of the weight
    weights = sum(p.numel() for name, p in model.named_parameters() if p.dim() > 1 and not name.endswith(lengths))
    return Energy(macs, weights, macs * MAC_PJ / 1e3, weights * READ_32_BIT_PJ["DRAM"] / 1e3)
