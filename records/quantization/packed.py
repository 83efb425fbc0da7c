"""Better fp32 on a CPU: linear layers whose weights are packed once, as int8's are; what int8 must be compared with."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

NOT_HERE = "oneDNN's operators for packed weights are not in this PyTorch, so there is no packed fp32 on this machine."


class PackedLinear(nn.Module):
    """A linear layer in fp32 whose weight is packed once, for inputs of `n_rows` rows. CPU only.

    Input (…, in_features), output (…, out_features), float32; `n_rows` is the product of all but the last size.
    """

    def __init__(self, linear: nn.Linear, n_rows: int):
        super().__init__()
        # Two operators behind torch.compile's frozen models. They are PyTorch's own, and may change.
        self.weight = torch.ops.mkldnn._reorder_linear_weight(linear.weight.detach(), n_rows)
        self.bias = linear.bias

    def forward(self, x: Tensor) -> Tensor:
        return torch.ops.mkldnn._linear_pointwise(x, self.weight, self.bias, "none", [], "")


def can_pack() -> bool:
    """True where PyTorch was built with oneDNN and has both operators."""
    operators = ("_reorder_linear_weight", "_linear_pointwise")
    return torch.backends.mkldnn.is_available() and all(hasattr(torch.ops.mkldnn, name) for name in operators)


def pack(model: nn.Module, n_rows: int) -> nn.Module:
    """A twin with packed linear layers, for inference; it shares every other parameter with the model.

    Args:
        model: fp32, on the CPU. Layers of a class derived from nn.Linear stay as they are.
        n_rows: rows that a linear layer gets at once, for example batch times tokens.
    Raises:
        LookupError: this PyTorch cannot pack (`can_pack`).
    """
    if not can_pack():
        raise LookupError(NOT_HERE)
    if type(model) is nn.Linear:
        return PackedLinear(model, n_rows)
    twin = copy.copy(model)
    twin._modules = {name: pack(child, n_rows) for name, child in model.named_children()}
    return twin
