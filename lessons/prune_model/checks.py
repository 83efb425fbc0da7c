"""The check of the lesson prune_model: one threshold for a whole model, and a floor for each layer."""

import copy
import math

import torch
from hypothesis import strategies as st
from torch import nn
from torch.nn.utils import prune

from course_utils.checkpoints import load
from course_utils.checks import effects, exercise


@exercise(
    "One threshold, with a floor",
    why="One order over all the weights that may go, and each layer's largest 5 % stand outside of it.",
)
def prune_to(model, sparsity):
    net = copy.deepcopy(model)
    scores = {}
    for layer in net.children():
        size = layer.weight.detach().abs().flatten()
        floor = math.ceil(len(size) / 20)
        size[size.topk(floor).indices] = torch.inf
        scores[layer, "weight"] = size.view_as(layer.weight)
    prune.global_unstructured(list(scores), prune.L1Unstructured, importance_scores=scores, amount=sparsity)
    return net


def _each_by_itself(model, sparsity):
    net = copy.deepcopy(model)
    for layer in net.children():
        prune.l1_unstructured(layer, "weight", amount=sparsity)
    return net


def _given_back(model, sparsity):
    net = copy.deepcopy(model)
    prune.global_unstructured([(layer, "weight") for layer in net.children()], prune.L1Unstructured, amount=sparsity)
    for layer in net.children():
        size = layer.weight_orig.detach().abs().flatten()
        layer.weight_mask.view(-1)[size.topk(math.ceil(len(size) / 20)).indices] = 1
    return net


@st.composite
def _calls(draw):
    widths = draw(st.lists(st.integers(1, 3), min_size=3, max_size=3))
    counts = [a * b for a, b in zip(widths, widths[1:], strict=False)]
    order = torch.tensor(draw(st.permutations(range(1, sum(counts) + 1)))).float()  # no two are equally large
    parts = order.mul((-1.0) ** order).split(counts)
    layers = [
        effects.linear(part.view(-1, n), torch.ones(len(part) // n)) for part, n in zip(parts, widths, strict=False)
    ]
    shares = [goes / sum(counts) for goes in range(sum(counts) - 1)]
    whole = [share for share in shares if (share * sum(counts)).is_integer()]  # however one rounds
    return nn.Sequential(*layers), draw(st.sampled_from(whole))


def _seen(net, model, *_):
    x = torch.linspace(0.5, 1.5, 784)
    x = x.view(1, 1, 28, 28) if hasattr(model, "conv1") else x[None, : next(model.parameters()).shape[1]]
    with torch.no_grad():
        outputs, left = net(x), {name: (layer.weight != 0).sum().item() for name, layer in net.named_children()}
    trained = copy.deepcopy(net)
    trained(x).sum().backward()
    effects.descend(trained, 0.013)
    trained(x)
    return {
        "the weights left in each layer": left,
        **{f"the weights of layer `{name}`": layer.weight.detach() for name, layer in net.named_children()},
        "the outputs": outputs,
        "the weights left after a training step": {
            n: (m.weight != 0).sum().item() for n, m in trained.named_children()
        },
    }


_two = nn.Sequential(effects.linear(torch.tensor([[4.0, -3.0]])), effects.linear(torch.tensor([[0.5]])))
_long = [effects.linear(torch.arange(1.0, 25).view(2, 12)), effects.linear(torch.arange(30.0, 36).view(3, 2))]
_lenet = load("lenet_mnist")
with torch.no_grad():
    _lenet.fc2.weight /= 10  # one threshold for all would empty it
prune_to.tries(
    _calls(),
    also=[
        (_two, 1 / 3),
        (nn.Sequential(*_long), 25 / 30),
        (_lenet, 56248 / 59838),
    ],
    examples=50,
)
prune_to.looks({"": _seen})
prune_to.ideas(
    {
        "floor = 0": "Each layer keeps its largest 5 %: hand over scores of infinity for them, as `importance_scores` "
        'with the keys `(layer, "weight")`, where `layer` is one of the copy.',
        ("floor = len(size) // 20", "floor = max(1, len(size) // 20)", "floor = len(size) // 20 + 1"): "What a layer "
        "keeps in any case is 5 % of its weights, rounded up: 1 of 20, and 2 of 21.",
        _given_back: "You give back to a layer after the cut, so too few go: protect its largest 5 % before.",
        _each_by_itself: "You cut each layer by the same share: rank the weights of all layers together.",
    }
)
