"""Quantization-aware training: what it refuses, its trial in int8, and that an error leaves the model as it was."""

import copy

import pytest
import torch
from _quantized_fits import (
    ENGINE,
    KNOWN,
    Regression,
    Steps,
    fakes,
    fit,
    loader,
    own_forward,
    portrait,
    qat,
    ranges,
    rows,
    same,
    trainer,
)
from lightning.pytorch import Callback, LightningModule
from torch import nn
from torch.nn.utils import prune

from course_utils import legacy_int8
from course_utils.callbacks import QuantizationAwareTraining
from course_utils.legacy_int8 import tq
from course_utils.measure.int8_audit import audit

pytestmark = KNOWN


@pytest.mark.parametrize(("compatible", "quantize"), [(True, True), (False, True), (True, False)])
def test_forward_stays_the_models_own(tmp_path, compatible, quantize):
    class Look(Callback):
        def on_train_batch_end(self, trainer, pl_module, *args):
            assert own_forward(pl_module) and len(pl_module._forward_pre_hooks) == 1

    model = fit(tmp_path, qat(input_compatible=compatible, quantize_on_fit_end=quantize), others=[Look()])
    assert own_forward(model) and type(model) is Regression
    assert len(model._forward_pre_hooks) == (quantize and compatible) and len(model._forward_hooks) == quantize


class Stop(Callback):
    """Raises at a hook, once."""

    def __init__(self, hook, error):
        self.error = error
        setattr(self, hook, self.stop)

    def stop(self, *args, **kwargs):
        error, self.error = self.error, None
        if error:
            raise error


@pytest.mark.parametrize("hook", ["setup", "on_train_batch_start", "on_validation_start", "on_train_end", "on_fit_end"])
@pytest.mark.parametrize("first", [True, False])
def test_a_fit_that_fails_leaves_no_hook(tmp_path, hook, first):
    model, callback, stop = Regression(), qat(input_compatible=False), Stop(hook, OSError("planted"))
    order = [stop, callback] if first else [callback, stop]
    with pytest.raises(OSError, match="planted"):
        trainer(tmp_path, *order).fit(model, loader(), loader())
    assert own_forward(model) and not model._forward_pre_hooks


def test_an_interrupted_fit_can_be_taken_up_again(tmp_path):
    callback, model = qat(), Regression()
    with pytest.raises(SystemExit):  # Lightning shuts down, then leaves
        fit(tmp_path, callback, model, others=[Stop("on_train_batch_end", KeyboardInterrupt())])
    assert own_forward(model) and not model._forward_pre_hooks and fakes(model)
    modules, learned = list(model.modules()), model.layer_1.weight.detach().clone()
    assert not torch.equal(learned, Regression().layer_1.weight), "the first batch was learned before the interrupt"
    fit(tmp_path, qat(quantize_on_fit_end=False), model)
    assert list(model.modules()) == modules and not torch.equal(model.layer_1.weight, learned)
    fit(tmp_path, callback, model)
    assert audit(model, rows()[0]).count("int8", "Linear") == 4


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"qconfig": "tensorrt"}, rf"give an engine of this machine \(.*{ENGINE}.*\), or a QConfig"),
        ({"qconfig": ["x86"]}, "give an engine of this machine"),
        ({"qconfig": tq.default_qconfig}, "this QConfig only observes, so the model would train in float"),
        ({"observer_type": "minmax"}, "observer_type='minmax'; give 'average' or 'histogram'"),
        ({"collect_quantization": 0}, "collect_quantization=0; give None, a count of batches from 1, or a function"),
        ({"collect_quantization": True}, "collect_quantization=True"),
        ({"collect_quantization": "last"}, "collect_quantization='last'"),
        ({"modules_to_fuse": "layer_0"}, "modules_to_fuse='layer_0'; give a list of groups of names"),
        ({"modules_to_fuse": ["layer_0", "layer_0a"]}, "give a list of groups"),
        ({"modules_to_fuse": [("layer_0",)]}, "give a list of groups"),
        ({"observer_enabled_stages": "train"}, "observer_enabled_stages='train'; give a tuple of some of 'train', 'va"),
        ({"observer_enabled_stages": ("fit",)}, r"observer_enabled_stages=\('fit',\)"),
        ({"observer_enabled_stages": ()}, r"observer_enabled_stages=\(\); give .*, at least one: without a batch"),
    ],
)
def test_bad_arguments_are_refused_at_construction(options, sentence):
    with pytest.raises(ValueError, match=sentence):
        qat(**options)


def test_without_an_engine_the_default_says_so(monkeypatch):
    monkeypatch.setattr(legacy_int8, "available", list)
    with pytest.raises(LookupError, match="this PyTorch was built without any int8 engine"):
        QuantizationAwareTraining()


