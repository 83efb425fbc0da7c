"""Drawings of the lesson formats: each function shows one figure, made from what the lesson has computed."""

import math

import torch

from course_utils.show import diagrams, plots

TOY_GROUPS = {"fp32": "¼", "gradient": "½", "int8": "1"}  # colour -> the gap, in the order of the exponents


def toy_numbers():
    """Exponent -> the numbers of the toy format with it, the ones without a leading 1 beside the lowest."""
    return {e: [2.0**e * (1 + m / 4) for m in range(4)] for e in (0, 1, 2)} | {None: [m / 4 for m in range(4)]}


def kept(value):
    """What the toy format makes of a positive number: the nearest, of two the one whose last bit is 0, or inf."""
    numbers = sorted(sum(toy_numbers().values(), []))
    nearest = min(enumerate(numbers), key=lambda pair: (abs(pair[1] - value), pair[0] % 2))
    return nearest[1] if value < 7.5 else math.inf


def toy(values=()):
    """The sixteen numbers of the toy format that are not negative, on a number line.

    Args:
        values: positive numbers, for each of which an arrow shows what the toy makes of it; without any, the gaps are named.
    """
    groups, stored = toy_numbers(), {value: kept(value) for value in values}
    canvas = diagrams.Canvas(width=640 if stored else 1200, height=270)
    far = 9.2 if stored else 8.2
    for meaning, values in zip(TOY_GROUPS, (groups[None] + groups[0], groups[1], groups[2]), strict=True):
        ticks = {v: f"{v:g}" if v == int(v) else "" for v in values}
        line = diagrams.number_line(canvas, 0, far, y=190, ticks=ticks, meaning=meaning)
    if not stored:
        ends = ((0, 2), (2, 4), (4, 7))
        for (low, high), (meaning, gap) in zip(ends, TOY_GROUPS.items(), strict=True):
            line.bracket(low + 0.05, high - 0.05, f"gap {gap}", above=50, meaning=meaning)
        alt = (
            "A number line from 0 to 8 with sixteen marks: a quarter apart from 0 to 2, a half apart from 2 to 4, one apart from 4 to 7. "
            "Nothing is marked beyond 7."
        )
        caption = "All numbers of the toy format from 0 up; those below 0 are their mirror image."
    else:
        for value, now in stored.items():
            line.point(value, above=105, meaning="activations", falls_to=None if math.isinf(now) else now)
            canvas.text(line.place(value), 45, f"{value:g}" if now < math.inf else f"{value:g}: inf")
        told = ", ".join(f"{value:g} falls on {now:g}" for value, now in stored.items() if now < math.inf)
        alt = f"The number line of the toy format with a point above it for each number: {told}. The point at 9 falls nowhere."
        caption = "What the toy format keeps of four numbers."
    plots.show(canvas.figure(), alt=alt, caption=caption)


def neighbours(value, dtype, n=4):
    """n numbers of a 16-bit format below a value, itself, and n above: the bits of a positive float count upwards."""
    bits = torch.tensor(value, dtype=dtype).view(torch.int16)
    return [(bits + k).view(dtype).item() for k in range(-n, n + 1)]


def one_more():
    """A frame for each of five additions of 1: the numbers of the format around it, the exact sum, and where it falls."""

    def frame(name, middle, start):
        canvas, dtype = diagrams.Canvas(height=250), getattr(torch, name)
        marks = neighbours(middle, dtype)
        ruler = diagrams.number_line(canvas, marks[0], marks[-1], y=180, ticks={m: f"{m:,.0f}" for m in marks})
        ends = (torch.tensor(start, dtype=dtype) + 1).item()
        ruler.point(start + 1, above=85, falls_to=ends)
        canvas.text(600, 30, f"{name}: {start:,.0f} + 1 becomes {ends:,.0f}")
        return canvas.figure(), f"Number line of {name} around {middle:,.0f}; {start + 1:,.0f} falls on {ends:,.0f}."

    steps = [("float16", 2048.0, s) for s in (2047.0, 2048.0, 2050.0, 2052.0)] + [("bfloat16", 256.0, 256.0)]
    drawn, told = zip(*(frame(*step) for step in steps), strict=True)
    plots.show(drawn, alt=told, caption="Blue: what the format can hold. Orange: the exact sum, and where it goes.")


