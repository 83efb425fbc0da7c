"""Measurements and drawings of the lesson structured, which stand beside what the lesson explains."""

import torch
import torch_pruning as tp
from matplotlib.colors import ListedColormap
from matplotlib.patches import Rectangle
from torch import nn
from torch.nn.utils import prune

from course_utils import models, runtime
from course_utils.measure import energy
from course_utils.measure.sizes import size_report
from course_utils.measure.sparsity import sparsity_report
from course_utils.scorecard import ledger
from course_utils.show import diagrams, plots
from course_utils.show.tables import Table, si

MAPS = ("conv1: 6 × 9, bias", "conv2: 16 × (6 · 9), bias", "fc1: 120 × (16 · 25)")
CUT_COLOURS = ListedColormap(["#D9D9D9", plots.COLOURS["orange"], plots.COLOURS["blue"]])

PLACES = {  # of SmallResNet's layers and sums in the drawing
    name: (left + 165 * i, top)
    for names, left, top in (
        ("conv bn", 15, 120),
        ("block1.conv1 block1.bn1 block1.conv2 block1.bn2", 345, 20),
        ("+1", 1035, 120),
        ("block2.conv1 block2.bn1 block2.conv2 block2.bn2", 70, 262),
        ("block2.shortcut.0 block2.shortcut.1", 235, 396),
        ("+2", 760, 329),
        ("fc", 880, 329),
    )
    for i, name in enumerate(names.split())
}
IN_WORDS = {"+1": "+", "+2": "+", "block2.shortcut.0": "shortcut\nconv", "block2.shortcut.1": "shortcut\nbn"}
BEND = [(1095, 159), (1145, 159), (1145, 230), (30, 230), (30, 435)]  # from the first sum to the second line


def convolutions(net):
    """All convolutions of a network."""
    return [module for module in net.modules() if isinstance(module, nn.Conv2d)]


def surprise(networks, speed):
    """Draws of each network its channels, the zeros among them, the bytes of its file, and its speed.

    Args:
        networks: name -> network.
        speed: the comparison of their times.
    """
    sizes = {name: size_report(net).file_bytes for name, net in networks.items()}
    row, top, most = 74, 48, max(sizes.values())
    widest = sum(conv.out_channels for conv in convolutions(next(iter(networks.values()))))
    canvas, told = diagrams.Canvas(width=800, height=top + row * len(networks)), []  # a slide gives it a column
    for x, words in ((190, "channels"), (470, "file"), (690, "speed")):
        canvas.text(x, 22, words, align="left", colour="#555555")
    for at, (name, net) in enumerate(networks.items()):
        y, x, zeros = top + row * at, 190, f"{sparsity_report(net).weights.sparsity:.0%}"
        canvas.text(4, y + 26, name, align="left")
        for conv in convolutions(net):
            empty = (conv.weight.detach().flatten(1).abs().sum(1) == 0).float().mean().item()
            width = 215 * conv.out_channels / widest
            _block(canvas, x, y, width * (1 - empty), filled=True)
            _block(canvas, x + width * (1 - empty), y, width * empty, filled=False)
            x += width + 6
        canvas.axes.add_patch(Rectangle((470, y + 8), 105 * sizes[name] / most, 36, color=diagrams.MEANING["fp32"]))
        canvas.text(582, y + 26, si(sizes[name], "B"), align="left")
        canvas.text(694, y + 26, f"{speed.ratio(name):.2f}×", align="left", bold=True)
        told.append(f"{name}: {zeros} zeros, {si(sizes[name], 'B')}, {speed.ratio(name):.2f} times as fast")
    plots.show(
        canvas.figure(),
        alt="A line for each network: a block for each convolution, as wide as it has channels, a bar for its file, and a number for its "
        f"speed. {'; '.join(told)}. The masked and the removed network are as wide as the dense one, half of each block is hatched; the "
        "blocks of the cut ones are half as wide.",
        caption="A block is a convolution, its width the number of channels; hatched: all weights of the channel are zero. 64 images at "
        "a time, one thread.",
    )


def _block(canvas, x, y, width, *, filled):
    """A stretch of channels: full ones in blue, empty ones hatched."""
    blue = diagrams.MEANING["int8"] if filled else "#777777"
    if width:
        inside = {"facecolor": blue} if filled else {"facecolor": "white", "hatch": "////"}
        canvas.axes.add_patch(Rectangle((x, y + 4), width, 44, edgecolor=blue, linewidth=1.2, **inside))


