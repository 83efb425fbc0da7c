"""Measurements and drawings of the lesson lightning_pruning, which stand beside what the lesson explains."""

import tempfile
from importlib.metadata import version
from pathlib import Path

import torch
from lightning.pytorch import LightningModule
from lightning.pytorch.callbacks import Callback, ModelCheckpoint, ModelPruning
from torch import nn
from torch.nn.utils import prune
from torch.utils.data import DataLoader

from course_utils import models
from course_utils.callbacks import garments
from course_utils.callbacks.garments import fit
from course_utils.scorecard import ledger
from course_utils.show import diagrams, plots
from course_utils.show.tables import Table, si

LAYERS = ("layer_0", "layer_1", "layer_2", "layer_end")
SOURCES = (
    "baseline audit choosing depthwise dynamic observers prune_module qat qat_cnn scores "
    "static structured students ticket_full zero_worth lightning_pruning"
).split()
FIELDS = {
    "cloud endpoint: time of one input": ("speedup", False),
    "edge device: energy, estimated": ("energy_nj", False),
    "mobile app: bytes of the file": ("file_bytes", False),
    "large model: bytes, from 200 MB": ("file_bytes", True),
}
CURES = ("fewer bits", "fewer weights", "both")
LEAST = 1.1  # a smaller gain may be luck: zeros that nothing leaves out, the same work, have come to 1.06


class AfterEpoch(Callback):
    """Keeps what a function says of the model after every epoch; list it behind the callback that prunes."""

    def __init__(self, ask):
        self.ask, self.answers = ask, []

    @torch.no_grad()
    def on_train_epoch_end(self, trainer, pl_module):
        self.answers.append(self.ask(pl_module))


def weights_left(net):
    """Share of the weights that are not zero, under the masks that are on."""
    masks = [getattr(getattr(net, n), "weight_mask", None) for n in LAYERS]
    parts = [getattr(net, n).weight if mask is None else mask for n, mask in zip(LAYERS, masks, strict=True)]
    return sum(int((part != 0).sum()) for part in parts) / sum(part.numel() for part in parts)


def densities(schedule, left, counted):
    """Draws the weights left over 100 epochs by two rules, and what two callbacks did; first the rules alone.

    Args:
        schedule: epoch -> amount or None.
        left: what is left after each epoch, if each amount counts from what is left.
        counted: name of a callback -> what was left after each epoch of a fit.
    """
    added = [1 - sum(schedule(i) or 0 for i in range(e + 1)) for e in range(100)]

    def drawn(answered):
        fig, ax = plots.figure(size=(11.5, 3.9))
        ax.plot(added, ":", color=plots.COLOURS["grey"], lw=3, label="if amounts added up")
        ax.plot(left, color=plots.COLOURS["blue"], lw=2, label="if each counts from what is left")
        if answered:
            for (name, found), look in zip(counted.items(), (("o", "orange"), ("x", "black")), strict=True):
                ax.plot(range(0, 100, 6), found[::6], look[0], color=plots.COLOURS[look[1]], ms=9, label=name)
        ax.set(xlabel="epoch", ylabel="weights left", ylim=(0, 1.05), xlim=(-1, 101))
        ax.legend(loc="upper right", ncols=2)
        return fig

    told = f"Weights left over 100 epochs, two lines: if amounts added up it ends at {added[-1]:.2f}, if each counts from what is left at {left[-1]:.2f}"
    plots.show(
        [drawn(False), drawn(True)],
        alt=[
            f"{told}.",
            f"{told}. Marks of both callbacks, ending at {' and '.join(f'{c[-1]:.2f}' for c in counted.values())}.",
        ],
        caption="Marks: counted in a fit, every sixth epoch.",
    )


def rewinds_over_epochs(curves):
    """Draws the error over 100 epochs.

    Args:
        curves: name -> error after each epoch, in %.
    """
    fig, ax = plots.figure(size=(7, 4.4))
    colours = ("grey", "blue", "orange", "green")
    for (name, curve), colour in zip(curves.items(), colours, strict=True):
        ax.plot(curve, label=f"{name}: {curve[-1]:.1f}", color=plots.COLOURS[colour], linewidth=2)
    ax.set(xlabel="epoch", ylabel="MAPE, %", yscale="log", ylim=(5, 2000))
    ax.set_yticks([5, 10, 20, 50, 100], ["5", "10", "20", "50", "100"])
    ax.legend(loc="upper left", title="after the last epoch")
    plots.show(
        fig,
        alt="Error over 100 epochs. After the last one: "
        + ", ".join(f"{n} {c[-1]:.1f} %" for n, c in curves.items())
        + ".",
        caption="One seed, 1,024 rows. The three lower ones of the legend end with 30 % of the weights.",
    )


