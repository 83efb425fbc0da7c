"""The lesson `deep_compression`: plausible wrong answers and odd but right ones, as a learner would write them."""

import heapq
import math
from statistics import fmean, geometric_mean, harmonic_mean, median

import torch


def _at_best(right, pick=fmean, rates=(0.001, 0.003, 0.01), seeds=range(5)):
    """Each arm at the best of the rates."""
    return {
        trained: max(pick([right(trained, rate=rate, seed=seed) for seed in seeds]) for rate in rates)
        for trained in ("neither", "biases", "both")
    }


def _concluded(best, low=0.2, high=0.8, least=1.0):
    gain = best["both"] - best["neither"]
    if gain < least:
        return "nothing"
    share = (best["biases"] - best["neither"]) / gain
    return "biases" if share > high else "values" if share < low else "part"


def at_one_rate(right):
    return _concluded(_at_best(right, rates=(0.001,)))


def at_the_rate_of_both(right):
    """Looks for the best rate of "both", and takes it for the biases as well."""
    rates = (0.001, 0.003, 0.01)
    mean = {
        (trained, rate): fmean(right(trained, rate=rate, seed=seed) for seed in range(5))
        for trained in ("neither", "biases", "both")
        for rate in rates
    }
    best = max(rates, key=lambda rate: mean["both", rate])
    return _concluded({trained: mean[trained, best] for trained in ("neither", "biases", "both")})


def over_all_rates(right):
    return _concluded(
        {
            trained: fmean(right(trained, rate=rate, seed=seed) for rate in (0.001, 0.003, 0.01) for seed in range(5))
            for trained in ("neither", "biases", "both")
        }
    )


def one_seed(right):
    return _concluded(_at_best(right, seeds=(0,)))


def without_the_control(right):
    both = max(fmean(right("both", rate=rate, seed=seed) for seed in range(5)) for rate in (0.001, 0.003, 0.01))
    start = fmean(right("neither", seed=seed) for seed in range(5))
    return "values" if both - start >= 1 else "nothing"


def biases_with_more_seeds(right):
    best = _at_best(right)
    best["biases"] = max(
        fmean(right("biases", rate=rate, seed=seed) for seed in range(9)) for rate in (0.001, 0.003, 0.01)
    )
    return _concluded(best)


def by_medians(right):
    return _concluded(_at_best(right, pick=median))


def by_the_best_order(right):
    return _concluded(_at_best(right, pick=max))


def always_divides(right):
    return _concluded(_at_best(right), least=-1e9)


def divides_without_a_sign(right):
    best = _at_best(right)
    if abs(best["both"] - best["neither"]) < 1:
        return "nothing"
    return _concluded(best, least=-1e9)


def in_points(right):
    best = _at_best(right)
    won = best["biases"] - best["neither"]
    if best["both"] - best["neither"] < 1:
        return "nothing"
    return "biases" if won > 0.8 else "values" if won < 0.2 else "part"


def share_of_the_other_side(right):
    best = _at_best(right)
    gain = best["both"] - best["neither"]
    if gain < 1:
        return "nothing"
    share = (best["both"] - best["biases"]) / gain
    return "biases" if share > 0.8 else "values" if share < 0.2 else "part"


def all_or_nothing(right):
    best = _at_best(right)
    if best["both"] - best["neither"] < 1:
        return "nothing"
    return "biases" if best["biases"] - best["neither"] > best["both"] - best["biases"] else "values"


def values_below_a_tenth(right):
    return _concluded(_at_best(right), low=0.1)


def values_below_a_quarter(right):
    return _concluded(_at_best(right), low=0.25)


def biases_above_three_quarters(right):
    return _concluded(_at_best(right), high=0.75)


def biases_above_nine_tenths(right):
    return _concluded(_at_best(right), high=0.9)


def a_gain_of_two_points(right):
    return _concluded(_at_best(right), least=2)


def a_gain_of_half_a_point(right):
    return _concluded(_at_best(right), least=0.5)


def either_wins_a_point(right):
    best = _at_best(right)
    if max(best["both"], best["biases"]) - best["neither"] < 1:
        return "nothing"
    return _concluded(best, least=-1e9)


def a_best_rate_for_each_order(right):
    arms = ("neither", "biases", "both")
    own = {
        arm: fmean(max(right(arm, rate=rate, seed=seed) for rate in (0.001, 0.003, 0.01)) for seed in range(5))
        for arm in arms
    }
    return _concluded(own)


