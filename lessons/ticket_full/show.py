"""Tables and drawings of the lesson ticket_full, which stand beside what the lesson explains."""

import itertools
import json
import sys
from statistics import mean, median

import torch
from torch import nn
from torch.nn import functional as F
from tqdm import tqdm

from course_utils import lottery, models, runtime
from course_utils.lottery import engine
from course_utils.measure import energy
from course_utils.measure.sizes import size_report
from course_utils.scorecard import ledger
from course_utils.show import plots
from course_utils.show.tables import Table, mean_and_range, si

AT_STOP, AT_END = "test_accuracy", "final_test_accuracy"  # names of the record
HELD_OUT = {AT_STOP: "validation_accuracy", AT_END: "final_validation_accuracy"}
WORDS = {AT_STOP: "its stop", AT_END: "its end"}
LOOKS = {"ticket": ("o-", "blue"), "reinit": ("s--", "orange"), "random": ("^:", "green")}
TICKS = (80, 50, 20, 10, 5, 2)
LENET = (235_200, 30_000, 1_000)  # weights of the three layers; the 410 biases are not pruned


def alive(work, what):
    """The parts of a long work, with a bar that says how far it is."""
    return tqdm(list(work), desc=what, file=sys.stdout, leave=False)


def _signed(values):
    return mean_and_range(values, "{:+.2f}")


def _ahead(values):
    return f"{sum(value > 0 for value in values)} of {len(values)}"


def four_readings(lead, level):
    """A table of one comparison read in four ways.

    Args:
        lead: ``lead(arm, level, ours, theirs)`` -> points above dense, one number a seed.
        level: of the ticket.
    """
    rows = [
        [WORDS[ours], WORDS[theirs], _signed(values), _ahead(values)]
        for ours, theirs in ((AT_STOP, AT_STOP), (AT_END, AT_END), (AT_STOP, AT_END), (AT_END, AT_STOP))
        for values in [lead("ticket", level, ours, theirs)]
    ]
    return Table(
        ["ticket read at", "dense read at", "ticket − dense, points", "seeds in which it is ahead"],
        rows,
        caption="The same ten trainings. Test images; differences within a seed, mean of five (lowest to highest).",
    )


def loss_and_accuracy(record):
    """Draws validation loss and accuracy of the dense networks over the iterations."""
    runs = record.of("dense", 0)
    fig, axes = plots.figure(columns=2, size=(10.6, 3.9))
    steps = [point[0] for point in runs[0]["curve"]]
    stop = mean(run["early_stop"] for run in runs)
    for ax, column, factor, label in (
        (axes[0], 1, 1, "loss on held-out images"),
        (axes[1], 2, 100, "held-out images right, %"),
    ):
        values = [[factor * run["curve"][i][column] for run in runs] for i in range(len(steps))]
        ax.fill_between(
            steps, [min(v) for v in values], [max(v) for v in values], color=plots.COLOURS["grey"], alpha=0.25
        )
        ax.plot(steps, [mean(v) for v in values], color="black")
        ax.axvline(stop, color=plots.COLOURS["orange"], linestyle="--")
        ax.set(xscale="log", xlabel="iteration", ylabel=label, xlim=(400, 50_000))
        ax.set_xticks([500, 5_000, 50_000], ["500", "5,000", "50,000"], minor=False)
        ax.set_xticks([], minor=True)
    axes[0].set_ylim(0, 0.3)
    axes[1].set_ylim(94, 98.6)
    losses = [[run["validation_loss"] for run in runs], [run["curve"][-1][1] for run in runs]]
    rights = [[100 * run[name] for run in runs] for name in ("validation_accuracy", "final_validation_accuracy")]
    plots.show(
        fig,
        alt=f"Two curves over the iterations of five dense networks. The loss falls to {mean(losses[0]):.3f} at the stop and is "
        f"{mean(losses[1]):.3f} at the end; {mean(rights[0]):.2f} percent are right at the stop and {mean(rights[1]):.2f} at the end.",
        caption=f"Five dense networks: mean, lowest to highest. Dashed: mean of their stops. At the stops the loss is {mean(losses[0]):.3f} and "
        f"{mean(rights[0]):.2f} % are right; after 50,000 iterations {mean(losses[1]):.3f} and {mean(rights[1]):.2f} %.",
    )


