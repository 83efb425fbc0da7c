"""Checks of the lesson `distillation`: a control, an investigation, and a loss with its gradients."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from statistics import fmean, median

import numpy as np
import torch
import torch.nn.functional as F
from hypothesis import strategies as st
from torch import Tensor

from course_utils.exercises.bests import OTHERS, at_each, at_its_best
from course_utils.exercises.core import Mistake, check
from course_utils.exercises.inputs import numbers, tensors
from course_utils.exercises.investigation import Run, World, investigate, numbered, one_alone, one_in_three
from course_utils.exercises.search import compare
from course_utils.exercises.values import is_number


@st.composite
def _answers_of_a_teacher(draw: Callable) -> tuple[Tensor]:
    """(p,): rows of twentieths, each with one highest."""
    images, classes = draw(st.integers(1, 3)), draw(st.integers(2, 5))
    rows = []
    for _ in range(images):
        others = draw(st.lists(st.integers(0, 4), min_size=classes - 1, max_size=classes - 1))
        while 20 - sum(others) <= max(others):
            others = [n // 2 for n in others]
        at = draw(st.integers(0, classes - 1))
        rows.append([*others[:at], 20 - sum(others), *others[at:]])
    return (torch.tensor(rows) / 20,)


def _to_sum_1(targets: Callable) -> Callable:
    """The same targets, each row divided by its sum."""
    return lambda p: targets(p) / targets(p).sum(1, keepdim=True)


def _in_one_place(p: Tensor, at: int) -> Tensor:
    """Every row with its number of one column kept, and what that leaves spread over the others."""
    kept = p[:, at : at + 1]
    return ((1 - kept) / (p.shape[1] - 1)).repeat(1, p.shape[1]).index_copy(1, torch.tensor([at]), kept)


@check(
    "Exercise 1, A control that does not lie",
    why="What is left of a row is one minus its highest probability, and the other classes share it. The row still says how sure the "
    "teacher is of this image, it still adds up to 1, and it names no other class.",
)
def even_targets(answer: Callable) -> None:
    """``even_targets(p) -> Tensor`` in the shape of p."""

    def rule(
        *,
        highest=lambda p: p.amax(1, keepdim=True),
        kept=lambda p, h: h,
        others=lambda p, h: (1 - h) / (p.shape[1] - 1),
    ):
        def even(p):
            h = highest(p)
            return torch.where(p == p.amax(1, keepdim=True), kept(p, h), others(p, h) + 0 * p)

        return even

    def dealt_on(how):
        """The others of each row, each in another's place."""

        def dealt(p):
            out = p.clone()
            for row, own in zip(out, p, strict=True):
                places = [n for n in range(len(own)) if n != int(own.argmax())]
                row[places] = how(own[places])
            return out

        return dealt

    def two_kept(p):
        top = p.topk(min(2, p.shape[1]), 1)
        left = (1 - top.values.sum(1, keepdim=True)) / max(1, p.shape[1] - 2)
        return (left + 0 * p).scatter(1, top.indices, top.values)

    wrong = {
        "You return the probabilities as they are: the other classes are still named. Spread what is left evenly.": (
            lambda p: p.clone()
        ),
        "You spread everything evenly. The highest probability of each row stays.": lambda p: torch.full_like(
            p, 1 / p.shape[1]
        ),
        "You divide what is left by the number of classes. One class has its share already, so there is one fewer.": rule(
            others=lambda p, h: (1 - h) / p.shape[1]
        ),
        "The highest gets a part of what is left, too. It keeps its value, and the others share.": rule(
            kept=lambda p, h: h + (1 - h) / p.shape[1], others=lambda p, h: (1 - h) / p.shape[1]
        ),
        "You make a label of each row. The highest probability keeps its value, or the sureness is lost.": rule(
            kept=lambda p, h: torch.ones_like(h), others=lambda p, h: torch.zeros_like(h)
        ),
        "The others get nothing, so the rows do not add up to 1. They share what is left.": rule(
            others=lambda p, h: torch.zeros_like(h)
        ),
        "Each of the others gets all that is left. They share it.": rule(others=lambda p, h: 1 - h),
        "The others share a whole 1. They share what the highest leaves, 1 minus it.": rule(
            others=lambda p, h: torch.ones_like(h) / (p.shape[1] - 1)
        ),
        "You take the highest of all rows for each row. Each image has its own: amax(1, keepdim=True).": (
            rule(highest=lambda p: p.max().expand(len(p), 1)),
            lambda p: torch.where(p == p.max(), p, (1 - p.max()) / (p.shape[1] - 1)),
            lambda p: torch.where(p == p.max(), p, (1 - p.amax(1, keepdim=True)) / (p.shape[1] - 1)),
        ),
        "What is left of all rows goes into one pot, and every row gets the same from it. Each row shares its own.": rule(
            others=lambda p, h: (1 - h).mean() / (p.shape[1] - 1)
        ),
        "You smooth a label, as the arm smoothed does: the highest is the same in every row. It keeps the teacher's value.": (
            rule(kept=lambda p, h: 0.9 + 0.1 / p.shape[1] + 0 * h, others=lambda p, h: 0.1 / p.shape[1] + 0 * h),
            rule(kept=lambda p, h: 0.9 + 0 * h, others=lambda p, h: 0.1 / (p.shape[1] - 1) + 0 * h),
        ),
        "You mix the row with an even share. Then the highest is less than it was, and the other classes are still named.": (
            lambda p: 0.9 * p + 0.1 / p.shape[1]
        ),
        "You make the highest smaller before the others share. It keeps the teacher's value.": rule(
            kept=lambda p, h: 0.9 * h, others=lambda p, h: (1 - 0.9 * h) / (p.shape[1] - 1)
        ),
        "You give the others the mean of the whole row, the highest among it. They share only what it leaves.": rule(
            others=lambda p, h: p.mean(1, keepdim=True)
        ),
        "You divide by 9 whatever the table is. Ten classes have 9 others; here p may have any number of columns.": rule(
            others=lambda p, h: (1 - h) / 9
        ),
        "You count the rows in place of the classes: p.shape[0]. The classes are the columns, p.shape[1].": (
            rule(others=lambda p, h: (1 - h) / max(1, len(p) - 1)),
            rule(others=lambda p, h: (1 - h) / len(p)),
        ),
        "You keep what is above one half. The highest of a row may be less than that.": (
            lambda p: torch.where(p > 0.5, p, (1 - p.amax(1, keepdim=True)) / (p.shape[1] - 1))
        ),
        "You take the softmax of the probabilities, or change their temperature. p is a finished answer: no logits are left.": (
            lambda p: p.softmax(1),
            lambda p: (p / 8).softmax(1),
            lambda p: p.log().div(8).softmax(1),
        ),
        "Each of the others gets a number that stands in the row (its second highest, its lowest, or one between). "
        "They share what is left: one minus the highest, divided by how many they are.": (
            rule(others=lambda p, h: p.sort(1).values[:, -2:-1]),
            rule(others=lambda p, h: p.amin(1, keepdim=True)),
            rule(others=lambda p, h: p.sort(1).values[:, : p.shape[1] - 1].median(1, keepdim=True).values),
        ),
        "You work in 16 bits on the way, which is too coarse for what the others share. Stay with float32.": (
            lambda p: rule()(p.half()).float(),
            lambda p: rule()(p).half().float(),
            lambda p: rule()(p.bfloat16()).float(),
            lambda p: rule()(p).bfloat16().float(),
        ),
        "You divide each row by its sum, and that changes the highest, too. Share out one minus the highest instead.": (
            _to_sum_1(rule(others=lambda p, h: torch.ones_like(h) / (p.shape[1] - 1))),
            _to_sum_1(rule(others=lambda p, h: torch.ones_like(h) / p.shape[1])),
            _to_sum_1(rule(others=lambda p, h: (1 - h) / p.shape[1])),
            _to_sum_1(rule(others=lambda p, h: 1 - h)),
            _to_sum_1(rule(others=lambda p, h: p.mean(1, keepdim=True))),
        ),
        "All rows get the same highest, the mean of all. Then the targets no longer say of which image the teacher is sure.": rule(
            highest=lambda p: p.amax(1, keepdim=True).mean(0, keepdim=True).expand(len(p), 1)
        ),
        "You look for the highest of each column (dim=0). Each row is an answer: dim=1.": (
            lambda p: torch.where(
                p == p.amax(0, keepdim=True), p.amax(0, keepdim=True), (1 - p.amax(0, keepdim=True)) / (p.shape[1] - 1)
            ),
            lambda p: torch.where(p == p.amax(0, keepdim=True), p, (1 - p.amax(1, keepdim=True)) / (p.shape[1] - 1)),
        ),
        "You deal the others out anew, so false classes are named: that is the control that lies. Spread them evenly.": (
            dealt_on(lambda others: others.roll(1)),
            dealt_on(lambda others: others.roll(-1)),
            dealt_on(lambda others: others.flip(0)),
            dealt_on(lambda others: others.sort().values),
            dealt_on(lambda others: others.sort(descending=True).values),
        ),
        "You keep the two highest. Only one may be named.": two_kept,
        "You put the highest first. It stays in its place, or the class is wrong.": lambda p: rule()(
            p.sort(1, descending=True).values
        ),
        "You put the highest last. It stays in its place, or the class is wrong.": lambda p: rule()(p.sort(1).values),
        "You share among one class too few or too many: divide by classes minus 1, because only the highest is taken out.": (
            rule(others=lambda p, h: (1 - h) / max(1, p.shape[1] - 2)),
            rule(others=lambda p, h: (1 - h) / (p.shape[1] + 1)),
        ),
        "You exchange the two: the highest class gets the share, and the others the highest probability.": rule(
            kept=lambda p, h: (1 - h) / (p.shape[1] - 1), others=lambda p, h: h
        ),
        "You give the others the mean of their column, over all images. What is left of a row is shared in that row.": rule(
            others=lambda p, h: p.mean(0, keepdim=True)
        ),
        "You look for one highest class of the whole table: argmax() without dim. Each row has its own: argmax(1).": (
            lambda p: _in_one_place(p, int(p.argmax()) % p.shape[1])
        ),
        "You add up the whole table: sum() without a dimension. Each row is a sum of its own, and it is 1.": rule(
            others=lambda p, h: (p.sum() - h) / (p.shape[1] - 1)
        ),
        "Only those of the others that are above 0 share. All classes but the highest do, whatever they had.": lambda p: (
            torch.where(
                p == p.amax(1, keepdim=True),
                p,
                (p > 0) * (1 - p.amax(1, keepdim=True)) / ((p > 0).sum(1, keepdim=True) - 1).clamp_min(1),
            )
        ),
        "You keep every class that has more than an even share (1 / classes). Only the highest is kept.": lambda p: (
            torch.where(p > 1 / p.shape[1], p, (1 - p.amax(1, keepdim=True)) / (p.shape[1] - 1))
        ),
        "You keep the lowest of each row. Keep the highest.": lambda p: torch.where(
            p == p.amin(1, keepdim=True), p, (1 - p.amin(1, keepdim=True)) / (p.shape[1] - 1)
        ),
    }
    edges = [
        (torch.tensor([[0.75, 0.25]]),),
        (torch.tensor([[0.7, 0.2, 0.1], [0.05, 0.35, 0.6]]),),
        (torch.tensor([[0.1, 0.4, 0.3, 0.2], [0.0, 0.0, 1.0, 0.0], [0.3, 0.25, 0.25, 0.2]]),),
    ]
    compare(
        answer,
        right=rule(),
        wrong=wrong,
        names=("p",),
        edges=edges,
        inputs=_answers_of_a_teacher(),
        rtol=1e-4,
        atol=1e-6,
    )


