"""The two drawings of the lesson roofline."""

from course_utils.show import diagrams, plots

WHITE = {"facecolor": "white", "edgecolor": "none", "pad": 1}  # behind a name


def two_times():
    """Two bars for one input and for 16: the arithmetic and the memory of the toy machine; the longer one is coloured."""
    times = {
        "1 input: arithmetic": 0.4,
        "1 input: memory": 2.0,
        "16 inputs: arithmetic": 6.4,
        "16 inputs: memory": 2.0,
    }
    longer = ("1 input: memory", "16 inputs: arithmetic")
    canvas = diagrams.Canvas(width=620, height=300)
    meaning = {name: "fp32" if name in longer else "plain" for name in times}
    diagrams.bars(canvas, times, x=290, y=16, width=220, text="{:.1f} s", meaning=meaning)
    said = "; ".join(f"{name} {seconds:.1f} seconds" for name, seconds in times.items())
    plots.show(
        canvas.figure(),
        alt=f"Four bars to one linear scale. {said}. The longer one of each pair is coloured.",
        caption="The toy machine, calculated. The coloured bar of each pair decides.",
    )


def under_the_roof(peak, bandwidth, points):
    """The measured roof on logarithmic axes, with a point for each batch.

    Args:
        peak: operations a second.
        bandwidth: bytes a second.
        points: batch -> (operations a byte, operations a second).
    """
    ridge, top = peak / bandwidth, peak / 1e9
    fig, ax = plots.figure(size=(6.8, 4.6))
    axis = [0.2, ridge, 1000]
    ax.plot(axis, [min(peak, i * bandwidth) / 1e9 for i in axis], color="black", zorder=4)
    ax.axvline(ridge, color=plots.COLOURS["grey"], linestyle=":")
    ax.text(ridge * 1.1, 0.13 * bandwidth / 1e9, f"ridge {ridge:.1f}")
    ax.text(ridge / 1.3, 0.9 * top, "memory limits", ha="right", va="bottom")
    ax.text(1.4 * ridge, 1.25 * top, "arithmetic limits", va="bottom")
    ax.plot(*zip(*((x, y / 1e9) for x, y in points.values()), strict=True), "o-", color=plots.COLOURS["orange"], lw=1)
    for batch, (x, y) in points.items():
        name = f"batch {batch}" if batch == min(points) else f"{batch}"
        away, side = (0, "right") if ridge / 4 < x < ridge else (12, "left")  # no name across the ridge from its dot
        ax.annotate(name, (x, y / 1e9), xytext=(away, -24), textcoords="offset points", bbox=WHITE, ha=side)
    ax.set(xscale="log", yscale="log", xlabel="operations a byte", ylabel="billion operations\na second")
    ax.set_xticks([1, 10, 100, 1000], ["1", "10", "100", "1,000"])
    ax.set_yticks([10**n for n in range(5)], [f"{10**n:,}" for n in range(5)])
    ax.set(xlim=(0.2, 1000), ylim=(0.1 * bandwidth / 1e9, 2.5 * top))
    first = next((n for n in range(1, 4096) if 2 * n * 4096**2 / (4 * 4096 * (4096 + 2 * n)) > ridge), "no size")
    plots.show(
        fig,
        alt=f"A roof on logarithmic axes: it rises up to the ridge, at {ridge:.1f} operations a byte, and is flat from there at "
        f"{top:.0f} billion operations a second. Four dots: "
        + ", ".join(f"batch {batch} at {y / 1e9:.0f} billion" for batch, (_, y) in points.items())
        + ".",
        caption=f"Four layers of 4,096 × 4,096 in turn. Right of the ridge from batch {first} on.",
    )
