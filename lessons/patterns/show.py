"""Measurements, tables and drawings of the lesson patterns, which stand beside what the lesson explains."""

import copy
from statistics import mean

import torch
import torch_pruning as tp
from torch import nn

from course_utils.measure import energy
from course_utils.measure.sparsity import sparsity_report
from course_utils.show import diagrams, plots
from course_utils.show.tables import Table

ROW = torch.tensor([0.9, -0.7, 0.6, 0.1, 0.4, 0.2, -0.3, 0.05])
"""The eight weights that section 1 works out by hand."""
KEPT = {
    "half, anywhere": [1, 1, 1, 0, 1, 0, 0, 0],
    "2:4": [1, 1, 0, 0, 1, 0, 1, 0],
    "1:2": [1, 0, 1, 0, 1, 0, 1, 0],
}
MOMENTS = {"stored": ("orange", "white"), "anew": ("blue", None), "trained": ("green", None)}


def convolutions(net):
    """The convolutions whose weights are removed: all but the first, which has one input channel."""
    return [module for module in net.modules() if isinstance(module, nn.Conv2d)][1:]


def without_channels(net, image, ratio=0.5):
    """A copy of `net` without half of its channels, those of least norm, cut by torch-pruning."""
    small, importance = copy.deepcopy(net), tp.importance.GroupMagnitudeImportance(p=2)
    tp.pruner.BasePruner(small, image, importance=importance, pruning_ratio=ratio, ignored_layers=[small.fc]).step()
    return small.eval()


def without_block_1(net):
    """A copy of `net` whose first block is replaced by its input."""
    net = copy.deepcopy(net)
    net.block1 = nn.Identity()
    return net


def zeros_of(net):
    """The share of zeros among the weights of `convolutions`."""
    weights = torch.cat([conv.weight.detach().flatten() for conv in convolutions(net)])
    return (weights == 0).float().mean().item()


def zeros_left(before, held, let_go):
    """A table of one row: the share of zeros before a step of training, and after it, held and not held."""
    row = [f"{share:.1%}" for share in (before, held, let_go)]
    return Table(["zeros", "before", "one step, held", "one step, not held"], [["2:4", *row]])


def some(found, *names):
    """Of moment -> name -> percent right, the names that are asked for."""
    return {moment: {name: right[name] for name in names} for moment, right in found.items()}


def attempt(what):
    """Run `what`; give its result, or the first two sentences of its error."""
    try:
        with torch.no_grad():
            return what()
    except (AttributeError, NotImplementedError, RuntimeError, ValueError) as error:
        return f"{type(error).__name__}: {'. '.join(' '.join(str(error).split()).split('. ')[:2])}"


def _rows_of_eight(shown):
    """The eight weights, and under them what the first `shown` ways leave."""
    canvas = diagrams.Canvas(height=470)
    rows = {"eight weights": torch.ones(8), **{name: torch.tensor(mask) for name, mask in KEPT.items()}}
    for line, (name, mask) in enumerate([*rows.items()][: shown + 1]):
        top = 15 + 115 * line
        canvas.text(230, top + 43, name, align="right")
        for group in range(2):
            part = slice(4 * group, 4 * group + 4)
            diagrams.grid(canvas, ROW[part], 260 + 470 * group, top, cell=86, mask=mask[part], text="{:g}", size=26)
    return canvas.figure()


def eight_weights():
    """Draws eight weights, and click by click what each of three ways keeps of them."""
    kept = {name: [f"{w:g}" for w, m in zip(ROW.tolist(), mask, strict=True) if m] for name, mask in KEPT.items()}
    told = [f"Eight weights in two groups of four: {', '.join(f'{w:g}' for w in ROW.tolist())}."]
    for name, values in kept.items():
        told.append(f"{told[-1]} Kept by {name}: {', '.join(values)}.")
    plots.show(
        [_rows_of_eight(shown) for shown in range(4)],
        alt=told,
        caption="Two groups of four neighbours in a row. Crossed out: set to zero. Four of eight weights are left each time.",
    )


def removed_share(net, dense):
    """The share of the sum of squared weights that is gone from the convolutions of `net`."""
    left, all_of_it = (sum(conv.weight.square().sum().item() for conv in convolutions(n)) for n in (net, dense))
    return 1 - left / all_of_it


