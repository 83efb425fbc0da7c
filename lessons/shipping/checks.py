"""Checks of the lesson `shipping`, what would you ship?"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from hypothesis import strategies as st

from course_utils.exercises.core import Mistake, check
from course_utils.exercises.inputs import numbers
from course_utils.exercises.investigation import Run, World, investigate
from course_utils.exercises.search import compare
from course_utils.exercises.values import ARRAYS, SEQUENCES

# ---- exercise 1 --------------------------------------------------------------------------------------

IMAGES, HELD_OUT_IMAGES, ERRORS = 10_000, 2_000, 2  # that judge, that choose; standard errors of a real lead
MODELS = range(7)  # 0 is in use


def _asked(runs: Sequence[Run], test: int) -> dict[int, float]:
    """Model -> percent right, of what was asked on one set of images."""
    return {int(run.settings["model"]): run.result for run in runs if run.settings["test"] == test}


def _error(p: float, q: float, n: int = IMAGES) -> float:
    """Standard error of a difference of two accuracies in percent, in points."""
    return 100 * math.sqrt(sum(share * (1 - share) / n for share in (p / 100, q / 100)))


def _chosen(runs: Sequence[Run]) -> int:
    """The best of 1 to 6 by the held-out images."""
    held_out = _asked(runs, 0)
    return max(MODELS[1:], key=lambda model: held_out[model])


def _said(lead: float, limit: float) -> str:
    return "real" if lead > limit else "luck"


def _other_rules(runs: Sequence[Run]) -> dict[str, str]:
    """Rules that are not the card's -> what each concludes from these runs."""
    held_out, test, best = _asked(runs, 0), _asked(runs, 1), _chosen(runs)
    lead, limit = test[best] - test[0], ERRORS * _error(test[0], test[best])
    p, q = (test[model] / 100 for model in (best, 0))
    of_p, of_q = p * (1 - p), q * (1 - q)
    found = {
        "if any lead is enough": _said(lead, 0),
        "if a lead of half a point is enough": _said(lead, 0.5),
        "if a lead of one point is asked for": _said(lead, 1),
        "if one standard error is enough": _said(lead, limit / 2),
        "if 1.96 are enough": _said(lead, 0.98 * limit),
        "if three are asked for": _said(lead, 1.5 * limit),
        "if the error of one accuracy stands in place of that of a difference": _said(lead, limit / math.sqrt(2)),
        "if the error of the chosen model is counted twice, and that of model 0 not": _said(
            lead, 100 * ERRORS * math.sqrt(2 * of_p / IMAGES)
        ),
        "if the two errors are added and not their squares": _said(
            lead, 100 * ERRORS * (math.sqrt(of_p / IMAGES) + math.sqrt(of_q / IMAGES))
        ),
        "if the smaller square is taken from the larger": _said(
            lead, 100 * ERRORS * math.sqrt(abs(of_p - of_q) / IMAGES)
        ),
        "if no root is taken": _said(lead, 100 * ERRORS * (of_p + of_q) / IMAGES),
        "if a lead in points is compared with an error of shares": _said(lead, limit / 100),
        "if the error is that of the 2,000 held-out images": _said(
            lead, ERRORS * _error(test[0], test[best], HELD_OUT_IMAGES)
        ),
        "if n is 12,000, all images together": _said(
            lead, ERRORS * _error(test[0], test[best], IMAGES + HELD_OUT_IMAGES)
        ),
        "if the sign of the lead is left out": _said(abs(lead), limit),
        "if the lead of model 0 over the chosen one is taken": _said(-lead, limit),
        'if "real" and "luck" are exchanged': "luck" if lead > limit else "real",
        "if a real lead does not count where the held-out images flattered the chosen one": (
            _said(lead, limit if held_out[best] - test[best] < 1 else math.inf)
        ),
    }
    if 0 in held_out:
        own = held_out[best] - held_out[0]
        of_own = ERRORS * _error(held_out[0], held_out[best], HELD_OUT_IMAGES)
        all_images = [
            (HELD_OUT_IMAGES * held_out[m] + IMAGES * test[m]) / (HELD_OUT_IMAGES + IMAGES) for m in (best, 0)
        ]
        found |= {
            "if the images that chose give the lead, too": _said(own, limit),
            "if they give lead and error": _said(own, of_own),
            "if the mean of both leads is taken": _said((own + lead) / 2, limit),
            "if both sets of images must show a real lead": "real" if own > of_own and lead > limit else "luck",
            "if a lead on both sets of images is enough": "real" if min(own, lead) > 0 else "luck",
            "if both sets of images are put together": _said(
                all_images[0] - all_images[1], ERRORS * _error(*all_images, HELD_OUT_IMAGES + IMAGES)
            ),
        }
    return found


