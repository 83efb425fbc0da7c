"""Weights rounded to a few bits, with a scale and a zero point for each group: to the nearest level, or looking ahead.

Each function takes a float weight (rows, columns) and gives the rounded one back in its type: what a file would store are
the integers, scales and zero points behind them. Groups are neighbours in a row. They compute in float32, or in float64
where the weight or the Hessian has it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

CLIPS = (1.0, 0.9, 0.8, 0.7, 0.6, 0.5)
"""Shares of a group's range among which `grid` can search."""
POWERS = (0.0, 0.25, 0.5, 0.75, 1.0)
"""Powers of the inputs' mean size among which `scaled_first` searches."""


def _span(part: Tensor, bits: int, clip: float) -> tuple[Tensor, Tensor]:
    low, high = clip * part.amin(-1).clamp(max=0), clip * part.amax(-1).clamp(min=0)
    scale = ((high - low) / (2**bits - 1)).clamp(min=1e-6).half().float()  # 16 bits, as it would be stored
    return scale, torch.round(-low / scale).clamp(0, 2**bits - 1)


def on_grid(part: Tensor, scale: Tensor, zero: Tensor, bits: int) -> Tensor:
    """Each value on the nearest level of its group, a float again.

    Args:
        part: float (..., group).
        scale, zero: float (...), of each group.
        bits: of a code.
    """
    codes = (torch.round(part / scale[..., None]) + zero[..., None]).clamp(0, 2**bits - 1)
    return (codes - zero[..., None]) * scale[..., None]


def grid(part: Tensor, bits: int, clips: Sequence[float] = (1.0,)) -> tuple[Tensor, Tensor]:
    """(scale, zero point) of each group, with the clip, a share of its range, that leaves the least squared error.

    Args:
        part: float (..., group).
        bits: 1 or more.
        clips: (1.0,) takes the whole range, from the smallest weight to the largest; 0 is always among the levels.
    """
    scale, zero = _span(part, bits, clips[0])
    if len(clips) > 1:
        least = (on_grid(part, scale, zero, bits) - part).square().sum(-1)
        for clip in clips[1:]:
            its_scale, its_zero = _span(part, bits, clip)
            error = (on_grid(part, its_scale, its_zero, bits) - part).square().sum(-1)
            better = error < least
            least = torch.where(better, error, least)
            scale, zero = torch.where(better, its_scale, scale), torch.where(better, its_zero, zero)
    return scale, zero


def to_nearest(weight: Tensor, bits: int, group: int, clips: Sequence[float] = (1.0,)) -> Tensor:
    """Round-to-nearest: each weight on the nearest level of its group, whatever the inputs are.

    Raises:
        ValueError: the groups do not fit into a row, or the weight is not finite.
    """
    _fits(weight, group)
    part = _exact(weight).unflatten(-1, (-1, group))
    return on_grid(part, *grid(part, bits, clips), bits).flatten(-2).to(weight.dtype)


def gptq(
    weight: Tensor,
    hessian: Tensor,
    bits: int,
    group: int,
    *,
    clips: Sequence[float] = (1.0,),
    damp: float = 0.01,
    grids: tuple[Tensor, Tensor] | None = None,
    watch: Callable[[Tensor], object] | None = None,
) -> Tensor:
    """Column by column, with the columns to the right making up for the error of each (Frantar et al., 2022).

    The inverse of the Hessian is not brought up to date after each column, as in the function for one row that the
    lesson shows: row j of the upper Cholesky factor of the inverse is what that would give, up to a factor.

    Args:
        weight: (rows, columns).
        hessian: (columns, columns), mean products of the inputs on calibration text.
        bits, group, clips: as for `to_nearest`.
        damp: added to the diagonal, as a share of its mean, so that it can be inverted.
        grids: (scale, zero point), each (rows, groups), to be used in place of those of the corrected weights.
        watch: called after each column with the weights as they are now, transposed, not a copy.
    Raises:
        ValueError: the groups do not fit into a row, or the Hessian is none of this weight: of another size, zero (no
            calibration input reached the layer), with numbers that are not finite, or not to be inverted.
    """
    _fits(weight, group)
    hessian = _products(hessian, weight)
    ridge = damp * hessian.diagonal().mean() * torch.eye(len(hessian), dtype=hessian.dtype, device=hessian.device)
    try:
        inverse = torch.cholesky_inverse(torch.linalg.cholesky(hessian + ridge))
        factor = torch.linalg.cholesky(inverse, upper=True)
    except torch.linalg.LinAlgError:
        raise ValueError(
            f"the Hessian cannot be inverted with damp = {damp}. It must be x.T @ x / n of inputs x (n, columns), summed "
            f"in float32 or more. If there are few inputs, or some are always equal: damp={10 * damp or 0.01:g}."
        ) from None
    left = weight.T.to(hessian.dtype, copy=True)  # one column of the weight is one row here
    for number, start in enumerate(range(0, weight.shape[1], group)):
        stop, errors = start + group, []
        if grids is None:  # from weights that have been corrected already
            scale, zero = grid(left[start:stop].T, bits, clips)
        else:
            scale, zero = (part[:, number] for part in grids)
        for j in range(start, stop):
            now = on_grid(left[j, :, None], scale, zero, bits)[:, 0]
            errors.append((left[j] - now) / factor[j, j])
            left[j + 1 : stop] -= factor[j, j + 1 : stop, None] * errors[-1]
            left[j] = now
            if watch:
                watch(left)
        left[stop:] -= factor[start:stop, stop:].T @ torch.stack(errors)  # later groups, all at once
    return left.T.contiguous().to(weight.dtype)