def distances_table(away):
    """A table of how far the weights lie from the first ones after each of four prunings."""
    return Table(
        ["after pruning", "1", "2", "3", "4"],
        [[name, *(f"{d:.3f}" for d in found)] for name, found in away.items()],
        caption=f"Lightning {version('lightning')}, 0.3 cut each epoch: largest distance of a weight of layer_1 from its first value",
    )


class Places(Callback):
    """Where layer_1's weights and the callback's copy of the first ones lie, before and after the first pruning."""

    def __init__(self, pruning):
        self.pruning, self.seen = pruning, []

    def look(self, net):
        layer = net.layer_1
        now = getattr(layer, "weight_orig", layer.weight)
        if isinstance(self.pruning, ModelPruning):
            kept = self.pruning._original_layers[id(layer)]["data"].weight
        else:
            kept = next(t for n, t in self.pruning.state_dict()["values"].items() if n.startswith("layer_1.weight"))
        self.seen.append(kept.data_ptr() == now.data_ptr())

    def on_train_batch_start(self, trainer, pl_module, batch, index):
        if trainer.global_step == 0:
            self.look(pl_module)

    def on_train_epoch_end(self, trainer, pl_module):
        self.look(pl_module)


def memory(shared):
    """Draws where weights and copy lie, before the first pruning and after the first rewind.

    Args:
        shared: name of a callback -> whether both lie in one place, before and after.
    """

    def drawn(moment):
        canvas = diagrams.Canvas(height=300)
        for place, (name, seen) in enumerate(shared.items()):
            x = 40 + 600 * place
            canvas.text(x, 25, name, align="left", bold=True)
            weights = canvas.box(x, 60, "weights", width=190, height=80)
            copy = canvas.box(x, 190, "copy of the\nfirst weights", width=190, height=90)
            one = canvas.box(x + 340, 60, "memory", width=150, height=80, colour="fp32")
            two = canvas.box(x + 340, 190, "memory", width=150, height=90, colour="fp32")
            canvas.wire(copy.right, two.left)
            canvas.wire(weights.right, two.left if seen[moment] else one.left)
        return canvas.figure()

    told = (
        "For each callback, the weights and the copy of the first weights, with an arrow to the memory where each lies"
    )
    plots.show(
        [drawn(0), drawn(1)],
        alt=[
            f"{told}, {when}: "
            + ", ".join(f"{name} {'one place' if seen[moment] else 'two places'}" for name, seen in shared.items())
            + "."
            for moment, when in enumerate(("before the first pruning", "after the first rewind"))
        ],
        caption="From data_ptr() of both tensors, in a fit: before the first step, then after the first pruning.",
    )


class Digits(LightningModule):
    """LeNet-300-100 for a Trainer."""

    def __init__(self, lr, state=None):
        super().__init__()
        torch.manual_seed(0)
        self.net, self.lr = models.LeNet300100(), lr
        if state:
            self.load_state_dict(state)

    def forward(self, x):
        return self.net(x)

    def training_step(self, batch, index):
        return nn.functional.cross_entropy(self(batch[0]), batch[1])

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), lr=self.lr, fused=True)


def digit_batches(images, labels, n):
    """The first n digits in batches of 100, always in the same order."""
    return DataLoader(list(zip(images[:n].split(100), labels[:n].split(100), strict=True)), batch_size=None)


def zeros(net):
    """Share of zeros among the weights of `Digits`, int8 or float."""
    found = [getattr(net.net, f"fc{i}").weight for i in (1, 2, 3)]
    weights = [w().int_repr() if callable(w) else w for w in found]
    return sum(int((w == 0).sum()) for w in weights) / sum(w.numel() for w in weights)


