"""The saved runs, the drawing over learning rates and the table of signs of the lesson ticket_full."""

import copy
import itertools
import json
from statistics import mean

import torch
from IPython.display import display

from course_utils import runtime, training
from course_utils.show import plots
from course_utils.show.tables import Table, mean_and_range

ARMS = {"ticket": "ticket", "reinit": "reinit", "random": "random", "dense": "all weights"}
RATES = (0.0012, 0.0192)  # of the table of signs


def saved(steps):
    """What the record has of trainings so long: arm -> rate -> [(held-out %, test %) of each network], 7 % left."""
    path = runtime.ROOT / "records" / "lottery" / "rates-mnist.json"
    found = {name: {} for name in ARMS.values()}
    for run in json.loads(path.read_text(encoding="utf-8"))["runs"]:
        if run["iterations"] == steps and run["left"] in (0.07, 1) and run["found_at"] in (0.0012, None):
            found[ARMS[run["arm"]]].setdefault(run["rate"], []).append((run["held_out"], run["test"]))
    return found


def best(runs):
    """The rate at which most held-out images are right, in the mean."""
    return max(runs, key=lambda rate: mean(held_out for held_out, _ in runs[rate]))


def lead_at(runs, ticket, other):
    """By how many points the ticket leads reinit on the test images, in the mean, each at a rate."""
    tests = [mean(test for _, test in runs[arm][rate]) for arm, rate in (("ticket", ticket), ("reinit", other))]
    return tests[0] - tests[1]


def over_rates(runs):
    """Draws the mean test accuracy of ticket, reinit and all weights over the learning rate, with each one's best."""
    fig, ax = plots.figure(size=(9.4, 4.1))
    looks = {"all weights": ("black", "s"), "ticket": ("blue", "o"), "reinit": ("orange", "^")}
    told = []
    for arm, (colour, marker) in looks.items():
        rates = sorted(runs[arm])
        tests = [mean(test for _, test in runs[arm][rate]) for rate in rates]
        ax.plot(rates, tests, marker=marker, color=plots.COLOURS[colour], label=arm)
        at = best(runs[arm])
        ax.plot(at, tests[rates.index(at)], "o", ms=22, mfc="none", mew=2.5, color=plots.COLOURS[colour])
        told.append(f"{arm} {', '.join(f'{value:.1f} at {rate:g}' for rate, value in zip(rates, tests, strict=True))}")
    shared = [mean(test for _, test in runs[arm][0.0012]) for arm in ("reinit", "ticket")]
    ax.annotate("", (0.0012, shared[0]), (0.0012, shared[1]), arrowprops={"arrowstyle": "<->", "lw": 2})
    ax.text(0.0011, mean(shared), f"{shared[1] - shared[0]:.1f} points", va="center", ha="right")
    ends = [mean(test for _, test in runs[arm][best(runs[arm])]) for arm in ("reinit", "ticket")]
    ax.text(0.0228, mean(ends), f"{ends[1] - ends[0]:.1f} points", va="center")
    ax.set_xscale("log")
    ax.set_xticks(rates, [f"{rate:g}" for rate in rates])
    ax.minorticks_off()
    ax.set(
        xlabel="learning rate",
        ylabel="test digits right, %",
        xlim=(0.00025, 0.05),
        ylim=(80, 95),
        yticks=(80, 85, 90, 95),
    )
    ax.legend(loc="lower right")
    plots.show(
        fig,
        alt=f"Percent of the test digits right after 200 steps over the learning rate: {'; '.join(told)}.",
        caption="After 200 steps; mean of three recorded networks. A ring marks the rate that the held-out images choose.",
    )


def signs(first, redrawn, masks, put_on, train, test_set):
    """Shows three starts under one mask; start -> "untrained" or a rate -> percent of the test digits, one a draw."""
    starts = {
        "the ticket": lambda: copy.deepcopy(first),
        "own signs": lambda: redrawn(True),
        "new signs": lambda: redrawn(False),
    }
    found = {name: {"untrained": [], **{rate: [] for rate in RATES}} for name in starts}
    for name, start in starts.items():
        for draw, rate in itertools.product((1, 2), RATES):
            torch.manual_seed(draw)  # own and new signs get the same sizes
            net = put_on(start(), masks)
            if rate == RATES[0]:
                found[name]["untrained"].append(100 * training.evaluate(net, *test_set))
            torch.manual_seed(draw)  # all three get the same batches
            train(net, rate)
            found[name][rate].append(100 * training.evaluate(net, *test_set))
    rows = [
        [name, mean_and_range(cell["untrained"], "{:.0f}"), *(mean_and_range(cell[rate]) for rate in RATES)]
        for name, cell in found.items()
    ]
    display(
        Table(
            ["first values", "untrained, %", *(f"trained at {rate:g}, %" for rate in RATES)],
            rows,
            caption="Test digits right, under the ticket's mask: mean of two (lowest to highest).",
        )
    )
    return found


def won_back(found, rate):
    """Percent of the gap between new signs and the ticket that the ticket's own signs win back at a rate."""
    own, signed, new = (mean(cell[rate]) for cell in found.values())
    return 100 * (signed - new) / (own - new)
