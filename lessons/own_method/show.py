"""The table and the drawings of the lesson own_method, and the methods behind them, right and wrong."""

import copy

import torch
from matplotlib.patches import Rectangle
from torch import nn
from torch.nn.utils import prune

from course_utils import data, diagrams, plots, training
from course_utils.tables import Table

LEFT = torch.tensor([[1.0, 0, 1, 1], [1, 1, 1, 1], [1, 0, 0, 0]])  # what an earlier cut has left of the tiny layer
GROUPS = ("fp32", "int8", "gradient")  # colours of the three groups


def _row(canvas, values, there, colours, *, top, left, cell=68):
    """Draw cells with their values, four to a group; one that is masked is crossed out. The places of the cells."""
    places = []
    for n, (value, stays, colour) in enumerate(zip(values.tolist(), there.tolist(), colours, strict=True)):
        x = left + n * cell + n // 4 * 28
        mask = torch.tensor([stays])
        box = diagrams.grid(canvas, torch.ones(1), x, top, cell=cell, mask=mask, text="", meaning=colour)
        if stays:
            canvas.text(x + cell / 2, top + cell / 2, f"{value:g}".replace("-", "−"), size=26, inside=box)
        places.append(x + cell / 2)
    return places


def right_and_too_full(net):
    """Of a LeNet whose `fc1` was pruned: the share of test digits that it reads, and its groups with more than two weights."""
    too_full = (net.fc1.weight_mask.view(-1, 4).sum(1) > 2).sum()
    return training.evaluate(net, *data.load("mnist", "test")), int(too_full)


def report(net):
    """Print how many digits a LeNet with a pruned `fc1` reads, and how many groups of four are too full."""
    right, too_full = right_and_too_full(net)
    print(f"{right:.1%} of the digits right, {too_full:,} groups too full")


