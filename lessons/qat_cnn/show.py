"""The drawings and tables of the lesson qat_cnn, and what it looks up in a network in training."""

import copy
import json

import torch
from torch.optim.optimizer import register_optimizer_step_pre_hook

from course_utils import diagrams, plots
from course_utils.files import ROOT
from course_utils.legacy_int8 import tq
from course_utils.tables import Table, mean_and_range
from lessons.qat_cnn import experiment

CHANNEL = 4  # of layer 1, the second convolution: the one that the lesson follows
RECORD = ROOT / "records" / "qat_cnn" / "free_and_frozen.json"


@torch.no_grad()
def in_training_mode(prepared):
    """The accuracy in percent with the statistics of each batch; a copy is asked, so nothing in the model moves."""
    images, labels = experiment.test()
    model = copy.deepcopy(prepared).apply(tq.disable_observer).train()
    return 100 * torch.cat([model(batch).argmax(1) for batch in images.split(250)]).eq(labels).float().mean().item()


def batch_by_batch(prepared, fine_tune):
    """Fine-tune a prepared network, and note at each batch what becomes of channel 4.

    Returns:
        A dict of lists, one entry a batch: `integers` (those of its nine that aren't 0, the largest first), `mean` and
        `deviation` (of its results in the batch), `gradient` (the norm of that of its nine weights); and `running_mean` and
        `running_deviation`, which begin before the first batch.
    """
    conv = prepared.module.features[1][0]
    seen = {"integers": [], "mean": [], "deviation": [], "gradient": [], "running_mean": [], "running_deviation": []}

    def running(*_):
        seen["running_mean"].append(conv.bn.running_mean[CHANNEL].item())
        seen["running_deviation"].append((conv.bn.running_var[CHANNEL] + conv.bn.eps).sqrt().item())

    def batch(_, x):
        seen["mean"].append(x[0][:, CHANNEL].mean().item())
        seen["deviation"].append(x[0][:, CHANNEL].std().item())

    def rounded(quantizer, _, weight):
        integers = (weight[CHANNEL] / quantizer.scale).round().int().flatten().tolist()
        seen["integers"].append(sorted(filter(None, integers), reverse=True))

    def gradient(*_):
        seen["gradient"].append(conv.weight.grad[CHANNEL].norm().item())

    hooks = [
        conv.weight_fake_quant.register_forward_hook(rounded),
        conv.bn.register_forward_pre_hook(batch),
        conv.register_forward_hook(running),
        register_optimizer_step_pre_hook(gradient),
    ]
    running()
    fine_tune(prepared)
    for hook in hooks:
        hook.remove()
    return seen


def copies(in_training, int8, without):
    """Two groups of bars, a bar for each order of the images, in percent; what is there without training as dashed lines."""
    fig, ax = plots.figure(size=(9, 4.4))
    groups = {"in training mode": (in_training, "green"), "int8 copy": (int8, "orange")}
    for place, (found, colour) in enumerate(groups.values()):
        for order, percent in enumerate(found):
            x = place + 0.24 * (order - 1)
            ax.bar(x, percent, width=0.2, color=plots.COLOURS[colour])
            ax.text(x, percent - 3, f"{percent:.0f}", ha="center", va="top")
    for name, percent in without.items():
        ax.axhline(percent, color=plots.COLOURS["grey"], linestyle="--", zorder=0)
        ax.text(1.5, percent - 2, name, ha="right", va="top", color=plots.COLOURS["grey"])
    ax.set(ylabel="accuracy, %", ylim=(0, 100), xlim=(-0.45, 1.5), xticks=(0, 1))
    ax.set_xticklabels(groups)
    told = {name: ", ".join(f"{percent:.0f}" for percent in found) for name, (found, _) in groups.items()}
    lines = " and ".join(f"{name} at {percent:.0f}" for name, percent in without.items())
    plots.show(
        fig,
        alt="Three bars in each group, accuracy in percent. "
        + "; ".join(f"{name}: {found}" for name, found in told.items())
        + f". Dashed lines: {lines}.",
        caption="Accuracy on 2,000 test images, for three orders of the training images. In training mode, batch norm uses the "
        "statistics of 250 test images at a time.",
    )


def one_channel(seen):
    """The mean of channel 4 in each batch as dots, its running mean as a line; above them its integers that aren't 0."""
    _followed(seen, "mean", "mean")


