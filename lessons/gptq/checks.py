"""The exercise of the lesson gptq: an input is removed from a layer, and all other columns repair the outputs."""

import torch
from hypothesis import strategies as st

from course_utils.checks import exercise


@exercise(
    "Remove an input",
    why="Nothing is rounded, so all other columns are free, and the rule of the lesson says where they go.",
)
def without_input(weight, H, j):
    w = weight.clone()
    others = [k for k in range(len(H)) if k != j]
    error = -weight[:, j]  #: the errors of column j
    repair = torch.outer(error, torch.linalg.solve(H[others][:, others], -H[others, j]))  #: the errors of the others
    w[:, others] += repair
    w[:, j] = 0
    return w


def _products(sizes, rho):
    """H of inputs that are all correlated to the same degree, of these sizes."""
    n = len(sizes)
    return (rho * torch.ones(n, n) + (1 - rho) * torch.eye(n)) * torch.outer(torch.tensor(sizes), torch.tensor(sizes))


@st.composite
def _calls(draw):
    rows, columns = draw(st.integers(1, 2)), draw(st.integers(2, 4))
    weight = [[draw(st.integers(1, 9)) / 10 for _ in range(columns)] for _ in range(rows)]
    sizes = [draw(st.sampled_from([1.0, 2.0])) for _ in range(columns)]
    H = _products(sizes, draw(st.sampled_from([0.5, 0.75, -0.25])))
    return torch.tensor(weight), H, draw(st.integers(0, columns - 1))


def _layer(rows, columns, seed):
    """Many columns, whose inputs are correlated to different degrees."""
    draw = torch.Generator().manual_seed(seed)
    x = torch.randn(4 * columns, columns, generator=draw) + torch.randn(4 * columns, 1, generator=draw)
    return torch.randn(rows, columns, generator=draw), x.T @ x / len(x)


def _unrepaired(weight, H, j):
    """What comes out if column j is 0 before its error is read, or if all of H is solved: then only j itself moves."""
    w = weight.clone()
    w[:, j] = 0
    return w


_card = torch.tensor([[0.4, 0.4]]), _products([1.0, 1.0], 0.75), 0
_inputs = [_card, (*_layer(3, 8, 0), 5), (*_layer(6, 48, 1), 47)]
without_input.tries(_calls(), also=_inputs, rtol=1e-3, atol=1e-4)
without_input.ideas(
    {
        "repair = torch.outer(error, torch.linalg.solve(H[others][:, others], H[others, j]))": "The sign: an error is "
        "the new weight minus the original one, and the others take back what column j has lost.",
        "repair = torch.outer(error, -H[others, j] / H.diagonal()[others])": "Each column was moved as if it were "
        "alone. Solve for all of them together, or they repair the same error several times.",
        "others = list(range(j + 1, len(H)))": "No column is rounded, so the columns to the left of j are free as well.",
        "repair = torch.outer(error, -H[others, j] / H[j, j])": "The divisor: a column k that moves is divided by its own "
        "H[k, k], and not by that of j. And solve for all of them together.",
        _unrepaired: "No repair arrived: take the errors before you set column j to 0, and leave j out of H.",
    }
)
