"""What stands beside the lesson depthwise: drawings, tables, harnesses of what is under Deeper, and a record of trainings."""

import copy
import json

import torch
import torchvision
from torch import nn

from course_utils import legacy_int8
from course_utils.files import ROOT
from course_utils.legacy_int8 import tq
from course_utils.measure import energy
from course_utils.scorecard import ledger
from course_utils.show import diagrams, plots
from course_utils.show.tables import Table, mean_and_range, si

HOW = ("float", "per tensor", "per channel")
KINDS = ("ordinary", "depthwise", "1×1", "depthwise", "1×1", "depthwise", "1×1", "linear")


def two_convolutions():
    """A depthwise convolution, which keeps channels apart, and the 1×1 convolution behind it, which mixes them."""
    canvas = diagrams.Canvas(height=330)
    rows = (15, 105, 195)
    columns = [[canvas.box(x, y, "", width=130, height=60) for y in rows] for x in (80, 535, 990)]
    for left, right in zip(columns[0], columns[1], strict=True):
        canvas.wire(left.right, right.left, meaning="activations", thick=5)
    for left in columns[1]:
        for right in columns[2]:
            canvas.wire(left.right, right.left, meaning="activations", arrow=False)
    canvas.text(372, 300, "depthwise: a 3×3 filter for each channel", size=22)
    canvas.text(842, 300, "1×1: sums over all channels", size=22)
    plots.show(
        canvas.figure(),
        alt="Three channels on the left are each joined with one channel in the middle, by a wire of its own: the depthwise convolution. "
        "Each of the three in the middle is joined with all three on the right: the 1×1 convolution.",
        caption="Three channels of many. The two convolutions together take the place of an ordinary one.",
    )


def losses(right):
    """A table of the accuracies of both networks, in float and in int8.

    Args:
        right: (network, how) -> percent.
    """
    names = dict.fromkeys(name for name, _ in right)
    return Table(
        ["accuracy, %", *HOW],
        [[name, *(f"{right[name, how]:.2f}" for how in HOW)] for name in names],
        caption="All 10,000 test images",
    )


def by_layer(none, all_eight, alone, others):
    """A table of the accuracy with one layer rounded, and with all but that one; first with none, and with all eight.

    Args:
        none, all_eight: percent with no layer rounded, and with all of them.
        alone, others: percent for each of the eight layers.
    """
    rows = [["none", "–", f"{none:.1f}", f"{all_eight:.1f}"]]
    rows += [
        [str(number) if number < 7 else "fc", kind, f"{one:.1f}", f"{rest:.1f}"]
        for number, (kind, one, rest) in enumerate(zip(KINDS, alone, others, strict=True))
    ]
    return Table(
        ["layer", "kind", "this one alone", "all the others"],
        rows,
        caption="Accuracy on 2,000 test images, %, of float networks in which these weights are rounded. "
        "First row: nothing rounded, then all eight layers",
    )


def raw_and_folded(raw, folded):
    """The largest weight of each channel as it was trained, and with the batch norm folded in, on a logarithmic axis."""
    order = folded.argsort()
    fig, axes = plots.figure(columns=2, size=(12, 4.2))
    told = []
    for ax, tops, name in zip(axes, (raw, folded), ("as trained", "batch norm folded in"), strict=True):
        steps = tops[order] * 127.5 / tops.max()
        ax.bar(range(1, len(steps) + 1), steps.tolist(), color=plots.COLOURS["blue"])
        ax.axhline(0.5, color=plots.COLOURS["orange"], linestyle="--")
        ax.set(
            title=name,
            yscale="log",
            ylim=(0.01, 300),
            xlabel="channels, by their folded width",
            ylabel="largest weight, steps",
        )
        told.append(f"{name}: {(tops.max() / tops.median()).item():.1f}")
    below = int((folded * 127.5 / folded.max() < 0.5).sum())
    plots.show(
        fig,
        alt="Two panels with a bar for each of 32 channels, in one order, on a logarithmic axis. As trained no bar stands out at the top; "
        "with the batch norm folded in the last one stands above all others. Widest channel over median channel, "
        + "; ".join(told)
        + ".",
        caption=f"Block 1, in steps of its one scale. Widest over median channel, {'; '.join(told)}. Below the dashed line, half a step, "
        f"all weights of a channel become 0 ({below} channels on the right).",
    )


