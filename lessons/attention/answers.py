"""The exercise of the lesson attention: odd but right answers, and wrong ones as patches of the solution."""

import math

import torch
from torch.nn import functional as F


def by_pytorch(q, k, v):
    return F.scaled_dot_product_attention(q, k, v, is_causal=True)


def token_by_token(q, k, v):
    """Each token gets keys and values up to its own, and no mask."""
    rows = []
    for n in range(q.shape[-2]):
        seen = k[..., : n + 1, :]
        scores = (q[..., n : n + 1, :] * seen).sum(-1) / math.sqrt(q.shape[-1])
        powers = (scores - scores.max(-1, keepdim=True).values).exp()
        weights = powers / powers.sum(-1, keepdim=True)
        rows.append((weights[..., None] * v[..., : n + 1, :]).sum(-2))
    return torch.stack(rows, dim=-2)


def an_added_mask(q, k, v):
    """Minus infinity is added above the diagonal; the root is taken of queries and keys."""
    root = q.shape[-1] ** 0.25
    later = torch.full((q.shape[-2], q.shape[-2]), -math.inf).triu(1)
    return torch.einsum("...ij,...jd->...id", ((q / root) @ (k / root).transpose(-1, -2) + later).softmax(-1), v)


def weights_made_to_add_up(q, k, v):
    """Hidden weights become 0 after the softmax, and the others are scaled up again."""
    weights = (q @ k.mT / math.sqrt(q.shape[-1])).softmax(-1).tril()
    return weights / weights.sum(-1, keepdim=True) @ v


ODD = {"attend": [by_pytorch, token_by_token, an_added_mask, weights_made_to_add_up]}
WRONG = {
    "attend": {
        "no root": (" / q.shape[-1] ** 0.5", ""),
        "divides by the features": ("q.shape[-1] ** 0.5", "q.shape[-1]"),
        "the root of the tokens": ("q.shape[-1] ** 0.5", "q.shape[-2] ** 0.5"),
        "hides what came before": (".tril()", ".triu()"),
        "hides the token itself": (".tril()", ".tril(-1)"),
        "hides by a score of 0": ("-torch.inf).softmax(-1)", "0.0).softmax(-1)"),
        "the mask behind the softmax": (
            "torch.where(allowed, scores, -torch.inf).softmax(-1)",
            "torch.where(allowed, scores.softmax(-1), 0.0)",
        ),
        "what may be seen is hidden": (
            "torch.where(allowed, scores, -torch.inf)",
            "torch.where(allowed, -torch.inf, scores)",
        ),
        "as many tokens as the first dimension has": (
            "torch.ones_like(scores, dtype",
            "torch.ones(len(q), len(q), dtype",
        ),
        "a softmax over the second dimension": ("softmax(-1)", "softmax(1)"),
        "a softmax down the columns": ("softmax(-1)", "softmax(-2)"),
    }
}
EQUIVALENT = {
    "attend": {
        "weights without its sign": "weights are never negative",
        "d without its sign": "a number of features is never negative",
        "`k` in place of `q`, in the number of features of a query": "queries and keys have as many features",
    }
}
