"""Drawings, tables and harnesses of the lesson qat_cnn, which stand beside what the lesson explains."""

import copy
import json
import statistics

import torch
from torch import nn

from course_utils.files import ROOT
from course_utils.legacy_int8 import tq
from course_utils.measure import energy
from course_utils.measure.sizes import size_report
from course_utils.scorecard import ledger
from course_utils.show import diagrams, plots
from course_utils.show.tables import Table

SLOW_AND_FAST = (0.01, 0.2)


def nodes_of(prepared):
    """The names of all places of a prepared network where something is fake-quantized."""
    return [name for name, module in prepared.named_modules() if isinstance(module, tq.FakeQuantizeBase)]


def where_it_rounds(prepared):
    """The prepared network as boxes in a row: blue arrows and boxes are fake-quantized, orange ones are floats."""
    nodes = nodes_of(prepared)
    canvas, x, boxes = diagrams.Canvas(height=330), 10, []
    stages = {"input": "quant", "block 0": "module.features.0.0", "…": "", "block 6": "module.features.6.0"}
    stages |= {"mean": "", "linear": "module.fc"}
    for words, name in stages.items():
        boxes.append(canvas.box(x, 60, words, width=60 if words == "…" else 140, height=90))
        if f"{name}.weight_fake_quant" in nodes:
            node = canvas.box(x + 10, 220, "weights", width=120, height=60, fill="int8")
            canvas.wire(node.top, boxes[-1].bottom, meaning="int8")
        x += boxes[-1].width + 65
    ends = [box.left for box in boxes[1:]] + [(1190, 105)]
    for (words, name), box, end in zip(stages.items(), boxes, ends, strict=True):
        rounds = words == "…" or f"{name}.activation_post_process" in nodes
        canvas.wire(box.right, end, meaning="int8" if rounds else "fp32", thick=6)
    plots.show(
        canvas.figure(),
        alt="The network as boxes in a row: input, block 0 to block 6, mean, linear. Blue boxes for rounded weights stand under the "
        "blocks and the linear layer. Arrows between the boxes are blue where the result is rounded; the arrow after the mean is orange.",
        caption=f"Blue: fake-quantized, {len(nodes)} places in all. Orange: float.",
    )


def course_of_a_run(epochs, ranges_frozen_at):
    """A time line: what learns, what stands still, and when a copy is converted."""
    canvas = diagrams.Canvas(height=470)
    begin = 1.6
    ends = [begin + 1.4 * (epoch + 1) for epoch in range(epochs)]
    diagrams.time_line(
        canvas,
        {
            "float": [(0, 0.75, "fuse", "plain"), (0.8, begin, "prepare", "plain")],
            "train": [(end - 1.4, end - 0.05, f"epoch {n + 1}", "gradient") for n, end in enumerate(ends)],
            "ranges": [(begin, ends[ranges_frozen_at - 1] - 0.05, "observers learn", "plain")],
            "batch norm": [
                (begin, ends[ranges_frozen_at - 1] - 0.05, "frozen from here …", "black"),
                (ends[ranges_frozen_at - 1], ends[-1] - 0.05, "… or from here", "black"),
            ],
            "int8 copy": [(end - 0.75, end - 0.05, "convert", "int8") for end in ends],
        },
        x=170,
        y=15,
        width=1010,
        height=54,
        gap=34,
    )
    plots.show(
        canvas.figure(),
        alt=f"A time line with five lanes: fuse and prepare; then {epochs} epochs of training; observers learn until epoch "
        f"{ranges_frozen_at}; batch norm is frozen at the start or with the observers; after each epoch a copy is converted.",
        caption="fuse_modules_qat, prepare_qat, your loop with freeze_bn_stats and disable_observer, convert.",
    )


