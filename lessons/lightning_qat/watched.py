"""The network and the callback with which the check of the lesson lightning_qat plays: one input, one weight."""

import torch
from lightning.pytorch import LightningModule
from lightning.pytorch.callbacks import Callback
from torch.ao import quantization as tq

from course_utils.checks import effects

UNSEEN = effects.Said("none, it has seen nothing")


class Layer(LightningModule):
    """One linear layer between its stubs, which is trained with a rate of 0: only its ranges move.

    It writes down where they end, and whether rounding is on, whenever a batch trains.
    """

    def __init__(self):
        super().__init__()
        self.quant, self.layer, self.dequant = tq.QuantStub(), effects.linear(torch.ones(1, 1)), tq.DeQuantStub()
        self.validated, self.ends, self.rounds = 0, {}, {}

    def forward(self, x):
        return self.dequant(self.layer(self.quant(x)))

    def note(self, when):
        """Write down where the ranges end."""
        for name, part in (("input's", self.quant), ("output's", self.layer)):
            end = part.activation_post_process.activation_post_process.max_val
            self.ends[f"the end of the {name} range {when}"] = end.item() if end.isfinite().all() else UNSEEN

    def training_step(self, batch, index):
        self.note(f"before training batch {self.global_step + 1}")
        on = self.quant.activation_post_process.fake_quant_enabled[0] == 1
        self.rounds[f"the rounding in training batch {self.global_step + 1}"] = effects.Said("on" if on else "off")
        return self(batch).sum()

    def validation_step(self, batch, index):
        self.validated += 1
        self(batch)

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.0)


class TwoHooks(Callback):
    """The callback of section 1."""

    def on_fit_start(self, trainer, model):
        rounds = {"observer": tq.MovingAverageMinMaxObserver, "averaging_constant": 0.5}
        rounds = tq.FakeQuantize.with_args(quant_min=0, quant_max=127, **rounds)
        model.qconfig = tq.QConfig(activation=rounds, weight=tq.default_weight_fake_quant)
        tq.prepare_qat(model.train(), inplace=True)

    def on_train_end(self, trainer, model):
        model.note("when training ends")
        tq.convert(model.eval(), inplace=True)
