"""The drawings of the lesson zero_worth, and what its folded cells measure."""

import gzip
import io

import numpy as np
import torch
from torch.nn.functional import linear

from course_utils import diagrams, plots
from lessons.zero_worth.experiment import race


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
        caption="Each start points at the edge before the first value of its row. Below a value stands its column.",
    )


def rows_or_columns():
    """Draw how three images of four pixels lie in memory, by rows and by columns."""
    canvas = diagrams.Canvas(height=330)
    orders = {
        "an image is a row": [image + str(pixel) for image in "ABC" for pixel in range(4)],
        "an image is a column": [image + str(pixel) for pixel in range(4) for image in "ABC"],
    }
    for top, (words, cells) in zip((20, 180), orders.items(), strict=True):
        canvas.text(40, top + 25, words, align="left")
        for n, cell in enumerate(cells):
            fill = "#f6c98f" if cell.endswith("1") else "white"
            canvas.box(40 + 92 * n, top + 55, cell, width=88, height=70, size=26, fill=fill)
    plots.show(
        canvas.figure(),
        alt="Two strips of memory with the twelve pixels of three images. If an image is a row, the order is A0 to A3, B0 to B3, "
        "C0 to C3, and A1, B1 and C1 lie apart. If an image is a column, it is A0, B0, C0, A1, B1, C1 and so on, and they "
        "lie side by side.",
        caption="Memory from left to right. Coloured: the pixels that a value in column 1 is multiplied by.",
    )


FORMS = {  # name -> colour, marker, bytes for each weight when the share d is left
    "dense": ("grey", "o", lambda d: 4),
    "CSR, 8 bytes": ("orange", "s", lambda d: 12 * d),
    "CSR, 4 bytes": ("purple", "^", lambda d: 8 * d),
    "bit mask": ("blue", "D", lambda d: 4 * d + 1 / 8),
}


def _bits(matrix):
    return {"values": matrix[matrix != 0], "bits": torch.from_numpy(np.packbits(matrix != 0))}


def _saved(form):
    file = io.BytesIO()
    torch.save(form, file)
    return file.getvalue()


def _wide(csr):
    lists = csr.crow_indices().long(), csr.col_indices().long(), csr.values()
    return torch.sparse_csr_tensor(*lists, size=csr.shape)


def files(matrices, to_csr):
    """Share left -> form -> the bytes of its file, for matrices by the share that is left."""
    found = {}
    for left, matrix in matrices.items():
        csr = to_csr(matrix)
        forms = dict(zip(FORMS, (matrix, _wide(csr), csr, _bits(matrix)), strict=True))
        found[left] = {name: len(_saved(form)) for name, form in forms.items()}
    return found


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
        caption="Lines: the formulas. Dots: files of a matrix of 1,024 × 1,024. 4 and 8 bytes: of an index.",
    )


CURVES = {  # name -> colour, marker
    "1 image, linear": ("blue", "o"),
    "64 images, linear": ("orange", "s"),
    "64 images, in_columns": ("purple", "^"),
}


def crossings(matrices, to_csr, images, in_columns):
    """Share left -> curve -> time of the sparse call over that of the faster dense call.

    Args:
        matrices: share left -> a pruned weight.
        to_csr: makes the weight sparse.
        images: the batch; its first one is the single image.
        in_columns: the second way to call a kernel, beside `linear`.
    """
    found = {}
    for left, dense in matrices.items():
        weights = {"dense": dense, "sparse": to_csr(dense)}
        one, many = race(images[:1], linear, **weights), race(images, linear, in_columns, **weights)
        best = min(many["dense, linear"], many["dense, in_columns"])
        ratios = (
            one["sparse, linear"] / one["dense, linear"],
            many["sparse, linear"] / best,
            many["sparse, in_columns"] / best,
        )
        found[left] = dict(zip(CURVES, ratios, strict=True))
    return found


def times_over_left(races):
    """Draw the time of the sparse calls over the weights left.

    Args:
        races: share left -> curve -> how many times as long the sparse call takes.
    """
    fig, ax = plots.figure(size=(11, 5.5))
    lefts, told = [100 * left for left in races], []
    ax.axhline(1, color=plots.COLOURS["grey"], linewidth=3)
    for name, (colour, marker) in CURVES.items():
        times = [of_left[name] for of_left in races.values()]
        ax.plot(lefts, [times[-1] * left / 100 for left in lefts], "--", color=plots.COLOURS[colour], linewidth=2)
        ax.plot(lefts, times, marker + "-", color=plots.COLOURS[colour], markersize=10, label=name)
        told.append(f"{name}: {times[-1]:.1f} without zeros and {times[0]:.2f} with 1 % left.")
    ax.text(99, 0.013, "sparse faster below the grey line", va="bottom", ha="right", fontsize=18)
    ax.set(xscale="log", yscale="log", xlabel="weights left, %", ylabel="time, dense = 1", ylim=(0.01, 200))
    ax.set_xticks(lefts, [f"{left:g}" for left in lefts])
    ax.set_yticks([0.1, 1, 10], ["0.1", "1", "10"])
    ax.minorticks_off()
    ax.legend(loc="upper left")
    plots.show(
        fig,
        alt="Time of three sparse calls, that of the faster dense call being 1, over the weights left, both axes logarithmic. "
        + " ".join(told),
        caption="One thread, the fastest of several turns. Dashed: the rule, a time that shrinks with the weights left.",
    )


def under_gzip(matrix, to_csr):
    """Print the bytes of three files of a matrix, and of the same files compressed."""
    for name, form in {"dense": matrix, "CSR": to_csr(matrix), "bit mask": _bits(matrix)}.items():
        content = _saved(form)
        print(f"{name:9} {len(content) / 1e3:6,.0f} kB, under gzip {len(gzip.compress(content)) / 1e3:4,.0f} kB")
