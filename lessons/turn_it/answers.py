"""The exercise of the lesson turn_it: odd but right answers, and wrong ones as patches of the solution."""

import torch


def head_by_head(w_v, w_o, q):
    """A loop over the heads, on copies."""
    d, new_v, new_o = q.shape[0], w_v.clone(), w_o.clone()
    for start in range(0, w_v.shape[0], d):
        new_v[start : start + d] = q.T @ w_v[start : start + d]
    for start in range(0, w_o.shape[1], d):
        new_o[:, start : start + d] = w_o[:, start : start + d] @ q
    return new_v, new_o


def one_large_matrix(w_v, w_o, q):
    """A matrix with q on its diagonal, once for each head."""
    d = len(q)
    return (
        torch.block_diag(*[q.T] * (len(w_v) // d)) @ w_v,
        w_o @ torch.block_diag(*[q] * (w_o.shape[1] // d)),
    )


def with_einsum(w_v, w_o, q):
    """Sums over the features of a head, by name."""
    d = len(q)
    new_v = torch.einsum("hiw,ij->hjw", w_v.reshape(-1, d, w_v.shape[1]), q).reshape(w_v.shape)
    new_o = torch.einsum("whi,ij->whj", w_o.reshape(len(w_o), -1, d), q).reshape(w_o.shape)
    return new_v, new_o


ODD = {"turn_values": [head_by_head, one_large_matrix, with_einsum]}
WRONG = {
    "turn_values": {
        "v_proj in the other direction": ("q.T @", "q @"),
        "o_proj in the other direction": ("@ q).flatten(1)", "@ q.T).flatten(1)"),
        "v_proj forgotten": ("return new_v,", "return w_v,"),
        "o_proj forgotten": ("new_v, new_o", "new_v, w_o"),
        "the other order": ("return new_v, new_o", "return new_o, new_v"),
        "heads and features confused in v_proj": (
            "w_v.unflatten(0, (-1, d))).flatten(0, 1)",
            "w_v.unflatten(0, (d, -1)).transpose(0, 1)).transpose(0, 1).flatten(0, 1)",
        ),
        "heads and features confused in o_proj": (
            "(w_o.unflatten(1, (-1, d)) @ q).flatten(1)",
            "(w_o.unflatten(1, (d, -1)).transpose(1, 2) @ q).transpose(1, 2).flatten(1)",
        ),
        "only the first head of o_proj": (
            "(w_o.unflatten(1, (-1, d)) @ q).flatten(1)",
            "torch.cat([w_o[:, :d] @ q, w_o[:, d:]], 1)",
        ),
        "only the first head of v_proj": (
            "(q.T @ w_v.unflatten(0, (-1, d))).flatten(0, 1)",
            "torch.cat([q.T @ w_v[:d], w_v[d:]])",
        ),
        "a matrix for each head of the values alone": (
            "(w_o.unflatten(1, (-1, d)) @ q).flatten(1)",
            "torch.cat([w_o[:, : len(w_v)].unflatten(1, (-1, d)).matmul(q).flatten(1), w_o[:, len(w_v) :]], 1)",
        ),
        "the heads not put together again": (".flatten(0, 1)", ""),
    }
}
EQUIVALENT = {"turn_values": {}}
