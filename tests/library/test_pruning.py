"""A bad request to prune is refused in one sentence, and before anything has changed."""

import pytest
import torch
from torch import nn
from torch.nn.utils import prune

from course_utils.prune_request import count_remaining, validate_request


def conv():
    torch.manual_seed(0)
    return nn.Conv2d(3, 8, 3)


def test_a_good_request_is_handed_back():
    layer = conv()
    assert validate_request([(layer, "weight")], 0.3) == 0.3
    assert validate_request([(layer, "bias")], 3) == 3
    assert validate_request([(layer, "weight")], 4, dim=0) == 4
    assert validate_request([(layer, "weight"), (nn.Linear(2, 2), "weight")], 200) == 200  # 216 + 4 weights
    assert validate_request([(layer, "weight")], 0.0) == 0.0


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("pruned", [0, 1])
def test_a_count_is_exact_in_half_precision(dtype, pruned):
    layer = nn.Linear(301, 301).to(dtype)  # 90,601 weights: 90,624 in bfloat16, and infinite in float16
    if pruned:
        prune.l1_unstructured(layer, "weight", pruned)
    assert count_remaining(layer, "weight", None) == 90_601 - pruned and count_remaining(layer, "weight", 0) == 301
    assert validate_request([(layer, "weight")], 0.5) == 0.5
    with pytest.raises(ValueError, match=f"prunes all {90_601 - pruned} weights left"):
        validate_request([(layer, "weight")], 90_601 - pruned)


@pytest.mark.parametrize(
    ("name", "amount", "dim", "sentence"),
    [
        ("weight", 1.5, None, r"weight of Conv2d \(8 × 3 × 3 × 3\): amount=1.5; give a fraction .* 0 to 216, the weig"),
        ("weight", float("nan"), None, "amount=nan; give a fraction"),
        ("weight", 217, None, "from 0 to 216, the weights left"),
        ("weight", 1.0, None, "prunes all 216 weights left"),
        ("weight", 8, 0, "prunes all 8 slices left"),
        ("wieght", 0.3, None, r"Conv2d has no parameter 'wieght'; it has weight, bias"),
        ("weight", 0.5, 4, r"no slices along dim=4; dim goes from 0 to 3"),
        ("bias", 0.5, 0, r"bias of Conv2d \(8\) has no slices along dim=0; a vector has none"),
    ],
)
def test_bad_requests(name, amount, dim, sentence):
    layer = conv()
    before = layer.weight.clone()
    with pytest.raises(ValueError, match=sentence):
        validate_request([(layer, name)], amount, dim=dim)
    assert torch.equal(layer.weight, before) and not layer._forward_pre_hooks


def test_what_is_pruned_already_does_not_count():
    layer = prune.l1_unstructured(conv(), "weight", 200)
    with pytest.raises(ValueError, match="from 0 to 16, the weights left"):
        validate_request([(layer, "weight")], 17)
    layer = prune.ln_structured(conv(), "weight", 6, n=2, dim=0)
    assert count_remaining(layer, "weight", 0) == 2


def test_weights_that_are_no_numbers():
    layer = conv()
    layer.weight.data[0, 0, 0, 0] = float("inf")
    with pytest.raises(ValueError, match=r"weight of Conv2d \(8 × 3 × 3 × 3\) holds NaN or infinity"):
        validate_request([(layer, "weight")], 0.5)


def test_no_targets_and_no_own_parameters():
    with pytest.raises(ValueError, match="no parameters were named"):
        validate_request([], 0.5)
    with pytest.raises(ValueError, match="Sequential has no parameter 'weight'; it has none of its own"):
        validate_request([(nn.Sequential(conv()), "weight")], 0.5)
