"""Quantization-aware training: what it refuses, and that an error leaves the model as it was."""

import copy

import pytest
import torch
from _quantized_fits import (
    ENGINE,
    KNOWN,
    Regression,
    Steps,
    TwoInputs,
    fakes,
    fit,
    loader,
    own_forward,
    portrait,
    qat,
    quiet,  # noqa: F401 - a fixture for every test
    ranges,
    rows,
    same,
    trainer,
)
from lightning.pytorch import Callback, LightningModule
from torch import nn
from torch.nn.utils import prune

from course_utils.legacy_int8 import tq
from course_utils.measure.int8_audit import audit

pytestmark = KNOWN


@pytest.mark.parametrize("compatible", [True, False])
@pytest.mark.parametrize("quantize", [True, False])
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


@pytest.mark.parametrize(
    "hook",
    [
        "setup",
        "on_fit_start",
        "on_train_batch_start",
        "on_train_batch_end",
        "on_validation_start",
        "on_train_end",
        "on_fit_end",
        "teardown",
    ],
)
@pytest.mark.parametrize("first", [True, False])
def test_forward_is_restored_after_an_exception(tmp_path, hook, first):
    model, callback, stop = Regression(), qat(input_compatible=False), Stop(hook, OSError("planted"))
    order = [stop, callback] if first else [callback, stop]
    with pytest.raises(OSError, match="planted"):
        trainer(tmp_path, *order).fit(model, loader(), loader())
    assert own_forward(model) and not model._forward_pre_hooks
    if fakes(model) or hook == "setup":
        assert model(rows()[0]).shape == (128, 1)


def test_an_interrupted_fit_can_be_taken_up_again(tmp_path):
    callback, stop = qat(), Stop("on_train_batch_end", KeyboardInterrupt())
    model = Regression()
    with pytest.raises(SystemExit):  # Lightning shuts down, then leaves
        fit(tmp_path, callback, model, others=[stop])
    assert own_forward(model) and not model._forward_pre_hooks and fakes(model)
    learned = model.layer_1.weight.detach().clone()
    fit(tmp_path, callback, model)
    assert audit(model, rows()[0]).count("int8", "Linear") == 4
    assert not torch.equal(learned, Regression().layer_1.weight), "the first batch was learned before the interrupt"


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (
            {"qconfig": "tensorrt"},
            rf"qconfig='tensorrt'; give an engine of this machine \(.*{ENGINE}.*\), or a QConfig",
        ),
        ({"qconfig": ["x86"]}, "give an engine of this machine"),
        ({"qconfig": tq.default_qconfig}, "this QConfig only observes, so the model would train in float"),
        ({"observer_type": "minmax"}, "observer_type='minmax'; give 'average' or 'histogram'"),
        ({"observer_type": None}, "observer_type=None"),
        ({"collect_quantization": 0}, "collect_quantization=0; give None, a count of batches from 1, or a function"),
        ({"collect_quantization": 1.5}, "collect_quantization=1.5"),
        ({"collect_quantization": True}, "collect_quantization=True"),
        ({"collect_quantization": "last"}, "collect_quantization='last'"),
        ({"modules_to_fuse": "layer_0"}, "modules_to_fuse='layer_0'; give a list of groups of names"),
        ({"modules_to_fuse": ["layer_0", "layer_0a"]}, "give a list of groups"),
        ({"modules_to_fuse": [("layer_0",)]}, "give a list of groups"),
        (
            {"observer_enabled_stages": "train"},
            "observer_enabled_stages='train'; give a tuple of some of 'train', 'valid",
        ),
        ({"observer_enabled_stages": ("fit",)}, r"observer_enabled_stages=\('fit',\)"),
        ({"observer_enabled_stages": None}, "observer_enabled_stages=None"),
        ({"observer_enabled_stages": ()}, r"observer_enabled_stages=\(\); give .*, at least one: without a batch"),
    ],
)
def test_bad_arguments_are_refused_at_construction(options, sentence):
    with pytest.raises(ValueError, match=sentence):
        qat(**options)


BAD_GROUPS = {
    "unknown": ([("layer_0", "layer_0a"), ("layer_1", "NONE_1a")], "the model has no module 'NONE_1a'; it has loss, l"),
    "unfusable": ([("layer_0", "layer_0a"), ("layer_1", "loss")], r"layer_1, loss \(Linear, MSELoss\) cannot be fused"),
    "twice": ([("layer_0", "layer_0a"), ("layer_0", "layer_0a")], "layer_0, layer_0a .* cannot be fused"),
}


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("case", BAD_GROUPS)
def test_a_wrong_name_is_refused_at_fit_start_and_leaves_the_model_as_it_was(tmp_path, case, masked):
    groups, sentence = BAD_GROUPS[case]
    model = Regression()
    model.layer_1.eval()
    if masked:
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


def test_fit_twice_goes_on_when_the_model_was_left_fake_quantized(tmp_path):
    callback = qat(quantize_on_fit_end=False)
    model = fit(tmp_path, callback, Regression())
    modules, learned = list(model.modules()), model.layer_1.weight.detach().clone()
    fit(tmp_path, callback, model)
    assert list(model.modules()) == modules and not torch.equal(model.layer_1.weight, learned)


def test_one_callback_on_two_trainers(tmp_path):
    callback = qat()
    trainers, fitted = [trainer(tmp_path, callback) for _ in range(2)], [Regression(), TwoInputs()]
    x, y = rows()
    trainers[0].fit(fitted[0], loader())
    trainers[1].fit(fitted[1], loader((x[:, :4], x[:, 4:], y)))
    for model, run, batch in zip(fitted, trainers, ((x, y), (x[:, :4], x[:, 4:], y)), strict=True):
        assert audit(model, *batch[:-1]).count("int8", "Linear") == 4
        run.test(model, loader(batch), verbose=False)


