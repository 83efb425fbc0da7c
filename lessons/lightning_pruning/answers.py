"""the lesson `lightning_pruning`: plausible wrong answers and odd but right ones, as a learner would write them."""

import math

import numpy as np


def adds_up(epochs, sparsity):
    return {epoch: sparsity / len(epochs) for epoch in epochs}


def all_of_it_each_time(epochs, sparsity):
    return dict.fromkeys(epochs, sparsity)


def gives_what_stays(epochs, sparsity):
    return {epoch: (1 - sparsity) ** (1 / len(epochs)) for epoch in epochs}


def root_of_the_sparsity(epochs, sparsity):
    return {epoch: sparsity ** (1 / len(epochs)) for epoch in epochs}


def gone_in_all(epochs, sparsity):
    n = len(epochs)
    return {epoch: 1 - (1 - sparsity) ** (i / n) for i, epoch in enumerate(epochs, start=1)}


def equal_numbers(epochs, sparsity):
    amounts, left = {}, 1.0
    for epoch in epochs:
        amounts[epoch] = sparsity / len(epochs) / left
        left -= sparsity / len(epochs)
    return amounts


def at_the_end(epochs, sparsity):
    return {epochs[-1]: sparsity}


def one_minus_the_root(epochs, sparsity):
    return {epoch: 1 - sparsity ** (1 / len(epochs)) for epoch in epochs}


def rounded(epochs, sparsity):
    return {epoch: round(1 - (1 - sparsity) ** (1 / len(epochs)), 2) for epoch in epochs}


def every_epoch(epochs, sparsity):
    n = max(epochs) + 1
    if len(epochs) == 1:
        return dict.fromkeys(epochs, sparsity)
    return dict.fromkeys(range(n), 1 - (1 - sparsity) ** (1 / n))


def numbers_of_prunings(epochs, sparsity):
    if len(epochs) == 1:
        return {epochs[0]: sparsity}
    return {i: 1 - (1 - sparsity) ** (1 / len(epochs)) for i in range(len(epochs))}


def with_logarithms(epochs, sparsity):
    return {epoch: -math.expm1(math.log1p(-sparsity) / len(epochs)) for epoch in epochs}


def with_numpy(epochs, sparsity):
    return dict(zip(epochs, np.full(len(epochs), 1 - np.power(1 - sparsity, 1 / len(epochs))), strict=True))


def by_trying(epochs, sparsity):
    low, high = 0.0, 1.0
    for _ in range(80):
        middle = (low + high) / 2
        low, high = (middle, high) if 1 - (1 - middle) ** len(epochs) < sparsity else (low, middle)
    return {epoch: round(middle, 12) for epoch in epochs}


WRONG = {
    "even_schedule": [
        adds_up,
        all_of_it_each_time,
        gives_what_stays,
        root_of_the_sparsity,
        gone_in_all,
        equal_numbers,
        at_the_end,
        one_minus_the_root,
        rounded,
        every_epoch,
        numbers_of_prunings,
    ],
}
ODD = {
    "even_schedule": [with_logarithms, with_numpy, by_trying],
}
EQUIVALENT = {}
