"""The task of the lesson prune_module: a layer is cut until its model fits into a budget."""

import copy
import math

import torch
from torch import nn
from torch.nn.utils import parametrize, prune

from course_utils import check, checkpoints

page = check.page(globals())
FOUR = nn.Sequential(check.linear([[0.9, -0.1, 0.7, -0.2]], [1]))
ALIKE = nn.Sequential(check.linear([[2], [2]]), check.linear([[1, 1]]))
INSIDE = nn.Sequential(nn.Sequential(check.linear([[2, -1, 4, 3]], [0.5])), check.linear([[1]]))
SECOND = nn.Sequential(check.linear([[2], [1]]), check.linear([[6, 1], [5, 2], [4, 3]]))


def cut_and_train(fit, model, name, budget):
    x = torch.ones(1, 1, 28, 28) if name == "fc1" else torch.ones(1, next(model.parameters()).shape[1])
    net = fit(model, name, budget)

    def zeros():
        return int((net.get_submodule(name).weight == 0).sum())

    weights = net.get_submodule(name).weight.detach().flatten().sort().values  # of equally small ones any may go
    seen = {"the number of zeros in the layer": zeros(), "what is left in the layer, sorted,": weights + 0.0}
    seen["the output for ones"] = net(x)
    net(x).sum().backward()
    with torch.no_grad():
        for p in net.parameters():
            p -= 0.013 * p.grad
    net(x)
    return seen | {"the number of zeros after a training step": zeros()}


def all_of_one_size(model, name, budget):
    net = copy.deepcopy(model)
    layer = net.get_submodule(name)
    goes = sum(p.numel() for p in net.parameters()) - int((budget - layer.weight.numel() / 8) // 4)
    sizes = layer.weight.detach().abs()
    prune.custom_from_mask(layer, "weight", sizes > sizes.flatten().sort().values[goes - 1])
    return net


def one_after_the_other(model, name, budget):
    net = copy.deepcopy(model)
    layer, left, goes = net.get_submodule(name), sum(p.numel() for p in net.parameters()), 0
    while 4 * (left - goes) + layer.weight.numel() / 8 > budget:
        goes += 1
    mask = torch.ones_like(layer.weight)
    mask.view(-1)[layer.weight.detach().abs().flatten().argsort()[:goes]] = 0
    prune.custom_from_mask(layer, "weight", mask)
    return net


def as_a_fraction(model, name, budget):
    net = copy.deepcopy(model)
    layer = net.get_submodule(name)
    size = layer.weight.numel()
    goes = math.ceil(sum(p.numel() for p in model.parameters()) - (budget - math.ceil(size / 8)) / 4)
    prune.global_unstructured([(layer, "weight")], prune.L1Unstructured, amount=goes / size)
    return net


class Masked(nn.Module):
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
    parametrize.register_parametrization(layer, "weight", Masked(mask))
    return net


FIND, HAVE_WEIGHTS = "net.get_submodule(name)", "(m for m in net.modules() if hasattr(m, 'weight'))"
fit = page.write(
    "fit",
    "Cut to a budget",
    cases={
        "weights 0.9, -0.1, 0.7, -0.2 and a bias; 16 bytes": (FOUR, "0", 16),
        "layer 0 has the weights 2 and 2, and another layer has two; 13 bytes": (ALIKE, "0", 13),
        "weights 2, -1, 4, 3 and a bias, and another layer has one weight; 17 bytes": (INSIDE, "0.0", 17),
        "layer 0 has two weights, layer 1 has six; layer 0 is cut to 29 bytes": (SECOND, "0", 29),
        "layer 0 has two weights, layer 1 has six; layer 1 is cut to 29 bytes": (SECOND, "1", 29),
        "LeNet, fc1, 124,000 bytes": (checkpoints.load("lenet_mnist"), "fc1", 124_000),
    },
    run=cut_and_train,
    wrong={
        "The positions are forgotten. A file without zeros must say where the others stood: one bit for each place.": (
            "layer.weight.numel() / 8 -> 0"
        ),
        "A position takes one bit, and that's an eighth of a byte.": "numel() / 8 -> numel()",
        "Biases and the other layers take bytes, too. Count all numbers of the model.": [
            "sum(p.numel() for p in net.parameters()) -> layer.weight.numel()",
            "for p in net.parameters()) -> for p in net.parameters() if p.ndim > 1)",
        ],
        "Without its mask the layer is open to training, and the zeros move. Leave out prune.remove.": (
            'return net -> prune.remove(layer, "weight")\n    return net'
        ),
        "A float as amount is a fraction of that layer's weights. A count is an int.": (
            "amount=numbers - left -> amount=(numbers - left) / numbers"
        ),
        "You cut as many weights as should be left.": "numbers - left) -> min(left, layer.weight.numel()))",
        "The wrong layer is cut. model.get_submodule(name) finds the one that is asked for.": [
            f"{FIND} -> next({HAVE_WEIGHTS})",
            f"{FIND} -> max({HAVE_WEIGHTS}, key=lambda m: m.weight.numel())",
        ],
        "Of weights that are equally large only as many go as have to. A threshold takes them all.": all_of_one_size,
        "": ["copy.deepcopy(model) -> model", "numbers - left) -> numbers - left, importance_scores=1 / layer.weight)"],
    },
    right=[one_after_the_other, as_a_fraction, by_parametrization],
    steps={"numbers": "all numbers of the model", "left": "how many fit beside the positions"},
    passed="The positions take their bytes, and what the budget has besides says how many numbers may be left.",
)
