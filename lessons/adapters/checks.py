"""Checks of the lesson `adapters`."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from statistics import fmean, median

import torch
from hypothesis import strategies as st

from course_utils.exercises.bests import OTHERS
from course_utils.exercises.core import Mistake, check
from course_utils.exercises.inputs import numbers, shapes, tensors
from course_utils.exercises.investigation import Run, World, investigate, numbered, told
from course_utils.exercises.search import compare


def _as_tensor(value: object, like: torch.Tensor, wanted: str, given: str) -> torch.Tensor:
    """The returned tensor as numbers; a `Mistake` for what is none in the shape of `like`."""
    try:
        found = torch.as_tensor(value).detach().to_dense().double()
        shape = found.shape
    except Exception:  # whatever torch says to it, it is no tensor of numbers
        raise Mistake("Your function did not return a tensor of numbers.", f"Return {wanted}.") from None
    if shape != like.shape:
        raise Mistake(f"Your result has another shape than {wanted}.", f"It has the shape of `{given}`.")
    return found


# ---- exercise 1 --------------------------------------------------------------------------------------


@st.composite
def _adapters(draw: Callable) -> tuple:
    """(weight, a, b, alpha): small whole numbers and halves; rank 1 to 3."""
    rows, columns, rank = draw(st.integers(1, 3)), draw(st.integers(1, 3)), draw(st.integers(1, 3))
    halves = numbers(-2, 2, step=0.5)
    weight, a, b = (draw(tensors(shape, halves)) for shape in ((rows, columns), (rank, columns), (rows, rank)))
    return weight, a, b, draw(st.integers(1, 8))


@check(
    "Exercise 1, Merge a bypass",
    why="Both paths are linear in the same input, so their matrices can be added before the input comes. The scale alpha / r belongs to the bypass and has to go into the sum.",
)
def merged_weight(answer: Callable) -> None:
    """``merged_weight(weight, a, b, alpha) -> weight``: W + alpha / r · B A."""

    def rule(scale=lambda alpha, a, b: alpha / len(a), join=lambda w, s, ba: w + s * ba):
        return lambda weight, a, b, alpha: join(weight, scale(alpha, a, b), b @ a)

    def turned(weight, a, b, alpha):
        change = (b @ a).T
        if change.shape != weight.shape:
            raise RuntimeError("the shapes do not fit")
        return weight + alpha / len(a) * change

    def turned_by_view(weight, a, b, alpha):
        return weight + alpha / len(a) * (a.T @ b.T).reshape(weight.shape)

    def broadcast(product):
        return lambda weight, a, b, alpha: weight + alpha / len(a) * product(a, b)

    wrong = {
        "You add B A as it is. It is scaled: alpha over the rank.": rule(lambda alpha, a, b: 1.0),
        "You multiply by alpha and do not divide by the rank.": rule(lambda alpha, a, b: float(alpha)),
        "You divide by the rank and forget alpha.": rule(lambda alpha, a, b: 1 / len(a)),
        "You turn the fraction round: it is alpha over the rank.": rule(lambda alpha, a, b: len(a) / alpha),
        "You divide by the number of columns. The rank is the number of rows of a.": rule(
            lambda alpha, a, b: alpha / a.shape[1]
        ),
        "You divide by the number of rows of the weight. The rank is the number of rows of a.": rule(
            lambda alpha, a, b: alpha / len(b)
        ),
        "You divide by the root of the rank (a variant, rsLoRA). Here it is alpha over the rank.": rule(
            lambda alpha, a, b: alpha / math.sqrt(len(a))
        ),
        "You divide by the rank two times: it is alpha over the rank.": rule(lambda alpha, a, b: alpha / len(a) ** 2),
        "You divide by how many numbers `a` has. The rank is its number of rows.": rule(
            lambda alpha, a, b: alpha / a.numel()
        ),
        "You divide by 4, a rank of the lesson. The rank is the number of rows of a.": rule(
            lambda alpha, a, b: alpha / 4
        ),
        "You divide by the smaller side of the weight. The rank is the number of rows of a, and may be any number.": rule(
            lambda alpha, a, b: alpha / min(len(b), a.shape[1])
        ),
        "You use the first row of a and the first column of b alone. All of them belong to B A.": lambda weight, a, b, alpha: (
            weight + alpha / len(a) * b[:, :1] @ a[:1]
        ),
        "Your fraction is a whole number: use / and not //.": rule(lambda alpha, a, b: alpha // len(a)),
        "You add the change transposed. Rows of B belong to rows of the weight: b @ a.": (
            turned,
            turned_by_view,
            broadcast(lambda a, b: a.T @ b.T),
        ),
        "You multiply A by B. The other order gives the shape of the weight: b @ a.": broadcast(lambda a, b: a @ b),
        "You multiply number by number. B A is a product of matrices: b @ a.": broadcast(lambda a, b: b * a),
        "You subtract the change. The bypass adds to the layer's output.": rule(join=lambda w, s, ba: w - s * ba),
        "You merge twice: the change is in your result two times.": rule(join=lambda w, s, ba: w + 2 * s * ba),
        "You return the change alone. Add it to the weight.": rule(join=lambda w, s, ba: s * ba),
        "You scale the weight, too. The fraction belongs to the bypass alone.": rule(
            join=lambda w, s, ba: s * (w + ba)
        ),
        "You round the result. Here the weight is a float, and the merge exact.": rule(
            join=lambda w, s, ba: (w + s * ba).round()
        ),
        "You round the change. Here the weight is a float, and the merge exact.": rule(
            join=lambda w, s, ba: w + (s * ba).round()
        ),
        "You return the weight as it was.": rule(join=lambda w, s, ba: w.clone()),
    }
    compare(
        answer,
        right=rule(),
        wrong=wrong,
        names=("weight", "a", "b", "alpha"),
        edges=[
            (torch.tensor([[1.0, 0], [0, 1]]), torch.tensor([[1.0, -2]]), torch.tensor([[0.5], [3]]), 2),
            (torch.zeros(3, 2), torch.tensor([[1.0, 2], [0.5, -1]]), torch.tensor([[1.0, 0], [0, 1], [2, 2]]), 8),
            (torch.tensor([[1.5, -1, 0.5]]), torch.tensor([[1.0, 0.5, 2], [1, 1, 1]]), torch.tensor([[2.0, -1.5]]), 3),
            (torch.tensor([[0.5, 2]]), torch.tensor([[1.0, 2]]), torch.zeros(1, 1), 4),
            (torch.tensor([[0.0, 0.0]]), torch.tensor([[0.0, 0.0]]), torch.tensor([[0.0]]), 2),
        ],
        inputs=_adapters(),
        rtol=1e-5,
        atol=1e-5,
        view=lambda value, weight, *_: _as_tensor(value, weight, "the new weight", "weight"),
    )


# ---- exercise 2 --------------------------------------------------------------------------------------

BASES = ("2 bits", "float")
RATES = (0.0003, 0.001, 0.003, 0.01, 0.03)
SEEDS = 5


WINNERS = ("repair", "training", "both", "nothing")


def _counts(low: float, high: float, limit: float = 20, beyond: float = 20) -> str:
    """The card's rule, from what the 2-bit base and the float base win."""
    return _by_two(high > limit, low - high > beyond)


