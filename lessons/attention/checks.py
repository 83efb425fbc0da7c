"""Checks of the lesson `attention`."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from hypothesis import strategies as st

from course_utils.exercises.core import check
from course_utils.exercises.inputs import numbers
from course_utils.exercises.investigation import Run, World, investigate
from course_utils.exercises.search import compare


def _attend(
    query, keys, values, *, divide=math.sqrt, power=math.exp, masked=0.0, masked_score=None, weigh=None, of=None
) -> float:
    def score(key):
        if key is None:
            return None
        return (of or (lambda q, k: sum(a * b for a, b in zip(q, k, strict=True))))(query, key) / divide(len(query))

    scores = [score(key) for key in keys]
    if masked_score is not None:
        scores = [masked_score if one is None else one for one in scores]
    parts = [masked if one is None else power(one) for one in scores]
    if weigh:
        return weigh(parts, values, keys)
    return sum(part * value for part, value in zip(parts, values, strict=True)) / sum(parts)


def _way(**how):
    return lambda query, keys, values: _attend(query, keys, values, **how)


def _best(query, keys, values):
    scores = [-math.inf if k is None else sum(a * b for a, b in zip(query, k, strict=True)) for k in keys]
    return values[scores.index(max(scores))]


def _masked_in_the_sum(part: float) -> Callable:
    def weigh(parts, values, keys):
        whole = sum(parts) + part * sum(key is None for key in keys)
        return sum(p * v for p, v in zip(parts, values, strict=True)) / whole

    return weigh


def _there(keys, values):
    return [value for key, value in zip(keys, values, strict=True) if key is not None]


@check(
    "Exercise 1, One query",
    why="The shares are positive and add up to 1 because each part is divided by the sum of all parts. A masked place has "
    "e to the power of minus infinity, which is 0, so it changes neither the sum nor the mean.",
)
def look_up(answer: Callable) -> None:
    """``look_up(query, keys, values) -> float``, attention of one query."""
    wrong = {
        "You do not divide the scores by the square root of the number of features.": _way(divide=lambda d: 1),
        "You divide the scores by the number of features, not by its square root.": _way(divide=lambda d: d),
        "You multiply the scores by the square root of the number of features. Divide.": _way(
            divide=lambda d: 1 / math.sqrt(d)
        ),
        "You divide by the square root of the number of keys. The features of a query count.": (
            lambda query, keys, values: _attend(query, keys, values, divide=lambda d: math.sqrt(len(keys))),
            lambda query, keys, values: _attend(
                query, keys, values, divide=lambda d: math.sqrt(sum(key is not None for key in keys))
            ),
        ),
        "You give a masked place a score of 0. Then it still gets a share, because e to the power of 0 is 1.": _way(
            masked_score=0.0
        ),
        "You take the value of the key that fits best. Attention gives a mean in which every key counts.": _best,
        "You do not divide by the sum of the parts, so the shares do not add up to 1.": _way(
            weigh=lambda parts, values, keys: sum(p * v for p, v in zip(parts, values, strict=True))
        ),
        "You divide by the number of places in place of the sum of the parts.": (
            _way(weigh=lambda parts, values, keys: sum(p * v for p, v in zip(parts, values, strict=True)) / len(keys)),
            _way(
                weigh=lambda parts, values, keys: (
                    sum(p * v for p, v in zip(parts, values, strict=True)) / len(_there(keys, values))
                )
            ),
        ),
        "You take the plain mean of the values. The scores must decide how much each one counts.": (
            lambda query, keys, values: sum(values) / len(values),
            lambda query, keys, values: sum(_there(keys, values)) / len(_there(keys, values)),
        ),
        "You divide the scores themselves by their sum. The softmax takes e to the power of each first.": _way(
            power=lambda s: s
        ),
        "A masked place still counts in your sum. Its part is 0, there as well.": (
            _way(weigh=_masked_in_the_sum(1.0)),
            _way(weigh=_masked_in_the_sum(math.e)),
        ),
        "You drop the masked keys and keep all values, so that each value meets another key. Drop both together.": _way(
            weigh=lambda parts, values, keys: (
                sum(p * v for p, v in zip(_there(keys, parts), values, strict=False)) / sum(_there(keys, parts))
            )
        ),
        "You take a score of 0 for a masked one. A score may be 0, and its part is 1; ask whether the key is None.": _way(
            power=lambda s: math.exp(s) if s else 0.0
        ),
        "You take 2 to the power of a score. The softmax takes e.": _way(power=lambda s: 2**s),
        "You take 10 to the power of a score. The softmax takes e.": _way(power=lambda s: 10**s),
        "You turn the sign of the scores: the key that fits least counts most.": _way(power=lambda s: math.exp(-s)),
        "You weigh with the scores themselves. Scores may be negative; the softmax makes positive shares of them.": _way(
            power=lambda s: s,
            weigh=lambda parts, values, keys: sum(p * v for p, v in zip(parts, values, strict=True)),
        ),
        "You score with the distance of query and key, not with their dot product.": (
            _way(of=lambda q, k: math.dist(q, k)),
            _way(of=lambda q, k: -math.dist(q, k)),
            _way(of=lambda q, k: -(math.dist(q, k) ** 2)),
        ),
        "You score with the cosine, which divides by the lengths of query and key. Attention takes the dot product.": _way(
            of=lambda q, k: sum(a * b for a, b in zip(q, k, strict=True)) / ((math.hypot(*q) * math.hypot(*k)) or 1.0)
        ),
        "You return the sum of the parts, or of the shares, and not the mean of the values.": (
            _way(weigh=lambda parts, values, keys: sum(parts)),
            lambda query, keys, values: 1.0,
        ),
    }

    def shape(d):
        vector = st.lists(numbers(-2, 2), min_size=d, max_size=d)
        entry = st.tuples(st.one_of(vector, vector, vector, st.none()), numbers(-9, 9))
        return st.tuples(vector, vector, numbers(-9, 9), st.lists(entry, max_size=3)).map(
            lambda given: (
                given[0],
                [*(key for key, _ in given[3]), given[1]],
                [*(value for _, value in given[3]), given[2]],
            )
        )

    compare(
        answer,
        right=_attend,
        wrong=wrong,
        names=("query", "keys", "values"),
        edges=[
            ([1.0], [[5.0]], [10.0]),
            ([0.0, 0.0], [[1.0, 0.0], [0.0, 1.0]], [10.0, 20.0]),
            ([2.0, 0.0], [[1.0, 0.0], None, [1.0, 1.0]], [10.0, 20.0, 60.0]),
            ([2.0, 0.0], [[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]], [10.0, 20.0, 60.0]),
            ([1.5], [[-1.0], [1.0]], [0.0, 1.0]),
        ],
        inputs=st.integers(1, 4).flatmap(shape),
        atol=1e-9,
    )


def _head(of: Callable[[str, int], float]) -> Callable[..., float]:
    def measure(arm: str, number: int, distance: float) -> float:
        if distance not in range(1, 9):
            raise ValueError(f"distance must be a whole number from 1 to 8, got {distance}.")
        return of(arm, int(distance)) + 0.02 * (((7 * number + int(distance)) % 5) / 4 - 0.5)

    return measure


def _unless_all_distances(runs: Sequence[Run], got: str) -> str:
    left = sorted(set(range(1, 9)) - {int(run.settings["distance"]) for run in runs})
    if left:
        return f"A head may look at any of the eight distances, and you do not ask at {', '.join(map(str, left))}."
    return "Here one distance gets a share that is larger by 0.3 or more, whichever token stands there. By the card 0.2 is enough."


HEADS = (
    World(
        "this head gives 0.8 to a token that is the same, however far away it is, and 0.05 to another one.",
        "content",
        _head(lambda token, distance: 0.8 if token == "same" else 0.05),
        "This head gives a large share to the same token at every distance. Compare the two tokens at the same distance.",
    ),
    World(
        "this head gives 0.7 to whatever stands one step back, and 0.05 to all others.",
        "place",
        _head(lambda token, distance: 0.7 if distance == 1 else 0.05),
        lambda runs, got: (
            "One step back this head gives the same token a large share, and the other token as well. Where both get the same, "
            "the content does not count."
            if got == "content"
            else _unless_all_distances(runs, got)
        ),
    ),
    World(
        "this head gives the same share to everything.",
        "neither",
        _head(lambda token, distance: 0.125),
        "The shares differ by the noise of the instrument only. By the card a difference below 0.2 is none.",
    ),
    World(
        "this head gives 0.6 to whatever stands seven steps back, and 0.05 to all others.",
        "place",
        _head(lambda token, distance: 0.6 if distance == 7 else 0.05),
        _unless_all_distances,
    ),
    World(
        "this head gives 0.35 to whatever stands eight steps back, and 0.05 to all others.",
        "place",
        _head(lambda token, distance: 0.35 if distance == 8 else 0.05),
        _unless_all_distances,
    ),
    World(
        "this head gives 0.22 to a token that is the same, and 0.1 to another one.",
        "neither",
        _head(lambda token, distance: 0.22 if token == "same" else 0.1),
        "The two shares differ by 0.12. By the card a difference below 0.2 is none.",
    ),
    World(
        "this head gives 0.55 to a token that is another one, and 0.1 to the same.",
        "content",
        _head(lambda token, distance: 0.1 if token == "same" else 0.55),
        "This head looks at the token that is another one: that is content as well. Look at the size of the difference, "
        "whichever token gets more.",
    ),
)


@check(
    "Exercise 2, What does this head look at?",
    why="With the distance held fixed only the content differs, and with the token held fixed only the place. So each of "
    "the two comparisons can show one effect and not the other.",
)
def looks_at(answer: Callable) -> None:
    """``looks_at(share) -> "place", "content" or "neither"``, on made-up heads."""
    investigate(
        answer,
        HEADS,
        arms=("same", "other"),
        settings={"distance": 1},
        least={"distance": 4},
        conclusions=("place", "content", "neither"),
        name="share",
    )
