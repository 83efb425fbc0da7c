"""Networks, measurements and drawings of the lesson scores, which stand beside what the lesson explains."""

import copy
import sys
from statistics import mean

import torch
from torch.nn import functional as F
from torch.nn.utils import prune
from tqdm import tqdm

from course_utils import models, runtime, training
from course_utils.measure.sizes import size_report
from course_utils.scorecard import ledger
from course_utils.show import diagrams, plots
from course_utils.show.tables import Table, mean_and_range

SEEDS = range(3)
BUDGET = 100  # training steps after a cut
AT_ONCE = 1000  # images a call, where a network is evaluated: the masked weights are made anew in each call


def cut_layers(net):
    """The layers that are cut. The last one, fc3, has 1,000 of 266,200 weights and stays whole."""
    return {"fc1": net.fc1, "fc2": net.fc2}


def train(net, images, labels, **options):
    """Adam on batches of 64 images; `options` as in `training.fit`."""
    optimizer = torch.optim.Adam(net.parameters(), lr=options.pop("rate", 2e-3), fused=True)
    training.fit(net, images, labels, optimizer=optimizer, device=images.device, progress=False, **options)


class Movement:
    """A callback that adds up the movement scores of some layers: minus the sum over steps of weight times gradient.

    Attributes:
        scores: name of a layer -> scores, in the shape of its weight.
    """

    def __init__(self, layers):
        self.layers = layers
        self.before = {name: layer.weight.detach().clone() for name, layer in layers.items()}
        self.scores = {name: torch.zeros_like(weight) for name, weight in self.before.items()}

    def __call__(self, step):
        for name, layer in self.layers.items():
            self.scores[name].addcmul_(self.before[name], layer.weight.grad, value=-1)  # both of the same step
            self.before[name].copy_(layer.weight.detach())  # the next gradient is taken at this weight


class Bench:
    """Three LeNet-300-100 after one pass over the digits; copies of them are cut, repaired and trained on.

    Attributes:
        nets: the trained networks, which stay whole.
        moves: for each of them its movement scores, name of a layer -> tensor.
        seen: the training images that scores and repair may look at.
        finished: (name, density, group) -> the first network of that arm, after the steps.
    """

    def __init__(self, images, labels, test_set):
        self.images, self.labels, self.test_set = images, labels, test_set
        self.seen, self.nets, self.moves, self.finished = images[:2000], [], [], {}
        for seed in tqdm(SEEDS, desc="one pass each", file=sys.stdout, leave=False):
            runtime.seed_all(seed)
            net = models.LeNet300100().to(images.device)
            movement = Movement(cut_layers(net))
            train(net, images, labels, seed=seed, on_step=movement)
            self.nets.append(net)
            self.moves.append(movement.scores)

    def right(self, net):
        """Percent of the test images that a network gets right."""
        return 100 * training.evaluate(net, *self.test_set, batch_size=AT_ONCE)

    def copies(self):
        """Copies of the networks, to be trained on."""
        return [copy.deepcopy(net) for net in self.nets]

    def masked(self, net, masks):
        """A copy of a network whose layers have these masks."""
        net = copy.deepcopy(net)
        for name, layer in cut_layers(net).items():
            prune.custom_from_mask(layer, "weight", masks[name])
        return net

    def repaired(self, net, masks, repair):
        """The same, and what stays in a layer makes up for what is removed; each layer on what the cut ones before it give."""
        net = copy.deepcopy(net)
        for name, layer in cut_layers(net).items():
            with torch.no_grad():
                layer.weight.copy_(repair(layer.weight, factor_of(inputs_of(net, name, self.seen)), masks[name]))
            prune.custom_from_mask(layer, "weight", masks[name])
        return net

    def fine_tuned(self, net, seed, rate=2e-3):
        """The same network after `BUDGET` steps."""
        train(net, self.images, self.labels, steps=BUDGET, seed=100 + seed, rate=rate)
        return net

    @torch.no_grad()
    def of_units(self, net, products):
        """What the units of fc1 are worth on 1,000 training images, each removed alone.

        Args:
            products: weight × gradient of fc1 for these images, with sign.
        Returns:
            dict of float (300,): "truth", the change of the loss; "promise", that of the tangent; "fires", bool.
        """
        x, y = self.images[:1000], self.labels[:1000]
        before = net.fc1(x.flatten(1))
        whole = loss_with(net, before, 0, 1.0, y)
        truth = [loss_with(net, before, unit, 0.0, y) - whole for unit in range(len(net.fc1.weight))]
        return {"truth": torch.tensor(truth), "promise": -products.sum(1).cpu(), "fires": (before > 0).any(0).cpu()}


@torch.no_grad()
def inputs_of(net, name, x):
    """What a layer that is cut receives."""
    x = x.flatten(1)
    return x if name == "fc1" else torch.relu(net.fc1(x))


