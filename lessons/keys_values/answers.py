"""The exercise of the lesson keys_values: odd but right answers, and wrong ones as patches of the solution."""

import torch


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


ODD = {"round_keys": [group_by_group, split_off, turned]}
WRONG = {
    "round_keys": {
        "by token": (
            "parts.amin(1, keepdim=True), parts.amax(1, keepdim=True)",
            "parts.amin(2, keepdim=True), parts.amax(2, keepdim=True)",
        ),
        "the keys that wait are lost": ("torch.cat([new, keys[full:]])", "new"),
        "one step for all tokens": (
            "parts.amin(1, keepdim=True), parts.amax(1, keepdim=True)",
            "parts.amin((0, 1), keepdim=True), parts.amax((0, 1), keepdim=True)",
        ),
        "steps and minima not counted": ("full * features * (bits / 8 + 4 / group)", "full * features * bits / 8"),
        "keys that wait cost nothing": (" + 2 * (tokens - full) * features", ""),
        "keys that wait in 32 bits": ("2 * (tokens - full)", "4 * (tokens - full)"),
        "bits taken for bytes": ("bits / 8", "bits"),
    }
}
EQUIVALENT = {
    "round_keys": {
        f"{part} without its sign": "counts are never negative" for part in ("full", "codes", "shared", "waiting")
    }
    | {"shared rounded to 2 digits": "it is a whole number"}
}
