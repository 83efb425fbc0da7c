"""The drawing of the lesson pt2e, the records of a network alike, and a fresh process that opens a file."""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import torch

from course_utils.int8_routes import record
from course_utils.show import diagrams, plots

WIDE = "int8 conv2d with relu6"

ROWS = (
    ("exported", ("in", "conv2d", "batch\nnorm", "relu6", "out"), ("fp32", "fp32", "fp32", "fp32")),
    (
        "converted",
        ("in", "dq", "conv2d", "relu6", "q", "out"),
        ("int8", "fp32", "fp32", "fp32", "int8"),
    ),
    ("compiled", ("in", WIDE, "out"), ("int8", "int8")),
)


def chain():
    """Draw one layer in three rows: as exported, as converted, and what the compiler makes of it."""
    fill = {"q": "int8", "dq": "fp32", WIDE: "int8"}
    canvas = diagrams.Canvas(height=470)
    for row, (title, names, wires) in enumerate(ROWS):
        y, step = 30 + 150 * row, 840 / (len(names) - 1)
        canvas.text(20, y + 50, title, bold=True, align="left", size=26)
        boxes = []
        for place, name in enumerate(names):
            left, width = (205 + step * place, 118) if name != WIDE else (373, 622)
            boxes.append(canvas.box(left, y, name, width=width, height=100, fill=fill.get(name, "white")))
        for one, other, meaning in zip(boxes, boxes[1:], wires, strict=False):
            canvas.wire(one.right, other.left, meaning=meaning, thick=3 if meaning == "int8" else 8)
    plots.show(
        canvas.figure(),
        alt="One layer in three rows. Exported: conv2d, batch norm and relu6, with floats between them. Converted: integers come "
        "in, dq makes floats of them, conv2d and relu6 compute in float, and q makes integers. Compiled: one int8 convolution "
        "takes integers and gives integers.",
        caption="Orange: floats. Blue: int8; a thinner wire carries fewer bytes. The compiler replaces the middle row by the lowest.",
    )


def has_cpp_compiler():
    """Whether torch.compile will find a C++ compiler, as `course.py doctor` looks for it."""
    return any(shutil.which(name) for name in ("c++", "g++", "clang++", "cl"))


RECORDED = {
    "float": "fp32, eager",
    "float, compiled": "fp32, compiled and frozen",
    "int8, compiled": "int8 PT2E, compiled and frozen",
}


def recorded():
    """Print how many times as fast as eager float MobileNet-v2 is, compiled, by the record of each processor."""
    kept = {name.split(",")[0]: one.rows for name, one in record.records().items()}
    print(" " * 15 + "".join(f"{name:>14}" for name in kept))
    for called, variant in RECORDED.items():
        found = [
            next(row.speedup_over_eager for row in rows if (row.model, row.variant) == ("MobileNet-v2", variant))
            for rows in kept.values()
        ]
        print(f"{called:15}" + "".join(f"{times:14.2f}" for times in found))


FRESH = """
import sys, torch
import torchao.quantization.pt2e.quantize_pt2e
torch.set_num_threads(1)
torch.set_grad_enabled(False)
model = torch.export.load(sys.argv[1]).module()
torch.save(torch.cat([model(photo).argmax(1) for photo in torch.load(sys.argv[2]).split(1)]), sys.argv[3])
"""


def in_a_fresh_process(file, photos):
    """The answers that another Python gives with the network in a file."""
    with tempfile.TemporaryDirectory() as folder:
        given, answers = Path(folder, "photos.pt"), Path(folder, "answers.pt")
        torch.save(photos, given)
        subprocess.run(
            [sys.executable, "-W", "ignore", "-c", FRESH, file, given, answers], check=True, capture_output=True
        )
        return torch.load(answers)
