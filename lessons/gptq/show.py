"""The drawings of the lesson gptq, and its measurement on all layers of the small Transformer."""

import torch
from torch import nn

from course_utils import diagrams, language, plots


def two_weights():
    """The errors of two weights of 0.4 as arrows, one behind the other, for three pairs of whole numbers."""
    fig, axes = plots.figure(rows=3, size=(11, 5.8))
    for ax, choice, first, second in zip(axes, "ABC", (-0.4, -0.4, 0.6), (-0.4, 0.6, 0.6), strict=True):
        for whose, start, step, height, colour in (
            ("first", 0, first, 1, "orange"),
            ("second", first, second, 0, "blue"),
        ):
            style = {"arrowstyle": "-|>,head_width=0.4,head_length=0.8", "color": plots.COLOURS[colour], "linewidth": 5}
            ax.annotate("", (start + step, height), (start, height), arrowprops={**style, "shrinkA": 0, "shrinkB": 0})
            left = start < 0 and step < 0  # to the right stands the black line
            beside = start + step - 0.03 if left else max(start, start + step) + 0.03
            words = f"{whose}: {step:+.1f} x".replace("-", "−")
            where = {"ha": "right" if left else "left", "va": "center"}
            ax.text(beside, height, words, color=plots.COLOURS[colour], **where)
        end = first + second
        ax.plot([0, 0], [-0.9, 1.6], color="black", linewidth=2)
        ax.plot([end, end], [-0.9, 0], color=plots.COLOURS["grey"], linestyle="--")
        ax.text(end, -1.5, f"off by {end:+.1f} x".replace("-", "−"), ha="center", va="center", fontweight="bold")
        ax.set(xlim=(-1.95, 2), ylim=(-2, 1.8))
        name = f"{choice}: {0.4 + first:.0f} and {0.4 + second:.0f}"
        ax.text(-1.92, 1, name, va="center", fontweight="bold")
        ax.axis("off")
    plots.show(
        fig,
        alt="Three rows of arrows from a black line at 0. A, both weights become 0: an arrow of −0.4 x and another of "
        "−0.4 x behind it end at −0.8 x. B, 0 and 1: after −0.4 x an arrow of +0.6 x comes back, and ends at +0.2 x. "
        "C, both become 1: two arrows of +0.6 x end at +1.2 x.",
        caption="The errors of the two weights as arrows, starting from the right output (black).",
    )


def row_by_hand(w=(0.4, 0.4, 0.4), rho=0.75):
    """A row of weights after each rounding to whole numbers, and the errors of those that are final.

    Args:
        w: the weights.
        rho: mean product of two inputs, whose mean squares are 1.
    """
    original, n = torch.tensor(w), len(w)
    H = rho * torch.ones(n, n) + (1 - rho) * torch.eye(n)
    rows = [original]
    for j in range(n):  # the loop of the lesson, with what it has after each column
        now, done, free = rows[-1].clone(), slice(0, j + 1), slice(j + 1, None)
        now[j] = now[j].round()
        now[free] = original[free] - torch.linalg.solve(H[free, free], H[free, done] @ (now - original)[done])
        rows.append(now)
    canvas = diagrams.Canvas(height=420)
    canvas.text(430, 25, "weights", align="center", bold=True)
    canvas.text(690, 25, "errors of the rounded ones", align="left", bold=True)
    for k, row in enumerate(rows):
        y = 60 + 90 * k
        canvas.text(230, y + 30, f"{k} rounded" if k else "original", align="right")
        for j, value in enumerate(row.tolist()):
            text = f"{value:.0f}" if j < k else f"{value:.2f}"
            canvas.box(265 + 130 * j, y, text, width=110, height=60, fill="int8" if j < k else "fp32")
        errors = ",  ".join(f"{e:+.1f}" for e in (row - original)[:k].tolist()).replace("-", "−")
        canvas.text(690, y + 30, errors or "none yet", align="left")
    told = "; ".join(
        f"{k} rounded: {', '.join(f'{value:.0f}' if j < k else f'{value:.2f}' for j, value in enumerate(row.tolist()))}"
        for k, row in enumerate(rows)
        if k
    )
    plots.show(
        canvas.figure(),
        alt="Four rows of three squares. From row to row one more square from the left is blue and a whole number, and "
        f"the orange ones to its right have moved. To the right stand the errors of the rounded ones. {told}.",
        caption="Blue weights are rounded and final. Orange weights are still free, and show the values that best repair the "
        "errors so far.",
    )


@torch.no_grad()
def perplexities(net, unseen, ways):
    """(the network's perplexity, way -> that with all linear layers of the blocks replaced); then all is undone.

    Args:
        net: a `language.CharTransformer`.
        unseen: int64 (N,), the text that judges.
        ways: name -> function that gives a layer's new weight. Each one sees the trained network.
    """
    layers = [layer for layer in net.blocks.modules() if isinstance(layer, nn.Linear)]
    trained, whole, found = [layer.weight.clone() for layer in layers], language.perplexity(net, unseen), {}
    for name, way in ways.items():
        for layer, new in zip(layers, [way(layer) for layer in layers], strict=True):
            layer.weight.copy_(new)
        found[name] = language.perplexity(net, unseen)
        for layer, weight in zip(layers, trained, strict=True):
            layer.weight.copy_(weight)
    return whole, found
