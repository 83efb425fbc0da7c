"""Measurements and drawings of the lesson lightning_qat, which stand beside what the lesson explains."""

import statistics
import sys
import tempfile
import time
from itertools import groupby
from pathlib import Path

import torch
from lightning.pytorch import LightningModule
from lightning.pytorch.callbacks import Callback
from torch import nn
from tqdm import tqdm

from course_utils import data
from course_utils.callbacks import QuantizationAwareTraining
from course_utils.callbacks.garments import mape
from course_utils.measure import int8_audit
from course_utils.measure.sizes import size_report
from course_utils.runtime import quick
from course_utils.scorecard import ledger
from course_utils.show import diagrams, plots
from course_utils.show.tables import Table, si

WIDTHS = (8, 16, 32, 64, 128, 256, 512)
STAGE = {"check": "plain", "train": "activations", "validate": "plain", "after the fit": "plain"}


LOOP = {  # hook -> what the Trainer does after it, and how deep in its loops
    "on_fit_start": ("check a few validation batches", 0),
    "on_train_epoch_start": ("for each epoch:", 0),
    "on_train_batch_start": ("for each batch: a step", 1),
    "on_train_batch_end": ("the batch is done", 1),
    "on_validation_start": ("validation", 1),
    "on_train_end": ("the last epoch is done", 0),
}


def hooks():
    """Two frames: what a Trainer does, from top to bottom, and then the hooks that it calls meanwhile."""
    order = ", ".join(words.rstrip(":") for words, _ in LOOP.values())
    plots.show(
        [_loop({}), _loop({hook: (hook, "") for hook in LOOP})],
        alt=[
            f"The loop of a Trainer from top to bottom: {order}. Arrows lead back, to the next batch and to the next epoch.",
            f"The same loop, and beside it the hooks where a callback is called: {', '.join(LOOP)}.",
        ],
        caption="What the Trainer does, from top to bottom, and where it calls a callback.",
    )


def acts():
    """The same loop, with what `QuantizationAwareTraining` does at its hooks."""
    does = {
        "on_fit_start": ("setup", "rounding goes in"),
        "on_train_batch_start": ("on_train_batch_start", "observers look"),
        "on_validation_start": ("on_validation_start", "observers stand still"),
        "on_train_end": ("on_fit_end", "convert to int8"),
    }
    plots.show(
        _loop(does),
        alt="The loop of a Trainer, and what the callback does at its hooks: "
        + "; ".join(f"{hook}, {words}" for hook, words in does.values())
        + ".",
        caption="What the callback of this course does in the loop, and in which hook.",
    )


def _loop(does):
    """A frame: the loop, and at the moments that are keys of `does` the name of a hook and what is done there."""
    canvas = diagrams.Canvas(height=440)
    places = {}
    for row, (hook, (words, depth)) in enumerate(LOOP.items()):
        x = 90 + 60 * depth
        places[hook] = canvas.box(x, 12 + 72 * row, words, width=510 - x, height=54)
        if hook in does:
            name, done = does[hook]
            at = canvas.box(560, 12 + 72 * row, name, width=300, height=54, colour="plain")
            canvas.wire(at.left, places[hook].right)
            if done:
                canvas.text(880, 39 + 72 * row, done, colour="int8", align="left", bold=True)
    for first, last, x in (
        ("on_train_batch_start", "on_train_batch_end", 115),
        ("on_train_epoch_start", "on_validation_start", 55),
    ):
        top, bottom = places[first].left, places[last].left
        canvas.axes.plot([bottom[0], x, x], [bottom[1], bottom[1], top[1]], color="black", lw=2, zorder=2)
        canvas.wire((x, top[1]), top, meaning="black", thick=2)
    return canvas.figure()