@torch.no_grad()
def loss_with(net, before, unit, share, labels):
    """The loss when the row of one unit of fc1 is `share` times what it was.

    Args:
        before: float (images, units), what fc1 gives.
    """
    changed, bias = before.clone(), net.fc1.bias[unit]
    changed[:, unit] = share * (before[:, unit] - bias) + bias
    return F.cross_entropy(net.fc3(torch.relu(net.fc2(torch.relu(changed)))), labels).item()


# ---- masks -------------------------------------------------------------------------------------------


def largest(scores, share):
    """A mask of the largest scores, all rows together; of equal ones the first."""
    flat = scores.flatten()
    count = round(share * len(flat))
    if not count:
        return torch.zeros_like(scores)
    threshold = flat.kthvalue(len(flat) - count + 1).values  # a fifth of the time of sorting them all
    mask = flat > threshold
    mask[(flat == threshold).nonzero().flatten()[: count - int(mask.sum())]] = True
    return mask.view_as(scores).to(scores.dtype)


def in_each_row(scores, share):
    """A mask of the largest scores of each row."""
    order = scores.argsort(dim=1, descending=True, stable=True)
    return torch.zeros_like(scores).scatter(1, order[:, : round(share * scores.shape[1])], 1)


def masks_of(scores, density, group):
    """{layer: mask} that keeps the largest scores of each row, of each layer, or of both layers together."""
    if group == "each row":
        return {name: in_each_row(s, density) for name, s in scores.items()}
    if group == "each layer":
        return {name: largest(s, density) for name, s in scores.items()}
    joined = largest(torch.cat([s.flatten() for s in scores.values()]), density)
    parts = joined.split([s.numel() for s in scores.values()])
    return {name: part.view_as(s) for part, (name, s) in zip(parts, scores.items(), strict=True)}


def two_of_four(scores):
    """{layer: mask} that keeps the two largest of each four neighbours in a row."""
    masks = {}
    for name, s in scores.items():
        groups = s.reshape(-1, 4)
        masks[name] = torch.zeros_like(groups).scatter(1, groups.topk(2).indices, 1).view_as(s)
    return masks


def by_chance(bench):
    """Random scores for the layers of each network."""
    torch.manual_seed(0)
    return [{name: torch.rand_like(m.weight) for name, m in cut_layers(net).items()} for net in bench.nets]


# ---- repair ------------------------------------------------------------------------------------------


def factor_of(inputs, damp=0.01):
    """Of the inverse of H = XᵀX / n the upper Cholesky factor: row j is column j of the inverse without the columns before j, scaled.

    Args:
        inputs: (n, columns), what the layer sees on some data; no labels.
        damp: added to H's diagonal, as a share of its mean, so that H can be inverted.
    """
    hessian = inputs.T @ inputs / len(inputs)
    diagonal = hessian.diagonal()  # a view
    diagonal[diagonal == 0] = 1  # an input that is always 0 has nothing to do with the others
    diagonal += damp * diagonal.mean()
    inverse = torch.cholesky_inverse(torch.linalg.cholesky(hessian))
    return torch.linalg.cholesky(inverse, upper=True)


def _of_use(weight, inputs):
    """The weight, with 0 where an input is always 0: nothing is lost there."""
    return weight.masked_fill((inputs == 0).all(0), 0.0)


@torch.no_grad()
def chosen_in_blocks(weight, inputs, density, repair, block=128):
    """SparseGPT's mask: block after block of columns, by what a weight costs *after* repair, on weights that took over already."""
    factor = factor_of(inputs)
    mask, new = torch.ones_like(weight), _of_use(weight, inputs)
    for start in range(0, weight.shape[1], block):
        here, behind = slice(start, start + block), slice(start, None)
        mask[:, here] = largest((new[:, here] / factor.diagonal()[here]) ** 2, density)
        new[:, behind] = repair(
            new[:, behind], factor[behind, behind], mask[:, behind]
        )  # what comes later keeps all, so far
    return mask


@torch.no_grad()
def chosen_at_once(weight, inputs, density, block=128):
    """The same cost, block by block, but on the weights as they were."""
    costs = (_of_use(weight, inputs) / factor_of(inputs).diagonal()) ** 2
    return torch.cat([largest(part, density) for part in costs.split(block, dim=1)], dim=1)


@torch.no_grad()
def least_squares(weight, inputs, mask):
    """For a mask, the rows that come nearest to the old outputs."""
    new, hessian = torch.zeros_like(weight), (inputs.T @ inputs).double()
    eye = torch.eye(len(hessian), dtype=torch.float64, device=weight.device)
    damped = hessian + 1e-6 * hessian.diagonal().mean() * eye
    for row, (w, kept) in enumerate(zip(weight, mask > 0, strict=True)):
        new[row, kept] = torch.linalg.solve(damped[kept][:, kept], (hessian @ w.double())[kept]).float()
    return new


