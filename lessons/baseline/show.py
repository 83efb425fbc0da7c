"""The drawings of the lesson baseline."""

import torch
from matplotlib.colors import ListedColormap
from matplotlib.patches import Patch

from course_utils import plots

AGREE, DISAGREE = "#e8e8e8", plots.COLOURS["orange"]


def squares(answers, names):
    """Draw a square for each image, in random order, coloured where "network" and another one disagree.

    Args:
        answers: name -> (N,) bool, where a network is right; N is a square number.
        names: of the networks to draw beside each other.
    """
    base = answers["network"]
    side = int(len(base) ** 0.5)
    mixed = torch.randperm(len(base), generator=torch.Generator().manual_seed(0))[: side * side]
    fig, axes = plots.figure(columns=len(names), size=(12, 5.8))
    told = []
    for ax, name in zip(axes, names, strict=True):
        differ = base != answers[name]
        colours = ListedColormap([AGREE, DISAGREE])
        ax.imshow(differ[mixed].view(side, side), cmap=colours, vmin=0, vmax=1, interpolation="nearest")
        ax.set_axis_off()
        ax.set_title(f"network and {name}: {differ.sum()}", fontsize=24)
        told.append(f"network and {name} disagree on {differ.sum()}")
    keys = [Patch(facecolor=AGREE, label="both right, or both wrong"), Patch(facecolor=DISAGREE, label="they disagree")]
    fig.legend(handles=keys, loc="lower center", ncols=2, fontsize=20, frameon=False)
    fig.get_layout_engine().set(rect=(0, 0.1, 1, 0.9))
    plots.show(
        fig,
        alt=f"Two large squares of {len(base):,} small ones, one for each test image; {', '.join(told)}.",
        caption=f"{len(base):,} test images, a square each. Orange: exactly one of the two networks is right.",
    )


def coins(leads):
    """Draw how often each lead came up, and colour the leads beyond twice the root of the number of coins.

    Args:
        leads: number of coins -> (tests,) int, heads minus tails.
    """
    fig, axes = plots.figure(rows=len(leads), size=(12, 5.2))
    told = []
    for ax, (d, lead) in zip(axes, leads.items(), strict=True):
        luck = 2 * d**0.5
        values, counts = lead.unique(return_counts=True)
        percent = 100 * counts / len(lead)
        colours = [plots.COLOURS["orange" if abs(value) > luck else "grey"] for value in values.tolist()]
        ax.bar(values, percent, width=1.6, color=colours)
        for edge in (-luck, luck):
            ax.axvline(edge, color=plots.COLOURS["black"], linestyle="--", linewidth=1.5)
        beyond = 100 * (lead.abs() > luck).float().mean()
        ax.set(xlim=(-41, 41), ylabel="% of tests", xticks=range(-40, 41, 10))
        ax.text(40, 0.7 * percent.max(), f"{d} coins\n{beyond:.0f} % beyond ±{luck:.0f}", ha="right", fontsize=20)
        told.append(f"with {d} coins, {beyond:.0f} % of the leads are beyond {luck:.0f} either way")
    axes[-1].set_xlabel("lead: heads minus tails")
    plots.show(
        fig,
        alt=f"Two bell-shaped bar charts around a lead of 0; {'; '.join(told)}.",
        caption="10,000 tests each. Dashed: twice the root of the number of coins; leads beyond are orange.",
    )


def ranges(results, tolerance):
    """Draw each network's lead, with what luck makes either way, and the tolerance; `results` is name -> (won, lost)."""
    fig, ax = plots.figure(size=(12, 3.8))
    told = []
    for y, (name, (won, lost)) in enumerate(reversed(results.items())):
        lead, luck = won - lost, 2 * max(won + lost, 5) ** 0.5
        ax.plot([lead - luck, lead + luck], [y, y], color=plots.COLOURS["grey"], linewidth=8, solid_capstyle="butt")
        ax.plot(lead, y, "o", color=plots.COLOURS["blue"], markersize=14)
        told.append(f"{name}, won {won} and lost {lost}, {lead - luck:.0f} to {lead + luck:.0f}")
    ax.axvline(-tolerance, color=plots.COLOURS["black"], linestyle="--")
    ax.text(-tolerance - 0.5, len(results) - 0.45, f"tolerance: {tolerance} images", ha="right", va="center")
    labels = [f"{name}\nwon {won}, lost {lost}" for name, (won, lost) in reversed(results.items())]
    ax.set_yticks(range(len(results)), labels)
    ax.set(ylim=(-0.6, len(results) - 0.2), xlabel="lead over the network, in images")
    ax.grid(visible=False, axis="y")
    plots.show(
        fig,
        alt=f"A dot for each lead, with a bar for its range: {', '.join(reversed(told))}. A dashed line marks the tolerance at -{tolerance}.",
        caption="Dot: images won minus images lost. Bar: what luck makes either way. Dashed: the tolerance that we chose in advance.",
    )
