"""The pruning callback: what it cuts, when, and what the rewind brings back; one sentence of its promise a test."""

import copy

import pytest
import torch
from _pruned_fits import (
    KNOWN,
    WEIGHTS,
    Ask,
    Regression,
    Smallest,
    every_checkpoint,
    fit,
    kept,
    same,
    trained_values,
    values,
    zeros,
)
from lightning.pytorch.callbacks import ModelPruning
from torch import nn
from torch.nn.utils import prune

from course_utils.lightning import PruningSchedule, _masks

pytestmark = KNOWN


@pytest.mark.parametrize(
    ("method", "options"), [("random_unstructured", {}), ("ln_structured", {"norm": float("inf"), "dim": 1})]
)
def test_torch_methods_by_name_cut_what_torch_cuts(tmp_path, method, options):
    torch.manual_seed(3)
    callback = PruningSchedule(method, {0: 0.25}, scope="local", make_permanent=False, **options)
    model, twin = fit(tmp_path, callback, model=Regression(lr=0.0), epochs=1), Regression()
    named = {"n" if name == "norm" else name: value for name, value in options.items()}
    with torch.random.fork_rng():
        torch.manual_seed(3 * 1_000_003)
        for i in (0, 3):
            getattr(prune, method)(twin.net[i], "weight", amount=0.25, **named)
            assert torch.equal(model.net[i].weight_mask, twin.net[i].weight_mask)
            assert 0 < (twin.net[i].weight_mask == 0).sum() < twin.net[i].weight_mask.numel()


def test_global_pruning_ranks_all_parameters_together(tmp_path):
    model = fit(tmp_path, PruningSchedule("l1_unstructured", {0: 0.5}), model=Regression(lr=0.0), epochs=1)
    twin = Regression()
    ModelPruning("l1_unstructured", [(twin.net[0], "weight"), (twin.net[3], "weight")]).apply_pruning(0.5)
    ModelPruning("l1_unstructured").make_pruning_permanent(twin)
    assert torch.equal(model.net[0].weight, twin.net[0].weight) and torch.equal(model.net[3].weight, twin.net[3].weight)
    found = zeros(model)
    assert sum(found[name] for name in WEIGHTS) == 66 and found["net.0.weight"] != 48


def test_subclasses_of_the_base_method_global_and_local(tmp_path):
    found = zeros(fit(tmp_path, PruningSchedule(Smallest, {0: 5}, scope="local"), epochs=1))
    assert found["net.0.weight"] == found["net.3.weight"] == 5
    assert sum(zeros(fit(tmp_path, PruningSchedule(Smallest, {0: 0.5}), epochs=1))[name] for name in WEIGHTS) == 66


@pytest.mark.parametrize(("amount", "left"), [(0.5, [66, 33, 17]), (40, [92, 52, 12])])  # round(16.5) is 16
def test_a_fraction_and_a_count_after_every_epoch_compound(tmp_path, amount, left):
    callback = PruningSchedule("l1_unstructured", amount)
    fit(tmp_path, callback, epochs=3)
    assert callback.history == [(epoch, count / 132) for epoch, count in enumerate(left)]


@pytest.mark.parametrize("amount", [{1: 0.5, 2: None, 3: 12}, lambda epoch: {1: 0.5, 2: None, 3: 12}.get(epoch)])
def test_a_schedule_prunes_at_its_epochs_and_none_prunes_nothing(tmp_path, amount):
    callback, after = PruningSchedule("l1_unstructured", amount), Ask(kept)
    metric = Ask(lambda model: model.trainer.callback_metrics.get("pruning_sparsity", torch.tensor(0.0)).item())
    fit(tmp_path, metric, callback, after, epochs=5)
    assert after.answers == [132, 66, 66, 54, 54] and callback.history == [(1, 0.5), (3, 54 / 132)]
    assert metric.answers == pytest.approx([0, 0, 0.5, 0.5, 1 - 54 / 132])
    fit(tmp_path, PruningSchedule("l1_unstructured", amount), barebones=True)  # must not log, and does not warn


