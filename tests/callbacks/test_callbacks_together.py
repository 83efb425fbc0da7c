"""Pruning and quantization in one fit: the masks keep working, in both orders of the callbacks, fused or not."""

import itertools

import pytest
import torch
from _quantized_fits import (
    KNOWN,
    PAIRS,
    Convolutional,
    Regression,
    fit,
    loader,
    qat,
    quiet,  # noqa: F401 - a fixture for every test
    rows,
    same,
)
from lightning.pytorch import Callback
from lightning.pytorch.callbacks import ModelCheckpoint
from torch import nn
from torch.nn.utils import prune

from course_utils.callbacks import PruningSchedule, QuantizationAwareTraining, _masks
from course_utils.legacy_int8 import tq
from course_utils.measure.int8_audit import audit

pytestmark = KNOWN

LAYERS = ("layer_0", "layer_1", "layer_2", "layer_end")
ORDERS = ["quantization first", "pruning first"]


def both(order, quantization, pruning):
    return (quantization, pruning) if order == ORDERS[0] else (pruning, quantization)


def int_zeros(model, names=LAYERS):
    """Zeros among the integers of the weights, a count a layer."""
    return {name: int((getattr(model, name).weight().int_repr() == 0).sum()) for name in names}


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


# Lightning 2.8 takes to_torchscript away, and this with it.
@pytest.mark.filterwarnings("ignore:.*to_torchscript. has been deprecated")
@pytest.mark.parametrize("permanent", [True, False])
@pytest.mark.parametrize("groups", [None, PAIRS], ids=["plain", "fused"])
@pytest.mark.parametrize("order", ORDERS)
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
    assert model.to_torchscript()(rows()[0]).equal(model(rows()[0]))


def test_both_orders_and_fusion_give_the_same_masks(tmp_path):
    found = []
    for order, groups in itertools.product(ORDERS, (None, PAIRS)):
        watch = Masks()
        first, second = both(order, qat(modules_to_fuse=groups), PruningSchedule("l1_unstructured", {0: 0.5}))
        fit(tmp_path, first, others=[second, watch], epochs=2)
        found.append(watch.seen[-1])
    assert same(found[0], found[2]) and same(found[1], found[3]), "the order of the callbacks does not matter"


def test_local_structured_pruning_of_fused_convolutions(tmp_path):
    images = torch.randn(64, 1, 6, 6, generator=torch.Generator().manual_seed(0))
    pruning = PruningSchedule("ln_structured", {1: 2}, norm=1, dim=0, scope="local", targets=["conv.weight"])
    model = fit(
        tmp_path,
        qat(modules_to_fuse=[("conv", "bn", "relu"), ("conv2", "bn2")]),
        Convolutional(),
        others=[pruning],
        train=loader((images, images.mean((2, 3)))),
        epochs=3,
    )
    assert (model.conv.weight().int_repr().flatten(1) == 0).all(1).sum() == 2, "two channels of four are gone"
    assert model(images).shape == (64, 1)


@pytest.mark.parametrize("groups", [None, PAIRS], ids=["plain", "fused"])
@pytest.mark.parametrize("order", ORDERS)
def test_a_resumed_fit_of_both_is_bit_for_bit_the_uninterrupted_one(tmp_path, order, groups):
    def run(path, epochs, ckpt_path=None, seed=0):
        watch = Masks()
        first, second = both(order, qat(modules_to_fuse=groups), PruningSchedule("l1_unstructured", 0.3))
        saver = ModelCheckpoint(path, filename="{epoch}", save_top_k=-1)
        model = fit(
            path,
            first,
            Regression(seed=seed),
            others=[second, watch, saver],
            epochs=epochs,
            ckpt_path=ckpt_path,
            enable_checkpointing=True,
        )
        return model, watch.seen[-1]

    whole, masks = run(tmp_path / "whole", 4)
    run(tmp_path / "part", 2)
    resumed, again = run(tmp_path / "rest", 4, tmp_path / "part" / "epoch=1.ckpt", seed=9)
    assert same(masks, again)
    assert torch.equal(whole(rows()[0]), resumed(rows()[0])) and int_zeros(whole) == int_zeros(resumed)
    torch.load(tmp_path / "part" / "epoch=1.ckpt", weights_only=True)


