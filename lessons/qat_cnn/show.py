"""The drawings and tables of the lesson qat_cnn, and what it looks up in a network in training."""

import copy
import json

import torch
from torch.optim.optimizer import register_optimizer_step_pre_hook

from course_utils.files import ROOT
from course_utils.legacy_int8 import tq
from course_utils.show import diagrams, plots
from course_utils.show.tables import Table, mean_and_range
from lessons.qat_cnn import experiment

CHANNEL = 4  # of the second convolution: the one that the lesson follows
RECORD = ROOT / "records" / "qat_cnn" / "free_and_frozen.json"


@torch.no_grad()
def in_training_mode(prepared):
    """The accuracy in percent with the statistics of each batch; a copy is asked, so nothing in the model moves."""
    images, labels = experiment.test()
    model = copy.deepcopy(prepared).apply(tq.disable_observer).train()
    return 100 * torch.cat([model(batch).argmax(1) for batch in images.split(250)]).eq(labels).float().mean().item()


def up_to_date(prepared, channel):
    """The accuracy in percent in evaluation mode, where one channel of the second convolution has each batch's statistics."""
    model = copy.deepcopy(prepared).eval()
    norm = model.module.features[1][0].bn

    def by_the_batch(norm, inputs, out):
        x = inputs[0][:, channel]
        sigma = (x.var(correction=0) + norm.eps).sqrt()
        out = out.clone()
        out[:, channel] = norm.weight[channel] * (x - x.mean()) / sigma + norm.bias[channel]
        return out

    norm.register_forward_hook(by_the_batch)
    return experiment.accuracy(model)


def batch_by_batch(prepared, fine_tune):
    """Fine-tune a prepared network, and note at each batch what becomes of channel 4.

    Returns:
        A dict of lists, one entry a batch: `folded` (nine folded weights, in units of the scale), `mean` and `running` (the
        mean of the channel's results in the batch, and the running mean after it), `gradient` (the norm of that of the nine weights).
    """
    conv = prepared.module.features[1][0]
    seen = {"folded": [], "mean": [], "running": [], "gradient": []}
    folded = []

    def before(conv, _):
        sigma = (conv.bn.running_var + conv.bn.eps).sqrt()
        folded[:] = ((conv.weight[CHANNEL] * conv.bn.weight[CHANNEL] / sigma[CHANNEL]).flatten()).tolist()

    def after(conv, *_):
        scale = conv.weight_fake_quant.scale.item()
        seen["folded"].append([weight / scale for weight in folded])
        seen["running"].append(conv.bn.running_mean[CHANNEL].item())

    def gradient(*_):
        seen["gradient"].append(conv.weight.grad[CHANNEL].norm().item())

    hooks = [
        conv.register_forward_pre_hook(before),
        conv.register_forward_hook(after),
        conv.bn.register_forward_pre_hook(lambda _, x: seen["mean"].append(x[0][:, CHANNEL].mean().item())),
        register_optimizer_step_pre_hook(gradient),
    ]
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
    """Three panels over the batches: the folded weights of channel 4, the norm of their gradient, and the channel's means."""
    fig, (weights, gradient, means) = plots.figure(rows=3, size=(11, 5.9))
    batches = range(1, len(seen["gradient"]) + 1)
    empty = [n for n, folded in zip(batches, seen["folded"], strict=True) if max(map(abs, folded)) < 0.5]
    for panel in (weights, gradient, means):
        panel.set(xlim=(0.5, len(batches) + 0.5), xticks=batches)
        for n in empty:
            panel.axvspan(n - 0.4, n + 0.4, color=plots.COLOURS["yellow"], alpha=0.3, linewidth=0)
    for panel in (weights, gradient):
        panel.tick_params(labelbottom=False)
    weights.axhspan(-0.5, 0.5, color=plots.COLOURS["grey"], alpha=0.25, linewidth=0)
    weights.text(4, -0.1, "rounds to 0", ha="center", va="center")
    for n, line in enumerate(zip(*seen["folded"], strict=True)):
        largest = n < 3
        style = {"marker": "o", "markersize": 6} if largest else {"linewidth": 1}
        weights.plot(batches, line, color=plots.COLOURS["blue" if largest else "grey"], **style)
    weights.set_ylabel("folded\nweight / scale")
    gradient.semilogy(batches, seen["gradient"], "o-", color=plots.COLOURS["orange"])
    gradient.set(ylabel="norm of their\ngradient", yticks=(0.01, 1, 100))
    gradient.set_yticklabels(("0.01", "1", "100"))
    means.plot(batches, seen["mean"], "o", color=plots.COLOURS["black"], label="of the batch")
    means.plot(batches, seen["running"], "-", color=plots.COLOURS["purple"], label="running mean")
    means.set(ylabel="mean of\nchannel 4", xlabel="batch")
    means.legend(loc="upper left")
    said = f"in batch {empty[0]}" if empty else "in no batch"
    plots.show(
        fig,
        alt="Three panels over 15 batches. Above, the nine folded weights of channel 4 shrink into a grey band between -0.5 and "
        f"0.5, which rounds to 0; {said} all of them lie in it, and afterwards some grow out of it again. In the middle the norm "
        f"of their gradient: below 0.1, and up to {max(seen['gradient']):.0f} in a yellow batch. Below, the mean of the channel in each "
        f"batch, {', '.join(f'{value:.1f}' for value in seen['mean'])}, and the running mean, which follows slowly.",
        caption="The first training. Yellow: all nine integers of channel 4 are 0. Blue: the three largest weights.",
    )


def compared(untrained):
    """A table: the accuracy of int8 without training, measured now, and of the trained copies in the record."""
    runs = [run for run in json.loads(RECORD.read_text(encoding="utf-8"))["runs"] if run["rate"] == 0.0003]

    def cell(scales, batch_norm):
        found = [run["copy"] for run in runs if (run["scales"], run["batch_norm"]) == (scales, batch_norm)]
        return mean_and_range(found, "{:.0f}")

    return Table(
        ["", "no training", "QAT, free", "QAT, frozen"],
        [
            [scales, f"{percent:.0f}", cell(scales, "free"), cell(scales, "frozen")]
            for scales, percent in untrained.items()
        ],
        caption="accuracy of int8 copies, %; trained: learning rate 0.0003, mean (lowest to highest) of six orders, from records/qat_cnn",
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
