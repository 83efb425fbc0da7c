"""Measurements and drawings of the lesson shipping, which stand beside what the lesson explains."""

from matplotlib.ticker import LogLocator, MultipleLocator

from course_utils import plots
from course_utils.tables import Table, si
from lessons.shipping.experiment import DRAWS, too_good

FOUR = {  # what is written at the models of the lesson's table, and at which side of their points
    "SmallResNet: float, as it is": ("SmallResNet, float", "below"),
    "SmallResNet: ONNX Runtime, int8": ("SmallResNet, int8", "above"),
    "SmallResNet, half as wide: float, as it is": ("narrow, float", "below"),
    "SmallResNet, half as wide: ONNX Runtime, int8": ("narrow, int8", "above"),
}
NAMED = {  # what is written at a point of the front
    "SmallResNet, half as wide: ONNX Runtime, int8": "narrow, int8",
    "SmallResNet: ONNX Runtime, int8": "SmallResNet, int8",
    "SmallResNet: float, the same training": "SmallResNet, 400 more steps",
}
COLOURS = {"neither": "orange", "fewer bits": "blue", "fewer weights": "black", "both": "green"}


def kind(row):
    """What was tried on a network, by the name of its row."""
    form = row["name"].partition(": ")[2]
    bits, weights = ("int8" in form or "16 bits" in form), "half of the" in form
    return {(0, 0): "neither", (1, 0): "fewer bits", (0, 1): "fewer weights", (1, 1): "both"}[bits, weights]


def _plane(ax, rows, best=()):
    """Rows as points, accuracy over the bytes; `best`, a front, ringed on a staircase, or else the four of the table."""

    def places(some):
        return zip(*[(row["file_bytes"] / 1000, 100 * row["accuracy"]) for row in some], strict=True)

    for name, colour in COLOURS.items():
        chosen = [row for row in rows if kind(row) == name]
        if chosen:
            ax.plot(*places(chosen), "o", color=plots.COLOURS[colour], alpha=0.75, label=name)
    if best:
        ax.step(*places(best), where="post", color=plots.COLOURS["grey"], zorder=1)
        ax.plot(*places(best), "o", ms=15, mfc="none", mec=plots.COLOURS["black"], mew=1.5)
        for row, place in zip(best, zip(*places(best), strict=True), strict=True):
            side = "right" if row is best[-1] else "center"
            ax.annotate(NAMED.get(row["name"], ""), place, (0, 11), textcoords="offset points", ha=side, size=16)
    else:
        four = [row for row in rows if row["name"] in FOUR]
        ax.plot(*places(four), "s", ms=17, mfc="none", mec=plots.COLOURS["black"], mew=1.5)
        for row, place in zip(four, zip(*places(four), strict=True), strict=True):
            text, side = FOUR[row["name"]]
            looks = {"textcoords": "offset points", "ha": "center", "size": 16}
            ax.annotate(text, place, (0, 13 if side == "above" else -27), **looks)
    ax.set(xscale="log", xlabel="kB of the file, on a logarithmic axis", ylabel="images right, %", ylim=(79, 95))
    ax.yaxis.set_major_locator(MultipleLocator(5))
    ax.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    ax.xaxis.set_major_formatter("{x:g}")
    ax.xaxis.set_minor_formatter("")


def _front(rows):
    """The rows that no other row dominates in bytes and accuracy, the smallest first."""
    places = {row["name"]: (row["file_bytes"], -row["accuracy"]) for row in rows}
    best = [
        row
        for row in rows
        if not any(
            a <= places[row["name"]][0] and b <= places[row["name"]][1] and (a, b) != places[row["name"]]
            for a, b in places.values()
        )
    ]
    return sorted(best, key=lambda row: row["file_bytes"])


def front_figure(rows):
    """The cloud of rows, and the same with its front in bytes, on which some models are named."""
    best, drawn = _front(rows), []
    for chosen in ([], best):
        fig, ax = plots.figure(size=(12, 3.9))
        _plane(ax, rows, chosen)
        fig.legend(*ax.get_legend_handles_labels(), loc="outside upper center", ncols=4)
        drawn.append(fig)
    corners = "; ".join(f"{r['name']}, {si(r['file_bytes'], 'B')}, {r['accuracy']:.1%}" for r in best)
    plots.show(
        drawn,
        alt=[
            f"{len(rows)} points, share of images right over bytes of the file, coloured by what was tried. The four "
            "models of the table are in squares: the int8 one of each pair lies to the left of its float, and nearly level.",
            f"The same with the points on the front ringed, and a staircase through them. {corners}.",
        ],
        caption=f"Squares: the four of the table. Rings: the front, {len(best)} of {len(rows)} models. "
        "Colours: what made a network smaller, fewer bits, fewer weights, both or neither.",
    )


def curse_table(found):
    """A line for each set of ten: what its winner has on the images that chose it, and on others."""
    few, many = found[0]
    lines = [
        [
            str(number),
            f"{every:.1%}",
            f"{there:.1%}",
            f"{others:.1%}",
            f"{too_good(one):.2f}",
            f"{too_good(one, 1):.2f}",
        ]
        for number, one in enumerate(found, start=1)
        for there, others, every in [one[few]]
    ]
    head = ["set", "mean of all ten", f"winner, on the {few:,} that chose", f"winner, on {few:,} others"]
    return Table(
        [*head, "too good by, points", f"too good by, points, if {many:,} choose"],
        lines,
        caption=f"Right, of test images; the mean of {DRAWS} random choices of the images.",
    )
