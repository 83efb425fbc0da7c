"""Fits with `QuantizationAwareTraining` for the tests: models, data, a silent trainer, and looks into a model."""

import logging
import signal

import _lightning
import pytest
import torch
from _lightning import KNOWN  # noqa: F401 - handed on
from lightning.pytorch import LightningModule
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from course_utils import legacy_int8
from course_utils.legacy_int8 import tq
from course_utils.lightning import QuantizationAwareTraining

ENGINE = legacy_int8.best()


@pytest.fixture(autouse=True)
def quiet():
    """One thread, the best engine, and no lines of Lightning's; Ctrl-C works again after a test that used it."""
    loggers = [logging.getLogger(name) for name in ("lightning.pytorch", "lightning.fabric")]
    before = [log.level for log in loggers], torch.get_num_threads(), torch.backends.quantized.engine
    on_interrupt = signal.getsignal(signal.SIGINT)
    for log in loggers:
        log.setLevel(logging.ERROR)
    torch.set_num_threads(1)
    torch.backends.quantized.engine = ENGINE
    yield
    for log, level in zip(loggers, before[0], strict=True):
        log.setLevel(level)
    torch.set_num_threads(before[1])
    torch.backends.quantized.engine = before[2]
    signal.signal(signal.SIGINT, on_interrupt)


class Steps(LightningModule):
    """What the models here have in common: the last part of a batch is the target."""

    def __init__(self):
        super().__init__()
        self.loss = nn.MSELoss()  # a module, and no part of the network

    def training_step(self, batch, index):
        return self.loss(self(*batch[:-1]), batch[-1])

    def validation_step(self, batch, index):
        self.log("val_loss", self.loss(self(*batch[:-1]), batch[-1]))

    def test_step(self, batch, index):
        self.log("test_loss", self.loss(self(*batch[:-1]), batch[-1]))

    def predict_step(self, batch, index):
        return self(*batch[:-1])

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), lr=0.01)


class Regression(Steps):
    """Three hidden layers, layer_0 … layer_end."""

    def __init__(self, width=16, seed=0):
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            widths = [8, width, width, width]
            for i in range(3):
                self.add_module(f"layer_{i}", nn.Linear(widths[i], widths[i + 1]))
                self.add_module(f"layer_{i}a", nn.ReLU())
            self.layer_end = nn.Linear(width, 1)

    def forward(self, x):
        x = self.layer_0a(self.layer_0(x))
        x = self.layer_1a(self.layer_1(x))
        x = self.layer_2a(self.layer_2(x))
        return self.layer_end(x)


class Convolutional(Steps):
    """A triple with batch norm, and a pair with batch norm behind it; images (batch, 1, 6, 6)."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.conv, self.bn, self.relu = nn.Conv2d(1, 4, 3, bias=False), nn.BatchNorm2d(4), nn.ReLU()
        self.conv2, self.bn2 = nn.Conv2d(4, 4, 3), nn.BatchNorm2d(4)
        self.head = nn.Linear(16, 1)

    def forward(self, x):
        x = self.bn2(self.conv2(self.relu(self.bn(self.conv(x)))))
        return self.head(x.reshape(x.shape[0], 16))


PAIRS = [(f"layer_{i}", f"layer_{i}a") for i in range(3)]


def rows(n=128, seed=0):
    """Inputs (n, 8) and targets (n, 1) from 2 to 4, well away from zero, so that a relative error means something."""
    draw = torch.Generator().manual_seed(seed)
    x = torch.randn(n, 8, generator=draw)
    return x, 3 + torch.tanh(x[:, :4].sum(1, keepdim=True) / 2)


def loader(tensors=None, batch_size=32):
    return DataLoader(TensorDataset(*(tensors or rows())), batch_size=batch_size)


def qat(**options):
    return QuantizationAwareTraining(**{"qconfig": ENGINE} | options)


def trainer(path, *callbacks, epochs=2, **options):
    return _lightning.trainer(path, *callbacks, epochs=epochs, **options)


def fit(path, callback, model=None, *, others=(), train=None, validate=None, ckpt_path=None, **options):
    model = Regression() if model is None else model
    trainer(path, callback, *others, **options).fit(
        model, train or loader(), validate, ckpt_path=ckpt_path, weights_only=True
    )
    return model


def fakes(model):
    return [module for module in model.modules() if isinstance(module, tq.FakeQuantizeBase)]


def ranges(model):
    """All that observers know, and the scales made of it."""
    return {
        f"{name}.{key}": value.clone()
        for name, module in model.named_modules()
        if isinstance(module, tq.FakeQuantizeBase)
        for key, value in module.state_dict().items()
        if "enabled" not in key
    }


def same(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[key], b[key]) for key in a)


def simulated(model, *inputs):
    """Outputs of a fake-quantized model, its inputs quantized as in a fit."""
    run = trainer(None, qat())
    return run.predict(model, loader((*inputs, torch.zeros(len(inputs[0]))), batch_size=len(inputs[0])))[0]


def portrait(model):
    """Everything that a refused fit must leave: modules, their hooks and modes, what they hold."""
    return {
        name: (
            id(module),
            type(module),
            module.training,
            list(module._forward_hooks),
            list(module._forward_pre_hooks),
            list(module._parameters),
            list(module._buffers),
            "qconfig" in vars(module),
        )
        for name, module in model.named_modules()
    }


def own_forward(model):
    return "forward" not in vars(model) and model.forward.__func__ is type(model).forward


def fit_plain(path, model, **options):
    trainer(path, **options).fit(model, loader())
    return model


def wide():
    """Rows like no training batch, which any observer that looks would remember."""
    x, y = rows(64, seed=3)
    return loader((100 * x, y))
