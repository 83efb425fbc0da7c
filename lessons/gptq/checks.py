"""Checks of the lesson `gptq`."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from statistics import fmean, geometric_mean, median, stdev

from course_utils.exercises.bests import trimmed
from course_utils.exercises.core import check
from course_utils.exercises.investigation import (
    Run,
    World,
    by_arm,
    investigate,
    numbered,
    one_alone,
    one_in_three,
)

WAYS = ("nearest", "gptq", "same levels", "wrong pairs")
FOUND = ("nothing", "levels", "any change", "pairs")
FEWEST = 5  # draws


def _named(mean: Mapping[str, float], least: float = 0.1, same: float = 0.5, wrong: float = 0.5) -> str:
    """What the card concludes from the four means; the limits can be others."""
    gain = {way: mean["nearest"] - mean[way] for way in WAYS}
    if gain["gptq"] < least * mean["nearest"]:
        return "nothing"
    if gain["same levels"] < same * gain["gptq"]:
        return "levels"
    return "any change" if gain["wrong pairs"] >= wrong * gain["gptq"] else "pairs"


def _by_the_card(runs: Sequence[Run]) -> str:
    return _named({way: fmean(own) for way, own in by_arm(runs).items()})


def _asked(own: Mapping[str, Sequence[float]]) -> dict[str, str]:
    """Rules that put other questions than the card's to the four means -> what they conclude."""
    mean = {way: fmean(rises) for way, rises in own.items()}
    base = mean["nearest"]
    gain = {way: base - mean[way] for way in WAYS}
    pays, levels = gain["gptq"] >= 0.1 * base, gain["same levels"] < 0.5 * gain["gptq"]
    any_change = gain["wrong pairs"] >= 0.5 * gain["gptq"]
    of_levels = gain["wrong pairs"] >= 0.5 * gain["same levels"]
    lost = {way: mean[way] - mean["gptq"] for way in WAYS}

    def by(levels: bool, any_change: bool, pays: bool = pays) -> str:
        return "nothing" if not pays else "levels" if levels else "any change" if any_change else "pairs"

    least = min(WAYS[1:], key=lambda way: mean[way])
    return {
        "if nobody asks first whether there is a gain": by(levels, any_change, pays=True),
        "if the pairs are asked about before the levels": by(levels and not any_change, any_change),
        "if the question about the same levels is left out": by(False, any_change),
        "if the question about the wrong pairs is left out": by(levels, False),
        'if "levels" stands where at least half of the gain is left, and not less': by(not levels, any_change),
        'if "any change" stands where wrong pairs bring less than half of the gain, and not more': by(
            levels, not any_change
        ),
        "if each gain is taken with the wrong sign": _named({way: 2 * base - mean[way] for way in WAYS}),
        "if half of the mean rise of 'nearest' stands in place of half of GPTQ's gain": by(
            gain["same levels"] < 0.5 * base, gain["wrong pairs"] >= 0.5 * base
        ),
        "if rises are compared in place of gains": by(
            mean["same levels"] > 2 * mean["gptq"], mean["wrong pairs"] <= 2 * mean["gptq"]
        ),
        "if the part of the gain that is lost is compared with a half, and not the part that is left": by(
            lost["same levels"] < 0.5 * gain["gptq"], lost["wrong pairs"] >= 0.5 * gain["gptq"]
        ),
        "if wrong pairs are compared with the gain of the same levels, and not with GPTQ's": by(levels, of_levels),
        "if the way with the lowest rise decides": by(least == "same levels", least == "wrong pairs"),
        "if any of the three ways may be the one that gains a tenth": by(
            levels, any_change, max(gain.values()) >= 0.1 * base
        ),
        "if each of the three ways must gain a tenth": by(
            levels, any_change, min(gain[way] for way in WAYS[1:]) >= 0.1 * base
        ),
        "if the two controls are exchanged": by(
            gain["wrong pairs"] < 0.5 * gain["gptq"], gain["same levels"] >= 0.5 * gain["gptq"]
        ),
        "if the tenth is one of GPTQ's rise": by(levels, any_change, gain["gptq"] >= 0.1 * mean["gptq"]),
        "if a gain counts from a tenth of a per cent on": by(levels, any_change, gain["gptq"] >= 0.1),
        "if a gain counts from one point on": by(levels, any_change, gain["gptq"] >= 1),
        "if any gain at all of GPTQ counts": by(levels, any_change, gain["gptq"] > 0),
        "if a gain of GPTQ needs less than a tenth, a twentieth for example": _named(mean, least=0.05),
        "if a gain of GPTQ needs more than a tenth, a fifth for example": _named(mean, least=0.2),
        "if any gain at all of the wrong pairs counts": _named(mean, wrong=1e-9),
        "if wrong pairs need less than half of the gain, a quarter for example": _named(mean, wrong=0.25),
        "if wrong pairs need more than half of the gain, three quarters for example": _named(mean, wrong=0.75),
        "if wrong pairs need the whole gain": _named(mean, wrong=1),
        "if the same levels must keep the whole gain": _named(mean, same=1),
        "if the same levels must keep more than half of the gain, three quarters for example": _named(mean, same=0.75),
        "if the same levels may keep less than half of the gain, a quarter for example": _named(mean, same=0.25),
        "if the same levels may lose all but a tenth of the gain": _named(mean, same=0.1),
    }