def bits_and_reach(formats):
    """The bits of each format as cells, and the powers of two that it reaches.

    Args:
        formats: name -> (bits of the exponent, bits of the mantissa).
    """
    fig, (left, right) = plots.figure(columns=2, size=(11, 3.8))
    told = []
    for y, (name, (exponent, mantissa)) in enumerate(reversed(formats.items())):
        for start, width, colour in ((0, 1, "grey"), (1, exponent, "orange"), (1 + exponent, mantissa, "blue")):
            for bit in range(width):
                left.barh(y, 1, left=start + bit, color=plots.COLOURS[colour], edgecolor="white")
        left.text(1 + exponent + mantissa + 0.4, y, f"{exponent} + {mantissa}", va="center")
        top, normal = 2 ** (exponent - 1), 2 - 2 ** (exponent - 1)
        right.barh(y, top - normal, left=normal, color=plots.COLOURS["green"])
        right.barh(y, mantissa, left=normal - mantissa, color=plots.COLOURS["yellow"])
        told.append(f"{name} has {exponent} + {mantissa} bits and reaches from {normal - mantissa} to {top}")
    left.set(yticks=range(len(formats)), yticklabels=list(reversed(formats)), xlabel="bits", xlim=(0, 41))
    right.set(yticks=[], xlabel="power of two", xlim=(-155, 135))
    plots.show(
        fig,
        alt=f"Left: a cell for each bit of exponent and mantissa; right: the range in powers of two. {'; '.join(reversed(told))}.",
        caption="Left: sign grey, exponent orange, mantissa blue. Right: normal numbers green, subnormal ones yellow.",
    )


LOST, NORMAL, LIMIT = -25, -14, 16  # powers of two: fp16 keeps nothing below, all digits above, inf from here on


def _hill(gradient, shift, first):
    """Gradients times 2 to the `shift` over the range of fp16, beside where they lay at the `first` shift."""
    fig, ax = plots.figure(size=(11, 4.4))
    true = gradient[gradient != 0].abs().cpu()
    stored = (true * 2**shift).half()  # what fp16 makes of them
    edges = torch.arange(-48.0, 25.0)
    heights = 100 * torch.histogram(true.log2() + shift, edges)[0] / len(true)
    heights_at_first = 100 * torch.histogram(true.log2() + first, edges)[0] / len(true)
    gone = edges[:-1] < LOST
    for bins, colour in ((gone, "grey"), (~gone, "green")):
        ax.stairs((heights * bins).tolist(), edges.tolist(), fill=True, color=plots.COLOURS[colour])
    for low, high, colour in ((-48, LOST, "grey"), (LOST, NORMAL, "yellow")):
        ax.axvspan(low, high, color=plots.COLOURS[colour], alpha=0.2, zorder=0)
    for edge in (LOST, LIMIT):
        ax.axvline(edge, color="black", linestyle=":")
    shares = {
        "become 0": 100 * (stored == 0).double().mean().item(),
        "subnormal": 100 * ((stored > 0) & (stored < 2.0**NORMAL)).double().mean().item(),
        "inf": 100 * stored.isinf().double().mean().item(),
    }
    shares["with all digits"] = 100 - sum(shares.values())
    places = {
        "become 0": (-48 + LOST) / 2,
        "subnormal": (LOST + NORMAL) / 2,
        "with all digits": (NORMAL + LIMIT) / 2,
        "inf": 20,
    }
    for name, at in places.items():
        digits, bold = (2, "bold") if name == "become 0" else (0, "normal")
        ax.text(at, 19.4, f"{name}\n{shares[name]:.{digits}f} %", ha="center", va="top", fontsize=17, fontweight=bold)
    if shift != first:
        ax.stairs(heights_at_first.tolist(), edges.tolist(), color="black", linestyle="--", linewidth=1.5)
        top = edges[heights_at_first.argmax()].item() + 0.5
        height = heights_at_first.max().item() + 0.6
        ax.annotate(
            "",
            (top + shift - first, height),
            (top, height),
            arrowprops={"arrowstyle": "-|>", "lw": 2.5, "color": "black"},
        )
        words = f"× {2 ** (shift - first):,}: {shift - first} to the right"
        ax.text(top + (shift - first) / 2, height + 0.4, words, ha="center", va="bottom", fontsize=17)
    ax.set(xlabel="gradient × loss scale, power of two", ylabel="share of all, %", xlim=(-48, 24), ylim=(0, 20))
    ax.set(yticks=[0, 5, 10], xticks=[-40, LOST, NORMAL, 0, LIMIT])
    return fig, (
        f"Histogram of gradients with the loss times 2 to the {shift}: {shares['become 0']:.2f} % lie so low that fp16 makes them 0, "
        f"{shares['subnormal']:.0f} % are subnormal, below 2 to the {NORMAL}, {shares['with all digits']:.0f} % have all their digits, "
        f"{shares['inf']:.0f} % lie at 2 to the {LIMIT} or above, and become infinite."
        + (
            f" A dashed outline shows where the hill lay before; an arrow leads {shift - first} to the right."
            if shift != first
            else ""
        )
    )


