"""The exercise of the lesson qat_cnn: odd but right answers, and wrong ones as patches of the solution."""

import copy

import torch
from torch import nn


def with_modules(weight, gamma, mean, sigma, scale, x):
    """Convolution and batch norm as modules; batch norm in evaluation mode subtracts and divides."""
    n = len(weight)
    factor = (gamma / sigma).reshape(n, 1, 1, 1)
    conv, norm = nn.Conv2d(n, n, 3, padding=1, groups=n, bias=False), nn.BatchNorm2d(n, eps=0, affine=False).eval()
    conv.weight.data = (weight * factor / scale).round() * (scale / factor)
    norm.running_mean, norm.running_var = mean.clone(), sigma**2
    with torch.no_grad():
        return norm(conv(x)).transpose(0, 1).flatten(1).mean(1)


def channel_by_channel(weight, gamma, mean, sigma, scale, x):
    """A channel at a time, and a list of numbers."""
    found = []
    for c, filters in enumerate(weight):
        factor = (gamma[c] / sigma[c]).item()
        kernel = torch.round(filters[None] * factor / scale)
        y = torch.conv2d(x[:, c : c + 1], kernel, padding=1) * scale / factor
        found.append(((y.mean() - mean[c]) / sigma[c]).item())
    return found


def by_pytorch(weight, gamma, mean, sigma, scale, x):
    """PyTorch's fake quantization, and the mean folded into a bias."""
    factor = copy.copy(gamma).div(sigma)
    folded = weight * factor[..., None, None, None]
    folded = torch.fake_quantize_per_tensor_affine(folded, scale.item(), 0, -(2**15), 2**15)
    y = torch.conv2d(x, folded, -mean * factor, padding=1, groups=x.shape[1])
    return y.mean((0, 2, 3)) / gamma


ODD = {"drift": [with_modules, channel_by_channel, by_pytorch]}
_FOLD = "torch.round(weight * factor.view(-1, 1, 1, 1) / scale)"
WRONG = {
    "drift": {
        "rounded first, then folded": (_FOLD, "torch.round(weight / scale) * factor.view(-1, 1, 1, 1)"),
        "not rounded": (_FOLD, "weight * factor.view(-1, 1, 1, 1) / scale"),
        "not folded": (_FOLD, "torch.round(weight / scale)"),
        "cut off, not rounded": ("torch.round(", "torch.trunc("),
        "the integers without the scale": ("integers * scale", "integers"),
        "the factor is not taken out": ("folded / factor.view(1, -1, 1, 1)", "folded"),
        "the factor upside down": ("gamma / sigma", "sigma / gamma"),
        "without gamma": ("gamma / sigma", "1 / sigma"),
        "no padding": ("padding=1, ", ""),
        "divided by the factor": (" - mean) / sigma", " - mean) / factor"),
        "not in standard deviations": ("(results.mean((0, 2, 3)) - mean) / sigma", "results.mean((0, 2, 3)) - mean"),
        "sigma taken for a variance, in the factors": ("gamma / sigma", "gamma / sigma.sqrt()"),
        "the number of the worst channel": (
            "return (results.mean((0, 2, 3)) - mean) / sigma",
            "return ((results.mean((0, 2, 3)) - mean) / sigma).abs().argmax()",
        ),
        "in variances": (" - mean) / sigma", " - mean) / sigma**2"),
        "the other way round": ("(results.mean((0, 2, 3)) - mean)", "(mean - results.mean((0, 2, 3)))"),
        "the distance without its sign": ("(results.mean((0, 2, 3)) - mean)", "(results.mean((0, 2, 3)) - mean).abs()"),
        "the first image alone": ("results.mean((0, 2, 3))", "results[0].mean((1, 2))"),
        "one mean for all channels": ("results.mean((0, 2, 3))", "results.mean()"),
        "the batch's own deviation": (" - mean) / sigma", " - mean) / results.std((0, 2, 3))"),
        "with a ReLU": ("results = folded", "results = folded.relu()"),
    }
}
_COUNTS = "only how many channels there are is asked for"
EQUIVALENT = {
    "drift": {
        **{
            f"{other} in place of `weight`, in the results of the folded weights": _COUNTS
            for other in ("`gamma`", "`mean`", "`sigma`", "the factors", "the integers")
        },
        "integers rounded to 2 digits": "they are whole",
        "factor without its sign": "rounding is alike on both sides of 0, and the sign is divided out again",
    }
}