def _by_two(training: bool, repair: bool) -> str:
    return "both" if training and repair else "training" if training else "repair" if repair else "nothing"


ASKED = {  # other rules for what the 2-bit base and the float base win
    "if the 2-bit base need not win anything beyond the float base": lambda low, high: _by_two(high > 20, low > 20),
    "if the 2-bit base must win twice as much as the float base": lambda low, high: _by_two(
        high > 20, low > max(20, 2 * high)
    ),
    "if the larger part of what the 2-bit base wins decides": lambda low, high: (
        "nothing" if low <= 20 else "repair" if high < low / 2 else "training"
    ),
    'if "training" is concluded without asking for a repair': lambda low, high: (
        "training" if high > 20 else "repair" if low - high > 20 else "nothing"
    ),
    'if "repair" is concluded without asking for training': lambda low, high: (
        "repair" if low - high > 20 else "training" if high > 20 else "nothing"
    ),
    "if the sign of the difference is left out": lambda low, high: _counts(high + abs(low - high), high),
    "if the two bases are exchanged": lambda low, high: _counts(high, low),
    'if "repair" and "training" are exchanged': lambda low, high: {"repair": "training", "training": "repair"}.get(
        _counts(low, high), _counts(low, high)
    ),
    "if anything above 0 counts": lambda low, high: _counts(low, high, 0, 0),
    "if the limits are in nats, 0.02": lambda low, high: _counts(low, high, 0.02, 0.02),
    "if training counts from 0 on": lambda low, high: _counts(low, high, 0, 20),
    "if a repair counts from 0 on": lambda low, high: _counts(low, high, 20, 0),
    "if less than 20 counts, for example 15": lambda low, high: _counts(low, high, 15, 15),
    "if less than 20 counts, for example 10": lambda low, high: _counts(low, high, 10, 10),
    "if more than 20 is asked for, for example 25": lambda low, high: _counts(low, high, 25, 25),
    "if more than 20 is asked for, for example 40": lambda low, high: _counts(low, high, 40, 40),
    "if the 2-bit base must win more than 40, whatever the float base wins": lambda low, high: _by_two(
        high > 20, low > 40
    ),
    "if nothing counts where the 2-bit base wins 20 or less": lambda low, high: (
        "nothing" if low <= 20 else _counts(low, high)
    ),
}