def mean_of_the_shares(right):
    rates, seeds = (0.001, 0.003, 0.01), range(5)
    of = {}
    for arm in ("neither", "biases", "both"):
        at = {rate: [right(arm, rate=rate, seed=seed) for seed in seeds] for rate in rates}
        of[arm] = max(at.values(), key=fmean)
    if fmean(of["both"]) - fmean(of["neither"]) < 1:
        return "nothing"
    share = fmean((b - n) / (o - n) for n, b, o in zip(*of.values(), strict=True))
    return "biases" if share > 0.8 else "values" if share < 0.2 else "part"


def other_orders_at_each_rate(right):
    best = {
        arm: max(
            fmean(right(arm, rate=rate, seed=10 * n + seed) for seed in range(5))
            for n, rate in enumerate((0.001, 0.003, 0.01))
        )
        for arm in ("neither", "biases", "both")
    }
    return _concluded(best)


def no_share_above_one(right):
    best = _at_best(right)
    gain = best["both"] - best["neither"]
    if gain < 1:
        return "nothing"
    share = (best["biases"] - best["neither"]) / gain
    return "biases" if 0.8 < share <= 1 else "values" if share < 0.2 else "part"


def a_gain_at_the_first_rate(right):
    best = _at_best(right)
    usual = _at_best(right, rates=(0.001,))
    return _concluded(best) if usual["both"] - usual["neither"] >= 1 else "nothing"


def by_the_geometric_mean(right):
    return _concluded(_at_best(right, pick=geometric_mean))


def by_the_harmonic_mean(right):
    return _concluded(_at_best(right, pick=harmonic_mean))


def means_to_a_tenth(right):
    return _concluded(_at_best(right, pick=lambda own: round(fmean(own), 1)))


def a_tenth_of_the_errors(right):
    best = _at_best(right)
    return _concluded(best, least=0.1 * (100 - best["neither"]))


def share_without_a_sign(right):
    best = _at_best(right)
    gain = best["both"] - best["neither"]
    if gain < 1:
        return "nothing"
    share = abs(best["biases"] - best["neither"]) / gain
    return "biases" if share > 0.8 else "values" if share < 0.2 else "part"


def nothing_where_biases_lose(right):
    best = _at_best(right)
    return "nothing" if best["biases"] < best["neither"] else _concluded(best)


def _without_the_smallest_rate(right, left_out):
    larger = _at_best(right, rates=(0.003, 0.01))
    return _concluded({**_at_best(right), left_out: larger[left_out]})


def biases_at_larger_rates(right):
    return _without_the_smallest_rate(right, "biases")


def both_at_larger_rates(right):
    return _without_the_smallest_rate(right, "both")


def rate_by_the_first_order(right):
    best = {}
    for arm in ("neither", "biases", "both"):
        own = [[right(arm, rate=rate, seed=seed) for seed in range(5)] for rate in (0.001, 0.003, 0.01)]
        best[arm] = fmean(max(own, key=lambda results: results[0]))
    return _concluded(best)


def gain_of_the_first_order(right):
    first = _at_best(right, seeds=(0,))
    if first["both"] - first["neither"] < 1:
        _at_best(right)
        return "nothing"
    return _concluded(_at_best(right), least=-1e9)


def with_other_seeds(right):
    return _concluded(_at_best(right, seeds=(11, 3, 40, 7, 100)))


def with_eight_seeds_and_torch(right):
    arms, rates = ("neither", "biases", "both"), (0.01, 0.001, 0.003)
    table = torch.tensor(
        [[[right(arm, rate=rate, seed=seed) for seed in range(8)] for rate in rates] for arm in arms]
    ).double()
    neither, biases, both = table.mean(-1).amax(-1)
    if both - neither < 1:
        return "nothing"
    share = float((biases - neither) / (both - neither))
    return "values" if share < 0.2 else "part" if share <= 0.8 else "biases"


def rate_by_rate(right):
    best = {}
    for rate in (0.001, 0.003, 0.01):
        for seed in range(5):
            for trained in ("both", "neither", "biases"):
                best.setdefault((trained, rate), []).append(right(trained, rate=rate, seed=seed))
    return _concluded(
        {
            trained: max(fmean(own) for (arm, _), own in best.items() if arm == trained)
            for trained in ("neither", "biases", "both")
        }
    )


def fixed_length(counts):
    used = sum(n > 0 for n in counts)
    bits = max(1, math.ceil(math.log2(used))) if used else 0
    return [bits if n else 0 for n in counts]


def _by_heap(counts, keep):
    heap = [(n, i, [i]) for i, n in enumerate(counts) if keep(n)]
    heapq.heapify(heap)
    lengths = [0] * len(counts)
    while len(heap) > 1:
        a, i, left = heapq.heappop(heap)
        b, _, right = heapq.heappop(heap)
        for symbol in left + right:
            lengths[symbol] += 1
        heapq.heappush(heap, (a + b, i, left + right))
    return lengths


