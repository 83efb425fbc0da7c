"""Which rule that is not the card's somebody may have followed, by the runs of an investigation."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from course_utils.exercises.investigation import Run, World

MOST_REPETITIONS = 40  # of an experiment that is played again for a verdict


def still_possible(
    rules: Mapping[str, Callable[[Sequence[Run]], str]],
    runs: Sequence[Run],
    got: str,
    *,
    world: str,
    worlds: Sequence[World],
    plan: Callable[[int], Iterable[tuple[str, dict[str, float]]]],
) -> list[str]:
    """Those of `rules` that come to `got` for these runs, and were right in all worlds before this one.

    Whoever is judged in a world has passed those before it, so a rule that fails in one of them is not theirs.

    Args:
        rules: a rule in words -> what it concludes from runs. Of rules whose words differ only after ", at ",
            the first that is left is given: put the nearest limit first.
        runs: of the experiment that is judged.
        got: its conclusion.
        world: what is planted where the experiment was made, the `said` of that world.
        worlds: all of them, in the order in which they are tried.
        plan: a full experiment with so many repetitions: arms, each with its settings.
    """
    come = [words for words, rule in rules.items() if rule(runs) == got]
    before = worlds[: [one.said for one in worlds].index(world)]
    many = min(MOST_REPETITIONS, len({run.settings["seed"] for run in runs}))
    played = [(one, _played(one, plan(many))) for one in before]
    left = [words for words in come if all(rules[words](own) in one.rightly(own) for one, own in played)]
    return [*{words.split(", at ")[0]: words for words in reversed(left)}.values()][::-1]


def _played(world: World, plan: Iterable[tuple[str, dict[str, float]]]) -> list[Run]:
    """The runs of a full experiment in a world."""
    return [Run(arm, own, world.measure(arm, at, **own)) for at, (arm, own) in enumerate(plan)]
