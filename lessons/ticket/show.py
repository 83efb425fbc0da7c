"""Many trainings, tables and drawings of the lesson ticket, which stand beside what the lesson explains."""

import json
import sys
from statistics import mean
from typing import NamedTuple

import torch
from tqdm import tqdm

from course_utils import runtime
from course_utils.lottery import engine
from course_utils.show import diagrams, plots
from course_utils.show.tables import Table, mean_and_range

LOOKS = {
    "ticket": ("o-", "blue"),
    "reinit": ("s--", "orange"),
    "random": ("^:", "green"),
    "dense": ("D-.", "black"),
}
SHAPES = [(300, 784), (100, 300), (10, 100)]
TOTAL = sum(n_out * n_in for n_out, n_in in SHAPES)
PRINTED = {3: 51.3, 7: 21.1, 9: 13.5, 12: 7.0, 15: 3.6, 16: 2.9}  # percent left after n rounds, as the paper prints it


def batches(count, steps, seed):
    """Positions of `steps` batches of 60; one image in twelve (5,000 of 60,000) is held out, as the engine does."""
    order = torch.randperm(count, generator=torch.Generator().manual_seed(seed))
    endless = engine.batches(order[count // 12 :], 60, seed)  # each epoch in a new order
    return (next(endless) for _ in range(steps))


WAYS = ("all weights", "random fifth", "largest at\nthe start", "largest in\nthe copy", "grew most\nin the copy")


def what_is_kept(untrained, alike):
    """Draws how many test digits untrained networks get right, by the weights that they keep.

    Args:
        untrained: way to choose -> percent right, one number a seed.
        alike: the share of the first layer's kept weights that are among the largest at the start as well.
    """
    fig, ax = plots.figure(size=(7.6, 4.6))
    values = [mean(untrained[way]) for way in WAYS]
    colours = [plots.COLOURS[c] for c in ("black", "green", "grey", "blue", "sky")]
    ax.barh(range(5), values, color=colours, height=0.7)
    for place, (value, way) in enumerate(zip(values, WAYS, strict=True)):
        ax.text(value + 1.5, place, mean_and_range(untrained[way], "{:.0f}"), va="center", fontsize=17)
    ax.set_yticks(range(5), WAYS)
    ax.invert_yaxis()
    ax.set(xlabel="test digits right, %", xlim=(0, 125))
    ax.set_xticks([0, 20, 40, 60, 80, 100])
    ax.grid(axis="y", visible=False)
    told = ", ".join(f"{' '.join(way.split())} {value:.0f}" for way, value in zip(WAYS, values, strict=True))
    plots.show(
        fig,
        alt=f"Percent of the test digits that untrained networks get right, by the weights that they keep: {told}.",
        caption=f"Untrained networks, mean of three seeds (lowest to highest). Of fc1's weights that are largest in the copy {alike:.0%} are among the largest at the start, too (seed 2).",
    )


def two_halves(own, new, found, shuffled):
    """Draws a crop of the first layer in the arms ticket, reinit, random and dense.

    Args:
        own, new: weights of fc1 (300, 784), of the network and newly drawn.
        found, shuffled: masks of the same shape.
    """
    crop = slice(0, 5), slice(14 * 28 + 9, 14 * 28 + 16)  # five units, seven pixels of the middle
    canvas = diagrams.Canvas(height=440)
    canvas.text(395, 20, "own initial values", bold=True)
    canvas.text(695, 20, "new initial values", bold=True)
    for y, words in ((155, "mask found\nby pruning"), (355, "random mask,\nas many ones")):
        canvas.text(130, y, words, bold=True)
    for x, y, name, values, mask, meaning in (
        (290, 80, "ticket", own, found, "int8"),
        (590, 80, "reinit", new, found, "fp32"),
        (290, 280, "random", own, shuffled, "int8"),
        (930, 180, "dense: the whole network", own, torch.ones_like(found), "int8"),
    ):
        canvas.text(x + 105, y - 20, name)
        diagrams.grid(canvas, values[crop], x, y, cell=30, mask=mask[crop], text="", meaning=meaning)
    canvas.text(695, 355, "not run: would\nbe like random")
    plots.show(
        canvas.figure(),
        alt="Crops of the first layer's weights in two rows and two columns. Ticket: the found mask on the network's own values. Reinit: the same places, "
        "other values. Random: the own values at other places. Aside the dense network with all of its own values.",
        caption="The stronger the colour, the larger the magnitude; blue: own values, orange: new ones; crossed out: zero. Found mask of section 1: 20 % of fc1.",
    )


def five_steps(before, after, stays):
    """Draws the loop of the five steps, with a corner of the output layer as it stands after each.

    Args:
        before, after: weights of fc3 (10, 100), first and trained.
        stays: the mask of fc3.
    """
    corner = slice(0, 4), slice(0, 5)  # four classes, five hidden units
    before, after, stays = before[corner], after[corner], stays[corner]

    def way_round(active, words, values, mask):
        canvas = diagrams.Canvas(height=400)
        fill = "int8" if active is None else "white"
        start = canvas.box(20, 20, "initialise", width=160, height=60, fill=fill, size=28)
        ring = diagrams.ring(
            canvas, ("train", "prune", "rewind"), x=330, y=235, radius=125, width=160, active=active, size=28
        )
        canvas.wire(start.right, (ring[0].x - 4, ring[0].y + 20))
        canvas.text(330, 235, "repeat", size=28)
        canvas.text(900, 30, words, size=28)
        diagrams.grid(canvas, values, 700, 60, cell=80, mask=mask, text="{:.2f}", size=26)
        return canvas.figure()

    plots.show(
        [
            way_round(None, "θ₀: as they were drawn", before, None),
            way_round(0, "after 200 steps", after, None),
            way_round(1, f"60 % stay; in this corner {int(stays.sum())} of 20", after, stays),
            way_round(2, "back to their values in θ₀", before, stays),
        ],
        alt=[
            f"A ring of train, prune and rewind with initialise before it; {words}"
            for words in (
                "initialise is marked, and a crop of weights shows random numbers.",
                "train is marked, and the numbers have changed.",
                "prune is marked, and cells of small magnitude are crossed out.",
                "rewind is marked, and the cells that are left show the random numbers of the first picture.",
            )
        ],
        caption="Live numbers: a corner of the output layer of seed 2, in the copy of section 1. Crossed out: zero.",
    )


def percent_left(level):
    """Percent of all weights that `level` rounds leave: 20 % of what is left a round, in the output layer 10 %."""
    left = [n_out * n_in * 0.8**level for n_out, n_in in SHAPES[:-1]] + [10 * 100 * 0.9**level]
    return 100 * sum(left) / TOTAL


def schedule():
    """A table of the densities that the paper prints, beside those that follow from its two rates."""
    return Table(
        ["after round", "in the paper, %", "from the rates, %"],
        [[n, printed, f"{percent_left(n):.2f}"] for n, printed in PRINTED.items()],
    )


def rounds(opened):
    """A table of what the open code found in each round.

    Args:
        opened: of each network percent right, masks, first parameters.
    """
    left = [f"{100 * sum(mask.sum().item() for mask in masks.values()) / TOTAL:.1f}" for _, masks, _ in opened]
    names = ["dense", *(f"round {i}" for i in range(1, len(opened)))]
    return Table(
        ["seed 0, 200 steps each", "weights left, %", "test digits right, %"],
        [[name, share, f"{right:.1f}"] for name, share, (right, _, _) in zip(names, left, opened, strict=True)],
    )


def cuts_table(cuts):
    """A table of one cut beside three rounds.

    Args:
        cuts: name -> percent right, one number a seed.
    """
    return Table(
        ["7 % of the weights, after", "test digits right, %"],
        [[name, mean_and_range(values)] for name, values in cuts.items()]
        + [["difference", mean_and_range([b - a for a, b in zip(*cuts.values(), strict=True)], "{:+.1f}")]],
        caption="Mean of three seeds (lowest to highest); the difference is taken within a seed.",
    )


def distances(opened, shared, initial):
    """For two lists of networks: how far each began from its first weights, mean over the weights that are left.

    Args:
        opened, shared: of each network percent right, masks, the parameters that it began with.
        initial: name -> first parameter.
    """

    def way(masks, start):
        gone = sum(((start[name] - initial[name]).abs() * mask).sum() for name, mask in masks.items())
        return (gone / sum(mask.sum() for mask in masks.values())).item()

    return [[way(masks, start) for _, masks, start in found] for found in (opened, shared)]


def distance_table(opened, shared, away):
    """A table of two rewinds: distance from the first weights at the start of a round, accuracy at its end."""
    names = ("true copy", "the other")
    return Table(
        ["", "round 1", "round 2", "round 3"],
        [[f"{n}: distance from θ₀", *(f"{d:.3f}" for d in a[1:4])] for n, a in zip(names, away, strict=True)]
        + [
            [f"{n}: % right", *(f"{right:.1f}" for right, _, _ in found[1:4])]
            for n, found in zip(names, (opened, shared), strict=True)
        ],
        caption="Seed 0. Distance at the start of the round, mean over the weights that are left; accuracy at its end.",
    )


def two_names(pairs):
    """Draws where two names point, after a rewind and five steps.

    Args:
        pairs: title -> (first, parameter), tensors of the output layer's weight.
    """

    def drawn(words, first, parameter):
        canvas = diagrams.Canvas(height=300)
        names = [canvas.box(40, y, name, width=260, height=70) for y, name in ((60, "first"), (190, "the parameter"))]
        one = first.data_ptr() == parameter.data_ptr()
        places = [(700, 160)] if one else [(700, 95), (700, 225)]
        canvas.text(880, 25, words)
        for (x, y), values in zip(places, (first, parameter), strict=False):
            diagrams.grid(canvas, values.detach()[0, :4], x, y - 36, cell=90, text="{:.3f}")
        for number, name in enumerate(names):
            canvas.wire(name.right, (690, places[min(number, len(places) - 1)][1]))
        return canvas.figure()

    plots.show(
        [drawn(words, *pair) for words, pair in pairs.items()],
        alt=[
            "Two names, first and the parameter, point to two rows of numbers, which differ after training.",
            "Two names, first and the parameter, point to one row of numbers: the kept copy has been trained, too.",
        ],
        caption="First weights of the output layer, five steps after a rewind. An arrow leads to the memory that a name stands for (data_ptr).",
    )


class Run(NamedTuple):
    """What came of a training: (iteration, percent of the held-out images right) on the way, and what was learned."""

    curve: list
    values: list

    @property
    def held_out(self):
        """Percent of the held-out images right after the last iteration."""
        return self.curve[-1][1]


class Lab:
    """Trains networks with the course's engine, one a call, and remembers each: a second call costs nothing.

    Args:
        plan: a `lottery.Experiment`: task, densities, iterations.
        start: ``start(arm, seed, masks)`` -> (values, masks): what an arm begins with.
        seeds: that tables and drawings have.
        watched: (arm, level, rate) of the networks that are looked at on the way, every `plan.validate_every` iterations.
    """

    def __init__(self, plan, start, seeds, watched=()):
        self.plan, self.start, self.seeds, self.watched = plan, start, tuple(seeds), watched
        self._runs, self._masks, self._tests = {}, {}, {}

    def masks(self, level, seed, found=None):
        """The masks that `level` rounds leave, each found with the learning rate `found`; level 0: all ones."""
        key = level, seed, found or self.plan.lr
        if not level:
            return [
                torch.ones(n_out, n_in) for n_in, n_out in zip(self.plan.widths, self.plan.widths[1:], strict=False)
            ]
        if key not in self._masks:
            self.run("ticket", level - 1, key[2], seed, key[2])
        return self._masks[key]

    def one_cut(self, level, seed):
        """The masks of a level, cut in one go from the dense network."""
        values = self.run("dense", 0, self.plan.lr, seed).values
        return engine.keep_largest(values, self.masks(0, seed), self.plan.layer_densities(level))

    def run(self, arm, level, rate, seed, found=None):
        """Train an arm at a level with a learning rate; of the ticket the masks of the next level are kept."""
        found = found or self.plan.lr
        arm, found = ("dense", rate) if not level else (arm, found)
        key = arm, level, rate, seed, found
        if key not in self._runs:
            e, masks = self.plan, self.one_cut(level, seed) if arm == "one cut" else self.masks(level, seed, found)
            sets = engine.load(e.task, e.held_out, seed)
            trainer = engine.Trainer(*self.start(arm, seed, masks), batch=e.batch, lr=rate)
            curve, order = [], engine.batches(sets.chosen, e.batch, seed)
            watched = (arm, level, rate) in self.watched
            for step in range(1, e.iterations + 1):
                picked = next(order)
                trainer.step(sets.rows[picked], sets.labels[picked])
                if step == e.iterations or (watched and step % e.validate_every == 0):
                    curve.append((step, 100 * trainer.score(sets.validation_rows, sets.validation_labels)[1]))
            self._runs[key] = Run(curve, trainer.values)
            if arm in ("dense", "ticket") and rate == found and level < len(e.densities):
                kept = engine.keep_largest(trainer.values, masks, e.layer_densities(level + 1))
                self._masks[level + 1, seed, rate] = kept
        return self._runs[key]

    def train(self, wanted, found=None):
        """Train what is not trained yet of (arm, level, rate), each with all seeds, and show how far it is."""
        each = [(*one, seed) for seed in self.seeds for one in wanted]
        for arm, level, rate, seed in tqdm(each, desc="trainings", file=sys.stdout, leave=False):
            self.run(arm, level, rate, seed, found)

    def test(self, arm, level, rate=None, found=None):
        """Percent of the test images right, one number a seed."""
        return [self.test_of(self.run(arm, level, rate or self.plan.lr, seed, found)) for seed in self.seeds]

    def test_of(self, run):
        """Percent of the test images that a trained network gets right; they are read when somebody asks, and once."""
        if id(run) not in self._tests:
            e = self.plan
            sets = engine.load(e.task, e.held_out, 0)
            ones = [torch.ones_like(weight) for weight in run.values[::2]]
            trainer = engine.Trainer(run.values, ones, batch=e.batch, lr=e.lr)
            self._tests[id(run)] = 100 * trainer.score(sets.test_rows, sets.test_labels)[1]
        return self._tests[id(run)]

    def held_out(self, arm, level, rate, found=None):
        """Percent of the held-out images right, one number a seed."""
        return [self.run(arm, level, rate, seed, found).held_out for seed in self.seeds]

    def best(self, arm, level, rates, found=None):
        """That of the rates at which the held-out images are most often right, in the mean over the seeds."""
        return max(rates, key=lambda rate: mean(self.held_out(arm, level, rate, found)))

    def gaps(self, pairs, level, rates, found=None):
        """For each pair of arms the difference of their test accuracies, in points, one number a seed.

        Args:
            pairs: (arm, other), of which "dense" keeps all weights.
            rates: of which each arm gets the one that is best for it.
        """

        def at_best(arm):
            at = 0 if arm == "dense" else level
            return self.test(arm, at, self.best(arm, at, rates, found), found)

        return {(a, b): [x - y for x, y in zip(at_best(a), at_best(b), strict=True)] for a, b in pairs}

    def same_as(self, opened, seed=0):
        """How many of the open code's masks and accuracies are the engine's: (masks, accuracies)."""
        masks = sum(
            all(map(torch.equal, self.masks(level, seed), found.values()))
            for level, (_, found, _) in enumerate(opened)
            if level
        )
        tests = [self.test_of(self.run("ticket", level, self.plan.lr, seed)) for level in range(len(opened))]
        return masks, sum(abs(test - right) < 5e-3 for test, (right, _, _) in zip(tests, opened, strict=True))


def _band(ax, arm, x, values):
    """The mean of the seeds as a line, from the lowest to the highest as a band."""
    style, colour = LOOKS[arm]
    ax.fill_between(x, [min(v) for v in values], [max(v) for v in values], color=plots.COLOURS[colour], alpha=0.2)
    ax.plot(x, [mean(v) for v in values], style, color=plots.COLOURS[colour], label=arm)


def _left(lab, level):
    """Percent of all weights that a level leaves."""
    return (
        100 * sum(n * d for n, d in zip((235_200, 30_000, 1_000), lab.plan.layer_densities(level), strict=True)) / TOTAL
    )


def one_rate(lab, levels):
    """Draws the accuracy of the three arms over the weights left, all at the plan's learning rate."""
    fig, ax = plots.figure(size=(6.8, 4.0))
    for arm in ("ticket", "reinit", "random"):
        where = [0, *levels]
        _band(ax, arm, [_left(lab, i) for i in where], [lab.test(arm, i) for i in where])
    dense = mean(lab.test("dense", 0))
    ax.axhline(dense, color="black", linestyle="--", label="dense")
    ax.set(xscale="log", xlabel="weights left, %", ylabel="test digits right, %", xlim=(110, 3.3))
    ax.set_xticks([100, 50, 20, 7, 3.6], ["100", "50", "20", "7", "3.6"], minor=False)
    ax.set_xticks([], minor=True)
    ax.legend(loc="lower left")
    plots.show(
        fig,
        alt="Accuracy against weights left, 100 to 3.6 percent, for ticket, reinit and random. At 7 percent: "
        + ", ".join(f"{arm} {mean(lab.test(arm, 3)):.1f}" for arm in ("ticket", "reinit", "random"))
        + f" percent right; dense {dense:.1f}.",
        caption=f"{lab.plan.iterations} iterations a network, learning rate {lab.plan.lr} for all. Lines: mean of {len(lab.seeds)} seeds; bands: lowest to highest.",
    )


def over_rates(lab, rates):
    """Draws the accuracy of the four arms with 7 % left over the learning rate."""
    fig, ax = plots.figure(size=(6.8, 4.2))
    for arm in LOOKS:
        level = 0 if arm == "dense" else 3
        _band(ax, arm, rates, [lab.held_out(arm, level, rate) for rate in rates])
    ax.set(xscale="log", xlabel="learning rate", ylabel="held-out digits right, %")
    ax.set_xticks(rates, [f"{rate:g}" for rate in rates], minor=False)
    ax.set_xticks([], minor=True)
    ax.legend(loc="lower right", ncols=2)
    best = {arm: lab.best(arm, 0 if arm == "dense" else 3, rates) for arm in LOOKS}
    plots.show(
        fig,
        alt="Accuracy on held-out digits against the learning rate. "
        + "; ".join(
            f"{arm} "
            + ", ".join(f"{mean(lab.held_out(arm, 0 if arm == 'dense' else 3, r)):.1f} at {r:g}" for r in rates)
            for arm in LOOKS
        )
        + ".",
        caption=f"7 % of the weights (dense: all), {lab.plan.iterations} iterations. Best rate: "
        + ", ".join(f"{arm} {rate:g}" for arm, rate in best.items())
        + ".",
    )


PAIRS = (("ticket", "reinit"), ("reinit", "random"), ("ticket", "dense"))


def what_is_left(columns):
    """A table of differences between arms, in points, under several conditions.

    Args:
        columns: condition -> pair of arms -> differences, one number a seed.
    """
    return Table(
        ["points, 7 % left", *columns],
        [[f"{a} − {b}", *(mean_and_range(gaps[a, b], "{:+.1f}") for gaps in columns.values())] for a, b in PAIRS],
        caption="Test digits; differences within a seed, mean of three seeds (lowest to highest).",
    )


def sooner(lab, best):
    """Draws how ticket (20 % left) and dense learn, at the plan's rate and at the best rate of dense."""
    fig, axes = plots.figure(columns=2, size=(11.5, 4.2))
    told = []
    for ax, rate in zip(axes, (lab.plan.lr, best), strict=True):
        for arm, level in (("ticket", 2), ("dense", 0)):
            curves = [lab.run(arm, level, rate, seed).curve for seed in lab.seeds]
            values = [[curve[i][1] for curve in curves] for i in range(len(curves[0]))]
            _band(ax, arm, [step for step, _ in curves[0]], values)
            told.append(f"at {rate:g} {arm} {mean(values[0]):.0f} percent first and {mean(values[-1]):.1f} last")
        ax.set(xlabel="iteration", title=f"both at {rate:g}")
        ax.legend(loc="lower right")
    axes[0].set_ylabel("held-out digits right, %")
    low = min(ax.get_ylim()[0] for ax in axes)
    for ax in axes:
        ax.set_ylim(low, 96)
    plots.show(
        fig,
        alt=f"Held-out accuracy against iteration, two panels: {'; '.join(told)}.",
        caption=f"Ticket: 20 % left. Mean of {len(lab.seeds)} seeds, bands: lowest to highest.",
    )


def gap(lab, arm, other, level):
    """The difference of two arms at a level and the plan's rate, in points, one number a seed; "dense" keeps all."""
    return lab.gaps([(arm, other)], level, [lab.plan.lr])[arm, other]


def times_sooner(lab, rate):
    """How many times fewer iterations the ticket (20 % left) needs to what dense has half-way, both at a rate."""
    curves = {arm: [lab.run(arm, n, rate, s).curve for s in lab.seeds] for arm, n in (("ticket", 2), ("dense", 0))}
    goal = mean(curve[(len(curve) - 1) // 2][1] for curve in curves["dense"])

    def needed(arm):
        return mean(next((step for step, right in c if right >= goal), c[-1][0]) for c in curves[arm])

    return needed("dense") / needed("ticket")


class Recorded:
    """The record of longer budgets: each arm at four rates, masks found at two."""

    def __init__(self):
        file = runtime.ROOT / "records" / "lottery" / "rates-mnist.json"
        content = json.loads(file.read_text(encoding="utf-8"))
        self.runs, self.command = content["runs"], content["command"]

    def of(self, iterations, arm, left, found, rate):
        """The runs of an arm, by seed."""
        where = {"iterations": iterations, "arm": arm, "rate": rate}
        if arm != "dense":
            where |= {"left": left, "found_at": found}
        chosen = [run for run in self.runs if all(run[name] == value for name, value in where.items())]
        return sorted(chosen, key=lambda run: run["seed"])

    def best(self, iterations, arm, left, found, rates):
        """That of the rates at which the held-out images are most often right."""
        return max(rates, key=lambda r: mean(x["held_out"] for x in self.of(iterations, arm, left, found, r)))

    def gaps(self, iterations, left, found, rates):
        """Pair of arms -> differences in points, each arm at its best of the rates, one number a seed."""

        def at_best(arm):
            rate = self.best(iterations, arm, left, found, rates)
            return [run["test"] for run in self.of(iterations, arm, left, found, rate)]

        return {(a, b): [x - y for x, y in zip(at_best(a), at_best(b), strict=True)] for a, b in PAIRS}

    def table(self, left):
        """A table of the differences with a share of the weights left for each budget, under three conditions."""
        rates = sorted({run["rate"] for run in self.runs})
        conditions = (
            ("one rate", 0.0012, [0.0012]),
            ("each its best", 0.0012, rates),
            ("the search, too", 0.0048, rates),
        )
        rows = []
        for iterations in sorted({run["iterations"] for run in self.runs}):
            for words, found, allowed in conditions:
                gaps = self.gaps(iterations, left, found, allowed)
                rows.append([f"{iterations:,}", words, *(mean_and_range(gaps[pair], "{:+.1f}") for pair in PAIRS)])
        return Table(
            ["iterations", "", *(f"{a} − {b}" for a, b in PAIRS)],
            rows,
            caption=f"Points, {100 * left:g} % left; {self.command}",
        )
