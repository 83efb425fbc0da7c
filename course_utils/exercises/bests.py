"""What each arm of an investigation reaches at its own best setting, by the runs: the rule of "each at its best"."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from statistics import fmean, median

from course_utils.exercises.investigation import Run


def trimmed(results: Sequence[float]) -> float:
    """The mean without the least and the greatest; of one or two results, their mean."""
    return fmean(sorted(results)[1:-1] or results)


def midrange(results: Sequence[float]) -> float:
    """The middle between the least and the greatest."""
    return (min(results) + max(results)) / 2


OTHERS = {  # what people put in place of the mean -> in words
    "if the median is taken in place of the mean": median,
    "if the least is taken in place of the mean": min,
    "if the greatest is taken in place of the mean": max,
    "if the best and the worst run are left out": trimmed,
    "if the middle between the best and the worst run is taken": midrange,
    "if one run is taken": lambda results: results[0],
}


def at_its_best(
    runs: Sequence[Run],
    setting: Callable[[Mapping[str, object]], Hashable],
    *,
    best: Callable = max,
    pick: Callable = fmean,
) -> dict[str, float]:
    """The best summary of each arm, over the settings that were tried.

    Args:
        runs: of one experiment.
        setting: what of a run's settings makes it one of a kind; the seed must not.
        best: `max` where more is better, `min` where less is.
        pick: makes one number of the results at a setting.
    Returns:
        dict: arm -> number.
    """
    return {arm: best(of.values()) for arm, of in at_each(runs, setting, pick=pick).items()}


def at_each(
    runs: Sequence[Run],
    setting: Callable[[Mapping[str, object]], Hashable],
    *,
    pick: Callable = fmean,
) -> dict[str, dict[Hashable, float]]:
    """The summary of each arm at each setting: arm -> setting -> number. The arguments are those of `at_its_best`."""
    found: dict[str, dict[Hashable, list[Run]]] = {}
    for run in runs:
        found.setdefault(run.arm, {}).setdefault(setting(run.settings), []).append(run)
    return {
        arm: {value: pick([run.result for run in own]) for value, own in tried.items()} for arm, tried in found.items()
    }
