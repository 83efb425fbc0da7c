"""The check of the lesson energy: the bill of a network."""

from collections import Counter

import torch
from torch import nn

from course_utils.checks import effects, exercise
from course_utils.exercises.mistake import Mistake
from course_utils.exercises.values import same, show
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


def _bill(model, shape, batch):
    layers = [layer for layer in model.modules() if isinstance(layer, nn.Linear | nn.Conv2d)]
    given = _numbers_out(model, torch.zeros(batch, *shape), layers)
    all_macs = sum(given[layer] * layer.weight[0].numel() for layer in layers)  #: the number of MACs for the batch
    mac_count = all_macs / batch  #: the number of MACs for one input
    weight_count = sum(layer.weight.numel() for layer in layers)  #: the number of weights
    arithmetic = 4.6 * mac_count  #: the arithmetic
    share = 640 * weight_count / batch  #: the input's share of the fetch
    return arithmetic, share


@exercise(
    "The bill of any network",
    of=[_bill],
    trust="it takes a model, and hangs hooks on it",
    why="Each output takes one MAC for each of its weights. Every input pays for its own arithmetic, "
    "and the batch shares the fetch. So half-price arithmetic saves 0.36 % for LeNet-300-100 alone, and a fifth for "
    "SmallCNN, which uses each weight a hundred times.",
)
def bill(bill, model, shape, batch):
    first, second = (bill(model, shape, batch) for _ in range(2))
    if not same(first, second):
        what = f"Your function returns something else at its second call: {show(second)} after {show(first)}."
        raise Mistake(what, "Its hooks, or a list outside of it, are still there.")
    return first


class TwoGroups(nn.Sequential):
    """Named so for the verdict, which does not show the groups of a convolution."""


class LayerUsedTwice(nn.Sequential):
    def forward(self, x):
        return super().forward(super().forward(x))


def _calls(shape, *layers, kind=nn.Sequential, weights=1.0):
    return [(effects.filled(kind(*layers).eval(), weights), shape, batch) for batch in (1, 3)]


_tried = _calls((1,), nn.Linear(1, 1)) + _calls((1,), nn.Linear(1, 1, bias=False)) + _calls((2, 1), nn.Linear(1, 1))
_tried += _calls((1,), nn.Linear(1, 1), weights=0.0) + _calls((1,), nn.Linear(1, 1), kind=LayerUsedTwice)
_tried += _calls((1,), nn.Sequential(nn.Linear(1, 2), nn.ReLU()), nn.Linear(2, 3))
_tried += _calls((1, 3, 3), nn.Conv2d(1, 1, 2, bias=False)) + _calls((1, 2, 2), nn.Conv2d(1, 1, (2, 1)))
_tried += _calls((2, 1, 1), nn.Conv2d(2, 2, 1, groups=2), kind=TwoGroups)
_tried += _calls((2, 3, 3), nn.Conv2d(2, 3, 2), nn.BatchNorm2d(3), nn.Flatten(), nn.Linear(12, 2))
bill.tries(also=[*_tried, (LeNet300100().eval(), (1, 28, 28), 1), (SmallCNN().eval(), (1, 28, 28), 4)])
bill.ideas(
    {
        "mac_count = sum(layer.weight.numel() for layer in layers)": "A linear layer uses each weight once for each "
        "vector that it reads. A convolution uses it at every position in the image: count the outputs.",
        "arithmetic = 0.0": "Nothing was counted: does your hook run, and append to the list that you sum?",
        "layers = [layer for layer in model.modules() if getattr(layer, 'weight', None) is not None]": "Batch norm has "
        "a weight, too, but costs nothing here.",
        "layers = [layer for layer in model.children() if isinstance(layer, nn.Linear | nn.Conv2d)]": "A layer inside of "
        "a block is a layer, too: children are only the outermost ones.",
        "weight_count = sum(p.numel() for p in model.parameters())": "The parameters are more than the weights: biases "
        "are among them, and the numbers of batch norms.",
    }
)