KINDS, RATES = ("labels", "even", "soft"), (0.001, 0.003, 0.01)


def _best(runs: Sequence[Run], pick: Callable = fmean) -> dict[str, float]:
    """The errors of each kind at its own best rate."""
    return at_its_best(runs, lambda settings: settings["lr"], best=min, pick=pick)


def _named(best: Mapping[str, float], limit: float = 50.0) -> str:
    labels, even, soft = (best[kind] for kind in KINDS)
    if labels - soft <= limit:
        return "nothing"
    if even - soft <= limit:
        return "sureness"
    return "both" if labels - even > limit else "classes"


def _by_the_card(runs: Sequence[Run]) -> str:
    return _named(_best(runs))


def _said_of(runs: Sequence[Run], got: str) -> str:
    """The errors by the learner's own runs."""
    own = "; ".join(f"{kind} {errors:.0f}" for kind, errors in _best(runs).items())
    return f"Each at its best rate, in the mean: {own}."


CHOOSES = {
    "the first student": lambda own: own[0],
    "the median": median,
    "the best student": min,
    "the worst student": max,
}


def _in_words(labels: float, even: float, soft: float, limit: float = 50.0) -> dict[str, str]:
    """Rules that use the three numbers in another way than the card, and what each concludes."""
    gains, parts = labels - soft > limit, (labels - even > limit, even - soft > limit)
    word = {(True, True): "both", (True, False): "sureness", (False, True): "classes", (False, False): "nothing"}

    def distance(first: float, second: float, which: str, asked: str) -> bool:
        return (abs(first - second) if which in (asked, "all") else first - second) > limit

    others = {
        "if 'classes' is asked for before 'sureness'": "classes"
        if gains and not parts[0]
        else word[parts]
        if gains
        else "nothing",
        "if 'nothing' is said wherever neither part gains alone": word[parts] if gains else "nothing",
        "if soft is not compared with labels": word[parts],
        "if 'both' is said where neither part gains alone": ("both" if not any(parts) else word[parts])
        if gains
        else "nothing",
        "if even may gain over labels in place of soft": _named({"labels": labels, "even": even, "soft": soft})
        if max(labels - soft, labels - even) <= limit or gains
        else "sureness",
        "if 'sureness' and 'classes' are exchanged": {"sureness": "classes", "classes": "sureness"}.get(
            _named({"labels": labels, "even": even, "soft": soft}), "both" if gains else "nothing"
        ),
    }
    if gains:
        share = (labels - even) / (labels - soft)
        others["if the share of a part in the gain decides, and not 50 errors"] = (
            "sureness" if share > 0.8 else "classes" if share < 0.2 else "both"
        )
    else:
        others["if the share of a part in the gain decides, and not 50 errors"] = "nothing"
    for asked, how in {
        "all": "if a distance counts whichever kind is ahead",
        "even": "if even counts as a gain over labels when it is worse",
        "soft": "if soft counts as a gain over even when it is worse",
    }.items():
        others[how] = (
            "nothing"
            if not distance(labels, soft, asked, "")
            else "sureness"
            if not distance(even, soft, asked, "soft")
            else "both"
            if distance(labels, even, asked, "even")
            else "classes"
        )
    return others


