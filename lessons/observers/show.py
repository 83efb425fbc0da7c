"""Drawings of the lesson observers: each function shows one figure, made from what the lesson has computed."""

import torch

from course_utils.show import diagrams, plots


def memories(ranges, clean, when):
    """The upper end of each observer's range after each batch.

    Args:
        ranges: observer -> its ranges (low, high) after each batch.
        clean: the largest value of clean images.
        when: which batch has the broken pixel, in words.
    """
    fig, ax = plots.figure(size=(6.2, 4.2))
    for (name, ends), style in zip(ranges.items(), ("-o", "-s", "-^"), strict=True):
        ax.plot(range(1, len(ends) + 1), [high.item() for _, high in ends], style, label=name)
    ax.axhline(clean, color="black", linestyle=":", label="clean images")
    ax.set(xlabel="batches seen", ylabel="upper end of the range", ylim=(0, 30))
    ax.legend(loc="center right", bbox_to_anchor=(1.0, 0.45))
    told = "; ".join(f"{name} {ends[0][1]:.1f} at first and {ends[-1][1]:.1f} at last" for name, ends in ranges.items())
    plots.show(
        fig,
        alt=f"Upper end of three ranges over twenty batches: {told}. A dotted line marks the largest value of clean images, {clean:.1f}.",
        caption=f"The broken pixel is in the {when} batch.",
    )


def grids(ranges, outputs, errors, affine_map, to_floats):
    """The values, and under them eight levels for each range, one more range in each frame.

    Args:
        ranges: name -> (low, high).
        outputs: the values that the observers saw, a list of tensors.
        errors: name -> squared error over that of the first one.
        affine_map, to_floats: the lesson's two functions.
    """
    levels = {name: to_floats(torch.arange(8), *affine_map(*ends, 0, 7)).tolist() for name, ends in ranges.items()}
    counts, edges = torch.histogram(torch.cat([some.flatten() for some in outputs]), 200)
    highest = max(high.item() for _, high in ranges.values())
    span = min(marks[0] for marks in levels.values()), max(highest, *(marks[-1] for marks in levels.values()))

    def frame(shown):
        canvas = diagrams.Canvas(height=410)
        hill = diagrams.number_line(canvas, *span, y=100, ticks={})
        for count, left in ((n, at) for n, at in zip(counts.tolist(), edges.tolist(), strict=False) if n):
            top = hill.place(left), 100 - 90 * count / counts.max().item()
            canvas.wire((top[0], 100), top, meaning="activations", arrow=False, thick=5)
        hill.point(highest, above=14)
        canvas.text(1140, 46, "the broken pixel", align="right")
        for row, name in enumerate(list(ranges)[:shown]):
            diagrams.number_line(canvas, *span, y=168 + 74 * row, ticks=dict.fromkeys(levels[name], ""))
            canvas.text(60, 134 + 74 * row, name, align="left")
            canvas.text(1140, 134 + 74 * row, f"error on clean images {errors[name]:.2g}×", align="right")
        return canvas.figure(), (
            "A narrow hill of values around 0 and, far off, the broken pixel. Below it a line with eight marks for each range; one mark is "
            f"at 0. Squared error on clean images: {'; '.join(f'{name} {errors[name]:.2g}×' for name in list(ranges)[:shown])}."
        )

    drawn, told = zip(*map(frame, range(1, len(ranges) + 1)), strict=True)
    plots.show(
        drawn, alt=told, caption="Eight marks in place of 256. Errors: with int8, over that without a broken pixel."
    )


def one_filter(weight, weight_step):
    """The filter with the smallest weights over eight levels: of its layer's scale, and of a scale of its own.

    Args:
        weight: of a convolution, (filters, maps, height, width).
        weight_step: the lesson's function.
    """
    tops = weight.abs().amax((1, 2, 3))
    small, reach = weight[tops.argmin()], tops.max().item()
    used, canvas = [], diagrams.Canvas(height=390)
    for row, (name, of) in enumerate({"the scale of the layer": weight, "a scale of its own": small}.items()):
        step, at = weight_step(of, 3).item(), 130 + 190 * row
        ruler = diagrams.number_line(canvas, -1.16 * reach, reach, y=at, ticks={n * step: "" for n in range(-4, 4)})
        for value in small.flatten().tolist():
            ruler.point(value, above=50)
        integers = torch.round(small / step).clamp(-4, 3)
        used.append(integers[integers > -4].unique().numel())
        canvas.text(60, at - 90, f"{name}: {used[-1]} of 8 levels are used", align="left")
    plots.show(
        canvas.figure(),
        alt="Two number lines with the same points above them, the weights of one filter, all near the middle. Upper: eight marks over the "
        f"whole width, {used[0]} of them are used. Lower: eight marks close together under the points, {used[1]} are used.",
        caption="Orange: the weights of one filter. Blue: the levels of a symmetric grid of 3 bits. The lowest level can be reached "
        "only by a weight half-way between two levels, and is not counted.",
    )


