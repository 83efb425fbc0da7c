"""Measurements and drawings of the lesson prune_module, which stand beside what the lesson explains."""

import copy

import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils import prune

from course_utils import models
from course_utils.measure import energy
from course_utils.measure.sizes import size_report
from course_utils.scorecard import ledger
from course_utils.show import diagrams, plots
from course_utils.show.tables import Table

AMOUNTS = (0.0, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95)
DRAWS = 5


class Bench:
    """Evaluates copies of a trained LeNet whose fc1 was cut. The convolutions stay as they are, so they run once for all.

    Attributes:
        lenet: the trained network, which stays whole.
        inputs: float (images, 400), what the convolutions hand to fc1 for the test images.
        labels: int64 (images,).
    """

    def __init__(self, lenet: nn.Module, images: torch.Tensor, labels: torch.Tensor) -> None:
        self.lenet, self.labels = lenet, labels
        self.inputs = torch.cat([self.inputs_of_fc1(part) for part in images.split(1000)])

    @torch.no_grad()
    def inputs_of_fc1(self, x):
        """What the trained convolutions hand to fc1: float (images, 400)."""
        x = torch.max_pool2d(torch.relu(self.lenet.conv1(x)), 2)
        return torch.max_pool2d(torch.relu(self.lenet.conv2(x)), 2).flatten(1)

    @torch.no_grad()
    def accuracy(self, net):
        """Percent of the test images that `net`, a copy with another fc1, gets right."""
        out = net.fc3(torch.relu(net.fc2(torch.relu(net.fc1(self.inputs)))))
        return 100 * (out.argmax(1) == self.labels).float().mean().item()

    def after(self, cut, amount, draw=0):
        """Percent right after ``cut(fc1, amount)`` on a fresh copy; `draw` seeds what is random in it."""
        torch.manual_seed(draw)
        net = copy.deepcopy(self.lenet)
        cut(net.fc1, amount)
        return self.accuracy(net)

    def curve(self, cut, draws=1):
        """Percent right for each of AMOUNTS: float (draws, amounts)."""
        rows = []
        for draw in range(draws):
            torch.manual_seed(draw)
            nets = [copy.deepcopy(self.lenet) for _ in AMOUNTS]
            for net, amount in zip(nets, AMOUNTS, strict=True):
                cut(net.fc1, amount)
            rows.append([self.accuracy(net) for net in nets])
        return torch.tensor(rows)


def lost(rows):
    """Points of accuracy against the whole network, from what `Bench.curve` gives."""
    return rows[:, :1] - rows


def at(amount):
    """The column of an amount."""
    return AMOUNTS.index(amount)


def lead(ahead, behind, amount=0.9):
    """By how many points `behind` loses more than `ahead` at this amount, means over the draws."""
    return (lost(behind).mean(0) - lost(ahead).mean(0))[at(amount)].item()


def first_cut(kept):
    """Accuracy over the part that is cut, for each of these ways to cut.

    Args:
        kept: name -> float (draws, amounts), percent right.
    """
    fig, ax = plots.figure(size=(6.4, 3.5))
    for (name, rows), style in zip(kept.items(), ("o-", "s--"), strict=True):
        ax.plot([100 * a for a in AMOUNTS], rows.mean(0), style, label=name)
        ax.fill_between([100 * a for a in AMOUNTS], rows.amin(0), rows.amax(0), alpha=0.2)
    ax.set(xlabel="weights of fc1 set to zero, %", ylabel="accuracy, %")
    ax.legend(loc="lower left")
    first = {name: AMOUNTS[int((lost(rows).mean(0) > 1).int().argmax())] for name, rows in kept.items()}
    plots.show(
        fig,
        alt="Accuracy over the part of fc1's weights that is set to zero: "
        + "; ".join(f"{name} {', '.join(f'{value:.1f}' for value in rows.mean(0))} %" for name, rows in kept.items())
        + f" with {', '.join(f'{a:.0%}' for a in AMOUNTS)} cut.",
        caption=f"One training; of random cuts the mean and the span of {DRAWS} draws. The first part of those tried that "
        "costs more than one point: " + ", ".join(f"{name} {a:.0%}" for name, a in first.items()) + ".",
    )


