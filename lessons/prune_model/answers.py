"""the lesson `prune_model`: plausible wrong answers and odd but right ones, as a learner would write them."""

import numpy as np
import torch


def quantile_of_each_layer(weights, amount):
    masks = []
    for w in weights:
        order = w.abs().flatten().argsort()
        mask = torch.ones(w.numel())
        mask[order[: round(amount * w.numel())]] = 0
        masks.append(mask.view_as(w))
    return masks


def one_row(weights, scores, pruned):
    row = torch.cat([s.flatten() for s in scores])
    keep = torch.ones(row.numel())
    keep[row.argsort()[:pruned]] = 0
    return [part.view_as(w) for part, w in zip(keep.split([w.numel() for w in weights]), weights, strict=True)]


def total(weights):
    return sum(w.numel() for w in weights)


def signed(weights, amount):
    return one_row(weights, weights, round(amount * total(weights)))


def amount_is_kept(weights, amount):
    return one_row(weights, [w.abs() for w in weights], total(weights) - round(amount * total(weights)))


def threshold_is_averaged(weights, amount):
    thresholds = []
    for w in weights:
        n = round(amount * w.numel())
        thresholds.append(w.abs().flatten().sort().values[n - 1].item() if n else 0.0)
    mean = sum(thresholds) / len(thresholds)
    return [(w.abs() > mean).float() for w in weights]


def scaled_by_layer(weights, amount):
    return one_row(weights, [w.abs() / w.abs().max() for w in weights], round(amount * total(weights)))


def rounded_down(weights, amount):
    return one_row(weights, [w.abs() for w in weights], int(amount * total(weights)))


def half_up(weights, amount):
    return one_row(weights, [w.abs() for w in weights], int(amount * total(weights) + 0.5))


def last_of_none(weights, amount):
    sizes = torch.cat([w.abs().flatten() for w in weights]).sort().values
    threshold = sizes[round(amount * len(sizes)) - 1]
    return [(w.abs() > threshold).float() for w in weights]


def with_quantile(weights, amount):
    row = torch.cat([w.abs().flatten() for w in weights])
    return [(w.abs() >= row.quantile(amount)).float() for w in weights]


def at_least_one(weights, amount):
    row = torch.cat([w.abs().flatten() for w in weights])
    threshold = row.kthvalue(max(1, round(amount * len(row)))).values
    return [(w.abs() > threshold).float() for w in weights]


def argsort_for_the_rank(weights, amount):
    keep = torch.cat([w.abs().flatten() for w in weights]).argsort() >= round(amount * total(weights))
    return [part.view_as(w).float() for part, w in zip(keep.split([w.numel() for w in weights]), weights, strict=True)]


def rounded_in_each_layer(weights, amount):
    return one_row(weights, [w.abs() for w in weights], sum(round(amount * w.numel()) for w in weights))


def with_kthvalue(weights, amount):
    row = torch.cat([w.abs().flatten() for w in weights])
    pruned = round(amount * len(row))
    threshold = row.kthvalue(pruned).values if pruned else -1.0
    return [(w.abs() > threshold).int() for w in weights]


def as_numpy(weights, amount):
    row = np.concatenate([np.abs(w.numpy()).ravel() for w in weights])
    rank = row.argsort().argsort()
    keep = rank >= round(amount * len(row))
    ends = np.cumsum([w.numel() for w in weights])[:-1]
    return tuple(part.reshape(w.shape) for part, w in zip(np.split(keep, ends), weights, strict=True))


def with_argsort(weights, amount):
    return one_row(weights, [w.square() for w in weights], round(amount * total(weights)))


def share_of_the_largest(weights, amount):
    line = amount * max(w.abs().max() for w in weights)
    return [(w.abs() > line).float() for w in weights]


SETTINGS = ((0, 0), (200, 0), (200, 1))


def means_of(right, seeds=8):
    """Not an answer: (network, setting) -> mean over seeds."""
    return {
        (network, setting): sum(right(network, steps=setting[0], falling=setting[1], seed=s) for s in range(seeds))
        / seeds
        for network in ("dense", "pruned")
        for setting in SETTINGS
    }


def verdict(gain):
    """Not an answer: the word for a gain in points."""
    return "yes" if gain > 1 else "no" if gain < -1 else "level"


def at_a_constant_rate(right):
    mean = means_of(right)
    return verdict(mean["pruned", (200, 0)] - mean["dense", (200, 0)])


def before_against_after(right):
    mean = means_of(right)
    return verdict(max(mean["pruned", s] for s in SETTINGS) - mean["dense", (0, 0)])


def at_a_falling_rate(right):
    mean = means_of(right)
    return verdict(mean["pruned", (200, 1)] - mean["dense", (200, 1)])


def never_no_steps(right):
    mean = {}
    for network in ("dense", "pruned"):
        for falling in (0, 1):
            runs = [right(network, steps=200, falling=falling, seed=s) for s in range(6)]
            mean[network] = max(mean.get(network, 0), sum(runs) / 6)
    return verdict(mean["pruned"] - mean["dense"])


def trained_settings_alone(right):
    mean = means_of(right)
    return verdict(*[max(mean["pruned", s] for s in SETTINGS[1:]) - max(mean["dense", s] for s in SETTINGS[1:])])


def never_worse(right):
    mean = means_of(right)
    gain = max(mean["pruned", s] for s in SETTINGS) - max(mean["dense", s] for s in SETTINGS)
    return "yes" if gain > 1 else "level"


def never_better(right):
    mean = means_of(right)
    gain = max(mean["pruned", s] for s in SETTINGS) - max(mean["dense", s] for s in SETTINGS)
    return "no" if gain < -1 else "level"