def _other_rules(runs: Sequence[Run]) -> dict[str, str]:
    """Rules that are not the card's, and what each concludes from the runs."""
    means = at_each(runs, lambda settings: settings["lr"])
    best = _best(runs)
    others = {how: _named(_best(runs, pick)) for how, pick in OTHERS.items()}
    others |= {
        "if the first student is left out": _named(_best(runs, lambda own: fmean(own[1:] or own))),
        "if the geometric mean is taken": _named(
            _best(runs, lambda own: math.exp(fmean(math.log(max(errors, 1e-9)) for errors in own)))
        ),
        "if the means are rounded to tens": _named(_best(runs, lambda own: round(fmean(own), -1))),
    }
    for limit in (0, 25, 40, 45, 55, 60, 100):
        others[f"if a gain is more than {limit:g}"] = _named(best, limit)
    for kind, of in means.items():
        others[f"if {kind!r} is read at its highest rate"] = _named({**best, kind: of[max(of)]})
        others[f"if {kind!r} is never read at its lowest rate"] = _named(
            {**best, kind: min(errors for rate, errors in of.items() if rate > min(of))}
        )
    for how, pick in CHOOSES.items():
        looks = at_each(runs, lambda settings: settings["lr"], pick=pick)
        others[f"if {how} chooses the rate, and not the mean"] = _named(
            {kind: means[kind][min(of, key=of.get)] for kind, of in looks.items()}
        )
    others["if each student is read at the best rate of its own"] = _named(_each_at_its_own(runs))
    return others | _in_words(*(best[kind] for kind in KINDS))