def right_of_xor(asked):
    """Of the four points, how many a tree gets right that knows these inputs and answers with the majority."""
    groups = {}
    for a, b in ((0, 0), (0, 1), (1, 0), (1, 1)):
        groups.setdefault(tuple((a, b)[i] for i in asked), []).append(a ^ b)
    return sum(max(answers.count(0), answers.count(1)) for answers in groups.values())


def xor_table():
    """How many of the four points of XOR a tree gets right that asks for no input, for one, for both."""
    return Table(
        ["the tree asks for", "points right, of 4"],
        [
            ["nothing", right_of_xor(())],
            ["one input", max(right_of_xor((i,)) for i in (0, 1))],
            ["both", right_of_xor((0, 1))],
        ],
    )


def look(conv):
    """Everything of a module that pruning changes: question -> answer."""
    hooks = [f"{h._tensor_name}: {type(h).__name__}" for h in conv._forward_pre_hooks.values()]
    return {
        "parameters": ", ".join(name for name, _ in conv.named_parameters()),
        "buffers": ", ".join(name for name, _ in conv.named_buffers()) or "–",
        "weight is a": type(conv.weight).__name__,
        "hooks": ", ".join(hooks) or "–",
        "zeros": f"weight {int((conv.weight == 0).sum())}, bias {int((conv.bias == 0).sum())}",
    }


def compared(**steps):
    """A table with a row for each question of `look`, and a column for each of these layers."""
    answers = [look(conv) for conv in steps.values()]
    names = [name.replace("_", " ") for name in steps]
    return Table(["", *names], [[question, *(a[question] for a in answers)] for question in answers[0]])


def _three_grids(parts, height=310):
    """Three tensors of the shape of conv1's weight: one times another is the third.

    Args:
        parts: name -> (what it is, values, mask of the cells that are not crossed out or None, key of the colour).
        height: of the canvas.
    """
    canvas = diagrams.Canvas(height=height)
    for column, (name, (kind, values, mask, meaning)) in enumerate(parts.items()):
        left = 40 + 400 * column
        shown = None if mask is None else mask.flatten(1)
        diagrams.grid(canvas, values.detach().flatten(1), left, 84, cell=34, mask=shown, meaning=meaning, text="")
        canvas.text(left + 153, 22, name, size=26, bold=True)
        canvas.text(left + 153, 58, kind)
    canvas.text(393, 186, "×", size=34)
    canvas.text(793, 186, "=", size=34)
    return canvas


def _reparametrized(conv, readers):
    parts = {
        "weight_orig": ("parameter", conv.weight_orig, None, "fp32"),
        "weight_mask": ("buffer", conv.weight_mask, None, "mask"),
        "weight": ("plain attribute", conv.weight, conv.weight_mask, "fp32"),
    }
    canvas = _three_grids(parts, height=430)
    if readers:
        canvas.text(793, 236, "hook", size=22)
        boxes = {
            "optimizer": (60, ((140, 292),)),
            "file": (390, ((280, 292), (560, 292))),
            "forward": (893, ((993, 292),)),
        }
        for words, (left, sources) in boxes.items():
            box = canvas.box(left, 360, words, width=200 if words != "optimizer" else 160, height=56)
            for source in sources:
                canvas.wire(source, box.top, meaning="activations")
    return canvas.figure()


def one_became_three(conv):
    """Two frames: the three tensors of a pruned layer, and who reads which of them."""
    told = (
        "Three grids of 6 by 9 cells. weight_orig, a parameter, times weight_mask, a buffer, is weight, a plain attribute, in "
        f"which {int((conv.weight_mask == 0).sum())} cells are crossed out, those in which the mask is white."
    )
    arrows = (
        " Arrows below: the optimizer reads weight_orig, the file weight_orig and weight_mask, the forward pass weight; the "
        "hook computes the product."
    )
    plots.show(
        [_reparametrized(conv, readers) for readers in (False, True)],
        alt=[told, told + arrows],
        caption="conv1 after the cut, a row for each filter; darker is larger in magnitude, and in the mask dark is 1.",
    )


