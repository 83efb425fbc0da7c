"""The drawings of the lesson roofline, its second library, and AlexNet layer by layer."""

import torch

from course_utils import plots
from course_utils.tables import Table

WHITE = {"facecolor": "white", "edgecolor": "none", "pad": 1}  # behind a name


def two_times():
    """For one input and for 16, the two times of the toy machine as bars that begin together, and where the longer one ends."""
    times = {"1 input": (0.4, 2.0), "16 inputs": (6.4, 2.0)}
    fig, ax = plots.figure(size=(9, 3.6))
    for row, both in enumerate(times.values()):
        for way, seconds in enumerate(both):
            height = 2.6 * row + way
            ax.barh(height, seconds, height=0.8, color=plots.COLOURS["sky" if way else "yellow"])
            ax.text(0.1, height, ("arithmetic", "memory")[way], va="center")
        ax.plot([max(both)] * 2, [2.6 * row - 0.6, 2.6 * row + 1.6], color="black", lw=3)
        ax.text(max(both) + 0.15, 2.6 * row + 0.5, f"least time {max(both)} s", va="center", fontweight="bold")
    ax.set(xlim=(0, 9.2), xlabel="seconds", yticks=[0.5, 3.1], yticklabels=times)
    ax.invert_yaxis()
    plots.show(
        fig,
        alt="Bars that begin together. 1 input: arithmetic 0.4 seconds, memory 2 seconds, least time 2 seconds. "
        "16 inputs: arithmetic 6.4 seconds, memory 2 seconds, least time 6.4 seconds.",
        caption="The toy machine, worked out by hand. Both bars of a pair begin together, and the longer one counts.",
    )


def with_onednn(layers, x):
    """A function that runs bias-free linear layers on x by oneDNN, weights reordered for it beforehand.

    Where PyTorch has no oneDNN it runs the layers as they are.
    """
    if not torch.backends.mkldnn.is_available():
        return lambda: layers(x)
    onednn = torch.ops.mkldnn
    ready = [onednn._reorder_linear_weight(layer.weight.detach(), len(x)) for layer in layers]

    def run():
        y = x
        for weight in ready:
            y = onednn._linear_pointwise(y, weight, None, "none", [], "")
        return y

    return run


def under_the_roof(peak, bandwidth, points, ring):
    """The measured roof on logarithmic axes, with a point for each batch, and a ring.

    Args:
        peak: operations per second.
        bandwidth: bytes per second.
        points: batch -> (operations per byte, operations per second).
        ring: the same pair for the batch of 16 by oneDNN.
    """
    ridge, top = peak / bandwidth, peak / 1e9
    fig, ax = plots.figure(size=(7.4, 4.8))
    axis = [0.1, ridge, 1000]
    ax.plot(axis, [min(peak, i * bandwidth) / 1e9 for i in axis], color="black", zorder=4)
    ax.axvline(ridge, color=plots.COLOURS["grey"], linestyle=":")
    ax.text(ridge * 1.1, 0.13 * bandwidth / 1e9, f"ridge {ridge:.1f}")
    ax.text(ridge / 1.3, 0.9 * top, "memory-bound", ha="right", va="bottom")
    ax.text(1.4 * ridge, 1.25 * top, "compute-bound", va="bottom")
    ax.plot(*zip(*((x, y / 1e9) for x, y in points.values()), strict=True), "o-", color=plots.COLOURS["orange"], lw=1)
    ax.plot(ring[0], ring[1] / 1e9, "o", ms=13, mfc="none", mec=plots.COLOURS["blue"], mew=3, zorder=5)
    for batch, (x, y) in points.items():
        name = f"batch {batch}" if batch == min(points) else f"{batch}"
        ax.annotate(name, (x, y / 1e9), xytext=(12, -24), textcoords="offset points", bbox=WHITE)
    ax.set(xscale="log", yscale="log", xlabel="operations per byte", ylabel="billion operations\nper second")
    ax.set_xticks([1, 10, 100, 1000], ["1", "10", "100", "1,000"])
    ax.set_yticks([10**n for n in range(5)], [f"{10**n:,}" for n in range(5)])
    ax.set(xlim=(0.1, 1000), ylim=(0.1 * bandwidth / 1e9, 2.5 * top))
    first = next((n for n in range(1, 4096) if n * 2048 / (4096 + 2 * n) > ridge), "no size")
    plots.show(
        fig,
        alt=f"A roof on logarithmic axes: it rises up to the ridge, at {ridge:.1f} operations per byte, and is flat from there "
        f"at {top:.0f} billion operations per second. Four dots: "
        + ", ".join(f"batch {batch} at {y / 1e9:.0f} billion" for batch, (_, y) in points.items())
        + f". A ring: batch 16 with oneDNN, at {ring[1] / 1e9:.0f} billion.",
        caption=f"Four layers of 4,096 × 4,096, compute-bound from batch {first} on. Ring: batch 16 with oneDNN.",
    )


def alexnet(gains, peak, bandwidth):
    """A table of what both offers of the exercise gain, for each layer of AlexNet with one photograph."""
    from torchvision.models import alexnet

    net, rows, kinds = alexnet().eval(), [], (torch.nn.Conv2d, torch.nn.Linear)
    layers = [layer for layer in net.modules() if isinstance(layer, kinds)]
    hooks = [layer.register_forward_hook(lambda layer, given, _: rows.append((layer, given[0]))) for layer in layers]
    net(torch.randn(1, 3, 224, 224))
    for hook in hooks:
        hook.remove()
    return Table(
        ["layer", "twice the peak", "one-byte weights"],
        [[type(layer).__name__, *(f"{gain:.1f}" for gain in gains(layer, x, peak, bandwidth))] for layer, x in rows],
        caption="How many times shorter the least time gets",
    )
