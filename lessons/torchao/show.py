"""The drawing and the tables of the lesson torchao, and the race of one layer."""

import copy
import json

import torch
from torch.profiler import profile
from torchao.quantization import quantize_

from course_utils import diagrams, plots, timing
from course_utils.files import ROOT
from course_utils.tables import Table

PACKED = "int4, packed"
GROUP = 32


def a_group_in_bytes(layers, bits):
    """Draw each byte of a group of 32 weights: as int4 promises, packed, and as torchao stores int4 unpacked.

    Args:
        layers: name -> a network of one layer.
        bits: a weight -> its bits, all counted.
    """
    canvas = diagrams.Canvas(height=350)
    rows = [("what the name says", {"int8": GROUP // 2})]
    for name, beside in ((PACKED, {"fp32": 8}), ("int4 weights", {"fp32": 4, "fp16": 1})):
        n_bytes = round(GROUP * bits(layers[name][0].weight) / 8)
        rows.append((name, {"int8": n_bytes - sum(beside.values()), **beside}))
    told = []
    for row, (name, parts) in enumerate(rows):
        top, n_bytes, column = 55 + 120 * row, sum(parts.values()), 0
        canvas.text(20, top - 26, f"{name}: {n_bytes} bytes, {8 * n_bytes / GROUP:g} bits a weight", align="left")
        for meaning, count in parts.items():
            for _ in range(count):
                canvas.box(20 + 31 * column, top, width=30, height=44, fill=meaning, colour="white")
                column += 1
        told.append(f"{name}: {parts['int8']} bytes of integers and {n_bytes - parts['int8']} beside them")
    plots.show(
        canvas.figure(),
        alt="Rows of boxes, one for each byte of 32 weights: " + "; ".join(told) + ".",
        caption="32 weights, a box for each byte. Blue: integers. Orange: floats stored beside them. Yellow: a zero point.",
    )


def race(wide, layers, configs, x):
    """Time the layer for the inputs x: in float, with int8 weights, and in bfloat16, as it is and packed."""
    short = copy.deepcopy(wide).bfloat16()
    packed = copy.deepcopy(short)
    quantize_(packed, configs[PACKED])
    integers = layers["int8 weights"][0].weight.qdata
    there = torch.empty_like(wide[0].weight)  # memory that was handed out before
    jobs = {
        "float": lambda: wide(x),
        "int8 weights": lambda: layers["int8 weights"](x),
        "only making floats of them": lambda: integers.t().to(x.dtype),  # as torchao does
        "… into memory already allocated": lambda: there.t().copy_(integers.t()),
        "bfloat16": lambda: short(x.bfloat16()),
        f"{PACKED}, bfloat16": lambda: packed(x.bfloat16()),
    }
    return timing.compare(jobs, rounds=9, sample_seconds=0.005, device="cpu")


def times(race):
    """A table: the time that each way takes, over that of the float layer."""
    rows = [[name, f"{1 / race.ratio(name, over='float'):.1f}"] for name in race.samples]
    return Table(["one row, one thread, not compiled", "time (float = 1)"], rows)


def routines(layers, x):
    """Name -> the routines with `mm` in their names that the layer runs for x."""
    ran = {}
    for name, layer in layers.items():
        with profile() as seen:
            layer(x)
        ran[name] = [event.key for event in seen.key_averages() if "mm" in event.key]
    return ran


def three_answers(layers, bits, ran):
    """A table of the configs: values of an integer, bits of a weight, and what is multiplied."""
    rows = []
    for name, layer in layers.items():
        if name != "float":
            codes = layer[0].weight.qdata
            values = len((torch.stack([codes & 15, codes >> 4]) if name == PACKED else codes).unique())
            multiplied = "integers" if any("_int_mm" in routine for routine in ran[name]) else "floats"
            rows.append([name, values, f"{bits(layer[0].weight):.2f}", multiplied])
    return Table(["config", "different integers", "bits a weight", "multiplies"], rows)


def recorded():
    """A table of the record: a wide layer, eager and compiled: time over that of the eager float layer."""
    record = json.loads((ROOT / "records" / "torchao" / "amd-epyc.json").read_text(encoding="utf-8"))
    one, many = record["layers"]["wide"].values()
    return Table(
        ["4,096 × 4,096", "1 row", "64 rows"],
        [[way, f"{1 / one[way]:.2f}", f"{1 / many[way]:.2f}"] for way in one],
        caption=f"{record['cpu']} with VNNI, one thread, fastest of 50 calls: time (eager float = 1)",
    )
