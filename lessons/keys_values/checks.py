"""The check of the lesson keys_values: keys by feature, of which the last ones wait in float."""

import torch
from hypothesis import strategies as st

from course_utils.checks import effects, exercise


@exercise(
    "Keys that wait",
    why="A feature needs several tokens that share its step. So full groups are rounded, and the tokens after them wait "
    "as floats of 16 bits.",
)
def round_keys(keys, bits, group):
    tokens, features = keys.shape
    full = tokens // group * group  #: how many tokens are rounded
    parts = keys[:full].view(-1, group, features)
    low, high = parts.amin(1, keepdim=True), parts.amax(1, keepdim=True)
    step = ((high - low) / (2**bits - 1)).clamp(min=1e-9)
    rounded = (low + step * torch.round((parts - low) / step)).view(full, features)  #: the rounded keys
    new = torch.cat([rounded, keys[full:]])
    codes = full * features * bits / 8  #: the bytes of the codes
    shared = 4 * full * features / group  #: the bytes of steps and minima
    waiting = 2 * (tokens - full) * features  #: the bytes of the keys that wait
    return new, codes + shared + waiting


@st.composite
def _calls(draw):
    tokens, features = draw(st.integers(1, 5)), draw(st.integers(1, 2))
    keys = [[float(draw(st.sampled_from([-3, 0, 1, 2, 12]))) for _ in range(features)] for _ in range(tokens)]
    return torch.tensor(keys), draw(st.sampled_from([1, 2, 8])), draw(st.integers(2, 3))


def _stripe(tokens, seed=0):
    """Keys of which one feature is large for every token."""
    keys = torch.randn(tokens, 8, generator=torch.Generator().manual_seed(seed))
    keys[:, 3] += 12
    return keys


_card = torch.tensor([[12.0, 0.5], [13.0, -0.5], [11.0, 1.0]])
round_keys.tries(_calls(), also=[(_card, 2, 2), (_stripe(70), 2, 32), (_stripe(64), 4, 32)], atol=1e-4)
round_keys.looks(
    {
        "how many things come back": lambda back, *_: len(back),
        "the shape of the keys": lambda back, *_: effects.Said(str(tuple(back[0].shape))),
        "the keys": lambda back, *_: back[0],
        "the bytes": lambda back, *_: float(back[1]),
    }
)
round_keys.ideas(
    {
        "low, high = parts.amin(2, keepdim=True), parts.amax(2, keepdim=True)": "The numbers of one feature share a step, "
        "over the tokens of a group; here it was the numbers of a token.",
        "shared = 4 * features": "Each group has a step and a minimum of its own for every feature.",
        "waiting = 0": "The keys that wait take room as well: 2 bytes a number.",
    }
)