def _others(runs: Sequence[Run]) -> dict[str, str]:
    """Rules that are not the card's -> what they conclude from these runs."""
    own = by_arm(runs)
    found = _asked(own)
    summaries = {"median": median, "lowest": min, "highest": max, "first": lambda rises: rises[0]}
    summaries["last"] = lambda rises: rises[-1]
    summaries["geometric mean"] = lambda rises: geometric_mean([max(1e-9, rise) for rise in rises])
    for word, summary in summaries.items():
        found[f"if the {word} of the draws stands in place of the mean"] = _named(
            {way: summary(rises) for way, rises in own.items()}
        )
    found["if the root of the mean square stands in place of the mean"] = _named(
        {way: math.sqrt(fmean(rise**2 for rise in own[way])) for way in WAYS}
    )
    found["if the highest draw is left out"] = _named({way: fmean(sorted(own[way])[:-1] or own[way]) for way in WAYS})
    mean = {way: fmean(rises) for way, rises in own.items()}
    found["if one draw of the two controls stands beside the means of the others"] = _named(
        {**mean, **{way: own[way][0] for way in WAYS[2:]}}
    )
    found["if gains are rounded to whole points"] = _named(
        {"nearest": mean["nearest"]} | {way: mean["nearest"] - round(mean["nearest"] - mean[way]) for way in WAYS[1:]}
    )
    found["if the lowest and the highest draw are left out"] = _named({way: trimmed(own[way]) for way in WAYS})
    votes = [_named(dict(zip(WAYS, draw, strict=True))) for draw in zip(*(own[way] for way in WAYS), strict=True)]
    found["if each draw gives a conclusion, and the most frequent one is taken"] = max(votes, key=votes.count)
    found["if a gain must be larger than the spread of the draws"] = _by_spread(own)
    found["if quotients of single draws are averaged, and not the rises"] = _by_quotients(own)
    return found


def _by_spread(own: Mapping[str, Sequence[float]]) -> str:
    mean = {way: fmean(rises) for way, rises in own.items()}
    spread = 2 * (stdev(own["nearest"]) + stdev(own["gptq"]))
    return "nothing" if mean["nearest"] - mean["gptq"] < spread else _named(mean, least=-math.inf)


def _by_quotients(own: Mapping[str, Sequence[float]]) -> str:
    draws = [dict(zip(WAYS, draw, strict=True)) for draw in zip(*(own[way] for way in WAYS), strict=True)]

    def quotient(way: str, to: Callable) -> float:
        return fmean((draw["nearest"] - draw[way]) / (to(draw) or 1) for draw in draws)

    if quotient("gptq", lambda draw: draw["nearest"]) < 0.1:
        return "nothing"
    same, wrong = (quotient(way, lambda draw: draw["nearest"] - draw["gptq"]) for way in WAYS[2:])
    return "levels" if same < 0.5 else "any change" if wrong >= 0.5 else "pairs"


def _own_gains(runs: Sequence[Run], got: str) -> str:
    """The card's three questions, with the learner's own numbers."""
    mean = {way: fmean(rises) for way, rises in by_arm(runs).items()}
    gain = {way: mean["nearest"] - mean[way] for way in WAYS[1:]}
    said = f"Your mean for 'nearest' is {mean['nearest']:.4g}, and a tenth of it {0.1 * mean['nearest']:.4g}. Gains: "
    said += ", ".join(f"{way!r} {points:.4g}" for way, points in gain.items())
    return said + f"; half of GPTQ's gain is {0.5 * gain['gptq']:.4g}."


