"""Checks of the lesson `bit_budget`: whether losses add up, greedy bits from above, and the mean bits of a weight."""

from __future__ import annotations

import functools
import itertools
import math
import statistics
from collections.abc import Callable, Sequence
from statistics import fmean

from hypothesis import strategies as st

from course_utils.exercises.bests import midrange, trimmed
from course_utils.exercises.core import check
from course_utils.exercises.inputs import numbers
from course_utils.exercises.investigation import Run, World, investigate, numbered, one_in_three
from course_utils.exercises.search import compare

# ---- exercise 1 --------------------------------------------------------------------------------------

ARMS = ("none", "first", "last", "both")
SAID = ("add up", "more", "less", "depends")


def _at(runs: Sequence[Run], bits: float) -> tuple[float, float]:
    """What both layers add together, and the sum of what each adds; means over the pieces of these runs."""
    mean = {arm: fmean(run.result for run in runs if run.arm == arm and run.settings["bits"] == bits) for arm in ARMS}
    return mean["both"] - mean["none"], mean["first"] + mean["last"] - 2 * mean["none"]


def _own_means(runs: Sequence[Run]) -> str:
    """Both sides of the comparison from the learner's own runs."""
    parts = []
    for bits in (2, 4):
        both, added = _at(runs, bits)
        parts.append(
            f"at {bits} bits both layers together add {both:.3f}, which is {both / added:.2f} times the sum {added:.3f}"
        )
    return "In your own means " + ", and ".join(parts) + "."


def _pieces(runs: Sequence[Run]) -> dict[int, dict[str, list[float]]]:
    """Bits -> arm -> its losses, piece by piece."""
    table: dict[int, dict[str, dict[float, float]]] = {bits: {arm: {} for arm in ARMS} for bits in (2, 4)}
    for run in runs:
        table[int(run.settings["bits"])][run.arm][run.settings["piece"]] = run.result
    return {bits: {arm: [own[piece] for piece in sorted(own)] for arm, own in of.items()} for bits, of in table.items()}


def _side(both: float, added: float, limit: float = 0.1) -> str:
    return "more" if both > (1 + limit) * added else "less" if both < (1 - limit) * added else "add up"


def _both_of(two: str, four: str) -> str:
    return two if two == four else "depends"


def _each(mean: dict[str, float]) -> tuple[float, float]:
    """What both layers add together, and the sum of what each adds."""
    return mean["both"] - mean["none"], mean["first"] + mean["last"] - 2 * mean["none"]


SIDES = {  # what people compare in place of the card's two sides -> (of both, of the sum), from the four means
    "if the loss of the network in which nothing is rounded is taken from nothing": lambda m: (
        m["both"],
        m["first"] + m["last"],
    ),
    'if that loss is taken from "both" alone': lambda m: (m["both"] - m["none"], m["first"] + m["last"]),
    "if that loss is taken only once from the sum of the two": lambda m: (
        m["both"] - m["none"],
        m["first"] + m["last"] - m["none"],
    ),
    "if that loss is taken twice from the sum, and from both not at all": lambda m: (
        m["both"],
        m["first"] + m["last"] - 2 * m["none"],
    ),
    "if losses are compared, first + last − none with both, and not what each adds": lambda m: (
        m["both"],
        m["first"] + m["last"] - m["none"],
    ),
    "if quotients of losses are multiplied": lambda m: (m["both"] / m["none"], m["first"] * m["last"] / m["none"] ** 2),
    "if the larger of the two layers stands in place of their sum": lambda m: (
        m["both"] - m["none"],
        max(m["first"], m["last"]) - m["none"],
    ),
    "if the mean of the two layers stands in place of their sum": lambda m: (
        m["both"] - m["none"],
        (m["first"] + m["last"]) / 2 - m["none"],
    ),
    "if the first layer alone stands in place of the sum": lambda m: (m["both"] - m["none"], m["first"] - m["none"]),
    "if the last layer alone stands in place of the sum": lambda m: (m["both"] - m["none"], m["last"] - m["none"]),
    "if what both add is put in the place of the sum, and the sum in its place": lambda m: _each(m)[::-1],
    "if what both add counts without its sign": lambda m: (abs(m["both"] - m["none"]), _each(m)[1]),
    "if what the two layers add is multiplied, and not added": lambda m: (
        m["both"] - m["none"],
        (m["first"] - m["none"]) * (m["last"] - m["none"]),
    ),
}
OF_PIECES = {
    "if the median piece stands in place of the mean": statistics.median,
    "if the piece with the lowest loss is taken for each": min,
    "if the piece with the highest loss is taken for each": max,
    "if only the first piece is read": lambda own: own[0],
    "if only the last piece is read": lambda own: own[-1],
    "if the first piece is left out": lambda own: fmean(own[1:] or own),
    "if the middle between the highest and the lowest loss stands in place of the mean": midrange,
    "if the highest and the lowest loss are left out of the mean": trimmed,
    "if the geometric mean is taken over the pieces": lambda own: statistics.geometric_mean(max(1e-9, n) for n in own),
}
OF_BITS = {  # (what 2 bits say, what 4 bits say) -> the conclusion
    "if 2 bits alone decide": lambda two, four: two,
    "if 4 bits alone decide": lambda two, four: four,
    'if "more" at one number of bits is enough, and then "less"': lambda two, four: next(
        (said for said in ("more", "less") if said in (two, four)), "add up"
    ),
    'if "add up" is said where the two numbers of bits differ': lambda two, four: two if two == four else "add up",
    'if "less" is said where the two numbers of bits differ': lambda two, four: two if two == four else "less",
    'if "more" is said where the two numbers of bits differ': lambda two, four: two if two == four else "more",
    'if "depends" is said for opposite signs alone, and "more" or "less" where one of the two adds up': lambda two, four: (
        "depends" if {two, four} == {"more", "less"} else four if two == "add up" else two
    ),
}


