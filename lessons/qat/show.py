"""Drawings, tables and harnesses of the lesson qat, which stand beside what the lesson explains."""

import copy
import json
import statistics
from itertools import pairwise, product

import torch
from torch import nn
from torch.nn import functional as F

from course_utils.files import ROOT
from course_utils.measure import energy
from course_utils.measure.sizes import size_report
from course_utils.scorecard import ledger
from course_utils.show import diagrams, plots
from course_utils.show.tables import Table

ARMS = {"plain": ("grey", "s"), "trained on": ("blue", "o"), "QAT": ("orange", "^")}
LAYERS = ("fc1", "fc2", "fc3")


def gradient_of_fc1(net, rounding, images, labels):
    """The gradient of the loss to the weight of fc1, where the network computes with the rounded weight.

    Args:
        net: LeNet-300-100.
        rounding: from the float weight to the one that the layer uses.
        images, labels: a batch.
    """
    weight = net.fc1.weight.detach().clone().requires_grad_()
    logits = torch.func.functional_call(net, {"fc1.weight": rounding(weight)}, images.to(weight.device))
    loss = F.cross_entropy(logits, labels.to(weight.device))
    return torch.autograd.grad(loss, weight)[0]


def staircase(estimator):
    """Left a staircase of eight steps beside the line y = x, right its slope beside that which the estimator gives.

    Args:
        estimator: ``(x, scale, qmin, qmax)`` -> rounded and clipped.
    """
    line = torch.linspace(-3, 3, 1201, requires_grad=True)
    x, stairs = line.detach(), estimator(line, 0.5, -4, 3)
    (passed,) = torch.autograd.grad(stairs.sum(), line)
    fig, (left, right) = plots.figure(columns=2, size=(12, 3.9))
    left.plot(x, x, color=plots.COLOURS["grey"], linestyle=":", label="y = x")
    left.plot(x, stairs.detach(), label="rounded and clipped")
    left.set(xlabel="x", ylabel="value")
    left.legend(loc="upper left")
    right.plot(x, torch.zeros_like(x), color=plots.COLOURS["black"], linestyle="--", label="true slope")
    right.plot(x, passed, color=plots.COLOURS["orange"], label="straight-through")
    right.set(xlabel="x", xlim=left.get_xlim(), ylabel="slope", ylim=(-0.1, 1.6))
    right.legend(loc="upper left", ncols=2)
    plots.show(
        fig,
        alt="Left: a staircase of eight steps follows the line y = x from -2 to 1.5 and is flat outside. Right: its true slope is zero "
        "wherever it exists; that of the estimator is one from -2.25 to 1.75 and zero outside.",
        caption="Three bits, step 0.5: eight levels, from −2 to 1.5.",
    )


def two_values(estimator, values):
    """Three frames: the way of the first value forward, its way back, and both ways of the second value.

    Args:
        estimator: ``(x, scale, qmin, qmax)`` -> rounded and clipped.
        values: two numbers.
    """
    one, other = values
    drawn, told = zip(*(_node(estimator, *what) for what in ((one, False), (one, True), (other, True))), strict=True)
    plots.show(drawn, alt=told, caption="Orange: float. Blue: rounded. Green: the gradient. The loss is (y − 2)².")


def _node(estimator, value, backward):
    x = torch.tensor(value, requires_grad=True)
    y = estimator(x, 0.5, -4, 3)
    y.retain_grad()
    loss = (y - 2) ** 2
    loss.backward()
    canvas, low = diagrams.Canvas(height=320), 230
    names = (f"x\n{value:g}", "round", "clamp\n−2 … 1.5", f"y\n{y.item():g}", f"loss\n{loss.item():.2f}")
    boxes = [canvas.box(20 + 240 * i, 40, words, width=150, height=110) for i, words in enumerate(names)]
    for one, other in pairwise(boxes):
        canvas.wire(one.right, other.left, meaning="fp32" if one is boxes[0] else "int8")
    told = f"Boxes in a row: x = {value:g}, round, clamp, y = {y.item():g}, loss {loss.item():.2f}."
    if backward:
        end = boxes[0 if x.grad.item() else 2].bottom
        for one, other in pairwise((boxes[4].bottom, (boxes[4].bottom[0], low), (end[0], low), end)):
            canvas.wire(one, other, meaning="gradient", arrow=other is end)
        words = f"gradient of y: {y.grad.item():g}, gradient of x: {x.grad.item() + 0:g}"
        canvas.text(700, low + 40, words, colour="gradient")
        told += f" A green line goes from the loss, under the boxes, to {'x' if x.grad.item() else 'clamp'}; {words}."
    return canvas.figure(), told


