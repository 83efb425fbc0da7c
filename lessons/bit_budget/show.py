"""The drawings and tables of the lesson bit_budget."""

import io

import torch

from course_utils import plots
from course_utils.tables import Table

WIDTHS = (2, 3, 4)  # what is drawn


def _short(name):
    return "fc" if name == "fc" else name.split(".")[1]


def _mean_bits(bits, sizes):
    return sum(b * sizes[name] for name, b in bits.items()) / sum(sizes.values())


def sensitivities(sensitivity, sizes):
    """Draw the sensitivity of each layer at each number of bits, with the number of its weights below."""
    fig, ax = plots.figure(size=(12, 4.6))
    looks = [("o", "orange"), ("D", "sky"), ("v", "black")]
    names = [f"block {_short(name)}" if name != "fc" else "fc" for name in sizes]
    for bits, (mark, colour) in zip(WIDTHS, looks, strict=True):
        heights = [max(row[bits], 1e-6) for row in sensitivity.values()]
        ax.plot(names, heights, mark, color=plots.COLOURS[colour], label=f"{bits} bits", markersize=12)
    ax.set(yscale="log", ylabel="sensitivity", xlim=(-0.5, len(names) + 0.8))
    ax.set_xticks(range(len(names)), [f"{n}\n{size:,}" for n, size in zip(names, sizes.values(), strict=True)])
    ax.legend(loc="right")
    at_2 = {n: row[2] for n, row in zip(names, sensitivity.values(), strict=True)}
    plots.show(
        fig,
        alt="Sensitivity of eight layers at 2, 3 and 4 bits, on a logarithmic axis. At 2 bits: "
        + ", ".join(f"{n} {value:.3f}" for n, value in at_2.items()),
        caption=f"One layer rounded, seven in float. Below a layer: its weights. At 2 bits block 1 has "
        f"{at_2['block 1']:.2f}, and the second highest {sorted(at_2.values())[-2]:.2f}.",
    )


def bits_of_layers(bits, sizes, even):
    """Draw a bar for each layer, as wide as it has weights and as high as its bits; orange lies above `even` bits."""
    fig, ax = plots.figure(size=(12, 4.8))
    left, total = 0.0, sum(sizes.values())
    for name, size in sizes.items():
        width = max(100 * size / total, 2.0)  # the least can hold a number
        middle, height = left + width / 2, bits[name]
        looks = {"width": width, "edgecolor": "white", "linewidth": 2}
        ax.bar(middle, min(height, even), color=plots.COLOURS["grey"], **looks)
        if height > even:
            ax.bar(middle, height - even, bottom=even, color=plots.COLOURS["orange"], **looks)
        ax.text(middle, max(height, even) + 0.1, height, ha="center", va="bottom", fontsize=18)
        ax.text(middle, -0.45, _short(name), ha="center", va="center", fontsize=18)
        left += width
    ax.axhline(even, color=plots.COLOURS["black"], linestyle="--")
    ax.set(ylim=(0, 7), xlim=(0, left), ylabel="bits", xticks=[])
    ax.set_xlabel("block, as wide as its share of the weights", labelpad=34)
    plots.show(
        fig,
        alt="A bar for each layer, as wide as its share of the weights and as high as its bits: "
        + ", ".join(f"{_short(name)}: {b} bits" for name, b in bits.items()),
        caption=f"Dashed: {even} bits for all. Orange: what lies above. The narrowest bars are drawn wider than they are.",
    )


def whole(choices, sizes, sums, together, right):
    """A table of choices: bits a weight, the sum of the sensitivities, the divergence of the whole, right answers."""
    return Table(
        ["", "bits a weight", "sum of the sensitivities", "divergence together", "right, %"],
        [
            [name, f"{_mean_bits(bits, sizes):.2f}", f"{sums[name]:.3f}", f"{together[name]:.3f}", f"{right[name]:.1f}"]
            for name, bits in choices.items()
        ],
        caption="Divergences on 1,000 training images, right answers on 2,000 test images.",
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
