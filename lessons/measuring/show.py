"""Drawings and harnesses of the lesson measuring: each works on what the lesson has measured."""

import inspect
import json
import math
import os
import subprocess
import sys
from statistics import mean, median, quantiles

import numpy as np

from course_utils import runtime
from course_utils.scorecard import ledger
from course_utils.show import diagrams, plots
from lessons.measuring.course_map import course_map


def the_course():
    """The parts of the course around the ledger."""
    columns = [name.partition(",")[0] for name in ledger.table([]).columns[3:8]]
    plots.show(
        course_map("measuring", columns=columns, height=480).figure(),
        alt="The parts of the course as boxes, each with its way to save and the numbers of its lessons, on both sides of a box in "
        f"the middle, the ledger, which holds {', '.join(columns)}. The number of this lesson is filled.",
        caption="The **ledger** is the course's table of measured models. The lessons add rows.",
    )


def first_calls(calls_us):
    """Bars of the first calls after a rest.

    Args:
        calls_us: microseconds of each call, in their order.
    """
    fig, ax = plots.figure(size=(7, 4.2))
    numbers = range(1, len(calls_us) + 1)
    ax.bar(numbers, calls_us, color=plots.COLOURS["blue"])
    ax.set(xlabel="call after the rest", ylabel="time, µs", xticks=list(numbers))
    told = ", ".join(f"{us:.0f}" for us in calls_us)
    plots.show(
        fig,
        alt=f"Bars of {len(calls_us)} calls after a rest of one second, in microseconds: {told}.",
        caption="One network, the same photograph, call after call.",
    )


def scatter(samples):
    """Times of one function over their median: in their order, and sorted.

    Args:
        samples: seconds, a list of float.
    """
    low, middle, high = quantiles(samples, n=4)
    fig, (left, right) = plots.figure(columns=2)
    over = [one / middle for one in samples]
    ticks = [0.8, 0.9, 1, 1.1, 1.2, 1.4] if max(over) < 1.5 else [0.7, 1, 1.5, 2, 3, 5, 10, 20, 50]
    left.plot(over, ".", color=plots.COLOURS["blue"], markersize=5)
    left.set(xlabel="call", ylabel="time / median (logarithmic)")
    right.plot(np.linspace(0, 100, len(over)), sorted(over))
    right.set(xlabel="share of the calls, sorted, %")
    for ax in (left, right):
        ax.axhspan(low / middle, high / middle, color=plots.COLOURS["yellow"], alpha=0.4, label="IQR: middle half")
        ax.axhline(1, color=plots.COLOURS["orange"], label="median")
        ax.axhline(mean(samples) / middle, color="black", linestyle=":", label="mean")
        ax.set(yscale="log", yticks=ticks, ylim=(0.95 * min(over), 1.1 * max(over)))
        ax.yaxis.set_major_formatter("{x:g}")
        ax.minorticks_off()
    right.legend(loc="upper left")
    plots.show(
        fig,
        alt=f"Left: times of {len(over)} calls of one function, in order, over their median, on a logarithmic axis. The fastest lies at "
        f"{min(over):.2f}, three quarters of them below {high / middle:.2f}, the worst at {max(over):.2f}. Right: the same times "
        f"sorted; their mean lies at {mean(samples) / middle:.2f}.",
        caption=f"One function, {len(over)} calls, in their order and sorted.",
    )


