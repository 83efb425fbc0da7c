"""A small exercise that tests of the engine play: the range of some values, divided by a number of steps."""

import torch
from _inputs import numbers
from hypothesis import strategies as st

from course_utils.checks import exercise


@exercise("7.7 Range over steps")
def step_of(values, steps):
    span = (values.max() - values.min()).item()  #: the range
    return span / steps


step_of.tries(
    values=st.lists(numbers(-4, 4), min_size=1, max_size=4).map(torch.tensor),
    steps=st.integers(1, 20),
    also=[(torch.tensor([1.0, 5.0]), 2)],
)
step_of.ideas({"span = (values.abs().max() - values.abs().min()).item()": "You take magnitudes."})


def right(values, steps):
    return (values.max() - values.min()) / steps


def fact(verdict, label):
    return dict(verdict.facts).get(label)
