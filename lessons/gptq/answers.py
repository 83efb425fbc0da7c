"""The exercise of the lesson gptq: odd but right answers, and wrong ones as patches of the solution."""

import torch


def by_cholesky(weight, H, low, step):
    """Factorizes once, as real programs do."""
    factor = torch.linalg.cholesky(torch.linalg.inv(H.double()), upper=True)
    w = weight.double()
    for j in range(len(H)):
        level = low[:, j] + step[:, j] * torch.clamp(torch.round((w[:, j] - low[:, j]) / step[:, j]), 0, 7)
        w = w + ((level - w[:, j]) / factor[j, j])[:, None] * factor[j] * (torch.arange(len(H)) >= j)
        w[:, j] = level
    return w.float()


def inverted_anew(weight, H, low, step):
    """Inverts what H says of the inputs that are still to come, before each column."""
    w = weight.T.clone()
    for j in range(len(w)):
        inverse = torch.linalg.inv(H[j:, j:])
        change = ((w[j] - low[:, j]) / step[:, j]).round().clip(0, 7) * step[:, j] + low[:, j] - w[j]
        w[j:] += (inverse[0] / inverse[0, 0])[:, None] * change
    return w.T


def row_by_row(weight, H, low, step):
    """Solves for the repair of each weight, one row after the other."""
    rounded = []
    for w, first, by in zip(weight.clone(), low, step, strict=True):
        for j in range(len(w)):
            level = first[j] + by[j] * max(0, min(7, round(float((w[j] - first[j]) / by[j]))))
            repair = torch.linalg.solve(H[j + 1 :, j + 1 :], H[j + 1 :, j]) if j + 1 < len(w) else w[:0]
            w[j + 1 :] -= (level - w[j]) * repair
            w[j] = level
        rounded.append(w)
    return torch.stack(rounded)


ODD = {"round_layer": [by_cholesky, inverted_anew, row_by_row]}
WRONG = {
    "round_layer": {
        "the weight as it was is rounded": ("((w[:, j]", "((weight[:, j]"),
        "as many levels as it needs": (".clamp(0, 7)", ""),
        "each free column alone": ("torch.linalg.solve(H[free, free], H[free, j])", "H[free, j] / H[j, j]"),
        "the error has the other sign": ("torch.outer(change", "torch.outer(-change"),
        "the column itself is free": ("slice(j + 1, None)", "slice(j, None)"),
        "the weight itself is changed": ("weight.clone()", "weight"),
        "the change is counted from the weight as it was": ("* step[:, j] - w[:, j]", "* step[:, j] - weight[:, j]"),
        "H is damped": (
            "w = weight.clone()",
            "w, H = weight.clone(), H + 0.01 * H.diagonal().mean() * torch.eye(len(H))",
        ),
        "each to the nearest level": (
            "        w[:, free] -= torch.outer(change, torch.linalg.solve(H[free, free], H[free, j]))\n",
            "",
        ),
    }
}
EQUIVALENT = {
    "round_layer": {
        "code rounded to 2 digits": "a code is a whole number",
        "code without its sign": "no code is negative",
    }
}
