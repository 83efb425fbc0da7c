"""The exercise of the lesson adapters: odd but right answers, and wrong ones as patches of the solution."""

import copy
import itertools

from lessons.adapters.levels import LoRA


def rank_after_rank(model, names, budget):
    """Attaches adapters of rank 1, 2, 3, … and counts what they keep, until it's too much."""
    best = None
    for rank in itertools.count(1):
        net = copy.deepcopy(model)
        for p in net.parameters():
            p.requires_grad = False
        for name in names:
            parent, _, last = name.rpartition(".")
            parent = net.get_submodule(parent)
            setattr(parent, last, LoRA(getattr(parent, last), rank=rank))
        if sum((16 if p.requires_grad else 4) * p.numel() for p in net.parameters()) > budget:
            return best
        best = net


def from_the_last_one_on(model, names, budget):
    """Counts in floats and by in_features, and attaches in the other order."""
    net = copy.deepcopy(model)
    left = budget / 4
    for p in net.parameters():
        p.requires_grad = False
        left -= p.numel()
    layers = [net.get_submodule(name) for name in names]
    rank = int(left / 4 / sum(layer.in_features + layer.out_features for layer in layers))
    for name, layer in reversed(list(zip(names, layers, strict=True))):
        net.set_submodule(name, LoRA(layer, rank))
    return net


def frozen_behind(model, names, budget):
    """Attaches first, and freezes all but the adapters afterwards."""
    frozen = sum(p.nbytes for p in model.parameters())
    net = copy.deepcopy(model)
    one = [LoRA(net.get_submodule(name), 1) for name in names]
    rank = (budget - frozen) // sum(4 * (lora.a.nbytes + lora.b.nbytes) for lora in one)
    for name in names:
        net.set_submodule(name, LoRA(net.get_submodule(name), rank))
    for name, p in net.named_parameters():
        p.requires_grad_(name.rsplit(".", 1)[1] in "ab")
    return net


ODD = {"within": [rank_after_rank, from_the_last_one_on, frozen_behind]}
WRONG = {
    "within": {
        "not frozen": (".requires_grad_(False)", ""),
        "frozen after attaching": ("    return adapted", "    return adapted.requires_grad_(False)"),
        "no copy": ("copy.deepcopy(model)", "model"),
        "the given model comes back": ("return adapted", "return model"),
        "gradients, or the numbers themselves, are forgotten": ("16 * numbers", "12 * numbers"),
        "the numbers alone are counted": ("16 * numbers", "4 * numbers"),
        "the frozen weights are forgotten": ("(budget - frozen)", "budget"),
        "gradients for the frozen weights, too": ("4 * sum(p.numel()", "16 * sum(p.numel()"),
        "the frozen weights of the named layers alone": (
            "sum(p.numel() for p in adapted.parameters())",
            "sum(adapted.get_submodule(name).weight.numel() for name in names)",
        ),
        "as many numbers as the matrix": (
            "sum(adapted.get_submodule(name).weight.shape)",
            "adapted.get_submodule(name).weight.numel()",
        ),
        "the inputs alone": (
            "sum(adapted.get_submodule(name).weight.shape)",
            "adapted.get_submodule(name).weight.shape[1]",
        ),
        "rounded up": ("(budget - frozen) // (16 * numbers)", "-(-(budget - frozen) // (16 * numbers))"),
        "one too few": ("(16 * numbers)", "(16 * numbers) - 1"),
        "the first name alone": ("    for name in names:", "    for name in names[:1]:"),
        "always rank 4": (", rank)", ")"),
        "bits in place of bytes": ("(budget - frozen)", "(8 * budget - frozen)"),
        "each layer has a budget of its own": (
            "LoRA(adapted.get_submodule(name), rank)",
            "LoRA(adapted.get_submodule(name), "
            "(budget - frozen) // (16 * len(names) * sum(adapted.get_submodule(name).weight.shape)))",
        ),
    }
}
EQUIVALENT = {}
