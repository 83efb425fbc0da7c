"""The three drawings of the lesson structured, and a race."""

import copy

import torch
from matplotlib.patches import Rectangle
from torch.nn.utils import prune

from course_utils.measure import timing
from course_utils.measure.sizes import size_report
from course_utils.show import diagrams, plots

PLACES = {  # of SmallResNet's layers and sums in the drawing
    name: (left + 165 * at, top)
    for names, left, top in (
        ("conv bn", 15, 120),
        ("block1.conv1 block1.bn1 block1.conv2 block1.bn2", 345, 20),
        ("+1", 1035, 120),
        ("block2.conv1 block2.bn1 block2.conv2 block2.bn2", 70, 262),
        ("block2.shortcut.0 block2.shortcut.1", 235, 396),
        ("+2", 760, 329),
        ("fc", 880, 329),
    )
    for at, name in enumerate(names.split())
}
IN_WORDS = {"+1": "+", "+2": "+", "block2.shortcut.0": "shortcut\nconv", "block2.shortcut.1": "shortcut\nbn"}
WAYS = (  # from layer to layer, as the channels go
    "conv bn block1.conv1 block1.bn1 block1.conv2 block1.bn2 +1 block2.conv1 block2.bn1 block2.conv2 block2.bn2 +2 fc",
    "bn +1 block2.shortcut.0 block2.shortcut.1 +2",
)
BEND = [(1095, 159), (1145, 159), (1145, 230), (30, 230), (30, 435)]  # from the first sum to the second line
STEPS = (  # the order in which one finds them, with the question that leads there
    ("conv loses a channel,\nand so does its bn.", {"conv", "bn"}),
    ("Who reads this channel?\nWhat is added to it?", {"block1.conv1", "+1"}),
    ("Who makes\nwhat is added?", {"block1.bn2", "block1.conv2"}),
    ("Who reads the sum?", {"block2.conv1", "block2.shortcut.0"}),
)


def pieces(conv):
    """Draw the masks of three calls for a convolution of 16 filters, 6 × 3 × 3: a row for each filter."""
    calls = {
        "l1_unstructured": lambda made: prune.l1_unstructured(made, "weight", amount=0.5),
        "ln_structured, dim=0": lambda made: prune.ln_structured(made, "weight", amount=0.5, n=2, dim=0),
        "ln_structured, dim=1": lambda made: prune.ln_structured(made, "weight", amount=0.5, n=2, dim=1),
    }
    fig, axes = plots.figure(columns=3, size=(12, 4))
    for ax, (name, call) in zip(axes, calls.items(), strict=True):
        mask = call(copy.deepcopy(conv)).weight_mask
        ax.imshow(mask.flatten(1), cmap="Blues", vmin=-0.15, vmax=1.25, aspect="auto", interpolation="none")
        for edge in range(1, 6):
            ax.axvline(9 * edge - 0.5, color="black", linewidth=1)
        ax.grid(False)
        ax.set(title=name, xticks=[4 + 9 * at for at in range(6)], yticks=[0, 15])
        ax.set(xticklabels=range(6), xlabel="input channel", yticklabels=["0", "15"])
    axes[0].set_ylabel("output channel")
    plots.show(
        fig,
        alt="Three panels of 16 rows and six blocks of nine columns. l1_unstructured: holes everywhere. ln_structured, dim=0: "
        "eight whole rows are empty. dim=1: three whole blocks are empty.",
        caption="The weight of conv2. A row is an output channel, a block an input channel; pale is zero. Each panel has 432 zeros.",
    )


def network():
    """Draw the layers of SmallResNet."""
    plots.show(
        _network(set(), set(), set(), ""),
        alt="SmallResNet as boxes and arrows in two lines: conv, bn, then block 1 with a shortcut past it to a sum, then block 2 "
        "with a shortcut of a convolution and a batch norm to a second sum, and fc.",
        caption="bn is a batch norm, fc the last linear layer.",
    )


