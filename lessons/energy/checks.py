"""The check of the lesson energy: the bill of a network."""

from collections import Counter

import torch
from torch import nn

from course_utils.checks import effects, exercise
from course_utils.models import LeNet300100, SmallCNN


def _numbers_out(model, x, layers):
    """How many numbers each layer gives out, in all its runs."""
    given = Counter()
    hooks = [one.register_forward_hook(lambda one, _, out: given.update({one: out.numel()})) for one in layers]
    with torch.no_grad():
        model(x)
    for hook in hooks:
        hook.remove()
    return given


@exercise(
    "The bill of any network",
    why="Each output takes one MAC for each of its weights. Every input pays for its own arithmetic, "
    "and the batch shares the fetch. So half-price arithmetic saves 0.36 % for LeNet-300-100 alone, and a fifth for "
    "SmallCNN, which uses each weight a hundred times.",
)
def bill(model, shape, batch):
    layers = [layer for layer in model.modules() if isinstance(layer, nn.Linear | nn.Conv2d)]
    given = _numbers_out(model, torch.zeros(1, *shape), layers)
    mac_count = sum(given[layer] * layer.weight[0].numel() for layer in layers)  #: the number of MACs
    weight_count = sum(layer.weight.numel() for layer in layers)  #: the number of weights
    arithmetic = 4.6 * mac_count  #: the arithmetic
    share = 640 * weight_count / batch  #: the input's share of the fetch
    return arithmetic, share


class LayerUsedTwice(nn.Sequential):
    def forward(self, x):
        return super().forward(super().forward(x))


def _calls(shape, *layers, kind=nn.Sequential, weights=1.0, batch=3):
    return [(effects.filled(kind(*layers).eval(), weights), shape, batch) for batch in (1, batch)]


_tried = _calls((1,), nn.Linear(1, 1)) + _calls((1,), nn.Linear(1, 1, bias=False)) + _calls((2, 1), nn.Linear(1, 1))
_tried += _calls((1,), nn.Linear(1, 1), weights=0.0) + _calls((1,), nn.Linear(1, 1), kind=LayerUsedTwice)
_tried += _calls((1,), nn.Sequential(nn.Linear(1, 2), nn.ReLU()), nn.Linear(2, 3, bias=False), batch=2)
_tried += _calls((1, 3, 3), nn.Conv2d(1, 1, 2, bias=False), batch=5) + _calls((1, 2, 2), nn.Conv2d(1, 1, (2, 1)))
_tried += _calls((2, 1, 1), nn.Conv2d(2, 2, 1, groups=2)) + _calls((2, 2), nn.LayerNorm((2, 2)), nn.Linear(2, 2))
_tried += _calls((2, 3, 3), nn.Conv2d(2, 3, 2), nn.BatchNorm2d(3), nn.Flatten(), nn.Linear(12, 2), batch=7)
bill.tries(also=[*_tried, (LeNet300100().eval(), (1, 28, 28), 1), (SmallCNN().eval(), (1, 28, 28), 4)])
bill.ideas(
    {
        "mac_count = sum(layer.weight.numel() for layer in layers)": "A linear layer uses each weight once for each "
        "vector that it reads. A convolution uses it at every position in the image: count the outputs.",
        "mac_count = 0": "Nothing was counted: is your hook on the layers of `model`, before it runs?",
        "layers = [layer for layer in model.modules() if getattr(layer, 'weight', None) is not None]": "Only `Conv2d` "
        "and `Linear` cost something here; other layers have a weight, too.",
        "layers = [layer for layer in model.children() if isinstance(layer, nn.Linear | nn.Conv2d)]": "A layer inside of "
        "a block is a layer, too: children are only the outermost ones.",
        "weight_count = sum(p.numel() for p in model.parameters())": "The parameters are more than the weights: biases "
        "are among them, and the numbers of batch norms.",
    }
)
