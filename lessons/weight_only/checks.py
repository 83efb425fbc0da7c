"""The check of the lesson weight_only: a group of weights, read out of its bytes, of any even size."""

import torch
from hypothesis import strategies as st

from course_utils.checks import effects, exercise


@exercise(
    "Read a group",
    why="Step and minimum are floats of 16 bits. Each byte behind them holds two codes: the low halves are those of "
    "the first half of the weights, the high halves those of the second.",
)
def read_group(group):
    step, minimum = group[:4].view(torch.float16).float()
    packed = group[4:]
    first = packed & 15  #: the low halves of the bytes
    high = packed >> 4  #: the high halves of the bytes
    codes = torch.cat([first, high])  #: the codes
    return codes * step + minimum


def _bytes(step, minimum, packed):
    grid = torch.tensor([step, minimum], dtype=torch.float16).view(torch.uint8)
    return (torch.cat([grid, torch.tensor(packed, dtype=torch.uint8)]),)


def _in_file(words):
    return (torch.tensor(list(bytes.fromhex(words)), dtype=torch.uint8),)


# The two first groups of blk.0.ffn_up in the file of SmolLM2, and one from its middle.
_real = [
    _in_file("5e2ad8b7b89c7fc8cd7649d8e58ca88cbbfd8d70"),
    _in_file("0d2a10b6288167f4a494a474eb7bb087aac5f548"),
    _in_file("fc2a30b785a7886969f77398529cb905839aeb5f"),
]
_groups = st.builds(
    _bytes,
    st.sampled_from([1.0, 0.5, 0.1]),
    st.sampled_from([0.0, -1.0, -0.3]),
    st.lists(st.sampled_from([0, 1, 16, 184]), min_size=1, max_size=16),
)
read_group.tries(_groups, also=[_bytes(1.0, 0.0, [16] + 15 * [0]), _bytes(0.5, -1.0, [1, 184] * 16), *_real], atol=1e-7)


def _above(weights, _):
    return effects.Said(str(((weights > weights.min() + 1e-6).nonzero().flatten() + 1).tolist()))


read_group.looks(
    {
        "the shape of what comes back": lambda weights, _: effects.Said(str(tuple(weights.shape))),
        "the type of the numbers": lambda weights, _: effects.Said(str(weights.dtype)),
        "which weights lie above the lowest, counted from 1": _above,
        "the weights": lambda weights, _: weights,
    }
)
read_group.ideas(
    {
        "codes = torch.stack([first, high], 1).flatten()": "The two codes of a byte aren't neighbours: they lie half a "
        "group apart. First come all low halves, then all high ones.",
        "codes = torch.cat([high, first])": "The first half of the weights has the low halves.",
        "minimum, step = group[:4].view(torch.float16).float()": "The step comes first in the file, then the minimum.",
        "step, minimum = group[:4].view(torch.bfloat16).float()": "Step and minimum are of the type float16.",
        "return (codes - 8) * step + minimum": "The codes begin at 0, which stands for the minimum.",
    }
)
