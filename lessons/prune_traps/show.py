"""Drawings of the lesson prune_traps, and the layer of three weights behind one of them."""

import torch
from torch import nn
from torch.nn.utils import prune

from course_utils.checks.models import linear
from course_utils.show import diagrams, plots
from course_utils.show.tables import Table

NEW, FILED, MASK = torch.tensor([[0.02, 0.3, -0.2]]), torch.tensor([[0.9, 0.1, 0.5]]), torch.tensor([[1.0, 1.0, 0.0]])


def time_line(layer, x, up_to_date):
    """Call a pruned layer, train it and load it, and draw after which of these `weight` is up to date.

    Returns:
        dict of event -> bool.
    """
    first = {name: value.clone() for name, value in layer.state_dict().items()}
    optimizer = torch.optim.SGD(layer.parameters(), lr=0.1)
    events = {
        "called": lambda: layer(x).sum().backward(),
        "optimizer.step()": optimizer.step,
        "called again": lambda: layer(x),
        "load_state_dict": lambda: layer.load_state_dict(first),
        "called once more": lambda: layer(x),
    }
    found = {"pruned": up_to_date(layer)}
    for event, happens in events.items():
        happens()
        found[event] = up_to_date(layer)
    canvas = diagrams.Canvas(height=200)
    spans = [
        (n, n + 1, "up to date" if good else "out of date", "gradient" if good else "fp32")
        for n, good in enumerate(found.values())
    ]
    diagrams.time_line(canvas, {"weight": spans}, x=130, y=110, width=1050, height=64)
    for n, event in enumerate(found):
        words = event.replace("optimizer.", "optimizer\n.").replace("_dict", "\n_dict").replace("called ", "called\n")
        canvas.text(130 + 175 * (n + 0.5), 62, words)
    plots.show(
        canvas.figure(),
        alt="A time line of six events: "
        + "; ".join(f"after {event} weight is {span[2]}" for event, span in zip(found, spans, strict=True))
        + ".",
        caption="Is `weight` equal to `weight_orig * weight_mask`? Asked after each event.",
    )
    return found


def loaded_and_cut(refresh):
    """Load three weights into a new layer, prune one more, and draw what each step leaves.

    Args:
        refresh: the lesson's function.
    Returns:
        dict of "at once", "after refresh" -> the trained number that went.
    """
    layers, columns = {}, {}
    for way in ("at once", "after refresh"):
        layers[way] = layer = linear(NEW)
        prune.identity(layer, "weight")
        columns["1. identity"] = _held(layer)
        layer.load_state_dict({"weight_orig": FILED, "weight_mask": MASK})
        columns["2. load"] = _held(layer)
        if way == "after refresh":
            refresh(layer)
        prune.l1_unstructured(layer, "weight", amount=1)
        columns[f"3. prune\n{way}"] = _held(layer)
    gone = {way: round(FILED[(MASK == 1) & (layer.weight_mask == 0)].item(), 3) for way, layer in layers.items()}
    canvas = diagrams.Canvas(height=400)
    for n, name in enumerate(("weight_orig", "weight_mask", "weight")):
        canvas.text(8, 117 + 100 * n, name, align="left")
    for column, (words, held) in enumerate(columns.items()):
        left = 170 + 260 * column
        canvas.text(left + 111, 38, words, bold=True)
        for row, (values, meaning) in enumerate(zip(held, ("fp32", "plain", "int8"), strict=True)):
            stays = torch.ones_like(values) if row == 0 else values
            whole = diagrams.grid(canvas, values, left, 82 + 100 * row, cell=74, mask=stays, meaning=meaning, text="")
            for n, value in enumerate(values.flatten().tolist()):
                if stays[0, n]:
                    canvas.text(left + 74 * n + 37, 119 + 100 * row, f"{value:g}".replace("-", "−"), inside=whole)
    canvas.text(170 + 260 + 111, 375, "out of date", colour="fp32", bold=True)
    told = "; ".join(
        f"{words.replace(chr(10), ' ')}: " + ", ".join(f"{[round(v, 3) for v in t.flatten().tolist()]}" for t in held)
        for words, held in columns.items()
    )
    plots.show(
        canvas.figure(),
        alt=f"weight_orig, weight_mask and weight of a layer of three weights after each step. {told}.",
        caption="After the loading `weight` is out of date: what is pruned *at once* is chosen by the random numbers. A stroke is a 0.",
    )
    return gone


def _held(layer: nn.Module) -> list[torch.Tensor]:
    return [getattr(layer, name).detach().clone() for name in ("weight_orig", "weight_mask", "weight")]


def counts_table(counts, networks):
    """A table of the zeros that each way of counting finds in each network."""
    return Table(["zeros in", *networks], [[way, *(f"{n:,}" for n in found)] for way, found in counts.items()])
