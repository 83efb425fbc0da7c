"""Measurements and drawings of the lesson prune_model, which stand beside what the lesson explains."""

import math
import sys
from statistics import mean

import torch
from torch import nn
from torch.nn.utils import prune
from tqdm import tqdm

from course_utils import models, training
from course_utils.measure.sparsity import sparsity_report
from course_utils.show import plots
from course_utils.show.tables import Table, mean_and_range

SEEDS = range(3)
LAYERS = ["conv1", "conv2", "fc1", "fc2", "fc3"]  # of LeNet
NOTED = dict(zip(LAYERS, (7.41, 9.49, 22.00, 12.28, 9.76), strict=True))
"""From public notes of a reader of PyTorch's pruning tutorial, while its LeNet had 3 × 3 kernels; in all 20.00 %."""
PARTS = 5  # of 40 steps each
DENSITIES = (0.1, 0.05, 0.01)


def layers_of(net):
    """The layers with weights, with the name of what to prune, as `global_unstructured` wants them."""
    return [(m, "weight") for m in net.modules() if isinstance(m, nn.Conv2d | nn.Linear)]


def left_in(module):
    """How many weights of a layer are not pruned."""
    return int(module.weight_mask.sum()) if hasattr(module, "weight_mask") else module.weight.numel()


class Bench:
    """Dense LeNet-300-100 of three seeds, and copies of them that are cut and fine-tuned.

    Attributes:
        bases: the dense networks, after one pass over 60,000 digits.
        test: (images, labels), 5,000 digits.
        tune: (images, labels), 5,000 digits, on which networks are fine-tuned.
    """

    def __init__(self, images, labels, test, device):
        self.images, self.test, self.device = images, test, device
        self.tune = images[:5_000], labels[:5_000]
        dense = tqdm(SEEDS, desc="dense networks", file=sys.stdout, leave=False)
        self.bases = [self._dense(seed, labels) for seed in dense]

    def _dense(self, seed, labels):
        net = untrained(seed).to(self.device)
        self.train(net, self.images, labels, lr=3e-3, batch=100, seed=seed, schedule=lambda done: 1 - done)
        return net

    def train(self, net, x, y, *, lr=1.2e-3, optimizer=None, batch=25, **options):
        """The network, after one pass with Adam over shuffled batches; `options` as in `training.fit`."""
        optimizer = optimizer or torch.optim.Adam(net.parameters(), lr=lr, fused=True)
        training.fit(net, x, y, batch_size=batch, optimizer=optimizer, device=self.device, progress=False, **options)
        return net

    def copy(self, seed):
        """A copy of a dense network, to be cut."""
        fresh = models.LeNet300100().to(self.device)
        fresh.load_state_dict(self.bases[seed].state_dict())
        return fresh

    def right(self, net):
        """Percent of the test digits that a network gets right."""
        return 100 * training.evaluate(net, *self.test)

    def fine_tuned(self, seed, method, plan, *, fresh=False, falling=False, look=(0,)):
        """Percent right: before the parts in `look`, and at the end; and the share left of each layer in each part.

        Args:
            seed: of the dense network and of the batches.
            method: ``method(net, density)``.
            plan: the density in each of the five parts.
            fresh: a new Adam in each part.
            falling: the rate goes to zero.
            look: parts before which the accuracy is taken.
        """
        net, optimizer, right, left = self.copy(seed), None, [], []
        torch.manual_seed(seed)  # for a random choice
        chunks = zip(self.tune[0].chunk(PARTS), self.tune[1].chunk(PARTS), strict=True)
        for part, data_of_part in enumerate(chunks):
            if part == 0 or plan[part] < plan[part - 1]:
                with torch.no_grad():
                    net(self.images[:1])  # computes `weight` anew: the last step has changed what it is made of
                method(net, plan[part])
            if part in look:
                right.append(self.right(net))
            if fresh or optimizer is None:
                optimizer = torch.optim.Adam(net.parameters(), lr=1.2e-3, fused=True)
            schedule = (lambda done, part=part: 1 - (part + done) / PARTS) if falling else None
            self.train(net, *data_of_part, optimizer=optimizer, seed=1000 * part + seed, schedule=schedule)
            left.append([left_in(m) / m.weight.numel() for m, _ in layers_of(net)])
        return [*right, self.right(net)], left

    def one_cut(self, methods, jobs):
        """(name, density) -> a result of `fine_tuned` for each seed, cut once.

        Args:
            methods: name -> ``method(net, density)``.
            jobs: list of (name, density); at 10 % left the accuracy is taken after the first part as well.
        """
        found = {}
        for name, density in tqdm(jobs, desc="cut and fine-tune", file=sys.stdout, leave=False):
            look = (0, 1) if density == 0.1 else (0,)
            found[name, density] = [self.fine_tuned(s, methods[name], [density] * PARTS, look=look) for s in SEEDS]
        return found


