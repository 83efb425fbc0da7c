"""Checks of the lesson `patterns`: what the lost points paid for, 2:4 masks, and what batch norm stores."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from statistics import geometric_mean, mean, median

import numpy as np
import torch
from hypothesis import strategies as st
from torch.nn import functional as F

from course_utils.exercises.bests import midrange, trimmed
from course_utils.exercises.core import Mistake, check
from course_utils.exercises.inputs import tensors
from course_utils.exercises.investigation import (
    Run,
    World,
    comes_out,
    investigate,
    numbered,
    one_alone,
    one_in_three,
)
from course_utils.exercises.masks import as_mask
from course_utils.exercises.search import compare

# ---- exercise 1 --------------------------------------------------------------------------------------

REMOVED = ("anywhere", "2:4")
COSTS = ("pattern", "training", "statistics", "nothing")
PLANS = ("trained", "fresh", "stored")  # in the order in which the card asks for their gaps
IN_WORDS = {
    "trained": "after 150 steps of training",
    "fresh": "with the statistics estimated anew and no training",
    "stored": "with the stored statistics and no training",
}
ASKED_FOR = {"trained": "anew=1, steps=150", "fresh": "anew=1, steps=0", "stored": "anew=0, steps=0"}
LEVEL = {"stored": 88.0, "fresh": 91.0, "trained": 91.5}  # of "anywhere" in most worlds, percent right
LEAST_NETWORKS = 5


def _plan(settings: Mapping[str, float]) -> str:
    """Which of the three moments these settings are; training measures the statistics anew by itself."""
    if settings["steps"]:
        return "trained"
    return "fresh" if settings["anew"] else "stored"


def _gap(runs: Sequence[Run], plan: str, pick: Callable = mean) -> float | None:
    """How far 2:4 stays behind in a plan; None where it was not run."""
    own = {removed: [r.result for r in runs if r.arm == removed and _plan(r.settings) == plan] for removed in REMOVED}
    return pick(own["anywhere"]) - pick(own["2:4"]) if all(own.values()) else None


def _first_that_counts(gaps: Mapping[str, float | None], limit: float = 1, size: Callable = float) -> str:
    """The card's rule: from the last moment back to the first, the first gap that counts names what the points paid for."""
    for plan, cost in zip(PLANS, COSTS, strict=False):
        if gaps[plan] is not None and size(gaps[plan]) > limit:
            return cost
    return "nothing"


def _follows_from(runs: Sequence[Run]) -> str | None:
    """What the card concludes from the runs; None where a gap lies at the border."""
    gaps = {plan: _gap(runs, plan) for plan in PLANS}
    if any(gap is not None and abs(gap - 1) < 1e-9 for gap in gaps.values()):
        return None
    return _first_that_counts(gaps)


def _other_rules(runs: Sequence[Run]) -> dict[str, str]:
    """A rule that is not the card's -> what it concludes from the runs."""
    gaps = {plan: _gap(runs, plan) for plan in PLANS}
    moved = {
        plan: None if gap is None else [r.result for r in runs if r.arm == "2:4" and _plan(r.settings) == plan]
        for plan, gap in gaps.items()
    }
    won = {
        plan: mean(found) - mean(moved["stored"]) if found and moved["stored"] else 0.0 for plan, found in moved.items()
    }
    from_the_front = next(
        (
            cost
            for plan, cost in zip(PLANS[::-1], ("nothing", "statistics", "training"), strict=True)
            if gaps[plan] is not None and gaps[plan] <= 1
        ),
        "pattern",
    )
    by = {
        how: _first_that_counts({plan: _gap(runs, plan, pick) for plan in PLANS})
        for how, pick in {
            "if the median network stands in place of the mean": median,
            "if the best network is taken": max,
            "if the worst network is taken": min,
            "if the best and the worst network are left out": trimmed,
            "if the middle between best and worst is taken": midrange,
            "if one network is taken": lambda found: found[0],
            "if the first network is left out": lambda found: mean(found[1:] or found),
            "if the geometric mean is taken in place of the mean": lambda found: geometric_mean(
                max(r, 1e-9) for r in found
            ),
        }.items()
    }
    counts = {plan: (gap or 0.0) > 1 for plan, gap in gaps.items()}
    return {
        "if 'training' is said only where the gap of the report counts as well": "pattern"
        if counts["trained"]
        else "nothing"
        if not counts["stored"]
        else _first_that_counts(gaps),
        "if the first moment at which the gap is small decides": from_the_front,
        "if the size of a gap counts, whatever its sign": _first_that_counts(gaps, size=abs),
        "if two points or more are asked for": _first_that_counts(gaps, limit=2),
        "if any gap above 0 counts": _first_that_counts(gaps, limit=0),
        "if the gap of the report alone is looked at": "pattern" if (gaps["stored"] or 0) > 1 else "nothing",
        "if what 2:4 gains by a step is looked at, and not the gap": "statistics"
        if won["fresh"] > 1
        else "training"
        if won["trained"] > 1
        else "pattern",
        **by,
    }