def _over_weights(ax, record):
    last = 100 * record.density(max(record.levels("ticket")))
    ticks = [tick for tick in TICKS if tick > last]
    ax.set(xscale="log", xlabel="weights left, %", xlim=(92, 0.93 * last))
    ax.set_xticks(ticks, [str(tick) for tick in ticks], minor=False)
    ax.set_xticks([], minor=True)


def fair_and_unfair(record, lead):
    """Draws the ticket's lead over the weights left: both at their end, both at their stop, and mixed."""
    fig, ax = plots.figure(size=(9.4, 4.0))
    levels = [level for level in record.levels("ticket") if level]
    told = []
    for ours, theirs, words, style, colour, aside in (
        (AT_END, AT_END, "both at their end", "o-", "blue", 1.0),
        (AT_STOP, AT_STOP, "both at their stop", "s--", "orange", 1.04),
        (AT_STOP, AT_END, "ticket at its stop, dense at its end", "", "grey", 1.0),
    ):
        values = [lead("ticket", level, ours, theirs) for level in levels]
        x = [100 * record.density(level) for level in levels]
        if style:
            ax.vlines(
                [aside * at for at in x],
                [min(v) for v in values],
                [max(v) for v in values],
                color=plots.COLOURS[colour],
                alpha=0.35,
                lw=5,
            )
            ax.plot(x, [mean(v) for v in values], style, color=plots.COLOURS[colour], label=words)
        else:
            ax.plot(x, [mean(v) for v in values], ":", color=plots.COLOURS[colour], label=words, lw=3)
        shown = ", ".join(
            f"{mean(v):+.2f} at {at:.1f} %" for at, v in zip(x, values, strict=True) if round(at, 1) in SHOWN
        )
        told.append(f"{words}: {shown}")
    ax.axhline(0, color="black", lw=1)
    _over_weights(ax, record)
    ax.set_ylabel("ticket − dense, points")
    ax.legend(loc="lower left")
    plots.show(
        fig,
        alt=f"Points by which the ticket is above dense of the same seed, against weights left. Means: {'; '.join(told)}.",
        caption="Test images; means of five seeds, bars from the lowest to the highest seed (orange bars moved a little aside).",
    )


SHOWN = (80.0, 51.3, 21.1, 13.5, 10.8, 7.0, 4.5, 3.6, 1.9)  # percent left, of the densities in tables


def _levels(record):
    return [level for level in record.levels("ticket") if round(100 * record.density(level), 1) in SHOWN]


def three_rules(record, lead, better_place):
    """A table of the ticket's lead under three rules that are the same for both arms.

    Args:
        better_place: ``better_place(arm, level)`` -> `AT_STOP` or `AT_END`.
    """
    rows = []
    for level in _levels(record):
        places = better_place("ticket", level), better_place("dense", 0)
        chosen = lead("ticket", level, *places)
        rows.append(
            [
                f"{100 * record.density(level):.1f}",
                f"{mean(lead('ticket', level, AT_STOP, AT_STOP)):+.2f}",
                f"{mean(lead('ticket', level, AT_END, AT_END)):+.2f}",
                f"{mean(chosen):+.2f}, {_ahead(chosen)}, ticket at {WORDS[places[0]]}",
            ]
        )
    return Table(
        ["weights left, %", "both at stop", "both at end", "each where it is better"],
        rows,
        caption=f"Ticket − dense, points; test images, means of five seeds, and in how many of them the ticket is ahead. Dense is better at {WORDS[places[1]]}.",
    )


