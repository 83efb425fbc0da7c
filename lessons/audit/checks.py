"""The exercise of the lesson audit: linear layers of a derived class become int8 as well."""

import copy

import torch
from hypothesis import strategies as st
from torch import nn
from torch.ao.quantization import quantize_dynamic as line

from course_utils import legacy_int8
from course_utils.checks import effects, exercise
from course_utils.models import EncoderLayer
from lessons.audit.experiment import Counted, counted

torch.backends.quantized.engine = legacy_int8.best()  # it packs the weights of the models below
legacy_int8.ignore_deprecations()


@exercise(
    "A class of her own",
    why="A plain layer with the same weights, as somebody's child: both causes of section 2 are gone. Now the limit is left.",
)
def to_int8(model, kind):
    root = nn.Sequential(copy.deepcopy(model))
    for parent in list(root.modules()):
        for name, child in parent.named_children():
            if type(child) is kind:
                plain = nn.Linear(child.in_features, child.out_features)
                plain.weight = child.weight
                plain.bias = child.bias
                setattr(parent, name, plain)
    return line(root, {nn.Linear})


class Named(nn.Linear):
    """Another derived class."""


def _seen(int8, model, _):
    width = next(layer.in_features for layer in model.modules() if isinstance(layer, nn.Linear))
    kinds = enumerate(effects.kinds(int8).values(), 1)
    x = torch.linspace(-1, 2, 3 * width).view(1, 3, width)
    return {f"layer {n} of those with weights": kind for n, kind in kinds} | {"the outputs": int8(x)}


def _two(bias=True):
    return Counted(2, 2, bias=bias)


_calls = st.tuples(
    effects.models(
        _two,
        lambda: _two(bias=False),
        lambda: nn.Linear(2, 2),
        nn.ReLU,
        lambda: nn.Sequential(_two(), nn.ReLU()),
        first=_two,
    ).filter(lambda model: any(isinstance(layer, nn.Linear) for layer in model.modules())),
    st.just(Counted),
)
torch.manual_seed(0)
to_int8.tries(
    _calls,
    also=[
        (nn.Sequential(_two()), Counted),
        (_two(), Counted),
        (Named(2, 3, bias=False), Named),
        (nn.Sequential(nn.Linear(2, 2), nn.Sequential(Named(2, 2), nn.LayerNorm(2))), Named),
        (counted(EncoderLayer(8, 2, 16)).eval(), Counted),
    ],
    examples=30,
)
to_int8.looks({"": _seen})
to_int8.ideas(
    {
        lambda model, kind: line(
            model, {nn.Linear, kind}
        ): "For each type `quantize_dynamic` needs an int8 class to put in "
        "its place, and for this one it has none, even if you name it. Put a plain `nn.Linear` in the layer's place.",
        "root = copy.deepcopy(model)": "Where the model itself is such a layer, it's nobody's child, and isn't found. "
        "Put it into an `nn.Sequential`.",
        "return root": "These are plain float layers now. `quantize_dynamic` has still to replace them.",
    }
)