@torch.no_grad()
def output_error(bench, weight, new):
    """Percent of the square of fc1's outputs that a new weight changes, on 2,000 test images."""
    x = bench.test_set[0][:2000].flatten(1)
    return 100 * (((weight - new) @ x.T).square().sum() / (weight @ x.T).square().sum()).item()


# ---- section 1 ---------------------------------------------------------------------------------------


def useless_table(bench, never_lit, found):
    """A table of the weights behind pixels that no training image lights.

    Args:
        never_lit: bool (784,).
        found: for each network the threshold of the cut, and the percent of these weights that it keeps.
    """
    useless = len(bench.nets[0].fc1.weight) * int(never_lit.sum())
    total = sum(layer.weight.numel() for layer in cut_layers(bench.nets[0]).values())
    return Table(
        ["", "number"],
        [
            ["pixels that are never lit", int(never_lit.sum())],
            ["weights behind them", f"{useless:,} ({useless / total:.1%})"],
            ["threshold of the cut", mean_and_range([threshold for threshold, _ in found], "{:.4f}")],
            ["of these weights kept, %", mean_and_range([kept for _, kept in found], "{:.0f}")],
        ],
        caption="Magnitude, the smallest fifth of fc1 and fc2 removed; mean (least to most) of three networks.",
    )


# ---- section 2 ---------------------------------------------------------------------------------------


def _ranks(values):
    """The rank of each value; equal ones share the mean of theirs, so that ties agree with nothing by their place alone."""
    below, equal = values[:, None] > values, values[:, None] == values
    return below.sum(1) + (equal.sum(1) - 1) / 2


def rank_correlation(a, b):
    """Spearman's: 1 where both have the same order, 0 where there is no relation."""
    return torch.corrcoef(torch.stack([_ranks(a), _ranks(b)]).double())[0, 1].item()


def tangent(bench, units, above):
    """The loss of the first network when the row of one unit shrinks: alone, with its tangent, and with what both say at 0.

    Args:
        units: what `Bench.of_units` gives, for each network.
        above: percent of the firing units whose true loss ends above the tangent, for each network.
    """
    net, of_net = bench.nets[0], units[0]
    unit = int(of_net["truth"].argmax())  # the one whose loss would hurt most
    with torch.no_grad():
        before = net.fc1(bench.images[:1000].flatten(1))
    shares = torch.linspace(0, 1.3, 14)
    curve = [loss_with(net, before, unit, share.item(), bench.labels[:1000]) for share in shares]
    whole = loss_with(net, before, unit, 1.0, bench.labels[:1000])
    line = (whole + of_net["promise"][unit].item() * (1 - shares)).tolist()
    said = f"The loss over the row of one unit, times 0 to 1.3: {whole:.3f} with the whole unit"
    plots.show(
        [_walk(shares.tolist(), curve, line, whole, shown) for shown in range(3)],
        alt=[
            f"{said}, {curve[0]:.3f} without it.",
            f"{said}, and its tangent at 1.",
            f"{said}. At 0 the tangent says a change of {line[0] - whole:+.3f}, and the true one is {curve[0] - whole:+.3f}.",
        ],
        caption=f"Unit {unit}, whose loss grows most. At 0 the truth lies above the tangent for "
        f"{mean_and_range(above, '{:.0f}')} % of the units that fire (three networks).",
    )
    return unit


def _walk(shares, curve, line, whole, shown):
    """A frame of `tangent`: the curve, with the tangent from 1 on, with both changes at 0 from 2 on."""
    blue, green, black = (plots.COLOURS[name] for name in ("blue", "green", "black"))
    low, high = min(*curve, *line), max(*curve, *line)
    span = high - low
    fig, ax = plots.figure(size=(7, 4.2))
    ax.grid(visible=False)
    ax.plot(shares, curve, color=blue)
    ax.plot(1, whole, "o", color=black, markersize=13, zorder=4)
    ax.text(1.1, whole + 0.1 * span, "whole unit", ha="center", va="bottom")
    ax.set(
        xlabel="row of the unit, times (0: removed)",
        ylabel="loss",
        xlim=(-0.12, 1.35),
        ylim=(low - 0.35 * span, high + 0.1 * span),
    )
    if shown:
        ax.plot(shares, line, "--", color=green)
    if shown == 1:
        ax.text(0, min(line[0], line[5]) - 0.04 * span, "tangent at 1", color=green, ha="left", va="top")
    if shown < 2:
        ax.text(0.2, curve[2] + 0.04 * span, "true loss", color=blue, ha="left", va="bottom")
        return fig
    ax.plot([0, 1], [whole, whole], ":", color=black, lw=1.5)
    for place, end, colour in ((0, curve[0], blue), (-0.06, line[0], green)):
        ax.plot([place, place], [whole, end], color=colour, lw=6, solid_capstyle="butt", zorder=3)
    ax.text(0.06, curve[0], f"what happens: {curve[0] - whole:+.3f}", color=blue, ha="left", va="center")
    words = f"what the slope says: {line[0] - whole:+.3f}"
    ax.text(-0.08, min(whole, line[0]) - 0.06 * span, words, color=green, ha="left", va="top")
    return fig


