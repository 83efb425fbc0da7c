"""Checks of the lesson `deep_compression`: an experiment, lengths of Huffman words, and one step of weight sharing."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Mapping, Sequence
from statistics import fmean, geometric_mean, harmonic_mean, median

import torch
from hypothesis import strategies as st

from course_utils.exercises.bests import OTHERS, at_each, at_its_best
from course_utils.exercises.core import Mistake, check
from course_utils.exercises.inputs import numbers, shapes, tensors
from course_utils.exercises.investigation import Run, World, investigate, numbered
from course_utils.exercises.search import compare
from course_utils.exercises.values import ARRAYS, SEQUENCES, is_number

# ---- exercise 1 --------------------------------------------------------------------------------------

TRAINED = ("neither", "biases", "both")
VERDICTS = ("nothing", "biases", "values", "part")
RATES = (0.001, 0.003, 0.01)


def _best(runs: Sequence[Run], pick: Callable = fmean) -> dict[str, float]:
    """The percent right of each arm at its own best rate."""
    return at_its_best(runs, lambda settings: settings["rate"], pick=pick)


def _named(best: Mapping[str, float], low: float = 0.2, high: float = 0.8, least: float = 1.0) -> str:
    gain = best["both"] - best["neither"]
    if gain < least:
        return "nothing"
    share = (best["biases"] - best["neither"]) / gain if gain else 0.0
    return "biases" if share > high else "values" if share < low else "part"


def _by_the_card(runs: Sequence[Run]) -> str:
    return _named(_best(runs))


def _said_of(runs: Sequence[Run], got: str) -> str:
    """The learner's own numbers."""
    best = _best(runs)
    return "Each at its best rate, in the mean: " + "; ".join(f"{arm} {own:.2f}" for arm, own in best.items()) + "."


def _of_share(share: float, gain: float) -> str:
    return "nothing" if gain < 1 else "biases" if share > 0.8 else "values" if share < 0.2 else "part"


def _others(runs: Sequence[Run]) -> dict[str, str]:
    """Rules that are not the card's -> what they conclude from these runs."""
    best = _best(runs)
    at = at_each(runs, lambda settings: settings["rate"])
    rates = [rate for rate in at["both"] if rate in at["biases"] and rate in at["neither"]]
    order: dict[str, dict[float, list[float]]] = {}  # arm -> seed -> results
    for run in runs:
        order.setdefault(run.arm, {}).setdefault(run.settings["seed"], []).append(run.result)
    seeds = list(order["both"])
    own = {arm: {seed: max(results) for seed, results in of.items()} for arm, of in order.items()}
    first = _best([run for run in runs if run.settings["seed"] == seeds[0]])
    won, gain = best["biases"] - best["neither"], best["both"] - best["neither"]
    found = {how: _named(_best(runs, pick)) for how, pick in (OTHERS | _ROUNDED_OR_NO_SUM).items()}
    found |= {how: _named(_at_a_rate_chosen(runs, pick)) for how, pick in _CHOSEN.items()}
    found |= {
        f"if {arm} {'are' if arm == 'biases' else 'is'} never read at {rate:g}": _named(
            {**best, arm: max(mean for one, mean in at[arm].items() if one != rate)}
        )
        for arm in ("biases", "both")
        for rate in rates
        if len(at[arm]) > 1
    }
    found |= {
        f"if the rate {rate:g} is taken for all": _named({arm: at[arm][rate] for arm in TRAINED}) for rate in rates
    }
    for leader, follower in (("both", "the biases"), ("biases", "both")):
        rate = max(rates, key=lambda one, arm=leader: at[arm][one])
        found[f"if the rate that is best for {leader} is taken for {follower}, too"] = _named(
            {arm: at[arm][rate] for arm in TRAINED}
        )
    found |= {
        "if the means of all rates are taken": _named(at_its_best(runs, lambda settings: 0)),
        "if the worst rate of each is taken": _named({arm: min(of.values()) for arm, of in at.items()}),
        "if the median of the rates is taken": _named({arm: median(of.values()) for arm, of in at.items()}),
        "if the largest share at any one rate is taken": _of_share(
            max((at["biases"][r] - at["neither"][r]) / ((at["both"][r] - at["neither"][r]) or 1) for r in rates), gain
        ),
        "if each order has a best rate of its own": _named({arm: fmean(of.values()) for arm, of in own.items()}),
        "if the shares of single orders are averaged": _of_share(_share_of_orders(runs), gain),
        "if each order gives a conclusion, and the most frequent one is taken": _most_frequent(
            [_named({arm: own[arm].get(seed, 0.0) for arm in TRAINED}) for seed in seeds]
        ),
        "if the share is taken of the other side, or two words are exchanged": _named(
            {**best, "biases": best["both"] + best["neither"] - best["biases"]}
        ),
        "if the percents right are divided, and not what is won": _of_share(best["biases"] / (best["both"] or 1), gain),
        "if the points of the biases are compared with the limits, and not their share": _of_share(won, gain),
        "if it is not asked first whether there is a gain": _named(best, least=-math.inf),
        "if any gain above 0 is enough": _named(best, least=1e-9),
        "if a gain of half a point is enough": _named(best, least=0.5),
        "if a gain is asked for in per cent of what is right, and not in points": _named(
            best, least=0.01 * best["neither"]
        ),
        "if a gain is asked for in tenths of the errors, and not in points": _named(
            best, least=0.1 * (100 - best["neither"])
        ),
        "if the gain is rounded before it is compared with 1": "nothing"
        if round(gain, 1) < 1
        else _named(best, least=-math.inf),
        "if the first order alone says whether there is a gain": "nothing"
        if first["both"] - first["neither"] < 1
        else _named(best, least=-math.inf),
        "if the share is taken without its sign": _of_share(abs(won / (gain or 1)), gain),
        'if "nothing" is said wherever the biases lose': "nothing" if won < 0 else _named(best),
        "if a gain must be 2 points or more": _named(best, least=2.0),
        "if the gain is taken without its sign": "nothing" if abs(gain) < 1 else _named(best, least=-math.inf),
        "if the biases must win a point, and not both": "nothing" if won < 1 else _named(best, least=-math.inf),
        "if it is enough that either of the two wins a point": "nothing"
        if max(won, gain) < 1
        else _named(best, least=-math.inf),
        'if a share above 1 is called "part"': "part" if gain >= 1 and won > gain else _named(best),
        'if there is no "part", and a half decides': (
            "nothing" if gain < 1 else "biases" if won > 0.5 * gain else "values"
        ),
        "if the lower limit is below 0.2, for example 0.1": _named(best, low=0.1),
        "if the lower limit is above 0.2, for example 0.3": _named(best, low=0.3),
        "if the upper limit is below 0.8, for example 0.7": _named(best, high=0.7),
        "if the upper limit is above 0.8, for example 0.9": _named(best, high=0.9),
        "if the limits are a quarter and three quarters, or a third and two thirds": _named(best, low=0.25, high=0.75),
        "if the limits are a tenth and nine tenths": _named(best, low=0.1, high=0.9),
    }
    return found