BAD_GROUPS = {
    "unknown": ([("layer_0", "layer_0a"), ("layer_1", "NONE_1a")], "the model has no module 'NONE_1a'; it has loss, l"),
    "unfusable": ([("layer_0", "layer_0a"), ("layer_1", "loss")], r"layer_1, loss \(Linear, MSELoss\) cannot be fused"),
}


@pytest.mark.parametrize("case", BAD_GROUPS)
def test_a_wrong_name_is_refused_at_fit_start_and_leaves_the_model_as_it_was(tmp_path, case):
    groups, sentence = BAD_GROUPS[case]
    model = Regression()
    model.layer_1.eval()
    prune.l1_unstructured(model.layer_0, "weight", 0.5)
    before, state, out = portrait(model), copy.deepcopy(model.state_dict()), model(rows()[0])
    with pytest.raises(ValueError, match=f"modules_to_fuse: {sentence}"):
        fit(tmp_path, qat(modules_to_fuse=groups), model)
    assert portrait(model) == before and same(model.state_dict(), state)
    assert torch.equal(model(rows()[0]), out) and own_forward(model)


def test_fit_twice_with_one_callback(tmp_path):
    callback, x = qat(), rows()[0]
    first, second = fit(tmp_path, callback, Regression()), fit(tmp_path, callback, Regression())
    assert first is not second and torch.equal(first(x), second(x)), "nothing of the first fit is left in the callback"
    out = first(x)
    with pytest.raises(ValueError, match="this Regression is quantized already, and int8 cannot be trained"):
        fit(tmp_path, callback, first)
    assert torch.equal(first(x), out) and own_forward(first)


def test_fake_quantization_of_somebody_else_is_refused(tmp_path):
    fake = Regression()
    fake.layer_0.qconfig = tq.get_default_qat_qconfig(ENGINE)
    tq.prepare_qat(fake, inplace=True)
    with pytest.raises(ValueError, match="holds fake quantization already, which was not put there by this callback"):
        fit(tmp_path, qat(), fake)


def test_float_functional_is_no_quantized_module(tmp_path):
    class Sum(Steps):
        def __init__(self):
            super().__init__()
            self.layer_0, self.plus = nn.Linear(8, 4), nn.quantized.FloatFunctional()

        def forward(self, x):
            return self.plus.add(self.layer_0(x), self.layer_0(x)).mean(1, keepdim=True)

    model = fit(tmp_path, qat(), Sum())
    assert isinstance(model.plus, nn.quantized.QFunctional) and model(rows()[0]).dtype == torch.float32


class Keywords(Steps):
    def forward(self, *, x):
        return x


class NoForward(LightningModule):
    def training_step(self, batch, index):
        return batch[0].mean()

    configure_optimizers = Steps.configure_optimizers


class OwnStub(Regression):
    def __init__(self):
        super().__init__()
        self.quant = nn.Identity()


class Late(Regression):
    def setup(self, stage=None):
        self.layer_3 = nn.Linear(1, 1)


class Past(Regression):
    def training_step(self, batch, index):
        return self.loss(self.forward(batch[0]), batch[1])


class ByName(Regression):
    def training_step(self, batch, index):
        return self.loss(self(x=batch[0]), batch[1])


@pytest.mark.parametrize(
    ("kind", "error", "sentence"),
    [
        (Keywords, ValueError, "forward of Keywords takes no input by position"),
        (NoForward, ValueError, "NoForward has no forward of its own: write forward"),
        (OwnStub, ValueError, "has 'quant' of its own"),
        (Late, ValueError, "layer_3 came into the model after the callback had prepared it"),
        (Past, RuntimeError, r"gave the model itself no floating-point tensor.*call self\(x\)"),
        (ByName, TypeError, r"ByName was called without an input by position, .*: call model\(x\), not"),
    ],
)
def test_a_model_that_the_callback_cannot_work_with_is_refused(tmp_path, kind, error, sentence):
    with pytest.raises(error, match=sentence):
        fit(tmp_path, qat(), kind())


def test_weights_of_another_dtype_are_refused(tmp_path):
    with pytest.raises(NotImplementedError, match="weights in float32, and precision='bf16-true' keeps them in"):
        fit(tmp_path, qat(), precision="bf16-true")


def test_observers_that_would_see_no_batch_of_the_fit_are_refused_at_its_start(tmp_path):
    stages = ("validate",)
    with pytest.raises(ValueError, match=r"stages=\(.*\), but this fit runs train: no observer would see a batch"):
        fit(tmp_path, qat(observer_enabled_stages=stages))
    assert fakes(fit(tmp_path, qat(observer_enabled_stages=stages, quantize_on_fit_end=False)))


class Moves(Regression):
    """Says when it was called to the CPU."""

    def cpu(self):
        self.__dict__.setdefault("moves", []).append("cpu")
        return super().cpu()