def of_scores(bench, units):
    """Rank correlation of three scores of a unit with the truth: name -> ("fires" or "all" -> one value a network)."""
    torch.manual_seed(0)
    found = {}
    for net, of_net in zip(bench.nets, units, strict=True):
        fires, truth = of_net["fires"], of_net["truth"].abs()
        scores = {
            "Taylor, |Σ w·g|": of_net["promise"].abs(),
            "norm of the row": net.fc1.weight.detach().norm(dim=1).cpu(),
            "chance": torch.rand(len(truth)),
        }
        for name, score in scores.items():
            of_score = found.setdefault(name, {"fires": [], "all": []})
            of_score["fires"].append(rank_correlation(score[fires], truth[fires]))
            of_score["all"].append(rank_correlation(score, truth))
    return found


def clouds(bench, units, ranks):
    """Two scores of a unit against the truth, in the first network: a dot for each unit that fires."""
    fires, truth = units[0]["fires"], units[0]["truth"].abs()
    panels = {
        "Taylor, |Σ w·g|": units[0]["promise"].abs(),
        "norm of the row": bench.nets[0].fc1.weight.detach().norm(dim=1).cpu(),
    }
    fig, axes = plots.figure(columns=2, size=(12, 4.2))
    for ax, (name, score) in zip(axes, panels.items(), strict=True):
        ax.plot(score[fires], truth[fires], "o", markersize=4, mew=0)
        ax.grid(visible=False)
        title = f"rank correlation {mean_and_range(ranks[name]['fires'], '{:.2f}')}"
        ax.set(title=title, xlabel=name, yscale="log", ylim=(1e-6, None))
    axes[0].set(ylabel="|true change of the loss|", xscale="log", xlim=(2e-6, None))
    plots.show(
        fig,
        alt=f"Two clouds of {int(fires.sum())} points. Left, the Taylor score against the true change of the loss, rank correlation "
        f"{mean(ranks['Taylor, |Σ w·g|']['fires']):.2f}; right, the norm of the row, {mean(ranks['norm of the row']['fires']):.2f}.",
        caption="Each point a unit of fc1 that fires, in the first network; a few lie outside. Correlations of three networks, mean "
        "(least to most).",
    )


def rank_table(units, ranks):
    """A table of the rank correlations, with silent units left out and with them."""
    silent = mean_and_range([int((~of_net["fires"]).sum()) for of_net in units], "{:.0f}")
    return Table(
        ["score of a unit", "units that fire", "all units"],
        [[name, *(mean_and_range(own[which], "{:.2f}") for which in ("fires", "all"))] for name, own in ranks.items()],
        caption=f"Rank correlation with the true change of the loss; silent: {silent} of 300; mean (least to most) of three networks.",
    )


# ---- section 3 ---------------------------------------------------------------------------------------


def what_stays(bench, unit, scores):
    """Four images: the weights of a unit, the norms of its inputs, and what two scores keep of its row.

    Args:
        unit: of fc1.
        scores: name -> float (300, 784), scores of fc1 of the first network.
    Returns:
        int, how many weights behind pixels that are dark in all calibration images the last score keeps.
    """
    net = bench.nets[0]
    norm = bench.seen.flatten(1).norm(dim=0)
    stay = {name: in_each_row(score, 0.2) for name, score in scores.items()}
    kept = {f"kept by {name}": mask[unit] for name, mask in stay.items()}
    panels = {"|w|": net.fc1.weight.detach()[unit].abs(), "‖x‖": norm, **kept}
    fig, axes = plots.figure(columns=4, size=(12, 3.5))
    for ax, (name, values) in zip(axes, panels.items(), strict=True):
        ax.imshow(values.view(28, 28).cpu(), cmap="Blues" if name in kept else "viridis")
        ax.set(title=name, xticks=[], yticks=[])
        ax.grid(False)
    faint = norm < norm.max() / 10
    on_faint = ", ".join(f"{100 * mask[:, faint].mean().item():.1f} % by {name}" for name, mask in stay.items())
    plots.show(
        fig,
        alt="Four images of 28 by 28 for one unit: the size of its weights, spread over the whole image; the norm of the inputs, "
        "large in the middle and 0 at the border; the weights that the first score keeps, some of them far out; those that the "
        "second keeps, nearer to the middle.",
        caption=f"Unit {unit}; yellow: large; blue: kept. In {int(faint.sum())} pixels the norm is less than a tenth of the largest. "
        f"Of the weights behind these, in all 300 rows, are kept {on_faint}.",
    )
    return int(list(stay.values())[-1][:, norm == 0].sum())


