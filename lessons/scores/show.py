"""The drawings and tables of the lesson scores."""

import json
from statistics import mean

import torch

from course_utils import plots
from course_utils.files import ROOT
from course_utils.tables import Table, mean_and_range
from lessons.scores import experiment
from lessons.scores.experiment import images, in_each_row, labels

RECORD = ROOT / "records" / "scores" / "race.json"


def untouched(net, cut, unlit):
    """Draw the weights of fc1 behind pixels that are never lit, and the lines between which the cut removes."""
    weight = net.fc1.weight.detach()
    line = weight[cut.fc1.weight_mask == 0].abs().max().item()
    fig, ax = plots.figure(size=(11, 4.2))
    end = 1 / 28
    bars = torch.linspace(-end, end, 41)
    ax.hist(weight[:, unlit].flatten().tolist(), bars.tolist(), color=plots.COLOURS["sky"])
    ax.axvspan(-line, line, color=plots.COLOURS["orange"], alpha=0.3, linewidth=0)
    ax.axvline(-line, color=plots.COLOURS["orange"])
    ax.axvline(line, color=plots.COLOURS["orange"])
    top = ax.get_ylim()[1]
    ax.text(0, 1.06 * top, "removed", ha="center", va="bottom", color=plots.COLOURS["orange"])
    for side in (-1, 1):
        ax.text(side * (line + end) / 2, 1.06 * top, "kept", ha="center", va="bottom")
    ax.set(xlabel="weight", ylabel="unused weights", ylim=(0, 1.25 * top), xlim=(-1.05 * end, 1.05 * end))
    ax.set_xticks(
        [-end, -line, 0, line, end], [f"{x:.3f}".replace("-", "−") if x else "0" for x in (-end, -line, 0, line, end)]
    )
    ax.grid(False)
    plots.show(
        fig,
        alt=f"Histogram of the weights behind pixels that are never lit: flat from −0.036 to 0.036. The cut removes what lies between "
        f"−{line:.3f} and {line:.3f}, about {100 * line / end:.0f} % of the range.",
        caption="After training: still spread evenly over the range from which PyTorch drew them.",
    )


def four_images(net, by_input, seen):
    """Draw the weights of the neuron of fc1 with the largest scores, the norms of its inputs, and the fifth that each score ranks highest in it."""
    size, neuron = net.fc1.weight.detach().abs(), int(by_input.norm(dim=1).argmax())
    top = {name: in_each_row(s, 0.2)[neuron] for name, s in (("magnitude", size), ("Wanda", by_input))}
    panels = {"|w|": size[neuron], "‖x‖": seen.norm(dim=0)} | {f"top fifth, {name}": mask for name, mask in top.items()}
    fig, axes = plots.figure(columns=4, size=(12, 3.5))
    for n, (ax, (name, values)) in enumerate(zip(axes, panels.items(), strict=True)):
        ax.imshow(values.view(28, 28), cmap="viridis" if n < 2 else "Blues")
        ax.set(title=name, xticks=[], yticks=[])
        ax.grid(False)
    plots.show(
        fig,
        alt="Four images of 28 by 28 for one neuron: the magnitude of its weights, all over the image; the norm of its inputs, large in the "
        "middle and 0 at the border; the fifth that magnitude ranks highest, some of it near the border; the fifth of Wanda, in the middle.",
        caption="Yellow: large. Blue: the fifth of this neuron's weights that the score ranks highest.",
    )