def _own_numbers(runs: Sequence[Run], got: str) -> str:
    """What the learner's own runs say by the rule of the card."""
    test, best = _asked(runs, 1), _chosen(runs)
    lead, limit = test[best] - test[0], ERRORS * _error(test[0], test[best])
    return (
        f"By your held-out numbers model {best} is the best of 1 to 6. On the test images it has {test[best]:.2f} % and model 0 "
        f"{test[0]:.2f} %, a lead of {lead:+.2f} points. Two standard errors of the difference are {limit:.2f} points, so "
        f"{_said(lead, limit)!r}."
    )


def _models(said: str, right: str, held_out: Sequence[float], in_use: float, best: float, others: float = 0) -> World:
    """Made-up models.

    Args:
        said: what is planted.
        right: the conclusion.
        held_out: percent of the held-out images, models 0 to 6.
        in_use, best: percent of the test images, of model 0 and of the one that the held-out images choose.
        others: percent of the test images of all the others; 0 = as model 0.
    """
    chosen = max(MODELS[1:], key=lambda model: held_out[model])
    test = {model: others or in_use for model in MODELS} | {0: in_use, chosen: best}

    def measure(arm: str, number: int, *, model: float, test: float, numbers: dict = test) -> float:
        if model not in MODELS:
            raise ValueError(f"model must be one of 0 to 6, got {model:g}.")
        if test not in (0, 1):
            raise ValueError(f"test must be 0 or 1, got {test:g}.")
        return numbers[int(model)] if test else held_out[int(model)]

    return World(said, right, measure, _own_numbers)


CONTESTS = (
    _models(
        "model 3 is really better, by 1.4 points",
        "real",
        (96.1, 96.0, 95.8, 97.6, 96.3, 95.9, 96.2),
        96.0,
        97.4,
    ),
    _models(
        "all seven are alike, and the held-out images made model 5 look better by more than a point",
        "luck",
        (95.9, 96.0, 95.8, 96.2, 96.3, 97.3, 95.7),
        96.0,
        96.06,
    ),
    _models(
        "at 90 % a lead of half a point is a little more than one standard error",
        "luck",
        (90.1, 90.3, 91.9, 89.5, 90.2, 89.8, 90.6),
        90.0,
        90.49,
    ),
    _models(
        "at 90 % a lead of 0.7 points is less than two standard errors",
        "luck",
        (89.9, 90.4, 90.8, 89.2, 90.3, 89.7, 92.1),
        90.0,
        90.7,
    ),
    _models(
        "at 90 % a lead of 1.2 points is nearly three standard errors",
        "real",
        (90.2, 90.4, 89.9, 90.1, 91.6, 90.3, 89.7),
        90.0,
        91.2,
    ),
    _models(
        "at 99 % a lead of 0.3 points is more than two standard errors",
        "real",
        (98.95, 99.5, 99.1, 99.2, 98.9, 99.0, 99.15),
        99.0,
        99.3,
    ),
    _models(
        "model 0 was luckier with the held-out images than all the others, and model 2 is really better",
        "real",
        (97.9, 97.2, 97.6, 97.1, 96.9, 97.0, 97.3),
        97.0,
        97.9,
    ),
    _models(
        "the chosen one is worse by a whole point, and only the held-out images liked it",
        "luck",
        (96.0, 95.9, 96.2, 96.1, 97.4, 96.3, 95.7),
        96.5,
        95.5,
    ),
    _models(
        "at 90 % a lead of 0.8 points is a little less than two standard errors",
        "luck",
        (90.3, 91.7, 90.2, 89.6, 90.5, 90.1, 89.9),
        90.0,
        90.8,
    ),
    _models(
        "at 99 % a lead of a quarter of a point is a little less than two standard errors",
        "luck",
        (99.0, 98.9, 99.1, 98.8, 99.2, 99.05, 99.5),
        99.0,
        99.25,
    ),
    _models(
        "the lead is a little more than two standard errors of a difference",
        "real",
        (96.0, 96.1, 95.7, 97.0, 96.2, 96.3, 95.8),
        96.0,
        96.0 + 0.543,
    ),
    _models(
        "the lead is a little less than two standard errors of a difference",
        "luck",
        (96.0, 96.1, 95.7, 96.4, 96.2, 97.3, 95.8),
        96.0,
        96.0 + 0.528,
    ),
    _models(
        "the held-out images flatter model 5 by more than a point, and it is really better all the same",
        "real",
        (96.1, 96.0, 98.1, 95.9, 96.2, 98.4, 96.3),
        96.0,
        97.2,
    ),
)