def two_masks(first, conv):
    """The mask of single weights, that of whole filters, and their product.

    Args:
        first: the layer after single weights were cut.
        conv: the same layer after whole filters were cut, too.
    """
    filters = conv.weight_mask.amax((1, 2, 3), keepdim=True).expand_as(
        conv.weight_mask
    )  # 0 where a whole filter was cut
    grids = {
        "first cut": ("single weights", first.weight_mask, None, "mask"),
        "second cut": ("whole filters", filters, None, "mask"),
        "weight_mask": ("of both", conv.weight_mask, None, "mask"),
    }
    container = next(h for h in conv._forward_pre_hooks.values() if h._tensor_name == "weight")
    plots.show(
        _three_grids(grids).figure(),
        alt=f"Three masks of 6 by 9 cells. That of the first cut has {int((first.weight_mask == 0).sum())} zeros, that of the "
        f"second {int((filters == 0).sum())} in whole rows, and their product, weight_mask, "
        f"{int((conv.weight_mask == 0).sum())}.",
        caption=f"Dark stays. {int((conv.weight == 0).sum())} zeros of 54; hooks: {look(conv)['hooks']}; in the container: "
        f"{', '.join(type(m).__name__ for m in container)}.",
    )


def gradients(layer, by_hand, gaps):
    """The gradient before the mask, the mask, and what PyTorch computed.

    Args:
        layer: a pruned layer after its backward pass.
        by_hand: the masked weight, a leaf of its own, after the backward pass of the same loss.
        gaps: largest difference of (output, gradient) between the two.
    """
    masked = layer.weight_mask == 0
    wanted = int((by_hand.grad[masked] != 0).sum())
    grids = {
        "∂L/∂W": ("before the mask", by_hand.grad, None, "gradient"),
        "M": ("the mask", layer.weight_mask, None, "mask"),
        "∂L/∂W_orig": ("what PyTorch computed", layer.weight_orig.grad, layer.weight_mask, "gradient"),
    }
    plots.show(
        _three_grids(grids).figure(),
        alt=f"Three grids of 6 by 9 cells: the gradient of W times the mask is the gradient of W_orig, in which the "
        f"{int(masked.sum())} masked cells are crossed out and empty.",
        caption=f"conv1 on 64 images. Largest difference between hand and PyTorch: output {gaps[0]:g}, gradient {gaps[1]:g}. Of "
        f"{int(masked.sum())} masked entries {int((layer.weight_orig.grad[masked] == 0).sum())} get 0; in ∂L/∂W {wanted} are "
        "not 0.",
    )


def what_a_file_holds(bench, image, **stages):
    """Accuracy, file and estimated energy of the dense, the masked and the removed network.

    Args:
        bench: `Bench`.
        image: one test image.
        stages: name -> network, the dense one first.
    """
    sizes = {name: size_report(model) for name, model in stages.items()}
    techniques = dict(
        zip(stages, ("fp32, 12,000 images", "fc1 cut by 90 %, masked", "fc1 cut by 90 %, removed"), strict=True)
    )
    rows = {
        name: ledger.record(
            lesson="prune_module",
            task="mnist",
            model="LeNet",
            technique=techniques[name],
            accuracy=bench.accuracy(model) / 100,
            file_bytes=sizes[name].file_bytes,
            load_ms=sizes[name].load_ms,
            energy_nj=energy.estimate(model, image).total_nj,
        )
        for name, model in stages.items()
    }
    base = next(iter(rows.values())).file_bytes
    return Table(
        ["LeNet", "right, %", "file, over dense", "energy, µJ"],
        [
            [
                name.replace("_", " "),
                f"{100 * r.accuracy:.1f}",
                f"{r.file_bytes / base:.2f}",
                f"{r.energy_nj / 1000:.1f}",
            ]
            for name, r in rows.items()
        ],
        caption="90 % of fc1 cut. Energy for one image, estimated: a zero counts like any number; the mask is left out.",
    )