def _own_gaps(runs: Sequence[Run], got: str) -> str:
    """The gaps of the learner's own runs, what follows from them, and by which other rule `got` comes out."""
    told = "; ".join(f"{IN_WORDS[plan]} {gap:.2f}" for plan in PLANS if (gap := _gap(runs, plan)) is not None)
    others = [how for how, says in _other_rules(runs).items() if says == got]
    return (
        f"The gap, the mean of anywhere − 2:4, is {told}. It counts if it is more than 1.{comes_out(got, others[:4])}"
    )


def _networks(
    said: str,
    stored: float,
    fresh: float,
    trained: float,
    *,
    right: str | None = None,
    level: Mapping[str, float] = LEVEL,
    uneven: Mapping[str, float] | None = None,
    alone: float = 0.0,
    which: Callable[[float], bool] = one_alone,
    scatter: float = 3.0,
) -> World:
    """Made-up networks, some of which are better than others by several points, with both kinds of mask.

    Args:
        said: what is planted.
        stored, fresh, trained: how far 2:4 stays behind "anywhere", in points, at each moment.
        right: the conclusion; None where it hangs on the networks that somebody takes.
        level: what "anywhere" gets right at each moment.
        uneven: moment -> what every third network has in addition there, in points of the gap.
        alone: what a single network has in addition after the training.
        which: this network.
        scatter: how far networks differ, with both kinds of mask alike.
    """
    gaps = {"stored": stored, "fresh": fresh, "trained": trained}

    def measure(removed: str, number: int, *, anew: float, steps: float, seed: float) -> float:
        for word, value, known in (("anew", anew, (0, 1)), ("steps", steps, (0, 150))):
            if value not in known:
                raise ValueError(f"{word} must be {known[0]} or {known[1]}, got {value:g}.")
        plan = _plan({"anew": anew, "steps": steps})
        network = scatter * (((seed * 7919 + 13) % 101) / 50 - 1)
        luck = 0.005 * ((7 * seed + 3 * REMOVED.index(removed)) % 5 - 2)
        behind = gaps[plan] + (uneven or {}).get(plan, 0.0) * one_in_three(seed)
        behind += alone * (which(seed) and plan == "trained")
        return level[plan] + network + luck - (behind if removed == "2:4" else 0.0)

    return World(said, right or _follows_from, numbered(measure), _own_gaps)


def _odd(when: str, plan: str, more: float) -> World:
    """At one moment every third network is unlike the others; earlier the gap is large, and later it is small."""
    others = "have none" if more > 0 else "have a gap of 1.6"
    said = f"{when} one network in three {'has a gap of 6 points' if more > 0 else 'is far better with 2:4'}, and the others {others}"
    later = dict.fromkeys(PLANS[: PLANS.index(plan)], 0.2)
    gaps = dict.fromkeys(PLANS, 12.0) | later | {plan: 0.2 if more > 0 else 1.6}
    return _networks(said, **gaps, uneven={plan: more}, scatter=0.2)


REPORTED = (
    _networks(
        "2:4 stays 10 points behind, and fresh statistics help both kinds of mask by 13",
        10,
        10,
        10,
        right="pattern",
        level={"stored": 75.0, "fresh": 88.0, "trained": 89.0},
    ),
    _networks("the gap is gone as soon as the statistics are fresh", 12, 0.3, 0.2, right="statistics"),
    _networks("the gap is there with fresh statistics, and gone after the training", 12, 4, 0.2),
    _networks("the gap is nowhere more than 0.94 points", 0.94, 0.4, 0.3),
    _networks("with fresh statistics there is no gap, and after the training there is one of 3 points", 12, 0.3, 3),
    _networks(
        "with the stored statistics both kinds guess, so there is no gap, and there is one later",
        0,
        5,
        3,
        level={"stored": 13.0, "fresh": 86.0, "trained": 88.0},
    ),
    _networks("with fresh statistics 2:4 is 4 points ahead, and after the training 3", 12, -4, -3),
    _networks("after the training the gap is 1.06 points", 12, 5, 1.06),
    _networks("the gap is 1.06 points with fresh statistics, and 0.94 after the training", 12, 1.06, 0.94),
    _networks("the gap is 1.06 points with the stored statistics, and 0.94 with fresh ones", 1.06, 0.94, 0.5),
    _odd("after the training", "trained", 6),
    _odd("after the training", "trained", -6),
    _odd("with fresh statistics", "fresh", 6),
    _odd("with fresh statistics", "fresh", -6),
    _odd("with the stored statistics", "stored", 6),
    _odd("with the stored statistics", "stored", -6),
    _networks(
        "after the training a single network has a gap of 20 points, and the others have none",
        12,
        6,
        0.2,
        alone=20,
        scatter=0.2,
    ),
    _networks(
        "after the training a single network is far better with 2:4, and the others have a gap of 1.6",
        12,
        6,
        1.6,
        alone=-20,
        scatter=0.2,
    ),
    _networks(
        "after the training a single network has a gap of 3 points, and the others have none",
        12,
        6,
        0.2,
        alone=2.8,
        scatter=0.2,
    ),
    _networks(
        "after the training the first network has a gap of 20 points, and the others have none",
        12,
        6,
        0.2,
        alone=20,
        which=lambda seed: seed == 0,
        scatter=0.2,
    ),
    _networks(
        "the report shows no gap, with fresh statistics there is one of 4, and after the training none", 0.4, 4, 0.2
    ),
    _networks(
        "after the training 2:4 is ahead by 22 points, and one network in three is 35 behind",
        12,
        6,
        -22,
        level={"stored": 88.0, "fresh": 89.0, "trained": 60.0},
        uneven={"trained": 57.0},
        scatter=0.2,
    ),
)