def _chosen_fairly(runs: Sequence[Run]) -> None:
    """Raise a `Mistake` where the test images took part in the choice, or where a model was not asked about."""
    held_out, test = _asked(runs, 0), _asked(runs, 1)
    facts = tuple(
        (name, ", ".join(f"model {model}: {percent:.4g}" for model, percent in sorted(found.items())) or "nothing")
        for name, found in (("held-out images", held_out), ("test images", test))
    )
    missing = [model for model in MODELS[1:] if model not in held_out]
    if missing:
        raise Mistake(
            f"Your experiment does not ask about model {missing[0]} on the held-out images (test=0).",
            "The best of the six is chosen by the held-out images, so all six take part there.",
            facts,
        )
    best = _chosen(runs)
    extra = [model for model in test if model not in (0, best)]
    if extra:
        said = f"By your held-out numbers model {best} is the best of 1 to 6."
        if extra == [best - 1]:
            said += (
                f" In a list of the six it stands at place {best - 1}, since places begin at 0 and these models at 1."
            )
        elif len(extra) == 1 and held_out[extra[0]] == min(held_out[model] for model in MODELS[1:]):
            said += f" Model {extra[0]} is the worst of them."
        elif len(extra) == 1 and int(held_out[extra[0]]) == int(held_out[best]):
            said += f" Model {extra[0]} is as good only in whole percents: choose by the numbers as they come."
        raise Mistake(
            f"Your experiment asks the test images about model {extra[0]}.",
            f"{said} The test images may be asked about model {best} and about model 0 only: images that take part in the choice "
            "make the winner look better than it is.",
            facts,
        )
    if held_out.get(0, -1) > held_out[best] and best not in test:
        raise Mistake(
            f"Model 0 is ahead on the held-out images, and your experiment does not ask the test images about model {best} (test=1).",
            f"Model {best} is the best of 1 to 6. Model 0 is not among those that are chosen from, and its own held-out figure may be "
            "luck as well: judge both models on the test images here, too.",
            facts,
        )
    for model in (0, best):
        if model not in test:
            raise Mistake(
                f"Your experiment does not ask the test images about model {model} (test=1).",
                "The held-out images chose, and so their figure of the chosen one is too good. Judge both models on the test images.",
                facts,
            )


@check(
    "Exercise 1, Is the lead luck?",
    why="The images that choose flatter the winner, so other images judge it. A lead counts where it is larger than what two "
    "accuracies of equal models may differ by.",
)
def real_or_luck(answer: Callable) -> None:
    """``real_or_luck(right) -> "real" or "luck"``, for made-up models."""
    investigate(
        answer,
        CONTESTS,
        arms=("digits",),
        settings={"model": 0, "test": 0},
        conclusions=("real", "luck"),
        look=_chosen_fairly,
        others=_other_rules,
        fixed_said="If your function does compare, look at its units: where the lead is in points the error must be, too, and p and q are "
        "shares, from 0 to 1.",
        most_runs=200,
        name="right",
    )


# ---- exercise 2 --------------------------------------------------------------------------------------

Pair = tuple  # (bytes, accuracy); either may be None


def _known(row: Pair) -> bool:
    return None not in row


def _better(a: Pair, b: Pair) -> bool:
    """True when `a` dominates `b`; both are known."""
    return a[0] <= b[0] and a[1] >= b[1] and a != b


