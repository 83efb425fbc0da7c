"""Quantization-aware training: what it refuses by name, its trial in int8, and what an error leaves as it was."""

import copy

import pytest
import torch
from _legacy import ignoring
from _quantized_fits import ENGINE, KNOWN, Regression, Steps, fakes, fit, loader, own_forward, portrait, qat, rows, same
from lightning.pytorch import Callback
from torch import nn
from torch.nn.utils import prune
from torchvision import models

from course_utils import legacy_int8
from course_utils.audit import audit
from course_utils.legacy_int8 import tq
from course_utils.lightning import QuantizationAwareTraining

pytestmark = [*KNOWN, *ignoring(".*is deprecated", ".*Lazy modules are")]


class Stop(Callback):
    """Raises at a hook, once."""

    def __init__(self, hook, error):
        self.error = error
        setattr(self, hook, self.stop)

    def stop(self, *args, **kwargs):
        error, self.error = self.error, None
        if error:
            raise error


def test_an_interrupted_fit_can_be_taken_up_again(tmp_path):
    callback, model = qat(), Regression()
    with pytest.raises(SystemExit):  # Lightning shuts down, then leaves
        fit(tmp_path, callback, model, others=[Stop("on_train_batch_end", KeyboardInterrupt())])
    assert own_forward(model) and not model._forward_pre_hooks and fakes(model)
    modules, learned = list(model.modules()), model.layer_1.weight.detach().clone()
    fit(tmp_path, qat(quantize_on_fit_end=False), model)
    assert list(model.modules()) == modules and not torch.equal(model.layer_1.weight, learned)
    fit(tmp_path, callback, model)
    assert audit(model, rows()[0]).count("int8", "Linear") == 4 and own_forward(model)
    assert (len(model._forward_pre_hooks), len(model._forward_hooks)) == (1, 1)
    with pytest.raises(ValueError, match=r"layer_0 \(Linear\) is quantized already, and int8 cannot be trained"):
        fit(tmp_path, callback, model)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"qconfig": "tensorrt"}, rf"give an engine of this machine \(.*{ENGINE}.*\), or a QConfig"),
        ({"qconfig": tq.default_qconfig}, "this QConfig only observes"),
        ({"observer_type": "minmax"}, "observer_type='minmax'"),
        ({"collect_quantization": 0}, "collect_quantization=0"),
        ({"modules_to_fuse": ["layer_0", "layer_0a"]}, "give a list of groups"),
        ({"observer_enabled_stages": ("fit",)}, r"observer_enabled_stages=\('fit',\)"),
    ],
)
def test_bad_arguments_are_refused_at_construction(options, sentence):
    with pytest.raises(ValueError, match=sentence):
        qat(**options)


def test_the_default_engine_is_one_that_the_machine_has(monkeypatch):
    monkeypatch.setattr(legacy_int8, "available", lambda: ["qnnpack"])  # an ARM processor under macOS
    assert QuantizationAwareTraining()._engine == "qnnpack"
    monkeypatch.setattr(legacy_int8, "available", list)
    with pytest.raises(LookupError, match="without any int8 engine"):
        QuantizationAwareTraining()


class Late(Regression):
    def setup(self, stage=None):
        self.layer_3 = nn.Conv1d(1, 1, 1)


class Past(Regression):
    def training_step(self, batch, index):
        return self.loss(self.forward(batch[0]), batch[1])


def foreign():
    model = Regression()
    model.layer_0.qconfig = tq.get_default_qat_qconfig(ENGINE)
    return tq.prepare_qat(model, inplace=True)


@pytest.mark.parametrize(
    ("make", "options", "error", "sentence"),
    [
        (Late, {}, ValueError, "layer_3 came into the model after the callback had prepared it"),
        (Past, {}, RuntimeError, r"does not call the model itself.*call self\(x\)"),
        (foreign, {}, ValueError, "holds fake quantization already"),
        (Regression, {"precision": "bf16-true"}, NotImplementedError, "float32, and precision='bf16-true'"),
    ],
)
def test_a_model_or_a_trainer_that_the_callback_cannot_work_with_is_refused(tmp_path, make, options, error, sentence):
    with pytest.raises(error, match=sentence):
        fit(tmp_path, qat(), make(), **options)


class Around(Steps):
    """A network of somebody else's in a module with the steps; its first three outputs are the prediction."""

    def __init__(self, net):
        super().__init__()
        self.net = net

    def forward(self, x):
        out = self.net(x)
        return getattr(out, "logits", out[0] if isinstance(out, tuple) else out).flatten(1)[:, :1]


def beside(layer):
    return Around(nn.Sequential(layer, nn.ReLU(), nn.Linear(8, 1)))


OUT = r".*get_submodule\('net{}'\).qconfig = None"