def after_one_epoch(found, static):
    """Frames of bars: the int8 copies after one epoch, a bar for each order of the images.

    Args:
        found: name of a group -> accuracies in percent.
        static: that of static quantization, a dashed line.
    """

    def frame(shown):
        fig, ax = plots.figure(size=(12, 3.6))
        for place, (name, marks) in enumerate(list(found.items())[:shown]):
            colour = plots.COLOURS["orange" if name == "frozen" else "purple"]
            for order, mark in enumerate(marks):
                x = place + 0.2 * (order - 1)
                ax.bar(x, mark, width=0.16, color=colour)
                ax.text(x, mark + 2, f"{mark:.0f}", ha="center")
        ax.axhline(static, color=plots.COLOURS["grey"], linestyle="--")
        ax.text(-0.58, static + 2, "static")
        names = list(found)[:shown]
        ax.set(ylabel="accuracy, %", ylim=(0, 105), xlim=(-0.6, len(found) - 0.5), xticks=range(shown))
        ax.set_xticklabels(names)
        return fig

    frames = (0, 2, len(found))
    plots.show(
        [frame(shown) for shown in frames],
        alt=[_said_of(found, shown) for shown in frames],
        caption="int8 copies after one epoch, a bar for each order of the images; 1,000 test images.",
    )


def _said_of(found, shown):
    groups = [
        f"{name}: {', '.join(f'{mark:.0f}' for mark in marks)} percent" for name, marks in list(found.items())[:shown]
    ]
    return "A bar for each order of the images. " + "; ".join(groups).replace("\n", " ")


def in_percent(rows, first, caption):
    """A table of names and accuracies."""
    return Table([first, "accuracy, %"], [[name, f"{value:.1f}"] for name, value in rows.items()], caption=caption)


class Recorded:
    """The runs of `course.py bench qat_cnn`, as they are kept in the repository."""

    def __init__(self):
        text = (ROOT / "records" / "qat_cnn" / "arms.json").read_text(encoding="utf-8")
        self.runs = json.loads(text)["runs"]

    def of(self, **wanted):
        """The runs with these values."""
        return [run for run in self.runs if all(run.get(name) == value for name, value in wanted.items())]

    def rates(self, **wanted):
        """The learning rates of these runs, the smallest first."""
        return sorted({run["rate"] for run in self.of(**wanted) if run["rate"] is not None})

    def best_rate(self, **wanted):
        """The rate with the best mean on the images that are there to choose; None where nothing was trained."""
        rates = self.rates(**wanted)
        return (
            max(rates, key=lambda rate: statistics.mean(run["held_out"] for run in self.of(rate=rate, **wanted)))
            if rates
            else None
        )

    def test(self, **wanted):
        """Test accuracies of these runs, one a seed."""
        return [run["test"] for run in sorted(self.of(**wanted), key=lambda run: run["seed"])]

    def at_best(self, **wanted):
        """Test accuracies at the best rate."""
        return self.test(rate=self.best_rate(**wanted), **wanted)


def _mean_and_ends(values):
    if len(values) == 1:
        return f"{values[0]:.1f}"
    return f"{statistics.mean(values):.1f} ({min(values):.1f} to {max(values):.1f})"


def each_at_its_best(recorded):
    """A table: what each repair comes to with one scale a tensor, with the dead channels at 0, and with one a channel."""
    scales = ("tensor", "tensor, dead set to 0", "channel")
    arms = {
        "static": "none",
        "statistics moved": "none, images alone",
        "trained on": "in float",
        "QAT": "with rounding",
    }
    return Table(
        ["int8, accuracy in %", "training", "one scale a layer", "… dead channels at 0", "one scale a channel"],
        [
            [arm, how, *(_mean_and_ends(recorded.at_best(task="clothes", arm=arm, scales=each)) for each in scales)]
            for arm, how in arms.items()
        ],
        caption="5,000 test images; three orders, each arm at the best of three learning rates, which was chosen on 5,000 others",
    )


ARMS_FROM_RANDOM = ("float", "QAT", "fast weights", "fast activations", "both fast")