def best_seed_against_worst(right):
    runs = {
        (n, s): [right(n, steps=s[0], falling=s[1], seed=seed) for seed in range(8)]
        for n in ("dense", "pruned")
        for s in SETTINGS
    }
    best = {n: max((runs[n, s] for s in SETTINGS), key=sum) for n in ("dense", "pruned")}
    return verdict(max(best["pruned"]) - min(best["dense"]) - 1)


def always_level(right):
    means_of(right)
    return "level"


def one_seed(right):
    best = {n: max(right(n, steps=a, falling=b) for a, b in SETTINGS) for n in ("dense", "pruned")}
    return verdict(best["pruned"] - best["dense"])


def improve_by_numpy(right):
    runs = np.array(
        [[[right(n, steps=a, falling=b, seed=s) for s in range(20)] for a, b in SETTINGS] for n in ("dense", "pruned")]
    )
    dense, pruned = runs.mean(2).max(1)
    return verdict(pruned - dense)


def improve_in_a_loop(right):
    best = {}
    for a, b in reversed(SETTINGS):
        for n in ("pruned", "dense"):
            mean = sum(right(n, steps=a, falling=b, seed=s) for s in range(101)) / 101
            best[n] = max(best.get(n, 0), mean)
    return verdict(best["pruned"] - best["dense"])


def _by_limits(right, ahead=1.0, behind=1.0, pick=np.mean):
    """Not an answer: the rule of the card with other limits, or with another summary."""
    best = {}
    for n in ("dense", "pruned"):
        best[n] = max(pick([right(n, steps=a, falling=b, seed=s) for s in range(9)]) for a, b in SETTINGS)
    gain = best["pruned"] - best["dense"]
    return "yes" if gain > ahead else "no" if gain < -behind else "level"


def by_medians(right):
    return _by_limits(right, pick=np.median)


def by_the_best_seed(right):
    return _by_limits(right, pick=max)


def without_best_and_worst(right):
    return _by_limits(right, pick=lambda own: np.mean(sorted(own)[1:-1]))


def without_the_worst(right):
    return _by_limits(right, pick=lambda own: np.mean(sorted(own)[1:]))


def half_a_point_ahead(right):
    return _by_limits(right, ahead=0.5)


def half_a_point_behind(right):
    return _by_limits(right, behind=0.5)


def a_point_and_a_quarter_behind(right):
    return _by_limits(right, behind=1.25)


def two_points_behind(right):
    return _by_limits(right, behind=2)


def one_per_cent_ahead(right):
    best = {
        n: max(np.mean([right(n, steps=a, falling=b, seed=s) for s in range(9)]) for a, b in SETTINGS) for n in NAMES
    }
    ahead, behind = best["pruned"] > 1.01 * best["dense"], best["dense"] > 1.01 * best["pruned"]
    return "yes" if ahead else "no" if behind else "level"


def without_the_first_seed(right):
    return _by_limits(right, pick=lambda own: np.mean(own[1:]))


def by_the_geometric_mean(right):
    return _by_limits(right, pick=lambda own: np.exp(np.mean(np.log(own))))


def best_setting_of_each_seed(right):
    best = {
        n: np.mean([max(right(n, steps=a, falling=b, seed=s) for a, b in SETTINGS) for s in range(9)]) for n in NAMES
    }
    return verdict(best["pruned"] - best["dense"])


def best_setting_by_the_first_seed(right):
    own = {n: [[right(n, steps=a, falling=b, seed=s) for s in range(9)] for a, b in SETTINGS] for n in NAMES}
    best = {n: np.mean(max(rows, key=lambda row: row[0])) for n, rows in own.items()}
    return verdict(best["pruned"] - best["dense"])


NAMES = ("dense", "pruned")
WRONG = {
    "does_it_improve": [
        at_a_constant_rate,
        before_against_after,
        at_a_falling_rate,
        never_no_steps,
        trained_settings_alone,
        never_worse,
        never_better,
        best_seed_against_worst,
        always_level,
        one_seed,
        by_medians,
        by_the_best_seed,
        without_best_and_worst,
        without_the_worst,
        half_a_point_ahead,
        half_a_point_behind,
        two_points_behind,
        a_point_and_a_quarter_behind,
        one_per_cent_ahead,
        without_the_first_seed,
        by_the_geometric_mean,
        best_setting_of_each_seed,
        best_setting_by_the_first_seed,
    ],
    "global_masks": [
        quantile_of_each_layer,
        signed,
        amount_is_kept,
        threshold_is_averaged,
        scaled_by_layer,
        rounded_down,
        half_up,
        last_of_none,
        with_quantile,
        at_least_one,
        share_of_the_largest,
        rounded_in_each_layer,
        argsort_for_the_rank,
    ],
}
ODD = {
    "does_it_improve": [improve_by_numpy, improve_in_a_loop],
    "global_masks": [with_kthvalue, with_argsort, as_numpy],
}
EQUIVALENT = {
    "does_it_improve": {
        "for steps, falling in ((0, 0), (200, 0), (200, 1)):: 0 -> 1": "without steps the kind of rate has no effect",
        "if gain > 1:: gain > 1: Gt -> GtE": "no gain is exactly one point",
        "return 'no' if gain < -1 else 'level': gain < -1: Lt -> LtE": "no loss is exactly one point",
        "means.append(mean((right(network, steps=steps, falling=falling, seed=seed) for seed in range(8)))): 8 -> 7": (
            "how many seeds there are is free"
        ),
        "means.append(mean((right(network, steps=steps, falling=falling, seed=seed) for seed in range(8)))): 8 -> 9": (
            "how many seeds there are is free"
        ),
    }
}
