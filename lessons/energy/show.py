"""Drawings of the lesson energy: each function shows one figure, made from what the lesson has computed."""

import math

import torch

from course_utils.measure import energy
from course_utils.show import diagrams, plots

SIGNIFICAND_BITS = {"int8": 8, "fp16": 11, "fp32": 24, "int32": 32}  # the bits that meet in a multiplier


def two_parts(bill):
    """Two bars to one linear scale: the arithmetic of one digit and the fetch of its weights.

    Args:
        bill: of `energy.estimate`.
    """
    canvas = diagrams.Canvas(width=620, height=180)
    diagrams.bars(
        canvas,
        {"arithmetic": bill.compute_nj / 1e3, "weights": bill.fetch_nj / 1e3},
        x=150,
        y=24,
        width=320,
        text="{:.3g} µJ",
        meaning={"arithmetic": "plain", "weights": "fp32"},
    )
    plots.show(
        canvas.figure(),
        alt=f"Two bars to one linear scale: the arithmetic of one digit, {bill.compute_nj / 1e3:.3g} microjoules, is a thin line; "
        f"the fetch of the weights, {bill.fetch_nj / 1e3:.0f} microjoules, fills the picture.",
        caption="One digit, estimated: arithmetic, and the fetch of every weight from main memory. Linear scale.",
    )


def price_list():
    """The published prices of additions, multiplications and reads, on a logarithmic axis."""
    rows = [(f"{n} add", pj, "grey") for n, pj in energy.ADD_PJ.items()]
    rows += [(f"{n} multiply", pj, "black") for n, pj in energy.MUL_PJ.items()]
    rows += [(f"64 bit, {n}", pj, "orange") for n, pj in energy.READ_64_BIT_PJ.items() if n != "DRAM, high end"]
    labels, pj, colours = zip(*sorted(rows, key=lambda row: row[1]), strict=True)
    fig, ax = plots.figure(size=(6.4, 4.2))
    ax.barh(labels, pj, color=[plots.COLOURS[c] for c in colours])
    ax.set(xscale="log", xlabel="energy, pJ", xlim=(0.015, 30000))
    decades = [0.1, 1, 10, 100, 1000]
    ax.set_xticks(decades, [f"{decade:g}" for decade in decades])
    ax.minorticks_off()
    for y, value in enumerate(pj):
        ax.text(value * 1.2, y, f"{value:g}", va="center", bbox={"facecolor": "white", "edgecolor": "none", "pad": 1})
    plots.show(
        fig,
        alt="Horizontal bars on a logarithmic axis: additions from 0.03 to 0.9 pJ, multiplications from 0.2 pJ for int8 through "
        "1.1 for fp16 and 3.1 for int32 to 3.7 for fp32, reads of 64 bits from a cache for 10 pJ (8 KB), 20 (32 KB) and "
        "100 (1 MB), from DRAM for 1300 at the low end.",
        caption="Additions grey, multiplications black, reads orange. For DRAM, the low end of the published range is drawn. Horowitz, 2014, figure 1.1.9.",
    )


def pairs_of_bits():
    """Four squares, a cell for each pair of bits that a multiplier brings together, with the published price under each."""
    canvas, left = diagrams.Canvas(height=390), 90
    for name, bits in SIGNIFICAND_BITS.items():
        side = 8.0 * bits
        kind = "int8" if "int" in name else "fp32"
        diagrams.grid(canvas, torch.ones(bits, bits), left, 290 - side, cell=8, text="", meaning=kind)
        canvas.text(left + side / 2, 325, f"{name}: {bits}² = {bits**2:,}")
        canvas.text(left + side / 2, 362, f"{energy.MUL_PJ[name]:g} pJ", colour="plain")
        left += side + 140
    plots.show(
        canvas.figure(),
        alt="Four squares of cells to one scale, a cell for each pair of bits that a multiplier brings together: int8 with 64, "
        "fp16 with 121, fp32 with 576, int32 with 1,024. Under each its published energy: 0.2, 1.1, 3.7 and 3.1 picojoules.",
        caption="Compare within one colour. Whole numbers, blue: 16 times the pairs, 15.5 times the price. Energy: Horowitz, 2014.",
    )