def words_for_symbols_that_never_come(counts):
    lengths = _by_heap(counts, lambda n: True)
    return [1] if len(counts) == 1 else lengths


def nothing_for_one_that_is_alone(counts):
    return _by_heap(counts, lambda n: n > 0)


def shannons_lengths(counts):
    total = sum(counts)
    return [max(1, math.ceil(math.log2(total / n))) if n else 0 for n in counts]


def rounded_information(counts):
    total = sum(counts)
    return [max(1, round(math.log2(total / n))) if n else 0 for n in counts]


def one_after_the_other(counts):
    """1, 2, 3 bits ... by frequency: no prefix of another, and rarely the best."""
    order = sorted((i for i, n in enumerate(counts) if n), key=lambda i: (-counts[i], -i))
    lengths = [0] * len(counts)
    for rank, i in enumerate(order):
        lengths[i] = max(1, min(rank + 1, len(order) - 1))
    return lengths


def joins_the_most_frequent(counts):
    lengths = [0] * len(counts)
    trees = sorted(((n, [i]) for i, n in enumerate(counts) if n), reverse=True)
    if len(trees) == 1:
        lengths[trees[0][1][0]] = 1
    while len(trees) > 1:
        a, b = trees.pop(0), trees.pop(0)
        for i in a[1] + b[1]:
            lengths[i] += 1
        trees = sorted([*trees, (a[0] + b[0], a[1] + b[1])], reverse=True)
    return lengths


def by_a_tree_and_its_depths(counts):
    """Nested pairs, walked at the end."""
    heap = [(n, i, i) for i, n in enumerate(counts) if n]
    heapq.heapify(heap)
    while len(heap) > 1:
        (a, i, left), (b, _, right) = heapq.heappop(heap), heapq.heappop(heap)
        heapq.heappush(heap, (a + b, i, (left, right)))
    lengths = torch.zeros(len(counts), dtype=torch.int64)
    stack = [(tree, 0) for *_, tree in heap]
    while stack:
        tree, depth = stack.pop()
        if isinstance(tree, tuple):
            stack += [(branch, depth + 1) for branch in tree]
        else:
            lengths[tree] = max(1, depth)
    return lengths


def by_package_merge(counts):
    """Larmore and Hirschberg's packages, without a limit that matters: another way, other lengths, as few bits."""
    used = [i for i, n in enumerate(counts) if n]
    lengths = [0] * len(counts)
    if len(used) == 1:
        lengths[used[0]] = 1
    if len(used) < 2:
        return tuple(lengths)
    leaves = sorted((counts[i], (i,)) for i in used)
    row = leaves
    for _ in range(len(used) - 1):
        pairs = [(a[0] + b[0], a[1] + b[1]) for a, b in zip(row[::2], row[1::2], strict=False)]
        row = sorted(leaves + pairs)
    for _, symbols in row[: 2 * len(used) - 2]:
        for i in symbols:
            lengths[i] += 1
    return tuple(lengths)


def _assign(weight, centroids):
    return (weight.unsqueeze(-1) - centroids).abs().argmin(dim=-1)


def zeros_join_in(weight, centroids):
    number, new = _assign(weight, centroids), centroids.clone()
    for k in range(len(new)):
        if (number == k).any():
            new[k] = weight[number == k].mean()
    return new[number], new


def zeros_pull_the_mean(weight, centroids):
    shared, new = zeros_join_in(weight, centroids)
    return shared * (weight != 0), new


def zeros_take_a_value(weight, centroids):
    number, new = _assign(weight, centroids), centroids.clone()
    for k in range(len(new)):
        members = weight[(number == k) & (weight != 0)]
        if members.numel():
            new[k] = members.mean()
    return new[number], new


def nan_where_nobody_came(weight, centroids):
    number = _assign(weight, centroids)
    new = torch.stack([weight[(number == k) & (weight != 0)].mean() for k in range(len(centroids))])
    return torch.where(weight != 0, new[number], weight), new


def zero_where_nobody_came(weight, centroids):
    left = weight != 0
    hot = torch.nn.functional.one_hot(_assign(weight, centroids)[left], len(centroids)).float()
    new = (hot * weight[left][:, None]).sum(0) / hot.sum(0).clamp(min=1)
    return torch.where(left, new[_assign(weight, centroids)], weight), new


def one_mean_for_all(weight, centroids):
    left = weight[weight != 0]
    number, new = _assign(weight, centroids), centroids.clone()
    for k in range(len(new)):
        if ((number == k) & (weight != 0)).any():
            new[k] = left.mean()
    return torch.where(weight != 0, new[number], weight), new


def the_old_values(weight, centroids):
    number = _assign(weight, centroids)
    _, new = zeros_take_a_value(weight, centroids)
    return torch.where(weight != 0, centroids[number], weight), new