def _each_at_its_own(runs: Sequence[Run]) -> dict[str, float]:
    """The mean errors of each kind where every student has the rate that suits it best."""
    least: dict[str, dict[float, float]] = {}
    for run in runs:
        own = least.setdefault(run.arm, {})
        own[run.settings["seed"]] = min(run.result, own.get(run.settings["seed"], math.inf))
    return {kind: fmean(own.values()) for kind, own in least.items()}


def _first(seed: float) -> bool:
    return seed == 0


def _students(
    right: str | Callable,
    said: str,
    hint: str,
    odd: Mapping[str, float] | None = None,
    which: Callable[[float], bool] = one_in_three,
    from_rate: float = 0.0,
    **at_rates: Sequence[float],
) -> World:
    """Students who make so many errors with each kind of targets at the three rates, up to 110 more or fewer each.

    `odd`: what `which` students make more, by kind, from a rate on; then the others do not differ.
    """

    def measure(kind: str, number: int, *, seed: float, lr: float) -> float:
        if not lr > 0:
            raise ValueError(f"lr must be above 0, got {lr:g}.")
        decades = [math.log10(rate) for rate in RATES]
        at = math.log10(lr)
        beyond = max(0.0, decades[0] - at, at - decades[-1])
        student = ((seed * 7919) % 17 - 8) * 12  # one student is better than another, whatever it is taught
        luck = ((seed * 31 + 7 * KINDS.index(kind)) % 5 - 2) * 5
        if odd is not None:
            student, luck = odd.get(kind, 0.0) * (which(seed) and lr > from_rate), luck / 10
        return float(np.interp(at, decades, at_rates[kind])) + 300 * beyond + student + luck

    return World(said, right, measure if which is one_in_three else numbered(measure), hint)


