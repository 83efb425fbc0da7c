"""Drawings of the lesson training_memory."""

import torch

from course_utils import diagrams, plots
from lessons.training_memory import experiment

MEANINGS = {"weights": "fp32", "gradients": "gradient", "states": "plain", "activations": "activations"}


def stacks(network):
    """Bars to one scale: what a training step keeps, with two sizes of the batch and two optimizers."""
    settings = {}
    for kind, batch in [("AdamW", 64), ("AdamW", 8), ("SGD", 64)]:
        model, optimizer = experiment.trained_once(network, getattr(torch.optim, kind))
        weights, states = experiment.kept_mb(model, optimizer)
        parts = (weights, weights, states, experiment.activations_mb(model, batch))
        settings[f"{kind}, {batch} images"] = dict(zip(MEANINGS, parts, strict=True))
    canvas = diagrams.Canvas(height=312)
    for row, (name, parts) in enumerate(settings.items()):
        canvas.text(40, 18 + 88 * row, f"{name}: {sum(parts.values()):.1f} MB", align="left", bold=True)
        left = 40
        for part, mb in parts.items():
            if mb:
                canvas.box(left, 36 + 88 * row, width=36 * mb, height=38, fill=MEANINGS[part])
            left += 36 * mb
    for column, (part, meaning) in enumerate(MEANINGS.items()):
        canvas.box(60 + 280 * column, 274, width=30, height=30, fill=meaning)
        canvas.text(102 + 280 * column, 289, part, align="left")
    plots.show(
        canvas.figure(),
        alt="Three bars to one scale, each of weights, gradients, states and activations. "
        + " ".join(f"{n}: {', '.join(f'{k} {v:.2f}' for k, v in p.items())} MB." for n, p in settings.items()),
        caption="What a training step of the deep network keeps, counted tensor by tensor; all bars to one scale.",
    )


def over_time(networks, same_scale=False):
    """The memory in use during the second training step of each network, a colour for each phase.

    Args:
        networks: name -> network; they are copied.
        same_scale: one vertical scale for all.
    """
    told = {name: experiment.levels_mb(network) for name, network in networks.items()}
    peaks = {name: max(map(max, phases.values())) for name, phases in told.items()}
    fig, axes = plots.figure(columns=2, size=(11.6, 4.2))
    for ax, (name, phases) in zip(axes, told.items(), strict=True):
        top = max(peaks.values()) if same_scale else peaks[name]
        for start, (colour, (phase, levels)) in enumerate(zip(("sky", "green", "yellow"), phases.items(), strict=True)):
            at = [start + i / len(levels) for i in range(len(levels) + 1)]
            ax.fill_between(at, [*levels, levels[-1]], step="post", color=plots.COLOURS[colour], alpha=0.7)
            ax.text(start + 0.5, 1.1 * top, phase, ha="center", fontsize=18)
        ax.axhline(peaks[name], color=plots.COLOURS["orange"], linestyle="--")
        ax.set(title=f"{name}: peak {peaks[name]:.1f} MB", xlabel="time", ylim=(0, 1.25 * top), xticks=[])
    axes[0].set(ylabel="MB in use")
    plots.show(
        fig,
        alt="Two panels, the memory in use during a training step in three phases, in MB. "
        + " ".join(
            f"{name}, {phase}: from {levels[0]:.1f} to {levels[-1]:.1f}, at most {max(levels):.1f}."
            for name, phases in told.items()
            for phase, levels in phases.items()
        ),
        caption=f"Memory in use{'' if same_scale else ' (on two scales)'}. Dashed: the peak. Time is not to scale.",
    )
