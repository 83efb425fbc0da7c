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
    for _ in range(sum(map(len, sensitivity.values()))):  # more turns than steps: an edit of it ends, too
        sizes = {name: model.get_submodule(name).weight.numel() for name in bits}
        left = budget - sum(sizes[name] * bits[name] for name in bits)
        prices, offers = {}, {}
        for name, row in sensitivity.items():
            following = min((width for width in row if width > bits[name]), default=bits[name])
            price = sizes[name] * (following - bits[name])
            saved = row[bits[name]] - row[following]
            prices[name] = price
            if saved > 0:
                offers[name] = saved / price
        fitting = {name: offer for name, offer in offers.items() if prices[name] <= left}
        if not fitting:
            break
        best = max(fitting, key=fitting.get)
        bits[best] = min(width for width in sensitivity[best] if width > bits[best])
    return bits


def _model(*sizes):
    return nn.Sequential(*(nn.Linear(size, 1) for size in sizes)).requires_grad_(False)


@st.composite
def _cases(draw):
    sizes = draw(st.lists(st.sampled_from([1, 2, 4]), min_size=1, max_size=3))
    widths = draw(st.sampled_from([(4, 8), (6, 8), (2, 4, 8), (2, 3, 4), (2, 3, 8)]))
    table = {
        str(n): {width: draw(st.integers(0, 12)) / 4 + n / 32 * (width == widths[0]) for width in widths}
        for n in range(len(sizes))
    }
    least, most = widths[0] * sum(sizes), widths[-1] * sum(sizes)
    return _model(*sizes), table, draw(st.integers(least, most))


_last = share_out.references[0].otherwise("best = max(reversed(fitting), key=fitting.get)")


def _clear(*case):
    """Whether it makes no difference which of two equal steps is taken first."""
    return share_out.playing()(*case) == _last(*case)


_abc = {"0": {2: 0.60, 3: 0.20, 4: 0.15}, "1": {2: 0.30, 3: 0.18, 4: 0.14}, "2": {2: 0.08, 3: 0.05, 4: 0.04}}
_net = load("depthwise_cnn").requires_grad_(False)
_names = [name for name, part in _net.named_modules() if isinstance(part, nn.Conv2d | nn.Linear)]
_at_4 = [0.0027, 0.0353, 0.0072, 0.0024, 0.0041, 0.0015, 0.0009, 0.0014]  # as the lesson measures them
_measured = {name: {4: value, 8: value / 1000} for name, value in zip(_names, _at_4, strict=True)}
share_out.tries(
    _cases().filter(lambda case: _clear(*case)),
    also=[
        (_model(1, 4), {"0": {4: 1.0, 8: 0.0}, "1": {4: 2.0, 8: 0.0}}, 24),
        (_model(1, 4), {"0": {4: 1.0, 8: 0.0}, "1": {4: 2.0, 8: 0.0}}, 36),
        (_model(1, 1), {"0": {2: 1.0, 3: 0.0}, "1": {4: 2.0, 8: 0.0}}, 10),
        (_model(1), {"0": {4: 1.0, 8: 2.0}}, 8),
        (_model(1), {"0": {6: 1.0, 8: 0.0}}, 8),
        (_model(10, 40, 50), _abc, 300),
        (_net, _measured, 4.5 * sum(_net.get_submodule(name).weight.numel() for name in _names)),
    ],
)
share_out.looks({"": lambda bits, *_: {f"the bits of layer `{name}`": torch.tensor(b) for name, b in bits.items()}})
_ROWS = "sizes = {name: model.get_submodule(name).weight.shape[0] for name in bits}"
_BIASES = "sizes = {name: sum(p.numel() for p in model.get_submodule(name).parameters()) for name in bits}"
share_out.ideas(
    {
        ("offers[name] = saved", "offers[name] = saved / (following - bits[name])"): "Divide what a step saves by the "
        "bits of the file that it costs.",
        ("offers[name] = saved / sizes[name]", "price = sizes[name]"): "A step from 4 to 8 bits costs four bits for "
        "each weight, not one.",
        "fitting = offers if offers and prices[max(offers, key=offers.get)] <= left else {}": "Where the best step does "
        "not fit, another one may: look among those that fit.",
        (_ROWS, _BIASES): "The size of a layer is the number of its weights, `weight.numel()`, without the bias.",
    }
)
