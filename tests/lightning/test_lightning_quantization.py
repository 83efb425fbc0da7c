"""Quantization-aware training in Lightning: what comes out of a fit, and which batches and stages observers see."""

import dataclasses
import threading

import pytest
import torch
from _quantized_fits import (
    ENGINE,
    KNOWN,
    PAIRS,
    Convolutional,
    Regression,
    fakes,
    fit,
    fit_plain,
    loader,
    qat,
    ranges,
    rows,
    same,
    simulated,
    trainer,
    wide,
)
from lightning.pytorch import Callback
from torch import nn

from course_utils import legacy_int8
from course_utils.audit import audit
from course_utils.legacy_int8 import tq

pytestmark = KNOWN


@pytest.mark.parametrize(("observer", "groups"), [("average", PAIRS), ("histogram", None)])
def test_after_fit_the_model_is_quantized(tmp_path, observer, groups):
    model = fit(tmp_path, qat(observer_type=observer, modules_to_fuse=groups))
    report = audit(model, rows()[0])
    assert report.count("int8", "Linear") == 4 and report.count("int8", "ReLU") == (3 if groups else 0)
    assert not fakes(model) and not model.training
    with pytest.raises(ValueError, match="not fake-quantized"):
        qat().quantize(Regression())


def test_a_model_is_called_with_float_or_with_what_quant_gives(tmp_path):
    callback, x = qat(input_compatible=False), rows()[0]
    model, compatible = fit(tmp_path, callback), fit(tmp_path, qat(input_compatible=True))
    out = compatible(x)
    assert out.dtype == torch.float32 and out.unique().numel() > 10
    assert torch.equal(compatible(compatible.quant(x)), out), "an input that is quantized already is left as it is"
    assert torch.equal(model(model.quant(x)), out), "the same network, called otherwise"
    with pytest.raises(NotImplementedError, match="quantized::linear"):
        model(x)
    (predicted,) = trainer(tmp_path, callback).predict(model, loader(batch_size=128))  # in its loops as before
    assert torch.equal(predicted, out) and not model._forward_pre_hooks


class Free(Regression):
    """Any number of tensors, one of them no number, and a structure that comes out."""

    def forward(self, *parts):
        self.got = parts
        out = super().forward(torch.cat(parts[:2], 1))
        return {"out": out, "rest": (out, torch.arange(3))}

    def training_step(self, batch, index):
        return self.loss(self(*batch[:-1])["out"], batch[-1])


@pytest.mark.parametrize("compatible", [True, False])
def test_several_inputs_share_one_range_and_structures_pass(tmp_path, compatible):
    x, y = rows()
    wide, mask = 20 * x[:, :4], x[:, 0] > 0
    model = fit(tmp_path, qat(input_compatible=compatible), Free(), train=loader((wide, x[:, 4:], mask, y)))
    given = (wide, x[:, 4:]) if compatible else map(model.quant, (wide, x[:, 4:]))
    out = model(*given, mask)
    assert [part.dtype for part in model.got] == [torch.quint8, torch.quint8, torch.bool]
    assert model.got[0].dequantize().min() < 0.75 * wide.min(), "what is twenty times as wide is not cut off"
    assert out["out"].dtype == out["rest"][0].dtype == torch.float32 and out["rest"][1].dtype == torch.int64


@pytest.mark.parametrize("observer", ["average", "histogram"])
def test_training_really_rounds_and_int8_computes_what_was_trained(tmp_path, observer):
    callback = qat(observer_type=observer, quantize_on_fit_end=False)
    model, x = fit(tmp_path, callback, fit_plain(tmp_path, Regression(), epochs=6)), rows(256, seed=1)[0]
    before, layer = simulated(model, x), model.layer_1
    assert len(fakes(model)) == 9 and audit(model).count("int8") == 0
    assert 20 < len(before.unique()) < 120, "outputs lie on a grid"
    assert not torch.equal(layer.weight_fake_quant(layer.weight), layer.weight)
    assert type(model.quant.activation_post_process.activation_post_process) is (
        tq.HistogramObserver if observer == "histogram" else tq.MovingAverageMinMaxObserver
    )
    # Of 256 outputs 0 to 10 differed over eight seeds, by a rounding or beyond the observed range; with torch's own
    # settings, whose scales of weights are not those of `convert`, 75 to 146.
    assert (callback.quantize(model)(x) != before).sum() <= 30