def one_weight(prices):
    """Three bars to one linear scale.

    Args:
        prices: name -> picojoules, of one MAC and of one read from two memories.
    """
    canvas = diagrams.Canvas(width=620, height=250)
    meaning = dict(zip(prices, ("plain", "fp32", "fp32"), strict=True))
    diagrams.bars(canvas, prices, x=160, y=24, width=320, text="{:g} pJ", meaning=meaning)
    plots.show(
        canvas.figure(),
        alt="Three bars to one linear scale. One multiply-accumulate takes 4.6 picojoules, a line hardly to be seen; the read of a "
        "weight from a cache of one megabyte 50; from DRAM 640, across the whole picture.",
        caption="One fp32 weight of this network, used once. Linear scale.",
    )


def uses_of_a_weight():
    """One weight that is fetched once, and the outputs that it takes part in, for a layer, a convolution and a batch."""
    canvas = diagrams.Canvas(height=440)
    reuse = {
        "linear layer": (1, "1 output"),
        "convolution": (0, "one output for each\nof 9 places"),
        "a batch": (5, "one output for\neach input"),
    }
    for column, (name, (arrows, words)) in enumerate(reuse.items()):
        left = 40 + column * 400
        canvas.text(left + 160, 40, name, bold=True)
        canvas.text(left + 160, 400, words, size=22)
        memory = canvas.box(left, 190, "DRAM", width=100, height=80, fill="fp32")
        weight = canvas.box(left + 170, 195, "w", width=60, height=70)
        canvas.wire(memory.right, weight.left, meaning="fp32", thick=10)
        if name == "convolution":
            for place in range(9):
                used = canvas.box(left + 302, 88 + 32 * place, width=24, height=24, fill="activations")
                canvas.wire(weight.right, used.left, meaning="activations", thick=2)
        for number in range(arrows):
            used = canvas.box(left + 300, 241 + 62 * number - 31 * arrows, width=40, height=40, fill="activations")
            canvas.wire(weight.right, used.left, meaning="activations")
    plots.show(
        canvas.figure(),
        alt="A thick arrow brings one weight w from DRAM. Thin arrows lead on: in a linear layer to one output, in a convolution "
        "to nine outputs, one for each of 3 × 3 places, with a batch to five outputs, one for each input.",
        caption="Thick: the one read. Thin: the outputs that it serves. A convolution and a batch each share a read among several "
        "outputs; with both, the numbers of uses multiply.",
    )


def batches(bills, int8):
    """The energy of the weights over that of the arithmetic, against the batch size.

    Args:
        bills: name of a network -> its bill in fp32, of `energy.estimate`.
        int8: the bill of LeNet-300-100 in int8.
    """
    sizes = [2**i for i in range(11)]
    fig, ax = plots.figure(size=(6.4, 3.8))
    lines = {"LeNet-300-100, int8": int8, **bills}
    for (name, b), colour in zip(lines.items(), ("black", "black", "purple", "grey"), strict=True):
        style, even = "o--" if b is int8 else "o-", math.ceil(b.fetch_nj / b.compute_nj)
        label = f"{name}: {even}"
        ax.plot(sizes, [b.fetch_nj / n / b.compute_nj for n in sizes], style, label=label, color=plots.COLOURS[colour])
    ax.axhline(1, color="black", linestyle=":")
    ax.set(xscale="log", yscale="log", xlabel="batch size", ylabel="weights / arithmetic")
    ax.set_xticks([1, 10, 100, 1000], ["1", "10", "100", "1000"])
    ax.set_yticks([0.001, 0.01, 0.1, 1, 10, 100], ["0.001", "0.01", "0.1", "1", "10", "100"])
    ax.set_ylim(1e-7, 1500)
    ax.legend(loc="lower left")
    plots.show(
        fig,
        alt="Energy of the weights over energy of the arithmetic against batch size, falling as one over the batch. "
        "LeNet-300-100 in int8, dashed, starts at 533 and crosses 1 between batch 533 and 534. In fp32 LeNet-300-100 starts at 139 "
        "and crosses 1 between batch 139 and 140; LeNet starts at 42 and crosses between 41 and 42; ResNet-50 is below 1.",
        caption="Solid: fp32. Dashed: int8. Below the dotted line the weights cost less than the arithmetic; the numbers in the "
        "key say from which batch on.",
    )
