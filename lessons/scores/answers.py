"""The lesson scores: odd but right answers, and wrong ones as people write them, each a patch of the solution."""

import copy

import torch
from torch.nn.utils import parametrize, prune


def with_topk(net, images, left):
    """Finds what stays with topk, and hands over a mask."""
    net = copy.deepcopy(net)
    weight = net.fc2.weight.data
    with torch.no_grad():
        hidden = net.fc1(images.flatten(1)).clamp(min=0)
    score = weight.abs() * (hidden**2).sum(0).sqrt()
    best = score.topk(round(left * weight.shape[1]), dim=1)[1]
    mask = torch.zeros_like(weight)
    mask.scatter_(1, best, 1.0)
    prune.custom_from_mask(net.fc2, "weight", mask=mask)
    return net


def row_by_row(net, images, left):
    """A hook that sees what fc2 is given, squares in place of roots, and a loop over the rows."""
    pruned, given = copy.deepcopy(net), []
    hook = pruned.fc2.register_forward_pre_hook(lambda layer, inputs: given.append(inputs[0].detach()))
    pruned(images)
    hook.remove()
    energy = pruned.fc2.weight.detach().square() * given[0].square().mean(dim=0)
    keep = round(energy.shape[1] * left)
    for row in energy:
        order = row.sort(descending=True).indices
        row[order[:keep]] = float("inf")
        row[order[keep:]] = 0
    count = (energy == 0).sum().item()
    prune.l1_unstructured(pruned.fc2, name="weight", amount=count, importance_scores=energy)
    return pruned


class _Masked(torch.nn.Module):
    def __init__(self, mask):
        super().__init__()
        self.register_buffer("mask", mask)

    def forward(self, weight):
        return weight * self.mask


def by_parametrization(net, images, left):
    """Torch's parametrizations in place of masks of prune."""
    pruned = copy.deepcopy(net)
    inputs = torch.nn.functional.relu(pruned.fc1(torch.flatten(images, 1)))
    score = (pruned.fc2.weight.abs() * inputs.norm(p=2, dim=0, keepdim=True)).detach()
    place = score.argsort(dim=1, descending=True).argsort(dim=1)
    mask = (place < round(left * score.size(1))).float()
    parametrize.register_parametrization(pruned.fc2, "weight", _Masked(mask))
    return pruned


ODD = {"by_wanda": [with_topk, row_by_row, by_parametrization]}
WRONG = {
    "by_wanda": {
        "the inputs of the network": ("torch.relu(net.fc1(images.flatten(1)))", "images.flatten(1)"),
        "no ReLU": ("torch.relu(net.fc1(images.flatten(1)))", "net.fc1(images.flatten(1))"),
        "fc1 is cut as well": (
            "    return cut",
            '    prune.l1_unstructured(cut.fc1, "weight", amount=1 - left)\n    return cut',
        ),
        "magnitude alone": ("net.fc2.weight.abs() * inputs.norm(dim=0)", "net.fc2.weight.abs().detach()"),
        "the weight with its sign": ("net.fc2.weight.abs() * inputs", "net.fc2.weight * inputs"),
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
        "the network itself is cut": ("copy.deepcopy(net)", "net"),
        "the masks are removed": ("    return cut", '    prune.remove(cut.fc2, "weight")\n    return cut'),
    }
}
ORDER = "only the order of the scores in a row counts"
SIZE = "norms, ranks and counts are never negative"
EQUIVALENT = {
    "by_wanda": {
        "`detach` left out of the inputs of fc2": "ranks have no gradient",
        "inputs without its sign": SIZE,
        "inputs doubled": ORDER,
        "`detach` left out of the scores": "ranks have no gradient",
        "norms without its sign": SIZE,
        "norms doubled": ORDER,
        "scores without its sign": SIZE,
        "scores doubled": ORDER,
        "ranks without its sign": SIZE,
        "ranks doubled": ORDER,
        "goes without its sign": SIZE,
    }
}
