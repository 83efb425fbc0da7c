"""The exercise of the lesson dynamic: a dynamic int8 layer in which each row has a scale of its own."""

import torch
from hypothesis import strategies as st

from course_utils.checkpoints import load as trained
from course_utils.checks import exercise
from course_utils.data import load


@exercise(
    "A scale for each picture",
    why="A row that has its own range is rounded in the same way whatever stands beside it. LeNet's last layer was among the tries.",
)
def own_scales(x, weight, weight_scale, bias):
    low = x.amin(dim=1, keepdim=True).clamp(max=0)  #: the lower end of each row's range
    high = x.amax(dim=1, keepdim=True).clamp(min=0)  #: the upper end of each row's range
    scale = ((high - low) / 127).clamp(min=1e-12)  #: the scale of each row
    steps = torch.round(x / scale)  #: the inputs, counted in steps from 0
    sums = steps @ weight.float().T  #: the sums of the products
    return sums * scale * weight_scale + bias


def _with_range(width):
    """The layer with another width of its range: a function of x."""

    def layer(x, weight, weight_scale, bias):
        scale = (width(x) / 127).clamp(min=1e-12)
        return (torch.round(x / scale) @ weight.float().T) * scale * weight_scale + bias

    return layer


def _certain(x, *_):
    """Whether no input lies half-way between two integers, where the order of the operations decides."""
    scale = (x.amax(dim=1, keepdim=True).clamp(min=0) - x.amin(dim=1, keepdim=True).clamp(max=0)) / 127
    ends = torch.cat([x, x.amin(dim=1, keepdim=True).clamp(max=0)], dim=1) / scale.clamp(min=1e-12)
    return ((ends % 1 - 0.5).abs() > 1e-3).all()


def _matrix(values, rows, columns):
    return st.lists(st.lists(values, min_size=columns, max_size=columns), min_size=rows, max_size=rows)


@st.composite
def _calls(draw):
    n_in, n_out = draw(st.integers(1, 3)), draw(st.integers(1, 2))
    x = draw(_matrix(st.integers(-24, 24).map(lambda n: n / 8), draw(st.integers(1, 3)), n_in))
    weight = draw(_matrix(st.integers(-9, 9), n_out, n_in))
    bias = draw(_matrix(st.sampled_from([0.0, 0.5, -1.0]), 1, n_out))
    return torch.tensor(x), torch.tensor(weight, dtype=torch.int8), 0.1, torch.tensor(bias[0])


def _last_layer():
    """LeNet's last layer, its weights as integers, with what reaches it of four pictures, the first far too bright."""
    lenet, seen = trained("lenet_fashion_0"), []
    lenet.fc3.register_forward_pre_hook(lambda _, inputs: seen.extend(inputs))
    images, _ = load("fashion_mnist", "test", n=4)
    with torch.no_grad():
        lenet(torch.cat([255 * images[:1], images[1:]]))
    scale = lenet.fc3.weight.detach().abs().max().item() / 127
    integers = torch.round(lenet.fc3.weight.detach() / scale).to(torch.int8)
    return seen[0], integers, scale, lenet.fc3.bias.detach()


_layer = torch.tensor([[4, -2, 5]], dtype=torch.int8), 0.1, torch.tensor([0.0])
_wide = torch.full((1, 3), 100, dtype=torch.int8), 0.01, torch.tensor([1.0])
own_scales.tries(
    _calls().filter(lambda call: _certain(*call)),
    also=[
        (torch.tensor([[-1.0, 0.3, 2.0]]), *_layer),
        (torch.tensor([[0.0, 100.0, 0.0], [-1.0, 0.3, 0.9]]), *_layer),
        (torch.tensor([[1.0, 2.0, 3.0], [-3.0, -1.0, -2.0]]), *_layer),
        (torch.tensor([[0.0, 0.0, 0.0], [1.0, 0.0, 2.0]]), *_wide),
        _last_layer(),
    ],
    rtol=1e-4,
)
own_scales.ideas(
    {
        (
            _with_range(lambda x: x.max().clamp(min=0) - x.min().clamp(max=0)),
            "low = x.min().clamp(max=0)",
            "low = x.amin(dim=0).clamp(max=0)",
        ): "Each row needs its own range: search along the row, `dim=1`, and keep a column, `keepdim=True`.",
        (
            "low = x.amin(dim=1, keepdim=True)",
            "high = x.amax(dim=1, keepdim=True)",
            _with_range(lambda x: x.amax(dim=1, keepdim=True) - x.amin(dim=1, keepdim=True)),
        ): "A range holds 0, also where all numbers of a row lie on one side of it.",
        (
            "low = -x.abs().amax(dim=1, keepdim=True)",
            _with_range(lambda x: x.abs().amax(dim=1, keepdim=True)),
        ): "This range is symmetric. Let it go from the lowest to the highest number.",
        "return x @ (weight.float() * weight_scale).T + bias": "Nothing was rounded: these are the products of the floats.",
        "scale = (high - low) / 127": "A row of zeros has a range of 0, and 0 / 0 is not a number. Such a row gives the bias.",
    }
)
