"""Drawings, tables and harnesses of the lesson torchao, which stand beside what the lesson explains."""

import collections
import copy
import importlib
import io
import json
import math
from dataclasses import dataclass
from statistics import fmean

import torch
import torchao.quantization as ao
from torch import nn
from torchao.quantization import quantize_
from torchao.quantization.granularity import PerGroup
from torchao.quantization.quant_primitives import MappingType

from course_utils import runtime
from course_utils.door import command
from course_utils.files import ROOT
from course_utils.measure import int8_audit, timing
from course_utils.show import diagrams, plots
from course_utils.show.tables import Table, mean_and_range

CPU = torch.device("cpu")
GROUP = (0.75, -0.30, 0.10, -0.42)  # the weights of the example by hand; 28 zeros go with them
REFUSALS = (ImportError, AttributeError, AssertionError, RuntimeError, ValueError, NotImplementedError)
RECORDS = ROOT / "records" / "torchao"


def saved(model):
    """Bytes of the model's state in a file."""
    torch.save(model.state_dict(), file := io.BytesIO())
    return file.tell()


def bytes_and_accuracy(models, right):
    """A table: what each network's file takes, and what it gets right.

    Args:
        models: name -> network.
        right: of a network, in percent.
    """
    rows = [[name, f"{saved(model):,}", f"{right(model):.1f}"] for name, model in models.items()]
    return Table(["weights of fc1", "file, bytes", "accuracy, %"], rows, caption="one network; only fc1 is rounded")


def layers_after(model, example):
    """A table: what each of the four layers is after `quantize_`, and what it ran in."""
    found = rows_of(model, example)
    return Table(
        ["layer", "class", "class of its weight", "runs in"],
        [
            [row.name, type(layer).__name__, type(layer.weight).__name__, row.runs_in]
            for row in found
            for layer in [model.get_submodule(row.name)]
        ],
        caption="after quantize_",
    )


def rows_of(model, example):
    """The audit's rows of the four layers with weights."""
    rows = int8_audit.audit(model, example).rows
    return [row for row in rows if row.name in ("conv1", "conv2", "fc1", "fc2")]


# Configs --------------------------------------------------------------------------------------------------------------


def prototype(module, name, **arguments):
    """A config of torchao's prototypes, imported late: their names change from release to release."""
    return getattr(importlib.import_module(f"torchao.prototype.{module}"), name)(**arguments)


def packed_int4():
    """The prototype that packs two weights into a byte for a kernel of PyTorch's CPU build."""
    return prototype("quantization.int4", "PrototypeInt4WeightOnlyConfig", group_size=32)


def mxfp4():
    """Emulated: computed in floats that are rounded as MXFP4 rounds."""
    how = importlib.import_module("torchao.quantization.quantize_.common").KernelPreference.EMULATED
    four_bits = dict.fromkeys(("activation_dtype", "weight_dtype"), torch.float4_e2m1fn_x2)
    return prototype("mx_formats", "MXDynamicActivationMXWeightConfig", kernel_preference=how, **four_bits)


def few_bits(bits, mapping=MappingType.SYMMETRIC):
    """A config for few bits, in groups of 32."""
    dtype = getattr(torch, f"int{bits}")
    return ao.IntxWeightOnlyConfig(weight_dtype=dtype, granularity=PerGroup(32), mapping_type=mapping)


