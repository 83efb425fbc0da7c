"""The pruning callback: what it refuses, and unusual use that must work."""

import copy

import pytest
import torch
from _pruned_fits import KNOWN, Ask, Regression, fit, kept, zeros
from lightning.pytorch import Callback
from torch import nn
from torch.nn.utils import prune

from course_utils.lightning import PruningSchedule

pytestmark = KNOWN


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"method": "l1_unstructurd"}, "method='l1_unstructurd'; give one of l1_unstructured, random_unstructured"),
        ({"amount": 1.5}, "amount is 1.5: give a fraction from 0.0 to 1.0 or a count"),
        ({"amount": None}, "amount=None would never prune anything: train without the callback"),
        ({"amount": {-1: 0.5}}, "-1 as an epoch: epochs are whole numbers from 0"),
        ({"amount": {1: 1.5}}, "amount at epoch 1 is 1.5"),
        ({"scope": "everywhere"}, "scope='everywhere': give 'global'"),
        ({"method": "ln_structured", "dim": 0}, "LnStructured needs norm"),
        ({"method": "random_structured", "dim": 0, "scope": "global"}, "only single weights over several parameters"),
    ],
)
def test_a_wrong_argument_is_refused_when_the_callback_is_made(arguments, sentence):
    with pytest.raises(ValueError, match=sentence):
        PruningSchedule(**{"method": "l1_unstructured", "amount": 0.5, **arguments})


class Shared(Regression):
    def __init__(self):
        super().__init__()
        self.other = nn.Linear(8, 12)
        self.other.weight = self.net[0].weight


@pytest.mark.parametrize(
    ("arguments", "sentence", "model"),
    [
        ({"targets": ["net.0.wieght"]}, "no parameter 'net.0.wieght'; it has net.0.weight, net.0.bias", Regression),
        ({"amount": lambda epoch: 1.5 if epoch == 2 else None}, "amount at epoch 2 is 1.5", Regression),
        ({"amount": 50}, "after epoch 2 the amount 50 prunes all of the 2 parameters together: 32 weights", Regression),
        ({"amount": 20, "scope": "local"}, "prunes all of net.3.weight: 16 weights are left", Regression),
        ({"method": "ln_structured", "norm": 2, "dim": 0, "amount": 1}, "all of net.3.weight: 1 slices", Regression),
        ({}, "net.0.weight and other.weight are one shared tensor", Shared),
    ],
)
def test_what_does_not_suit_the_model_is_refused_at_the_start_of_the_fit(tmp_path, arguments, sentence, model):
    model = model()
    with pytest.raises(ValueError, match=sentence):
        fit(tmp_path, PruningSchedule(**{"method": "l1_unstructured", "amount": 0.5, **arguments}), model=model)
    assert not model._load_state_dict_pre_hooks and not prune.is_pruned(model)


def test_weights_that_are_no_numbers_stop_the_fit_before_they_are_ranked(tmp_path):
    def broken(model):
        model.net[3].weight.data[0, 0] = float("nan")

    model = Regression()
    with pytest.raises(ValueError, match=r"weight of Linear \(3 × 12\) holds NaN"):
        fit(tmp_path, Ask(broken), PruningSchedule("l1_unstructured", {0: 0.5}, scope="local"), model=model)
    assert not prune.is_pruned(model)


def test_an_interrupted_fit_leaves_its_masks_and_a_model_that_works(tmp_path):
    class Stop(Callback):
        def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
            if trainer.current_epoch == 2 and batch_idx == 1:
                raise KeyboardInterrupt

    callback, model = PruningSchedule("l1_unstructured", {1: 0.5, 3: 0.5}, rewind_to=0), Regression()
    with pytest.raises(SystemExit):
        fit(tmp_path, callback, Stop(), model=model)
    assert kept(model) == 66
    assert not model._load_state_dict_pre_hooks and torch.isfinite(copy.deepcopy(model)(torch.ones(4, 8))).all()
    fit(tmp_path, callback, model=model)  # a new fit: the masks of the first count
    assert callback.history == [(1, 0.25), (3, 17 / 132)] and not prune.is_pruned(model)


def test_a_model_with_masks_already_keeps_them(tmp_path):
    model = Regression()
    prune.l1_unstructured(model.net[0], "weight", amount=48)
    prune.random_unstructured(model.net[3], "bias", amount=1)
    mine = model.net[0].weight_mask.clone()
    fit(tmp_path, PruningSchedule("l1_unstructured", {0: 0.5}, make_permanent=False), model=model)
    assert (model.net[0].weight_mask <= mine).all() and model.net[3].bias_mask.sum() == 2
    assert kept(model) == 42  # half of 36 + 48
    model = fit(tmp_path, PruningSchedule("l1_unstructured", {0: 0.5}), model=model)
    assert not prune.is_pruned(model) and zeros(model)["net.3.bias"] == 1