def _front(rows: list, beats: Callable = _better, known: Callable = _known) -> list:
    there = [row for row in rows if known(row)]
    return [row for row in there if not any(beats(other, row) for other in there)]


def _one_of_equals(rows: list) -> list:
    return list(dict.fromkeys(_front(rows)))


def _equals_go(rows: list) -> list:
    front = _front(rows)
    return [row for row in front if front.count(row) == 1]


def _sweep(keeps: Callable) -> Callable:
    """A walk along the bytes that keeps what is better than the best so far; what most people write first."""

    def walk(rows: list) -> list:
        best, kept = -1.0, []
        for row in sorted(filter(_known, rows), key=lambda r: r[0]):
            if keeps(row[1], best):
                kept.append(row)
                best = max(best, row[1])
        return [row for row in rows if row in kept]

    return walk


def _beside(rows: list) -> list:
    """Each row against those before and behind it alone."""
    return [
        row
        for place, row in enumerate(rows)
        if _known(row)
        and not any(_known(other) and _better(other, row) for other in rows[max(0, place - 1) : place + 2])
    ]


def _as_zero(row: Pair) -> Pair:
    return tuple(value or 0 for value in row)


def _none_as_zero(rows: list) -> list:
    return [row for row in rows if not any(_better(_as_zero(other), _as_zero(row)) for other in rows)]


def _none_stays(rows: list) -> list:
    front = _front(rows)
    return [row for row in rows if not _known(row) or row in front]


def _none_beats(rows: list) -> list:
    """A row with one known value dominates by that value alone."""

    def beats(a: Pair, b: Pair) -> bool:
        at_least = [x is None or (x <= y if place == 0 else x >= y) for place, (x, y) in enumerate(zip(a, b))]  # noqa: B905
        return all(at_least) and a != b and a != (None, None)

    return [row for row in rows if _known(row) and not any(beats(other, row) for other in rows)]


def _ends(*keys: Callable) -> Callable:
    def ends(rows: list) -> list:
        there = [row for row in rows if _known(row)]
        best = [min(map(key, there)) for key in keys] if there else []
        return [row for row in there if any(key(row) == least for key, least in zip(keys, best, strict=True))]

    return ends


