"""The mask that a learner gives: as numbers, or a sentence that says why it is none."""

import pytest
import torch

from course_utils.exercises.masks import as_mask
from course_utils.exercises.mistake import Mistake

WEIGHT = torch.tensor([[0.5, -2.0], [0.0, 3.0]])


@pytest.mark.parametrize(
    "value",
    [[[1, 0], [0, 1]], torch.eye(2), torch.eye(2, dtype=torch.bool), torch.eye(2).to_sparse(), torch.eye(2).numpy()],
    ids=["list", "float", "bool", "sparse", "numpy"],
)
def test_a_mask_is_numbers_whatever_holds_it(value):
    mask = as_mask(value, WEIGHT)
    assert mask.dtype == torch.float64 and mask.tolist() == [[1, 0], [0, 1]]


@pytest.mark.parametrize(
    ("value", "said", "hint"),
    [
        (None, "did not return a tensor", "zeros and ones"),
        ("mask", "did not return a tensor", "zeros and ones"),
        (torch.ones(4), "another shape than the weight", "one entry for each weight"),
        (2 * torch.eye(2), "other values than 0 and 1", "1 means that a weight stays"),
        (torch.full((2, 2), torch.nan), "other values than 0 and 1", "1 means that a weight stays"),
        (WEIGHT, "other values than 0 and 1", "You return weights"),
        (WEIGHT * torch.eye(2), "other values than 0 and 1", "You return weights"),
    ],
)
def test_what_is_no_mask_is_told(value, said, hint):
    with pytest.raises(Mistake) as told:
        as_mask(value, WEIGHT)
    assert said in told.value.message and hint in told.value.hint


def test_other_values_pass_and_other_words_are_used_where_asked_for():
    assert as_mask(2 * torch.eye(2), WEIGHT, passing=(0, 1, 2)).tolist() == [[2, 0], [0, 2]]
    with pytest.raises(Mistake, match="than the scores"):
        as_mask(torch.ones(4), WEIGHT, "scores")
    with pytest.raises(Mistake) as told:
        as_mask(WEIGHT, WEIGHT, masked="You return scores.")
    assert told.value.hint == "You return scores."
