"""Weight averaging beside pruning and quantization: what would undo them is refused, what goes with them works."""

import pytest
import torch
from _legacy import ignoring
from _quantized_fits import (
    KNOWN,
    Regression,
    fit,
    portrait,
    qat,
    quiet,  # noqa: F401 - a fixture for every test
    rows,
)
from lightning.pytorch.callbacks import EMAWeightAveraging, StochasticWeightAveraging, WeightAveraging

from course_utils.callbacks import PruningSchedule
from course_utils.measure.int8_audit import audit

pytestmark = [*KNOWN, *ignoring("Detected call of `lr_scheduler.step")]


def half(**options):
    return PruningSchedule("l1_unstructured", {0: 0.5}, **options)


def averages():
    """The mean of the weights after the epochs 0, 1, …"""
    return StochasticWeightAveraging(swa_lrs=0.01, swa_epoch_start=1)


@pytest.mark.parametrize("make", [half, qat], ids=["pruning", "quantization"])
@pytest.mark.parametrize("kind", [WeightAveraging, EMAWeightAveraging])
@pytest.mark.parametrize("first", [True, False])
def test_averaging_in_a_second_model_is_refused_in_both_orders(tmp_path, make, kind, first):
    model, callback = Regression(), make()
    before = portrait(model)
    order = [kind(), callback] if first else [callback, kind()]
    sentence = f"{kind.__name__} does not go with {type(callback).__name__}: it averages in a copy of the model from"
    with pytest.raises(ValueError, match=sentence):
        fit(tmp_path, order[0], model, others=order[1:])
    assert portrait(model) == before and not model._load_state_dict_pre_hooks


def test_averages_that_would_be_copied_over_the_zeros_are_refused(tmp_path):
    model = Regression()
    before = portrait(model)
    with pytest.raises(ValueError, match="is listed behind PruningSchedule: .*; list it before"):
        fit(tmp_path, half(), model, others=[averages()])
    assert portrait(model) == before


def zeros(model):
    """Share of zeros among the weights, int8 or float."""
    layers = [getattr(model, name).weight for name in ("layer_0", "layer_1", "layer_2", "layer_end")]
    found = [weight().int_repr() if callable(weight) else weight for weight in layers]
    return sum(int((weight == 0).sum()) for weight in found) / sum(weight.numel() for weight in found)


@pytest.mark.parametrize("permanent", [True, False])
def test_averages_before_the_pruning_keep_the_zeros(tmp_path, permanent):
    model = fit(tmp_path, averages(), others=[half(make_permanent=permanent)], epochs=4)
    plain = fit(tmp_path, half(make_permanent=permanent), epochs=4)
    model(rows()[0]), plain(rows()[0])  # a masked weight is computed at a call
    assert zeros(model) == zeros(plain) == 0.5
    assert not torch.equal(model.layer_1.weight, plain.layer_1.weight), "these are averages"


@pytest.mark.parametrize("first", ["averages", "quantization"])
def test_averages_go_with_quantization_and_with_both(tmp_path, first):
    others = [averages(), qat()] if first == "averages" else [qat(), averages()]
    model = fit(tmp_path, others[0], others=[others[1], half()], epochs=4)
    assert audit(model, rows()[0]).count("int8", "Linear") == 4 and zeros(model) >= 0.5