def test_ranges_keep_up_with_a_short_fit(tmp_path):
    # From new weights outputs grow from 0 to 3. torch's averages over some hundred batches clip them, and what is
    # clipped gets no gradient: predictions then end about 60 % off; with the ranges here, as near as in float.
    error = {}
    for name, callback in {"int8": qat(), "torch": qat(qconfig=tq.get_default_qat_qconfig(ENGINE))}.items():
        model = fit(tmp_path, callback, epochs=20)
        error[name] = ((model(rows()[0]) - rows()[1]) / rows()[1]).abs().mean()
    assert error["int8"] < 0.2 < 0.4 < error["torch"]


def test_fused_triples_and_pairs_with_batch_norm(tmp_path):
    images = torch.randn(64, 1, 6, 6, generator=torch.Generator().manual_seed(0))
    train = loader((images, images.mean((2, 3))))
    callback = qat(modules_to_fuse=[["conv", "bn", "relu"], ("conv2", "bn2")], quantize_on_fit_end=False)
    model = fit(tmp_path, callback, Convolutional(), train=train, epochs=4)
    assert model.conv.bn.num_batches_tracked == 8, "batch norm learned inside of the fused layer"
    expected = simulated(model, images)
    callback.quantize(model)
    assert {type(getattr(model, name)) for name in ("bn", "relu", "bn2")} == {nn.Identity}
    assert (model(images) - expected).abs().max() <= 3 * model.head.scale


@pytest.mark.parametrize("name", legacy_int8.available())
def test_every_engine_of_this_machine(tmp_path, name):
    model = fit(tmp_path, qat(qconfig=name))
    assert audit(model, rows()[0]).count("int8", "Linear") == 4
    assert torch.backends.quantized.engine == ENGINE, "the engine outside is left as it was"


class Watch(Callback):
    """Notes, for each training batch, whether observers and rounding were on."""

    def __init__(self):
        self.batches, self.rounding = [], []

    def on_before_zero_grad(self, trainer, pl_module, optimizer):
        ((observes, rounds),) = {(bool(f.observer_enabled), bool(f.fake_quant_enabled)) for f in fakes(pl_module)}
        self.batches.append(observes)
        self.rounding.append(rounds)


@pytest.mark.parametrize(
    ("collect", "seen"),
    [(None, [1] * 8), (6, [1] * 6 + [0] * 2), (lambda trainer: trainer.global_step % 2 == 1, [0, 1] * 4)],
    ids=["all", "6", "odd"],
)
def test_collect_quantization(tmp_path, collect, seen):
    callback = qat(collect_quantization=collect)
    for _ in range(2):  # a count begins anew with each fit
        watch = Watch()
        fit(tmp_path, callback, others=[watch])
        assert watch.batches == [bool(s) for s in seen]
        first = seen.index(1)
        assert watch.rounding == [False] * first + [True] * (8 - first), "float before the first, rounded ever after"


class Stages(Callback):
    """Whether each validation left the ranges as they were, the sanity check apart."""

    def __init__(self):
        self.before, self.unchanged = {}, {"sanity": [], "validate": []}

    def on_validation_start(self, trainer, pl_module):
        self.before = ranges(pl_module)

    def on_validation_end(self, trainer, pl_module):
        self.unchanged["sanity" if trainer.sanity_checking else "validate"].append(same(self.before, ranges(pl_module)))


