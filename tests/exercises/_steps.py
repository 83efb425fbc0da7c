"""A small exercise that tests of the engine play: the range of some values, divided by a number of steps."""

import torch
from hypothesis import strategies as st

from course_utils.exercises.core import check
from course_utils.exercises.inputs import tensors
from course_utils.exercises.search import compare


@check("7.7 Range over steps")
def step_of(answer):
    compare(
        answer,
        right=lambda values, steps: (values.max() - values.min()).item() / steps,
        wrong={
            "You do not divide by the steps.": lambda values, steps: (values.max() - values.min()).item(),
            "You take magnitudes.": lambda values, steps: (values.abs().max() - values.abs().min()).item() / steps,
        },
        edges=[(torch.tensor([1.0, 5.0]), 2)],
        inputs=st.tuples(tensors(), st.integers(1, 20)),
        names=("values", "steps"),
    )


def right(values, steps):
    return (values.max() - values.min()) / steps


def fact(verdict, label):
    return dict(verdict.facts).get(label)
