"""Drawings of the lesson own_method, and the wrong methods behind one of them."""

import torch
from torch import nn
from torch.nn.utils import prune

from course_utils.show import diagrams, plots

EIGHT = torch.tensor([0.9, -0.7, 0.6, 0.1, 0.4, 0.2, -0.3, 0.05])
TWELVE = torch.tensor([1.0, 9, 2, 3, 9, 8, 7, 1, 5, 4, 6, 2])
LEFT = torch.tensor([1.0, 0, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0])
CASES = {  # kind -> scores, and how many of 16 weights were pruned before
    "scores\nabove 0": (torch.rand, 0),
    "of either\nsign": (torch.randn, 0),
    "with\nties": (lambda *shape: torch.randint(0, 3, shape).float(), 0),
    "with an\nearlier mask": (torch.rand, 4),
}


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


def two_of_four():
    """Draw eight weights, the two of each four that stay, and what is stored of them."""
    kept = EIGHT.abs().view(2, 4).topk(2).indices.sort().values
    mask = torch.zeros(2, 4).scatter(1, kept, 1).flatten()
    canvas = diagrams.Canvas(height=415)
    for top, words in ((65, "eight weights"), (190, "2:4"), (320, "stored")):
        canvas.text(20, top, words, align="left")
    _row(canvas, EIGHT, torch.ones(8), ["fp32"] * 8, top=15, left=230, cell=100)
    _row(canvas, EIGHT, mask, ["fp32"] * 8, top=140, left=230, cell=100)
    for n in range(2):
        left = 230 + 428 * n
        _row(canvas, EIGHT.view(2, 4)[n][kept[n]], torch.ones(2), ["fp32"] * 2, top=275, left=left, cell=90)
        _row(canvas, kept[n].float(), torch.ones(2), ["int8"] * 2, top=275, left=left + 210, cell=90)
        canvas.text(left + 90, 392, "values")
        canvas.text(left + 300, 392, "positions")
    plots.show(
        canvas.figure(),
        alt="Two groups of four weights: 0.9, -0.7, 0.6, 0.1 and 0.4, 0.2, -0.3, 0.05. Below, in each group two are crossed out. "
        "Below, what is stored: the values 0.9 and -0.7 with the positions 0 and 1, and 0.4 and -0.3 with the positions 0 and 2.",
        caption="A line marks what goes. A position is counted from 0.",
    )


def shifted_groups(method):
    """Draw twelve weights with four holes, the list that is handed over in fours, and what comes back.

    Returns:
        How many weights each of the three groups keeps.
    """
    layer = nn.Linear(12, 1, bias=False)
    prune.custom_from_mask(layer, "weight", LEFT[None])
    method.apply(layer, "weight", importance_scores=TWELVE[None])
    new, there = layer.weight_mask[0], LEFT.nonzero().flatten().tolist()
    kept = [int(group.sum()) for group in new.view(3, 4)]
    colours = [GROUPS[n // 4] for n in range(12)]
    canvas = diagrams.Canvas(height=430)
    for top, words in ((15, "the layer"), (165, "the list"), (305, "comes back")):
        canvas.text(20, top + 34, words, align="left")
    above = _row(canvas, TWELVE, LEFT, colours, top=15, left=260)
    below = _row(canvas, TWELVE[there], torch.ones(8), [colours[n] for n in there], top=165, left=396)
    _row(canvas, TWELVE, new, colours, top=305, left=260)
    for n, place in zip(there, below, strict=True):
        canvas.wire((above[n], 86), (place, 162), meaning=colours[n])
        if new[n]:
            canvas.wire((place, 236), (above[n], 302), meaning=colours[n])
    for n, count in enumerate(kept):
        words = f"{count} left" + (", and a unit has room for 2" if count > 2 else "")
        canvas.text(above[4 * n] + 102, 408, words, size=26 if count < 3 else 24, bold=count > 2)
    plots.show(
        canvas.figure(),
        alt="Three groups of four weights, of which 3, 4 and 1 are left. Arrows lead from these eight to a list, where they stand "
        "in two groups of four: 1, 2, 3, 9 and 8, 7, 1, 5. Of the first 3 and 9 are kept, of the second 8 and 7. Arrows lead "
        f"back to the three groups, of which {kept[0]}, {kept[1]} and {kept[2]} weights are left.",
        caption="A colour for each group of the layer. The list leaves the holes out, so its fours mix the colours.",
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


def what_finds_what(broken, unstructured):
    """Draw in how many of 100 cases of each kind four wrong methods break a promise; one is `unstructured`.

    Returns:
        dict of method -> list of counts, one for each kind of case.
    """
    methods = {
        "absolute value": _Absolute,
        "all that reach the 2nd": _Reaching,
        '"unstructured"': unstructured,
        '"global", no look at the mask': type("Whole", (unstructured,), {"PRUNING_TYPE": "global"}),
    }
    found = {name: [broken(method, *case) for case in CASES.values()] for name, method in methods.items()}
    fig, ax = plots.figure(size=(12, 4.4))
    for row, counts in enumerate(found.values()):
        for column, count in enumerate(counts):
            colour = plots.COLOURS["orange"] if count else "#eeeeee"
            ax.add_patch(_cell(column, row, colour, 0.35 + 0.65 * count / 100 if count else 1))
            ax.text(
                column, row, str(count), ha="center", va="center", fontsize=20, fontweight="bold" if count else None
            )
    ax.set(xlim=(-0.5, len(CASES) - 0.5), ylim=(len(found) - 0.5, -0.5))
    ax.set_xticks(range(len(CASES)), list(CASES), fontsize=18)
    ax.set_yticks(range(len(found)), list(found), fontsize=18)
    ax.xaxis.tick_top()
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    ax.grid(False)
    kinds = [kind.replace("\n", " ") for kind in CASES]
    told = "; ".join(f"{name}: " + ", ".join(map(str, counts)) for name, counts in found.items())
    plots.show(
        fig,
        alt=f"A table of four wrong methods and four kinds of cases ({', '.join(kinds)}), how many of 100 cases break a promise. {told}.",
        caption="Of 100 random cases each: how many break a promise.",
    )
    return found


def _cell(column, row, colour, strength):
    from matplotlib.patches import Rectangle

    return Rectangle((column - 0.47, row - 0.44), 0.94, 0.88, facecolor=colour, alpha=strength, zorder=0)
