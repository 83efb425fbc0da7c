"""The exercise of the lesson ticket_full: odd but right answers, and wrong ones as patches of the solution."""

from operator import itemgetter

import numpy as np
import torch


def with_arrays(ticket, other):
    """Stacks all that was saved into arrays, one row a rate in rising order."""
    rates = sorted(ticket)
    read = []
    for runs in (ticket, other):
        table = np.array([runs[rate] for rate in rates], dtype=float)
        read.append((table[:, :, 0].mean(axis=1).argmax(), table))
    (here, mine), (there, theirs) = read
    at_edge = {0, len(rates) - 1} & {int(here), int(there)}
    return mine[here, :, 1] - theirs[there, :, 1], bool(at_edge)


def by_sorting(ticket, other):
    """Sorts (mean, rate) pairs; a tuple comes back, and whole numbers for True and False."""
    best = []
    for runs in (ticket, other):
        order = sorted((sum(map(itemgetter(0), pairs)) / len(pairs), rate) for rate, pairs in runs.items())
        best.append(order[-1][1])
    tests = [list(map(itemgetter(1), runs[rate])) for runs, rate in zip((ticket, other), best, strict=True)]
    inner = set(sorted(ticket)[1:-1])
    return tuple(a - b for a, b in zip(*tests, strict=True)), not inner.issuperset(best)


def in_a_loop(ticket, other):
    """No max at all, and the edge found by comparing with all other rates."""
    found, edge = [], False
    for runs in [ticket, other]:
        best, most = None, -1.0
        for rate in runs:
            mean = 0.0
            for held_out, _ in runs[rate]:
                mean += held_out / len(runs[rate])
            if mean > most:
                best, most = rate, mean
        edge |= all(rate <= best for rate in runs) | all(rate >= best for rate in runs)
        found.append([test for _, test in runs[best]])
    return [found[0][n] - found[1][n] for n in range(len(found[0]))], edge


def with_tensors(ticket, other):
    """Means of tensors, which PyTorch has of floats only."""
    read, edge = [], False
    for runs in (ticket, other):
        rates = sorted(runs)
        table = torch.tensor([runs[rate] for rate in rates])
        best = table[..., 0].mean(1).argmax().item()
        edge = edge or best in (0, len(rates) - 1)
        read.append(table[best, :, 1])
    return (read[0] - read[1]).tolist(), edge


ODD = {"lead": [with_arrays, by_sorting, in_a_loop, with_tensors]}
WRONG = {
    "lead": {
        "the test images choose": ("sum(held_out for held_out, test", "sum(test for held_out, test"),
        "the best network chooses": ("sum(held_out for", "max(held_out for"),
        "both at the ticket's rate": (
            "chosen.append(runs[best])",
            "chosen = [ticket[best], other[best]] if runs is ticket else chosen",
        ),
        "held-out images report": ("for (_, mine), (_, theirs)", "for (mine, _), (theirs, _)"),
        "the edge by the order of the dict": ("(min(runs), max(runs))", "(list(runs)[0], list(runs)[-1])"),
        "only the highest rate is an edge": ("(min(runs), max(runs))", "(max(runs),)"),
        "the edge of the other alone": ("edge = edge or best", "edge = best"),
        "the mean of the leads": ("return points, edge", "return sum(points) / len(points), edge"),
        "the wrong way round": ("mine - theirs", "theirs - mine"),
    }
}
SAME = "both arms are tried at the same rates"
EQUIVALENT = {
    "lead": {
        "pairs = list(zip(ticket[ticket_rate], other[other_rate], strict=True)): True -> False": "as many networks in both",
        "`list` left out": "the pairs are read once",
        "`other` in place of `ticket`, in the rate of the ticket": SAME,
        "`ticket` in place of `other`, in the rate of the other": SAME,
        "`other` in place of `ticket`, in whether a rate is at the edge": SAME,
        "`ticket` in place of `other`, in whether a rate is at the edge": SAME,
        "ticket_rate without its sign": "rates are positive",
        "other_rate without its sign": "rates are positive",
    }
}
