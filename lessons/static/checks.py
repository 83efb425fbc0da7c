"""The exercise of the lesson static: a linear layer with ReLU, calibrated and computed in integers by hand."""

import torch
from hypothesis import strategies as st
from torch.nn.utils import fuse_conv_bn_eval

from course_utils.checkpoints import load as trained
from course_utils.checks import exercise
from course_utils.data import load
from lessons.static.show import as_linear_layer


@exercise(
    "A static int8 layer of your own",
    why="Ranges come from the examples alone, so what lies beyond them is clipped. SmallCNN's first block was among the tries.",
)
def static_layer(weight, bias, examples, x):
    s_x = examples.max() / 127  #: the scale of the inputs
    s_w = weight.abs().max() / 127  #: the scale of the weights
    outputs = torch.relu(examples @ weight.T + bias)  #: the float outputs of the examples
    s_y = outputs.max() / 127  #: the scale of the outputs
    q_x = torch.round(x / s_x).clamp(0, 127)  #: the integers of the inputs
    q_w = torch.round(weight / s_w)  #: the integers of the weights
    q_b = torch.round(bias / (s_x * s_w))  #: the integers of the bias
    sums = q_x @ q_w.T + q_b  #: the sums
    requantized = sums * (s_x * s_w / s_y)  #: the sums, counted in steps of the output
    return torch.round(requantized).clamp(0, 127), s_y


def _certain(weight, bias, examples, x):
    """Whether nothing that is rounded lies half-way, where the order of the operations decides."""
    outputs = torch.relu(examples @ weight.T + bias)
    if min(examples.max(), weight.abs().max(), outputs.max()) < 0.05:
        return False
    s_x, s_w, s_y = examples.max() / 127, weight.abs().max() / 127, outputs.max() / 127
    q_x, q_w, q_b = (x / s_x).round().clamp(0, 127), (weight / s_w).round(), (bias / (s_x * s_w)).round()
    sums = (q_x @ q_w.T + q_b) * (s_x * s_w / s_y)
    rounded = [x / s_x, weight / s_w, bias / (s_x * s_w), sums]
    return all(((v % 1 - 0.5).abs() > 1e-5 + 1e-6 * v.abs()).all() for v in rounded)


def _matrix(rows, columns, low):
    value = st.integers(low, 20).map(lambda n: n / 8)
    row = st.lists(value, min_size=columns, max_size=columns)
    return st.lists(row, min_size=rows, max_size=rows).map(torch.tensor)


@st.composite
def _calls(draw):
    n_in, n_out = draw(st.integers(1, 3)), draw(st.integers(1, 2))
    bias = draw(_matrix(1, n_out, -20))[0]
    return draw(_matrix(n_out, n_in, -20)), bias, draw(_matrix(2, n_in, 0)), draw(_matrix(2, n_in, 0))


def _first_block():
    """The first block of SmallCNN, batch norm folded, with some patches of two images."""
    convolution, batch_norm, _ = trained("small_cnn").features[0]
    images, _ = load("fashion_mnist", n=2)
    *layer, examples, x = as_linear_layer(fuse_conv_bn_eval(convolution, batch_norm), images[:1], images[1:])
    return *layer, examples[300:400], x[300:310]


_channel = torch.tensor([[0.25, -0.10]]), torch.tensor([0.03]), torch.tensor([[1.27, 0.0], [0.0, 1.27]])
_also = [(*_channel, torch.tensor([row])) for row in ([0.80, 0.20], [0.0, 0.80], [2.54, 0.0], [0.60, 2.54])]
_below = torch.tensor([[0.9, -2.0]]), torch.tensor([0.1]), torch.tensor([[0.3, 0.9], [1.0, 0.2]])
_large_bias = torch.tensor([[1.0]]), torch.tensor([-0.52]), torch.tensor([[1.0]]), torch.tensor([[0.67]])
_float_bias = (
    torch.tensor([[0.25]]),
    torch.tensor([0.1875]),
    torch.tensor([[1.25]]),
    torch.tensor([[0.5]]),
)  # 79, not 80
_also += [_large_bias, _float_bias, (*_below, torch.tensor([[0.9, 0.1], [0.2, 0.3]])), _first_block()]
static_layer.tries(_calls().filter(lambda call: _certain(*call)), also=_also)
static_layer.ideas(
    {
        ("q_x = torch.round(x / s_x)", "q_x = torch.round(x / s_x).clamp(min=0)"): "An input beyond the range of the "
        "examples has no integer of its own: clip what you store to 0 … 127.",
        (
            "return torch.round(requantized), s_y",
            "return torch.round(requantized).clamp(min=0), s_y",
            "return torch.round(requantized).clamp(max=127), s_y",
            "return torch.round(requantized).clamp(-127, 127), s_y",
            "return torch.round(requantized).clamp(-128, 127), s_y",
            "return torch.round(requantized).clamp(0, 255), s_y",
            "q_x = torch.round(x / s_x); return torch.round(requantized), s_y",
        ): "At the end come ReLU and limits: the outputs are integers from 0 to 127, and clipping at 0 is the ReLU.",
        (
            "q_b = torch.round(bias / s_w)",
            "q_b = torch.round(bias / s_y)",
            "q_b = bias",
        ): "The bias is added to products. "
        "Count it in their unit, the scale of the inputs times the scale of the weights.",
        "requantized = torch.relu(x @ weight.T + bias) / s_y": "This is the float layer, rounded at its end. Round inputs, "
        "weights and bias first, and multiply the integers.",
        "return torch.round(requantized).clamp(0, 127) * s_y, s_y": "These are the floats that the integers stand for. Return "
        "the integers.",
    }
)
