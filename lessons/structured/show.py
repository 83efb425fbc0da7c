"""The drawing of the lesson structured, and what it measures."""

import copy
import itertools
import json

import torch
import torch_pruning as tp
from matplotlib.patches import Rectangle
from torch import nn

from course_utils import data, diagrams, plots, timing, training
from course_utils.files import ROOT
from course_utils.sizes import size_report

RECORD = ROOT / "records" / "structured" / "new_weights.json"
PLACES = {  # of SmallResNet's layers and sums in the drawing
    name: (left + 165 * at, top)
    for names, left, top in (
        ("conv bn", 15, 120),
        ("block1.conv1 block1.bn1 block1.conv2 block1.bn2", 345, 20),
        ("+1", 1035, 120),
        ("block2.conv1 block2.bn1 block2.conv2 block2.bn2", 70, 262),
        ("block2.shortcut.0 block2.shortcut.1", 235, 396),
        ("+2", 760, 329),
        ("fc", 880, 329),
    )
    for at, name in enumerate(names.split())
}
IN_WORDS = {"+1": "+", "+2": "+", "block2.shortcut.0": "shortcut\nconv", "block2.shortcut.1": "shortcut\nbn"}
WAYS = (  # from layer to layer, as the channels go
    "conv bn block1.conv1 block1.bn1 block1.conv2 block1.bn2 +1 block2.conv1 block2.bn1 block2.conv2 block2.bn2 +2 fc",
    "bn +1 block2.shortcut.0 block2.shortcut.1 +2",
)
BEND = [(1095, 159), (1145, 159), (1145, 230), (30, 230), (30, 435)]  # from the first sum to the second line
STEPS = (  # the order in which one finds them, with the question that leads there
    ("conv loses a channel,\nand so does its bn.", {"conv", "bn"}),
    ("Who reads this channel?", {"block1.conv1"}),
    ("What is added to it,\nand who makes that?", {"+1", "block1.bn2", "block1.conv2"}),
    ("Who reads the sum?", {"block2.conv1", "block2.shortcut.0"}),
)


def what_hangs_together(net, group):
    """Draw SmallResNet in a frame for each of STEPS, with a stripe where a layer loses a channel.

    Args:
        net: the network.
        group: of torch-pruning, for an output channel of the first convolution.
    """
    names = {module: name for name, module in net.named_modules()}
    stripes = set()
    for step, _ in group:
        if step.target.module in names:
            side = "inputs" if "in_channels" in step.handler.__name__ else "outputs"
            stripes.add((side, names[step.target.module]))
    frames, told, known = [], [], set()
    for question, found in STEPS:
        frames.append(_network(stripes, known, found, question))
        known |= found
        new = [f"{side} of {name}" for side, name in sorted(stripes) if name in found]
        asked = question.replace("\n", " ")
        told.append(f"SmallResNet as boxes and arrows in two lines. {asked} New stripes: {', '.join(new)}.")
    plots.show(
        frames,
        alt=told,
        caption="bn is a batch norm, fc the last linear layer. A stripe at the right of a layer: an output channel goes. "
        "At the left: an input channel goes. What is new is pink.",
    )


def _network(stripes, known, found, question):
    """A frame: the network, its stripes so far in black, and those that are new in pink."""
    canvas, boxes = diagrams.Canvas(), {}
    for name, (x, y) in PLACES.items():
        words = IN_WORDS.get(name, name.replace("block", "block ").replace(".", "\n", 1))
        boxes[name] = canvas.box(x, y, words, width=60 if "+" in name else 140, height=78, size=27)
    for way in WAYS:
        for start, end in zip(way.split(), way.split()[1:], strict=False):
            canvas.wire((30, boxes[end].left[1]) if start == "+1" else boxes[start].right, boxes[end].left)
    for start, end in zip(BEND, BEND[1:], strict=False):
        canvas.wire(start, end, arrow=False)
    for side, name in sorted(stripes):
        if name in known | found:
            box = boxes[name]
            left = box.x if side == "inputs" else box.x + box.width - 13
            colour = plots.COLOURS["purple" if name in found else "black"]
            canvas.axes.add_patch(Rectangle((left, box.y + 3), 13, box.height - 6, facecolor=colour, zorder=3.5))
    canvas.text(15, 48, question, align="left", size=25)
    return canvas.figure()


def accuracy(net):
    """Per cent of Fashion-MNIST's test images that a network gets right."""
    return 100 * training.evaluate(net, *data.load("fashion_mnist", "test"))


def bytes_and_time(dense, cut, images):
    """The bytes of both files, by name, and the comparison of the times for these images."""
    with torch.no_grad():
        speed = timing.compare({"dense": lambda: dense(images), "cut": lambda: cut(images)}, rounds=9, device="cpu")
    return {"dense": size_report(dense).file_bytes, "cut": size_report(cut).file_bytes}, speed


def any_three(net, surgery):
    """The mean accuracy of LeNet over all ways to keep three channels, on some of the test images: they take a while."""
    images, labels = data.load("fashion_mnist", "test", n=2_000)
    nets = [surgery(net, list(three)) for three in itertools.combinations(range(6), 3)]
    return 100 * sum(training.evaluate(small, images, labels) for small in nets) / len(nets)


def masked_twin(net, image, importance):
    """A copy of SmallResNet in which the batch norms give 0 in the channels that the lesson's cut takes out."""
    twin, small = copy.deepcopy(net), copy.deepcopy(net)
    names = {module: name for name, module in small.named_modules()}
    pruner = tp.pruner.BasePruner(small, image, importance, pruning_ratio=0.5, ignored_layers=[small.fc])
    for group in pruner.step(interactive=True):
        for step, channels in group:
            if isinstance(step.target.module, nn.BatchNorm2d):
                norm = twin.get_submodule(names[step.target.module])
                norm.weight.data[channels] = norm.bias.data[channels] = 0
        group.prune()
    return twin


def duel():
    """Steps -> arm -> per cent of test images in each repetition of the record, at the rate that held-out images chose."""
    found = {}
    for run in json.loads(RECORD.read_text(encoding="utf-8"))["runs"]:
        if "test" in run:
            found.setdefault(run["steps"], {}).setdefault(run["arm"], []).append(run["test"])
    return found