_ROUNDED_OR_NO_SUM = {
    "if the geometric mean is taken": geometric_mean,
    "if the harmonic mean is taken": harmonic_mean,
    "if the means are rounded to 0.1 points": lambda own: round(fmean(own), 1),
}
_CHOSEN = {
    "if the rate is chosen by the first order": lambda own: own[0],
    "if the rate is chosen by the median of the orders": median,
    "if the rate is chosen by the worst order": min,
    "if the rate is chosen by the best order": max,
}


def _at_a_rate_chosen(runs: Sequence[Run], pick: Callable) -> dict[str, float]:
    """The mean of each arm at a rate that is chosen by something else than the mean."""
    chosen = at_each(runs, lambda settings: settings["rate"], pick=pick)
    means = at_each(runs, lambda settings: settings["rate"])
    return {arm: means[arm][max(of, key=of.get)] for arm, of in chosen.items()}


def _share_of_orders(runs: Sequence[Run]) -> float:
    """The mean of the shares of single orders, each arm at the rate that is best for it in the mean."""
    at = at_each(runs, lambda settings: settings["rate"])
    best = {arm: max(of, key=of.get) for arm, of in at.items()}
    of = {
        arm: {r.settings["seed"]: r.result for r in runs if (r.arm, r.settings["rate"]) == (arm, best[arm])}
        for arm in at
    }
    shares = [
        (of["biases"][seed] - of["neither"][seed]) / ((own - of["neither"][seed]) or 1)
        for seed, own in of["both"].items()
        if seed in of["biases"] and seed in of["neither"]
    ]
    return fmean(shares) if shares else 0.0


def _most_frequent(conclusions: Sequence[str]) -> str:
    return max(conclusions, key=list(conclusions).count)


def _network(
    right: str | Callable,
    said: str,
    hint: str,
    *,
    biases: Sequence[float],
    both: Sequence[float],
    odd: Mapping[str, float | Sequence[float]] | None = None,
    base: float = 90.0,
) -> World:
    """A made-up network after the sharing.

    Args:
        right, said, hint: of the world.
        biases, both: points won at the three rates, where only the biases, or both, were trained.
        odd: arm -> points more in the third of five orders, counted as an experiment first asks for them; at all rates,
            or at each.
        base: percent right when nothing is trained.
    """
    won = {"neither": (0.0, 0.0, 0.0), "biases": biases, "both": both}

    def measure(trained: str, number: int, rate: float, seed: float) -> float:
        which = next((n for n, known in enumerate(RATES) if math.isclose(rate, known)), None)
        if which is None:
            raise ValueError(f"rate is one of {', '.join(map(str, RATES))} here; it was {rate:g}.")
        own = 0.02 * ((seed * 3 + 2 * which + TRAINED.index(trained)) % 5 - 2)
        more = (odd or {}).get(trained, 0.0) if seed % 5 == 2 else 0.0
        unlike = more[which] if isinstance(more, tuple) else more
        scatter = 0.0 if trained == "neither" else own
        return round(base + won[trained][which] + scatter + unlike, 3)

    return World(said, right, numbered(measure), hint)