@check(
    "Exercise 2, The front",
    why="A row goes only if another one is at least as good in both and better in one. What is left are the choices in which more of one thing must be paid with less of the other.",
)
def pareto(answer: Callable) -> None:
    """``pareto(rows) -> rows``: those that no other dominates, in the order in which they came."""
    wrong = {
        "You let equal rows dominate each other, so all of them go. To dominate, a row must be better in at least one of "
        "the two: equal rows stay together.": _equals_go,
        "Of equal rows you return one. None of them dominates another: all of them stay.": _one_of_equals,
        "You ask that a row be better in both bytes and accuracy. Better in one and equal in the other is enough to "
        "dominate.": lambda rows: _front(rows, lambda a, b: a[0] < b[0] and a[1] > b[1]),
        "Your rows dominate only with fewer bytes. One with equal bytes and more accuracy dominates as well.": lambda rows: (
            _front(rows, lambda a, b: a[0] < b[0] and a[1] >= b[1])
        ),
        "Your rows dominate only with more accuracy. One with equal accuracy and fewer bytes dominates as well.": lambda rows: (
            _front(rows, lambda a, b: a[0] <= b[0] and a[1] > b[1])
        ),
        "Only rows that came earlier dominate others. A row that comes later may, too.": lambda rows: [
            row
            for place, row in enumerate(rows)
            if _known(row) and not any(_known(other) and _better(other, row) for other in rows[:place])
        ],
        "You round the accuracy before you compare. 98.43 % is more than 98.41 %.": lambda rows: _front(
            rows, lambda a, b: _better((a[0], round(a[1], 2)), (b[0], round(b[1], 2)))
        ),
        "You let a row dominate when it is better in either of the two. It must not be worse in the other.": lambda rows: (
            _front(rows, lambda a, b: a[0] < b[0] or a[1] > b[1])
        ),
        "You count more bytes as better. A file should be small.": lambda rows: _front(
            rows, lambda a, b: a[0] >= b[0] and a[1] >= b[1] and a != b
        ),
        "You count less accuracy as better.": lambda rows: _front(
            rows, lambda a, b: a[0] <= b[0] and a[1] <= b[1] and a != b
        ),
        "You return the smallest files alone. A larger one stays, too, where it is more accurate than all that are no "
        "larger.": _ends(lambda r: r[0]),
        "You return the most accurate rows alone. A less accurate one stays, too, where it is smaller than all that are "
        "at least as accurate.": _ends(lambda r: -r[1]),
        "You return the two ends: the smallest and the most accurate. What lies between them and is not dominated stays, "
        "too; and an end may be dominated by one that equals it in one value.": _ends(lambda r: r[0], lambda r: -r[1]),
        "You walk along the bytes and keep what is more accurate than all before. Two rows with equal bytes are in your "
        "way: the less accurate of them may come first.": _sweep(lambda accuracy, best: accuracy > best),
        "You walk along the bytes and keep what is at least as accurate as all before. A row that takes more bytes and is "
        "as accurate as one before is dominated.": _sweep(lambda accuracy, best: accuracy >= best),
        "You count a missing value as 0. A row with None is not on the front, and dominates nobody.": (
            _none_as_zero,
            lambda rows: _front([_as_zero(row) for row in rows]),
        ),
        "You keep rows with None. What was not measured is not on the front.": _none_stays,
        "You let a row with None dominate others by the value that it has. It dominates nobody.": _none_beats,
        "You drop rows with None and return all the others.": lambda rows: [row for row in rows if _known(row)],
        "You return all rows, as they came.": lambda rows: list(rows),
        "You return the rows that are dominated. The front is what is left.": lambda rows: [
            row for row in rows if _known(row) and row not in _front(rows)
        ],
        "You return the front sorted. Keep the order of the rows.": (
            lambda rows: sorted(_front(rows)),
            lambda rows: sorted(_front(rows), reverse=True),
            lambda rows: sorted(_front(rows), key=lambda r: r[1]),
        ),
        "You return the places of the rows in the list. Return the rows themselves.": lambda rows: [
            place for place, row in enumerate(rows) if row in _front(rows)
        ],
        "You return nothing. A row does not dominate itself, nor one that equals it.": lambda rows: [],
        "You count 0 as missing. It was measured: only None was not.": (
            lambda rows: _front(rows, known=all),
            lambda rows: _front(rows, known=lambda row: row[0] is not None and bool(row[1])),
            lambda rows: _front(rows, known=lambda row: bool(row[0]) and row[1] is not None),
        ),
        "You compare each row with its neighbours in the list alone. Any row may dominate it.": (
            _beside,
            lambda rows: _beside([row for row in rows if _known(row)]),
        ),
        "Only rows that come later dominate others. A row that came earlier may, too.": lambda rows: [
            row
            for place, row in enumerate(rows)
            if _known(row) and not any(_known(other) and _better(other, row) for other in rows[place + 1 :])
        ],
        "Your list is made from a set, which keeps one of equal rows and no order. All that are not dominated stay, in the order in which "
        "they came.": lambda rows: list(set(_front(rows))),
        "You leave out rows whose bytes are None, and count an accuracy of None as 0. Such a row is not on the front, and dominates "
        "nobody.": lambda rows: _front(
            rows, lambda a, b: _better(_as_zero(a), _as_zero(b)), known=lambda row: row[0] is not None
        ),
        "You leave out rows whose accuracy is None, and count bytes of None as 0. Such a row is not on the front, and dominates "
        "nobody.": lambda rows: _front(
            rows, lambda a, b: _better(_as_zero(a), _as_zero(b)), known=lambda row: row[1] is not None
        ),
        "You return one row of the front. All that nobody dominates belong to it.": lambda rows: _front(rows)[:1],
    }

    def as_rows(value: object, rows: list) -> list:
        try:
            if isinstance(value, (*ARRAYS, *SEQUENCES)):
                return [tuple(row) if isinstance(row, (*ARRAYS, *SEQUENCES)) else row for row in value]
        except Exception:  # something that cannot be walked through is told below
            pass
        raise Mistake("Your function did not return a list.", "Return a list of rows, in the order of `rows`.")

    accuracy = numbers(0.5, 1) | st.sampled_from((0.0, 0.5))
    value = st.tuples(st.integers(0, 5) | st.none(), accuracy | st.none())
    known = st.tuples(st.integers(0, 5), accuracy)
    compare(
        answer,
        right=_front,
        wrong=wrong,
        names=("rows",),
        edges=[
            ([(1069, 0.98), (281, 0.97), (57, 0.97), (2134, 0.96), (33, 0.91)],),
            ([],),
            ([(2, 0.75), (1, 0.75), (2, 0.75)],),
            ([(3, 0.75), (3, 0.875), (4, 0.875), (1, 0.5)],),
            ([(2, 0.75), (1, 0.5), (2, 0.75)],),  # equal rows on the front
            ([(2, None), (None, 1.0), (3, 0.75), (None, None)],),
            ([(2, 0.75)],),
            ([(2, 0.5), (1, 0.0), (3, 0.0)],),
            ([(2, 0.75), (0, 0.5), (3, 0.5)],),
            ([(10, 0.75)],),  # 0 is a value, too
            ([(281, 0.9843), (57, 0.9812), (105, 0.9841), (33, 0.9811)],),  # alike in two digits
            ([(1_069_117, 0.9843), (1_069_020, 0.9842)],),  # alike in whole kilobytes
        ],
        inputs=st.tuples(st.lists(known | known | value, max_size=7)),
        view=as_rows,
    )