@pytest.mark.parametrize(
    ("make", "error", "sentence"),
    [
        (lambda: Around(nn.TransformerEncoderLayer(8, 2, 16)), ValueError, r"net.self_attn" + OUT.format(".self_attn")),
        (lambda: beside(nn.GRU(8, 8)), ValueError, r"net.0 \(GRU\)" + OUT.format(".0")),
        (lambda: beside(nn.utils.weight_norm(nn.Linear(8, 8))), ValueError, "net.0.*cannot be trained with rounding"),
        (lambda: beside(nn.Linear(8, 8).double()), NotImplementedError, r"net.0.*float64.*model.float\(\)"),
    ],
)
def test_a_layer_that_training_cannot_round_is_named_and_the_model_is_as_it_was(make, error, sentence):
    model = make()
    before = [(name, id(module), module.training) for name, module in model.named_modules()]
    with pytest.raises(error, match=sentence):
        qat().prepare(model)
    assert [(name, id(module), module.training) for name, module in model.named_modules()] == before


class Reads(nn.Module):
    """Reads the weight of `a`, as a decoder with the encoder's weight does; `b` is called."""

    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(8, 8), nn.Linear(8, 1)

    def forward(self, x):
        return self.b(nn.functional.linear(x, self.a.weight.T))


@pytest.mark.filterwarnings("ignore:this training does not round")
@pytest.mark.parametrize(
    ("make", "shape", "names"),
    [
        (lambda: models.SwinTransformer([2, 2], 8, [2], [2], [4, 4]), (3, 32, 32), r"net.*1.0.attn.qkv, .*attn.proj"),
        (Reads, (8,), "net.a"),
        (lambda: prune.l1_unstructured((net := Reads()).a, "weight", 0.5) and net, (8,), "net.a"),
    ],
    ids=["swin", "weight", "masked"],
)
def test_a_weight_that_is_read_without_calling_its_layer_is_named(tmp_path, make, shape, names):
    model, train = Around(make()), loader((torch.randn(8, *shape), torch.rand(8, 1)))
    with pytest.raises(RuntimeError, match=f"^{names}: the weight is read, and the layer is not called"):
        fit(tmp_path, qat(quantize_on_fit_end=False), model, train=train)


class Tokens(nn.Module):
    """A layer that is called, an embedding, and one that nothing reaches."""

    def __init__(self):
        super().__init__()
        self.emb, self.head, self.spare = nn.Embedding(9, 8), nn.Linear(8, 1), nn.Linear(8, 8)

    def forward(self, x):
        return self.head(self.emb(x).mean(1))


def test_what_training_does_not_round_is_named(tmp_path):
    train = loader((torch.randint(9, (8, 4)), torch.rand(8, 1)))
    with (
        pytest.warns(UserWarning, match="this training does not round net.emb.weight"),
        pytest.warns(UserWarning, match="no batch that observers saw ran through net.spare: nothing rounds there"),
    ):
        fit(tmp_path, qat(quantize_on_fit_end=False), Around(Tokens()), train=train)


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


def test_observers_that_saw_no_batch_of_the_fit_are_refused_at_its_end(tmp_path):
    with pytest.raises(RuntimeError, match="the observers saw no batch"):
        fit(tmp_path, qat(observer_enabled_stages=("validate",)))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_model_on_a_gpu_is_fitted_and_tried_there_and_converted_on_the_cpu(tmp_path):
    class Where(Callback):
        def on_train_batch_end(self, trainer, pl_module, *args):
            tensors = [*pl_module.parameters(), *pl_module.buffers(), *(p.grad for p in pl_module.parameters())]
            assert {tensor.device.type for tensor in tensors} == {"cuda"} and pl_module.device.type == "cuda"

    model = fit(tmp_path, qat(), Regression(), others=[Where()], accelerator="gpu", train=loader())
    assert audit(model, rows()[0]).count("int8", "Linear") == 4


class Residual(Regression):
    """Adds in its own forward."""

    def forward(self, x):
        x = self.layer_1a(self.layer_1(self.layer_0(x)))
        return self.layer_end(x + self.layer_2(x))


class Before(Regression):
    """With a part before its layers."""

    def __init__(self, part):
        super().__init__()
        self.block = nn.Sequential(nn.ReLU(), part)

    def forward(self, x):
        return super().forward(self.block(x))


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (Residual, r"Residual cannot compute in int8.* failed in its own forward: .*add.*FloatFunctional"),
        (lambda: Before(nn.BatchNorm1d(8)), r"failed in block\.1 \(BatchNorm1d\): .*modules_to_fuse.*'block.1'"),
    ],
    ids=["sum", "batch norm"],
)
def test_what_int8_cannot_compute_is_named_after_the_first_batch(tmp_path, make, sentence):
    model = make()
    with pytest.raises(RuntimeError, match=sentence):
        fit(tmp_path, qat(), model)
    twin = fit(tmp_path, qat(quantize_on_fit_end=False), make(), epochs=1, limit_train_batches=1)
    assert same(model.state_dict(), twin.state_dict()), "trained by one batch, as without the trial"
    assert len(fakes(model)) > 0 and own_forward(model) and not model._forward_pre_hooks and not model._forward_hooks
