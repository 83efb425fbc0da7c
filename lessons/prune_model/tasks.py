"""The task of the lesson prune_model: one threshold for a whole model, and a floor for each layer."""

import copy
import math

import torch
from torch import nn
from torch.nn.utils import parametrize, prune

from course_utils import check, checkpoints

page = check.page(globals())


def left(net):
    return {name: int((layer.weight != 0).sum()) for name, layer in net.named_children()}


def cut_and_train(answer, model, sparsity):
    net = answer(model, sparsity)
    x = torch.linspace(0.5, 1.5, 784)
    x = x.view(1, 1, 28, 28) if hasattr(model, "conv1") else x[None, : next(model.parameters()).shape[1]]
    output = net(x)
    seen = {f"the number of weights that are left in layer {name}": count for name, count in left(net).items()}
    seen |= {f"the weight of layer {name}": layer.weight.detach().clone() for name, layer in net.named_children()}
    seen["the output"] = output.detach().clone()
    output.sum().backward()
    with torch.no_grad():
        for p in net.parameters():
            p -= 0.013 * p.grad
    net(x)
    after = {f"after a training step, the number of weights in layer {n}": count for n, count in left(net).items()}
    return seen | after


def layers_of(net):
    return [(n, m) for n, m in net.named_modules() if isinstance(m, (nn.Linear, nn.Conv2d))]


def protects_then_sorts(model, sparsity):
    """Cuts from a list of all weights that may go, the smallest first."""
    net = copy.deepcopy(model)
    may_go, total = [], 0
    masks = {}
    for name, layer in layers_of(net):
        sizes = layer.weight.detach().abs().flatten()
        total += len(sizes)
        masks[name] = torch.ones(len(sizes))
        for place in sizes.argsort()[: len(sizes) - math.ceil(len(sizes) / 20)].tolist():
            may_go.append((sizes[place].item(), name, place))
    for _, name, place in sorted(may_go)[: round(total * sparsity)]:
        masks[name][place] = 0
    for name, layer in layers_of(net):
        prune.custom_from_mask(layer, "weight", masks[name].view_as(layer.weight))
    return net


def ten_times_the_largest(model, sparsity):
    """Ranks by the weights themselves, lifts what stays above all others, and names a count."""
    net = copy.deepcopy(model)
    layers = dict(layers_of(net))
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


class Masked(nn.Module):
    def __init__(self, mask):
        super().__init__()
        self.register_buffer("mask", mask)

    def forward(self, weight):
        return weight * self.mask


def by_parametrization(model, sparsity):
    net = copy.deepcopy(model)
    ranks = {}
    for name, layer in layers_of(net):
        rank = layer.weight.detach().abs().clone()
        rank[rank >= rank.flatten().sort(descending=True).values[-(-rank.numel() // 20) - 1]] = math.inf
        ranks[name] = rank
    row = torch.cat([rank.flatten() for rank in ranks.values()])
    mask = torch.ones(len(row)).index_fill(0, row.argsort()[: round(sparsity * len(row))], 0.0)
    for (_, layer), part in zip(layers_of(net), mask.split([r.numel() for r in ranks.values()]), strict=True):
        parametrize.register_parametrization(layer, "weight", Masked(part.view_as(layer.weight)))
    return net


def numbers(first, rows, columns):
    """A layer with the weights first, first + 1, and so on."""
    return check.linear(torch.arange(float(first), first + rows * columns).view(rows, columns))


TWO = nn.Sequential(check.linear([[4, -3]]), check.linear([[0.5]]))
MIXED = nn.Sequential(check.linear([[3, -8], [1, -5], [7, -2]], [1, 1, 1]), check.linear([[-4, 9, 6]], [1]))
LENET = checkpoints.load("lenet_mnist")
with torch.no_grad():
    LENET.fc2.weight /= 10  # one threshold for all would empty it
FLOOR, CUT = "-(-len(size) // 20) -> ", "importance_scores=scores, amount=sparsity)"
GLOBAL = "prune.global_unstructured(list(scores), prune.L1Unstructured, importance_scores=scores, amount=sparsity)"
prune_to = page.write(
    "prune_to",
    "One threshold, with a floor",
    cases={
        "weights 4, -3 and 0.5 in two layers; one of three goes": (TWO, 1 / 3),
        "six weights and three, up to a size of 9; four of nine go": (MIXED, 4 / 9),
        "six weights and three, up to a size of 9; none goes": (MIXED, 0.0),
        "weights 1 to 20 and 101 to 120; 19 of 40 go": (nn.Sequential(numbers(1, 20, 1), numbers(101, 1, 20)), 19 / 40),
        "weights 1 to 24 and 30 to 35; 25 of 30 go": (nn.Sequential(numbers(1, 2, 12), numbers(30, 3, 2)), 25 / 30),
        "LeNet, with small weights in fc2; 56,248 of 59,838 go": (LENET, 56248 / 59838),
    },
    run=cut_and_train,
    wrong={
        "A layer keeps its largest 5 %, whatever the threshold. Give them infinity as their score.": (
            "size.topk(floor).indices -> []"
        ),
        "What a layer keeps in any case is 5 % of its weights, rounded up: 1 of 20, and 2 of 21.": [
            FLOOR + "len(size) // 20",
            FLOOR + "max(1, len(size) // 20)",
            FLOOR + "max(1, round(len(size) / 20))",
            FLOOR + "len(size) // 20 + 1",
        ],
        "You give weights back to a layer after the cut, so too few are gone. Protect its largest 5 % before.": (
            f"{CUT} -> amount=sparsity)\n    for key, score in scores.items():\n"
            "        key[0].weight_mask[score == torch.inf] = 1\n        key[0].weight = key[0].weight_orig * key[0].weight_mask"
        ),
        "Each layer loses the same share. Rank the weights of all layers together.": (
            f"{GLOBAL} -> for layer, name in scores:\n        prune.l1_unstructured(layer, name, amount=sparsity)"
        ),
        "The smallest weights of a layer are protected, and its largest should be.": (
            "size.topk(floor) -> size.topk(floor, largest=False)"
        ),
        "You take the sparsity as the share that stays. It's the share that goes.": "amount=sparsity -> amount=1 - sparsity",
        "Rank magnitudes: a weight of -3 is larger than one of 2.": ".abs() -> ",
        "Your function cuts the layers of the model that was given. Take the layers of the copy.": (
            "in net.children() -> in model.children()"
        ),
        "Without its masks the model is open to training, and the zeros move. Leave out prune.remove.": (
            '    return net ->     for layer, name in scores:\n        prune.remove(layer, "weight")\n    return net'
        ),
        "": "copy.deepcopy(model) -> model",
    },
    right=[protects_then_sorts, ten_times_the_largest, by_parametrization],
    passed="There's one order over all the weights that may go, and each layer's largest 5 % stand outside of it.",
)
