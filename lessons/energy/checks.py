"""The check of the lesson energy: the batch from which on a network's arithmetic costs as much as its weights."""

import math

import torch
from torch import nn

from course_utils.checks import effects, exercise
from course_utils.energy import count_macs
from course_utils.models import LeNet300100, SmallCNN


@exercise(
    "From which batch on?",
    why="Each input of a batch pays for its own arithmetic, and all of them share one fetch of the weights. SmallCNN, which "
    "uses a weight a hundred times on average, needs a batch of 2 in fp32, and of 6 in int8 (0.3 and 160).",
)
def batch_needed(model, x, mac_pj, fetch_pj):
    macs = count_macs(model, x) / len(x)  #: the MACs for one input
    weights = sum(p.numel() for p in model.parameters() if p.dim() > 1)  #: the number of weights
    arithmetic = mac_pj * macs  #: the arithmetic of one input
    fetching = fetch_pj * weights  #: the fetch of all weights
    return math.ceil(fetching / arithmetic)


class LayerUsedTwice(nn.Sequential):
    def forward(self, x):
        return super().forward(super().forward(x))


def _calls(shape, *layers, kind=nn.Sequential):
    model = effects.filled(kind(*layers).eval(), 1.0)
    prices = [(1, 1), (1, 4), (4.6, 640), (0.3, 160)]
    return [(model, torch.zeros(inputs, *shape), *two) for two in prices for inputs in (1, 2)]


_tried = _calls((1,), nn.Linear(1, 1, bias=False)) + _calls((1,), nn.Linear(1, 1)) + _calls((2, 1), nn.Linear(1, 1))
_tried += _calls((1,), nn.Linear(1, 1), kind=LayerUsedTwice)
_tried += _calls((1,), nn.Sequential(nn.Linear(1, 2), nn.ReLU()), nn.Linear(2, 3))
_tried += _calls((1, 3, 3), nn.Conv2d(1, 1, 2)) + _calls((1, 3, 2), nn.Conv2d(1, 1, (2, 1), bias=False))
_tried += _calls((2, 2, 2), nn.Conv2d(2, 2, 1, groups=2))
_tried += _calls((2, 3, 3), nn.Conv2d(2, 3, 2), nn.BatchNorm2d(3), nn.Flatten(), nn.Linear(12, 2))
_digits = torch.zeros(5, 1, 28, 28)
_real = [
    (net, _digits[:n], *two)
    for net, n in ((LeNet300100().eval(), 1), (SmallCNN().eval(), 5))
    for two in ((4.6, 640), (0.3, 160))
]
batch_needed.tries(also=[*_tried, *_real])
batch_needed.ideas(
    {
        "macs = count_macs(model, x)": "`x` holds several inputs here, and their MACs were counted together. One input makes "
        "only its share of them.",
        "macs = 2 * count_macs(model, x) / len(x)": "PyTorch's counter counts multiplications and additions one by one. A MAC "
        "is one of each.",
        "weights = sum(p.numel() for p in model.parameters())": "The parameters are more than the weights: biases are among "
        "them, and the numbers of batch norms.",
        "return math.floor(fetching / arithmetic)": "A batch that is a little too small does not do: the arithmetic has to "
        "cost at least as much as the fetch, so round up.",
        "return fetching / arithmetic": "A batch has a whole number of inputs: round up.",
    }
)
