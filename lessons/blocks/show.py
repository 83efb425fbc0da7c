"""The drawings of the lesson blocks, what it prints, and what its models answer."""

import json
from statistics import mean

from matplotlib.ticker import NullLocator

from course_utils import plots
from course_utils.files import ROOT

RECORD = ROOT / "records" / "blocks" / "cuts.json"


def kls(gap, arm):
    """The KL divergences of the record with this gap, on its three texts in order."""
    return [run["kl"][0] for run in _runs() if run["gap"] == gap and run["arm"] == arm]


def _runs():
    return json.loads(RECORD.read_text(encoding="utf-8"))["runs"]


def _of_each(arm, what="kl"):
    """Number of a block -> the mean over the texts of the record."""
    found = {}
    for run in _runs():
        if run["arm"] == arm and run["gap"].isdigit() and what in run:
            value = run[what][0] if what == "kl" else run[what]
            found.setdefault(int(run["gap"]), []).append(value)
    return {number: mean(values) for number, values in found.items()}


def lengths(stream, numbers):
    """Print, behind each of these blocks, the length of the first token's state and the median of the others."""
    for number in numbers:
        if number < len(stream):
            size = stream[number][0].norm(dim=-1)
            print(f"behind block {number}: first token {size[0]:6.0f}, median of the others {size[1:].median():4.0f}")


def ridges(fit, fitted, held_out):
    """Print, for five ridges, the squared error of what a block adds, over its square; (before, after) of two texts."""
    for ridge in (0.001, 0.01, 0.1, 1, 10):
        a = fit(*fitted, ridge)
        errors = [
            (after - before - before @ a).square().sum() / (after - before).square().sum()
            for before, after in (fitted, held_out)
        ]
        print(f"ridge {ridge:<5}  error on the text of the fit {errors[0]:4.0%}, on held-out text {errors[1]:4.0%}")


def _bars(ax, heights, colour, label=None, shift=0.0, width=0.8):
    ax.bar([n + shift for n in heights], list(heights.values()), width, color=plots.COLOURS[colour], label=label)
    ax.set(xlabel="block", ylabel="KL divergence", xlim=(0.2, 30.8), xticks=[1, 5, 9, 12, 15, 20, 25, 29])


def _plain(axis, ticks):
    """Numbers in place of powers on a logarithmic axis."""
    axis.set_ticks(ticks, [f"{tick:g}" for tick in ticks])
    axis.set_minor_locator(NullLocator())


def thirty_bars():
    """The KL divergence without each block in turn, the mean of three texts."""
    heights = _of_each("left out")
    fig, ax = plots.figure(size=(11, 4.8))
    _bars(ax, heights, "blue")
    above = [n for n, height in heights.items() if height > 1]
    told = ", ".join(f"block {n} {heights[n]:.1f}" for n in above)
    low = [height for n, height in heights.items() if n not in above]
    plots.show(
        fig,
        alt=f"A bar for each of 30 blocks. Above 1 are {told}; the others are between {min(low):.2f} and {max(low):.2f}.",
        caption=f"KL divergence without one block, the mean of three texts. Above 1: {told}. The others: {min(low):.2f} to "
        f"{max(low):.2f}.",
    )


def guess():
    """Each block: the KL divergence without it over its influence, the mean of three texts."""
    missed, influence = _of_each("left out"), _of_each("as it is", "influence")
    fig, ax = plots.figure(size=(11, 5.6))
    for number in missed:
        strange = number in (3, 12, 29)
        colour = plots.COLOURS["orange" if strange else "blue"]
        ax.plot(influence[number], missed[number], "o", color=colour, markersize=11)
    places = {22: (-18, -19), 23: (2, -22), 21: (9, 3), 1: (-20, -7)}
    for number in (1, 2, 3, 12, 21, 22, 23, 24, 25, 29, 30):
        at = places.get(number, (9, -5))
        ax.annotate(str(number), (influence[number], missed[number]), at, textcoords="offset points", fontsize=17)
    ax.set(xscale="log", yscale="log", xlabel="block influence", ylabel="KL divergence without it")
    _plain(ax.xaxis, [0.02, 0.05, 0.1, 0.2, 0.5, 1])
    _plain(ax.yaxis, [0.1, 0.2, 0.5, 1, 2, 5])
    order = sorted(influence, key=influence.get)
    told = (
        f"Block 12 has an influence of {influence[12]:.3f}, and {order.index(12)} blocks have less; without it, the KL "
        f"divergence is {missed[12]:.1f}. Block 29: {influence[29]:.3f}, {missed[29]:.1f}."
    )
    plots.show(
        fig,
        alt=f"A dot for each block, which rise from left to right on the whole. 3, 12 and 29 are far above others of the same influence. {told}",
        caption=f"A dot for each block, the mean of three texts; both axes are logarithmic. {told}",
    )


