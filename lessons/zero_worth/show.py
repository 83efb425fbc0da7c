"""The three drawings of the lesson zero_worth."""

import torch

from course_utils.show import diagrams, plots


def _row(canvas, values, x, y, *, cell=80, meaning="plain"):
    """Write a list of numbers as cells; the box around them."""
    box = diagrams.grid(canvas, torch.tensor([values]), x, y, cell=cell, text="", meaning=meaning)
    for n, value in enumerate(values):
        canvas.text(x + (n + 0.5) * cell, y + cell / 2, f"{value:g}".replace("-", "−"), size=28, inside=box)
    return box


def three_lists():
    """Draw a matrix of two rows and its three lists."""
    canvas = diagrams.Canvas(height=370)
    canvas.text(200, 60, "the matrix")
    for n, row in enumerate(([0.0, 5, 0, 3], [0.0, 0, 0, -2])):
        canvas.text(20, 135 + 80 * n, str(n), align="left", colour="plain")
        _row(canvas, row, 50, 95 + 80 * n, meaning="fp32")
    for n in range(4):
        canvas.text(90 + 80 * n, 282, str(n), colour="plain")
    for top, words in ((20, "starts"), (170, "values"), (275, "columns")):
        canvas.text(620, top + 40, words, align="right")
    _row(canvas, [0.0, 2, 3], 650, 20, meaning="mask")
    _row(canvas, [5.0, 3, -2], 650, 170, meaning="fp32")
    _row(canvas, [1.0, 3, 3], 650, 275, meaning="int8")
    for at, place in enumerate((0, 2, 3)):
        canvas.wire((690 + 80 * at, 103), (651 + 80 * place, 167), meaning="mask")
    canvas.text(910, 60, "row 0, row 1, the end", align="left", colour="plain")
    plots.show(
        canvas.figure(),
        alt="A matrix with the rows 0, 5, 0, 3 and 0, 0, 0, −2. Its three lists: starts 0, 2, 3; values 5, 3, −2; columns "
        "1, 3, 3. Arrows lead from the starts to the left edge of the 5, the left edge of the −2, and the end of the values.",
        caption="Each start points at the edge between two values. Below a value stands its column.",
    )


FORMS = {  # name -> colour, marker, bytes for each weight when the share d is left
    "dense": ("grey", "o", lambda d: 4),
    "CSR, 8 bytes": ("orange", "s", lambda d: 12 * d),
    "CSR, 4 bytes": ("purple", "^", lambda d: 8 * d),
    "bit mask": ("blue", "D", lambda d: 4 * d + 1 / 8),
}


def files_over_left(files, n_weights):
    """Draw the bytes for each weight over the weights left.

    Args:
        files: share left -> the bytes of each form's file.
        n_weights: of the matrix.
    """
    fig, ax = plots.figure(size=(11, 5))
    for name, (colour, marker, formula) in FORMS.items():
        ax.plot([0, 100], [formula(0), formula(1)], color=plots.COLOURS[colour])
        sizes = [of_form[name] / n_weights for of_form in files.values()]
        ax.plot([100 * left for left in files], sizes, marker, color=plots.COLOURS[colour], markersize=9, label=name)
    for share, x, y, side in ((1 / 3, 31, 4.9, "right"), (1 / 2, 53, 2.9, "left")):
        ax.annotate(f"{share:.0%}", (100 * share, 4), (x, y), ha=side, arrowprops={"arrowstyle": "->"})
    ax.set(xlabel="weights left, %", ylabel="bytes for each weight", xlim=(0, 104), ylim=(0, 12.6))
    ax.legend(loc="upper left")
    plots.show(
        fig,
        alt="Bytes for each weight over the weights left. Dense is flat at 4. CSR with 8 bytes an index climbs from 0 to 12 and "
        "crosses it at 33 %; with 4 bytes it climbs to 8 and crosses it at 50 %. The bit mask climbs from an eighth to just above 4. "
        "The files lie on the lines.",
        caption="Lines: the formulas. Dots: files of a matrix of 1,024 × 1,024.",
    )


def times_over_left(races):
    """Draw the time of the sparse kernel over the weights left.

    Args:
        races: share left -> number of images -> how many times as long the sparse kernel takes.
    """
    fig, ax = plots.figure(size=(11, 5))
    lefts, told = [100 * left for left in races], []
    ax.axhspan(0.001, 1, color=plots.COLOURS["green"], alpha=0.1, linewidth=0)
    ax.axhline(1, color=plots.COLOURS["grey"], linewidth=3)
    for count, colour, marker in ((1, "blue", "o"), (64, "orange", "s")):
        times = [of_left[count] for of_left in races.values()]
        ax.plot(lefts, [times[-1] * left / 100 for left in lefts], "--", color=plots.COLOURS[colour], linewidth=2)
        name = f"{count} image{'s' * (count > 1)}"
        ax.plot(lefts, times, marker + "-", color=plots.COLOURS[colour], markersize=10, label=name)
        told.append(f"With {name} it is {times[-1]:.1f} without zeros and {times[0]:.2f} with 1 % left.")
    ax.text(1.05, 1.12, "sparse kernel slower", va="bottom", fontsize=18)
    ax.text(99, 0.03, "sparse kernel faster", va="bottom", ha="right", fontsize=18)
    ax.set(xscale="log", yscale="log", xlabel="weights left, %", ylabel="time, dense kernel = 1", ylim=(0.02, 20))
    ax.set_xticks(lefts, [f"{left:g}" for left in lefts])
    ax.set_yticks([0.1, 1, 10], ["0.1", "1", "10"])
    ax.minorticks_off()
    ax.legend(loc="upper left")
    plots.show(
        fig,
        alt="Time of the sparse kernel, that of the dense one being 1, over the weights left, both axes logarithmic. "
        + " ".join(told),
        caption="One thread, the fastest of several turns. Dashed: the rule, a time that shrinks with the weights left.",
    )