# ---- exercise 3 --------------------------------------------------------------------------------------

NOBODY = "nobody"


def _fits(row: tuple, most_bytes: int, least_speedup: float) -> bool:
    _, size, accuracy, speedup = row
    return None not in row and size <= most_bytes and speedup >= least_speedup


def _best(key: Callable = lambda r: (r[2], -r[1]), fits: Callable = _fits, last: bool = False) -> Callable:
    """The name of the first (or last) row that fits with the largest key."""

    def pick(rows: list, most_bytes: int, least_speedup: float) -> str:
        there = [row for row in rows if fits(row, most_bytes, least_speedup)]
        there = there[::-1] if last else there
        return max(there, key=key)[0] if there else NOBODY

    return pick


def _filled(row: tuple, speed: float, size: int = 0) -> tuple:
    """The row with something in place of each None: accuracy 0."""
    name, *values = row
    return (name, *(given if value is None else value for value, given in zip(values, (size, 0, speed), strict=True)))


def _none_counts(speed: float, size: int, *places: int) -> Callable:
    """None in these places is something that fits; in the others it rules the row out."""

    def pick(rows: list, most_bytes: int, least_speedup: float) -> str:
        there = [r for r in rows if all(r[place] is not None for place in {1, 2, 3} - set(places))]
        return _best()([_filled(row, speed, size) for row in there], most_bytes, least_speedup)

    return pick


def _best_of_all(rows: list, most_bytes: int, least_speedup: float) -> str:
    there = [row for row in rows if None not in row]
    best = max(there, key=lambda r: (r[2], -r[1]), default=None)
    return best[0] if best and _fits(best, most_bytes, least_speedup) else NOBODY


@st.composite
def _budgets(draw: Callable) -> tuple:
    """(rows, most_bytes, least_speedup): most rows fit, many tie, and now and then a value lacks."""

    def value(*choices: float) -> object:
        return None if draw(st.integers(0, 14)) == 14 else draw(st.sampled_from(choices))

    n = draw(st.sampled_from([2, 3, 4, 5, 6, 5, 4, 3, 1, 0]))
    names = draw(st.sampled_from(("abcdef", "fedcba")))[:n]
    rows = [(name, value(1, 2, 3, 4), value(0.75, 0.5, 0.0), value(1.0, 1.5, 2.0, 2.5, 3.0)) for name in names]
    return rows, draw(st.sampled_from([3, 4, 2, 5, 1])), draw(st.sampled_from([1.0, 1.5, 0.5, 2.0]))


