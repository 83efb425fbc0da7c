"""The two drawings of the lesson dynamic."""

from course_utils.show import diagrams, plots


def way_of_a_call():
    """Draw one call as boxes in a row; thicker wires carry more bytes a number."""
    canvas = diagrams.Canvas(height=190)
    names = ["search\nthe range", "round", "× int8\nweights", "to float"]
    boxes = [canvas.box(165 + 245 * at, 20, name, width=160, height=100) for at, name in enumerate(names)]
    wires = [("fp32", 4), ("fp32", 4), ("int8", 1), ("plain", 4), ("fp32", 4)]  # bytes a number
    stops = [(40, 70), *(end for box in boxes for end in (box.left, box.right)), (1190, 70)]
    for (kind, n_bytes), start, end in zip(wires, stops[::2], stops[1::2], strict=True):
        canvas.wire(start, end, meaning=kind, thick=diagrams.thickness(n_bytes, 4, most=14))
    for at, kind in ((90, "fp32"), (367, "fp32"), (612, "8 bits"), (857, "int32"), (1120, "fp32")):
        canvas.text(at, 150, kind)
    plots.show(
        canvas.figure(),
        alt="Four boxes in a row: search the range, round, multiply with int8 weights, to float. The wires carry fp32, "
        "then fp32, 8 bits, int32 and again fp32; the wire with 8 bits is the thinnest.",
        caption="A thicker wire: more bytes a number. The range is searched at every call: dynamic.",
    )


def price_curves(races):
    """Draw the time of a call over the width of the layer.

    Args:
        races: width -> the timing of its "fp32" and its "int8" layer.
    """
    fig, ax = plots.figure(size=(9, 4.6))
    widths, told = list(races), []
    unit = min(min(race.samples["fp32"]) for race in races.values())
    for kind, colour, style in (("fp32", "orange", "s-"), ("int8", "blue", "o-")):
        times = [min(race.samples[kind]) / unit for race in races.values()]
        ax.plot(widths, times, style, color=plots.COLOURS[colour], label=kind, markersize=9)
        told.append(f"{kind} goes from {times[0]:.1f} at width {widths[0]} to {times[-1]:.1f} at width {widths[-1]:,}")
    ax.set(xscale="log", yscale="log", xlabel="width of the layer", ylabel="time of a call\n(shortest fp32 call = 1)")
    ax.set_xticks(widths, [f"{width:,}" for width in widths])
    ax.set_yticks([1, 3, 10, 30], ["1", "3", "10", "30"])
    ax.minorticks_off()
    ax.legend()
    plots.show(
        fig,
        alt=f"Time of one call over the width of a square layer, both axes logarithmic. {'; '.join(told)}. The int8 "
        "line is flat at first.",
        caption="One row of input, the fastest of nine samples. Where blue lies above orange, int8 costs time.",
    )
