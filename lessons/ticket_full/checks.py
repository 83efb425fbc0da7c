"""Checks of the lesson `ticket_full`, lottery tickets in full."""

from __future__ import annotations

from collections.abc import Callable
from itertools import accumulate, pairwise

from hypothesis import strategies as st

from course_utils.exercises.core import check
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
    "Exercise 1, Read the curves",
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
