"""The lesson scores: odd but right answers, and wrong ones as people write them, each a patch of the solution."""

import copy

import torch
from torch.nn import functional as F
from torch.nn.utils import parametrize, prune


def with_topk(net, images, left):
    """Finds what stays with topk, and hands over a mask."""
    net = copy.deepcopy(net)
    x = images.reshape(len(images), -1)
    for name in ["fc1", "fc2"]:
        layer = getattr(net, name)
        weight = layer.weight.data
        score = weight.abs() * (x**2).sum(0).sqrt()
        best = score.topk(round(left * weight.shape[1]), dim=1)[1]
        mask = torch.zeros_like(weight)
        mask.scatter_(1, best, 1.0)
        x = F.linear(x, weight, layer.bias.data).clamp(min=0)
        prune.custom_from_mask(layer, "weight", mask=mask)
    return net


def row_by_row(net, images, left):
    """Squares in place of roots, and a loop over the rows; an infinite score for what stays."""
    pruned = copy.deepcopy(net)
    with torch.no_grad():
        first = images.flatten(start_dim=1)
        received = [first, net.fc1(first).relu()]
    for layer in [pruned.fc1, pruned.fc2]:
        energy = layer.weight.detach().square() * received.pop(0).square().mean(dim=0)
        keep = round(energy.shape[1] * left)
        for row in energy:
            order = row.sort(descending=True).indices
            row[order[:keep]] = float("inf")
            row[order[keep:]] = 0
        count = (energy == 0).sum().item()
        prune.l1_unstructured(layer, name="weight", amount=count, importance_scores=energy)
    return pruned


class _Masked(torch.nn.Module):
    def __init__(self, mask):
        super().__init__()
        self.register_buffer("mask", mask)

    def forward(self, weight):
        return weight * self.mask


def by_parametrization(net, images, left):
    """The inputs seen by hooks, and torch's parametrizations in place of masks of prune."""
    model, inputs, hooks = copy.deepcopy(net), {}, []
    for name in ("fc1", "fc2"):
        layer = model.get_submodule(name)
        hooks.append(layer.register_forward_pre_hook(lambda _, args, name=name: inputs.update({name: args[0]})))
    model(images)
    for hook in hooks:
        hook.remove()
    for name, x in inputs.items():
        layer = model.get_submodule(name)
        score = layer.weight.detach().abs() * x.detach().norm(p=2, dim=0, keepdim=True)
        place = score.argsort(dim=1, descending=True).argsort(dim=1)
        mask = (place < round(left * score.size(1))).float()
        parametrize.register_parametrization(layer, "weight", _Masked(mask))
    return model


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
        "what stays is removed": ("columns - round(left * columns)", "round(left * columns)"),
        "the lowest stay": ("scores.argsort(dim=1).arg", "(-scores).argsort(dim=1).arg"),
        "the inputs after the cut": (
            "        prune.l1_unstructured(layer",
            "        if layer is cut.fc2:\n"
            "            scores = (layer.weight.abs() * torch.relu(cut.fc1(x)).norm(dim=0)).detach()\n"
            "            ranks = scores.argsort(dim=1).argsort(dim=1)\n"
            "        prune.l1_unstructured(layer",
        ),
        "the ReLU is forgotten": ("torch.relu(net.fc1(x))", "net.fc1(x)"),
        "the net itself is cut": ("copy.deepcopy(net)", "net"),
        "only fc1": ("((cut.fc1, x), (cut.fc2, hidden))", "((cut.fc1, x),)"),
        "the masks are removed": ("    return cut", '        prune.remove(layer, "weight")\n    return cut'),
    }
}
ORDER = "only the order of the scores in a row counts"
SIZE = "norms and counts are never negative"
EQUIVALENT = {
    "by_wanda": {
        "cut, x = (copy.deepcopy(net), images.flatten(1)): 1 -> 2": "a channel stays as an axis of one, which a layer leaves alone",
        "`detach` left out of the last layer's scores": "scores with a gradient rank as those without",
        "hidden without its sign": "after a ReLU nothing is negative",
        "hidden doubled": ORDER,
        "norms without its sign": SIZE,
        "norms doubled": ORDER,
        "scores without its sign": SIZE,
        "scores doubled": ORDER,
        "goes without its sign": SIZE,
    }
}
