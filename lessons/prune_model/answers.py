"""The lesson prune_model: odd but right answers, and wrong ones as people write them, each a patch of the solution."""

import copy
import math

import torch
from torch import nn
from torch.nn.utils import parametrize, prune


def _layers(net):
    return [(n, m) for n, m in net.named_modules() if isinstance(m, (nn.Linear, nn.Conv2d))]


def protects_then_sorts(model, sparsity, keep=()):
    """Cuts from a list of all weights that may go, the smallest first."""
    net = copy.deepcopy(model)
    may_go, total = [], 0
    masks = {}
    for name, layer in _layers(net):
        sizes = layer.weight.detach().abs().flatten()
        total += len(sizes)
        if name in keep:
            continue
        masks[name] = torch.ones(len(sizes))
        for place in sizes.argsort()[: len(sizes) - math.ceil(len(sizes) / 20)].tolist():
            may_go.append((sizes[place].item(), name, place))
    for _, name, place in sorted(may_go)[: round(total * sparsity)]:
        masks[name][place] = 0
    for name, layer in _layers(net):
        if name in masks:
            prune.custom_from_mask(layer, "weight", masks[name].view_as(layer.weight))
    return net


def ten_times_the_largest(model, sparsity, keep=()):
    """Ranks by the weights themselves, and lifts what stays above all others; a kept layer is lifted whole."""
    net = copy.deepcopy(model)
    layers = dict(_layers(net))
    top = 10 * max(layer.weight.abs().max().item() for layer in layers.values())
    scores = {}
    for name, layer in layers.items():
        score = layer.weight.detach().clone()
        flat = score.view(-1)
        many = len(flat) if name in keep else (len(flat) + 19) // 20
        flat[flat.abs().argsort(descending=True)[:many]] = top
        scores[layer, "weight"] = score
    total = sum(map(torch.numel, scores.values()))
    prune.global_unstructured(scores.keys(), prune.L1Unstructured, scores, amount=round(sparsity * total) / total)
    return net


class _Masked(nn.Module):
    def __init__(self, mask):
        super().__init__()
        self.register_buffer("mask", mask)

    def forward(self, weight):
        return weight * self.mask


def by_parametrization(model, sparsity, keep=()):
    net = copy.deepcopy(model)
    ranks = {}
    for name, layer in _layers(net):
        rank = layer.weight.detach().abs().clone()
        if name in keep:
            rank[:] = math.inf
        else:
            rank[rank >= rank.flatten().sort(descending=True).values[-(-rank.numel() // 20) - 1]] = math.inf
        ranks[name] = rank
    row = torch.cat([rank.flatten() for rank in ranks.values()])
    mask = torch.ones(len(row)).index_fill(0, row.argsort()[: round(sparsity * len(row))], 0.0)
    for (name, layer), part in zip(_layers(net), mask.split([r.numel() for r in ranks.values()]), strict=True):
        if name not in keep:
            parametrize.register_parametrization(layer, "weight", _Masked(part.view_as(layer.weight)))
    return net


ODD = {"prune_to": [protects_then_sorts, ten_times_the_largest, by_parametrization]}
WRONG = {
    "prune_to": {
        "no layer has a floor": ("size.flatten().topk(floor).indices", "[]"),
        "the floor is rounded down": ("-(-size.numel() // 20)", "size.numel() // 20"),
        "the kept layers do not count": (
            "            total += layer.weight.numel()\n            if name not in keep:",
            "            if name not in keep:\n                total += layer.weight.numel()",
        ),
        "the sparsity is what stays": ("round(sparsity * total)", "total - round(sparsity * total)"),
        "convolutions are forgotten": ("nn.Linear | nn.Conv2d", "nn.Linear"),
        "keep is forgotten": ("name not in keep", "True"),
        "only the outermost layers": ("named_modules", "named_children"),
        "the model itself is cut": ("copy.deepcopy(model)", "model"),
        "the masks are removed": (
            "return net",
            'for layer, name in scores:\n        prune.remove(layer, "weight")\n    return net',
        ),
        "each layer loses the same share": (
            "prune.global_unstructured(list(scores), prune.L1Unstructured, importance_scores=scores, amount=goes)",
            "for layer, name in scores:\n        prune.l1_unstructured(layer, name, amount=sparsity)",
        ),
    }
}
EQUIVALENT = {
    "prune_to": {
        "`list` left out": "a dict is as good as a list of its keys",
        "`detach` left out": "scores with a gradient rank as those without",
        "total without its sign": "counts are never negative",
        "goes without its sign": "counts are never negative",
    }
}