def _enough_to_conclude(runs: Sequence[Run]) -> None:
    """Raise a `Mistake` where a moment that the rule needs was never run, or with too few networks."""
    for plan, cost in zip(PLANS, COSTS, strict=False):
        seeds = {run.settings["seed"] for run in runs if _plan(run.settings) == plan}
        if not seeds:
            raise Mistake(
                f"Your experiment has no runs {IN_WORDS[plan]}.",
                f"By the card {cost!r} hangs on the gap there, and the other moments do not tell it: ask for {ASKED_FOR[plan]}, with both kinds of mask.",
            )
        if len(seeds) < LEAST_NETWORKS:
            raise Mistake(
                f"You have {len(seeds)} network{'s' * (len(seeds) > 1)} {IN_WORDS[plan]}; the card asks for {LEAST_NETWORKS} or more.",
                "Networks differ by several points. Only the mean over several says what belongs to the mask.",
            )
        if _gap(runs, plan) > 1:
            return  # this gap decides; earlier moments are not needed


@check(
    "Exercise 1, What did the points pay for?",
    why="At each moment the two networks have as many zeros and the same treatment, so the gap belongs to the pattern and to "
    "what the pattern needs. A gap that a treatment closes was not the price of the pattern; what no treatment closes is.",
)
def what_it_cost(answer: Callable) -> None:
    """``what_it_cost(right) -> "pattern", "training", "statistics" or "nothing"``, on made-up networks."""
    investigate(
        answer,
        REPORTED,
        arms=REMOVED,
        settings={"anew": 0, "steps": 0, "seed": 0},
        least={"seed": LEAST_NETWORKS},
        conclusions=COSTS,
        rule=_follows_from,
        rule_said=_own_gaps,
        look=_enough_to_conclude,
        most_runs=2_000,
        name="right",
    )


# ---- exercise 2 --------------------------------------------------------------------------------------


def _groups(weight: torch.Tensor, *, rest_first: bool = False) -> list[tuple[int, slice]]:
    columns = weight.shape[1]
    starts = range(columns % 4 - 4 if rest_first and columns % 4 else 0, columns, 4)
    return [(row, slice(max(0, start), start + 4)) for row in range(len(weight)) for start in starts]


def _mask(weight: torch.Tensor, pick: Callable, *, rest_first: bool = False) -> torch.Tensor:
    """A mask made group by group; `pick` gives the places to keep in a group."""
    mask = torch.zeros_like(weight)
    for row, group in _groups(weight, rest_first=rest_first):
        mask[row, group][pick(weight[row, group])] = 1
    return mask


def _picked(*, size: Callable = torch.abs, count: Callable = lambda n: min(2, n), largest: bool = True) -> Callable:
    """A `pick` that takes the `count(n)` largest of a group of n."""
    return lambda group: size(group).topk(count(len(group)), largest=largest).indices


def _beyond(compared: Callable, rank: int) -> Callable:
    """A `pick` by a threshold, the `rank` largest magnitude; a group of two or less stays whole."""

    def pick(group: torch.Tensor) -> torch.Tensor:
        sizes = group.abs()
        ranked = sizes.sort(descending=True).values
        return torch.ones_like(sizes, dtype=torch.bool) if len(ranked) <= 2 else compared(sizes, ranked[rank - 1])

    return pick