def _others(runs: Sequence[Run]) -> dict[str, str]:
    """Rules that are not the card's -> what they conclude from these runs."""
    of: dict[str, dict[float, dict[float, float]]] = {base: {} for base in BASES}  # base -> rate -> seed -> gain
    for run in runs:
        of[run.arm].setdefault(run.settings["rate"], {})[run.settings["seed"]] = run.result

    def wins(base: str, pick: Callable = fmean, over: Callable = max) -> float:
        return over([pick(list(own.values())) for own in of[base].values()])

    def both(pick: Callable = fmean, over: Callable = max, floor: Callable = lambda won: max(0.0, won)) -> list[float]:
        return [floor(wins(base, pick, over)) for base in BASES]

    mean = {base: {rate: fmean(own.values()) for rate, own in rates.items()} for base, rates in of.items()}
    found = {how: rule(*both()) for how, rule in ASKED.items()}
    found |= {how: _counts(*both(pick)) for how, pick in OTHERS.items()}
    found["if gains below 0 are counted as 0, run by run"] = _counts(
        *both(lambda own: fmean(max(0.0, one) for one in own))
    )
    found["if a base whose means are all below 0 wins less than 0"] = _counts(*both(floor=lambda won: won))
    found["if a loss counts as a gain"] = _counts(*both(lambda own: abs(fmean(own))))
    for how, over in (("the mean of", fmean), ("the median of", median), ("the least of", min)):
        found[f"if {how} the five rates is taken, and not the best"] = _counts(*both(over=over))
    found["if the highest rate is left out"] = _counts(*both(over=lambda means: max(means[:-1] or means)))
    found["if the lowest rate is left out"] = _counts(*both(over=lambda means: max(means[1:] or means)))
    for rate in mean["float"]:
        found[f"if the rate {rate:g} is taken for both bases"] = _counts(
            *(max(0.0, mean[base].get(rate, 0.0)) for base in BASES)
        )
    for leader, follower in (BASES, BASES[::-1]):
        rate = max(mean[leader], key=mean[leader].get)
        found[
            f"if the best rate of the {leader} base is taken for the {follower} base, too".replace("2 bits", "2-bit")
        ] = _counts(*(max(0.0, mean[base].get(rate, 0.0)) for base in BASES))
    high = max(0.0, wins("float"))
    lead = max(mean["2 bits"][rate] - mean["float"].get(rate, 0.0) for rate in mean["2 bits"])
    found["if the largest lead at any one rate is taken for a repair"] = _counts(high + lead, high)
    seeds = list(next(iter(of["float"].values())))
    own = {base: [max(own.get(seed, 0.0) for own in of[base].values()) for seed in seeds] for base in BASES}
    found["if each seed has a best rate of its own"] = _counts(*(max(0.0, fmean(own[base])) for base in BASES))
    votes = [_counts(*(max(0.0, one) for one in pair)) for pair in zip(*(own[base] for base in BASES), strict=True)]
    found["if each seed gives a conclusion, and the most frequent one is taken"] = max(votes, key=votes.count)
    return found


