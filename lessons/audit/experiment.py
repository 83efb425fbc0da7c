"""What the lesson audit puts into its block: attention without weights, and a colleague's linear layer."""

import copy

from torch import Tensor, nn
from torch.nn import functional as F


def attend(qkv: Tensor, heads: int) -> Tensor:
    """Mix the patches of each picture, as `nn.MultiheadAttention` does between its two layers.

    Args:
        qkv: queries, keys and values side by side, float (pictures, patches, 3 * features).
        heads: attention heads.
    Returns:
        float (pictures, patches, features).
    """
    q, k, v = qkv.unflatten(-1, (3, heads, -1)).permute(2, 0, 3, 1, 4)
    return F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)


class Counted(nn.Linear):
    """A linear layer that counts its calls."""

    calls = 0

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        return super().forward(x)


def counted(model: nn.Module) -> nn.Module:
    """A copy in which each linear layer is `Counted`, with the same weights."""
    model = copy.deepcopy(model)
    for layer in model.modules():
        if type(layer) is nn.Linear:
            layer.__class__ = Counted
    return model
