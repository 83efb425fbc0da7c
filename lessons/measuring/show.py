"""Drawings of the lesson measuring."""

from statistics import median

import numpy as np

from course_utils import plots


def after_rests(rests):
    """Times of the calls after each pause, seconds (pauses, calls): dots, and the median of each place."""
    fig, ax = plots.figure(size=(10, 4))
    places = range(1, len(rests[0]) + 1)
    for calls in rests:
        ax.plot(places, [1e3 * s for s in calls], "o", color=plots.COLOURS["grey"], markersize=7)
    middles = [1e3 * median(column) for column in zip(*rests, strict=True)]
    ax.plot(places, middles, "-", color=plots.COLOURS["orange"], linewidth=4, label=f"median of {len(rests)} calls")
    ax.set(xlabel="call after the pause", ylabel="time, ms", xticks=list(places))
    ax.set_ylim(0, 1.6 * max(middles))  # a call that another program disturbed may take as long as it likes
    ax.legend(loc="lower right", bbox_to_anchor=(1, 1))
    plots.show(
        fig,
        alt=f"Times of eight calls after each of {len(rests)} pauses, in milliseconds. The median of the first "
        f"calls is {middles[0]:.1f}, that of the last ones {middles[-1]:.1f}.",
        caption=f"Eight calls after each of {len(rests)} pauses. Each dot is a call, and the line joins the medians. "
        "Calls that another program disturbed may lie outside the picture.",
    )


def drift():
    """Two orders of the calls of a machine that gets slower: in blocks, and in turn."""
    calls, times = np.arange(60), np.linspace(1.0, 1.3, 60)
    blocks, turns = calls >= 30, calls % 2 == 1
    orders = {
        f"in blocks: speed-up {median(times[~blocks]) / median(times[blocks]):.2f}": blocks,
        f"in turn: speed-up {median(times[~turns] / times[turns]):.3f}": turns,
    }
    fig, axes = plots.figure(columns=2, size=(12, 3.6))
    for ax, (title, of_b) in zip(axes, orders.items(), strict=True):
        for name, mine, colour, mark in (("A", ~of_b, "blue", "o"), ("B", of_b, "orange", "s")):
            ax.plot(calls[mine] + 1, times[mine], mark, color=plots.COLOURS[colour], label=name)
            ax.axhline(median(times[mine]), color=plots.COLOURS[colour], linestyle="--")
        ax.set(title=title, xlabel="call", xticks=[1, 15, 30, 45, 60], ylim=(0.97, 1.36), yticks=[1.0, 1.1, 1.2, 1.3])
    axes[0].set_ylabel("time, s")
    axes[0].legend(loc="upper left")
    plots.show(
        fig,
        alt="Twice the same rising line of 60 calls. Left the first 30 are those of A and the others those of B, and the dashed medians "
        "lie far apart, at 1.074 and 1.226. Right A and B alternate, and the dashed medians nearly coincide.",
        caption="Simulated. A and B are the same function, and the dashed lines are the medians of their times.",
    )


def six_races(races):
    """The speed-ups of `A again` and of `B` over A: each round of each race, and the medians of the races."""
    fig, ax = plots.figure(size=(11, 4.6))
    ax.axhline(1, color=plots.COLOURS["black"], linewidth=1.5)
    styles = {"A again": ("grey", "o", -0.16), "B": ("orange", "s", 0.16)}
    for name, (colour, mark, aside) in styles.items():
        places, colour = [n + aside for n in range(1, len(races) + 1)], plots.COLOURS[colour]
        for place, race in zip(places, races, strict=True):
            rounds = [a / own for a, own in zip(race.samples["A"], race.samples[name], strict=True)]
            ax.plot([place] * len(rounds), rounds, mark, color=colour, markersize=5, alpha=0.35, markeredgewidth=0)
        medians = [race.ratio(name) for race in races]
        ax.plot(places, medians, mark, color=colour, markersize=15, markeredgecolor="white", label=name)
    middles = [race.ratio(name) for race in races for name in styles]
    # A disturbed round may lie anywhere; what is judged are the medians.
    ax.set(xlabel="race", ylabel="speed-up over A", xticks=range(1, len(races) + 1))
    ax.set_ylim(min(0.8, *middles) - 0.05, max(1.3, *middles) + 0.05)
    ax.legend(loc="center left", bbox_to_anchor=(1, 0.5))
    ax.grid(axis="x", visible=False)
    medians = {name: ", ".join(f"{race.ratio(name):.2f}" for race in races) for name in styles}
    plots.show(
        fig,
        alt=f"Speed-ups over A in {len(races)} races. The medians of A again are {medians['A again']}, those of B {medians['B']}; "
        "the small dots of the rounds scatter around them. "
        f"The orange squares of B have their median at {median(race.ratio('B') for race in races):.2f}.",
        caption="A column of small dots is a race, and each of them one of its rounds. The large ones are the medians. "
        "Rounds that another program disturbed may lie outside the picture.",
    )
