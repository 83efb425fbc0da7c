"""Checks of the lesson `gptq`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from statistics import fmean, geometric_mean, median

from course_utils.exercises.core import check
from course_utils.exercises.investigation import (
    Run,
    World,
    by_arm,
    comes_out,
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


def _others(own: Mapping[str, Sequence[float]]) -> dict[str, str]:
    """Rules that are not the card's -> what they conclude."""
    mean = {way: fmean(rises) for way, rises in own.items()}
    gain = {way: mean["nearest"] - mean[way] for way in WAYS}
    levels, any_change = gain["same levels"] < 0.5 * gain["gptq"], gain["wrong pairs"] >= 0.5 * gain["gptq"]
    found = {
        "if nobody asks first whether there is a gain": "levels" if levels else "any change" if any_change else "pairs",
        "if the pairs are asked about before the levels": "nothing"
        if gain["gptq"] < 0.1 * mean["nearest"]
        else "any change"
        if any_change
        else "levels"
        if levels
        else "pairs",
        "if any gain at all of the wrong pairs counts": _named(mean, wrong=1e-9),
        "if the same levels must keep the whole gain": _named(mean, same=1),
        "if a gain counts from one point on": _named(mean, least=1 / mean["nearest"] if mean["nearest"] else 0.1),
        "if another limit than a tenth is taken": _named(mean, least=0.2),
        "if any gain at all of GPTQ counts": _named(mean, least=1e-9),
        "if the same levels may keep a quarter": _named(mean, same=0.25),
        "if the wrong pairs need a quarter": _named(mean, wrong=0.25),
        "if the wrong pairs need three quarters": _named(mean, wrong=0.75),
    }
    summaries = {"median": median, "lowest": min, "highest": max, "first": lambda rises: rises[0]}
    summaries["geometric mean"] = lambda rises: geometric_mean([max(1e-9, rise) for rise in rises])
    for word, summary in summaries.items():
        found[f"if the {word} of the draws stands in place of the mean"] = _named(
            {way: summary(rises) for way, rises in own.items()}
        )
    return found


def _own_gains(runs: Sequence[Run], got: str) -> str:
    """The card's three questions, with the learner's own numbers, and which other rule would give the conclusion."""
    own = by_arm(runs)
    mean = {way: fmean(rises) for way, rises in own.items()}
    gain = {way: mean["nearest"] - mean[way] for way in WAYS[1:]}
    said = f"Your mean for 'nearest' is {mean['nearest']:.4g}, and a tenth of it {0.1 * mean['nearest']:.4g}. Gains: "
    said += ", ".join(f"{way!r} {points:.4g}" for way, points in gain.items())
    said += f"; half of GPTQ's gain is {0.5 * gain['gptq']:.4g}."
    return said + comes_out(got, [rule for rule, says in _others(own).items() if says == got][:4])


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
    _model("GPTQ fails badly in one draw", (17, 7, 7, 60), (17, 907, 7, 60), one_alone),
    _model("GPTQ gains much in one draw of three, and nothing in the others", (17, 16.5, 16, 60), (17, 3, 3, 60)),
    _model("the same levels do badly in one draw of three", (17, 7, 4, 60), (17, 7, 44, 60)),
    _model("wrong pairs do badly in one draw, and well in the others", (17, 7, 7, 8), (17, 7, 7, 1000), one_alone),
    _model("wrong pairs do very well in one draw of three", (17, 7, 7, 15), (17, 7, 7, 0.01)),
    _model("round-to-nearest does badly in one draw of three", (10, 12, 11.5, 90), (60, 12, 11.5, 90)),
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
        name="rise",
    )
