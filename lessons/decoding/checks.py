"""Checks of the lesson `decoding`."""

from __future__ import annotations

import math
from collections.abc import Callable

from hypothesis import strategies as st

from course_utils.exercises.core import check
from course_utils.exercises.search import compare


@check("Exercise 1, Whole bytes")
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
