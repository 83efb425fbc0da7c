"""What the lesson lightning_qat draws and times."""

import json
import statistics
import tempfile
import time
from pathlib import Path

import torch
from lightning.pytorch import LightningModule
from torch import nn
from torch.ao import quantization as tq

from course_utils.files import ROOT
from course_utils.lightning import QuantizationAwareTraining
from course_utils.runtime import quick
from course_utils.show import plots
from course_utils.show.tables import Table, si

RECORD = ROOT / "records" / "lightning_qat" / "ranges.json"
ARMS = {
    "float": "float",
    "slow": "int8, constant 0.01",
    "fast in the last layer": "int8, 0.3 in the last layer",
    "fast": "int8, constant 0.3",
    "float, then slow": "one epoch in float,\nthen int8, 0.01",
}


def ceiling(model, pixels, share):
    """Draw what the last layer of a network with rounding computes, and what is left behind the cut.

    Args:
        model: trained by `watched.TwoHooks(..., convert=False)`; its observers are off from now on.
        pixels, share: (N, 16) and (N, 1).
    Returns:
        The end of the range of its last layer.
    """
    last, seen = model.apply(tq.disable_observer).net.module[-1].activation_post_process, []
    handle = last.register_forward_hook(lambda _, given, cut: seen.extend((given[0], cut)))
    with torch.no_grad():
        model(pixels)
    handle.remove()
    end = last.activation_post_process.max_val.item()
    beyond = (seen[0] > end).flatten()
    fig, axes = plots.figure(columns=2, size=(12, 5.4))
    for ax, answers, title in zip(
        axes, seen, ("what the last layer computes", "what the loss gets to see"), strict=True
    ):
        ax.plot([0, 1], [0, 1], ":", color=plots.COLOURS["black"])
        for dots, colour in ((~beyond, "blue"), (beyond, "orange")):
            ax.plot(share[dots], answers[dots], ".", color=plots.COLOURS[colour], markersize=9)
        ax.set(title=title, xlabel="true share", ylabel="answer", xlim=(0, 1), ylim=(0, 1.2))
    plots.show(
        fig,
        alt=f"True share and answer of {len(share):,} garments, twice, with a dotted line where both are equal. Left: the "
        f"dots lie around the line for small shares, and far from it, mostly above, for larger ones. Right: all dots above "
        f"{end:.2f} have fallen onto a horizontal line at this height.",
        caption=f"The range of the last layer ends at {end:.2f}. Orange: the {beyond.float().mean():.0%} of the answers that "
        "are beyond it.",
    )
    return end


def six_trainings():
    """Draw the record: for each arm the errors on test garments at the rate that is best on held-out ones.

    Returns:
        Arm -> six errors, in %.
    """
    runs, found = json.loads(RECORD.read_text(encoding="utf-8"))["runs"], {}
    for arm in ARMS:
        by_rate = {}
        for run in runs:
            if run["arm"] == arm:
                by_rate.setdefault(run["rate"], []).append(run)
        best = min(by_rate.values(), key=lambda several: statistics.mean(run["held_out"] for run in several))
        found[arm] = [run["test"] for run in best]
    fig, ax = plots.figure(size=(11, 4.6))
    for row, (arm, errors) in enumerate(found.items()):
        colour = plots.COLOURS["grey" if arm == "float" else "orange" if arm == "slow" else "blue"]
        ax.plot(errors, [row] * len(errors), "o", color=colour, markersize=11, alpha=0.7)
    ax.set_yticks(range(len(ARMS)), ARMS.values())
    ax.set(xlabel="off by, %", xlim=(0, None), ylim=(len(ARMS) - 0.5, -0.5))
    told = "; ".join(f"{' '.join(ARMS[arm].split())}: " + ", ".join(f"{e:.0f}" for e in found[arm]) for arm in found)
    plots.show(
        fig,
        alt=f"Errors on test garments of networks from six sets of first weights, in per cent: {told}.",
        caption="A record: six sets of first weights, two epochs in all, each row at its best of five learning rates.",
    )
    return found


class _Wide(LightningModule):
    """Four wide linear layers."""

    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(*(nn.Linear(2048, 2048) for _ in range(4)))

    def forward(self, x):
        return self.net(x)


def _times(model, fresh):
    """Bytes of the model's file; median seconds to read it, and to load its contents into another model."""
    with tempfile.TemporaryDirectory() as folder:
        path, seconds = Path(folder) / "model.pt", []
        torch.save(model.state_dict(), path)
        for _ in range(1 if quick() else 5):
            start = time.perf_counter()
            state = torch.load(path)
            read = time.perf_counter()
            fresh.load_state_dict(state)
            seconds.append((read - start, time.perf_counter() - read))
        return path.stat().st_size, *(statistics.median(part) for part in zip(*seconds, strict=True))


class Switching:
    """Times how the file of four wide layers is read and loaded into a model, in float and in int8."""

    def __init__(self):
        int8 = [QuantizationAwareTraining().rebuild(_Wide()) for _ in range(2)]
        self.times = {"float": _times(_Wide(), _Wide()), "int8": _times(*int8)}
        layers, took = [(layer.weight(), layer.bias()) for layer in int8[0].net], []
        for _ in range(5):
            start = time.perf_counter()
            for weight, bias in layers:
                torch.ops.quantized.linear_prepack(weight, bias)
            took.append(time.perf_counter() - start)
        self.packing = statistics.median(took)

    def table(self):
        """The times, and how long the packing alone takes."""
        return Table(
            ["", "file", "read, ms", "load, ms"],
            [
                [name, si(size, "B"), f"{1e3 * read:.0f}", f"{1e3 * load:.0f}"]
                for name, (size, read, load) in self.times.items()
            ],
            caption=f"Four layers of 2,048 × 2,048. Packing the int8 weights, and nothing else: {1e3 * self.packing:.0f} ms.",
        )