def _model(
    said: str,
    right: str,
    hint: str,
    low: Sequence[float],
    float_: Sequence[float],
    *,
    alone: tuple[float, float] = (0.0, 0.0),
    of_float: tuple[float, float] = (0.0, 0.0),
    turns: Sequence[float] | None = None,
    seeds: Sequence[int] = (2,),
) -> World:
    """A made-up model: what training wins on both bases.

    Args:
        said, right, hint: of the world.
        low, float_: mean gain of the 2-bit base and of the float base at each of the five rates.
        alone: added on 2 bits in the uneven seeds of five, and in each of the others.
        of_float: the same for the float base.
        turns: the gain of the 2-bit base at each rate with every second seed; None = as with the others.
        seeds: which of five are uneven.
    """
    usual, uneven = {"2 bits": low, "float": float_}, {"2 bits": alone, "float": of_float}

    def gain(base: str, number: int, *, rate: float, seed: float) -> float:
        which = [k for k, known in enumerate(RATES) if math.isclose(rate, known, rel_tol=1e-6)]
        if not which:
            raise ValueError(f"rate is one of {', '.join(map(str, RATES))}, got {rate:g}.")
        luck = (0.0, 0.3, -0.3, 0.2, -0.2)[int(seed) % 5]  # for both bases alike; 0 in the mean over five
        at = turns if turns and base == "2 bits" and int(seed) % 2 else usual[base]
        return round(at[which[0]] + uneven[base][0 if int(seed) % 5 in seeds else 1] + luck, 2)

    return World(said, right, numbered(gain), hint)