def _added_by(table: dict[str, list[float]], arm: str) -> list[float]:
    """What an arm adds on each piece."""
    return [own - none for own, none in zip(table[arm], table["none"], strict=True)]


def _others(runs: Sequence[Run]) -> dict[str, str]:
    """Rules that are not the card's -> what they conclude from these runs."""
    table = _pieces(runs)

    def said(side: Callable = _side, sides: Callable = _each, pick: Callable = fmean) -> list[str]:
        return [side(*sides({arm: pick(own) for arm, own in table[bits].items()})) for bits in (2, 4)]

    found = {how: _both_of(*said(sides=sides)) for how, sides in SIDES.items()}
    found |= {how: join(*said()) for how, join in OF_BITS.items()}
    for limit, words in ((0.0, "any difference counts"), (0.05, "the limit is a twentieth")):
        found[f"if {words}, and not a tenth"] = _both_of(*said(lambda both, added, n=limit: _side(both, added, n)))
    for limit, words in ((0.2, "a fifth"), (0.5, "a half")):
        found[f"if the limit is {words}, and not a tenth"] = _both_of(
            *said(lambda both, added, n=limit: _side(both, added, n))
        )
    found["if the limit is a loss of 0.1, and not a tenth of the sum"] = _both_of(
        *said(lambda both, added: "more" if both - added > 0.1 else "less" if both - added < -0.1 else "add up")
    )
    turn = {"more": "less", "less": "more"}
    found["if a tenth of what both add is the limit, and not a tenth of the sum"] = _both_of(
        *said(lambda both, added: "more" if added < 0.9 * both else "less" if added > 1.1 * both else "add up")
    )
    mean = {bits: {arm: fmean(own) for arm, own in table[bits].items()} for bits in (2, 4)}
    for words, beside in (
        ("the loss of the network in which nothing is rounded", lambda m: m["none"]),
        ("the two losses, and not of what each adds", lambda m: m["first"] + m["last"]),
    ):
        found[f"if the limit is a tenth of {words}"] = _both_of(
            *(_side(1 + (_each(m)[0] - _each(m)[1]) / beside(m), 1.0) for m in mean.values())
        )
    found['if "more" and "less" are exchanged'] = _both_of(*(turn.get(one, one) for one in said()))
    found["if the sign of the difference is left out"] = _both_of(*("more" if one == "less" else one for one in said()))
    pooled = {arm: fmean([*table[2][arm], *table[4][arm]]) for arm in ARMS}
    found["if one mean is taken over 2 and 4 bits together"] = _side(*_each(pooled))
    single = {
        bits: [
            _each(dict(zip(ARMS, four, strict=True))) for four in zip(*(table[bits][arm] for arm in ARMS), strict=True)
        ]
        for bits in (2, 4)
    }
    found["if the quotients of single pieces are averaged"] = _both_of(
        *(_side(fmean(both / added if added else 1.0 for both, added in single[bits]), 1.0) for bits in (2, 4))
    )
    found["if the median of the quotients of single pieces is taken"] = _both_of(
        *(
            _side(statistics.median(both / added if added else 1.0 for both, added in single[bits]), 1.0)
            for bits in (2, 4)
        )
    )
    of_pieces = {bits: [_side(*one) for one in single[bits]] for bits in (2, 4)}
    found["if each piece gives a verdict, and the most frequent one is taken"] = _both_of(
        *(max(own, key=own.count) for own in of_pieces.values())
    )
    found |= {how: _both_of(*said(pick=pick)) for how, pick in OF_PIECES.items()}
    found["if a piece on which a layer lowers the loss counts as 0"] = _both_of(
        *(
            _side(
                _each(mean[bits])[0],
                sum(fmean(max(0.0, own) for own in _added_by(table[bits], arm)) for arm in ("first", "last")),
            )
            for bits in (2, 4)
        )
    )
    for words, of in (
        ("counts as 0, for both as well", lambda change: max(0.0, change)),
        ("counts without its sign, piece by piece", abs),
    ):
        found[f"if what is below 0 {words}"] = _both_of(
            *(
                _side(
                    fmean(of(own) for own in _added_by(table[bits], "both")),
                    sum(fmean(map(of, _added_by(table[bits], arm))) for arm in ("first", "last")),
                )
                for bits in (2, 4)
            )
        )
    found["if the difference is divided by what both add, and not by the sum"] = _both_of(
        *said(lambda both, added: _side(1 + (both - added) / both if both else 1.0, 1.0))
    )
    for bits, other in ((2, 4), (4, 2)):
        own = mean[bits]
        mixed = own["first"] - own["none"] + mean[other]["last"] - mean[other]["none"]
        found[f"if one layer at 2 bits and the other at 4 stand in the sum, beside both at {bits}"] = _side(
            own["both"] - own["none"], mixed
        )
    shares = [both / added for both, added in map(functools.partial(_at, runs), (2, 4)) if added]
    if len(shares) == 2:
        found[
            'if "depends" is said wherever the quotients at 2 and at 4 bits lie more than 0.1 apart, and else their mean is judged'
        ] = "depends" if abs(shares[0] - shares[1]) > 0.1 else _side(fmean(shares), 1.0)
    if len(shares) == 2 and abs(shares[0] - shares[1]) <= 0.2:
        found['if "depends" is said only where the quotients at 2 and at 4 bits lie more than 0.2 apart'] = said()[0]
    every = {one for own in of_pieces.values() for one in own}
    found['if every single piece must say the same, and "depends" is said otherwise'] = (
        every.pop() if len(every) == 1 else "depends"
    )
    largest = [max(single[bits], key=lambda one: abs(one[0] - one[1])) for bits in (2, 4)]
    found["if the piece with the largest difference decides"] = _both_of(*(_side(*one) for one in largest))
    return found


