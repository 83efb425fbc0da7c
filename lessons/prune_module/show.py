"""Drawings of the lesson prune_module, and what is worked out for them."""

import copy
import io

import numpy as np
import torch
from torch import nn
from torch.nn.utils import prune

from course_utils import diagrams, plots

AMOUNTS = (0.0, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95)
DRAWS = 6
METER = 128  # kB
FOUR = (0.9, -0.1, 0.7, -0.2)


@torch.no_grad()
def _inputs(net, images):
    """What reaches `fc1`, (n, 400): the layers before it stay as they are, so they run once for all cuts."""
    caught = []
    hook = net.fc1.register_forward_pre_hook(lambda _, given: caught.append(given[0]))
    for batch in images.split(100):
        net(batch)
    hook.remove()
    return torch.cat(caught)


def change_of_sums(net, mask, images):
    """By how much the sums of `fc1` change without the weights where `mask` is 0, and without as many random ones.

    Args:
        net: a LeNet, whole.
        mask: bool (120, 400).
        images: float (n, 1, 28, 28).
    Returns:
        (float, float): root mean square of the change, over that of the sums without their biases.
    """
    x, weight = _inputs(net, images), net.fc1.weight.detach()
    torch.manual_seed(0)
    by_chance = mask.flatten()[torch.randperm(mask.numel())].view_as(mask)
    sums = (x @ weight.T).square().mean()
    return tuple(((x @ (weight * ~kept).T).square().mean() / sums).sqrt().item() for kept in (mask, by_chance))


def one_became_three():
    """The three tensors of a neuron with four weights, pruned by half, and who reads which of them."""
    neuron = nn.Linear(4, 1, bias=False)
    neuron.weight.data = torch.tensor([FOUR])
    prune.l1_unstructured(neuron, "weight", amount=2)
    parts = {
        "weight_orig": ("parameter", neuron.weight_orig, None, "fp32"),
        "weight_mask": ("buffer", neuron.weight_mask, None, "mask"),
        "weight": ("plain attribute", neuron.weight, neuron.weight_mask, "fp32"),
    }
    canvas = diagrams.Canvas(height=330)
    for column, (name, (kind, values, mask, meaning)) in enumerate(parts.items()):
        left = 30 + 420 * column
        diagrams.grid(canvas, values[0], left, 92, cell=76, mask=mask, meaning=meaning, size=26)
        canvas.text(left + 152, 24, name, size=26, bold=True)
        canvas.text(left + 152, 62, kind)
    canvas.text(392, 130, "×", size=34)
    canvas.text(812, 130, "=", size=34)
    canvas.text(812, 170, "hook", size=22)
    readers = {
        "optimizer": (30, 170, ((115, 176),)),
        "file": (292, 200, ((260, 176), (524, 176))),
        "forward pass": (922, 200, ((1022, 176),)),
    }
    for words, (left, width, sources) in readers.items():
        box = canvas.box(left, 262, words, width=width, height=56)
        for source in sources:
            canvas.wire(source, box.top, meaning="activations")
    row = ", ".join(f"{w:g}" for w in FOUR).replace("-", "−")
    plots.show(
        canvas.figure(),
        alt=f"Three rows of four cells. weight_orig, a parameter, holds {row}; times weight_mask, a buffer with 1, 0, 1, 0, it is "
        "weight, a plain attribute with 0.9 and 0.7, whose other two cells are crossed out. Arrows below: the optimizer reads "
        "weight_orig, the file weight_orig and weight_mask, the forward pass weight; under the equals sign stands hook.",
        caption="The neuron without its two smallest weights. A crossed cell is 0.",
    )