# ---- section 4 ---------------------------------------------------------------------------------------


def two_inputs(bench):
    """What the 0.5 should become when the 0.3 is removed, for three pairs of inputs: name -> (new weight, percent of error left)."""
    noise, pixels = torch.Generator().manual_seed(0), bench.seen.flatten(1).cpu()
    middle = 14 * 28 + 13
    pairs = {
        "always equal": torch.randn(2000, 1, generator=noise).expand(2000, 2),
        "independent, mean 0": torch.randn(2000, 2, generator=noise),
        "neighbouring pixels": pixels[:, [middle, middle + 1]],
    }
    found = {}
    for name, pair in pairs.items():
        first, second = pair.double().T
        new = 0.5 + 0.3 * (first @ second / (first @ first)).item()  # least squares
        left = ((0.5 - new) * first + 0.3 * second).square().sum() / (0.3 * second).square().sum()
        found[name] = new, 100 * left.item(), (first @ second / (first.norm() * second.norm())).item()
    return found


def two_inputs_table(found):
    """A table of what `two_inputs` gives."""
    return Table(
        ["the two inputs", "ρ", "0.5 becomes", "error left, %"],
        [[name, f"{rho:.2f}", f"{new:.2f}", f"{left:.0f}"] for name, (new, left, rho) in found.items()],
        caption="Error left: squared, summed over 2,000 inputs. 100 %: the 0.5 stays.",
    )


def left_to_right(repair):
    """Frames of a small layer whose columns are pruned and made up for, one after the other."""
    small = torch.Generator().manual_seed(3)
    mixed = torch.randn(200, 6, generator=small) + 1.5 * torch.randn(200, 1, generator=small)
    weight = torch.randn(3, 6, generator=small)
    stays = largest(weight.abs(), 0.5)

    def after_columns(count):
        mask = torch.where(torch.arange(6) < count, stays, 1.0)
        now = repair(weight, factor_of(mixed), mask)
        canvas = diagrams.Canvas(height=330)
        canvas.text(600, 25, f"{count} of 6 columns done" if count else "before", size=26)
        diagrams.grid(canvas, now, 270, 60, cell=84, mask=mask, text="{:.2f}", size=26)
        canvas.axes.plot([270 + 84 * count] * 2, [52, 320], color=plots.COLOURS["black"], linewidth=6, zorder=6)
        if count in range(1, 6):
            canvas.wire((900, 186), (790, 186), meaning="gradient", thick=6)
            canvas.text(910, 186, "these took over", align="left", colour="gradient", size=26)
        return canvas.figure(), now

    frames = [after_columns(count) for count in (0, 1, 2, 4, 6)]
    plots.show(
        [figure for figure, _ in frames],
        alt=[
            f"A grid of 3 rows and 6 columns of weights and a line behind column {count}: left of it the pruned weights are crossed out. "
            f"The first row is now {', '.join(f'{value:.2f}' for value in now[0])}."
            for count, (_, now) in zip((0, 1, 2, 4, 6), frames, strict=True)
        ],
        caption="A small layer whose inputs are alike, cut by size and repaired as above; left of the line nothing changes any more.",
    )


def choices_of_fc1(bench, net, scores, repair):
    """Ways to choose a tenth of the weights of fc1: name -> mask."""
    weight, inputs = net.fc1.weight.detach(), bench.seen.flatten(1)
    return {
        **{f"{name}, by row": in_each_row(score, 0.1) for name, score in scores.items()},
        "SparseGPT, by 128 columns": chosen_in_blocks(weight, inputs, 0.1, repair),
        "the same, on the original weights": chosen_at_once(weight, inputs, 0.1),
    }


def errors_of(bench, net, masks, repair):
    """What choices for fc1 cost: name -> [error of its output not repaired, repaired, by least squares; right when repaired].

    Args:
        masks: name -> mask of fc1; the other layers stay whole.
    """
    weight, inputs = net.fc1.weight.detach(), bench.seen.flatten(1)
    factor, found = factor_of(inputs), {}
    for name, mask in masks.items():
        new = weight * mask, repair(weight, factor, mask), least_squares(weight, inputs, mask)
        cut = copy.deepcopy(net)
        cut.fc1.weight.data.copy_(new[1])
        found[name] = [*(output_error(bench, weight, one) for one in new), bench.right(cut)]
    return found


def errors_table(errors):
    """A table of the errors of several networks: a list of what `errors_of` gives."""
    return Table(
        ["which stay", "not repaired", "repaired", "least squares", "right, %, repaired"],
        [
            [name, *(mean_and_range(way) for way in zip(*(own[name] for own in errors), strict=True))]
            for name in errors[0]
        ],
        caption=f"Error of fc1's output, % of its square, on 2,000 test images; a tenth of its weights, {len(errors)} networks.",
    )