@pytest.mark.parametrize(
    ("amount", "resumed", "length", "says"),
    [
        (lambda epoch: None, False, {"epochs": 4}, "it begins at epoch 0, and 3 is its last"),
        ({1: 0.5}, True, {"epochs": -1, "max_steps": 8}, "it begins at epoch 2, and amount={1: 0.5} gives nothing for"),
    ],
)
def test_a_schedule_that_never_comes_is_warned_of_and_changes_nothing(tmp_path, amount, resumed, length, says):
    plain = every_checkpoint(tmp_path, epochs=3 if resumed else 4)  # without the callback
    ckpt = tmp_path / "epoch=2.ckpt" if resumed else None
    with pytest.warns(UserWarning, match=f"this fit prunes nothing: {says}"):
        model = fit(tmp_path, PruningSchedule("l1_unstructured", amount), ckpt=ckpt, **length)
    assert not any(zeros(model)[name] for name in WEIGHTS) and not _masks.hooks(model.net[0])
    assert resumed or same(values(model), values(plain))


def test_biases_and_norm_layers_are_left_alone_unless_named(tmp_path):
    def pruned(**options):
        found = zeros(fit(tmp_path, PruningSchedule("l1_unstructured", {0: 0.4}, scope="local", **options), epochs=1))
        return {name for name, count in found.items() if count}

    assert pruned() == set(WEIGHTS)
    assert pruned(targets=["net.1.weight", "net.3.bias"]) == {"net.1.weight", "net.3.bias"}


def test_weights_are_ranked_as_the_last_step_has_left_them(tmp_path):
    """The attribute `weight` of a masked layer is one step old at the end of an epoch; torch ranks by it."""

    def size(model):
        layers = (model.net[0], model.net[3])
        now = [e.weight_orig * e.weight_mask if prune.is_pruned(e) else e.weight for e in layers]
        return torch.cat([weight.abs().flatten() for weight in now]).detach()

    before, after = Ask(size), Ask(lambda model: torch.cat([m.flatten() for m in _masks.masks(model).values()]))
    fit(tmp_path, before, PruningSchedule("l1_unstructured", 0.3), after, model=Regression(lr=0.2), epochs=3)
    for sizes, left in zip(before.answers, after.answers, strict=True):
        assert sizes[~left].max() <= sizes[left].min()


def test_at_the_end_of_the_fit_the_masks_are_permanent(tmp_path):
    copies = Ask(copy.deepcopy)
    model = fit(tmp_path, PruningSchedule("l1_unstructured", 0.5), copies, epochs=2)
    assert prune.is_pruned(copies.answers[0]) and list(model.state_dict()) == list(Regression().state_dict())
    assert sum(zeros(model)[name] for name in WEIGHTS) == 99
    assert isinstance(model.net[0].weight, nn.Parameter) and not model.net[0]._forward_pre_hooks
    model = fit(tmp_path, PruningSchedule("l1_unstructured", 0.5, make_permanent=False), epochs=2)
    assert "net.0.weight_mask" in model.state_dict() and prune.is_pruned(model)


def test_the_rewind_goes_back_to_an_early_epoch_at_every_round(tmp_path):
    rounds = Ask(trained_values)
    fit(tmp_path, PruningSchedule("l1_unstructured", {3: 0.5, 4: 0.5}, rewind_to=2), rounds, epochs=5)
    assert same(rounds.answers[3], rounds.answers[1]) and same(rounds.answers[4], rounds.answers[1])
    with pytest.raises(ValueError, match="first pruning comes after epoch 1, before there are weights"):
        fit(tmp_path, PruningSchedule("l1_unstructured", {1: 0.5}, rewind_to=2))


def test_a_rewound_round_trains_as_a_new_model_with_the_mask_would(tmp_path):
    """So the optimizers forget: the moments of Adam belong to the weights that are gone."""
    masked = Ask(_masks.masks)
    callback = PruningSchedule("l1_unstructured", {1: 0.5}, rewind_to=0, make_permanent=False)
    model = fit(tmp_path, callback, masked, epochs=3)
    twin = Regression()
    _masks.put_on(twin, masked.answers[1])
    fit(tmp_path, model=twin, epochs=1)
    assert model.seen[4:] == twin.seen and same(values(model), values(twin))
