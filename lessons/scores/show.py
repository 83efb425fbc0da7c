"""The drawings and the race of the lesson scores."""

import copy
from statistics import mean

import torch
from torch.nn import functional as F
from torch.nn.utils import prune

from course_utils import training
from course_utils.show import plots

STEPS = 100  # of training after a cut


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
    ax.set(xlabel="weight", ylabel="useless weights", ylim=(0, 1.25 * top), xlim=(-1.05 * end, 1.05 * end))
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


@torch.no_grad()
def tried(net, x, y):
    """How much the loss changes without each unit of fc1 alone, (units,)."""
    weight, changes, whole = net.fc1.weight, [], F.cross_entropy(net(x), y)
    for unit, row in enumerate(weight.clone()):
        weight[unit] = 0
        changes.append(F.cross_entropy(net(x), y) - whole)
        weight[unit] = row
    return torch.stack(changes)


def _ranks(values):
    return values.argsort().argsort().double()


def rank_correlation(a, b):
    """1 where both have the same order, 0 where there is no relation."""
    return torch.corrcoef(torch.stack([_ranks(a), _ranks(b)]))[0, 1].item()


@torch.no_grad()
def clouds(net, guess, truth, x):
    """Draw the true change of the loss over the guess, and over the norm of the row, for each unit of fc1 that fires.

    Returns:
        dict: percent of these units "above" the guess; rank correlations with the truth, "slope" and "norm".
    """
    fires = (net.fc1(x.flatten(1)) > 0).any(0)
    guess, truth, norm = guess[fires], truth[fires], net.fc1.weight[fires].norm(dim=1)
    found = {"above": 100 * (truth > guess).double().mean().item()}
    found |= {"slope": rank_correlation(guess, truth), "norm": rank_correlation(norm, truth)}
    fig, axes = plots.figure(columns=2, size=(12, 4.6))
    low, high = torch.quantile(truth, torch.tensor([0.02, 0.95])).mul(1000).tolist()
    for ax, score, name in zip(axes, (1000 * guess, norm), ("slope", "norm"), strict=True):
        ax.plot(score, 1000 * truth, "o", markersize=6, mew=0, alpha=0.6)
        ax.set(title=f"rank correlation {found[name]:.2f}", ylim=(1.3 * low, 1.2 * high))
    axes[0].axline((0, 0), slope=1, color=plots.COLOURS["orange"])
    axes[0].text(0.97, 0.08, "guess = truth", color=plots.COLOURS["orange"], ha="right", transform=axes[0].transAxes)
    axes[0].set(xlabel="guess from the slope, ‰", ylabel="true change of the loss, ‰", xlim=(1.3 * low, 1.2 * high))
    axes[1].set(xlabel="norm of the unit's row")
    plots.show(
        fig,
        alt=f"Two clouds of {int(fires.sum())} units. Left, the true change of the loss over the guess: {found['above']:.0f} % lie above "
        f"the diagonal, and the cloud follows it, rank correlation {found['slope']:.2f}. Right, over the norm of the row: a wide cloud, "
        f"{found['norm']:.2f}.",
        caption=f"A dot for each unit that is not dead; a few lie outside. {found['above']:.0f} % lie above the line. ‰: thousandths.",
    )
    return found


def in_each_row(scores, left):
    """A mask of the largest scores of each row."""
    stay = scores.topk(round(left * scores.shape[1]), dim=1).indices
    return torch.zeros_like(scores).scatter(1, stay, 1)


def four_images(net, by_input, seen, unit):
    """Draw the weights of one unit of fc1, the norms of its inputs, and the fifth that magnitude and Wanda keep of its row."""
    size = net.fc1.weight.detach().abs()
    kept = {name: in_each_row(s, 0.2)[unit] for name, s in (("magnitude", size), ("Wanda", by_input))}
    panels = {"|w|": size[unit], "‖x‖": seen.norm(dim=0)} | {f"kept by {name}": mask for name, mask in kept.items()}
    fig, axes = plots.figure(columns=4, size=(12, 3.5))
    for n, (ax, (name, values)) in enumerate(zip(axes, panels.items(), strict=True)):
        ax.imshow(values.view(28, 28), cmap="viridis" if n < 2 else "Blues")
        ax.set(title=name, xticks=[], yticks=[])
        ax.grid(False)
    edge = torch.ones(28, 28, dtype=torch.bool)
    edge[4:-4, 4:-4] = False
    told = [f"{int(mask.view(28, 28)[edge].sum())} by {name}" for name, mask in kept.items()]
    plots.show(
        fig,
        alt="Four images of 28 by 28 for one unit: the size of its weights, all over the image; the norm of its inputs, large in the "
        "middle and 0 at the border; the weights that magnitude keeps, many of them at the border; those that Wanda keeps, in the middle.",
        caption=f"Yellow: large. Blue: kept, in the outer four rows and columns {' and '.join(told)}.",
    )