def _larger_half(weight: torch.Tensor) -> torch.Tensor:
    mask = torch.zeros(weight.numel())
    mask[weight.abs().flatten().topk(weight.numel() // 2).indices] = 1
    return mask.reshape(weight.shape)


def _two_of_each_row(weight: torch.Tensor, count: int = 2) -> torch.Tensor:
    return torch.zeros_like(weight).scatter(1, weight.abs().topk(min(count, weight.shape[1])).indices, 1)


def _overlapping(weight: torch.Tensor) -> torch.Tensor:
    """Groups that begin at every column; what one of them keeps stays."""
    mask = torch.zeros_like(weight)
    for start in range(max(1, weight.shape[1] - 3)):
        group = slice(start, start + 4)
        mask[:, group] = torch.maximum(mask[:, group], _two_of_each_row(weight[:, group]))
    return mask


def _padded(weight: torch.Tensor) -> torch.Tensor:
    """Rows filled up with zeros to whole groups; torch decides which of equal ones are taken."""
    groups = F.pad(weight.abs(), (0, -weight.shape[1] % 4)).reshape(-1, 4)
    mask = torch.zeros_like(groups).scatter_(1, groups.topk(2).indices, 1)
    return mask.reshape(len(weight), -1)[:, : weight.shape[1]]


def _every_nth(n: int | None) -> Callable:
    """A mask of groups whose columns lie n apart, or so far that a group reaches over the whole row."""

    def mask_of(weight: torch.Tensor) -> torch.Tensor:
        step = n or -(-weight.shape[1] // 4)
        mask = torch.zeros_like(weight)
        for start in range(min(step, weight.shape[1])):
            mask[:, start::step] = _two_of_each_row(weight[:, start::step])
        return mask

    return mask_of


def _places_of_group(weight: torch.Tensor) -> torch.Tensor:
    """Places within a group, taken for columns of the matrix."""
    mask = torch.zeros_like(weight)
    for row, group in _groups(weight):
        mask[row, _picked()(weight[row, group])] = 1
    return mask


def _kept_sizes(value: object, weight: torch.Tensor) -> list[list[float]]:
    """The magnitudes that a mask keeps in each group, sorted: among equal ones any choice is right."""
    mask = as_mask(value, weight)
    return [sorted(weight[row, group][mask[row, group] == 1].abs().tolist()) for row, group in _groups(weight)]


@st.composite
def _matrices(draw: Callable) -> tuple[torch.Tensor]:
    """Matrices of 1 to 9 columns; in half of them no two magnitudes are equal, so that the order is clear."""
    rows, columns = draw(st.integers(1, 3)), draw(st.integers(1, 9))
    if draw(st.booleans()):
        return (draw(tensors((rows, columns), st.integers(-2, 2))),)
    sizes = torch.tensor(draw(st.permutations(range(1, rows * columns + 1))), dtype=torch.float32)
    return (sizes.reshape(rows, columns) * draw(tensors((rows, columns), st.sampled_from([1.0, -1.0]))),)


@check(
    "Exercise 2, A 2:4 mask",
    why="topk gives exactly two places, also where magnitudes are equal or 0, and the hardware has room for exactly two of "
    "each four. A threshold lets pass as many as happen to be large.",
)
def mask_2_4(answer: Callable) -> None:
    """``mask_2_4(weight) -> mask``, (rows, columns); where magnitudes are equal any choice is right."""

    def by(pick, **more):
        return lambda weight: _mask(weight, pick, **more)

    right = by(_picked())

    def alike_in_all_rows(size):
        return lambda w: right(size(w)).expand_as(w)

    def first_row_alone(rest):
        return lambda w: torch.cat([right(w[:1]), rest(w[1:])])

    wrong = {
        "Your groups run down the columns. A group is four neighbours in one row.": lambda w: right(w.T).T,
        "Your groups run on from one row into the next. Each row starts a group of its own: in a matrix product a row "
        "is one dot product.": lambda w: right(w.reshape(1, -1)).reshape(w.shape),
        "Your shorter group stands at the start of a row. It is what is left at the row's end.": by(
            _picked(), rest_first=True
        ),
        "You compare signed values: a large negative weight is dropped. Take absolute values.": by(
            _picked(size=lambda group: group)
        ),
        "You keep the two smallest of each group.": by(_picked(largest=False)),
        "Your mask has ones where weights go. One means that a weight stays.": lambda w: 1 - right(w),
        "You keep the first two of each group, or the last two, whatever their size. The two largest magnitudes stay.": (
            by(lambda group: torch.arange(min(2, len(group)))),
            by(lambda group: torch.arange(len(group))[-2:]),
        ),
        "You keep one weight of each group. Two of four stay.": by(_picked(count=lambda n: 1)),
        "You keep three weights of each group. Two of four stay.": by(_picked(count=lambda n: min(3, n))),
        "You keep everything: your mask is all ones. Two of four stay.": torch.ones_like,
        "You compare what argsort gives with a number of weights. It lists places in the order of size, and not the rank of "
        "each place: its last two numbers are the places that stay.": (
            by(lambda group: group.abs().argsort(stable=True) >= 2),
            by(lambda group: group.abs().argsort(descending=True, stable=True) < 2),
        ),
        "You take places within a group for columns of the matrix. Add the column at which the group starts.": (
            _places_of_group
        ),
        "Your groups take columns that lie apart. A group is four neighbours.": (_every_nth(None), _every_nth(4)),
        "Your groups have eight neighbours, of which four stay. In 2:4 two of each four do.": lambda w: torch.cat(
            [_two_of_each_row(part, 4) for part in w.split(8, dim=1)], dim=1
        ),
        "You compare with the middle or the mean of a group, so one, three or four may pass. Exactly two stay.": (
            by(lambda group: group.abs() > group.abs().median()),
            by(lambda group: group.abs() >= group.abs().median()),
            by(lambda group: group.abs() > group.abs().mean()),
            by(lambda group: group.abs() >= group.abs().mean()),
        ),
        "You choose the same columns for all rows. Each row has groups of its own.": (
            alike_in_all_rows(lambda w: w.abs().sum(0, keepdim=True)),
            alike_in_all_rows(lambda w: w.float().norm(dim=0, keepdim=True)),
            alike_in_all_rows(lambda w: w[:1]),
        ),
        "Only the first row of your mask is made. Does return stand inside of the loop?": (
            first_row_alone(torch.zeros_like),
            first_row_alone(torch.ones_like),
        ),
        "You keep one weight of the shorter group at a row's end, however long it is. It keeps its two largest, if it has "
        "two.": by(_picked(count=lambda n: 2 if n == 4 else 1)),
        "You keep the larger half of the whole matrix. 2:4 asks for two in every group.": _larger_half,
        "You keep the larger half of each row. 2:4 asks for two in every group of four.": (
            lambda w: torch.cat([_larger_half(row) for row in w.split(1)]),
            lambda w: torch.zeros_like(w).scatter(1, w.abs().topk((w.shape[1] + 1) // 2).indices, 1),
        ),
        "You keep two weights of each row, however long it is. Two of every four neighbours stay.": _two_of_each_row,
        "Your groups overlap: one begins at every column. They stand side by side, one begins at every fourth.": _overlapping,
        "You keep one of each pair of neighbours: that is 1:2. In 2:4 the two may stand side by side.": lambda w: (
            torch.cat([by(_picked(count=lambda n: 1))(pair) for pair in w.split(2, dim=1)], dim=1)
        ),
        "You keep all of the shorter group at a row's end, also where it has three. It keeps its two largest, like the "
        "others.": by(_picked(count=lambda n: 2 if n == 4 else n)),
        "You keep nothing of the shorter group at a row's end. It keeps its two largest, or the only one that it "
        "has.": by(_picked(count=lambda n: 2 if n == 4 else 0)),
        "You keep nothing of a row's last group, be it whole or shorter. Does your loop reach it?": lambda w: (
            right(w) * (torch.arange(w.shape[1]) < (w.shape[1] - 1) // 4 * 4)
        ),
        "You keep half of the shorter group at a row's end, rounded down. It keeps two where it has two, one where it "
        "has one.": by(_picked(count=lambda n: n // 2)),
        "You keep half of the shorter group at a row's end, rounded up. Where it has two, both stay.": by(
            _picked(count=lambda n: (n + 1) // 2)
        ),
        "Where magnitudes are equal you keep three or four: a threshold lets all of them pass. The hardware has room "
        "for two.": by(_beyond(torch.ge, 2)),
        "Where magnitudes are equal you keep fewer than two: none of the equal ones passes. Two stay, whichever.": by(
            _beyond(torch.gt, 3)
        ),
        "You fill the shorter group up with zeros, and where it has zeros of its own these can lose their place to "
        "them. Fill up with a negative number, after the absolute value.": _padded,
        "Where weights are 0 your mask keeps too few. A weight of 0 stays too, where a group has no larger ones.": lambda w: (
            right(w) * (w != 0)
        ),
    }
    compare(
        answer,
        right=right,
        wrong=wrong,
        names=("weight",),
        edges=[
            (torch.tensor([[4.0, -3, 2, 1, -8, 7, 6]]),),
            (torch.tensor([[1.0, -1, 1, 0.5], [2, 2, 2, 2], [0, 0, 0, 3]]),),
            (torch.tensor([[5.0]]),),
            (torch.block_diag(torch.ones(2, 2), torch.ones(2, 2)),),
            (torch.tensor([[3.0, 1.0, 1.0001, 0.0]]),),  # two that are alike in half precision
            (torch.zeros(2, 8),),  # whole groups of zeros
            (torch.zeros(1, 5),),
            (
                torch.tensor([[1.0, 1.0, 0.0, 0.0], [1.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 1.0], [0.0, 0.0, 1.0, 1.0]]),
            ),  # and a shorter one
        ],
        inputs=_matrices(),
        view=_kept_sizes,
    )


# ---- exercise 3 --------------------------------------------------------------------------------------


def _two_results(value: object, inputs: list[torch.Tensor]) -> object:
    """Two results are wanted, without dimensions of one that keepdim leaves; a tensor or an array of two rows holds two."""
    one = issubclass(type(value), (torch.Tensor, np.ndarray))
    if one and tuple(value.shape) == (2, inputs[0].shape[1]):
        value = tuple(value)
    if not issubclass(type(value), (list, tuple)) or len(value) != 2:
        raise Mistake("Your function did not return two things.", "Return the mean and the variance, in that order.")
    channels = inputs[0].shape[1]
    for part in value:
        if tuple(getattr(part, "shape", ())) == (1, channels, 1, 1):
            said = f"A result of yours has the shape (1, {channels}, 1, 1)."
            raise Mistake(
                said, f"Give one number a channel, in the shape ({channels},): leave keepdim out, or flatten."
            )
    return value


def _mean(batch: torch.Tensor) -> torch.Tensor:
    return batch.mean((0, 2, 3))


def _variance(batch: torch.Tensor) -> torch.Tensor:
    return batch.var((0, 2, 3))


@st.composite
def _batches(draw: Callable) -> tuple[list[torch.Tensor]]:
    """One to three batches of two images or more, of different sizes."""
    channels, (height, width) = draw(st.integers(1, 3)), draw(st.sampled_from([(1, 1), (1, 2), (2, 2)]))
    sizes = draw(st.lists(st.integers(2, 4), min_size=1, max_size=3))
    return ([draw(tensors((n, channels, height, width), st.integers(-4, 4))) for n in sizes],)


def _exponential(values: list[torch.Tensor], start: float, momentum: float = 0.1) -> torch.Tensor:
    """What PyTorch stores with a momentum, 0.1 unless another one is chosen."""
    kept = torch.full_like(values[0], start)
    for value in values:
        kept = (1 - momentum) * kept + momentum * value
    return kept


@check(
    "Exercise 3, What batch norm stores",
    why="With momentum=None the first batch replaces the 0 and the 1 of the beginning, and each later one counts as much as "
    "those before it: that is a plain mean over the batches, which old weights cannot spoil.",
)
def fresh_statistics(answer: Callable) -> None:
    """``fresh_statistics(batches) -> (mean, variance)``, each (channels,)."""

    def by(
        *,
        mean=_mean,
        spread=_variance,
        over=lambda values, batches: sum(values) / len(values),
        seen=lambda batches: batches,
        seen_by_spread=None,
        over_spread=None,
    ):
        """The right rule with parts replaced, for both results or for the variance alone."""

        def statistics(batches):
            first, second = seen(batches), (seen_by_spread or seen)(batches)
            return over([mean(b) for b in first], first), (over_spread or over)([spread(b) for b in second], second)

        return statistics

    def moving(batches):
        means, variances = ([f(batch) for batch in batches] for f in (_mean, _variance))
        return _exponential(means, 0.0), _exponential(variances, 1.0)

    def weighted(values, batches, less=0):
        weights = [b[:, 0].numel() - less for b in batches]
        return sum(v * n for v, n in zip(values, weights, strict=True)) / sum(weights)

    def begun_with_the_first(keep):
        def over(values, _):
            kept = values[0]
            for value in values[1:]:
                kept = keep * kept + (1 - keep) * value
            return kept

        return by(over=over)

    def joined(batches):
        return [torch.cat(batches)]

    def squares_over(count):
        """A variance that divides by another number."""

        def spread(batch):
            return (batch - batch.mean((0, 2, 3), keepdim=True)).square().sum((0, 2, 3)) / count(batch)

        return by(spread=spread)

    def from_the_mean_of_all(batches):
        means = right(batches)[0]
        apart = [batch - means[None, :, None, None] for batch in batches]
        return means, sum(a.square().sum((0, 2, 3)) / (a[:, 0].numel() - 1) for a in apart) / len(batches)

    def picked(pick):
        return by(over=lambda values, _: pick(torch.stack([*values])))

    right = by()
    wrong = {
        "You divide by one less than the number of batches. The one less belongs to the values of a batch, in the variance.": by(
            over=lambda values, batches: sum(values) / max(1, len(values) - 1)
        ),
        "You take the mean of the squares less the square of the mean of all batches. Each batch has its own mean.": (
            lambda batches: (
                right(batches)[0],
                sum(b.square().mean((0, 2, 3)) for b in batches) / len(batches) - right(batches)[0] ** 2,
            )
        ),
        "You take the distances from the mean of all batches. Take those of each batch from its own mean.": from_the_mean_of_all,
        "Your variance counts the images less one. The values of a channel are all its pixels in all images: divide by one less "
        "than their number.": (
            squares_over(lambda batch: len(batch) - 1),
            squares_over(lambda batch: batch[:, 0].numel() * (len(batch) - 1) / len(batch)),
        ),
        "Your variance counts the values of all channels. Count those of one channel, and divide by one less.": squares_over(
            lambda batch: batch.numel() - 1
        ),
        "Your variance divides by two less than the number of values. It is one less.": squares_over(
            lambda batch: max(1, batch[:, 0].numel() - 2)
        ),
        "Your variance divides by one more than the number of values. It is one less.": squares_over(
            lambda batch: batch[:, 0].numel() + 1
        ),
        "You take the median, the largest or the smallest of the batches. Take their mean.": (
            picked(lambda values: values.median(0).values),
            picked(lambda values: values.amax(0)),
            picked(lambda values: values.amin(0)),
            by(
                over=lambda values, _: torch.stack([*values]).amax(0),
                over_spread=lambda values, _: sum(values) / len(values),
            ),
        ),
        "To the variance you add how far the means of the batches lie apart. Only the variances within the batches count.": (
            lambda batches: (
                right(batches)[0],
                right(batches)[1] + torch.stack([_mean(b) for b in batches]).var(0, correction=0),
            )
        ),
        "You leave out batches that are smaller or larger than the first one. Each batch counts, however large it is.": by(
            seen=lambda batches: [batch for batch in batches if len(batch) == len(batches[0])]
        ),
        "You flatten everything behind the images, so each column is one pixel of one channel. Flatten from dimension 2 on, or name the "
        "dimensions: (0, 2, 3).": by(
            mean=lambda batch: batch.flatten(1).mean(0)[: batch.shape[1]],
            spread=lambda batch: batch.flatten(1).var(0)[: batch.shape[1]],
        ),
        "Your spread is a mean distance or a range. The variance is made of squared distances.": (
            by(spread=lambda batch: (batch - batch.mean((0, 2, 3), keepdim=True)).abs().mean((0, 2, 3))),
            by(spread=lambda batch: batch.amax((0, 2, 3)) - batch.amin((0, 2, 3))),
            by(spread=lambda batch: (batch.amax((0, 2, 3)) - batch.amin((0, 2, 3))).square()),
        ),
        "You take the median of a channel's values. Take their mean.": by(
            mean=lambda batch: batch.transpose(0, 1).flatten(1).median(1).values
        ),
        "You have a variance for each row or column of the pixels, and average those. All values of a channel, over images and "
        "pixels, have one variance.": (
            by(spread=lambda batch: batch.var((0, 3)).mean(1)),
            by(spread=lambda batch: batch.var((0, 2)).mean(1)),
        ),
        "You look at one image of each batch. Average over all images.": (
            by(mean=lambda batch: batch[0].mean((1, 2))),
            by(mean=lambda batch: batch[-1].mean((1, 2))),
        ),
        "You average each batch with what is there so far, beginning with 0 and 1. A plain mean lets all batches count alike.": (
            lambda batches: (
                _exponential([_mean(b) for b in batches], 0.0, 0.5),
                _exponential([_variance(b) for b in batches], 1.0, 0.5),
            )
        ),
        "You know three channels at most. A batch may have any number of them.": lambda batches: tuple(
            part[:3] for part in right(batches)
        ),
        "You take magnitudes. A mean keeps the signs.": (
            by(mean=lambda batch: batch.abs().mean((0, 2, 3))),
            by(seen=lambda batches: [batch.abs() for batch in batches]),
        ),
        "You repeat one number for all channels. Each channel has its own mean and variance.": by(
            mean=lambda batch: batch.mean().expand(batch.shape[1]),
            spread=lambda batch: batch.var().expand(batch.shape[1]),
        ),
        "You make rows with reshape or view, which mixes the channels with the images. Move the channels to the front first, with "
        "transpose(0, 1), or name the dimensions: (0, 2, 3).": by(
            mean=lambda batch: batch.reshape(batch.shape[1], -1).mean(1),
            spread=lambda batch: batch.reshape(batch.shape[1], -1).var(1),
        ),
        "You add the small number that a batch norm adds when it divides. It stores the variance without it.": by(
            spread=lambda batch: _variance(batch) + 1e-5
        ),
        "You give the standard deviation that belongs to the mean of the variances. The variance is its square.": by(
            over_spread=lambda values, _: (sum(values) / len(values)).sqrt()
        ),
        "Your variance divides by the number of values. What is stored divides by one less.": by(
            spread=lambda batch: batch.var((0, 2, 3), correction=0)
        ),
        "Your variance is the mean of the squares. Take the distances from the channel's mean.": by(
            spread=lambda batch: batch.square().mean((0, 2, 3))
        ),
        "You return the standard deviation. The variance is its square.": by(spread=lambda batch: batch.std((0, 2, 3))),
        "You average over the images only. A channel is a whole map: average over its pixels, too.": by(
            mean=lambda batch: batch.mean(0), spread=lambda batch: batch.var(0)
        ),
        "You average over the channels. Each channel has its own mean and variance: average over all other dimensions.": by(
            mean=lambda batch: batch.mean(1), spread=lambda batch: batch.var(1)
        ),
        "You have one number for each image and channel, and put those together. All values of a channel, over images and "
        "pixels, have one variance.": (
            by(spread=lambda batch: batch.mean((2, 3)).var(0)),
            by(spread=lambda batch: batch.flatten(2).var(2).mean(0)),
            by(spread=lambda batch: batch.flatten(2).var(2, correction=0).mean(0)),
        ),
        "You have a variance for each pixel, over the images, and average those. All values of a channel, over images and "
        "pixels, have one variance.": by(spread=lambda batch: batch.var(0).mean((1, 2))),
        "Your variance is that of the batches' means. Take the variance of the values in each batch, then the mean of "
        "these.": (
            by(over_spread=lambda values, batches: torch.stack([_mean(b) for b in batches]).var(0)),
            by(over_spread=lambda values, batches: torch.stack([_mean(b) for b in batches]).var(0, correction=0)),
        ),
        "You average the standard deviations, and square that. Average the variances.": by(
            spread=lambda batch: batch.std((0, 2, 3)), over_spread=lambda values, _: (sum(values) / len(values)) ** 2
        ),
        "Your mean divides by one less than the number of values. Only the variance does.": by(
            mean=lambda batch: batch.sum((0, 2, 3)) / (batch[:, 0].numel() - 1)
        ),
        "You average each batch with what is there so far, so the last one counts half. A plain mean lets all count alike.": (
            begun_with_the_first(0.5)
        ),
        "Yours is a moving average that begins with the first batch, so the later ones count little. Here every batch counts "
        "alike.": begun_with_the_first(0.9),
        "You count the 0 and the 1 with which a batch norm begins as one batch more. With momentum=None they are gone after "
        "the first batch.": lambda batches: (
            sum(map(_mean, batches)) / (len(batches) + 1),
            (1 + sum(map(_variance, batches))) / (len(batches) + 1),
        ),
        "You have one number for all channels. Each channel has its own mean and variance.": by(
            mean=lambda batch: batch.mean(), spread=lambda batch: batch.var()
        ),
        "You have one number for each image. Each channel has its own: average over images, rows and columns.": by(
            mean=lambda batch: batch.mean((1, 2, 3)), spread=lambda batch: batch.var((1, 2, 3))
        ),
        "You keep the last batch only. Average over all batches.": by(seen=lambda batches: batches[-1:]),
        "You keep the first batch only. Average over all batches.": by(seen=lambda batches: batches[:1]),
        "You put all batches into one. Each has its own mean and variance; then comes the mean over the batches.": by(
            seen=joined
        ),
        "You put all batches into one, and divide by the number of values. Each batch has its own mean and variance, which "
        "divides by one less; then comes the mean over the batches.": by(
            seen=joined, spread=lambda batch: batch.var((0, 2, 3), correction=0)
        ),
        "For the variance you put all batches into one. Each has its own; then comes the mean over the batches.": by(
            seen_by_spread=joined
        ),
        "For the mean you put all batches into one, which lets a large batch count more. Each has its own; then comes the "
        "mean over the batches.": by(seen=joined, seen_by_spread=list),
        "You weigh the variance of each batch by its number of values, or by one less. The mean over the batches is a plain "
        "one.": (by(over_spread=weighted), by(over_spread=lambda values, batches: weighted(values, batches, 1))),
        "You weigh each batch by its images. The mean over the batches is a plain one.": by(over=weighted),
        "You add up over the batches. Divide by their number.": by(over=lambda values, batches: sum(values)),
        "Yours is the moving average that training keeps: it remembers 0 and 1, with which it began. Here every batch "
        "counts alike.": moving,
        "You return 0 and 1, with which a batch norm begins. In evaluation mode it stores nothing of what it sees.": by(
            mean=lambda batch: torch.zeros(batch.shape[1]), spread=lambda batch: torch.ones(batch.shape[1])
        ),
        "Your two results are swapped. The mean comes first.": lambda batches: right(batches)[::-1],
    }
    compare(
        answer,
        right=right,
        wrong=wrong,
        names=("batches",),
        edges=[
            ([torch.tensor([[[[1.0, 3]], [[2, 2]]], [[[5, 7]], [[4, 8]]]])],),
            ([torch.ones(2, 3, 1, 1)],),
            ([torch.tensor([[3.0, 1, 0, 2, 5], [1, 2, 4, 2, -1]])[:, :, None, None]],),
            ([torch.tensor([1.0, 3]).reshape(2, 1, 1, 1), torch.tensor([2.0, 4, 9]).reshape(3, 1, 1, 1)],),
            ([torch.tensor([[[[1.0]], [[1.0]], [[1.0]]], [[[1.0]], [[1.0]], [[1.0]]]])],),
        ],
        inputs=_batches(),
        rtol=1e-4,
        atol=5e-6,
        view=_two_results,
    )
