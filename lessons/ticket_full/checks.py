"""Checks of the lesson `ticket_full`, lottery tickets in full: two curves, and a comparison that is fair to both arms."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from itertools import accumulate, pairwise
from statistics import StatisticsError, fmean, geometric_mean, median

from hypothesis import strategies as st

from course_utils.exercises.bests import midrange, trimmed
from course_utils.exercises.core import Mistake, check
from course_utils.exercises.investigation import (
    Run,
    World,
    comes_out,
    investigate,
    numbered,
    one_alone,
    one_in_three,
    told,
)
from course_utils.exercises.search import compare


def _least(rows: list[tuple]) -> tuple:
    return min(rows, key=lambda row: row[1])


def _best(column: int) -> Callable:
    return lambda rows: max(rows, key=lambda row: row[column])


def _last(rows: list[tuple]) -> tuple:
    return rows[-1]


def _first_dip(rows: list[tuple]) -> tuple:
    """Where a run ends that stops as soon as the loss rises."""
    return next((row for row, after in pairwise(rows) if after[1] > row[1]), rows[-1])


@st.composite
def _curves(draw: Callable) -> tuple[list, list]:
    """Two runs that are validated at the same iterations; columns look unlike.

    No two losses of a run are equal, but the least ones differ in the third digit only, as real ones do, and so do some
    accuracies.
    """
    count = draw(st.integers(1, 4))
    steps = st.lists(st.sampled_from([100, 200, 500]), min_size=count, max_size=count)
    iterations = list(accumulate(draw(steps)))
    validation, test = st.sampled_from([0.5, 0.75, 0.25, 1.0]), st.sampled_from([0.625, 0.875, 0.9812, 0.9843, 0.125])
    runs = []
    for _ in range(2):
        losses = draw(st.permutations([1.5, 1.502, 2.0, 3.0][:count]))
        runs.append([(n, loss, draw(validation), draw(test)) for n, loss in zip(iterations, losses, strict=True)])
    return tuple(runs)


@check(
    "Exercise 2, Read the curves",
    why="Each run is stopped by its own validation loss, which no test image has influenced, and only then the test accuracy "
    "is read. A row that is chosen by its test accuracy would be praised for its luck.",
)
def compare_runs(answer: Callable) -> None:
    """``compare_runs(dense, ticket) -> (percent sooner, points better)``."""

    def rule(
        pick=_least,
        *,
        better=None,  # the row that the accuracy is taken from, where that is another one
        column=3,
        percent=lambda d, t: 100 * (1 - t / d),
        points=lambda d, t: 100 * (t - d),
    ):
        def compared(dense, ticket):
            (d, t), (e, u) = ([choose(rows) for rows in (dense, ticket)] for choose in (pick, better or pick))
            return percent(d[0], t[0]), points(e[column], u[column])

        return compared

    right = rule()

    def at_stop_of(whose):
        def compared(dense, ticket):
            at = (dense, ticket)[whose].index(_least((dense, ticket)[whose]))
            return right(dense, ticket)[0], 100 * (ticket[at][3] - dense[at][3])

        return compared

    def numbered(rows):  # rows of their numbers in place of iterations
        return [(number, *row[1:]) for number, row in enumerate(rows, start=1)]

    def both_at(row_of):
        """Both runs stop at the same row."""

        def compared(dense, ticket):
            at = min(range(len(dense)), key=lambda n: row_of(dense[n][1], ticket[n][1]))
            return 0.0, 100 * (ticket[at][3] - dense[at][3])

        return compared

    def of_whole_run(dense, ticket):
        return 100 * (_least(dense)[0] - _least(ticket)[0]) / dense[-1][0], right(dense, ticket)[1]

    def changed(first=lambda n: n, second=lambda n: n):
        def compared(dense, ticket):
            percent, points = right(dense, ticket)
            return first(percent), second(points)

        return compared

    def above_zero(n):
        return max(0, n)

    wrong = {
        "You stop where the test accuracy is best. That chooses with the test set.": rule(_best(3)),
        "You stop where the validation accuracy is best. The rule is the least validation loss.": rule(_best(2)),
        "You stop where the validation loss is largest. The best row has the least.": rule(_best(1)),
        "You stop where the loss first rises. Asked for is the least loss of the whole run: it may fall again.": rule(
            _first_dip
        ),
        "You compare the last rows. Each run stops at the row of its least validation loss.": rule(_last),
        "You compare the first rows, as min() of the rows themselves does. Each run stops at the row of its least validation "
        "loss: min() takes a key.": rule(lambda rows: rows[0]),
        "You stop where an accuracy is least. The rule is the least validation loss.": (
            rule(lambda rows: min(rows, key=lambda row: row[2])),
            rule(lambda rows: min(rows, key=lambda row: row[3])),
        ),
        "You stop both runs at the same iteration. Each run stops by its own validation loss.": (
            both_at(lambda d, t: d),
            both_at(lambda d, t: t),
            both_at(min),
            both_at(lambda d, t: d + t),
        ),
        "You take the percent of the whole run. They are of dense's stop.": of_whole_run,
        "You leave out the sign. Later and worse are negative.": (
            changed(abs),
            changed(second=abs),
            changed(abs, abs),
            changed(above_zero),
            changed(second=above_zero),
            changed(above_zero, above_zero),
        ),
        "Your percent or points are rounded. Return them as they come.": (
            changed(lambda n: round(n, 1), lambda n: round(n, 1)),
            changed(second=lambda n: round(n, 1)),
            changed(round, round),
            changed(lambda n: round(n, 2), lambda n: round(n, 2)),
        ),
        "You read the losses to two digits. Near the least loss, rows differ in the third.": rule(
            lambda rows: min(rows, key=lambda row: round(row[1], 2))
        ),
        "Both of your numbers have the wrong sign: sooner and better are positive.": lambda d, t: tuple(
            -n for n in right(d, t)
        ),
        "You compare the accuracies of the last rows. The network is the one at its early stop.": rule(better=_last),
        "You compare the best test accuracies. The network is the one at its early stop.": rule(better=_best(3)),
        "You compare validation accuracies. The question is about the test accuracy.": rule(column=2),
        "You compare both accuracies at dense's stop. Each run stops by its own validation loss.": at_stop_of(0),
        "You compare both accuracies at the ticket's stop. Each run stops by its own validation loss.": at_stop_of(1),
        "You divide by the ticket's iterations. The percent are of dense's.": rule(
            percent=lambda d, t: 100 * (d / t - 1)
        ),
        "You return the iterations between the stops. The question is for percent of dense's.": rule(
            percent=lambda d, t: d - t
        ),
        "Your first number is what share of dense's iterations the ticket takes, in percent. The question is how much "
        "sooner it stops.": rule(percent=lambda d, t: 100 * t / d),
        "Your first number has the wrong sign: sooner is positive.": rule(percent=lambda d, t: 100 * (t / d - 1)),
        "Your first number is a share. The question is for percent.": rule(percent=lambda d, t: 1 - t / d),
        "You count rows in place of iterations. The rows need not be equally far apart.": lambda d, t: right(
            numbered(d), numbered(t)
        ),
        "Your second number has the wrong sign: better means that the ticket is above dense.": rule(
            points=lambda d, t: 100 * (d - t)
        ),
        "Your second number is a share. Points are differences of percentages.": rule(points=lambda d, t: t - d),
        "Your second number is a relative gain. Points are differences of percentages.": rule(
            points=lambda d, t: 100 * (t / d - 1)
        ),
        "Both numbers are shares. The question is for percent, and for points.": rule(
            percent=lambda d, t: 1 - t / d, points=lambda d, t: t - d
        ),
        "Your numbers compare dense with the ticket. The question is what the ticket gains.": lambda d, t: right(t, d),
        "You compare losses. The question is about the test accuracy.": rule(column=1),
        "You return one number. Return a pair.": lambda d, t: right(d, t)[0],
        "Your two numbers are in the wrong order.": lambda d, t: right(d, t)[::-1],
    }
    rows = [(500, 0.25, 0.875, 0.75), (1000, 0.125, 0.75, 0.875), (1500, 0.5, 1.0, 1.0)]
    one = [(100, 0.3, 0.9, 0.9)]
    late = [(100, 0.0691, 0.978, 0.9801), (200, 0.0689, 0.979, 0.9838), (300, 0.0684, 0.98, 0.9849)]
    compare(
        answer,
        right=right,
        wrong=wrong,
        names=("dense", "ticket"),
        atol=1e-9,
        edges=[
            (one, one),
            (rows, rows),
            (rows, [(n, 1 - loss, v, t) for n, loss, v, t in rows]),
            ([(100, 0.0714, 0.978, 0.9812), (200, 0.0712, 0.979, 0.9843), (300, 0.08, 0.98, 0.985)], late),
            (late, [(100, 0.0713, 0.978, 0.9825), (200, 0.0716, 0.979, 0.9843), (300, 0.09, 0.98, 0.985)]),
        ],
        inputs=_curves(),
    )


ARMS, AT_STOP, AT_END, LEAD = ("ticket", "dense"), 0, 1, 0.2
CHOICES = ("ticket", "dense", "neither")
PLACES = {AT_STOP: "at its stop", AT_END: "at its end"}
FEWEST = 5  # networks


def _results(runs: Sequence[Run], arm: str, finished: int, test: int) -> dict[float, float]:
    """Seed -> percent right of an arm at one place, of the held-out images or of the test images."""
    return {
        run.settings["seed"]: run.result
        for run in runs
        if run.arm == arm and run.settings["finished"] == finished and run.settings["test"] == test
    }


def _percent(runs: Sequence[Run], arm: str, finished: int, test: int, of: Callable = fmean) -> float:
    """The mean of the networks, or another number for all of them."""
    return of(list(_results(runs, arm, finished, test).values()))


def _better_place(runs: Sequence[Run], arm: str, test: int = 0, of: Callable = fmean) -> int:
    """Where an arm is better: at its stop or at its end."""
    return max(PLACES, key=lambda finished: _percent(runs, arm, finished, test, of))


def _lead(runs: Sequence[Run], places: Mapping[str, int], test: int = 1, of: Callable = fmean) -> float:
    """By how many points the ticket leads, where each arm is read at one place."""
    ticket, dense = (_percent(runs, arm, places[arm], test, of) for arm in ARMS)
    return ticket - dense


def _named(lead: float, limit: float = LEAD) -> str:
    return "ticket" if lead > limit else "dense" if lead < -limit else "neither"


def _by_the_card(runs: Sequence[Run]) -> str:
    return _named(_lead(runs, {arm: _better_place(runs, arm) for arm in ARMS}))


# The place of an arm, chosen otherwise than by the mean over all its networks; in words -> of the held-out numbers.
CHOSEN_BY = {
    "if the first network is left out where the place is chosen": lambda own: fmean(own[1:]),
    "if the last network is left out where the place is chosen": lambda own: fmean(own[:-1]),
    "if the first three networks choose the place": lambda own: fmean(own[:3]),
    "if the last network alone chooses the place": lambda own: own[-1],
    "if the best network is left out where the place is chosen": lambda own: fmean(sorted(own)[:-1]),
    "if the worst network is left out where the place is chosen": lambda own: fmean(sorted(own)[1:]),
    "if the best and the worst network are left out where the place is chosen": trimmed,
    "if the median chooses the place": median,
    "if the geometric mean chooses the place": geometric_mean,
    "if the held-out means are rounded before the place is chosen": lambda own: round(fmean(own), 1),
}
NEARLY = "if a lead of 0.19 points is enough"
RELATIVE = "if 0.2 per cent of what dense has is the limit, and not 0.2 points"
POOLED = "if one place is chosen for both arms, by the mean of all held-out numbers"
DENSE_BY_TEST = "if the test images choose where dense is read"
ONLY_IF_LARGE = "if the end is taken only where it gains more than 0.2 points on the held-out images"
READ_GEOMETRIC = "if the geometric mean of the test numbers is read, in place of their mean"


def _other_rules(runs: Sequence[Run]) -> dict[str, str]:
    """Rules that are not the card's -> what each concludes from these runs, where they hold what it needs."""
    places = {arm: _better_place(runs, arm) for arm in ARMS}

    def read(how: str, ticket: int, dense: int) -> tuple[str, Callable[[], str]]:
        return how, lambda: _named(_lead(runs, {"ticket": ticket, "dense": dense}))

    def summed(of: Callable) -> str:
        return _named(_lead(runs, {arm: _better_place(runs, arm, of=of) for arm in ARMS}, of=of))

    def chosen(of: Callable) -> str:
        return _named(_lead(runs, {arm: _better_place(runs, arm, of=of) for arm in ARMS}))

    def relative() -> str:
        return _named(100 * _lead(runs, places) / _percent(runs, "dense", places["dense"], 1))

    def pooled() -> str:
        gains = fmean(_percent(runs, arm, AT_END, 0) - _percent(runs, arm, AT_STOP, 0) for arm in ARMS)
        return _named(_lead(runs, dict.fromkeys(ARMS, AT_END if gains > 0 else AT_STOP)))

    def only_if_large() -> str:
        gains = {arm: _percent(runs, arm, AT_END, 0) - _percent(runs, arm, AT_STOP, 0) for arm in ARMS}
        return _named(_lead(runs, {arm: AT_END if gain > LEAD else AT_STOP for arm, gain in gains.items()}))

    one = next(iter(_results(runs, "ticket", AT_STOP, 0)))
    rules = [
        read("if both are read at their end", AT_END, AT_END),
        read("if both are read at their stop", AT_STOP, AT_STOP),
        read("if the ticket is read at its stop and dense at its end", AT_STOP, AT_END),
        read("if the ticket is read at its end and dense at its stop", AT_END, AT_STOP),
        (
            "if the test images choose where an arm is read",
            lambda: _named(_lead(runs, {arm: _better_place(runs, arm, test=1) for arm in ARMS})),
        ),
        ("if the held-out images give the lead, too", lambda: _named(_lead(runs, places, test=0))),
        ("if the worse of the two places is taken", lambda: _named(_lead(runs, {a: 1 - p for a, p in places.items()}))),
        ("if a lead of 0.15 points or less is enough", lambda: _named(_lead(runs, places), 0.15)),
        ("if any lead is enough", lambda: _named(_lead(runs, places), 0)),
        ("if a lead of 0.25 points or more is asked for", lambda: _named(_lead(runs, places), 0.25)),
        ("if the median stands in place of the mean", lambda: summed(median)),
        ("if the best network stands in place of the mean", lambda: summed(max)),
        ("if the worst network stands in place of the mean", lambda: summed(min)),
        ("if the best and the worst network are left out", lambda: summed(trimmed)),
        ("if the middle between best and worst is taken", lambda: summed(midrange)),
        (
            "if one network is read in place of five",
            lambda: _by_the_card([run for run in runs if run.settings["seed"] == one]),
        ),
        (NEARLY, lambda: _named(_lead(runs, places), 0.19)),
        (RELATIVE, relative),
        (POOLED, pooled),
        (DENSE_BY_TEST, lambda: _named(_lead(runs, {**places, "dense": _better_place(runs, "dense", test=1)}))),
        (ONLY_IF_LARGE, only_if_large),
        ("if the geometric mean stands in place of the mean", lambda: summed(geometric_mean)),
        (READ_GEOMETRIC, lambda: _named(_lead(runs, places, of=geometric_mean))),
        *((how, partial(chosen, of)) for how, of in CHOSEN_BY.items()),
    ]
    said = {}
    for how, conclusion in rules:
        with contextlib.suppress(StatisticsError, ValueError):  # these runs do not hold what the rule reads
            said[how] = conclusion()
    return said


