"""The task of the lesson ticket_full: two arms, each at its own best learning rate, and what their leads tell."""

from operator import itemgetter

import numpy as np
import torch

from course_utils import check

page = check.page(globals())


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


def judged(answer, one, other):
    leads, verdict = answer(one, other)
    return {"the leads": leads, "the verdict": verdict}


FIRST = {0.001: [(91.0, 92.0)], 0.01: [(92.0, 93.0)], 0.1: [(88.0, 89.0)]}
SECOND = {0.001: [(87.0, 88.0)], 0.01: [(91.0, 92.0)], 0.1: [(90.0, 92.5)]}
LAST = {0.001: [(91.0, 92.0)], 0.01: [(90.0, 93.0)], 0.1: [(92.0, 94.0)]}  # the best rate is at the edge
TWO = {0.001: [(90.0, 91.0)] * 2, 0.1: [(80.0, 81.0)] * 2, 0.01: [(92.0, 93.0), (90.0, 92.0)]}
HALF = {0.001: [(90.0, 91.0)] * 2, 0.1: [(80.0, 81.0)] * 2, 0.01: [(91.0, 90.0), (92.0, 92.5)]}
LEVEL = {0.001: [(90.0, 91.0)] * 2, 0.1: [(80.0, 81.0)] * 2, 0.01: [(91.0, 92.0), (92.0, 92.0)]}
LUCKY = {0.02: [(95.0, 90.0), (80.0, 89.0)], 0.04: [(91.0, 88.0)] * 2, 0.01: [(85.0, 91.0), (86.0, 90.0)]}
LUCKY |= {0.08: [(70.0, 95.0)] * 2}
CALM = {0.01: [(80.0, 81.0)] * 2, 0.02: [(90.0, 89.0)] * 2, 0.08: [(70.0, 70.0)] * 2, 0.04: [(88.0, 90.0)] * 2}


judge = page.write(
    "judge",
    "A referee",
    cases={
        "one network, both are best at 0.01": (FIRST, SECOND),
        "the same, the other way round": (SECOND, FIRST),
        "the first is best at the highest rate": (LAST, SECOND),
        "the second is best at the highest rate": (FIRST, LAST),
        "the second is best at the lowest rate": (
            FIRST,
            {0.001: [(99.0, 93.5)], 0.01: [(90.0, 92.0)], 0.1: [(80.0, 70.0)]},
        ),
        "two networks, each arm leads in one": (TWO, HALF),
        "the same, the other way round, two networks": (HALF, TWO),
        "two networks, one lead and one tie": (TWO, LEVEL),
        "the same tie, the other way round": (LEVEL, TWO),
        "both are best at the highest rate": (LAST, {0.001: [(80.0, 93.0)], 0.01: [(90.0, 92.0)], 0.1: [(91.0, 70.0)]}),
        "four rates; one network is lucky at 0.02": (LUCKY, CALM),
    },
    run=judged,
    wrong={
        "The test images choose the rate, and report as well. Let the held-out images choose.": "sum(held_out for held_out, test -> sum(test for held_out, test",
        "A single network chooses the rate. Take the one with the best mean over all networks.": "sum(held_out for -> max(held_out for",
        "Both arms are read at the rate of the first. Each has its own best rate.": "chosen.append(runs[best]) -> chosen.append(runs[best] if runs is one else runs[max(one, key=lambda rate: sum(h for h, _ in one[rate]))])",
        "The held-out images have chosen. The test images report.": "for (_, mine), (_, theirs) -> for (mine, _), (theirs, _)",
        "The leads have the wrong sign: take the first arm's results minus those of the other.": "mine - theirs -> theirs - mine",
        "The leads come network by network, and not as their mean.": (
            'return leads, "one" -> return sum(leads) / len(leads), "one"',
            'return leads, "other" -> return sum(leads) / len(leads), "other"',
            'return leads, "open" -> return sum(leads) / len(leads), "open"',
            'return leads, "widen the grid" -> return sum(leads) / len(leads), "widen the grid"',
        ),
        "Widen the grid if either of the two rates lies at its edge: one is enough.": [
            "edge = edge or best -> edge = best",
            "edge = edge or best in -> edge = (runs is one or edge) and best in",
        ],
        "The edges of the grid are the lowest and the highest rate, in whatever order the rates come.": "(min(runs), max(runs)) -> (list(runs)[0], list(runs)[-1])",
        "Both ends of the grid are edges, the lowest rate as well as the highest.": [
            "(min(runs), max(runs)) -> (max(runs),)",
            "(min(runs), max(runs)) -> (min(runs),)",
        ],
        "A best rate may lie at the edge of its grid. Then the verdict is to widen the grid.": "    if edge:\n ->     if False:\n",
        "Your verdict goes by the mean. One network can make a mean: a win needs a lead in every network.": [
            "all(lead > 0 for lead in leads) -> sum(leads) > 0",
            ("all(lead > 0 for lead in leads) -> sum(leads) > 0", "all(lead < 0 for lead in leads) -> sum(leads) < 0"),
        ],
        "A lead in one network isn't enough: a win needs a lead in every network.": "all(lead > 0 for lead in leads) -> any(lead > 0 for lead in leads)",
        "A network in which both are level isn't led by anybody, so the verdict is open.": [
            "all(lead > 0 for lead in leads) -> all(lead >= 0 for lead in leads)",
            (
                "all(lead > 0 for lead in leads) -> all(lead >= 0 for lead in leads)",
                "all(lead < 0 for lead in leads) -> all(lead <= 0 for lead in leads)",
            ),
        ],
        "What isn't won is not lost yet: the other wins only if it leads in every network.": "all(lead < 0 for lead in leads) -> not all(lead > 0 for lead in leads)",
    },
    right=[with_arrays, by_sorting, in_a_loop, with_tensors],
    steps={"edge": "whether a best rate is at the edge:"},
    passed="Held-out images choose a rate for each arm, test images report, networks are compared with themselves, and only a lead in every network counts.",
)
