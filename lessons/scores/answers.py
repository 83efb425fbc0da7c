"""The lesson scores: odd but right answers, and wrong ones as people write them, each a patch of the solution."""

import copy

import torch
from torch.nn.utils import parametrize, prune


def with_topk(layer, inputs, left):
    """Finds what stays with topk, and hands over a mask."""
    layer = copy.deepcopy(layer)
    weight = layer.weight.data
    score = weight.abs() * (inputs**2).sum(0).sqrt()
    best = score.topk(round(left * weight.shape[1]), dim=1)[1]
    mask = torch.zeros_like(weight)
    mask.scatter_(1, best, 1.0)
    prune.custom_from_mask(layer, "weight", mask=mask)
    return layer


def row_by_row(layer, inputs, left):
    """Squares in place of roots, and a loop over the rows; an infinite score for what stays."""
    pruned = copy.deepcopy(layer)
    energy = pruned.weight.detach().square() * inputs.square().mean(dim=0)
    keep = round(energy.shape[1] * left)
    for row in energy:
        order = row.sort(descending=True).indices
        row[order[:keep]] = float("inf")
        row[order[keep:]] = 0
    count = (energy == 0).sum().item()
    prune.l1_unstructured(pruned, name="weight", amount=count, importance_scores=energy)
    return pruned


class _Masked(torch.nn.Module):
    def __init__(self, mask):
        super().__init__()
        self.register_buffer("mask", mask)

    def forward(self, weight):
        return weight * self.mask


def by_parametrization(layer, inputs, left):
    """Torch's parametrizations in place of masks of prune."""
    pruned = copy.deepcopy(layer)
    score = pruned.weight.detach().abs() * inputs.norm(p=2, dim=0, keepdim=True)
    place = score.argsort(dim=1, descending=True).argsort(dim=1)
    mask = (place < round(left * score.size(1))).float()
    parametrize.register_parametrization(pruned, "weight", _Masked(mask))
    return pruned


ODD = {"by_wanda": [with_topk, row_by_row, by_parametrization]}
WRONG = {
    "by_wanda": {
        "magnitude alone": ("layer.weight.abs() * inputs.norm(dim=0)", "layer.weight.abs()"),
        "the weight with its sign": ("layer.weight.abs() * inputs", "layer.weight * inputs"),
        "the sum of the inputs": ("inputs.norm(dim=0)", "inputs.sum(dim=0)"),
        "the squared norm": ("inputs.norm(dim=0)", "inputs.square().sum(dim=0)"),
        "one norm for all inputs": ("inputs.norm(dim=0)", "inputs.norm()"),
        "positions in place of ranks": (".argsort(dim=1).argsort(dim=1)", ".argsort(dim=1)"),
        "the whole layer competes": ("scores.argsort(dim=1).argsort(dim=1)", "scores"),
        "each column competes": ("scores.argsort(dim=1).argsort(dim=1)", "scores.argsort(dim=0).argsort(dim=0)"),
        "what stays is rounded down": ("round(left * columns)", "int(left * columns)"),
        "a share in place of a count, over the layer": (
            "amount=rows * goes, importance_scores=ranks",
            "amount=1 - left, importance_scores=scores",
        ),
        "a share in place of a count, over the ranks": ("amount=rows * goes", "amount=1 - left"),
        "the first row chooses for all": ("ranks = scores.", "ranks = scores[:1].expand_as(scores)."),
        "what stays is removed": ("columns - round(left * columns)", "round(left * columns)"),
        "the lowest stay": ("scores.argsort(dim=1).arg", "(-scores).argsort(dim=1).arg"),
        "the layer itself is cut": ("copy.deepcopy(layer)", "layer"),
        "the masks are removed": ("    return cut", '    prune.remove(cut, "weight")\n    return cut'),
    }
}
ORDER = "only the order of the scores in a row counts"
SIZE = "norms, ranks and counts are never negative"
EQUIVALENT = {
    "by_wanda": {
        "`detach` left out of the scores": "scores with a gradient rank as those without",
        "norms without its sign": SIZE,
        "norms doubled": ORDER,
        "scores without its sign": SIZE,
        "scores doubled": ORDER,
        "ranks without its sign": SIZE,
        "ranks doubled": ORDER,
        "goes without its sign": SIZE,
    }
}