def walk(path, loss):
    """Four frames: how two float weights move over the cells of four rounded ones.

    Args:
        path: (steps, 2), the float weights before each step.
        loss: of two weights.
    """
    points = torch.cartesian_prod(torch.arange(2), torch.arange(2)).float()
    lowest = min(points, key=lambda point: loss(point).item())
    flips = (path[1:].round() != path[:-1].round()).any(1).int().cumsum(0).tolist()
    crossings = {shown: flips[shown - 2] if shown > 1 else 0 for shown in (1, 8, 16, len(path))}

    def frame(shown):
        fig, (left, right) = plots.figure(columns=2, size=(12, 3.7))
        for point in points:
            a, b = point.tolist()
            tint = plots.COLOURS["green" if torch.equal(point, lowest) else "grey"]
            left.fill_between([a - 0.5, a + 0.5], b - 0.5, b + 0.5, color=tint, alpha=0.15 + 0.2 * ((a + b) % 2))
            left.text(a, b, f"({a:g}, {b:g})\nloss {loss(point).item():.2f}", ha="center", va="center")
        for ax in (left, right):
            ax.plot(*path[:shown].T, ".-", color=plots.COLOURS["orange"], linewidth=1.5)
        left.set(xlabel="first weight", ylabel="second weight", xlim=(-0.5, 1.5), ylim=(-0.5, 1.5))
        left.grid(visible=False)
        right.axhline(0.5, color=plots.COLOURS["blue"], linestyle=":")
        title = f"enlarged: {crossings[shown]} crossings, {shown - 1} steps"
        right.set(xlabel="first weight", xlim=(0.24, 0.42), ylim=(0.44, 0.53), title=title)
        return fig

    plots.show(
        [frame(shown) for shown in crossings],
        alt=[
            f"Left: four cells, each with its loss. Right, enlarged: the float weights after {shown - 1} steps; {n} crossings."
            for shown, n in crossings.items()
        ],
        caption="Orange: the float weights. A cell is rounded to its middle. Green: the cell with the lowest loss.",
    )


class Results:
    """Accuracies of the arms, in percent, each network under its number.

    Args:
        accuracy: of a network on images and labels, in percent.
        test: images and labels on which the result is read.
        held_out: those on which a step is chosen; None = nothing is chosen.
    """

    def __init__(self, accuracy, test, held_out=None):
        self.test, self.held_out = {}, {}
        self._accuracy, self._sets = accuracy, [(self.test, test)] + [(self.held_out, held_out)] * bool(held_out)

    def add(self, arm, how, seed, net):
        """Note what a network of an arm gets right: `how` is its number of bits, or its step."""
        for kept, images in self._sets:
            kept[arm, how, seed] = self._accuracy(net, images)

    def seeds(self, arm, how):
        """The numbers of the networks that an arm has."""
        return [seed for a, h, seed in self.test if (a, h) == (arm, how)]

    def of(self, arm, how):
        """Test accuracies of an arm, one a network."""
        return [self.test[arm, how, seed] for seed in self.seeds(arm, how)]

    def mean(self, arm, how):
        """Their mean."""
        return statistics.mean(self.of(arm, how))

    def best_step(self, arm, seed, steps):
        """The step with which this network gets most of the held-out images right."""
        return max(steps, key=lambda step: self.held_out[arm, step, seed])

    def at_best(self, arm, steps):
        """Test accuracies of an arm, each network with the best of these steps."""
        return [self.test[arm, self.best_step(arm, s, steps), s] for s in self.seeds(arm, steps[0])]


def differences(one, other):
    """One number a network: how far an arm is above another one, in points."""
    return [a - b for a, b in zip(one, other, strict=True)]


def noise(gains):
    """Twice the standard error of a mean of differences."""
    return 2 * statistics.stdev(gains) / len(gains) ** 0.5


def told(gains):
    """A mean of differences, plus or minus twice its standard error."""
    return f"{statistics.mean(gains):+.2f} ± {noise(gains):.2f}"


