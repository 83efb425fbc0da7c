"""What the record of the lesson ticket_full says, and its drawings."""

import json
from statistics import mean

from course_utils import plots
from course_utils.files import ROOT
from course_utils.tables import mean_and_range

RECORD = ROOT / "records" / "ticket_full" / "worth.json"
PAPERS = 0.0012  # the learning rate of the paper
FOUND_AT = 0.006  # the rate with which the masks of the page were found
COLOURS = {
    "ticket": "blue",
    "own signs": "sky",
    "own sizes": "green",
    "new values": "orange",
    "trained on": "purple",
    "narrow": "black",
}


def saved(found_at=FOUND_AT):
    """Arm -> rate -> [(held-out %, test %) of each network], for the masks that were found at a rate.

    A rate of 0 is the untrained network.
    """
    found = {arm: {} for arm in COLOURS}
    for run in json.loads(RECORD.read_text(encoding="utf-8"))["runs"]:
        if run["found_at"] in (found_at, None):
            found[run["arm"]].setdefault(run["rate"], []).append((run["held_out"], run["test"]))
    return found


def trained(arm, found_at=FOUND_AT):
    """The runs of one arm without the untrained ones: rate -> [(held-out %, test %)]."""
    return {rate: pairs for rate, pairs in saved(found_at)[arm].items() if rate}


def best(runs):
    """The rate at which most held-out images are right, in the mean."""
    return max(runs, key=lambda rate: mean(held_out for held_out, _ in runs[rate]))


def leads(one, other, found_at=FOUND_AT, rate=None):
    """By how many test points one arm leads another in each network, at a shared rate or each at its own best."""
    tests = []
    for arm in (one, other):
        runs = trained(arm, found_at)
        tests.append([test for _, test in runs[rate or best(runs)]])
    return [mine - theirs for mine, theirs in zip(*tests, strict=True)]


def over_rates(arms=("ticket", "new values")):
    """Draws the mean test accuracy of two arms over the learning rate, with each one's best, and two leads."""
    fig, ax = plots.figure(size=(9.4, 4.1))
    told = []
    for arm, marker in zip(arms, "o^", strict=True):
        runs, colour = trained(arm), plots.COLOURS[COLOURS[arm]]
        rates = sorted(runs)
        tests = [mean(test for _, test in runs[rate]) for rate in rates]
        ax.plot(rates, tests, marker=marker, color=colour, label=arm)
        ax.plot(best(runs), tests[rates.index(best(runs))], "o", ms=22, mfc="none", mew=2.5, color=colour)
        told.append(f"{arm} {', '.join(f'{value:.1f} at {rate:g}' for rate, value in zip(rates, tests, strict=True))}")
    shared, own = mean(leads(*arms, rate=PAPERS)), mean(leads(*arms))
    low, high = (mean(test for _, test in trained(arm)[PAPERS]) for arm in reversed(arms))
    ax.annotate("", (PAPERS, low), (PAPERS, high), arrowprops={"arrowstyle": "<->", "lw": 2})
    ax.text(1.06 * PAPERS, (low + high) / 2, f"{shared:.1f} points", va="center")
    ax.set_xscale("log")
    ax.set_xticks(rates, [f"{rate:g}" for rate in rates])
    ax.minorticks_off()
    ax.set(xlabel="learning rate", ylabel="test digits right, %", xlim=(0.001, 0.06), ylim=(87, 96))
    ax.legend(loc="lower center")
    plots.show(
        fig,
        alt=f"Percent of the test digits right after 200 steps over the learning rate: {'; '.join(told)}.",
        caption=f"Mean of six networks. A ring marks the rate that the held-out images choose. Lead from ring to ring: "
        f"{own:.1f} points.",
    )


def race(*arms):
    """Draws what six networks get right of the test digits, each arm at its best rate; on the right where it began."""
    fig, ax = plots.figure(size=(9.0, 0.9 * len(arms) + 0.9))
    told = []
    for place, arm in enumerate(arms):
        runs, colour = trained(arm), plots.COLOURS[COLOURS[arm]]
        values = [test for _, test in runs[best(runs)]]
        began = mean(test for _, test in saved()[arm][0])
        ax.plot(values, [place] * len(values), "o", markersize=13, alpha=0.6, color=colour)
        ax.plot([mean(values)] * 2, [place - 0.35, place + 0.35], "-", linewidth=3, color=colour)
        words = f"began at {began:.0f} %, rate {best(runs):g}"
        ax.text(1.03, place, words, transform=ax.get_yaxis_transform(), va="center", fontsize=16)
        told.append(f"{arm} {mean_and_range(values, '{:.1f}')}, {words}")
    ax.set_yticks(range(len(arms)), arms)
    ax.set(xlabel="test digits right, %", ylim=(len(arms) - 0.5, -0.5))
    plots.show(
        fig,
        alt=f"Percent of the test digits right, mean and range of six networks: {'; '.join(told)}.",
        caption="Each arm at its best rate. A dot is a network, a line the mean of the six. On the right: the mean before "
        "the training, and the rate that the held-out images chose.",
    )


def told(*pairs):
    """Prints by how much one arm leads another: the mean, each network, and in how many it is ahead."""
    for one, other in pairs:
        points = leads(one, other)
        ahead = sum(lead > 0 for lead in points)
        print(f"{one} − {other}: mean {mean(points):+.1f}, ahead in {ahead} of {len(points)}")
