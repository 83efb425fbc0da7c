"""The drawing of the lesson baseline."""

import torch
from matplotlib.colors import ListedColormap
from matplotlib.patches import Patch

from course_utils.show import plots

COLOURS = {"both right, or both wrong": "#e8e8e8", "won": plots.COLOURS["blue"], "lost": plots.COLOURS["orange"]}


def squares(base, others):
    """Draw a square for each image, coloured where a network and another one disagree.

    Args:
        base: (N,) bool, where the network is right; N is a square number.
        others: name -> the same of another network.
    """
    fig, axes = plots.figure(columns=len(others), size=(12, 6.4))
    side, told = int(len(base) ** 0.5), []
    for ax, (name, other) in zip(axes, others.items(), strict=True):
        won, lost = other & ~base, base & ~other
        picture = torch.where(won, 1, torch.where(lost, 2, 0))[: side * side].view(side, side)
        ax.imshow(picture, cmap=ListedColormap(list(COLOURS.values())), vmin=0, vmax=2, interpolation="nearest")
        ax.set_axis_off()
        ax.set_title(f"{name}: won {won.sum()}, lost {lost.sum()}", fontsize=24)
        told.append(f"The {name} won {won.sum()} and lost {lost.sum()}.")
    keys = [Patch(facecolor=colour, label=words) for words, colour in COLOURS.items()]
    fig.legend(handles=keys, loc="lower center", ncols=3, fontsize=20, frameon=False)
    fig.get_layout_engine().set(rect=(0, 0.1, 1, 0.9))
    plots.show(
        fig,
        alt=f"Two large squares of {len(base):,} small ones, one for each test image; grey where the network and the other one are both "
        f"right or both wrong. {' '.join(told)}",
        caption=f"{len(base):,} test images, a square each. Coloured: exactly one of the two networks is right.",
    )