FAMILIES = (
    _students(
        "both",
        "at their best rates even targets have 190 errors fewer than labels, and soft ones 340 fewer than even",
        "Even lies between labels and soft here, more than 50 errors from each: each of the two parts earns something. Compare soft with "
        "even, and even with labels.",
        labels=(1350, 1340, 1330),
        even=(1370, 1190, 1140),
        soft=(1300, 940, 800),
    ),
    _students(
        "classes",
        "soft targets have 480 errors fewer than labels, and even ones only 20 fewer",
        "Even has 20 errors fewer than labels here, and by the rule on the card that is no gain. So all of it comes from the classes that are "
        "named.",
        labels=(1340, 1330, 1340),
        even=(1400, 1330, 1310),
        soft=(1310, 1000, 850),
    ),
    _students(
        "sureness",
        "soft targets have 345 errors fewer than labels, but only 10 fewer than even ones",
        "Soft is much better than labels here, but hardly better than even, which names no class at all. So compare soft with even: what even "
        "lacks was not needed.",
        labels=(1345, 1335, 1340),
        even=(1380, 1150, 1000),
        soft=(1360, 1140, 990),
    ),
    _students(
        "nothing",
        "labels have 900 errors at their best rate, 0.001, and soft targets 905 at theirs, 0.01",
        "The labels suffer from the rate of 0.01 here, so at this rate alone soft looks better. Take the errors of each kind at its own best "
        "rate.",
        labels=(900, 905, 1000),
        even=(930, 925, 1000),
        soft=(920, 910, 905),
    ),
    _students(
        "nothing",
        "labels have 900 errors at their best rate, 0.001, and soft targets 905 at theirs; only the higher rates do not suit the labels",
        "Two of the three rates do not suit the labels here, and what they do at those says nothing about their best. Take the lowest of the "
        "three means of each kind, and not a mean over the rates.",
        labels=(900, 1150, 1500),
        even=(930, 980, 1050),
        soft=(920, 910, 905),
    ),
    _students(
        "classes",
        "labels have 1,000 errors at their best rate, 0.001, even targets 990 and soft ones 700 at theirs, 0.01",
        "Here labels are best at the lowest rate, and soft targets at the highest. A rate that suits one kind of targets and is used for all "
        "tells something about the rate. Compare each kind at its own best.",
        labels=(1000, 1100, 1200),
        even=(1060, 1000, 990),
        soft=(1010, 850, 700),
    ),
    *(
        _students(
            _by_the_card,
            f"at their best rates even targets have {even} errors fewer than labels, and soft ones {soft} fewer than labels",
            "Compare each at its best rate, and count a gain from more than 50 errors on.",
            odd={},
            labels=(1340, 1330, 1320),
            even=(1360, 1330, 1320 - even),
            soft=(1310, 1290, 1320 - soft),
        )
        for even, soft in ((5, 38), (5, 70), (200, 238), (38, 300), (70, 300))
    ),
    *(
        _students(
            _by_the_card,
            f"as a rule even targets have {even} errors fewer than labels, and soft ones {soft} fewer than labels; every third student "
            f"makes {more} errors more with {kind} targets",
            "Compare the means of each at its best rate, and count a gain from more than 50 errors on.",
            odd={kind: more},
            labels=(1340, 1330, 1320),
            even=(1360, 1330, 1320 - even),
            soft=(1310, 1290, 1320 - soft),
        )
        for kind, more, even, soft in (
            ("soft", 400, 10, 130),
            ("even", -400, 100, 260),
        )
    ),
    *(
        _students(
            _by_the_card,
            f"with soft targets four students of five have {gain} errors fewer than labels, and one has {more - gain} more",
            "Compare the means of each at its best rate, and count a gain from more than 50 errors on. The mean is taken over all students.",
            odd={"soft": more},
            which=one_alone,
            labels=(1340, 1330, 1320),
            even=(1360, 1330, 1310),
            soft=(1310, 1290, 1320 - gain),
        )
        for gain, more in ((110, 400), (200, 500))
    ),
    *(
        _students(
            _by_the_card,
            f"at their best rates even targets gain {even} errors over labels, and soft ones {soft}",
            "Go through the four conditions in the order of the card, and count a gain from more than 50 errors on.",
            odd={},
            labels=(1340, 1330, 1320),
            even=(1480, 1450, 1320 - even),
            soft=(1480, 1450, 1320 - soft),
        )
        for even, soft in ((5, 47), (5, 54), (120, 20), (5, -100), (-100, 200), (300, 200))
    ),
    *(
        _students(
            _by_the_card,
            f"{said}, and {more:+g} errors of it are those of one student{where}",
            "Compare the means of each at its best rate, and count a gain from more than 50 errors on. The mean chooses the rate.",
            odd={"soft": more},
            which=which,
            from_rate=0.005 if where else 0.0,
            labels=(1340, 1330, 1320),
            even=(1360, 1330, 1320),
            soft=soft,
        )
        for said, more, which, where, soft in (
            ("soft gains over labels", -400, _first, "", (1310, 1305, 1300)),
            ("soft gains little over labels", 900, one_alone, "", (1400, 1300, 1100)),
            ("soft gains over labels at 0.003", 2000, one_alone, " at 0.01", (1310, 1150, 1050)),
            ("soft gains over labels at 0.01", 300, one_alone, " at 0.01", (1310, 1290, 1050)),
            ("soft gains over labels at no rate", -1000, one_alone, " at 0.01", (1310, 1290, 1600)),
        )
    ),
    _students(
        _by_the_card,
        "even and soft targets are at their best at 0.001, and gain 120 and 320 errors over labels there",
        "Compare the means of each at its best rate, and count a gain from more than 50 errors on.",
        odd={},
        labels=(1320, 1330, 1340),
        even=(1200, 1300, 1400),
        soft=(1000, 1200, 1400),
    ),
)


