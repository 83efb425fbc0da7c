"""The rounded LeNet that the lesson integers begins with, and its two drawings."""

import copy

import torch

from course_utils import diagrams, plots


def largest_weight(weight, bits):
    """The scale that gives the largest integer of so many bits to the largest weight."""
    return weight.abs().max() / (2 ** (bits - 1) - 1)


def sigma(weight, bits):
    """The standard deviation of the weights."""
    return weight.std()


def least_error(weight, bits):
    """Of 99 scales, the one that changes the weights least."""
    scales = largest_weight(weight, bits) * torch.linspace(0.02, 1, 99)
    return min(scales, key=lambda scale: (_rounded(weight, scale, bits) - weight).square().sum())


@torch.no_grad()
def with_bits(net, bits, scale_of=largest_weight):
    """Copy a network, and round the weights of each layer to so many bits, with a scale of `scale_of(weight, bits)`."""
    net = copy.deepcopy(net)
    for weight in net.parameters():
        if weight.dim() > 1:  # the biases stay as they are
            weight.copy_(_rounded(weight, scale_of(weight, bits), bits))
    return net


def _rounded(weight, scale, bits):
    largest = 2 ** (bits - 1) - 1
    return torch.round(weight / scale).clamp(-largest, largest) * scale


def falling_numbers():
    """Draw how numbers fall onto the eight levels for the range -1 to 3; one beyond the range is clipped."""
    canvas, scale = diagrams.Canvas(height=330), 4 / 7
    ticks = {(n - 2) * scale: str(n) for n in range(8)}
    line = diagrams.number_line(canvas, -1.2, 4.1, y=235, ticks=ticks, size=26)
    for number in (-1, 0, 1, 2.2, 3, 4):
        level = (min(round(number / scale) + 2, 7) - 2) * scale
        line.point(number, above=130)
        canvas.text(line.place(number), 65, f"{number}".replace("-", "−"), colour="fp32", size=26)
        start, end = (line.place(number), 118), (line.place(level), 215)
        canvas.wire(start, end, meaning="gradient" if number > 3 else "fp32", thick=3)
    canvas.text(line.place(3.75), 180, "clipped", colour="gradient", size=26)
    canvas.text(line.place(-1.2), 312, "stands for −1.14", colour="int8", size=22, align="left")
    canvas.text(line.place(0), 312, "0", colour="int8", size=22)
    canvas.text(line.place(5 * scale), 312, "2.86", colour="int8", size=22)
    plots.show(
        canvas.figure(),
        alt="The numbers -1, 0, 1, 2.2, 3 and 4 above a number line with eight marks, the integers 0 to 7. An arrow leads "
        "from each number to the nearest mark: from -1 to 0, 0 to 2, 1 to 4, 2.2 to 6, and from 3 to 7. The arrow from "
        "4 leads far to the left, to 7 as well: 4 is clipped.",
        caption="Numbers (orange) and the eight integers (blue), for the range −1 to 3. Below: what an integer stands for.",
    )


def two_combs(weight, scales, right, whole):
    """Draw a histogram of a layer's weights, and under it the three levels of 2 bits for two scales.

    Args:
        weight: of the layer.
        scales: name -> the scale.
        right: accuracy of the network with each scale, in per cent.
        whole: accuracy without rounding, in per cent.
    """
    far, blue = weight.abs().max().item(), plots.COLOURS["blue"]
    fig, ax = plots.figure(size=(6.4, 4.6))
    heights, *_ = ax.hist(weight.flatten().numpy(), bins=160, color=plots.COLOURS["grey"], alpha=0.6)
    tallest, told = max(heights), []
    for row, ((name, scale), accuracy) in enumerate(zip(scales.items(), right, strict=True)):
        levels, at = [n * float(scale) for n in (-1, 0, 1)], -tallest * (0.2 + 0.66 * row)
        ax.plot(levels, [at] * 3, "|", color=blue, markersize=20, markeredgewidth=4)
        ax.text(0, at - 0.29 * tallest, f"scale: {name}, {accuracy:.0f} % right", va="center", ha="center", fontsize=17)
        told.append(f"Scale {name}, levels at {', '.join(f'{level:.2f}' for level in levels)}, {accuracy:.0f} % right")
    largest = weight.flatten()[weight.abs().argmax()].item()
    ax.plot([largest], [0], "o", color=plots.COLOURS["orange"], clip_on=False)  # a bar of one weight is not seen
    ax.annotate(
        "the largest weight",
        (largest, 0.02 * tallest),
        (largest - 0.05, 0.42 * tallest),
        ha="center",
        fontsize=16,
        color=plots.COLOURS["orange"],
        arrowprops={"arrowstyle": "->", "color": plots.COLOURS["orange"], "linewidth": 2},
    )
    ax.set(yticks=[], xlabel="weights of fc1", xlim=(-1.2 * far, 1.2 * far), ylim=(-1.38 * tallest, 1.05 * tallest))
    ax.grid(False)
    ax.spines["left"].set_visible(False)
    plots.show(
        fig,
        alt="Histogram of the weights of fc1: a narrow hill around 0, and a few weights far out. Below it the three levels "
        f"of 2 bits for two scales. {'; '.join(told)}. With the larger scale all levels but 0 lie outside of the hill; with "
        "the smaller one all lie under it.",
        caption=f"Grey: how often a weight of fc1 has this value. Blue: the three levels. In fp32 {whole:.0f} % are right.",
    )