# ---- sections 3 and 5 --------------------------------------------------------------------------------


def race(bench, scores, settings, repair=None):
    """Cut, evaluate, train on and evaluate again.

    Args:
        scores: name -> (scores of each network, whether what stays is repaired).
        settings: (density, group) to run.
    Returns:
        dict: (name, density, group) -> list of (just pruned, after the steps), percent right, one a network.
    """
    found = {}
    for density, group in settings:
        for name, (of_nets, mends) in tqdm(scores.items(), desc="cut and train on", file=sys.stdout, leave=False):
            found[name, density, group] = outcomes = []
            for seed, net, own in zip(SEEDS, bench.nets, of_nets, strict=True):
                masks = masks_of(own, density, group)
                cut = bench.repaired(net, masks, repair) if mends else bench.masked(net, masks)
                outcomes.append(_trained_on(bench, cut, seed, (name, density, group)))
    return found


def _trained_on(bench, cut, seed, arm):
    """Percent right just pruned and after the steps; the first network of an arm is kept."""
    right = bench.right(cut)
    then = bench.right(bench.fine_tuned(cut, seed))
    bench.finished.setdefault(arm, cut)
    return right, then


def dense_too(bench):
    """Percent right of the dense networks after the same steps."""
    copies = zip(SEEDS, bench.copies(), strict=True)
    return [_trained_on(bench, net, seed, ("dense", 1.0, ""))[1] for seed, net in copies]


def in_the_pattern(bench, scores):
    """Two of each four neighbours, for each network by its scores: as `race` gives it."""
    arm = ("2:4", 0.5, "each row")
    return {
        arm: [
            _trained_on(bench, bench.masked(net, two_of_four(own)), seed, arm)
            for seed, net, own in zip(SEEDS, bench.nets, scores, strict=True)
        ]
    }


def race_figure(outcomes, settings, dense):
    """Frames, one more rule in each: a panel for each setting, what is right just pruned, and after the steps.

    Args:
        outcomes: what `race` gives. "random" comes first, then the others by their mean just pruned.
        settings: (density, group) -> title of its panel.
        dense: percent right of the dense networks after the same steps.
    """
    names = list(dict.fromkeys(name for name, *_ in outcomes))
    names.sort(key=lambda name: (name != "random", mean(_mean(outcomes[name, *setting], 0) for setting in settings)))
    told = [
        f"{name}: "
        + "; ".join(
            f"{title} {_mean(outcomes[name, *s], 0):.0f} and {_mean(outcomes[name, *s], 1):.0f} %"
            for s, title in settings.items()
        )
        for name in names
    ]
    plots.show(
        [_raced(outcomes, names, count, settings, dense) for count in range(1, len(names) + 1)],
        alt=[
            f"A row for each rule, {count} of {len(names)} filled in. Mean just pruned and after the steps, {'. '.join(told[:count])}."
            for count in range(1, len(names) + 1)
        ],
        caption="A dot for each of three networks, a number for their mean; grey: the dense ones after the same steps, least to most.",
    )


def _raced(outcomes, names, count, settings, dense):
    """A frame of `race_figure`: the first `count` rules, with the means of the last of them."""
    orange, blue, grey = (plots.COLOURS[name] for name in ("orange", "blue", "grey"))
    paper = {"facecolor": "white", "edgecolor": "none", "pad": 1}  # under words, which else a line would cross out
    fig, axes = plots.figure(columns=len(settings), size=(12, 4.0), layout="none")
    for panel, (ax, (setting, title)) in enumerate(zip(axes, settings.items(), strict=True)):
        ax.axvspan(min(dense), max(dense), color=grey, alpha=0.4, clip_on=False)
        lines = [(x, row) for row in range(count) for x in (0, 103, float("nan"))]
        ax.plot(*zip(*lines, strict=True), color=grey, lw=0.3, zorder=1, clip_on=False)
        for moment, style in ((0, {"color": orange, "mfc": "none"}), (1, {"color": blue})):
            dots = [(of[moment], row) for row, name in enumerate(names[:count]) for of in outcomes[name, *setting]]
            ax.plot(*zip(*dots, strict=True), "o", clip_on=False, **style)
        for row in {0, count - 1} if panel == 1 else {count - 1}:  # the numbers in the middle of the first row stay
            just, then = zip(*outcomes[names[row], *setting], strict=True)
            first, low = row == 0 and panel == 1, mean(just) < 50
            words = f"{mean(just):.0f}" + (" just pruned" if first else "")
            place = max(just) + 4 if low else min(just) - 4
            ax.text(place, row, words, color=orange, ha="left" if low else "right", va="center", bbox=paper)
            words = f"{mean(then):.0f}" + (f" after {BUDGET} steps" if first else "")
            place = (103, row - 0.3, "right") if first else (mean(then), row - 0.22, "center")
            ax.text(*place[:2], words, color=blue, ha=place[2], va="bottom")
        ax.set(title=title, xlim=(0, 103), ylim=(len(names) - 0.6, -0.9), xticks=[0, 50, 100])
        ax.set(yticks=range(count), yticklabels=names[:count] if panel == 0 else [""] * count)
        ax.set_position((0.155 + 0.283 * panel, 0.16, 0.258, 0.75))
        ax.tick_params(length=0)
        ax.grid(visible=False)
    axes[1].set_xlabel("test images right, %")
    return fig


