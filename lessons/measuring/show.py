"""Drawings of the lesson measuring."""

from statistics import median

import numpy as np

from course_utils.show import plots


def after_rests(rests):
    """Times of the calls after each rest, seconds (rests, calls): dots, and the median of each place."""
    fig, ax = plots.figure(size=(10, 4))
    places = range(1, len(rests[0]) + 1)
    for calls in rests:
        ax.plot(places, [1e6 * s for s in calls], "o", color=plots.COLOURS["grey"], markersize=7)
    middles = [1e6 * median(column) for column in zip(*rests, strict=True)]
    ax.plot(places, middles, "-", color=plots.COLOURS["orange"], linewidth=4, label="median")
    low, high = 1e6 * min(map(min, rests)), 1e6 * max(map(max, rests))
    ticks = [c * 10**e for e in range(1, 6) for c in (1, 2, 5)]
    ax.set(yscale="log", xlabel="call after the rest", ylabel="time, µs", xticks=list(places))
    ax.minorticks_off()
    ax.set_yticks([tick for tick in ticks if low / 1.5 < tick < 1.5 * high])
    ax.yaxis.set_major_formatter("{x:,.0f}")
    ax.legend(loc="lower right", bbox_to_anchor=(1, 1))
    plots.show(
        fig,
        alt=f"Times of eight calls after each of {len(rests)} rests, on a logarithmic axis, in microseconds. The median of the first "
        f"calls is {middles[0]:.0f}, that of the last ones {middles[-1]:.0f}; single calls reach {high:.0f}.",
        caption=f"One network, eight calls after each of {len(rests)} rests. Each dot is a call; the axis is logarithmic.",
    )


def drift():
    """Two plans for the calls of a machine that gets slower: in blocks, and in turn."""
    calls, times = np.arange(60), np.linspace(1.0, 1.3, 60)
    plans = {"in blocks: B seems slower": calls >= 30, "in turn: hardly a difference": calls % 2 == 1}
    fig, axes = plots.figure(columns=2, size=(12, 3.6))
    for ax, (title, of_b) in zip(axes, plans.items(), strict=True):
        for name, mine, colour, mark in (("A", ~of_b, "blue", "o"), ("B", of_b, "orange", "s")):
            ax.plot(calls[mine], times[mine], mark, color=plots.COLOURS[colour], label=name)
            ax.axhline(median(times[mine]), color=plots.COLOURS[colour], linestyle="--")
        ax.set(title=title, xlabel="call", ylim=(0.97, 1.36), yticks=[1.0, 1.1, 1.2, 1.3])
    axes[0].set_ylabel("time, s")
    axes[0].legend(loc="upper left")
    plots.show(
        fig,
        alt="Twice the same rising line of 60 calls. Left the first 30 are those of A and the others those of B, and the dashed medians "
        "lie far apart, at 1.07 and 1.23. Right A and B alternate, and the dashed medians nearly coincide.",
        caption="Simulated. A and B are the same function; dashed: their medians.",
    )


def rounds(versus):
    """The speed-up of `A again` and of `B` over A, round by round; `versus` is of `timing.compare`."""
    fig, ax = plots.figure(size=(11, 4))
    for name, colour, mark in (("A again", "grey", "o"), ("B", "orange", "s")):
        ratios = [a / own for a, own in zip(versus.samples["A"], versus.samples[name], strict=True)]
        ax.plot(range(1, len(ratios) + 1), ratios, mark, color=plots.COLOURS[colour], markersize=8, label=name)
        ax.axhline(versus.ratio(name), color=plots.COLOURS[colour], linewidth=3)
    ax.set(xlabel="round", ylabel="speed-up over A")
    ax.legend(loc="center left", bbox_to_anchor=(1, 0.5))
    plots.show(
        fig,
        alt=f"Speed-up over A in each round. The grey dots of A again scatter around their median, {versus.ratio('A again'):.2f}. "
        f"The orange squares of B have their median at {versus.ratio('B'):.2f}.",
        caption="One dot a round; the lines are medians. The scatter of the grey dots is the noise of this measurement.",
    )
