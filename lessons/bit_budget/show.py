"""The drawings and tables of the lesson bit_budget."""

import io

import torch

from course_utils.show import plots
from course_utils.show.tables import Table

WIDTHS = (2, 3, 4, 5, 6)  # what greedy may give
LOOKS = {"greedy": ("o-", "orange"), "one width for all": ("s-", "blue")}


def _short(name):
    return "fc" if name == "fc" else name.split(".")[1]


def _mean_bits(size, sizes):
    return size / sum(sizes.values())


def sensitivities(sensitivity, sizes):
    """Draw the sensitivity of each layer at each number of bits, with the number of its weights below."""
    fig, ax = plots.figure(size=(12, 4.6))
    looks = [("o", "orange"), ("s", "yellow"), ("D", "sky"), ("^", "blue"), ("v", "black")]
    names = [f"block {_short(name)}" if name != "fc" else "fc" for name in sizes]
    for bits, (mark, colour) in zip(WIDTHS, looks, strict=True):
        heights = [max(row[bits], 1e-6) for row in sensitivity.values()]
        ax.plot(names, heights, mark, color=plots.COLOURS[colour], label=f"{bits} bits", markersize=12)
    ax.set(yscale="log", ylabel="sensitivity, nats", xlim=(-0.5, len(names) + 0.8))
    ax.set_xticks(range(len(names)), [f"{n}\n{size:,}" for n, size in zip(names, sizes.values(), strict=True)])
    ax.legend(loc="right")
    at_3 = {n: row[3] for n, row in zip(names, sensitivity.values(), strict=True)}
    plots.show(
        fig,
        alt="Sensitivity of eight layers at 2 to 6 bits, on a logarithmic axis. At 3 bits: "
        + ", ".join(f"{n} {value:.4f}" for n, value in at_3.items()),
        caption=f"Below a layer: its weights. At 3 bits block 1 has {at_3['block 1']:.2f}, the second highest "
        f"{sorted(at_3.values())[-2]:.3f}.",
    )


def steps_of_greedy(steps, sizes):
    """Draw who got a bit at which step: a bar as wide as the layer has weights."""
    fig, ax = plots.figure(size=(12, 4.8))
    last, total = steps[-1], sum(sizes.values())
    left, middle = 0.0, {}
    widths = {name: max(100 * size / total, 3.2) for name, size in sizes.items()}  # the least can hold a number
    for name, width in widths.items():
        middle[name] = left + width / 2
        ax.bar(middle[name], 2, width=width, color=plots.COLOURS["grey"], edgecolor="white", linewidth=2)
        ax.text(middle[name], -0.45, _short(name), ha="center", va="center", fontsize=18)
        left += width
    for number, (before, after) in enumerate(zip(steps, steps[1:], strict=False), start=1):
        name = next(one for one in after if after[one] > before[one])
        ax.bar(
            middle[name],
            1,
            bottom=before[name],
            width=widths[name],
            color=plots.COLOURS["orange"],
            edgecolor="white",
            linewidth=2,
        )
        ax.text(middle[name], before[name] + 0.5, number, ha="center", va="center", fontsize=16)
    ax.axhline(3, color=plots.COLOURS["black"], linestyle="--")
    ax.set(ylim=(0, 6.2), xlim=(0, left), ylabel="bits", xticks=[])
    ax.set_xlabel("block, as wide as its share of the weights", labelpad=34)
    plots.show(
        fig,
        alt="A bar for each layer, as wide as its share of the weights and as high as its bits. All begin with 2; the bits given "
        "by the greedy choice are numbered. In the end: " + ", ".join(f"{_short(n)} {b}" for n, b in last.items()),
        caption="Grey: 2 bits each. Orange: the bits in the order in which greedy gave them. Dashed: 3 bits for all. The narrowest "
        "bars are drawn a little wider than they are.",
    )


def ways_to_choose(right, in_float, sizes, before=None):
    """Draw accuracy over bits a weight, a line for each way to choose.

    Args:
        right: way -> list of (bits of the file, accuracy in percent).
        before: the same with old statistics, drawn pale.
    """
    fig, ax = plots.figure(size=(12, 4.8) if before is None else (7, 4.8))
    for way, (mark, colour) in LOOKS.items():
        if before:
            spots = [(_mean_bits(size, sizes), percent) for size, percent in before[way]]
            ax.plot(*zip(*spots, strict=True), mark[0] + ":", color=plots.COLOURS[colour], alpha=0.35)
        spots = [(_mean_bits(size, sizes), percent) for size, percent in right[way]]
        ax.plot(*zip(*spots, strict=True), mark, color=plots.COLOURS[colour], label=way, markersize=10)
    ax.axhline(in_float, color=plots.COLOURS["grey"], linestyle="--", label="float")
    ax.set(xlabel="bits a weight", ylabel="right, %", xlim=(1.9, 4.35), ylim=(0, 100) if before is None else (60, 94))
    ax.legend(loc="lower right")
    told = [
        f"{way}: " + ", ".join(f"{_mean_bits(size, sizes):.2f} bits {percent:.1f} %" for size, percent in spots)
        for way, spots in right.items()
    ]
    plots.show(
        fig,
        alt="Accuracy over bits a weight. " + "; ".join(told) + f". Float: {in_float:.1f} %",
        caption=(
            "2,000 test images. In the bytes of 3 bits for all: "
            if before is None
            else "Batch norms measured anew; pale: as before. The axis begins at 60. At 3 bits: "
        )
        + f"greedy {right['greedy'][3][1]:.1f} %, one width {right['one width for all'][1][1]:.1f} %. "
        + f"Greedy with 2.25 bits: {right['greedy'][0][1]:.1f} %.",
    )


def sum_and_together(sums, together, file_sizes, sizes):
    """Draw the sum of the sensitivities and the divergence of the whole choice over bits a weight."""
    fig, ax = plots.figure(size=(7, 4.8))
    spots = [_mean_bits(size, sizes) for size in file_sizes]
    ax.plot(spots, together, "o-", color=plots.COLOURS["orange"], label="together", markersize=10)
    ax.plot(spots, sums, "s--", color=plots.COLOURS["blue"], label="sum", markersize=10)
    ax.set(yscale="log", xlabel="bits a weight", ylabel="divergence, nats")
    ax.legend(loc="upper right")
    shares = [one / other for one, other in zip(together, sums, strict=True)]
    plots.show(
        fig,
        alt="Divergence of the greedy choices over bits a weight, on a logarithmic axis. "
        + "; ".join(
            f"{s:.2f} bits: sum {a:.3f}, together {b:.3f}" for s, a, b in zip(spots, sums, together, strict=True)
        ),
        caption="Together over sum, from left to right: " + ", ".join(f"{share:.1f}" for share in shares),
    )


def files(net, in_float, written):
    """A table of files, and of what the networks get right that were read from them.

    Args:
        written: name -> (bytes, accuracy in percent).
    """
    file = io.BytesIO()
    torch.save(net.state_dict(), file)
    whole = file.tell()
    rows = [["float, torch.save", f"{whole / 1000:.1f}", "1.0", f"{in_float:.1f}"]]
    rows += [
        [name, f"{size / 1000:.1f}", f"{whole / size:.1f}", f"{percent:.1f}"]
        for name, (size, percent) in written.items()
    ]
    return Table(
        ["file", "kB", "times smaller", "right, %"], rows, caption="2,000 test images, batch norms measured anew"
    )
