"""How values are told: the models and calls of an exercise as text, and the first thing that differs."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence

from torch import nn

from course_utils.exercises import kinds, values

SIZES = ("in_features", "out_features", "in_channels", "out_channels", "num_embeddings", "embedding_dim")
MOST_TOLD = 4  # weights of a model that are told one by one


def show(value: object, most: int = values.MOST_LETTERS) -> str:
    """A value as text: a model as ``Sequential(Linear(2, 3))``, what an effect says as it is, all else as a value."""
    with contextlib.suppress(Exception):  # a module of somebody's own may lack what it should have
        if type(value) is Said:
            return str(value)
        if isinstance(value, nn.Module):
            small = value.state_dict() if sum(w.numel() for w in value.state_dict().values()) <= MOST_TOLD else {}
            return " ".join([_model(value), *(f"{name}={weight.tolist()}" for name, weight in small.items())])[:most]
        if isinstance(value, set) and value:
            return f"{{{', '.join(sorted(map(repr, value)))}}}"[:most]
    return values.show(value, most)


def _model(module: nn.Module) -> str:
    sizes = [str(size) for name in SIZES if isinstance(size := getattr(module, name, None), int)]
    return f"{type(module).__name__}({', '.join([*sizes, *map(_model, module.children())])})"


def call(args: Sequence[object], names: Sequence[str]) -> str:
    """The arguments of a call; it may leave out the last ones."""
    return ", ".join(f"{name}={show(value)}" for name, value in zip(names, args, strict=False)) or "without arguments"


def bulk(args: Sequence[object]) -> int:
    """How much a learner must look at to follow a call: letters, and the weights of models."""
    models = [value for value in args if isinstance(value, nn.Module)]
    return len(call(args, [""] * len(args))) + sum(w.numel() for model in models for w in model.parameters())


def unlike(expected: object, got: object) -> str:
    """A sentence where a result is of another kind than what is expected, whatever is in it; else ""."""
    with contextlib.suppress(Exception):  # an object that raises when it is looked at
        if isinstance(expected, nn.Module) and not isinstance(got, nn.Module):
            return f"Your function gives {kinds.kind(got)}; expected is a model."
        if values.ARRAYS[0] is type(expected) is type(got) and expected.ndim == 2 and expected.shape != got.shape:
            if values.same(expected.T, got, rtol=1e-5):
                return "Your result is what is expected, transposed."
        return kinds.unlike(expected, got)[1]
    return ""


class Said(str):
    """A text that is told as it is, without quotation marks."""


NOTHING = Said("nothing of that name")


def first_difference(expected: object, got: object, agree: Callable, entry: Mapping | None = None) -> tuple:
    """(part, what is expected of it, what it is) of the first part that differs in two dicts; "" for other values.

    Keys are somebody's own names; with `entry` they are words, and it says how their entries are called.
    """
    part, within = "", "`{}`" if entry is None else "{}"
    while isinstance(expected, Mapping) and isinstance(got, Mapping):
        for key in dict.fromkeys((*expected, *got)):
            one, other = (value.get(key, NOTHING) for value in (expected, got))
            if one is NOTHING or other is NOTHING or not agree(one, other):
                break
        else:
            break
        part, expected, got = within.format(key), one, other
        within = (entry or {}).get(part) or f"{part}, `{{}}`"
    return part, expected, got