def masks_of_conv2():
    """The masks that four calls make for conv2 of the same untrained LeNet: name -> (16, 6, 3, 3) of zeros and ones."""
    asked = {
        "l1_unstructured": (prune.l1_unstructured, {}),
        "ln_structured, n=2, dim=0": (prune.ln_structured, {"n": 2, "dim": 0}),
        "ln_structured, n=2, dim=1": (prune.ln_structured, {"n": 2, "dim": 1}),
        "ln_structured, n=2, dim=3": (prune.ln_structured, {"n": 2, "dim": 3}),
    }
    masks = {}
    for name, (method, options) in asked.items():
        runtime.seed_all(0)
        conv = models.LeNet().conv2
        method(conv, "weight", amount=0.5, **options)
        masks[name] = conv.weight_mask
    return masks


def pieces(masks):
    """Draws each mask as 16 rows of six blocks of nine."""
    fig, axes = plots.figure(columns=2, rows=2, size=(12, 4.4))
    for ax, (name, mask) in zip(axes.flat, masks.items(), strict=True):
        ax.imshow(mask.flatten(1), cmap="Blues", vmin=-0.15, vmax=1.25, aspect="auto")
        for edge in range(1, 6):
            ax.axvline(9 * edge - 0.5, color="black", linewidth=1)
        ax.grid(False)
        ax.set(
            title=f"{name}: {(mask == 0).sum():,} zero",
            xticks=[4 + 9 * i for i in range(6)],
            yticks=[0, 15],
            xticklabels=[f"in {i}" for i in range(6)],
            yticklabels=["out 0", "out 15"],
        )
    plots.show(
        fig,
        alt="Four panels of 16 rows and 54 columns, in six blocks of nine. Unstructured: holes everywhere. dim 0: eight whole "
        "rows are empty. dim 1: three whole blocks are empty. dim 3: in every block the same six of nine columns are empty, "
        "two of the three columns of each 3 × 3 kernel.",
        caption="Row: output channel; block: input channel; pale: zero.",
    )


def _cut_map(gone1, gone2, stage):
    """conv1, conv2 and fc1 as maps: 0 stays, 1 goes with a channel of conv1, 2 with one of conv2."""
    first, second, reader = torch.zeros(6, 11), torch.zeros(16, 57), torch.zeros(120, 16, 25)
    if stage > 0:
        first[gone1] = 1
        second[:, :54].unflatten(1, (6, 9))[:, gone1] = 1
    if stage > 1:
        second[gone2], reader[:, gone2] = 2, 2
    first[:, 9], second[:, 54:56] = float("nan"), float("nan")  # a gap; behind it the bias
    fig, axes = plots.figure(columns=3, size=(12, 4))
    fig.get_layout_engine().set(wspace=0.08)
    for ax, title, values in zip(axes, MAPS, (first, second, reader.flatten(1)), strict=True):
        ax.imshow(values, cmap=CUT_COLOURS, vmin=0, vmax=2, aspect="auto", interpolation="none")
        ax.set_title(title)
        ax.set_axis_off()
    return fig


def where_the_cut_runs(keep1, keep2):
    """Three frames: LeNet whole, then without channels of conv1, then without those of conv2 as well."""
    gone1, gone2 = ([c for c in range(n) if c not in keep.tolist()] for n, keep in ((6, keep1), (16, keep2)))
    told = (
        "Three maps, conv1, conv2 and fc1. Rows of conv1 with their bias, and the same blocks of nine columns in conv2, "
        "that are gone: {}. Rows of conv2 with their bias, each with 25 columns of fc1, that are gone: {}."
    )
    plots.show(
        [_cut_map(gone1, gone2, stage) for stage in range(3)],
        alt=[told.format(gone1 if stage else "none", gone2 if stage > 1 else "none") for stage in range(3)],
        caption="A row is an output, a column an input; behind a gap the bias. Orange: goes with a channel of conv1; blue: with one of conv2.",
    )


def differences(found):
    """A table of the largest difference of a logit from the cut network."""
    rows = [[name, f"{value:.1g}"] for name, value in found.items()]
    return Table(["compared with the cut network", "largest difference of a logit"], rows)


def attempt(what):
    """Run `what`; give its result, or the first sentence of its error."""
    try:
        with torch.no_grad():
            return what()
    except (IndexError, RuntimeError, ValueError) as error:
        return f"{type(error).__name__}: {str(error).split('. ')[0]}"


