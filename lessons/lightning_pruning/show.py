"""Drawings of the lesson lightning_pruning."""

from course_utils.show import diagrams, plots


def one_memory():
    """One weight and its copy: after an epoch, after ModelPruning's rewind, after one that copies, each an epoch later."""
    canvas = diagrams.Canvas(height=360)
    columns = {
        "before the first rewind": ("0.31", "0.30", False),
        "rewind by ModelPruning": ("", "0.30", True),
        "rewind by Mended: copy_": ("0.30", "0.30", False),
    }
    for column, (title, (trained, kept, one)) in enumerate(columns.items()):
        x = 20 + 400 * column
        canvas.text(x + 180, 30, title, bold=True, size=24)
        weight = canvas.box(x, 80, "weight", width=150, height=90)
        copy = canvas.box(x, 250, "copy", width=150, height=90)
        memory = canvas.box(x + 250, 250, kept, width=110, height=90, colour="fp32", size=28)
        canvas.wire(copy.right, memory.left)
        if one:
            canvas.wire(weight.right, memory.left, meaning="activations")
        else:
            own = canvas.box(x + 250, 80, trained, width=110, height=90, colour="fp32", size=28)
            canvas.wire(weight.right, own.left)
    plots.show(
        canvas.figure(),
        alt="A weight and its copy, each with an arrow to a box of memory. Before the first rewind: two boxes, 0.31 and 0.30. "
        "After the rewind by ModelPruning both arrows end at one box, 0.30. After a rewind by Mended, which copies values: two boxes, "
        "0.30 and 0.30.",
        caption="Orange: memory. What is trained next is the box at which the arrow of the weight ends.",
    )


def errors_over_epochs(curves):
    """Draw the error after each epoch, from epoch 40 on.

    Args:
        curves: name -> error after each epoch, in %.
    """
    fig, ax = plots.figure(size=(7.6, 4.3))
    for (name, curve), colour, dashes in zip(
        curves.items(), ("blue", "orange", "green"), ("-", "-", "--"), strict=True
    ):
        label = f"{name}: {curve[-1]:.0f} % in the end"
        ax.plot(range(40, 100), curve[40:], linestyle=dashes, label=label, color=plots.COLOURS[colour])
    ax.set(xlabel="epoch", ylabel="error, %", ylim=(0, 119), xlim=(40, 99))
    ax.legend(loc="lower left", bbox_to_anchor=(0, 1))
    told = "; ".join(f"{name} {curve[-1]:.0f} %" for name, curve in curves.items())
    plots.show(
        fig,
        alt=f"Error over the epochs 40 to 99, three lines. After the last epoch: {told}.",
        caption="After each epoch, cut and rewind included; 25 cuts to 30 %.",
    )