def by_bits(results, bits):
    """Accuracy of the three arms over the bits: means, and small the single networks.

    Args:
        results: `Results` by number of bits.
        bits: those to draw.
    """
    fig, ax = plots.figure(size=(6.2, 4.3))
    for arm, (colour, marker) in ARMS.items():
        means = [results.mean(arm, b) for b in bits]
        ax.plot(range(len(bits)), means, f"{marker}-", color=plots.COLOURS[colour], label=arm)
        for at, b in enumerate(bits):
            points = results.of(arm, b)
            ax.plot([at] * len(points), points, marker, color=plots.COLOURS[colour], markersize=5, alpha=0.6)
    ax.set(xlabel="bits for each weight", ylabel="accuracy, %", ylim=(0, 100))
    ax.set_xticks(range(len(bits)), [str(b) for b in bits])
    ax.legend(loc="lower left")
    said = "; ".join(f"{arm} " + ", ".join(f"{results.mean(arm, b):.1f}" for b in bits) for arm in ARMS)
    plots.show(
        fig,
        alt=f"Accuracy over bits for three arms: {said} percent at {', '.join(map(str, bits))} bits.",
        caption=f"Step from the largest weight. Means of {len(results.seeds('QAT', bits[0]))} networks; small: single ones.",
    )


def gains_by_bits(results, bits):
    """A table: accuracy of the three arms, and how far QAT is above the others."""
    rows = []
    for b in bits:
        arms = [results.of(arm, b) for arm in ARMS]
        rows.append(
            [
                b,
                *(f"{statistics.mean(own):.2f}" for own in arms),
                *(told(differences(arms[2], other)) for other in arms[:2]),
            ]
        )
    float_mean = results.mean("trained on", 32)
    return Table(
        ["bits", "plain, %", "trained on, %", "QAT, %", "QAT − plain, points", "QAT − trained on, points"],
        rows,
        caption=f"Step from the largest weight; means of {len(results.seeds('QAT', bits[0]))} networks; ± twice the standard "
        f"error. Trained on, not rounded: {float_mean:.2f} %",
    )


def step_against_rounding(by_step, results, steps):
    """A table of two rows: rounding after training with its best step, and QAT with the step from the largest weight.

    Args:
        by_step: `Results` at 2 bits by step.
        results: `Results` by number of bits, with the step from the largest weight.
        steps: in σ, among which to choose.
    """
    pairs = (
        ("trained on, then rounded", f"best of {len(steps)}", by_step.at_best("trained on", steps)),
        ("QAT", "from the largest weight", results.of("QAT", 2)),
    )
    return Table(
        ["2 bits", "step", "accuracy, %", "single networks"],
        [
            [name, step, f"{statistics.mean(own):.1f}", ", ".join(f"{right:.1f}" for right in own)]
            for name, step, own in pairs
        ],
        caption="Test images; the step of each network was chosen on images that no arm was trained on",
    )


def over_steps(by_step, results, steps, arms):
    """Accuracy over the step; at the right end with the step from the largest weight.

    Args:
        by_step: `Results` at 2 bits by step.
        results: `Results` by number of bits, with the step from the largest weight.
        steps: in σ.
        arms: those whose accuracy is known for all steps; of the others only the right end is drawn.
    """
    fig, ax = plots.figure(size=(6.4, 4.0))
    low, end, said = 86, len(steps), []
    for arm, (name, marker) in ARMS.items():
        own = {step: by_step.mean(arm, step) for step in (steps if arm in arms else ())}
        colour, at_end = plots.COLOURS[name], results.mean(arm, 2)
        if own:
            ax.plot(range(end), list(own.values()), f"{marker}-", color=colour, label=arm)
        if at_end > low:
            ax.plot([end], [at_end], marker, color=colour, markersize=12, label=None if own else arm)
        else:
            shift = -0.24 if arm == "plain" else 0.24
            ax.plot([end + shift], [low + 0.6], "v", color=colour)
            ax.annotate(f"{at_end:.0f}", (end + shift, low + 1), ha="center", va="bottom", color=colour)
        said.append(f"{arm} " + ", ".join(f"{right:.1f} at {step:g} σ" for step, right in own.items()))
        said[-1] += f"{', ' if own else ''}{at_end:.1f} with the step from the largest weight"
    ax.set(xlabel="step, in σ of each layer", ylabel="accuracy, %", ylim=(low, 98.5), xlim=(-0.3, end + 0.6))
    ax.set_xticks(range(end + 1), [*(f"{step:g}" for step in steps), "largest\nweight"])
    ax.legend(loc="lower left")
    plots.show(
        fig,
        alt=f"Test accuracy over the step: {'; '.join(said)}.",
        caption=f"2 bits, test images, means of {len(results.seeds('plain', 2))} networks. Triangles that point down: far below.",
    )