MODELS = (
    _model(
        "the 2-bit base wins 105, and the float base nothing at any rate.",
        "repair",
        "The float base wins nothing here at any rate, so more training alone explains none of the gain on 2 bits.",
        (30, 78, 105, 95, 20),
        (-1, -2, -5, -20, -90),
    ),
    _model(
        "both bases win about 90: the model had not finished learning.",
        "training",
        "The float base wins as much as the 2-bit base here, and it has no rounding to repair. Only what the 2-bit base wins "
        "beyond it can be a repair.",
        (35, 70, 93, 80, 30),
        (30, 68, 90, 75, 25),
    ),
    _model(
        "the float base wins 45, and the 2-bit base 120.",
        "both",
        "Here more training wins 45 and the repair 75 on top of it. That one of the two counts, or is the larger one, does not "
        "rule the other out.",
        (40, 85, 120, 100, 30),
        (10, 30, 45, 30, -20),
    ),
    _model(
        "both bases win 19.5.",
        "nothing",
        "The largest of all means is 19.5 here. The card says that more than 20 count.",
        (3, 8, 19.5, 5, -30),
        (1, 3, 19.5, -6, -50),
    ),
    _model(
        "the float base wins 30, and the 2-bit base 49.5: 19.5 more.",
        "training",
        "The 2-bit base wins 19.5 beyond the float base here. The card says that more than 20 count.",
        (10, 25, 49.5, 40, -5),
        (12, 22, 30, 8, -40),
    ),
    _model(
        "the float base wins 20.5, and the 2-bit base 41: 20.5 more.",
        "both",
        "20.5 count for the float base here, and so do the 20.5 that the 2-bit base wins beyond it. The card's limit is 20.",
        (10, 30, 41, 39, -5),
        (8, 18, 20.5, 8, -40),
    ),
    _model(
        "the float base wins 80 at a rate of 0.0003 and loses at 0.01, where the 2-bit base wins 90.",
        "training",
        "The bases have different best rates here. At one rate for both, or in a mean over rates, the float base seems to win "
        "little. Give each base its own best rate.",
        (10, 25, 55, 90, 40),
        (80, 45, 5, -60, -200),
    ),
    _model(
        "the 2-bit base wins 10 with four seeds and 160 with the fifth, 40 in the mean.",
        "repair",
        "One seed in five wins 160 here, and the others 10. The card asks for the mean: a median, the smallest value or a single "
        "seed does not see it.",
        (-20, -15, 0, -12, -30),
        (-3, -2, 2, -5, -60),
        alone=(160, 10),
    ),
    _model(
        "the 2-bit base wins 4 with four seeds and 64 with the fifth, 16 in the mean.",
        "nothing",
        "One seed in five wins 64 here, and the mean is 16. The best single training is mostly luck: the card asks for the mean.",
        (-20, -15, 0, -12, -30),
        (-3, -2, 2, -5, -60),
        alone=(64, 4),
    ),
    _model(
        "the 2-bit base wins 6 at best, and the float base loses 40 or more at every rate.",
        "nothing",
        "The float base loses at every rate here. Then it wins 0 by the card, because nobody has to train it, and a loss "
        "avoided is not a gain.",
        (-4, 3, 6, -15, -70),
        (-40, -45, -60, -90, -300),
    ),
    _model(
        "the float base wins 110, and the 2-bit base only 60.",
        "training",
        "The 2-bit base wins 50 *less* than the float base here. That is no repair: keep the sign of a difference.",
        (20, 45, 60, 50, 10),
        (60, 95, 110, 90, 40),
    ),
    _model(
        "both bases win 60 at best; with a rate of 0.0003 or 0.001 the float base wins next to nothing.",
        "training",
        "Both bases have their best rate at 0.03 here, the highest. Who leaves some of the five rates out, or takes "
        "a rate by habit, does not see what the float base can win.",
        (25, 40, 50, 55, 60),
        (0, 2, 8, 30, 60),
    ),
    _model(
        "the float base wins 12 with four seeds and 82 with the fifth, 26 in the mean; the 2-bit base wins 100.",
        "both",
        "The float base wins 26 in the mean here, 12 with most seeds and 82 with one. The card asks for the mean of both bases.",
        (30, 78, 100, 90, 20),
        (-30, -20, 0, -15, -60),
        of_float=(82, 12),
    ),
    _model(
        "the float base loses at every rate, and the 2-bit base wins 19.5.",
        "nothing",
        "The 2-bit base wins 19.5 here, and the float base 0. The card says that more than 20 count, also where the twin wins nothing.",
        (-4, 8, 19.5, -15, -70),
        (-3, -5, -9, -20, -90),
    ),
    _model(
        "the float base loses at every rate, and the 2-bit base wins 20.5.",
        "repair",
        "The 2-bit base wins 20.5 here, and the float base 0. The card says that more than 20 count, also where the twin wins nothing.",
        (-4, 8, 20.5, -15, -70),
        (-3, -5, -9, -20, -90),
    ),
    _model(
        "the float base wins 30, and the 2-bit base only 10.",
        "training",
        "The 2-bit base wins 10 here, and the float base 30. More training counts by what the float base wins, whatever the 2-bit base does.",
        (4, 8, 10, 5, -20),
        (12, 22, 30, 8, -40),
    ),
    _model(
        "the 2-bit base wins 119 with one seed of five and loses 11 with the others: 15 in the mean.",
        "nothing",
        "One seed in five wins 119 here, and the four others lose. The mean of all five is 15: a run that loses counts as it is, and not as 0.",
        (-20, -15, -1, -12, -30),
        (-3, -2, 2, -5, -60),
        alone=(120, -10),
    ),
    _model(
        "the 2-bit base wins 30 at a rate of 0.001 with every second seed and at 0.003 with the others, and at neither more than 14 in the mean.",
        "nothing",
        "One seed is better at 0.001 here, and the next one at 0.003. The card asks for the mean over the seeds at each rate, and then for the best rate.",
        (-20, 30, -10, -12, -30),
        (-3, -2, 2, -5, -60),
        turns=(-20, -10, 30, -12, -30),
    ),
    _model(
        "the 2-bit base wins 75 with the first seed and with the last of five, nothing with the others, and 30 in the mean.",
        "repair",
        "The first seed and the last one win 75 here, and the three others nothing. Every run counts in the mean, the first and the last as well.",
        (-20, -15, 0, -12, -30),
        (-3, -2, 2, -5, -60),
        alone=(75, 0),
        seeds=(0, 4),
    ),
    _model(
        "both bases have their best rate at 0.001, where the float base wins 60 and the 2-bit base 70.",
        "training",
        "The float base wins 60 here at a rate of 0.001, and less than 20 at any other. All five rates count, also those between two others.",
        (20, 70, 50, 45, 10),
        (0, 60, 10, -5, -40),
    ),
    _model(
        "the float base wins 25, and the 2-bit base 200.",
        "both",
        "The float base wins 25 here, which is an eighth of what the 2-bit base wins. The card asks for more than 20, and not for a share.",
        (60, 150, 200, 160, 40),
        (10, 20, 25, 12, -20),
    ),
)


