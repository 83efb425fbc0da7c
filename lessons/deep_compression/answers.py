"""The lesson `deep_compression`: plausible wrong answers and odd but right ones, as a learner would write them."""

import heapq
import math

import torch


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
    "code_lengths": [by_a_tree_and_its_depths, by_package_merge],
    "share_step": [sharing_number_by_number, sharing_with_bincount],
}
# Mutants of the solutions that are as right as the solution: what was changed -> why.
EQUIVALENT = {
    "code_lengths": {"lengths[trees[0][1][0]] = 1: 0 -> -1": "there is one tree, and one symbol in it"},
}