def _by_the_card(runs: Sequence[Run]) -> str:
    return _both_of(*(_side(*_at(runs, bits)) for bits in (2, 4)))


def _network(
    said: str,
    right: str | Callable[[Sequence[Run]], str],
    hint: str,
    usual: dict[int, tuple[float, float, float]],
    uneven: dict[int, tuple[float, float, float]] | None = None,
    where: Callable[[float], bool] = one_in_three,
) -> World:
    """A network with two layers that are rounded.

    Args:
        said, right, hint: of the world; the learner's own means are put before the hint.
        usual: bits -> (what the first layer adds, what the last adds, by which part of the sum both add more).
        uneven: the same on some pieces; None = all pieces are alike.
        where: whether a piece, counted in the order in which they are asked for, is one of these.
    """

    def loss(arm: str, number: int, *, bits: float, piece: float) -> float:
        if bits not in usual:
            raise ValueError(f"bits is 2 or 4, got {bits:g}.")
        first, last, share = (uneven if uneven and where(piece) else usual)[int(bits)]
        added = {"none": 0.0, "first": first, "last": last, "both": (first + last) * (1 + share)}
        return round(0.3 + 0.05 * (piece % 3) + added[arm], 4)

    return World(said, right, numbered(loss, "piece"), lambda runs, got: f"{_own_means(runs)} {hint}")