def untrained(seed):
    """The LeNet-300-100 that a dense network of `Bench` starts from."""
    torch.manual_seed(seed)
    return models.LeNet300100()


def just_cut(runs):
    """Percent right before fine-tuning, a number for each seed."""
    return [right[0] for right, _ in runs]


def tuned(runs):
    """Percent right after fine-tuning, a number for each seed."""
    return [right[-1] for right, _ in runs]


def zeros_by_layer(net):
    """Bars of zeros in percent, layer by layer, and of the whole model."""
    report = sparsity_report(net)
    counted = {row.name.removesuffix(".weight"): row for row in report.rows if not row.is_bias}
    counted |= {"biases": report.biases, "all weights": report.weights}
    fig, ax = plots.figure(size=(6.4, 3.8))
    for y, (name, count) in enumerate(counted.items()):
        colour = plots.COLOURS["grey" if name in ("biases", "all weights") else "orange"]
        ax.barh(y, 100 * count.sparsity, color=colour)
        ax.text(100 * count.sparsity + 1, y, f"{count.zeros:,} of {count.elements:,}", va="center")
    ax.set_yticks(range(len(counted)), counted)
    ax.invert_yaxis()
    ax.set(xlabel="zeros, %", xlim=(0, 72))
    plots.show(
        fig,
        alt=f"Bars of zeros in percent: {', '.join(f'{name} {count.sparsity:.1%}' for name, count in counted.items())}.",
        caption=f"{len(list(net.buffers()))} masks: {', '.join(name.split('.')[0] for name, _ in net.named_buffers())}.",
    )


def threshold(weights, amount):
    """The size up to which weights are cut when the smallest share `amount` of all these tensors is."""
    sizes = torch.cat([w.detach().abs().flatten() for w in weights])
    return sizes.kthvalue(round(amount * len(sizes))).values.item()


def one_line_or_five(net, amount=0.2):
    """Two frames of histograms of an untrained LeNet: a threshold for each layer, then one for all."""
    weights = {name: getattr(net, name).weight for name in LAYERS}
    lines = {
        "local": {name: threshold([w], amount) for name, w in weights.items()},
        "global": dict.fromkeys(LAYERS, threshold(weights.values(), amount)),
    }
    gone = {how: {n: (weights[n].abs() <= line).float().mean() for n, line in of.items()} for how, of in lines.items()}
    plots.show(
        [_cut_at(net, of) for of in lines.values()],
        alt=[
            f"Five histograms of weights by size, one a layer, each with a line ({how}); left of it lie "
            f"{', '.join(f'{n} {share:.1%}' for n, share in of.items())}."
            for how, of in gone.items()
        ],
        caption="Untrained LeNet, seed 0, 20 % in all; orange is cut; the number at the right is its share of the layer. First "
        "five lines, then one.",
    )


def _cut_at(net, lines):
    fig, axes = plots.figure(rows=5, size=(6.4, 3.8))
    for ax, (name, line) in zip(axes, lines.items(), strict=True):
        width = 1.00001 * line / max(1, round(100 * line))  # bars about 0.01 wide, one of which ends at the line
        edges = [i * width for i in range(math.ceil(0.36 / width))]
        sizes = getattr(net, name).weight.detach().abs().flatten()
        gone = sizes <= line
        parts = [sizes[gone].numpy(), sizes[~gone].numpy()]
        ax.hist(parts, edges, stacked=True, color=[plots.COLOURS["orange"], plots.COLOURS["sky"]])
        ax.axvline(line, color="black", linewidth=2)
        ax.set(xlim=(0, 0.42), xticks=[0, 0.1, 0.2, 0.3, 0.4] if name == "fc3" else [], yticks=[])
        ax.set_ylabel(name, rotation=0, ha="right", va="center")
        ax.text(0.36, 0.3, f"{100 * gone.float().mean():.1f} %", transform=ax.get_xaxis_transform())
        ax.grid(False)
    axes[-1].set_xlabel("|weight|")
    return fig


def hundred(kernel):
    """Percent of zeros of each layer in 100 untrained LeNets after global pruning by 20 %, a row each."""
    rows = []
    for seed in range(100):
        torch.manual_seed(seed)
        net = models.LeNet(kernel)
        prune.global_unstructured(layers_of(net), pruning_method=prune.L1Unstructured, amount=0.2)
        rows.append([100 * (m.weight == 0).float().mean().item() for m, _ in layers_of(net)])
    return torch.tensor(rows)


