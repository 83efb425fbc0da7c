"""The task of the lesson turn_it: a rotation of the values in each head, which the attention passes on."""

import torch

from course_utils import check

page = check.page(globals())


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


def heads(shared, times, d, width=6, seed=0):
    """Weights for heads of d features, of which `times` share the values of one."""
    generator = torch.Generator().manual_seed(seed)
    q, _ = torch.linalg.qr(torch.randn(d, d, generator=generator))
    w_v = torch.randn(shared * d, width, generator=generator)
    return w_v, torch.randn(width, shared * times * d, generator=generator), q


def turned(answer, w_v, w_o, q):
    back = answer(w_v, w_o, q)
    if not isinstance(back, tuple | list) or len(back) != 2:
        raise check.Mistake("Two matrices should come back: the weights of v_proj and those of o_proj.")
    return {"the matrix of v_proj": back[0], "the matrix of o_proj": back[1]}


SLANTED = torch.tensor([[0.6, 0.8], [-0.8, 0.6]])


turn_values = page.write(
    "turn_values",
    "Turn the values",
    cases={
        "one head of two features; the model has one feature": (
            torch.tensor([[1.0], [2.0]]),
            torch.tensor([[1.0, 0.0]]),
            SLANTED,
        ),
        "one head of two features; the model has two": (
            torch.tensor([[1.0, 0.0], [2.0, 1.0]]),
            torch.tensor([[1.0, 2.0], [0.0, 1.0]]),
            SLANTED,
        ),
        "two heads that share their values": (
            torch.tensor([[1.0], [2.0]]),
            torch.tensor([[1.0, 0.0, 2.0, 1.0]]),
            SLANTED,
        ),
        "two heads with values of their own": (
            torch.tensor([[1.0], [2.0], [0.0], [1.0]]),
            torch.tensor([[1.0, 0.0, 2.0, 1.0]]),
            SLANTED,
        ),
        "three heads of four features": heads(3, 3, 4),
        "two heads of five features, with values of their own": heads(2, 1, 5),
    },
    run=turned,
    same=lambda one, other: check.same(one, other, atol=1e-4),
    wrong={
        "The direction: v_proj writes. What writes is multiplied by the transpose, from the left.": "q.T @ -> q @",
        "The direction: o_proj reads the values. What reads is multiplied by the matrix itself, from the right.": "@ q).flatten(1) -> @ q.T).flatten(1)",
        "o_proj reads turned values now, so its weights must be turned as well.": "new_v, new_o -> new_v, w_o",
        "o_proj expects turned values, and v_proj still writes the old ones.": "return new_v, -> return w_v,",
        "The weights of v_proj come first, then those of o_proj.": "return new_v, new_o -> return new_o, new_v",
        "Every head is turned, and not the first one alone.": [
            "(w_o.unflatten(1, (-1, d)) @ q).flatten(1) -> torch.cat([w_o[:, :d] @ q, w_o[:, d:]], 1)",
            "(q.T @ w_v.unflatten(0, (-1, d))).flatten(0, 1) -> torch.cat([q.T @ w_v[:d], w_v[d:]])",
        ],
        "The heads have to be put together again: the matrix keeps its two dimensions.": ".flatten(0, 1) -> ",
        "": [
            "w_v.unflatten(0, (-1, d))).flatten(0, 1) -> w_v.unflatten(0, (d, -1)).transpose(0, 1)).transpose(0, 1).flatten(0, 1)",
            "(w_o.unflatten(1, (-1, d)) @ q).flatten(1) -> (w_o.unflatten(1, (d, -1)).transpose(1, 2) @ q).transpose(1, 2).flatten(1)",
            "(w_o.unflatten(1, (-1, d)) @ q).flatten(1) -> torch.cat([w_o[:, : len(w_v)].unflatten(1, (-1, d)).matmul(q).flatten(1), w_o[:, len(w_v) :]], 1)",
        ],
    },
    right=[head_by_head, one_large_matrix, with_einsum],
    passed="Attention takes means of values over tokens, and mixes no features. So values that are turned in each head come out as turned means, and o_proj can read them with turned weights.",
)