def gradients_by_scale(gradient, shifts=(0, 8, 16)):
    """Histograms of the magnitudes of gradients over fp16's range, one frame for each loss scale.

    Args:
        gradient: the numbers, a flat tensor.
        shifts: the powers of two of the loss scales.
    """
    drawn, told = zip(*(_hill(gradient, shift, shifts[0]) for shift in shifts), strict=True)
    plots.show(
        drawn,
        alt=told,
        slider="loss scale",
        values=[f"{2**shift:,}" for shift in shifts],
        caption="Gradients of outputs, batch 512. The factor on the loss moves the hill; fp16's limits, dotted, stay.",
    )


def _kind(dtype):
    return ("fp32", 9) if dtype is torch.float32 else ("fp16", 5)  # colour and thickness: by bytes


def _cast_map(flow, back, low, backward):
    canvas = diagrams.Canvas(height=400)
    canvas.text(45, 108, "input")
    places = [canvas.box(130 + 180 * i, 90, name, width=110, height=80) for i, (name, *_) in enumerate(flow)]
    places.append(canvas.box(1030, 90, "loss", width=110, height=80, fill="fp32"))
    edges = [flow[0][1], *(out for *_, out in flow)]
    for i, (place, dtype) in enumerate(zip(places, edges, strict=True)):
        meaning, thick = _kind(dtype)
        canvas.wire((place.x - (110 if i == 0 else 70), 130), place.left, meaning=meaning, thick=thick)
        if backward and i:
            meaning, thick = _kind(back[i - 1])
            canvas.wire((place.x, 160), (place.x - 70, 160), meaning=meaning, thick=thick)
    for place in (p for p, (name, *_) in zip(places, flow, strict=False) if name == "Linear"):
        stored = canvas.box(place.x - 5, 290, "weight\nfp32", width=120, height=90, fill="fp32")
        canvas.wire((stored.x + 35, 290), (place.x + 30, 170), meaning=_kind(low)[0], dashed=True, thick=5)
        if backward:
            canvas.wire((place.x + 85, 170), (place.x + 85, 230), meaning=_kind(low)[0], thick=5, arrow=False)
            canvas.wire((place.x + 85, 225), (place.x + 85, 290), meaning="fp32", thick=9)  # after its cast
    words = "backward: gradients to the left, those of the weights downwards" if backward else "forward"
    canvas.text(600, 40, f"{words}; orange fp32, yellow {str(low).removeprefix('torch.')}")
    return canvas.figure()


def cast_map(flow, back, low):
    """Which type flows where under autocast: first forward, then with the gradients.

    Args:
        flow: (name of a layer, type of its input, type of its output) for each layer, as hooks saw them.
        back: position of a layer -> type of the gradient of its output.
        low: the 16-bit type.
    """
    name = str(low).removeprefix("torch.")
    plots.show(
        [_cast_map(flow, back, low, backward) for backward in (False, True)],
        alt=[
            f"Forward: the input arrives in fp32 at the first linear layer; from there to the loss all edges are {name}. Under each "
            f"linear layer its weight in fp32 with a dashed arrow, its {name} copy, up to the layer. The loss is fp32.",
            f"Backward added: the gradients from the loss to the left are {name}; those of the weights leave the layer in {name} and "
            "arrive in fp32.",
        ],
        caption="Dashed: the copies of the weights, one a layer; their casts were counted. Thickness: bytes of a number.",
    )


def right_bits(by_format, exponents):
    """How many bits are right against the exponent of the numbers that are stored.

    Args:
        by_format: name -> right bits, for each exponent.
        exponents: of the numbers.
    """
    fig, ax = plots.figure(size=(6.4, 4.2))
    for (name, bits), style in zip(by_format.items(), ("o-", "s--"), strict=True):
        ax.plot(list(exponents), bits, style, label=name)
    ax.axvspan(-25, -14, color=plots.COLOURS["yellow"], alpha=0.25, zorder=0)
    ax.set(xlabel="exponent e of the numbers", ylabel="right bits b", ylim=(-0.5, 12))
    ax.legend(loc="center right")
    plots.show(
        fig,
        alt="Right bits against the exponent. bf16 is flat at 8. fp16 is flat at 11 from 0 down to -14, then falls almost in a straight "
        "line, to 0 at -25.",
        caption="Yellow: from the least normal number of fp16 down to where it keeps nothing.",
    )