def _range(values, digits=2):
    low, high = (f"{f(values):.{digits}f}" for f in (min, max))
    return low if low == high else f"{low} to {high}"


def parts():
    """Print, from the record, the KL divergence of a block left out, or at work on some tokens alone: least to largest."""
    arms = ("left out", "on the first token alone", "on all others alone")
    print("KL, three texts ", *(f"{arm:25}" for arm in arms))
    for number in (2, 12, 29):
        print(f"block {number:2}        ", *(f"{_range(kls(str(number), arm)):25}" for arm in arms))


def healed_bars():
    """The KL divergence without each block, and with a matrix in its place, the mean of three texts."""
    missed, healed = _of_each("left out"), _of_each("by a map")
    fig, ax = plots.figure(size=(11, 5.2))
    _bars(ax, missed, "grey", "left out", -0.2, 0.4)
    _bars(ax, healed, "blue", "a matrix in its place", 0.2, 0.4)
    ax.legend(loc="upper center")
    told = "; ".join(f"block {n}: {missed[n]:.2f} and {healed[n]:.2f}" for n in (1, 2, 12, 29, 30))
    plots.show(
        fig,
        alt=f"Two bars for each of 30 blocks, left out and with a matrix in its place. {told}.",
        caption=f"Left out, and with a matrix in its place, the mean of three texts. {told}.",
    )


def sizes():
    """Number of blocks -> [(bits for each weight of the thirty blocks, KL divergences on the three texts, bits)]."""
    found = {}
    for run in _runs():
        if run["arm"].endswith(" bits"):
            gap = run["gap"].split(" to ")
            n = 30 - (int(gap[1]) - int(gap[0]) + 1 if len(gap) == 2 else 0)
            bits = int(run["arm"].split()[0])
            found.setdefault(n, {}).setdefault((run["bits_per_weight"], bits), []).append(run["kl"][0])
    return {n: [(size, of, bits) for (size, bits), of in points.items()] for n, points in found.items()}


def bits_or_blocks():
    """The KL divergence over the bits for each weight of the thirty blocks: three numbers of blocks, 8 to 3 bits."""
    fig, ax = plots.figure(size=(11, 6.2))
    told = []
    for (n, points), (colour, marker) in zip(
        sizes().items(), (("blue", "o"), ("orange", "s"), ("purple", "D")), strict=True
    ):
        x, y = [size for size, _, _ in points], [mean(of) for _, of, _ in points]
        spread = [[m - min(of) for m, (_, of, _) in zip(y, points, strict=True)]]
        spread.append([max(of) - m for m, (_, of, _) in zip(y, points, strict=True)])
        ax.errorbar(
            x, y, spread, marker=marker, color=plots.COLOURS[colour], label=f"{n} blocks", markersize=9, capsize=5
        )
        for size, of, bits in points:
            above = n == 30
            ax.annotate(
                str(bits),
                (size, mean(of)),
                (9, 3) if above and bits == 3 else (-20, -14) if above else (6, 8),
                textcoords="offset points",
                fontsize=16,
            )
            told.append(f"{n} blocks, {bits} bits: {size:.1f} bits, KL {_range(of, 3 if max(of) < 0.01 else 2)}")
    ax.set(yscale="log", xlabel="bits for each weight of the thirty blocks", ylabel="KL divergence")
    _plain(ax.yaxis, [0.001, 0.01, 0.1, 1])
    ax.legend(loc="lower left")
    plots.show(
        fig,
        alt=f"Three curves that fall with more bits. {'; '.join(told)}.",
        caption="Beside each dot the bits of a weight; the bars show the smallest and largest of three texts. "
        + "; ".join(one for one in told if any(f", {bits} bits:" in one for bits in (3, 4, 5)))
        + ".",
    )


def ratio(gap, arm, over_gap, over_arm):
    """The least ratio of the KL divergences of two ways, over the texts of the record."""
    return min(a / b for a, b in zip(kls(gap, arm), kls(over_gap, over_arm), strict=True))
