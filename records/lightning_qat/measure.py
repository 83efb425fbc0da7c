"""Train for int8 with slow and fast ranges, in a Trainer and at several learning rates: lesson `lightning_qat`."""

import sys
from functools import cache

import torch
from lightning.pytorch import LightningModule
from lightning.pytorch.callbacks import Callback
from torch import nn
from tqdm import tqdm

from course_utils import legacy_int8, runtime
from course_utils.callbacks import ignore_advice
from course_utils.files import ROOT
from course_utils.legacy_int8 import tq
from lessons.lightning_qat import task
from records import writing

SEEDS = 6
RATES = (1e-3, 2e-3, 3e-3, 6e-3, 1e-2)
SEEN, HELD_OUT = 6000, 5000  # garments: the first ones are trained on, the last ones choose the rate
SLOW, FAST = 0.01, 0.3  # averaging constants: PyTorch's, and ours
EVERYWHERE, LAST = "", "net.module.4"
ARMS = ("float", "slow", "fast", "fast in the last layer", "float, then slow")


class Net(LightningModule):
    """The network of the lesson, with first weights and a learning rate of one's choice."""

    def __init__(self, seed, rate):
        super().__init__()
        torch.manual_seed(seed)
        self.rate = rate
        self.net = nn.Sequential(nn.Linear(16, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 1))

    def forward(self, x):
        return self.net(x)

    def training_step(self, batch, index):
        return nn.functional.mse_loss(self(batch[0]), batch[1])

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), lr=self.rate)


class ToInt8(Callback):
    """The callback of the lesson; the ranges of layers whose name begins with `fast` move by FAST, others by SLOW."""

    def __init__(self, fast=None):
        self.fast = fast

    def on_fit_start(self, trainer, model):
        model.net = tq.QuantWrapper(model.net)
        model.qconfig = tq.get_default_qat_qconfig(torch.backends.quantized.engine)
        tq.prepare_qat(model.train(), inplace=True)
        for name, layer in model.named_modules():
            if isinstance(rounds := getattr(layer, "activation_post_process", None), tq.FakeQuantizeBase):
                fast = self.fast is not None and name.startswith(self.fast)
                rounds.activation_post_process.averaging_constant = FAST if fast else SLOW

    def on_train_end(self, trainer, model):
        tq.convert(model.eval(), inplace=True)


def main(arguments):
    """Train all of them and write the record: some minutes on one thread."""
    path = ROOT / "records" / "lightning_qat" / "ranges.json"
    args = writing.options("lightning_qat", __doc__, path).parse_args(arguments)
    ignore_advice()
    torch.backends.quantized.engine = legacy_int8.best()
    seeds, rates = (range(1), RATES[:1]) if runtime.quick() else (range(SEEDS), RATES)
    tries = [(arm, seed, rate) for arm in ARMS for rate in rates for seed in seeds]
    with runtime.threads(1), legacy_int8.quiet():
        runs = [_run(*one) for one in tqdm(tries, desc="trainings", file=sys.stdout)]
    writing.write_runs(args.to, "python3 course.py bench lightning_qat", runs)


def _run(arm, seed, rate):
    """Two epochs in all, and the error on garments that were not trained on."""
    train, held_out, test = _data()

    def fit(net, *callbacks, epochs=2):
        return task.fit(net, train, *callbacks, epochs=epochs)

    net = Net(seed, rate)
    if arm == "float, then slow":
        net = fit(fit(net, epochs=1).requires_grad_(True), ToInt8(), epochs=1)
    else:
        fast = {"fast": EVERYWHERE, "fast in the last layer": LAST}.get(arm)
        net = fit(net, *[ToInt8(fast)] * (arm != "float"))
    errors = {name: task.mape(net(x), share) for name, (x, share) in (("held_out", held_out), ("test", test))}
    return {"arm": arm, "seed": seed, "rate": rate} | {name: round(error, 2) for name, error in errors.items()}


@cache
def _data():
    """Batches to train on, and pixels and shares of held-out and of test garments."""
    pixels, share = task.load("train", 60_000)
    train = task.batches(pixels[:SEEN], share[:SEEN])
    return train, (pixels[-HELD_OUT:], share[-HELD_OUT:]), task.load("test", 10_000)