FOUR_BITS = {  # each differs from the one above it in one thing; the last has a kernel of its own, too
    "clipped": lambda: few_bits(4),
    "symmetric": lambda: few_bits(4, MappingType.SYMMETRIC_NO_CLIPPING_ERR),
    "zero point": lambda: few_bits(4, MappingType.ASYMMETRIC),
    "packed": packed_int4,
}
TWELVE = {
    "int8 × int8": ao.Int8DynamicActivationInt8WeightConfig,
    "int8 weights": ao.Int8WeightOnlyConfig,
    "4 bits, a byte each": lambda: few_bits(4),
    "2 bits, a byte each": lambda: few_bits(2),
    "int4, stable": lambda: ao.Int4WeightOnlyConfig(group_size=32),
    "int4, packed": packed_int4,
    "fp8 weights": ao.Float8WeightOnlyConfig,
    "fp8 × fp8": ao.Float8DynamicActivationFloat8WeightConfig,
    "NVFP4 weights": lambda: prototype("mx_formats", "NVFP4WeightOnlyConfig"),
    "MXFP8 × MXFP8": lambda: prototype("mx_formats", "MXDynamicActivationMXWeightConfig"),
    "MXFP4 × MXFP4, emulated": mxfp4,
    "NVFP4 × NVFP4": lambda: prototype("mx_formats", "NVFP4DynamicActivationNVFP4WeightConfig"),
}
IN_BF16 = ("MXFP8 × MXFP8", "MXFP4 × MXFP4, emulated", "NVFP4 × NVFP4")  # these take bf16 only, so fc1 has it for them
MAPPED = {  # of which the lesson shows how they map a group
    "int8, both configs": ao.Int8WeightOnlyConfig,
    "4 bits, the default": FOUR_BITS["clipped"],
    "4 bits, not clipped": FOUR_BITS["symmetric"],
    "4 bits, zero point": FOUR_BITS["zero point"],
    "int4, packed": packed_int4,
    "fp8 weights": ao.Float8WeightOnlyConfig,
    "NVFP4 weights": TWELVE["NVFP4 weights"],
    "MXFP4, emulated": mxfp4,
}


def with_fc1(model, config):
    """A copy of the model with fc1 quantized."""
    model = copy.deepcopy(model)
    quantize_(model, config, filter_fn=lambda module, name: name == "fc1")
    return model


def fc1_in_bf16(model):
    """A copy of the model in which fc1 computes in bf16, and nothing else does."""
    model = copy.deepcopy(model)
    model.fc1.bfloat16()
    model.fc1.register_forward_pre_hook(lambda layer, inputs: (inputs[0].bfloat16(),))
    model.fc1.register_forward_hook(lambda layer, inputs, outputs: outputs.float())
    return model


def message(error, most=75):
    """The first line of an error, cut off where it is long."""
    words = str(error).splitlines()[0]
    return f"{type(error).__name__}: {words[:most]}{' …' * (len(words) > most)}"


# How a group is mapped ------------------------------------------------------------------------------------------------


def by_the_default(back):
    """A table: the four weights of the example, in steps, and what came back for them.

    Args:
        back: what torchao made of the group by its default for 4 bits, whose scale is 0.1.
    """
    rows = [[f"{w:.2f}", f"{w / 0.1:.1f}", f"{b / 0.1:.0f}", f"{b:.2f}"] for w, b in zip(GROUP, back, strict=False)]
    rows = [[cell.replace("-", "−") for cell in row] for row in rows]
    return Table(["weight", "in steps", "integer", "comes back as"], rows, caption="the default for 4 bits")


def rulers(comes_back):
    """Three number lines: the sixteen levels that each map gives to the group of the example.

    Args:
        comes_back: of a config, the group of the example after rounding.
    """
    maps = {"clipped": -8, "symmetric": -8, "zero point": -8}
    canvas, told = diagrams.Canvas(height=420), []
    for row, name in enumerate(maps):
        back = comes_back(FOUR_BITS[name]())
        scale, zero = scale_and_zero(name)
        levels = [scale * (q - zero) for q in range(-8, 8)]
        line = diagrams.number_line(
            canvas, -0.9, 0.9, y=115 + 135 * row, ticks=dict.fromkeys(levels, ""), x=230, width=900
        )
        canvas.text(200, 115 + 135 * row, name, align="right")
        for weight, level in zip(GROUP, back, strict=False):
            line.point(weight, above=50, falls_to=level)
        told.append(f"{name}: levels from {levels[0]:.3f} to {levels[-1]:.3f}, 0.75 falls to {back[0]:.3f}")
    plots.show(
        canvas.figure(),
        alt="Three number lines with sixteen marks each, above them the four weights of the example, with an arrow each to its "
        "level. " + "; ".join(told) + ".",
        caption="The four weights of the example (orange) and the sixteen levels (blue) of each map.",
    )


def scale_and_zero(name):
    """What torchao chooses for the group of the example."""
    weight = probe(FOUR_BITS[name]()).weight
    return weight.scale.flatten()[0].item(), weight.zero_point.flatten()[0].item()