NETWORKS = (
    _network(
        "both layers add 27 % more than the sum at 2 bits, and 2.75 times the sum at 4",
        "more",
        "The network in which nothing is rounded has a loss as well: it is contained once in each of the three others, and must be taken "
        "from each.",
        {2: (0.30, 0.50, 0.275), 4: (0.06, 0.10, 1.75)},
    ),
    _network(
        "one layer adds much and the other little at 2 bits, and both add just the sum, at 4 bits as well",
        "add up",
        "Compare what both layers add with what the first adds plus what the last adds, at the same number of bits.",
        {2: (2.0, 0.05, 0.0), 4: (1.0, 0.5, 0.0)},
    ),
    _network(
        "each layer adds 2 nats or more; at 2 bits both add 4 % more than the sum, at 4 bits 4 % less",
        "add up",
        "Up to a tenth of the sum is no difference by the card, also where the sum is large. Add what the first and the last layer add, "
        "each at the number of bits at which both are rounded.",
        {2: (4.0, 4.2, 0.04), 4: (2.0, 2.1, -0.04)},
    ),
    _network(
        "at 2 bits both layers add 5 % more than the sum, at 4 bits 9.5 % less",
        "add up",
        "Up to a tenth of the sum is no difference by the card. The network in which nothing is rounded has a loss as well: "
        "it is contained once in each of the three others, and must be taken from each.",
        {2: (0.30, 0.50, 0.05), 4: (0.06, 0.10, -0.095)},
    ),
    _network(
        "both layers add 15 % more than the sum at 2 bits, and 10.5 % more at 4",
        "more",
        "The limit of the card is a tenth of the sum of what each layer adds. It is the same at both numbers of bits.",
        {2: (0.30, 0.50, 0.15), 4: (0.06, 0.10, 0.105)},
    ),
    _network(
        "both layers add 15 % less than the sum at 2 bits, and 40 % less at 4",
        "less",
        "Keep the sign of the difference, and compare with the sum and not with the larger of the two.",
        {2: (0.30, 0.50, -0.15), 4: (0.06, 0.10, -0.4)},
    ),
    _network(
        "at 2 bits both layers add 30 % less than the sum, at 4 bits just the sum",
        "depends",
        "Judge each number of bits by itself before you put them together: the losses at 2 bits are so much larger that they "
        "decide a mean over both.",
        {2: (0.30, 0.50, -0.3), 4: (0.06, 0.10, 0.0)},
    ),
    _network(
        "at 2 bits both layers add 3 % more than the sum, at 4 bits 30 % more",
        "depends",
        "At one number of bits the losses add up, and at the other they do not. One of the two is not enough for a conclusion about both.",
        {2: (0.30, 0.50, 0.03), 4: (0.06, 0.10, 0.3)},
    ),
    _network(
        "at 2 bits both layers add 40 % more than the sum, at 4 bits 20 % less",
        "depends",
        "The two numbers of bits say opposite things here.",
        {2: (0.30, 0.50, 0.4), 4: (0.06, 0.10, -0.2)},
    ),
    _network(
        "on one piece of three rounding costs many times as much, and there both layers add 25 % more than the sum",
        "more",
        "One piece of three differs widely from the others here. The card asks for means over the pieces, taken before anything is "
        "compared: a median, a single piece, a vote of the pieces or a mean of quotients says something else.",
        {2: (0.12, 0.18, 0.0), 4: (0.03, 0.05, 0.0)},
        {2: (0.80, 1.20, 0.25), 4: (0.20, 0.32, 0.25)},
    ),
    _network(
        "on one piece of three both layers add 20 % more than the sum at 2 bits and 20 % less at 4, on the others just the sum",
        "add up",
        "One piece of three differs from the others here. The card asks for means over the pieces: the largest difference of a single "
        "piece is no mean.",
        {2: (0.30, 0.50, 0.0), 4: (0.06, 0.10, 0.0)},
        {2: (0.30, 0.50, 0.2), 4: (0.06, 0.10, -0.2)},
    ),
    _network(
        "on the third piece, the sixth and so on both layers add 24 % more than the sum at 2 bits and 24 % less at 4, else just the sum",
        "add up",
        "Few pieces differ from the others here. The card asks for the mean, and not for the middle between the highest and the lowest "
        "loss: a single piece moves that middle by half of what it differs.",
        {2: (0.30, 0.50, 0.0), 4: (0.06, 0.10, 0.0)},
        {2: (0.30, 0.50, 0.24), 4: (0.06, 0.10, -0.24)},
        where=lambda piece: piece % 3 == 2,
    ),
    _network(
        "at 2 bits both layers add 6 % more than the sum, and at 4 bits, where the layers add little, 14 % more",
        "depends",
        "One quotient lies on each side of the limit here, though they are near each other, and at 4 bits the losses are small. The card "
        "asks for one conclusion at each number of bits, and for no least distance and no least loss.",
        {2: (0.30, 0.50, 0.06), 4: (0.003, 0.005, 0.14)},
    ),
    _network(
        "both layers together lower the loss, by more than each alone raises it",
        "less",
        "Keep the sign of what both layers add. It is below 0 here, because their errors cancel, so it is less than the sum.",
        {2: (0.05, 0.07, -2.2), 4: (0.03, 0.04, -2.3)},
    ),
    _network(
        "on one piece of three each layer lowers the loss, on the others it raises it, and both add just the sum everywhere",
        "add up",
        "On some pieces the loss falls when a layer is rounded. What a layer adds there is below 0, and counts so in the mean.",
        {2: (0.30, 0.50, 0.0), 4: (0.06, 0.10, 0.0)},
        {2: (-0.12, -0.18, 0.0), 4: (-0.04, -0.06, 0.0)},
    ),
    _network(
        "on one piece of three both layers lower the loss by half as much as the sum, and on the others they add just the sum",
        "more",
        "On some pieces the loss falls when a layer is rounded. What is added there is below 0, for both layers as for each, and counts "
        "so in the mean.",
        {2: (0.30, 0.50, 0.0), 4: (0.06, 0.10, 0.0)},
        {2: (-0.20, -0.30, -0.5), 4: (-0.04, -0.06, -0.5)},
    ),
    _network(
        "on the first piece that is asked for the layers add ten times as much as on the others, and both half as much again as the sum",
        _by_the_card,
        "The first piece differs widely from the others here. It counts in the mean like each of them.",
        {2: (0.30, 0.50, 0.0), 4: (0.06, 0.10, 0.0)},
        {2: (3.00, 5.00, 0.5), 4: (0.60, 1.00, 0.5)},
        where=lambda piece: piece == 0,
    ),
)


