"""The exercise of the lesson weight_only: odd but right answers, and wrong ones as patches of the solution."""

import struct

import numpy as np
import torch


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


ODD = {"read_group": [with_struct, with_numpy, level_by_level]}
WRONG = {
    "read_group": {
        "the two codes of a byte as neighbours": (
            "torch.cat([packed & 15, packed >> 4])",
            "torch.stack([packed & 15, packed >> 4], 1).flatten()",
        ),
        "the high halves first": ("[packed & 15, packed >> 4]", "[packed >> 4, packed & 15]"),
        "the minimum first": ("step, minimum =", "minimum, step ="),
        "bfloat16 in place of float16": ("torch.float16", "torch.bfloat16"),
        "computed in 16 bits": (".float()", ""),
        "the high halves are not moved down": ("packed >> 4", "packed & 240"),
        "moved by three bits": ("packed >> 4", "packed >> 3"),
        "only seven of the low codes": ("packed & 15", "packed & 7"),
        "the low halves are not cut off": ("packed & 15", "packed"),
        "sixteen bytes and no more": ("packed = group[4:]", "packed = group[4:20]"),
        "step and minimum read as codes, too": ("packed = group[4:]", "packed = group"),
        "the step twice": ("codes * step + minimum", "(codes + minimum) * step"),
        "codes around zero, as in int8": ("codes * step", "(codes - 8) * step"),
    }
}
EQUIVALENT = {
    "read_group": {f"{part} without its sign": "codes are never negative" for part in ("first", "high", "codes")}
}