def derived_and_drawn(fan_in, expected, draws):
    """A table: the derived shares of five layers beside the mean of 100 draws.

    Args:
        fan_in: name -> weights that an output sums over.
        expected: name -> derived percent.
        draws: float (100, 5), percent of zeros.
    """
    rows = {
        "derived, %": [f"{expected[name]:.1f}" for name in LAYERS],
        "mean of 100 draws": [f"{v:.1f}" for v in draws.mean(0)],
        "their standard deviation": [f"{v:.1f}" for v in draws.std(0)],
    }
    return Table(
        ["fan-in:", *(f"{name} {f}" for name, f in fan_in.items())],
        [[name, *row] for name, row in rows.items()],
        caption="Zeros after global pruning by 20 %, in untrained LeNets.",
    )


def somebody_elses_table(draws):
    """A table that a reader of PyTorch's tutorial noted, and how far it lies from draws with two sizes of kernels.

    Args:
        draws: kernel -> float (100, 5).
    Returns:
        (Table, kernel -> largest distance in standard deviations).
    """
    noted = torch.tensor(list(NOTED.values()))
    away = {kernel: ((noted - of.mean(0)) / of.std(0)).abs() for kernel, of in draws.items()}
    rows = [["the reader's notes, %", *(f"{v:.2f}" for v in NOTED.values())]]
    rows += [
        [f"{kernel} × {kernel}: standard deviations away", *(f"{v:.1f}" for v in of)] for kernel, of in away.items()
    ]
    return Table(["", *LAYERS], rows), {kernel: of.max().item() for kernel, of in away.items()}


def shares(net, amount):
    """Percent of each layer's weights that lie below the common threshold."""
    weights = [m.weight.detach() for m, _ in layers_of(net)]
    line = threshold(weights, amount)
    return [100 * (w.abs() <= line).float().mean().item() for w in weights]


def before_and_after_training(bases):
    """What one threshold cuts from each layer of LeNet-300-100, untrained and trained.

    Returns:
        (Table, points that fc2 loses more at 90 % when trained).
    """
    of = {
        (amount, when): [shares(make(seed), amount) for seed in SEEDS]
        for amount in (0.2, 0.9)
        for when, make in (("untrained", untrained), ("trained", lambda seed: bases[seed]))
    }
    spread = max(max(seeds) - min(seeds) for rows in of.values() for seeds in zip(*rows, strict=True))
    table = Table(
        ["cut, in all", "network", "fc1, %", "fc2, %", "fc3, %"],
        [
            [f"{amount:.0%}", when, *(f"{mean(seeds):.1f}" for seeds in zip(*rows, strict=True))]
            for (amount, when), rows in of.items()
        ],
        caption=f"Zeros in each layer, mean of three seeds, which lie up to {spread:.1f} points apart",
    )
    return table, mean(row[1] for row in of[0.9, "trained"]) - mean(row[1] for row in of[0.9, "untrained"])


def how_far_weights_move(base, images):
    """Weights of fc1 after training against before.

    Args:
        base: the trained network of seed 0.
        images: float (n, 1, 28, 28), the training digits.
    Returns:
        (share that did not move, median move of the kept over that of the cut).
    """
    start, end = untrained(0).fc1.weight.detach(), base.fc1.weight.detach().cpu()
    line, bound = threshold([m.weight.cpu() for m, _ in layers_of(base)], 0.9), 1 / math.sqrt(784)
    kept, moved = end.abs() > line, (end - start).abs()
    largest_before = start.abs() > threshold([start], 1 - kept.float().mean().item())
    some = torch.randperm(start.numel(), generator=torch.Generator().manual_seed(0))[:4000]
    fig, ax = plots.figure(size=(6.2, 3.5))
    for which, colour, label in ((~kept, "grey", "cut"), (kept, "blue", "kept")):
        shown = some[which.flatten()[some]]
        ax.plot(
            start.flatten()[shown], end.flatten()[shown], ".", color=plots.COLOURS[colour], markersize=4, label=label
        )
    ax.hlines([-line, line], -bound, bound, color="black", linestyle=":")
    ax.plot([-bound, bound], [-bound, bound], color="black", linewidth=1.5)
    ax.set(xlabel="weight before training", ylabel="after", ylim=(-0.22, 0.22))
    ax.set_xticks([-0.03, 0, 0.03])
    ax.legend(loc="upper left", markerscale=4, ncols=2)
    stayed = (moved == 0).float().mean().item()
    same = (kept & largest_before).sum().item() / max(1, kept.sum().item())
    black = (images.amax((0, 1)) == 0).flatten().cpu()
    plots.show(
        fig,
        alt=f"Weights of fc1, after training against before: {stayed:.0%} lie on the diagonal; those kept lie above and below two "
        f"dotted lines at {line:.3f}.",
        caption=f"4,000 weights of one network. Black line: not moved, {stayed:.1%} of all. At pixels black in all training "
        f"digits: {black.float().mean():.1%} of all, {(kept[:, black]).sum():.0f} of them kept. Cut: between the dotted lines. Of "
        f"the tenth that is kept, {same:.0%} were in the largest tenth before.",
    )
    return stayed, moved[kept].median().item() / max(1e-9, moved[~kept].median().item())