@torch.no_grad()
def how_far(lenet, images, labels):
    """Draw the accuracy over the part of fc1 that is cut, smallest or random weights.

    Args:
        lenet: the trained network, which stays whole.
        images, labels: float (n, 1, 28, 28) and int64 (n,).
    Returns:
        dict of float (draws, AMOUNTS), percent right: "smallest" with one draw, "random" with DRAWS.
    """
    inputs = _inputs(lenet, images)

    def after(cut, amount):
        net = copy.deepcopy(lenet)
        cut(net.fc1, "weight", amount=amount)
        answers = net.fc3(torch.relu(net.fc2(torch.relu(net.fc1(inputs))))).argmax(1)
        return 100 * (answers == labels).float().mean().item()

    torch.manual_seed(0)
    right = {
        "smallest": torch.tensor([[after(prune.l1_unstructured, amount) for amount in AMOUNTS]]),
        "random": torch.tensor([[after(prune.random_unstructured, a) for a in AMOUNTS] for _ in range(DRAWS)]),
    }
    fig, ax = plots.figure(size=(9, 4.2))
    percent = [100 * amount for amount in AMOUNTS]
    for (name, rows), style in zip(right.items(), ("o-", "s--"), strict=True):
        ax.plot(percent, rows.mean(0), style, label=name)
        ax.fill_between(percent, rows.amin(0), rows.amax(0), alpha=0.2)
    at, kept = AMOUNTS.index(0.7), right["smallest"][0, AMOUNTS.index(0.7)]
    ax.plot(percent[at], kept, "o", color=plots.COLOURS["blue"], markersize=14, zorder=4)
    ax.annotate(f"70 % at zero: {kept:.1f} %", (percent[at], kept), (38, kept - 18), arrowprops={"arrowstyle": "->"})
    ax.set(xlabel="weights of fc1 set to zero, %", ylabel="read correctly, %")
    ax.legend(loc="lower left")
    plots.show(
        fig,
        alt=f"Percent read correctly, with {', '.join(f'{amount:.0%}' for amount in AMOUNTS)} of fc1's weights set to zero: "
        + "; ".join(f"{name} {', '.join(f'{v:.1f}' for v in rows.mean(0))} %" for name, rows in right.items())
        + ".",
        caption=f"Nothing is trained after the cut. For random cuts: mean and range of {DRAWS} draws.",
    )
    return right


def without_zeros(net):
    """The state_dict of a LeNet whose `fc1` was pruned: the weights that are left, and a bit for each position."""
    state = net.state_dict()
    weight = state.pop("fc1.weight")
    return state | {"fc1.values": weight[weight != 0], "fc1.bits": torch.from_numpy(np.packbits(weight != 0))}


def read_back(packed):
    """The weight of `fc1`, (120, 400), from what `without_zeros` gives."""
    kept = torch.from_numpy(np.unpackbits(packed["fc1.bits"])).view(120, 400)
    return torch.zeros(120, 400).masked_scatter(kept == 1, packed["fc1.values"])


def kilobytes(state):
    """Size of a file with these tensors, in kB."""
    file = io.BytesIO()
    torch.save(state, file)
    return file.tell() / 1000


def four_files(files):
    """A bar for each file, in kB, beside the line of the meter; what fits is green."""
    fig, ax = plots.figure(size=(12, 4))
    for row, size in enumerate(files.values()):
        ax.barh(row, size, 0.62, color=plots.COLOURS["green" if size <= METER else "grey"])
        ax.text(size - 4, row, f"{size:.0f} kB", va="center", ha="right", color="white", fontsize=18, fontweight="bold")
    ax.axvline(METER, color=plots.COLOURS["orange"], linestyle="--", linewidth=3)
    ax.text(METER + 5, -0.62, f"the meter, {METER} kB", color=plots.COLOURS["orange"], fontsize=18, va="center")
    ax.set_yticks(range(len(files)), list(files), fontsize=18)
    ax.set(ylim=(len(files) - 0.5, -0.95), xlim=(0, 1.03 * max(files.values())), xlabel="size of the file, kB")
    ax.grid(False)
    plots.show(
        fig,
        alt=f"Four bars and a dashed line at {METER} kB, the meter: "
        + ", ".join(f"{name} {size:.0f} kB" for name, size in files.items())
        + ". Only the last bar ends before the line.",
        caption="What fits is green.",
    )
