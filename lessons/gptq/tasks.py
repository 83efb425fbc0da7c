"""The task of the lesson gptq: an input is removed from a layer, and all other columns repair the outputs."""

import torch

from course_utils import check

page = check.page(globals())


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


def products(sizes, rho):
    """H of inputs that are all correlated to the same degree, of these sizes."""
    n = len(sizes)
    return (rho * torch.ones(n, n) + (1 - rho) * torch.eye(n)) * torch.outer(torch.tensor(sizes), torch.tensor(sizes))


def layer(rows, columns, seed):
    """Many columns, whose inputs are correlated to different degrees."""
    draw = torch.Generator().manual_seed(seed)
    x = torch.randn(4 * columns, columns, generator=draw) + torch.randn(4 * columns, 1, generator=draw)
    return torch.randn(rows, columns, generator=draw), x.T @ x / len(x)


without_input = page.write(
    "without_input",
    "Remove an input",
    cases={
        "weights 0.4 and 0.4, correlation 0.75; the first input goes": (
            torch.tensor([[0.4, 0.4]]),
            products([1.0, 1.0], 0.75),
            0,
        ),
        "weights 0.4 and 0.8, the second input twice as large; the second goes": (
            torch.tensor([[0.4, 0.8]]),
            products([1.0, 2.0], 0.75),
            1,
        ),
        "three weights, correlation 0.5; the middle input goes": (
            torch.tensor([[0.3, 0.6, 0.9]]),
            products([1.0, 2.0, 1.0], 0.5),
            1,
        ),
        "two rows of three weights, correlation -0.25; the last input goes": (
            torch.tensor([[0.3, 0.6, 0.9], [0.2, -0.4, 0.7]]),
            products([1.0, 1.0, 2.0], -0.25),
            2,
        ),
        "three rows of eight weights; input 5 goes": (*layer(3, 8, 0), 5),
        "six rows of 48 weights; the last input goes": (*layer(6, 48, 1), 47),
    },
    same=lambda one, other: check.same(one, other, rtol=1e-3, atol=1e-4),
    wrong={
        "The sign: an error is the new weight minus the original one, and the others take back what column j has lost.": "-H[others, j] -> H[others, j]",
        "Each column was moved as if it were alone. Solve for all of them together, or they repair the same error several times.": [
            "torch.linalg.solve(H[others][:, others], -H[others, j]) -> -H[others, j] / H.diagonal()[others]",
            "H[others][:, others] -> H.diagonal()[others].diag()",
        ],
        "No column is rounded, so the columns to the left of j are free as well.": "[k for k in range(len(H)) if k != j] -> list(range(j + 1, len(H)))",
        "A column k that moves is divided by its own H[k, k], and not by that of j. And solve for all of them together.": "torch.linalg.solve(H[others][:, others], -H[others, j]) -> -H[others, j] / H[j, j]",
        "No repair arrived: take the errors before you set column j to 0, and leave j out of H.": [
            "    w[:, others] += repair\n -> ",
            "    error = -weight[:, j] ->     w[:, j] = 0\n    error = -w[:, j]",
            "torch.linalg.solve(H[others][:, others], -H[others, j]) -> torch.linalg.solve(H, -H[:, j])[others]",
        ],
        "The column stays as it was: set it to 0.": "    w[:, j] = 0\n -> ",
        "The column should be 0, and not cut out: the weight keeps its shape.": "    w[:, j] = 0\n    return w ->     return w[:, others]",
        "": [
            "weight.clone() -> weight",
            "error = -weight[:, j] -> error = weight[:, j].round() - weight[:, j]",
            "w = weight.clone() -> w, H = weight.clone(), H + 0.01 * H.diagonal().mean() * torch.eye(len(H))",
        ],
    },
    right=[by_the_inverse, as_a_regression, row_by_row],
    steps={"error": "the errors of column j", "repair": "the errors of the others"},
    passed="Nothing is rounded, so all other columns are free, and the rule of the lesson says where they go.",
)
