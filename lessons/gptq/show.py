"""The drawings and tables of the lesson gptq, and its measurement on the small Transformer."""

import functools
import json

import torch
from torch import nn

from course_utils import language
from course_utils.files import ROOT
from course_utils.show import diagrams, plots
from course_utils.show.tables import Table
from lessons.gptq import rounding


def two_arrows():
    """The errors of two weights of 0.4 as arrows, one behind the other: both to 0, and one to 0, one to 1."""
    fig, axes = plots.figure(rows=2, size=(11, 4.2))
    for ax, name, second in zip(axes, ("0 and 0", "0 and 1"), (-0.4, 0.6), strict=True):
        for whose, start, step, height, colour in (
            ("first", 0, -0.4, 1, "orange"),
            ("second", -0.4, second, 0, "blue"),
        ):
            style = {"arrowstyle": "-|>,head_width=0.4,head_length=0.8", "color": plots.COLOURS[colour], "linewidth": 5}
            ax.annotate("", (start + step, height), (start, height), arrowprops={**style, "shrinkA": 0, "shrinkB": 0})
            left = start < 0 and step < 0  # to the right stands the black line
            beside = start + step - 0.03 if left else max(start, start + step) + 0.03
            words = f"{whose}: {step:+.1f} x".replace("-", "−")
            where = {"ha": "right" if left else "left", "va": "center"}
            ax.text(beside, height, words, color=plots.COLOURS[colour], **where)
        end = -0.4 + second
        ax.plot([0, 0], [-0.9, 1.6], color="black", linewidth=2)
        ax.plot([end, end], [-0.9, 0], color=plots.COLOURS["grey"], linestyle="--")
        ax.text(end, -1.5, f"off by {end:+.1f} x".replace("-", "−"), ha="center", va="center", fontweight="bold")
        ax.set(xlim=(-1.75, 0.95), ylim=(-2, 1.8))
        ax.text(-1.72, 0.5, name, va="center", fontweight="bold")
        ax.axis("off")
    plots.show(
        fig,
        alt="Two rows of arrows from a black line at 0. Above, both weights become 0: an arrow of −0.4 x and another of "
        "−0.4 x behind it end at −0.8 x. Below, 0 and 1: after −0.4 x an arrow of +0.6 x comes back, and ends at +0.2 x.",
        caption="Black: the right output. Each weight adds its error, in units of the input x.",
    )


def column_by_column(w=(0.4, 1.3, -0.9, 2.1), rho=0.75):
    """A row of weights after each rounding to whole numbers, with equal products of all pairs of inputs.

    Args:
        w: the weights.
        rho: mean product of two inputs, whose mean squares are 1.
    """
    n = len(w)
    H = rho * torch.ones(n, n) + (1 - rho) * torch.eye(n)
    rows, start = [torch.tensor(w)], torch.tensor(w)
    for j in range(n):  # the loop of the lesson, with what it has after each column
        now, free = rows[-1].clone(), slice(j + 1, None)
        change = torch.round(now[j]) - now[j]
        now[j] += change
        now[free] -= change * torch.linalg.solve(H[free, free], H[free, j])
        rows.append(now)
    canvas = diagrams.Canvas(height=560)
    for k, row in enumerate(rows):
        y = 20 + 84 * k
        words = "as they were" if not k else f"{k} rounded"
        canvas.text(250, y + 30, words, align="right")
        for j, value in enumerate(row.tolist()):
            text = (f"{value:.0f}" if j < k else f"{value:.2f}").replace("-", "−")
            canvas.box(290 + 150 * j, y, text, width=110, height=60, fill="int8" if j < k else "fp32")
        if k < n:
            change = (rows[k + 1] - row)[k:]
            words = f"{change[0]:+.2f}" + (f", the others {change[1]:+.2f}" if k < n - 1 else "")
            canvas.text(905, y + 50, words.replace("-", "−"), align="left", colour="black")
    ends = {"each to the nearest": torch.round(start), "column by column": rows[-1]}
    off = {way: ((new - start) @ H @ (new - start)).item() for way, new in ends.items()}
    canvas.text(290, 480, "output off, mean square:", align="left", bold=True)
    canvas.text(290, 525, "; ".join(f"{way} {error:.2f}" for way, error in off.items()), align="left")
    told = "; ".join(
        f"{k} rounded: {', '.join(f'{value:.2f}' for value in row.tolist())}" for k, row in enumerate(rows)
    )
    plots.show(
        canvas.figure(),
        alt=f"Five rows of four squares. In each row one more square from the left is blue and a whole number, and the "
        f"orange ones to its right have moved. {told}. Mean square of the output's error: "
        + ", ".join(f"{way} {error:.2f}" for way, error in off.items()),
        caption="Right: by how much the next weight is changed when it is rounded, and by how much the free ones move.",
    )


def rises_at_two_bits():
    """Way -> rise of the perplexity of the small Transformer at 2 bits, groups of 32, in per cent."""
    net = language.trained()
    layers = {name: layer for name, layer in net.blocks.named_modules() if isinstance(layer, nn.Linear)}
    learned, judge = (language.encode(language.source(m)[0]) for m in (language.TRAINING, language.HELD_OUT))
    seen = _products(net, layers, language.batches(learned, steps=1, batch_size=8)[0, :, :-1])
    trained = {name: layer.weight.clone() for name, layer in layers.items()}
    whole = language.perplexity(net, judge)
    ways = {
        "to the nearest": lambda w, H, grid: rounding.nearest(w, *grid, 2),
        "GPTQ": lambda w, H, grid: rounding.gptq(w, H, *grid, 2, damp=0.01),
        "GPTQ, wrong pairs": lambda w, H, grid: rounding.gptq(w, rounding.wrong_pairs(H), *grid, 2, damp=0.01),
        "GPTQ, no pairs": lambda w, H, grid: rounding.gptq(w, H.diagonal().diag(), *grid, 2, damp=0.01),
    }
    rises = {}
    for way, make in ways.items():
        for name, weight in trained.items():
            layers[name].weight.copy_(make(weight, seen[name], rounding.grid(weight, 2)))
        rises[way] = 100 * (language.perplexity(net, judge) / whole - 1)
    return rises


def _products(net, layers, text):
    seen, hooks = {}, []

    def look(name, layer, inputs):
        x = inputs[0].flatten(0, -2)
        seen[name] = x.T @ x / len(x)

    for name, layer in layers.items():
        hooks.append(layer.register_forward_pre_hook(functools.partial(look, name)))
    net(text)
    for hook in hooks:
        hook.remove()
    return seen


def table_of(rises):
    """The rise for each way."""
    rows = [[way, f"{rise:.0f}"] for way, rise in rises.items()]
    return Table(["2 bits, groups of 32", "perplexity rises by, %"], rows)


def record():
    """The record of SmolLM2 at 3 bits: way -> (perplexity, answer to the first question)."""
    kept = json.loads((ROOT / "records" / "gptq" / "three_bits.json").read_text(encoding="utf-8"))
    return {arm["way"]: (arm["perplexity"], next(iter(arm["answers"].values()))) for arm in kept["arms"]}


def record_table(arms):
    """The record as a table; a long answer is cut."""
    rows = [
        [way, f"{perplexity:.1f}", words if len(words) < 90 else words[:80].rsplit(" ", 1)[0] + " …"]
        for way, (perplexity, words) in arms.items()
    ]
    return Table(["weights of the blocks", "perplexity", "its answer"], rows)
