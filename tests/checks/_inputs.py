"""Strategies that tests of the engine draw from: numbers that print short."""

import functools
import math

from hypothesis import strategies as st

BETWEEN = 4  # digits more than those of the step, in a number with many digits

# All numbers of an input are short or all have many digits: among the short ones some are equal, and sums are exact.
_many_digits = st.shared(st.sampled_from([False, False, True]), key="course: many digits")


@functools.cache  # inside of a composite strategy it would else be made, and validated, for each draw
def numbers(low, high, *, step=0.125):
    """Numbers between two ends: multiples of `step` and, in each third input, numbers with four digits more."""
    short = st.integers(round(low / step), round(high / step)).map(lambda n: n * step)
    if high - low < step:
        return short
    between = st.tuples(st.integers(round(low / step), round(high / step) - 1), st.integers(1, 10**BETWEEN - 1))
    digits = BETWEEN + 3 - math.floor(math.log10(step))
    long = between.map(lambda drawn: round((drawn[0] + drawn[1] / 10**BETWEEN) * step, digits))
    return _many_digits.flatmap(lambda many: long if many else short)