@check(
    "Exercise 3, A model for the budget",
    why="The budget decides first who is allowed at all, and among those the most accurate one wins. A row with a number that nobody measured cannot be shown to keep the budget.",
)
def pick(answer: Callable) -> None:
    """``pick(rows, most_bytes, least_speedup) -> name``, or "nobody"."""

    def with_fit(test: Callable) -> Callable:
        return _best(fits=lambda row, *budget: None not in row and test(*row[1:], *budget))

    def with_rows(known: Callable) -> Callable:
        return _best(fits=lambda row, *budget: known(row) and _fits(row, *budget))

    def of_row(rows: list, most_bytes: int, least_speedup: float) -> object:
        name = _best()(rows, most_bytes, least_speedup)
        return next((row for row in rows if row[0] == name), NOBODY)

    wrong = {
        "You round the accuracy before you compare. 98.43 % is more than 98.41 %.": (
            _best(key=lambda r: (round(r[2], 2), -r[1])),
            _best(key=lambda r: (int(100 * r[2]), -r[1])),
        ),
        "A file that takes exactly `most_bytes` fits, too.": with_fit(
            lambda b, _, s, most, least: b < most and s >= least
        ),
        "A model that is exactly `least_speedup` times as fast fits, too.": with_fit(
            lambda b, _, s, most, least: b <= most and s > least
        ),
        "Exactly at a limit fits, at both limits.": with_fit(lambda b, _, s, most, least: b < most and s > least),
        "You do not ask for the speed-up.": with_fit(lambda b, _, s, most, least: b <= most),
        "You do not ask for the bytes.": with_fit(lambda b, _, s, most, least: s >= least),
        "You ask for neither limit.": with_fit(lambda *_: True),
        "A row must keep both limits; yours keeps one of them at least.": with_fit(
            lambda b, _, s, most, least: b <= most or s >= least
        ),
        "You turn the limit of the speed-up round: larger is faster.": with_fit(
            lambda b, _, s, most, least: b <= most and s <= least
        ),
        "You turn the limit of the bytes round: at most so many fit.": with_fit(
            lambda b, _, s, most, least: b >= most and s >= least
        ),
        "You take the smallest file of those that fit. Take the most accurate.": (
            _best(lambda r: (-r[1], r[2])),
            _best(lambda r: -r[1]),
        ),
        "You take the row with the most accuracy for each byte. The accuracy alone decides, and bytes only between equals.": _best(
            lambda r: r[2] / (r[1] or 1)
        ),
        "You multiply accuracy and speed-up. Of those that fit, the accuracy alone decides.": _best(
            lambda r: r[2] * r[3]
        ),
        "You take the fastest of those that fit. Take the most accurate.": (
            _best(lambda r: (r[3], r[2], -r[1])),
            _best(lambda r: r[3]),
        ),
        "You compare the accuracy with `least_speedup`. A row is name, bytes, accuracy, speed-up, in this order.": (
            _best(
                lambda r: (r[3], -r[1]), lambda row, most, least: None not in row and row[1] <= most and row[2] >= least
            ),
            with_fit(lambda b, accuracy, _, most, least: b <= most and accuracy >= least),
        ),
        "You take the least accurate of those that fit.": _best(lambda r: (-r[2], -r[1])),
        "You take the first that fits. Take the most accurate.": _best(lambda r: 0),
        "You take the last that fits. Take the most accurate.": _best(lambda r: 0, last=True),
        "Of equally accurate rows take the one with the fewest bytes; you take the first.": _best(lambda r: r[2]),
        "Of equally accurate rows take the one with the fewest bytes; you take the last.": _best(
            lambda r: r[2], last=True
        ),
        "Of equally accurate rows take the one with the fewest bytes; you take the one with the most.": _best(
            lambda r: (r[2], r[1])
        ),
        "Of equally accurate rows take the one with the fewest bytes; you take the fastest.": _best(
            lambda r: (r[2], r[3])
        ),
        "Rows that are equal in accuracy and bytes: take the one that comes first. You take the last.": _best(
            last=True
        ),
        "Rows that are equal in accuracy and bytes: take the one that comes first. You take the fastest.": _best(
            lambda r: (r[2], -r[1], r[3])
        ),
        "Rows that are equal in accuracy and bytes: take the one that comes first in the list, and not by its name.": (
            lambda rows, *budget: _best()(sorted(rows, key=lambda r: r[0]), *budget),
            lambda rows, *budget: _best()(sorted(rows, key=lambda r: r[0])[::-1], *budget),
        ),
        "You count 0 as missing. It was measured: only None was not.": with_rows(all),
        "You let unknown bytes count as few. Nobody knows whether that file fits.": _none_counts(1, 0, 1),
        "You let an unknown speed-up count as one that fits.": _none_counts(1e9, 0, 3),
        "You count an unknown speed-up as 1. It was not measured: the row is not chosen.": _none_counts(1, 0, 3),
        "You let a row whose accuracy is unknown be chosen when nothing better fits.": _none_counts(1, 0, 2),
        "You let rows with a missing value be chosen.": (
            _none_counts(1e9, 0, 1, 2, 3),
            _none_counts(1, 0, 1, 2, 3),
            _none_counts(1e9, 0, 1, 3),
        ),
        "You look for the most accurate row first, and only then ask whether it fits. Ask first: another may fit.": (
            _best_of_all
        ),
        "You return the row. Return its name.": of_row,
        'Where no row fits you return another text. The card asks for "nobody", in these letters.': tuple(
            lambda rows, *budget, said=said: said if (name := _best()(rows, *budget)) == NOBODY else name
            for said in ("Nobody", "", "None", "none")
        ),
        'Where no row fits you take one all the same. Then the answer is "nobody".': tuple(
            lambda rows, *budget, key=key: (
                name
                if (name := _best()(rows, *budget)) != NOBODY
                else max((row for row in rows if None not in row), key=key, default=(NOBODY,))[0]
            )
            for key in (lambda r: -r[1], lambda r: (r[2], -r[1]), lambda r: r[3])
        ),
        "You exchange the two limits: `most_bytes` comes before `least_speedup`.": lambda rows, most, least: _best()(
            rows, least, most
        ),
        'You return "nobody" whatever the rows are.': lambda rows, most_bytes, least_speedup: NOBODY,
    }

    def as_name(value: object, *_: object) -> object:
        try:
            if isinstance(value, str | tuple | list):
                return str(value) if isinstance(value, str) else value
        except Exception:  # something that cannot be asked for its class is told below
            pass
        raise Mistake("Your function did not return a name.", 'Return the name of a row, or "nobody".')

    rows = [("float", 1069, 0.98, 1.0), ("int8", 281, 0.97, 2.0), ("pruned", 195, 0.97, None), ("tiny", 33, 0.91, 1.5)]
    compare(
        answer,
        right=_best(),
        wrong=wrong,
        names=("rows", "most_bytes", "least_speedup"),
        edges=[
            (rows, 281, 1.5),
            ([("a", 2, 0.9812, 2.0), ("b", 2, 0.9843, 2.0), ("c", 1, 0.9838, 2.0)], 3, 1.0),  # alike in two digits
            (rows, 100, 2.0),
            ([], 1, 1.0),
            ([("a", 3, 0.75, 2.0), ("b", 2, 0.75, 1.0), ("c", 2, 0.75, 3.0)], 3, 1.0),
            ([("a", None, 1.0, 2.0), ("b", 1, None, 2.0), ("c", 1, 1.0, None), ("d", 1, 0.5, 2.0)], 2, 1.0),
            ([("a", 1, None, 2.0)], 2, 1.0),
            ([("a", 1, 0.0, 2.0)], 2, 1.0),  # 0 is a value, too
            ([("b", 2, 0.75, 1.0), ("a", 2, 0.75, 3.0), ("c", 2, 0.75, 2.0)], 3, 1.0),  # the first, not the fastest
            ([("a", 3, 0.75, 1.5), ("b", 2, 0.75, 1.0), ("c", 3, 0.75, 3.0), ("d", 1, 0.5, 2.0)], 4, 1.0),
            ([("a", 2, 0.75, 1.5), ("b", 2, 0.75, 3.0), ("c", 2, 0.5, 2.0)], 3, 1.0),
            ([("float", 40, 0.5, 1.0), ("int8", 10, 0.75, 2.0)], 20, 1.5),
            ([("a", 1, 0.75, 1.0), ("b", 1, 0.5, 3.0)], 2, 1.0),  # fast, and less accurate
        ],
        inputs=_budgets(),
        view=as_name,
    )
