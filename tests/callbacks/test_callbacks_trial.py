"""Quantization-aware training tries int8 after the first batch: what cannot compute so is named, nothing is changed."""

import pytest
import torch
from _quantized_fits import (
    KNOWN,
    Regression,
    fakes,
    fit,
    loader,
    own_forward,
    qat,
    quiet,  # noqa: F401 - a fixture for every test
    rows,
    same,
)
from lightning.pytorch import Callback
from torch import nn
from torch.nn.utils import prune

pytestmark = KNOWN


class Residual(Regression):
    """Adds in its own forward."""

    def forward(self, x):
        x = self.layer_1a(self.layer_1(self.layer_0(x)))
        return self.layer_end(x + self.layer_2(x))


class Adds(nn.Module):
    def forward(self, x):
        return x + x


class Inner(Regression):
    """Adds in a part of a part."""

    def __init__(self):
        super().__init__()
        self.block = nn.Sequential(nn.ReLU(), Adds())

    def forward(self, x):
        return super().forward(self.block(x))


class Normed(Regression):
    """A batch norm that is not fused."""

    def __init__(self):
        super().__init__()
        self.norm = nn.BatchNorm1d(8)

    def forward(self, x):
        return super().forward(self.norm(x))


CANNOT = {
    "addition": (Residual, r"Residual cannot compute in int8.* failed in its own forward: NotImplementedError: .*add"),
    "inner": (Inner, r"failed in block\.1 \(Adds\): NotImplementedError: .*add"),
    "batch norm": (Normed, r"failed in norm \(BatchNorm1d\): .*modules_to_fuse"),
}


@pytest.mark.parametrize("case", CANNOT)
def test_what_int8_cannot_compute_is_named_after_the_first_batch(tmp_path, case):
    make, sentence = CANNOT[case]
    model = make()
    with pytest.raises(RuntimeError, match=sentence):
        fit(tmp_path, qat(), model)
    twin = fit(tmp_path, qat(quantize_on_fit_end=False), make(), epochs=1, limit_train_batches=1)
    assert same(model.state_dict(), twin.state_dict()), "trained by one batch, as without the trial"
    assert len(fakes(model)) > 0 and own_forward(model) and not model._forward_pre_hooks and not model._forward_hooks
    fit(tmp_path, qat(quantize_on_fit_end=False), model)  # what the message says


def test_a_model_that_is_to_stay_fake_quantized_is_not_tried(tmp_path):
    assert fakes(fit(tmp_path, qat(quantize_on_fit_end=False), Residual()))


class Noisy(Regression):
    """Draws, counts its calls, and keeps what has a graph: what a copy of the model could not be made with."""

    def __init__(self):
        super().__init__()
        self.calls, self.outputs = 0, []

    def forward(self, x):
        self.calls += 1
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
        self.seen.append(
            [
                (name, type(part), part.training, len(part._forward_pre_hooks), [*part._parameters], [*part._buffers])
                for name, part in pl_module.named_modules()
            ]
        )


@pytest.mark.parametrize("pruned", [False, True])
@pytest.mark.parametrize("observer", ["average", "histogram"])
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
        assert model.calls == len(model.outputs) == 8
    assert looks[0].seen == looks[1].seen and torch.equal(*drawn)
    assert torch.equal(models[0](rows()[0]), models[1](rows()[0]))


def test_an_input_by_keyword_is_refused(tmp_path):
    class ByName(Regression):
        def training_step(self, batch, index):
            return self.loss(self(x=batch[0]), batch[1])

    with pytest.raises(TypeError, match=r"ByName was called without an input by position, .*: call model\(x\), not"):
        fit(tmp_path, qat(), ByName())
    model = fit(tmp_path, qat())
    with pytest.raises(TypeError, match="Regression was called without an input by position"):
        model(x=rows()[0])


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_trial_leaves_a_model_on_its_gpu(tmp_path):
    class Where(Callback):
        def on_train_batch_end(self, trainer, pl_module, *args):
            tensors = [*pl_module.parameters(), *pl_module.buffers(), *(p.grad for p in pl_module.parameters())]
            assert {tensor.device.type for tensor in tensors} == {"cuda"} and pl_module.device.type == "cuda"

    fit(tmp_path, qat(), Regression(), others=[Where()], accelerator="gpu", train=loader())