def _model(
    said: str,
    rises: tuple[float, float, float, float],
    odd: tuple[float, float, float, float] | None = None,
    when: Callable[[int], bool] = one_in_three,
) -> World:
    """A made-up model.

    Args:
        said: what is planted.
        rises: mean rise in per cent of each way.
        odd: the rises in other draws.
        when: in which.
    """
    usual = dict(zip(WAYS, rises, strict=True))
    others = dict(zip(WAYS, odd or rises, strict=True))

    def measure(way: str, number: int, *, draw: int) -> float:
        chance = 0.002 * ((7 * draw + 3 * WAYS.index(way)) % 5 - 2)
        return (others if when(draw) else usual)[way] * (1 + chance)

    right = _by_the_card if odd else _named(usual)
    return World(said, right, numbered(measure, "draw"), _own_gains)


MODELS = (
    _model("GPTQ gains ten points, with the same levels too, and wrong pairs do harm", (17, 7, 6.6, 60)),
    _model("GPTQ gains ten points, and with the same levels two", (17, 7, 15, 60)),
    _model("GPTQ gains ten points, and wrong pairs nine", (17, 7, 7.5, 8)),
    _model("GPTQ gains a fortieth of the rise", (20, 19.5, 19, 30)),
    _model("GPTQ gains nothing, and wrong pairs seven points", (17, 16.8, 16.6, 10)),
    _model("with the same levels nothing is left, and wrong pairs gain as much as GPTQ", (17, 7, 16, 7.2)),
    _model("the rise is large, and GPTQ gains a twentieth of it", (100, 95, 94, 140)),
    _model("the rise is small, and GPTQ gains a half of it", (1.2, 0.6, 0.6, 4)),
    _model("GPTQ gains a little more than a tenth", (20, 17.92, 17.9, 30)),
    _model("GPTQ gains a little less than a tenth", (20, 18.08, 18, 30)),
    _model("with the same levels a little more than half of the gain is left", (17, 7, 11.8, 40)),
    _model("with the same levels a little less than half of the gain is left", (17, 7, 12.2, 40)),
    _model("wrong pairs gain a little more than half as much", (17, 7, 7, 11.8)),
    _model("wrong pairs gain a little less than half as much", (17, 7, 7, 12.2)),
    _model("with the same levels the gain is larger than GPTQ's, and wrong pairs gain a tenth as much", (9, 6, 5, 8.7)),
    _model("GPTQ gains ten points, with the same levels twelve, and wrong pairs five and a half", (17, 7, 5, 11.5)),
    _model("GPTQ fails badly in one draw", (17, 7, 7, 60), (17, 907, 7, 60), one_alone),
    _model("GPTQ gains much in one draw of three, and nothing in the others", (17, 16.5, 16, 60), (17, 3, 3, 60)),
    _model("the same levels do badly in one draw of three", (17, 7, 4, 60), (17, 7, 44, 60)),
    _model("wrong pairs do badly in one draw, and well in the others", (17, 7, 7, 8), (17, 7, 7, 1000), one_alone),
    _model("wrong pairs do very well in one draw of three", (17, 7, 7, 15), (17, 7, 7, 0.01)),
    _model("round-to-nearest does badly in one draw of three", (10, 12, 11.5, 90), (60, 12, 11.5, 90)),
    _model("GPTQ does badly in one draw of three, and gains enough in the mean", (12, 3, 3, 60), (12, 20, 20, 60)),
    _model("GPTQ gains a twentieth, and with the same levels nothing", (20, 19, 19.9, 30)),
    _model("with the same levels the rise is larger than that of nearest", (17, 7, 27, 60)),
    _model("GPTQ fails from the fourth draw on", (17, 7, 7, 60), (17, 60, 60, 60), lambda draw: draw > 2),
    _model(
        "GPTQ loses a little in most draws, and nearest fails in one of three", (10, 14, 13.5, 90), (60, 14, 13.5, 90)
    ),
)


@check(
    "Exercise 1, What is it that helps?",
    why="Each control takes one thing away: the levels of moved weights, or the right pairs. What is lost with it is what it was worth. "
    "Without the first question, half of no gain would be called a finding.",
)
def what_helps(answer: Callable) -> None:
    """``what_helps(rise) -> "nothing", "levels", "any change" or "pairs"``, on made-up models."""
    investigate(
        answer,
        MODELS,
        arms=WAYS,
        settings={"draw": 0},
        least={"draw": FEWEST},
        conclusions=FOUND,
        rule=_by_the_card,
        rule_said=_own_gains,
        others=_others,
        name="rise",
    )