def sixteen_pixels(rows, share, test_rows, test_share):
    """Draws two garments beside what the network sees of them, with the errors of a guess and of a linear model."""
    ones = [torch.cat([x, torch.ones(len(x), 1)], 1) for x in (rows, test_rows)]
    linear = ones[1] @ torch.linalg.lstsq(ones[0], share).solution
    pictures, _ = data.load("fashion_mnist", "test", n=8)
    fig, axes = plots.figure(columns=4, size=(12, 3.4))
    for ax, number in zip(axes, (0, 0, 1, 1), strict=True):
        whole = ax in (axes[0], axes[2])
        ax.imshow(pictures[number, 0] if whole else test_rows[number].reshape(4, 4), cmap="gray", vmin=0, vmax=1)
        ax.set(title=f"{test_share[number].item():.2f} not black" if whole else "what is sent", xticks=[], yticks=[])
    plots.show(
        fig,
        alt="Two garments of 28 × 28 pixels, each beside its 4 × 4 mean brightnesses; above each the share of pixels that is not black.",
        caption=f"Mean absolute percentage error (MAPE): guess the mean, {mape(share.mean(), test_share):.0f} %; least squares, "
        f"{mape(linear, test_share):.0f} %.",
    )


class RangeOfOutput(Callback):
    """Writes down after each batch how far up the range of the model's output reaches, and its largest output."""

    def __init__(self):
        self.ends, self.largest = [], []

    def on_train_batch_start(self, trainer, pl_module, *_):
        if not self.ends:
            pl_module.layer_end.register_forward_hook(lambda layer, x, out: self.largest.append(out.max().item()))

    def on_train_batch_end(self, trainer, pl_module, *_):
        self.ends.append(pl_module.layer_end.activation_post_process.activation_post_process.max_val.item())


def ranges(watched, largest_target):
    """Draws where the range of the output ends, batch by batch.

    Args:
        watched: averaging constant -> what a `RangeOfOutput` saw.
        largest_target: what the output should be able to reach.
    """
    fig, ax = plots.figure(size=(11, 3.9))
    for (constant, watch), colour in zip(watched.items(), ("orange", "blue"), strict=True):
        ax.plot(range(1, len(watch.ends) + 1), watch.ends, color=plots.COLOURS[colour], label=f"constant {constant}")
    ax.axhline(largest_target, color=plots.COLOURS["black"], linestyle=":", label="largest share")
    ax.set(xlabel="batches", ylabel="range ends at", ylim=(0, 1))
    ax.legend(loc="center right")
    told = "; ".join(
        f"with the constant {constant} it ends at {watch.ends[0]:.2f} after the first batch and at {watch.ends[-1]:.2f} after {len(watch.ends)}"
        for constant, watch in watched.items()
    )
    plots.show(
        fig,
        alt=f"End of the output's range over the batches, with a line at the largest share of the training rows, {largest_target:.2f}: {told}.",
        caption="Where the range of the output ends, as the observer has it after each batch of two epochs.",
    )


def below_zero(net, name, engine):
    """Share of the codes in use that lie below the zero point, and the step."""
    layer, low, high = getattr(net, name), 0, 255 if engine == "qnnpack" else 127
    return (layer.zero_point - low) / (high - low), layer.scale


def fusing(unfused, fused, names, engine):
    """A table of the codes that fusing saves, and how many times wider a step is without it, on average.

    Returns:
        The table, and the mean of the quotients.
    """
    found = [(name, *below_zero(unfused, name, engine), *below_zero(fused, name, engine)) for name in names]
    table = Table(
        ["", "unfused: codes below 0", "unfused: step", "fused: codes below 0", "fused: step"],
        [
            [name, f"{lost:.0%}", f"{wide:.4f}", f"{now:.0%}", f"{narrow:.4f}"]
            for name, lost, wide, now, narrow in found
        ],
        caption="codes below 0: share of the layer's output codes for negative values; step: one code, as a number",
    )
    return table, statistics.mean(wide / narrow for _, _, wide, _, narrow in found)


class Trace(Callback):
    """Writes down, batch by batch, what the Trainer does and what the model's first fake quantization does."""

    def __init__(self):
        self.seen = []

    def note(self, stage, model):
        fake = model.quant.activation_post_process
        self.seen.append((stage, bool(fake.observer_enabled), bool(fake.fake_quant_enabled)))

    def on_train_batch_end(self, trainer, pl_module, *_):
        self.note("train", pl_module)

    def on_validation_batch_end(self, trainer, pl_module, *_):
        self.note("check" if trainer.sanity_checking else "validate", pl_module)


