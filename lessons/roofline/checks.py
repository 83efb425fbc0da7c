"""The check of the lesson roofline: what each layer of a model waits for."""

import torch
from torch import nn

from course_utils.checks import effects, exercise
from course_utils.models import EncoderLayer, SmallCNN


def _runs(model, x):
    """name -> (layer, its input, its output), of each linear layer and each convolution."""
    runs, hooks = {}, []
    for name, one in model.named_modules():
        if isinstance(one, nn.Linear | nn.Conv2d):
            keep = lambda layer, given, out, name=name: runs.update({name: (layer, given[0], out)})  # noqa: E731
            hooks.append(one.register_forward_hook(keep))
    with torch.no_grad():
        model(x)
    for hook in hooks:
        hook.remove()
    return runs


@exercise(
    "What does each layer wait for?",
    why="The longer of the two times counts. With one token each layer of the encoder waits for its weights, and with 128 for "
    "its arithmetic. The first convolution of SmallCNN has so many outputs that it lies left of a ridge of 10.",
)
def waits_for(model, x, peak, bandwidth):
    found = {}
    for name, (layer, given, out) in _runs(model, x).items():
        operations = 2 * out.numel() * layer.weight[0].numel()  #: the operations of a layer
        moved = layer.weight.nbytes + given.nbytes + out.nbytes  #: the bytes that a layer moves
        arithmetic = operations / peak  #: the time of the arithmetic
        memory = moved / bandwidth  #: the time of the memory
        waits = "arithmetic" if arithmetic > memory else "memory"  #: what a layer waits for
        found[name] = waits, max(arithmetic, memory)
    return found


def _call(layer, *shape, peak=10.0, bandwidth=6.0, dtype=torch.float32):
    model = effects.filled(nn.Sequential(*layer) if isinstance(layer, tuple) else nn.Sequential(layer), 1.0)
    return model.to(dtype).eval(), torch.ones(*shape, dtype=dtype), peak, bandwidth


_cnn, _encoder = SmallCNN().eval(), EncoderLayer(768, 12, 3072).eval()
waits_for.tries(
    also=[
        _call(nn.Linear(1, 1), 1, 1),
        _call(nn.Linear(1, 1), 1, 1, peak=0.4),
        _call(nn.Linear(1, 2, bias=False), 3, 1),
        _call(nn.Linear(2, 1), 4, 2, peak=4.0),
        _call(nn.Linear(2, 2), 1, 2, dtype=torch.bfloat16),
        _call(nn.Conv2d(1, 1, (1, 2)), 1, 1, 3, 3, peak=1.0),
        _call(nn.Conv2d(2, 2, 1, groups=2), 1, 2, 1, 1, peak=0.4),
        _call((nn.Sequential(nn.Linear(1, 2), nn.ReLU()), nn.LayerNorm(2), nn.Linear(2, 1)), 5, 1, peak=3.0),
        (_cnn, torch.zeros(1, 1, 28, 28), 1e11, 1e10),
        (_encoder, torch.zeros(1, 1, 768), 1e11, 1e10),
        (_encoder, torch.zeros(1, 128, 768), 1e11, 1e10),
    ]
)
waits_for.ideas(
    {
        "operations = out.numel() * layer.weight[0].numel()": "A MAC is two operations: a multiplication and an addition.",
        "found[name] = waits, arithmetic + memory": "Arithmetic and memory work at the same time: the longer one counts.",
        "moved = layer.weight.nbytes": "Inputs and outputs are moved, too.",
        "moved = 4 * (layer.weight.numel() + given.numel() + out.numel())": "Not every number takes four bytes: `nbytes` knows.",
        "operations = 2 * layer.weight.numel()": "A weight is used for every row of the input, and at every position of an "
        "image: count the outputs.",
    }
)