@pytest.mark.parametrize("order", ORDERS)
def test_a_rewind_reaches_the_fake_quantized_layers(tmp_path, order):
    pruning = PruningSchedule("l1_unstructured", {0: 0.5, 1: 0.5}, rewind_to=0, make_permanent=False)
    first, second = both(order, qat(quantize_on_fit_end=False), pruning)
    model = fit(tmp_path, first, others=[second], epochs=2)
    assert torch.equal(model.layer_1.weight_orig, Regression().layer_1.weight), "the fit ended with a rewind"


@pytest.mark.parametrize("groups", [None, PAIRS], ids=["plain", "fused"])
def test_a_model_that_was_masked_before_the_fit_stays_masked(tmp_path, groups):
    model = Regression()
    for name in ("layer_0", "layer_1"):
        prune.random_unstructured(getattr(model, name), "weight", 0.5)
    prune.l1_unstructured(model.layer_1, "bias", 4)
    model(rows()[0])  # with a graph: from here on torch cannot copy the model
    masks = _masks.masks(model)
    fit(tmp_path, qat(modules_to_fuse=groups), model)
    for name in ("layer_0", "layer_1"):
        assert not getattr(model, name).weight().int_repr()[~masks[f"{name}.weight"]].any()
    assert not model.layer_1.bias()[~masks["layer_1.bias"]].any()


def test_what_a_mask_hides_comes_through_the_preparation(tmp_path):
    model, callback = Regression(), QuantizationAwareTraining(qconfig=qat()._engine)
    hidden = model.layer_0.weight.detach().clone()
    order = [name for name, _ in model.named_parameters()]
    prune.l1_unstructured(model.layer_0, "weight", 0.5)
    mask = model.layer_0.weight_mask.clone()
    callback.prepare(model)
    assert torch.equal(model.layer_0.weight_orig, hidden) and torch.equal(model.layer_0.weight_mask, mask)
    assert [n.removesuffix("_orig") for n, _ in model.named_parameters()] == order, "optimizers number parameters"


class Twice(Regression):
    """One layer under two names, the second one in the same module or in another."""

    def __init__(self, inside=False):
        super().__init__()
        self.again = nn.Sequential(self.layer_1) if inside else self.layer_1

    def forward(self, x):
        x = self.layer_1a(self.layer_1(self.layer_0a(self.layer_0(x))))
        return self.layer_end(self.layer_2a(self.layer_2(self.again(x))))


@pytest.mark.parametrize("inside", [False, True])
@pytest.mark.parametrize("order", ORDERS)
def test_a_layer_under_two_names_stays_one_layer(tmp_path, order, inside):
    watch, model = Masks(), Twice(inside)
    first, second = both(order, qat(), PruningSchedule("l1_unstructured", {0: 0.5}))
    fit(tmp_path, first, model, others=[second, watch])
    assert (model.again[0] if inside else model.again) is model.layer_1
    assert watch.seen[-1].keys() == {f"{name}.weight" for name in LAYERS}
    assert not model.layer_1.weight().int_repr()[~watch.seen[-1]["layer_1.weight"]].any()
    new = qat().rebuild(Twice(inside))
    new.load_state_dict(model.state_dict())
    assert torch.equal(new(rows()[0]), model(rows()[0]))


@pytest.mark.parametrize("inside", [False, True])
def test_a_layer_under_two_names_rounds_under_both(tmp_path, inside):
    model = qat().prepare(Twice(inside))
    assert (model.again[0] if inside else model.again) is model.layer_1
    assert isinstance(model.layer_1.weight_fake_quant, tq.FakeQuantizeBase)


def test_a_layer_that_is_fused_under_one_of_its_names_is_not_under_the_other(tmp_path):
    plain = Twice()
    expected = plain(rows()[0])
    model = qat(modules_to_fuse=PAIRS).prepare(plain)
    assert torch.equal(model(rows()[0]), expected), "the second name computes without the activation"
    fit(tmp_path, qat(modules_to_fuse=PAIRS), Twice())