def test_a_model_is_moved_to_the_cpu_before_it_is_converted(tmp_path, monkeypatch):
    # Stands for a GPU, which tests do not have: the order of the two steps.
    callback = qat(quantize_on_fit_end=False)
    model, convert = fit(tmp_path, callback, Moves()), tq.convert
    model.__dict__["moves"] = []
    monkeypatch.setattr(tq, "convert", lambda m, **options: m.moves.append("convert") or convert(m, **options))
    callback.quantize(model)
    assert model.moves == ["cpu", "convert"]


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_model_on_a_gpu_is_fitted_and_tried_there_and_converted_on_the_cpu(tmp_path):
    class Where(Callback):
        def on_train_batch_end(self, trainer, pl_module, *args):
            tensors = [*pl_module.parameters(), *pl_module.buffers(), *(p.grad for p in pl_module.parameters())]
            assert {tensor.device.type for tensor in tensors} == {"cuda"} and pl_module.device.type == "cuda"

    model = fit(tmp_path, qat(), Regression(), others=[Where()], accelerator="gpu", train=loader())
    assert audit(model, rows()[0]).count("int8", "Linear") == 4


def test_only_a_prepared_model_can_be_simulated():
    with pytest.raises(ValueError, match="not fake-quantized: fit or prepare it first"):
        qat().simulate(Regression())
    model = qat().prepare(Regression())
    before, hook = ranges(model), qat().simulate(model)
    model(rows()[0])
    assert not same(before, ranges(model)), "the ranges follow the data"
    hook.remove()
    seen, hook = ranges(model), qat().simulate(model, observe=False)
    model(10 * rows()[0])
    assert same(seen, ranges(model)), "the ranges stand still"


class Residual(Regression):
    """Adds in its own forward."""

    def forward(self, x):
        x = self.layer_1a(self.layer_1(self.layer_0(x)))
        return self.layer_end(x + self.layer_2(x))


class Normed(Regression):
    """A batch norm that is not fused, in a part of a part."""

    def __init__(self):
        super().__init__()
        self.block = nn.Sequential(nn.ReLU(), nn.BatchNorm1d(8))

    def forward(self, x):
        return super().forward(self.block(x))


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (Residual, r"Residual cannot compute in int8.* failed in its own forward: NotImplementedError: .*add"),
        (Normed, r"failed in block\.1 \(BatchNorm1d\): .*modules_to_fuse"),
    ],
)
def test_what_int8_cannot_compute_is_named_after_the_first_batch(tmp_path, make, sentence):
    model = make()
    with pytest.raises(RuntimeError, match=sentence):
        fit(tmp_path, qat(), model)
    twin = fit(tmp_path, qat(quantize_on_fit_end=False), make(), epochs=1, limit_train_batches=1)
    assert same(model.state_dict(), twin.state_dict()), "trained by one batch, as without the trial"
    assert len(fakes(model)) > 0 and own_forward(model) and not model._forward_pre_hooks and not model._forward_hooks


class Noisy(Regression):
    """Draws, and keeps what has a graph: what a copy of the model could not be made with."""

    def __init__(self):
        super().__init__()
        self.outputs = []

    def forward(self, x):
        noise = 0.01 * torch.rand(x.shape)
        return super().forward(x if x.is_quantized else x + noise)

    def training_step(self, batch, index):
        loss = super().training_step(batch, index)
        self.outputs.append(loss)
        return loss


def nothing(*_):
    """A hook that does nothing."""


class Look(Callback):
    """What the model is made of after each batch, behind the callbacks listed before."""

    def __init__(self):
        self.seen = []

    def on_train_batch_end(self, trainer, pl_module, *args):
        parts = pl_module.named_modules()
        self.seen.append([(n, type(p), p.training, len(p._forward_pre_hooks), [*p._parameters]) for n, p in parts])


@pytest.mark.parametrize(("observer", "pruned"), [("average", True), ("histogram", False)])
def test_a_trial_changes_nothing(tmp_path, observer, pruned):
    looks, drawn, models = [Look(), Look()], [], [Noisy(), Noisy()]
    for look, model, tried in zip(looks, models, (True, False), strict=True):
        if pruned:
            prune.l1_unstructured(model.layer_0, "weight", 0.5)
        callback, handle = qat(observer_type=observer, quantize_on_fit_end=tried), model.register_forward_hook(nothing)
        torch.manual_seed(1)
        fit(tmp_path, callback, model, others=[look], accumulate_grad_batches=2)
        drawn.append(torch.rand(3))
        handle.remove()
        if not tried:
            callback.quantize(model)
        assert len(model._forward_hooks) == 1, "a hook that was there before could be removed"
    assert looks[0].seen == looks[1].seen and torch.equal(*drawn)
    assert torch.equal(models[0](rows()[0]), models[1](rows()[0]))