def forgotten(networks, right, by_chance):
    """A table: what happens when these networks are evaluated.

    Args:
        networks: what was forgotten -> network.
        right: network -> percent of the test images that it gets right.
        by_chance: percent right of networks with nothing forgotten, whose channels were drawn.
    """
    rows = []
    for name, net in networks.items():
        got = attempt(lambda net=net: right(net))
        rows.append([name, got if isinstance(got, str) else f"{got:.0f} % right"])
    spread = f"{min(by_chance):.0f} to {max(by_chance):.0f} % right"
    rows.insert(1, [f"nothing, but channels by chance, {len(by_chance)} draws", spread])
    return Table(["forgotten", "what happens"], rows)


class Graph:
    """SmallResNet as torch-pruning traces it.

    Attributes:
        waves: sets of (name, end): what must lose a channel with `conv`, in the order of our own walk.
        same: whether torch-pruning finds the same ends.
        layers: how many layers lose a channel.
    """

    def __init__(self, net, image):
        graph = tp.DependencyGraph().build_dependency(net, example_inputs=image)
        names = {module: name for name, module in net.named_modules()}
        self.net, self.arrows = net, _arrows(graph, names)
        self.waves, known, front = [], set(), {("conv", "outputs")}
        while front:  # wave by wave, until nothing new is reached
            self.waves.append(front)
            known |= front
            front = {more for name, end in front if end == "outputs" for more in self._next_to(name)} - known
        by_torch_pruning = _ends_touched(graph, names, net.conv)
        self.same = {(name, end) for name, end in known if "+" not in name} == by_torch_pruning
        self.layers = len(by_torch_pruning)

    def _passes_on(self, name):
        """Sums and norms: what goes in as channel k comes out as channel k."""
        return "+" in name or isinstance(self.net.get_submodule(name), nn.BatchNorm2d)

    def _next_to(self, name):
        """What a lost output of `name` reaches: its readers; and what feeds it, where it only passes channels on."""
        reached = {(b, "outputs" if self._passes_on(b) else "inputs") for a, b in self.arrows if a == name}
        return reached | {(a, "outputs") for a, b in self.arrows if b == name and self._passes_on(name)}

    def _spread(self, number):
        """The network, with the ends that the waves up to `number` reach."""
        canvas, boxes = diagrams.Canvas(), {}
        for name, (x, y) in PLACES.items():
            words = IN_WORDS.get(name, name.replace("block", "block ").replace(".", "\n", 1))
            boxes[name] = canvas.box(x, y, words, width=60 if "+" in name else 140, height=78, size=31)
        for start, end in self.arrows:
            canvas.wire((30, boxes[end].left[1]) if start == "+1" else boxes[start].right, boxes[end].left)
        for start, end in zip(BEND, BEND[1:], strict=False):
            canvas.wire(start, end, arrow=False)
        for wave, (name, end) in ((w, pair) for w in range(number + 1) for pair in self.waves[w]):
            box = boxes[name]
            left = box.x if end == "inputs" else box.x + box.width - 13
            colour = plots.COLOURS["purple" if wave == number else "black"]
            canvas.axes.add_patch(Rectangle((left, box.y + 3), 13, box.height - 6, facecolor=colour, zorder=3.5))
        return canvas.figure()

    def show(self):
        """A frame for each wave."""
        plots.show(
            [self._spread(number) for number in range(len(self.waves))],
            alt=[
                f"SmallResNet as boxes and arrows in two lines. A stripe marks an end that loses a channel. New in step {number}: "
                + ", ".join(f"{end} of {name}" for name, end in sorted(wave))
                for number, wave in enumerate(self.waves)
            ],
            caption="Stripe right: an output channel goes; left: an input channel; pink: new. "
            f"torch-pruning finds the same: {self.same}.",
        )


def _ends_touched(graph, names, layer):
    """(name, end) of each layer that loses a channel, by torch-pruning, when `layer` loses output channel 5."""
    ends = set()
    for dependency, _ in graph.get_pruning_group(layer, tp.prune_conv_out_channels, idxs=[5]):
        if dependency.target.module in names:
            end = "inputs" if "in_channels" in dependency.handler.__name__ else "outputs"
            ends.add((names[dependency.target.module], end))
    return ends


def _arrows(graph, names):
    """(from, to) between layers and sums, through operations that only pass channels on."""
    sums = [node for node in graph.module2node.values() if "AddBackward" in node.name]
    sums.sort(key=lambda node: -int(node.name.split("_")[-1].split("(")[0]))  # traced from the output backwards
    named = {node: names[module] for module, node in graph.module2node.items() if module in names}
    named |= {node: f"+{i}" for i, node in enumerate(sums, start=1)}

    def readers(node):
        return {name for after in node.outputs for name in ([named[after]] if after in named else readers(after))}

    return sorted((name, reader) for node, name in named.items() for reader in readers(node))


