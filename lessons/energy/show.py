"""Drawings of the lesson energy."""

from course_utils import diagrams, energy, plots


def two_parts(arithmetic_pj, fetching_pj):
    """Two bars to one linear scale: the arithmetic of one digit and the fetch of its weights, given in picojoules."""
    parts = {"arithmetic": arithmetic_pj / 1e6, "fetching the weights": fetching_pj / 1e6}  # in millions
    fig, ax = plots.figure(size=(7.2, 3.3))
    ax.barh([1, 0], parts.values(), height=0.5, color=[plots.COLOURS["black"], plots.COLOURS["orange"]])
    for y, (name, millions) in zip((1, 0), parts.items(), strict=True):
        ax.text(0, y + 0.32, f"{name}: {millions:.3g} million pJ", fontsize=22)
    ax.set_ylim(-0.3, 1.6)
    ax.axis("off")
    plots.show(
        fig,
        alt=f"Two bars to one linear scale: the arithmetic of one digit, {parts['arithmetic']:.3g} million pJ, is a thin line; "
        f"fetching the weights, {parts['fetching the weights']:.0f} million pJ, fills the picture.",
        caption="One digit, estimated: its arithmetic, and fetching each weight once from the main memory. Both bars to the same linear scale.",
    )


def price_list():
    """The published prices of additions, multiplications and reads: a dot for each, on a logarithmic axis."""
    kinds = {"addition": ("grey", "o"), "multiplication": ("black", "s"), "read of 64 bits": ("orange", "D")}
    rows = [("addition", f"{n}, add", pj) for n, pj in energy.ADD_PJ.items()]
    rows += [("multiplication", f"{n}, multiply", pj) for n, pj in energy.MUL_PJ.items()]
    rows += [
        ("read of 64 bits", n.removesuffix(", low end").replace("KB", "kB"), pj)
        for n, pj in energy.READ_64_BIT_PJ.items()
        if n != "DRAM, high end"
    ]
    rows.sort(key=lambda row: row[2])
    fig, ax = plots.figure(size=(9, 5))
    for kind, (colour, marker) in kinds.items():
        dots = [(pj, y) for y, (of, _, pj) in enumerate(rows) if of == kind]
        ax.plot(*zip(*dots, strict=True), marker, color=plots.COLOURS[colour], markersize=10, label=kind)
    for y, (*_, pj) in enumerate(rows):
        ax.text(pj * 1.3, y, f"{pj:,g}", va="center", bbox={"facecolor": "white", "edgecolor": "none", "pad": 1})
    ax.set_yticks(range(len(rows)), [label for _, label, _ in rows])
    ax.set(xscale="log", xlabel="energy, pJ", xlim=(0.015, 10000))
    decades = [0.1, 1, 10, 100, 1000]
    ax.set_xticks(decades, [f"{decade:,g}" for decade in decades])
    ax.minorticks_off()
    ax.grid(visible=False, axis="y")
    ax.legend(loc="lower right", frameon=True, framealpha=1, edgecolor="none")
    plots.show(
        fig,
        alt="Dots on a logarithmic axis: additions from 0.03 pJ for int8 to 0.9 for fp32, multiplications from 0.2 pJ for int8 "
        "through 1.1 for fp16 and 3.1 for int32 to 3.7 for fp32, reads of 64 bits from a cache for 10 pJ (8 kB), 20 (32 kB) "
        "and 100 (1 MB), from DRAM for 1,300.",
        caption="For DRAM the list says 1,300 to 2,600 pJ; the low end is drawn.",
    )


def uses_of_a_weight():
    """One weight that is fetched once, and the outputs that it serves, for a layer, a convolution and a batch."""
    canvas = diagrams.Canvas(height=440)
    uses = {
        "linear layer": (1, "1 output"),
        "convolution": (0, "one output for each\nof 9 positions"),
        "a batch": (5, "one output for\neach input"),
    }
    for column, (name, (arrows, words)) in enumerate(uses.items()):
        left = 40 + column * 400
        canvas.text(left + 160, 40, name, bold=True)
        canvas.axes.texts[-1].set_verticalalignment("baseline")  # one height, with and without descenders
        canvas.text(left + 160, 400, words, size=22)
        memory = canvas.box(left, 190, "DRAM", width=100, height=80, fill="fp32")
        weight = canvas.box(left + 170, 195, "w", width=60, height=70)
        canvas.wire(memory.right, weight.left, meaning="fp32", thick=10)
        if name == "convolution":
            for position in range(9):
                used = canvas.box(left + 302, 88 + 32 * position, width=24, height=24, fill="activations")
                canvas.wire(weight.right, used.left, meaning="activations", thick=2)
        for number in range(arrows):
            used = canvas.box(left + 300, 241 + 62 * number - 31 * arrows, width=40, height=40, fill="activations")
            canvas.wire(weight.right, used.left, meaning="activations")
    plots.show(
        canvas.figure(),
        alt="A thick arrow brings one weight w from DRAM. Thin arrows lead on: in a linear layer to one output, in a convolution "
        "to nine outputs, one for each of 3 × 3 positions, with a batch to five outputs, one for each input.",
        caption="Thick: the fetch of the weight w. Thin: its MACs. In a convolution with a batch the numbers of uses multiply.",
    )