def from_random(recorded, arms=ARMS_FROM_RANDOM):
    """A table of the arms that begin with random weights, at each rate."""
    rates = recorded.rates(task="digits")
    return Table(
        ["accuracy, %", *(f"rate {rate:g}" for rate in rates)],
        [
            [
                arm,
                *(_mean_and_ends(recorded.test(task="digits", arm=arm, rate=rate, moved=False)) for rate in rates),
            ]
            for arm in arms
        ],
        caption="Digits, int8 copies on 5,000 test images; three networks, mean (lowest to highest)",
    )


def further_repairs(recorded, rate):
    """A table of more repairs, before and after a pass that moves statistics and ranges; float for comparison."""
    arms = ("QAT", "fast weights", "statistics first", "both fast")
    arms += ("fast weights, never frozen", "both fast, never frozen")

    def of(arm, moved):
        own = {"task": "digits", "arm": arm, "moved": moved}
        best = recorded.best_rate(**own)
        return [
            _mean_and_ends(recorded.test(rate=rate, **own)),
            f"{_mean_and_ends(recorded.at_best(**own))} at {best:g}",
        ]

    rows = [["float, static", of("float", False)[0], "", of("float", False)[1]]]
    rows += [[arm, of(arm, False)[0], *of(arm, True)] for arm in arms]
    return Table(
        [f"rate {rate:g}", "as trained", "and moved", "moved, at its best rate"],
        rows,
        caption="Accuracy, %; moved: one more pass of the images, weights at rest. Three networks, mean (lowest to highest)",
    )


class FoldedWeights:
    """Notes after each step how large the folded weights of a block are, and where the ranges of its observers end.

    Args:
        model: prepared for QAT.
        block: its number.
    """

    def __init__(self, model, block=1):
        self.fused = model.module.features[block][0]
        self.largest, self.range_end, self.variance, self.activations_end = [], [], [], []

    @torch.no_grad()
    def __call__(self, step):
        """Look once; `step` is not needed."""
        norm, observer = self.fused.bn, self.fused.weight_fake_quant.activation_post_process
        factor = norm.weight / torch.sqrt(norm.running_var + norm.eps)
        folded = self.fused.weight * factor.view(-1, 1, 1, 1)
        self.largest.append(folded.abs().amax((1, 2, 3)).median().item())
        self.range_end.append(torch.maximum(-observer.min_val, observer.max_val).median().item())
        self.variance.append(norm.running_var.median().item())
        self.activations_end.append(self.fused.activation_post_process.activation_post_process.max_val.item())


def first_and_last(slow, fast):
    """A table: the running variance and the end of the activations' range, after the first step and after the last."""
    rows = [
        ["running variance, median channel", *(f"{noted.variance[n]:.3f}" for noted in (slow, fast) for n in (0, -1))],
        [
            "end of the activations' range",
            *(f"{noted.activations_end[n]:.2f}" for noted in (slow, fast) for n in (0, -1)),
        ],
    ]
    heads = [f"{constant:g}: {step} step" for constant in SLOW_AND_FAST for step in ("first", "last")]
    return Table(
        ["block 1", *heads], rows, caption="Constant of the weights' observers; that of the activations' is 0.01"
    )


def lagging(slow, fast):
    """Two panels: the largest folded weight and the end of its range over the steps, with a slow and a fast observer."""
    fig, axes = plots.figure(columns=2, size=(12, 3.8))
    panels = zip(axes, (slow, fast), SLOW_AND_FAST, strict=True)
    for ax, noted, constant in panels:
        steps = range(1, len(noted.largest) + 1)
        ax.plot(steps, noted.largest, color=plots.COLOURS["orange"], label="largest folded weight")
        ax.plot(steps, noted.range_end, color=plots.COLOURS["blue"], label="end of the range")
        ax.set(xlabel="step", title=f"constant {constant:g}", ylim=(0, 1.1 * max(slow.largest + fast.largest)))
        ax.legend(loc="upper left")
    axes[0].set(ylabel="median of the channels")
    ends = ", ".join(
        f"with {constant:g} the weight ends at {noted.largest[-1]:.2f} and the range at {noted.range_end[-1]:.2f}"
        for noted, constant in zip((slow, fast), SLOW_AND_FAST, strict=True)
    )
    plots.show(
        fig,
        alt=f"Two panels over {len(slow.largest)} steps. Orange: the largest folded weight rises. Blue: the end of its range; {ends}.",
        caption="Block 1, weights with batch norm folded in. What lies above the blue line is clipped.",
    )