def statistics_table(stored, fresh, weights_stay):
    """A table of percent right with stored statistics, and with those estimated anew."""
    return Table(
        ["right, %", "stored statistics", "estimated anew"],
        [[name, f"{stored[name]:.1f}", f"{fresh[name]:.1f}"] for name in stored],
        caption=f"SmallResNet, half of the channels cut, nothing trained; 4,000 test images; all weights unchanged: {weights_stay}.",
    )


def what_changes(stored, anew, channels=12):
    """Draws mean and deviation of a norm's first channels, as stored and as estimated anew.

    Args:
        stored, anew: two copies of one batch norm.
        channels: how many to draw.
    """
    fig, ax = plots.figure(size=(12, 4.2))
    spans = {}
    for (name, norm), colour, shift in zip(
        {"stored": stored, "anew": anew}.items(), ("orange", "blue"), (-0.13, 0.13), strict=True
    ):
        mean, deviation = norm.running_mean[:channels].cpu(), norm.running_var[:channels].sqrt().cpu()
        spans[name] = deviation.mean().item()
        places = [channel + shift for channel in range(channels)]
        ax.errorbar(places, mean, yerr=deviation, fmt="o", capsize=4, color=plots.COLOURS[colour], label=name)
    ax.set(xlabel="channel of block2.bn2", ylabel="mean ± deviation", xticks=range(channels))
    ax.legend(loc="best")
    plots.show(
        fig,
        alt=f"For {channels} channels two points with bars, mean and standard deviation, stored and anew. The mean length of a "
        f"bar, to one side: stored {spans['stored']:.2f}, anew {spans['anew']:.2f}.",
        caption="Points: means; bars: one standard deviation to each side.",
    )


def what_it_pays(macs, networks, speeds, accuracies):
    """A table of the dense and the cut network: work, bytes, time, accuracy.

    Args:
        macs: name -> multiply-adds for an image.
        networks: name -> network, "dense" and "cut".
        speeds: words -> comparison of their times.
        accuracies: words -> name -> percent right.
    """
    rows = [["FLOPs for an image", *(f"{2 * macs[n]:,}" for n in macs), f"{macs['cut'] / macs['dense']:.3f}"]]
    size = {name: size_report(net).file_bytes for name, net in networks.items()}
    rows += [["file", *(si(size[n], "B") for n in macs), f"{size['cut'] / size['dense']:.3f}"]]
    for words, speed in speeds.items():
        rows += [[f"time, {words}", "–", "–", f"{1 / speed.ratio('cut'):.2f}"]]
    for words, found in accuracies.items():
        gap = found["cut, by norm"] - found["dense"]
        rows += [[f"right, {words}", f"{found['dense']:.2f} %", f"{found['cut, by norm']:.2f} %", f"{gap:+.2f} pp"]]
    return Table(
        ["SmallResNet", "dense", "half cut", "ratio, or pp"], rows, caption="One run of each; pp: percentage points."
    )


def of_one_shape(after, steps):
    """A table of networks of half the width after the same steps.

    Args:
        after: name -> percent right, of one network or of several draws.
        steps: how many.
    """
    rows = []
    for name, (epochs, found) in after.items():
        rows.append([name, epochs, ", ".join(f"{share:.1f}" for share in found)])
    return Table(
        ["half the width", "epochs before", "right, %"],
        rows,
        caption=f"After the same {steps} steps, with the images in the same order. Several numbers: several draws.",
    )


def start_share(right):
    """The part of the advantage over new weights that random channels have as well, from percent right by name."""
    advantage = right["cut, by norm"] - right["new weights"]
    return (right["cut, by chance"] - right["new weights"]) / advantage if advantage else 0.0


def record_rows(rows, image):
    """Write rows of the ledger, and show them.

    Args:
        rows: (technique, network, percent right, speed-up or None).
        image: float (1, 1, 28, 28), for the estimated energy.
    """
    written = []
    for technique, net, share, faster in rows:
        size = size_report(net)
        written.append(
            ledger.record(
                lesson="structured",
                task="fashion_mnist",
                model="SmallResNet",
                technique=technique,
                accuracy=share / 100,
                file_bytes=size.file_bytes,
                load_ms=size.load_ms,
                speedup=faster,
                energy_nj=energy.estimate(net, image).total_nj,
            )
        )
    return ledger.table(written)
