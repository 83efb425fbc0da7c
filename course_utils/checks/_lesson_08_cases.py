"""What the checks of lesson 08 try answers on."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.utils import prune


def masks() -> list[tuple[Tensor, Tensor, float]]:
    """(weight, old mask, amount); among them equal magnitudes, and old zeros that are not small."""
    draw = torch.Generator().manual_seed(8)
    wide = torch.randn(6, 5, generator=draw)
    holes = (torch.rand(6, 5, generator=draw) > 0.3).float()
    holes.view(-1)[wide.abs().argmax()] = 0  # what is gone is not always small
    signs = torch.tensor([-3.0, 0.5, 2.0, -0.1, 1.0, -4.0])
    equal = torch.tensor([[1.0, -1.0, 1.0], [1.0, 2.0, -2.0]])
    small_gone = torch.tensor([0.1, 0.2, 5.0, 6.0, 7.0, 8.0])
    return [(signs, torch.ones(6), 0.5), (wide, torch.ones(6, 5), 0.22), (wide, holes, 0.25),
            (equal, torch.ones(2, 3), 0.5), (small_gone, torch.tensor([0.0, 0, 1, 1, 1, 1]), 0.5), (wide, holes, 0.0),
            (wide, holes, 1.0), (torch.tensor([1.0, 2.0]), torch.ones(2), 0.5)]


def checkpoints() -> list[tuple[Callable, dict[str, Tensor], Tensor, nn.Module]]:
    """(make_model, state, an input, the model that was saved): nested, a single layer, not pruned."""
    def nested():
        return nn.Sequential(nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8)), nn.ReLU(), nn.Linear(8, 3))

    def single():
        return nn.Linear(4, 3)

    found = []
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        for make_model, cuts in ((nested, [("0.0", "weight"), ("2", "weight"), ("2", "bias")]),
                                 (single, [("", "weight")]), (single, [])):
            model = make_model()
            for path, name in cuts:
                prune.random_unstructured(model.get_submodule(path), name, amount=0.4)
            n = next(iter(model.parameters())).shape[-1] if not cuts else (6 if make_model is nested else 4)
            state = {key: value.clone() for key, value in model.state_dict().items()}
            found.append((make_model, state, torch.randn(5, n), model))
    return found