# ---- the race ----------------------------------------------------------------------------------------


def _sizes(layer, *_):
    return layer.weight.detach().abs()


def _wanda(layer, inputs, _):
    return layer.weight.detach().abs() * inputs.norm(dim=0)


def _slopes(_, __, slope):
    return slope


def _chance(layer, *_):
    return torch.rand_like(layer.weight.detach())


ARMS = {  # name -> score, whether each row ranks its own weights
    "random": (_chance, False),
    "magnitude, in each row": (_sizes, True),
    "magnitude": (_sizes, False),
    "slope": (_slopes, False),
    "Wanda, in each row": (_wanda, True),
    "Wanda": (_wanda, False),
}
LEFT = {0.5: "half of the weights left", 0.05: "5 % left"}


class Race:
    """Three networks, and what their copies get right after a cut of fc1 and fc2, and after the steps.

    Attributes:
        right: (arm, share left) -> (percent right just pruned, after the steps), a pair for each network.
    """

    def __init__(self, nets, images, labels, test_set):
        self.images, self.labels, self.test_set = images, labels, test_set
        self.right = {(arm, left): [] for arm in ARMS for left in LEFT}
        for seed, net in enumerate(nets):
            slopes = self._slopes(net)
            for arm, left in self.right:
                torch.manual_seed(
                    1000 + seed
                )  # for random scores; the seed of a network would give its first weights again
                self.right[arm, left].append(self._run(self._cut(net, arm, left, slopes), seed))

    def _slopes(self, net):
        """(weight × gradient)² of fc1 and fc2, the mean over 20 batches."""
        net, total = copy.deepcopy(net), [0, 0]
        for x, y in zip(self.images[:2000].split(100), self.labels[:2000].split(100), strict=True):
            net.zero_grad()
            F.cross_entropy(net(x), y).backward()
            for n, layer in enumerate((net.fc1, net.fc2)):
                total[n] = total[n] + (layer.weight * layer.weight.grad).detach() ** 2
        return total

    @torch.no_grad()
    def _cut(self, net, arm, left, slopes):
        cut, (score, rows) = copy.deepcopy(net), ARMS[arm]
        seen = self.images[:2000].flatten(1)
        inputs = seen, torch.relu(net.fc1(seen))
        for layer, x, slope in zip((cut.fc1, cut.fc2), inputs, slopes, strict=True):
            scores = score(layer, x, slope)
            if rows:
                prune.custom_from_mask(layer, "weight", in_each_row(scores, left))
            else:
                prune.l1_unstructured(layer, "weight", amount=1 - left, importance_scores=scores)
        return cut

    def _run(self, net, seed):
        just = 100 * training.evaluate(net, *self.test_set, batch_size=1000)
        adam = torch.optim.Adam(net.parameters(), lr=0.002, fused=True)
        options = {"steps": STEPS, "batch_size": 100, "optimizer": adam, "seed": 100 + seed, "progress": False}
        training.fit(net, self.images, self.labels, **options)
        return just, 100 * training.evaluate(net, *self.test_set, batch_size=1000)

    def mean(self, arm, left, after=False):
        """Mean percent right of three networks, just pruned or after the steps."""
        return mean(pair[after] for pair in self.right[arm, left])

    def draw(self):
        """Draw a panel for each share that is left, with a row for each arm."""
        fig, axes = plots.figure(columns=2, size=(12, 4))
        looks = {
            "just pruned": {"color": plots.COLOURS["orange"], "mfc": "none", "mew": 2.5},
            f"after {STEPS} steps": {"color": plots.COLOURS["blue"]},
        }
        for ax, (left, title) in zip(axes, LEFT.items(), strict=True):
            for at, (name, look) in enumerate(looks.items()):  # 0: just pruned, 1: after the steps
                dots = [(pair[at], row) for row, arm in enumerate(ARMS) for pair in self.right[arm, left]]
                ax.plot(*zip(*dots, strict=True), "o", markersize=10, clip_on=False, label=name, **look)
            ax.set(
                title=title,
                xlabel="test digits right, %",
                xlim=(0, 100),
                xticks=[0, 50, 100],
                ylim=(-0.6, len(ARMS) - 0.4),
            )
            ax.set_yticks(range(len(ARMS)), ARMS if ax is axes[0] else [""] * len(ARMS))
            ax.tick_params(axis="y", length=0)
        axes[0].legend(loc="center left")
        told = [
            f"{arm}: {'; '.join(f'{self.mean(arm, left):.0f} and {self.mean(arm, left, True):.0f} % with {left:.0%} left' for left in LEFT)}"
            for arm in ARMS
        ]
        plots.show(
            fig,
            alt=f"Mean percent of the test digits just pruned, and after {STEPS} steps. {'. '.join(told)}.",
            caption="A dot for each of three networks. Without “in each row” the weights of a layer compete.",
        )