def probe(config, dtype=torch.float32):
    """A linear layer of 32 inputs whose rows all are the group of the example, quantized."""
    layer = nn.Sequential(nn.Linear(32, 32, bias=False)).to(dtype).requires_grad_(False)
    layer[0].weight.copy_(torch.tensor([*GROUP, *[0.0] * 28]).to(dtype))
    quantize_(layer, config)
    return layer[0]


def mapped():
    """A table: how each config that runs here maps a group, and what it keeps in memory for a weight."""
    rows = []
    for name, make in MAPPED.items():
        try:
            rows.append([name, *_mapped(make(), torch.bfloat16 if name.startswith("MX") else torch.float32)])
        except REFUSALS as error:
            rows.append([name, "–", message(error, most=30), "–"])
    return Table(
        ["config", "0.75 and 0 come back as", "map", "stored in, bits"],
        rows,
        caption="one group; bits of a weight without its share of the scale",
    )


def _mapped(config, dtype):
    layer = probe(config, dtype)
    weight = layer.weight
    try:
        back = weight.dequantize()[0]
    except REFUSALS:  # packed for a kernel: only the layer itself can say
        back = layer(torch.eye(32, dtype=dtype))[:, 0]
    largest, zero = back[0].item(), back[-1].item()
    codes = weight.qdata
    shift = getattr(weight, "zero_point", None)
    if (
        codes.dtype == torch.float8_e4m3fn
        or not hasattr(weight, "zero_point")
        and "Opaque" not in type(weight).__name__
    ):
        kind = "marks of a float"
    elif zero:
        kind = "lowest to highest"
    elif shift is not None and shift.any():
        kind = "zero point"
    else:
        kind = "clipped" if largest < 0.7499 else "symmetric"
    back = f"{largest:.3f}, {zero:.3f}".replace("-", "−")
    return back, kind, f"{8 * codes.numel() / weight.numel():g}"


# What runs ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Worked:
    """A config that ran on fc1.

    Attributes:
        bytes: of the network's file.
        error: of the network's output.
        ran: what fc1 ran in.
        weights, with_them, rest: bytes of fc1's weights, of their scales and the like, and of the other floats.
        weights_alone: error of the output if nothing but these weights is rounded; None where they are packed for a kernel.
    """

    bytes: int
    error: float
    ran: str
    weights: int
    with_them: int
    rest: int
    weights_alone: float | None


def tried(net, images):
    """(those of the twelve configs that ran, the messages of the others), by name.

    Args:
        net: in fp32; for those configs that take bf16 only, fc1 alone is in bf16.
        images: to compute outputs for.
    """
    expected, works, refused = net(images), {}, {}

    def error_of(outputs):
        return ((outputs - expected).norm() / expected.norm()).item()

    for name, make in TWELVE.items():
        try:
            model = with_fc1(fc1_in_bf16(net) if name in IN_BF16 else net, make())
            outputs = model(images)
            ran = next(row.runs_in for row in rows_of(model, images[:32]) if row.name == "fc1")
        except REFUSALS as error:
            refused[name] = message(error)
        else:
            state = {"fc1.weight": _unpacked(model.fc1.weight)}
            alone = None if state["fc1.weight"] is None else error_of(torch.func.functional_call(net, state, images))
            works[name] = Worked(saved(model), error_of(outputs), ran, *_parts(model), alone)
    return works, refused


def _unpacked(weight):
    """The weight as floats again; None where it is packed for a kernel."""
    try:
        return weight.dequantize().float()
    except REFUSALS:
        return None


def _parts(model):
    """Bytes of fc1's weights, of what goes with them, and of all other floats of the network."""
    own = {name: part for name, part in vars(model.fc1.weight).items() if isinstance(part, torch.Tensor)}
    rest = [part for name, part in model.state_dict().items() if name != "fc1.weight" and part.is_floating_point()]
    weights = own.pop("qdata").nbytes
    return weights, sum(part.nbytes for part in own.values()), sum(part.nbytes for part in rest)


