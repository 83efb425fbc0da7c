"""The figure and the table of the lesson real_model, and what its record says."""

import json

from course_utils import plots
from course_utils.files import ROOT
from course_utils.tables import Table

RECORD = ROOT / "records" / "real_model" / "copies.json"
WHITE = {"facecolor": "white", "edgecolor": "none", "pad": 1}  # behind a number that a line may cross
WAYS = {"float32": "PyTorch, float32", "int8": "PyTorch, int8", "OpenVINO": "OpenVINO, 4 bits"}
COPIES = {
    "file": "PyTorch, float32",
    "int8": "PyTorch, int8",
    "OpenVINO": "OpenVINO",
    "minima": "PyTorch, float32, minima rounded",
}


def floors(took, read, bandwidth):
    """Bars of the time of a token in each runtime; dark is the floor of its bytes, a line the floor of float32.

    Args:
        took: runtime -> seconds of a token.
        read: runtime -> bytes of the weights.
        bandwidth: bytes per second.
    """
    fig, ax = plots.figure(size=(9.6, 3.9))
    ways = [way for way in read if way in took]
    longest, told = 1e3 * max(took.values()), []
    for row, way in enumerate(ways):
        ms, floor = 1e3 * took[way], 1e3 * read[way] / bandwidth
        ax.barh(row, ms, color=plots.COLOURS["blue"], alpha=0.35)
        ax.barh(row, floor, color=plots.COLOURS["blue"])
        ax.text(ms + 0.015 * longest, row, f"{ms:.0f} ms", va="center", fontsize=18, bbox=WHITE)
        told.append(f"{WAYS[way]}: {ms:.0f}, and the floor of {read[way] / 1e6:.0f} MB is {floor:.0f}")
    line = 1e3 * read["float32"] / bandwidth
    ax.axvline(line, color=plots.COLOURS["orange"], linestyle="--", linewidth=2.5)
    ax.text(line + 0.01 * longest, -0.62, "floor of float32", color=plots.COLOURS["orange"], fontsize=18)
    ax.set_yticks(range(len(ways)), [f"{WAYS[way]}\n{read[way] / 1e6:.0f} MB" for way in ways])
    ax.set(xlabel="milliseconds for a token, one thread", xlim=(0, 1.15 * longest), ylim=(len(ways) - 0.5, -0.95))
    ax.grid(axis="y", visible=False)
    plots.show(
        fig,
        alt=f"Bars of the milliseconds of a token. {'; '.join(told)}. A dashed line marks the floor of float32.",
        caption="Dark: the memory floor of the weights, bytes over bandwidth. Light: all the rest.",
    )


def still_the_same():
    """A table of the record: how far each model is from another one."""
    rows = []
    for run in json.loads(RECORD.read_text(encoding="utf-8"))["runs"]:
        if run["to"] in COPIES:
            kl, same = run["kl"], run["same"]
            told = [COPIES[run["from"]], COPIES[run["to"]], f"{kl[0]:.4f} ± {kl[1]:.4f}", f"{100 * same[0]:.0f} %"]
            rows.append((run["from"] != "file", run["to"] == "minima", told))
    columns = ["from", "to", "KL divergence", "same first choice"]
    rows = [row for _, _, row in sorted(rows, key=lambda row: row[:2])]
    return Table(columns, rows, caption="1,020 tokens of Python's manual; ±: standard error, if tokens are independent")


def moved(copy):
    """The KL divergence of a copy from the weights of the file, out of the record."""
    runs = json.loads(RECORD.read_text(encoding="utf-8"))["runs"]
    return next(run["kl"][0] for run in runs if (run["from"], run["to"]) == ("file", copy))
