"""Tables and drawings of the lesson adapters."""

import json

import torch

from course_utils import diagrams, language, plots
from course_utils.files import ROOT
from course_utils.tables import Table
from lessons.adapters import levels
from lessons.adapters.levels import matrices

RECORD = ROOT / "records" / "adapters" / "arms.json"
SPACE = 1  # its place in language.ALPHABET
SMOLLM2 = {"matrices": 106.2, "table of tokens": 28.3, "adapters": 1.221}  # millions of numbers


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
    line = diagrams.number_line(canvas, -0.5, 4.1, y=400, ticks={n: f"code {n}" for n in range(4)})
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


def memory():
    """What training SmolLM2 keeps, in a table: bytes for each number, times millions of numbers."""
    whole, few = SMOLLM2["matrices"] + SMOLLM2["table of tokens"], SMOLLM2["adapters"]
    rounded = SMOLLM2["matrices"] * 5 / 8 + SMOLLM2["table of tokens"] * 2
    rows = []
    for name, frozen, trained in (
        ("all weights", 0, whole),
        ("adapters, the rest in 32 bits", 4 * whole, few),
        ("adapters, the rest in 4 bits", rounded, few),
    ):
        parts = [frozen, 4 * trained, 4 * trained, 8 * trained]
        rows.append([name, *(f"{part:,.0f}" for part in (*parts, sum(parts)))])
    return Table(
        ["what is trained", "frozen", "trained", "gradients", "averages", "together"],
        rows,
        caption=f"SmolLM2, in MB, without activations. In 4 bits: 5 for each of {SMOLLM2['matrices']} million weights, "
        f"with its levels, and 16 for the {SMOLLM2['table of tokens']} million of the table of tokens.",
    )


def record(arm):
    """The runs of an arm in the record: one for each seed, at the best rate; a model without adapters has one."""
    return [run for run in json.loads(RECORD.read_text(encoding="utf-8"))["runs"] if run["arm"] == arm]


def mean(runs, key):
    """The mean of a number of these runs."""
    return sum(run[key] for run in runs) / len(runs)


def arms():
    """A table of the record: how the training of adapters changes the model of 2 bits, and the float model."""
    rows = []
    for name, arm in (
        ("2 bits", "2 bits"),
        ("2 bits and adapters", "code"),
        ("3 bits", "3 bits"),
        ("float", "float"),
        ("float and adapters", "twin"),
    ):
        runs = record(arm)
        losses = [run["loss"] for run in runs]
        spread = f"{min(losses):+.4f} to {max(losses):+.4f}" if len(runs) > 1 else f"{losses[0]:.4f}"
        rate = f"{runs[0]['rate']:g}" if "rate" in runs[0] else ""
        rows.append([name, rate, spread.replace("-", "−"), f"{mean(runs, 'kl'):.4f}", f"{mean(runs, 'same'):.2f}"])
    return Table(
        ["model", "best rate", "rise of the loss", "KL", "same"],
        rows,
        caption="Code that no model has seen. With adapters: all six seeds for the loss, and the mean for KL and same.",
    )


def right(models):
    """The share of right answers on unseen modules in capitals: of a model that always writes a space, and of these."""
    held = levels.pieces(language.encode(language.source(language.HELD_OUT)[0].upper()))
    found = {"always a space": (held[:, 1:] == SPACE).float().mean().item()}
    for name, model in models.items():
        expected, came = levels.logits(model, held)
        found[name] = (expected.argmax(-1) == came).float().mean().item()
    return found


def new_task(found):
    """Print what `right` found, and the lowest and the highest of the six trainings of the record."""
    runs = record("capitals")
    six = {"2 bits and adapters": [run["right"] for run in runs], "merged": [run["merged"]["right"] for run in runs]}
    for name, value in found.items():
        spread = f"   six trainings: {min(six[name]):.1%} to {max(six[name]):.1%}" if name in six else ""
        print(f"{name:20} {value:.1%} right{spread}")
