"""The exercise of the lesson qat_cnn: odd but right answers, and wrong ones as patches of the solution."""

import torch
from torch import nn


def divided_before(weight, factor, scale, x):
    """The factor is taken out of the filters, and a convolution as a module."""
    n, folding = len(weight), factor.reshape(-1, 1, 1, 1)
    conv = nn.Conv2d(n, n, 3, padding=1, groups=n, bias=False)
    conv.weight.data = (weight * folding / scale).round() * (scale / folding)
    with torch.no_grad():
        return conv(x).transpose(0, 1).flatten(1).mean(1)


def channel_by_channel(weight, factor, scale, x):
    """A channel at a time, and a list of numbers."""
    found = []
    for c, filters in enumerate(weight):
        kernel = torch.round(filters[None] * factor[c] / scale)
        y = torch.conv2d(x[:, c : c + 1], kernel, padding=1) * scale / factor[c]
        found.append(y.mean().item())
    return found


def by_pytorch(weight, factor, scale, x):
    """PyTorch's fake quantization."""
    folded = torch.fake_quantize_per_tensor_affine(
        weight * factor[..., None, None, None], scale.item(), 0, -(2**15), 2**15
    )
    return torch.conv2d(x, folded, padding=1, groups=x.shape[1]).mean((0, 2, 3)) / factor


ODD = {"batch_means": [divided_before, channel_by_channel, by_pytorch]}
_FOLD = "torch.round(weight * factor.view(-1, 1, 1, 1) / scale)"
WRONG = {
    "batch_means": {
        "rounded first, then folded": (_FOLD, "torch.round(weight / scale) * factor.view(-1, 1, 1, 1)"),
        "not rounded": (_FOLD, "weight * factor.view(-1, 1, 1, 1) / scale"),
        "not folded": (_FOLD, "torch.round(weight / scale)"),
        "cut off, not rounded": ("torch.round(", "torch.trunc("),
        "the integers without the scale": ("integers * scale", "integers"),
        "the factor is not taken out": ("folded / factor.view(1, -1, 1, 1)", "folded"),
        "the factor upside down": ("weight * factor.view", "weight / factor.view"),
        "no padding": ("padding=1, ", ""),
        "the first image alone": ("results.mean((0, 2, 3))", "results[0].mean((1, 2))"),
        "one mean for all channels": ("results.mean((0, 2, 3))", "results.mean()"),
        "the size of the mean without its sign": ("results.mean((0, 2, 3))", "results.mean((0, 2, 3)).abs()"),
        "with a ReLU": ("results = folded", "results = folded.relu()"),
    }
}
_COUNTS = "only how many channels there are is asked for"
EQUIVALENT = {
    "batch_means": {
        **{
            f"{other} in place of `weight`, in the results of the folded weights": _COUNTS
            for other in ("`factor`", "the integers")
        },
        "integers rounded to 2 digits": "they are whole",
    }
}
