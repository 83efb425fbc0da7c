"""Pruning, quantization and averaging in one fit: the masks keep working, in both orders of the callbacks."""

import pytest
import torch
from _legacy import ignoring
from _quantized_fits import KNOWN, PAIRS, Regression, fit, portrait, qat, rows, same, trainer
from lightning.pytorch import Callback
from lightning.pytorch.callbacks import EMAWeightAveraging, ModelCheckpoint, StochasticWeightAveraging
from torch.nn.utils import prune

from course_utils.audit import audit
from course_utils.legacy_int8 import tq
from course_utils.lightning import PruningSchedule, _masks

pytestmark = [*KNOWN, *ignoring("Detected call of `lr_scheduler.step", ".*to_torchscript. has been deprecated")]

LAYERS = ("layer_0", "layer_1", "layer_2", "layer_end")
ORDERS = ["quantization first", "pruning first"]


def both(order, quantization, pruning):
    return (quantization, pruning) if order == ORDERS[0] else (pruning, quantization)


def half(**options):
    return PruningSchedule("l1_unstructured", {0: 0.5}, **options)


class Masks(Callback):
    """What the masks were at the end of each epoch; and the fake-quantized layers compute with them."""

    def __init__(self):
        self.seen = []

    def on_train_epoch_end(self, trainer, pl_module):
        _masks.refresh(pl_module)
        for module in pl_module.modules():
            for name in _masks.hooks(module):
                assert isinstance(module.weight_fake_quant, tq.FakeQuantizeBase), "the swapped layer is masked"
                mask = getattr(module, f"{name}_mask") == 0
                assert not getattr(module, name)[mask].any()
                assert not module.weight_fake_quant(getattr(module, name))[mask].any(), "zero stays zero when rounded"
        self.seen.append(_masks.masks(pl_module))


@pytest.mark.parametrize(("order", "permanent", "groups"), [(ORDERS[0], True, PAIRS), (ORDERS[1], False, None)])
def test_int8_weights_are_zero_where_they_were_masked(tmp_path, order, groups, permanent):
    pruning = PruningSchedule("l1_unstructured", {0: 0.5, 1: 0.5}, make_permanent=permanent)
    watch = Masks()
    first, second = both(order, qat(modules_to_fuse=groups), pruning)
    model = fit(tmp_path, first, others=[second, watch], epochs=4)
    assert audit(model, rows()[0]).count("int8", "Linear") == 4
    masks = watch.seen[-1]
    assert set(masks) == {f"{name}.weight" for name in LAYERS}
    kept, total = sum(int(m.sum()) for m in masks.values()), sum(m.numel() for m in masks.values())
    assert kept / total == pytest.approx(0.25, abs=0.01) and pruning.history[-1][1] == kept / total
    for name in LAYERS:
        assert not getattr(model, name).weight().int_repr()[~masks[f"{name}.weight"]].any()
    assert not any(_masks.hooks(module) for module in model.modules())
    assert model.to_torchscript()(rows()[0]).equal(model(rows()[0]))  # Lightning 2.8 takes this away


def test_a_resumed_fit_of_both_is_bit_for_bit_the_uninterrupted_one(tmp_path, order=ORDERS[1], groups=PAIRS):
    def run(epochs, ckpt_path=None, seed=0):
        watch, saver = Masks(), ModelCheckpoint(tmp_path, filename="{epoch}", save_top_k=-1)
        first, second = both(order, qat(modules_to_fuse=groups), PruningSchedule("l1_unstructured", 0.3))
        others = [second, watch] if ckpt_path else [second, watch, saver]
        model = fit(tmp_path, first, Regression(seed=seed), others=others, epochs=epochs, ckpt_path=ckpt_path)
        return model, watch.seen[-1]

    whole, masks = run(4)
    resumed, again = run(4, tmp_path / "epoch=1.ckpt", seed=9)
    assert same(masks, again) and torch.equal(whole(rows()[0]), resumed(rows()[0]))
    for name in LAYERS:
        assert torch.equal(*(getattr(model, name).weight().int_repr() for model in (whole, resumed)))


def test_a_model_that_was_masked_before_the_fit_stays_masked(tmp_path):
    model = Regression()
    for name in ("layer_0", "layer_1"):
        prune.random_unstructured(getattr(model, name), "weight", 0.5)
    prune.l1_unstructured(model.layer_1, "bias", 4)
    model(rows()[0])  # with a graph: from here on torch cannot copy the model
    masks = _masks.masks(model)
    fit(tmp_path, qat(modules_to_fuse=PAIRS), model)
    for name in ("layer_0", "layer_1"):
        assert not getattr(model, name).weight().int_repr()[~masks[f"{name}.weight"]].any()
    assert not model.layer_1.bias()[~masks["layer_1.bias"]].any()


def averages():
    """The mean of the weights after the epochs 0, 1, …"""
    return StochasticWeightAveraging(swa_lrs=0.01, swa_epoch_start=1)


@pytest.mark.parametrize(
    ("make", "other", "says"),
    [
        (half, EMAWeightAveraging, "EMAWeightAveraging does not go with PruningSchedule"),
        (qat, EMAWeightAveraging, "EMAWeightAveraging does not go with QuantizationAwareTraining"),
        (half, averages, "is listed behind PruningSchedule: .*; list it before"),
    ],
)
def test_averaging_that_would_undo_it_is_refused(tmp_path, make, other, says):
    model = Regression()
    before = portrait(model)
    with pytest.raises(ValueError, match=says):
        fit(tmp_path, make(), model, others=[other()])
    assert portrait(model) == before and not model._load_state_dict_pre_hooks


@pytest.mark.parametrize("make", [half, qat], ids=["pruning", "quantization"])
def test_distributed_training_is_refused_in_one_sentence(tmp_path, make):
    model = Regression()
    before, several = portrait(model), trainer(tmp_path, strategy="ddp", devices=2)
    with pytest.raises(NotImplementedError, match=r"works on one device, and this trainer has 2 \(DDPStrategy\)"):
        make().setup(several, model, "fit")
    assert portrait(model) == before and not model._load_state_dict_pre_hooks