def nearest_after_the_means(weight, centroids):
    _, new = zeros_take_a_value(weight, centroids)
    return new[_assign(weight, new)] * (weight != 0), new


def sorted_ones_assumed(weight, centroids):
    number, new = torch.bucketize(weight, (centroids[1:] + centroids[:-1]) / 2), centroids.clone()
    for k in range(len(new)):
        members = weight[(number == k) & (weight != 0)]
        if members.numel():
            new[k] = members.mean()
    return torch.where(weight != 0, new[number], weight), new


def signed_distance(weight, centroids):
    number, new = (weight.unsqueeze(-1) - centroids).argmin(dim=-1), centroids.clone()
    for k in range(len(new)):
        members = weight[(number == k) & (weight != 0)]
        if members.numel():
            new[k] = members.mean()
    return torch.where(weight != 0, new[number], weight), new


def sharing_number_by_number(weight, centroids):
    values, clusters = weight.flatten().tolist(), {}
    points = centroids.tolist()
    where = [min(range(len(points)), key=lambda k, w=w: abs(w - points[k])) for w in values]
    for w, k in zip(values, where, strict=True):
        if w != 0:
            clusters.setdefault(k, []).append(w)
    new = [sum(clusters[k]) / len(clusters[k]) if k in clusters else c for k, c in enumerate(points)]
    shared = [new[k] if w != 0 else 0.0 for w, k in zip(values, where, strict=True)]
    return [torch.tensor(shared).reshape(weight.shape), torch.tensor(new)]


def sharing_with_bincount(weight, centroids):
    """On sorted centroids, with borders; then back into the order that was given."""
    ordered, back = centroids.sort()
    left = weight[weight != 0].double()
    number = torch.bucketize(left, ((ordered[1:] + ordered[:-1]) / 2).double())
    count = torch.bincount(number, minlength=len(ordered))
    total = torch.bincount(number, weights=left, minlength=len(ordered))
    means = torch.where(count > 0, total / count.clamp(min=1), ordered.double())
    shared = weight.double().clone()
    shared[weight != 0] = means[number]
    new = torch.empty_like(means)
    new[back] = means
    return shared, new


WRONG = {
    "what_won": [
        at_one_rate,
        at_the_rate_of_both,
        over_all_rates,
        one_seed,
        without_the_control,
        biases_with_more_seeds,
        by_medians,
        by_the_best_order,
        always_divides,
        divides_without_a_sign,
        in_points,
        share_of_the_other_side,
        all_or_nothing,
        values_below_a_tenth,
        values_below_a_quarter,
        biases_above_three_quarters,
        biases_above_nine_tenths,
        a_gain_of_two_points,
        a_gain_of_half_a_point,
        no_share_above_one,
        a_gain_at_the_first_rate,
        either_wins_a_point,
        a_best_rate_for_each_order,
        mean_of_the_shares,
        other_orders_at_each_rate,
        by_the_geometric_mean,
        by_the_harmonic_mean,
        means_to_a_tenth,
        a_tenth_of_the_errors,
        share_without_a_sign,
        nothing_where_biases_lose,
        biases_at_larger_rates,
        both_at_larger_rates,
        rate_by_the_first_order,
        gain_of_the_first_order,
    ],
    "code_lengths": [
        fixed_length,
        words_for_symbols_that_never_come,
        nothing_for_one_that_is_alone,
        shannons_lengths,
        rounded_information,
        one_after_the_other,
        joins_the_most_frequent,
    ],
    "share_step": [
        zeros_join_in,
        zeros_pull_the_mean,
        zeros_take_a_value,
        nan_where_nobody_came,
        zero_where_nobody_came,
        one_mean_for_all,
        the_old_values,
        nearest_after_the_means,
        sorted_ones_assumed,
        signed_distance,
    ],
}
ODD = {
    "what_won": [with_other_seeds, with_eight_seeds_and_torch, rate_by_rate],
    "code_lengths": [by_a_tree_and_its_depths, by_package_merge],
    "share_step": [sharing_number_by_number, sharing_with_bincount],
}
# Mutants of the solutions that are as right as the solution: what was changed -> why.
EQUIVALENT = {
    "what_won": {
        "if gain < 1:: gain < 1: Lt -> LtE": "no gain is exactly one point",
        "if share > 0.8:: share > 0.8: Gt -> GtE": "no share is exactly 0.8",
        "return 'values' if share < 0.2 else 'part': share < 0.2: Lt -> LtE": "nor exactly 0.2",
    },
    "code_lengths": {"lengths[trees[0][1][0]] = 1: 0 -> -1": "there is one tree, and one symbol in it"},
}
