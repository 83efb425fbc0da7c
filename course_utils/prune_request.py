"""Look at a request to prune before anything is changed.

`torch.nn.utils.prune` finds some bad requests late: it may have taken the old hook away when it raises, and it lets
NaN weights and the loss of every weight pass.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn


def validate_request(targets: Sequence[tuple[nn.Module, str]], amount: float, *, dim: int | None = None) -> float:
    """The amount, when the request makes sense; nothing is touched.

    Args:
        targets: (module, parameter name) pairs that share one amount, as ``prune.global_unstructured`` takes them; a
            single pair for a method that prunes one parameter.
        amount: a float from 0 to 1, the share to prune of what is left, or an int, how many to prune.
        dim: along which whole slices are pruned; None = single weights.
    Returns:
        `amount`, so that the call can stand where the amount is given.
    Raises:
        ValueError: no targets, an unknown parameter, a dimension that it does not have, an amount out of range or one
            that prunes all that is left, weights that are NaN or infinite. The message names the parameter.
    """
    if not targets:
        raise ValueError("no parameters were named: give at least one (module, name) pair")
    there = sum(count_remaining(module, name, dim) for module, name in targets)
    names = _name(*targets[0]) if len(targets) == 1 else f"{len(targets)} parameters together"
    what = "weights" if dim is None else "slices"
    whole = isinstance(amount, int) and not isinstance(amount, bool)
    if not (whole or isinstance(amount, float)) or not 0 <= amount <= (there if whole else 1):
        raise ValueError(
            f"{names}: amount={amount!r}; give a fraction from 0.0 to 1.0 or a whole number from 0 to "
            f"{there}, the {what} left"
        )
    if there and round(amount if whole else amount * there) == there:
        raise ValueError(
            f"{names}: amount={amount!r} prunes all {there} {what} left, and no input could pass; give less"
        )
    return amount


def _name(module: nn.Module, name: str) -> str:
    """A parameter by its layer's kind and its shape, which tell layers apart where no path is known."""
    return f"{name} of {type(module).__name__} ({' × '.join(map(str, getattr(module, name).shape))})"


def count_remaining(module: nn.Module, name: str, dim: int | None) -> int:
    """How many weights, or slices along dim (None = single weights), are not pruned yet.

    Raises:
        ValueError: an unknown parameter, a dimension that it does not have, weights that are NaN or infinite.
    """
    tensor, kind = getattr(module, name, None), type(module).__name__
    if not isinstance(tensor, torch.Tensor):
        have = [n.removesuffix("_orig") for n, _ in module.named_parameters(recurse=False)]
        there = f"it has {', '.join(have)}" if have else "it has none of its own: name a layer inside of it"
        raise ValueError(f"{kind} has no parameter {name!r}; {there}")
    if not tensor.isfinite().all():
        raise ValueError(
            f"{_name(module, name)} holds NaN or infinity, which would rank as the largest: find out "
            "where it comes from before you prune"
        )
    mask = getattr(module, f"{name}_mask", None)
    kept = torch.ones_like(tensor, dtype=torch.bool) if mask is None else mask != 0
    if dim is None:
        return int(kept.sum())  # of bools, for a sum of 16-bit floats is rounded, or infinite
    if tensor.dim() < 2 or not -tensor.dim() <= dim < tensor.dim():
        raise ValueError(
            f"{_name(module, name)} has no slices along dim={dim}; "
            + (f"dim goes from 0 to {tensor.dim() - 1}" if tensor.dim() > 1 else "a vector has none")
        )
    return int(kept.movedim(dim, 0).flatten(1).any(1).sum())
