"""The lesson `bit_budget`: plausible wrong answers and odd but right ones, as a learner would write them."""

import heapq
import itertools
from statistics import fmean, median

import numpy as np
import torch

PIECES = range(6)


def _means(loss, summary=fmean, pieces=PIECES):
    """{(arm, bits): what the summary makes of the pieces}."""
    return {
        (arm, bits): summary([loss(arm, bits=bits, piece=piece) for piece in pieces])
        for arm in ("none", "first", "last", "both")
        for bits in (2, 4)
    }


def _shares(mean):
    """By which part of the sum both add more, at 2 and at 4 bits."""
    found = []
    for bits in (2, 4):
        none, first, last, both = (mean[arm, bits] for arm in ("none", "first", "last", "both"))
        found.append((both - none) / (first + last - 2 * none) - 1)
    return found


def _verdict(share, limit=0.1):
    return "more" if share > limit else "less" if share < -limit else "add up"


def _together(two, four):
    return two if two == four else "depends"


def float_loss_forgotten(loss):
    mean = _means(loss)
    return _together(*(_verdict(mean["both", b] / (mean["first", b] + mean["last", b]) - 1) for b in (2, 4)))


def not_the_sum_but_the_larger(loss):
    mean, said = _means(loss), []
    for b in (2, 4):
        none, first, last, both = (mean[arm, b] for arm in ("none", "first", "last", "both"))
        said.append(_verdict((both - none) / (max(first, last) - none) - 1))
    return _together(*said)


def taken_once_from_the_sum(loss):
    mean, said = _means(loss), []
    for b in (2, 4):
        none, first, last, both = (mean[arm, b] for arm in ("none", "first", "last", "both"))
        said.append(_verdict((both - none) / (first + last - none) - 1))
    return _together(*said)


def a_tenth_of_both(loss):
    mean, said = _means(loss), []
    for b in (2, 4):
        none, first, last, both = (mean[arm, b] for arm in ("none", "first", "last", "both"))
        added = first + last - 2 * none
        said.append("more" if added < 0.9 * (both - none) else "less" if added > 1.1 * (both - none) else "add up")
    return _together(*said)


def mean_of_quotients(loss):
    said = []
    for b in (2, 4):
        quotients = []
        for piece in PIECES:
            none, first, last, both = (loss(arm, bits=b, piece=piece) for arm in ("none", "first", "last", "both"))
            quotients.append((both - none) / (first + last - 2 * none))
        said.append(_verdict(fmean(quotients) - 1))
    return _together(*said)


def other_pieces_at_4_bits(loss):
    said = []
    for b, pieces in ((2, range(3)), (4, range(3, 6))):
        none, first, last, both = (
            fmean(loss(arm, bits=b, piece=piece) for piece in pieces) for arm in ("none", "first", "last", "both")
        )
        said.append(_verdict((both - none) / (first + last - 2 * none) - 1))
    return _together(*said)


def limit_of_a_fifth(loss):
    return _together(*(_verdict(share, 0.2) for share in _shares(_means(loss))))


def sign_lost(loss):
    return _together(*(_verdict(abs(share)) for share in _shares(_means(loss))))


def bits_pooled(loss):
    mean = _means(loss)
    none, first, last, both = (fmean(mean[arm, b] for b in (2, 4)) for arm in ("none", "first", "last", "both"))
    return _verdict((both - none) / (first + last - 2 * none) - 1)


def more_anywhere(loss):
    said = [_verdict(share) for share in _shares(_means(loss))]
    return "more" if "more" in said else _together(*said)


def two_bits_unless_one_adds_up(loss):
    two, four = (_verdict(share) for share in _shares(_means(loss)))
    return "depends" if two != four and "add up" in (two, four) else two


def median_piece(loss):
    return _together(*map(_verdict, _shares(_means(loss, median))))


def largest_difference(loss):
    every = [_shares(_means(loss, pieces=[piece])) for piece in PIECES]
    return _together(*(_verdict(max(shares, key=abs)) for shares in zip(*every, strict=True)))


def without_the_first_piece(loss):
    return _together(*map(_verdict, _shares(_means(loss, lambda own: fmean(own[1:])))))


def middle_of_the_extremes(loss):
    return _together(*map(_verdict, _shares(_means(loss, lambda own: (min(own) + max(own)) / 2))))


def without_the_sign_of_both(loss):
    return _together(*(_verdict(abs(share + 1) - 1) for share in _shares(_means(loss))))


def depends_only_if_far_apart(loss):
    two, four = _shares(_means(loss))
    return _together(_verdict(two), _verdict(four)) if abs(two - four) > 0.2 else _verdict(two)