def drift(drifting):
    """Two plans for the calls of a machine that gets slower: in blocks, and in turn.

    Args:
        drifting: seconds of each call, an array of float (n,), n even.
    """
    n, calls = len(drifting), np.arange(len(drifting))
    in_blocks = median(drifting[: n // 2]) / median(drifting[n // 2 :])
    in_turn = median(drifting[0::2] / drifting[1::2])  # within each round
    told = [
        f"{how}: B seems {100 * (1 / ratio - 1):.{digits}f} % slower (speed-up {ratio:.{digits + 2}f})"
        for how, ratio, digits in (("in blocks", in_blocks, 0), ("in turn", in_turn, 1))
    ]
    plots.show(
        [
            _plan(told[0], drifting, calls < n // 2, calls >= n // 2),
            _plan(told[1], drifting, calls % 2 == 0, calls % 2 == 1),
        ],
        alt=[f"A rising line of {n} calls, {words}. Dashed: the medians of A and of B." for words in told],
        caption="The same drift, simulated, not measured. Dashed: the medians of A and of B.",
    )


def _plan(words, drifting, of_a, of_b):
    fig, ax = plots.figure(size=(10, 3))
    calls = np.arange(len(drifting))
    for name, mine, colour, mark in (("A", of_a, "blue", "o"), ("B", of_b, "orange", "s")):
        ax.plot(calls[mine], drifting[mine], mark, color=plots.COLOURS[colour], label=name)
        ax.axhline(median(drifting[mine]), color=plots.COLOURS[colour], linestyle="--")
    ax.set(title=words, xlabel="call", ylabel="time", ylim=(0.97, 1.33))
    ax.tick_params(labelsize=18)
    ax.legend(loc="center left", bbox_to_anchor=(1, 0.5), fontsize=18)
    return fig


def rounds(versus, same, other):
    """The speed-up of two candidates over the first, round by round.

    Args:
        versus: of `timing.compare`.
        same, other: names of candidates; the first is the baseline once more.
    Returns:
        dict: name -> list of ratios, one a round.
    """
    base = versus.samples[versus.baseline]
    found = {}
    fig, ax = plots.figure(size=(11, 2.7))
    for name, colour, mark in ((same, "grey", "o"), (other, "orange", "s")):
        found[name] = [theirs / own for theirs, own in zip(base, versus.samples[name], strict=True)]
        ax.plot(found[name], mark, color=plots.COLOURS[colour], label=f"{name}: {median(found[name]):.2f}×")
        ax.axhline(median(found[name]), color=plots.COLOURS[colour])
    ax.set(xlabel="round", ylabel="speed-up, ×")
    ax.tick_params(labelsize=18)
    ax.legend(loc="center left", bbox_to_anchor=(1, 0.5), fontsize=18)
    plots.show(
        fig,
        alt=f"Speed-up over A in each round. The grey dots of {same} scatter, with a line for their median at "
        f"{versus.ratio(same):.2f}. The orange squares of B have their median at {versus.ratio(other):.2f}.",
        caption="One dot a round; lines are medians. The grey scatter is the noise of this machine, now.",
    )
    return found


def as_clear_as(wins, n):
    """The two-sided sign test: how often n throws of a coin give a result at least as far from n / 2 as `wins`."""
    far = abs(2 * wins - n)
    return sum(math.comb(n, k) for k in range(n + 1) if abs(2 * k - n) >= far) / 2**n


def after_each(befores, timed, turns):
    """What a call takes right after each of several things, which take turns.

    Args:
        befores: name -> function without arguments, called just before.
        timed: function without arguments that gives the seconds of one call.
        turns: how often each has its turn; once in a quick run.
    Returns:
        dict: name -> median of the seconds.
    """
    rounds = 1 if runtime.quick() else turns
    found = [{name: (before(), timed())[1] for name, before in befores.items()} for _ in range(rounds)]
    return {name: median(turn[name] for turn in found) for name in befores}


def with_two_threads(wall_and_cpu):
    """Wall time and CPU time of two threads over those of one, for a large job and a small one.

    Args:
        wall_and_cpu: ``wall_and_cpu(n_threads, job, n_calls)`` -> two numbers of seconds.
    Returns:
        dict: job -> [wall time, CPU time], each the median of six rounds (of two in a quick run).
    """
    import torch

    from course_utils import models

    wide, net, image = torch.randn(768, 768), models.LeNet().eval(), torch.zeros(1, 1, 28, 28)
    jobs = {"product, 768 × 768": (lambda: wide @ wide, 10), "small network, one image": (lambda: net(image), 200)}
    found = {}
    for name, job in jobs.items():
        rounds = [
            {n: wall_and_cpu(n, *job) for n in order} for order in ((1, 2), (2, 1)) * (1 if runtime.quick() else 3)
        ]
        found[name] = [median(r[2][clock] / max(r[1][clock], 1e-9) for r in rounds) for clock in (0, 1)]
    return found


def two_threads_over_one(wall_and_cpu):
    """`with_two_threads` in a process of its own, whose threads wait as in PyTorch's packages.

    How a thread waits is settled when PyTorch starts, and the course lets it stay awake only briefly.
    """
    script = "\n".join(
        [
            "import json, time",
            "from course_utils import runtime",
            "from lessons.measuring import show",
            inspect.getsource(wall_and_cpu),
            "print(json.dumps(show.with_two_threads(wall_and_cpu)))",
        ]
    )
    env = {name: text for name, text in os.environ.items() if name not in ("GOMP_SPINCOUNT", "KMP_BLOCKTIME")}
    answer = subprocess.run([sys.executable, "-c", script], env=env, capture_output=True, encoding="utf-8", check=True)
    return json.loads(answer.stdout)


def threads(two_over_one):
    """Bars of what two threads take over one.

    Args:
        two_over_one: of `two_threads_over_one`.
    """
    fig, ax = plots.figure(size=(12, 3.3))
    for clock, colour, words in ((0, "sky", "wall time"), (1, "orange", "CPU time")):
        places = [3 * row + clock for row in range(len(two_over_one))]
        values = [pair[clock] for pair in two_over_one.values()]
        ax.barh(places, values, color=plots.COLOURS[colour], label=words, height=0.9)
        for place, value in zip(places, values, strict=True):
            ax.text(
                value, place, f"  {value:.2f}×", va="center", bbox={"facecolor": "white", "edgecolor": "none", "pad": 0}
            )
    ax.axvline(1, color="black", linestyle="--", zorder=0)
    ax.set(yticks=[3 * row + 0.5 for row in range(len(two_over_one))], yticklabels=list(two_over_one))
    ax.tick_params(labelsize=18)
    ax.set(xlabel="with two threads, over one thread", xlim=(0, 1.2 * max(max(pair) for pair in two_over_one.values())))
    ax.invert_yaxis()
    ax.legend(loc="center right", fontsize=18)
    told = "; ".join(f"{name}: wall time {wall:.2f}, CPU time {cpu:.2f}" for name, (wall, cpu) in two_over_one.items())
    plots.show(
        fig,
        alt=f"Bars of what two threads take over what one takes. {told}. A dashed line marks 1.",
        caption="Medians of six rounds. Left of the line is a gain, right of it a price.",
    )


def queue():
    """A scheme of a device with a queue: where a naive stopwatch stops, and where the right one does."""
    seen = (
        "A scheme of three lanes in time. Python: a short call, then free. Queue: the product waits for a moment. Device: "
        "the product is computed, much longer than the call took. A dashed line, the naive stop, stands at the end of the call"
    )
    plots.show(
        [_scheme("the naive stop"), _scheme("the naive stop", "the right stop")],
        alt=[f"{seen}.", f"{seen}, and another one, the right stop, at the end of the product."],
        caption="A scheme of a GPU, not to scale: whoever stops at the first line has timed the handing over.",
    )


def _scheme(*stops):
    lanes = {
        "Python": [(0, 1.7, "call", "plain"), (1.7, 10, "free to do other things, or to wait", "#dddddd")],
        "queue": [(1.2, 3, "product", "activations")],
        "device": [(3, 10, "product", "activations")],
    }
    canvas = diagrams.Canvas(height=350)
    diagrams.time_line(canvas, lanes, x=150, y=85, width=960, gap=25)
    for words in stops:
        at, align = {"the naive stop": (1.7, "left"), "the right stop": (10, "right")}[words]
        canvas.wire((150 + 96 * at, 50), (150 + 96 * at, 335), meaning="black", arrow=False, dashed=True)
        canvas.text(150 + 96 * at, 28, words, align=align, bold=True)
    return canvas.figure()
