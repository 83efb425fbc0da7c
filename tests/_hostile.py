"""Answers that no exercise asks for, which a check must withstand: values, ways to return them, and deeds."""

import copy

import numpy as np
import torch
from torch import nn


class Liar:
    """Equal to everything, true, iterable without end, and raises when it is shown."""

    def __eq__(self, other):
        return True

    def __hash__(self):
        return 0

    def __iter__(self):
        return self

    def __next__(self):
        return self

    def __len__(self):
        return 2

    def __getitem__(self, at):
        return self

    def __float__(self):
        return 1.0

    def __repr__(self):
        raise ValueError("no")


class Grenade:
    """Raises whatever is done with it."""

    def __getattribute__(self, name):
        raise RuntimeError("no")

    def _raise(self, *_):
        raise RuntimeError("no")

    __eq__ = __iter__ = __len__ = __getitem__ = __float__ = __int__ = __bool__ = __repr__ = __str__ = _raise
    __hash__ = __array__ = __deepcopy__ = __call__ = _raise


class OddNet(nn.Module):
    """A module whose forward gives a list."""

    def forward(self, *_):
        return [1, "two"]


class BadText(str):
    """A text that says it is equal to everything."""

    def __eq__(self, other):
        return True

    __hash__ = str.__hash__


def _itself():
    found = []
    found.append(found)
    return found


VALUES = {
    "a bool": lambda: True,
    "a huge int": lambda: 10**6000,
    "NaN": lambda: float("nan"),
    "a complex number": lambda: 1 + 2j,
    "a text that equals everything": lambda: BadText("y"),
    "a dict of odd keys": lambda: {None: 1, (1, 2): [3], 1.5: {}},
    "a set": lambda: {1, "a", None},
    "a generator": lambda: (n for n in range(3)),
    "an endless generator": lambda: iter(int, 1),
    "a list that holds itself": _itself,
    "a long list": lambda: list(range(20_000)),
    "a function": lambda: len,
    "a module": lambda: nn.Linear(2, 2),
    "a module that gives a list": OddNet,
    "a 0-d tensor": lambda: torch.tensor(1.0),
    "an empty tensor": lambda: torch.empty(0, 3),
    "a tensor with gradient": lambda: torch.ones(2, requires_grad=True) * 2,
    "a complex tensor": lambda: torch.ones(2, dtype=torch.complex64),
    "a sparse tensor": lambda: torch.eye(3).to_sparse(),
    "a meta tensor": lambda: torch.ones(2, device="meta"),
    "an array of objects": lambda: np.array([None, "a"], dtype=object),
    "a liar": Liar,
    "a grenade": Grenade,
}


def _later(make, solution):
    calls = []

    def answer(*args, **more):
        calls.append(1)
        return solution(*args, **more) if len(calls) < 3 else make()

    return answer


WAYS = {
    "always": lambda make, solution: lambda *args, **more: make(),
    "from the third call": _later,
    "in a list": lambda make, solution: lambda *args, **more: [make()],
    "twice in a tuple": lambda make, solution: lambda *args, **more: (make(), make()),
    "in a dict": lambda make, solution: lambda *args, **more: {"a": make()},
    "behind the right answer": lambda make, solution: (
        lambda *args, **more: (solution(*copy.deepcopy(args), **more), make())
    ),
}


def pairs():
    """Yield (value's name, maker, way's name, wrapper): each value by itself always, and in another way, in turn."""
    always, *others = WAYS.items()
    for number, (label, make) in enumerate(VALUES.items()):
        for how, wrap in (always, others[number % len(others)]):
            yield label, make, how, wrap