def deviation(seen):
    """The same for the standard deviation."""
    _followed(seen, "deviation", "deviation σ")


def _followed(seen, name, label):
    fig, ax = plots.figure(size=(10, 3.9))
    batches = range(1, len(seen[name]) + 1)
    integers = [[str(n).replace("-", "−") for n in some] or ["none"] for some in seen["integers"]]
    dots, line = plots.COLOURS["black"], plots.COLOURS["purple"]
    ax.plot(batches, seen[name], "o", color=dots, markersize=9, label="of the batch (training)")
    # What a batch is folded with: the running statistic before it.
    running = seen[f"running_{name}"]
    ax.plot([*batches, len(batches) + 1], running, "-", color=line, linewidth=3, label="running (folding, copy)")
    ax.set(ylabel=label, xlabel="batch", xticks=batches, xlim=(-0.2, len(batches) + 1.2))
    above = {"va": "bottom", "ha": "center", "transform": ax.get_xaxis_transform(), "color": plots.COLOURS["blue"]}
    for n, column in zip(batches, integers, strict=True):
        ax.text(n, 1.02, "\n".join(column), **above)
        if column == ["none"]:
            ax.axvspan(n - 0.4, n + 0.4, color=plots.COLOURS["yellow"], alpha=0.3, linewidth=0)
    ax.text(-0.9, 1.02, "nonzero\nintegers", **above)
    ax.legend(loc="upper left", bbox_to_anchor=(0.13, 1), frameon=False)
    told = "; ".join(
        f"batch {n}: {', '.join(column)}, {name} {value:.1f}"
        for n, column, value in zip(batches, integers, seen[name], strict=True)
    )
    plots.show(
        fig,
        alt=f"Channel 4 in each of {len(batches)} batches, its integers that aren't 0, and the {name} of its results. {told}. "
        f"The running {name}, a line, starts at {running[0]:.1f}, and ends at {running[-1]:.1f}.",
        caption=f"Channel 4 of layer 1 in the first training. At each batch, the line shows the running {name} with which the "
        "batch begins. Yellow: all nine integers are 0.",
    )


def compared(untrained):
    """A table: what each way to int8 needs, and the accuracy of its copies, measured now or, at the lesson's rate, recorded."""
    runs = json.loads(RECORD.read_text(encoding="utf-8"))["runs"]

    def recorded(batch_norm, rate):
        setting = "one scale", batch_norm, rate
        return mean_and_range(
            [run["copy"] for run in runs if (run["scales"], run["batch_norm"], run["rate"]) == setting], "{:.0f}"
        )

    measured = {scales: f"{percent:.0f}" for scales, percent in untrained.items()}
    return Table(
        ["", "needs", "accuracy, %"],
        [
            ["one scale per layer", "images", measured["one scale"]],
            ["1. a scale per channel", "images, kernels that support it", measured["a scale per channel"]],
            ["2. dead channels emptied", "images", measured["dead channels emptied"]],
            ["3. statistics re-estimated", "images", recorded("free", 0.0)],
            ["4. QAT, batch norm frozen", "images, labels, a training", recorded("frozen", 1e-3)],
        ],
        caption="accuracy of int8 copies, 2 to 4 with one scale per layer; 3 and 4: mean (lowest to highest) of six orders of the "
        "images, from records/qat_cnn",
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
    canvas.text(395, 24, "running statistics", colour="gradient")
    canvas.text(895, 290, "statistics of the batch", colour="gradient")
    kernel = canvas.box(500, 370, "int8 conv with ReLU", width=585, height=80, fill="int8")
    canvas.wire((160, 410), kernel.left, meaning="int8", thick=5)
    canvas.wire(kernel.right, (1195, 410), meaning="int8", thick=5)
    canvas.text(792, 477, "folded with the running statistics", colour="gradient")
    plots.show(
        canvas.figure(),
        alt="In training: the weights are multiplied by gamma over sigma, a running statistic, and rounded. The convolution uses "
        "them, its result is divided by gamma over sigma, normalized by the statistics of the batch, passes a ReLU and is "
        "rounded. The kernel is one int8 convolution with ReLU, folded with the running statistics.",
        caption="Blue: rounded to the levels of int8. Orange: float. Green: which statistics are used.",
    )
