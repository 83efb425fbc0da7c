"""The drawings and the sweep of the lesson formats."""

import torch
from torch import nn
from torch.nn import functional as F

from course_utils import data, training
from course_utils.show import diagrams, plots
from course_utils.show.tables import Table

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
LOST, NORMAL, LIMIT = -25, -14, 16  # powers of two: fp16 keeps nothing below, all digits above, inf from here on
EIGHTS = {"e4m3": (-6, 3, 448), "e5m2": (-14, 2, 57_344)}  # lowest exponent, bits of mantissa, largest number


def toy(stored=None):
    """Draw all numbers of the toy from 0 up, with their gaps, or what becomes of some.

    Args:
        stored: number -> what the toy makes of it.
    """
    canvas = diagrams.Canvas(width=640 if stored else 1200, height=250)
    for meaning, (numbers, gap) in TOY.items():
        ticks = {v: f"{v:g}" if v == int(v) else "" for v in numbers}
        line = diagrams.number_line(canvas, 0, 8.2, y=180, ticks=ticks, meaning=meaning)
        if not stored:
            last = numbers[-1] if gap == "1" else numbers[-1] + (numbers[1] - numbers[0])
            line.bracket(numbers[0] + 0.05, last - 0.05, f"gap {gap}", above=50, meaning=meaning)
    for value, kept in (stored or {}).items():
        line.point(value, above=100, meaning="activations", falls_to=kept)
        canvas.text(line.place(value), 40, f"{value:g}")
    told = ", ".join(f"{value:g} falls on {kept:g}" for value, kept in (stored or {}).items())
    plots.show(
        canvas.figure(),
        alt="A number line with sixteen marks: a quarter apart from 0 to 2, a half apart from 2 to 4, one apart from 4 to 7. "
        + (f"Above it three points: {told}." if told else "Brackets name the gaps."),
        caption="What the toy keeps of three numbers."
        if told
        else "All numbers of the toy from 0 up; those below 0 are their mirror image.",
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
    heights, at_first = (
        100 * torch.histogram((sizes.log2() + moved).clamp(-48, 25), edges)[0] / len(sizes) for moved in (shift, 0)
    )
    gone = edges[:-1] < LOST
    for bins, colour in ((gone, "grey"), (~gone, "green")):
        ax.stairs((heights * bins).tolist(), edges.tolist(), fill=True, color=plots.COLOURS[colour])
    for low, high, colour in ((-48, LOST, "grey"), (LOST, NORMAL, "yellow")):
        ax.axvspan(low, high, color=plots.COLOURS[colour], alpha=0.2, zorder=0)
    for edge in (LOST, LIMIT):
        ax.axvline(edge, color="black", linestyle=":")
    stored = (sizes * 2.0**shift).half()
    lost, few = (100 * part.double().mean().item() for part in (stored == 0, (stored > 0) & (stored < 2.0**NORMAL)))
    words = {-36.5: f"become 0\n{lost:.1f} %", -19.5: f"fewer digits\n{few:.0f} %", 1: "all digits", 20.7: "inf"}
    for x, said in words.items():
        ax.text(x, 11.7, said, ha="center", va="top")
    if shift:
        ax.stairs(at_first.tolist(), edges.tolist(), color="black", linestyle="--", linewidth=1.5)
    ax.set(xlabel="size of a gradient, power of two", ylabel="share, %", xlim=(-48, 25), ylim=(0, 12))
    ax.set(yticks=[0, 5], xticks=[-40, LOST, NORMAL, 0, LIMIT])
    return fig, (
        f"Histogram of the gradients with the loss times 2 to the {shift}: {lost:.1f} % become 0 in fp16, {few:.0f} % have "
        "fewer digits." + (" A dashed outline shows where the hill lay without the factor." if shift else "")
    )


def hill(gradients, shifts=(0, 8, 16)):
    """Draw the histogram of the gradients over the range of fp16, one frame for each power of two on the loss."""
    sizes = gradients[gradients != 0].abs()
    drawn, told = zip(*(_hill(sizes, shift) for shift in shifts), strict=True)
    plots.show(
        drawn,
        alt=told,
        slider="loss scale",
        values=[f"{2**shift:,}" for shift in shifts],
        caption="The factor on the loss moves the hill. The limits of fp16, dotted, stay.",
    )


def _stored(x, dtype):
    """x as it comes back from a format; in the backward pass its gradient is rounded in the same way."""
    return x.to(dtype).float()


def _rebuilt(layers, x, dtype):
    for layer in layers:
        sums = F.linear(_stored(F.relu(x), dtype), _stored(layer.weight, dtype), _stored(layer.bias, dtype))
        x = _stored(sums, dtype)
    return x


def _error_left(pixels, unseen, dtype, weights, scale):
    """Train an autoencoder: values in `dtype`, weights kept in `weights`, the loss times `scale`; its error, in %."""
    torch.manual_seed(0)
    layers = nn.ModuleList([nn.Linear(784, 32), nn.Linear(32, 784)])
    optimizer = torch.optim.Adam(layers.parameters(), lr=2e-4)
    for picked in training.batches(len(pixels), 64, steps=250, seed=0):
        loss = F.mse_loss(_rebuilt(layers, pixels[picked], dtype), pixels[picked]) / 1000
        optimizer.zero_grad()
        (loss * scale).backward()
        for p in layers.parameters():
            p.grad /= scale
        optimizer.step()
        for p in layers.parameters():
            p.data = _stored(p.data, weights)
    with torch.no_grad():
        guess = F.mse_loss(pixels.mean(0).expand_as(unseen), unseen)
        return 100 * (F.mse_loss(_rebuilt(layers, unseen, dtype), unseen) / guess).item()


def nine_trainings():
    """Train in fp32, and in each format of 16 bits with and without fp32 weights and a loss scale; a table of errors."""
    pixels = data.load("fashion_mnist", n=12_000)[0].flatten(1)
    unseen = data.load("fashion_mnist", "test", n=2_000)[0].flatten(1)
    full, shorter = torch.float32, (torch.float16, torch.bfloat16)
    plain = f"{_error_left(pixels, unseen, full, full, 1):.0f} %"
    rows = [["fp32 throughout", plain, plain]]
    for name, keep, scale in (
        ("16-bit weights", False, 1),
        ("… and a loss scale of 65,536", False, 2**16),
        ("fp32 weights", True, 1),
        ("… and a loss scale of 65,536", True, 2**16),
    ):
        errors = [_error_left(pixels, unseen, dtype, full if keep else dtype, scale) for dtype in shorter]
        rows.append([name, *(f"{error:.0f} %" for error in errors)])
    return Table(["error left", "fp16", "bf16"], rows)


def eight_bits():
    """Draw all positive numbers of two formats of 8 bits, and of fp16's range, over the power of two."""
    fig, ax = plots.figure(size=(12, 3.2))
    for y, (name, (lowest, mantissa, largest)) in enumerate(reversed(EIGHTS.items())):
        gap = 2.0 ** (lowest - mantissa)
        numbers = [m * gap for m in range(1, 2**mantissa)]
        powers = range(lowest, 16)
        numbers += [2.0**e * (1 + m / 2**mantissa) for e in powers for m in range(2**mantissa)]
        numbers = torch.tensor([number for number in numbers if number <= largest])
        ax.plot(numbers.log2(), [y] * len(numbers), "|", markersize=38, mew=1.8, color=plots.COLOURS["blue"])
        ax.text(-25.5, y, f"{name}, {len(numbers)} numbers", ha="right", va="center")
    ax.barh(2, 40, left=-24, height=0.45, color=plots.COLOURS["yellow"])
    ax.text(-25.5, 2, "fp16, 31,743 numbers", ha="right", va="center")
    ax.set(xlabel="power of two", xlim=(-25, 17), ylim=(-0.6, 2.5), yticks=[], xticks=range(-24, 17, 8))
    plots.show(
        fig,
        alt="Marks for all positive numbers over the power of two. e4m3 has eight between two powers of two and goes from -9 to "
        "below 9, e5m2 has four and goes from -16 to below 16; fp16 is a bar from -24 to 16.",
        caption="Above 0. The first figure of a name counts the bits of the exponent, the second those of the mantissa.",
    )
