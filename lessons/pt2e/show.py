"""The drawing and the tables of the lesson pt2e, and a graph that clips where a byte ends."""

import copy
import shutil

import torch
from torch import nn
from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e, prepare_pt2e

from course_utils import diagrams, plots, timing
from course_utils.tables import Table

BATCH = 50  # the graph takes batches of this size
KERNEL = "int8 conv2d with relu"
ROWS = (
    ("exported", ("in", "conv2d", "batch\nnorm", "relu", "out"), ("fp32",) * 4, "weight: fp32"),
    ("converted", ("in", "dq", "conv2d", "relu", "q", "out"), ("int8", *("fp32",) * 3, "int8"), "weight: int8, dq"),
    ("compiled", ("in", KERNEL, "out"), ("int8", "int8"), "weight: int8"),
)


def logits(net, images):
    """The outputs of a network, (images, classes)."""
    return torch.cat([net(batch) for batch in images.split(BATCH)])


def percent_right(outputs, labels):
    return 100 * (outputs.argmax(1) == labels).float().mean().item()


def percent_alike(a, b):
    """In how many of 100 images two sets of outputs choose the same class."""
    return 100 * (a.argmax(1) == b.argmax(1)).float().mean().item()


def race(nets, images):
    """Time the networks in turn on a batch."""
    calls = {name: lambda net=net: net(images) for name, net in nets.items()}
    return timing.compare(calls, rounds=9, device="cpu")


def has_cpp_compiler():
    """Whether torch.compile will find a C++ compiler, as `course.py doctor` looks for it."""
    return any(shutil.which(name) for name in ("c++", "g++", "clang++", "cl"))


def first_layer(graph):
    """Print the operations from the first rounding of an input to the second one."""
    print("name          takes")
    for node in graph.graph.nodes:
        kind = str(node.target)
        if node.op != "call_function" or "per_channel" in kind:
            continue
        rounds = ".quantize_per_tensor" in kind
        if "per_tensor" in kind:
            what, scale, _, low, high = node.args[:5]
            text = f"{_short(what)}, scale {scale:.4f}" + f", {low} to {high}" * rounds
        else:
            text = ", ".join(_short(each) for each in node.args if isinstance(each, torch.fx.Node))
        print(f"{_short(node):13} {text}")
        if rounds and node.name.endswith("_1"):
            return


def _short(node):
    weight = "dequantize_per_channel" in node.name
    name = node.name.replace("_per_tensor_default", "").replace("_per_channel_default", "")
    if name.startswith("dequantize_") and not weight:
        name = "dequantize"  # of the first layer there is one
    return "weight" if weight else name.replace("conv_weight_bias", "bias")


def chain():
    """Draw one layer in three rows: as exported, as converted, and what the compiler makes of it."""
    fill = {"q": "int8", "dq": "fp32", KERNEL: "int8"}
    canvas = diagrams.Canvas(height=500)
    for row, (title, names, wires, weight) in enumerate(ROWS):
        y, step = 20 + 165 * row, 840 / (len(names) - 1)
        canvas.text(20, y + 50, title, bold=True, align="left", size=26)
        boxes = []
        for place, name in enumerate(names):
            left, width = (205 + step * place, 118) if name != KERNEL else (373, 622)
            boxes.append(canvas.box(left, y, name, width=width, height=100, fill=fill.get(name, "white")))
            if name in ("conv2d", KERNEL):
                canvas.text(left + width / 2, y + 120, weight, size=22)
        for one, other, meaning in zip(boxes, boxes[1:], wires, strict=False):
            canvas.wire(one.right, other.left, meaning=meaning, thick=3 if meaning == "int8" else 8)
    plots.show(
        canvas.figure(),
        alt="One layer in three rows. Exported: conv2d, batch norm and relu, with floats between them. Converted: integers come "
        "in, dq makes floats of them, conv2d and relu compute in float, and q makes integers; the weight is stored in int8 and "
        "goes through a dq of its own. Compiled: one int8 convolution takes integers and gives integers.",
        caption="Orange: floats. Blue: int8; a thinner wire carries fewer bytes. The compiler replaces the middle row by the lowest.",
    )


def kernels_and_speed(kernels, speeds, right):
    """A row for each network."""
    rows = [[name, kernels[name], f"{speeds.ratio(name):.2f}", f"{right[name]:.1f}"] for name in kernels]
    return Table(["network", "int8 kernels", "speed (float = 1)", "% right"], rows)


def clipped_at_255(graph):
    """A copy of a converted graph whose inputs of layers are clipped where a byte ends, and not at 127."""
    wide = copy.deepcopy(graph)
    for node in wide.graph.nodes:
        if "quantize_per_tensor" in str(node.target):
            node.args = tuple(255 if place == 4 else value for place, value in enumerate(node.args))
    wide.recompile()
    return wide


def compared(outputs, wide):
    """A row for each pair of networks: how often they choose the same class, and how often the outputs are equal."""
    pairs = {
        "float, int8 graph": (outputs["float"], outputs["int8 graph"]),
        "int8 graph, compiled": (outputs["int8 graph"], outputs.get("int8, compiled")),
        "graph that clips at 255, compiled": (wide, outputs.get("int8, compiled")),
    }
    rows = []
    for name, (a, b) in pairs.items():
        if b is not None:
            equal = 100 * ((a - b).abs().amax(1) < 1e-3).float().mean().item()
            rows.append([name, f"{percent_alike(a, b):.1f}", f"{equal:.0f}"])
    return Table(["compared", "% with the same class", "% equal within 0.001"], rows)


class MyConv(nn.Conv2d):
    """A convolution in a class of its own."""


def own_class(quantizer):
    """Convert one convolution of each class, and print how often the graph rounds to int8."""
    image = torch.zeros(1, 3, 8, 8)
    for conv in (nn.Conv2d(3, 8, 3), MyConv(3, 8, 3)):
        ready = prepare_pt2e(torch.export.export(nn.Sequential(conv).eval(), (image,)).module(), quantizer)
        ready(image)
        targets = [str(node.target) for node in convert_pt2e(ready).graph.nodes]
        rounded = sum(".quantize_per_tensor" in target for target in targets)
        print(f"{type(conv).__name__}: {rounded} of 1 in int8")
