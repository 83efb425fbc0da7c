"""The exercise of the lesson gptq: a layer is rounded column by column, and free columns repair each error."""

import torch
from hypothesis import strategies as st

from course_utils.checks import exercise

LEVELS = (-1.0, -1.0, -4.0), (1.0, 1.0, 2.0)  # the lowest level of a row, and its step


@exercise(
    "A whole layer",
    why="All rows share one H. After each column its errors, one for each row, are spread over the columns that are free.",
)
def round_layer(weight, H, low, step):
    w = weight.clone()
    for j in range(w.shape[1]):
        free = slice(j + 1, None)
        code = ((w[:, j] - low[:, j]) / step[:, j]).round().clamp(0, 7)  #: the codes of column j
        change = low[:, j] + code * step[:, j] - w[:, j]  #: the changes of column j
        share = torch.linalg.solve(H[free, free], H[free, j])  #: the share of each free column
        w[:, j] += change
        w[:, free] -= torch.outer(change, share)
    return w


def _products(sizes, rho):
    """H of inputs that are all alike to the same degree, of these sizes."""
    alike = rho * torch.ones(len(sizes), len(sizes)) + (1 - rho) * torch.eye(len(sizes))
    return alike * torch.outer(torch.tensor(sizes), torch.tensor(sizes))


@st.composite
def _calls(draw):
    rows, columns = draw(st.integers(1, 2)), draw(st.integers(1, 4))
    tenths = st.integers(-4, 78).filter(lambda n: n % 5)  # of a step; none lies in the middle of two levels
    codes = torch.tensor([[draw(tenths) / 10 for _ in range(columns)] for _ in range(rows)])
    sizes = [draw(st.sampled_from([1.0, 2.0])) for _ in range(columns)]
    low, step = (torch.tensor([[draw(st.sampled_from(of))] * columns for _ in range(rows)]) for of in LEVELS)
    return low + step * codes, _products(sizes, draw(st.sampled_from([0.7, 0.9]))), low, step


def _layer(rows, columns, seed):
    """Many columns, whose inputs are alike to different degrees."""
    draw = torch.Generator().manual_seed(seed)
    x = torch.randn(4 * columns, columns, generator=draw) + torch.randn(4 * columns, 1, generator=draw)
    step = torch.rand(rows, columns // 2, generator=draw).repeat_interleave(2, 1) / 4 + 0.2
    return torch.randn(rows, columns, generator=draw), x.T @ x / len(x), -4 * step, step


_two = torch.tensor([[0.4, 0.4]]), _products([1.0, 1.0], 0.75), -torch.ones(1, 2), torch.ones(1, 2)
_damped = torch.tensor([[0.4, 0.142]]), _products([1.0, 1.0], 0.9), *_two[2:]  # the second becomes 0.502, damped 0.498
_levels = torch.tensor([[0.4, 4.4]]), _two[1], torch.tensor([[-1.0, -4.0]]), torch.tensor([[1.0, 2.0]])
_inputs = [_two, _damped, _levels, _layer(3, 8, 0), _layer(6, 48, 1)]
round_layer.tries(_calls(), also=_inputs, rtol=1e-3, atol=1e-3)
round_layer.ideas(
    {
        "code = ((weight[:, j] - low[:, j]) / step[:, j]).round().clamp(0, 7)": "This is round-to-nearest. Round "
        "each column as it is now, with the repairs of the columns before it.",
        "code = ((w[:, j] - low[:, j]) / step[:, j]).round()": "There are eight levels: the codes go from 0 to 7.",
        "share = H[free, j] / H[j, j]": "The free columns imitate column j together: solve for all their shares at once.",
        "share = -torch.linalg.solve(H[free, free], H[free, j])": "The free columns take the change away: subtract their shares.",
        "free = slice(j, None)": "Column j is final. The free ones begin behind it.",
    }
)
