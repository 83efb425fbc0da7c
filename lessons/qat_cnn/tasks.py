"""The task of the lesson qat_cnn: the means of a depthwise layer in training, by which a wrong running mean is found."""

import torch
from torch import nn

from course_utils import check, checkpoints
from course_utils.data import load

page = check.page(globals())


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


def alone(*weights):
    """Filters with one row of two weights each, the second in the middle."""
    filters = torch.zeros(len(weights), 1, 3, 3)
    filters[:, 0, 1, :2] = torch.tensor(weights)
    return filters


def second_layer():
    """The second convolution of DepthwiseCNN, and what it gets from four images."""
    first, (conv, norm, _) = checkpoints.load("depthwise_cnn").eval().features[:2]
    factor = norm.weight / (norm.running_var + norm.eps).sqrt()
    scale = (conv.weight * factor.view(-1, 1, 1, 1)).abs().max() / 127.5
    call = conv.weight, factor, scale, first(load("fashion_mnist", n=4)[0])
    return tuple(part.detach() for part in call)


SIX = torch.full((1, 1, 2, 2), 6.0)
TWO = torch.tensor(
    [[[[1.0, 0.5], [0.25, 2.0]], [[0.0, 1.0], [3.0, 1.0]]], [[[2.0, 1.0], [0.0, 0.5]], [[1.0, 1.0], [2.0, 0.0]]]]
)


batch_means = page.write(
    "batch_means",
    "Find the channel",
    cases={
        "the weight of section 2, alone in its filter": (
            alone([0, 0.518]),
            torch.tensor([0.55 / 2.93]),
            torch.tensor(0.176),
            SIX,
        ),
        "a filter with the weights 0.7 and -1.1, a factor of -0.5": (
            alone([0.7, -1.1]),
            torch.tensor([-0.5]),
            torch.tensor(0.25),
            SIX,
        ),
        "two channels, two images": (
            alone([0.7, 0.3], [-0.4, 1.3]),
            torch.tensor([0.75, -2.0]),
            torch.tensor(0.25),
            TWO,
        ),
        "the second layer of DepthwiseCNN": second_layer(),
    },
    wrong={
        "Fold first, then round: the scale is that of the folded weights.": [
            "torch.round(weight * factor.view(-1, 1, 1, 1) / scale) -> torch.round(weight / scale) * factor.view(-1, 1, 1, 1)",
            "torch.round(weight * factor.view(-1, 1, 1, 1) / scale) -> torch.round(weight / scale)",
        ],
        "These are the results of the trained filter. Training uses the rounded one.": "torch.round(weight * factor.view(-1, 1, 1, 1) / scale) -> weight * factor.view(-1, 1, 1, 1) / scale",
        "The weights are cut off towards 0. Round them to the nearest integer.": "torch.round( -> torch.trunc(",
        "The integers are not the weights yet: multiply them by the scale.": "integers * scale -> integers",
        "Batch norm gets the results after they are divided by the factor, as in the prepared module.": "folded / factor.view(1, -1, 1, 1) -> folded",
        "Folding multiplies the weights by the factor.": "weight * factor.view -> weight / factor.view",
        "A mean is taken over all images, and not over the first alone.": "results.mean((0, 2, 3)) -> results[0].mean((1, 2))",
        "Give back a mean for every channel, over images, rows and columns.": "results.mean((0, 2, 3)) -> results.mean()",
        "Batch norm comes before the ReLU, and sees numbers below 0 as well.": "results = folded -> results = folded.relu()",
        "": ["padding=1,  -> ", "results.mean((0, 2, 3)) -> results.mean((0, 2, 3)).abs()"],
    },
    right=[divided_before, channel_by_channel, by_pytorch],
    steps={"integers": "the integers", "results": "the divided results"},
    passed="Your means are those of the rounded filters, with the factor divided out again. The second layer of DepthwiseCNN was among the cases.",
)
