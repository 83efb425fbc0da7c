"""The drawings of the lesson qat, and its opponent in int8."""

import copy
import json

import torch
from torch.ao import quantization as tq

from course_utils import plots
from course_utils.files import ROOT

RECORD = ROOT / "records" / "qat" / "two_bits.json"
START, WANTED, RATE, N_STEPS = (0.35, 0.40), 0.75, 0.03, 16  # the small layer of section 3
ARMS = ("float", "rounded afterwards", "QAT")


def staircase():
    """Left a staircase of seven levels beside the line y = x, right its slope beside that of the estimator."""
    x = torch.linspace(-4.5, 4.5, 1801)
    fig, (left, right) = plots.figure(columns=2, size=(12, 3.9))
    left.plot(x, x, color=plots.COLOURS["grey"], linestyle=":", label="y = x")
    left.plot(x, x.round().clamp(-3, 3), color=plots.COLOURS["blue"], label="rounded, clipped")
    left.set(xlabel="weight x", ylabel="rounded weight y", xticks=range(-4, 5, 2), yticks=range(-4, 5, 2))
    left.legend(loc="upper left")
    right.plot(x, torch.zeros_like(x), color=plots.COLOURS["blue"], linestyle="--", label="true slope")
    right.plot(x, (x.abs() <= 3.5).float(), color=plots.COLOURS["orange"], label="straight-through")
    right.set(xlabel="weight x", xlim=left.get_xlim(), ylabel="slope", ylim=(-0.1, 1.8), yticks=[0, 1])
    right.set_xticks(range(-4, 5, 2))
    right.legend(loc="upper left", ncols=2)
    plots.show(
        fig,
        alt="Left: a staircase of seven levels follows the line y = x from -3 to 3, and is flat outside. Right: its true "
        "slope is 0 everywhere but at the jumps; that of the estimator is 1 from -3.5 to 3.5, and 0 outside.",
        caption="Three bits with the scale 1: seven levels, from −3 to 3.",
    )


def _trained(rounding):
    """The two float weights before each training step and after the last one: (N_STEPS + 1, 2)."""
    weights = torch.tensor(START, requires_grad=True)
    optimizer, path = torch.optim.SGD([weights], lr=RATE), [weights.detach().clone()]
    for _ in range(N_STEPS):
        optimizer.zero_grad()
        (rounding(weights, 1, 2).sum() - WANTED).square().backward()
        optimizer.step()
        path.append(weights.detach().clone())
    return torch.stack(path)


def walk(rounding):
    """The two float weights of the small layer over the training steps.

    Args:
        rounding: ``(weights, scale, bits)`` -> the rounded weights, with a gradient.
    """
    path = _trained(rounding)
    ones = [step for step, (_, second) in enumerate(path) if second > 0.5]
    fig, ax = plots.figure(size=(11, 4.4))
    ax.axhline(0.5, color="black", linestyle=":")
    for name, at, marker in (("second weight", 1, "o"), ("first weight", 0, "^")):
        colour = plots.COLOURS["orange" if at else "blue"]
        ax.plot(path[:, at], f"{marker}-", color=colour, linewidth=1.5, markersize=7, label=name)
    outside = ax.get_yaxis_transform()
    for y, text in ((0.522, "rounded to 1"), (0.478, "rounded to 0")):
        ax.text(1.01, y, text, transform=outside, va="center", fontsize=16)
    ax.set(xlabel="training steps", ylabel="float weight", ylim=(0.34, 0.56), xticks=range(0, N_STEPS + 1, 2))
    ax.legend(loc="lower right", ncols=2)
    plots.show(
        fig,
        alt=f"Two float weights over {N_STEPS} training steps. The second begins at 0.40, crosses the dotted line at 0.5 at "
        f"step {ones[0]}, falls below it after three steps and crosses it again, in a cycle of four. The first one moves in "
        "the same way below the line.",
        caption="Above the dotted line a weight is rounded to 1, below it to 0.",
    )


def _best_runs():
    """Arm -> per cent of test images for each network: of the one run that was tested, the best on held-out images."""
    runs = json.loads(RECORD.read_text(encoding="utf-8"))["runs"]
    return {arm: [run["test"] for run in runs if run["arm"] == arm and "test" in run] for arm in ARMS}


def races():
    """Draw the accuracy of six networks in the record: in float, rounded afterwards and QAT; and give it back."""
    found = _best_runs()
    fig, ax = plots.figure(size=(11, 4.4))
    numbers = range(1, len(found["QAT"]) + 1)
    looks = {"float": ("s", "grey"), "QAT": ("^", "orange"), "rounded afterwards": ("o", "blue")}
    names = {"float": "in float", "QAT": "QAT, 2 bits", "rounded afterwards": "fair opponent, 2 bits"}
    ax.vlines(numbers, found["rounded afterwards"], found["QAT"], color=plots.COLOURS["grey"], linewidth=1.5)
    for arm, (marker, colour) in looks.items():
        ax.plot(numbers, found[arm], marker, color=plots.COLOURS[colour], markersize=10, label=names[arm])
    low, high = min(found["rounded afterwards"]), max(found["float"])
    ax.set(xlabel="network", ylabel="accuracy, %", xticks=numbers, ylim=(low - 2, high + 5))
    ax.legend(loc="upper center", ncols=3, columnspacing=1, handletextpad=0.3)
    told = "; ".join(f"{names[arm]} " + ", ".join(f"{p:.1f}" for p in found[arm]) for arm in looks)
    plots.show(
        fig,
        alt=f"Accuracy of six networks on the test images, in per cent: {told}.",
        caption="A record of six networks. Each marker is the candidate that was best on held-out images.",
    )
    return found


def static_int8(net, images):
    """A static int8 copy of a network, calibrated on these images."""
    ready = tq.QuantWrapper(copy.deepcopy(net)).eval()
    ready.qconfig = tq.get_default_qconfig(torch.backends.quantized.engine)
    observed = tq.prepare(ready)
    observed(images)
    return tq.convert(observed)
