"""The lesson zero_worth: odd but right answers, and wrong ones as people write them, each a patch of the solution."""

import copy
import warnings

import torch
from torch import nn


def _csr(weight):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        csr = weight.to_sparse_csr()
    lists = csr.crow_indices().int(), csr.col_indices().int(), csr.values()
    return torch.sparse_csr_tensor(*lists, size=weight.shape)


def by_bytes(model, k):
    """Compares the bytes of values and columns with those of the matrix, and estimated times."""
    thin = copy.deepcopy(model)
    for layer in [one for one in thin.modules() if type(one) is nn.Linear]:
        csr = _csr(layer.weight.detach())
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
            weight = nn.Parameter(_csr(layer.weight.data), requires_grad=False)
            thin.get_submodule(name).register_parameter("weight", weight)
    return thin


def without_a_parameter(model, k):
    """Puts the tensor in as a buffer."""
    thin = copy.deepcopy(model)
    for layer in thin.modules():
        if isinstance(layer, nn.Linear) and layer.weight.count_nonzero() / layer.weight.numel() < min(1 / k, 0.5):
            weight = layer.weight.detach()
            del layer.weight
            layer.register_buffer("weight", _csr(weight))
    return thin


ODD = {"sparser": [by_bytes, by_the_zeros, without_a_parameter]}
WRONG = {
    "sparser": {
        "only faster": (" and left < 1 / 2", ""),
        "only smaller": ("left < 1 / k and ", ""),
        "faster or smaller": ("1 / k and left", "1 / k or left"),
        "more than 1/k is left": ("left < 1 / k", "left > 1 / k"),
        "compared with k": ("left < 1 / k", "left < k"),
        "zeros in place of what is left": ("int(weight.count_nonzero())", "int((weight == 0).sum())"),
        "the crossing of 8-byte indices": ("left < 1 / 2", "left < 1 / 3"),
        "PyTorch's own indices of 8 bytes": (
            "csr.crow_indices().int(), csr.col_indices().int()",
            "csr.crow_indices(), csr.col_indices()",
        ),
        "every layer": ("left < 1 / k and left < 1 / 2", "left >= 0"),
        "the model itself is changed": ("copy.deepcopy(model)", "model"),
        "only the outermost layers": ("model.modules()", "model.children()"),
        "every layer with a weight": ("isinstance(layer, nn.Linear)", 'getattr(layer, "weight", None) is not None'),
        "small weights count as zeros": ("int(weight.count_nonzero())", "int((weight.abs() > 1e-3).sum())"),
    }
}
EQUIVALENT = {
    "sparser": {
        "most = min(1 / k, 1 / 2): min(1 / k, 1 / 2): arguments swapped": "the smaller of two numbers, in any order",
        "layer.weight = nn.Parameter(_csr(weight), requires_grad=False): False -> True": "the network is run, and not trained",
        "`detach` left out": "a parameter cuts the history off by itself",
        "`item` left out of the share left in the last layer": "a tensor of one number compares like that number",
        "* without its sign": "shares are never negative",
    }
}
