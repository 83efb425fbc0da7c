"""Drawings, counts and the accuracy of the lesson prune_traps."""

import copy

import torch
from IPython.display import display
from torch import nn
from torch.nn.utils import prune

from course_utils import data, diagrams, plots, training
from course_utils.check import linear
from course_utils.tables import Table

NEW, FILED, MASK = torch.tensor([[0.02, 0.3, -0.2]]), torch.tensor([[0.9, 0.1, 0.5]]), torch.tensor([[1.0, 1.0, 0.0]])


def accuracy(net):
    """Per cent of up to 2,000 test digits that the network reads."""
    images, labels = data.load("mnist", "test")
    return 100 * training.evaluate(net, images[:2000], labels[:2000])


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


def pruned_again(load_masked, refresh):
    """Load, act, prune four fifths of what is left of fc1, and print the accuracies.

    Returns:
        dict of action -> per cent right, for each of six seeds.
    """
    between = {
        "refresh": refresh,
        "a forward pass": lambda net: net(torch.zeros(1, 1, 28, 28)),
        "nothing": lambda net: None,
    }
    right = {name: [] for name in between}
    for name, action in between.items():
        for seed in range(6):
            net = load_masked(seed)
            action(net)
            prune.l1_unstructured(net.fc1, name="weight", amount=0.8)
            right[name].append(round(accuracy(net), 1))
        print(f"load, {name}, prune:".ljust(30), *(f"{value:.1f}" for value in right[name]), "% right")
    return right


def count_zeros(refresh, pruned, load_masked):
    """Count the zeros of fc1 in four ways in three networks, and show a table.

    Returns:
        dict of way -> sparsity in each network, in per cent.
    """
    removed = copy.deepcopy(refresh(pruned))
    prune.remove(removed.fc1, "weight")
    networks = {"pruned": pruned, "just loaded": load_masked(), "after remove": removed}
    ways = {
        "parameters": lambda layer: [p for name, p in layer.named_parameters() if name.startswith("weight")],
        "state_dict": lambda layer: [p for name, p in layer.state_dict().items() if name.startswith("weight")],
        "weight": lambda layer: [layer.weight],
        "refresh, then weight": lambda layer: [refresh(layer).weight],
    }
    counts = {way: [_sparsity(found(net.fc1)) for net in networks.values()] for way, found in ways.items()}
    display(Table(["sparsity of fc1", *networks], [[way, *(f"{n:.0f} %" for n in row)] for way, row in counts.items()]))
    return counts


def _sparsity(tensors):
    return 100 * sum((t == 0).sum().item() for t in tensors) / sum(t.numel() for t in tensors)