def _all_rates(runs: Sequence[Run]) -> None:
    """Raise a `Mistake` where a base was not trained at each of the five rates."""
    for base in BASES:
        tried = {run.settings["rate"] for run in runs if run.arm == base}
        missing = [rate for rate in RATES if not any(math.isclose(rate, own, rel_tol=1e-6) for own in tried)]
        if missing:
            raise Mistake(
                f"Your experiment never trains {base!r} at a rate of {missing[0]:g}.",
                "A base is at its best at a rate that you do not know. Try all five for both.",
                told(runs, BASES),
            )


@check(
    "Exercise 2, The bypass, or only more training?",
    why="The twin has the same bypass, rates, seeds and text, and no rounding to repair. So what it wins is what more training wins, and "
    "only what the 2-bit base wins beyond that can be a repair.",
)
def what_won(answer: Callable) -> None:
    """``what_won(gain) -> "repair", "training", "both" or "nothing"``, for made-up models."""
    investigate(
        answer,
        MODELS,
        arms=BASES,
        settings={"rate": 0.003, "seed": 0},
        least={"seed": SEEDS},
        conclusions=WINNERS,
        look=_all_rates,
        crossed=("rate", "seed"),
        others=_others,
        name="gain",
    )


# ---- exercise 3 --------------------------------------------------------------------------------------


@st.composite
def _codes(draw: Callable) -> tuple:
    """(codes, scale, change, bits); no change lies half-way between two codes."""
    bits, shape = draw(st.integers(1, 4)), draw(shapes(most=3))
    n = math.prod(shape)
    scale = draw(st.sampled_from([0.5, 0.25, 2.0, 0.125]))
    codes = draw(st.lists(st.integers(0, 2**bits - 1), min_size=n, max_size=n))
    eighths = draw(st.lists(st.integers(-20, 20).filter(lambda k: k % 8 != 4), min_size=n, max_size=n))
    change = torch.tensor([k * scale / 8 for k in eighths])
    return torch.tensor(codes).view(shape), scale, change.view(shape), bits


def _kept_where(codes: torch.Tensor, moved: torch.Tensor, stays: torch.Tensor) -> torch.Tensor:
    return torch.where(stays, codes.to(moved), moved)