def each_at_its_best(by_step, results, steps):
    """A table of the two differences, with one step for all and with the best step of each arm.

    Args:
        by_step: `Results` at 2 bits by step.
        results: `Results` by number of bits, with the step from the largest weight.
        steps: in σ, among which to choose.
    """
    own = {arm: by_step.at_best(arm, steps) for arm in ARMS}
    same = {arm: results.of(arm, 2) for arm in ARMS}
    pairs = (("trained on − plain", "trained on", "plain"), ("QAT − trained on", "QAT", "trained on"))
    return Table(
        ["points at 2 bits", "step from the largest weight", "each its best step", "single networks"],
        [
            [
                name,
                told(differences(same[a], same[b])),
                told(differences(own[a], own[b])),
                ", ".join(f"{gain:+.1f}" for gain in differences(own[a], own[b])),
            ]
            for name, a, b in pairs
        ],
        caption=f"Test images; ± twice the standard error. QAT at its best step: {statistics.mean(own['QAT']):.1f} % right",
    )


def packed(net, step, pack):
    """A module that holds the packed integers, the step and the bias of each layer, as a file needs them.

    Args:
        net: trained by QAT at 2 bits.
        step: of a float weight, by which `net` was rounded.
        pack: integers -> bytes.
    """
    small = nn.Module()
    for name in LAYERS:
        layer = getattr(net, name)
        scale = step(layer.parametrizations.weight.original, 2).cpu()
        small.register_buffer(f"{name}_codes", pack((layer.weight.detach().cpu() / scale).round()))
        small.register_buffer(f"{name}_scale", scale)
        small.register_buffer(f"{name}_bias", layer.bias.detach().cpu())
    return small


def from_file(small, empty, unpack):
    """A network with the weights of `packed`, as floats.

    Args:
        small: from `packed`.
        empty: a network of the same shape, which is copied.
        unpack: ``(bytes, shape)`` -> integers.
    """
    net = copy.deepcopy(empty).cpu()
    with torch.no_grad():
        for name in LAYERS:
            layer, codes = getattr(net, name), getattr(small, f"{name}_codes")
            layer.weight.copy_(unpack(codes, layer.weight.shape) * getattr(small, f"{name}_scale"))
            layer.bias.copy_(getattr(small, f"{name}_bias"))
    return net


def record_rows(full, unpacked, small, image, accuracy):
    """Write both networks into the ledger; gives the sizes of their files.

    Args:
        full: in fp32, trained on.
        unpacked: read back from the packed file.
        small: from `packed`.
        image: one, for the estimate of energy.
        accuracy: of a network, in percent.
    """
    sizes = size_report(full), size_report(small)
    for technique, net, size, bits in (
        ("fp32, trained on", full, sizes[0], 32),
        ("QAT, 2-bit weights, packed", unpacked, sizes[1], 2),
    ):
        ledger.record(
            lesson="qat",
            task="mnist",
            model="LeNet-300-100",
            technique=technique,
            accuracy=accuracy(net) / 100,
            file_bytes=size.file_bytes,
            load_ms=size.load_ms,
            energy_nj=energy.estimate(copy.deepcopy(full).cpu(), image, bits=bits).total_nj,
        )
    return [size.file_bytes for size in sizes]


