"""Checks of the lesson `ticket`, the lottery ticket hypothesis."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping

import torch

from course_utils.exercises.core import Mistake, check, same, try_cases


@check("Exercise 1, How much a round?")
def share_per_round(answer: Callable) -> None:
    """``share_per_round(density, rounds) -> float``."""
    wrong = {
        "You divide what must go by the rounds. But a round removes a share of what is left, and that shrinks.": lambda d, n: (
            (1 - d) / n
        ),
        "You return what a round keeps. The question is what it removes.": lambda d, n: d ** (1 / n),
        "You reach a sparsity of `density`. Density is the share that is left.": lambda d, n: 1 - (1 - d) ** (1 / n),
        "You raise the density to the number of rounds: that is where n rounds of this density end. You need the root.": lambda d, n: (
            1 - d**n
        ),
        "You divide the density by the rounds. What the rounds keep is multiplied, not added.": lambda d, n: 1 - d / n,
        "You return percent. Return a share from 0 to 1.": lambda d, n: 100 * (1 - d ** (1 / n)),
    }
    try_cases(
        answer,
        right=lambda d, n: 1 - d ** (1 / n),
        wrong=wrong,
        names=("density", "rounds"),
        cases=[(0.5, 2), (0.1, 5), (0.036, 15), (0.8, 1), (1.0, 3), (0.5, 1)],
    )


def _round(seed: int, shapes: Mapping[str, tuple[int, ...]], density: float) -> tuple[dict, dict, dict]:
    """(trained, first, masks) of one round; nothing of `trained` equals `first`."""
    generator = torch.Generator().manual_seed(seed)
    first = {name: torch.randn(shape, generator=generator) for name, shape in shapes.items()}
    masks = {
        name: (torch.rand(shape, generator=generator) < density).float()
        for name, shape in shapes.items()
        if "weight" in name
    }
    trained = {
        name: (value + 1 + torch.rand(value.shape, generator=generator)) * masks.get(name, 1)
        for name, value in first.items()
    }
    return trained, first, masks


def _rewound(trained: dict, first: dict, masks: dict) -> dict:
    return {name: value * masks.get(name, 1) for name, value in first.items()}


def _tensors(value: object) -> dict:
    if not isinstance(value, dict) or not all(isinstance(v, torch.Tensor) for v in value.values()):
        raise TypeError("not a dict of tensors")
    return {name: v.detach() for name, v in value.items()}


_TINY = (
    {"fc.weight": torch.tensor([[9.0, 0.0]]), "fc.bias": torch.tensor([8.0])},
    {"fc.weight": torch.tensor([[1.0, 2.0]]), "fc.bias": torch.tensor([3.0])},
    {"fc.weight": torch.tensor([[1.0, 0.0]])},
)
_NETWORK = {"fc1.weight": (5, 7), "fc1.bias": (5,), "fc2.weight": (3, 5), "fc2.bias": (3,)}


@check("Exercise 2, A rewind that is one")
def rewound(answer: Callable) -> None:
    """``rewound(trained, first, masks) -> dict``, new tensors that share no memory with `first`."""
    wrong = {
        "You keep the trained weights. Rewinding means the numbers from before the training.": lambda t, f, m: {
            n: t[n] * m.get(n, 1) for n in f
        },
        "You rewind the mask too: pruned weights come back. They must be 0 in the next round.": lambda t, f, m: dict(f),
        "You keep the trained biases. A bias has no mask, and is rewound like the weights.": lambda t, f, m: {
            n: f[n] * m[n] if n in m else t[n] for n in f
        },
        "You leave out the biases. They have no mask, but they are parameters of the next round.": lambda t, f, m: {
            n: f[n] * m[n] for n in m
        },
        "Your biases are 0. They go back to their first values, which need not be 0.": lambda t, f, m: {
            n: f[n] * m[n] if n in m else torch.zeros_like(f[n]) for n in f
        },
        "You rewind the weights that were pruned and keep those that stay as trained. It is the other way round.": lambda t, f, m: {
            n: torch.where(m[n] > 0, t[n], f[n]) if n in m else f[n] for n in f
        },
        "You multiply by the wrong half of the mask: 1 means kept.": lambda t, f, m: {
            n: f[n] * (1 - m[n]) if n in m else f[n] for n in f
        },
    }
    cases = [
        _TINY,
        _round(1, _NETWORK, 0.4),
        _round(2, _NETWORK, 1.0),
        _round(3, {"fc.bias": (4,)}, 1.0),
        ({"fc.weight": torch.zeros(1)}, {"fc.weight": torch.zeros(1)}, {"fc.weight": torch.ones(1)}),
    ]
    try_cases(answer, right=_rewound, wrong=wrong, cases=cases, names=("trained", "first", "masks"), convert=_tensors)
    for case in cases:
        _own_memory(answer, *copy.deepcopy(case))


def _own_memory(answer: Callable, trained: dict, first: dict, masks: dict) -> None:
    """Train what the answer returned, as the caller does, and look whether `first` moved."""
    before = copy.deepcopy(first)
    with torch.no_grad():
        for value in answer(trained, first, masks).values():
            value += 1.0
    shared = [name for name in first if not same(before[name], first[name])]
    if shared:
        raise Mistake(
            f"Right numbers, but training what you returned changed first[{shared[0]!r}].",
            "That tensor shares its memory with `first`, so the next round would rewind to trained values. "
            "clone() gives it memory of its own.",
        )


def _early(rows: list[tuple]) -> tuple:
    return min(rows, key=lambda row: row[1])


def _compared(dense: list, ticket: list, pick: Callable = _early, accuracy: int = 3) -> tuple[float, float]:
    d, t = pick(dense), pick(ticket)
    return 100 * (1 - t[0] / d[0]), 100 * (t[accuracy] - d[accuracy])


_DENSE = [
    (500, 0.30, 0.910, 0.905),
    (1000, 0.12, 0.962, 0.960),
    (1500, 0.09, 0.972, 0.970),
    (2000, 0.08, 0.976, 0.974),
    (2500, 0.10, 0.979, 0.977),
    (3000, 0.13, 0.978, 0.980),
]
_TICKET = [
    (500, 0.20, 0.940, 0.938),
    (1000, 0.08, 0.974, 0.972),
    (1500, 0.07, 0.978, 0.975),
    (2000, 0.09, 0.981, 0.979),
    (2500, 0.11, 0.980, 0.984),
    (3000, 0.14, 0.983, 0.978),
]
_SLOW = [
    (500, 0.60, 0.830, 0.840),
    (1000, 0.40, 0.900, 0.890),
    (1500, 0.30, 0.920, 0.915),
    (2000, 0.25, 0.935, 0.930),
    (2500, 0.22, 0.941, 0.945),
    (3000, 0.23, 0.944, 0.940),
]


@check("Exercise 3, Read the curves")
def compare_runs(answer: Callable) -> None:
    """``compare_runs(dense, ticket) -> (percent sooner, points better)``."""

    def swapped(d, t):
        sooner, better = _compared(d, t)
        return sooner, -better

    def iterations(d, t):
        return _early(d)[0] - _early(t)[0], _compared(d, t)[1]

    wrong = {
        "You stop where the test accuracy is best. That chooses with the test set: stop at the least validation loss.": lambda d, t: (
            _compared(d, t, lambda rows: max(rows, key=lambda row: row[3]))
        ),
        "You stop where the validation *accuracy* is best. The paper stops at the least validation loss.": lambda d, t: (
            _compared(d, t, lambda rows: max(rows, key=lambda row: row[2]))
        ),
        "You compare the accuracies of the last rows. The network is the one at its early stop.": lambda d, t: (
            _compared(d, t)[0],
            100 * (t[-1][3] - d[-1][3]),
        ),
        "You compare the best test accuracies of the runs. The network is the one at its early stop.": lambda d, t: (
            _compared(d, t)[0],
            100 * (max(r[3] for r in t) - max(r[3] for r in d)),
        ),
        "You compare validation accuracies. The question is about the test accuracy.": lambda d, t: _compared(
            d, t, accuracy=2
        ),
        "You compare both runs at dense's stop. Each run stops by its own validation loss.": lambda d, t: (
            _compared(d, t)[0],
            100 * (next(r for r in t if r[0] == _early(d)[0])[3] - _early(d)[3]),
        ),
        "You divide by the ticket's iterations. The percent are of dense's.": lambda d, t: (
            100 * (_early(d)[0] / _early(t)[0] - 1),
            _compared(d, t)[1],
        ),
        "You return the iterations between the stops. The question is for percent of dense's.": iterations,
        "Your sign of the second number is turned round: better means that the ticket is above dense.": swapped,
        "Your sign of the first number is turned round: sooner is positive.": lambda d, t: (
            -_compared(d, t)[0],
            _compared(d, t)[1],
        ),
        "You return the second number as a share. Points are differences of percentages.": lambda d, t: (
            _compared(d, t)[0],
            _compared(d, t)[1] / 100,
        ),
        "You return the first number as a share. The question is for percent.": lambda d, t: (
            _compared(d, t)[0] / 100,
            _compared(d, t)[1],
        ),
        "You return a relative gain. Points are differences of percentages, not percent of a percentage.": lambda d, t: (
            _compared(d, t)[0],
            100 * (_early(t)[3] / _early(d)[3] - 1),
        ),
    }
    one = [(100, 0.3, 0.9, 0.9)]
    short = [(500, 0.2, 0.94, 0.93), (1000, 0.1, 0.96, 0.96)], [(500, 0.1, 0.95, 0.95), (1000, 0.2, 0.97, 0.97)]
    try_cases(
        answer,
        right=_compared,
        wrong=wrong,
        names=("dense", "ticket"),
        atol=1e-9,
        convert=_pair,
        cases=[short, (_DENSE, _TICKET), (_DENSE, _SLOW), (_TICKET, _DENSE), (_DENSE, _DENSE), (one, one)],
    )


def _pair(value: object) -> tuple[float, ...]:
    if not isinstance(value, list | tuple) or len(value) != 2:
        raise TypeError("not two numbers")
    return tuple(float(v) for v in value)