def two_rulers(record, lead):
    """A table of the lead at the end, on test images and on held-out images."""

    def row(name, levels):
        return [
            name,
            *(
                _signed([mean(values) for values in zip(*(lead("ticket", n, at, at) for n in levels), strict=True)])
                for at in (AT_END, HELD_OUT[AT_END])
            ),
        ]

    many = [level for level in record.levels("ticket") if level and record.density(level) > 0.08]
    rows = [row(f"{100 * record.density(level):.1f}", [level]) for level in _levels(record)]
    rows.append(row(f"mean, {100 * record.density(many[0]):.0f} to {100 * record.density(many[-1]):.1f}", many))
    return Table(
        ["weights left, %", "10,000 test images", "5,000 held-out images"],
        rows,
        caption="Ticket − dense, points, both after 50,000 iterations; mean of five seeds (lowest to highest).",
    )


def at_all_rates(left=0.07):
    """A table from the record of the lesson ticket: 5,000 iterations, one rate for all, and each arm at its best of four."""
    content = json.loads((runtime.ROOT / "records" / "lottery" / "rates-mnist.json").read_text(encoding="utf-8"))
    runs = [run for run in content["runs"] if run["iterations"] == 5_000]
    rates = sorted({run["rate"] for run in runs})

    def of(arm, rate):
        where = {"arm": arm, "rate": rate} | ({} if arm == "dense" else {"left": left, "found_at": 0.0012})
        return sorted((r for r in runs if all(r[k] == v for k, v in where.items())), key=lambda run: run["seed"])

    def best(arm):
        return max(rates, key=lambda rate: mean(run["held_out"] for run in of(arm, rate)))

    rows = []
    for words, rate_of in (("0.0012 for both", lambda arm: 0.0012), ("each its best of four", best)):
        pairs = zip(of("ticket", rate_of("ticket")), of("dense", rate_of("dense")), strict=True)
        gaps = [a["test"] - b["test"] for a, b in pairs]
        rows.append([words, f"{rate_of('ticket'):g}", f"{rate_of('dense'):g}", _signed(gaps)])
    return Table(
        ["learning rate", "ticket's", "dense's", "ticket − dense, points"],
        rows,
        caption=f"{100 * left:g} % left, 5,000 iterations, test images; three seeds. {content['command']}",
    )


def when_they_stop(record):
    """Draws the early stop of each arm over that of dense of the same seed."""
    fig, ax = plots.figure(size=(6.8, 4.5))
    told = []
    for arm, (style, colour) in LOOKS.items():
        levels = [level for level in record.levels(arm) if level]
        aside = {"ticket": 1, "reinit": 1.05, "random": 0.95}[arm]  # so that no bar hides another
        values = [times_as_long(record, arm, level) for level in levels]
        x = [100 * record.density(level) for level in levels]
        ax.vlines(
            [aside * at for at in x],
            [min(v) for v in values],
            [max(v) for v in values],
            color=plots.COLOURS[colour],
            alpha=0.4,
            lw=5,
        )
        ax.plot(x, [mean(v) for v in values], style[1:], color=plots.COLOURS[colour], label=arm)
        shown = (f"{mean(v):.2f} at {at:.1f} %" for at, v in zip(x, values, strict=True) if round(at, 1) in SHOWN)
        told.append(f"{arm} {', '.join(shown)}")
    ax.axhline(1, color="black", linestyle="--", lw=1)
    _over_weights(ax, record)
    ax.set_ylabel("early stop, over dense's")
    ax.set_yscale("log", base=2)
    ax.set_yticks([0.5, 1, 2, 4], ["½", "1", "2", "4"])
    ax.legend(loc="upper left")
    plots.show(
        fig,
        alt=f"Early stop over dense's of the same seed, against weights left. Means: {'; '.join(told)}.",
        caption="Five seeds: means, bars from lowest to highest. Under the dashed line: sooner than dense. At 21.1 %: "
        + ", ".join(f"{arm} {mean(times_as_long(record, arm, 7)):.2f}" for arm in LOOKS)
        + ".",
    )


