"""Checks of the lesson `real_model`."""

from __future__ import annotations

import math
from collections.abc import Callable

from hypothesis import strategies as st

from course_utils.exercises.core import check
from course_utils.exercises.investigation import World, investigate
from course_utils.exercises.search import compare

LUCK = (0.3, -0.4, 0.1, 0.5, -0.2)  # of the seeds, the same for both recipes


@check(
    "Exercise 1, Whole bytes",
    why="TO WRITE: in one or two sentences why the right answer works, for who has passed. Here: a last byte "
    "counts, however few of its bits are used.",
)
def whole_bytes(answer: Callable) -> None:
    """``whole_bytes(n_numbers, bits) -> int``. TO WRITE: the right answer, and each mistake with its own hint."""
    wrong = {
        "You round down: the last bits need a byte as well.": lambda n, bits: n * bits // 8,
    }
    compare(
        answer,
        right=lambda n, bits: math.ceil(n * bits / 8),
        wrong=wrong,
        rtol=0.0,
        names=("n_numbers", "bits"),
        edges=[(3, 4), (1000, 4), (0, 8)],
        inputs=st.tuples(st.integers(0, 100), st.integers(1, 32)),
    )


def _recipes(lead: float) -> Callable[..., float]:
    """An instrument: the new recipe leads by so many points, and seeds differ as well."""

    def measure(arm: str, number: int, seed: int) -> float:
        return 90.0 + LUCK[seed % len(LUCK)] + lead * (arm == "new")

    return measure


WORLDS = (
    World(
        "the new recipe is better by 1 point with every seed.",
        "new",
        _recipes(1.0),
        "The seeds differ among themselves by almost as much. Compare the two recipes seed by seed.",
    ),
    World(
        "the two recipes give the same.",
        "no difference",
        _recipes(0.0),
        "TO WRITE: the mistake that ends here. No recipe leads with any seed.",
    ),
)


@check(
    "Exercise 2, Is the new recipe better?",
    why="TO WRITE: why the experiment is one. Here: only the recipe differs between the two trainings of a pair, "
    "and a lead in every pair is more than the luck of one seed.",
)
def better_recipe(answer: Callable) -> None:
    """``better_recipe(accuracy) -> "new", "old" or "no difference"``, in made-up worlds."""
    investigate(
        answer,
        WORLDS,
        arms=("old", "new"),
        settings={"seed": 0},
        least={"seed": 3},
        conclusions=("new", "old", "no difference"),
        name="accuracy",
    )