@check(
    "Exercise 3, Merge into the codes",
    why="A code can move only by whole steps, so the change is divided by the scale and rounded, and the ends of the grid hold it. What is smaller than half a step is lost, which is why merging into few bits undoes a fine bypass.",
)
def merged_codes(answer: Callable) -> None:
    """``merged_codes(codes, scale, change, bits) -> codes`` on the same grid."""

    def rule(*, move=lambda change, scale: change / scale, to=torch.round, low=lambda b: 0, high=lambda b: 2**b - 1):
        return lambda codes, scale, change, bits: to(codes + move(change, scale)).clamp(low(bits), high(bits))

    right = rule()
    wrong = {
        "Your codes leave the grid. They stop at 0 and at 2**bits - 1.": rule(
            low=lambda b: -math.inf, high=lambda b: math.inf
        ),
        "Your codes fall below 0.": rule(low=lambda b: -math.inf),
        "Your codes rise above 2**bits - 1.": rule(high=lambda b: math.inf),
        "Your largest code is 2**bits. With 0 that is one too many.": rule(high=lambda b: 2**b),
        "Your codes are limited as if they had a sign. They go from 0 to 2**bits - 1.": rule(
            low=lambda b: -(2 ** (b - 1)), high=lambda b: 2 ** (b - 1) - 1
        ),
        "Your codes stop at `bits`. The largest code is 2**bits - 1.": rule(high=lambda b: b),
        "Your limits are the least and the largest of the codes that you are given. The grid goes from 0 to 2**bits - 1.": (
            lambda codes, scale, change, bits: (codes + change / scale).round().clamp(codes.min(), codes.max())
        ),
        "Beyond an end of the grid your codes begin anew at the other end. They stop at the end.": (
            lambda codes, scale, change, bits: (codes + change / scale).round() % 2**bits
        ),
        "A code that would leave the grid stays where it was in your result. It moves to the end of the grid.": (
            lambda codes, scale, change, bits: _kept_where(
                codes, moved := (codes + change / scale).round(), (moved < 0) | (moved > 2**bits - 1)
            )
        ),
        "A code at an end of the grid does not move in your result. It can move inwards.": (
            lambda codes, scale, change, bits: _kept_where(
                codes, right(codes, scale, change, bits), (codes == 0) | (codes == 2**bits - 1)
            )
        ),
        "You limit the change to 0 and 2**bits - 1, so no code moves down. The code has these limits, and not the change.": (
            lambda codes, scale, change, bits: codes + (change / scale).round().clamp(0, 2**bits - 1),
            lambda codes, scale, change, bits: (codes + (change / scale).round().clamp(min=0)).clamp(0, 2**bits - 1),
        ),
        "Your codes move by one step at most. A large change moves them by several.": (
            lambda codes, scale, change, bits: (codes + (change / scale).round().clamp(-1, 1)).clamp(0, 2**bits - 1)
        ),
        "Codes below 0 begin anew at 255 in bytes without a sign (uint8). Limit the codes first, and change their type then.": (
            lambda codes, scale, change, bits: ((codes + (change / scale).round()) % 256).clamp(0, 2**bits - 1)
        ),
        "You take the size of the change, without its sign.": rule(move=lambda change, scale: change.abs() / scale),
        "You divide the codes by the scale as well. They are counted in steps already: divide the change alone.": (
            lambda codes, scale, change, bits: ((codes + change) / scale).round().clamp(0, 2**bits - 1)
        ),
        "You cut off in place of rounding: a code moves to the nearest.": (
            rule(to=torch.trunc),
            rule(to=torch.floor),
            lambda codes, scale, change, bits: (codes + (change / scale).trunc()).clamp(0, 2**bits - 1),
        ),
        "You round up. A code moves to the nearest.": rule(to=torch.ceil),
        "You do not round. A code is a whole number.": rule(to=lambda value: value),
        "You add the change to the codes as it is. Count it in steps: divide by the scale.": rule(
            move=lambda change, scale: change
        ),
        "You multiply by the scale. Divide, to count the change in steps.": rule(
            move=lambda change, scale: change * scale
        ),
        "You subtract the change.": rule(move=lambda change, scale: -change / scale),
        "You return how far the codes move. Add the codes.": lambda codes, scale, change, bits: (
            right(codes, scale, change, bits) - codes
        ),
        "You return the rounded change and leave the codes out.": lambda codes, scale, change, bits: (
            (change / scale).round().clamp(0, 2**bits - 1)
        ),
        "You return weights. Wanted are the codes.": lambda *args: right(*args) * args[1],
        "You return the codes as they were. A change of more than half a step can move a code.": (
            lambda codes, scale, change, bits: codes.clone()
        ),
        "You merge twice.": rule(move=lambda change, scale: 2 * change / scale),
    }
    compare(
        answer,
        right=right,
        wrong=wrong,
        names=("codes", "scale", "change", "bits"),
        edges=[
            (torch.tensor([0, 1, 2, 3]), 0.5, torch.tensor([0.125, 0.375, -0.375, 0.75]), 2),
            (torch.tensor([0, 3, 1]), 0.25, torch.tensor([-0.5, 0.5, -0.0625]), 2),
            (torch.tensor([[1], [0]]), 2.0, torch.tensor([[-1.5], [0.75]]), 1),
            (torch.tensor([0, 1]), 1.0, torch.tensor([0.0, 0.0]), 2),
        ],
        inputs=_codes(),
        atol=1e-6,
        view=lambda value, codes, *_: _as_tensor(value, codes, "the codes", "codes"),
    )