NETWORKS = (
    _network(
        "values",
        "both win 6 points, and the biases alone half a point, at any rate",
        "Here the biases alone win half a point of six. What both have more than the biases, they have because the values move.",
        biases=(0.3, 0.4, 0.5),
        both=(5.0, 6.0, 4.0),
    ),
    _network(
        "biases",
        "the biases alone win 5.8 points at a rate of 0.01, and both win 6 at 0.001",
        "Here the biases need another rate than the values: at 0.001 they win little, and at 0.01 they win all of it. Compare each arm at its own best rate.",
        biases=(0.6, 3.0, 5.8),
        both=(6.0, 5.0, 2.0),
    ),
    _network(
        "part",
        "the biases alone win half of the 6 points",
        "The biases alone win 3 of 6 points here: a part.",
        biases=(1.0, 2.0, 3.0),
        both=(6.0, 5.5, 3.5),
    ),
    _network(
        "nothing",
        "both win 0.4 points and the biases 0.3",
        "Here hardly anything is won back. Ask for the gain, both − neither, before you divide by it.",
        biases=(0.1, 0.2, 0.3),
        both=(0.4, 0.3, 0.1),
    ),
    _network(
        "part",
        "the biases win 1.2 of 2 points, each at its best rate; at 0.001 both win 0.6",
        "Both are at their best at 0.01 here, and win less than a point at 0.001. Every arm may have its own best rate.",
        biases=(0.2, 0.6, 1.2),
        both=(0.6, 1.2, 2.0),
    ),
    _network(
        _by_the_card,
        "the biases win 1 of 8 points in four orders of five, and 12 points more in the fifth: two fifths of the gain in the mean",
        "One order of five is unlike the others here. The card asks for the mean: neither a median nor the best or the worst order is one.",
        biases=(0.4, 0.8, 1.0),
        both=(6.0, 8.0, 7.0),
        odd={"biases": 12.0},
    ),
    _network(
        _by_the_card,
        "both win 0.74 points in four orders of five, and 1.74 in the fifth: 0.94 in the mean",
        "One order of five wins more than a point here, and the mean gain is below 1. The card asks for the mean.",
        biases=(0.1, 0.1, 0.2),
        both=(0.4, 0.6, 0.74),
        odd={"both": 1.0},
    ),
    _network(
        _by_the_card,
        "both win 1.5 points in four orders of five and lose 1 in the fifth: 1 point and a little more in the mean",
        "Four orders of five win more than the mean says, and one loses. The mean gain is 1.02 points, and the biases have a tenth of it.",
        biases=(0.05, 0.1, 0.1),
        both=(1.0, 1.52, 0.9),
        odd={"both": -2.5},
    ),
    _network(
        "values",
        "the biases win 0.19 of the gain of 10 points",
        "The share of the biases is 0.19 here, which is below 0.2. It is a share, and not a number of points.",
        biases=(0.5, 1.0, 1.9),
        both=(7.0, 10.0, 8.0),
        base=70.0,
    ),
    _network(
        "part",
        "the biases win 0.21 of the gain of 10 points",
        "The share of the biases is 0.21 here, which is not below 0.2.",
        biases=(0.5, 1.0, 2.1),
        both=(7.0, 10.0, 8.0),
        base=70.0,
    ),
    _network(
        "part",
        "the biases win 0.79 of the gain of 10 points",
        "The share of the biases is 0.79 here, which is not above 0.8.",
        biases=(3.0, 7.9, 5.0),
        both=(7.0, 10.0, 8.0),
        base=70.0,
    ),
    _network(
        "biases",
        "the biases win 0.81 of the gain of 10 points",
        "The share of the biases is 0.81 here, which is above 0.8.",
        biases=(3.0, 8.1, 5.0),
        both=(7.0, 10.0, 8.0),
        base=70.0,
    ),
    _network(
        "biases",
        "the biases alone win 4 points, and both win 2",
        "Here the biases alone win more than both together. Their share is above 1, so above 0.8.",
        biases=(2.0, 4.0, 3.0),
        both=(2.0, 1.5, 1.0),
    ),
    _network(
        "nothing",
        "the biases alone win 2 points, and both win half a point",
        "Both win less than a point here. That the biases alone win more is no gain of both.",
        biases=(0.6, 1.2, 2.0),
        both=(0.5, 0.4, 0.2),
    ),
    _network(
        _by_the_card,
        "the biases have another best rate in one order of five; at one rate for all orders they win 1.7 of 10 points",
        "The best rate of one order is not that of the others here. The card asks for the mean over the orders at each rate, and then for the best rate.",
        biases=(0.5, 1.5, 0.5),
        both=(6.0, 10.0, 8.0),
        odd={"biases": (6.0, -1.0, 0.0)},
        base=70.0,
    ),
    _network(
        _by_the_card,
        "both and the biases win 2 points in four orders of five; in the fifth both win 22: 6 in the mean",
        "One order of five is unlike the others here. Take the means first, and one share of them: the mean of five shares is another number.",
        biases=(1.0, 2.0, 1.5),
        both=(1.0, 2.0, 1.5),
        odd={"both": 20.0},
        base=60.0,
    ),
    _network(
        "nothing",
        "both lose 5 points at their best rate",
        "Training both makes this network worse at every rate. Keep the sign of a difference.",
        biases=(-4.0, -5.0, -6.0),
        both=(-5.0, -6.0, -7.0),
    ),
    _network(
        "values",
        "both win 6 points, and the biases alone lose 3",
        "The biases alone lose 3 points here while both win 6. Their share is -0.5, and a share below 0 is below 0.2.",
        biases=(-3.0, -3.5, -4.0),
        both=(6.0, 5.0, 4.0),
    ),
    _network(
        "biases",
        "the biases win 9 points at 0.001 and 5 at 0.003; both win 10 at 0.003",
        "Here the smallest rate is the best one for the biases: they win 9 of 10 points at 0.001. Read them at all three rates.",
        biases=(9.0, 5.0, 1.0),
        both=(6.0, 10.0, 8.0),
        base=70.0,
    ),
    _network(
        "part",
        "both win 10 points at 0.001 and 4 at 0.003; the biases win 4 at 0.01",
        "Here the smallest rate is the best one for both: they win 10 points at 0.001. Read both at all three rates.",
        biases=(1.0, 3.0, 4.0),
        both=(10.0, 4.0, 2.0),
        base=70.0,
    ),
    _network(
        _by_the_card,
        "both win 0.8 points in four orders of five, and 3 in the fifth: 1.24 in the mean",
        "Most orders win less than a point here, and the mean gain is 1.24. The mean decides whether there is a gain.",
        biases=(0.05, 0.1, 0.1),
        both=(0.5, 0.8, 0.6),
        odd={"both": 2.2},
    ),
    _network(
        _by_the_card,
        "both win 0.97 points, and the biases 0.1",
        "The gain is 0.97 points here, which is less than 1. Compare it as it is, and not rounded.",
        biases=(0.0, 0.05, 0.1),
        both=(0.6, 0.97, 0.7),
    ),
    _network(
        "part",
        "60 % are right, both win 2.5 points, and the biases 1.2",
        "A gain counts from 1 point on, however many errors there are: 2.5 points are a gain here, though 40 % are wrong.",
        biases=(0.4, 0.8, 1.2),
        both=(2.0, 2.5, 1.8),
        base=60.0,
    ),
    _network(
        _by_the_card,
        "30 % are right; both win 40 points; the biases win 25 in four orders of five, and 66 in the fifth: 33.2 in the mean",
        "The orders differ widely here: 55 % right in four, and 96 % in the fifth. The mean is the sum over the orders, divided by their number.",
        biases=(20.0, 22.0, 25.0),
        both=(36.0, 40.0, 38.0),
        odd={"biases": 41.0},
        base=30.0,
    ),
    _network(
        _by_the_card,
        "the biases win 7 of 8 points in the mean at 0.003; the first order, the median, the worst and the best order "
        "would choose another rate for them",
        "The biases have their highest mean at 0.003 here. The mean over the orders chooses the rate, as it is what counts.",
        biases=(4.0, 3.0, 0.0),
        both=(8.0, 7.0, 6.0),
        odd={"biases": (0.0, 20.0, 30.0)},
        base=60.0,
    ),
)