def counted(works):
    """A table of the bytes of each file.

    Args:
        works: of `tried`.
    """
    rows = []
    for name, found in sorted(works.items(), key=lambda item: -item[1].bytes):
        parts = (found.weights, found.with_them, found.rest)
        rows.append([name, *(f"{part:,}" for part in (*parts, found.bytes - sum(parts), found.bytes))])
    return Table(
        ["config", "weights of fc1", "scales, and what goes with them", "other floats", "names, structure", "file"],
        rows,
        caption="bytes",
    )


def do_not_fit(net):
    """A table: two configs are asked for groups of 96, which do not divide the 1,568 inputs of fc1."""
    asked = {
        "4 bits, a byte each": ao.IntxWeightOnlyConfig(weight_dtype=torch.int4, granularity=PerGroup(96)),
        "int4, stable": ao.Int4WeightOnlyConfig(group_size=96),  # it logs at level INFO, which is hidden by default
    }
    rows = []
    for name, config in asked.items():
        try:
            less = saved(net) - saved(with_fc1(net, config))
            rows.append([name, "no error, no warning", f"{less:,}"])
        except REFUSALS as error:
            rows.append([name, message(error, most=55), "–"])
    return Table(["config, groups of 96", "what it says", "bytes saved"], rows)


def refusals(refused):
    """A table of the messages of the configs that did not run."""
    return Table(["config", "message"], [[name, words] for name, words in refused.items()])


def stored_and_computed(fp32_bytes, works):
    """Bars: the file of each config that ran, coloured by what fc1 computed in.

    Args:
        fp32_bytes: of the network that was not quantized.
        works: of `tried`.
    """
    bars = {"fp32": (fp32_bytes, "float32")}
    bars |= {f"{name}: {found.error:.1%}": (found.bytes, found.ran) for name, found in works.items()}
    bars = dict(sorted(bars.items(), key=lambda bar: -bar[1][0]))
    colours = {"int8": "int8", "float32": "fp32", "bfloat16": "fp32"}
    meaning = {name: colours.get(ran, "plain") for name, (_, ran) in bars.items()}
    kilobytes = {name: size / 1000 for name, (size, _) in bars.items()}
    canvas = diagrams.Canvas(height=10 + 44 * len(bars))
    where = {"x": 580, "y": 8, "width": 470, "height": 33, "gap": 11}
    diagrams.bars(canvas, kilobytes, **where, size=31, text="{:.0f} kB", meaning=meaning)
    told = [f"{name}: {size:.0f} kB, {bars[name][1]}" for name, size in kilobytes.items()]
    both = works.get("MXFP4 × MXFP4, emulated")  # its inputs have 4 bits, too
    control = f" MXFP4 with its weights alone rounded: {both.weights_alone:.1%}." if both else ""
    plots.show(
        canvas.figure(),
        alt="Bars of the file for each config that ran: " + "; ".join(told),
        caption="Files, and the error of the network's output. By the audit fc1 multiplies floats (orange) or integers (blue); grey: "
        "the audit does not know the kernel." + control,
    )


def _jobs(layer, rows):
    """Name -> a call of the layer: in fp32 first, then in each way."""
    x = torch.rand(rows, layer.in_features, generator=torch.Generator().manual_seed(0))
    ways = {
        "fp32": (None, torch.float32),
        "bf16": (None, torch.bfloat16),
        "int8 weights": (ao.Int8WeightOnlyConfig(), torch.float32),
        "int8 × int8": (ao.Int8DynamicActivationInt8WeightConfig(), torch.float32),
        "int4, packed, in bf16": (packed_int4, torch.bfloat16),
    }
    jobs = {}
    for name, (config, dtype) in ways.items():
        part, own = nn.Sequential(copy.deepcopy(layer)).to(dtype), x.to(dtype)
        try:
            if config:
                quantize_(part, config() if callable(config) else config)
            part(own)
        except REFUSALS:
            continue  # not on this machine
        jobs[name] = lambda part=part, own=own: part(own)
    return jobs


