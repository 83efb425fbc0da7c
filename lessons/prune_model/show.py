"""The drawing and the tables of the lesson prune_model."""

import copy
import json
import math
from statistics import mean

import torch
from torch.nn.utils import prune

from course_utils import plots
from course_utils.files import ROOT
from course_utils.tables import Table, mean_and_range

RECORD = ROOT / "records" / "prune_model" / "shares.json"
NOTED = (7.41, 9.49, 22.00, 12.28, 9.76)  # by a reader of PyTorch's tutorial, while its LeNet had 3 × 3 windows
LAYERS = ("conv1", "conv2", "fc1", "fc2", "fc3")
SMALL_RATE = 0.001
WAYS = {  # name in the record -> what it is called, which weights a layer keeps, and how many
    "global": ("global", "largest", "as the global cut"),
    "local": ("local", "largest", "as the local cut"),
    "random, global's shares": ("control", "random", "as the global cut"),
    "random, local's shares": ("control", "random", "as the local cut"),
    "dense": ("dense", "all", "all"),
}
DOTS = 54  # all of conv1


def _cut_globally(net, amount):
    net = copy.deepcopy(net)
    pairs = [(layer, "weight") for layer in net.children()]
    prune.global_unstructured(pairs, pruning_method=prune.L1Unstructured, amount=amount)
    return net


def _lost(net):
    return [100 * (layer.weight == 0).float().mean().item() for layer in net.children()]


def _ranges(net):
    """Where the weights of each layer end as PyTorch starts it."""
    return [1 / math.sqrt(layer.weight[0].numel()) for layer in net.children()]


def one_threshold(net, *, amount):
    """A row of dots for each layer, the sizes of its weights; the range of its start; and the threshold of a global cut."""
    cut = _cut_globally(net, amount)
    gone = [layer.weight_orig.detach().abs()[layer.weight_mask == 0] for layer in cut.children()]
    threshold = torch.cat(gone).max().item()
    left = [100 - share for share in _lost(cut)]
    chance = torch.Generator().manual_seed(0)
    fig, axes = plots.figure(size=(11, 5))
    for y, (layer, end, share) in enumerate(zip(net.children(), _ranges(net), left, strict=True)):
        sizes = layer.weight.detach().abs().flatten()
        sizes = sizes[torch.randperm(len(sizes), generator=chance)[:DOTS]]
        heights = y + 0.55 * (torch.rand(len(sizes), generator=chance) - 0.5)
        axes.barh(y, end, 0.8, color=plots.COLOURS["black"], alpha=0.12)
        for colour, which in (("orange", sizes <= threshold), ("blue", sizes > threshold)):
            axes.plot(sizes[which], heights[which], "o", markersize=5, color=plots.COLOURS[colour])
        axes.text(0.79, y, f"{share:.0f} % left", va="center", ha="right", fontsize=18)
    axes.axvline(threshold, color="black", linewidth=3)
    axes.text(threshold + 0.008, -0.75, f"threshold {threshold:.2f}", va="center", fontsize=18)
    axes.set(xlim=(0, 0.8), ylim=(-1.1, 4.6), xlabel="magnitude of a weight")
    axes.set_xticks([0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6])
    axes.set_yticks(range(5), LAYERS)
    axes.invert_yaxis()
    axes.grid(False)
    plots.show(
        fig,
        alt="Five rows of dots, the sizes of the weights of a trained LeNet, and one line across them all, the threshold at "
        f"{threshold:.2f}. Right of it are "
        + ", ".join(f"{share:.0f} % of {name}" for name, share in zip(LAYERS, left, strict=True))
        + ". Grey, the ranges in which the weights started, to "
        + ", ".join(f"{end:.2f}" for end in _ranges(net))
        + ".",
        caption="A dot is a weight of the trained LeNet: orange goes, blue stays. Grey is the range in which the layer started.",
    )


def _runs():
    return json.loads(RECORD.read_text(encoding="utf-8"))["runs"]


def at_its_best(way):
    """The rate at which a way is best on the held-out images, and the per cent of test images right, network by network."""
    runs = [run for run in _runs() if run["way"] == way and run["rate"]]
    rates = {run["rate"] for run in runs}
    best = max(rates, key=lambda rate: mean(run["held_out"] for run in runs if run["rate"] == rate))
    return best, [run["test"] for run in runs if run["rate"] == best]


def lead(way, other):
    """By how many points a way is ahead of another, each at its best rate; the mean over the networks of the record."""
    return mean(at_its_best(way)[1]) - mean(at_its_best(other)[1])


def fair_comparison():
    """A table of the record: each way at one small rate, and at its best."""
    rows = []
    for way, names in WAYS.items():
        small = [run["test"] for run in _runs() if run["way"] == way and run["rate"] == SMALL_RATE]
        rate, best = at_its_best(way)
        rows.append([*names, mean_and_range(small), f"{rate:g}", mean_and_range(best)])
    columns = [
        "cut",
        "a layer keeps",
        "how many",
        f"right at {SMALL_RATE}, %",
        "best rate",
        "right at its best rate, %",
    ]
    return Table(columns, rows, caption="After 200 steps: mean of six networks (lowest to highest)")


def other_choices(net, amount):
    """How many weights a global cut keeps that a cut of each layer alone, with as many weights left in it, does not keep."""
    cut, alone = _cut_globally(net, amount), copy.deepcopy(net)
    for layer, cut_globally in zip(alone.children(), cut.children(), strict=True):
        prune.l1_unstructured(layer, "weight", int((cut_globally.weight_mask == 0).sum()))
    pairs = zip(alone.children(), cut.children(), strict=True)
    return sum(int((a.weight_mask != b.weight_mask).sum()) for a, b in pairs)


def derived_drawn_noted(make):
    """A table of what each layer loses: by the formula, in 100 new networks of ``make()``, and as somebody noted it.

    Returns:
        (Table, how many standard deviations of the draws the noted row is away, at its worst layer).
    """
    draws = []
    for seed in range(100):
        torch.manual_seed(seed)
        net = make()
        draws.append(_lost(_cut_globally(net, 0.2)))
    draws = torch.tensor(draws)
    counts = [layer.weight.numel() for layer in net.children()]
    threshold = 0.2 * sum(counts) / sum(n / end for n, end in zip(counts, _ranges(net), strict=True))
    rows = {
        "formula, %": [f"{100 * threshold / end:.1f}" for end in _ranges(net)],
        "100 new networks, mean": [f"{v:.1f}" for v in draws.mean(0)],
        "their standard deviation": [f"{v:.1f}" for v in draws.std(0)],
        "noted from PyTorch's tutorial": [f"{v:.2f}" for v in NOTED],
    }
    table = Table(["lost, %", *LAYERS], [[name, *row] for name, row in rows.items()])
    return table, ((torch.tensor(NOTED) - draws.mean(0)) / draws.std(0)).abs().max().item()