# --- what stands under Deeper -----------------------------------------------------------------------------------------


class AtStep(nn.Module):
    """Rounds weights with the step that the converted layer has."""

    def __init__(self, step):
        super().__init__()
        self.step = step

    def forward(self, weight):
        """The rounded weight."""
        return torch.fake_quantize_per_tensor_affine(weight, self.step, 0, -128, 127)


def with_kernel_steps(simulated, converted):
    """A copy of the simulation whose weights are rounded with the steps of the converted network."""
    simulated = copy.deepcopy(simulated)
    for ours, theirs in zip(simulated.module.features, converted.module.features, strict=True):
        ours[0].weight_fake_quant = AtStep(theirs[0].weight().q_scale())
    simulated.module.fc.weight_fake_quant = AtStep(converted.module.fc.weight().q_scale())
    return simulated


def apart_by_block(apart, agree):
    """A table: for each block how many outputs differ, and by how many levels at most."""

    def told(levels):
        return f"{(levels > 0).float().mean():.1%}, by ≤ {int(levels.max())}"

    return Table(
        ["block", *apart],
        [[n, *(told(levels[n]) for levels in apart.values())] for n in range(7)],
        caption="Outputs that differ. Same class as the kernels: "
        + ", ".join(f"{name} {share:.1%}" for name, share in agree.items()),
    )


def steps_of(trained, converted):
    """Prints the step of each block's weights: as trained, worked out from its range, and as shipped."""
    for ours, theirs in zip(trained.module.features, converted.module.features, strict=True):
        node = ours[0].weight_fake_quant
        low, high = node.activation_post_process.min_val.item(), node.activation_post_process.max_val.item()
        worked_out, shipped = max(-low / 128, high / 127), theirs[0].weight().q_scale()
        print(f"trained with {node.scale.item():.6f} = {worked_out:.6f}, shipped with {shipped:.6f}")