@check(
    "Exercise 1, Do the losses add up?",
    why="The loss of the network in which nothing is rounded is part of all four numbers. Only without it do the two sides of the comparison "
    "mean the same: what both layers add together, and what each adds alone.",
)
def losses_add_up(answer: Callable) -> None:
    """``losses_add_up(loss) -> "add up", "more", "less" or "depends"``, in made-up networks."""
    investigate(
        answer,
        NETWORKS,
        arms=ARMS,
        settings={"bits": 4, "piece": 0},
        least={"bits": 2, "piece": 3},
        crossed=("bits", "piece"),
        conclusions=SAID,
        others=_others,
        name="loss",
    )


# ---- exercise 3 --------------------------------------------------------------------------------------


def _total(weights: Sequence[int], bits: Sequence[int]) -> int:
    return sum(n * b for n, b in zip(weights, bits, strict=True))


@st.composite
def _layers(draw: Callable) -> tuple[list[int], list[int]]:
    """(weights, bits) of one to five layers."""
    n = draw(st.integers(1, 5))
    weights = draw(st.lists(st.integers(1, 20), min_size=n, max_size=n))
    return weights, draw(st.lists(st.integers(0, 8), min_size=n, max_size=n))


@check(
    "Exercise 3, Bits a weight",
    why="The file holds weights and not layers, so a layer counts as often as it has weights. A wide layer at few bits can pay for a small one at many.",
)
def mean_bits(answer: Callable) -> None:
    """``mean_bits(weights, bits) -> number``; a layer counts by its weights."""
    wrong = {
        "You take the mean over the layers. A layer with more weights counts for more.": lambda weights, bits: (
            sum(bits) / len(bits)
        ),
        "You divide by the number of layers. Divide by the number of weights.": lambda weights, bits: (
            _total(weights, bits) / len(bits)
        ),
        "You return all bits of the file. Divide by the number of weights.": _total,
        "You divide by the sum of the bits: that is a mean number of weights.": lambda weights, bits: (
            _total(weights, bits) / max(1, sum(bits))
        ),
        "You divide each layer by its own weights, and so its weights cancel.": lambda weights, bits: sum(bits),
        "You take the bits of the layer with the most weights. All layers count.": (
            lambda weights, bits: max(zip(weights, bits, strict=True))[1],
            lambda weights, bits: bits[weights.index(max(weights))],
        ),
        "You leave out the weights of layers with 0 bits. They are weights of the network, so they count in the mean.": (
            lambda weights, bits: _total(weights, bits) / (sum(w for w, b in zip(weights, bits, strict=True) if b) or 1)
        ),
        "You take the median of the bits. The mean over all weights is asked for.": lambda weights, bits: (
            statistics.median(bits)
        ),
        "You take the most bits of any layer.": lambda weights, bits: max(bits),
        "You take the bits of the first layer alone.": lambda weights, bits: bits[0],
        "You add 32 bits of a scale for each layer. Count the bits of the weights alone.": lambda weights, bits: (
            (_total(weights, bits) + 32 * len(bits)) / sum(weights)
        ),
        "You add scales of 16 bits. Scales and zero points are left out here.": (
            lambda weights, bits: (_total(weights, bits) + 16 * len(bits)) / sum(weights),
            lambda weights, bits: (_total(weights, bits) + sum(16 + b for b in bits)) / sum(weights),
            lambda weights, bits: _total(weights, bits) / sum(weights) + 16,
            lambda weights, bits: _total(weights, bits) / sum(weights) + 16 / len(weights),
        ),
        "You add zero points. Scales and zero points are left out here.": lambda weights, bits: (
            (_total(weights, bits) + sum(bits)) / sum(weights)
        ),
        "A layer counts by the square of its weights in your mean. It counts by their number.": lambda weights, bits: (
            sum(n * n * b for n, b in zip(weights, bits, strict=True)) / sum(n * n for n in weights)
        ),
        "You leave out a layer: the last, or the first. All layers count.": (
            lambda weights, bits: _total(weights[:-1], bits[:-1]) / (sum(weights[:-1]) or 1),
            lambda weights, bits: _total(weights[1:], bits[1:]) / (sum(weights[1:]) or 1),
        ),
        "You divide by one weight too few. Divide by the number of weights.": lambda weights, bits: (
            _total(weights, bits) / max(1, sum(weights) - 1)
        ),
        "You divide the sum of the bits by the number of weights. Each layer's bits are taken by each of its weights: multiply first.": (
            lambda weights, bits: sum(bits) / sum(weights)
        ),
        "You take the median over all weights. Their mean is asked for.": lambda weights, bits: statistics.median(
            [b for n, b in zip(weights, bits, strict=True) for _ in range(n)]
        ),
        "You take the geometric mean. Add the bits and divide.": lambda weights, bits: math.prod(
            max(b, 1e-9) ** (n / sum(weights)) for n, b in zip(weights, bits, strict=True)
        ),
        "You take the harmonic mean. Add the bits and divide.": lambda weights, bits: (
            sum(weights) / sum(n / max(b, 1e-9) for n, b in zip(weights, bits, strict=True))
        ),
        "You average the numbers of levels, 2 to the power of the bits. Average the bits themselves.": lambda weights, bits: (
            math.log2(sum(n * 2**b for n, b in zip(weights, bits, strict=True)) / sum(weights))
        ),
        "You return how many times smaller the weights are than with 32 bits. Asked are the bits of a weight.": (
            lambda weights, bits: 32 * sum(weights) / max(1, _total(weights, bits))
        ),
        "You return a whole number and lose what is behind the point. Divide with /, not with //, and do not round.": (
            lambda weights, bits: _total(weights, bits) // sum(weights),
            lambda weights, bits: round(_total(weights, bits) / sum(weights)),
        ),
        "You return bytes. Do not divide by 8.": lambda weights, bits: _total(weights, bits) / sum(weights) / 8,
    }
    compare(
        answer,
        right=lambda weights, bits: _total(weights, bits) / sum(weights),
        wrong=wrong,
        names=("weights", "bits"),
        edges=[
            ([1, 3], [8, 2]),
            ([7], [3]),
            ([1, 1, 1], [2, 4, 8]),
            ([2, 5], [0, 0]),
            ([288, 36864], [6, 2]),
            ([1], [4]),
        ],
        inputs=_layers(),
    )


