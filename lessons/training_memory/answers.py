"""The lesson `training_memory`: plausible wrong answers and odd but right ones, as a learner would write them."""

import itertools

import numpy as np


def shared_and_frozen_twice(tensors, n_states):
    seen, numbers = set(), 0
    for name, n, trained in tensors:
        if trained and name not in seen:
            seen.add(name)
            numbers += n * (2 + n_states)
        elif not trained:
            numbers += n
    return 4 * numbers


def shared_twice(tensors, n_states):
    return sum(4 * n * ((2 + n_states) if trained else 1) for _, n, trained in tensors)


def no_gradient(tensors, n_states):
    seen, total = set(), 0
    for name, n, trained in tensors:
        if name not in seen:
            seen.add(name)
            total += 4 * n + (4 * n * n_states if trained else 0)
    return total


def one_moment(tensors, n_states):
    unique = {name: (n, trained) for name, n, trained in tensors}
    return sum(n * (12 if trained and n_states else 8 if trained else 4) for n, trained in unique.values())


def in_bf16(tensors, n_states):
    unique = {name: (n, trained) for name, n, trained in tensors}
    return sum(2 * n * (2 + n_states if trained else 1) for n, trained in unique.values())


def frozen_as_trained(tensors, n_states):
    unique = {name: n for name, n, _ in tensors}
    return 4 * (2 + n_states) * sum(unique.values())


def frozen_forgotten(tensors, n_states):
    unique = {name: n for name, n, trained in tensors if trained}
    return 4 * (2 + n_states) * sum(unique.values())


def no_states(tensors, n_states):
    unique = {name: (n, trained) for name, n, trained in tensors}
    return sum(8 * n if trained else 4 * n for n, trained in unique.values())


def always_adam(tensors, n_states):
    unique = {name: (n, trained) for name, n, trained in tensors}
    return sum(16 * n if trained else 4 * n for n, trained in unique.values())


def frozen_with_gradient(tensors, n_states):
    total = 0
    for n, trained in {name: (n, trained) for name, n, trained in tensors}.values():
        total += 8 * n
        if trained:
            total += 4 * n_states * n
    return total


def numbers_not_bytes(tensors, n_states):
    unique = {name: (n, trained) for name, n, trained in tensors}
    return sum(n * (1 + trained * (1 + n_states)) for n, trained in unique.values())


def states_of_shared_twice(tensors, n_states):
    weights = sum({name: n for name, n, _ in tensors}.values())
    return 4 * weights + sum(4 * n * (1 + n_states) for _, n, trained in tensors if trained)


def sorted_set(tensors, n_states):
    total = 0
    for _, group in itertools.groupby(sorted(set(map(tuple, tensors)))):
        _, n, trained = next(group)
        total += 4 * n
        total += trained * 4 * n * (1 + n_states)
    return total


def with_numpy(tensors, n_states):
    unique = list(dict.fromkeys(map(tuple, tensors)))
    n = np.array([t[1] for t in unique], dtype=np.int64)
    trained = np.array([t[2] for t in unique], dtype=bool)
    return 4 * (n.sum() + (1 + n_states) * n[trained].sum())


ARMS = ("plain", "checkpoints", "SGD", "both")


def highest_peaks(peak, arms=ARMS, steps=range(1, 9)):
    """Highest peak of each arm."""
    return {arm: max(peak(arm, step=n) for n in steps) for arm in arms}


def first_that_fits(highest, room=100):
    return next((arm for arm in ARMS if highest[arm] <= room), "neither")


def always_sgd(peak):
    """AdamW's states are to blame."""
    highest_peaks(peak)
    return "SGD"


def first_step_decides(peak):
    """Runs all steps, and takes the first one for the rule."""
    all_steps = {arm: [peak(arm, step=n) for n in range(1, 9)] for arm in ARMS}
    return first_that_fits({arm: found[0] for arm, found in all_steps.items()})


def on_average(peak):
    """Takes the mean over the steps."""
    return first_that_fits({arm: sum(peak(arm, step=n) for n in range(1, 9)) / 8 for arm in ARMS})


def some_change_is_needed(peak):
    """Never looks whether the training as it is fits."""
    highest = highest_peaks(peak)
    return next((arm for arm in ARMS[1:] if highest[arm] <= 100), "neither")


def lowest_of_all(peak):
    """Takes both for the answer where no arm alone fits."""
    found = first_that_fits(highest_peaks(peak))
    return "both" if found == "neither" else found


def one_step_only(peak):
    return first_that_fits(highest_peaks(peak, steps=[2]))


def without_plain(peak):
    highest = highest_peaks(peak, arms=ARMS[1:])
    return next((arm for arm in ARMS[1:] if highest[arm] <= 100), "plain")


def half_of_it_is_states(peak):
    """Takes SGD before checkpoints, as soon as it lowers the peak by a little."""
    highest = highest_peaks(peak)
    return "SGD" if highest["SGD"] < highest["plain"] - 1 and highest["plain"] > 100 else first_that_fits(highest)


def asks_once_more(peak):
    """Asks the last step of the plain training twice, and gets the same number."""
    highest = highest_peaks(peak) | {"plain": max(peak("plain", step=n) for n in (1, 2, 3, 4, 5, 6, 7, 8, 8))}
    return first_that_fits(highest)


def says_nothing(peak):
    found = first_that_fits(highest_peaks(peak))
    return "nothing" if found == "plain" else found


def all_below(peak):
    """Asks each step whether it fits."""
    fits = {arm: all([peak(arm, step=n) <= 100 for n in range(8, 0, -1)]) for arm in ARMS}
    return next((arm for arm, good in fits.items() if good), "neither")