def integers_of_fc1(plain, aware, step, accuracy):
    """Which integers of fc1 QAT changed, and what they are worth; gives a table.

    Args:
        plain: the network from which QAT started.
        aware: trained by QAT at 2 bits.
        step: of a weight, for both.
        accuracy: of a network, in percent.
    """
    learned = {"before": plain.fc1.weight.detach(), "after": aware.fc1.parametrizations.weight.original.detach()}
    steps = {name: step(weight, 2) for name, weight in learned.items()}
    codes = {name: torch.round(weight * (1 / steps[name])).clamp(-2, 1) for name, weight in learned.items()}
    back = copy.deepcopy(plain)
    with torch.no_grad():
        for name in LAYERS:
            old, new = getattr(back, name), getattr(aware, name)
            old.weight.copy_(codes["before"] * steps["after"] if name == "fc1" else new.weight)
            old.bias.copy_(new.bias)
    moved = (learned["after"] - learned["before"]).norm() / learned["before"].norm()
    changed = (codes["before"] != codes["after"]).float().mean()
    print(f"float weights of fc1 moved by {moved:.0%} of their norm; {changed:.1%} of the integers changed")
    print(f"QAT {accuracy(aware):.1f} % right; with the former integers of fc1 put back {accuracy(back):.1f} %")
    return Table(
        ["fc1", *(f"{value}" for value in (-2, -1, 0, 1))],
        [
            [f"{name} QAT", *(f"{(code == value).float().mean():.1%}" for value in (-2, -1, 0, 1))]
            for name, code in codes.items()
        ],
        caption="share of each integer at 2 bits, one network",
    )


class Recorded:
    """The record of two starts, several steps and learning rates."""

    def __init__(self):
        file = ROOT / "records" / "qat" / "steps.json"
        self.runs = json.loads(file.read_text(encoding="utf-8"))["runs"]
        self.n_seeds = 1 + max(run["seed"] for run in self.runs)

    def of(self, start, arms, bits, steps=None, rates=None):
        """Test accuracies, one a network: of all these runs the one that gets most held-out images right.

        Args:
            start: "short" or "long".
            arms: among which to choose: "float", "plain", "trained on", "QAT".
            bits: 32, 3 or 2.
            steps: among which to choose; None = all in σ.
            rates: among which to choose; None = all.
        """
        best = []
        for seed in range(self.n_seeds):
            own = [
                run
                for run in self.runs
                if (run["start"], run["bits"], run["seed"]) == (start, bits, seed)
                and run["arm"] in arms
                and (run["step"] in steps if steps else run["step"] != "max")
                and (run["rate"] is None or rates is None or run["rate"] in rates)
            ]
            best.append(max(own, key=lambda run: run["held_out"])["test"])
        return best

    def gains(self, start, bits, opponents=("trained on",), **among):
        """QAT above the opponent, one number a network."""
        return differences(self.of(start, ["QAT"], bits, **among), self.of(start, opponents, bits, **among))

    def table(self):
        """For each start and number of bits: QAT above its opponent, as more and more is chosen for each arm."""
        rows = []
        for start, bits in product(("short", "long"), (3, 2)):
            right = statistics.mean(self.of(start, ["float"], 32))
            rows.append(
                [
                    f"{start}: {right:.1f} % in float",
                    bits,
                    told(self.gains(start, bits, steps=["max"], rates=[1e-3])),
                    told(self.gains(start, bits, rates=[1e-3])),
                    told(self.gains(start, bits)),
                    told(self.gains(start, bits, opponents=("plain", "trained on"))),
                    f"{statistics.mean(self.of(start, ['QAT'], bits)):.1f}",
                ]
            )
        columns = ["training before", "bits", "one step, one rate", "each its best step", "and its best rate"]
        return Table(
            [*columns, "and the better opponent", "QAT at its best, %"],
            rows,
            caption=f"QAT − trained on, in points; {self.n_seeds} networks; ± twice the standard error",
        )

    def bad_step(self):
        """A table: rounding with its best step, and QAT with the step from the largest weight, at 2 bits."""
        rows = []
        for start in ("short", "long"):
            aware = self.of(start, ["QAT"], 2, steps=["max"])
            arms = [self.of(start, [arm], 2) for arm in ("plain", "trained on")]
            means = [f"{statistics.mean(own):.1f}" for own in (*arms, aware)]
            rows.append([start, *means, told(differences(self.of(start, ["plain", "trained on"], 2), aware))])
        columns = ["training before", "plain, best step", "trained on, best step", "QAT, largest weight"]
        return Table(
            [*columns, "better of the two − QAT, points"],
            rows,
            caption="2 bits, accuracy in %; each arm that is trained with its best learning rate",
        )
