"""The drawings of the lesson dynamic, and LeNet with somebody's layers in it."""

import copy
import functools

from course_utils import diagrams, plots


def way_of_a_call():
    """Draw one call as boxes in a row; thicker wires carry more bytes a number."""
    canvas = diagrams.Canvas(height=190)
    names = ["1. search\nthe range", "2. round", "3. multiply\nby weights", "4. back\nto float"]
    boxes = [canvas.box(165 + 245 * at, 20, name, width=160, height=100) for at, name in enumerate(names)]
    wires = [("fp32", 4), ("fp32", 4), ("int8", 1), ("plain", 4), ("fp32", 4)]  # bytes a number
    stops = [(40, 70), *(end for box in boxes for end in (box.left, box.right)), (1190, 70)]
    for (kind, n_bytes), start, end in zip(wires, stops[::2], stops[1::2], strict=True):
        canvas.wire(start, end, meaning=kind, thick=diagrams.thickness(n_bytes, 4, most=14))
    for at, kind in ((90, "fp32"), (367, "fp32"), (612, "8 bits"), (857, "int32"), (1120, "fp32")):
        canvas.text(at, 150, kind)
    plots.show(
        canvas.figure(),
        alt="Four boxes in a row: search the range, round, multiply by int8 weights, back to float. The wires carry fp32, "
        "then fp32, 8 bits, int32 and again fp32; the wire with 8 bits is the thinnest.",
        caption="One call of an int8 layer. A thin wire carries one byte for each number, a thick one four.",
    )


def price_curves(races):
    """Draw the time of a call over the width of the layer.

    Args:
        races: width -> the timing of its "fp32" and its "int8" layer.
    """
    fig, ax = plots.figure(size=(9, 4.6))
    widths, told = list(races), []
    for kind, colour, style in (("fp32", "orange", "s-"), ("int8", "blue", "o-")):
        times = [1e6 * min(race.samples[kind]) for race in races.values()]
        ax.plot(widths, times, style, color=plots.COLOURS[colour], label=kind, markersize=9)
        told.append(f"{kind} takes {times[0]:.0f} µs at width {widths[0]} and {times[-1]:.0f} at width {widths[-1]:,}")
    ax.set(xscale="log", yscale="log", xlabel="width of the layer", ylabel="time of a call, µs")
    ax.set_xticks(widths, [f"{width:,}" for width in widths])
    lowest, highest = ax.get_ylim()
    ticks = [tick for tick in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000) if lowest <= tick <= highest]
    ax.set_yticks(ticks, [f"{tick:,}" for tick in ticks])
    ax.minorticks_off()
    ax.legend()
    plots.show(
        fig,
        alt=f"Time of one call over the width of a square layer, both axes logarithmic. {'; '.join(told)}.",
        caption="One row of inputs, the fastest of nine samples. Where blue lies below orange, int8 saves time.",
    )


def repaired(int8_model, own_scales):
    """A copy of a model in which its int8 linear layers compute by ``own_scales(x, weight, weight_scale, bias)``."""
    twin = copy.deepcopy(int8_model)
    for layer in twin.modules():
        if callable(
            weight := getattr(layer, "weight", None)
        ):  # an int8 layer packs its weights, and gives them when called
            numbers = weight().int_repr(), weight().q_scale(), layer.bias()
            layer.forward = functools.partial(_called, own_scales, numbers)
    return twin


def _called(own_scales, numbers, x):
    return own_scales(x, *numbers)
