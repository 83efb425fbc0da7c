"""The mask that a learner's function gives: as numbers to compare, or a mistake that says why it is none."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from course_utils.exercises.mistake import Mistake


def as_mask(
    value: object,
    like: torch.Tensor,
    name: str = "weight",
    masked: str = "You return weights. Wanted is the mask: 1 where a weight stays.",
    passing: Sequence[int] = (0, 1),
) -> torch.Tensor:
    """The returned mask as numbers.

    Args:
        value: whatever the function gave.
        like: the weights or scores that the mask is for; (...), on the CPU.
        name: of `like`, for the message.
        masked: the hint for an answer that is `like` itself, with or without zeros.
        passing: the values that are let through.
    Returns:
        float64, shaped like `like`, on the CPU, with the values of `passing`.
    Raises:
        Mistake: it is no tensor, of another shape, or has other values.
    """
    try:
        mask = torch.as_tensor(value).detach().cpu().to_dense().double()
        shape, known = mask.shape, bool(torch.isin(mask, torch.tensor(passing).double()).all())
        is_like = shape == like.shape and bool(((mask == 0) | (mask == like)).all())
    except Exception:  # whatever torch says to it, it is no mask
        raise Mistake("Your function did not return a tensor.", "Return a tensor of zeros and ones.") from None
    if shape != like.shape:
        raise Mistake(f"Your mask has another shape than the {name}.", "A mask has one entry for each weight.")
    if not known:
        hint = masked if is_like else "1 means that a weight stays, 0 that it goes."
        raise Mistake("Your mask has other values than 0 and 1.", hint)
    return mask
