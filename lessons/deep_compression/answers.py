"""The exercise of the lesson deep_compression: odd but right answers, and wrong ones as patches of the solution."""

import heapq
from collections import Counter


def with_a_tree(counts):
    """Builds the tree of nested pairs, and walks down it with a stack."""
    heap = [(count, number, number) for number, count in enumerate(counts) if count]
    heapq.heapify(heap)
    fresh = len(counts)
    while len(heap) > 1:
        one, two = heapq.heappop(heap), heapq.heappop(heap)
        heapq.heappush(heap, (one[0] + two[0], fresh, (one[2], two[2])))
        fresh += 1
    found, todo = Counter(), [(heap[0][2], 0)]
    while todo:
        node, depth = todo.pop()
        if isinstance(node, tuple):
            todo += [(child, depth + 1) for child in node]
        else:
            found[node] = depth
    return [found[number] for number in range(len(counts))]


def with_parents(counts):
    """Keeps for each group its parent, and counts the steps up; the latest of equal groups is joined first."""
    sums, parent = dict(enumerate(counts)), {}
    alive = [number for number, count in sums.items() if count]
    while len(alive) > 1:
        alive.sort(key=lambda number: (-sums[number], number))
        new = len(sums)
        sums[new] = 0
        for _ in range(2):
            gone = alive.pop()
            parent[gone], sums[new] = new, sums[new] + sums[gone]
        alive.append(new)
    lengths = []
    for number in range(len(counts)):
        steps = 0
        while number in parent:
            number, steps = parent[number], steps + 1
        lengths.append(steps)
    return lengths


def from_words(counts):
    """Writes real words of 0 and 1, and takes their lengths."""
    groups = {frozenset([symbol]): count for symbol, count in enumerate(counts) if count}
    words = dict.fromkeys(range(len(counts)), "")
    while len(groups) > 1:
        rare, other = sorted(groups, key=groups.get)[:2]
        for bit, group in ("0", rare), ("1", other):
            for symbol in group:
                words[symbol] = bit + words[symbol]
        groups[rare | other] = groups.pop(rare) + groups.pop(other)
    return [len(words[symbol]) for symbol in words]


ODD = {"word_lengths": [with_a_tree, with_parents, from_words]}
WRONG = {
    "word_lengths": {
        "the most frequent are joined": ("groups.sort()", "groups.sort(reverse=True)"),
        "sorted once": (
            "    while len(groups) > 1:\n        groups.sort()\n",
            "    groups.sort()\n    while len(groups) > 1:\n",
        ),
        "what its share asks for, rounded up": (
            "    return lengths",
            "    return [((sum(counts) - 1) // count).bit_length() if count else 0 for count in counts]",
        ),
        "one symbol of each group goes deeper": (
            "for symbol in joined",
            "for symbol in (groups[0][1][0], groups[1][1][0])",
        ),
        "one group goes deeper": ("for symbol in joined", "for symbol in groups[1][1]"),
        "depth in place of a step more": ("lengths[symbol] += 1", "lengths[symbol] = len(joined) - 1"),
        "symbols that never come get a word": (" if count > 0]", "]"),
        "the sum of one group": ("groups[0][0] + groups[1][0], joined", "groups[1][0], joined"),
        "stops with two groups": ("while len(groups) > 1", "while len(groups) > 2"),
        "the others are forgotten": (" + groups[2:]", " + groups[3:]"),
        "words of one length": ("    return lengths", "    return [(len(counts) - 1).bit_length()] * len(counts)"),
    }
}
EQUIVALENT = {"word_lengths": {"total without its sign": "counts are positive"}}
