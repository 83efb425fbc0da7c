"""The drawings and tables of the lesson bit_budget."""

import io

import torch

from course_utils.show import plots
from course_utils.show.tables import Table

WIDTHS = (2, 3, 4, 5, 6)  # what greedy may give


def _short(name):
    return "fc" if name == "fc" else name.split(".")[1]


def _mean_bits(bits, sizes):
    return sum(b * sizes[name] for name, b in bits.items()) / sum(sizes.values())


def sensitivities(sensitivity, sizes):
    """Draw the sensitivity of each layer at each number of bits, with the number of its weights below."""
    fig, ax = plots.figure(size=(12, 4.6))
    looks = [("o", "orange"), ("s", "yellow"), ("D", "sky"), ("^", "blue"), ("v", "black")]
    names = [f"block {_short(name)}" if name != "fc" else "fc" for name in sizes]
    for bits, (mark, colour) in zip(WIDTHS, looks, strict=True):
        heights = [max(row[bits], 1e-6) for row in sensitivity.values()]
        ax.plot(names, heights, mark, color=plots.COLOURS[colour], label=f"{bits} bits", markersize=12)
    ax.set(yscale="log", ylabel="sensitivity", xlim=(-0.5, len(names) + 0.8))
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


def bits_of_layers(bits, sizes):
    """Draw a bar for each layer, as wide as it has weights and as high as its bits; orange is what lies above 3."""
    fig, ax = plots.figure(size=(12, 4.8))
    left, total = 0.0, sum(sizes.values())
    for name, size in sizes.items():
        width = max(100 * size / total, 2.0)  # the least can hold a number
        middle, height = left + width / 2, bits[name]
        looks = {"width": width, "edgecolor": "white", "linewidth": 2}
        ax.bar(middle, min(height, 3), color=plots.COLOURS["grey"], **looks)
        if height > 3:
            ax.bar(middle, height - 3, bottom=3, color=plots.COLOURS["orange"], **looks)
        ax.text(middle, height + 0.1, height, ha="center", va="bottom", fontsize=18)
        ax.text(middle, -0.45, _short(name), ha="center", va="center", fontsize=18)
        left += width
    ax.axhline(3, color=plots.COLOURS["black"], linestyle="--")
    ax.set(ylim=(0, 7), xlim=(0, left), ylabel="bits", xticks=[])
    ax.set_xlabel("block, as wide as its share of the weights", labelpad=34)
    plots.show(
        fig,
        alt="A bar for each layer, as wide as its share of the weights and as high as its bits: "
        + ", ".join(f"{_short(name)}: {b} bits" for name, b in bits.items()),
        caption="Dashed: 3 bits for all. Orange: what lies above. The narrowest bars are drawn wider than they are.",
    )


def statistics(old, new, in_float):
    """A table of what each choice gets right, with old and with new statistics, in percent."""
    return Table(
        ["", "old statistics", "new statistics"],
        [[name, f"{old[name]:.1f}", f"{new[name]:.1f}"] for name in old],
        caption=f"Right answers on 2,000 test images, in percent. Float network: {in_float:.1f}",
    )


def sum_and_together(sums, together, choices, sizes):
    """Draw the sum of the sensitivities and the divergence of the whole choice over bits a weight."""
    fig, ax = plots.figure(size=(7, 4.8))
    spots = [_mean_bits(bits, sizes) for bits in choices]
    ax.plot(spots, together, "o-", color=plots.COLOURS["orange"], label="together", markersize=10)
    ax.plot(spots, sums, "s--", color=plots.COLOURS["blue"], label="sum", markersize=10)
    ax.set(yscale="log", xlabel="bits a weight", ylabel="divergence")
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
        ["file", "kB", "times smaller", "right, %"],
        rows,
        caption="2,000 test images; the small files with batch norms measured anew",
    )