def time_of_a_fit(trace, finished, few_rows):
    """Draws what Trainer, observers and model do, batch by batch; first the Trainer alone.

    Args:
        trace: the `Trace` that watched the fit.
        finished: the model after the fit.
        few_rows: a few inputs, for the audit.
    """
    int8 = int8_audit.audit(finished, few_rows).count("int8")
    seen = trace.seen + [("after the fit", False, None if int8 else True)] * 3

    def spans(word):
        """Runs of batches with the same word and colour; a batch with none is left out."""
        found, at = [], 0
        for look, group in groupby(map(word, seen)):
            end = at + len(list(group))
            found += [(at, end, *look)] if look else []
            at = end
        return found

    lanes = {
        "Trainer": spans(lambda batch: (batch[0], STAGE[batch[0]])),
        "observers": spans(lambda batch: ("look", "gradient") if batch[1] else None),
        "model": spans(
            lambda batch: {None: ("int8", "int8"), True: ("rounded", "fp32"), False: ("float", "fp32")}[batch[2]]
        ),
    }

    def drawn(shown):
        canvas = diagrams.Canvas(height=300)
        kept = {name: lane if name in shown else [] for name, lane in lanes.items()}
        diagrams.time_line(canvas, kept, x=150, y=25, width=1030, height=64, gap=28, size=22)
        return canvas.figure()

    told = "A time line of a fit: sanity check, training, validation, training, validation, after the fit"
    plots.show(
        [drawn(["Trainer"]), drawn(list(lanes))],
        alt=[
            f"{told}; the lanes of observers and model are empty.",
            f"{told}. "
            + " ".join(
                f"{name}: {', '.join(f'{words} in batches {start + 1} to {end}' for start, end, words, _ in lane)}."
                for name, lane in lanes.items()
                if name != "Trainer"
            ),
        ],
        caption="Width: batches, as a second callback saw them; the last box: after the fit, audited. Rounded: fake-quantized.",
    )


def ends_table(ends):
    """A table of where the input's range ends after a test.

    Args:
        ends: stages besides training in which the observers look -> one end for ordinary inputs, one for large ones.
    """
    return Table(
        ["observers look in", "ordinary inputs", "100 × too large"],
        [[" and ".join(("train", *kind)), *(f"{end:.2f}" for end in found)] for kind, found in ends.items()],
        caption="where the range of the input ends after a test",
    )


class Distances:
    """Trains every arm from the same first weights, for three seeds, and compares outputs with float and with the truth.

    A quick run has one seed.

    Attributes:
        away: (seed, arm) -> MAPE against the outputs of the float arm, in %.
        error: (seed, arm) -> MAPE against the true shares, in %.
    """

    SEEDS = (0, 1, 2)

    def __init__(self, arms, make, test_rows, test_share):
        self.arms, self.away, self.error = list(arms), {}, {}
        self.seeds = self.SEEDS[:1] if quick() else self.SEEDS
        for seed in tqdm(self.seeds, desc="seeds", file=sys.stdout, leave=False):
            outputs = {arm: way(make(seed=seed))(test_rows) for arm, way in arms.items()}
            for arm, out in outputs.items():
                self.away[seed, arm] = mape(out, outputs["float"])
                self.error[seed, arm] = mape(out, test_share)

    def mean(self, table, arm):
        """Mean of the seeds."""
        return statistics.mean(table[seed, arm] for seed in self.seeds)

    def table(self):
        """Both distances of every arm, with the single seeds."""

        def cells(table, arm):
            single = ", ".join(f"{table[seed, arm]:.1f}" for seed in self.seeds)
            return f"{self.mean(table, arm):.1f} ({single})"

        return Table(
            ["", "from the float model, %", "from the truth, %"],
            [[arm, "–" if arm == "float" else cells(self.away, arm), cells(self.error, arm)] for arm in self.arms],
            caption="MAPE: mean of three seeds (single seeds)",
        )