def by_norm(rows):
    """A table: three norms of some rows, and the row that ln_structured cuts first by each.

    Args:
        rows: name -> list of numbers.
    """

    def first_to_go(n):
        layer = nn.Linear(len(next(iter(rows.values()))), len(rows), bias=False)
        layer.weight.data = torch.tensor(list(rows.values()))
        prune.ln_structured(layer, "weight", amount=1, n=n, dim=0)
        return list(rows)[int(layer.weight_mask.sum(1).argmin())]

    return Table(
        ["norm", *rows, "is cut first"],
        [
            [label, *(f"{torch.tensor(row).norm(n):.2f}" for row in rows.values()), first_to_go(n)]
            for label, n in (("L1", 1), ("L2", 2), ("L∞", float("inf")))
        ],
    )


def scores_table(*trainings, amounts=(0.5, 0.8, 0.9)):
    """Points of accuracy lost, a row for each score.

    Args:
        trainings: name of the score -> float (draws, AMOUNTS), percent right; one for each training.
        amounts: columns of each training.
    """
    return Table(
        ["points lost", *(f"training {n}: {a:.0%}" for n, _ in enumerate(trainings, 1) for a in amounts)],
        [
            [name, *(f"{lost(arms[name]).mean(0)[at(a)]:.2f}" for arms in trainings for a in amounts)]
            for name in trainings[0]
        ],
        caption="fc1 of two trained LeNets, nothing trained after the cut; 10,000 test images, so 0.01 is one image.",
    )


def rank_correlation(a, b):
    """Spearman's: 1 where both grow together, 0 where there is no trend."""
    ranks = torch.stack([v.argsort().argsort().float() for v in (a, b)])
    return torch.corrcoef(ranks)[0, 1].item()


@torch.no_grad()
def rise_without(bench, inputs, labels):
    """By how much the loss rises when one neuron of fc1 gives 0: float (neurons,).

    Args:
        bench: `Bench`.
        inputs: float (images, 400), inputs of fc1.
        labels: int64 (images,).
    """
    net = bench.lenet

    def loss(neuron=None):
        hidden = torch.relu(net.fc1(inputs))
        if neuron is not None:
            hidden[:, neuron] = 0
        return F.cross_entropy(net.fc3(torch.relu(net.fc2(hidden))), labels).item()

    return torch.tensor([loss(j) for j in range(len(net.fc1.weight))]) - loss()


def what_a_norm_misses(rms, weight, rise, fires):
    """Two clouds: norm of an input's weights over the size of the input, and rise of the loss over a neuron's norm.

    Args:
        rms: float (inputs,), root mean square of each input.
        weight: float (neurons, inputs).
        rise: float (neurons,), of the loss without the neuron.
        fires: bool (neurons,).
    Returns:
        (float, float), the two rank correlations; the second is of the neurons that fire.
    """
    norm, of_inputs = weight.norm(dim=1), weight.norm(dim=0)
    by_input, by_neuron = rank_correlation(rms, of_inputs), rank_correlation(norm[fires], rise[fires])
    fig, (left, right) = plots.figure(columns=2, size=(12, 3.9))
    left.plot(rms, of_inputs, "o", markersize=5, alpha=0.6)
    left.set(xlabel="root mean square of the input", ylabel="norm of its weights", ylim=(0, None))
    left.set_title(f"{len(rms)} inputs: rank correlation {by_input:.2f}")
    right.plot(norm[~fires], 1000 * rise[~fires], "x", color=plots.COLOURS["grey"], label="silent")
    right.plot(
        norm[fires], 1000 * rise[fires], "o", markersize=6, alpha=0.6, color=plots.COLOURS["orange"], label="fires"
    )
    right.set(xlabel="norm of the neuron's weights", ylabel="rise of the loss, × 10⁻³")
    right.set_title(f"neurons that fire: rank correlation {by_neuron:.2f}")
    right.legend(loc="upper left")
    plots.show(
        fig,
        alt=f"Left: norm of the weights over the size of their input for {len(rms)} inputs, rank correlation {by_input:.2f}. "
        f"Right: rise of the loss, in thousandths, over the norm of a neuron's weights: {int((~fires).sum())} silent neurons lie "
        f"at zero rise, those that fire scatter, rank correlation {by_neuron:.2f}.",
        caption="fc1 of the trained LeNet; norm: L2. Silent: gives 0 for all 2,000 images. Rank correlation: 1 where both grow "
        "together, 0 where there is no trend.",
    )
    return by_input, by_neuron


