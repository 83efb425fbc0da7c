"""The task of the lesson weight_only: a group of weights, read out of its bytes, of any even size."""

import struct

import numpy as np
import torch

from course_utils import check

page = check.page(globals())


def with_struct(group):
    """Python's struct and a list of numbers."""
    step, minimum, *packed = struct.unpack(f"<2e{len(group) - 4}B", bytes(group.tolist()))
    codes = [byte % 16 for byte in packed] + [byte // 16 for byte in packed]
    return torch.tensor([minimum + step * code for code in codes])


def with_numpy(group):
    """NumPy's views, and a table of two rows of which the second is the high halves."""
    raw = group.numpy().copy()
    step, minimum = raw[:4].view("<f2").astype(np.float32)
    codes = raw[4:] >> np.array([[0], [4]], dtype=np.uint8) & 15
    return torch.from_numpy((codes.ravel() * step + minimum).astype(np.float32))


def level_by_level(group):
    """The sixteen levels first; a code is the number of a level."""
    step, minimum = group[:4].clone().view(torch.half).to(torch.float32)
    levels = minimum + step * torch.arange(16)
    return levels[torch.cat((group[4:] & 0xF, (group[4:] & 0xF0) // 16)).long()]


def group(step, minimum, packed):
    grid = torch.tensor([step, minimum], dtype=torch.float16).view(torch.uint8)
    return (torch.cat([grid, torch.tensor(packed, dtype=torch.uint8)]),)


def from_file(words):
    return (torch.tensor(list(bytes.fromhex(words)), dtype=torch.uint8),)


def read(answer, given):
    weights = answer(given)
    return {"the type of the numbers": str(getattr(weights, "dtype", type(weights).__name__)), "the weights": weights}


read_group = page.write(
    "read_group",
    "Read a group",
    cases={
        "step 1, minimum 0, the bytes 1 and 16": group(1.0, 0.0, [1, 16]),
        "step 1, minimum 0, the byte 184, which is 11 · 16 + 8": group(1.0, 0.0, [184]),
        "step 0.5, minimum -1, the bytes 0 and 33": group(0.5, -1.0, [0, 33]),
        "step 0.1, minimum -0.3, sixteen bytes": group(0.1, -0.3, [16, *[0] * 15]),
        "step 0.5, minimum -1, 32 bytes": group(0.5, -1.0, [1, 184] * 16),
        "the first group of blk.0.ffn_up in the file of SmolLM2": from_file("5e2ad8b7b89c7fc8cd7649d8e58ca88cbbfd8d70"),
        "a group from the middle of that matrix": from_file("fc2a30b785a7886969f77398529cb905839aeb5f"),
    },
    run=read,
    same=lambda one, other: check.same(one, other, rtol=1e-6, atol=1e-7),
    wrong={
        "The two codes of a byte aren't neighbours: they lie half a group apart. First come all low halves, then all high "
        "ones.": "torch.cat([packed & 15, packed >> 4]) -> torch.stack([packed & 15, packed >> 4], 1).flatten()",
        "The first half of the weights has the low halves of the bytes.": "[packed & 15, packed >> 4] -> [packed >> 4, packed & 15]",
        "The step comes first in the file, then the minimum.": "step, minimum = -> minimum, step =",
        "Step and minimum are of the type float16, and not bfloat16.": "torch.float16 -> torch.bfloat16",
        "The codes begin at 0, which stands for the minimum.": "codes * step -> (codes - 8) * step",
        "Step and minimum are computed with in 16 bits. Make them float32 first.": ".float() -> ",
        "The high half of a byte counts sixteens: shift it down by four bits.": "packed >> 4 -> packed & 240",
        "The low half still has the high bits in it: keep the last four.": "packed & 15 -> packed",
        "": [
            "packed >> 4 -> packed >> 3",
            "packed & 15 -> packed & 7",
            "packed = group[4:] -> packed = group[4:20]",
            "packed = group[4:] -> packed = group",
            "codes * step + minimum -> (codes + minimum) * step",
        ],
    },
    right=[with_struct, with_numpy, level_by_level],
    steps={"codes": "the codes"},
    passed="Step and minimum are floats of 16 bits. Each byte behind them holds two codes: the low halves are those of the "
    "first half of the weights, the high halves those of the second.",
)