def _at_the_three_rates(runs: Sequence[Run]) -> None:
    """Raise a `Mistake` where a rate of the card was never tried."""
    for rate in RATES:
        if not any(math.isclose(run.settings["lr"], rate, rel_tol=1e-3) for run in runs):
            raise Mistake(
                f"Your experiment leaves out the rate {rate:g}.",
                "The card names three rates, so that each kind of targets can be judged at its best of them.",
            )


@check(
    "Exercise 2, What did the student learn?",
    why="Each kind of targets is judged at its own best rate, with the same students and as many runs as the others. Even stands between "
    "labels and soft: what it gains is due to the sureness, and what it lacks is due to the classes that the teacher names.",
)
def what_taught(answer: Callable) -> None:
    """``what_taught(errors) -> "nothing", "sureness", "classes" or "both"``, on made-up students."""
    investigate(
        answer,
        FAMILIES,
        arms=KINDS,
        settings={"seed": 0, "lr": 0.01},
        least={"seed": 5, "lr": 3},
        least_runs=15,
        conclusions=("nothing", "sureness", "classes", "both"),
        rule=_by_the_card,
        rule_said=_said_of,
        others=_other_rules,
        look=_at_the_three_rates,
        name="errors",
    )


NAMES = ("student", "teacher", "labels", "T", "alpha")
CALLED_BACKWARD = RuntimeError("backward() was called before the loss came back")


class _Loss:
    """A loss, and the gradients that it sends to the logits; shown as text, compared by `parts`."""

    def __init__(self, value: float, student: Tensor, teacher: Tensor):
        self.value, self.student, self.teacher = value, student, teacher

    def parts(self) -> dict[str, object]:
        return {"loss": self.value, "student": self.student, "teacher": self.teacher}

    def __repr__(self) -> str:
        student, teacher = (
            [[round(v, 5) + 0.0 for v in row] for row in g.tolist()] for g in (self.student, self.teacher)
        )
        at_teacher = f"{teacher} at the teacher" if self.teacher.any() else "none at the teacher"
        return f"{self.value:.6g}, with the gradient {student} at the student, {at_teacher}"


def _graded(function: Callable) -> Callable:
    """`function`, made to return a `_Loss`; what is no loss comes back as it is, an exception of `backward` in its place."""

    def graded(student: Tensor, teacher: Tensor, labels: Tensor, T: float, alpha: float) -> object:
        leaves = student.clone().requires_grad_(), teacher.clone().requires_grad_()
        with torch.enable_grad():
            loss = function(*leaves, labels, T, alpha)
        for given, leaf in zip((student, teacher), leaves, strict=True):
            given.copy_(leaf.detach())  # an answer that edits its input has edited this copy
        if any(leaf.grad is not None for leaf in leaves):
            return CALLED_BACKWARD
        if not issubclass(type(loss), Tensor) or not is_number(loss):
            return loss
        try:
            if loss.requires_grad:
                loss.reshape(()).backward()
            back = [torch.zeros_like(leaf) if leaf.grad is None else leaf.grad for leaf in leaves]
            return _Loss(loss.detach().item(), *back)
        except Exception as error:
            return error

    return graded


def _parts(value: object, *args: object) -> object:
    if type(value) is _Loss:
        return value.parts()
    if value is CALLED_BACKWARD:
        raise Mistake(
            "Your function calls backward() itself.",
            "Return the loss as it is. Who trains calls backward(), and only once.",
        )
    if issubclass(type(value), Exception):
        raise Mistake(
            f"What your function returns cannot be used for training: backward() raised {type(value).__name__}.",
            "Compute it from the logits with torch's functions.",
        )
    several = issubclass(type(value), Tensor)
    raise Mistake(
        "Your function did not return a tensor of one number.",
        "Both parts are means over the batch."
        if several
        else "A tensor keeps the way back to the logits; this does not.",
    )


