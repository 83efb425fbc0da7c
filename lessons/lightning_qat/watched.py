"""The callback of the lesson lightning_qat for its folded cells, and a layer with which the check plays."""

import torch
from lightning.pytorch import LightningModule
from lightning.pytorch.callbacks import Callback
from torch.ao import quantization as tq

from course_utils import check

UNSEEN = "none, it has seen nothing"


class TwoHooks(Callback):
    """The callback of section 2.

    Args:
        qconfig: None takes PyTorch's for the engine.
        convert: False leaves the network as it trained, in float with the rounding.
    """

    def __init__(self, qconfig=None, convert=True):
        self.qconfig = qconfig or tq.get_default_qat_qconfig(torch.backends.quantized.engine)
        self.convert = convert

    def on_fit_start(self, trainer, model):
        model.net = tq.QuantWrapper(model.net)
        model.qconfig = self.qconfig
        tq.prepare_qat(model.train(), inplace=True)

    def on_train_end(self, trainer, model):
        if self.convert:
            tq.convert(model.eval(), inplace=True)


# Ranges that go half the way to what a batch reached, so that they can be worked out in the head.
HALF_THE_WAY = tq.QConfig(
    activation=tq.FakeQuantize.with_args(
        observer=tq.MovingAverageMinMaxObserver, averaging_constant=0.5, quant_min=0, quant_max=127
    ),
    weight=tq.default_weight_fake_quant,
)


class Layer(LightningModule):
    """One linear layer, which is trained with a rate of 0: only its ranges move.

    It writes down where they end, and whether rounding is on, whenever a batch trains.
    """

    def __init__(self):
        super().__init__()
        self.net = check.linear([[1.0]])
        self.validated, self.ends, self.rounds = 0, {}, {}

    def forward(self, x):
        return self.net(x)

    def note(self, when):
        """Write down where the ranges end."""
        for name, part in (("input's", self.net.quant), ("output's", self.net.module)):
            end = part.activation_post_process.activation_post_process.max_val
            self.ends[f"the end of the {name} range {when}"] = end.item() if end.isfinite().all() else UNSEEN

    def training_step(self, batch, index):
        when = f"training batch {self.global_step + 1}, in epoch {self.current_epoch}"
        self.note(f"before {when}")
        on = self.net.quant.activation_post_process.fake_quant_enabled[0] == 1
        self.rounds[f"the rounding in {when}"] = "on" if on else "off"
        return self(batch).sum()

    def validation_step(self, batch, index):
        self.validated += 1
        self(batch)

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.0)


class NotesTheEnd(TwoHooks):
    """Writes down where the ranges end when training ends, and only then converts."""

    def on_train_end(self, trainer, model):
        model.note("when training ends")
        super().on_train_end(trainer, model)