class Tried:
    """Three hundred weights of fc1, each set to 0 alone: the true change of the loss, on the images of the scores and on others.

    Attributes:
        found: name of a score -> its rank correlation on the same images and on others; the guess with its sign, other
            scores with the size of the change.
    """

    def __init__(self, net, guess, scores):
        others = slice(2000, 4000) if len(images) > 4000 else slice(None)
        places = experiment.some_weights(net, images[:2000], 300)
        row, column = places.T
        self.guess = guess[row, column]
        self.costs = [experiment.true_costs(net, images[s], labels[s], places) for s in (slice(2000), others)]
        rank = experiment.rank_correlation
        self.found = {"guess": [rank(self.guess, cost) for cost in self.costs]}
        for name, values in scores.items():
            self.found[name] = [rank(values[row, column], cost.abs()) for cost in self.costs]

    def draw(self):
        """Draw the true change over the guess, for the same images and for others."""
        fig, axes = plots.figure(columns=2, size=(12, 4.6))
        end = 1e6 * torch.quantile(torch.cat([self.guess.abs().double(), *(c.abs() for c in self.costs)]), 0.96).item()
        names = "the same images", "other images"
        for ax, name, cost, found in zip(axes, names, self.costs, self.found["guess"], strict=True):
            ax.plot(1e6 * self.guess, 1e6 * cost, "o", markersize=6, mew=0, alpha=0.5)
            ax.set(
                title=f"{name}: rank correlation {round(found, 2) + 0.0:.2f}".replace("-", "−"),
                xlabel="guess, millionths",
            )
            ax.set(xlim=(-end, end), ylim=(-end, end))
        axes[0].set(ylabel="true change of the loss,\nmillionths")
        same, other = self.found["guess"]
        plots.show(
            fig,
            alt=f"Two clouds of 300 weights, the true change of the loss over the guess. Left, on the same images, they follow the "
            f"diagonal, rank correlation {same:.2f}. Right, on other images, there is no such order, {other:.2f}.",
            caption="A dot for each of 300 weights; some lie outside.",
        )


def compare():
    """Print how the guess of the record's networks ranks the true changes on other images, and how each score ranks their sizes."""
    print("rank correlation on other images: mean of six networks (lowest to highest)")
    print(f"\nwith the true change\n{_ranked('guess')}\n\nwith the size of the true change")
    print(*(_ranked(score) for score in ("magnitude", "Wanda", "Taylor")), sep="\n")


def controls():
    """Print how the size of the guess ranks, and how the guess ranks after ten training steps."""
    print(f"with the size of the true change\n{_ranked('size of guess')}")
    print(f"\nwith the true change, after 10 steps\n{_ranked('guess', 'ranks after 10 steps')}")


def _ranked(key, arm="ranks"):
    """A line with the rank correlation on other images: mean and range of the record's networks."""
    runs = [run[f"{key}, other"] for run in record() if run["arm"] == arm]
    return f"    {key:13}  {mean_and_range(runs, '{:.2f}').replace('-0.00', '0.00')}"


def record():
    """The runs of the record."""
    return json.loads(RECORD.read_text(encoding="utf-8"))["runs"]


def right(arm, group, left=0.05):
    """Per cent of the test digits that each network of the record gets right after a cut that leaves a share."""
    how = {"arm": arm, "group": group, "left": left}
    return [run["test"] for run in record() if how.items() <= run.items()]


def ahead(one, other):
    """In how many networks of the record one way to prune leaves more right than another."""
    pairs = list(zip(right(*one), right(*other), strict=True))
    return f"{sum(a > b for a, b in pairs)} of {len(pairs)}"


def layer_ahead():
    """In how many pairs of cuts of the record, by a score that isn't random, the layer leaves more right than the rows."""
    arms = "magnitude", "Wanda", "Taylor"
    return sum(int(ahead((arm, "layer"), (arm, "row")).split()[0]) for arm in arms)


def magnitude_ahead():
    """In how many networks of the record magnitude leaves more right than Wanda and than Taylor, with 20 % left in a layer."""
    cuts = (right(arm, "layer", 0.2) for arm in ("magnitude", "Wanda", "Taylor"))
    return sum(size > max(others) for size, *others in zip(*cuts, strict=True))


def race():
    """A table of the record: what is right with 5 % left, for each score and group, and in the layer with 20 % left."""
    whole = mean(run["test"] for run in record() if run["arm"] == "whole")
    rows = [
        (
            arm,
            *(mean_and_range(right(arm, group), "{:.0f}") for group in experiment.GROUPS),
            ahead((arm, "layer"), (arm, "row")),
            mean_and_range(right(arm, "layer", 0.2), "{:.1f}"),
        )
        for arm in ("random", "magnitude", "Wanda", "Taylor")
    ]
    beaten = "; ".join(
        f"{arm} {', '.join(ahead((arm, *cut), ('magnitude', *cut)) for cut in (('layer',), ('row',), ('layer', 0.2)))}"
        for arm in ("Wanda", "Taylor")
    )
    return Table(
        (
            "score",
            "5 % left, the layer competes",
            "each row competes",
            "layer ahead in",
            "20 % left, the layer competes",
        ),
        rows,
        caption=f"Test digits right, %: mean of {len(right('Wanda', 'row'))} networks (lowest to highest). Whole: {whole:.0f}. "
        f"Networks in which the score beats magnitude, with 5 % left over the layer and in each row, and with 20 % left: {beaten}.",
    )
