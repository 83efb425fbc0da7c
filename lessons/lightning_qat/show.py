"""What the lesson lightning_qat draws."""

import json
import statistics

import torch
from torch.ao import quantization as tq

from course_utils import plots
from course_utils.files import ROOT

RECORD = ROOT / "records" / "lightning_qat" / "ranges.json"
ARMS = {
    "float": "float",
    "slow": "int8, constant 0.01",
    "fast in the last layer": "int8, 0.3 in the last layer",
    "fast": "int8, constant 0.3",
    "float, then slow": "one epoch in float,\nthen int8, 0.01",
}


def ceiling(model, pixels, share):
    """Draw what the last layer of a network with rounding computes, and where its range ends.

    Args:
        model: trained by `watched.TwoHooks(..., convert=False)`; its observers are off from now on.
        pixels, share: (N, 16) and (N, 1).
    Returns:
        The end of the range of its last layer.
    """
    last, seen = model.apply(tq.disable_observer).net.module[-1].activation_post_process, []
    handle = last.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    with torch.no_grad():
        model(pixels)
    handle.remove()
    end = last.activation_post_process.max_val.item()
    [answers] = seen
    beyond = (answers > end).flatten()
    fig, ax = plots.figure(size=(9, 5.4))
    ax.plot([0, 1], [0, 1], ":", color=plots.COLOURS["black"])
    ax.axhline(end, color=plots.COLOURS["orange"])
    ax.text(0.99, end + 0.02, "the range ends", ha="right", color=plots.COLOURS["orange"])
    for dots, colour in ((~beyond, "blue"), (beyond, "orange")):
        ax.plot(share[dots], answers[dots], ".", color=plots.COLOURS[colour], markersize=9)
    ax.set(xlabel="true share", ylabel="answer of the last layer", xlim=(0, 1), ylim=(0, 1.2))
    plots.show(
        fig,
        alt=f"True share and answer of {len(share):,} garments, with a dotted line where both are equal. The dots lie around "
        f"the line for small shares, and far from it, mostly above, for larger ones. A horizontal line at {end:.2f} is the "
        f"end of the range; {beyond.float().mean():.0%} of the dots are above it.",
        caption=f"The range of the last layer ends at {end:.2f}. Orange: the {beyond.float().mean():.0%} of the answers that "
        "are beyond it.",
    )
    return end


def six_trainings():
    """Draw the record: for each arm the errors on test garments at the rate that is best on held-out ones.

    Returns:
        Arm -> six errors, in %.
    """
    runs, found = json.loads(RECORD.read_text(encoding="utf-8"))["runs"], {}
    for arm in ARMS:
        by_rate = {}
        for run in runs:
            if run["arm"] == arm:
                by_rate.setdefault(run["rate"], []).append(run)
        best = min(by_rate.values(), key=lambda several: statistics.mean(run["held_out"] for run in several))
        found[arm] = [run["test"] for run in best]
    fig, ax = plots.figure(size=(11, 4.6))
    for row, (arm, errors) in enumerate(found.items()):
        colour = plots.COLOURS["grey" if arm == "float" else "orange" if arm == "slow" else "blue"]
        ax.plot(errors, [row] * len(errors), "o", color=colour, markersize=11, alpha=0.7)
    ax.set_yticks(range(len(ARMS)), ARMS.values())
    ax.set(xlabel="off by, %", xlim=(0, None), ylim=(len(ARMS) - 0.5, -0.5))
    told = "; ".join(f"{' '.join(ARMS[arm].split())}: " + ", ".join(f"{e:.0f}" for e in found[arm]) for arm in found)
    plots.show(
        fig,
        alt=f"Errors on test garments of networks from six sets of first weights, in per cent: {told}.",
        caption="A record: six sets of first weights, two epochs in all, each row at its best of five learning rates.",
    )
    return found
