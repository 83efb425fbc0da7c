"""Models as inputs of exercises, small and always the same; and calls with models, told as text."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from hypothesis import strategies as st
from torch import nn

from course_utils.checks.values import ARRAYS, MAX_ELEMENTS, is_number, show, sizes

MAX_VALUE_CHARS, MAX_TOLD = 80, 4  # letters of a variable; variables


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


def variables(held: dict[str, object], last: Sequence[str] = (), line: str = "") -> str:
    """A few variables, "names = {'0'}, n = 3": what is plain to read, or else models and the like.

    Those in the `line` that failed come first, and `last` come last.
    """
    failed = set(re.findall(r"\w+", line))
    own = [name for name in held if not name.startswith("_")]
    own.sort(key=lambda name: (name not in failed, name in last))
    others = [name for name in own if issubclass(type(held[name]), (nn.Module, *ARRAYS))]
    told = [name for name in own if _plain(held[name])] or others
    return ", ".join(f"{name} = {show(held[name], MAX_VALUE_CHARS)}" for name in told[:MAX_TOLD])


def _plain(value: object) -> bool:
    kind = type(value)
    if kind in (list, tuple, set, dict):
        return all(map(_plain, value.values() if kind is dict else value))
    if issubclass(kind, ARRAYS):
        return value.size <= MAX_ELEMENTS if kind is ARRAYS[1] else value.numel() <= MAX_ELEMENTS
    return kind in (bool, str) or is_number(value)


def call(args: Sequence[object], names: Sequence[str]) -> str:
    """The arguments of a call; it may leave out the last ones."""
    return ", ".join(f"{name}={show(value)}" for name, value in zip(names, args, strict=False)) or "without arguments"


def bulk(args: Sequence[object]) -> int:
    """How much a learner must look at to follow a call: letters, the modules of models and their weights."""
    models = [value for value in args if isinstance(value, nn.Module)]
    parts = sum(10 + sum(w.numel() for w in part.parameters()) for model in models for part in model.modules())
    return parts + sum(len(sizes(value) if isinstance(value, nn.Module) else show(value)) for value in args)


def bare(args: Sequence[object]) -> int:
    """How many arguments show little: a number that is 0, nothing but zeros, no items."""
    numbers = [value for value in args if type(value) in (int, float, list, tuple, torch.Tensor)]
    return sum(not value.any() if torch.is_tensor(value) else not value for value in numbers)


def traits(args: Sequence[object], names: Sequence[str]) -> set[str]:
    """What can be said of the arguments of a call, each in a few words: "`batch=3`", "`Conv2d`", "a bias"."""
    found = set()
    for value, name in zip(args, names, strict=False):
        if isinstance(value, nn.Module):
            found |= {f"`{type(module).__name__}`" for module in value.modules()}
            found |= {"a bias" for name, _ in value.named_parameters() if name.endswith("bias")}
        elif len(text := f"`{name}={show(value)}`") <= MAX_VALUE_CHARS:
            found.add(text)
    return found