class Epochs(Callback):
    """Writes down at the start of each epoch, and as training ends: weights left, masks on, does the model round?"""

    def __init__(self):
        self.seen = []

    def look(self, net):
        fake = getattr(net, "quant", None) is not None
        self.seen.append((1 - zeros(net), prune.is_pruned(net), fake))

    def on_train_epoch_start(self, trainer, pl_module):
        self.look(pl_module)

    def on_train_end(self, trainer, pl_module):
        self.look(pl_module)


def four_ways(nets, right, weighed):
    """A table of accuracy, zeros and files of four networks, and their rows in the course's ledger.

    Args:
        nets, right, weighed: name -> network, share of right answers, report of its file.
    """
    plain = weighed["float"].file_bytes
    lenet = {"lesson": "lightning_pruning", "task": "mnist", "model": "LeNet-300-100"}
    for name, report in weighed.items():
        technique = "fp32, Lightning" if name == "float" else f"{name}, Lightning"
        ledger.record(
            **lenet, technique=technique, accuracy=right[name], file_bytes=report.file_bytes, load_ms=report.load_ms
        )
    for name in ("int8", "10 % left", "10 % left, int8"):
        squeezed = {"accuracy": right[name], "file_bytes": weighed[name].compressed_bytes}
        ledger.record(**lenet, technique=f"{name}, gzip, Lightning", **squeezed)
    return Table(
        ["", "right, %", "zeros", "file", "gzip"],
        [
            [
                name,
                f"{100 * right[name]:.2f}",
                f"{zeros(net):.0%}",
                f"{weighed[name].file_bytes / plain:.3f}",
                f"{weighed[name].compressed_bytes / plain:.3f}",
            ]
            for name, net in nets.items()
        ],
        caption=f"sizes over the float file, {si(plain, 'B')}; one seed",
    )


def hand_over(watched, finished):
    """Draws what two callbacks did to one network, from the first epoch to the end; first the moments alone.

    Args:
        watched: the `Epochs` that looked.
        finished: the network that came back.
    """
    moments = ["epoch 0", "epoch 1", "epoch 2", "training ends", "fit ends"]
    turned = None if callable(finished.net.fc1.weight) else True  # looked up in the model that came back
    state = [*watched.seen, (1 - zeros(finished), prune.is_pruned(finished), turned)][: len(moments)]

    def drawn(answered):
        canvas = diagrams.Canvas(height=390)
        lanes = {"Trainer": [(i, i + 1, word, "plain") for i, word in enumerate(moments[: len(state)])]}
        lanes["left"] = [(i, i + 1, f"{left:.0%}", "activations") for i, (left, _, _) in enumerate(state)]
        lanes["masks"] = [(i, i + 1, "on", "mask") for i, (_, on, _) in enumerate(state) if on]
        kind = {True: ("rounded", "fp32"), False: ("float", "fp32"), None: ("int8", "int8")}
        lanes["model"] = [(i, i + 1, *kind[fake]) for i, (_, _, fake) in enumerate(state)]
        shown = lanes if answered else {name: lane if name == "Trainer" else [] for name, lane in lanes.items()}
        diagrams.time_line(canvas, shown, x=140, y=20, width=1040, height=64, gap=26, size=22)
        return canvas.figure()

    told = "A time line: three epochs, training ends, fit ends"
    plots.show(
        [drawn(False), drawn(True)],
        alt=[
            f"{told}; the other lanes are empty.",
            f"{told}. Weights left: {', '.join(f'{left:.0%}' for left, _, _ in watched.seen)}. Masks on: "
            f"{', '.join('yes' if on else 'no' for _, on, _ in watched.seen)}. At the end the model is int8.",
        ],
        caption="Looked at as each epoch starts, as training ends, and after the fit. Left: weights. Rounded: fake-quantized.",
    )


