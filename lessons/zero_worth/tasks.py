"""The task of the lesson zero_worth: CSR in those layers of a pruned model where it pays."""

import copy
import warnings

import torch
from torch import nn

from course_utils import check

page = check.page(globals())
to_csr = page.take("to_csr")
with warnings.catch_warnings(action="ignore"):  # PyTorch says once in a process that its sparse tensors are young
    to_csr(torch.eye(2))


def form(weight):
    if weight.layout == torch.strided:
        return "dense"
    return f"{weight.layout} with indices of {weight.col_indices().element_size()} bytes".removeprefix("torch.")


def look(answer, model, k):
    n_in = next(layer for layer in model.modules() if isinstance(layer, nn.Linear)).in_features
    with torch.sparse.check_sparse_tensor_invariants():  # a product with a broken one would end the process
        net = answer(model, k)
    if any(p.layout != torch.strided for p in model.parameters()):
        raise check.Mistake("Your function changes the model that was given. Work on a copy.")
    layers = {name: layer for name, layer in net.named_modules() if getattr(layer, "weight", None) is not None}
    seen = {f"the weight of layer {name}": form(layer.weight) for name, layer in layers.items()}
    return seen | {"the output": net(torch.linspace(-1, 2, 2 * n_in).view(2, n_in))}


def by_bytes(model, k):
    """Compares the bytes of values and columns with those of the matrix, and estimated times."""
    thin = copy.deepcopy(model)
    for layer in [one for one in thin.modules() if type(one) is nn.Linear]:
        csr = to_csr(layer.weight.detach())
        smaller = csr.values().nbytes + csr.col_indices().nbytes < layer.weight.nbytes
        if smaller and k * len(csr.values()) < layer.weight.numel():
            layer.weight = nn.Parameter(csr, requires_grad=False)
    return thin


def by_the_zeros(model, k):
    """Counts the zeros, with one bound."""
    thin = copy.deepcopy(model)
    for name, layer in model.named_modules():
        zeros = (layer.weight == 0).float().mean() if isinstance(layer, nn.Linear) else 0
        if zeros > max(1 - 1 / k, 0.5):
            weight = nn.Parameter(to_csr(layer.weight.data), requires_grad=False)
            thin.get_submodule(name).register_parameter("weight", weight)
    return thin


def without_a_parameter(model, k):
    """Puts the tensor in as a buffer."""
    thin = copy.deepcopy(model)
    for layer in thin.modules():
        if isinstance(layer, nn.Linear) and layer.weight.count_nonzero() / layer.weight.numel() < min(1 / k, 0.5):
            weight = layer.weight.detach()
            del layer.weight
            layer.register_buffer("weight", to_csr(weight))
    return thin


def layer(rows, columns, left):
    """A linear layer with so many weights left: every second is large and positive, the others small and negative."""
    weight = torch.zeros(rows * columns)
    weight[:left:2], weight[1:left:2] = 0.5, -1e-4
    return check.linear(weight.view(columns, rows).T.contiguous(), torch.ones(rows))


MIXED = nn.Sequential(nn.Sequential(layer(4, 4, 2)), nn.ReLU(), layer(4, 4, 7), layer(2, 4, 4))
NORM = nn.Sequential(layer(4, 4, 1), nn.LayerNorm(4))
NORM[1].weight.data = torch.tensor([0.0, 0, 0, 2])  # few left, but no linear layer
BOTH = "left < 1 / k and left < 1 / 2 -> "
COUNT = "int(weight.count_nonzero()) -> "
sparser = page.write(
    "sparser",
    "Only where it pays",
    cases={
        "a quarter of the weights is left, k is 3": (nn.Sequential(layer(4, 4, 4)), 3.0),
        "a quarter of the weights is left, k is 4": (nn.Sequential(layer(4, 4, 4)), 4.0),
        "a quarter of the weights is left, k is 8": (nn.Sequential(layer(4, 4, 4)), 8.0),
        "nine of sixteen weights are left, k is 1.5": (nn.Sequential(layer(4, 4, 9)), 1.5),
        "all of sixteen weights are left, k is 1.5": (nn.Sequential(layer(4, 4, 16)), 1.5),
        "a layer in a block with 2 of 16 weights, others with 7 of 16 and 4 of 8; k is 1.5": (MIXED, 1.5),
        "a layer in a block with 2 of 16 weights, others with 7 of 16 and 4 of 8; k is 4": (MIXED, 4.0),
        "a linear layer with 1 of 16 weights, and a norm with 1 of 4; k is 2": (NORM, 2.0),
        "62 of 512 weights are left, k is 8": (nn.Sequential(layer(8, 64, 62)), 8.0),
    },
    run=look,
    wrong={
        "CSR with indices of four bytes is smaller only if less than a half is left. A layer must get faster and smaller.": (
            BOTH + "left < 1 / k"
        ),
        "The sparse kernel is faster only if less than 1/k is left. A layer must get faster and smaller.": [
            BOTH + "left < 1 / 2",
            BOTH + "left < k and left < 1 / 2",
        ],
        "A layer must get faster and smaller, and not one of the two.": BOTH + "left < 1 / k or left < 1 / 2",
        "Less than 1/k of the weights must be left, and not more.": BOTH + "left > 1 / k and left < 1 / 2",
        "Both shares are of the weights that are left, and not of the zeros.": COUNT + "int((weight == 0).sum())",
        "With indices of four bytes, a weight and its column take as much as two weights. So CSR is smaller below a half.": (
            BOTH + "left < 1 / k and left < 1 / 3"
        ),
        "With exactly the share of the rule a layer gets no faster, or no smaller. Less must be left.": [
            BOTH + "left <= 1 / k and left <= 1 / 2",
            BOTH + "left <= 1 / k and left < 1 / 2",
            BOTH + "left < 1 / k and left <= 1 / 2",
        ],
        "The indices are PyTorch's own, of eight bytes. Make the tensor with to_csr.": (
            "csr.crow_indices().int(), csr.col_indices().int() -> csr.crow_indices(), csr.col_indices()"
        ),
        "There are linear layers inside blocks, too. model.modules() finds all of them.": "model.modules() -> model.children()",
        "Only the weights of linear layers may become CSR.": (
            'isinstance(layer, nn.Linear) -> getattr(layer, "weight", None) is not None'
        ),
        "A weight is gone only if it's exactly 0. Small weights are left.": COUNT + "int((weight.abs() > 1e-3).sum())",
        "": [BOTH + "left >= 0", "copy.deepcopy(model) -> model"],
    },
    right=[by_bytes, by_the_zeros, without_a_parameter],
    steps={"left": "in the last linear layer the share that is left is"},
    passed="A layer gets faster when less than 1/k of its weights is left, and smaller when less than a half is. So the "
    "smaller of the two shares decides.",
)
