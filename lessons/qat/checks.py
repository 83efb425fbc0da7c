"""The exercise of the lesson qat: a network is trained with fake quantization, and becomes int8."""

import copy
from dataclasses import dataclass

import torch
from hypothesis import strategies as st
from torch import nn
from torch.ao.quantization import FakeQuantizeBase, QuantWrapper, convert, get_default_qat_qconfig, prepare_qat

from course_utils.checks import effects, exercise
from course_utils.data.checkpoints import load


@exercise(
    "Aware of int8",
    why="The network has learned with the rounding in it, and its float weights are still there for more training.",
)
def aware_int8(model, train):
    ready = QuantWrapper(copy.deepcopy(model)).train()  #: the copy with its stubs
    ready.qconfig = get_default_qat_qconfig(torch.backends.quantized.engine)
    prepared = prepare_qat(ready)  #: the copy with fake quantization
    train(prepared)
    int8 = convert(prepared.eval())  #: the int8 version
    return prepared, int8


def _inputs(net, *_):
    if any(isinstance(layer, nn.Conv2d) for layer in net.modules()):
        return torch.linspace(-0.5, 2, 1568).view(2, 1, 28, 28)
    width = next(layer.in_features for layer in net.modules() if isinstance(layer, nn.Linear))
    return torch.linspace(-0.5, 2, 3 * width).view(3, -1)


@dataclass(frozen=True)
class Steps:
    """A training: so many steps of SGD, always on the same inputs."""

    n: int

    def __call__(self, net):
        net.train()
        for _ in range(self.n):
            net.zero_grad()
            (net(_inputs(net)) - 1).square().mean().backward()
            torch.optim.SGD(net.parameters(), lr=0.1).step()
        return net


def _layers(words, found):
    return {f"{words} layer {n}": each for n, each in enumerate(found(), 1)}


def _holds(prepared, rounds):
    if rounds:
        return "fake quantization"
    if any("nn.quantized" in type(part).__module__ for part in prepared.modules()):
        return "integers"
    if any(isinstance(part, FakeQuantizeBase) for part in prepared.modules()):
        return "float weights: `prepare` does not round them"
    return "float weights that nothing rounds: was there a qconfig for QAT?"


def _seen(back, _, train):
    prepared, int8 = back
    rounds = any(isinstance(getattr(part, "weight_fake_quant", 0), FakeQuantizeBase) for part in prepared.modules())
    found = {"what `prepared` holds": effects.Said(_holds(prepared, rounds))}
    found |= _layers("`int8`:", effects.kinds(int8).values)
    found |= _layers("the weights of `prepared`:", effects.weights(prepared).values)
    if rounds:
        train(prepared)
        found |= _layers("the weights of `prepared` when it is trained on:", effects.weights(prepared).values)
    return found


def _net(widths, training):
    torch.manual_seed(0)
    layers = [
        part for n_in, n_out in zip(widths, widths[1:], strict=False) for part in (nn.Linear(n_in, n_out), nn.ReLU())
    ]
    return nn.Sequential(*layers[:-1]).train(training)


_widths = st.sampled_from([(2, 1), (2, 3), (2, 3, 1), (3, 4, 2)])
_calls = st.tuples(st.builds(_net, _widths, st.booleans()), st.builds(Steps, st.integers(1, 3)))
aware_int8.tries(_calls, also=[(_net((2, 1), False), Steps(1)), (load("lenet_mnist"), Steps(1))], examples=12)
aware_int8.looks({"": _seen, "the outputs of `int8`": lambda back, *given: effects.outputs(_inputs)(back[1], *given)})


def _too_early(model, train):
    trained = train(QuantWrapper(copy.deepcopy(model)).train()).module
    prepared, _ = aware_int8.references[0].made()(trained, lambda net: net(_inputs(net)))
    return prepared, convert(prepared)


aware_int8.ideas(
    {
        _too_early: "The training did not meet the rounding: it comes after `prepare_qat`, with fake quantization on.",
        "train = (lambda t: lambda net: t(ready))(train)": "What you return as `prepared` was not trained, and saw no range: train what `prepare_qat` gives back, and keep it.",
        "int8 = convert(prepared.eval(), inplace=True)": "`prepared` comes first, and keeps its fake quantization. "
        "`inplace=True` would turn it into integers, which cannot be trained.",
        "ready = copy.deepcopy(model).train()": "No stub turns the floats into integers: use `QuantWrapper`, and set the qconfig on the whole.",
        "int8 = prepared": "`int8` still computes in float: `convert` makes integers of what `prepare_qat` gave back.",
    }
)