class FirstDepthwise:
    """The folded weights of the first depthwise layer, on the one grid of the layer; tries other integers in it.

    Args:
        net: DepthwiseCNN.
        right_of: from a network to its accuracy, in percent.
        qat_int8: the converted network of QAT, whose integers are tried too.
    """

    def __init__(self, net, right_of, qat_int8):
        self.folded = tq.fuse_modules(
            tq.QuantWrapper(copy.deepcopy(net)).eval(),
            [[f"module.features.{block}.{part}" for part in range(3)] for block in range(7)],
        ).requires_grad_(False)
        self.layer = self.folded.module.features[1][0][0]
        self.exact = self.layer.weight.clone()
        self.step = self.exact.abs().max() / 127.5
        self.rounded = torch.round(self.exact / self.step).clamp(-128, 127) * self.step
        self.by_qat = qat_int8.module.features[1][0].weight().int_repr()
        self.right_of = right_of
        self.dead = net.features[1][1].running_var < 1e-20  # their input is always 0: rounding changes nothing

    def right_with(self, weight):
        """Accuracy with these weights in the layer; all others stay float."""
        self.layer.weight.copy_(weight)
        try:
            return self.right_of(self.folded)
        finally:
            self.layer.weight.copy_(self.exact)

    def one_by_one(self):
        """A table: each channel rounded alone; keeps the worst in `worst`."""
        unharmed = self.right_with(self.exact)
        alone = [unharmed] * len(self.exact)
        for channel in (~self.dead).nonzero().flatten().tolist():
            weight = self.exact.clone()
            weight[channel] = self.rounded[channel]
            alone[channel] = self.right_with(weight)
        order = sorted(range(len(alone)), key=alone.__getitem__)
        self.worst = order[0]
        return Table(
            ["first depthwise layer", "accuracy, %"],
            [
                ["nothing rounded", f"{unharmed:.1f}"],
                ["all channels", f"{self.right_with(self.rounded):.1f}"],
                *([f"channel {channel} alone", f"{alone[channel]:.1f}"] for channel in order[:3]),
            ],
            caption="300 images; the three worst of 32 channels, of which the dead ones, with inputs of 0, were not tried",
        )

    def nine_weights(self):
        """Three frames: the weights of the worst channel over the integers, rounded, one moved, and as QAT left them."""
        in_steps = (self.exact[self.worst] / self.step).flatten()
        nearest = (in_steps.abs() - 0.5).abs().argmin().item()  # closest to where rounding changes
        moved, by_qat = self.rounded.clone(), self.rounded.clone()
        other = 0 if in_steps[nearest].abs() > 0.5 else in_steps[nearest].sign()
        moved[self.worst].view(-1)[nearest] = self.step * other
        by_qat[self.worst] = self.step * self.by_qat[self.worst]
        falls = {"rounded": self.rounded, "one weight moved": moved, "QAT's integers": by_qat}
        outcome = {name: self.right_with(weight) for name, weight in falls.items()}

        def frame(name):
            canvas = diagrams.Canvas(height=330)
            ruler = diagrams.number_line(canvas, -1.2, 1.2, y=240, ticks={-1: "−1", 0: "0", 1: "1"})
            ends = (falls[name][self.worst] / self.step).flatten().round().tolist()
            for n, (value, end) in enumerate(zip(in_steps.tolist(), ends, strict=True)):
                marked = n == nearest and name != "rounded"
                ruler.point(value, above=120, falls_to=end, meaning="mask" if marked else "fp32")
            canvas.text(600, 40, f"{name}: accuracy {outcome[name]:.1f} %")
            words = "" if name == "rounded" else f"{in_steps[nearest]:+.3f}"
            canvas.text(ruler.place(in_steps[nearest].item()), 86, words)
            return canvas.figure()

        at = ", ".join(f"{value:+.3f}" for value in in_steps.tolist())
        plots.show(
            [frame(name) for name in falls],
            alt=[
                f"Nine points over a number line from -1 to 1: {at}. Arrows go to the integers they fall to. {name}: accuracy "
                f"{outcome[name]:.1f} percent."
                for name in falls
            ],
            caption=f"Channel {self.worst}, in steps of the layer; black: the weight moved. All channels are rounded.",
        )

    def nine_moves(self):
        """A table: each of the nine weights moved alone to its other neighbour, sorted by the sum of the integers."""
        in_steps, rows = (self.exact[self.worst] / self.step).flatten(), []
        for n, value in enumerate(in_steps.tolist()):
            other, near = self.rounded.clone(), round(value)
            other[self.worst].view(-1)[n] = self.step * (near + (1 if value > near else -1))
            total = (other[self.worst] / self.step).sum().round().int().item()
            rows.append([total, f"{value:+.3f}", f"{self.right_with(other):.1f}"])
        rounded = (self.rounded[self.worst] / self.step).sum()
        return Table(
            ["sum of the integers", "weight moved", "accuracy, %"],
            sorted(rows),
            caption=f"exact sum {in_steps.sum():.2f}, rounded {rounded:.0f}",
        )


def rows_of_the_ledger(nets, speed, net, image, accuracy):
    """Writes int8 networks into the ledger.

    Args:
        nets: technique -> converted network.
        speed: a comparison with the same names.
        net: the float network.
        image: one image.
        accuracy: of a network on all test images, from 0 to 1.
    """
    bill, written = energy.estimate(net, image, mac="int8, int32 sum", bits=8), []
    for name, small in nets.items():
        size = size_report(small)
        written.append(
            ledger.record(
                lesson="qat_cnn",
                task="fashion_mnist",
                model="DepthwiseCNN",
                technique=name,
                accuracy=accuracy(small),
                file_bytes=size.file_bytes,
                load_ms=size.load_ms,
                speedup=speed.ratio(name),
                energy_nj=bill.total_nj,
            )
        )
    return ledger.table(written)
