"""The check of the lesson bit_budget: a budget of bits, shared out greedily over layers of 2 or 4 bits."""

import torch
from hypothesis import strategies as st
from torch import nn

from course_utils.checkpoints import load
from course_utils.checks import exercise


@exercise(
    "Share out a budget",
    why="Each step is judged by what it saves for each bit of the file, so small layers in need come first.",
)
def share_out(sizes, sensitivity, budget):
    bits = dict.fromkeys(sizes, 2)
    left = budget - 2 * sum(sizes.values())
    for _ in sizes:  # as many turns as there can be steps: an edit of it ends, too
        prices, offers = {}, {}
        for name, row in sensitivity.items():
            price = 2 * sizes[name]
            saved = row[2] - row[4]
            prices[name] = price
            if saved > 0 and bits[name] == 2:
                offers[name] = saved / price
        fitting = {name: offer for name, offer in offers.items() if prices[name] <= left}
        if not fitting:
            break
        best = max(fitting, key=fitting.get)
        bits[best] = 4
        left -= prices[best]
    return bits


@st.composite
def _cases(draw):
    sizes = {
        f"layer {n}": size for n, size in enumerate(draw(st.lists(st.sampled_from([1, 2, 4]), min_size=1, max_size=4)))
    }
    table = {
        name: {2: draw(st.integers(0, 12)) / 4 + n / 32, 4: draw(st.integers(0, 12)) / 4}
        for n, name in enumerate(sizes)
    }
    return sizes, table, draw(st.integers(2 * sum(sizes.values()), 4 * sum(sizes.values())))


_last = share_out.references[0].otherwise("best = max(reversed(fitting), key=fitting.get)")


def _clear(*case):
    """Whether it makes no difference which of two equal steps is taken first."""
    return share_out.playing()(*case) == _last(*case)


_net = load("depthwise_cnn")
_layers = [(name, part) for name, part in _net.named_modules() if isinstance(part, nn.Conv2d | nn.Linear)]
_sizes = {name: part.weight.numel() for name, part in reversed(_layers)}  # those that get most come last
# As the lesson measures them, from the last layer to the first:
_at_2 = [0.0501, 0.0151, 0.0042, 0.0186, 0.0064, 0.0362, 0.2268, 0.0148]
_at_4 = [0.0014, 0.0001, 0.0001, 0.0008, 0.0003, 0.0010, 0.0015, 0.0013]
_measured = {name: {2: two, 4: four} for name, two, four in zip(_sizes, _at_2, _at_4, strict=True)}
_PAIR = {"small": {2: 1.0, 4: 0.0}, "large": {2: 2.0, 4: 0.0}}
share_out.tries(
    _cases().filter(lambda case: _clear(*case)),
    also=[
        ({"small": 1, "large": 4}, _PAIR, 12),
        ({"small": 1, "large": 4}, _PAIR, 18),
        ({"large": 4, "small": 1}, _PAIR | {"large": {2: 8.0, 4: 0.0}}, 13),
        ({"one": 1}, {"one": {2: 1.0, 4: 2.0}}, 4),
        ({"one": 1}, {"one": {2: 1.0, 4: 1.0}}, 4),
        ({"one": 1}, {"one": {2: 1.0, 4: 0.0}}, 4),
        ({"one": 1}, {"one": {2: 1.0, 4: 0.0}}, 3),
        ({"much": 1, "most": 1}, {"much": {2: 4.0, 4: 2.0}, "most": {2: 1.0, 4: 0.25}}, 6),
        ({"high": 1, "falls": 1}, {"high": {2: 3.0, 4: 2.0}, "falls": {2: 2.0, 4: 0.0}}, 6),
        (_sizes, _measured, 2.25 * sum(_sizes.values())),
    ],
)
share_out.looks({"": lambda bits, *_: {f"the bits of layer `{name}`": torch.tensor(b) for name, b in bits.items()}})
share_out.ideas(
    {
        "offers[name] = saved": "Divide what a step saves by the bits of the file that it costs.",
        ("price = sizes[name]", "price = 4 * sizes[name]"): "A step from 2 to 4 bits costs two bits for each weight.",
        "left = budget": "The two bits with which each weight begins are part of the budget.",
        "saved = row[2]": "A step saves the difference of two sensitivities, and may save nothing.",
        "fitting = offers if offers and prices[max(offers, key=offers.get)] <= left else {}": "Where the best step does "
        "not fit, another one may: look among those that fit.",
    }
)