def four_ways(networks, right):
    """A table: zeros, removed squares and percent right.

    Args:
        networks: what is removed -> network; "nothing" is the dense one.
        right: what is removed -> list of percent right.
    """
    rows = []
    for name, net in networks.items():
        zeros = "cut out" if "channels" in name else f"{sparsity_report(net).weights.sparsity:.0%}"
        rows.append([name, zeros, f"{removed_share(net, networks['nothing']):.1%}", f"{mean(right[name]):.1f}"])
    return Table(
        ["removed", "zero weights", "squares removed", "right, %"],
        rows,
        caption="4,000 test images, nothing trained. Squares: of the weights of all convolutions but the first.",
    )


def _packing(eight, mask, stage):
    """Eight weights (0), the mask on them (1), what is stored (2)."""
    kept = mask[0].nonzero().flatten()
    canvas = diagrams.Canvas(height=330)
    canvas.text(180, 75, "eight weights", align="right")
    for group in range(2):
        part = slice(4 * group, 4 * group + 4)
        drawn = mask[:, part] if stage else None
        diagrams.grid(canvas, eight[:, part], 200 + 500 * group, 25, cell=110, mask=drawn, text="{:.2f}", size=26)
    if stage == 2:
        canvas.text(180, 235, "stored", align="right")
        for name, left, values, text, meaning in (
            ("four values", 200, eight[0, kept], "{:.2f}", "fp32"),
            ("four places of 2 bits", 700, kept % 4, "{:.0f}", "int8"),
        ):
            diagrams.grid(canvas, values, left, 190, cell=90, text=text, meaning=meaning, size=26)
            canvas.text(left + 180, 305, name)
    return canvas.figure()


def what_is_stored(eight, mask):
    """Draws eight weights of a trained filter, then the mask on them, then what is stored.

    Args:
        eight: (1, 8) weights; mask: (1, 8) of zeros and ones.
    """
    values, kept = [f"{v:.2f}" for v in eight[0].tolist()], mask[0].nonzero().flatten().tolist()
    plots.show(
        [_packing(eight, mask, stage) for stage in range(3)],
        alt=[
            f"Eight weights in two groups of four: {', '.join(values)}.",
            f"The same; in each group two are crossed out, and {', '.join(values[i] for i in kept)} stay.",
            f"Below them what is stored: those four values, and their places in the groups, {', '.join(str(i % 4) for i in kept)}.",
        ],
        caption="The centre of a filter of block1.conv1: eight neighbouring inputs. The shades compare within a grid only.",
    )


def bytes_left(packed):
    """A table of packed matrices: dtype, share of the dense bytes, whether all values come back.

    Args:
        packed: dtype -> (share, whether all values come back).
    """
    rows = [
        [str(dtype).removeprefix("torch."), f"{share:.2%}", "all" if back else "not all"]
        for dtype, (share, back) in packed.items()
    ]
    return Table(["dtype", "bytes left", "values back"], rows, caption="A random matrix of 128 × 256 in 2:4.")


def _dots(ax, found, moments):
    for row, name in enumerate(found[moments[0]]):
        places = [mean(found[moment][name]) for moment in moments]
        ax.plot([min(places), max(places)], [row, row], color=plots.COLOURS["grey"], zorder=1)
        for moment, place in zip(moments, places, strict=True):
            colour, inside = MOMENTS[moment]
            inside = inside or plots.COLOURS[colour]
            ax.plot(
                place, row, "o", color=plots.COLOURS[colour], mfc=inside, ms=10, label=None if row else WORDS[moment]
            )


WORDS = {"stored": "stored", "anew": "estimated anew", "trained": "after 150 steps"}


def by_moment(found, *, caption, low=0):
    """Draws a row of dots for each network: percent right at each moment.

    Args:
        found: moment -> name of a network -> list of percent right.
        caption: under the figure.
        low: where the axis begins.
    """
    moments, names = [*found], [*next(iter(found.values()))]
    fig, ax = plots.figure(size=(7, 4.6))
    _dots(ax, found, moments)
    ax.set(xlabel="test images right, %", yticks=range(len(names)), yticklabels=names, xlim=(low, 100))
    ax.invert_yaxis()
    ax.legend(loc="lower center", bbox_to_anchor=(0.4, 1), ncols=len(moments), columnspacing=0.8, handletextpad=0.1)
    told = "; ".join(f"{name} {', '.join(f'{mean(found[moment][name]):.1f}' for moment in moments)}" for name in names)
    plots.show(
        fig,
        alt=f"A row of dots for each network, percent of the test images right, {', '.join(WORDS[m] for m in moments)}: {told}.",
        caption=caption,
    )


