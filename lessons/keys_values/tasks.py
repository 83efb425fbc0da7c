"""The task of the lesson keys_values: keys by feature, of which the last ones wait in float."""

import torch

from course_utils import check

page = check.page(globals())


def group_by_group(keys, bits, group):
    """A loop over the groups, which counts as it goes."""
    new, n_bytes = keys.clone(), 0
    for start in range(0, len(keys), group):
        part = keys[start : start + group]
        if len(part) < group:
            n_bytes += 2 * part.numel()
            continue
        low, high = part.aminmax(dim=0)
        step = ((high - low) / (2**bits - 1)).clamp(min=1e-9)
        new[start : start + group] = low + step * ((part - low) / step).round()
        n_bytes += part.numel() * bits / 8 + 4 * part.shape[1]
    return new, n_bytes


def split_off(keys, bits, group):
    """Chunks by torch.split, levels by a fraction of the range."""
    chunks, kept, total = keys.split(group), [], 0.0
    for chunk in chunks:
        whole = chunk.size(0) == group
        low = chunk.min(0).values
        span = (chunk.max(0).values - low).clamp(min=1e-9)
        top = 2**bits - 1
        kept.append(low + span * torch.round((chunk - low) / span * top) / top if whole else chunk)
        total += chunk.size(1) * (group * bits / 8 + 4 if whole else 2 * chunk.size(0))
    return torch.vstack(kept), total


def turned(keys, bits, group):
    """Features as rows, so that a group is a row of neighbours; the bytes as a tensor."""
    n = len(keys) - len(keys) % group
    rows = keys[:n].T.reshape(-1, group)
    low, step = rows.amin(1), ((rows.amax(1) - rows.amin(1)) / (2**bits - 1)).clamp(min=1e-9)
    codes = torch.round((rows - low[:, None]) / step[:, None])
    back = (codes * step[:, None] + low[:, None]).view(keys.shape[1], n).T
    return torch.cat((back, keys[n:])), torch.tensor(codes.numel() * bits / 8 + 4 * len(rows) + 2 * keys[n:].numel())


def stripe(tokens, seed=0):
    """Keys of which one feature is large for every token."""
    keys = torch.randn(tokens, 8, generator=torch.Generator().manual_seed(seed))
    keys[:, 3] += 12
    return keys


def seen(answer, keys, bits, group):
    back = answer(keys, bits, group)
    if not isinstance(back, tuple | list) or len(back) != 2:
        raise check.Mistake(f"Two things should come back, the keys and the bytes, and not {check.tell(back)}.")
    return {"the matrix of keys": back[0], "the number of bytes": float(back[1])}


CARD = torch.tensor([[12.0, 0.5], [13.0, -0.5], [11.0, 1.0]])


round_keys = page.write(
    "round_keys",
    "Keys that wait",
    cases={
        "two tokens of one feature, 0 and 1; 1 bit, groups of 2": (torch.tensor([[0.0], [1.0]]), 1, 2),
        "two tokens of two features; 1 bit, groups of 2": (torch.tensor([[0.0, 12.0], [1.0, -3.0]]), 1, 2),
        "the three tokens of the card; 2 bits, groups of 2": (CARD, 2, 2),
        "one token, which waits; groups of 2": (CARD[:1], 2, 2),
        "five tokens, 1 and 12 and 2 among them; 2 bits, groups of 2": (
            torch.tensor([[1.0], [12.0], [2.0], [0.0], [2.0]]),
            2,
            2,
        ),
        "four equal tokens; 8 bits, groups of 2": (torch.ones(4, 2), 8, 2),
        "70 tokens, one feature always large; 2 bits, groups of 32": (stripe(70), 2, 32),
        "64 tokens, one feature always large; 4 bits, groups of 32": (stripe(64), 4, 32),
    },
    run=seen,
    same=lambda one, other: check.same(one, other, atol=1e-4),
    wrong={
        "The numbers of one feature share a step, over the tokens of a group. Yours share it over the features of a token.": "parts.amin(1, keepdim=True), parts.amax(1, keepdim=True) -> parts.amin(2, keepdim=True), parts.amax(2, keepdim=True)",
        "Each group has a step of its own, and you have one for all tokens.": "parts.amin(1, keepdim=True), parts.amax(1, keepdim=True) -> parts.amin((0, 1), keepdim=True), parts.amax((0, 1), keepdim=True)",
        "Each group has a step and a minimum of its own for every feature, and these take bytes, too.": "full * features * (bits / 8 + 4 / group) -> full * features * bits / 8",
        "The keys that wait take room as well: 2 bytes a number.": [
            " + 2 * (tokens - full) * features -> ",
            "2 * (tokens - full) -> 4 * (tokens - full)",
        ],
        "The keys that wait are lost: they follow the rounded ones as they are.": "torch.cat([new, keys[full:]]) -> new",
        "You count bits: a byte has eight of them.": "bits / 8 -> bits",
    },
    right=[group_by_group, split_off, turned],
    steps={"full": "how many tokens are rounded"},
    passed="A feature needs several tokens that share its step. So full groups are rounded, and the tokens after them wait as floats of 16 bits.",
)
