"""Counts, tables and drawings of the lesson adapters."""

import copy
import io

import torch

from course_utils.show import diagrams, plots
from course_utils.show.tables import Table
from lessons.adapters.levels import matrices


def layer(lora):
    """Draw a layer with its adapter, and how many numbers each has."""
    rows, columns = lora.layer.weight.shape
    rank = len(lora.a)
    canvas = diagrams.Canvas(height=350)
    x, y = canvas.box(30, 75, "x", width=90, height=80), canvas.box(1080, 75, "y", width=90, height=80)
    frozen = canvas.box(400, 65, f"W: {rows} × {columns}\nfrozen", width=290, height=100, fill="int8")
    plus = canvas.box(915, 80, "+", width=70, height=70, size=34)
    down = canvas.box(230, 220, f"A: {rank} × {columns}", width=240, height=80, fill="fp32")
    up = canvas.box(620, 220, f"B: {rows} × {rank}", width=240, height=80, fill="fp32")
    wide = {"meaning": "activations", "thick": 8}
    canvas.wire(x.right, frozen.left, **wide)
    canvas.wire(frozen.right, plus.left, **wide)
    canvas.wire(plus.right, y.left, **wide)
    canvas.wire((75, 155), (75, 260), arrow=False, **wide)
    canvas.wire((75, 260), down.left, **wide)
    canvas.wire(down.right, up.left, meaning="activations", thick=3)
    canvas.wire(up.right, (950, 260), arrow=False, **wide)
    canvas.wire((950, 260), plus.bottom, **wide)
    a, b = lora.a.numel(), lora.b.numel()
    canvas.text(545, 35, f"{rows * columns:,} weights", colour="int8", bold=True)
    canvas.text(545, 328, f"{a:,} + {b:,} = {a + b:,} numbers, trained", colour="fp32", bold=True)
    plots.show(
        canvas.figure(),
        alt=f"The input x goes two ways: through a box with the frozen weight W, {rows * columns:,} weights, and below it through "
        f"a box A and a box B, together {a + b:,} numbers. Both ways meet at a plus before the output y.",
        caption="A layer of the small Transformer and its adapter. The thin wire carries four numbers.",
    )


def steps_moved(model):
    """How far the adapters move each weight in the blocks, in steps of its row."""
    loras = [model.get_submodule(name) for name in matrices(model)]
    return torch.cat([(lora.scale * lora.b @ lora.a / lora.layer.step.float()).detach().flatten() for lora in loras])


def nine_weights(model):
    """Draw nine weights of one row on their levels, and where the adapter moves them."""
    lora, sizes = model.blocks[0].qkv, steps_moved(model).abs()
    start = ((lora.layer.weight - lora.layer.low.float()) / lora.layer.step.float())[0, :9].tolist()
    change = (lora.scale * lora.b @ lora.a / lora.layer.step.float())[0, :9].tolist()
    canvas = diagrams.Canvas(height=460)
    line = diagrams.number_line(canvas, -0.5, 4.1, y=400, ticks={n: f"level {n}" for n in range(4)})
    for n in range(3):
        canvas.axes.plot([line.place(n + 0.5)] * 2, [60, 400], ":", color=plots.COLOURS["grey"], linewidth=3)
        canvas.text(line.place(n + 0.5), 35, "half-way", size=22)
    canvas.text(line.place(3.62), 35, "moved, in steps", size=22, colour="fp32")
    for row, (old, step) in enumerate(zip(start, change, strict=True)):
        height = 80 + 36 * row
        canvas.axes.plot(line.place(old), height, "o", color=plots.COLOURS["blue"], markersize=15, zorder=5)
        canvas.axes.plot(line.place(old + step), height, "D", color=plots.COLOURS["orange"], markersize=7, zorder=6)
        canvas.text(line.place(3.62), height, f"{step:+.3f}".replace("-", "−"), size=22)
    median, most = sizes.median().item(), sizes.max().item()
    plots.show(
        canvas.figure(),
        alt="Nine weights of one row on a line with four levels. Where the adapter moves each of them is drawn on top of it: "
        + ", ".join(f"{step:+.3f}" for step in change)
        + " of a step. None comes near the line half-way to the next level.",
        caption=f"Blue: on its level; orange: with the adapter. All {len(sizes):,} weights: median {median:.3f} of a step, "
        f"largest {most:.2f}.",
    )


def size(state):
    """Bytes of a file with these tensors."""
    file = io.BytesIO()
    torch.save(state, file)
    return file.tell()


def in_16_bits(model):
    """A copy whose adapters have the values that 16 bits hold."""
    sent = copy.deepcopy(model)
    for number in sent.parameters():
        if number.requires_grad:
            number.data = number.data.half().float()
    return sent


def files(models, perplexities):
    """What can be shipped, in a table; both dicts have a name for each model."""
    bytes_of = {name: size(models[name].state_dict()) for name in ("float", "2 bits", "3 bits")}
    trained = models["2 bits and adapter"].named_parameters()
    adapter = size({name: number.detach().half() for name, number in trained if number.requires_grad})
    bytes_of["2 bits and adapter"] = bytes_of["2 bits"] + adapter
    rows = [
        [name, f"{bytes_of[name] / 1000:,.0f}", f"{perplexities[name]:.2f}"]
        for name in ("float", "2 bits", "2 bits and adapter", "3 bits")
    ]
    return Table(
        ["what you ship", "kB", "perplexity"], rows, caption=f"The adapter alone, in 16 bits: {adapter / 1000:.0f} kB."
    )