def which_is_milder(found, cuts, dense, image):
    """A table of two ways to make a network smaller: work, and percent right at each moment.

    Args:
        found: moment -> name -> list of percent right.
        cuts: name -> network.
        dense: what they were made from.
        image: one image, on the networks' device.
    """
    whole = energy.count_macs(dense, image)
    rows = [
        [
            name,
            f"{energy.count_macs(net, image) / whole:.2f}",
            *(f"{mean(found[moment][name]):.1f}" for moment in MOMENTS),
        ]
        for name, net in cuts.items()
    ]
    return Table(
        ["removed", "work", "stored", "anew", "trained"],
        rows,
        caption="Percent of 4,000 test images right. Work: multiply-adds, as a share of the dense network's.",
    )


def accepted_types():
    """The table that PyTorch's call looks into, under a name that may change."""
    constraints = torch.sparse.SparseSemiStructuredTensorCUSPARSELT._DTYPE_SHAPE_CONSTRAINTS
    return Table(
        ["dtype", "rows: multiple of", "columns: multiple of"],
        [[str(dtype).removeprefix("torch."), c.sparse_min_rows, c.sparse_min_cols] for dtype, c in constraints.items()],
        caption="A contiguous matrix, on a device that PyTorch calls cuda, in one of these types; by default all others are refused.",
    )


def six_ways():
    """Draws the six ways to keep two of four, with the pairs of 1:2."""
    ways = [(a, b) for a in range(4) for b in range(a + 1, 4)]
    canvas = diagrams.Canvas(height=330)
    for i, kept in enumerate(ways):
        left, top = 60 + 390 * (i % 3), 30 + 155 * (i // 3)
        mask = torch.tensor([int(place in kept) for place in range(4)])
        for pair in range(2):
            part = slice(2 * pair, 2 * pair + 2)
            diagrams.grid(canvas, torch.ones(2), left + 150 * pair, top, cell=65, mask=mask[part], text="")
        crowded = kept in ((0, 1), (2, 3))
        canvas.text(
            left + 140, top + 95, "one has no room" if crowded else "fits", colour="fp32" if crowded else "black"
        )
    plots.show(
        canvas.figure(),
        alt="Six groups of four cells, drawn as two pairs, each with two cells kept. In two of the six both kept cells stand in one pair, "
        "and one of them has no room; the other four have one in each pair and fit.",
        caption="The six ways to keep two of four; the gap parts the pairs of 1:2, which has room for one in each.",
    )


def heads_in_squares():
    """Draws the four projections of an attention layer, with the parts of every second head crossed out."""
    canvas = diagrams.Canvas(height=330)
    whole = torch.ones(6, 6)
    for i, name in enumerate(("queries", "keys", "values", "output")):
        mask = torch.ones(6, 6)
        if name == "output":
            mask[:, 1::2] = 0
        else:
            mask[1::2] = 0
        left = 60 + 290 * i
        diagrams.grid(
            canvas, whole, left, 20, cell=40, mask=mask, text="", meaning="fp32" if name == "output" else "int8"
        )
        canvas.text(left + 120, 295, name)
    plots.show(
        canvas.figure(),
        alt="Four squares of six by six cells. In the projections to queries, keys and values three of six rows are crossed out; in the output projection three of six columns.",
        caption="A row or a column stands for a head. Heads 2, 4 and 6 are removed: their rows in three squares, their columns in the fourth.",
    )


def heads_table(left, speed, exact):
    """A table of what is left of an attention layer with half of its heads.

    Args:
        left: share of its parameters; speed: how many times as fast; exact: largest difference to heads set to 0.
    """
    return Table(
        ["6 of 12 heads", ""],
        [
            ["weights left", f"{left:.1%}"],
            ["times as fast", f"{speed:.2f}"],
            ["largest difference to heads set to 0", f"{exact:.1g}"],
        ],
        caption="768 wide, 128 tokens, untrained: the algebra and the time, not an accuracy.",
    )
