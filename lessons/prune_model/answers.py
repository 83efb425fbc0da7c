"""The lesson prune_model: odd but right answers, and wrong ones as people write them, each a patch of the solution."""

import copy
import math

import torch
from torch import nn
from torch.nn.utils import parametrize, prune


def _layers(net):
    return [(n, m) for n, m in net.named_modules() if isinstance(m, (nn.Linear, nn.Conv2d))]


def protects_then_sorts(model, sparsity):
    """Cuts from a list of all weights that may go, the smallest first."""
    net = copy.deepcopy(model)
    may_go, total = [], 0
    masks = {}
    for name, layer in _layers(net):
        sizes = layer.weight.detach().abs().flatten()
        total += len(sizes)
        masks[name] = torch.ones(len(sizes))
        for place in sizes.argsort()[: len(sizes) - math.ceil(len(sizes) / 20)].tolist():
            may_go.append((sizes[place].item(), name, place))
    for _, name, place in sorted(may_go)[: round(total * sparsity)]:
        masks[name][place] = 0
    for name, layer in _layers(net):
        prune.custom_from_mask(layer, "weight", masks[name].view_as(layer.weight))
    return net


def ten_times_the_largest(model, sparsity):
    """Ranks by the weights themselves, lifts what stays above all others, and names a count."""
    net = copy.deepcopy(model)
    layers = dict(_layers(net))
    top = 10 * max(layer.weight.abs().max().item() for layer in layers.values())
    scores = {}
    for layer in layers.values():
        score = layer.weight.detach().clone()
        flat = score.view(-1)
        flat[flat.abs().argsort(descending=True)[: (len(flat) + 19) // 20]] = top
        scores[layer, "weight"] = score
    total = sum(map(torch.numel, scores.values()))
    prune.global_unstructured(scores.keys(), prune.L1Unstructured, scores, amount=round(sparsity * total))
    return net


class _Masked(nn.Module):
    def __init__(self, mask):
        super().__init__()
        self.register_buffer("mask", mask)

    def forward(self, weight):
        return weight * self.mask


def by_parametrization(model, sparsity):
    net = copy.deepcopy(model)
    ranks = {}
    for name, layer in _layers(net):
        rank = layer.weight.detach().abs().clone()
        rank[rank >= rank.flatten().sort(descending=True).values[-(-rank.numel() // 20) - 1]] = math.inf
        ranks[name] = rank
    row = torch.cat([rank.flatten() for rank in ranks.values()])
    mask = torch.ones(len(row)).index_fill(0, row.argsort()[: round(sparsity * len(row))], 0.0)
    for (_, layer), part in zip(_layers(net), mask.split([r.numel() for r in ranks.values()]), strict=True):
        parametrize.register_parametrization(layer, "weight", _Masked(part.view_as(layer.weight)))
    return net


ODD = {"prune_to": [protects_then_sorts, ten_times_the_largest, by_parametrization]}
WRONG = {
    "prune_to": {
        "no layer has a floor": ("size.topk(floor).indices", "[]"),
        "the floor is rounded down": ("-(-len(size) // 20)", "len(size) // 20"),
        "the floor is a whole weight too high": ("-(-len(size) // 20)", "len(size) // 20 + 1"),
        "the floor is given back after the cut": (
            "importance_scores=scores, amount=sparsity)",
            "amount=sparsity)\n    for key, score in scores.items():\n        key[0].weight_mask[score == torch.inf] = 1",
        ),
        "the smallest stay": ("size.topk(floor)", "size.topk(floor, largest=False)"),
        "the sparsity is what stays": ("amount=sparsity", "amount=1 - sparsity"),
        "the signs are ranked": (".abs()", ""),
        "the scores belong to the model's own layers": ("in net.children()", "in model.children()"),
        "the model itself is cut": ("copy.deepcopy(model)", "model"),
        "the masks are removed": (
            "return net",
            'for layer, name in scores:\n        prune.remove(layer, "weight")\n    return net',
        ),
        "each layer loses the same share": (
            "prune.global_unstructured(list(scores), prune.L1Unstructured, importance_scores=scores, amount=sparsity)",
            "for layer, name in scores:\n        prune.l1_unstructured(layer, name, amount=sparsity)",
        ),
    }
}
EQUIVALENT = {
    "prune_to": {
        "`list` left out": "a dict is as good as a list of its keys",
        "`detach` left out": "scores with a gradient rank as those without",
    }
}