def _band(ax, x, runs, label, colour):
    """The mean over seeds as a line, from the lowest to the highest seed as a band."""
    ax.fill_between(
        x, [min(r) for r in runs], [max(r) for r in runs], color=plots.COLOURS[colour], alpha=0.25, linewidth=0
    )
    ax.plot(x, [mean(r) for r in runs], "o-", color=plots.COLOURS[colour], label=label)


def cut_and_tuned(one_cut, names):
    """Two panels: accuracy just after the cut, and after 200 steps, over what is left.

    Args:
        one_cut: what `Bench.one_cut` gives, with ("magnitude, global", 1.0) for the dense networks.
        names: three ways to cut.
    """
    fig, axes = plots.figure(columns=2, size=(11, 3.6))
    told = []
    for ax, (title, of_kind) in zip(axes, (("just cut", just_cut), ("cut, then fine-tuned", tuned)), strict=True):
        for name, colour in zip(names, ("blue", "green", "orange"), strict=True):
            points = [of_kind(one_cut["magnitude, global", 1.0]), *(of_kind(one_cut[name, d]) for d in DENSITIES)]
            _band(ax, [100, *(100 * d for d in DENSITIES)], points, name, colour)
            told.append(f"{title}, {name}: {', '.join(f'{mean(p):.0f}' for p in points)} %")
        ax.set(xscale="log", xlabel="weights left, %", xlim=(120, 0.85), ylim=(0, 103), title=title)
        ax.set_xticks([100, 50, 20, 10, 5, 2, 1], ["100", "50", "20", "10", "5", "2", "1"])
        ax.minorticks_off()
    axes[0].set_ylabel("test digits right, %")
    axes[1].legend(loc="lower left")
    plots.show(
        fig,
        alt=f"Two panels of accuracy with 100, 10, 5 and 1 % of the weights left. {'; '.join(told)}.",
        caption="LeNet-300-100, cut once. Mean of three seeds; bands from the lowest to the highest.",
    )


def with_the_last_layer_whole(one_cut, rows, density=0.05):
    """A table: local, local with fc3 whole, global, as many weights left in each."""
    return Table(
        [f"{density:.0%} left in all, fine-tuned", "left of fc3, %", "right, %"],
        [
            [
                name,
                f"{100 * mean(left[-1][2] for _, left in one_cut[name, density]):.0f}",
                mean_and_range(tuned(one_cut[name, density])),
            ]
            for name in rows
        ],
        caption="As many weights left in each row; mean of three seeds (lowest to highest)",
    )


def the_dense_network_too(one_cut, falling):
    """A table: dense and 20 % left, before and after 200 steps at a constant and at a falling rate.

    Args:
        one_cut: what `Bench.one_cut` gives.
        falling: density -> percent right after a falling rate, a number for each seed.
    """
    name = "magnitude, global"
    return Table(
        ["right, %", "dense", "20 % left"],
        [
            ["0 steps", *(mean_and_range(just_cut(one_cut[name, d])) for d in (1.0, 0.2))],
            ["constant rate", *(mean_and_range(tuned(one_cut[name, d])) for d in (1.0, 0.2))],
            ["falling rate", *(mean_and_range(falling[d]) for d in (1.0, 0.2))],
        ],
        caption="Before, and after 200 steps; mean of three seeds (lowest to highest)",
    )


