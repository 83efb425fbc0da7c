"""The lesson zero_worth: odd but right answers, and wrong ones as people write them, each a patch of the solution."""

import io
import math
import warnings

import torch
from torch import nn


def by_the_lists(model):
    """Counts the bytes of the lists that PyTorch makes."""
    chosen = {}
    for name, layer in model.named_modules():
        if not isinstance(layer, nn.Linear):
            continue
        weight = layer.weight.detach()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            lists = weight.to_sparse_csr()
        csr = sum(4 * one.numel() for one in (lists.crow_indices(), lists.col_indices(), lists.values()))
        pairs = [(weight.numel() * weight.element_size(), "dense")]
        pairs.append((4 * (weight != 0).sum().item() + math.ceil(weight.numel() / 8), "bit mask"))
        least, form = min([*pairs, (csr, "CSR")], key=lambda pair: pair[0])
        chosen[name] = (form, least)
    return chosen


def with_ifs(model):
    """Compares the three forms one after the other, from the state_dict."""
    linear = {name for name, layer in model.named_modules() if type(layer) is nn.Linear}
    found = {}
    for key, weight in model.state_dict().items():
        name = key.removesuffix(".weight")
        if name in linear and key.endswith(".weight"):
            rows, columns = weight.shape
            left = len(weight.nonzero())
            found[name] = ["dense", 4 * rows * columns]
            for form, n_bytes in (("bit mask", 4 * left + (rows * columns + 7) // 8), ("CSR", 8 * left + 4 * rows + 4)):
                if n_bytes < found[name][1]:
                    found[name] = [form, n_bytes]
    return {name: tuple(pair) for name, pair in found.items()}


def by_packing(model):
    """Really packs the weights, and counts what was packed."""

    def one(weight):
        kept = weight[weight != 0].numpy().tobytes()
        file = io.BytesIO()
        for bit in torch.nn.functional.pad((weight != 0).flatten().int(), (0, -weight.numel() % 8)).view(-1, 8):
            file.write(bytes([int("".join(map(str, bit.tolist())), 2)]))
        sizes = [weight.numpy().nbytes, len(kept) + len(file.getvalue()), 2 * len(kept) + 4 + 4 * len(weight)]
        return ("dense", "bit mask", "CSR")[sizes.index(min(sizes))], min(sizes)

    layers = dict(model.named_modules()).items()
    return {name: one(layer.weight.detach()) for name, layer in layers if isinstance(layer, nn.Linear)}


ODD = {"cheapest": [by_the_lists, with_ifs, by_packing]}
WRONG = {
    "cheapest": {
        "the starts are forgotten": (" + 4 * (rows + 1)", ""),
        "one start for each row": ("4 * (rows + 1)", "4 * rows"),
        "the columns are forgotten": ("8 * left", "4 * left"),
        "indices of 8 bytes": ("8 * left + 4 * (rows + 1)", "12 * left + 8 * (rows + 1)"),
        "a start for each column": ("layer.out_features", "layer.in_features"),
        "bits are rounded down": ("-(-size // 8)", "size // 8"),
        "a byte for each bit": ("-(-size // 8)", "size"),
        "the zeros are counted": ("int(layer.weight.count_nonzero())", "int((layer.weight == 0).sum())"),
        "only the outermost layers": ("named_modules", "named_children"),
        "an embedding counts as a linear layer": (
            "isinstance(layer, nn.Linear):\n"
            "            size, left = layer.weight.numel(), int(layer.weight.count_nonzero())\n"
            "            rows = layer.out_features",
            "isinstance(layer, (nn.Linear, nn.Embedding)):\n"
            "            size, left = layer.weight.numel(), int(layer.weight.count_nonzero())\n"
            "            rows = len(layer.weight)",
        ),
        "small weights count as zeros": (
            "int(layer.weight.count_nonzero())",
            "int((layer.weight.abs() > 1e-3).sum())",
        ),
        "the larger file": ("min(", "max("),
    }
}
EQUIVALENT = {
    "cheapest": {
        "`int` left out of the weights left in the last layer": "a tensor of one number counts and compares like that number",
        "* without its sign": "counts and bytes are never negative",
    }
}