@pytest.mark.parametrize("stages", [("train",), ("train", "validate")])
def test_validation_and_the_sanity_check_change_no_observer_unless_enabled(tmp_path, stages):
    watch, callback = Stages(), qat(observer_enabled_stages=stages)
    fit(tmp_path, callback, others=[watch], validate=wide(), val_check_interval=2, num_sanity_val_steps=2)
    assert watch.unchanged["sanity"] == [True], "the sanity check never changes one"
    assert watch.unchanged["validate"] == ["validate" not in stages] * 4


@pytest.mark.parametrize("enabled", [False, True])
def test_predict_changes_no_observer_unless_enabled(tmp_path, enabled):
    callback = qat(quantize_on_fit_end=False, observer_enabled_stages=("train", "predict") if enabled else ("train",))
    model = fit(tmp_path, callback, epochs=1)
    before = ranges(model)
    trainer(tmp_path, callback).predict(model, wide())
    assert same(before, ranges(model)) == (not enabled)
    before = ranges(model)
    model(100 * rows()[0])
    assert same(before, ranges(model)), "outside of a trainer no observer looks"


@dataclasses.dataclass(frozen=True)
class Frozen:
    logits: torch.Tensor
    note: str = "frozen"


class Own:
    def __init__(self, logits):
        self.logits, self.more = logits, {"deep": [Frozen(logits)]}


class Slots:
    __slots__ = ("logits",)

    def __init__(self, logits):
        self.logits = logits


class Lazy:
    def __init__(self, logits):
        self.logits, self.lock = logits, threading.Lock()


class Returns(Regression):
    def __init__(self, wrap):
        super().__init__()
        self.wrap = wrap

    def forward(self, x):
        return self.wrap(super().forward(x))

    def training_step(self, batch, index):
        return self.loss(self(batch[0]).logits, batch[1])


@pytest.mark.parametrize("wrap", [Frozen, Own, Slots])
def test_the_output_is_float_whatever_object_the_model_returns(tmp_path, wrap):
    out, x = fit(tmp_path, qat(), Returns(wrap))(rows()[0]), rows()[0]
    assert type(out) is wrap and torch.equal(out.logits, fit(tmp_path, qat())(x))
    assert wrap is not Own or out.more["deep"][0].logits is out.logits


def test_an_output_that_cannot_be_looked_into_is_refused_after_the_first_batch(tmp_path):
    says = "failed in what it returns: TypeError: .*a Lazy that cannot be copied.*Use tensors, or tuples, lists, dicts"
    with pytest.raises(RuntimeError, match=says) as caught:
        fit(tmp_path, qat(), Returns(Lazy))
    assert "fuse" not in str(caught.value)


class Takes(Regression):
    """One input, in which the rows stand in two parts."""

    def __init__(self, pack):
        super().__init__()
        self.pack = pack

    def forward(self, batch):
        self.got = [value for value in (batch.values() if isinstance(batch, dict) else batch)]
        flat = [part for value in self.got for part in (value if isinstance(value, list) else [value])]
        return super().forward(torch.cat(flat[:2], 1))

    def training_step(self, batch, index):
        self.given = self.pack(*batch[0].split(4, 1), batch[1] > 3)
        return self.loss(self(self.given), batch[1])


PACKS = [lambda a, b, c: {"a": a, "b": b, "c": c}, lambda a, b, c: (a, b, c), lambda a, b, c: {"x": [a, b], "c": c}]


@pytest.mark.parametrize("pack", PACKS, ids=["dict", "tuple", "nested"])
def test_inputs_inside_of_a_container_are_rounded(tmp_path, pack):
    callback = qat(quantize_on_fit_end=False)
    model, x = fit(tmp_path, callback, Takes(pack)), rows()[0]
    assert model.quant.activation_post_process.activation_post_process.min_val.isfinite()
    assert model.given is not model.got and model.pack is pack
    callback.quantize(model)
    out = model(given := pack(*x.split(4, 1), x[:, 0] > 0))
    first = model.got[0][0] if isinstance(model.got[0], list) else model.got[0]
    assert out.dtype == torch.float32 and first.dtype == torch.quint8
    assert next(iter(given.values() if isinstance(given, dict) else given)) is not first, "what is given stays"