def race(fc1):
    """Seconds of the fastest sample of each way of one linear layer, without compiling: name of a case -> way -> seconds.

    Args:
        fc1: the layer of the lesson.
    """
    width = 64 if runtime.quick() else 4096
    runtime.seed_all(0)
    wide = nn.Linear(width, width).requires_grad_(False)
    cases = {"fc1, 1 row": (fc1, 1), "fc1, 64 rows": (fc1, 64), f"{width:,} × {width:,}, 1 row": (wide, 1)}
    return {
        name: {
            way: min(times)
            for way, times in timing.compare(
                _jobs(layer, rows), rounds=9, sample_seconds=0.002, device=CPU
            ).samples.items()
        }
        for name, (layer, rows) in cases.items()
    }


def times_faster(races):
    """A table of `race`: how many times as fast as fp32 each way is."""
    names = list(dict.fromkeys(name for fastest in races.values() for name in fastest))
    return Table(
        ["one linear layer", *races],
        [
            [
                name,
                *(f"{fastest['fp32'] / fastest[name]:.2f}" if name in fastest else "–" for fastest in races.values()),
            ]
            for name in names[1:]
        ],
        caption="times as fast as fp32, eager, one thread, the fastest of nine samples each; below 1 is slower",
    )


# What made the error smaller ------------------------------------------------------------------------------------------


