"""The network and the callback with which the check of the lesson lightning_qat plays: one input, one weight."""

import torch
from lightning.pytorch import LightningModule
from lightning.pytorch.callbacks import Callback
from torch.ao import quantization as tq

from course_utils.checks import effects

UNSEEN = effects.Said("none, it has seen nothing")


class Layer(LightningModule):
    """One linear layer between its stubs, which is trained with a rate of 0: only its ranges move."""

    def __init__(self):
        super().__init__()
        self.quant, self.layer, self.dequant = tq.QuantStub(), effects.linear(torch.ones(1, 1)), tq.DeQuantStub()

    def training_step(self, batch, index):
        return self.dequant(self.layer(self.quant(batch))).sum()

    validation_step = training_step

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.0)


class TwoHooks(Callback):
    """The callback of section 1, which also writes down where the range of the input ends, and after what."""

    def on_fit_start(self, trainer, model):
        rounds = {"observer": tq.MovingAverageMinMaxObserver, "averaging_constant": 0.5}
        rounds = tq.FakeQuantize.with_args(quant_min=0, quant_max=127, **rounds)
        model.qconfig = tq.QConfig(activation=rounds, weight=tq.default_weight_fake_quant)
        self.ends = {}
        tq.prepare_qat(model.train(), inplace=True)

    def _note(self, model, event):
        end = model.quant.activation_post_process.activation_post_process.max_val
        self.ends[f"the range's end after {event}"] = end.item() if end.isfinite().all() else UNSEEN

    def on_train_batch_end(self, trainer, model, *_):
        self._note(model, f"training batch {trainer.global_step}")

    def on_validation_end(self, trainer, model):
        after = f"training batch {trainer.global_step}, validated"
        self._note(model, "the sanity check" if trainer.sanity_checking else after)

    def on_train_end(self, trainer, model):
        tq.convert(model.eval(), inplace=True)
