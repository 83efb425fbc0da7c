"""Measurements and drawings of the lesson shipping, which stand beside what the lesson explains."""

import torch
from matplotlib.ticker import LogLocator
from torch import nn

from course_utils import data
from course_utils.show import plots
from course_utils.show.tables import Table, si

COLOURS = {"neither": "orange", "fewer bits": "blue", "fewer weights": "black", "both": "green"}
AXES = {"file_bytes": ("kB of the file", 1000), "ms": ("ms an image", 1)}
COPIES, HIDDEN, STEPS = 30, 24, 150  # of `many_seeds`
DRAWS = 300  # divisions of the test images


def kind(row):
    """What was tried on a network, by the name of its row."""
    form = row["name"].partition(": ")[2]
    bits, weights = ("int8" in form or "16 bits" in form), "half of the" in form
    return {(0, 0): "neither", (1, 0): "fewer bits", (0, 1): "fewer weights", (1, 1): "both"}[bits, weights]


def _plane(ax, rows, field, best=()):
    """Rows as points, accuracy over a field; the rows of `best`, a front, ringed on a staircase."""
    words_below, scale = AXES[field]
    for name, colour in COLOURS.items():
        chosen = [(row[field] / scale, 100 * row["accuracy"]) for row in rows if kind(row) == name]
        if chosen:
            ax.plot(*zip(*chosen, strict=True), "o", color=plots.COLOURS[colour], alpha=0.75, label=name)
    stairs = sorted((row[field] / scale, 100 * row["accuracy"]) for row in best)
    if stairs:
        ax.step(*zip(*stairs, strict=True), where="post", color=plots.COLOURS["grey"], zorder=1)
        ax.plot(*zip(*stairs, strict=True), "o", ms=15, mfc="none", mec=plots.COLOURS["black"], mew=1.5)
    ax.set(xscale="log", xlabel=words_below, ylabel="images right, %")
    ax.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    ax.xaxis.set_major_formatter("{x:g}")
    ax.xaxis.set_minor_formatter("")


def _front(rows, field):
    """The rows that no other row dominates, in bytes or in time."""
    places = {row["name"]: (row[field], -row["accuracy"]) for row in rows}
    return [
        row
        for row in rows
        if not any(
            a <= places[row["name"]][0] and b <= places[row["name"]][1] and (a, b) != places[row["name"]]
            for a, b in places.values()
        )
    ]


def front_figure(rows):
    """The cloud of rows, and the same with its front in bytes; returns the rows on it."""
    best, drawn = sorted(_front(rows, "file_bytes"), key=lambda row: row["file_bytes"]), []
    for chosen in ([], best):
        fig, ax = plots.figure(size=(12, 3.9))
        _plane(ax, rows, "file_bytes", chosen)
        fig.legend(*ax.get_legend_handles_labels(), loc="outside upper center", ncols=4)
        drawn.append(fig)
    corners = "; ".join(f"{r['name']}, {si(r['file_bytes'], 'B')}, {r['accuracy']:.1%}" for r in best)
    plots.show(
        drawn,
        alt=[
            f"{len(rows)} points, share of images right over bytes of the file, coloured by what was tried.",
            f"The same with the points on the front ringed, and a staircase through them. {corners}.",
        ],
        caption=f"On the front: {len(best)} of {len(rows)} models. The colours say what was tried: fewer bits, fewer weights.",
    )
    return best


def many_seeds():
    """One recipe, one seed after the other: small networks, trained side by side on 5,000 digits.

    Returns:
        bool (networks, test images): which network gets which of MNIST's 10,000 test images right.
    """
    images, labels = data.load("mnist", n=5000)
    images = images.flatten(1)
    draw = torch.Generator().manual_seed(0)

    def born(*shape, inputs):
        return ((2 * torch.rand(COPIES, *shape, generator=draw) - 1) / inputs**0.5).requires_grad_()

    n_in = images.shape[1]
    first, shift = born(n_in, HIDDEN, inputs=n_in), born(1, HIDDEN, inputs=n_in)
    last, shift_2 = born(HIDDEN, 10, inputs=HIDDEN), born(1, 10, inputs=HIDDEN)
    opt = torch.optim.Adam([first, shift, last, shift_2], 3e-3)

    def forward(x):
        return torch.baddbmm(shift_2, torch.relu(torch.baddbmm(shift, x, first)), last)

    for _ in range(STEPS):
        some = torch.randint(len(images), (COPIES, 64), generator=draw)
        loss = nn.functional.cross_entropy(forward(images[some]).flatten(0, 1), labels[some].flatten()) * COPIES
        opt.zero_grad()
        loss.backward()
        opt.step()
    unseen, answers = data.load("mnist", "test")
    with torch.no_grad():
        parts = zip(unseen.flatten(1).split(1000), answers.split(1000), strict=True)
        return torch.cat([forward(x.expand(COPIES, -1, -1)).argmax(2) == y for x, y in parts], dim=1)