# ---- exercise 2 --------------------------------------------------------------------------------------

Costs = Sequence[Sequence[float]]


def _added(costs: Costs, weights: Sequence[int], i: int, b: int) -> float:
    return (costs[i][b - 1] - costs[i][b]) / weights[i]


def _from_above(
    *,
    worth: Callable = _added,
    fits: Callable = lambda weights, bits, budget: _total(weights, bits) <= budget,
    better: Callable = min,
    last: bool = False,
    least: int = 0,
    begin: Callable = lambda costs: [len(row) - 1 for row in costs],
    then: Callable = lambda bits: bits,
    all_at_once: bool = False,
) -> Callable:
    """The greedy choice from above, or one that differs from it in one thing.

    Args:
        worth: of a step, from (costs, weights, layer, its bits now).
        fits: True when the file is small enough.
        better: min or max of the worths.
        last: of equal layers the one that comes last.
        least: bits of which none is taken any more.
        begin: the bits to begin with, from the costs.
        then: what is returned, from the bits.
        all_at_once: a layer gives all its bits in one step.
    """

    def choose(costs: Costs, weights: Sequence[int], budget: int) -> list[int]:
        bits = begin(costs)
        while not fits(weights, bits, budget):
            offers = [(worth(costs, weights, i, b), i) for i, b in enumerate(bits) if b > least]
            if not offers:
                break
            wanted = better(value for value, _ in offers)
            equal = [i for value, i in offers if value == wanted]
            layer = equal[-1 if last else 0]
            bits[layer] = least if all_at_once else bits[layer] - 1
        return then(bits)

    return choose


def _quotient(row: Sequence[float], b: int) -> float:
    return row[b - 1] / row[b] if row[b] else 9e9


def _sorted_once(costs: Costs, weights: Sequence[int], budget: int) -> list[int]:
    """All steps of all layers in one order, as if each could be taken at any time."""
    bits = [len(row) - 1 for row in costs]
    steps = [(_added(costs, weights, i, b), i, b) for i, row in enumerate(costs) for b in range(1, len(row))]
    for _, i, _ in sorted(steps):
        if _total(weights, bits) > budget:
            bits[i] -= 1
    return bits


def _that_fits(costs: Costs, weights: Sequence[int], budget: int) -> list[int]:
    bits = [len(row) - 1 for row in costs]
    while (size := _total(weights, bits)) > budget:
        offers = [(size - weights[i] > budget, _added(costs, weights, i, b), i) for i, b in enumerate(bits) if b]
        bits[min(offers)[2]] -= 1
    return bits


def _cheaper_still(costs: Costs, weights: Sequence[int], budget: int) -> list[int]:
    bits = _from_above()(costs, weights, budget)
    while (offers := [(_added(costs, weights, i, b), i) for i, b in enumerate(bits) if b] or [(0.0, 0)]) and min(
        offers
    )[0] < 0:
        bits[min(offers)[1]] -= 1
    return bits


def _given_back(costs: Costs, weights: Sequence[int], budget: int) -> list[int]:
    bits = _from_above()(costs, weights, budget)
    for i, row in enumerate(costs):
        while (
            bits[i] + 1 < len(row) and _total(weights, bits) + weights[i] <= budget and row[bits[i] + 1] < row[bits[i]]
        ):
            bits[i] += 1
    return bits


def _from_below(costs: Costs, weights: Sequence[int], budget: int, least: float = -math.inf) -> list[int]:
    """The greedy choice of the lesson: bits are given while they fit, and save more than `least`."""
    bits = [0] * len(costs)
    while True:
        offers = [
            (-_added(costs, weights, i, b + 1), i)
            for i, b in enumerate(bits)
            if b + 1 < len(costs[i]) and _total(weights, bits) + weights[i] <= budget
        ]
        if not offers or -min(offers)[0] <= least:
            return bits
        bits[min(offers)[1]] += 1