def heights(height, share):
    """Each filter's error with a scale of its own over that with the layer's, against its height, and three curves.

    Args:
        height: largest weight of each filter over that of the layer.
        share: of the squared errors.
    """
    fig, ax = plots.figure(size=(6.2, 3.8))
    at = torch.linspace(0, 1, 101)
    for words, style, curve in (("A", ":", at**0), ("B", "--", at), ("C", "-", at**2)):
        ax.plot(at, curve, style, color=plots.COLOURS["grey"], label=words)
    ax.plot(height, share, "o", color=plots.COLOURS["blue"], label="a filter")
    ax.set(xlabel="largest |w| over that of the layer, h", ylabel="error, own / common", xlim=(0, 1.03), ylim=(0, 1.35))
    ax.legend(loc="upper left", ncols=4, columnspacing=1, borderaxespad=0)
    least = height.argmin()
    plots.show(
        fig,
        alt=f"Sixteen points, the filters of conv2, at heights from {height[least]:.2f} to 1, and three curves: 1, h and h squared. The lowest "
        f"filter has {share[least]:.2f} times the error with a scale of its own.",
        caption="The 16 filters of conv2 at 8 bits.",
    )


def flow(layer, product, cross_term, output, factor):
    """A linear layer as boxes, with the numbers of one of its outputs, in three frames.

    Args:
        layer: a linear layer.
        product, cross_term, output: integers of one output: the sum of products, what is subtracted, the result.
        factor: M.
    """

    def frame(steps):
        canvas, (n_out, n_in) = diagrams.Canvas(height=400), layer.weight.shape
        multiply = canvas.box(250, 150, "multiply\nand add", width=140, height=110)
        for at, words in ((60, f"input\n{n_in}\n8 bits"), (240, f"weights\n{n_out} × {n_in}\n8 bits")):
            box = canvas.box(30, at, words, width=150, height=120, colour="int8")
            canvas.wire(box.right, multiply.left, meaning="int8", thick=5)
        canvas.wire(multiply.right, (520, 205), thick=20)
        canvas.text(455, 120, f"32 bits\n{product:,}")
        told = "Input and weights of 8 bits flow into multiply and add, whose result is 32 bits wide."
        if steps > 1:
            minus = canvas.box(520, 150, "minus\ncross term", width=150, height=110)
            words = f"z_x · Σ q_w, known\nbeforehand: {cross_term:,}"
            canvas.wire(
                canvas.box(440, 300, words, width=310, height=80, colour="plain").top, minus.bottom, dashed=True
            )
            canvas.wire(minus.right, (800, 205), thick=20)
            canvas.text(735, 120, f"32 bits\n{product - cross_term:,}")
            told += " The cross term, zero point of the input times the sum of the weights' integers, is subtracted; it is known beforehand."
        if steps > 2:
            back_to_8 = canvas.box(800, 140, "+ b, × M,\nround, + z_y,\nclamp", width=170, height=130)
            canvas.wire(back_to_8.right, (1055, 205), meaning="int8", thick=5)
            canvas.box(1055, 145, f"output\n{n_out}\n8 bits: {output}", width=138, height=120, colour="int8")
            told += " A last step adds the bias, multiplies by M, rounds, adds the zero point of the output and clamps to 8 bits."
        return canvas.figure(), told

    drawn, told = zip(*map(frame, (1, 2, 3)), strict=True)
    plots.show(drawn, alt=told, caption=f"8 bits blue, 32 bits grey, by thickness. M = {factor:.6f}.")


def bits_and_error(bits, curves, formula):
    """SQNR over bits, of evenly spread data and of weights, beside the formula.

    Args:
        bits: the numbers of bits.
        curves: name -> decibels for each number of bits; the first has data that fulfil the formula.
        formula: decibels for each number of bits.
    """
    fig, ax = plots.figure(size=(6.2, 3.8))
    ax.plot(bits, formula, color="black", linestyle=":", label="20 log₁₀(2ᵇ − 1)")
    for (name, curve), style in zip(curves.items(), ("o", "s-", "s--", "^-", "^--"), strict=True):
        ax.plot(bits, curve, style, label=name)
    ax.set(xlabel="bits", ylabel="SQNR, dB", ylim=(-3, 88))
    ax.legend(loc="upper left", labelspacing=0.15, borderaxespad=0)
    told = "; ".join(f"{name} from {curve[0]:.1f} to {curve[-1]:.0f} dB" for name, curve in curves.items())
    plots.show(
        fig,
        alt=f"SQNR over bits from {bits[0]} to {bits[-1]}. A dotted line is the formula. {told}.",
        caption="The formula, evenly spread data, and trained weights.",
    )
