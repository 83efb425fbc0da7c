"""The exercise of the lesson static: odd but right answers, and wrong ones as patches of the solution."""

import numpy as np
import torch


def by_pytorch(weight, bias, examples, x):
    """PyTorch's own integers for inputs and weights; the scale as a Python number."""
    y = torch.nn.functional.linear(examples, weight, bias).clamp(min=0)
    s_x, s_w, s_y = (t.abs().max().item() / 127 for t in (examples, weight, y))
    q_x = torch.quantize_per_tensor(x, s_x, 0, torch.quint8).int_repr().clamp(max=127).long()
    q_w = torch.quantize_per_tensor(weight, s_w, 0, torch.qint8).int_repr().long()
    q_b = (bias / s_x / s_w).round().long()
    return (torch.addmm(q_b, q_x, q_w.T) * (s_x * s_w) / s_y).round().clamp(0, 127).to(torch.uint8), s_y


def in_numpy(weight, bias, examples, x):
    """In float64, with a zero in front of each maximum."""
    w, b, e, x = (t.detach().numpy().astype(np.float64) for t in (weight, bias, examples, x))
    y = np.maximum(e @ w.T + b, 0)
    s_x, s_w, s_y = e.max() / 127, np.abs(w).max() / 127, y.max() / 127
    sums = np.rint(np.minimum(x, e.max()) / s_x) @ np.rint(w / s_w).T + np.rint(b / (s_x * s_w))
    return np.clip(np.rint(sums * s_x * s_w / s_y), 0, 127).astype(np.int32), s_y


def one_by_one(weight, bias, examples, x):
    """Plain Python, a number at a time; the ReLU comes before the factor."""
    y_max = max((row @ w + b).item() for row in examples for w, b in zip(weight, bias, strict=True))
    s_x, s_w, s_y = examples.max().item() / 127, weight.abs().max().item() / 127, max(y_max, 0) / 127
    rows = []
    for row in x.tolist():
        stored, out = [min(round(p / s_x), 127) for p in row], []
        for w, b in zip(weight.tolist(), bias.tolist(), strict=True):
            total = sum(q * round(v / s_w) for q, v in zip(stored, w, strict=True)) + round(b / (s_x * s_w))
            out.append(min(round(max(total, 0) * (s_x * s_w / s_y)), 127))
        rows.append(out)
    return torch.tensor(rows), torch.tensor(s_y)


ODD = {"static_layer": [by_pytorch, in_numpy, one_by_one]}
WRONG = {
    "static_layer": {
        "calibrated on x": ("examples.max() / 127", "x.max() / 127"),
        "the output calibrated on x": ("torch.relu(examples @", "torch.relu(x @"),
        "the largest distance from 0, before the ReLU": (
            "torch.relu(examples @ weight.T + bias)",
            "(examples @ weight.T + bias).abs()",
        ),
        "the bias is not in the calibration": ("(examples @ weight.T + bias)", "(examples @ weight.T)"),
        "the bias is added as a float, behind M": (
            "sums = q_x @ q_w.T + q_b\n    return torch.round(sums * (s_x * s_w / s_y))",
            "sums = q_x @ q_w.T\n    return torch.round(sums * (s_x * s_w / s_y) + bias / s_y)",
        ),
        "255 steps": ("outputs.max() / 127", "outputs.max() / 255"),
        "half a step too many for the weights": ("weight.abs().max() / 127", "weight.abs().max() / 127.5"),
        "the largest weight without its sign": ("weight.abs().max()", "weight.max()"),
        "inputs are not clipped": ("(x / s_x).clamp(0, 127)", "(x / s_x)"),
        "inputs up to 255": ("(x / s_x).clamp(0, 127)", "(x / s_x).clamp(0, 255)"),
        "outputs are not clipped above": ("s_y)).clamp(0, 127)", "s_y)).clamp(min=0)"),
        "no ReLU": ("s_y)).clamp(0, 127)", "s_y)).clamp(-127, 127)"),
        "no ReLU, down to -128": ("s_y)).clamp(0, 127)", "s_y)).clamp(-128, 127)"),
        "no ReLU, clipped above": ("s_y)).clamp(0, 127)", "s_y)).clamp(max=127)"),
        "outputs are not clipped": ("s_y)).clamp(0, 127)", "s_y))"),
        "outputs up to 255": ("s_y)).clamp(0, 127)", "s_y)).clamp(0, 255)"),
        "cut off, not rounded": ("torch.round(sums * (s_x * s_w / s_y))", "(sums * (s_x * s_w / s_y))"),
        "the bias in steps of the weights": ("bias / (s_x * s_w)", "bias / s_w"),
        "the bias in steps of the output": ("bias / (s_x * s_w)", "bias / s_y"),
        "no bias": (" + q_b", ""),
        "M upside down": ("(s_x * s_w / s_y)", "(s_y / (s_x * s_w))"),
        "no requantizing": ("sums * (s_x * s_w / s_y)", "sums"),
        "floats come back": (".int(), s_y", ".int() * s_y, s_y"),
        "the unit of the sum for the scale": (".int(), s_y", ".int(), s_x * s_w"),
        "the scale is left out": (".int(), s_y", ".int()"),
    }
}
EQUIVALENT = {
    "static_layer": {
        "q_x = torch.round(x / s_x).clamp(0, 127): 0 -> -1": "no input is negative",
        "-1 in place of 0 in the integers of the inputs": "no input is negative",
        "`relu` left out of the float outputs of the examples": "only their largest is asked for, and it is positive",
        "outputs without its sign": "never negative",
        "q_x without its sign": "never negative",
        "s_w without its sign": "never negative",
        "s_x without its sign": "never negative",
        "s_y without its sign": "never negative",
        "q_b rounded to 2 digits": "they are whole",
        "q_w rounded to 2 digits": "they are whole",
        "q_x rounded to 2 digits": "they are whole",
        "sums rounded to 2 digits": "they are whole",
    }
}
