"""The drawings of the lesson formats."""

import torch

from course_utils import diagrams, plots

TOY = {  # colour -> the numbers with one gap, and the gap
    "fp32": ([m / 4 for m in range(8)], "¼"),
    "gradient": ([2 + m / 2 for m in range(4)], "½"),
    "int8": ([4.0, 5.0, 6.0, 7.0], "1"),
}
FORMATS = {  # name -> bits of exponent and mantissa, largest number, gap at 1
    "fp32": (8, 23, r"$3.4 \cdot 10^{38}$", "0.00000012"),
    "fp16": (5, 10, "65,504", "0.00098"),
    "bf16": (8, 7, r"$3.4 \cdot 10^{38}$", "0.0078"),
}
LOST, LIMIT = -25, 16  # powers of two: fp16 keeps nothing up to here, and gives inf from here on


def toy():
    """Draw all numbers of the toy from 0 up, with their gaps."""
    canvas = diagrams.Canvas(width=1200, height=250)
    for meaning, (numbers, gap) in TOY.items():
        ticks = {v: f"{v:g}" if v == int(v) else "" for v in numbers}
        line = diagrams.number_line(canvas, 0, 8.2, y=180, ticks=ticks, meaning=meaning)
        last = numbers[-1] if gap == "1" else numbers[-1] + (numbers[1] - numbers[0])
        line.bracket(numbers[0] + 0.05, last - 0.05, f"gap {gap}", above=50, meaning=meaning)
    plots.show(
        canvas.figure(),
        alt="A number line with sixteen marks: a quarter apart from 0 to 2, a half apart from 2 to 4, one apart from 4 to 7. "
        "Brackets name the gaps.",
        caption="All numbers of the toy from 0 up; those below 0 are their mirror image.",
    )


def three_formats():
    """Draw the bits of three formats as cells, with their largest number and their gap at 1 beside them."""
    fig, ax = plots.figure(size=(12, 3))
    for y, (name, (exponent, mantissa, largest, gap)) in enumerate(reversed(FORMATS.items())):
        for start, width, colour in ((0, 1, "grey"), (1, exponent, "orange"), (1 + exponent, mantissa, "blue")):
            for bit in range(start, start + width):
                ax.barh(y, 1, left=bit, height=0.7, color=plots.COLOURS[colour], edgecolor="white")
        ax.text(-0.6, y, name, ha="right", va="center", fontweight="bold")
        ax.text(41, y, largest, ha="right", va="center")
        ax.text(51, y, gap, ha="right", va="center")
    heads = ((5, "exponent", "orange"), (16, "mantissa", "blue"), (41, "largest", "black"), (51, "gap at 1", "black"))
    for x, words, colour in heads:
        ax.text(x, 2.75, words, ha="right" if x > 40 else "center", va="center", color=plots.COLOURS[colour])
    ax.set(xlim=(-5, 51.5), ylim=(-0.5, 3.1))
    ax.axis("off")
    told = "; ".join(
        f"{name} {e} and {m}, up to {'65,504' if name == 'fp16' else '3.4e38'}, gap {gap}"
        for name, (e, m, _, gap) in FORMATS.items()
    )
    plots.show(
        fig,
        alt=f"A cell for each bit; bits of exponent and mantissa: {told}.",
        caption="A cell is a bit. The grey one is the sign.",
    )


def _hill(sizes, shift):
    """One frame: the sizes times 2 to the `shift`, over the range of fp16."""
    fig, ax = plots.figure(size=(11, 4.2))
    edges = torch.arange(-48.0, 26.0)
    heights = 100 * torch.histogram((sizes.log2() + shift).clamp(-48, 25), edges)[0] / len(sizes)
    gone = edges[:-1] < LOST
    for bins, colour in ((gone, "grey"), (~gone, "green")):
        ax.stairs((heights * bins).tolist(), edges.tolist(), fill=True, color=plots.COLOURS[colour])
    ax.axvspan(-48, LOST, color=plots.COLOURS["grey"], alpha=0.2, zorder=0)
    for edge in (LOST, LIMIT):
        ax.axvline(edge, color="black", linestyle=":")
    lost = 100 * ((sizes * 2.0**shift).half() == 0).double().mean().item()
    for x, said in {-36.5: f"become 0\n{lost:.1f} %", -4.5: "fp16 keeps them", 20.7: "inf"}.items():
        ax.text(x, 11.7, said, ha="center", va="top")
    ax.set(xlabel="size of a gradient, power of two", ylabel="share, %", xlim=(-48, 25), ylim=(0, 12))
    ax.set(yticks=[0, 5], xticks=[-40, LOST, -10, 0, LIMIT])
    return fig, f"Histogram of the gradients with the loss times 2 to the {shift}: {lost:.1f} % become 0 in fp16."


def hill(gradients, shifts=(0, 16)):
    """Draw the histogram of the gradients over the range of fp16, one frame for each power of two on the loss."""
    sizes = gradients[gradients != 0].abs()
    drawn, told = zip(*(_hill(sizes, shift) for shift in shifts), strict=True)
    plots.show(
        drawn,
        alt=told,
        slider="loss scale",
        values=[f"{2**shift:,}" for shift in shifts],
        caption="The loss scale moves the hill. The limits of fp16, dotted, stay.",
    )
