"""The exercise of the lesson ticket_full: odd but right answers, and wrong ones as patches of the solution."""

from operator import itemgetter

import numpy as np
import torch


def with_arrays(one, other):
    """Stacks all that was saved into arrays, one row a rate in rising order."""
    read = []
    for runs in (one, other):
        table = np.array([runs[rate] for rate in sorted(runs)], dtype=float)
        read.append((int(table[:, :, 0].mean(axis=1).argmax()), table))
    (here, mine), (there, theirs) = read
    leads = mine[here, :, 1] - theirs[there, :, 1]
    if {here, there} & {0, len(mine) - 1}:
        return leads, "widen the grid"
    return leads, "one" if (leads > 0).all() else "other" if (leads < 0).all() else "open"


def by_sorting(one, other):
    """Sorts (mean, rate) pairs; the leads come back as a tuple."""
    best = []
    for runs in (one, other):
        order = sorted((sum(map(itemgetter(0), pairs)) / len(pairs), rate) for rate, pairs in runs.items())
        best.append(order[-1][1])
    tests = [list(map(itemgetter(1), runs[rate])) for runs, rate in zip((one, other), best, strict=True)]
    leads = tuple(a - b for a, b in zip(*tests, strict=True))
    inner = set(sorted(one)[1:-1])
    ahead = {(lead > 0) - (lead < 0) for lead in leads}
    verdicts = {(1,): "one", (-1,): "other"}
    return leads, verdicts.get(tuple(ahead), "open") if inner.issuperset(best) else "widen the grid"


def in_a_loop(one, other):
    """No max at all, the edge found by comparing with all other rates, and the wins counted."""
    found, edge = [], False
    for runs in [one, other]:
        best, most = None, -1.0
        for rate in runs:
            mean = 0.0
            for held_out, _ in runs[rate]:
                mean += held_out / len(runs[rate])
            if mean > most:
                best, most = rate, mean
        edge |= all(rate <= best for rate in runs) | all(rate >= best for rate in runs)
        found.append([test for _, test in runs[best]])
    leads = [found[0][n] - found[1][n] for n in range(len(found[0]))]
    won, lost = sum(lead > 0 for lead in leads), sum(lead < 0 for lead in leads)
    verdict = "open"
    if edge:
        verdict = "widen the grid"
    elif won == len(leads):
        verdict = "one"
    elif lost == len(leads):
        verdict = "other"
    return leads, verdict


def with_tensors(one, other):
    """Means of tensors, which PyTorch has of floats only."""
    read, edge = [], False
    for runs in (one, other):
        rates = sorted(runs)
        table = torch.tensor([runs[rate] for rate in rates])
        best = table[..., 0].mean(1).argmax().item()
        edge = edge or best in (0, len(rates) - 1)
        read.append(table[best, :, 1])
    leads = read[0] - read[1]
    signs = leads.sign().unique()
    won = {1.0: "one", -1.0: "other", 0.0: "open"}[signs.item()] if len(signs) == 1 else "open"
    return leads.tolist(), "widen the grid" if edge else won


ODD = {"judge": [with_arrays, by_sorting, in_a_loop, with_tensors]}
WRONG = {
    "judge": {
        "the test images choose": ("sum(held_out for held_out, test", "sum(test for held_out, test"),
        "the best network chooses": ("sum(held_out for", "max(held_out for"),
        "both at the rate of `one`": (
            "chosen.append(runs[best])",
            "chosen = [one[best], other[best]] if runs is one else chosen",
        ),
        "held-out images report": ("for (_, mine), (_, theirs)", "for (mine, _), (theirs, _)"),
        "the edge by the order of the dict": ("(min(runs), max(runs))", "(list(runs)[0], list(runs)[-1])"),
        "only the highest rate is an edge": ("(min(runs), max(runs))", "(max(runs),)"),
        "the edge of the other alone": ("edge = edge or best", "edge = best"),
        "the mean decides": ("all(lead > 0 for lead in leads)", "sum(leads) > 0"),
        "one network is enough": ("all(lead > 0 for lead in leads)", "any(lead > 0 for lead in leads)"),
        "level counts as ahead": ("all(lead > 0 for lead in leads)", "all(lead >= 0 for lead in leads)"),
        "what is not won is lost": ("all(lead < 0 for lead in leads)", "not all(lead > 0 for lead in leads)"),
        "no edge at all": ("    if edge:\n", "    if False:\n"),
        "the mean of the leads": ('return leads, "one"', 'return sum(leads) / len(leads), "one"'),
        "the wrong way round": ("mine - theirs", "theirs - mine"),
    }
}
SAME = "both arms are tried at the same rates"
TRUE = "whether a rate is at the edge is true or false"
EQUIVALENT = {
    "judge": {
        "pairs = list(zip(one[one_rate], other[other_rate], strict=True)): True -> False": "as many networks in both",
        "`list` left out": "the pairs are read once",
        "`other` in place of `one`, in the rate of `one`": SAME,
        "`one` in place of `other`, in the rate of `other`": SAME,
        "`other` in place of `one`, in whether a rate is at the edge": SAME,
        "`one` in place of `other`, in whether a rate is at the edge": SAME,
        "one_rate without its sign": "rates are positive",
        "other_rate without its sign": "rates are positive",
        "edge without its sign": TRUE,
        "edge doubled": TRUE,
    }
}
