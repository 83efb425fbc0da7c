"""The exercise of the lesson qat_cnn: the means of a depthwise layer's results in training, by which a channel with a wrong running mean is found."""

import torch
import torch.nn.functional as F
from hypothesis import strategies as st

from course_utils.checkpoints import load as trained
from course_utils.checks import exercise
from course_utils.data import load


@exercise(
    "Find the channel",
    why="Your means are those of the rounded filters, with the factor divided out again. The second layer of DepthwiseCNN "
    "was among the tries.",
)
def batch_means(weight, factor, scale, x):
    integers = torch.round(weight * factor[:, None, None, None] / scale)  #: the integers
    folded = F.conv2d(x, integers * scale, padding=1, groups=len(weight))  #: the results of the folded weights
    results = folded / factor[:, None, None]  #: the results, divided by the factors
    return results.mean((0, 2, 3))


def _certain(weight, factor, scale, x):
    """Whether no factor is 0, and no weight lies half-way between two integers, where the order of the operations decides."""
    return factor.all() and ((weight * factor.view(-1, 1, 1, 1) / scale % 1 - 0.5).abs() > 1e-4).all()


def _numbers(low, high):
    return st.integers(low, high).map(lambda n: n / 4)


@st.composite
def _calls(draw):
    channels, images = draw(st.integers(1, 2)), draw(st.integers(1, 2))

    def some(n, low, high):
        return torch.tensor(draw(st.lists(_numbers(low, high), min_size=n, max_size=n)))

    weight, x = torch.zeros(channels, 1, 3, 3), some(images * channels * 4, 0, 8).view(images, channels, 2, 2)
    weight[:, 0, 1, :2] = some(2 * channels, -8, 8).view(channels, 2)
    return weight, some(channels, -8, 8), torch.tensor(draw(_numbers(1, 8))), x


def _by_hand():
    """The weight of section 2, alone in its filter."""
    weight = torch.zeros(1, 1, 3, 3)
    weight[..., 1, 1] = 0.518
    return weight, torch.tensor([0.55 / 2.93]), torch.tensor(0.176), torch.full((1, 1, 2, 2), 6.0)


def _second_layer():
    """The second convolution of DepthwiseCNN, and what it gets from four images."""
    first, (conv, norm, _) = trained("depthwise_cnn").eval().features[:2]
    factor = norm.weight / (norm.running_var + norm.eps).sqrt()
    scale = (conv.weight * factor.view(-1, 1, 1, 1)).abs().max() / 127.5
    call = conv.weight, factor, scale, first(load("fashion_mnist", n=4)[0])
    return tuple(part.detach() for part in call)


batch_means.tries(_calls().filter(lambda call: _certain(*call)), also=[_by_hand(), _second_layer()])
batch_means.ideas(
    {
        "integers = torch.round(weight / scale) * factor[:, None, None, None]": "Fold first, then round: the scale is that of the folded weights.",
        "integers = weight * factor[:, None, None, None] / scale": "These are the results of the trained filter. Training uses the rounded one.",
        "results = folded": "Batch norm gets the results after they are divided by the factor, as in the prepared module.",
        "return results.mean()": "Return a mean for every channel, over images, rows and columns.",
    }
)
