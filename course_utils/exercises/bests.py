"""What each arm of an investigation reaches at its own best setting, by the runs: the rule of "each at its best"."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from statistics import fmean, median

from course_utils.exercises.investigation import Run

OTHERS = {  # what people put in place of the mean -> in words
    "if the median is taken in place of the mean": median,
    "if the least is taken in place of the mean": min,
    "if the greatest is taken in place of the mean": max,
    "if the best and the worst run are left out": lambda results: fmean(sorted(results)[1:-1] or results),
    "if the middle between the best and the worst run is taken": lambda results: (min(results) + max(results)) / 2,
    "if one run is taken": lambda results: results[0],
}


def at_its_best(
    runs: Sequence[Run],
    setting: Callable[[Mapping[str, object]], Hashable],
    *,
    best: Callable = max,
    pick: Callable = fmean,
    seeds: int = 1,
) -> dict[str, float]:
    """The best summary of each arm, over the settings that were tried.

    Args:
        runs: of one experiment.
        setting: what of a run's settings makes it one of a kind; the seed must not.
        best: `max` where more is better, `min` where less is.
        pick: makes one number of the results at a setting.
        seeds: a setting counts for an arm from so many different seeds on; with fewer it was a first look.
    Returns:
        dict: arm -> number; an arm without such a setting is not in it.
    """
    summaries = at_each(runs, setting, pick=pick, seeds=seeds)
    return {arm: best(of.values()) for arm, of in summaries.items() if of}


def at_each(
    runs: Sequence[Run],
    setting: Callable[[Mapping[str, object]], Hashable],
    *,
    pick: Callable = fmean,
    seeds: int = 1,
) -> dict[str, dict[Hashable, float]]:
    """The summary of each arm at each setting: arm -> setting -> number. The arguments are those of `at_its_best`."""
    found: dict[str, dict[Hashable, list[Run]]] = {}
    for run in runs:
        found.setdefault(run.arm, {}).setdefault(setting(run.settings), []).append(run)
    return {
        arm: {
            value: pick([run.result for run in own])
            for value, own in tried.items()
            if len({run.settings["seed"] for run in own}) >= seeds
        }
        for arm, tried in found.items()
    }