def times_as_long(record, arm, level, other="dense", other_level=0):
    """The early stop of an arm over that of another one, one number a seed."""
    pairs = zip(record.of(arm, level), record.of(other, other_level), strict=True)
    return [a["early_stop"] / b["early_stop"] for a, b in pairs]


def beside_the_paper(record, lead):
    """A table of the paper's figures (section 2) and the record's, with the seeds that agree in direction."""

    def above_reinit(level):
        pairs = zip(lead("ticket", level, AT_STOP, AT_STOP), lead("reinit", level, AT_STOP, AT_STOP), strict=True)
        return [a - b for a, b in pairs]

    best, preferred = (
        max((n for n in record.levels("ticket") if n), key=lambda n, at=at: mean(lead("ticket", n, at, at)))
        for at in (AT_END, HELD_OUT[AT_END])
    )
    stopped = (AT_STOP, AT_STOP)
    rows = [
        ("51.3 %: stops sooner than dense", "sooner", lambda v: v < 1, "{:.2f}×", times_as_long(record, "ticket", 3)),
        ("21.1 %: stops sooner than dense", "0.62×", lambda v: v < 1, "{:.2f}×", times_as_long(record, "ticket", 7)),
        (
            "21.1 %: reinit, over the ticket",
            "2.51×",
            lambda v: v > 1,
            "{:.2f}×",
            times_as_long(record, "reinit", 7, "ticket", 7),
        ),
        (
            "3.6 %: stops with dense",
            "about 1×",
            lambda v: 0.75 < v < 1.33,
            "{:.2f}×",
            times_as_long(record, "ticket", 15),
        ),
        ("51.3 %: above dense", "above", lambda v: v > 0, "{:+.2f}", lead("ticket", 3, *stopped)),
        ("21.1 %: above reinit", "+0.5", lambda v: v > 0, "{:+.2f}", above_reinit(7)),
        ("13.5 %: above dense", "> +0.3", lambda v: v > 0, "{:+.2f}", lead("ticket", 9, *stopped)),
        ("3.6 %: as accurate as dense", "about 0", lambda v: abs(v) < 0.3, "{:+.2f}", lead("ticket", 15, *stopped)),
        (
            f"at the end, highest mean ({100 * record.density(best):.1f} %)",
            "up to +0.35",
            lambda v: v > 0,
            "{:+.2f}",
            lead("ticket", best, AT_END, AT_END),
        ),
    ]
    return Table(
        ["the ticket at", "paper", "record", "direction"],
        [
            [what, words, mean_and_range(values, text), f"{sum(map(agrees, values))} of {len(values)}"]
            for what, words, agrees, text, values in rows
        ],
        caption="×: iterations, over dense's (reinit: over the ticket's); others: points of accuracy, at the stops but in the last row. "
        f"The held-out images choose {100 * record.density(preferred):.1f} % there.",
    )


def step_table(taken, weights):
    """A table of times of a training step, over dense's.

    Args:
        taken: the comparison, dense first.
        weights: name -> how many weights.
    """
    return Table(
        ["a training step", "weights", "times as fast as dense"],
        [
            [name, f"{count:,}", "{:.2f} ({:.2f} to {:.2f})".format(taken.ratio(name), *taken.ratio_quartiles(name))]
            for name, count in weights.items()
        ],
        caption="Batch of 60, one thread; in brackets the quartiles.",
    )


