"""Drawings of the lesson prune_module, and the sweep behind one of them."""

import copy

import torch
from torch.nn.utils import prune

from course_utils.show import diagrams, plots

AMOUNTS = (0.0, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95)
DRAWS = 5
METER = 128  # kB
FIVE = (0.9, -0.1, 0.4, 0.05, -0.7)


def five_weights():
    """A neuron's weights and their sum: all five, without the smallest two, without 0.9 and 0.05."""
    fig, panels = plots.figure(columns=3, size=(12, 4.4))
    cuts = {"all five": (), "without the two smallest": (1, 3), "without 0.9 and 0.05": (0, 3)}
    whole = sum(FIVE)
    for axes, (title, gone) in zip(panels, cuts.items(), strict=True):
        total = sum(w for at, w in enumerate(FIVE) if at not in gone)
        for at, w in enumerate(FIVE):
            axes.bar(at, w, 0.7, color="white" if at in gone else plots.COLOURS["sky"], edgecolor="black", zorder=3)
            if at in gone:
                axes.plot(at, w / 2, "x", color="black", markersize=11, markeredgewidth=2.5, zorder=4)
            side = {"va": "top"} if w > 0 else {"va": "bottom"}  # on the other side of the zero, clear of the lines
            axes.text(at, -0.05 if w > 0 else 0.05, f"{w:g}".replace("-", "−"), ha="center", **side)
        axes.axhline(0, color=plots.COLOURS["grey"], linewidth=1)
        axes.axhline(whole, color=plots.COLOURS["black"], linewidth=2, linestyle="--", zorder=5)
        if gone:
            axes.axhspan(min(total, whole), max(total, whole), color=plots.COLOURS["orange"], alpha=0.25, zorder=0)
            axes.axhline(total, color=plots.COLOURS["orange"], linewidth=3, zorder=5)
        error = f", error {abs(total - whole):.2f}" if gone else ""
        axes.set_title(f"{title}\nsum {total:.2f}{error}".replace("-", "−"))
        axes.set(ylim=(-0.8, 1.0), xticks=[], yticks=[])
        axes.spines[:].set_visible(False)
        axes.grid(False)
    plots.show(
        fig,
        alt="Three panels with the same five weights as bars. All five: the sum is 0.55. Without the two smallest, which are crossed "
        "out: the sum is 0.60, close to the dashed line at 0.55, and the shaded error is narrow. Without 0.9 and "
        "0.05: the sum is −0.40, and the shaded error is 0.95 high.",
        caption="Dashed: the sum of all five weights. Orange line: the sum of those that are left; shaded: the error.",
    )


def one_became_three(conv):
    """The three tensors of a pruned copy of `conv`, and who reads which of them."""
    from matplotlib.patches import Rectangle

    conv = copy.deepcopy(conv)
    prune.l1_unstructured(conv, "weight", amount=16)
    parts = {
        "weight_orig": ("parameter", conv.weight_orig, None, "fp32"),
        "weight_mask": ("buffer", conv.weight_mask, None, "mask"),
        "weight": ("plain attribute", conv.weight, conv.weight_mask, "fp32"),
    }
    canvas = diagrams.Canvas(height=430)
    for column, (name, (kind, values, mask, meaning)) in enumerate(parts.items()):
        left, shown = 40 + 400 * column, None if mask is None else mask.flatten(1)
        diagrams.grid(canvas, values.detach().flatten(1), left, 84, cell=34, mask=shown, meaning=meaning, text="")
        canvas.text(left + 153, 22, name, size=26, bold=True)
        canvas.text(left + 153, 58, kind)
    for row, column in (conv.weight_mask.flatten(1) == 0).nonzero().tolist():
        at = (40 + 34 * column, 84 + 34 * row)
        canvas.axes.add_patch(Rectangle(at, 34, 34, fill=False, edgecolor="black", linewidth=3, zorder=4))
    canvas.text(393, 186, "×", size=34)
    canvas.text(793, 186, "=", size=34)
    canvas.text(793, 236, "hook", size=22)
    readers = {
        "optimizer": (60, 160, ((140, 292),)),
        "file": (390, 200, ((280, 292), (560, 292))),
        "forward pass": (893, 200, ((993, 292),)),
    }
    for words, (left, width, sources) in readers.items():
        box = canvas.box(left, 360, words, width=width, height=56)
        for source in sources:
            canvas.wire(source, box.top, meaning="activations")
    plots.show(
        canvas.figure(),
        alt="Three grids of 6 by 9 cells. weight_orig, a parameter, times weight_mask, a buffer, is weight, a plain attribute, in "
        "which the 16 palest cells are struck through; in weight_orig they are outlined. Arrows below: the optimizer reads weight_orig, the file weight_orig and "
        "weight_mask, the forward pass weight; under the equals sign stands the word hook.",
        caption="conv1 without its 16 smallest weights, a row for each output channel; darker is larger in magnitude, and in the mask dark is 1.",
    )