def luck(correct, winner_of):
    """What winners have on the images that chose them and on others, and which part of their lead was luck.

    Args:
        correct: bool (networks, images).
        winner_of: (networks, images) of those that choose -> number of the winner.
    """
    found, draw = {}, torch.Generator().manual_seed(0)
    for n in (correct.shape[1] // 20, correct.shape[1] // 2):
        draws = []
        for _ in range(DRAWS):
            order = torch.randperm(correct.shape[1], generator=draw)
            choosing, judging = (correct[:, part].double() for part in (order[:n], order[n : 2 * n]))
            winner = winner_of(choosing)
            draws.append((choosing[winner].mean(), judging[winner].mean(), judging.mean()))
        found[n] = torch.tensor(draws).mean(0).tolist()
    return found


def luck_table(found):
    """The table of `luck`."""
    return Table(
        ["images that choose", "the winner there", "the winner on others", "mean of all thirty", "of its lead lost"],
        [
            [f"{n:,}", f"{there:.2%}", f"{others:.2%}", f"{every:.2%}", f"{(there - others) / (there - every):.0%}"]
            for n, (there, others, every) in found.items()
        ],
        caption=f"Mean of {DRAWS} divisions of the test images.",
    )


def within(rows, limits):
    """The rows inside the limits, the most accurate first, then the smallest."""
    inside = [row for row in rows if all(low <= row[name] <= high for name, (low, high) in limits.items())]
    return sorted(inside, key=lambda row: (-row["accuracy"], row["file_bytes"]))


def customers_figure(rows, customers):
    """A panel for each customer: what is within the limits is shaded, and a ring is around the winner.

    Returns:
        Name of a customer -> the winner's row, or None.
    """
    winners = {name: next(iter(within(rows, limits)), None) for name, limits in customers.items()}
    lowest, highest = 100 * min(row["accuracy"] for row in rows) - 1, 100 * max(row["accuracy"] for row in rows) + 1
    fig, axes = plots.figure(columns=len(customers), size=(12.5, 4.6))
    told = []
    for ax, (name, limits) in zip(axes, customers.items(), strict=True):
        field, row = next(field for field in limits if field in AXES), winners[name]
        scale = AXES[field][1]
        _plane(ax, rows, field)
        left = min(ax.get_xlim()[0], 0.7 * limits[field][1] / scale)
        floor = 100 * limits.get("accuracy", (0, 1))[0]
        shade = plots.COLOURS["sky"]
        ax.fill_between([left, limits[field][1] / scale], max(floor, lowest), highest, color=shade, alpha=0.25)
        if row:
            ax.plot(row[field] / scale, 100 * row["accuracy"], "o", ms=20, mfc="none", mec="black", mew=3)
        network, _, form = row["name"].partition(": ") if row else ("nobody", "", "")
        ax.set(ylim=(lowest, highest), xlim=(left, None), ylabel="" if told else "images right, %")
        ax.set_title(f"{name}:\n{network}\n{form}", loc="left", fontsize=16)
        told.append(f"{name}: {row['name'] if row else 'nobody'}")
    fig.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=4)
    plots.show(
        fig,
        alt=f"Three panels with the models, a shaded region for each customer's limits, a ring around the winner. {'; '.join(told)}.",
        caption="Shaded: what the customer can use. The ring: the most accurate model there.",
    )
    return winners


def promises_table(rows, customers):
    """The two best models for each customer, with both accuracies."""
    lines = [
        [
            name if not place else "",
            row["name"],
            si(row["file_bytes"], "B"),
            f"{row['accuracy']:.2%}",
            f"{row['others']:.2%}",
        ]
        for name, limits in customers.items()
        for place, row in enumerate(within(rows, limits)[:2])
    ]
    return Table(["", "model", "file", "on images that chose", "on the others"], lines)
