"""The check of the lesson zero_worth: CSR in those layers of a pruned model where it pays."""

import copy
import warnings

import torch
from hypothesis import strategies as st
from torch import nn

from course_utils.checks import effects, exercise


def _csr(weight):
    csr = weight.to_sparse_csr()
    lists = csr.crow_indices().int(), csr.col_indices().int(), csr.values()
    return torch.sparse_csr_tensor(*lists, size=weight.shape)


with warnings.catch_warnings():  # PyTorch says once in a process that its sparse tensors are young
    warnings.simplefilter("ignore")
    _csr(torch.eye(2))


@exercise(
    "Only where it pays",
    why="A layer gets faster when less than 1/k of its weights is left, and smaller when less than a half is: so the smaller "
    "of the two shares decides.",
)
def sparser(model, k):
    result = copy.deepcopy(model)
    for layer in result.modules():
        if isinstance(layer, nn.Linear):
            weight = layer.weight.detach()
            left = weight.count_nonzero().item() / weight.numel()  #: the share left in the last layer
            most = min(1 / k, 1 / 2)  #: the share below which CSR pays
            if left < most:
                layer.weight = nn.Parameter(_csr(weight), requires_grad=False)
    return result


def _layer(rows, columns, left):
    weight = torch.zeros(rows * columns)
    weight[:left] = 1e-4 * torch.arange(1.0, left + 1) * (-1.0) ** torch.arange(left)  # small, and no zero
    return effects.linear(weight.view(columns, rows).T.contiguous(), torch.ones(rows))


@st.composite
def _calls(draw):
    first, second = (_layer(4, 4, draw(st.integers(1, 16))) for _ in range(2))
    model = draw(st.sampled_from([nn.Sequential(first), nn.Sequential(nn.Sequential(first), nn.ReLU(), second)]))
    return model, draw(st.sampled_from([1.5, 4.0, 8.0]))


def _form(weight):
    if weight.layout == torch.strided:
        return "dense"
    form = str(weight.layout).removeprefix("torch.")
    return f"{form}, indices {str(weight.col_indices().dtype).removeprefix('torch.')}"


def _forms(result, *_):
    return {
        f"`{name}`": _form(layer.weight)
        for name, layer in result.named_modules()
        if getattr(layer, "weight", None) is not None
    }


def _outputs(result, model, k):
    n_in = next(layer for layer in model.modules() if isinstance(layer, nn.Linear)).in_features
    return result(torch.linspace(-1, 2, 2 * n_in).view(2, n_in)).detach()


_mixed = nn.Sequential(nn.Sequential(_layer(4, 4, 2)), nn.ReLU(), _layer(4, 4, 7), _layer(2, 4, 4))
_fine = nn.Sequential(_layer(8, 64, 62))  # 0.121 is left
_table = nn.Sequential(_layer(4, 4, 1), nn.LayerNorm(4))
_table[1].weight.data = torch.tensor([0.0, 0, 0, 2])  # few left, but no linear layer
sparser.tries(_calls(), also=[(_mixed, 1.5), (_mixed, 4.0), (_table, 2.0), (_fine, 8.0)], rtol=1e-4, atol=1e-6)
sparser.looks({"": _forms, "the outputs": _outputs, "your input, afterwards": lambda result, model, k: _forms(model)})
sparser.ideas(
    {
        (
            "most = 1 / k",
            "most = max(1 / k, 1 / 2)",
        ): "CSR with 4-byte indices is smaller only when less than a half is left. A layer needs both: faster and smaller.",
        "most = 1 / 2": "The sparse kernel wins when less than 1/k is left.",
        "left = (weight == 0).sum().item() / weight.numel()": "Both shares are of the weights that are *left*, and not of the zeros.",
    }
)
