"""The three drawings of the lesson integers."""

import torch

from course_utils.show import diagrams, plots


def cliff(right, filters):
    """Draw the accuracy over the bits, and above each point four filters with so many bits.

    Args:
        right: bits -> accuracy in per cent, the most bits first.
        filters: bits -> tensor (at least 4, 1, 3, 3) of filters with that many bits.
    """
    fig, ax = plots.figure(size=(12, 5.2))
    ax.plot(range(len(right)), list(right.values()), "o-", color=plots.COLOURS["blue"])
    most = filters[max(filters)].abs().max()
    for at, (bits, accuracy) in enumerate(right.items()):
        four = torch.full((7, 7), torch.nan)
        for n, one in enumerate(filters[bits][:4, 0]):
            row, column = 4 * (n // 2), 4 * (n % 2)
            four[row : row + 3, column : column + 3] = one
        inset = ax.inset_axes((at - 0.32, 104, 0.64, 44), transform=ax.transData)
        inset.imshow(four.numpy(), cmap="gray", vmin=-most, vmax=most)
        inset.set_axis_off()
        ax.annotate(f"{accuracy:.0f}", (at, accuracy), (0, -26), textcoords="offset points", ha="center")
    ax.set(xlabel="bits for each weight", ylabel="accuracy, %", xlim=(-0.5, len(right) - 0.5), ylim=(0, 152))
    ax.set_xticks(range(len(right)), [str(bits) for bits in right])
    ax.set_yticks([0, 20, 40, 60, 80, 100])
    told = ", ".join(f"{accuracy:.0f} % with {bits}" for bits, accuracy in right.items())
    plots.show(
        fig,
        alt=f"A line of accuracy against the bits for each weight: {told}. Above each point the same four filters of "
        "the first layer as grey squares: with few bits many squares have the same grey.",
        caption="LeNet. Above: four filters of its first layer, rounded to the bits below them.",
    )


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


def two_combs(weight, steps, right, whole):
    """Draw a histogram of a layer's weights, and under it the levels of 2 bits for two steps.

    Args:
        weight: of the layer.
        steps: name -> the step.
        right: accuracy of the network with each step, in per cent.
        whole: accuracy without rounding, in per cent.
    """
    far, blue = weight.abs().max().item(), plots.COLOURS["blue"]
    fig, ax = plots.figure(size=(6.4, 4.6))
    heights, *_ = ax.hist(weight.flatten().numpy(), bins=160, color=plots.COLOURS["grey"], alpha=0.6)
    tallest, told = max(heights), []
    for row, ((name, step), accuracy) in enumerate(zip(steps.items(), right, strict=True)):
        levels, at = [n * float(step) for n in (-2, -1, 0, 1)], -tallest * (0.2 + 0.66 * row)
        ax.plot(levels, [at] * 4, "|", color=blue, markersize=20, markeredgewidth=4)
        ax.text(0, at - 0.29 * tallest, f"{name}: {accuracy:.0f} % right", va="center", ha="center", fontsize=17)
        told.append(f"{name}: levels at {', '.join(f'{level:.2f}' for level in levels)}, {accuracy:.0f} % right")
    largest = weight.flatten()[weight.abs().argmax()].item()
    ax.plot([largest], [0], "o", color=plots.COLOURS["orange"], clip_on=False)  # a bar of one weight is not seen
    ax.annotate(
        "the largest magnitude",
        (largest, 0.02 * tallest),
        (largest - 0.05, 0.42 * tallest),
        ha="center",
        fontsize=16,
        color=plots.COLOURS["orange"],
        arrowprops={"arrowstyle": "->", "color": plots.COLOURS["orange"], "linewidth": 2},
    )
    ax.set(yticks=[], xlabel="weights of fc1", xlim=(-1.7 * far, 1.7 * far), ylim=(-1.38 * tallest, 1.05 * tallest))
    ax.grid(False)
    ax.spines["left"].set_visible(False)
    plots.show(
        fig,
        alt="Histogram of the weights of fc1: a narrow hill around 0, and a few weights far out. Below it the four levels "
        f"of 2 bits for two steps. {'; '.join(told)}. With the longer step all levels but 0 lie outside of the hill; with "
        "the shorter one all lie under it.",
        caption=f"Blue: the four levels of 2 bits, with each step. In fp32 {whole:.0f} % are right.",
    )
