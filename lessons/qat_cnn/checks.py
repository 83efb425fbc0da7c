"""The exercise of the lesson qat_cnn: a training with rounding, its calls in the right order."""

import copy

import torch
from hypothesis import strategies as st
from torch import nn
from torch.ao.nn.intrinsic.qat import freeze_bn_stats
from torch.ao.quantization import (
    QuantWrapper,
    convert,
    disable_observer,
    enable_observer,
    fuse_modules_qat,
    get_default_qat_qconfig,
    prepare_qat,
)

from course_utils.checks import effects, exercise
from course_utils.data.checkpoints import load


@exercise(
    "The loop in the right order",
    trust="it takes a model and a training, and gives models",
    why="Training met what the copy computes, the last levels stood still, and the network can be trained on.",
)
def qat_loop(model, train_epoch, epochs):
    prepared = prepare_qat(model)
    still = prepared.apply(freeze_bn_stats)
    copies = []
    for epoch in range(epochs):
        watched = epoch < epochs - 1
        still.apply(enable_observer if watched else disable_observer)
        train_epoch(prepared)
        int8 = convert(copy.deepcopy(prepared).eval())
        copies.append(int8)
    return prepared, copies


def _inputs(net, *_):
    size = 28 if any(isinstance(part, nn.Linear) for part in net.modules()) else 2
    return torch.linspace(-0.5, 2, 2 * size * size).view(2, 1, size, size)


def train_epoch(net):
    """A step of SGD, always on the same inputs; notes on the network what stands still."""
    net.train()
    norms = [part for part in net.modules() if isinstance(part, nn.BatchNorm2d)]
    watches = [part.observer_enabled[0].item() for part in net.modules() if hasattr(part, "observer_enabled")]
    state = "trains" if any(norm.training for norm in norms) else "is frozen", "on" if any(watches) else "off"
    net.noted = [*getattr(net, "noted", []), state if watches else ("is there", "missing: it was not prepared")]
    net.zero_grad()
    (net(_inputs(net)) - 1).square().mean().backward()
    torch.optim.SGD(net.parameters(), lr=0.1).step()


def _seen(back, *_):
    prepared, copies = back
    noted = getattr(prepared, "noted", [])
    found = {"how many epochs `prepared` was trained": len(noted)}
    for n, (norms, observers) in enumerate(noted, 1):
        found |= {
            f"batch norm in epoch {n}": effects.Said(norms),
            f"the observers in epoch {n}": effects.Said(observers),
        }
    found["how many copies there are"] = len(copies)
    for n, each in enumerate(copies):
        found |= {f"`copies[{n}]`, layer {k}": kind for k, kind in enumerate(effects.kinds(each).values(), 1)}
        found[f"the outputs of `copies[{n}]`"] = effects.outputs(_inputs)(each, each)
    train_epoch(prepared)
    layers = enumerate(effects.weights(prepared).values(), 1)
    return found | {f"the weights of layer {n} of `prepared`, trained on": weights for n, weights in layers}


def _fused(net, blocks):
    model = QuantWrapper(copy.deepcopy(net)).train()
    prefix = "module.features" if hasattr(net, "features") else "module"
    model = fuse_modules_qat(model, [[f"{prefix}.{block}.{part}" for part in (0, 1, 2)] for block in range(blocks)])
    model.qconfig = get_default_qat_qconfig(torch.backends.quantized.engine)
    return model


def _small(blocks):
    torch.manual_seed(0)
    block = (nn.Sequential(nn.Conv2d(1, 1, 1), nn.BatchNorm2d(1), nn.ReLU()) for _ in range(blocks))
    return _fused(nn.Sequential(*block), blocks)


qat_loop.tries(
    st.tuples(st.integers(1, 2).map(_small), st.just(train_epoch), st.integers(2, 3)),
    also=[(_small(1), train_epoch, 2), (_fused(load("depthwise_cnn"), 7), train_epoch, 2)],
    examples=6,
)
qat_loop.looks({"": _seen})
qat_loop.ideas(
    {
        "still = prepared": "Batch norm follows the batches. Freeze it by `freeze_bn_stats` on what `prepare_qat` gave back, "
        "before the first epoch. `.eval()` does not last: `train()` thaws it.",
        "watched = epoch < epochs": "The observers still watch in the last epoch: switch them off before it begins.",
        "int8 = copy.deepcopy(prepared).eval()": "Your copies still compute in float: convert them.",
    }
)