def _own_numbers(runs: Sequence[Run], got: str, likely: Collection[str] = ()) -> str:
    """What the learner's own runs say by the rule of the card, and by which other rule `got` comes out.

    Args:
        runs: those of the learner, in one world.
        got: what the learner concludes.
        likely: rules that are named before others, because no world before this one tells them from the card's.
    """
    told, right = [], _by_the_card(runs)
    for arm in ARMS:
        place = _better_place(runs, arm)
        better, worse = (_percent(runs, arm, finished, 0) for finished in (place, 1 - place))
        told.append(
            f"{arm!r} is better {PLACES[place]}, by the mean of your held-out numbers ({better:.2f} and {worse:.2f}); "
            f"there it has {_percent(runs, arm, place, 1):.6g} % of the test images"
        )
    lead = _lead(runs, {arm: _better_place(runs, arm) for arm in ARMS})
    fits = [how for how, conclusion in _other_rules(runs).items() if conclusion == got]
    fits.sort(key=lambda how: how not in likely)
    return f"{'. '.join(told)}. That is a lead of {round(lead, 3) + 0.0:+g} points, so {right!r}.{comes_out(got, fits[:4])}"


def _networks(
    said: str,
    right: str | Callable[[Sequence[Run]], str],
    ticket: tuple[float, float, float, float],
    dense: tuple[float, float, float, float],
    *,
    odd: tuple[float, float, float, float] = (0, 0, 0, 0),
    who: Callable[[float], bool] = one_in_three,
    likely: Collection[str] = (),
) -> World:
    """Made-up networks.

    Args:
        said: what is planted.
        right: the conclusion.
        ticket, dense: percent right of the held-out images at the stop and at the end, then of the test images there.
        odd: what one ticket of three has more than the others, at the same four.
        who: which ticket that is, by its number in the order of the experiment, if it is not one of three.
        likely: the other rules that this world is there for; a verdict names them first.
    """
    usual = {"ticket": ticket, "dense": dense}

    def measure(arm: str, number: int, *, finished: float, seed: float, test: float) -> float:
        for word, value in (("finished", finished), ("test", test)):
            if value not in (0, 1):
                raise ValueError(f"{word} must be 0 or 1, got {value:g}.")
        at = int(2 * test + finished)
        both = 0.1 * ((seed * 7919) % 13 - 6)  # a lucky draw, for both arms alike
        return usual[arm][at] + both + odd[at] * (arm == "ticket" and who(seed))

    return World(said, right, numbered(measure), partial(_own_numbers, likely=likely))


