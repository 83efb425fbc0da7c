"""The check of the lesson structured: channels are cut out of a convolution, with everything that belongs to them."""

import copy

import torch
from hypothesis import strategies as st
from torch import nn

from course_utils.checkpoints import load
from course_utils.checks import effects, exercise


@exercise(
    "Cut a chain",
    why="A row here is a column there, and the batch norm between them has four numbers for each channel.",
)
def cut(chain, keep):
    small = copy.deepcopy(chain)
    conv, norm, reader = small[0][0], small[0][1], small[1][0]
    filters = conv.weight[keep]  #: the filters of the channels that stay
    read = reader.weight[:, keep]
    scale, shift = norm.weight[keep], norm.bias[keep]
    mean = norm.running_mean[keep]  #: the stored means that stay
    variance = norm.running_var[keep]  #: the stored variances that stay
    norm.weight, norm.bias = nn.Parameter(scale), nn.Parameter(shift)
    norm.running_mean, norm.running_var = mean, variance
    conv.weight, reader.weight = nn.Parameter(filters), nn.Parameter(read)
    return small


def _first(chain, keep):
    return cut.playing()(chain, list(range(len(keep))))


def _block(n_in, n_out, side, start):
    conv, norm = nn.Conv2d(n_in, n_out, side, padding=side // 2, bias=False), nn.BatchNorm2d(n_out)
    numbers = torch.tensor([3.0, -1.0, 2.0, 1.0, -2.0, 4.0, -3.0]).roll(start)
    conv.weight.data = numbers.repeat(conv.weight.numel())[: conv.weight.numel()].view(conv.weight.shape)
    for value, first in ((norm.weight.data, 1), (norm.bias.data, 2), (norm.running_mean, -1), (norm.running_var, 4)):
        value.copy_(first + torch.arange(n_out) * 0.5)
    return nn.Sequential(conv, norm, nn.ReLU())


@st.composite
def _calls(draw):
    widths = draw(st.lists(st.integers(1, 3), min_size=3, max_size=4))
    side = draw(st.sampled_from([1, 3]))
    sizes = zip(widths, widths[1:], strict=False)
    chain = nn.Sequential(*(_block(*size, side, at) for at, size in enumerate(sizes)))
    keep = draw(st.sets(st.integers(0, widths[1] - 1), min_size=1))
    return chain.eval(), sorted(keep)


def _seen(small, *_):
    tensors = {f"`{name}`": value for name, value in small.state_dict().items() if "num_batches" not in name}
    modes = ["train" if layer.training else "eval" for layer in small.modules() if isinstance(layer, nn.BatchNorm2d)]
    return tensors | {
        "how many tensors training changes": len([*small.parameters()]),
        "the modes of the batch norms": ", ".join(modes),
    }


def _image(chain):
    n_in = chain[0][0].weight.shape[1]
    return torch.linspace(-1, 2, n_in * 16).view(1, n_in, 4, 4)


_pair = nn.Sequential(_block(1, 2, 1, 0), _block(2, 1, 1, 1)).eval()
_real = load("small_cnn").features
cut.tries(
    _calls(), also=[(_pair, [0]), (_pair, [1]), (_pair, [0, 1]), (_real, list(range(1, 40, 2)))], rtol=1e-4, atol=1e-5
)
cut.looks({"": _seen, "the outputs": effects.outputs(_image)})
cut.ideas(
    {
        "read = reader.weight": "The next convolution reads these channels: they are its inputs, the second axis of its weight.",
        "read = reader.weight[keep]": "A row here is a column there: cut the inputs of the next convolution, `[:, keep]`.",
        (
            "mean = norm.running_mean",
            "variance = norm.running_var",
        ): "The batch norm stores a mean and a variance for each channel, in buffers.",
        (
            "read = reader.weight[:, : len(keep)]",
            _first,
        ): "Those stay whose numbers are in `keep`, and not the first ones.",
    }
)
