"""Repeated trainings and drawings of the lesson prune_model."""

import copy
import math
from statistics import mean

import torch
from torch.nn.utils import prune

from course_utils import models, training
from course_utils.show import plots
from course_utils.show.tables import Table, mean_and_range

LAYERS = ("conv1", "conv2", "fc1", "fc2", "fc3")  # of LeNet
NOTED = (7.41, 9.49, 22.00, 12.28, 9.76)  # by a reader of PyTorch's tutorial, while its LeNet had 3 × 3 windows
SEEDS = range(3)
RATE = 0.0012
NO_STEPS, CONSTANT, FALLING = "no steps", "200, constant rate", "200, falling rate"
DENSITIES = (0.2, 0.1, 0.05, 0.01)


def _pairs(net):
    return [(layer, "weight") for layer in net.children()]


def _zeros(net):
    return [100 * (layer.weight == 0).float().mean().item() for layer in net.children()]


def _fan_in(net):
    return [layer.weight[0].numel() for layer in net.children()]


def five_ranges(lenet):
    """Two panels: the range of each layer's weights, cut by five thresholds, or by one as in the pruned `lenet`."""
    ends = [1 / math.sqrt(f) for f in _fan_in(lenet)]
    line = max(((layer.weight_mask == 0) * layer.weight_orig.abs()).max().item() for layer in lenet.children())
    cuts = {"local: 20 % of each layer": [0.2 * end for end in ends], "global: 20 % of all": [line] * 5}
    shares = [[20.0] * 5, _zeros(lenet)]
    fig, panels = plots.figure(columns=2, size=(12, 4.6))
    for axes, (title, lines), lost in zip(panels, cuts.items(), shares, strict=True):
        for y, (end, at, share) in enumerate(zip(ends, lines, lost, strict=True)):
            axes.barh(y, min(end, 0.15), 0.62, color=plots.COLOURS["sky"])
            axes.barh(y, at, 0.62, color=plots.COLOURS["orange"])
            axes.text(0.18, y, f"{share:.0f} %", va="center", ha="right", fontsize=18)
            if title.startswith("local"):
                axes.plot([at, at], [y - 0.42, y + 0.42], color="black", linewidth=3)
        if title.startswith("global"):
            axes.axvline(line, color="black", linewidth=3)
        axes.text(0.148, 0, "→ 0.33", va="center", ha="right")
        axes.text(0.18, -0.7, "cut", va="center", ha="right", fontsize=18)
        axes.set(xlim=(0, 0.183), ylim=(-1, 4.5), title=title, xlabel="size of a weight")
        axes.set_xticks([0, 0.05, 0.1, 0.15])
        axes.set_yticks(range(5), LAYERS if axes is panels[0] else [""] * 5)
        axes.invert_yaxis()
        axes.grid(False)
        axes.spines[["top", "right"]].set_visible(False)
    plots.show(
        fig,
        alt="Two panels with five bars each, the ranges of the weights of a new LeNet: "
        + ", ".join(f"{name} to {end:.2f}" for name, end in zip(LAYERS, ends, strict=True))
        + ". Left each bar has a line of its own at a fifth of its length. Right one line crosses all five, and cuts off "
        + ", ".join(f"{share:.0f} % of {name}" for name, share in zip(LAYERS, shares[1], strict=True))
        + ".",
        caption="A bar is the range from which a new layer's weights are drawn; orange is cut.",
    )


def derived_drawn_noted(make):
    """A table of what each layer loses: by the formula, in 100 new networks of ``make()``, and as somebody noted it.

    Returns:
        (Table, how many standard deviations of the draws the noted row is away, at its worst layer).
    """
    draws = []
    for seed in range(100):
        torch.manual_seed(seed)
        net = make()
        prune.global_unstructured(_pairs(net), pruning_method=prune.L1Unstructured, amount=0.2)
        draws.append(_zeros(net))
    draws = torch.tensor(draws)
    roots, counts = [math.sqrt(f) for f in _fan_in(net)], [layer.weight.numel() for layer in net.children()]
    line = 0.2 * sum(counts) / sum(n * root for n, root in zip(counts, roots, strict=True))
    rows = {
        "formula, %": [f"{100 * line * root:.1f}" for root in roots],
        "100 new networks, mean": [f"{v:.1f}" for v in draws.mean(0)],
        "their standard deviation": [f"{v:.1f}" for v in draws.std(0)],
        "noted from PyTorch's tutorial": [f"{v:.2f}" for v in NOTED],
    }
    table = Table(["lost, %", *LAYERS], [[name, *row] for name, row in rows.items()])
    return table, ((torch.tensor(NOTED) - draws.mean(0)) / draws.std(0)).abs().max().item()


def globally(net, left):
    prune.global_unstructured(_pairs(net), pruning_method=prune.L1Unstructured, amount=1 - left)


def locally(net, left, cut=prune.l1_unstructured):
    for layer in net.children():
        cut(layer, "weight", amount=1 - left)


def at_random(net, left):
    locally(net, left, prune.random_unstructured)


def fc3_whole(net, left):
    """As many weights left in all as in the other ways."""
    count = {layer: layer.weight.numel() for layer in net.children()}
    total, spared = sum(count.values()), count[net.fc3]
    for layer in (net.fc1, net.fc2):
        prune.l1_unstructured(layer, "weight", amount=1 - (left * total - spared) / (total - spared))


WAYS = {"global": globally, "local": locally, "random": at_random, "local, fc3 whole": fc3_whole}