def what_hangs_together(net, group):
    """Draw SmallResNet in a frame for each of STEPS, with a stripe where a layer loses a channel.

    Args:
        net: the network.
        group: of torch-pruning, for an output channel of the first convolution.
    """
    names = {module: name for name, module in net.named_modules()}
    stripes = set()
    for step, _ in group:
        if step.target.module in names:
            side = "inputs" if "in_channels" in step.handler.__name__ else "outputs"
            stripes.add((side, names[step.target.module]))
    frames, told, known = [], [], set()
    for question, found in STEPS:
        frames.append(_network(stripes, known, found, question))
        known |= found
        new = [f"{side} of {name}" for side, name in sorted(stripes) if name in found]
        asked = question.replace("\n", " ")
        told.append(f"SmallResNet as boxes and arrows in two lines. {asked} New stripes: {', '.join(new)}.")
    plots.show(
        frames,
        alt=told,
        caption="Stripe at the right: an output channel goes; at the left: an input. Pink is new; bn is a batch norm.",
    )


def _network(stripes, known, found, question):
    """A frame: the network, its stripes so far in black, and those that are new in pink."""
    canvas, boxes = diagrams.Canvas(), {}
    for name, (x, y) in PLACES.items():
        words = IN_WORDS.get(name, name.replace("block", "block ").replace(".", "\n", 1))
        boxes[name] = canvas.box(x, y, words, width=60 if "+" in name else 140, height=78, size=27)
    for way in WAYS:
        for start, end in zip(way.split(), way.split()[1:], strict=False):
            canvas.wire((30, boxes[end].left[1]) if start == "+1" else boxes[start].right, boxes[end].left)
    for start, end in zip(BEND, BEND[1:], strict=False):
        canvas.wire(start, end, arrow=False)
    for side, name in sorted(stripes):
        if name in known | found:
            box = boxes[name]
            left = box.x if side == "inputs" else box.x + box.width - 13
            colour = plots.COLOURS["purple" if name in found else "black"]
            canvas.axes.add_patch(Rectangle((left, box.y + 3), 13, box.height - 6, facecolor=colour, zorder=3.5))
    canvas.text(15, 48, question, align="left", size=25)
    return canvas.figure()


def bytes_and_time(dense, cut, images):
    """The bytes of both files, by name, and the comparison of the times for these images."""
    with torch.no_grad():
        speed = timing.compare({"dense": lambda: dense(images), "cut": lambda: cut(images)}, rounds=9, device="cpu")
    return {"dense": size_report(dense).file_bytes, "cut": size_report(cut).file_bytes}, speed


def opponents(right):
    """Draw a bar for each network, in percent right; the dense one is a line."""
    fig, ax = plots.figure(size=(6.4, 4.6))
    rows = {name: percent for name, percent in right.items() if name != "dense"}
    colours = {"trained small": "green", "cut by norm": "blue", "new weights": "grey"}
    for row, (name, percent) in enumerate(rows.items()):
        colour = colours.get(name, "sky")
        ax.barh(row, percent, 0.72, color=plots.COLOURS[colour])
        text = {"va": "center", "fontsize": 18, "color": "black" if colour == "sky" else "white"}
        ax.text(2, row, name, **text)
        ax.text(percent - 2, row, f"{percent:.1f}", ha="right", fontweight="bold", **text)
    ax.axvline(right["dense"], color=plots.COLOURS["orange"], linestyle="--", linewidth=3)
    ax.text(
        right["dense"] - 2, -0.8, f"dense {right['dense']:.1f}", ha="right", color=plots.COLOURS["orange"], fontsize=18
    )
    ax.set(ylim=(len(rows) - 0.5, -1.15), xlim=(0, 100), yticks=[], xlabel="right after 150 steps, %")
    ax.grid(False)
    plots.show(
        fig,
        alt="A bar for each network of half the width, and a line for the dense one: "
        + ", ".join(f"{name} {percent:.1f} %" for name, percent in right.items())
        + ".",
        caption="Test images right. The five bars are networks of one shape.",
    )
