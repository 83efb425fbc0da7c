"""The exercise of the lesson blocks: odd but right answers, and wrong ones as patches of the solution."""

import torch


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


ODD = {"heal": [token_by_token, with_more_rows, in_double]}
WRONG = {
    "heal": {
        "the first tokens in the fit as well": (
            "before[:, 1:].flatten(0, 1), added[:, 1:].flatten(0, 1)",
            "before.flatten(0, 1), added.flatten(0, 1)",
        ),
        "the vector from all tokens": ("added[:, 0].mean(0)", "added.mean((0, 1))"),
        "the vector of one piece": ("added[:, 0].mean(0)", "added[0, 0]"),
        "the sum of the pieces": ("added[:, 0].mean(0)", "added[:, 0].sum(0)"),
        "the first tokens forgotten": ("first + added[:, 0].mean(0)", "first"),
        "the vector in place of the state": ("first + added[:, 0].mean(0)", "after[:, :1].mean(0).expand_as(first)"),
        "the stream forgotten": ("others + others @ a", "others @ a"),
        "the matrix of a linear layer": ("others + others @ a", "others + others @ a.T"),
        "fitted to what comes out": ("x.T @ d)", "x.T @ after[:, 1:].flatten(0, 1))"),
        "another measure of the ridge": ("ridge * gram.diagonal().mean()", "ridge"),
        "no ridge": ("gram + more", "gram"),
        "the calibration text comes out": ("new[:, :1], new[:, 1:]", "before[:, :1], before[:, 1:]"),
        "the matrix on first tokens as well": (
            "first + added[:, 0].mean(0)",
            "first + first @ a + added[:, 0].mean(0)",
        ),
        "the vector on all tokens": ("others + others @ a", "others + others @ a + added[:, 0].mean(0)"),
    }
}
EQUIVALENT = {"heal": {}}
