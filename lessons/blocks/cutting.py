"""What the lesson blocks and its record do to a Llama: run some of its blocks, and put something else in a block's place."""

import torch
from torch import nn


def logits_of(model, kept, ids):
    """The logits (pieces, tokens, vocabulary) if the residual stream passes these blocks only.

    Args:
        kept: the blocks, or what stands in their places, in order.
        ids: int64 (pieces, tokens).
    """
    blocks = model.model.layers
    model.model.layers = nn.ModuleList(kept)
    try:
        return model(ids, use_cache=False).logits
    finally:
        model.model.layers = blocks


def streams(model, ids):
    """The residual stream (pieces, tokens, features) before each block, and behind the last one."""
    last = []
    hook = model.model.norm.register_forward_pre_hook(lambda _, inputs: last.append(inputs[0]))
    before = model.model(ids, output_hidden_states=True, use_cache=False).hidden_states[:-1]
    hook.remove()
    return [*before, *last]


def influence(before, after):
    """The block influence: 1 - the cosine between each token of the stream before and after, in the mean over tokens.

    Source: X. Men et al., "ShortGPT", 2024, arXiv:2403.03853, section 3.
    """
    return 1 - nn.functional.cosine_similarity(before, after, dim=-1).mean().item()


def fit(before, after, ridge):
    """The matrix of h + h @ a that comes nearest to a gap, by least squares; a closed form.

    Args:
        before: what goes into the gap, (tokens, features).
        after: what comes out of it.
        ridge: a multiple of the mean square of a feature, against noise.

    Source: D. Shopkhoev et al., "ReplaceMe", 2025, arXiv:2505.02819, section 2, on other inputs.
    """
    gram = before.T @ before
    more = ridge * gram.diagonal().mean() * torch.eye(len(gram), dtype=gram.dtype)
    return torch.linalg.solve(gram + more, before.T @ (after - before))


class Map(nn.Module):
    """In the place of a block: h + h @ a for all tokens but the first, and h + vector for the first one.

    Args:
        a: (features, features), or None to leave these tokens as they are.
        vector: (features,), or None to leave the first token as it is.
    """

    def __init__(self, a=None, vector=None):
        super().__init__()
        self.a, self.vector = a, vector

    def forward(self, h, *_, **__):
        first, others = h[:, :1], h[:, 1:]
        first = first if self.vector is None else first + self.vector
        return torch.cat([first, others if self.a is None else others + others @ self.a], 1)


class Instead(nn.Module):
    """In the place of a block: a function of the stream (pieces, tokens, features)."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, h, *_, **__):
        return self.function(h)


class Part(nn.Module):
    """A block that works on the first token alone, or on all others; the rest of the stream passes it by.

    It reads all tokens, so its attention is that of the whole block.
    """

    def __init__(self, block, on_first):
        super().__init__()
        self.block, self.on_first = block, on_first

    def forward(self, h, *args, **more):
        new = self.block(h, *args, **more)
        first, others = (new, h) if self.on_first else (h, new)
        return torch.cat([first[:, :1], others[:, 1:]], 1)
