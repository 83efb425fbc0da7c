"""Do two tables rank the same things alike? For a lesson that shows measured rows beside recorded ones."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations

from course_utils.runtime import judge_speed


class RankingReversed(RuntimeError):
    """What was measured here and what was recorded contradict each other; the message names the pairs."""


def reversed_pairs(
    live: Mapping[str, float], recorded: Mapping[str, float], *, margin: float = 1.1
) -> list[tuple[str, str]]:
    """Find the pairs that two measurements rank in opposite ways, and raise where a notebook is to be published.

    Args:
        live: name -> what this run measured, above 0.
        recorded: name -> the same quantity from a record, above 0; names that only one of the two has do not count.
        margin: two values that are less than this factor apart are not ranked, in either column.
    Returns:
        list of (slower in the record, faster in the record), empty when the columns agree.
    Raises:
        RankingReversed: there is such a pair and speed is judged (``COURSE_JUDGE_SPEED=1``).
        ValueError: a value that is not above 0, or a margin below 1.
    """
    shared = [name for name in live if name in recorded]
    if margin < 1 or not all(values[name] > 0 for values in (live, recorded) for name in shared):
        raise ValueError(f"values must be above 0 and margin at least 1, got {live}, {recorded} and {margin}")
    pairs = []
    for one, other in combinations(shared, 2):
        low, high = sorted((one, other), key=recorded.__getitem__)
        if recorded[high] >= margin * recorded[low] and live[low] >= margin * live[high]:
            pairs.append((low, high))
    if pairs and judge_speed():
        told = [
            f"{low} {live[low]:.2f} and {high} {live[high]:.2f} here, "
            f"{recorded[low]:.2f} and {recorded[high]:.2f} in the record"
            for low, high in pairs
        ]
        raise RankingReversed(
            f"this run ranks the other way round than the record: {'; '.join(told)}. Measure again on a quiet machine; "
            "if it stays so, make the record anew on this machine."
        )
    return pairs
