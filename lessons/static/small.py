"""What the check of static is tried on: small networks like SmallCNN, and qconfigs that are told in few words."""

from dataclasses import dataclass

import torch
from torch import nn
from torch.ao import quantization as tq

from course_utils.models import SmallCNN


@dataclass(frozen=True)
class By:
    """A qconfig with these observers for activations; they are the same with every engine."""

    observer: type
    weight = tq.default_weight_observer
    _fields = ("activation", "weight")

    @property
    def activation(self):
        return self.observer.with_args(quant_min=0, quant_max=127)

    def __repr__(self):
        return f"QConfig({self.observer.__name__}, …)"


def net(blocks, training=False):
    """A SmallCNN of one to three blocks."""
    torch.manual_seed(blocks)
    made = SmallCNN(2)
    made.features, made.fc = made.features[:blocks], nn.Linear(2 if blocks == 1 else 4, 2)
    return made.train(training)


def image(*pixels):
    """A batch with one square image."""
    return torch.tensor(pixels).view(1, 1, *[int(len(pixels) ** 0.5)] * 2)
