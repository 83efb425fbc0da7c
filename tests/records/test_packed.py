"""fp32 with packed weights: the same numbers."""

import torch
from torch import nn

from records.quantization import packed


def model():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Sequential(nn.Linear(16, 4))).requires_grad_(False)


def test_a_packed_model_computes_the_same_and_leaves_the_original():
    net, x = model(), torch.randn(5, 8)
    expected, kinds = net(x), [type(m) for m in net.modules()]
    twin = packed.pack(net, 5)
    assert torch.allclose(twin(x), expected, atol=1e-6)
    assert [type(m) for m in net.modules()] == kinds and torch.equal(net(x), expected)
    assert sum(isinstance(m, packed.PackedLinear) for m in twin.modules()) == 2
    assert twin[2][0].bias is net[2][0].bias, "what is not packed is shared"
    assert isinstance(packed.pack(net[0], 5), packed.PackedLinear), "the model itself may be a linear layer"
