"""The lesson `lightning_pruning`: plausible wrong answers and odd but right ones, as a learner would write them."""

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


def both_ways(distance, steps=20):
    return [[distance(setting, pruning=k, steps=steps) for setting in ("rewind", "no rewind")] for k in (1, 2, 3, 4)]


def in_words(back):
    return "always" if all(back) else "not always" if any(back) else "never"


def without_training_beside(distance):
    return in_words([a < 0.1 * b for a, b in both_ways(distance, steps=0)])


def without_training_and_zero(distance):
    return in_words([a == 0 for a, _ in both_ways(distance, steps=0)])


def knows_two_words(distance):
    return "always" if all(a < 0.1 * b for a, b in both_ways(distance)) else "not always"


def wants_exactly_zero(distance):
    return in_words([a == 0 for a, _ in both_ways(distance)])


def believes_two(distance):
    back = [a < 0.1 * b for a, b in both_ways(distance)]
    return in_words(back[:2])


def nearer_is_enough(distance):
    return in_words([a < b for a, b in both_ways(distance)])


def looks_once(distance):
    a, b = (distance(setting, pruning=1, steps=20) for setting in ("rewind", "no rewind"))
    return "always" if a < 0.1 * b else "never"


def without_a_control(distance):
    return in_words([distance("rewind", pruning=k, steps=20) < 1e-4 for k in (1, 2, 3, 4)])


def in_another_order(distance):
    without = {k: distance("no rewind", pruning=k, steps=100) for k in (4, 3, 2, 1)}
    found = {k: distance("rewind", pruning=k, steps=100) for k in (1, 2, 3, 4)}
    good = sum(math.isclose(found[k], 0, abs_tol=without[k] / 1000) for k in found)
    return {4: "always", 0: "never"}.get(good, "not always")


def with_an_array(distance):
    away = np.array(both_ways(distance, steps=7))
    back = away[:, 0] <= 1e-3 * away[:, 1]
    return in_words(back.tolist())


def _tried(distance, steps=50):
    """Not an answer: the distances with a rewind, and those without."""
    return [[distance(how, pruning=k, steps=steps) for k in (1, 2, 3, 4)] for how in ("rewind", "no rewind")]


def _in_words(back):
    return "always" if all(back) else "not always" if any(back) else "never"


def below_a_quarter(distance):
    return _in_words([own < 0.25 * without for own, without in zip(*_tried(distance), strict=True)])


def below_a_fixed_limit(distance):
    return _in_words([own < 1e-3 for own in _tried(distance)[0]])


def below_a_small_limit(distance):
    return _in_words([own < 1e-6 for own in _tried(distance)[0]])


def skips_the_second(distance):
    own, without = _tried(distance)
    return _in_words([own[k] < 0.01 * without[k] for k in (0, 2, 3)])


def skips_the_third(distance):
    own, without = _tried(distance)
    return _in_words([own[k] < 0.01 * without[k] for k in (0, 1, 3)])


def beside_the_first_distance(distance):
    own, without = _tried(distance)
    return _in_words([one < 0.01 * without[0] for one in own])


def never_without_the_first(distance):
    back = [own < 0.01 * without for own, without in zip(*_tried(distance), strict=True)]
    return "always" if all(back) else "not always" if back[0] else "never"


def by_what_is_added(distance):
    own, without = _tried(distance)
    added = [one < 0.01 * without[k] or (k > 0 and one <= own[k - 1]) for k, one in enumerate(own)]
    return _in_words(added)


WRONG = {
    "rewinds": [
        without_training_beside,
        without_training_and_zero,
        knows_two_words,
        wants_exactly_zero,
        believes_two,
        nearer_is_enough,
        looks_once,
        without_a_control,
        below_a_quarter,
        below_a_fixed_limit,
        below_a_small_limit,
        skips_the_second,
        skips_the_third,
        beside_the_first_distance,
        never_without_the_first,
        by_what_is_added,
    ],
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
    "rewinds": [in_another_order, with_an_array],
    "even_schedule": [with_logarithms, with_numpy, by_trying],
}
# Mutants of the solutions that are as right as the solution: what was changed -> why.
EQUIVALENT = {
    "rewinds": {
        "back.append(distance('rewind', pruning=k, steps=50) < 0.01 * without): distance('rewind', pruning=k, steps=50) < 0.01 * without: Lt -> LtE": (
            "no distance is exactly a hundredth of the other"
        ),
    },
}