@check(
    "Exercise 1, What wins it back?",
    why="The biases alone are the control: they are trained in the same steps, on the same digits, and only the values stand still. Each arm at "
    "its own best rate makes sure that the control does not lose only because its steps were too small.",
)
def what_won(answer: Callable) -> None:
    """``what_won(right) -> "nothing", "biases", "values" or "part"``, for made-up networks."""
    investigate(
        answer,
        NETWORKS,
        arms=TRAINED,
        settings={"rate": 0.001, "seed": 0},
        least={"seed": 5, "rate": 3},
        conclusions=VERDICTS,
        crossed=("rate", "seed"),
        rule=_by_the_card,
        rule_said=_said_of,
        others=_others,
        name="right",
    )


# ---- exercise 2 --------------------------------------------------------------------------------------


def _joined(
    counts: Sequence[int],
    *,
    silent: bool = False,
    alone: int = 1,
    most: bool = False,
    count: Callable = lambda one, other: one + other,
    again: bool = False,
    last: bool = False,
    deeper: Callable = lambda left, right: left + right,
) -> list[int]:
    """Lengths by joining two trees at a time.

    Args:
        counts: of the symbols.
        silent: symbols that never come are joined, too.
        alone: the length where there is one tree.
        most: the two with the largest counts are joined, in place of the smallest.
        count: that of a pair, from those of its two trees.
        again: the pair that was made last is always one of the next two.
        last: the pair waits behind all others, whatever its count.
        deeper: which symbols of the two trees get one bit more.
    """
    lengths = [0] * len(counts)
    trees = [(n, [symbol]) for symbol, n in enumerate(counts) if n or silent]
    if len(trees) == 1:
        lengths[trees[0][1][0]] = alone
    trees.sort(reverse=most)
    while len(trees) > 1:
        (one, left), (other, right), *rest = trees
        for symbol in deeper(left, right):
            lengths[symbol] += 1
        pair = (count(one, other), left + right)
        queue = [pair, *rest] if again else [*rest, pair]
        trees = queue if again or last else sorted(queue, reverse=most)
    return lengths


