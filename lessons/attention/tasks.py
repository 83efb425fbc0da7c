"""The task of the lesson attention."""

import torch

from course_utils import check

page = check.page(globals())
ONES, WIDE = torch.tensor([[1.0], [2.0], [0.0]]), torch.tensor([[0.0, 2.0, 0.0, 0.0], [2.0, 0.0, 0.0, 2.0]])
HEADS = torch.linspace(-3, 3, 192).view(3, 1, 2, 4, 8).sin() * 2


def token_by_token(q, k, v):
    rows = []
    for n in range(q.shape[-2]):
        scores = q[..., n : n + 1, :] @ k[..., : n + 1, :].mT / q.shape[-1] ** 0.5
        rows.append(scores.softmax(-1) @ v[..., : n + 1, :])
    return torch.cat(rows, dim=-2)


def of_pytorch(q, k, v):
    return torch.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)


def an_added_mask(q, k, v):
    root = q.shape[-1] ** 0.25
    later = torch.full((q.shape[-2], q.shape[-2]), -torch.inf).triu(1)
    return torch.einsum("...ij,...jd->...id", ((q / root) @ (k / root).transpose(-1, -2) + later).softmax(-1), v)


def weights_made_to_add_up(q, k, v):
    weights = (q @ k.mT / q.shape[-1] ** 0.5).softmax(-1).tril()
    return weights / weights.sum(-1, keepdim=True) @ v


attend = page.write(
    "attend",
    "Attention of your own",
    cases={
        "one token": (WIDE[:1],) * 3,
        "two tokens of four features; the values are 1 and 5": (WIDE, WIDE, torch.tensor([[1.0], [5.0]])),
        "q = k = [[1], [2], [0]], v = ten times that": (ONES, ONES, 10 * ONES),
        "one text in front of two tokens": (WIDE[None],) * 3,
        "two heads of four tokens with eight features": tuple(HEADS),
    },
    wrong={
        "The scores aren't divided by the root of the number of features, so the softmax is too sharp.": (
            " / q.shape[-1] ** 0.5 -> "
        ),
        "The scores are divided by the root of the wrong number. It's the number of features of a query.": [
            "q.shape[-1] ** 0.5 -> q.shape[-1]",
            "q.shape[-1] ** 0.5 -> q.shape[-2] ** 0.5",
        ],
        "The mask hides the wrong scores. A token sees itself and what came before.": [
            ".tril() -> .triu()",
            ".tril() -> .tril(-1)",
            "scores, -torch.inf) -> -torch.inf, scores)",
        ],
        "A score of 0 hides nothing, because e to the power of 0 is 1. It takes minus infinity.": "-torch.inf -> 0.0",
        "The mask comes after the softmax, so the attention weights that are left don't add up to 1.": (
            "scores, -torch.inf).softmax(-1) -> scores.softmax(-1), 0.0)"
        ),
        "The softmax runs over the wrong dimension. Each token that asks is a row, and needs a softmax of its own.": [
            "softmax(-1) -> softmax(-2)",
            "softmax(-1) -> softmax(1)",
            "softmax(-1) -> softmax(0)",
        ],
        "": "torch.ones_like(scores, dtype -> torch.ones(len(q), len(q), dtype",
    },
    right=[token_by_token, of_pytorch, an_added_mask, weights_made_to_add_up],
    steps={"scores": "the divided scores", "weights": "the attention weights"},
    passed="What is hidden scores minus infinity before the softmax, so the other attention weights add up to 1.",
)