@torch.no_grad()
def how_far(lenet, images, labels):
    """Draw the accuracy over the part of fc1 that is cut, smallest or random weights.

    Args:
        lenet: the trained network, which stays whole.
        images, labels: float (n, 1, 28, 28) and int64 (n,).
    Returns:
        dict of float (draws, AMOUNTS), percent right: "smallest" with one draw, "random" with DRAWS.
    """
    inputs = []
    hook = lenet.fc1.register_forward_pre_hook(lambda _, given: inputs.append(given[0]))
    for batch in images.split(500):
        lenet(batch)
    hook.remove()
    inputs = torch.cat(inputs)  # the convolutions stay as they are, so they run once for all

    def after(cut, amount):
        net = copy.deepcopy(lenet)
        cut(net.fc1, "weight", amount=amount)
        answers = net.fc3(torch.relu(net.fc2(torch.relu(net.fc1(inputs))))).argmax(1)
        return 100 * (answers == labels).float().mean().item()

    torch.manual_seed(0)
    right = {
        "smallest": torch.tensor([[after(prune.l1_unstructured, amount) for amount in AMOUNTS]]),
        "random": torch.tensor([[after(prune.random_unstructured, a) for a in AMOUNTS] for _ in range(DRAWS)]),
    }
    fig, ax = plots.figure(size=(9, 4.2))
    percent = [100 * amount for amount in AMOUNTS]
    for (name, rows), style in zip(right.items(), ("o-", "s--"), strict=True):
        ax.plot(percent, rows.mean(0), style, label=name)
        ax.fill_between(percent, rows.amin(0), rows.amax(0), alpha=0.2)
    at, kept = AMOUNTS.index(0.7), right["smallest"][0, AMOUNTS.index(0.7)]
    ax.plot(percent[at], kept, "o", color=plots.COLOURS["blue"], markersize=14, zorder=4)
    ax.annotate(f"70 % at zero: {kept:.1f} %", (percent[at], kept), (38, kept - 18), arrowprops={"arrowstyle": "->"})
    ax.set(xlabel="weights of fc1 set to zero, %", ylabel="read correctly, %")
    ax.legend(loc="lower left")
    plots.show(
        fig,
        alt=f"Percent read correctly, with {', '.join(f'{amount:.0%}' for amount in AMOUNTS)} of fc1's weights set to zero: "
        + "; ".join(f"{name} {', '.join(f'{v:.1f}' for v in rows.mean(0))} %" for name, rows in right.items())
        + ".",
        caption=f"Nothing is trained after the cut. Of random cuts the mean and the span of {DRAWS} draws.",
    )
    return right


def four_files(files):
    """A bar for each file, in kB, beside the line of the meter; what fits is green."""
    fig, ax = plots.figure(size=(12, 4))
    for row, size in enumerate(files.values()):
        ax.barh(row, size, 0.62, color=plots.COLOURS["green" if size <= METER else "grey"])
        ax.text(size - 4, row, f"{size:.0f} kB", va="center", ha="right", color="white", fontsize=18, fontweight="bold")
    ax.axvline(METER, color=plots.COLOURS["orange"], linestyle="--", linewidth=3)
    ax.text(METER + 5, -0.62, f"the meter, {METER} kB", color=plots.COLOURS["orange"], fontsize=18, va="center")
    ax.set_yticks(range(len(files)), list(files), fontsize=18)
    ax.set(ylim=(len(files) - 0.5, -0.95), xlim=(0, 1.03 * max(files.values())), xlabel="size of the file, kB")
    ax.grid(False)
    plots.show(
        fig,
        alt=f"Four bars and a dashed line at {METER} kB, the meter: "
        + ", ".join(f"{name} {size:.0f} kB" for name, size in files.items())
        + ". Only the last bar ends before the line.",
        caption="What fits is green.",
    )