NETWORKS = (
    _networks(
        "the ticket leads by 0.24 points at the stop and at the end, and both arms gain half a point in between",
        "ticket",
        (97.14, 97.64, 97.34, 97.84),
        (96.9, 97.4, 97.1, 97.6),
    ),
    _networks(
        "the ticket is 0.24 points behind at the stop and at the end, and both arms gain a whole point in between",
        "dense",
        (96.66, 97.66, 96.86, 97.86),
        (96.9, 97.9, 97.1, 98.1),
    ),
    _networks(
        "the dense network loses a point after its stop, where it was nearly as good as the ticket",
        "neither",
        (97.6, 97.8, 97.7, 97.8),
        (97.8, 96.8, 97.75, 96.9),
    ),
    _networks(
        "the ticket loses a point after its stop, where it was better than dense ever is",
        "ticket",
        (98.0, 97.0, 98.1, 97.1),
        (97.5, 97.7, 97.5, 97.7),
    ),
    _networks(
        "the two are nearly level, and the ticket's end is lucky on the test images: only there is it better than its stop",
        "neither",
        (97.9, 97.8, 97.95, 98.5),
        (97.9, 97.8, 98.0, 97.9),
    ),
    _networks(
        "the two are level on the test images; on the held-out images, which chose the place, the ticket leads by half a point",
        "neither",
        (98.2, 98.4, 97.7, 97.9),
        (97.7, 97.9, 97.7, 97.9),
    ),
    _networks(
        "the ticket leads by 0.18 points, which the card calls too little, at the stop and at the end",
        "neither",
        (97.4, 97.8, 97.58, 97.98),
        (97.3, 97.7, 97.4, 97.8),
    ),
    _networks(
        "dense leads by 0.18 points, which the card calls too little; the ticket is far worse at its stop",
        "neither",
        (96.4, 97.6, 96.42, 97.62),
        (97.3, 97.7, 97.4, 97.8),
    ),
    _networks(
        "one ticket of three is 0.7 points better than the others, which are level with dense",
        _by_the_card,
        (97.3, 97.8, 97.4, 97.85),
        (97.3, 97.8, 97.4, 97.9),
        odd=(0.7, 0.7, 0.7, 0.7),
    ),
    _networks(
        "one ticket of three is 1.5 points worse than the others, which are level with dense",
        _by_the_card,
        (97.3, 97.8, 97.4, 97.95),
        (97.3, 97.8, 97.4, 97.9),
        odd=(-1.5, -1.5, -1.5, -1.5),
    ),
    _networks(
        "one ticket of three is better than dense by more than a point, and the others are worse",
        _by_the_card,
        (97.0, 97.4, 97.0, 97.2),
        (97.3, 97.8, 97.4, 97.9),
        odd=(1.9, 1.9, 1.9, 1.9),
    ),
    _networks(
        "after the stop one ticket of three gains far more on the held-out images than the others lose; on the test images "
        "tickets lead at the stop alone",
        _by_the_card,
        (97.7, 97.4, 98.4, 97.9),
        (97.5, 97.6, 97.8, 97.9),
        odd=(0.0, 1.8, 0.0, 0.0),
    ),
    _networks(
        "after the stop one ticket of three loses far more on the held-out images than the others gain; on the test images "
        "tickets lead at the stop alone",
        _by_the_card,
        (97.5, 97.8, 98.4, 97.9),
        (97.5, 97.6, 97.8, 97.9),
        odd=(0.0, -1.8, 0.0, 0.0),
    ),
    _networks(
        "the ticket leads by 0.21 points, which the card calls a lead, at the stop and at the end",
        "ticket",
        (97.4, 97.8, 97.61, 98.11),
        (97.3, 97.7, 97.4, 97.9),
    ),
    _networks(
        "the ticket leads by 0.195 points, which is not more than 0.2, at the stop and at the end",
        "neither",
        (97.4, 97.8, 97.595, 97.995),
        (97.3, 97.7, 97.4, 97.8),
        likely=(NEARLY,),
    ),
    _networks(
        "both arms get half of the images right, and the ticket leads by 0.15 points, which is 0.3 per cent of that",
        "neither",
        (49.85, 50.35, 50.15, 50.65),
        (49.7, 50.2, 50.0, 50.5),
        likely=(RELATIVE,),
    ),
    _networks(
        "the two are nearly level, and the end of dense is lucky on the test images: only there is it better than its stop",
        "neither",
        (97.9, 97.8, 98.0, 97.9),
        (97.9, 97.8, 98.0, 98.5),
        likely=(DENSE_BY_TEST,),
    ),
    _networks(
        "after its stop the ticket gains less than dense loses, on the held-out images and on the test images",
        "ticket",
        (97.6, 97.9, 98.0, 98.4),
        (97.7, 97.2, 98.0, 97.5),
        likely=(POOLED,),
    ),
    _networks(
        "the end of the ticket is better by 0.04 points on the held-out images, and worse by half a point on the test images",
        "neither",
        (97.6, 97.64, 98.4, 97.9),
        (97.6, 97.4, 97.9, 97.6),
        likely=(ONLY_IF_LARGE, "if the held-out means are rounded before the place is chosen"),
    ),
    _networks(
        "after the stop the first ticket gains far more on the held-out images than the others lose; on the test images all "
        "tickets lose half a point",
        _by_the_card,
        (95.7, 95.42, 96.4, 95.9),
        (95.5, 95.6, 95.8, 95.9),
        odd=(0.0, 3.0, 0.0, 0.0),
        who=lambda seed: seed == 0,
        likely=tuple(CHOSEN_BY),
    ),
    _networks(
        "after the stop the fifth ticket loses far more on the held-out images than the others gain; on the test images all "
        "tickets lose half a point",
        _by_the_card,
        (95.7, 96.02, 96.4, 95.9),
        (95.5, 95.6, 95.8, 95.9),
        odd=(0.0, -3.0, 0.0, 0.0),
        who=lambda seed: seed == FEWEST - 1,
        likely=tuple(CHOSEN_BY),
    ),
    _networks(
        "after the stop one ticket gets nearly everything wrong, and the others gain more than it loses",
        _by_the_card,
        (80.0, 96.0, 80.0, 96.4),
        (79.9, 80.0, 79.9, 80.0),
        odd=(0.0, -79.0, 0.0, -79.0),
        who=one_alone,
        likely=(
            "if the geometric mean chooses the place",
            READ_GEOMETRIC,
            "if the geometric mean stands in place of the mean",
        ),
    ),
)


