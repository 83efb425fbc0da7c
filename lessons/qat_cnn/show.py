"""The drawings of the lesson qat_cnn, and what a network answers in training mode."""

import copy

import torch

from course_utils.legacy_int8 import tq
from course_utils.show import diagrams, plots
from lessons.qat_cnn import experiment


@torch.no_grad()
def in_training_mode(prepared):
    """The accuracy in percent with the statistics of each batch; a copy is asked, so nothing in the model moves."""
    images, labels = experiment.test()
    model = copy.deepcopy(prepared).apply(tq.disable_observer).train()
    return 100 * torch.cat([model(batch).argmax(1) for batch in images.split(250)]).eq(labels).float().mean().item()


def copies(in_training, int8, in_float):
    """Two groups of bars, a bar for each order of the images, in percent; the float network as a dashed line."""
    fig, ax = plots.figure(size=(10, 4.2))
    groups = {"in training mode": (in_training, "green"), "int8 copy": (int8, "orange")}
    for place, (found, colour) in enumerate(groups.values()):
        for order, percent in enumerate(found):
            x = place + 0.24 * (order - 1)
            ax.bar(x, percent, width=0.2, color=plots.COLOURS[colour])
            ax.text(x, percent - 3, f"{percent:.0f}", ha="center", va="top")
    ax.axhline(in_float, color=plots.COLOURS["grey"], linestyle="--")
    ax.text(1.48, in_float - 3, "float, before", ha="left", va="top", color=plots.COLOURS["grey"])
    ax.set(ylabel="accuracy, %", ylim=(0, 100), xlim=(-0.5, 2.2), xticks=(0, 1))
    ax.set_xticklabels(groups)
    told = {name: ", ".join(f"{percent:.0f}" for percent in found) for name, (found, _) in groups.items()}
    plots.show(
        fig,
        alt="Three bars in each group, accuracy in percent. "
        + "; ".join(f"{name}: {found}" for name, found in told.items())
        + f". A dashed line at {in_float:.0f}: the float network before the training.",
        caption="One training for each of three orders of the images.",
    )


def fold_then_round():
    """Two halves: a fused module in training, with its weights above it, and the int8 kernel that it becomes."""
    canvas = diagrams.Canvas(height=500)
    canvas.text(10, 155, "training", bold=True, align="left")
    canvas.text(10, 410, "kernel", bold=True, align="left")

    def row(y, *parts):
        boxes = [
            canvas.box(x, y, words, width=width, height=80, fill="int8" if words == "round" else "white")
            for x, width, words in parts
        ]
        for one, other in zip(boxes, boxes[1:], strict=False):
            canvas.wire(one.right, other.left, meaning="fp32", thick=5)
        return boxes

    weights = row(50, (160, 130, "weights"), (335, 120, "× γ / σ"), (500, 120, "round"))
    parts = row(180, (500, 120, "conv"), (650, 145, "÷ (γ / σ)"), (820, 150, "batch\nnorm"), (1005, 80, "ReLU"))
    last = canvas.box(1105, 180, "round", width=90, height=80, fill="int8", size=24)
    canvas.wire(parts[-1].right, last.left, meaning="fp32", thick=5)
    canvas.wire(weights[-1].bottom, parts[0].top, meaning="int8", thick=5)
    canvas.wire((160, 220), parts[0].left, meaning="int8", thick=5)
    canvas.text(395, 24, "running average", colour="gradient")
    canvas.text(895, 290, "statistics of the batch", colour="gradient")
    kernel = canvas.box(500, 370, "int8 conv with ReLU", width=585, height=80, fill="int8")
    canvas.wire((160, 410), kernel.left, meaning="int8", thick=5)
    canvas.wire(kernel.right, (1195, 410), meaning="int8", thick=5)
    canvas.text(792, 477, "folded with the running averages", colour="gradient")
    plots.show(
        canvas.figure(),
        alt="In training: the weights are multiplied by gamma over sigma, a running average, and rounded. The convolution uses "
        "them, its result is divided by gamma over sigma, normalized by the statistics of the batch, passes a ReLU and is "
        "rounded. The kernel is one int8 convolution with ReLU, folded with the running averages.",
        caption="Blue: rounded to the levels of int8. Orange: float. Green: where the statistics come from.",
    )


def over_time():
    """A time line of three epochs: what learns, what stands still, and when a copy is converted."""
    canvas, ends = diagrams.Canvas(height=460), (3.0, 4.4, 5.8)
    lanes = {
        "once": [(0, 0.75, "fuse", "plain"), (0.8, 1.55, "prepare", "plain")],
        "weights": [(end - 1.4, end - 0.05, f"epoch {n}", "gradient") for n, end in enumerate(ends, 1)],
        "statistics": [(1.6, 5.75, "freeze_bn_stats", "black")],
        "ranges": [(1.6, 4.35, "observers learn", "gradient"), (4.4, 5.75, "disable_observer", "black")],
        "int8 copy": [(end, end + 0.7, "convert", "int8") for end in ends],
    }
    diagrams.time_line(canvas, lanes, x=170, y=10, width=1020, height=54, gap=34)
    plots.show(
        canvas.figure(),
        alt="A time line with five lanes: fuse and prepare; three epochs in which the weights learn; the statistics of batch norm are "
        "frozen all the time; the observers learn for two epochs and are off in the third; after each epoch a copy is converted.",
        caption="Green learns, black stands still.",
    )


def ways(found, in_float):
    """Bars: the accuracy of each way to int8; the trained one in another colour, float as a dashed line."""
    fig, ax = plots.figure(size=(6.6, 4.6))
    names = list(found)[::-1]
    for at, name in enumerate(names):
        ax.barh(at, found[name], height=0.65, color=plots.COLOURS["orange" if "QAT" in name else "blue"])
        ax.text(found[name] - 1, at, f"{found[name]:.1f}", ha="right", va="center", color="white")
    ax.axvline(in_float, color=plots.COLOURS["grey"], linestyle="--")
    ax.set(xlabel="accuracy, %", xlim=(0, 100), yticks=range(len(names)))
    ax.set_yticklabels(names)
    ax.grid(visible=False, axis="y")
    plots.show(
        fig,
        alt="Accuracy in percent: " + "; ".join(f"{name} {percent:.1f}" for name, percent in found.items()),
        caption=f"Blue: nothing was trained. Orange: trained, the mean of three. Dashed: float, {in_float:.1f} %.",
    )
