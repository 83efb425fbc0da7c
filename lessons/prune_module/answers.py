"""The lesson prune_module: odd but right answers, and wrong ones as people write them, each a patch of the solution."""

import copy
import math

import torch
from torch import nn
from torch.nn.utils import parametrize, prune


def takes_one_after_the_other(model, name, budget):
    net = copy.deepcopy(model)
    layer = dict(net.named_modules())[name]
    left = sum(map(torch.numel, net.state_dict().values()))
    goes = 0
    while 4 * (left - goes) + layer.weight.numel() / 8 > budget:
        goes += 1
    mask = torch.ones_like(layer.weight)
    mask.view(-1)[layer.weight.detach().abs().flatten().argsort()[:goes]] = 0
    return prune.custom_from_mask(layer, "weight", mask) and net


def as_a_fraction(model, name, budget):
    net = copy.deepcopy(model)
    layer = net.get_submodule(name)
    size = layer.weight.numel()
    numbers = sum(p.numel() for p in model.parameters())
    goes = math.ceil(numbers - (budget - math.ceil(size / 8)) / 4)
    prune.global_unstructured([(layer, "weight")], prune.L1Unstructured, amount=goes / size)
    return net


class _Masked(nn.Module):
    def __init__(self, mask):
        super().__init__()
        self.register_buffer("mask", mask)

    def forward(self, weight):
        return weight * self.mask


def by_parametrization(model, name, budget):
    net = copy.deepcopy(model)
    layer = net.get_submodule(name)
    numbers, bits = sum(p.numel() for p in net.parameters()), layer.weight.numel()
    goes = -((budget * 8 - bits - 32 * numbers) // 32)
    kept = layer.weight.detach().abs().flatten().topk(bits - goes).indices
    mask = torch.zeros(bits).index_fill(0, kept, 1.0).view_as(layer.weight)
    parametrize.register_parametrization(layer, "weight", _Masked(mask))
    return net


ODD = {"fit": [takes_one_after_the_other, as_a_fraction, by_parametrization]}
WRONG = {
    "fit": {
        "the positions are forgotten": ("layer.weight.numel() / 8", "0"),
        "the first layer is cut": ("net.get_submodule(name)", "next(m for m in net.modules() if hasattr(m, 'weight'))"),
        "the largest layer is cut": (
            "net.get_submodule(name)",
            "max((m for m in net.modules() if hasattr(m, 'weight')), key=lambda m: m.weight.numel())",
        ),
        "a byte for each position": ("layer.weight.numel() / 8", "layer.weight.numel()"),
        "the amount is a fraction of the model": ("amount=numbers - left", "amount=(numbers - left) / numbers"),
        "what is left goes, and what goes is left": ("amount=numbers - left", "amount=min(left, layer.weight.numel())"),
        "only the weight of the layer is counted": ("sum(p.numel() for p in net.parameters())", "layer.weight.numel()"),
        "the mask is removed": ("return net", 'prune.remove(layer, "weight")\n    return net'),
        "the model itself is cut": ("copy.deepcopy(model)", "model"),
        "all of one size go": (
            'prune.l1_unstructured(layer, name="weight", amount=numbers - left)',
            "sizes = layer.weight.detach().abs()\n"
            "    border = sizes.flatten().sort().values[numbers - left - 1]\n"
            '    prune.custom_from_mask(layer, "weight", sizes > border)',
        ),
        "the largest weights go": (
            "amount=numbers - left",
            "amount=numbers - left, importance_scores=1 / layer.weight",
        ),
    }
}
EQUIVALENT = {
    "fit": {
        "left = int((budget - positions) // 4)": "int() rounds the quotient down as well, since it is not negative",
        "`4` dividing without rounding down": "int() rounds the quotient down as well, since it is not negative",
        "positions rounded to 2 digits": "moves eighths by 0.005: a budget of whole bytes holds as many numbers",
        "* without its sign": "counts and bytes are never negative",
    }
}