def _each(counts: Sequence[int], length: Callable) -> list[int]:
    """A length for each symbol that comes, from its share alone."""
    total = sum(counts)
    return [length(n / total) if n else 0 for n in counts]


def _fixed(counts: Sequence[int], symbols: int) -> list[int]:
    return [max(1, math.ceil(math.log2(symbols))) if n else 0 for n in counts]


def _halved(counts: Sequence[int]) -> list[int]:
    """From the top: sorted symbols are split where the two parts are most alike (Shannon and Fano)."""
    lengths = [0] * len(counts)

    def split(symbols: list[int]) -> None:
        if len(symbols) < 2:
            return
        sums = [
            abs(sum(counts[s] for s in symbols[:at]) - sum(counts[s] for s in symbols[at:]))
            for at in range(1, len(symbols))
        ]
        at = 1 + sums.index(min(sums))
        for symbol in symbols:
            lengths[symbol] += 1
        split(symbols[:at])
        split(symbols[at:])

    come = sorted((s for s, n in enumerate(counts) if n), key=lambda s: -counts[s])
    split(come)
    if len(come) == 1:
        lengths[come[0]] = 1
    return lengths


def _in_order_of_counts(counts: Sequence[int]) -> list[int]:
    right = _joined(counts)
    return [right[symbol] for symbol in sorted(range(len(counts)), key=lambda s: counts[s])]


def _what_it_is(value: object) -> str:
    """What came back in place of a list of whole numbers, and what is asked for."""
    asked = "Return one length for each count."
    with contextlib.suppress(Exception):  # something that cannot be looked at
        if is_number(value):
            return f"It is one number, perhaps the bits of the text or their mean. {asked}"
        if issubclass(type(value), dict):
            return "It is a dict. Return a list: the length of symbol 0 first, then that of symbol 1, and so on."
        if not issubclass(type(value), (*ARRAYS, *SEQUENCES)):
            return asked  # not looked into: a generator may have no end
        if any(part is None for part in value):
            return "A length is None. A symbol that never comes has length 0."
        if any(isinstance(part, str) for part in value):
            return "It holds texts, perhaps the words themselves. Return how many bits each of them has."
        if all(map(is_number, value)):
            return f"It holds a number with a fraction, perhaps −log₂ of a share. A word has a whole number of bits. {asked}"
    return asked


def _as_code(value: object, counts: Sequence[int]) -> tuple:
    """What counts of the lengths: those of symbols that never come; whether a prefix code has them; bits of the text."""
    try:
        several = issubclass(type(value), (*ARRAYS, *SEQUENCES))
        lengths = [float(length) for length in value] if several and all(map(is_number, value)) else None
    except Exception:  # whatever it is, it is told below
        lengths = None
    if lengths is None or not all(length.is_integer() for length in lengths):
        raise Mistake("Your function did not return a list of whole numbers.", _what_it_is(value))
    if len(lengths) != len(counts):
        raise Mistake(
            "Your list has another length than counts.", "Return one number a symbol; 0 for one that never comes."
        )
    if min(lengths, default=0) < 0:
        raise Mistake("A length is below 0.", "A word has 1 bit or more, and 0 says that there is none.")
    come = [(n, length) for n, length in zip(counts, lengths, strict=True) if n]
    exists = sum(2.0 ** -min(length, 1000) for _, length in come) <= 1 and all(length for _, length in come)
    never = [length for n, length in zip(counts, lengths, strict=True) if not n]
    return never, exists, sum(n * length for n, length in come)


@st.composite
def _histograms(draw: Callable) -> tuple[list[int]]:
    """None to eight counts; in half of them steeply falling ones, so that words get long."""
    counts = draw(st.lists(st.integers(0, 9), max_size=8))
    if draw(st.booleans()):
        counts = [n * 2 ** (place % 5) for place, n in enumerate(counts)]
    return (counts,)