def leads_over_steps(one_cut, steps=(0, 40, 200)):
    """Accuracy of magnitude and random with a tenth left, after 0, 40 and 200 steps.

    Returns:
        list of the leads in points.
    """
    recovered = {name: [right for right, _ in one_cut[name, 0.1]] for name in ("magnitude, global", "random")}
    means = {name: [mean(right[n] for right in of) for n in range(len(steps))] for name, of in recovered.items()}
    leads = [m - r for m, r in zip(*means.values(), strict=True)]
    fig, ax = plots.figure(size=(6.4, 3.6))
    for (name, of), colour in zip(recovered.items(), ("blue", "orange"), strict=True):
        _band(ax, steps, [[right[n] for right in of] for n in range(len(steps))], name, colour)
    ax.vlines(steps, means["random"], means["magnitude, global"], color="black", linestyle=":")
    for step, low, lead in zip(steps, means["random"], leads, strict=True):
        ax.text(step + 4, low + lead / 2, f"{lead:.0f}", va="center")
    ax.set(xlabel="steps of fine-tuning", ylabel="test digits right, %", xlim=(-8, 225), ylim=(0, 103))
    ax.legend(loc="lower right")
    told = [f"{name} {', '.join(f'{v:.1f}' for v in of)} %" for name, of in means.items()]
    plots.show(
        fig,
        alt=f"Accuracy after 0, 40 and 200 steps: {'; '.join(told)}; the lead is {', '.join(f'{lead:.1f}' for lead in leads)} "
        "points.",
        caption="10 % left; mean of three seeds, bands from the lowest to the highest; beside the dotted lines the lead in points.",
    )
    return leads


def stairs(runs, plans, sizes):
    """Four stairs: the weights left over the 200 steps, on the way to 5 %.

    Args:
        runs: (plan, density) -> results of `Bench.fine_tuned`.
        plans: name -> (powers, a new Adam in each part).
        sizes: weights of each layer.
    """
    left = {
        plan: [
            100 * sum(n * s for n, s in zip(sizes, of_part, strict=True)) / sum(sizes)
            for of_part in runs[plan, 0.05][0][1]
        ]
        for plan in plans
    }
    fig, axes = plots.figure(columns=4, size=(12, 3.9))
    for ax, (plan, colour) in zip(axes, zip(plans, ("blue", "orange", "sky", "green"), strict=True), strict=True):
        ax.stairs(
            [100, *left[plan]], [-20, *range(0, 201, 40)], color=plots.COLOURS[colour], linewidth=3, baseline=None
        )
        ax.axvspan(40 * plans[plan][0].index(1), 200, color=plots.COLOURS["grey"], alpha=0.2)
        if plans[plan][1]:
            ax.plot(range(0, 200, 40), [1.4] * 5, "v", color="black")
        ax.set(yscale="log", ylim=(0.8, 130), xlabel="steps", title=plan.replace(", ", ",\n"))
        ax.set_xticks([0, 100, 200])
        ax.set_yticks([100, 30, 10, 5, 1], ["100", "30", "10", "5", "1"] if ax is axes[0] else [""] * 5)
        ax.set_yticks([], minor=True)
    axes[0].set_ylabel("weights left, %")
    plots.show(
        fig,
        alt="Four stairs of the weights left over 200 steps, on their way to 5 %: "
        + "; ".join(f"{plan} {', '.join(f'{share:.0f}' for share in left[plan])}" for plan in plans)
        + " %. Five marks show where the last arm takes a new optimizer.",
        caption="On the way to 5 %, as it ran. Grey: trained at the final density. Triangles: a new optimizer.",
    )


def race_table(ended, plans):
    """Percent right after the race, with 5 and 1 % left."""
    return Table(
        ["200 steps in all; right, %", "5 % left", "1 % left"],
        [[plan, *(mean_and_range(ended[plan, d]) for d in (0.05, 0.01))] for plan in plans],
        caption="Global magnitude; mean of three seeds (lowest to highest)",
    )


def cuts_and_the_last_layer(ended, spared, left_of_fc3, cuts):
    """A table of two by two: one cut or three, global or global with fc3 whole.

    Args:
        ended: (plan, density) -> percent right of each seed.
        spared: plan -> the same with fc3 whole, 1 % left.
        left_of_fc3: percent of fc3 that global leaves with each of `cuts`.
        cuts: two plans.
    Returns:
        (Table, gains of the second plan over the first in both columns).
    """
    gains = [mean(of[1]) - mean(of[0]) for of in ([ended[c, 0.01] for c in cuts], [spared[c] for c in cuts])]
    table = Table(
        ["1 % left in all; right, %", "global", "global, fc3 whole"],
        [
            *([plan, mean_and_range(ended[plan, 0.01]), mean_and_range(spared[plan])] for plan in cuts),
            ["gain, points", *(f"{gain:+.1f}" for gain in gains)],
        ],
        caption=f"Mean of three seeds (lowest to highest). Global leaves {left_of_fc3[0]:.0f} % of fc3 with one cut, "
        f"{left_of_fc3[1]:.0f} % with three.",
    )
    return table, gains