def tensors(thing, name=""):
    """All tensors in a nested state, with the names that lead to them."""
    if isinstance(thing, torch.Tensor):
        return [(name, thing)]
    inner = thing.items() if isinstance(thing, dict) else enumerate(thing) if isinstance(thing, list | tuple) else ()
    return [found for key, value in inner for found in tensors(value, f"{name}.{key}")]


def n_bytes(found):
    """Bytes of named tensors."""
    return sum(t.numel() * t.element_size() for _, t in found)


def two_files(halfway, finished):
    """Draws what is in a checkpoint of the training and in the state of a finished model, in bytes."""
    learned = [(n, t) for n, t in tensors(halfway["state_dict"]) if n.endswith((".weight", ".bias"))]
    seen = [(n, t) for n, t in tensors(halfway["state_dict"]) if not n.endswith((".weight", ".bias"))]
    packed = tensors(finished)
    codes = [(n, t) for n, t in packed if t.dtype == torch.qint8]
    rest = [(n, t) for n, t in packed if t.dtype != torch.qint8]
    per_row = sum(t.q_per_channel_scales().numel() if t.qscheme() == torch.per_channel_affine else 1 for _, t in codes)
    files = {
        "checkpoint of the training": [
            ("weights, biases", n_bytes(learned), "fp32"),
            ("histograms, ranges", n_bytes(seen), "plain"),
            ("Adam's moments", n_bytes(tensors(halfway["optimizer_states"])), "gradient"),
        ],
        "state after the fit": [
            ("int8 weights", n_bytes(codes), "int8"),
            ("scales, zero points", 16 * per_row, "plain"),
            ("biases and the rest", n_bytes(rest), "fp32"),
        ],
    }

    def opened(answered):
        canvas = diagrams.Canvas(height=300)
        for place, (name, parts) in enumerate(files.items()):
            x = 60 + 590 * place
            canvas.text(x, 30, name, align="left", bold=True)
            canvas.text(x, 275, ("fit(ckpt_path=…)", "rebuild, load_state_dict")[place], align="left", size=22)
            most = max(size for listed in files.values() for _, size, _ in listed)
            for row, (words, size, meaning) in enumerate(parts if answered else []):
                y = 62 + 64 * row
                canvas.box(x, y, width=max(4, 250 * size / most), height=50, colour=meaning, fill=meaning)
                canvas.text(x + 20 + 250 * size / most, y + 25, f"{words}: {si(size, 'B')}", align="left")
        return canvas.figure()

    told = "Two files side by side, the checkpoint of the training and the state after the fit"
    plots.show(
        [opened(False), opened(True)],
        alt=[
            f"{told}, not opened yet.",
            f"{told}: "
            + "; ".join(", ".join(f"{words} {si(size, 'B')}" for words, size, _ in parts) for parts in files.values())
            + ".",
        ],
        caption="Bytes of the tensors, counted in the two files; bars to one scale.",
    )


class Widths:
    """Weighs float and int8 files of the network for several widths.

    Attributes:
        ratio: width -> bytes of the int8 file over those of the float file.
    """

    def __init__(self, make, quantized):
        self.sizes = {
            w: [size_report(net, loads=1) for net in (make(width=w), quantized(make(width=w)))] for w in WIDTHS
        }
        self.ratio = {w: small.file_bytes / plain.file_bytes for w, (plain, small) in self.sizes.items()}

    def beside(self, width):
        """Bytes of the two files that are neither weights nor biases."""
        return [report.file_bytes - report.memory_bytes for report in self.sizes[width]]

    def draw(self):
        """Draws the quotient over the width; first the frame alone."""
        beside = self.beside(64)

        def against_width(answered):
            fig, ax = plots.figure(size=(11, 3.7))
            if answered:
                ax.plot(WIDTHS, list(self.ratio.values()), "o-", label="file")
                ax.text(58, 0.8, f"64: beside weights and biases\nfloat {beside[0]:,} bytes, int8 {beside[1]:,}")
            ax.axhline(0.25, color=plots.COLOURS["black"], linestyle=":", label="a quarter")
            ax.set(xscale="log", xlabel="width", ylabel="int8 ÷ float", ylim=(0, 2.1), xlim=(7, 600))
            ax.set_xticks(WIDTHS, [str(w) for w in WIDTHS])
            ax.minorticks_off()
            ax.legend(loc="upper right")
            return fig

        told = "Size of the int8 file over the float file against width from 8 to 512, with a line at a quarter"
        plots.show(
            [against_width(False), against_width(True)],
            alt=[
                f"{told}; no curve yet.",
                f"{told}: {', '.join(f'{times:.2f} at {w}' for w, times in self.ratio.items())}.",
            ],
            caption="Bytes of the files, as `torch.save` writes them.",
        )