def _mean(outcomes, moment):
    return mean(outcome[moment] for outcome in outcomes)


def race_table(outcomes, title="rule"):
    """A table of the same numbers."""
    return Table(
        [title, "density, group", "just pruned, %", f"after {BUDGET} steps, %"],
        [
            [name, f"{density:.0%}, {group}", *(mean_and_range(part) for part in zip(*of_nets, strict=True))]
            for (name, density, group), of_nets in outcomes.items()
        ],
        caption="Mean (least to most) of three networks.",
    )


# ---- what the exercise finds -------------------------------------------------------------------------


def in_firing_rows(scores, density, fires):
    """A mask of the largest scores of each row of a unit that fires, none of the others; as many in all as `density` says."""
    own = in_each_row(scores, density * len(fires) / int(fires.sum()))
    return own * fires.to(own)[:, None]


def grouped(bench, scores, density):
    """Percent right just pruned, without a step: (name, group) -> one value a network.

    The groups are each layer, each row, and each row of the units that fire for the digits that are seen.
    """
    found = {}
    for name, of_nets in scores.items():
        for net, own in zip(bench.nets, of_nets, strict=True):
            fires = {key: (layer(inputs_of(net, key, bench.seen)) > 0).any(0) for key, layer in cut_layers(net).items()}
            masks = {group: masks_of(own, density, group) for group in ("each layer", "each row")}
            masks["rows that fire"] = {key: in_firing_rows(s, density, fires[key]) for key, s in own.items()}
            for group, of_group in masks.items():
                found.setdefault((name, group), []).append(bench.right(bench.masked(net, of_group)))
    return found


def parts(cells):
    """The part of the score and that of the group in the advantage of Wanda in each row over magnitude over each layer."""
    m, m_rows, w, w_rows = (
        mean(cells[score, group]) for score in ("magnitude", "Wanda") for group in ("each layer", "each row")
    )
    return ((w - m) + (w_rows - m_rows)) / 2, ((m_rows - m) + (w_rows - w)) / 2


def grouped_table(tables, groups=("each layer", "each row", "rows that fire")):
    """A table of percent right: a row for each score and density, a column for each group.

    Args:
        tables: density -> what `grouped` gives.
    """
    names = list(dict.fromkeys(name for name, _ in next(iter(tables.values()))))
    return Table(
        ["density", "score", *groups],
        [
            [f"{density:.0%}", name, *(mean_and_range(cells[name, group]) for group in groups)]
            for density, cells in tables.items()
            for name in names
        ],
        caption="Right, %, just pruned, nothing trained; mean (least to most) of three networks.",
    )


def parts_table(tables):
    """A table of the advantage of Wanda in each row over magnitude over each layer, and its two parts."""
    rows = []
    for density, cells in tables.items():
        score, group = parts(cells)
        rows.append([f"{density:.0%}", f"{score + group:+.1f}", f"{score:+.1f}", f"{group:+.1f}"])
    return Table(["density", "advantage, points", "of the score", "of the group"], rows)


# ---- deeper ------------------------------------------------------------------------------------------


class Gradually:
    """A callback: adds up a score, and every 20 steps removes the lowest of what is left, until step `last`.

    Args:
        layers: name -> layer, all that are cut.
        kind: "magnitude", "movement" or "movement, unsigned".
        density: what is left in the end, of all layers together.
    """

    def __init__(self, layers, kind, density, last=80):
        self.movement, self.kind, self.density, self.last = Movement(layers), kind, density, last
        self.masks = {name: torch.ones_like(layer.weight) for name, layer in layers.items()}

    def _scores(self):
        if self.kind == "magnitude":
            return {name: layer.weight.detach().abs() for name, layer in self.movement.layers.items()}
        signed = self.movement.scores
        return {name: s.abs() for name, s in signed.items()} if "unsigned" in self.kind else signed

    def __call__(self, step):
        for name, layer in self.movement.layers.items():
            layer.weight.grad *= self.masks[name]  # what is removed gathers no score
        self.movement(step)
        if step <= self.last and step % 20 == 0:
            left = 1 - (1 - self.density) * (1 - (1 - step / self.last) ** 3)
            here = {name: s.masked_fill(self.masks[name] == 0, -torch.inf) for name, s in self._scores().items()}
            self.masks = masks_of(here, left, "both layers")
        with torch.no_grad():
            for name, layer in self.movement.layers.items():
                layer.weight *= self.masks[name]