@check(
    "Exercise 2, How long is each word?",
    why="The two rarest symbols can share their longest word but for the last bit, so joining them costs least. Repeating this until one is left is Huffman's algorithm, and no prefix code is shorter on average.",
)
def code_lengths(answer: Callable) -> None:
    """``code_lengths(counts) -> lengths``; any lengths of a best prefix code are right."""
    wrong = {
        "All your words are equally long. Frequent symbols get shorter words: join the two rarest, again and again.": (
            lambda counts: _fixed(counts, sum(n > 0 for n in counts)),
            lambda counts: _fixed(counts, len(counts)),
        ),
        "A symbol that never comes has a word in your code, which makes others longer. Leave it out: its length is "
        "0.": lambda counts: _joined(counts, silent=True),
        "A symbol that is alone gets length 0 from you. Its word needs one bit, by the card.": lambda counts: _joined(
            counts, alone=0
        ),
        "You round −log₂ of the share up: a prefix code of such lengths exists, but often a shorter one, too.": (
            lambda counts: _each(counts, lambda p: max(1, math.ceil(-math.log2(p)))),
            lambda counts: _each(counts, lambda p: math.ceil(-math.log2(p))),
        ),
        "You round −log₂ of the share to the nearest. Some words get too long, and often no prefix code has all the short "
        "ones.": lambda counts: _each(counts, lambda p: max(1, round(-math.log2(p)))),
        "You cut −log₂ of the share off: often no prefix code has such short words.": lambda counts: _each(
            counts, lambda p: max(1, int(-math.log2(p)))
        ),
        "Each of your words is one bit longer than the one before, by frequency. A pair goes back among the others, and "
        "may have to wait until it is among the two rarest again.": lambda counts: _joined(counts, again=True),
        "You join the two most frequent. The two rarest are joined first, so that they end deepest.": lambda counts: (
            _joined(counts, most=True)
        ),
        "Your lengths stand in the order of the counts. They belong in the order of the symbols.": _in_order_of_counts,
        "Your pair gets the larger count of its two. It counts with their sum.": lambda counts: _joined(
            counts, count=max
        ),
        "You split from the top into parts as equal as can be. That is often not the shortest: join from the rarest "
        "upwards.": _halved,
        "Each of your words is one bit too long. A joining adds one bit to all symbols in it, and nothing else "
        "does.": lambda counts: [length + 1 if length else 0 for length in _joined(counts)],
        "Each of your words is one bit too short. The last joining counts, too.": lambda counts: [
            max(0, length - 1) for length in _joined(counts)
        ],
        "Your pair waits behind all other trees. It goes back among them by its count: sort again after each joining.": (
            lambda counts: _joined(counts, last=True)
        ),
        "When you join two trees only one of them gets deeper. Every symbol in both gets one bit more.": (
            lambda counts: _joined(counts, deeper=lambda left, right: left),
            lambda counts: _joined(counts, deeper=lambda left, right: right),
        ),
        "All your words are equally long, also those of symbols that never come.": lambda counts: (
            [max(1, math.ceil(math.log2(len(counts))))] * len(counts) if counts else []
        ),
        "Your lengths come back sorted. They belong in the order of the symbols.": (
            lambda counts: sorted(_joined(counts)),
            lambda counts: sorted(_joined(counts), reverse=True),
        ),
        "Your list begins with the last symbol. The length of symbol 0 comes first.": lambda counts: _joined(counts)[
            ::-1
        ],
        "Your frequent symbols have the long words, and your rare ones the short ones. It is the other way round.": lambda counts: [
            max(_joined(counts)) + 1 - length if length else 0 for length in _joined(counts)
        ],
        "You return 1 for all symbols. Only two words of one bit exist, 0 and 1.": (
            lambda counts: [1] * len(counts),
            lambda counts: [int(n > 0) for n in counts],
        ),
        "A symbol that never comes gets length 1 from you. It needs no word, and has length 0.": lambda counts: [
            length or 1 for length in _joined(counts)
        ],
        "You return the counts.": lambda counts: list(counts),
        "You return 0 for all symbols.": lambda counts: [0] * len(counts),
    }
    compare(
        answer,
        right=_joined,
        wrong=wrong,
        names=("counts",),
        edges=[
            ([1, 1, 2, 4],),
            ([],),
            ([0],),
            ([5],),
            ([0, 3, 0],),
            ([2, 2, 2, 2, 2],),
            ([15, 7, 6, 6, 5],),  # from the top it is longer
            ([1, 1, 2, 3, 5, 8, 13, 21],),
            ([1, 1],),
        ],
        inputs=_histograms(),
        rtol=0.0,
        view=_as_code,
    )


# ---- exercise 3 --------------------------------------------------------------------------------------


def _nearest(weight: torch.Tensor, centroids: torch.Tensor) -> torch.Tensor:
    return (weight[..., None] - centroids).abs().argmin(-1)


def _apart(weight: torch.Tensor, centroids: torch.Tensor) -> bool:
    """True when each weight that is not 0 has one nearest centroid."""
    distances = (weight[weight != 0][:, None] - centroids).abs().sort(dim=1).values
    return bool((distances.diff(dim=1) > 1e-3)[:, :1].all())


@st.composite
def _layers(draw: Callable) -> tuple[torch.Tensor, torch.Tensor]:
    """(weight, centroids): up to three dimensions, many zeros; up to four different centroids, in any order."""
    sizes = st.one_of(st.just(0.0), st.integers(-8, 8).map(lambda n: n / 2))
    weight = draw(tensors(shapes(dims=(1, 2, 3), most=3), sizes))
    values = draw(st.lists(numbers(-5, 5, step=0.125), min_size=1, max_size=4, unique=True))
    return weight, torch.tensor(values)


