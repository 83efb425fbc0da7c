"""The lesson `bit_budget`: plausible wrong answers and odd but right ones, as a learner would write them."""

import heapq
import itertools

import numpy as np
import torch


def of_layers(weights, bits):
    return sum(bits) / len(weights)


def over_the_layers(weights, bits):
    return sum(n * b for n, b in zip(weights, bits, strict=True)) / len(weights)


def whole_bits(weights, bits):
    return sum(n * b for n, b in zip(weights, bits, strict=True)) // sum(weights)


def bits_of_the_file(weights, bits):
    return float(np.dot(weights, bits))


def by_numpy(weights, bits):
    return np.average(bits, weights=weights)


def weight_by_weight(weights, bits):
    every = [b for n, b in zip(weights, bits, strict=True) for _ in range(n)]
    return torch.tensor(every, dtype=torch.float64).mean()


def _size(weights, bits):
    return sum(n * b for n, b in zip(weights, bits, strict=True))


def sizes_ignored(costs, weights, budget):
    bits = [len(row) - 1 for row in costs]
    while _size(weights, bits) > budget:
        there = [i for i in range(len(bits)) if bits[i]]
        bits[min(there, key=lambda i: costs[i][bits[i] - 1] - costs[i][bits[i]])] -= 1
    return bits


def times_the_size(costs, weights, budget):
    bits = [len(row) - 1 for row in costs]
    while _size(weights, bits) > budget:
        there = [i for i in range(len(bits)) if bits[i]]
        bits[min(there, key=lambda i: (costs[i][bits[i] - 1] - costs[i][bits[i]]) * weights[i])] -= 1
    return bits


def cost_and_not_its_growth(costs, weights, budget):
    bits = [len(row) - 1 for row in costs]
    while _size(weights, bits) > budget:
        there = [i for i in range(len(bits)) if bits[i]]
        bits[min(there, key=lambda i: costs[i][bits[i] - 1] / weights[i])] -= 1
    return bits


def below_the_budget(costs, weights, budget):
    bits = [len(row) - 1 for row in costs]
    while _size(weights, bits) >= budget and any(bits):
        there = [i for i in range(len(bits)) if bits[i]]
        bits[min(there, key=lambda i: (costs[i][bits[i] - 1] - costs[i][bits[i]]) / weights[i])] -= 1
    return bits


def a_bit_a_layer(costs, weights, budget):
    bits = [len(row) - 1 for row in costs]
    while sum(bits) > budget:
        there = [i for i in range(len(bits)) if bits[i]]
        bits[min(there, key=lambda i: (costs[i][bits[i] - 1] - costs[i][bits[i]]) / weights[i])] -= 1
    return bits


def last_of_equal_ones(costs, weights, budget):
    bits = [len(row) - 1 for row in costs]
    while _size(weights, bits) > budget:
        least, which = float("inf"), None
        for i, b in enumerate(bits):
            added = (costs[i][b - 1] - costs[i][b]) / weights[i] if b else float("inf")
            if b and added <= least:
                least, which = added, i
        bits[which] -= 1
    return bits


def from_below(costs, weights, budget):
    bits = [0] * len(costs)
    while True:
        fits = [i for i, b in enumerate(bits) if b < len(costs[i]) - 1 and _size(weights, bits) + weights[i] <= budget]
        if not fits:
            return bits
        bits[max(fits, key=lambda i: (costs[i][bits[i]] - costs[i][bits[i] + 1]) / weights[i])] += 1


def least_sum(costs, weights, budget):
    every = itertools.product(*(range(len(row)) for row in costs))
    fits = [bits for bits in every if _size(weights, bits) <= budget]
    return list(min(fits, key=lambda bits: sum(row[b] for row, b in zip(costs, bits, strict=True))))


def largest_first(costs, weights, budget):
    bits = [len(row) - 1 for row in costs]
    while _size(weights, bits) > budget:
        there = [i for i in range(len(bits)) if bits[i]]
        bits[max(there, key=lambda i: weights[i])] -= 1
    return bits


def by_a_heap(costs, weights, budget):
    """One offer a layer waits in a heap; the one that is taken is followed by the next of its layer."""
    bits = [len(row) - 1 for row in costs]

    def offer(i):
        return (costs[i][bits[i] - 1] - costs[i][bits[i]]) / weights[i], i

    heap = [offer(i) for i in range(len(bits)) if bits[i]]
    heapq.heapify(heap)
    left = _size(weights, bits)
    while left > budget:
        _, i = heapq.heappop(heap)
        bits[i] -= 1
        left -= weights[i]
        if bits[i]:
            heapq.heappush(heap, offer(i))
    return tuple(bits)


def by_recursion_on_tensors(costs, weights, budget, bits=None):
    table, sizes = torch.tensor(costs, dtype=torch.float64), torch.tensor(weights)
    bits = torch.full((len(weights),), table.shape[1] - 1) if bits is None else bits
    if (bits * sizes).sum() <= budget:
        return bits
    layers = torch.arange(len(weights))
    added = (table[layers, (bits - 1).clamp(min=0)] - table[layers, bits]) / sizes
    added[bits == 0] = float("inf")
    bits = bits.clone()
    bits[added.tolist().index(added.min().item())] -= 1
    return by_recursion_on_tensors(costs, weights, budget, bits)


WRONG = {
    "mean_bits": [of_layers, over_the_layers, whole_bits, bits_of_the_file],
    "greedy_bits": [
        sizes_ignored,
        times_the_size,
        cost_and_not_its_growth,
        below_the_budget,
        a_bit_a_layer,
        last_of_equal_ones,
        from_below,
        least_sum,
        largest_first,
    ],
}
ODD = {"mean_bits": [by_numpy, weight_by_weight], "greedy_bits": [by_a_heap, by_recursion_on_tensors]}
EQUIVALENT = {}