class Controls:
    """The weights of fc1, rounded in several ways, and what each does to the output of the network.

    Args:
        net: in fp32.
        images: to compute outputs for.
    """

    def __init__(self, net, images):
        self.net, self.images, self.weight = net, images, net.fc1.weight
        self.expected = net(images)

    def _error(self, outputs):
        return 100 * ((outputs - self.expected).norm() / self.expected.norm()).item()

    def error_with(self, weight):
        """Error of the output, in percent, of the network with another weight of fc1, computed in floats."""
        state = {"fc1.weight": weight}
        return self._error(torch.func.functional_call(self.net, state, self.images))

    def of(self, how):
        """(weight, error of the output in percent) by a config of `FOUR_BITS`; no weight where it is packed."""
        model = with_fc1(self.net, FOUR_BITS[how]())
        weight = model.fc1.weight
        unpacked = weight.dequantize() if hasattr(weight, "zero_point") else None
        return unpacked, self._error(model(self.images).float())

    def either_way(self, seed):
        """(weight, error): the clipped map, but each group is turned round at random before it, and back after it."""
        sign = torch.randint(0, 2, (self.weight.numel() // 32, 1), generator=torch.Generator().manual_seed(seed))
        sign = 2.0 * sign - 1
        turned = nn.Linear(*reversed(self.weight.shape)).requires_grad_(False)
        turned.weight.copy_((self.weight.view(-1, 32) * sign).view_as(self.weight))
        quantize_(part := nn.Sequential(turned), FOUR_BITS["clipped"]())
        weight = (part[0].weight.dequantize().view(-1, 32) * sign).view_as(self.weight)
        return weight, self.error_with(weight)

    def largest_kept(self):
        """(weight, error): the clipped map, but the largest weight of each group stays in float."""
        groups, clipped = self.weight.view(-1, 32), self.of("clipped")[0].view(-1, 32).clone()
        largest = groups.abs().argmax(1, keepdim=True)
        weight = clipped.scatter(1, largest, groups.gather(1, largest)).view_as(self.weight)
        return weight, self.error_with(weight)

    def told(self, weight, error):
        """How far the weights are off, the mean error of the largest weight of a group in steps, and that of the output."""
        groups, off = self.weight.view(-1, 32), (weight - self.weight).reshape(-1, 32)
        largest = groups.abs().argmax(1, keepdim=True)
        step = groups.abs().amax(1, keepdim=True) / 7.5
        return 100 * (off.norm() / groups.norm()).item(), (off / step).gather(1, largest).mean().item(), error


def controls(rounded):
    """Four ways of rounding fc1 -> one (error of the weights, error of the largest in steps, error of the output) a run.

    Args:
        rounded: `Controls` of some networks. Groups are turned round three times in each.
    """
    return {
        "clipped": [one.told(*one.of("clipped")) for one in rounded],
        "clipped, groups turned round": [one.told(*one.either_way(seed)) for one in rounded for seed in range(3)],
        "clipped, the largest kept in float": [one.told(*one.largest_kept()) for one in rounded],
        "symmetric": [one.told(*one.of("symmetric")) for one in rounded],
    }


def table_of_controls(found):
    """A table of `controls`: means, and for the output the lowest and the highest as well."""
    rows = []
    for name, runs in found.items():
        weights, largest, output = zip(*runs, strict=True)
        low = f"{fmean(largest) + 0.0:+.2f}".replace("-", "−").replace("−0.00", "+0.00")
        rows.append([name, f"{fmean(weights):.1f} %", low, mean_and_range(output, "{:.2f}")])
    return Table(
        ["fc1, 4 bits", "error, weights", "largest, steps", "error, output, %"],
        rows,
        caption="means over three networks; third column: error of the largest weight of each group, in steps of its group",
    )


def available():
    """The names of `FOUR_BITS` that run on this machine."""
    try:
        packed_int4()
    except REFUSALS:
        return [name for name in FOUR_BITS if name != "packed"]
    return list(FOUR_BITS)


def ladder(errors):
    """A table: for each network the errors of the four configs, then the means, and the share of each step.

    Args:
        errors: name of a config -> one number a network, in percent.
    """
    names = list(errors)
    means = [sum(found) / len(found) for found in errors.values()]
    drop = means[0] - means[-1]
    rows = []
    for i, name in enumerate(names):
        share = f"{(means[i - 1] - means[i]) / drop:.0%}" if i else "–"
        rows.append([name, ", ".join(f"{e:.2f}" for e in errors[name]), f"{means[i]:.2f}", share])
    return Table(
        ["config", "error of the output, %", "mean", "part of the drop"],
        rows,
        caption="fc1 of three networks that were trained with different seeds; 4 bits, groups of 32",
    )


# Graphs ---------------------------------------------------------------------------------------------------------------


def operations(graph):
    """Names of the operations, in order: q and dq for the change of type."""
    names = [str(node.target).split(".") for node in graph.graph.nodes if node.op == "call_function"]
    names = [name[-2] for name in names]
    return ["dq" if n.startswith("dequantize") else "q" if n.startswith("quantize") else n for n in names]


def _draw(graph):
    canvas, x, y = diagrams.Canvas(height=300), 20, 20
    for name in operations(graph):
        width = 74 if name in ("q", "dq") else 190
        if x + width > 1180:
            x, y = 20, y + 95
        fill = {"q": "int8", "dq": "fp32"}.get(name, "activations")
        canvas.box(x, y, name, width=width, height=66, fill=fill, size=30)
        x += width + 12
    return canvas.figure()


def graphs(exported, converted):
    """Two frames: the operations of the graph as exported, and as converted."""
    plots.show(
        [_draw(exported), _draw(converted)],
        alt=[
            "Boxes in the order of the exported graph: " + ", ".join(operations(exported)) + ".",
            "Boxes in the order of the converted graph, q in blue, dq in orange: "
            + ", ".join(operations(converted))
            + ".",
        ],
        caption="The graph as exported, then as converted; row by row. Blue, q: float to int8. Orange, dq: back to float.",
    )


def exported_bytes(graph, example, keep_inputs=False):
    """Bytes of the .pt2 file of a graph; torch.export.save writes the example inputs, too, unless they are taken out."""
    program = torch.export.export(graph, (example,))
    if not keep_inputs:
        program.example_inputs = None
    torch.export.save(program, file := io.BytesIO())
    return len(file.getvalue())


def without_unread(graph):
    """A copy without the parameters that no operation reads: the float weights that convert left behind."""
    graph = copy.deepcopy(graph)
    read = {node.target for node in graph.graph.nodes if node.op == "get_attr"}
    for name in [name for name, _ in graph.named_parameters() if name not in read]:
        owner, _, leaf = name.rpartition(".")
        delattr(graph.get_submodule(owner), leaf)
    return graph


def int8_layers(graph):
    """How many products and convolutions of a graph run in int8, by the audit."""
    return sum(row.runs_in == "int8" for row in int8_audit.audit(graph).rows)


def chain():
    """A flow: what the converted graph describes for one layer, and what the compiler makes of it."""
    canvas = diagrams.Canvas(height=330)
    fill = {"q": "int8", "dq": "fp32", "int8 conv2d": "int8"}
    rows = (
        (30, "described", ("int8 in", "dq", "conv2d", "relu", "q", "int8 out")),
        (200, "compiled", ("int8 in", "int8 conv2d", "int8 out")),
    )
    for y, words, names in rows:
        canvas.text(30, y + 45, words, align="left")
        width = 140 if len(names) == 6 else 190
        gap = (1180 - 200 - width * len(names)) / (len(names) - 1)
        boxes = [
            canvas.box(
                200 + i * (width + gap), y, name, width=width, height=90, fill=fill.get(name, "activations"), size=24
            )
            for i, name in enumerate(names)
        ]
        for n, (one, other) in enumerate(zip(boxes, boxes[1:], strict=False)):
            as_float = len(names) == 6 and 0 < n < 4
            canvas.wire(one.right, other.left, meaning="fp32" if as_float else "int8")
    plots.show(
        canvas.figure(),
        alt="Above, the chain that the converted graph describes: integers, dq, conv2d, relu and q, integers again; floats flow between dq "
        "and q. Below, what the compiler makes of it: one int8 convolution that takes and gives integers.",
        caption="Orange arrows are floats, blue ones int8. The compiler replaces the upper chain by the lower one, where it has a kernel for it.",
    )


# The record -----------------------------------------------------------------------------------------------------------


class Recorded:
    """Packages and compiled layers, which take a C++ compiler: one file a processor, of which the first is shown."""

    def __init__(self):
        files = sorted(RECORDS.glob("*.json"))
        if not files:
            raise FileNotFoundError(f"no record in {RECORDS}: make one with {command('bench', 'packages')}")
        found = json.loads(files[0].read_text(encoding="utf-8"))
        self.chip, self.packages, self.layers = found["cpu"], found["packages"], found["layers"]
        self.right = found["eager"]

    def table(self):
        """The packages: bytes, int8 kernels, accuracy, speed."""
        return Table(
            ["package", "bytes", "int8 kernels called", "accuracy, %", "times as fast"],
            [
                [name, f"{p['bytes']:,}", p["qconv"] + p["qlinear"], f"{p['right']:.1f}", f"{p['times_faster']:.1f}"]
                for name, p in self.packages.items()
            ],
            caption=f"a record, {self.chip}, one thread; times as fast as the eager fp32 network, 64 images",
        )

    def compiled(self):
        """Single layers: each way, eager and compiled, over eager fp32."""
        cases = {"fc1, 1 row": ("fc1", "1"), "fc1, 64 rows": ("fc1", "64")}
        cases |= {"4,096², 1 row": ("wide", "1"), "4,096², 64 rows": ("wide", "64")}
        ways = self.layers["fc1"]["1"]
        return Table(
            ["way", *cases],
            [[way, *(f"{self.layers[layer][rows][way]:.2f}" for layer, rows in cases.values())] for way in ways],
            caption=f"a record, {self.chip}, one thread; times as fast as the same layer in eager fp32",
        )


# Deeper ---------------------------------------------------------------------------------------------------------------


def three_formats(rows):
    """Number lines of formats, each scaled so that its outermost mark is at 1 or -1.

    Args:
        rows: name -> its values.
    """
    canvas = diagrams.Canvas(height=400)
    for row, (name, marks) in enumerate(rows.items()):
        ticks = dict.fromkeys((marks / marks.abs().max()).tolist(), "")
        diagrams.number_line(canvas, -1, 1, y=90 + 125 * row, ticks=ticks, meaning="int8" if row == 0 else "fp32")
        canvas.text(60, 48 + 125 * row, name, align="left")
        canvas.text(1140, 48 + 125 * row, f"{len(ticks)} marks", align="right")
    *_, last = rows.values()
    plots.show(
        canvas.figure(),
        alt="Three number lines from -1 to 1. int4 has 16 marks at equal distances. e2m1 has 15, their distance doubles twice on the way out. "
        f"e4m3 has {len(last)}, which run together around 0 and have gaps of a fourteenth at the ends.",
        caption="All marks of three formats, computed from their bits.",
    )


def decibels(weight, other):
    """Signal over error of a rounded weight, in dB."""
    return 10 * math.log10(weight.square().sum() / (weight - other).square().sum())


def count(graph):
    """How often each operation stands in a graph."""
    return collections.Counter(operations(graph))
