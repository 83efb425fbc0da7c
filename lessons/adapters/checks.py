"""The check of the lesson adapters: adapters of the largest rank that a training has memory for."""

import copy

import torch
from torch import nn

from course_utils.checks import exercise
from course_utils.checks.effects import Said
from lessons.adapters.levels import LoRA


def _within(model, names, budget):
    adapted = copy.deepcopy(model).requires_grad_(False)
    frozen = 4 * sum(p.numel() for p in adapted.parameters())
    numbers = sum(sum(adapted.get_submodule(name).weight.shape) for name in names)
    rank = (budget - frozen) // (16 * numbers)
    for name in names:
        adapted.set_submodule(name, LoRA(adapted.get_submodule(name), rank))
    return adapted


@exercise(
    "The largest rank that fits",
    of=[_within],
    why="Each frozen number keeps 4 bytes, each trained one 16. What the frozen ones leave is shared by the ranks.",
)
def within(answer, model, names, budget):
    x = torch.ones(3, next(m for m in model.modules() if isinstance(m, nn.Linear)).in_features)
    start = model(x).detach()
    asked = [p.requires_grad for p in model.parameters()]
    net = answer(model, names, budget)
    if not isinstance(net, nn.Module):
        return {"what comes back": Said(f"something of the type {type(net).__name__}")}
    adapters = {name: m for name, m in net.named_modules() if hasattr(m, "a") and hasattr(m, "b")}
    trained = sum(p.numel() for p in net.parameters() if p.requires_grad)
    frozen = sum(p.numel() for p in net.parameters()) - trained
    given = [p.requires_grad for p in model.parameters()] == asked and not any(hasattr(m, "a") for m in model.modules())
    return {
        "the model that was given": Said("as it was" if given and net is not model else "changed"),
        "the layers with an adapter": sorted(adapters),
        "the rank of each adapter": [len(adapters[name].a) for name in sorted(adapters)],
        "how many numbers are frozen": frozen,
        "how many numbers are trained": trained,
        "the bytes that are kept": 4 * frozen + 16 * trained,
        "the outputs at the start": Said("those of `model`" if torch.allclose(net(x), start, atol=1e-6) else "others"),
    }


def _net(*sizes):
    torch.manual_seed(0)
    return nn.Sequential(*(nn.Linear(*size) for size in zip(sizes, sizes[1:], strict=False)))


within.tries(
    also=[
        (_net(1, 1), ["0"], 50),  # 2 frozen numbers, 8 bytes; each rank 32
        (_net(2, 1), ["0"], 108),  # exactly rank 2
        (_net(8, 4), ["0"], 1295),  # one byte less than rank 6 keeps
        (_net(2, 1, 2), ["1"], 200),
        (_net(2, 3, 1), ["0", "1"], 500),
        (nn.Sequential(_net(2, 3, 4), _net(4, 2)), ["0.1", "1.0"], 1000),
    ]
)
within.ideas(
    {
        "adapted = copy.deepcopy(model)": "Freeze the copy before you attach, so that only what is new is trained.",
        "frozen = 0": "The frozen weights take 4 bytes each of the budget before any adapter comes.",
        "rank = (budget - frozen) // (4 * numbers)": "A trained number keeps more than itself: its gradient and AdamW's two "
        "averages as well.",
        "frozen = 16 * sum(p.numel() for p in adapted.parameters())": "A frozen weight has no gradient and no averages.",
        "numbers = sum(adapted.get_submodule(name).weight.numel() for name in names)": "Each rank is one row of A and one "
        "column of B: as many numbers as the layer has inputs and outputs together.",
    }
)
