"""The task of the lesson adapters: adapters of the largest rank that a training run has memory for."""

import copy
import itertools

import torch
from torch import nn

from course_utils import check
from lessons.adapters.levels import LoRA

page = check.page(globals())


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


def adapted(answer, model, names, budget):
    x = torch.ones(3, next(m for m in model.modules() if isinstance(m, nn.Linear)).in_features)
    start, asked = model(x).detach(), [p.requires_grad for p in model.parameters()]
    net = answer(model, names, budget)
    if not isinstance(net, nn.Module):
        raise check.Mistake(f"A model should come back, and not {check.tell(net)}.")
    if net is model or any(hasattr(m, "a") for m in model.modules()):
        raise check.Mistake("The model that was given is changed: attach the adapters to a copy.")
    if [p.requires_grad for p in model.parameters()] != asked:
        raise check.Mistake("The model that was given is frozen now: freeze a copy.")
    adapters = {name: m for name, m in net.named_modules() if hasattr(m, "a") and hasattr(m, "b")}
    trained = sum(p.numel() for p in net.parameters() if p.requires_grad)
    frozen = sum(p.numel() for p in net.parameters()) - trained
    return {
        "the list of layers with an adapter": sorted(adapters),
        "the rank of each adapter": [len(adapters[name].a) for name in sorted(adapters)],
        "the number of frozen numbers": frozen,
        "the number of trained numbers": trained,
        "the largest change of the outputs at the start": (net(x) - start).abs().max().item(),
    }


def net(*sizes):
    return nn.Sequential(*(nn.Linear(*size) for size in zip(sizes, sizes[1:], strict=False)))


torch.manual_seed(0)


within = page.write(
    "within",
    "The largest rank that fits",
    cases={
        "one weight and its bias, 50 bytes": (net(1, 1), ["0"], 50),
        "Linear(2, 1), 108 bytes, exactly what rank 2 keeps": (net(2, 1), ["0"], 108),
        "Linear(8, 4), one byte less than rank 6 keeps": (net(8, 4), ["0"], 1295),
        "two layers, an adapter on the second, 200 bytes": (net(2, 1, 2), ["1"], 200),
        "two layers, adapters on both, 500 bytes": (net(2, 3, 1), ["0", "1"], 500),
        "Linear(20, 20) twice, an adapter on the second, 4,640 bytes": (net(20, 20, 20), ["1"], 4640),
        "nested layers, adapters on 0.1 and 1.0, 1,000 bytes": (
            nn.Sequential(net(2, 3, 4), net(4, 2)),
            ["0.1", "1.0"],
            1000,
        ),
    },
    run=adapted,
    wrong={
        "Freeze the copy before you attach, so that only what is new is trained, and all of that.": [
            ".requires_grad_(False) -> ",
            "    return adapted ->     return adapted.requires_grad_(False)",
        ],
        "The frozen weights take 4 bytes each of the budget before any adapter comes.": "(budget - frozen) -> budget",
        "A trained number keeps more than itself: its gradient and AdamW's two averages as well, 16 bytes in all.": [
            "16 * numbers -> 12 * numbers",
            "16 * numbers -> 4 * numbers",
        ],
        "A frozen weight has no gradient and no averages: it keeps 4 bytes.": "4 * sum(p.numel() -> 16 * sum(p.numel()",
        "Each rank is one row of A and one column of B: as many numbers as the layer has inputs and outputs together.": [
            "sum(adapted.get_submodule(name).weight.shape) -> adapted.get_submodule(name).weight.numel()",
            "sum(adapted.get_submodule(name).weight.shape) -> adapted.get_submodule(name).weight.shape[1]",
        ],
        "All of the model is kept, and not only the layers with an adapter: count every frozen number.": "sum(p.numel() for p in adapted.parameters()) -> sum(adapted.get_submodule(name).weight.numel() for name in names)",
        "Every name gets an adapter, and not the first one alone.": "    for name in names: ->     for name in names[:1]:",
        "The model that was given is changed: attach the adapters to a copy.": [
            "copy.deepcopy(model) -> model",
            "return adapted -> return model",
        ],
        "": [
            "(budget - frozen) // (16 * numbers) -> -(-(budget - frozen) // (16 * numbers))",
            "(16 * numbers) -> (16 * numbers) - 1",
            ", rank) -> )",
            "(budget - frozen) -> (8 * budget - frozen)",
            "LoRA(adapted.get_submodule(name), rank) -> LoRA(adapted.get_submodule(name), (budget - frozen) // (16 * len(names) * sum(adapted.get_submodule(name).weight.shape)))",
        ],
    },
    right=[rank_after_rank, from_the_last_one_on, frozen_behind],
    steps={"frozen": "the bytes of the frozen numbers", "numbers": "the numbers of one rank"},
    passed="Each frozen number keeps 4 bytes, each trained one 16. What the frozen ones leave is shared by the ranks.",
)
