"""The lesson `training_memory`: plausible wrong answers and odd but right ones, as a learner would write them."""

import itertools

import numpy as np


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


def all_of_them(sizes, skip=None):
    return sum(sizes)


def largest_alone(sizes, skip=None):
    return max(sizes)


def no_shortcut(sizes, skip=None):
    return max(a + b for a, b in itertools.pairwise(sizes))


def shortcut_on_top(sizes, skip=None):
    peak = max(a + b for a, b in itertools.pairwise(sizes))
    return peak + sizes[skip[0]] if skip else peak


def shortcut_counted_at_its_own_layer(sizes, skip=None):
    live = [a + b for a, b in itertools.pairwise(sizes)]
    if skip:
        for layer in range(skip[0], skip[1]):
            live[layer] += sizes[skip[0]]
    return max(live)


def shortcut_freed_early(sizes, skip=None):
    live = [a + b for a, b in itertools.pairwise(sizes)]
    if skip:
        for layer in range(skip[0] + 1, skip[1] - 1):
            live[layer] += sizes[skip[0]]
    return max(live)


def shortcut_one_too_long(sizes, skip=None):
    live = [a + b for a, b in itertools.pairwise(sizes)]
    if skip:
        for layer in range(skip[0] + 1, min(skip[1] + 1, len(live))):
            live[layer] += sizes[skip[0]]
    return max(live)


def shortcut_for_ever(sizes, skip=None):
    live = [a + b for a, b in itertools.pairwise(sizes)]
    if skip:
        for layer in range(skip[0] + 1, len(live)):
            live[layer] += sizes[skip[0]]
    return max(live)


def two_largest(sizes, skip=None):
    first, second = sorted(sizes, reverse=True)[:2]
    return first + second


def triples(sizes, skip=None):
    return max(sum(sizes[i : i + 3]) for i in range(len(sizes) - 1))


def without_the_last(sizes, skip=None):
    best = 0
    for i in range(len(sizes) - 2):
        live = sizes[i] + sizes[i + 1]
        if skip and skip[0] < i < skip[1]:
            live += sizes[skip[0]]
        best = max(best, live)
    return best


def by_sets(sizes, skip=None):
    last_use = [i for i in range(len(sizes))]
    if skip:
        last_use[skip[0]] = max(last_use[skip[0]], skip[1] - 1)
    peak = 0
    for layer in range(len(sizes) - 1):
        alive = {i for i in range(layer + 1) if last_use[i] >= layer} | {layer + 1}
        peak = max(peak, sum(sizes[i] for i in alive))
    return peak


def peak_with_numpy(sizes, skip=None):
    live = np.array(sizes[:-1]) + np.array(sizes[1:])
    if skip is not None:
        live[skip[0] + 1 : skip[1]] += sizes[skip[0]]
    return live.max()


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


WRONG = {
    "training_bytes": [
        shared_twice,
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
    "peak_bytes": [
        all_of_them,
        largest_alone,
        no_shortcut,
        shortcut_on_top,
        shortcut_counted_at_its_own_layer,
        shortcut_freed_early,
        shortcut_one_too_long,
        shortcut_for_ever,
        two_largest,
        triples,
        without_the_last,
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
    "peak_bytes": [by_sets, peak_with_numpy],
    "checkpointed_peak": [backward, cumulated],
}
# Mutants of the solutions that are as right as the solution: what was changed -> why.
EQUIVALENT = {}