def widest(block, inputs, ranges, count=4):
    """A table of the widest channels of a block, and of the median one: what made them wide, and what they are given.

    Args:
        block: convolution, batch norm, ReLU.
        inputs: the largest input of each channel.
        ranges: the largest folded weight of each channel.
    """
    norm, order = block[1], ranges.argsort(descending=True).tolist()
    rows = []
    for channel in [*order[:count], order[len(order) // 2]]:
        variance = norm.running_var[channel].item()
        factor = (norm.weight[channel].abs() / (variance + norm.eps) ** 0.5).item()
        raw = block[0].weight[channel].abs().max()
        numbers = (f"{raw:.2f}", f"{variance:.2g}", f"{factor:.1f}", f"{ranges[channel]:.2f}", f"{inputs[channel]:.2f}")
        rows.append([channel, *numbers])
    return Table(
        ["channel", "as trained", "variance", "factor", "folded", "largest input"],
        rows,
        caption=f"Block 1: the {count} widest channels of {len(ranges)}, then a median one. Inputs: over 2,000 test images. "
        f"{int((norm.running_var < norm.eps).sum())} of the {len(ranges)} channels have a variance below ε",
    )


def repairs(found, emptied):
    """A table of what was emptied (how many channels), the step of block 1, and the accuracy in float and in int8.

    Args:
        found: what was emptied -> (step, percent in float, percent in int8).
        emptied: what was emptied -> block -> its channels, as numbers or as a mask. What is not in it was widened.
    """
    counts = {
        what: sum(len(which) if isinstance(which, list) else int(which.sum()) for which in channels.values())
        for what, channels in emptied.items()
    }
    names = {what: f"{what} ({counts[what]})" if counts.get(what, 0) > 1 else what for what in found}
    return Table(
        ["emptied, or × a number", "step", "float", "int8"],
        [
            [names[what], f"{step:.3f}", f"{before:.1f}", f"{after:.1f}"]
            for what, (step, before, after) in found.items()
        ],
        caption="Accuracy on 2,000 test images, %. One scale for each layer; the step is that of block 1. In brackets: channels",
    )


def remedies(right, files, speed):
    """A table of accuracy, file and speed of each repaired network.

    Args:
        right: network -> percent.
        files: network -> report of its size.
        speed: the comparison of their times, over float.
    """
    rows = []
    for name in right:
        rows.append([name, f"{right[name]:.2f}", si(files[name].file_bytes, "B"), f"{speed.ratio(name):.1f}×"])
    return Table(
        ["weights", "accuracy, %", "file", "times float"],
        rows,
        caption="DepthwiseCNN, 10,000 test images. Speed with 64 images, over eager fp32 that is not fused; fused, fp32 itself "
        f"has {speed.ratio('float, fused'):.1f}×",
    )


def rows_of_the_ledger(model, image, right, files, speed):
    """Writes three rows of DepthwiseCNN, and shows them.

    Args:
        model: the float network.
        image: one image.
        right, files, speed: of `float`, `per tensor` and `per channel`.
    """
    techniques = {
        "float": ("fp32", "fp32", 32),
        "per tensor": ("static int8, per tensor", "int8, int32 sum", 8),
        "per channel": ("static int8, per channel", "int8, int32 sum", 8),
    }
    return ledger.table(
        [
            ledger.record(
                lesson="depthwise",
                task="fashion_mnist",
                model="DepthwiseCNN",
                technique=technique,
                accuracy=right["DepthwiseCNN", how] / 100,
                file_bytes=files[how].file_bytes,
                load_ms=files[how].load_ms,
                speedup=speed.ratio(how),
                energy_nj=energy.estimate(model, image, mac=mac, bits=bits).total_nj,
            )
            for how, (technique, mac, bits) in techniques.items()
        ]
    )


class Recorded:
    """The trainings of `python3 course.py bench depthwise`, which the lesson does not repeat.

    Attributes:
        runs: one dict a training, as the record has it.
    """

    PATH = ROOT / "records" / "depthwise" / "recipes.json"

    def __init__(self):
        self.runs = json.loads(self.PATH.read_text(encoding="utf-8"))["runs"]

    def of(self, network, recipe, width=16):
        """The runs of one cell."""
        wanted = network, recipe, width
        return [run for run in self.runs if (run["network"], run["recipe"], run["width"]) == wanted]

    def lost(self, network, recipe, width=16, how="per tensor", float_net="float"):
        """Points that int8 loses against the same network in float, one number a training."""
        return [run[float_net] - run[how] for run in self.of(network, recipe, width)]

    def crossed(self):
        """A table of the points lost, by architecture and training."""
        recipes = {"A: Adam": "Adam", "B: SGD, decay 0.001": "SGD, decay"}
        names = {"ordinary": "SmallCNN", "depthwise": "DepthwiseCNN"}
        floats = [run["float"] for net in names.values() for how in recipes.values() for run in self.of(net, how)]
        return Table(
            ["points lost", *recipes],
            [[name, *(_listed(self.lost(net, how)) for how in recipes.values())] for name, net in names.items()],
            caption=f"One scale for each layer; 10,000 test images; one number a training. In float: {min(floats):.1f} to {max(floats):.1f} %",
        )

    def ingredients(self):
        """A table of all trainings of DepthwiseCNN: dead channels, how far the widest stands out and whose it is, points lost."""
        runs = [run for run in self.runs if run["network"] == "DepthwiseCNN"]
        rows = []
        for run in sorted(runs, key=lambda run: (run["width"], run["recipe"])):
            layers = [block for block in run["blocks"] if block["depthwise"]]
            widest = max(layers, key=lambda block: block["folded"])
            rows.append(
                [
                    f"{run['recipe']}{', large' if run['width'] > 16 else ''}",
                    sum(block["dead"] for block in layers),
                    f"{widest['folded']:.0f} times, {'dead' if widest['widest is dead'] else 'alive'}",
                    f"{run['float'] - run['per tensor']:.1f}",
                ]
            )
        emptied = max(run["float"] - run["dead emptied, per tensor"] for run in runs)
        return Table(
            ["trained with", "dead", "widest", "points lost"],
            rows,
            caption="DepthwiseCNN, a row a training; large: as wide as the checkpoint, 30,000 images. SGD: recipe B without its decay. "
            "Widest depthwise channel, folded, over the median one of its layer. "
            f"With dead channels emptied none loses more than {emptied:.1f} points",
        )


def _listed(values):
    return ", ".join(f"{value:.1f}" for value in values)


def sqnr_db(exact, approximate):
    """Signal over error in decibels."""
    return 10 * torch.log10(exact.square().sum() / (exact - approximate).square().sum()).item()


def outputs(net, x, change=lambda y, layer: y, layers=(None,) * 9):
    """What each block and the linear layer give, each result passed through `change` on its way.

    Args:
        net: DepthwiseCNN, float or converted.
        x: images.
        change: ``(result, layer)`` -> what the next block is given.
        layers: what `change` is told of each place.
    """
    seen = {}
    for number, block in enumerate(net.features):
        seen[str(number)] = x = change(block(x), layers[number])
    seen["linear"] = change(net.fc(x.mean((2, 3))), layers[-1])
    return seen


class SideBySide:
    """DepthwiseCNN in float beside int8 networks: the error after each block, and what made it.

    Args:
        float_net: the fused float network.
        models: how the weights were rounded -> the int8 network.
        x: images.
        levels: an observer of the engine, which knows the smallest and the largest integer of an activation.
    """

    def __init__(self, float_net, models, x, levels):
        self.x, self.levels, self.net, self.models = x, levels, float_net, models
        self.exact = outputs(float_net, x)
        self.errors = {}
        for how, model in models.items():
            inside = model.module
            layers = [*(block[0] for block in inside.features), inside.fc]
            seen = {
                "int8": {n: y.dequantize() for n, y in outputs(inside, model.quant(x)).items()},
                "weights only": outputs(self._with_weights_of(inside), x),
                "activations only": outputs(float_net, self._stored(x, model.quant), self._stored, layers),
            }
            for what, found in seen.items():
                self.errors[how, what] = {n: sqnr_db(self.exact[n], y) for n, y in found.items()}

    def _stored(self, y, layer):
        """Rounded to the grid that an int8 layer has for its result."""
        grid = layer.scale, layer.zero_point
        return torch.fake_quantize_per_tensor_affine(y, *grid, self.levels.quant_min, self.levels.quant_max)

    def _with_weights_of(self, other):
        net = copy.deepcopy(self.net)
        for block, rounded in zip(net.features, other.features, strict=True):
            block[0][0].weight.copy_(rounded[0].weight().dequantize())
        net.fc.weight.copy_(other.fc.weight().dequantize())
        return net

    def drawing(self):
        """Signal over error after each block, a line for each way to round the weights."""
        fig, ax = plots.figure(size=(10, 4.2))
        for how, style in zip(self.models, ("s-", "o-"), strict=True):
            ax.plot(list(self.exact), list(self.errors[how, "int8"].values()), style, label=how)
        ax.set(xlabel="after block", ylabel="signal over error, dB", ylim=(0, 45))
        ax.legend(loc="upper right")
        told = (f"{how} {', '.join(f'{db:.0f}' for db in self.errors[how, 'int8'].values())} dB" for how in self.models)
        plots.show(
            fig,
            alt="Signal over error after each block and the linear layer: " + "; ".join(told) + ".",
            caption="DepthwiseCNN. Higher is better. Each point holds all errors before it.",
        )

    def table(self):
        """What makes the error behind block 1: weights, activations, or one tensor of them, with one scale or with many."""
        stored = self.exact["0"]
        tops = stored.amax((0, 2, 3)).view(1, -1, 1, 1).clamp(min=1e-9)
        step = tops / (self.levels.quant_max - self.levels.quant_min)
        one = self._stored(stored, self.models["per channel"].module.features[0][0])
        each = torch.round(stored / step) * step
        after = [sqnr_db(self.exact["1"], self.net.features[1](y)) for y in (one, each)]
        rows = [
            [what, *(f"{self.errors[how, what]['1']:.1f}" for how in ("per tensor", "per channel"))]
            for what in ("int8", "weights only", "activations only")
        ]
        rows += [
            ["only block 0's output", "", f"{after[0]:.1f}"],
            ["… a scale for each channel", "", f"{after[1]:.1f}"],
        ]
        return Table(
            ["rounded", "weights per tensor", "per channel"],
            rows,
            caption=f"Signal over error after block 1, dB. Largest channel of block 0's output over the median one: {tops.max() / tops.median():.0f}",
        )


def given_ranges(layer, ranges, net, rounded, order):
    """The float network with one layer rounded on one scale, as if its channels had other ranges.

    Args:
        layer: of the ordinary CNN.
        ranges: the largest weights of the channels of another layer.
        net: the fused float network, which stays as it is.
        rounded: rounds a weight.
        order: which channel gets which range, a seed; None = each keeps its own.
    """
    net = copy.deepcopy(net)
    weight = net.features[layer][0][0].weight
    factor = torch.ones(len(weight), 1, 1, 1)
    if order is not None:
        given = ranges.log().quantile(torch.linspace(0, 1, len(weight))).exp()
        given = given[torch.randperm(len(weight), generator=torch.Generator().manual_seed(order))]
        factor = (given / weight.abs().flatten(1).amax(1)).view(-1, 1, 1, 1)
    weight.copy_(rounded(weight * factor) / factor)
    return net


def with_ranges(found, inputs, unrounded, images):
    """A table of the ordinary CNN with one layer rounded.

    Args:
        found: layer -> (percent with its own ranges, percents with those of the depthwise layer, percent with a scale each).
        inputs: layer -> over how many products an output of it sums.
        unrounded: percent.
        images: how many.
    """
    return Table(
        ["layer", "sums over", "own ranges", "depthwise ranges", "… a scale each"],
        [
            [layer, inputs[layer], f"{own:.1f}", mean_and_range(orders), f"{each:.1f}"]
            for layer, (own, orders, each) in found.items()
        ],
        caption=f"SmallCNN: accuracy on {images} images, %; unrounded {unrounded:.1f}. Five orders of the ranges: mean, lowest, highest",
    )


def engines(found, images):
    """A table of accuracies by the engine that runs and the engine whose settings it has.

    Args:
        found: (engine, settings) -> percent.
        images: how many.
    """
    settings = list(dict.fromkeys(name for _, name in found))
    rows = [
        [engine, *(f"{found[engine, name]:.1f}" for name in settings)] for engine in dict.fromkeys(e for e, _ in found)
    ]
    what = []
    for name in settings:
        qconfig = tq.get_default_qconfig(name)
        acts = qconfig.activation()
        each = "a scale for each channel" if "channel" in str(qconfig.weight().qscheme) else "one scale for a layer"
        what.append(f"{name}: {acts.quant_max - acts.quant_min + 1} levels, {each}")
    return Table(
        ["runs on", *(f"settings of {name}" for name in settings)],
        rows,
        caption=f"DepthwiseCNN: accuracy on {images} test images, %. Settings of " + "; ".join(what),
    )


def on_each_engine(folded_net, batches):
    """The network converted for each engine of this machine, with the engine's own settings."""
    made = {}
    for name in legacy_int8.available():
        with legacy_int8.use(name):
            ready = copy.deepcopy(folded_net)
            ready.qconfig = tq.get_default_qconfig(name)
            observed = tq.prepare(ready)
            for batch in batches:
                observed(batch)
            made[name] = tq.convert(observed)
    return made


def on(name, model, x):
    """A call of a model on one engine, to be timed."""

    def call():
        with legacy_int8.use(name):
            return model(x)

    return call


def blocks_in_float(mixed, float_net, x, percent_right, speed):
    """A table of networks whose first blocks are in float.

    Args:
        mixed: how many blocks -> network.
        float_net: all in float.
        x: images for the decibels.
        percent_right: of a network.
        speed: the comparison of their times, by `str` of how many.
    """
    exact = float_net(x)
    return Table(
        ["blocks in float", "SQNR, dB", "accuracy, %", "times float"],
        [
            [n, f"{sqnr_db(exact, net(x)):.1f}", f"{percent_right(net):.1f}", f"{speed.ratio(str(n)):.1f}×"]
            for n, net in mixed.items()
        ],
        caption="Output of DepthwiseCNN; accuracy on 2,000 images; speed over eager fp32, 64 images",
    )


def silenced(behind):
    """A table of the widest folded weight of block 1 where one channel of block 0 was silenced.

    Args:
        behind: network -> (largest weight as it is, the largest with each living channel silenced in its turn).
    """
    rows = []
    for name, (before, after) in behind.items():
        grown = [one / before for one in after]
        more = sum(one > 10 for one in grown)
        rows.append([name, f"{before:.2f}", f"{min(grown):.2f} to {max(grown):.1f}", f"{more} of {len(grown)}"])
    return Table(
        ["network", "widest, folded", "grows by the factor", "more than tenfold"],
        rows,
        caption="Block 1; variances on 200 test images. Channels of block 1 that are dead already are left out",
    )


def shortcut():
    """A residual block: the input passes the convolution and goes round it, and the sum needs a scale."""
    canvas = diagrams.Canvas(height=230)
    conv_box = canvas.box(330, 115, "conv", width=170, height=90)
    plus = canvas.box(690, 115, "+", width=90, height=90, size=40)
    canvas.wire((60, 160), conv_box.left, meaning="int8")
    canvas.wire(conv_box.right, plus.left, meaning="int8")
    canvas.wire((200, 160), (200, 40), meaning="int8", arrow=False)
    canvas.wire((200, 40), (735, 40), meaning="int8", arrow=False)
    canvas.wire((735, 40), plus.top, meaning="int8")
    canvas.wire(plus.right, (1140, 160), meaning="int8", dashed=True)
    canvas.text(110, 120, "scale of x", size=22)
    canvas.text(595, 120, "scale of conv", size=22)
    canvas.text(960, 120, "scale of the sum: ?", size=22)
    plots.show(
        canvas.figure(),
        alt="A wire x enters a convolution, and a second one goes round it to a plus sign. x has a scale, the convolution's result has one, "
        "and behind the plus stands a question mark.",
        caption="Three results, three scales. A plain + has no place for the third.",
    )


def attempt(what):
    """Run `what`; give its result, or the beginning of its error."""
    try:
        return what()
    except Exception as error:
        return f"{type(error).__name__}: {str(error).split('. ')[0].split(' (of')[0][:110]}"


def refused(model, x):
    """A table of what an int8 network and the choice of an engine refuse.

    Args:
        model: converted.
        x: one image.
    """
    return Table(
        ["asked for", "answer"],
        [
            ["engine 'avx'", attempt(lambda: tq.get_default_qconfig("avx"))],
            ["a float64 image", attempt(lambda: model(x.double()))],
            ["a byte image", attempt(lambda: model((255 * x).to(torch.uint8)))],
        ],
    )


PUBLISHED = (
    "ResNet18",
    "ResNet50",
    "ResNeXt101_32X8D",
    "GoogLeNet",
    "MobileNet_V2",
    "MobileNet_V3_Large",
    "ShuffleNet_V2_X0_5",
)


def published():
    """A table of torchvision's int8 networks: accuracy and file, from its own metadata."""
    rows = []
    for name in PUBLISHED:
        now = next(iter(getattr(torchvision.models.quantization, f"{name}_QuantizedWeights"))).meta
        before = now["unquantized"].meta
        top1 = [meta["_metrics"]["ImageNet-1K"]["acc@1"] for meta in (before, now)]
        sizes = (f"{meta['_file_size']:.1f}" for meta in (before, now))
        rows.append([name, f"{top1[0]:.2f}", f"{top1[1] - top1[0]:+.2f}", *sizes])
    return Table(
        ["published", "fp32, %", "int8, points", "fp32, MiB", "int8, MiB"],
        rows,
        caption="Published by torchvision, not measured here",
    )


def resnets(speed, sizes, audit):
    """A table of ResNet-18 in float, fused, and in int8.

    Args:
        speed: the comparison of their times.
        sizes: network -> bytes of its file.
        audit: of the int8 network.
    """
    fused_ms = speed.median_ms("fp32, fused")
    return Table(
        ["ResNet-18", "ms", "over eager", "over fused", "file"],
        [
            [
                name,
                f"{speed.median_ms(name):.3g}",
                f"{speed.ratio(name):.2f}×",
                f"{fused_ms / speed.median_ms(name):.2f}×",
                si(sizes[name], "B"),
            ]
            for name in sizes
        ],
        caption=f"One picture of 224×224, one thread. Run in int8, by the audit: {audit.count('int8')} modules",
    )


def routes(model, x):
    """An int8 network traced, frozen, scripted and exported: the model that came out, or the beginning of the error."""
    with legacy_int8.quiet():
        return {
            "traced": attempt(lambda: torch.jit.trace(model, x)),
            "traced, frozen": attempt(lambda: torch.jit.freeze(torch.jit.trace(model, x))),
            "scripted": attempt(lambda: torch.jit.script(model)),
            "exported": attempt(lambda: torch.export.export(model, (x,)).module()),
        }


def routes_table(tried, model, x, speed):
    """A table of the routes: whether the numbers are the same, and the speed over the eager network."""
    rows = []
    for name, made in tried.items():
        if isinstance(made, str):
            rows.append([name, "refused", "–"])
        else:
            rows.append([name, "yes" if torch.equal(made(x), model(x)) else "no", f"{speed.ratio(name):.2f}×"])
    said = "; ".join(made[:60] for made in tried.values() if isinstance(made, str))
    return Table(["route", "same numbers", "speed over eager"], rows, caption=f"One image. Refused: {said} …")


def dropout_in_a_graph(x):
    """A table of a network with dropout, exported in training and in evaluation mode."""
    rows = []
    for mode in ("training", "evaluation"):
        dropping = nn.Sequential(nn.Flatten(), nn.Linear(784, 32), nn.Dropout(0.5)).train(mode == "training")
        graph = torch.export.export(dropping.requires_grad_(False), (x,)).module()
        agree = torch.equal(graph(x), graph(x))
        rows.append([mode, "yes" if agree else "no", "refused" if isinstance(attempt(graph.eval), str) else "taken"])
    return Table(["exported in", "two calls agree", "eval() of the graph"], rows)