def _read_fairly(runs: Sequence[Run]) -> None:
    """Raise a `Mistake` where an arm is not read where the card wants it, or with too few networks."""
    facts = told(runs, ARMS)
    places = {run.settings["finished"] for run in runs}
    if len(places) == 1:
        raise Mistake(
            f"Your experiment reads every network {PLACES[places.pop()]}.",
            "That is one rule for both arms, but it may hold one of them back: this arm may be better at its other place. Look at "
            "both places before you choose.",
            facts,
        )
    for arm in ARMS:
        held_out = {finished: _results(runs, arm, finished, 0) for finished in PLACES}
        read = {finished: _results(runs, arm, finished, 1) for finished in PLACES}
        if not any(held_out.values()):
            raise Mistake(
                f"Your experiment never asks for {arm!r} on the held-out images (test=0).",
                "Whether an arm is better at its stop or at its end is a choice, and the test images must not make it: they are for "
                "the result.",
                facts,
            )
        for finished, own in held_out.items():
            if not own:
                raise Mistake(
                    f"Your experiment never looks at the held-out images {PLACES[finished]} of {arm!r} (finished={finished}).",
                    "One arm may get better after its stop, and another one worse. Look at both places before you choose.",
                    facts,
                )
            if len(own) < FEWEST:
                raise Mistake(
                    f"{PLACES[finished].capitalize()} {arm!r} has {len(own)} network{'s' * (len(own) > 1)} on the held-out images.",
                    f"The card asks for the mean of {FEWEST} or more, because networks differ.",
                    facts,
                )
        if held_out[AT_STOP].keys() != held_out[AT_END].keys():
            raise Mistake(
                f"{arm!r} is read at its stop and at its end with other seeds.",
                "Compare the two with the same networks.",
                facts,
            )
        place = _better_place(runs, arm)
        if len(read[place]) < FEWEST:
            hint = f"By the mean of your held-out numbers {arm!r} is better {PLACES[place]}, and there the result is read: on the test "
            raise Mistake(
                f"{len(read[place])} networks of {arm!r} are read on the test images {PLACES[place]} (finished={place}, test=1).",
                hint + f"images, with {FEWEST} networks or more. One place for all networks of an arm.",
                facts,
            )


@check(
    "Exercise 1, Is it better than a network that is done?",
    why="Each arm is read where it is better, its place is chosen on images that give no result, and both arms may choose between the same "
    "two places. So no arm is held back, and none is lucky twice.",
)
def better_than_done(answer: Callable) -> None:
    """``better_than_done(right) -> "ticket", "dense" or "neither"``, on made-up networks."""
    investigate(
        answer,
        NETWORKS,
        arms=ARMS,
        settings={"finished": 0, "seed": 0, "test": 0},
        least={"seed": FEWEST},
        tuned=("finished",),
        conclusions=CHOICES,
        look=_read_fairly,
        most_runs=2_000,
        name="right",
    )
