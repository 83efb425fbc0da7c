"""The task of the lesson dynamic: a dynamic int8 layer in which each row has a scale of its own."""

import numpy as np
import torch

from course_utils import check, checkpoints, data

page = check.page(globals())
LAYER = torch.tensor([[4, -2, 5]], dtype=torch.int8), 0.1, torch.tensor([0.5])
HEAVY = torch.full((1, 3), 100, dtype=torch.int8), 0.01, torch.tensor([1.0])


def rows(*numbers):
    return torch.tensor(numbers)


def last_layer():
    """LeNet's last layer, its weights as integers, and what reaches it of four pictures, the first far too bright."""
    lenet, seen = checkpoints.load("lenet_fashion_0"), []
    lenet.fc3.register_forward_pre_hook(lambda _, inputs: seen.extend(inputs))
    images, _ = data.load("fashion_mnist", "test", n=4)
    with torch.no_grad():
        lenet(torch.cat([255 * images[:1], images[1:]]))
    weight, bias = lenet.fc3.weight.detach(), lenet.fc3.bias.detach()
    scale = weight.abs().max().item() / 127
    return seen[0], torch.round(weight / scale).to(torch.int8), scale, bias


def with_a_zero_point(x, weight, weight_scale, bias):
    low, high = x.min(1, keepdim=True)[0].clamp(max=0), x.max(1, keepdim=True)[0].clamp(min=0)
    scale = (high - low) / 127
    scale[scale == 0] = 1
    zero_point = (-low / scale).round().int()
    integers = (x / scale).round().int() + zero_point
    return ((integers - zero_point) @ weight.int().T) * scale * weight_scale + bias


def row_by_row(x, weight, weight_scale, bias):
    results = []
    for row in x:
        scale = (max(row.max().item(), 0) - min(row.min().item(), 0)) / 127
        total = bias.clone()
        if scale:
            total += (row / scale).round() @ weight.float().T * (scale * weight_scale)
        results.append(total)
    return torch.stack(results)


def in_numpy(x, weight, weight_scale, bias):
    x, weight, bias = (t.numpy().astype(np.float64) for t in (x, weight, bias))
    scale = np.ptp(np.c_[np.zeros(len(x)), x], axis=1, keepdims=True) / 127
    steps = np.rint(np.divide(x, scale, out=np.zeros_like(x), where=scale > 0))
    return steps @ weight.T * scale * weight_scale + bias


def of_pytorch(x, weight, weight_scale, bias):
    low, high = torch.aminmax(torch.nn.functional.pad(x, (1, 0)), dim=1)
    scale = (high - low).div(127).masked_fill(high == low, 0.1)
    each = zip(x, scale.tolist(), (-low / scale).round().int().tolist(), strict=True)
    q = [torch.quantize_per_tensor(row, step, zero, torch.quint8) for row, step, zero in each]
    return torch.stack([row.dequantize() for row in q]) @ (weight.float() * weight_scale).T + bias


RANGE = "x.amin(dim=1, keepdim=True).clamp(max=0), x.amax(dim=1, keepdim=True).clamp(min=0)"
PRODUCT = "torch.round(x / scale).int() @ weight.int().T"
UNGUARDED = (
    "torch.where(low == high, 1, (high - low) / 127) -> (high - low) / 127",
    f"{PRODUCT} -> torch.round(x / scale) @ weight.float().T",
)
own_scales = page.write(
    "own_scales",
    "A scale for each picture",
    cases={
        "one row, -1, 0.3, 2": (rows([-1.0, 0.3, 2.0]), *LAYER),
        "one row, 1, 2, 3": (rows([1.0, 2.0, 3.0]), *LAYER),
        "one row, -3, -1, -2": (rows([-3.0, -1.0, -2.0]), *LAYER),
        "one row, 0, 0, 0": (rows([0.0, 0.0, 0.0]), *LAYER),
        "two rows, the first far brighter: 0, 100, 0 and -1, 0.3, 0.9": (rows([0.0, 100, 0], [-1, 0.3, 0.9]), *LAYER),
        "three rows of three": (rows([0.0, 1, 8], [-1, 0.3, 0.9], [2, -5, 3]), *LAYER),
        "one row, 1, 2, 2; weights of 100": (rows([1.0, 2.0, 2.0]), *HEAVY),
        "LeNet's last layer, four pictures, the first far too bright": last_layer(),
    },
    wrong={
        "All rows share one range, so a row comes out differently beside a bright one. Search along dim=1.": [
            f"{RANGE} -> x.min().clamp(max=0), x.max().clamp(min=0)",
            "x.amax(dim=1, keepdim=True) -> x.max()",
        ],
        "Each column has its own range, and each row should. Search along dim=1.": (
            f"{RANGE} -> {RANGE.replace('dim=1', 'dim=0')}"
        ),
        "The scales lie in a row, so column 2 is divided by the scale of row 2. Keep a column with keepdim=True.": [
            f"{RANGE} -> {RANGE.replace('keepdim=True', 'keepdim=False')}",
            "x.amax(dim=1, keepdim=True) -> x.amax(dim=1)",
            "x.amin(dim=1, keepdim=True) -> x.amin(dim=1)",
        ],
        "The range doesn't hold 0. Here all numbers of the row lie on one side of 0.": [
            ".clamp(max=0) -> ",
            ".clamp(min=0) -> ",
            (".clamp(max=0) -> ", ".clamp(min=0) -> "),
            (".clamp(max=0) -> ", ".clamp(min=0) -> ", *UNGUARDED),
        ],
        "Your range is symmetric. Let it go from the lowest to the highest number.": [
            "x.amin(dim=1, keepdim=True).clamp(max=0) -> -x.abs().amax(dim=1, keepdim=True)",
            f"{RANGE} -> 0, x.abs().amax(dim=1, keepdim=True)",
        ],
        "A row of zeros has a range of 0, and 0 / 0 is not a number. Such a row gives the bias.": (UNGUARDED),
        "The range is cut into another number of steps. It should be 127.": ["/ 127 -> / 255", "/ 127 -> / 128"],
        "Nothing was rounded. These are the products of the floats.": (f"{PRODUCT} -> (x / scale) @ weight.float().T"),
        "The inputs are cut off, and should be rounded to the nearest integer.": [
            "torch.round -> torch.trunc",
            "torch.round(x / scale) -> (x / scale)",
        ],
        "The zero point is still in the product. Take it off before you multiply.": (
            "torch.round(x / scale) -> (torch.round(x / scale) - torch.round(low / scale))"
        ),
        "The sum wraps around, because a byte ends at 127. Add in 32 bits.": (
            f"{PRODUCT} -> (torch.round(x / scale).to(torch.int8) @ weight.T)"
        ),
        "The sum counts in units of both scales. Multiply it by that of the inputs and that of the weights.": [
            " * weight_scale -> ",
            "sums * scale -> sums",
        ],
        "The bias is missing.": " + bias -> ",
        "The bias is a float already, and isn't counted in steps. Add it last.": (
            "sums * scale * weight_scale + bias -> (sums + bias) * scale * weight_scale"
        ),
    },
    right=[with_a_zero_point, row_by_row, in_numpy, of_pytorch],
    steps={"low": "the low ends", "high": "the high ends", "scale": "the scales", "sums": "the sums"},
    passed="A row that has its own range is rounded in the same way whatever stands beside it.",
)