def test_a_model_that_is_quantized_already_is_refused(tmp_path):
    dynamic = Regression()
    dynamic.layer_0 = tq.quantize_dynamic(nn.Sequential(nn.Linear(8, 16)))[0]
    before = portrait(dynamic)
    with pytest.raises(ValueError, match="quantized already"):
        fit(tmp_path, qat(), dynamic)
    assert portrait(dynamic) == before
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


@pytest.mark.parametrize("own", ["nothing", "keywords", "no forward"])
def test_a_model_without_a_forward_argument_is_refused(tmp_path, own):
    class Nothing(Steps):
        def forward(self):
            return torch.ones(1)

    class Keywords(Steps):
        def forward(self, *, x):
            return x

    class NoForward(LightningModule):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(8, 1)

        def training_step(self, batch, index):
            return self.layer(batch[0]).mean()

        configure_optimizers = Steps.configure_optimizers

    kind, sentence = {
        "nothing": (Nothing, "forward of Nothing takes no input by position"),
        "keywords": (Keywords, "forward of Keywords takes no input by position"),
        "no forward": (NoForward, "NoForward has no forward of its own: write forward"),
    }[own]
    model = kind()
    before = portrait(model)
    with pytest.raises(ValueError, match=sentence):
        fit(tmp_path, qat(), model)
    assert portrait(model) == before


@pytest.mark.parametrize("by", ["forward", "layer"])
def test_a_training_step_that_goes_past_the_models_call_is_refused(tmp_path, by):
    class Past(Regression):
        def training_step(self, batch, index):
            out = self.forward(batch[0]) if by == "forward" else self.layer_0(batch[0])
            return self.loss(out.mean(1, keepdim=True), batch[1])

    with pytest.raises(RuntimeError, match=r"gave the model itself no floating-point tensor.*call self\(x\)"):
        fit(tmp_path, qat(), Past())


@pytest.mark.parametrize("name", ["quant", "dequant"])
def test_a_part_of_the_name_of_a_stub_is_refused(tmp_path, name):
    model = Regression()
    setattr(model, name, nn.Identity())
    with pytest.raises(ValueError, match=f"has '{name}' of its own"):
        fit(tmp_path, qat(), model)
    assert type(getattr(model, name)) is nn.Identity and not fakes(model)


@pytest.mark.parametrize("hook", ["setup", "configure_model"])
def test_layers_that_come_too_late_are_refused(tmp_path, hook):
    def late(self, stage=None):
        self.layer_3 = nn.Linear(1, 1)

    model = type("Late", (Regression,), {hook: late})()
    with pytest.raises(ValueError, match="layer_3 came into the model after the callback had prepared it"):
        fit(tmp_path, qat(), model)


def test_distributed_training_is_refused_in_one_sentence(tmp_path):
    model = Regression()
    before = portrait(model)
    several = trainer(tmp_path, strategy="ddp", devices=2)
    with pytest.raises(NotImplementedError, match=r"works on one device, and this trainer has 2 \(DDPStrategy\): each"):
        qat().setup(several, model, "fit")
    assert portrait(model) == before


@pytest.mark.parametrize("precision", ["bf16-true", "64-true"])
def test_weights_of_another_dtype_are_refused(tmp_path, precision):
    model = Regression()
    before = portrait(model)
    with pytest.raises(NotImplementedError, match=f"weights in float32, and precision='{precision}' keeps them in"):
        fit(tmp_path, qat(), model, precision=precision)
    assert portrait(model) == before and model.layer_0.weight.dtype == torch.float32


@pytest.mark.parametrize("stages", [("validate",), ("test", "predict")])
def test_observers_that_would_see_no_batch_of_the_fit_are_refused_at_its_start(tmp_path, stages):
    model = Regression()
    before = portrait(model)
    with pytest.raises(ValueError, match=r"stages=\(.*\), but this fit runs train: no observer would see a batch"):
        fit(tmp_path, qat(observer_enabled_stages=stages), model)
    assert portrait(model) == before
    assert fakes(fit(tmp_path, qat(observer_enabled_stages=stages, quantize_on_fit_end=False), model))


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
@pytest.mark.parametrize("observer", ["average", "histogram"])
def test_a_model_on_a_gpu_is_fitted_there_and_converted_on_the_cpu(tmp_path, observer):
    class Where(Callback):
        def on_train_batch_end(self, trainer, pl_module, *args):
            assert {p.device.type for p in [*pl_module.parameters(), *pl_module.buffers()]} == {"cuda"}

    model = fit(tmp_path, qat(observer_type=observer), Regression().cuda(), others=[Where()], accelerator="gpu")
    assert audit(model, rows()[0]).count("int8", "Linear") == 4


def test_only_a_prepared_model_can_be_simulated():
    with pytest.raises(ValueError, match="not fake-quantized: fit or prepare it first"):
        qat().simulate(Regression())
    model = qat().prepare(Regression())
    before = ranges(model)
    hook = qat().simulate(model)
    model(rows()[0])
    assert not same(before, ranges(model)), "the ranges follow the data"
    hook.remove()
    seen, hook = ranges(model), qat().simulate(model, observe=False)
    model(10 * rows()[0])
    assert same(seen, ranges(model)), "the ranges stand still"
    hook.remove()