class Wide(LightningModule):
    """Four linear layers; 64 MiB in float."""

    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(*(nn.Linear(2048, 2048) for _ in range(4)))

    def forward(self, x):
        return self.net(x)


def switch_times(model, fresh, rounds=5):
    """Bytes of the file; median seconds to read it, and to put its contents into a model that stands ready."""
    with tempfile.TemporaryDirectory() as folder:
        path, seconds = Path(folder) / "model.pt", []
        torch.save(model.state_dict(), path)
        for _ in range(1 if quick() else rounds):
            start = time.perf_counter()
            state = torch.load(path, weights_only=True)
            read = time.perf_counter()
            fresh.load_state_dict(state)
            seconds.append((read - start, time.perf_counter() - read))
        return path.stat().st_size, *(statistics.median(part) for part in zip(*seconds, strict=True))


class Switching:
    """Times how a service reads the file of four wide layers and loads it into a model, in float and in int8.

    Attributes:
        times: name -> bytes of the file, seconds to read, seconds to load.
        packing: seconds for packing the int8 weights, and nothing else.
    """

    def __init__(self):
        def rebuilt():
            return QuantizationAwareTraining().rebuild(Wide())

        pairs = {"float": (Wide(), Wide()), "int8": (rebuilt(), rebuilt())}
        self.times = {name: switch_times(*pair) for name, pair in pairs.items()}
        layers = [(layer.weight(), layer.bias()) for layer in pairs["int8"][0].net]
        took = []
        for _ in range(5):
            start = time.perf_counter()
            for weight, bias in layers:
                torch.ops.quantized.linear_prepack(weight, bias)  # a control: packing, and nothing else
            took.append(time.perf_counter() - start)
        self.packing = statistics.median(took)
        large = {"lesson": "lightning_qat", "task": "none, random weights", "model": "4 × 2048 linear"}
        for name, technique in (("float", "fp32"), ("int8", "static int8")):
            size, read, _ = self.times[name]
            ledger.record(**large, technique=technique, file_bytes=size, load_ms=1e3 * read)

    def quotients(self):
        """Reading in float over int8, and loading in int8 over float."""
        (_, read_f, put_f), (_, read_q, put_q) = self.times["float"], self.times["int8"]
        return read_f / read_q, put_q / put_f

    def table(self):
        """A table of the times, with the speed of storage at which both are equal."""
        (big, read_f, put_f), (small, read_q, put_q) = self.times["float"], self.times["int8"]
        late = (read_q + put_q) - (read_f + put_f)
        return Table(
            ["", "file", "read, ms", "load, ms", "together, ms"],
            [
                [name, si(size, "B"), *(f"{1e3 * t:.1f}" for t in (read, put, read + put))]
                for name, (size, read, put) in self.times.items()
            ],
            caption=f"Packing the int8 weights alone: {1e3 * self.packing:.0f} ms. "
            + (f"Break-even: storage of {si((big - small) / late, 'B')} a second." if late > 0 else ""),
        )


def constants_table(errors, float_error):
    """A table of the errors by averaging constant, beside float."""
    return Table(
        ["averaging constant", "error after six epochs, %"],
        [
            *([f"{constant:g}", f"{error:.1f}"] for constant, error in errors.items()),
            ["float, no rounding", f"{float_error:.1f}"],
        ],
        caption="MAPE on 2,000 test rows; one seed",
    )
