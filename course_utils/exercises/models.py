"""Models as inputs of exercises: small, always the same, and told by their text."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass

import torch
from hypothesis import strategies as st
from torch import nn


def models(*parts: Callable[[], nn.Module], first: Callable | None = None) -> st.SearchStrategy[nn.Sequential]:
    """Small models: one to three of these parts, behind `first` or without it; their weights are always the same."""

    def made(with_first: bool, chosen: list[Callable[[], nn.Module]]) -> nn.Sequential:
        torch.manual_seed(0)
        return nn.Sequential(*(part() for part in [first] * with_first + chosen))

    return st.builds(
        made, st.booleans() if first else st.just(False), st.lists(st.sampled_from(parts), min_size=1, max_size=3)
    )


def linear(weight: torch.Tensor, bias: torch.Tensor | None = None) -> nn.Linear:
    """A linear layer with these weights."""
    layer = nn.Linear(weight.shape[1], weight.shape[0], bias=bias is not None)
    layer.load_state_dict({"weight": weight} if bias is None else {"weight": weight, "bias": bias})
    return layer


def filled(model: nn.Module, value: float) -> nn.Module:
    """A copy in which every weight is `value`."""
    fresh = copy.deepcopy(model)
    fresh.load_state_dict({name: torch.full_like(weight, value) for name, weight in model.state_dict().items()})
    return fresh


@dataclass(frozen=True)
class rule:
    """A function as an argument, which is told by its text: ``rule("lambda layer: layer.bias is None")``."""

    text: str

    def __call__(self, *args: object) -> object:
        return eval(self.text)(*args)

    def __repr__(self) -> str:
        return self.text
