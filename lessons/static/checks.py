"""The exercise of the lesson static: a CNN becomes int8 from end to end."""

import copy

import torch
from hypothesis import strategies as st
from torch import nn
from torch.ao.quantization import QuantWrapper, convert, fuse_modules, get_default_qconfig, prepare

from course_utils.checks import effects, exercise
from course_utils.data.checkpoints import load
from course_utils.models import SmallCNN


@exercise(
    "From end to end",
    trust="it takes a model and gives a quantized one",
    why="The copy has its stubs, one module for each block, and a scale for each range that the images have shown.",
)
def to_int8(model, batches):
    ready = QuantWrapper(copy.deepcopy(model)).eval()  #: the copy with its stubs
    names = [[f"module.features.{n}.{part}" for part in (0, 1, 2)] for n in range(len(model.features))]  #: the names
    ready = fuse_modules(ready, names)
    ready.qconfig = get_default_qconfig(torch.backends.quantized.engine)
    observed = prepare(ready)
    for batch in batches:
        observed(batch)
    return convert(observed)


def _net(blocks, training=False):
    torch.manual_seed(blocks)
    net = SmallCNN(1)
    net.features, net.fc = net.features[:blocks], nn.Linear(min(blocks, 2), 2)
    for norm in (block[1] for block in net.features):
        nn.init.uniform_(norm.weight, 0.5, 2)
        nn.init.uniform_(norm.running_mean, -0.2, 0.2)
    return net.train(training)


def _batches(sizes):
    return [size * torch.rand(2, 1, 2, 2, generator=torch.Generator().manual_seed(0)) for size in sizes]


def _seen(net, *_):
    layers = [m for m in net.modules() if callable(getattr(m, "weight", None))]  # int8 ones give weight()
    entrance = [m for m in net.modules() if type(m).__name__ == "Quantize"]
    return {
        "the number of int8 layers": len(layers),
        "the number of blocks that are one module": sum(type(m).__name__ == "ConvReLU2d" for m in layers),
        "the scale of the pixels": float(entrance[0].scale) if entrance else effects.Said("no stub was converted"),
        "the scales behind the layers": torch.tensor([float(m.scale) for m in layers]),
        "the outputs": net(torch.linspace(-0.5, 2, 32).view(2, 1, 4, 4)),
    }


to_int8.tries(
    model=st.builds(_net, st.integers(1, 3), st.booleans()),
    batches=st.builds(_batches, st.lists(st.sampled_from([1.0, 3.0]), min_size=1, max_size=2)),
    also=[(load("small_cnn"), [torch.linspace(0, 1, 784).view(1, 1, 28, 28)]), (_net(1, True), _batches([1.0, 3.0]))],
    examples=20,
)
to_int8.looks({"": _seen})
to_int8.ideas(
    {
        "observed = ready": "`convert` needs what `prepare` returns: the copy with the observers.",
        "batches = []": "No image reached an observer: a scale that saw nothing is 1. Send each batch through the model "
        "that `prepare` returned, before you convert it.",
        "ready = ready": "The blocks are not fused. `fuse_modules` returns a copy: keep it.",
        "names = [[f'module.features.{n}.{part}' for part in (0, 1)] for n in range(len(model.features))]": "The ReLU "
        "belongs to its block: then the range begins at 0, and no level lies below it.",
    }
)
