"""The check of the lesson energy: the bill of a network."""

import torch
from hypothesis import strategies as st
from torch import nn

from course_utils.checks import effects, exercise
from course_utils.models import LeNet300100, SmallCNN


def _numbers_out(model, shape, layers):
    """How many numbers each layer gives out for one input."""
    given = {}
    hooks = [one.register_forward_hook(lambda one, _, out: given.update({one: out.numel()})) for one in layers]
    with torch.no_grad():
        model(torch.zeros(1, *shape))
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
    given = _numbers_out(model, shape, layers)
    mac_count = sum(given[layer] * layer.weight[0].numel() for layer in layers)  #: the number of MACs for one input
    weight_count = sum(layer.weight.numel() for layer in layers)  #: the number of weights
    arithmetic = 4.6 * mac_count  #: the arithmetic
    fetch = 640 * weight_count  #: the fetch of all weights
    return arithmetic, fetch / batch


@st.composite
def _calls(draw):
    c, n, kernel, side = (draw(st.integers(least, 3)) for least in (1, 1, 2, 3))
    conv, image = nn.Conv2d(c, n, kernel), (c, side, side)
    rest = nn.BatchNorm2d(n), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(n, 2)
    model, shape = draw(
        st.sampled_from(
            [
                (nn.Sequential(nn.Linear(c, n, bias=draw(st.booleans()))), (c,)),
                (nn.Sequential(nn.Sequential(nn.Linear(c, n), nn.ReLU()), nn.Linear(n, c)), (c,)),
                (nn.Sequential(conv), image),
                (nn.Sequential(conv, *rest), image),
            ]
        )
    )
    return effects.filled(model.eval(), 1.0), shape, draw(st.integers(1, 3))


_one, _conv = (effects.filled(nn.Sequential(layer), 1.0) for layer in (nn.Linear(1, 1), nn.Conv2d(1, 1, 2)))
_networks = [(LeNet300100(), (1, 28, 28), 1), (SmallCNN().eval(), (1, 28, 28), 64)]
bill.tries(_calls(), also=[(_one, (1,), 1), (_one, (1,), 2), (_conv, (1, 3, 3), 1), *_networks])
bill.ideas(
    {
        "mac_count = sum(layer.weight.numel() for layer in layers)": "A linear layer uses each weight once. A convolution uses "
        "it at every position in the image: count the outputs.",
        "layers = [layer for layer in model.children() if isinstance(layer, nn.Linear | nn.Conv2d)]": "A layer inside of a "
        "block is a layer, too: children are only the outermost ones.",
        "weight_count = sum(p.numel() for p in model.parameters())": "The parameters are more than the weights: biases are "
        "among them, and the numbers of batch norms.",
        "return batch * arithmetic, fetch / batch": "The arithmetic is asked for one input, and not for the whole batch.",
        "return arithmetic, fetch": "All inputs of a batch share one fetch, so each pays its part of it.",
    }
)
