"""The exercise of the lesson dynamic: odd but right answers, and wrong ones as patches of the solution."""

import numpy as np
import torch


def with_a_zero_point(x, weight, weight_scale, bias):
    """All four steps as in section 2, with integers from 0 to 127 and whole numbers in the product."""
    low, high = x.min(1, keepdim=True)[0].clamp(max=0), x.max(1, keepdim=True)[0].clamp(min=0)
    scale = (high - low) / 127
    scale[scale == 0] = 1
    zero_point = (-low / scale).round().int()
    integers = (x / scale).round().int() + zero_point
    return ((integers - zero_point) @ weight.int().T) * scale * weight_scale + bias


def row_by_row(x, weight, weight_scale, bias):
    """A loop over the rows; a row of zeros is never divided."""
    rows = []
    for row in x:
        scale = (max(row.max().item(), 0) - min(row.min().item(), 0)) / 127
        total = bias.clone()
        if scale:
            total += (row / scale).round() @ weight.float().T * (scale * weight_scale)
        rows.append(total)
    return torch.stack(rows)


def in_numpy(x, weight, weight_scale, bias):
    """In float64; the zeros stand in front of the inputs, so that each range holds 0."""
    x, weight, bias = (t.detach().numpy().astype(np.float64) for t in (x, weight, bias))
    scale = np.ptp(np.c_[np.zeros(len(x)), x], axis=1, keepdims=True) / 127
    steps = np.rint(np.divide(x, scale, out=np.zeros_like(x), where=scale > 0))
    return torch.tensor(steps @ weight.T * scale * weight_scale + bias, dtype=torch.float32)


def of_pytorch(x, weight, weight_scale, bias):
    """PyTorch's own integers, for one row at a time; NaNs are put right behind the product."""
    low, high = torch.aminmax(torch.nn.functional.pad(x, (1, 0)), dim=1)
    scale = (high - low).div(127).masked_fill(high == low, 0.1)
    zeros = (-low / scale).round().int()
    q = [
        torch.quantize_per_tensor(r, s.item(), z.item(), torch.quint8) for r, s, z in zip(x, scale, zeros, strict=True)
    ]
    return torch.stack([r.dequantize() for r in q]) @ (weight.float() * weight_scale).T + bias


ODD = {"own_scales": [with_a_zero_point, row_by_row, in_numpy, of_pytorch]}
WRONG = {
    "own_scales": {
        "one range for the batch": (
            "x.amin(dim=1, keepdim=True).clamp(max=0), x.amax(dim=1, keepdim=True)",
            "x.min().clamp(max=0), x.max()",
        ),
        "the highest number of the batch": ("x.amax(dim=1, keepdim=True)", "x.max()"),
        "a range for each column": (
            "x.amin(dim=1, keepdim=True).clamp(max=0), x.amax(dim=1,",
            "x.amin(dim=0, keepdim=True).clamp(max=0), x.amax(dim=0,",
        ),
        "ranges that lie along the columns": ("keepdim=True).clamp(min=0)\n", "keepdim=False).clamp(min=0)\n"),
        "a range that begins at the lowest number": (".clamp(max=0)", ""),
        "a range that ends at the highest number": (".clamp(min=0)", ""),
        "a symmetric range": ("x.amin(dim=1, keepdim=True).clamp(max=0)", "-x.abs().amax(dim=1, keepdim=True)"),
        "a row of zeros is divided by 0": (
            "torch.where(low == high, 1, (high - low) / 127)\n    sums = torch.round(x / scale).int() @ weight.int().T",
            "(high - low) / 127\n    sums = torch.round(x / scale) @ weight.float().T",
        ),
        "255 steps": ("/ 127", "/ 255"),
        "128 steps": ("/ 127", "/ 128"),
        "nothing is rounded": ("torch.round(x / scale)", "(x / scale)"),
        "cut off, not rounded": ("torch.round(x / scale)", "torch.trunc(x / scale)"),
        "the zero point stays in the product": (
            "torch.round(x / scale)",
            "(torch.round(x / scale) - torch.round(low / scale))",
        ),
        "integers of 8 bits overflow in the sum": (
            "torch.round(x / scale).int() @ weight.int().T",
            "(torch.round(x / scale).to(torch.int8) @ weight.T)",
        ),
        "the scale of the weights is left out": (" * weight_scale", ""),
        "the scale of the inputs is left out": ("sums * scale", "sums"),
        "no bias": (" + bias", ""),
        "the bias is counted in steps": ("sums * scale * weight_scale + bias", "(sums + bias) * scale * weight_scale"),
    }
}
EQUIVALENT = {
    "own_scales": {
        "1e-12 doubled in the scale of each row": "it only keeps a row of zeros from being divided by 0",
        "high without its sign": "never negative",
        "scale without its sign": "never negative",
        "steps rounded to 2 digits": "they are whole",
        "sums rounded to 2 digits": "they are whole",
    }
}
