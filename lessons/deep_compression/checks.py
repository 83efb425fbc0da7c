"""The check of the lesson deep_compression: how many bits the gaps of a layer should have, or whether it needs none."""

import torch
from hypothesis import strategies as st

from course_utils.checkpoints import load
from course_utils.checks import exercise


@exercise(
    "How should a layer say where its weights are?",
    why="Few bits need many escapes, many bits make every gap dear, and where hardly a weight is 0 a place costs more than it saves.",
)
def gap_bits(weight):
    places = weight.flatten().nonzero().flatten()
    gaps = places.diff(prepend=torch.tensor([-1])) - 1  #: the gaps
    whole = 4 * weight.numel()  #: the bits without gaps
    costs = {0: whole}  #: the bits of the layer with each number of bits for a gap
    for bits in range(1, 9):
        escape = 2**bits - 1
        symbols = int((gaps // escape + 1).sum())
        costs[bits] = bits * symbols + 4 * len(gaps)
    return min(costs, key=costs.get)


def _layer(gaps, behind=0, columns=1):
    """A layer with these gaps before its weights and so many zeros behind the last, in rows where it can be divided."""
    flat = torch.zeros(sum(gaps) + len(gaps) + behind)
    flat[torch.tensor(gaps).add(1).cumsum(0) - 1] = torch.linspace(-1, 1.1, len(gaps))
    return flat.view(-1, columns if len(flat) % columns == 0 else 1)


def _cut(weight, left):
    """The weight with its largest entries only."""
    least = weight.abs().flatten().kthvalue(int((1 - left) * weight.numel())).values
    return torch.where(weight.abs() > least, weight, 0.0)


_SOME = st.sampled_from([0, 0, 0, 1, 1, 2, 3, 6, 7, 14, 15, 31, 60, 130, 255, 600])
gap_bits.tries(
    st.tuples(
        st.builds(_layer, st.lists(_SOME, min_size=1, max_size=6), st.sampled_from([0, 0, 1, 9]), st.integers(1, 3))
    ),
    also=[
        (torch.tensor([[0, 0, 0.7, 0, -1.0, 0.6, 0, 0, 0, 1.4, 0, 0.7, -0.3]]),),
        (torch.tensor([[0.5, -0.5], [0.2, 0.1]]),),  # nothing is cut
        (torch.tensor([[0.0, 0.4], [0.2, 0.1]]),),  # with 1 bit as cheap as without gaps
        (torch.tensor([[0.0, 0.0], [0.2, 0.1]]),),
        (torch.tensor([[0.0, 0.0, 0.2, 0.1, 0.3]]),),  # a value of 5 bits would make it 0
        (_layer([3] * 6),),
        (_layer([0, 0, 0, 7, 7]),),
        (_layer([30, 31, 30, 31]),),
        (_layer([600, 600]),),
        *((_cut(load("lenet_mnist").fc1.weight.detach(), left),) for left in (0.08, 0.3, 0.9)),
    ],
)


def _bits_of_the_longest(weight):
    places = weight.flatten().nonzero().flatten()
    gaps = places.diff(prepend=torch.tensor([-1])) - 1
    return min(max(int(gaps.max()).bit_length(), 1), 8)


gap_bits.ideas(
    {
        "escape = 2**bits": "With 2 bits there are four symbols: the gaps 0, 1 and 2, and the escape, which means 3 zeros.",
        (
            "symbols = int((gaps // escape).sum())",
            "symbols = int(-(-gaps // escape).sum())",
            "symbols = int((-(-gaps // escape)).clamp(min=1).sum())",
        ): "Behind the escapes a symbol always says how many zeros are left, and be it 0: with 2 bits, the gap 3 is written as 3, 0.",
        (
            "costs[bits] = bits * symbols",
            "whole = 4 * len(gaps)",
            "costs = {}",
        ): "Compare whole layers: gaps *and* 4 bits for each weight that is left, with 4 bits for every weight, zeros as well.",
        _bits_of_the_longest: "Not every gap has to fit into one symbol. A few escapes can cost less than longer symbols for all.",
    }
)
