"""The figure of the lesson real_model."""

from course_utils.show import plots

WAYS = {
    "float32": "PyTorch float32",
    "bfloat16": "PyTorch bfloat16",
    "int8": "PyTorch int8",
    "OpenVINO": "OpenVINO 4 bits",
}


def floors(took, read, bandwidth):
    """Bars of the time of a token in each way; dark is the part that reading its bytes takes at least.

    Args:
        took: way -> seconds of a token.
        read: way -> bytes that a token reads.
        bandwidth: bytes a second.
    """
    fig, ax = plots.figure(size=(9, 4.2))
    ways = [way for way in read if way in took]
    longest, told = 1e3 * max(took.values()), []
    for row, way in enumerate(ways):
        ms, floor = 1e3 * took[way], 1e3 * read[way] / bandwidth
        ax.barh(row, ms, color=plots.COLOURS["blue"], alpha=0.35)
        ax.barh(row, floor, color=plots.COLOURS["blue"])
        ax.text(ms + 0.015 * longest, row, f"{ms:.0f} ms", va="center", fontsize=18)
        told.append(f"{WAYS[way]}: {ms:.0f}, of which reading {read[way] / 1e6:.0f} MB explains {floor:.0f}")
    ax.set_yticks(range(len(ways)), [f"{WAYS[way]}\n{read[way] / 1e6:.0f} MB" for way in ways])
    ax.set(xlabel="milliseconds a token, one thread", xlim=(0, 1.15 * longest))
    ax.invert_yaxis()
    ax.grid(axis="y", visible=False)
    plots.show(
        fig,
        alt=f"Bars of the milliseconds of a token. {'; '.join(told)}.",
        caption="Dark: the memory floor, the stored bytes of a token over the measured bandwidth. Light: all the rest.",
    )