def scaled_first(
    weight: Tensor,
    hessian: Tensor,
    size: Tensor,
    bits: int,
    group: int,
    *,
    clips: Sequence[float] = (1.0,),
    powers: Sequence[float] = POWERS,
) -> tuple[Tensor, float]:
    """(weight, power): columns multiplied by a power of their input's size, rounded, divided again (Lin et al., 2023).

    Args:
        weight, hessian, bits, group, clips: as for `gptq`.
        size: (columns,), mean size of each input.
        powers: of these the one that leaves the least squared error of the outputs.
    Raises:
        ValueError: as `gptq`, but for a Hessian that cannot be inverted.
    """
    hessian, found = _products(hessian, weight), {}
    for power in powers:
        s = size.to(hessian).clamp(min=1e-4) ** power
        s = s / (s.max() * s.min()).sqrt()
        new = (to_nearest(weight * s, bits, group, clips) / s).to(weight.dtype)
        found[power] = output_error(new - weight, hessian), new
    best = min(found, key=lambda power: found[power][0])
    return found[best][1], best


def output_error(change: Tensor, hessian: Tensor) -> float:
    """Mean squared error of the outputs, summed over them, that a change of the weights (rows, columns) makes."""
    hessian = hessian.to(torch.promote_types(change.dtype, hessian.dtype))
    change = change.to(hessian.dtype)
    return ((change @ hessian) * change).sum().item()


def hadamard(n: int) -> Tensor:
    """A rotation (n, n) whose entries are all 1/√n or −1/√n.

    Raises:
        ValueError: n is no power of two.
    """
    if n < 1 or n & (n - 1):
        raise ValueError(f"n = {n} is no power of two")
    matrix = torch.ones(1, 1)
    while len(matrix) < n:
        matrix = torch.cat([torch.cat([matrix, matrix], 1), torch.cat([matrix, -matrix], 1)])
    return matrix / n**0.5


def _fits(weight: Tensor, group: int) -> None:
    if group < 1 or weight.shape[-1] % group:
        raise ValueError(f"groups of {group} do not fit: a row has {weight.shape[-1]} weights; take a divisor of that")
    if not torch.isfinite(weight).all():
        raise ValueError(
            "the weight has values that are not finite, and nothing can be rounded: torch.isfinite(weight)"
        )


def _exact(weight: Tensor) -> Tensor:
    """In float32, or in float64 as it is."""
    return weight.to(torch.promote_types(weight.dtype, torch.float32))


def _products(hessian: Tensor, weight: Tensor) -> Tensor:
    """The Hessian of a weight, in float32 or more; refuses one that says nothing of its inputs."""
    columns = weight.shape[-1]
    if hessian.shape != (columns, columns):
        raise ValueError(f"the Hessian must have the shape {(columns, columns)}, got {tuple(hessian.shape)}")
    if not torch.isfinite(hessian).all():
        raise ValueError(
            "the Hessian has values that are not finite: no calibration input reached this layer, and 0 was divided by 0; "
            "or an input was NaN, or its square too large for the type. Calibrate in float32, and look: torch.isfinite(x)."
        )
    if not hessian.diagonal().any():
        raise ValueError(
            "the Hessian is zero: no calibration input reached this layer. Calibrate on more text (an expert may have got "
            "no token), or take to_nearest(weight, bits, group), which needs no inputs."
        )
    return hessian.to(torch.promote_types(_exact(weight).dtype, hessian.dtype))