class Rows:
    """Rows of the course's ledger, each beside its twin: the float row that is nearest to it.

    Attributes:
        all: the rows of the lessons that measure pruning or quantization.
    """

    def __init__(self):
        self.all = ledger.rows(SOURCES)

    def twin(self, row):
        """The float row of the same lesson, task and model that shares most words: same images, steps, runtime. Or None."""

        def words(of):
            return set(of.technique.split(", "))

        same = [r for r in self.all if (r.lesson, r.task, r.model) == (row.lesson, row.task, row.model)]
        floats = [r for r in same if r.technique.startswith("fp32")]
        return max(floats, key=lambda r: (len(words(r) & words(row)), -len(words(r))), default=None)

    def lost(self, row, ruler):
        """Points of accuracy that a row loses to a ruler; None where one of them has none."""
        known = ruler and ruler.accuracy and row.accuracy
        return 100 * (ruler.accuracy - row.accuracy) if known else None

    def of_a_ticket(self):
        """A table of what a ticket loses beside two rulers."""
        ticket = next((r for r in self.all if r.lesson == "ticket_full" and "20 % left" in r.technique), None)
        trained = next((r for r in self.all if r.lesson == "baseline" and r.technique == "fp32"), None)
        rulers = {"fp32 of the baseline": trained, "its twin": self.twin(ticket) if ticket else None}
        return Table(
            ["ticket, 20 % left, beside", "points lost"],
            [[name, f"{self.lost(ticket, ruler):.1f}"] for name, ruler in rulers.items() if ticket and ruler],
            caption="points: percentage points of accuracy; below 0: the ticket is better",
        )

    def best(self, kind, field, large):
        """The row of a kind that gains most over its twin in a field, within one point; in words, or a dash."""

        def times_less(row):
            own, other = getattr(row, field), getattr(self.twin(row), field)
            if not own or not other:
                return 0.0
            return own / other if field == "speedup" else other / own

        fair = [r for r in self.all if cure(r) == kind and self.twin(r)]
        if large:  # their weights are random: no accuracy
            fair = [r for r in fair if (self.twin(r).file_bytes or 0) >= 2e8]
        else:
            lost = {id(r): self.lost(r, self.twin(r)) for r in fair}
            fair = [r for r in fair if lost[id(r)] is not None and lost[id(r)] <= 1]
        row = max(fair, key=times_less, default=None)
        if row is None or times_less(row) < LEAST:
            return "–"
        how = row.technique.removesuffix(", Lightning").replace(" %", "\u00a0%")
        return f"{times_less(row):.1f} ×: {row.model}, {how}"

    def chosen(self):
        """What hurts -> the best row of each cure, in words."""
        return {pain: [self.best(kind, *field) for kind in CURES] for pain, field in FIELDS.items()}

    def table(self):
        """A table of what hurts, and the row of each cure that helps most."""
        return Table(
            ["what hurts", *CURES],
            [[pain, *line] for pain, line in self.chosen().items()],
            caption=f"The row that gains most; its twin is never gzipped. –: none here gains {LEAST - 1:.0%} or more within one point. Large models: random weights, no accuracy.",
        )

    def bits_help(self):
        """For how many pains there is a row in fewer bits."""
        return sum(line[0] != "–" for line in self.chosen().values())


def cure(row):
    """Which of the two was done to a row's model, by its technique."""
    bits = any(word in row.technique for word in ("int8", "-bit", "float16"))
    cut = any(word in row.technique for word in (" left", "% of fc", " cut", "fc1 cut", "dense", "weights, CSR"))
    cut = cut and "never cut" not in row.technique
    return "both" if bits and cut else "fewer bits" if bits else "fewer weights" if cut else None


def resumed(make, few, test_rows, *more, model):
    """What a resumed fit does: it stops, or how many outputs differ from an uninterrupted fit; weights left in both.

    Args:
        make: a new callback that prunes.
        few, test_rows: batches for the fits, inputs for the comparison.
        more: further callbacks, to be made anew.
        model: makes a network, with ``seed``.
    """
    with tempfile.TemporaryDirectory() as folder:
        saver = ModelCheckpoint(folder, filename="{epoch}", save_top_k=-1)
        whole = fit(model(), few, make(), *(one() for one in more), saver, epochs=4, enable_checkpointing=True)
        again = model(seed=9)
        try:
            run = garments.trainer(make(), *(one() for one in more), epochs=4)
            run.fit(again, few, ckpt_path=Path(folder) / "epoch=1.ckpt", weights_only=True)
        except RuntimeError as error:
            return f"error: {str(error).split(chr(10))[1].strip()[:14]}", "–"
        differ = int((whole(test_rows) != again.eval()(test_rows)).sum())
        shares = [] if more else [f"{weights_left(net):.0%}" for net in (whole, again)]
        return f"{differ:,} differ", " / ".join(shares) or "–"
