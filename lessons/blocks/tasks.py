"""The task of the lesson blocks: a vector for first tokens and a matrix for all others, in the place of a block."""

import torch

from course_utils import check

page = check.page(globals())


def token_by_token(before, after, new, ridge):
    """Sums over pieces and tokens, in loops."""
    pieces, tokens, features = before.shape
    gram, cross, vector = torch.zeros(features, features), torch.zeros(features, features), torch.zeros(features)
    for p in range(pieces):
        vector += (after[p, 0] - before[p, 0]) / pieces
        for t in range(1, tokens):
            gram += torch.outer(before[p, t], before[p, t])
            cross += torch.outer(before[p, t], after[p, t] - before[p, t])
    a = torch.inverse(gram + ridge * gram.trace() / features * torch.eye(features)) @ cross
    out = new.clone()
    out[:, 0] += vector
    out[:, 1:] += new[:, 1:] @ a
    return out


def with_more_rows(before, after, new, ridge):
    """The ridge as rows more, for a solver of least squares."""
    x, d = before[:, 1:].reshape(-1, before.shape[2]), (after - before)[:, 1:].reshape(-1, before.shape[2])
    n = x.shape[1]
    root = (ridge * x.square().sum() / n).sqrt()
    a = torch.linalg.lstsq(torch.cat([x, root * torch.eye(n)]), torch.cat([d, torch.zeros(n, n)])).solution
    added = new @ a
    added[:, 0] = (after[:, 0] - before[:, 0]).mean(0)
    return new + added


def in_double(before, after, new, ridge):
    """In double precision, from the singular values."""
    x, d = (h[:, 1:].flatten(0, 1).double() for h in (before, after - before))
    u, s, v = torch.linalg.svd(x, full_matrices=False)
    more = ridge * s.square().sum() / x.shape[1]
    a = v.T @ ((s / (s.square() + more))[:, None] * (u.T @ d))
    is_first = torch.arange(new.shape[1])[:, None] == 0
    vector = (after - before).mean(0)[0]
    return torch.where(is_first, new + vector, new + (new.double() @ a).float())


def streams(pieces, tokens, features, ridge, seed):
    """A block that is nearly linear, but for its first tokens, which are long and become longer."""
    g = torch.Generator().manual_seed(seed)
    before, new = torch.randn(2, pieces, tokens, features, generator=g)
    after = before + before @ torch.randn(features, features, generator=g) / 3
    after = after + 0.1 * torch.randn(pieces, tokens, features, generator=g)
    after[:, 0] += 20 * torch.randn(features, generator=g)
    return before, after, new, ridge


def small(before, after, new, ridge=0.5):
    return (*(torch.tensor(states, dtype=torch.float32) for states in (before, after, new)), ridge)


def healed(answer, before, after, new, ridge):
    back = answer(before, after, new, ridge)
    if not torch.is_tensor(back) or back.shape != new.shape:
        return {"the stream that comes out": back}
    return {"the first token of each piece": back[:, 0], "the list of all other tokens": back[:, 1:]}


heal = page.write(
    "heal",
    "Heal block 12",
    cases={
        "one piece of two tokens with one feature": small([[[2], [1]]], [[[3], [2]]], [[[1], [1]]]),
        "two pieces of two tokens with one feature": small(
            [[[2], [1]], [[0], [2]]], [[[3], [2]], [[4], [1]]], [[[1], [1]], [[2], [-1]]]
        ),
        "one piece of three tokens with two features": small(
            [[[2, 0], [1, 1], [0, 2]]], [[[3, 1], [2, 0], [1, 1]]], [[[1, 2], [1, -1], [0, 1]]]
        ),
        "four pieces of nine tokens with five features": streams(4, 9, 5, 0.1, 0),
        "three pieces of twenty tokens with eight features": streams(3, 20, 8, 0.01, 1),
    },
    run=healed,
    same=lambda one, other: check.same(one, other, rtol=1e-3, atol=1e-3),
    wrong={
        "The first tokens are still in the fit. They are so long that their squares would rule it.": "before[:, 1:].flatten(0, 1), added[:, 1:].flatten(0, 1) -> before.flatten(0, 1), added.flatten(0, 1)",
        "The vector is for first tokens, so only they belong in its mean: one of each piece.": [
            "added[:, 0].mean(0) -> added.mean((0, 1))",
            "added[:, 0].mean(0) -> added[0, 0]",
            "added[:, 0].mean(0) -> added[:, 0].sum(0)",
        ],
        "The fit gives the matrix of what is added. The stream itself passes by.": "others + others @ a -> others @ a",
        "The matrix was fitted without first tokens, so don't use it on them.": "first + added[:, 0].mean(0) -> first + first @ a + added[:, 0].mean(0)",
        "Fit what the block adds, which is after - before, and not what comes out.": "x.T @ d) -> x.T @ after[:, 1:].flatten(0, 1))",
        "The vector is what the block adds: the state of the first token stays, and the vector comes on top.": [
            "first + added[:, 0].mean(0) -> first",
            "first + added[:, 0].mean(0) -> after[:, :1].mean(0).expand_as(first)",
        ],
        "The matrix stands on the right of a row of states: others @ a, and not its transpose.": "others + others @ a -> others + others @ a.T",
        "The vector is for first tokens only.": "others + others @ a -> others + others @ a + added[:, 0].mean(0)",
        "": [
            "ridge * gram.diagonal().mean() -> ridge",
            "gram + more -> gram",
            "new[:, :1], new[:, 1:] -> before[:, :1], before[:, 1:]",
        ],
    },
    right=[token_by_token, with_more_rows, in_double],
    passed="A block may do one thing at first tokens and another at all others. So a constant stands for the one, and least squares, which a few long states would rule, sees the other alone.",
)
