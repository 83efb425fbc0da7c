"""Drawings of the lesson integers: each function shows one figure, made from what the lesson has computed."""

import torch

from course_utils.show import diagrams, plots
from course_utils.show.tables import Table, mean_and_range


def cliff(accuracy, filters):
    """Accuracy against bits, and above each point the same four filters, rounded to that many bits.

    Args:
        accuracy: bits -> accuracy from 0 to 1, the most bits first.
        filters: bits -> tensor (at least 4, 1, 3, 3) of filters with that many bits.
    """
    bits = list(accuracy)
    fig, ax = plots.figure(size=(12, 5.2))
    ax.plot(range(len(bits)), [100 * accuracy[b] for b in bits], "o-", color=plots.COLOURS["blue"])
    for at, b in enumerate(bits):
        four = torch.full((7, 7), torch.nan)
        for n, one in enumerate(filters[b][:4, 0]):
            row, column = 4 * (n // 2), 4 * (n % 2)
            four[row : row + 3, column : column + 3] = one
        inset = ax.inset_axes((at - 0.32, 104, 0.64, 44), transform=ax.transData)
        inset.imshow(four.numpy(), cmap="gray", vmin=-filters[bits[0]].abs().max(), vmax=filters[bits[0]].abs().max())
        inset.set_axis_off()
        ax.annotate(
            f"{100 * accuracy[b]:.0f}",
            (at, 100 * accuracy[b]),
            textcoords="offset points",
            xytext=(0, -26),
            ha="center",
        )
    ax.set(xlabel="bits for each weight", ylabel="accuracy, %", xlim=(-0.5, len(bits) - 0.5), ylim=(0, 152))
    ax.set_xticks(range(len(bits)), [str(b) for b in bits])
    ax.set_yticks([0, 20, 40, 60, 80, 100])
    told = ", ".join(f"{100 * accuracy[b]:.0f} % with {b}" for b in bits)
    plots.show(
        fig,
        alt=f"A line of accuracy against the bits for each weight: {told}. Above each point the same four filters of the first "
        "layer as grey squares: with few bits many squares have the same grey.",
        caption="LeNet, one training. Above: four filters of its first layer, rounded to the bits below them.",
    )


def one_weight(rows):
    """One weight as cells with a bit in each, once for each way to store it.

    Args:
        rows: name -> (the bits as a whole number, how many bits, what stands beside them).
    """
    canvas = diagrams.Canvas(height=290)
    for row, (name, (value, n, shown)) in enumerate(rows.items()):
        top = 30 + 105 * row
        digits = torch.tensor([value >> (n - 1 - place) & 1 for place in range(n)])
        diagrams.grid(canvas, digits, 110, top, cell=31, meaning="fp32" if n == 32 else "int8")
        canvas.text(95, top + 15, name, align="right")
        canvas.text(110 if n == 32 else 130 + 31 * n, top + (52 if n == 32 else 15), shown, align="left")
    told = ", ".join(f"{name}: {n} cells, {shown}" for name, (_, n, shown) in rows.items())
    plots.show(
        canvas.figure(),
        alt=f"One weight of fc1 as three rows of cells with a bit in each: {told}.",
        caption="One weight of LeNet: in fp32, and as an integer times a scale that the whole layer shares.",
    )


def eight_integers():
    """The range from -1 to 3 above the integers 0 to 7."""
    canvas = diagrams.Canvas(height=120)
    ruler = diagrams.number_line(canvas, -1.15, 3, y=60, ticks={n * 4 / 7 - 8 / 7: str(n) for n in range(8)}, size=26)
    for end in (-1, 0, 1, 2, 3):
        ruler.point(end, above=0)
        canvas.text(ruler.place(end), 22, f"{end}", colour="fp32", size=26)
    plots.show(
        canvas.figure(),
        alt="A number line with the floats -1, 0, 1, 2, 3 above it and the integers 0 to 7 below, evenly spaced. The integer 2 stands "
        "exactly under 0; the integer 0 stands a little left of -1, and 7 left of 3.",
        caption="Range −1 to 3 (orange) on the integers 0 to 7 (blue).",
    )


def nine_weights(nine, affine_map, to_integers, to_floats):
    """Nine weights that fall onto eight levels: for a range that holds them all, and for a shorter one.

    Args:
        nine: the weights, a tensor.
        affine_map, to_integers, to_floats: the lesson's three functions.
    """
    ends = min(nine.min().item(), -0.1), max(nine.max().item(), 0.1)

    def least_scale(zero):
        """The smallest scale with which eight levels hold all weights, 0 on the level `zero`."""
        return max(-ends[0] / zero, ends[1] / (7 - zero))

    zero = min(range(1, 7), key=least_scale)
    axis = -zero * least_scale(zero), (7 - zero) * least_scale(zero)  # its ends are levels: z needs no rounding
    shorter = axis[0], axis[0] * (zero - 6) / (zero + 1)  # one level more below 0, one less above, and a smaller scale

    def falling(low, high):
        scale, zero_point = affine_map(torch.tensor(low), torch.tensor(high), 0, 7)
        levels = to_floats(torch.arange(8), scale, zero_point).tolist()
        fallen = to_floats(to_integers(nine, scale, zero_point, 0, 7), scale, zero_point).tolist()
        clipped = [abs(before - after) > 0.501 * scale for before, after in zip(nine.tolist(), fallen, strict=True)]
        canvas = diagrams.Canvas(height=430)
        ticks = {v: str(n) if n != zero_point else f"z = {n}" for n, v in enumerate(levels)}
        line = diagrams.number_line(canvas, *axis, y=250, ticks=ticks)
        for before, after, beyond in zip(nine.tolist(), fallen, clipped, strict=True):
            line.point(before, above=90)
            start, end = (line.place(before), 160), (line.place(after), 232)
            canvas.wire(start, end, meaning="gradient" if beyond else "fp32", thick=2.5)
        line.bracket(levels[0], levels[-1], "the range", above=195)
        line.bracket(levels[3], levels[4], f"scale {scale:.3f}", above=130)
        floats = [n / 4 for n in range(-8, 9) if axis[0] <= n / 4 <= axis[1]]
        diagrams.number_line(canvas, *axis, y=350, ticks={v: f"{v:g}" for v in floats}, meaning="fp32")
        return canvas.figure(), (
            f"Nine weights from {nine.min():.2f} to {nine.max():.2f} above a number line with eight marks, {scale:.3f} apart, from "
            f"{levels[0]:.2f} to {levels[-1]:.2f}; each weight has an arrow to a mark, several share one; clipped arrows: "
            f"{sum(clipped)}. Mark {zero_point} is the zero point."
        )

    drawn, told = zip(falling(*axis), falling(*shorter), strict=True)
    plots.show(drawn, alt=told, caption="Floats orange, integers blue. Green: clipped.")


def rounding_and_clipping(x, back, scale):
    """The staircase of eight levels, and its error in units of the scale."""
    fig, (top, bottom) = plots.figure(rows=2, size=(6.2, 4.0))
    top.plot(x, x, color=plots.COLOURS["grey"], linestyle=":", label="x")
    top.plot(x, back, label="its level")
    top.legend()
    bottom.plot(x, (back - x) / scale, color=plots.COLOURS["orange"])
    bottom.axhspan(-0.5, 0.5, color=plots.COLOURS["green"], alpha=0.2)
    bottom.set(xlabel="x", ylabel="error / scale", ylim=(-2, 2))
    plots.show(
        fig,
        alt="Above: a staircase of eight steps follows the diagonal from -1 to 3 and is flat outside. Below: the error over the scale "
        "is a saw between minus and plus one half inside the range, and grows steadily outside of it.",
        caption="Rounding inside the range, clipping outside of it.",
    )


def two_maps(features, times):
    """Output of ReLU above eight levels, of an asymmetric and of a symmetric map.

    Args:
        features: values from 0 up.
        times: how many times as large the squared error of the symmetric map is, with 8 bits.
    """
    highest = features.max().item()
    some = features.flatten().sort().values[:: features.numel() // 40].tolist()
    canvas = diagrams.Canvas(width=620, height=310)
    for row, (name, steps) in enumerate({"asymmetric": 7, "symmetric": 3.5}.items()):
        ticks, at = {n * highest / steps: "" for n in (range(8) if row == 0 else range(-4, 4))}, 105 + 125 * row
        ruler = diagrams.number_line(canvas, -4 * highest / 3.5, highest, y=at, ticks=ticks)
        for value in some:
            ruler.point(value, above=34, meaning="activations")
        canvas.text(40, at - 70, name, align="left")
    canvas.text(310, 285, f"squared error, 8 bits: {times:.2f} times as large")
    plots.show(
        canvas.figure(),
        alt=f"Two number lines with the same points, the output of ReLU, from 0 to {highest:.2f}. Upper: eight marks from 0 to the "
        "largest value. Lower: eight marks twice as far apart, half of them below 0, where no point lies. Written below: with 8 "
        f"bits the squared error of the symmetric map is {times:.2f} times as large.",
        caption="Output of ReLU above eight integers: with the range of the data, and with a range that is symmetric around 0.",
    )


def four_bars(counts):
    """How many weights take each of four integers.

    Args:
        counts: of the integers -2, -1, 0, 1.
    """
    canvas = diagrams.Canvas(width=620, height=310)
    shown = dict(zip(("−2", "−1", "0", "1"), counts, strict=True))
    diagrams.bars(canvas, shown, x=80, y=25, width=380, gap=20, size=27, meaning="int8", text="{:,}")
    plots.show(
        canvas.figure(),
        alt=f"Four bars, the weights of fc1 on each integer at 2 bits: {', '.join(f'{n:,} on {name}' for name, n in shown.items())}.",
        caption="Weights of fc1 on each of four integers.",
    )


def places_of_levels(weight, grids, accuracies, whole):
    """A histogram of a layer's weights, and under it the levels that each grid uses, with the accuracy that it leaves.

    Args:
        weight: of the layer.
        grids: name -> function that rounds a weight to that grid.
        accuracies: name -> accuracy of the network on that grid, in per cent.
        whole: accuracy without rounding, in per cent.
    """
    far = weight.abs().max().item()
    fig, ax = plots.figure(size=(6.2, 3.8))
    heights, *_ = ax.hist(weight.flatten().numpy(), bins=120, color=plots.COLOURS["grey"], alpha=0.6)
    tallest = max(heights)
    for row, (name, on_grid) in enumerate(grids.items()):
        places, at = on_grid(weight).unique(), -tallest * (0.16 + 0.55 * row)
        ax.plot(places, [at] * len(places), "|", color=plots.COLOURS["blue"], markersize=16, markeredgewidth=4)
        told = f"{name}: {accuracies[name]:.0f} % right"
        ax.text(0, at - 0.25 * tallest, told, ha="center", va="center", fontsize=16)
    for name, place in {"m": far, "σ": weight.std().item()}.items():
        ax.axvline(place, ymin=0.52, color=plots.COLOURS["orange"], linestyle=":")
        ax.text(place + 0.03 * far, 0.8 * tallest, name, fontsize=17, color=plots.COLOURS["orange"])
    ax.set(yticks=[], xlim=(-1.2 * far, 1.2 * far), ylim=(-1.15 * tallest, 1.05 * tallest))
    plots.show(
        fig,
        alt="Histogram of the weights of fc1, a narrow hill around 0 with a few weights far out. Below it two rows of marks at the "
        f"levels that are used. {'; '.join(f'{name}: {right:.0f} % right' for name, right in accuracies.items())}. In the first row all "
        "marks but the one at 0 lie outside of the steep part of the hill; in the second all marks lie under the hill.",
        caption=f"Weights of fc1, and (blue) the levels that they use. fp32: {whole:.0f} % right.",
    )


def errors_of_fc1(networks, images, rounded, bits=(8, 4, 3, 2)):
    """How large the error of the layer fc1 is when it alone is rounded, as a part of what it is an error of.

    Args:
        networks: trained LeNets.
        images: that pass.
        rounded: the lesson's rounding, ``rounded(weight, bits)``.
        bits: for each row.
    Returns:
        Table: of the weights, of the outputs, of the outputs with the same weights in random order; mean and range.
    """
    found = {(b, what): [] for b in bits for what in range(3)}
    for net in networks:
        weight, inputs = net.fc1.weight, _inputs(net, net.fc1, images)
        order = torch.randperm(weight.numel(), generator=torch.Generator().manual_seed(0))
        shuffled = weight.flatten()[order].view_as(weight)
        for b in bits:
            errors = rounded(weight, b) - weight, rounded(shuffled, b) - shuffled
            found[b, 0].append(_share(errors[0], weight))
            found[b, 1].append(_share(inputs @ errors[0].T, inputs @ weight.T))
            found[b, 2].append(_share(inputs @ errors[1].T, inputs @ shuffled.T))
    return Table(
        ["bits", "weights", "outputs", "outputs, weights in random order"],
        [[b, *(mean_and_range(found[b, what]) for what in range(3))] for b in bits],
        caption=f"Error of fc1 in % of its size, mean of {len(networks)} networks (lowest to highest)",
    )


def _inputs(net, layer, images):
    """What comes into a layer when images pass."""
    kept = []
    hook = layer.register_forward_hook(lambda _, inputs, output: kept.append(inputs[0]))
    net(images)
    hook.remove()
    return torch.cat(kept)


def _share(error, of):
    """The root mean square of an error, in per cent of that of something else."""
    return 100 * (error.square().mean() / of.square().mean()).sqrt().item()
