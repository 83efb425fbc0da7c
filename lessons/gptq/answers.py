"""The exercise of the lesson gptq: odd but right answers, and wrong ones as patches of the solution."""

import torch


def by_the_inverse(weight, H, j):
    """One column of the inverse of all of H says it for every column, as in Optimal Brain Surgeon."""
    inverse = torch.linalg.inv(H.double())
    w = weight.double() - torch.outer(weight[:, j].double(), inverse[j] / inverse[j, j])
    w[:, j] = 0
    return w.float()


def as_a_regression(weight, H, j):
    """Fits the old outputs with the inputs that are left; a square root of H stands for the recorded inputs."""
    X = torch.linalg.cholesky(H).T
    left = torch.arange(len(H)) != j
    w = torch.zeros_like(weight)
    w[:, left] = torch.linalg.lstsq(X[:, left], X @ weight.T).solution.T
    return w


def row_by_row(weight, H, j):
    """Deletes row and column j of H, and treats one row of the weight after the other."""
    left = torch.cat([torch.arange(j), torch.arange(j + 1, len(H))])
    rows = []
    for row in weight:
        new = row.clone()
        new[left] = row[left] + row[j] * (torch.linalg.inv(H[left][:, left]) @ H[left, j])
        new[j] = 0
        rows.append(new)
    return torch.stack(rows)


ODD = {"without_input": [by_the_inverse, as_a_regression, row_by_row]}
WRONG = {
    "without_input": {
        "the sign": ("-H[others, j]", "H[others, j]"),
        "only the columns to the right": ("[k for k in range(len(H)) if k != j]", "list(range(j + 1, len(H)))"),
        "each column alone": (
            "torch.linalg.solve(H[others][:, others], -H[others, j])",
            "-H[others, j] / H.diagonal()[others]",
        ),
        "each column alone, divided by the wrong size": (
            "torch.linalg.solve(H[others][:, others], -H[others, j])",
            "-H[others, j] / H[j, j]",
        ),
        "only the diagonal of H": ("H[others][:, others]", "H.diagonal()[others].diag()"),
        "no repair": ("    w[:, others] += repair\n", ""),
        "the column is 0 before its error is read": (
            "    error = -weight[:, j]",
            "    w[:, j] = 0\n    error = -w[:, j]",
        ),
        "all of H": (
            "torch.linalg.solve(H[others][:, others], -H[others, j])",
            "torch.linalg.solve(H, -H[:, j])[others]",
        ),
        "the column stays": ("    w[:, j] = 0\n", ""),
        "the column is gone": ("    w[:, j] = 0\n    return w", "    return w[:, others]"),
        "the weight itself is changed": ("weight.clone()", "weight"),
        "the column is rounded and not removed": (
            "error = -weight[:, j]",
            "error = weight[:, j].round() - weight[:, j]",
        ),
        "H is damped": (
            "w = weight.clone()",
            "w, H = weight.clone(), H + 0.01 * H.diagonal().mean() * torch.eye(len(H))",
        ),
    }
}