@st.composite
def _answers(draw: Callable) -> tuple:
    """(student, teacher, labels, T, alpha)."""
    batch, classes = draw(st.integers(1, 3)), draw(st.integers(2, 4))
    z, v = (draw(tensors((batch, classes), numbers(-4, 4, step=0.5))) for _ in range(2))
    labels = draw(tensors((batch,), st.integers(0, classes - 1), torch.int64))
    return z, v, labels, draw(st.sampled_from([1.0, 2.0, 4.0, 0.5, 8])), draw(st.sampled_from([0.5, 1.0, 0.0, 0.25]))


@check(
    "Exercise 3, The loss",
    why="The teacher's probabilities say how alike the wrong classes are, and T makes the small ones count. The gradient of the "
    "soft part shrinks about with 1 / T², so T² keeps the two parts in balance.",
    trust="it is asked for gradients",
)
def distillation_loss(answer: Callable) -> None:
    """``distillation_loss(student, teacher, labels, T, alpha) -> Tensor``; value and gradients are compared."""

    def kl(log_answer, target, reduction="batchmean"):
        return F.kl_div(log_answer, target, reduction=reduction)

    def from_teacher(z, v, T):
        return kl(torch.log_softmax(z / T, 1), torch.softmax(v / T, 1))

    def rule(
        soft=from_teacher,
        *,
        factor=lambda T: T**2,
        weights=lambda a: (a, 1 - a),
        detach=True,
        own=lambda z, y, T: F.cross_entropy(z, y),
    ):
        def loss(student, teacher, labels, T, alpha):
            teacher = teacher.detach() if detach else teacher
            first, second = weights(alpha)
            return first * factor(T) * soft(student, teacher, T) + second * own(student, labels, T)

        return loss

    def cut_off(student, *others):
        return rule()(student.detach(), *others)

    def logs(logits, T):
        return torch.log_softmax(logits / T, 1)

    def shares(logits, T):
        return torch.softmax(logits / T, 1)

    wrong = {
        "T² is missing: the gradient of the soft part shrinks with 1 / T², and labels beside it drown it out.": rule(
            factor=lambda T: 1
        ),
        "T² is missing, and a gradient reaches the teacher's logits.": rule(factor=lambda T: 1, detach=False),
        "You multiply by T. The gradient of the soft part shrinks with T².": rule(factor=lambda T: T),
        "You divide by T². The gradient of the soft part shrinks with T²: multiply.": rule(factor=lambda T: T**-2),
        "The arguments of the divergence are swapped: the teacher is the target, the student the input.": rule(
            lambda z, v, T: kl(logs(v, T), shares(z, T))
        ),
        "The student must give log-probabilities: kl_div takes log_softmax as its input, softmax as its target.": rule(
            lambda z, v, T: kl(shares(z, T), shares(v, T))
        ),
        "You give kl_div the student's logits. It wants log-probabilities: log_softmax first.": rule(
            lambda z, v, T: kl(z / T, shares(v, T))
        ),
        "A gradient reaches the teacher's logits: detach them, or the teacher learns to please the student.": rule(
            detach=False
        ),
        "No gradient reaches the student: the result is cut off from its logits, and it would learn nothing.": cut_off,
        'kl_div\'s default reduction divides by batch and classes. reduction="batchmean" divides by the batch alone.': (
            rule(lambda z, v, T: kl(logs(z, T), shares(v, T), "none").mean())
        ),
        "You add the divergences up over the batch. Take their mean.": rule(
            lambda z, v, T: kl(logs(z, T), shares(v, T), "sum")
        ),
        "You add up the labels' cross-entropy over the batch. Take its mean.": rule(
            own=lambda z, y, T: F.cross_entropy(z, y, reduction="sum")
        ),
        "Only the teacher's logits are divided by T. Both are.": rule(lambda z, v, T: kl(logs(z, 1), shares(v, T))),
        "Only the student's logits are divided by T. Both are.": rule(lambda z, v, T: kl(logs(z, T), shares(v, 1))),
        "The soft part is taken at T = 1. Divide both logits by T.": rule(lambda z, v, T: kl(logs(z, 1), shares(v, 1))),
        "You take the teacher's first choice for a label. All its probabilities are the target.": (
            rule(lambda z, v, T: F.cross_entropy(z / T, v.argmax(1))),
            rule(lambda z, v, T: F.cross_entropy(z, v.argmax(1))),
        ),
        "α and 1 - α are swapped: α weighs the teacher.": rule(weights=lambda a: (1 - a, a)),
        "The labels keep their full weight. They get 1 - α.": rule(weights=lambda a: (a, 1)),
        "The soft part keeps its full weight. It gets α.": rule(weights=lambda a: (1, 1 - a)),
        "The part of the labels is missing.": (rule(weights=lambda a: (a, 0)), rule(weights=lambda a: (1, 0))),
        "The cross-entropy with the labels takes the student's logits as they are, at T = 1.": rule(
            own=lambda z, y, T: F.cross_entropy(z / T, y)
        ),
        "The labels' cross-entropy gets probabilities. F.cross_entropy takes logits, and does the softmax itself.": rule(
            own=lambda z, y, T: F.cross_entropy(torch.softmax(z, 1), y)
        ),
        "You take the softmax over the batch (dim=0). Each row is an answer: dim=1.": rule(
            lambda z, v, T: kl(torch.log_softmax(z / T, 0), torch.softmax(v / T, 0))
        ),
        "You multiply the logits by T. Divide them by it: a high temperature makes the answers softer.": rule(
            lambda z, v, T: kl(logs(z, 1 / T), shares(v, 1 / T))
        ),
        "You take the squared distance of the logits, or of the probabilities. The card asks for the KL divergence.": (
            rule(lambda z, v, T: F.mse_loss(z, v)),
            rule(lambda z, v, T: F.mse_loss(z / T, v / T)),
            rule(lambda z, v, T: F.mse_loss(shares(z, T), shares(v, T))),
            rule(lambda z, v, T: F.mse_loss(z, v), factor=lambda T: 1),
        ),
        "The soft part sends no gradient to the student: detach the teacher, and the teacher alone.": (
            rule(lambda z, v, T: from_teacher(z.detach(), v, T)),
            rule(lambda z, v, T: from_teacher(z.detach(), v, T), detach=False),
        ),
        "The labels' part sends no gradient to the student: detach the teacher, and the teacher alone.": rule(
            own=lambda z, y, T: F.cross_entropy(z.detach(), y)
        ),
        "You add a small number before the logarithm, which changes loss and gradient. log_softmax needs none.": (
            rule(lambda z, v, T: kl((shares(z, T) + 1e-3).log(), shares(v, T))),
            rule(lambda z, v, T: kl((shares(z, T) + 1e-2).log(), shares(v, T))),
        ),
        "The two parts are added without α: it weighs the soft part, and 1 - α the labels.": rule(
            weights=lambda a: (1, 1)
        ),
        "You halve the sum of both parts. α and 1 - α are the weights.": rule(weights=lambda a: (0.5, 0.5)),
        "The part of the teacher is missing.": rule(weights=lambda a: (0, 1 - a)),
        "Your divergence has the wrong sign, so training would drive the student away from the teacher.": rule(
            lambda z, v, T: -from_teacher(z, v, T)
        ),
        "You take the teacher's probabilities for the labels' part, too. It compares the student with the labels.": (
            lambda student, teacher, labels, T, alpha: rule(
                own=lambda z, y, T: F.cross_entropy(z, shares(teacher.detach(), 1))
            )(student, teacher, labels, T, alpha)
        ),
        "kl_div's target is log-probabilities, too. It wants softmax there, unless you say log_target=True.": rule(
            lambda z, v, T: kl(logs(z, T), logs(v, T))
        ),
        "T² also multiplies the part of the labels. It belongs to the soft part alone.": rule(
            own=lambda z, y, T: T**2 * F.cross_entropy(z, y)
        ),
        "You take the cross-entropy with the soft targets. The KL divergence is that less the teacher's entropy: it is "
        "0 when both agree.": rule(lambda z, v, T: F.cross_entropy(z / T, shares(v, T))),
    }
    logits = torch.tensor([[1.0, -2.0, 0.5], [0.0, 3.0, 1.5]]), torch.tensor([[4.0, 0.0, -1.0], [-2.0, 2.0, 3.0]])
    edges = [
        (*logits, torch.tensor([0, 2]), 4.0, 0.5),
        (*logits, torch.tensor([1, 1]), 8.0, 0.75),
        (torch.zeros(1, 2), torch.zeros(1, 2), torch.tensor([0]), 1.0, 1.0),
    ]
    graded = {
        hint: tuple(map(_graded, ways)) if isinstance(ways, tuple) else _graded(ways) for hint, ways in wrong.items()
    }
    parts = {"names": NAMES, "edges": edges, "inputs": _answers(), "view": _parts}
    compare(_graded(answer), right=_graded(rule()), wrong=graded, rtol=1e-3, atol=2e-5, **parts)
