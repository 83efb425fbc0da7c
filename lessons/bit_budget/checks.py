"""The check of the lesson bit_budget: a budget of bits, shared out greedily over the layers of a network."""

import torch
from hypothesis import strategies as st
from torch import nn

from course_utils.checks import exercise
from course_utils.data.checkpoints import load


@exercise(
    "Share out a budget",
    trust="it takes a model",
    why="Each step is judged by what it saves for each bit of the file, so small layers in need come first.",
)
def share_out(model, sensitivity, budget):
    bits = {name: min(row) for name, row in sensitivity.items()}
    while True:
        sizes = {name: model.get_submodule(name).weight.numel() for name in bits}
        left = budget - sum(sizes[name] * bits[name] for name in bits)
        offers = {}
        for name, row in sensitivity.items():
            following = min((width for width in row if width > bits[name]), default=bits[name])
            price = sizes[name] * (following - bits[name])
            saved = row[bits[name]] - row[following]
            if price <= left and saved > 0:
                offers[name] = saved / price
        if not offers:
            return bits
        best = max(offers, key=offers.get)
        bits[best] = min(width for width in sensitivity[best] if width > bits[best])


def _model(*sizes):
    return nn.Sequential(*(nn.Linear(size, 1) for size in sizes)).requires_grad_(False)


@st.composite
def _cases(draw):
    sizes = draw(st.lists(st.sampled_from([1, 2, 4]), min_size=1, max_size=3))
    widths = draw(st.sampled_from([(4, 8), (2, 4, 8), (2, 3, 4), (2, 3, 8)]))
    table = {
        str(n): {width: draw(st.integers(0, 12)) / 4 + n / 32 * (width == widths[0]) for width in widths}
        for n in range(len(sizes))
    }
    least, most = widths[0] * sum(sizes), widths[-1] * sum(sizes)
    return _model(*sizes), table, draw(st.integers(least, most))


_abc = {"0": {2: 0.60, 3: 0.20, 4: 0.15}, "1": {2: 0.30, 3: 0.18, 4: 0.14}, "2": {2: 0.08, 3: 0.05, 4: 0.04}}
_net = load("depthwise_cnn").requires_grad_(False)
_names = [name for name, part in _net.named_modules() if isinstance(part, nn.Conv2d | nn.Linear)]
_at_4 = [0.0027, 0.0353, 0.0072, 0.0024, 0.0041, 0.0015, 0.0009, 0.0014]  # as the lesson measures them
_measured = {name: {4: value, 8: value / 1000} for name, value in zip(_names, _at_4, strict=True)}
share_out.tries(
    _cases(),
    also=[
        (_model(1, 4), {"0": {4: 1.0, 8: 0.0}, "1": {4: 2.0, 8: 0.0}}, 24),
        (_model(1, 1), {"0": {2: 1.0, 3: 0.0}, "1": {4: 2.0, 8: 0.0}}, 10),
        (_model(1), {"0": {4: 1.0, 8: 2.0}}, 8),
        (_model(10, 40, 50), _abc, 300),
        (_net, _measured, 4.5 * sum(_net.get_submodule(name).weight.numel() for name in _names)),
    ],
)
share_out.looks({"": lambda bits, *_: {f"the bits of layer `{name}`": torch.tensor(b) for name, b in bits.items()}})
share_out.ideas(
    {
        "offers[name] = saved": "Divide what a step saves by the bits of the file that it costs.",
        "offers[name] = saved / sizes[name]": "A step from 4 to 8 bits costs four bits for each weight, not one.",
        "price = sizes[name]": "A step from 4 to 8 bits costs four bits for each weight, not one.",
    }
)