class Packed(nn.Module):
    """The weights of a network as one bit a place and the values that are not zero; biases as they are."""

    def __init__(self, net):
        super().__init__()
        for name, value in net.named_parameters():
            name, flat = name.replace(".", "_"), value.flatten()
            if "weight" in name:
                bits = F.pad(flat != 0, (0, -flat.numel() % 8)).view(-1, 8)
                self.register_buffer(f"{name}_bits", (bits * 2 ** torch.arange(8)).sum(1).to(torch.uint8))
                flat = flat[flat != 0]
            self.register_buffer(name, flat.clone())

    def weight(self, layer, shape):
        """The dense weight of a layer again."""
        bits, values = getattr(self, f"{layer}_weight_bits"), getattr(self, f"{layer}_weight")
        mask = (bits[:, None] // 2 ** torch.arange(8) % 2).flatten()[: shape.numel()].bool()
        return torch.zeros(shape.numel()).masked_scatter(mask, values).view(shape)


def lenet_of(trainer):
    """The network of the course that has the weights and biases of a training."""
    net = models.LeNet300100().requires_grad_(False)
    net.load_state_dict(dict(zip(net.state_dict(), trainer.values, strict=True)))
    return net


class Files:
    """Files of a dense network and of tickets, plain and as bits and values.

    Args:
        trained: name -> training; the first is dense.
    """

    def __init__(self, trained):
        self.trained, self.sizes = trained, {}
        for number, (name, trainer) in enumerate(trained.items()):
            net = lenet_of(trainer)
            self.sizes[name, "zeros stored"] = size_report(net, compressed=True)
            if number:
                packed = Packed(net)
                for layer, module in net.named_children():
                    assert torch.equal(packed.weight(layer, module.weight.shape), module.weight)
                self.sizes[name, "bits and values"] = size_report(packed, compressed=True)
        self.dense = next(iter(self.sizes.values()))

    def times_smaller(self, name, form="bits and values"):
        """How many times smaller a file is than the dense one."""
        return self.dense.file_bytes / self.sizes[name, form].file_bytes

    def table(self):
        """A table of the files, over the dense one's."""
        return Table(
            ["LeNet-300-100", "stored as", "times smaller", "both under gzip"],
            [
                [
                    name,
                    form,
                    f"{self.times_smaller(name, form):.1f}",
                    f"{self.dense.compressed_bytes / s.compressed_bytes:.1f}",
                ]
                for (name, form), s in self.sizes.items()
            ],
            caption="Files of seed 0, over the dense one's; last column: gzip on both sides.",
        )

    def ledger(self, plan, accuracy, image):
        """Write the rows of the ledger, and show them.

        Args:
            plan: the experiment of the short runs.
            accuracy: name -> share of the test images that is right.
            image: one image, for the estimate of the energy.
        """
        cost = energy.estimate(lenet_of(self.trained["dense"]), image)
        levels = {name: level for level, name in enumerate(("dense", "", *list(self.trained)[1:]))}
        written = []
        for (name, form), size in self.sizes.items():
            left = percent_left(plan, levels[name]) / 100
            technique = f"lottery ticket, {name.split(', ')[-1]} left, {form}"
            written.append(
                ledger.record(
                    lesson="ticket_full",
                    task=plan.task,
                    model="LeNet-300-100",
                    technique=f"fp32, {plan.iterations} iterations" if name == "dense" else technique,
                    accuracy=accuracy[name],
                    file_bytes=size.file_bytes,
                    load_ms=size.load_ms,
                    energy_nj=cost.compute_nj + cost.fetch_nj * (1 if form == "zeros stored" else left + 1 / 32),
                )
            )
        return ledger.table(written)


def percent_left(plan, level):
    """Percent of all weights of LeNet-300-100 that a level of a plan leaves."""
    return 100 * sum(n * d for n, d in zip(LENET, plan.layer_densities(level), strict=True)) / sum(LENET)


def searched_at(found, left=0.07):
    """What the record of the lesson ticket has of tickets whose search had another rate: 200 iterations, as here."""
    content = json.loads((runtime.ROOT / "records" / "lottery" / "rates-mnist.json").read_text(encoding="utf-8"))
    wanted = {"iterations": 200, "arm": "ticket", "left": left, "found_at": found}
    results = {}
    for run in content["runs"]:
        if all(run[name] == value for name, value in wanted.items()):
            results.setdefault(run["rate"], []).append((run["held_out"], run["test"]))
    return Tried(results)


def bill(rivals, iterations):
    """Draws the accuracy of networks that all had four trainings of so many iterations, or one that is as long.

    Args:
        rivals: name -> `Tried`.
        iterations: of one training.
    """
    fig, ax = plots.figure(size=(6.9, 4.3))
    means = [mean(tried.tests()) for tried in rivals.values()]
    low = min(85, *means)
    right = low + 2.15 * (max(means) - low)  # room for the numbers behind the longest bar
    for place, (name, tried) in enumerate(rivals.items()):
        colour = plots.COLOURS["blue" if name.startswith("ticket") else "grey"]
        value = mean(tried.tests())
        ax.barh(place, value - low, left=low, color=colour, height=0.66)
        ax.text(value + 0.01 * (right - low), place, mean_and_range(tried.tests()), va="center", fontsize=17)
    ax.set_yticks(range(len(rivals)), [name.replace(", ", ",\n") for name in rivals])
    ax.invert_yaxis()
    ax.set(xlabel="test digits right, %", xlim=(low, right))
    ax.set_xticks([tick for tick in (20, 40, 60, 80, 85, 90, 95) if tick >= low])
    ax.grid(axis="y", visible=False)
    told = (f"{name} {mean(tried.tests()):.1f}" for name, tried in rivals.items())
    plots.show(
        fig,
        alt=f"Percent of the test digits right after {4 * iterations} steps in all: {', '.join(told)}.",
        caption=f"{4 * iterations} steps each. Mean of three seeds (lowest to highest). Best rates, from the top: "
        + ", ".join(f"{tried.best():g}" for tried in rivals.values())
        + ".",
    )


class Tried:
    """What came of trainings with several seeds at several learning rates.

    Args:
        results: rate -> (percent of the held-out images right, percent of the test images right), a pair a seed.
    """

    def __init__(self, results):
        self.results = results

    def best(self):
        """The rate at which the held-out images are most often right, in the mean over the seeds."""
        return max(self.results, key=lambda rate: mean(held_out for held_out, _ in self.results[rate]))

    def tests(self, rate=None):
        """Percent of the test images right at a rate, the best one if none is named: one number a seed."""
        return [test for _, test in self.results[rate or self.best()]]


def won_back(starts, rate=None):
    """Percent of the gap between the ticket and new signs that new sizes with the ticket's own signs win back."""
    own, signed, unsigned = (mean(tried.tests(rate)) for tried in starts.values())
    return 100 * (signed - unsigned) / (own - unsigned)


def signs_table(starts, untrained, rate):
    """A table of three ways to start under one mask.

    Args:
        starts: name -> `Tried`: the ticket, new sizes with its signs, the same sizes with new signs.
        untrained: name -> percent right before any training, one number a seed.
        rate: that of the search.
    """
    return Table(
        ["first values under the mask", "untrained, %", f"at {rate:g}, %", "at its best rate, %", "which is"],
        [
            [
                name,
                f"{mean(untrained[name]):.0f}",
                mean_and_range(tried.tests(rate)),
                mean_and_range(tried.tests()),
                f"{tried.best():g}",
            ]
            for name, tried in starts.items()
        ],
        caption=f"Test digits right, three seeds. Own signs win back {won_back(starts, rate):.0f} % of the gap at {rate:g}, "
        f"{won_back(starts):.0f} % at the best rates.",
    )


def parts_table(parts, adam_bytes, batch_bytes):
    """A table of the parts of a step."""
    return Table(
        ["one step", "time, % of the dense step"],
        [[name, f"{100 / parts.ratio(name):.0f}"] for name in parts.samples],
        caption=f"Adam moves {si(adam_bytes, 'B')}, the batch has {si(batch_bytes, 'B')}. Parts are timed alone, with warmer caches.",
    )


def products(widths, batch, weights):
    """A function that makes the matrix products of a step, forward and backward, and nothing else."""
    signal = [torch.randn(batch, n) for n in widths]  # as wide as the layers

    def make():
        for i, weight in enumerate(weights):
            torch.mm(signal[i], weight.t())
            torch.mm(signal[i + 1].t(), signal[i])
            if i:
                torch.mm(signal[i + 1], weight)

    return make


def controls_table(record):
    """A table of what the record holds: test images right at the stop and at the end, of all arms at five densities."""

    def cell(arm, level, name):
        return mean_and_range([100 * run[name] for run in record.of(arm, level)], "{:.2f}")

    levels = [level for level in record.levels("reinit") if level]
    return Table(
        ["weights left, %", "read at", "ticket", "reinit", "random"],
        [
            [f"{100 * record.density(level):.1f}", words, *(cell(arm, level, name) for arm in LOOKS)]
            for level in levels
            for name, words in WORDS.items()
        ],
        caption="Test images right, %: mean of five seeds (lowest to highest). Dense: "
        + ", ".join(f"{cell('dense', 0, name)} at {words}" for name, words in WORDS.items())
        + ".",
    )


class Elsewhere:
    """Runs of the record that were made again on another kind of processor."""

    def __init__(self, record):
        content = json.loads(
            (runtime.ROOT / "records" / "lottery" / "paper-mnist-amd.json").read_text(encoding="utf-8")
        )
        self.cpu = content["cpu"]
        here = {(r["seed"], r["arm"], r["level"]): r for r in record.records}
        pairs = [(here[r["seed"], r["arm"], r["level"]], r) for r in content["runs"]]
        ratios = [a["early_stop"] / b["early_stop"] for a, b in pairs]
        self.apart = [max(ratio, 1 / ratio) for ratio in ratios]
        self.points = [100 * abs(a["test_accuracy"] - b["test_accuracy"]) for a, b in pairs]

    def table(self):
        """A table of how far two runs of the same seed are apart."""
        return Table(
            ["the same run on two kinds of processor", "median", "most"],
            [
                ["the later stop over the sooner", f"{median(self.apart):.2f}×", f"{max(self.apart):.2f}×"],
                ["accuracies at the stop, apart in points", f"{median(self.points):.2f}", f"{max(self.points):.2f}"],
            ],
            caption=f"{len(self.apart)} runs of the record, again on {self.cpu}.",
        )


def unit_length(record):
    """A table of the stops of dense networks on images of two scales."""
    unit = json.loads((runtime.ROOT / "records" / "lottery" / "unit-length-mnist.json").read_text(encoding="utf-8"))
    stops = {run["seed"]: run["early_stop"] for run in record.of("dense", 0)}
    return Table(
        ["dense, early stop after", *(f"seed {run['seed']}" for run in unit["runs"])],
        [
            ["images from 0 to 1 (the record)", *(stops[run["seed"]] for run in unit["runs"])],
            ["images of length 1", *(run["early_stop"] for run in unit["runs"])],
        ],
        caption=f"{unit['command']}; {unit['date']}; {unit['iterations']:,} iterations.",
    )


def made(record, about):
    """Says when and where the runs of the record were made."""
    for origin in about["provenance"]:
        runs = sum(run.get("provenance") == origin for run in record.records)
        print(f"{runs} runs: {origin['date']}, torch {origin['versions']['torch']}, {origin['cpu']}")
    print(f"made by {about['command']}; {about['run_hours']} hours, added up")


def trained_everywhere(plan, mask, steps=50):
    """Train one ticket twice, Adam with all weights and with those that are left: whether all weights are equal at the end."""
    sets = engine.load(plan.task, plan.held_out, 0)
    both = [
        engine.Trainer(engine.initial(plan.widths, 0), mask, batch=plan.batch, lr=plan.lr, few=few)
        for few in (0, engine.FEW)
    ]
    for trainer in both:
        for picked in itertools.islice(engine.batches(sets.chosen, plan.batch, 0), steps):
            trainer.step(sets.rows[picked], sets.labels[picked])
    pairs = list(zip(*(trainer.values for trainer in both), strict=True))
    return sum(torch.equal(a, b) for a, b in pairs), len(pairs)


def plan_of(task):
    """The short experiment of sections 4 and 5: four rounds, 200 iterations a network."""
    return lottery.Experiment(task=task, densities=(0.5, 0.2, 0.07, 0.036), iterations=200, validate_every=100)
