"""Tables and drawings of the lesson torchao, and the race of single layers."""

import copy
import io
import json

import torch
from torch import nn
from torchao.quantization import IntxWeightOnlyConfig, PerGroup, quantize_

from course_utils.files import ROOT
from course_utils.measure import timing
from course_utils.show import diagrams, plots
from course_utils.show.tables import Table

GROUP = (0.75, -0.30, 0.10, -0.42)  # the weights of the example by hand; 28 zeros go with them
PACKED = "int4, packed"


def saved(model):
    """Bytes of a model's state in a file."""
    torch.save(model.state_dict(), file := io.BytesIO())
    return file.tell()


def first_table(networks, images, labels):
    """A table: the file of each network, how far its outputs have moved, and its accuracy."""
    expected, rows = networks["float"](images), []
    for name, network in networks.items():
        outputs = network(images)
        moved = (outputs - expected).norm() / expected.norm()
        right = (outputs.argmax(1) == labels).float().mean()
        name = str(name).removeprefix("torch.")
        rows.append([name, f"{saved(network):,}", f"{moved:.1%}", f"{right:.1%}"])
    return Table(["weights of fc1", "file, bytes", "outputs moved by", "right"], rows)


def comes_back(dtype):
    """What torchao makes of the group of the example, as floats again."""
    layer = nn.Sequential(nn.Linear(32, 32, bias=False)).requires_grad_(False)
    layer[0].weight.copy_(torch.tensor([*GROUP, *[0.0] * 28]))
    quantize_(layer, IntxWeightOnlyConfig(weight_dtype=dtype, granularity=PerGroup(32)))
    return layer[0].weight.dequantize()[0, :4].tolist()


def ruler(back):
    """Draw the sixteen values of 4 bits with the scale 0.1, and where the weights of the example fall.

    Args:
        back: the four weights as they came back.
    """
    canvas = diagrams.Canvas(height=240)
    ticks = {n / 10: f"{n / 10:.1f}".replace("-", "−") if n in (-8, -4, 0, 4, 7) else "" for n in range(-8, 8)}
    line = diagrams.number_line(canvas, -0.85, 0.85, y=165, ticks=ticks)
    for weight, value in zip(GROUP, back, strict=True):
        line.point(weight, above=75, falls_to=value)
        canvas.text(line.place(weight) - 20 * (weight == -0.42), 55, f"{weight:.2f}".replace("-", "−"), colour="fp32")
    plots.show(
        canvas.figure(),
        alt="A number line with sixteen marks from −0.8 to 0.7. Four weights fall to it: "
        + "; ".join(f"{weight:.2f} to {value:.2f}" for weight, value in zip(GROUP, back, strict=True))
        + ".",
        caption="Blue: the sixteen values that 4 bits allow here. Orange: the weights, and where torchao put them.",
    )


def _parts(layer):
    """The integers of a layer's weight, and what is stored beside them."""
    parts = {name: part for name, part in vars(layer[0].weight).items() if isinstance(part, torch.Tensor)}
    return parts.pop("qdata", layer[0].weight), list(parts.values())


def bytes_a_weight(layer):
    """Bytes of a weight: of its integer alone, and with its share of scales and the like."""
    codes, beside = _parts(layer)
    count = layer[0].weight.numel()
    return codes.nbytes / count, (codes.nbytes + sum(part.nbytes for part in beside)) / count


def stored(layers):
    """A table of the bytes of each layer."""
    rows = []
    for name, layer in layers.items():
        alone, together = bytes_a_weight(layer)
        rows.append([name, f"{alone:.2f}", f"{together:.2f}", f"{saved(layer) / 1e6:.1f}"])
    return Table(["config", "bytes a weight", "with scales and the like", "file, MB"], rows)


def race(wide, configs):
    """Rows of input -> the timing of the layer in each way; the packed one reads bfloat16."""
    ways = {"float": wide}
    for name in ("int8 × int8", "int8 weights", PACKED):
        ways[name] = copy.deepcopy(wide).to(torch.bfloat16 if name == PACKED else torch.float32)
        quantize_(ways[name], configs[name])
    races = {}
    for rows in (64, 1):
        x = torch.randn(rows, wide[0].in_features)
        given = {name: x.bfloat16() if name == PACKED else x for name in ways}
        jobs = {name: lambda layer=layer, x=given[name]: layer(x) for name, layer in ways.items()}
        races[rows] = timing.compare(jobs, rounds=7, sample_seconds=0.002, device="cpu")
    return races


def times(races):
    """A table: how many times as fast as float each way is."""
    rows = [
        [name + ", bfloat16" * (name == PACKED), *(f"{races[n].ratio(name, over='float'):.2f}" for n in (1, 64))]
        for name in races[1].samples
    ]
    return Table(
        ["one layer, one thread", "1 row", "64 rows"],
        rows,
        caption="times as fast as float, not compiled; below 1 is slower",
    )


def kept(name, layer, routines):
    """Of a config: values, bytes and routine in words, each with whether it is blue."""
    codes, _ = _parts(layer)
    values = len((torch.stack([codes & 15, codes >> 4]) if codes.dtype == torch.uint8 else codes).unique())
    alone, _ = bytes_a_weight(layer)
    integers = any("_int_mm" in routine for routine in routines)
    return [
        (f"{values} values", values <= 2 ** int(name[3])),
        (f"{alone:.2f} bytes", 8 * alone <= int(name[3])),
        ("integers" if integers else "floats", integers),
    ]


def three_questions(layers, ran):
    """Draw five configs and their three answers: blue for few bits and for integers, orange otherwise."""
    rows = {name: kept(name, layer, ran[name]) for name, layer in layers.items() if name != "float"}
    canvas = diagrams.Canvas(height=470)
    for column, words in enumerate(("values", "bytes", "arithmetic")):
        canvas.text(435 + 300 * column, 30, words, bold=True, size=28)
    for row, (name, answers) in enumerate(rows.items()):
        y = 60 + 82 * row
        canvas.text(260, y + 36, name, align="right", size=28)
        for column, (words, good) in enumerate(answers):
            x = 295 + 300 * column
            canvas.box(x, y, words, width=280, height=72, fill="int8" if good else "fp32", size=28)
    told = "; ".join(f"{name}: " + ", ".join(words for words, _ in answers) for name, answers in rows.items())
    plots.show(
        canvas.figure(),
        alt=f"Five configs, and for each the values, the bytes of an integer, and what is multiplied. {told}.",
        caption="Different integers that occur; bytes of an integer; what is multiplied.",
    )


def recorded():
    """A table of the record: single layers, eager and compiled, over the eager float layer."""
    record = json.loads((ROOT / "records" / "torchao" / "amd-epyc.json").read_text(encoding="utf-8"))
    cases = [(layer, rows) for layer in ("fc1", "wide") for rows in ("1", "64")]
    return Table(
        ["way", *(f"{'1,568 → 128' if one == 'fc1' else '4,096 → 4,096'}, rows: {rows}" for one, rows in cases)],
        [
            [way, *(f"{record['layers'][one][rows][way]:.2f}" for one, rows in cases)]
            for way in record["layers"]["fc1"]["1"]
        ],
        caption=f"{record['cpu']}, one thread, fastest of 50 calls; times as fast as the same layer in eager float",
    )
