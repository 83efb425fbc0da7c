"""Keys or values on few levels: the numbers that share a step and a minimum are those of a token, or of a feature."""

import torch


def rounded(x, bits, dim):
    """x on 2**bits levels; the numbers along `dim` share a step and a minimum."""
    low, high = x.amin(dim, keepdim=True), x.amax(dim, keepdim=True)
    step = ((high - low) / (2**bits - 1)).clamp(min=1e-9)
    return low + step * torch.round((x - low) / step)


def by_token(x, bits, head):
    """x (tokens, features), rounded; the `head` features of a token in a head share a step."""
    return rounded(x.unflatten(1, (-1, head)), bits, dim=2).flatten(1)


def by_feature(x, bits, group=32):
    """x (tokens, features), rounded; a feature has a step for each `group` tokens, which divides their number."""
    return rounded(x.unflatten(0, (-1, group)), bits, dim=1).flatten(0, 1)
