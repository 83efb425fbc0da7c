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
        prune.custom_from_mask(layer, "weight", mask=mask)
        x = F.linear(x, weight * mask, layer.bias.data).clamp(min=0)
    return net


def row_by_row(net, images, left):
    """Squares in place of roots, and a loop over the rows; an infinite score for what stays."""
    pruned = copy.deepcopy(net)
    x = images.flatten(start_dim=1)
    layers = [pruned.fc1, pruned.fc2]
    while layers:
        layer = layers.pop(0)
        energy = layer.weight.detach().square() * x.square().mean(dim=0)
        keep = round(energy.shape[1] * left)
        for row in energy:
            order = row.sort(descending=True).indices
            row[order[:keep]] = float("inf")
            row[order[keep:]] = 0
        count = (energy == 0).sum().item()
        prune.l1_unstructured(layer, name="weight", amount=count, importance_scores=energy)
        x = layer(x).detach().relu()
    return pruned


class _Masked(torch.nn.Module):
    def __init__(self, mask):
        super().__init__()
        self.register_buffer("mask", mask)

    def forward(self, weight):
        return weight * self.mask


def by_parametrization(net, images, left):
    """The input seen by a hook, and torch's parametrizations in place of its masks."""
    model, inputs = copy.deepcopy(net), {}
    for name in ("fc1", "fc2"):
        layer = model.get_submodule(name)
        hook = layer.register_forward_pre_hook(lambda _, args, name=name: inputs.update({name: args[0]}))
        with torch.no_grad():
            model(images)
        hook.remove()
        score = layer.weight.detach().abs() * inputs[name].norm(p=2, dim=0, keepdim=True)
        place = score.argsort(dim=1, descending=True).argsort(dim=1)
        mask = (place < round(left * score.size(1))).float()
        parametrize.register_parametrization(layer, "weight", _Masked(mask))
    return model


ODD = {"by_wanda": [with_topk, row_by_row, by_parametrization]}
WRONG = {
    "by_wanda": {
        "magnitude alone": ("layer.weight.abs() * x.norm(dim=0)", "layer.weight.abs()"),
        "the weight with its sign": ("layer.weight.abs() * x", "layer.weight * x"),
        "the sum of the inputs": ("x.norm(dim=0)", "x.sum(dim=0)"),
        "the squared norm": ("x.norm(dim=0)", "x.square().sum(dim=0)"),
        "positions in place of ranks": (".argsort(dim=1).argsort(dim=1)", ".argsort(dim=1)"),
        "the whole layer competes": ("scores.argsort(dim=1).argsort(dim=1)", "scores"),
        "each column competes": ("scores.argsort(dim=1).argsort(dim=1)", "scores.argsort(dim=0).argsort(dim=0)"),
        "what stays is removed": ("columns - round(left * columns)", "round(left * columns)"),
        "the lowest stay": ("scores.argsort(dim=1).arg", "(-scores).argsort(dim=1).arg"),
        "the inputs of the whole network": (
            "            x = torch.relu(layer(x))",
            "            x = torch.relu(net.fc1(images.flatten(1)))",
        ),
        "the ReLU is forgotten": ("torch.relu(layer(x))", "layer(x)"),
        "the net itself is cut": ("copy.deepcopy(net)", "net"),
        "fc3 is cut as well": ("(cut.fc1, cut.fc2)", "(cut.fc1, cut.fc2, cut.fc3)"),
        "only fc1": ("(cut.fc1, cut.fc2)", "(cut.fc1,)"),
        "the masks are removed": (
            "            x = torch",
            '            prune.remove(layer, "weight")\n            x = torch',
        ),
    }
}
EQUIVALENT = {"by_wanda": {}}