class Races:
    """Three trained LeNet-300-100, and what their copies get right after a cut and 200 steps.

    Attributes:
        after: (way, density) -> percent right, a number for each network.
    """

    def __init__(self, images, labels, test_set):
        self.images, self.labels, self.test_set = images, labels, test_set
        self.dense = [self._dense(seed) for seed in SEEDS]
        self.after = {("dense", 1.0): [self._right(net) for net in self.dense]}
        self.fc3_left = {}
        for way in ("global", "local", "random"):
            for density in DENSITIES:
                self._race(way, density)
        self._race("local, fc3 whole", 0.05)

    def _dense(self, seed):
        torch.manual_seed(seed)
        net = models.LeNet300100()
        adam = torch.optim.Adam(net.parameters(), lr=0.003, fused=True)
        options = {"optimizer": adam, "schedule": lambda done: 1 - done, "seed": seed, "progress": False}
        training.fit(net, self.images, self.labels, batch_size=100, **options)
        return net

    def _tune(self, net, seed, *, steps=200, adam=None, schedule=None):
        adam = adam or torch.optim.Adam(net.parameters(), lr=RATE, fused=True)
        options = {"optimizer": adam, "schedule": schedule, "seed": seed, "progress": False}
        training.fit(net, self.images, self.labels, steps=steps, batch_size=25, **options)

    def _right(self, net):
        return 100 * training.evaluate(net, *self.test_set, batch_size=1000)

    def _race(self, way, density):
        self.after[way, density], self.fc3_left[way, density] = [], []
        for seed, dense in enumerate(self.dense):
            net = copy.deepcopy(dense)
            torch.manual_seed(seed)  # for a random choice
            WAYS[way](net, density)
            self._tune(net, 100 + seed)
            self.after[way, density].append(self._right(net))
            self.fc3_left[way, density].append(100 - _zeros(net)[2])

    def mean(self, way, density):
        """Percent right after a cut and 200 steps, the mean of the networks; of "dense" before any step."""
        return mean(self.after[way, density])

    def draw(self):
        """The percent right over the weights that are left."""
        fig, axes = plots.figure(size=(10, 4.6))
        told = []
        for way, colour, mark in (("global", "blue", "o"), ("local", "green", "s"), ("random", "orange", "^")):
            runs = [self.after[way, density] for density in DENSITIES]
            x, means = [100 * density for density in DENSITIES], [mean(run) for run in runs]
            axes.fill_between(x, [*map(min, runs)], [*map(max, runs)], color=plots.COLOURS[colour], alpha=0.2)
            axes.plot(x, means, f"{mark}-", color=plots.COLOURS[colour], label=way, markersize=9)
            told.append(f"{way} {', '.join(f'{v:.0f}' for v in means)} %")
        axes.set(xscale="log", xlim=(22, 0.9), ylim=(0, 103), xlabel="weights left, %", ylabel="test digits right, %")
        axes.set_xticks([20, 10, 5, 2, 1], ["20", "10", "5", "2", "1"])
        axes.minorticks_off()
        axes.legend(loc="lower left")
        plots.show(
            fig,
            alt=f"Percent of test digits right with 20, 10, 5 and 1 % of the weights left: {'; '.join(told)}.",
            caption="LeNet-300-100, cut once, then 200 steps. Mean of three networks; bands from the lowest to the highest.",
        )

    def fc3_table(self):
        """What three ways to cut leave of fc3, and what is right."""
        rows = [(way, 0.05) for way in ("local", "local, fc3 whole", "global")]
        return Table(
            ["5 % left in all", "left of fc3, %", "right after 200 steps, %"],
            [[row[0], f"{mean(self.fc3_left[row]):.0f}", mean_and_range(self.after[row])] for row in rows],
            caption="Mean of three networks (lowest to highest)",
        )

    def dense_table(self):
        """What dense and cut networks get right before and after 200 steps, at a constant and at a falling rate."""
        found = {}
        for density in (1.0, 0.2):
            for kind, schedule in ((CONSTANT, None), (FALLING, lambda done: 1 - done)):
                found[NO_STEPS, density], found[kind, density] = [], []
                for seed, dense in enumerate(self.dense):
                    net = copy.deepcopy(dense)
                    globally(net, density)
                    found[NO_STEPS, density].append(self._right(net))
                    self._tune(net, 100 + seed, schedule=schedule)
                    found[kind, density].append(self._right(net))
        return Table(
            ["test digits right, %", "dense", "20 % left"],
            [
                [k, *(mean_and_range(found[k, density]) for density in (1.0, 0.2))]
                for k in (NO_STEPS, CONSTANT, FALLING)
            ],
            caption="Mean of three networks (lowest to highest)",
        )

    def rounds_table(self):
        """What is right with 1 % left, cut at once or in three parts, at two learning rates."""
        plans = {"one cut": (0.01,) * 5, "three cuts": (0.01 ** (1 / 3), 0.01 ** (2 / 3), 0.01, 0.01, 0.01)}
        rates = (RATE, 3 * RATE)
        return Table(
            ["1 % left; right, %", *(f"rate {rate:.4f}" for rate in rates)],
            [[name, *(mean_and_range(self._in_parts(plan, rate)) for rate in rates)] for name, plan in plans.items()],
            caption="200 steps in all; mean of three networks (lowest to highest)",
        )

    def _in_parts(self, plan, rate):
        """Percent right after five parts of 40 steps, each with its density."""
        right = []
        for seed, dense in enumerate(self.dense):
            net, before = copy.deepcopy(dense), 1.0
            adam = torch.optim.Adam(net.parameters(), lr=rate, fused=True)
            for part, density in enumerate(plan):
                if density < before:
                    self._right(net)  # a forward pass: the last step has changed what `weight` is made of
                    globally(net, density / before)
                    before = density
                self._tune(net, 10 * part + seed, steps=40, adam=adam)
            right.append(self._right(net))
        return right
