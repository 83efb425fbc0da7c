"""Drawings of the lesson lightning_pruning, and the error after each epoch of a fit."""

from functools import cache

import torch
from lightning.pytorch.callbacks import LambdaCallback

from course_utils import diagrams, plots
from course_utils.tables import Table
from lessons.lightning_qat import task as garments


def one_memory():
    """Draw a weight and its copy after the first epoch, after ModelPruning's rewind and after one that copies values."""
    canvas = diagrams.Canvas(height=360)
    columns = {
        "after the first epoch": ("0.31", "0.30", False),
        "ModelPruning's rewind": ("", "0.30", True),
        "a rewind that copies": ("0.30", "0.30", False),
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
        alt="A weight and its copy, each with an arrow to a box of memory. After the first epoch: two boxes, 0.31 and 0.30. "
        "After ModelPruning's rewind both arrows end at one box, 0.30. After a rewind that copies: two boxes, 0.30 and 0.30.",
        caption="Orange: memory. The next epoch trains the number to which the arrow of *weight* points.",
    )


@cache
def held_out():
    """2,000 pictures that are in no batch: their 16 pixels, and the share that is to be estimated."""
    return tuple(values[-2000:] for values in garments.load("train", 60_000))


def error(model):
    """The mean absolute percentage error on pictures that are in no batch."""
    x, y = held_out()
    return garments.mape(model(x), y)


def errors(model, batches, pruning):
    """The error after each of 100 epochs, cut and rewind included."""
    found = []
    look = LambdaCallback(on_train_epoch_end=lambda trainer, model: found.append(error(model)))
    garments.fit(model, batches, pruning, look, epochs=100)
    return found


def errors_over_epochs(curves):
    """Draw the error after each epoch.

    Args:
        curves: name -> error after each epoch, in %.
    """
    fig, ax = plots.figure(size=(9.6, 4.6))
    for (name, curve), colour, dashes in zip(
        curves.items(), ("blue", "orange", "green"), ("-", "-", "--"), strict=True
    ):
        label = f"{name}: {curve[-1]:.0f} % in the end"
        ax.plot(curve, linestyle=dashes, label=label, color=plots.COLOURS[colour])
    ax.set(xlabel="epoch", ylabel="error, %", ylim=(0, 110), xlim=(0, 99))
    ax.legend(loc="lower left", bbox_to_anchor=(0, 1))
    told = "; ".join(f"{name} {curve[-1]:.0f} %" for name, curve in curves.items())
    plots.show(
        fig,
        alt="Error over 100 epochs, three lines. After the cut of epoch 10 ModelPruning and Mended leap; after those of 50 and 76 "
        f"to 98 Mended alone does. In the end: {told}.",
        caption="After each epoch, cut and rewind included. Cuts after epochs 10, 50, and 76 to 98. "
        "Blue and green near 85: a cut took the only bias of the last layer.",
    )


def zeros(model):
    """The share of zeros among the numbers that are stored as weights."""
    return torch.cat([(numbers == 0).flatten() for numbers in _stored(model)]).float().mean().item()


def side_by_side(models):
    """A table of models: the bytes of their weights, the share of zeros among them, and the error.

    Args:
        models: name -> model whose linear layers, in fp32 or in int8, are its children.
    """
    sizes = {name: sum(one.numel() * one.element_size() for one in _stored(model)) for name, model in models.items()}
    rows = [[name, f"{sizes[name]:,}", f"{zeros(model):.0%}", f"{error(model):.1f}"] for name, model in models.items()]
    return Table(["network", "weights, bytes", "zero", "error, %"], rows)


def _stored(model):
    """The weights of each layer as they are stored: floats, or the integers of an int8 layer."""
    for layer in (layer for layer in model.children() if hasattr(layer, "weight")):
        yield layer.weight