def nothing_below_zero(loss):
    said = []
    for b in (2, 4):
        rows = [[loss(arm, bits=b, piece=piece) for arm in ("none", "first", "last", "both")] for piece in PIECES]
        added = sum(max(0, first - none) + max(0, last - none) for none, first, last, _ in rows)
        said.append(_verdict(sum(both - none for none, _, _, both in rows) / added - 1))
    return _together(*said)


def nothing_below_zero_for_both_either(loss):
    said = []
    for b in (2, 4):
        rows = [[loss(arm, bits=b, piece=piece) for arm in ("none", "first", "last", "both")] for piece in PIECES]
        first, last, both = (sum(max(0, row[i] - row[0]) for row in rows) for i in (1, 2, 3))
        said.append(_verdict(both / (first + last) - 1))
    return _together(*said)


def the_first_layer_alone(loss):
    mean = _means(loss)
    added = [[mean[arm, b] - mean["none", b] for arm in ("both", "first")] for b in (2, 4)]
    return _together(*(_verdict(both / first - 1) for both, first in added))


def a_tenth_of_a_nat(loss):
    mean, said = _means(loss), []
    for b in (2, 4):
        none, first, last, both = (mean[arm, b] for arm in ("none", "first", "last", "both"))
        said.append(_verdict(both - first - last + none))
    return _together(*said)


def layers_at_different_bits(loss):
    mean = _means(loss)
    added = mean["first", 2] - mean["none", 2] + mean["last", 4] - mean["none", 4]
    return _verdict((mean["both", 2] - mean["none", 2]) / added - 1)


def by_differences_of_pieces(loss):
    """The means of differences, piece by piece, which are the differences of means."""
    said = set()
    for bits in (2, 4):
        excess, added = [], []
        for piece in range(10, 40):
            none, first, last, both = (loss(arm, bits=bits, piece=piece) for arm in ("none", "first", "last", "both"))
            excess.append(both - first - last + none)
            added.append(first + last - 2 * none)
        ratio = sum(excess) / sum(added)
        said.add("add up" if abs(ratio) <= 0.1 else ("less", "more")[ratio > 0])
    return said.pop() if len(said) == 1 else "depends"


def with_numpy(loss):
    table = np.array(
        [[[loss(arm, bits=b, piece=p) for p in range(3)] for b in (4, 2)] for arm in ("both", "none", "last", "first")]
    )
    both, none, last, first = table.mean(-1)
    ratio = (both - none) / (first + last - 2 * none)
    signs = np.where(ratio > 1.1, 1, np.where(ratio < 0.9, -1, 0))
    return "depends" if signs[0] != signs[1] else {1: "more", -1: "less", 0: "add up"}[int(signs[0])]


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
    "losses_add_up": [
        float_loss_forgotten,
        limit_of_a_fifth,
        sign_lost,
        bits_pooled,
        more_anywhere,
        two_bits_unless_one_adds_up,
        median_piece,
        largest_difference,
        not_the_sum_but_the_larger,
        taken_once_from_the_sum,
        a_tenth_of_both,
        mean_of_quotients,
        other_pieces_at_4_bits,
        without_the_first_piece,
        middle_of_the_extremes,
        without_the_sign_of_both,
        depends_only_if_far_apart,
        nothing_below_zero,
        nothing_below_zero_for_both_either,
        layers_at_different_bits,
        the_first_layer_alone,
        a_tenth_of_a_nat,
    ],
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
ODD = {
    "losses_add_up": [by_differences_of_pieces, with_numpy],
    "mean_bits": [by_numpy, weight_by_weight],
    "greedy_bits": [by_a_heap, by_recursion_on_tensors],
}
EQUIVALENT = {
    "losses_add_up": {
        "mean[arm] = sum((loss(arm, bits=bits, piece=piece) for piece in range(5))) / 5: 5 -> 4": "how many pieces there are is free",
        "mean[arm] = sum((loss(arm, bits=bits, piece=piece) for piece in range(5))) / 5: 5 -> 6": "how many pieces there are is free",
        "mean[arm] = sum((loss(arm, bits=bits, piece=piece) for piece in range(5))) / 5: sum((loss(arm, bits=bits, piece=piece) for piece in range(5))) / 5: Div -> Mult": (
            "a factor that all four have cancels in the quotient"
        ),
        "return said[0] if said[0] == said[1] else 'depends': 0 -> -1": "both say the same where it is returned",
        "return said[0] if said[0] == said[1] else 'depends': 0 -> 1": "both say the same where it is returned",
        "said.append('more' if share > 1.1 else 'less' if share < 0.9 else 'add up'): share < 0.9: Lt -> LtE": "no quotient is exactly 0.9",
        "said.append('more' if share > 1.1 else 'less' if share < 0.9 else 'add up'): share > 1.1: Gt -> GtE": "no quotient is exactly 1.1",
    }
}