def shifted_groups(method, scores):
    """Draw the tiny layer with four weights gone, the list that is handed over in fours, and what stays.

    Args:
        method: a pruning method, of the type "unstructured".
        scores: (3, 4), the importance scores; each row is a group.
    Returns:
        How many weights each of the three groups keeps.
    """
    layer = prune.custom_from_mask(nn.Linear(4, 3, bias=False), "weight", LEFT)
    method.apply(layer, "weight", importance_scores=scores)
    new, there = layer.weight_mask.flatten(), LEFT.flatten().nonzero().flatten().tolist()
    kept = [int(group.sum()) for group in new.view(3, 4)]
    colours = [GROUPS[n // 4] for n in range(12)]
    canvas = diagrams.Canvas(height=430)
    for top, words in ((15, "the layer"), (165, "the list t"), (305, "what stays")):
        canvas.text(20, top + 34, words, align="left")
    above = _row(canvas, scores.flatten(), LEFT.flatten(), colours, top=15, left=260)
    below = _row(canvas, scores.flatten()[there], torch.ones(8), [colours[n] for n in there], top=165, left=396)
    _row(canvas, scores.flatten(), new, colours, top=305, left=260)
    for n, place in zip(there, below, strict=True):
        canvas.wire((above[n], 86), (place, 162), meaning=colours[n])
        if new[n]:
            canvas.wire((place, 236), (above[n], 302), meaning=colours[n])
    for n, count in enumerate(kept):
        words = f"{count} left" + (", one too many" if count == 3 else "")
        canvas.text(above[4 * n] + 102, 408, words, size=26 if count < 3 else 24, bold=count > 2)
    plots.show(
        canvas.figure(),
        alt="Three groups of four weights, of which 3, 4 and 1 are left. Arrows lead from these eight to a list, where they stand "
        "in two fours: 1, 2, 3, 9 and 8, 7, 1, 5. Of the first 3 and 9 are kept, of the second 8 and 7. Arrows lead "
        f"back to the three groups, of which {kept[0]}, {kept[1]} and {kept[2]} weights are left.",
        caption="Each group of the layer has its colour. The list leaves out what is gone, so its fours mix the colours.",
    )
    return kept


class _Right(prune.BasePruningMethod):
    """2:4 without a fault, but for what a subclass makes of the scores and chooses of the groups."""

    PRUNING_TYPE = "global"

    def compute_mask(self, t, default_mask):
        groups = self.ranked(t).masked_fill(default_mask == 0, -torch.inf).reshape(-1, 4)
        return self.chosen(groups).view_as(t) * default_mask

    def ranked(self, t):
        return t

    def chosen(self, groups):
        return torch.zeros_like(groups).scatter(1, groups.topk(2).indices, 1)


class _Absolute(_Right):
    def ranked(self, t):
        return t.abs()


class _Reaching(_Right):
    def chosen(self, groups):
        return (groups >= groups.topk(2).values[:, 1:]).float()


def what_finds_what(failures, unstructured, everything):
    """Draw in how many of 100 cases of each kind four wrong methods fail; one is `unstructured`.

    Args:
        failures: function (method, draw, gone) -> count, as in the lesson.
        unstructured: the method of section 1.
        everything: draws scores with signs and ties.
    Returns:
        dict of method -> list of counts, one for each kind of case.
    """
    cases = {  # kind -> what draws the scores, and how many of 12 weights were pruned before
        "scores\nabove 0": (torch.rand, 0),
        "either\nsign": (torch.randn, 0),
        "ties": (lambda *shape: torch.randint(0, 3, shape).float(), 0),
        "an earlier\nmask": (torch.rand, 4),
        "all of\nthem": (everything, 4),
    }
    methods = {
        "takes absolute values": _Absolute,
        "keeps all from the 2nd highest up": _Reaching,
        '"unstructured"': unstructured,
        '"global", ignores the mask': type("Whole", (unstructured,), {"PRUNING_TYPE": "global"}),
    }
    found = {name: [failures(method, *case) for case in cases.values()] for name, method in methods.items()}
    fig, ax = plots.figure(size=(12, 4.4))
    for row, counts in enumerate(found.values()):
        for column, count in enumerate(counts):
            colour = plots.COLOURS["orange"] if count else "#eeeeee"
            strength = 0.35 + 0.65 * count / 100 if count else 1
            place = column - 0.47, row - 0.44
            ax.add_patch(Rectangle(place, 0.94, 0.88, facecolor=colour, alpha=strength, zorder=0))
            weight = "bold" if count else None
            ax.text(column, row, str(count), ha="center", va="center", fontsize=20, fontweight=weight)
    ax.set(xlim=(-0.5, len(cases) - 0.5), ylim=(len(found) - 0.5, -0.5))
    ax.set_xticks(range(len(cases)), list(cases), fontsize=18)
    ax.set_yticks(range(len(found)), list(found), fontsize=18)
    ax.xaxis.tick_top()
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    ax.grid(False)
    kinds = [kind.replace("\n", " ") for kind in cases]
    told = "; ".join(f"{name}: " + ", ".join(map(str, counts)) for name, counts in found.items())
    plots.show(
        fig,
        alt=f"A table of four wrong methods and five kinds of cases ({', '.join(kinds)}): in how many of 100 cases each fails. {told}.",
        caption="Failures in 100 random cases of each kind.",
    )
    return found


def left_by_magnitude(weight):
    """How many weights a cut by magnitude may leave, so that no group of four has more than two.

    Every third largest of a group has to go, and with it all weights that are no larger.
    """
    size = weight.detach().abs()
    threshold = size.view(-1, 4).topk(3).values[:, 2].max()
    return int((size > threshold).sum())


def what_it_brings(lenet):
    """A table of cuts of `fc1`, by magnitude and with the finished method: accuracy, weights left, groups too full."""
    weight, rows = lenet.fc1.weight, []

    def by_magnitude(layer, amount):
        prune.l1_unstructured(layer, "weight", amount=amount)

    def finished(layer):
        _Right.apply(layer, "weight", importance_scores=weight.abs())

    def finished_later(layer):
        by_magnitude(layer, 0.1)
        finished(layer)

    cuts = {
        "by magnitude, half": lambda layer: by_magnitude(layer, 0.5),
        "by magnitude, until no group is too full": lambda layer: by_magnitude(
            layer, weight.numel() - left_by_magnitude(weight)
        ),
        "finished method": finished,
        "finished method, a tenth gone before": finished_later,
    }
    for name, cut in cuts.items():
        net = copy.deepcopy(lenet)
        cut(net.fc1)
        right, too_full = right_and_too_full(net)
        rows.append([name, f"{int(net.fc1.weight_mask.sum()):,}", f"{too_full:,}", f"{right:.1%}"])
    return Table(["how fc1 was pruned", "weights left", "groups too full", "digits right"], rows)