def to_clothes(bench, clothes, clothes_test, kinds, densities, steps=100):
    """Networks that learned digits learn clothes while they are cut: (kind, density) -> percent right, one a network."""
    found = {(kind, density): [] for kind in kinds for density in densities}
    for kind, density in tqdm(found, desc="cut while learning clothes", file=sys.stdout, leave=False):
        for seed, trained in zip(SEEDS, bench.nets, strict=True):
            net = copy.deepcopy(trained)
            cut = Gradually({**cut_layers(net), "fc3": net.fc3}, kind, density)
            train(net, *clothes, steps=steps, seed=seed, on_step=cut)
            found[kind, density].append(100 * training.evaluate(net, *clothes_test, batch_size=AT_ONCE))
    return found


def clothes_table(found):
    """A table of what `to_clothes` gives."""
    kinds, densities = (list(dict.fromkeys(key[i] for key in found)) for i in (0, 1))
    return Table(
        ["score", *(f"{density:.0%} left" for density in densities)],
        [[kind, *(mean_and_range(found[kind, density]) for density in densities)] for kind in kinds],
        caption="Clothes that are right, %, of 5,000: mean (least to most) of three networks.",
    )


def record_rows(bench, test_set):
    """Write the first network of each arm that ranks both layers together, and of two at half density, into the ledger.

    Args:
        test_set: all test images, and their labels.
    """
    rows = []
    for (name, density, group), net in bench.finished.items():
        if group == "each row" and (name, density) not in (("2:4", 0.5), ("magnitude", 0.5)):
            continue
        for layer in cut_layers(net).values():
            if prune.is_pruned(layer):
                prune.remove(layer, "weight")
        size = size_report(net)
        cut = f"{name}, {density:.0%} of fc1 and fc2, " if density < 1 else "fp32, "
        rows.append(
            ledger.record(
                lesson="scores",
                task="mnist",
                model="LeNet-300-100",
                accuracy=training.evaluate(net, *test_set, batch_size=AT_ONCE),
                technique=f"{cut}one pass and {BUDGET} steps",
                file_bytes=size.file_bytes,
                load_ms=size.load_ms,
            )
        )
    return ledger.table(rows)


@torch.no_grad()
def together(bench, units, count=150):
    """Remove the lowest of the firing units of fc1 at once, by several scores.

    Args:
        units: what `Bench.of_units` gives, for each network.
        count: how many units.
    Returns:
        name -> one (sum of what each costs alone, cost together, percent right) a network; costs are changes of the loss on
        1,000 training images.
    """
    torch.manual_seed(0)
    x, y = bench.images[:1000], bench.labels[:1000]
    found = {}
    for net, of_net in zip(bench.nets, units, strict=True):
        scores = {
            "chance": torch.rand(len(of_net["truth"])),
            "norm of the row": net.fc1.weight.norm(dim=1).cpu(),
            "Taylor, |Σ w·g|": of_net["promise"].abs(),
            "the same with its sign": of_net["promise"],
            "the true cost, its size": of_net["truth"].abs(),
            "the true cost, with its sign": of_net["truth"],
        }
        whole = F.cross_entropy(net(x), y).item()
        for name, score in scores.items():
            lowest = score.masked_fill(~of_net["fires"], torch.inf).argsort()[:count]
            cut = copy.deepcopy(net)
            cut.fc1.weight[lowest] = 0
            cost = F.cross_entropy(cut(x), y).item() - whole
            found.setdefault(name, []).append((of_net["truth"][lowest].sum().item(), cost, bench.right(cut)))
    return found


def together_table(found, count=150):
    """A table of what `together` gives."""
    rows = []
    for name, of_nets in found.items():
        alone, cost, right = zip(*of_nets, strict=True)
        rows.append([name, mean_and_range(alone, "{:+.3f}"), mean_and_range(cost, "{:+.3f}"), mean_and_range(right)])
    return Table(
        [f"{count} units chosen by", "costs alone, added up", "cost together", "right, %"],
        rows,
        caption="Cost: change of the loss on 1,000 training images; right: test images, nothing trained; mean (least to most) of "
        "three networks.",
    )


def just(outcomes):
    """Mean percent right just pruned, of one arm of `race`."""
    return _mean(outcomes, 0)


def after(outcomes):
    """Mean percent right after the steps, of one arm of `race`."""
    return _mean(outcomes, 1)


def apart(outcomes, density, group, moment=0):
    """By how many points the best of magnitude, Taylor and Wanda is above the worst of them, in the mean."""
    means = [_mean(outcomes[name, density, group], moment) for name in ("magnitude", "Taylor", "Wanda")]
    return max(means) - min(means)