def _best(costs: Costs, weights: Sequence[int], budget: int) -> list[int]:
    """The least sum of costs of all choices that fit."""
    choices = itertools.product(*(range(len(row)) for row in costs))
    there = [bits for bits in choices if _total(weights, bits) <= budget]
    return list(min(there, key=lambda bits: sum(row[b] for row, b in zip(costs, bits, strict=True))))


def _one_width(costs: Costs, weights: Sequence[int], budget: int) -> list[int]:
    most = len(costs[0]) - 1
    return [min(most, budget // sum(weights))] * len(costs)


def _turn(costs: Costs, weights: Sequence[int], budget: int) -> list[int]:
    """One layer after the other gives a bit."""
    bits, i = [len(row) - 1 for row in costs], 0
    while _total(weights, bits) > budget:
        if bits[i % len(bits)]:
            bits[i % len(bits)] -= 1
        i += 1
    return bits


def _one_step(costs: Costs, weights: Sequence[int], budget: int) -> list[int]:
    """One bit less at most, whether the file fits then or not."""
    limit = _total(weights, [len(row) - 1 for row in costs])
    return _from_above(fits=lambda w, bits, _: _total(w, bits) <= max(budget, limit - 1))(costs, weights, budget)


def _ranked_once(costs: Costs, weights: Sequence[int], budget: int) -> list[int]:
    """All layers are ranked by their first step; each gives all it has before the next one gives any."""
    bits = [len(row) - 1 for row in costs]
    order = sorted(range(len(bits)), key=lambda i: _added(costs, weights, i, bits[i]))
    for i in order:
        while bits[i] and _total(weights, bits) > budget:
            bits[i] -= 1
    return bits


@st.composite
def _budgets(draw: Callable) -> tuple[list[list[float]], list[int], int]:
    """(costs, weights, budget): costs mostly fall with the bits, and now and then rise; many budgets are tight."""
    n, most = draw(st.sampled_from([2, 3, 4, 1])), draw(st.sampled_from([2, 3, 1]))
    rows = []
    for _ in range(n):
        falls = draw(st.lists(numbers(-1, 8, step=0.5), min_size=most, max_size=most))
        rows.append([sum(falls[b:]) for b in range(most + 1)])
    weights = draw(st.lists(st.sampled_from([1, 2, 4, 8]), min_size=n, max_size=n))
    return rows, weights, draw(st.integers(0, most * sum(weights) + 1))


@check(
    "Exercise 2, Greedy, from above",
    why="Each step takes the bit away that adds the least cost for every bit of the file that it saves. That is a good choice at each step, and need not be the best set of all.",
)
def greedy_bits(answer: Callable) -> None:
    """``greedy_bits(costs, weights, budget) -> bits``; a step is judged by its added cost for each bit of the file."""

    def steps_only(costs: Costs, weights: Sequence[int], i: int, b: int) -> float:
        return costs[i][b - 1] - costs[i][b]

    wrong = {
        "You compare added costs and ignore the sizes. Divide by the weights of the layer: a bit less in a large layer makes "
        "the file smaller by more.": _from_above(worth=steps_only),
        "You multiply by the weights. Divide: cost for each bit of the file.": _from_above(
            worth=lambda costs, weights, i, b: steps_only(costs, weights, i, b) * weights[i]
        ),
        "You compare the costs at fewer bits, not what a step adds. Subtract the cost of now.": (
            _from_above(worth=lambda costs, weights, i, b: costs[i][b - 1] / weights[i]),
            _from_above(worth=lambda costs, weights, i, b: costs[i][b - 1]),
        ),
        "You compare the costs of now, not what a step adds. Look one bit lower, and subtract.": (
            _from_above(worth=lambda costs, weights, i, b: costs[i][b] / weights[i]),
            _from_above(worth=lambda costs, weights, i, b: costs[i][b]),
        ),
        "You take the step that adds the most cost. Take the one that adds the least.": _from_above(better=max),
        "Yours is the step that adds most. Take the smallest pair; added is the cost at one bit less, minus the cost of now.": _from_above(
            worth=lambda costs, weights, i, b: -_added(costs, weights, i, b), better=min, last=True
        ),
        "A file of exactly `budget` bits fits.": _from_above(
            fits=lambda weights, bits, budget: _total(weights, bits) < budget
        ),
        "You count one bit a layer. The file has a bit for each weight: multiply by the weights.": _from_above(
            fits=lambda weights, bits, budget: sum(bits) <= budget
        ),
        "You compare with more than the budget: perhaps with the budget times the number of layers. The budget is all bits of the file.": _from_above(
            fits=lambda weights, bits, budget: sum(bits) <= budget * len(bits)
        ),
        "You take bits from a layer that has none left. A layer of 0 bits has none to give.": _from_above(least=-20),
        "You compare bytes with the budget. The budget is in bits.": _from_above(
            fits=lambda weights, bits, budget: _total(weights, bits) <= 8 * budget
        ),
        "You take one bit away at most. Go on as long as the file is larger than the budget.": _one_step,
        "Of layers that are equal take the one that comes first; you take the last.": _from_above(last=True),
        "A layer may go down to 0 bits; yours keep 1.": _from_above(least=1),
        "You take all bits of a layer at once. Take one, and look again.": _from_above(all_at_once=True),
        "You rank the layers once. After each step the next bit of that layer has another price: look again.": _ranked_once,
        "Your layers give a bit in turn. Take it where it adds least cost for each bit of the file.": _turn,
        "You begin with 0 bits and give some. Here all layers begin with the most and bits are taken away.": (
            _from_below,
            functools.partial(_from_below, least=0.0),
        ),
        "You compare the size of the added cost, without its sign. Where a bit less makes a layer cheaper, the added cost is below 0, and so it is the least.": _from_above(
            worth=lambda costs, weights, i, b: abs(_added(costs, weights, i, b))
        ),
        "You count an added cost below 0 as 0. The layer that gets cheaper by most, for each bit of the file, comes first.": _from_above(
            worth=lambda costs, weights, i, b: max(0.0, _added(costs, weights, i, b))
        ),
        "You divide by the bits that the layer has. A step makes the file smaller by one bit a weight: divide by the weights alone.": (
            _from_above(worth=lambda costs, weights, i, b: steps_only(costs, weights, i, b) / b),
            _from_above(worth=lambda costs, weights, i, b: _added(costs, weights, i, b) / b),
        ),
        "You divide one cost by the other. What a step adds is the difference of the two costs.": (
            _from_above(worth=lambda costs, weights, i, b: _quotient(costs[i], b) / weights[i]),
            _from_above(worth=lambda costs, weights, i, b: _quotient(costs[i], b)),
        ),
        "You divide by the weights two times. A bit less saves as many bits of the file as the layer has weights.": _from_above(
            worth=lambda costs, weights, i, b: _added(costs, weights, i, b) / weights[i]
        ),
        "You cut the quotient off to a whole number. Divide with / and not with //.": _from_above(
            worth=lambda costs, weights, i, b: steps_only(costs, weights, i, b) // weights[i]
        ),
        "You sort all steps of all layers once. A step can be taken only when those above it in its layer have been: look at the next bit of each layer alone.": _sorted_once,
        "You prefer a step after which the file fits. The least cost for each bit of the file decides, also in the last step.": _that_fits,
        "You take bits away where the file fits already, because that makes a layer cheaper. Stop as soon as it fits.": _cheaper_still,
        "You give bits back at the end. Bits are only taken away here.": _given_back,
        "You take the largest layer first, whatever its costs.": _from_above(
            worth=lambda costs, weights, i, b: -weights[i]
        ),
        "You take the smallest layer first, whatever its costs.": _from_above(
            worth=lambda costs, weights, i, b: weights[i]
        ),
        "Yours is the least sum of costs that fits. The greedy choice is asked for, which is not always that one.": _best,
        "All your layers have one width.": _one_width,
        "You return the most bits for all, whatever the budget.": lambda costs, weights, budget: [
            len(row) - 1 for row in costs
        ],
        "You return how many bits are taken away. Return those that are left.": lambda costs, weights, budget: [
            len(row) - 1 - b for row, b in zip(costs, _from_above()(costs, weights, budget), strict=True)
        ],
        "You begin with one bit too many: a list of three costs is for 0, 1 and 2 bits.": _from_above(
            then=lambda bits: [b + 1 for b in bits]
        ),
        "You return the bits of the file for each layer. Return the bits of a weight.": lambda costs, weights, budget: [
            b * n for b, n in zip(_from_above()(costs, weights, budget), weights, strict=True)
        ],
    }
    compare(
        answer,
        right=_from_above(),
        wrong=wrong,
        names=("costs", "weights", "budget"),
        edges=[
            ([[4.0, 1.0, 0.0], [6.0, 2.0, 0.0]], [1, 8], 10),
            ([[3.0, 1.0, 0.0]], [2], 4),  # it fits as it is
            ([[3.0, 1.0, 0.0]], [2], 0),
            ([[2.0, 1.0, 0.0], [2.0, 1.0, 0.0]], [1, 1], 3),  # equal layers
            ([[4.0, 0.0], [8.0, 0.0], [1.0, 0.0]], [4, 8, 2], 9),
            ([[9.0, 0.5, 0.0], [3.0, 1.5, 0.0]], [1, 1], 2),  # the second bit of the first layer is dear
            ([[1.0, 2.0, 0.0], [5.0, 3.0, 0.0]], [2, 2], 4),
            ([[4.0, 1.0, 0.0]], [2], 9),  # a hill
            ([[1.0, 1.5], [1.0, 4.0]], [1, 1], 1),  # a bit less makes both cheaper
        ],
        inputs=_budgets(),
        rtol=0.0,
    )