@check(
    "Exercise 3, One step of sharing",
    why="Each weight takes the nearest centroid, and each centroid moves to the mean of its members, which makes the squared error smaller or leaves it. Pruned weights stay zero and belong to nobody.",
)
def share_step(answer: Callable) -> None:
    """``share_step(weight, centroids) -> (new weight, new centroids)``; zeros stay, and are nobody's members."""

    def rule(
        *,
        near=_nearest,
        counted=lambda weight: weight != 0,
        moved=lambda weight: weight != 0,
        middle=lambda members, weight: members.mean(),
        empty=lambda old: old,
        taken="new",
        given="new",
    ):
        def step(weight, centroids):
            number = near(weight, centroids)
            new = centroids.clone()
            for k in range(len(centroids)):
                members = weight[(number == k) & counted(weight)]
                new[k] = middle(members, weight) if len(members) else empty(centroids[k])
            values = new if taken == "new" else centroids
            shared = torch.where(moved(weight), values[number], weight)
            return shared, new if given == "new" else centroids.clone()

        return step

    right = rule()
    every = torch.ones_like

    def whole(weight):
        return every(weight, dtype=torch.bool)

    def until_still(weight, centroids):
        number = _nearest(weight, centroids)
        for _ in range(20):
            number = _nearest(weight, centroids)
            centroids = right(weight, centroids)[1]
        return torch.where(weight != 0, centroids[number], weight), centroids

    def masked_by_product(weight, centroids):
        """0 · NaN is NaN: a zero whose nearest centroid has no weights."""
        new = rule(empty=lambda old: math.nan)(weight, centroids)[1]
        return new[_nearest(weight, centroids)] * (weight != 0), new

    def zeros_in_the_number(weight, centroids):
        number, new = _nearest(weight, centroids), right(weight, centroids)[1]
        for k in range(len(centroids)):
            if (weight[number == k] != 0).any():
                new[k] = weight[number == k].mean()
        return torch.where(weight != 0, new[number], weight), new

    def old_one_as_a_member(weight, centroids):
        number, new = _nearest(weight, centroids), centroids.clone()
        for k in range(len(centroids)):
            members = weight[(number == k) & (weight != 0)]
            new[k] = (members.sum() + centroids[k]) / (len(members) + 1)
        return torch.where(weight != 0, new[number], weight), new

    def looked_for_again(weight, centroids):
        new = right(weight, centroids)[1]
        return torch.where(weight != 0, new[_nearest(weight, new)], weight), new

    def moved_meanwhile(weight, centroids):
        weight, new = weight.clone(), centroids.clone()
        for k in range(len(centroids)):
            members = (_nearest(weight, new) == k) & (weight != 0)
            if members.any():
                new[k] = weight[members].mean()
                weight[members] = new[k]
        return weight, new

    def between(weight, centroids):
        """Borders half way between neighbours, as if the centroids were sorted."""
        return torch.bucketize(weight, (centroids[1:] + centroids[:-1]) / 2)

    wrong = {
        "Your zeros are members: they count in a mean, and move to a centroid. A pruned weight stays 0.": rule(
            counted=whole, moved=whole
        ),
        "Your zeros stay 0, but they count in the mean of their nearest centroid. Leave them out.": rule(counted=whole),
        "Your zeros do not count in a mean, but they move to a centroid. A pruned weight stays 0.": rule(moved=whole),
        "A centroid without weights becomes NaN: the mean of nothing. It stays where it is.": (
            rule(empty=lambda old: math.nan),
            masked_by_product,
        ),
        "A centroid without weights becomes 0. It stays where it is.": rule(empty=lambda old: 0.0),
        "All your centroids become one value, the mean of all weights that are not 0. Each takes the mean of its own.": (
            rule(middle=lambda members, weight: weight[weight != 0].mean())
        ),
        "You add up the members. The centroid is their mean.": rule(middle=lambda members, weight: members.sum()),
        "You divide each sum by the number of all weights that are not 0. Divide by that of the members.": rule(
            middle=lambda members, weight: members.sum() / (weight != 0).sum()
        ),
        "You divide each sum by the number of all weights. Divide by that of the members.": rule(
            middle=lambda members, weight: members.sum() / weight.numel()
        ),
        "You take the median of the members. k-means takes the mean.": rule(
            middle=lambda members, weight: members.median()
        ),
        "You take the middle between the least and the largest member. k-means takes the mean of all.": rule(
            middle=lambda members, weight: (members.max() + members.min()) / 2
        ),
        "Your weights take the old value of their centroid. They take the new one.": rule(taken="old"),
        "You return the old centroids. The new ones are the means.": rule(given="old"),
        "You move nothing to the mean: weights take the old centroids, and these stay.": rule(taken="old", given="old"),
        "You compare differences with their sign: the largest centroid is always the nearest for you. Take absolute "
        "values.": rule(near=lambda weight, centroids: (weight[..., None] - centroids).argmin(-1)),
        "You take the centroid that is farthest away. A weight goes to the nearest.": rule(
            near=lambda weight, centroids: (weight[..., None] - centroids).abs().argmax(-1)
        ),
        "You compare magnitudes: −1 is as near to 1 as 1 itself for you. Subtract first, then take the absolute "
        "value.": rule(near=lambda weight, centroids: (weight.abs()[..., None] - centroids.abs()).abs().argmin(-1)),
        "Your borders hold for sorted centroids. These come in any order.": rule(near=between),
        "You take more than one step. One is asked for.": until_still,
        "After the means your weights look for their nearest centroid again. Each takes the new value of the one that it "
        "went to.": looked_for_again,
        "Your centroids come back sorted. Keep their order.": lambda weight, centroids: (
            right(weight, centroids)[0],
            right(weight, centroids)[1].sort().values,
        ),
        "Your two results are swapped. The weight comes first.": lambda weight, centroids: right(weight, centroids)[
            ::-1
        ],
        "Your weights become the numbers of their centroids. They take the centroids' values.": lambda weight, centroids: (
            torch.where(weight != 0, _nearest(weight, centroids).to(weight), weight),
            right(weight, centroids)[1],
        ),
        "Your weights become the numbers of their centroids, zeros too. They take the centroids' values, and a zero stays 0.": lambda weight, centroids: (
            _nearest(weight, centroids).to(weight),
            right(weight, centroids)[1],
        ),
        "You divide each sum by all that are nearest to the centroid, zeros too. Zeros are no members: divide by the number of members.": (
            zeros_in_the_number
        ),
        "Your centroids go half of the way to the mean. They become the mean.": lambda weight, centroids: (
            right(weight, centroids)[0],
            (right(weight, centroids)[1] + centroids) / 2,
        ),
        "You take small weights for zeros. Only what is exactly 0 is pruned.": tuple(
            lambda weight, centroids, least=least: right(torch.where(weight.abs() < least, 0.0, weight), centroids)
            for least in (0.3, 0.01)
        ),
        "Your centroid at 0 stays there. It moves to the mean of its weights like any other.": lambda weight, centroids: (
            right(weight, centroids)[0],
            torch.where(centroids == 0, centroids, right(weight, centroids)[1]),
        ),
        "The old centroid counts as one more member in your mean. The mean is that of the weights alone.": (
            old_one_as_a_member
        ),
        "Only your positive weights are members. Negative ones are weights as well; only zeros are pruned.": rule(
            counted=lambda weight: weight > 0, moved=lambda weight: weight > 0
        ),
        "You look for members again after each centroid that moved. All weights choose among the old centroids, before any moves.": (
            moved_meanwhile
        ),
        "You round the means. Return them as they are.": (
            rule(middle=lambda members, weight: members.mean().round()),
            rule(middle=lambda members, weight: (members.mean() * 100).round() / 100),
        ),
        "You return the weight as it was.": lambda weight, centroids: (weight.clone(), right(weight, centroids)[1]),
    }

    def two_tensors(value, weight, centroids):
        try:
            new_weight, new_centroids = (torch.as_tensor(part).detach().double() for part in value)
            fits = new_weight.shape == weight.shape and new_centroids.shape == centroids.shape
        except Exception:  # whatever it is, it is no pair of tensors
            text = "Your function did not return two tensors."
            raise Mistake(text, "Return the new weight and the new centroids, in that order.") from None
        if not fits and new_weight.shape == centroids.shape and new_centroids.shape == weight.shape:
            raise Mistake("Your two results are swapped, by their shapes.", "The weight comes first.")
        if not fits:
            raise Mistake("Your results have other shapes.", "They have the shapes of weight and of centroids.")
        return new_weight, new_centroids

    compare(
        answer,
        right=right,
        wrong=wrong,
        names=("weight", "centroids"),
        edges=[
            (torch.tensor([[0.0, 1, 2], [0, -3, 4]]), torch.tensor([2.75, 0.5, -1.25])),
            (torch.tensor([2.0, 3, 0]), torch.tensor([2.25, 9])),  # a centroid without weights
            (torch.zeros(2, 2), torch.tensor([1.0, -1])),  # nothing is left
            (torch.tensor([-1.0, 2, 0]), torch.tensor([0.25])),
            (torch.tensor([0.125, 2**-8, 0, -2.0]), torch.tensor([0.25, -1.0])),  # small weights
            (torch.tensor([1.0, 1.5, 4, 0, 0]), torch.tensor([4.25, 0.0])),  # a centroid at 0
            (torch.tensor([2.0, -2.0]), torch.tensor([0.5])),  # members whose sum is 0
            (torch.tensor([-2.0, 3.0]), torch.tensor([1.5, 4.5])),
            (torch.tensor([1.0]), torch.tensor([1.0])),  # then 3 is nearer to the other one
        ],
        inputs=_layers().filter(lambda args: _apart(*args)),
        rtol=1e-4,
        atol=1e-5,
        view=two_tensors,
    )