def silent_and_small(weight, fires):
    """A histogram of a layer's weights, those of silent neurons apart, and the smaller half of all.

    Args:
        weight: float (neurons, inputs).
        fires: bool (neurons,).
    """
    edge, median = float(weight.abs().max()), float(weight.abs().median())
    parts = {"silent": weight[~fires], "firing": weight[fires]}
    share = {name: (part.abs() <= median).float().mean().item() if len(part) else 0.0 for name, part in parts.items()}
    fig, axes = plots.figure(size=(6.4, 3.7))
    axes.hist(
        [part.flatten().numpy() for part in parts.values()],
        torch.linspace(-edge, edge, 101).numpy(),
        stacked=True,
        color=[plots.COLOURS["grey"], plots.COLOURS["orange"]],
        label=list(parts),
    )
    axes.axvspan(-median, median, color=plots.COLOURS["sky"], alpha=0.3, zorder=0, label="smaller half")
    axes.set(xlabel="weight of fc1", ylabel="how many", xlim=(-edge, edge), ylim=(0, 1.8 * axes.get_ylim()[1]))
    axes.legend(loc="upper left")
    plots.show(
        fig,
        alt="Histogram of fc1's weights, those of silent neurons in grey, stacked under those of firing ones; the smaller half of "
        "all is a band around 0.",
        caption=f"{int((~fires).sum())} of {len(fires)} neurons are silent. In the smaller half lie "
        + " and ".join(f"{value:.0%} of the weights of {name} neurons" for name, value in share.items())
        + ".",
    )


def arms_of_the_control(arms):
    """Points lost over the part that is cut, for magnitude, random and the control.

    Args:
        arms: name -> float (draws, amounts), percent right.
    Returns:
        float, the share of the lead of magnitude over random at 90 % that the control has as well.
    """
    fig, ax = plots.figure(size=(6.4, 3.9))
    for (name, rows), style in zip(arms.items(), ("o-", "s--", "^:"), strict=True):
        ax.plot([100 * a for a in AMOUNTS], lost(rows).mean(0), style, label=name)
        ax.fill_between([100 * a for a in AMOUNTS], lost(rows).amin(0), lost(rows).amax(0), alpha=0.2)
    ax.set(xlabel="weights of fc1 set to zero, %", ylabel="points lost", xlim=(45, 92), ylim=(-0.5, 25))
    ax.legend(loc="upper left")
    magnitude, chance, control = arms.values()
    share = lead(control, chance) / lead(magnitude, chance)
    plots.show(
        fig,
        alt="Points of accuracy lost over the part that is cut: "
        + "; ".join(f"{name} {', '.join(f'{v:.1f}' for v in lost(rows).mean(0)[2:6])}" for name, rows in arms.items())
        + f" at {', '.join(f'{a:.0%}' for a in AMOUNTS[2:6])}.",
        caption=f"One training, {DRAWS} draws. At 90 % the control has {share:.0%} of the lead over random.",
    )
    return share


def new_conv1():
    """A layer with a fixed seed: values do not matter where it is used, names do."""
    torch.manual_seed(0)
    return models.LeNet().conv1