def fits_with_numpy(peak):
    table = np.array([[peak(arm, step=int(n)) for n in np.arange(1, 9)] for arm in ARMS])
    good = (table <= 100).all(axis=1)
    return ARMS[int(good.argmax())] if good.any() else "neither"


def as_without_checkpoints(inputs, inside, starts):
    return sum(inputs[s] for s in starts) + sum(inside)


def inputs_only(inputs, inside, starts):
    return sum(inputs[s] for s in starts)


def inside_only(inputs, inside, starts):
    return max(sum(inside[s:e]) for s, e in itertools.pairwise([*starts, len(inputs)]))


def all_inputs_throughout(inputs, inside, starts):
    kept = sum(inputs[s] for s in starts)
    return kept + max(sum(inside[s:e]) for s, e in itertools.pairwise([*starts, len(inputs)]))


def own_input_only(inputs, inside, starts):
    return max(inputs[s] + sum(inside[s:e]) for s, e in itertools.pairwise([*starts, len(inputs)]))


def every_input(inputs, inside, starts):
    return sum(inputs) + max(sum(inside[s:e]) for s, e in itertools.pairwise([*starts, len(inputs)]))


def largest_layer(inputs, inside, starts):
    ends = [*starts[1:], len(inputs)]
    return max(
        sum(inputs[x] for x in starts[: i + 1]) + max(inside[s:e])
        for i, (s, e) in enumerate(zip(starts, ends, strict=True))
    )


def last_segment(inputs, inside, starts):
    return sum(inputs[s] for s in starts) + sum(inside[starts[-1] :])


def later_inputs(inputs, inside, starts):
    ends = [*starts[1:], len(inputs)]
    return max(
        sum(inputs[x] for x in starts[i:]) + sum(inside[s:e]) for i, (s, e) in enumerate(zip(starts, ends, strict=True))
    )


def last_not_recomputed(inputs, inside, starts):
    kept = peak = 0
    for s, e in itertools.pairwise(starts):
        kept += inputs[s]
        peak = max(peak, kept + sum(inside[s:e]))
    return peak


def inputs_of_the_segment_too(inputs, inside, starts):
    kept = peak = 0
    for s, e in itertools.pairwise([*starts, len(inputs)]):
        kept += inputs[s]
        peak = max(peak, kept + sum(inside[s:e]) + sum(inputs[s + 1 : e]))
    return peak


def backward(inputs, inside, starts):
    kept = [inputs[s] for s in starts]
    peak, end = 0, len(inputs)
    for start in reversed(starts):
        peak = max(peak, sum(kept) + sum(inside[start:end]))
        kept.pop()
        end = start
    return peak


def cumulated(inputs, inside, starts):
    kept = np.cumsum(np.array(inputs)[starts])
    return (kept + np.add.reduceat(np.array(inside), starts)).max()


def last_part_of_the_name(tensors, n_states):
    own = {name.split(".")[-1]: (n, trained) for name, n, trained in tensors}
    return sum(4 * n * (2 + n_states if trained else 1) for n, trained in own.values())


def one_frozen_freezes_all(tensors, n_states):
    own = {name: n for name, n, _ in tensors}
    times = 2 + n_states if all(trained for *_, trained in tensors) else 1
    return 4 * times * sum(own.values())


def _of_steps(which):
    """The highest peak of some of the eight steps, of which all are measured."""

    def answer(peak):
        every = {arm: [peak(arm, step=step) for step in range(1, 9)] for arm in ARMS}
        return first_that_fits({arm: max(peaks[step - 1] for step in which) for arm, peaks in every.items()})

    return answer


def plain_decides_where(peak):
    every = {arm: [peak(arm, step=step) for step in range(1, 9)] for arm in ARMS}
    at = every["plain"].index(max(every["plain"]))
    return first_that_fits({arm: peaks[at] for arm, peaks in every.items()})


def both_on_average(peak):
    every = {arm: [peak(arm, step=step) for step in range(1, 9)] for arm in ARMS}
    highest = {arm: max(peaks) for arm, peaks in every.items()}
    return first_that_fits({**highest, "both": sum(every["both"]) / 8})


WRONG = {
    "training_bytes": [
        shared_twice,
        shared_and_frozen_twice,
        no_gradient,
        one_moment,
        in_bf16,
        frozen_as_trained,
        frozen_forgotten,
        no_states,
        always_adam,
        frozen_with_gradient,
        numbers_not_bytes,
        states_of_shared_twice,
        last_part_of_the_name,
        one_frozen_freezes_all,
    ],
    "what_fits": [
        always_sgd,
        first_step_decides,
        on_average,
        some_change_is_needed,
        lowest_of_all,
        one_step_only,
        without_plain,
        half_of_it_is_states,
        *(_of_steps(set(range(1, 9)) - {left_out}) for left_out in (2, 3, 4, 7, 8)),
        plain_decides_where,
        both_on_average,
        says_nothing,
    ],
    "checkpointed_peak": [
        as_without_checkpoints,
        inputs_only,
        inside_only,
        all_inputs_throughout,
        own_input_only,
        every_input,
        largest_layer,
        last_segment,
        later_inputs,
        last_not_recomputed,
        inputs_of_the_segment_too,
    ],
}
ODD = {
    "training_bytes": [sorted_set, with_numpy],
    "what_fits": [asks_once_more, all_below, fits_with_numpy],
    "checkpointed_peak": [backward, cumulated],
}
# Mutants of the solutions that are as right as the solution: what was changed -> why.
EQUIVALENT = {}
