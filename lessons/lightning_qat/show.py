"""What the lesson lightning_qat draws and times."""

import statistics
import tempfile
import time
from pathlib import Path

import torch
from lightning.pytorch import LightningModule
from lightning.pytorch.callbacks import Callback
from torch import nn
from torch.ao import quantization as tq

from course_utils.lightning import QuantizationAwareTraining
from course_utils.runtime import quick
from course_utils.show import plots
from course_utils.show.tables import Table, si


def moving(constant):
    """The qconfig of a moving average with this averaging constant."""
    how = dict(observer=tq.MovingAverageMinMaxObserver, averaging_constant=constant, quant_min=0, quant_max=127)
    return tq.QConfig(tq.FakeQuantize.with_args(**how), tq.default_weight_fake_quant)


class RangeOfOutput(Callback):
    """Writes down after each batch how far up the range of the last layer's output reaches."""

    def __init__(self):
        self.ends = []

    def on_train_batch_end(self, trainer, pl_module, *_):
        self.ends.append(pl_module.layer_end.activation_post_process.activation_post_process.max_val.item())


def ranges(watched, errors, largest):
    """Draw where the range of the output ends, batch by batch.

    Args:
        watched: averaging constant -> `RangeOfOutput` of a fit.
        errors: averaging constant -> error of the int8 network, in %.
        largest: what the output should be able to reach.
    """
    fig, ax = plots.figure(size=(12, 5))
    told = []
    for (constant, watch), colour, below in zip(watched.items(), ("orange", "blue"), (70, 30), strict=True):
        ax.plot(range(1, len(watch.ends) + 1), watch.ends, color=plots.COLOURS[colour], linewidth=3)
        ax.annotate(
            f"constant {constant}: off by {errors[constant]:.0f} %",
            (len(watch.ends), watch.ends[-1]),
            (0, -below),
            textcoords="offset points",
            ha="right",
            va="top",
            fontsize=18,
            color=plots.COLOURS[colour],
        )
        told.append(
            f"with the constant {constant} it ends at {watch.ends[0]:.2f} after the first batch and at {watch.ends[-1]:.2f} "
            f"after {len(watch.ends)}"
        )
    ax.axhline(largest, color=plots.COLOURS["black"], linestyle=":")
    last = max(len(watch.ends) for watch in watched.values())
    ax.text(last, largest + 0.02, "the largest true share", fontsize=18, ha="right", va="bottom")
    others = ", ".join(
        f"{error:.0f} % with {constant}" for constant, error in errors.items() if constant not in watched
    )
    ax.set(xlabel="batches", ylabel="the range ends at", ylim=(-0.1, 1.1))
    plots.show(
        fig,
        alt=f"The end of the output's range over the batches, and a dotted line at the largest share, {largest:.2f}: "
        f"{'; '.join(told)}.",
        caption=f"Where the range of the output ends, for two averaging constants. Two others: off by {others}.",
    )


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
